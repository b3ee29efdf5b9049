//! The last event of each cache channel, kept whether anybody is subscribed or not.
//!
//! Only events published over HTTP are kept; the newest wins whatever its name. Bounded in entries and in time.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;

use super::Frame;
use crate::protocol::ChannelName;

/// A kept event.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) frame: Frame,
    /// `data` as published, for `info=cache`.
    pub(super) data: Box<str>,
    expires: Instant,
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
}

impl Default for Cache {
    fn default() -> Self {
        Self { events: LruCache::unbounded() }
    }
}

impl Cache {
    /// Keeps an event for `ttl`; at most `max` entries remain.
    pub(super) fn put(
        &mut self,
        channel: &ChannelName,
        event: (&Frame, &str),
        (ttl, max): (Duration, u32),
        now: Instant,
    ) {
        let (frame, data) = event;
        self.events.push(channel.clone(), Kept { frame: frame.clone(), data: data.into(), expires: now + ttl });
        while self.events.len() > NonZeroUsize::new(max as usize).map_or(1, NonZeroUsize::get) {
            self.events.pop_lru();
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
            self.events.pop_lru();
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
        let rules = (Duration::from_secs(10), 2);
        cache.put(&name("cache-a"), (&frame, "1"), rules, now);
        cache.put(&name("cache-a"), (&frame, "2"), rules, now);
        cache.put(&name("cache-b"), (&frame, "b"), rules, now);
        assert_eq!(cache.describe(&name("cache-a"), now).unwrap().data, "2");
        let later = now + Duration::from_secs(4);
        assert_eq!(cache.describe(&name("cache-a"), later).unwrap().ttl, Duration::from_secs(6));
        cache.put(&name("cache-c"), (&frame, "c"), rules, later);
        assert!(cache.get(&name("cache-a"), later).is_none());
        assert!(cache.get(&name("cache-b"), now + Duration::from_secs(10)).is_none());
        cache.expire(now + Duration::from_secs(10));
        assert_eq!(cache.events.len(), 1);
    }
}
