//! Who is typing where: one state, whatever told of it, that ends by itself.
//!
//! Somebody types in a topic until they stop, their last typing socket closes, or [`EXPIRY`] passes without another sign. The
//! others are told of the start and, while it goes on, again every [`THROTTLE`]. In a crowd of typists only staff is told by
//! name; of the rest, how many they are. Pure; bounded in memory; a sign that is told to nobody costs no allocation.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, TimeDelta, Utc};

use super::access::Topic;
use crate::ids::{SocketId, UserId};

/// Signs that come within this time of one that was told are not told.
pub const THROTTLE: TimeDelta = TimeDelta::seconds(3);

/// How long a sign counts.
pub const EXPIRY: TimeDelta = TimeDelta::seconds(6);

/// Up to so many typists in a topic each is told by name.
pub const CROWD: usize = 50;

/// How often a crowd is told at most.
const CROWD_EVERY: TimeDelta = TimeDelta::seconds(1);

/// Most typists at once; of more no note is taken.
pub const MAX_TYPISTS: usize = 50_000;

/// Somebody who types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typist {
    /// Who, as the server knows them.
    pub user: UserId,
    /// Name as others see it.
    pub name: String,
    /// Teaches there: told by name in a crowd too.
    pub is_staff: bool,
    /// What they are typing at, such as the id of a message that they edit.
    pub context: Option<String>,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Until when, if no other sign comes.
    pub expires_at: DateTime<Utc>,
}

/// What a sign of typing calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing was known: [`Typists::begin`] is to be called.
    New,
    /// The others are to be told again, until when it counts.
    Again,
    /// Nothing.
    Known,
}

/// Somebody has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Where.
    pub topic: Topic,
    /// Who.
    pub typist: Typist,
}

/// How many type where, and who of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrowdNews {
    /// Where.
    pub topic: Topic,
    /// How many.
    pub count: usize,
    /// Those who are told by name.
    pub staff: Vec<Typist>,
}

#[derive(Debug)]
struct Active {
    typist: Typist,
    /// Sockets that it came from; none = it came without one.
    sockets: Vec<SocketId>,
    /// When the others were told by name; `None` = never: they are one of a crowd.
    told: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct Room {
    typists: HashMap<UserId, Active>,
    /// The crowd is another than the one that was told.
    is_news: bool,
    /// When the crowd was told.
    told: Option<DateTime<Utc>>,
}

/// Everybody who types.
#[derive(Debug, Default)]
pub struct Typists {
    rooms: HashMap<Topic, Room>,
    by_socket: HashMap<SocketId, Vec<(Topic, UserId)>>,
    /// Those who have stopped and of whom it is told with the next tick.
    late: Vec<Stopped>,
    count: usize,
}

impl Typists {
    /// Tells whether somebody types with a socket.
    #[must_use]
    pub fn knows(&self, socket: SocketId) -> bool {
        self.by_socket.contains_key(&socket)
    }

    /// As [`Typists::leave`] of one topic, told with the next tick.
    pub fn leave_later(&mut self, socket: SocketId, topic: &Topic) {
        let stopped = self.leave(socket, Some(topic));
        self.late.extend(stopped);
    }

    /// Takes note of a sign, from a socket if it came from one.
    pub fn sign(&mut self, topic: &Topic, user: &UserId, socket: Option<SocketId>, now: DateTime<Utc>) -> Sign {
        let Some(active) = self.rooms.get_mut(topic).and_then(|room| room.typists.get_mut(user)) else {
            return Sign::New;
        };
        active.typist.expires_at = now + EXPIRY;
        if let Some(socket) = socket.filter(|socket| !active.sockets.contains(socket)) {
            active.sockets.push(socket);
            self.by_socket.entry(socket).or_default().push((topic.clone(), user.clone()));
        }
        match active.told {
            Some(told) if now - told >= THROTTLE => {
                active.told = Some(now);
                Sign::Again
            }
            _ => Sign::Known,
        }
    }

