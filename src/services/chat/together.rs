//! Messages that are written together: group commit.
//!
//! A message that comes alone is written at once. Under load those that come within [`GATHER`] of the last write wait for each
//! other and share a transaction, and each hearer's socket gets them in one write. Whoever is first in line writes for all; who
//! may say what is judged for each, in turn.

use std::{mem, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as Turn, oneshot},
    time::{Instant, sleep_until},
};

use super::{Asking, Chats, Entry, Error, Result, messages::message_facts};
use crate::{
    domain::{access::capability::Capability, caller::Caller, chat::Message, fact::Event},
    ids::SocketId,
    services::{LiveApp, new_id, now},
    store::{self, NewPost, Posted},
};

/// How long after a write the next one of the app begins at the earliest.
const GATHER: Duration = Duration::from_millis(8);

/// Most messages of one transaction. When so many wait, they wait no longer.
const MOST: usize = 32;

/// The messages of one app that wait to be written.
#[derive(Debug, Default)]
pub(in crate::services) struct Together {
    /// In the order in which they came. No await under it.
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever writes, from the wait for others to the answers; when the last write ended. Kept across an await.
    pen: Turn<Option<Instant>>,
}

/// A message, and who waits to hear what became of it.
#[derive(Debug)]
struct Waiting {
    caller: Caller,
    entry: Entry,
    message: Message,
    /// Of whoever sends it.
    origin: Origin,
    answer: Answer,
}

/// When it was sent, and the socket that does not hear of it.
type Origin = (DateTime<Utc>, Option<SocketId>);

type Answer = oneshot::Sender<Result<Posted>>;

impl Together {
    fn is_full(&self) -> bool {
        self.waiting.lock().len() >= MOST
    }

    /// The next ones to write.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(MOST);
        let rest = waiting.split_off(count);
        mem::replace(&mut waiting, rest)
    }
}

impl Chats {
    /// Writes a message and tells it. Whether they may say it is judged again in turn, if anything has changed meanwhile.
    pub(super) async fn insert(&self, asking: &Asking<'_>, entry: Entry, message: Message) -> Result<Posted> {
        let (answer, mut outcome) = oneshot::channel();
        let origin = (asking.now, asking.except);
        let together = &asking.live.together;
        together.waiting.lock().push(Waiting { caller: asking.caller.clone(), entry, message, origin, answer });
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.unwrap_or(Err(Error::Interrupted)),
                mut pen = together.pen.lock() => {
                    if let Some(last) = *pen && !together.is_full() {
                        sleep_until(last + GATHER).await;
                    }
                    self.write_together(asking.live).await;
                    *pen = Some(Instant::now());
                }
            }
        }
    }

    /// Writes what waits, tells it, and answers those who wait for it.
    async fn write_together(&self, live: &LiveApp) {
        let mut answers = Vec::new();
        let save = async {
            let mut posts = Vec::new();
            for waiting in live.together.take() {
                let Waiting { caller, entry, message, origin: (at, except), answer } = waiting;
                let asking = Asking { live, caller: &caller, ip: None, except, now: at };
                match judged(&asking, entry, message).await {
                    Ok(post) => {
                        posts.push(post);
                        answers.push(answer);
                    }
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            self.store.message_insert(&live.app().id, posts, &new_id(now())).await
        };
        match self.teller.keep_and_tell(Box::pin(save)).await {
            Ok(posted) => answers.into_iter().zip(posted).for_each(|(answer, posted)| drop(answer.send(Ok(posted)))),
            Err(error) => {
                // What was left behind before could not be told: nobody has been asked yet.
                if answers.is_empty() {
                    answers.extend(live.together.take().into_iter().map(|waiting| waiting.answer));
                }
                let error: Arc<store::Error> = Arc::new(error);
                answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Together(Arc::clone(&error))))));
            }
        }
    }
}

/// The message as it is written, if whoever sends it may do so now.
async fn judged(asking: &Asking<'_>, entry: Entry, message: Message) -> Result<NewPost> {
    let (entry, topics) = entry.again_about(asking, &message, |entry| entry.demand_voice(asking.now)).await?;
    let slow = entry.circle().chat.settings.slow_mode_s;
    let is_slow = slow > 0 && !entry.may(Capability::ChatModerate);
    let origin = (entry.actor(), asking.now, asking.except);
    Ok(NewPost {
        message,
        pause: TimeDelta::seconds(if is_slow { slow.into() } else { 0 }),
        facts: Box::new(move |kept| message_facts(origin, (Event::MessageCreated, topics), kept)),
    })
}
