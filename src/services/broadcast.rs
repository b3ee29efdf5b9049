//! Broadcasts: an event of the application's own for a class, a course, a role, an org, all, or some people.
//!
//! Whoever it is for is found in the roster when it is sent. A whole class, course, role or org is told on the channels of
//! that topic, one fact a topic; everybody else on the channels of their own user. All copies have the same `event_id`, by
//! which a client that hears several of them takes them for one. Durable ones are kept in the streams of those topics.

mod trigger;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

pub use self::trigger::{NewTrigger, Triggered};
use super::{
    LiveApp, Teller, access, audience,
    broadcast_log::{BroadcastLog, LogKind, LogOutcome, Logged},
    new_id, publish,
};
pub use crate::domain::broadcast::{Ack, Broadcast};
use crate::{
    dialect::spelling::{self, Payload},
    domain::{
        access::{Decision, Topic},
        audience::{Audience, Sending},
        broadcast::{self, DATA_MAX, LogEntry, NameError, TTL_MAX},
        caller::{Caller, Who},
        fact::{Actor, Event, Fact},
    },
    ids::{SocketId, UserId},
    store::{self, Store},
    throttle::Exceeded,
};

/// Most people who are told one by one.
pub const PEOPLE_MAX: usize = 5_000;

/// The key by which clients know an event with a place in its stream.
const POSITION: &str = "epoch";

/// How long broadcasts and their confirmations are kept.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Old broadcasts that go at once.
const SWEEP: u64 = 500;

/// How often old ones go at once: more than the widest limits let in within a minute.
const SWEEPS: usize = 100;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The audience, or the sender's rights there.
    #[error(transparent)]
    Audience(#[from] audience::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The roster cannot be read.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The sender may not do this there.
    #[error("{}", .0.detail)]
    Refused(Box<Decision>),
    /// Whoever calls may not send to this channel.
    #[error("channel '{0}' belongs to no class, course or org; people trigger in their own, programs everywhere")]
    NotYourChannel(String),
    /// The name of the event is none.
    #[error("{0}")]
    Name(#[from] NameError),
    /// The data is too large.
    #[error("may have at most {DATA_MAX} bytes as JSON, this has {0}")]
    DataTooLarge(usize),
    /// The data has a key that is the server's.
    #[error("is the server's own: by it clients know how far they have heard; name the key otherwise")]
    OwnKey,
    /// Too many people have to be told one by one.
    #[error(
        "at most {PEOPLE_MAX} people can be told one by one; name a whole class, course, role or org without exceptions"
    )]
    TooManyPeople,
    /// Several channels, of which one is encrypted.
    #[error("an encrypted channel takes an event of its own: name one channel")]
    EncryptedAmongOthers,
    /// The event cannot be published.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// Too many.
    #[error("{0}")]
    Limited(Exceeded),
    /// The broadcast asks for no confirmation.
    #[error("this broadcast asks for no confirmation")]
    NoAck,
    /// The broadcast is over.
    #[error("this broadcast is over since {0}")]
    Over(DateTime<Utc>),
}

/// Result of sending.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who sends, where and when.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The app.
    pub live: &'a LiveApp,
    /// Who.
    pub caller: &'a Caller,
    /// From where.
    pub ip: IpAddr,
    /// When.
    pub now: DateTime<Utc>,
    /// The same by the clock that measures.
    pub since: Instant,
    /// Socket that does not hear it.
    pub except: Option<SocketId>,
}