    /// Enters somebody who was not known to type. Tells whether the others are to be told of them by name.
    pub fn begin(&mut self, topic: &Topic, typist: Typist, socket: Option<SocketId>) -> bool {
        if self.count >= MAX_TYPISTS {
            return false;
        }
        let (user, started_at) = (typist.user.clone(), typist.started_at);
        let room = self.rooms.entry(topic.clone()).or_default();
        let is_told = typist.is_staff || room.typists.len() < CROWD;
        let told = is_told.then_some(started_at);
        let active = Active { typist, sockets: socket.into_iter().collect(), told };
        match room.typists.entry(user.clone()) {
            // Somebody was faster: they have been told of.
            Entry::Occupied(_) => return false,
            Entry::Vacant(vacant) => vacant.insert(active),
        };
        room.is_news |= room.typists.len() > CROWD;
        self.count += 1;
        if let Some(socket) = socket {
            self.by_socket.entry(socket).or_default().push((topic.clone(), user));
        }
        is_told
    }

    /// Somebody has stopped, or was stopped; `None` = they were not typing, or nobody was told that they were.
    pub fn stop(&mut self, topic: &Topic, user: &UserId) -> Option<Stopped> {
        let room = self.rooms.get_mut(topic)?;
        let active = room.typists.remove(user)?;
        room.is_news |= room.told.is_some();
        if room.typists.is_empty() && !room.is_news {
            self.rooms.remove(topic);
        }
        self.count -= 1;
        for socket in &active.sockets {
            self.forget(*socket, topic, user);
        }
        active.told.map(|_| Stopped { topic: topic.clone(), typist: active.typist })
    }

    /// A socket does not hear a topic any more, or nothing at all (`None`): whoever typed with this one alone has stopped.
    pub fn leave(&mut self, socket: SocketId, topic: Option<&Topic>) -> Vec<Stopped> {
        let Some(places) = self.by_socket.get(&socket) else { return Vec::new() };
        let left = places.iter().filter(|(place, _)| topic.is_none_or(|topic| topic == place)).cloned();
        let mut stopped = Vec::new();
        for (topic, user) in left.collect::<Vec<_>>() {
            self.forget(socket, &topic, &user);
            let Some(active) = self.rooms.get_mut(&topic).and_then(|room| room.typists.get_mut(&user)) else {
                continue;
            };
            active.sockets.retain(|other| *other != socket);
            if active.sockets.is_empty() {
                stopped.extend(self.stop(&topic, &user));
            }
        }
        stopped
    }

    /// Those who type in a topic, whoever began first coming first.
    #[must_use]
    pub fn list(&self, topic: &Topic) -> Vec<Typist> {
        let room = self.rooms.get(topic);
        let mut typists: Vec<Typist> =
            room.iter().flat_map(|room| room.typists.values()).map(|active| active.typist.clone()).collect();
        typists.sort_by(|one, other| (one.started_at, &one.user).cmp(&(other.started_at, &other.user)));
        typists
    }

    /// Stops those of whom no sign has come for long, and tells of crowds that have changed.
    pub fn tick(&mut self, now: DateTime<Utc>) -> (Vec<Stopped>, Vec<CrowdNews>) {
        let mut expired = Vec::new();
        for (topic, room) in &self.rooms {
            let over = room.typists.values().filter(|active| active.typist.expires_at <= now);
            expired.extend(over.map(|active| (topic.clone(), active.typist.user.clone())));
        }
        let mut stopped = std::mem::take(&mut self.late);
        stopped.extend(expired.into_iter().filter_map(|(topic, user)| self.stop(&topic, &user)));
        let mut crowds = Vec::new();
        for (topic, room) in &mut self.rooms {
            if !room.is_news || room.told.is_some_and(|told| now - told < CROWD_EVERY) {
                continue;
            }
            room.is_news = false;
            // A crowd that has become few again is told once more, by its number.
            room.told = (room.typists.len() > CROWD).then_some(now);
            let by_name = room.typists.values().map(|active| &active.typist);
            let staff = by_name.filter(|typist| typist.is_staff).cloned().collect();
            crowds.push(CrowdNews { topic: topic.clone(), count: room.typists.len(), staff });
        }
        self.rooms.retain(|_, room| !room.typists.is_empty() || room.is_news);
        (stopped, crowds)
    }

