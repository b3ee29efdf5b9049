//! Who sits where: which user each socket is known as, and which guarded channels it hears.
//!
//! Only sockets with a user or with a guarded channel have a [`Seat`]; idle ones and those in public channels cost nothing
//! here. The seat's lock is held while the hub subscribes or unsubscribes its socket, so that taking access away and giving
//! it never interleave. Lock order: a seat's state, then the index, or then the hub; no await under either.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    domain::{
        access::{Decision, Reason, Topic},
        roster::{Place, PlaceId, Role},
    },
    hub::Socket,
    ids::{ExternalId, SocketId, UserId},
    protocol::{ChannelName, CloseReason},
};

/// How it is known who a socket belongs to, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// By the token that the socket was opened with.
    Token,
    /// By the signed `channel_data` of a subscription.
    ChannelData,
    /// By the auth endpoint of this server, which saw the user's token and the socket's id.
    Endpoint,
    /// By sign-in.
    SignIn,
}

impl Bound {
    /// Its name, as the API tells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ChannelData => "channel_data",
            Self::Endpoint => "endpoint",
            Self::SignIn => "sign_in",
        }
    }
}

/// Why a guarded channel is heard, as the last decision said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) reason: Reason,
    pub(super) role: Option<Role>,
    pub(super) enrollment: Option<ExternalId>,
    pub(super) not_after: Option<DateTime<Utc>>,
}

impl From<&Decision> for Basis {
    fn from(decision: &Decision) -> Self {
        let Decision { reason, role, enrollment, not_after, .. } = decision;
        Self { reason: *reason, role: *role, enrollment: enrollment.clone(), not_after: *not_after }
    }
}

/// A guarded channel that a socket hears.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Tells this subscription from an earlier or later one of the same channel.
    pub(super) serial: u64,
    pub(super) topic: Topic,
    /// As whom it joined, on presence channels.
    pub(super) member: Option<UserId>,
    /// Who was judged; `None` = nobody is known.
    pub(super) subject: Option<UserId>,
    /// What the roster said, if it was in favour. Only what was given by the roster is taken away by it.
    pub(super) basis: Option<Basis>,
    pub(super) within: Within,
}

impl Held {
    fn part(&self) -> Option<Part> {
        let (reason, role) = self.basis.as_ref().map_or((None, None), |basis| (Some(basis.reason), basis.role));
        Some(Part { user: self.subject.clone()?, reason, role })
    }
}

/// What a channel belongs to, as far as the roster has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) course: Option<ExternalId>,
    pub(super) class: Option<ExternalId>,
}

impl Within {
    pub(super) fn of(place: &Place) -> Self {
        let course = place.course.as_ref().map(|course| course.id.clone());
        Self { course, class: place.class.as_ref().map(|class| class.id.clone()) }
    }
}

/// What a change may concern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A person.
    User(UserId),
    /// A row of the roster.
    Place(PlaceId),
    /// A chat.
    Chat(ExternalId),
    /// Everybody who hears a topic of a role.
    Roles,
}

/// Why a socket is sent away at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) until: DateTime<Utc>,
    pub(super) reason: CloseReason,
}

/// What is known about a socket.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The user, and by what.
    pub(super) user: Option<(UserId, Bound)>,
    /// Guarded channels that it hears.
    pub(super) held: HashMap<ChannelName, Held, RandomState>,
    /// Channels that were taken away and that its session has not forgotten yet.
    revoked: Vec<ChannelName>,
    /// When its user has to prove who they are again.
    pub(super) session: Option<Lease>,
    /// When it has to go because nobody knows its user.
    pub(super) unbound: Option<Lease>,
    /// When the account of its user ends, as the roster said last.
    pub(super) account_ends: Option<DateTime<Utc>>,
    /// When to look at it next, as it stands in the index.
    due: Option<DateTime<Utc>>,
    /// How often each key of the index is in use.
    keys: HashMap<Key, u32, RandomState>,
    next_serial: u64,
    /// The connection is gone: nothing is entered any more.
    has_left: bool,
}