impl Sender<'_> {
    /// Counts one against the sender's limit.
    fn take(&self) -> Result<(), Exceeded> {
        let limits = self.live.limits();
        let taken = match &self.caller.who {
            Who::User(subject) => limits.user_broadcasts.as_ref().map(|limit| limit.take(&subject.user)),
            Who::Key(key) => limits.key_broadcasts.as_ref().map(|limit| limit.take(&key.id)),
            Who::Guest => limits.key_broadcasts.as_ref().map(|limit| limit.take(&self.ip.to_string())),
            Who::App => None,
        };
        match taken {
            Some(Err(exceeded)) => {
                self.live.metrics().count_rate_limited("broadcasts");
                Err(exceeded)
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Whom a sending belongs to: the person, whoever acts for them.
    pub(super) fn name(&self) -> String {
        owner(self.caller)
    }

    pub(super) fn entry(&self, logged: Logged<'_>) -> LogEntry {
        let latency = micros(self.since.elapsed());
        LogEntry { latency_us: latency, ..logged.entry((self.caller.actor(), Some(self.ip)), self.now) }
    }

    /// Counts one against the sender's limit; a refusal is logged.
    pub(super) async fn admit(&self, log: &BroadcastLog, logged: Logged<'_>) -> Result<(), Exceeded> {
        let taken = self.take();
        if taken.is_err() {
            let refused = Logged { outcome: LogOutcome::RateLimited, ..logged };
            log.note(self.live, &[self.entry(refused)]).await;
        }
        taken
    }
}

/// Whom a sending belongs to.
pub(super) fn owner(caller: &Caller) -> String {
    caller.user().map_or_else(|| caller.actor(), |user| format!("user:{user}"))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A broadcast that is to be sent.
#[derive(Debug, Clone)]
pub struct NewBroadcast {
    /// Whom it is for.
    pub audience: Audience,
    /// The name under which it goes out.
    pub event: String,
    /// Its data.
    pub data: Payload,
    /// Who was away can catch up with it.
    pub durable: bool,
    /// Receivers shall confirm it.
    pub require_ack: bool,
    /// For how many seconds it can be confirmed, at most 30 days.
    pub ttl: Option<u32>,
}

/// Broadcasts of every app.
#[derive(Debug)]
pub struct Broadcasts {
    store: Store,
    teller: Arc<Teller>,
    log: Arc<BroadcastLog>,
}

impl Broadcasts {
    /// Broadcasts kept in this store.
    #[must_use]
    pub const fn new(store: Store, teller: Arc<Teller>, log: Arc<BroadcastLog>) -> Self {
        Self { store, teller, log }
    }

    /// Sends a broadcast.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent then.
    pub async fn send(&self, sender: Sender<'_>, new: NewBroadcast) -> Result<Broadcast> {
        broadcast::check_name(&new.event)?;
        if spelling::is_known(&new.event) {
            return Err(NameError::Taken.into());
        }
        if new.data.contains_key(POSITION) {
            return Err(Error::OwnKey);
        }
        let data = Value::Object(new.data.clone()).to_string();
        if data.len() > DATA_MAX {
            return Err(Error::DataTooLarge(data.len()));
        }
        let Sender { live, now, .. } = sender;
        let actor = match sender.caller.user() {
            Some(user) => Some(audience::judge(live, user, (&new.audience, Sending::Broadcast), now).await?),
            None => None,
        };
        let app = live.app();
        audience::check_places(&self.store, &app.id, (&new.audience, Sending::Broadcast)).await?;
        let logged = Logged {
            kind: LogKind::Broadcast,
            channel: new.audience.to_string(),
            event: &new.event,
            bytes: data.len(),
            outcome: LogOutcome::Sent,
        };
        sender.admit(&self.log, logged.clone()).await.map_err(Error::Limited)?;
        let (topics, receivers) = self.addressed(live, &new.audience, now).await?;
        let broadcast = Broadcast {
            id: new_id(now),
            audience: new.audience,
            event: new.event.clone(),
            data,
            durable: new.durable,
            require_ack: new.require_ack,
            created_by: sender.name(),
            receivers,
            created_at: now,
            expires_at: new.ttl.map(|ttl| now + TimeDelta::seconds(ttl.min(TTL_MAX).into())),
        };
        let facts = facts(&broadcast, (new.data, actor.as_ref()), topics);
        let entry = LogEntry { event_id: Some(broadcast.id.clone()), receivers, ..sender.entry(logged) };
        Box::pin(self.write(sender, (&broadcast, &entry), facts)).await?;
        Ok(broadcast)
    }

    /// The topics that are told, and how many people are in the audience.
    async fn addressed(&self, live: &LiveApp, audience: &Audience, now: DateTime<Utc>) -> Result<(Vec<Topic>, i64)> {
        let app = live.app();
        if let Some(topics) = audience.topics() {
            let count = audience::count(&self.store, &app.id, audience, now).await?;
            return Ok((topics, i64::try_from(count).unwrap_or(i64::MAX)));
        }
        let people = audience::recipients(&self.store, &app.id, audience, now).await?;
        if people.len() > PEOPLE_MAX {
            return Err(Error::TooManyPeople);
        }
        let count = i64::try_from(people.len()).unwrap_or(i64::MAX);
        Ok((people.into_iter().map(|person| Topic::User(person.user)).collect(), count))
    }

    /// Writes the broadcast and tells it: what is durable from its rows, which are all written or none.
    async fn write(&self, sender: Sender<'_>, rows: (&Broadcast, &LogEntry), facts: Vec<Fact<Payload>>) -> Result<()> {
        let Sender { live, now, except, .. } = sender;
        let (app, epoch) = (live.app().id.clone(), new_id(now));
        if !rows.0.durable {
            self.store.broadcast_insert(&app, rows, Vec::new(), &epoch).await?;
            facts.iter().for_each(|fact| live.tell(fact, except));
            return Ok(());
        }
        let lasting = facts.into_iter().map(|fact| (fact, except)).collect();
        let write = async { Ok(((), self.store.broadcast_insert(&app, rows, lasting, &epoch).await?)) };
        Ok(self.teller.keep_and_tell::<_, store::Error>(write).await?)
    }

    /// Finds a broadcast that whoever calls has sent; programs find all of the app.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, live: &LiveApp, caller: &Caller, id: &str) -> store::Result<Option<Broadcast>> {
        let found = self.store.broadcast(&live.app().id, id).await?;
        Ok(found.filter(|found| caller.user().is_none() || found.created_by == owner(caller)))
    }

    /// Who has confirmed a broadcast, by id, and how many in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn acks(&self, live: &LiveApp, id: &str, page: (Option<&str>, u32)) -> store::Result<(Vec<Ack>, u64)> {
        let app = live.app();
        let acks = self.store.broadcast_acks(&app.id, id, page).await?;
        Ok((acks, self.store.broadcast_ack_count(&app.id, id).await?))
    }

    /// Confirms a broadcast, once; tells when it was confirmed first. `None` = there is none that is for this person.
    ///
    /// # Errors
    /// [`Error::NoAck`] and [`Error::Over`], or when the database fails.
    pub async fn ack(
        &self,
        live: &LiveApp,
        user: &UserId,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        let app = live.app();
        let Some(found) = self.store.broadcast(&app.id, id).await? else { return Ok(None) };
        if !audience::includes(&self.store, (&app.id, user), &found.audience, now).await? {
            return Ok(None);
        }
        if !found.require_ack {
            return Err(Error::NoAck);
        }
        if let Some(end) = found.expires_at.filter(|end| *end <= now) {
            return Err(Error::Over(end));
        }
        Ok(Some(self.store.broadcast_ack(&app.id, id, user, now).await?))
    }

    /// Removes broadcasts that nobody asks for any more. About once a minute.
    ///
    /// # Errors
    /// When the database fails; the next call goes on.
    pub async fn sweep(&self, now: DateTime<Utc>) -> store::Result<()> {
        for _ in 0..SWEEPS {
            if self.store.broadcast_sweep(now - KEPT, SWEEP).await? < SWEEP {
                break;
            }
        }
        Ok(())
    }
}

/// What is told: the same on every topic, under the same id.
fn facts(broadcast: &Broadcast, (data, actor): (Payload, Option<&Actor>), topics: Vec<Topic>) -> Vec<Fact<Payload>> {
    let mut payload = Payload::new();
    payload.insert("event".to_owned(), broadcast.event.as_str().into());
    payload.insert("data".to_owned(), data.into());
    if broadcast.require_ack {
        payload.insert("require_ack".to_owned(), true.into());
    }
    let fact = |topic| Fact {
        id: broadcast.id.clone(),
        event: Event::Broadcast,
        topic,
        position: None,
        at: broadcast.created_at,
        actor: actor.cloned(),
        payload: payload.clone(),
    };
    topics.into_iter().map(fact).collect()
}

#[cfg(test)]
pub(super) mod tests;
