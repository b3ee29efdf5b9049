//! Save, then tell: what happened goes out when the transaction that made it happen has been committed.
//!
//! Facts of one app go out in the order of their commits: a writer keeps its turn from before the transaction until everything
//! is queued at the sockets. A writer that was given up in between (its client hung up) leaves the telling to the next one,
//! or to [`Teller::tell_the_rest`], which the server calls at its start and once a second.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::{
    Apps, LiveApp,
    access::{Listener, is_kept_from_observers},
    now, shadow,
};
use crate::{
    dialect::spelling::{self, Grammar, Payload},
    domain::{
        access::Topic,
        app::App,
        fact::{Actor, Event, Fact},
    },
    hub::{Frame, Publication},
    ids::SocketId,
    protocol::{ChannelName, channel_name::NameRules, server_message},
    store::{self, Kept, Store},
};

/// Facts that are read at once when others left them behind.
const SWEEP: u64 = 500;

/// Something that happens, before it has its place in the stream.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What kind of thing.
    pub event: Event,
    /// What it is about.
    pub topic: Topic,
    /// Who does it.
    pub actor: Option<Actor>,
    /// What there is to say, in snake_case.
    pub payload: Payload,
    /// When.
    pub at: DateTime<Utc>,
    /// Socket that does not hear it: it knows already.
    pub except: Option<SocketId>,
}

impl Draft {
    /// The fact, and who does not hear it.
    #[must_use]
    pub fn into_fact(self) -> (Fact<Payload>, Option<SocketId>) {
        let Self { event, topic, actor, payload, at, except } = self;
        (Fact { id: super::new_id(at), event, topic, position: None, at, actor, payload }, except)
    }
}

/// Tells facts in the order of their commits.
#[derive(Debug)]
pub struct Teller {
    store: Store,
    apps: Arc<Apps>,
    /// Held from before a transaction until its facts are queued. Like `lane`, kept across an await.
    turn: Arc<Turn<()>>,
    /// Held by the one who catches up and waits for the turn, so that a crowd that comes back does not keep writers waiting.
    pub(super) lane: Arc<Turn<()>>,
    /// Counts what was told, for whoever looks twice.
    pub(super) rounds: AtomicU64,
    /// A writer may have committed without telling: set before each transaction, taken back when it was told.
    is_owing: AtomicBool,
    /// Facts that were told and are not marked so yet. Held for no longer than a move.
    told: Mutex<BTreeSet<i64>>,
}

impl Teller {
    /// Tells what this store keeps to the sockets of these apps.
    #[must_use]
    pub fn new(store: Store, apps: Arc<Apps>) -> Self {
        Self {
            store,
            apps,
            turn: Arc::default(),
            lane: Arc::default(),
            rounds: AtomicU64::new(0),
            is_owing: AtomicBool::new(true),
            told: Mutex::default(),
        }
    }

    /// A teller who has nothing to tell, for tests that need none.
    #[cfg(test)]
    pub(crate) fn without_store() -> Self {
        let metrics = Arc::new(crate::metrics::Metrics::new().unwrap());
        Self::new(Store::unopened(), Arc::new(Apps::without_store(metrics)))
    }

