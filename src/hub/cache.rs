//! The last event of each cache channel, kept whether anybody is subscribed or not.
//!
//! Only events published over HTTP are kept; the newest wins whatever its name. Bounded in entries, in bytes and in time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lru::LruCache;

use super::Frame;
use crate::protocol::ChannelName;

/// Most bytes of events that one app keeps, each counted as frame and as `data`.
pub(super) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A kept event. Made before any lock is taken; a clone shares it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) frame: Frame,
    /// `data` as published, for `info=cache`.
    data: Arc<str>,
    expires: Instant,
}

impl Kept {
    /// Makes a copy of an event that is kept for `ttl`.
    pub(super) fn new(frame: &Frame, data: &str, ttl: Duration, now: Instant) -> Self {
        Self { frame: frame.clone(), data: data.into(), expires: now + ttl }
    }

    fn bytes(&self) -> usize {
        self.frame.len() + self.data.len()
    }
}

/// How much a cache may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Most events; 0 counts as 1.
    pub(super) events: u32,
    /// Most bytes. An event that is larger alone is not kept.
    pub(super) bytes: usize,
}

/// What `GET /channels/{name}?info=cache` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedEvent {
    /// `data` as published.
    pub data: String,
    /// Time left.
    pub ttl: Duration,
}

/// The cache of one app. The oldest entry goes first when it is full.
#[derive(Debug)]
pub(super) struct Cache {
    events: LruCache<ChannelName, Kept>,
    /// Bytes of all events.
    bytes: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self { events: LruCache::unbounded(), bytes: 0 }
    }
}

impl Cache {
    /// Keeps an event instead of the channel's last one; the oldest go until everything is within `room`.
    pub(super) fn put(&mut self, channel: &ChannelName, kept: Kept, room: Room) {
        self.bytes += kept.bytes();
        if let Some((_, before)) = self.events.push(channel.clone(), kept) {
            self.bytes -= before.bytes();
        }
        while self.events.len() > (room.events as usize).max(1) || self.bytes > room.bytes {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, kept)) = self.events.pop_lru() {
            self.bytes -= kept.bytes();
        }
    }

    /// The kept event, unless it has expired.
    pub(super) fn get(&self, channel: &ChannelName, now: Instant) -> Option<&Kept> {
        self.events.peek(channel).filter(|kept| kept.expires > now)
    }

    /// The kept event as the HTTP API tells it.
    pub(super) fn describe(&self, channel: &ChannelName, now: Instant) -> Option<CachedEvent> {
        self.get(channel, now).map(|kept| CachedEvent { data: kept.data.to_string(), ttl: kept.expires - now })
    }

    /// Drops what has expired, starting with the oldest; stops at the first that has not.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.events.peek_lru().is_some_and(|(_, kept)| kept.expires <= now) {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::channel_name::NameRules;

    fn name(text: &str) -> ChannelName {
        ChannelName::parse(text, NameRules { max_length: 200, lenient: false }).unwrap()
    }

    #[test]
    fn newest_event_wins_until_it_expires_and_the_oldest_channel_gives_way() {
        let now = Instant::now();
        let frame = Frame::ping();
        let mut cache = Cache::default();
        let room = Room { events: 2, bytes: 1_000 };
        let kept = |data, now| Kept::new(&frame, data, Duration::from_secs(10), now);
        cache.put(&name("cache-a"), kept("1", now), room);
        cache.put(&name("cache-a"), kept("2", now), room);
        cache.put(&name("cache-b"), kept("b", now), room);
        assert_eq!(cache.describe(&name("cache-a"), now).unwrap().data, "2");
        let later = now + Duration::from_secs(4);
        assert_eq!(cache.describe(&name("cache-a"), later).unwrap().ttl, Duration::from_secs(6));
        cache.put(&name("cache-c"), kept("c", later), room);
        assert!(cache.get(&name("cache-a"), later).is_none());
        assert!(cache.get(&name("cache-b"), now + Duration::from_secs(10)).is_none());
        cache.expire(now + Duration::from_secs(10));
        assert_eq!(cache.events.len(), 1);
    }
    #[test]
    fn the_bytes_of_all_events_stay_within_the_bound_and_the_oldest_give_way() {
        let now = Instant::now();
        let frame = Frame::text(|out| out.resize(out.len() + 98, b'x'));
        let kept = |data: &str| Kept::new(&frame, data, Duration::from_secs(10), now);
        let room = Room { events: 100, bytes: 600 };
        let mut cache = Cache::default();
        for channel in ["cache-a", "cache-b", "cache-c", "cache-a"] {
            cache.put(&name(channel), kept(&"d".repeat(100)), room);
        }
        assert_eq!((cache.events.len(), cache.bytes), (3, 600));
        cache.put(&name("cache-d"), kept(""), room);
        assert_eq!((cache.events.len(), cache.bytes), (3, 500));
        assert!(cache.get(&name("cache-b"), now).is_none() && cache.get(&name("cache-a"), now).is_some());
        cache.put(&name("cache-a"), kept(&"d".repeat(501)), room);
        assert_eq!((cache.events.len(), cache.bytes), (0, 0), "neither the one that is too large nor an older one");
        cache.put(&name("cache-a"), kept("d"), room);
        cache.expire(now + Duration::from_secs(10));
        assert_eq!((cache.events.len(), cache.bytes), (0, 0));
    }
}
