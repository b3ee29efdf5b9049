//! Signed-in users: their sockets, and who wants to know when they come and go.
//!
//! A user is online while at least one of their sockets is signed in. Going offline is told only after [`OFFLINE_DELAY`], so
//! that a page reload is no news. Lives under one lock of the hub.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;

use super::{
    Frame, Socket,
    fanout::{self, Subscribers},
};
use crate::{
    ids::{SocketId, UserId},
    metrics::AppMetrics,
    protocol::server_message,
};

/// How long a user may be away before the watchers are told (Pusher delays such events by up to 3 s, too).
const OFFLINE_DELAY: Duration = Duration::from_secs(3);

/// Sockets of each user who has any. A class of thousands may watch one teacher: a leave must not search them all.
type ByUser = HashMap<UserId, Subscribers, RandomState>;

#[derive(Debug, Default)]
pub(super) struct Users {
    online: ByUser,
    watchers: ByUser,
    /// Users whose last socket has gone but whose watchers still believe them online.
    leaving: BTreeMap<UserId, Instant>,
}

/// Removes a socket of a user; tells whether it was the last.
fn remove(map: &mut ByUser, user: &UserId, socket: SocketId) -> bool {
    let Some(sockets) = map.get_mut(user) else { return false };
    sockets.remove(socket);
    let gone = sockets.is_empty();
    if gone {
        map.remove(user);
    }
    gone
}

impl Users {
    /// Users with at least one socket.
    pub(super) fn online(&self) -> usize {
        self.online.len()
    }

    /// Sockets of a user.
    pub(super) fn sockets(&self, user: &UserId) -> &[Arc<Socket>] {
        self.online.get(user).map_or(&[], Subscribers::as_slice)
    }

    /// Binds a socket to a user. The same socket twice is one.
    pub(super) fn sign_in(&mut self, user: &UserId, socket: &Arc<Socket>, metrics: &AppMetrics) {
        let sockets = self.online.entry(user.clone()).or_default();
        if sockets.contains(socket.id()) {
            return;
        }
        sockets.add(socket);
        if sockets.len() == 1 && self.leaving.remove(user).is_none() {
            self.tell_of_one(user, (std::slice::from_ref(user), &[]), metrics);
        }
    }

    /// Replaces what a socket watches and tells it the state of the whole list.
    pub(super) fn watch(&mut self, socket: &Arc<Socket>, before: &[UserId], list: &[UserId], metrics: &AppMetrics) {
        for user in before {
            remove(&mut self.watchers, user, socket.id());
        }
        for user in list {
            let watchers = self.watchers.entry(user.clone()).or_default();
            if !watchers.contains(socket.id()) {
                watchers.add(socket);
            }
        }
        if list.is_empty() {
            return;
        }
        let is_online = |user: &UserId| self.online.contains_key(user) || self.leaving.contains_key(user);
        let (online, offline): (Vec<_>, Vec<_>) = list.iter().cloned().partition(is_online);
        let frame = Frame::text(|out| server_message::watchlist_events(out, &online, &offline));
        fanout::push(socket, &frame, metrics);
    }

    /// Unbinds a socket from its user and its watchlist.
    pub(super) fn sign_out(&mut self, user: &UserId, socket: SocketId, watchlist: &[UserId], now: Instant) {
        for watched in watchlist {
            remove(&mut self.watchers, watched, socket);
        }
        if remove(&mut self.online, user, socket) && self.watchers.contains_key(user) {
            self.leaving.insert(user.clone(), now + OFFLINE_DELAY);
        }
    }

    /// Tells the watchers of users who have been away long enough.
    pub(super) fn settle(&mut self, now: Instant, metrics: &AppMetrics) {
        let gone: Vec<UserId> =
            self.leaving.iter().filter(|(_, due)| **due <= now).map(|(user, _)| user.clone()).collect();
        for user in &gone {
            self.leaving.remove(user);
        }
        match gone.as_slice() {
            [] => {}
            [user] => self.tell_of_one(user, (&[], &gone), metrics),
            _ => self.tell_who_left(&gone, metrics),
        }
    }