    /// Where the facts are kept.
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Takes the turn when everything that is kept has been told: as long as it is held, nothing is told.
    pub(super) async fn hush(&self) -> store::Result<OwnedMutexGuard<()>> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        self.settle().await?;
        Ok(turn)
    }

    /// Tells what others left behind. The caller has the turn.
    async fn settle(&self) -> store::Result<()> {
        if self.is_owing.load(Ordering::Acquire) {
            self.sweep().await?;
            self.is_owing.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Waits for the turn, writes, and tells what was written.
    ///
    /// # Errors
    /// Those of `write`; nothing is told then.
    ///
    /// # Cancel safety
    /// Given up before the commit, nothing has happened. Given up after it, the next writer or the sweep tells.
    pub async fn keep_and_tell<T, E>(&self, write: impl Future<Output = Result<(T, Vec<Kept>), E>>) -> Result<T, E>
    where
        E: From<store::Error>,
    {
        let _turn = self.turn.lock().await;
        if self.is_owing.swap(true, Ordering::AcqRel) {
            self.sweep().await?;
        }
        // Of a commit that failed it is not known what it left: the sweep will see.
        let (value, kept) = write.await?;
        self.tell(&kept).await;
        self.is_owing.store(false, Ordering::Release);
        Ok(value)
    }

    /// Takes note that something may have been committed that nobody tells: of a commit that failed it is not known.
    pub(super) fn look_again(&self) {
        self.is_owing.store(true, Ordering::Release);
    }

    /// Tells what others left behind, and marks what was told. At the start, and about once a second.
    ///
    /// # Errors
    /// When the database fails; the next call tries again.
    pub async fn tell_the_rest(&self, now: DateTime<Utc>) -> store::Result<()> {
        if self.is_owing.load(Ordering::Acquire) {
            drop(self.hush().await?);
        }
        self.mark(now).await
    }

    /// Tells everything that is not marked as told, but for what was told by this process.
    async fn sweep(&self) -> store::Result<()> {
        loop {
            let told = self.told.lock().clone();
            let mut kept = self.store.stream_untold(SWEEP.saturating_add(told.len() as u64)).await?;
            kept.retain(|kept| !told.contains(&kept.id));
            if kept.is_empty() {
                return Ok(());
            }
            self.tell(&kept).await;
        }
    }

    async fn tell(&self, kept: &[Kept]) {
        self.rounds.fetch_add(1, Ordering::AcqRel);
        for Kept { id, app, fact, except } in kept {
            // An app that is gone has nobody to hear it.
            if let Some(live) = self.apps.by_id(app.as_str()) {
                let fact = &*shadow::as_told(fact);
                if let Some(to) = shadow::reserved(fact) {
                    Box::pin(live.tell_reserved(fact, &to, (*except, now()))).await;
                    self.told.lock().insert(*id);
                    continue;
                }
                match Box::pin(live.who_hears_nothing(fact)).await {
                    Some(mut left_out) => {
                        left_out.extend(*except);
                        live.tell_but(fact, &left_out);
                    }
                    None => live.tell(fact, *except),
                }
            }
            self.told.lock().insert(*id);
        }
    }

    async fn mark(&self, now: DateTime<Utc>) -> store::Result<()> {
        let told: Vec<i64> = self.told.lock().iter().copied().collect();
        if told.is_empty() {
            return Ok(());
        }
        self.store.stream_told(&told, now).await?;
        let mut left = self.told.lock();
        for id in &told {
            left.remove(id);
        }
        Ok(())
    }
}

/// An event on a channel as it is sent: once for each of its names.
pub(super) fn frames(
    fact: &Fact<Payload>,
    (channel, grammar): (&ChannelName, Grammar),
    data: &str,
    app: &App,
) -> impl Iterator<Item = Frame> {
    let names = spelling::names_of(fact, grammar, app.settings.laravel_event_names).into_iter();
    names.map(move |name| Frame::text(|out| server_message::event(out, name, channel.as_str(), data)))
}

impl LiveApp {
    /// Sockets that hear the topic of a fact and shall not hear this one; `None` = there are none for certain.
    async fn who_hears_nothing(&self, fact: &Fact<Payload>) -> Option<HashSet<SocketId>> {
        if is_kept_from_observers(fact) {
            return Some(self.likely_observers(&fact.topic, now()).await);
        }
        let (Topic::Chat(chat), Event::MessageUpdated | Event::MessageDeleted) = (&fact.topic, fact.event) else {
            return None;
        };
        let seq = fact.payload.get("message")?["seq"].as_i64()?;
        self.newcomers(chat, seq).await
    }

    /// Tells a fact to everybody who hears its topic, in the spelling of each channel. Nothing is encoded for a channel that
    /// nobody hears.
    pub fn tell(&self, fact: &Fact<Payload>, except: Option<SocketId>) {
        let app = self.app();
        self.spell(fact, |channel, frame| {
            self.hub.publish(channel, Publication { frame, except, keep: None }, &app.settings);
        });
        self.tell_alias(fact, except);
        self.wake_readers(&fact.topic);
    }

    /// Tells a fact to everybody who hears its topic but for some.
    pub fn tell_but(&self, fact: &Fact<Payload>, left_out: &HashSet<SocketId>) {
        self.spell(fact, |channel, frame| {
            let _heard = self.hub.publish_but(channel, frame, left_out);
        });
    }

    /// Sockets on this node that hear a topic, with what is known about each. One that hears it by several channels comes
    /// several times.
    #[must_use]
    pub fn listeners(&self, topic: &Topic) -> Vec<Listener> {
        let channels = spelling::channels(topic).into_iter();
        let channels = channels.filter_map(|(name, _)| ChannelName::parse(&name, NameRules::OWN).ok());
        channels.flat_map(|channel| self.audience(&channel)).collect()
    }

    /// Tells whether anybody on this node hears a topic.
    #[must_use]
    pub fn is_heard(&self, topic: &Topic) -> bool {
        let channels = spelling::channels(topic).into_iter();
        let mut channels = channels.filter_map(|(name, _)| ChannelName::parse(&name, NameRules::OWN).ok());
        channels.any(|channel| self.hub.wants(&channel))
    }

    /// Makes the frames of a fact, one for each name that it has on each channel that somebody hears.
    pub(super) fn spell(&self, fact: &Fact<Payload>, mut send: impl FnMut(&ChannelName, &Frame)) {
        let app = self.app();
        let mut spelled: HashMap<bool, String> = HashMap::new();
        for (name, grammar) in spelling::channels(&fact.topic) {
            let Ok(channel) = ChannelName::parse(&name, NameRules::OWN) else { continue };
            if !self.hub.wants(&channel) {
                continue;
            }
            let data = spelled.entry(grammar == Grammar::Dashes).or_insert_with(|| spelling::data(fact, grammar));
            for frame in frames(fact, (&channel, grammar), data, &app) {
                send(&channel, &frame);
            }
        }
    }
}

#[cfg(test)]
mod tests;