/// In the place of a time: nothing was done for long, and that something is done again is news.
const IDLE: i64 = i64::MIN;

/// What is known about one socket that has a user or hears guarded channels.
#[derive(Debug)]
pub struct Seat {
    socket: Arc<Socket>,
    /// Channels were taken away since the session last asked.
    is_disturbed: AtomicBool,
    /// When its client did something last, in ms since 1970, or [`IDLE`]. Written by the session, and by whoever takes the user for
    /// idle.
    active_at: AtomicI64,
    /// Guards what is known.
    state: Mutex<State>,
}

impl State {
    /// When it is looked at next, as far as anybody wants that.
    pub(super) const fn due(&self) -> Option<DateTime<Utc>> {
        self.due
    }

    /// Everybody who is judged for what is heard.
    pub(super) fn subjects(&self) -> Vec<UserId> {
        let bound = self.user.iter().map(|(user, _)| user);
        bound.chain(self.held.values().filter_map(|held| held.subject.as_ref())).cloned().collect()
    }
}

/// As whom a socket hears a guarded channel.
#[derive(Debug, Clone)]
pub struct Part {
    /// The user who was judged.
    pub user: UserId,
    /// Why the roster agrees; `None` = it was not asked.
    pub reason: Option<Reason>,
    /// The role that decided.
    pub role: Option<Role>,
}

impl Seat {
    /// As whom the socket hears a channel; `None` = it does not, or nobody is known.
    #[must_use]
    pub fn part(&self, channel: &ChannelName) -> Option<Part> {
        let state = self.lock();
        let held = state.held.get(channel)?;
        held.part()
    }

    /// The chat that a channel is, and as whom the socket hears it; `None` = it hears none there, or nobody is known.
    #[must_use]
    pub fn part_in_chat(&self, channel: &ChannelName) -> Option<(Topic, Part)> {
        let state = self.lock();
        let held = state.held.get(channel).filter(|held| matches!(held.topic, Topic::Chat(_)))?;
        Some((held.topic.clone(), held.part()?))
    }

    /// Takes note that the client does something; tells whether it was taken for idle. For the hot path: one exchange.
    #[must_use]
    pub fn stir(&self, now: DateTime<Utc>) -> bool {
        self.active_at.swap(now.timestamp_millis(), Ordering::Relaxed) == IDLE
    }

    /// When the client did something last, if that is later than `since`; else it is taken for idle from now on.
    pub(super) fn active_after(&self, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let late = |at: &i64| *at > since.timestamp_millis();
        let rest = |at: i64| (!late(&at)).then_some(IDLE);
        let Err(at) = self.active_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest) else { return None };
        DateTime::from_timestamp_millis(at)
    }

    pub(super) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Channels that were taken away since the last call; for the session to forget. Cheap when there are none.
    #[must_use]
    pub fn take_revoked(&self) -> Vec<ChannelName> {
        if !self.is_disturbed.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        self.is_disturbed.store(false, Ordering::Release);
        std::mem::take(&mut state.revoked)
    }

    /// Remembers for the session that a channel was taken away.
    pub(super) fn disturb(&self, state: &mut State, channel: ChannelName) {
        state.revoked.push(channel);
        self.is_disturbed.store(true, Ordering::Release);
    }
}

type Sockets = HashMap<SocketId, Arc<Seat>, RandomState>;

#[derive(Debug, Default)]
struct Index {
    by_socket: Sockets,
    by_key: HashMap<Key, Sockets, RandomState>,
    /// When to look at which seat; each seat stands here once at most.
    due: BTreeSet<(DateTime<Utc>, SocketId)>,
}

/// All seats of one app on this node.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// Guards the index.
    index: Mutex<Index>,
}

impl Seats {
    /// The seat of a socket; made when it has none.
    pub(super) fn take(&self, socket: &Arc<Socket>) -> Arc<Seat> {
        let mut index = self.index.lock();
        let seat = index.by_socket.entry(socket.id()).or_insert_with(|| {
            let (socket, is_disturbed) = (Arc::clone(socket), AtomicBool::new(false));
            Arc::new(Seat { socket, is_disturbed, active_at: AtomicI64::new(0), state: Mutex::default() })
        });
        Arc::clone(seat)
    }

