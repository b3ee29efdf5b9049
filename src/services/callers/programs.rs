//! API keys: `ck_<12 hexadecimal digits>_<40 hexadecimal digits>`.
//!
//! The first part finds the row, the second is compared with its hash in constant time. What was looked up counts for
//! [`FRESH`]: a busy key is not a query for each request, and a revoked one is refused within that time, whoever revoked it. That
//! a key was used is noted later, outside of the request. Keys that have held are remembered, so that a door can limit those
//! who guess before it looks anything up for them.

use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use lru::LruCache;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Error, Result};
use crate::{
    domain::{api_key::ApiKey, caller::KeyHolder},
    ids::AppId,
    store::Store,
};

/// What every key begins with.
const PREFIX: &str = "ck_";

/// Digits of the public part and of the secret.
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 40;

/// How exactly the last use of a key is known.
const MARK_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Most keys whose use waits to be noted; further ones wait for their next use.
const MAX_MARKS: usize = 10_000;

/// Most keys that are remembered to have held; beyond, the one that was not used for the longest is a stranger's again.
const MAX_PROVEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// How long a key that has held is not looked up again.
const FRESH: TimeDelta = TimeDelta::seconds(1);

/// SHA-256 of a whole key.
type Print = [u8; 32];

/// Tells whether a proof has the shape of an API key: no JWT begins like one.
pub(super) fn is_api_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Splits a key into its public part and its secret.
fn split(text: &str) -> Option<(&str, &str)> {
    let (digits, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let legal = digits.len() == ID_DIGITS && secret.len() == SECRET_DIGITS && is_hex(digits) && is_hex(secret);
    text.get(..PREFIX.len() + ID_DIGITS).filter(|_| legal).map(|id| (id, secret))
}

/// Checks API keys.
#[derive(Debug)]
pub(super) struct Programs {
    store: Store,
    /// Keys whose use has not been noted yet, and when they were used. Never held across an await.
    marks: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Keys that held when they were checked last. Never held across an await.
    proven: Mutex<LruCache<Print, Proven>>,
}

/// A key that has held.
#[derive(Debug, Clone)]
struct Proven {
    row: Arc<ApiKey>,
    /// When it was looked up.
    at: DateTime<Utc>,
}

impl Proven {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..FRESH).contains(&(now - self.at))
    }
}

impl Programs {
    pub(super) fn new(store: Store) -> Self {
        Self { store, marks: Mutex::default(), proven: Mutex::new(LruCache::new(MAX_PROVEN)) }
    }

    /// Tells whether it held when it was checked last.
    pub(super) fn is_proven(&self, text: &str) -> bool {
        self.proven.lock().contains(&print(text))
    }

    /// The program that a key is of, and its app.
    pub(super) async fn find(&self, text: &str, from: IpAddr, now: DateTime<Utc>) -> Result<(AppId, KeyHolder)> {
        let print = print(text);
        let known = self.proven.lock().get(&print).filter(|known| known.is_fresh(now)).cloned();
        let found = match known {
            Some(known) => Ok(known),
            None => self.look_up(text).await.map(|row| Proven { row: Arc::new(row), at: now }),
        };
        match found.and_then(|found| check(&found.row, from, now).map(|()| found)) {
            Ok(found) => {
                self.mark(&found.row, now);
                let (app, id, scopes) = (found.row.app.clone(), found.row.id.clone(), found.row.scopes.clone());
                self.proven.lock().put(print, found);
                Ok((app, KeyHolder { id, scopes }))
            }
            Err(error) => {
                if !error.is_unavailable() {
                    self.proven.lock().pop(&print);
                }
                Err(error)
            }
        }
    }

    /// The key, whether or not it still counts, if it is the right one.
    async fn look_up(&self, text: &str) -> Result<ApiKey> {
        let (id, secret) = split(text).ok_or(Error::BadApiKey)?;
        let row = self.store.api_key_find(id).await.map_err(|error| {
            tracing::error!(%error, "API keys cannot be looked up");
            Error::Unavailable { what: "the database" }
        })?;
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        row.filter(|row| row.hash.0.ct_eq(&hash).into()).ok_or(Error::BadApiKey)
    }

    fn mark(&self, row: &ApiKey, now: DateTime<Utc>) {
        if row.last_used_at.is_some_and(|last| now - last < MARK_EVERY) {
            return;
        }
        let mut marks = self.marks.lock();
        if marks.len() < MAX_MARKS || marks.contains_key(&row.id) {
            marks.insert(row.id.clone(), now);
        }
    }

    /// Notes which keys were used since the last call.
    pub(super) async fn note(&self) {
        let marks = std::mem::take(&mut *self.marks.lock());
        for (id, at) in marks {
            if let Err(error) = self.store.api_key_used(&id, at).await {
                // Nothing depends on it; the next use tries again.
                tracing::warn!(%error, "use of an API key is not noted");
            }
        }
    }
}

fn print(text: &str) -> Print {
    Sha256::digest(text.as_bytes()).into()
}

/// What is checked only once the secret was right: whoever guesses learns nothing of the key.
fn check(row: &ApiKey, from: IpAddr, now: DateTime<Utc>) -> Result<()> {
    if row.revoked_at.is_some() {
        return Err(Error::Revoked);
    }
    if !row.is_valid(now) {
        return Err(Error::KeyExpired);
    }
    let from = from.to_canonical();
    let covers = |network: &String| network.parse::<IpNet>().is_ok_and(|network| network.contains(&from));
    if row.ip_allow.is_empty() || row.ip_allow.iter().any(covers) { Ok(()) } else { Err(Error::AddressNotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_exactly_one_shape() {
        let (id, secret) = ("ck_0123456789ab", "0123456789abcdef0123456789abcdef01234567");
        assert_eq!(split(&format!("{id}_{secret}")), Some((id, secret)));
        for bad in [
            "ck_",
            "ck__",
            id,
            &format!("{id}_{secret}0"),
            &format!("{id}_{}", &secret[1..]),
            &format!("{id}0_{secret}"),
            &format!("{id}_{}", secret.to_uppercase()),
            &format!("CK_0123456789ab_{secret}"),
            &format!("ck_0123456789aä_{secret}"),
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