    /// Everybody who watches one user is told the same, in one frame.
    fn tell_of_one(&self, user: &UserId, (online, offline): (&[UserId], &[UserId]), metrics: &AppMetrics) {
        if let Some(watchers) = self.watchers.get(user) {
            let frame = Frame::text(|out| server_message::watchlist_events(out, online, offline));
            watchers.push_all(&frame, None, metrics);
        }
    }

    /// One frame for each watcher, with all the users it watches among those who left.
    fn tell_who_left(&self, offline: &[UserId], metrics: &AppMetrics) {
        let mut news: HashMap<SocketId, (&Socket, Vec<UserId>), RandomState> = HashMap::default();
        for user in offline {
            for watcher in self.watchers.get(user).map_or(&[][..], Subscribers::as_slice) {
                news.entry(watcher.id()).or_insert_with(|| (watcher, Vec::new())).1.push(user.clone());
            }
        }
        for (watcher, offline) in news.values() {
            let frame = Frame::text(|out| server_message::watchlist_events(out, &[], offline));
            fanout::push(watcher, &frame, metrics);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::AppId, metrics::Metrics};

    fn user(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    fn metrics() -> AppMetrics {
        Metrics::new().unwrap().for_app(&AppId::parse("app-id").unwrap())
    }

    fn sockets(count: u64) -> Vec<Arc<Socket>> {
        (0..count).map(|number| Arc::new(Socket::new(SocketId::from_random(number), 10_000))).collect()
    }

    fn frame_bytes(online: &[UserId], offline: &[UserId]) -> usize {
        Frame::text(|out| server_message::watchlist_events(out, online, offline)).len()
    }

    #[test]
    fn a_crowd_of_watchers_hears_of_one_user_and_each_may_go_alone() {
        let (metrics, mut users, sockets) = (metrics(), Users::default(), sockets(100));
        let (teacher, list) = (user("7"), [user("7"), user("7")]);
        let (teachers, watchers) = sockets.split_first().unwrap();
        for socket in watchers {
            users.watch(socket, &[], &list, &metrics);
        }
        let before: Vec<usize> = watchers.iter().map(|socket| socket.outbox().queued_bytes()).collect();
        users.sign_in(&teacher, teachers, &metrics);
        users.sign_in(&teacher, teachers, &metrics);
        let news = frame_bytes(&list[..1], &[]);
        assert!(watchers.iter().zip(before).all(|(socket, before)| socket.outbox().queued_bytes() == before + news));
        assert_eq!(users.sockets(&teacher).len(), 1);

        for socket in watchers {
            assert!(users.watchers.contains_key(&teacher));
            users.sign_out(&user("42"), socket.id(), &list, Instant::now());
        }
        assert!(users.watchers.is_empty(), "nothing is kept for those who left");
        users.sign_out(&teacher, teachers.id(), &[], Instant::now());
        assert!(users.online.is_empty() && users.leaving.is_empty());
    }

    #[test]
    fn a_watcher_hears_of_all_who_left_at_once_in_one_frame_and_of_nobody_else() {
        let (metrics, mut users, sockets, now) = (metrics(), Users::default(), sockets(4), Instant::now());
        let (seven, eight) = (user("7"), user("8"));
        let [both, one, of_seven, of_eight] = sockets.as_slice() else { panic!() };
        users.sign_in(&seven, of_seven, &metrics);
        users.sign_in(&eight, of_eight, &metrics);
        users.watch(both, &[], &[seven.clone(), eight.clone()], &metrics);
        users.watch(one, &[], std::slice::from_ref(&eight), &metrics);
        let (both_before, one_before) = (both.outbox().queued_bytes(), one.outbox().queued_bytes());
        users.sign_out(&seven, of_seven.id(), &[], now);
        users.sign_out(&eight, of_eight.id(), &[], now);
        users.settle(now + OFFLINE_DELAY, &metrics);
        let told = |socket: &Socket, before: usize| socket.outbox().queued_bytes() - before;
        assert_eq!(told(both, both_before), frame_bytes(&[], &[seven, eight.clone()]));
        assert_eq!(told(one, one_before), frame_bytes(&[], &[eight]));
    }
}
