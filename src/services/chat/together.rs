//! Messages that are written together: group commit.
//!
//! A message that comes alone is written at once. Where several come at nearly the same time, those within [`GATHER`] of the last
//! write wait for each other and share a transaction, and each hearer's socket gets them in one write. Whoever is first in line
//! writes for all; who may say what is judged for each, in turn.

use std::{mem, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as Turn, Notify, oneshot},
    time::{Instant, sleep_until},
};

use super::{Asking, Chats, Entry, Error, Result, messages::message_facts};
use crate::{
    domain::{access::capability::Capability, caller::Caller, chat::Message, fact::Event},
    ids::{AppId, SocketId},
    services::{LiveApp, new_id, now},
    store::{self, Along, Kept, NewPost, Posted},
};

/// How long after a write began the next one of the app does at the earliest: what it costs in delay it saves in transactions.
const GATHER: Duration = Duration::from_millis(15);

/// Most messages of one transaction. When so many wait, they are written at once.
const MOST: usize = 32;

/// Most people who are notified by the messages of one transaction; more than any one of them may mention.
const NOTIFIED: usize = 100;

/// The messages of one app that wait to be written.
#[derive(Debug, Default)]
pub(in crate::services) struct Together {
    /// In the order in which they came. No await under it.
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever writes, from the wait for others to the answers, across awaits. Guards no data.
    pen: Turn<()>,
    /// The last write. No await under it.
    last: Mutex<Option<Last>>,
    /// As many wait as fit into one transaction.
    full: Notify,
}

/// The last write.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// Messages.
    count: usize,
    start: Instant,
}

/// A message, and who waits to hear what became of it.
#[derive(Debug)]
struct Waiting {
    caller: Caller,
    entry: Entry,
    new: (Message, Along),
    /// When it was sent.
    at: DateTime<Utc>,
    /// Socket that does not hear of it.
    except: Option<SocketId>,
    answer: oneshot::Sender<Result<Posted>>,
}

impl Together {
    fn put(&self, one: Waiting) {
        let mut waiting = self.waiting.lock();
        waiting.push(one);
        if waiting.len() >= MOST {
            self.full.notify_one();
        }
    }

    /// Waits for others to come, if there have been others of late.
    async fn gather(&self) {
        let waiting = self.waiting.lock().len();
        let last = *self.last.lock();
        let Some(last) = last.filter(|last| last.count.max(waiting) > 1) else { return };
        tokio::select! {
            () = sleep_until(last.start + GATHER) => {}
            () = self.full.notified() => {}
        }
    }

    /// The next ones to write.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock();
        let mut notified = 0;
        let fits = |one: &&Waiting| {
            notified += one.new.1.notices.as_ref().map_or(0, |notices| notices.recipients.len());
            notified <= NOTIFIED
        };
        let count = waiting.iter().take(MOST).take_while(fits).count();
        let rest = waiting.split_off(count);
        mem::replace(&mut waiting, rest)
    }
}

impl Chats {
    /// Writes a message and tells it. Whether they may say it is judged again in turn, if anything has changed meanwhile.
    pub(super) async fn insert(&self, asking: &Asking<'_>, entry: Entry, new: (Message, Along)) -> Result<Posted> {
        let (answer, mut outcome) = oneshot::channel();
        let (caller, together) = (asking.caller.clone(), &asking.live.together);
        together.put(Waiting { caller, entry, new, at: asking.now, except: asking.except, answer });
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.unwrap_or(Err(Error::Interrupted)),
                _pen = together.pen.lock() => {
                    together.gather().await;
                    let start = Instant::now();
                    let count = self.write_together(asking.live).await;
                    *together.last.lock() = Some(Last { count, start });
                }
            }
        }
    }

    /// Writes what waits, tells it, and answers those who wait for it. Tells how many there were.
    async fn write_together(&self, live: &LiveApp) -> usize {
        let (mut answers, mut count) = (Vec::new(), 0);
        let save = async {
            let mut posts = Vec::new();
            for waiting in live.together.take() {
                count += 1;
                let Waiting { caller, entry, new, at, except, answer } = waiting;
                let asking = Asking { live, caller: &caller, ip: None, except, now: at };
                match admitted(&asking, entry, new).await {
                    Ok(post) => {
                        posts.push(post);
                        answers.push(answer);
                    }
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            self.save(&live.app().id, posts).await
        };
        match self.teller.keep_and_tell(Box::pin(save)).await {
            Ok(posted) => {
                if posted.iter().any(|one| one.as_ref().is_err_and(|error| !error.is_refusal())) {
                    self.teller.look_again();
                }
                answers
                    .into_iter()
                    .zip(posted)
                    .for_each(|(answer, posted)| drop(answer.send(posted.map_err(Error::Store))));
            }
            Err(error) => {
                // What was left behind before could not be told: nobody has been asked yet.
                if answers.is_empty() {
                    answers.extend(live.together.take().into_iter().map(|waiting| waiting.answer));
                }
                let error: Arc<store::Error> = Arc::new(error);
                answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Together(Arc::clone(&error))))));
            }
        }
        count
    }

    /// Writes messages in one transaction; where the database refuses one of them, each in its own, so that it is refused alone.
    async fn save(&self, app: &AppId, posts: Vec<NewPost>) -> store::Result<(Vec<store::Result<Posted>>, Vec<Kept>)> {
        let epoch = new_id(now());
        match self.store.message_insert(app, &posts, &epoch).await {
            Err(error) if posts.len() > 1 && error.is_refusal() => {}
            outcome => return outcome.map(|(posted, kept)| (posted.into_iter().map(Ok).collect(), kept)),
        }
        let (mut posted, mut told) = (Vec::with_capacity(posts.len()), Vec::new());
        for post in posts.chunks(1) {
            match self.store.message_insert(app, post, &epoch).await {
                Ok((one, kept)) => {
                    posted.extend(one.into_iter().map(Ok));
                    told.extend(kept);
                }
                Err(error) if error.is_refusal() => posted.push(Err(error)),
                // Those before are written. Those after it hear that nobody has tried.
                Err(error) => {
                    posted.push(Err(error));
                    break;
                }
            }
        }
        Ok((posted, told))
    }
}

/// The message as it is written, if whoever sends it may do so now.
async fn admitted(asking: &Asking<'_>, entry: Entry, (mut message, mut along): (Message, Along)) -> Result<NewPost> {
    let judged = entry.again_about(asking, &mut message, |entry, message| {
        message.is_shadowed |= entry.is_shadowed();
        entry.demand_voice(asking.now)
    });
    let (entry, topics) = judged.await?;
    // Nobody is notified of what they do not find.
    along.notices.take_if(|_| message.is_shadowed);
    let slow = entry.circle().chat.settings.slow_mode_s;
    let is_slow = slow > 0 && !entry.may(Capability::ChatModerate);
    let origin = (entry.actor(), asking.now, asking.except);
    Ok(NewPost {
        message,
        pause: TimeDelta::seconds(if is_slow { slow.into() } else { 0 }),
        facts: Arc::new(move |kept| message_facts(&origin, (Event::MessageCreated, &topics), kept)),
        along,
    })
}
