//! What the auth endpoint has signed and the socket has not yet used: it tells who the socket belongs to.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use foldhash::fast::RandomState;
use lru::LruCache;
use parking_lot::Mutex;

use crate::{
    ids::{SocketId, UserId},
    protocol::ChannelName,
};

/// How long a grant waits to be used.
const VALID_FOR: Duration = Duration::from_secs(60);

/// Most grants that wait at once, by app; beyond, the oldest is forgotten. Whoever loses one is only not known by it.
const MAX_GRANTS: usize = 100_000;

/// What the endpoint saw when it signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The user of the token; `None` = a guest, who has none.
    pub(super) user: Option<UserId>,
    /// When the token ends.
    pub(super) token_ends: Option<DateTime<Utc>>,
}

/// A channel of a socket; `None` = sign-in.
type Key = (SocketId, Option<ChannelName>);

/// Grants of one app that wait to be used.
#[derive(Debug)]
pub(super) struct Grants {
    /// Guards them.
    waiting: Mutex<LruCache<Key, (Grant, Instant), RandomState>>,
    max: usize,
}

impl Default for Grants {
    fn default() -> Self {
        Self::with_room(MAX_GRANTS)
    }
}

impl Grants {
    fn with_room(max: usize) -> Self {
        Self { waiting: Mutex::new(LruCache::unbounded_with_hasher(RandomState::default())), max }
    }

    /// Remembers a grant.
    pub(super) fn give(&self, socket: SocketId, channel: Option<&ChannelName>, grant: Grant, now: Instant) {
        let mut waiting = self.waiting.lock();
        // The front of the queue is the oldest: nothing is looked at without being taken out.
        while waiting.peek_lru().is_some_and(|(_, (_, given))| now.duration_since(*given) >= VALID_FOR) {
            waiting.pop_lru();
        }
        waiting.put((socket, channel.cloned()), (grant, now));
        if waiting.len() > self.max {
            waiting.pop_lru();
        }
    }

    /// Takes a grant out, if it is there and has not waited too long.
    pub(super) fn take(&self, socket: SocketId, channel: Option<&ChannelName>, now: Instant) -> Option<Grant> {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return None;
        }
        let (grant, given) = waiting.pop(&(socket, channel.cloned()))?;
        (now.duration_since(given) < VALID_FOR).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(user: &str) -> Grant {
        Grant { user: UserId::parse(user).ok(), token_ends: Some(DateTime::UNIX_EPOCH) }
    }

    #[test]
    fn a_grant_is_used_once_within_its_time_and_by_its_own_socket_and_channel() {
        let (grants, now) = (Grants::default(), Instant::now());
        let (one, two) = (SocketId::from_random(1), SocketId::from_random(2));
        grants.give(one, None, grant("7"), now);
        assert_eq!(grants.take(two, None, now), None);
        assert_eq!(grants.take(one, None, now), Some(grant("7")));
        assert_eq!(grants.take(one, None, now), None);
        grants.give(one, None, grant("7"), now);
        assert_eq!(grants.take(one, None, now + VALID_FOR), None);
    }

    #[test]
    fn beyond_the_limit_the_oldest_is_forgotten_and_old_ones_make_room() {
        let (grants, now) = (Grants::with_room(2), Instant::now());
        let sockets: Vec<_> = (0..3).map(SocketId::from_random).collect();
        for socket in &sockets {
            grants.give(*socket, None, grant("7"), now);
        }
        let waits = |socket: &SocketId| grants.waiting.lock().contains(&(*socket, None));
        assert_eq!(sockets.iter().map(waits).collect::<Vec<_>>(), [false, true, true]);
        grants.give(sockets[0], None, grant("7"), now + VALID_FOR);
        assert_eq!(grants.waiting.lock().len(), 1);
    }
}