    /// The seat of a socket, if it has one.
    pub(super) fn find(&self, socket: SocketId) -> Option<Arc<Seat>> {
        self.index.lock().by_socket.get(&socket).cloned()
    }

    /// Seats that a change of these may concern, each once.
    pub(super) fn concerned<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Vec<Arc<Seat>> {
        let index = self.index.lock();
        let mut found = Sockets::default();
        for seats in keys.filter_map(|key| index.by_key.get(key)) {
            found.extend(seats.iter().map(|(socket, seat)| (*socket, Arc::clone(seat))));
        }
        drop(index);
        found.into_values().collect()
    }

    /// Sockets that are known to be a user's.
    pub(super) fn of_user(&self, user: &UserId) -> Vec<SocketId> {
        let concerned = self.concerned(std::iter::once(&Key::User(user.clone())));
        let is_theirs = |seat: &&Arc<Seat>| seat.lock().user.as_ref().is_some_and(|(known, _)| known == user);
        concerned.iter().filter(is_theirs).map(|seat| seat.socket.id()).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<Seat>> {
        self.index.lock().by_socket.values().cloned().collect()
    }

    /// Tells whether any is due.
    pub(super) fn has_due(&self, now: DateTime<Utc>) -> bool {
        self.index.lock().due.first().is_some_and(|(due, _)| *due <= now)
    }

    /// Takes out those that are due.
    pub(super) fn due(&self, now: DateTime<Utc>) -> Vec<Arc<Seat>> {
        let mut index = self.index.lock();
        let mut found = Vec::new();
        while let Some((due, socket)) = index.due.first().copied().filter(|(due, _)| *due <= now) {
            index.due.remove(&(due, socket));
            found.extend(index.by_socket.get(&socket).cloned());
        }
        found
    }

    /// Removes a seat whose connection is gone.
    pub(super) fn leave(&self, seat: &Seat) {
        let mut state = seat.lock();
        state.has_left = true;
        state.held.clear();
        let (keys, due) = (std::mem::take(&mut state.keys), state.due.take());
        let id = seat.socket.id();
        let mut index = self.index.lock();
        for key in keys.into_keys() {
            index.remove(&key, id);
        }
        if let Some(due) = due {
            index.due.remove(&(due, id));
        }
        index.by_socket.remove(&id);
    }

    /// Names the user of a socket unless something stronger has. Whatever is heard by nobody known is theirs now.
    pub(super) fn bind(&self, seat: &Arc<Seat>, state: &mut State, user: &UserId, by: Bound) {
        if state.has_left || state.user.as_ref().is_some_and(|(_, before)| *before > by) {
            return;
        }
        self.add_key(seat, state, Key::User(user.clone()));
        if let Some((before, _)) = state.user.replace((user.clone(), by)) {
            self.drop_key(seat, state, Key::User(before));
            state.account_ends = None;
        }
        state.unbound = None;
        let anonymous: Vec<_> = state.held.values_mut().filter(|held| held.subject.is_none()).collect();
        let count = anonymous.len();
        for held in anonymous {
            held.subject = Some(user.clone());
        }
        for _ in 0..count {
            self.add_key(seat, state, Key::User(user.clone()));
        }
    }

    /// Enters a channel that is about to be heard. Whoever looks for those concerned by a change finds it from now on. Returns
    /// what stood there when it is heard already.
    pub(super) fn hold(
        &self,
        seat: &Arc<Seat>,
        state: &mut State,
        channel: &ChannelName,
        mut held: Held,
    ) -> Option<Held> {
        held.serial = state.next_serial;
        state.next_serial += 1;
        self.put(seat, state, channel, held)
    }

    /// Enters a channel under the serial that it has.
    pub(super) fn put(&self, seat: &Arc<Seat>, state: &mut State, channel: &ChannelName, held: Held) -> Option<Held> {
        if state.has_left {
            return None;
        }
        let before = self.release(seat, state, channel);
        for key in keys_of(&held) {
            self.add_key(seat, state, key);
        }
        let until = held.basis.as_ref().and_then(|basis| basis.not_after);
        state.revoked.retain(|revoked| revoked != channel);
        state.held.insert(channel.clone(), held);
        if let Some(until) = until {
            self.expect_by(seat, state, until);
        }
        before
    }

    /// Removes a channel that is not heard any more.
    pub(super) fn release(&self, seat: &Arc<Seat>, state: &mut State, channel: &ChannelName) -> Option<Held> {
        let held = state.held.remove(channel)?;
        for key in keys_of(&held) {
            self.drop_key(seat, state, key);
        }
        if held.basis.as_ref().is_some_and(|basis| basis.not_after.is_some()) {
            self.expect(seat, state);
        }
        Some(held)
    }

    fn add_key(&self, seat: &Arc<Seat>, state: &mut State, key: Key) {
        let count = state.keys.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 {
            let mut index = self.index.lock();
            index.by_key.entry(key).or_default().insert(seat.socket.id(), Arc::clone(seat));
        }
    }

    fn drop_key(&self, seat: &Seat, state: &mut State, key: Key) {
        let Entry::Occupied(mut count) = state.keys.entry(key) else { return };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            let (key, _) = count.remove_entry();
            self.index.lock().remove(&key, seat.socket.id());
        }
    }

