//! Requests that came with an idempotency key: executed once, answered alike as often as they come.
//!
//! [`Once::begin`] tells whether a request is to be executed. Within this process that is exact; between nodes, and after a
//! crash, the row in the store decides, which lapses after a minute.

use std::{collections::HashSet, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

pub use crate::store::KeptAnswer;
use crate::{
    domain::caller::Caller,
    store::{self, Reserved, Slot, Store},
};

/// Answers that are kept of one caller; beyond, the oldest go.
pub const ANSWERS_OF_CALLER: u64 = 10_000;

/// Largest body of an answer that is kept, in bytes.
pub const BODY_KEPT: usize = 256 << 10;

/// Seconds after which it is worth asking again for a request that runs in this process.
const SHORTLY: u64 = 1;

/// A request under a key.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The key: the caller's own name for the request.
    pub key: &'a str,
    /// The query.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Keyed<'_> {
    fn slot(&self) -> Slot {
        let Self { caller, method, path, key, query, body } = self;
        let actor = caller.actor();
        let id = hash([caller.app.as_str(), &actor, method, path, key].map(str::as_bytes));
        let caller_text = actor.chars().take(255).collect();
        Slot { id, app: caller.app.clone(), caller: caller_text, request: hash([query.as_bytes(), body]) }
    }
}

/// Hashes parts so that no two lists of parts come to the same.
fn hash<const N: usize>(parts: [&[u8]; N]) -> String {
    let digest = parts
        .iter()
        .fold(Sha256::new(), |digest, part| digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
    BASE64_URL_SAFE_NO_PAD.encode(digest.finalize())
}

/// What is to be done with a request under a key.
#[derive(Debug)]
pub enum Begun {
    /// Execute it, then tell how it went.
    Execute(Running),
    /// It was executed; this was the answer.
    Executed(Box<KeptAnswer>),
    /// The key was used for another request.
    Reused,
    /// It is being executed; ask again after so many seconds.
    InProgress(u64),
}

/// Executes requests under a key once.
#[derive(Debug)]
pub struct Once {
    store: Store,
    /// Slots of requests that this process executes. Held for no longer than a look.
    running: Mutex<HashSet<String>>,
}

impl Once {
    /// Keeps the answers in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, running: Mutex::default() }
    }

    /// Tells what is to be done with a request.
    ///
    /// # Errors
    /// When the database fails; nothing is reserved then, or lapses.
    pub async fn begin(self: &Arc<Self>, keyed: Keyed<'_>, now: DateTime<Utc>) -> store::Result<Begun> {
        let slot = keyed.slot();
        if !self.running.lock().insert(slot.id.clone()) {
            return Ok(Begun::InProgress(SHORTLY));
        }
        let running = Running { id: slot.id.clone(), once: Arc::clone(self) };
        Ok(match self.store.idempotency_reserve(&slot, now).await? {
            Reserved::Yes => Begun::Execute(running),
            Reserved::Done { request, answer } if request == slot.request => Begun::Executed(answer),
            Reserved::Done { .. } => Begun::Reused,
            Reserved::Running(until) => {
                let seconds = u64::try_from((until - now).num_seconds()).unwrap_or_default();
                Begun::InProgress(seconds.max(SHORTLY))
            }
        })
    }

    /// Removes what is kept no longer. About once a minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: DateTime<Utc>) -> store::Result<()> {
        self.store.idempotency_sweep(now, ANSWERS_OF_CALLER).await
    }
}

/// A request that is being executed. Dropped without a word, as by a panic, its reservation lapses.
#[derive(Debug)]
pub struct Running {
    id: String,
    once: Arc<Once>,
}

impl Running {
    /// It was executed; whoever asks again gets this answer. A body that is too large is left out. False when it took so long
    /// that its reservation has lapsed: then nothing is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn executed(self, mut answer: KeptAnswer, now: DateTime<Utc>) -> store::Result<bool> {
        answer.body = answer.body.filter(|body| body.len() <= BODY_KEPT);
        self.once.store.idempotency_keep(&self.id, answer, now).await
    }

    /// It was refused and has changed nothing: it may come again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refused(self) -> store::Result<()> {
        self.once.store.idempotency_release(&self.id).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.once.running.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_divided_otherwise_have_another_hash() {
        let hashes = [hash([b"ab", b"c"]), hash([b"a", b"bc"]), hash([b"", b"abc"])];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes.iter().all(|hash| hash.len() == 43));
    }
}
