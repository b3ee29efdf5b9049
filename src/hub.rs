//! This node's sockets of one app, and the fan-out to them.
//!
//! Owns who is connected, who is subscribed to what, who is signed in, and the last event of cache channels. One [`Hub`] per
//! app, so that equal names in two apps can never meet. It decides nothing: callers have authorised before they come here,
//! and nothing is allocated for those who were refused. Lock order: channel, then cache; shards are never held together
//! with a channel's lock.

mod cache;
mod channel;
mod fanout;
mod frame;
mod outbox;
mod queue;
mod socket;
mod users;

use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, RwLock};

pub use self::{
    cache::CachedEvent,
    channel::{Joining, Refused},
    frame::Frame,
    outbox::{MAX_BATCH, Outbox, Pushed, Taken},
    queue::Queue,
    socket::Socket,
};
use self::{
    cache::{Cache, Kept, Room},
    channel::{After, Channel},
    users::Users,
};
use crate::{
    domain::{app::AppSettings, presence::Member},
    ids::{SocketId, UserId},
    metrics::AppMetrics,
    protocol::{ChannelName, CloseReason, Guard},
};

/// Number of maps the channels are spread over. A power of two.
const SHARDS: usize = 16;

type Shard = RwLock<HashMap<ChannelName, Arc<Channel>, RandomState>>;

/// Why a socket could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The app has as many sockets as it may have.
    #[error("app has its {max} connections already")]
    OverQuota {
        /// Limit of the app.
        max: u32,
    },
    /// The hub takes no sockets any more.
    #[error("no more sockets: {}", .0.message())]
    Closed(CloseReason),
}

/// The open sockets, and whether there may be more of them.
#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<SocketId, Arc<Socket>, RandomState>,
    /// Why newcomers are refused. Set in one step with ending the sockets, so that none slips in behind.
    closed: Option<CloseReason>,
}

/// An event on its way to a channel's subscribers.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The ready frame.
    pub frame: &'a Frame,
    /// Socket that does not get it.
    pub except: Option<SocketId>,
    /// `data` as published, when a cache channel shall keep the event.
    pub keep: Option<&'a str>,
}

/// A channel with subscribers, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy {
    /// Subscribed sockets.
    pub subscriptions: usize,
    /// Distinct users; only on presence channels.
    pub users: Option<usize>,
}

/// The sockets and channels of one app on this node.
#[derive(Debug)]
pub struct Hub {
    /// Guards the table of open sockets.
    sockets: Mutex<Table>,
    /// Number of sockets in the table; for asking without the lock.
    open: AtomicUsize,
    hasher: RandomState,
    /// Channels with subscribers, by name.
    shards: [Shard; SHARDS],
    /// Number of channels in all shards.
    occupied: AtomicUsize,
    /// Guards the signed-in users.
    users: Mutex<Users>,
    /// Guards the last events of cache channels.
    cache: Mutex<Cache>,
    /// Channels whose subscribers must still be told how many they are; see [`Hub::tick`].
    pending: Mutex<HashSet<ChannelName>>,
    metrics: AppMetrics,
}

impl Hub {
    /// Makes an empty hub.
    #[must_use]
    pub fn new(metrics: AppMetrics) -> Self {
        Self {
            sockets: Mutex::default(),
            open: AtomicUsize::new(0),
            hasher: RandomState::default(),
            shards: Default::default(),
            occupied: AtomicUsize::new(0),
            users: Mutex::default(),
            cache: Mutex::default(),
            pending: Mutex::default(),
            metrics,
        }
    }

    /// Handles that count for this app.
    #[must_use]
    pub fn metrics(&self) -> &AppMetrics {
        &self.metrics
    }

    /// Number of open sockets.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Enters a socket unless the app has `max` already (0 = no limit). `bits` are random, for its id.
    ///
    /// # Errors
    /// When the app is over its quota or takes no sockets; nothing is allocated then.
    pub fn open(&self, max: u32, outbox_bytes: usize, bits: u64) -> Result<Arc<Socket>, NotOpened> {
        let mut sockets = self.sockets.lock();
        if let Some(reason) = sockets.closed {
            return Err(NotOpened::Closed(reason));
        }
        if max > 0 && sockets.by_id.len() >= max as usize {
            return Err(NotOpened::OverQuota { max });
        }
        let mut bits = bits;
        while sockets.by_id.contains_key(&SocketId::from_random(bits)) {
            bits = bits.wrapping_add(1);
        }
        let socket = Arc::new(Socket::new(SocketId::from_random(bits), outbox_bytes));
        sockets.by_id.insert(socket.id(), Arc::clone(&socket));
        self.open.store(sockets.by_id.len(), Ordering::Relaxed);
        self.metrics.connected.inc();
        self.metrics.new_connections.inc();
        Ok(socket)
    }

