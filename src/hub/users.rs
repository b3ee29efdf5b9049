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

use super::{Frame, Socket, fanout};
use crate::{
    ids::{SocketId, UserId},
    metrics::AppMetrics,
    protocol::server_message,
};

/// How long a user may be away before the watchers are told (Pusher delays such events by up to 3 s, too).
const OFFLINE_DELAY: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(super) struct Users {
    online: HashMap<UserId, Vec<Arc<Socket>>, RandomState>,
    watchers: HashMap<UserId, Vec<Arc<Socket>>, RandomState>,
    /// Users whose last socket has gone but whose watchers still believe them online.
    leaving: BTreeMap<UserId, Instant>,
}

fn remove(map: &mut HashMap<UserId, Vec<Arc<Socket>>, RandomState>, user: &UserId, socket: SocketId) -> bool {
    let Some(sockets) = map.get_mut(user) else { return false };
    sockets.retain(|other| other.id() != socket);
    let gone = sockets.is_empty();
    if gone {
        map.remove(user);
    }
    gone
}

impl Users {
    /// Sockets of a user.
    pub(super) fn sockets(&self, user: &UserId) -> &[Arc<Socket>] {
        self.online.get(user).map_or(&[], Vec::as_slice)
    }

    /// Binds a socket to a user. The same socket twice is one.
    pub(super) fn sign_in(&mut self, user: &UserId, socket: &Arc<Socket>, metrics: &AppMetrics) {
        let sockets = self.online.entry(user.clone()).or_default();
        if sockets.iter().any(|other| other.id() == socket.id()) {
            return;
        }
        sockets.push(Arc::clone(socket));
        if sockets.len() == 1 && self.leaving.remove(user).is_none() {
            self.tell_watchers(std::slice::from_ref(user), &[], metrics);
        }
    }

    /// Replaces what a socket watches and tells it the state of the whole list.
    pub(super) fn watch(&mut self, socket: &Arc<Socket>, before: &[UserId], list: &[UserId], metrics: &AppMetrics) {
        for user in before {
            remove(&mut self.watchers, user, socket.id());
        }
        for user in list {
            self.watchers.entry(user.clone()).or_default().push(Arc::clone(socket));
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
        self.tell_watchers(&[], &gone, metrics);
    }

    /// One frame for each watcher, with all the users it watches among those who came or went.
    fn tell_watchers(&self, online: &[UserId], offline: &[UserId], metrics: &AppMetrics) {
        let mut news: HashMap<SocketId, News<'_>> = HashMap::new();
        let came = online.iter().map(|user| (user, true));
        for (user, online) in came.chain(offline.iter().map(|user| (user, false))) {
            for watcher in self.watchers.get(user).into_iter().flatten() {
                let news = news.entry(watcher.id()).or_insert_with(|| News::of(watcher));
                let list = if online { &mut news.online } else { &mut news.offline };
                list.push(user.clone());
            }
        }
        for News { watcher, online, offline } in news.values() {
            let frame = Frame::text(|out| server_message::watchlist_events(out, online, offline));
            fanout::push(watcher, &frame, metrics);
        }
    }
}

/// What one watcher is told at once.
struct News<'a> {
    watcher: &'a Socket,
    online: Vec<UserId>,
    offline: Vec<UserId>,
}

impl<'a> News<'a> {
    fn of(watcher: &'a Socket) -> Self {
        Self { watcher, online: Vec::new(), offline: Vec::new() }
    }
}