    fn forget(&mut self, socket: SocketId, topic: &Topic, user: &UserId) {
        if let Entry::Occupied(mut places) = self.by_socket.entry(socket) {
            places.get_mut().retain(|(place, who)| place != topic || who != user);
            if places.get().is_empty() {
                places.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExternalId;

    fn chat(id: &str) -> Topic {
        Topic::Chat(ExternalId::parse(id).unwrap())
    }

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_000_000_000 + ms).unwrap()
    }

    fn typist(user: u32, ms: i64) -> Typist {
        let (started_at, expires_at) = (at(ms), at(ms) + EXPIRY);
        Typist { user: user.into(), name: String::new(), is_staff: false, context: None, started_at, expires_at }
    }

    fn socket(number: u64) -> Option<SocketId> {
        Some(SocketId::from_random(number))
    }

    fn is_empty(typists: &Typists) -> bool {
        typists.rooms.is_empty() && typists.by_socket.is_empty() && typists.count == 0
    }

    #[test]
    fn signs_are_told_at_the_start_and_then_every_three_seconds() {
        let (mut typists, topic) = (Typists::default(), chat("1"));
        assert_eq!(typists.sign(&topic, &7.into(), None, at(0)), Sign::New);
        assert!(typists.begin(&topic, typist(7, 0), None));
        for (ms, sign) in [(1, Sign::Known), (2_999, Sign::Known), (3_000, Sign::Again), (5_999, Sign::Known)] {
            assert_eq!(typists.sign(&topic, &7.into(), None, at(ms)), sign, "{ms}");
        }
        assert_eq!(typists.sign(&chat("2"), &7.into(), None, at(1)), Sign::New, "each topic by itself");
    }

    #[test]
    fn whoever_gives_no_sign_for_six_seconds_has_stopped() {
        let (mut typists, topic) = (Typists::default(), chat("1"));
        typists.begin(&topic, typist(7, 0), socket(1));
        typists.sign(&topic, &7.into(), socket(1), at(1_000));
        assert_eq!(typists.tick(at(6_999)), (Vec::new(), Vec::new()));
        let (stopped, _) = typists.tick(at(7_000));
        assert_eq!(stopped[0].typist.user, 7.into());
        assert!(is_empty(&typists));
        assert_eq!(typists.stop(&topic, &7.into()), None, "only once");
    }

    #[test]
    fn the_last_typing_socket_stops_its_user_and_an_earlier_one_does_not() {
        let (mut typists, topic) = (Typists::default(), chat("1"));
        typists.begin(&topic, typist(7, 0), socket(1));
        typists.sign(&topic, &7.into(), socket(2), at(1));
        assert!(typists.leave(SocketId::from_random(1), None).is_empty());
        assert!(typists.leave(SocketId::from_random(2), Some(&chat("2"))).is_empty(), "another topic");
        assert_eq!(typists.leave(SocketId::from_random(2), Some(&topic)).len(), 1);
        assert!(is_empty(&typists));
    }

    #[test]
    fn at_the_limit_all_are_told_by_name_and_beyond_only_staff_and_the_number() {
        let (mut typists, topic) = (Typists::default(), chat("1"));
        for user in 0..CROWD as u32 {
            assert!(typists.begin(&topic, typist(user, 0), None));
        }
        assert!(typists.tick(at(0)).1.is_empty());
        assert!(!typists.begin(&topic, typist(100, 0), None));
        assert!(typists.begin(&topic, Typist { is_staff: true, ..typist(101, 0) }, None));
        let (_, crowds) = typists.tick(at(0));
        assert_eq!((crowds[0].count, crowds[0].staff.len()), (CROWD + 2, 1));
        assert_eq!(typists.stop(&topic, &100.into()), None, "nobody was told");
        assert!(typists.tick(at(999)).1.is_empty(), "once a second");
        assert_eq!(typists.tick(at(1_000)).1[0].count, CROWD + 1);
        assert!(typists.tick(at(2_000)).1.is_empty(), "only when it has changed");
        let (stopped, crowds) = typists.tick(at(6_000));
        assert_eq!((stopped.len(), crowds[0].count), (CROWD + 1, 0));
        typists.tick(at(7_000));
        assert!(is_empty(&typists));
    }

    #[test]
    fn beyond_the_limit_of_typists_no_note_is_taken() {
        let mut typists = Typists { count: MAX_TYPISTS - 1, ..Typists::default() };
        assert!(typists.begin(&chat("1"), typist(1, 0), None));
        assert!(!typists.begin(&chat("1"), typist(2, 0), None));
        assert_eq!(typists.list(&chat("1")).len(), 1);
    }
}