    /// Forgets a socket that [`Hub::open`] entered. Its subscriptions must have been left before.
    pub fn release(&self, socket: &Socket) {
        let mut sockets = self.sockets.lock();
        if sockets.by_id.remove(&socket.id()).is_some() {
            self.open.store(sockets.by_id.len(), Ordering::Relaxed);
            self.metrics.connected.dec();
            self.metrics.new_disconnections.inc();
        }
    }

    /// Pushes a frame to one socket.
    pub fn send(&self, socket: &Socket, frame: &Frame) {
        fanout::push(socket, frame, &self.metrics);
    }

    /// Handles of all open sockets.
    #[must_use]
    pub fn sockets(&self) -> Vec<Arc<Socket>> {
        self.sockets.lock().by_id.values().cloned().collect()
    }

    fn shard(&self, name: &str) -> &Shard {
        let [first, ..] = &self.shards;
        let position = self.hasher.hash_one(name) as usize % SHARDS;
        self.shards.get(position).unwrap_or(first)
    }

    fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        self.shard(name).read().get(name).cloned()
    }

    fn channel_or_new(&self, name: &ChannelName, max: u32) -> Result<Arc<Channel>, Refused> {
        if let Some(channel) = self.channel(name.as_str()) {
            return Ok(channel);
        }
        let mut shard = self.shard(name.as_str()).write();
        if let Some(channel) = shard.get(name) {
            return Ok(Arc::clone(channel));
        }
        let room = |occupied: usize| (occupied < max as usize).then_some(occupied + 1);
        self.occupied
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .map_err(|_full| Refused::TooManyChannels { max })?;
        let channel = Arc::new(Channel::new(name.clone()));
        shard.insert(name.clone(), Arc::clone(&channel));
        Ok(channel)
    }

    fn settle(&self, channel: &Arc<Channel>, after: After) {
        match after {
            After::Occupied => {}
            After::NewsPending => {
                self.pending.lock().insert(channel.name().clone());
            }
            After::Retired => {
                let mut shard = self.shard(channel.name().as_str()).write();
                if shard.get(channel.name()).is_some_and(|current| Arc::ptr_eq(current, channel)) {
                    shard.remove(channel.name());
                    let room = shard.len() * 2;
                    shard.shrink_to(room);
                    self.occupied.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Subscribes a socket and sends it the answer, the member list and the cached event, in this order, before anything
    /// that is published later. Subscribing again answers again and changes nothing.
    ///
    /// Returns the channel's name in the copy that all its subscribers share.
    ///
    /// # Errors
    /// When a limit of the app is reached; nothing is changed then.
    pub fn subscribe(&self, name: &ChannelName, joining: Joining<'_>) -> Result<ChannelName, Refused> {
        loop {
            let channel = self.channel_or_new(name, joining.settings.max_channels)?;
            // A retired channel is being dropped by the one who left last: look again.
            let Some(joined) = channel.join(joining, &self.cache, &self.metrics) else {
                std::hint::spin_loop();
                continue;
            };
            let after = joined.unwrap_or_else(|_| channel.retire_if_empty());
            self.settle(&channel, after);
            return joined.map(|_| channel.name().clone());
        }
    }

    /// Ends a subscription; of a socket that has none, nothing.
    pub fn unsubscribe(&self, name: &ChannelName, socket: SocketId, user: Option<&UserId>, settings: &AppSettings) {
        let Some(channel) = self.channel(name.as_str()) else { return };
        let after = channel.leave((socket, user), (settings, Instant::now()), &self.metrics);
        self.settle(&channel, after);
    }

    /// Tells whether an event to this channel is for anybody, now or later: whether it is worth encoding.
    #[must_use]
    pub fn wants(&self, name: &ChannelName) -> bool {
        name.is_cached() || self.shard(name.as_str()).read().contains_key(name)
    }

    /// Sends an event to the subscribers of a channel; a cache channel keeps it even when there are none.
    pub fn publish(&self, name: &ChannelName, publication: Publication<'_>, settings: &AppSettings) {
        let Publication { frame, except, keep } = publication;
        let is_left_out = |socket| Some(socket) == except;
        let Some(data) = keep.filter(|_| name.is_cached()) else {
            if let Some(channel) = self.channel(name.as_str()) {
                // When it has retired, nobody was subscribed at that moment: the event is for nobody.
                let _was_alive = channel.publish(frame, is_left_out, &self.metrics, || ());
            }
            return;
        };
        let kept = Kept::new(frame, data, Duration::from_secs(settings.cache_ttl.into()), Instant::now());
        let room = Room { events: settings.max_cached_events, bytes: cache::MAX_BYTES };
        let put = || self.cache.lock().put(name, kept.clone(), room);
        // The event and its copy enter under the channel's lock, so a joiner gets it once. The channel may not exist yet.
        loop {
            match self.channel_or_new(name, u32::MAX) {
                Ok(channel) if channel.publish(frame, is_left_out, &self.metrics, put) => {
                    return self.settle(&channel, channel.retire_if_empty());
                }
                // A joiner may be in a new channel of this name, with no copy to start with: the event must reach that one.
                Ok(retired) => self.settle(&retired, After::Retired),
                Err(Refused::TooManyChannels { .. } | Refused::ChannelFull { .. }) => return put(),
            }
        }
    }

    /// Sends a frame to those of some sockets that are subscribed to a channel, and to nobody else there.
    pub fn publish_among(&self, name: &ChannelName, frame: &Frame, among: &[SocketId]) {
        if let Some(channel) = self.channel(name.as_str()) {
            channel.publish_among(frame, among, &self.metrics);
        }
    }

    /// Sends an event to the subscribers of a channel but for some; tells how many got it. Cache channels do not keep it.
    pub fn publish_but(&self, name: &ChannelName, frame: &Frame, but: &HashSet<SocketId>) -> usize {
        self.channel(name.as_str()).map_or(0, |channel| channel.publish_but(frame, but, &self.metrics))
    }

    /// A channel in numbers; `None` when nobody is subscribed.
    #[must_use]
    pub fn occupancy(&self, name: &str) -> Option<Occupancy> {
        let (subscriptions, users) = self.channel(name)?.counts();
        (subscriptions > 0).then_some(Occupancy { subscriptions, users })
    }

    /// Channels with subscribers whose names start with `prefix`, by name.
    #[must_use]
    pub fn channels(&self, prefix: &str) -> Vec<(ChannelName, Occupancy)> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let channels: Vec<_> = {
                let shard = shard.read();
                shard.values().filter(|channel| channel.name().as_str().starts_with(prefix)).cloned().collect()
            };
            found.extend(channels.iter().filter_map(|channel| {
                let (subscriptions, users) = channel.counts();
                (subscriptions > 0).then(|| (channel.name().clone(), Occupancy { subscriptions, users }))
            }));
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Number of channels with subscribers.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.occupied.load(Ordering::Relaxed)
    }

    /// Members of a presence channel by id: those behind `after`, `limit` of them at most.
    #[must_use]
    pub fn members_after(&self, name: &str, after: Option<&UserId>, limit: usize) -> Vec<Member> {
        self.channel(name).map_or_else(Vec::new, |channel| channel.members_after(after, limit))
    }

    /// Members of a presence channel, each user once, by id.
    #[must_use]
    pub fn members(&self, name: &str) -> Vec<Member> {
        self.channel(name).map_or_else(Vec::new, |channel| channel.members())
    }

    /// A member of a presence channel; `None` when they are not there.
    #[must_use]
    pub fn member(&self, name: &str, user: &UserId) -> Option<Member> {
        self.channel(name)?.member(user)
    }

    /// Sockets that are subscribed to a channel, in no particular order.
    #[must_use]
    pub fn subscribers(&self, name: &str) -> Vec<SocketId> {
        self.channel(name).map_or_else(Vec::new, |channel| channel.sockets())
    }

    /// Handles of the sockets that are subscribed to a channel, in no particular order.
    #[must_use]
    pub fn listeners(&self, name: &str) -> Vec<Arc<Socket>> {
        self.channel(name).map_or_else(Vec::new, |channel| channel.handles())
    }

    /// Tells whether a socket is subscribed to a channel.
    #[must_use]
    pub fn is_subscribed(&self, name: &str, socket: SocketId) -> bool {
        self.channel(name).is_some_and(|channel| channel.has(socket))
    }

    /// Tells whether a socket is open.
    #[must_use]
    pub fn is_open(&self, socket: SocketId) -> bool {
        self.sockets.lock().by_id.contains_key(&socket)
    }

    /// The event that a cache channel keeps.
    #[must_use]
    pub fn cached(&self, name: &ChannelName) -> Option<CachedEvent> {
        self.cache.lock().describe(name, Instant::now())
    }

    /// Binds a socket to a user.
    pub fn sign_in(&self, user: &UserId, socket: &Arc<Socket>) {
        self.users.lock().sign_in(user, socket, &self.metrics);
    }

    /// Makes a signed-in socket watch `list` instead of `before`, and tells it who of them is online.
    pub fn watch(&self, socket: &Arc<Socket>, before: &[UserId], list: &[UserId]) {
        self.users.lock().watch(socket, before, list, &self.metrics);
    }

    /// Unbinds a socket from its user and its watchlist.
    pub fn sign_out(&self, user: &UserId, socket: SocketId, watchlist: &[UserId]) {
        self.users.lock().sign_out(user, socket, watchlist, Instant::now());
    }

    /// Sends a frame to every socket that is signed in as `user`, once each.
    pub fn send_to_user(&self, user: &UserId, frame: &Frame, except: Option<SocketId>) {
        for socket in self.users.lock().sockets(user).iter().filter(|socket| Some(socket.id()) != except) {
            fanout::push(socket, frame, &self.metrics);
        }
    }

    /// Users with a socket that is signed in.
    #[must_use]
    pub fn online_users(&self) -> usize {
        self.users.lock().online()
    }

    /// Number of sockets that are signed in as `user`.
    #[must_use]
    pub fn sockets_of(&self, user: &UserId) -> usize {
        self.users.lock().sockets(user).len()
    }

    /// Ends the sockets that are signed in as `user` and, on demand, those that are in a presence channel as `user`.
    pub fn terminate(&self, user: &UserId, presence: bool) {
        let mut sockets: Vec<Arc<Socket>> = self.users.lock().sockets(user).to_vec();
        if presence {
            let members: HashSet<SocketId> =
                self.presence_channels().flat_map(|channel| channel.sockets_of(user)).collect();
            let table = self.sockets.lock();
            sockets.extend(members.iter().filter_map(|id| table.by_id.get(id)).cloned());
        }
        for socket in sockets {
            socket.outbox().end(CloseReason::Terminated);
        }
    }

    /// Presence channels, one shard's at a time: no shard is held while they are looked at.
    fn presence_channels(&self) -> impl Iterator<Item = Arc<Channel>> {
        self.shards.iter().flat_map(|shard| -> Vec<_> {
            let shard = shard.read();
            shard.values().filter(|channel| channel.name().guard() == Guard::Presence).cloned().collect()
        })
    }

    /// Refuses newcomers for this reason from now on, and gives the sockets that are open.
    pub fn close(&self, reason: CloseReason) -> Vec<Arc<Socket>> {
        let mut sockets = self.sockets.lock();
        sockets.closed = Some(reason);
        sockets.by_id.values().cloned().collect()
    }

    /// Takes newcomers again.
    pub fn reopen(&self) {
        self.sockets.lock().closed = None;
    }

    /// Ends every socket and refuses newcomers for the same reason.
    pub fn end_all(&self, reason: CloseReason) {
        for socket in self.close(reason) {
            socket.outbox().end(reason);
        }
    }

    /// Does what is due: forgets expired cached events, tells delayed counts, tells who stayed away. About once a second.
    pub fn tick(&self, settings: &AppSettings, now: Instant) {
        self.cache.lock().expire(now);
        self.users.lock().settle(now, &self.metrics);
        let pending = std::mem::take(&mut *self.pending.lock());
        for name in pending {
            if let Some(channel) = self.channel(name.as_str()) {
                let after = channel.tell_pending(settings, now, &self.metrics);
                self.settle(&channel, after);
            }
        }
    }
}