    /// Sees to it that the seat is looked at by then.
    pub(super) fn expect_by(&self, seat: &Seat, state: &mut State, until: DateTime<Utc>) {
        if state.has_left || state.due.is_some_and(|due| due <= until) {
            return;
        }
        self.set_due(seat, state, Some(until));
    }

    /// Sees to it that the seat is looked at when the first of its ends comes, and not before.
    pub(super) fn expect(&self, seat: &Seat, state: &mut State) {
        let leases = [state.session, state.unbound].into_iter().flatten().map(|lease| lease.until);
        let ends = state.held.values().filter_map(|held| held.basis.as_ref()?.not_after);
        let first = leases.chain(ends).chain(state.account_ends).min();
        if !state.has_left && first != state.due {
            self.set_due(seat, state, first);
        }
    }

    /// The seat is being looked at: what was due is not any more.
    pub(super) fn looked_at(&self, seat: &Seat, state: &mut State) {
        if state.due.is_some() {
            self.set_due(seat, state, None);
        }
    }

    fn set_due(&self, seat: &Seat, state: &mut State, due: Option<DateTime<Utc>>) {
        let mut index = self.index.lock();
        if let Some(before) = state.due {
            index.due.remove(&(before, seat.socket.id()));
        }
        state.due = due;
        if let Some(due) = due {
            index.due.insert((due, seat.socket.id()));
        }
    }
}

#[cfg(test)]
impl Seats {
    pub(super) fn is_empty(&self) -> bool {
        let index = self.index.lock();
        index.by_socket.is_empty() && index.by_key.is_empty() && index.due.is_empty()
    }
}

impl Index {
    fn remove(&mut self, key: &Key, socket: SocketId) {
        if let Some(seats) = self.by_key.get_mut(key) {
            seats.remove(&socket);
            if seats.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

/// What changes a held channel is concerned by.
fn keys_of(held: &Held) -> impl Iterator<Item = Key> {
    let user = held.subject.clone().map(Key::User);
    let place = held.topic.place().map(Key::Place);
    let course = held.within.course.clone().map(|course| Key::Place(PlaceId::Course(course)));
    let (class, chat) = match &held.topic {
        Topic::Chat(chat) => {
            (held.within.class.clone().map(|class| Key::Place(PlaceId::Class(class))), Some(Key::Chat(chat.clone())))
        }
        _ => (None, None),
    };
    let roles = held.topic.is_of_a_role().then_some(Key::Roles);
    [user, place, course, class, chat, roles].into_iter().flatten()
}
