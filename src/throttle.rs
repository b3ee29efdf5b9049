//! Rate limits that are shared: by an app's requests, by a user's sockets, by an address.
//!
//! Owns the governor limiters and bounds their memory: governor keeps a key for ever unless told otherwise, so its keys live
//! in `throttle/buckets.rs`, which is swept and in which new keys share one bucket once it is full. Never blocks and never
//! waits.

mod buckets;

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, QuantaClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use self::buckets::Buckets;

/// Keys one store holds before new ones share a bucket.
const MAX_KEYS: usize = 100_000;

/// Something went beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rate limit of {limit} per {} exceeded, try again in {} ms", unit(*period), retry_after.as_millis())]
pub struct Exceeded {
    /// Tokens per period.
    pub limit: u32,
    /// One second or one minute.
    pub period: Duration,
    /// When one more would pass.
    pub retry_after: Duration,
}

impl Exceeded {
    /// Whole seconds after which one more would pass; at least 1.
    #[must_use]
    pub fn retry_seconds(&self) -> u64 {
        let begun = u64::from(self.retry_after.subsec_nanos() > 0);
        (self.retry_after.as_secs() + begun).max(1)
    }
}

/// State of a limit after something passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Tokens per period.
    pub limit: u32,
    /// One second or one minute.
    pub period: Duration,
    /// Tokens left.
    pub remaining: u32,
}

/// A bucket that tells its state.
type Told = RateLimiter<NotKeyed, InMemoryState, QuantaClock, StateInformationMiddleware>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn unit(period: Duration) -> &'static str {
    if period == MINUTE { "minute" } else { "second" }
}

/// One bucket for everybody.
#[derive(Debug)]
pub struct Shared {
    limiter: Told,
    limit: NonZeroU32,
    clock: QuantaClock,
}

impl Shared {
    /// Makes a limit of `per_second` with a burst of as many; `None` for 0, which means no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Option<Self> {
        let limit = NonZeroU32::new(per_second)?;
        let clock = QuantaClock::default();
        let limiter = RateLimiter::direct_with_clock(Quota::per_second(limit), clock.clone()).with_middleware();
        Some(Self { limiter, limit, clock })
    }

    /// The most that can be taken at once: one second's tokens.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.limit.get()
    }

    /// Takes `count` tokens at once; 0 counts as 1. More than [`Shared::burst`] never pass, so ask that first.
    ///
    /// # Errors
    /// When there are not enough; none is taken then.
    pub fn take(&self, count: u32) -> Result<Passed, Exceeded> {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_n(count) {
            Ok(Ok(state)) => {
                Ok(Passed { limit: self.limit.get(), period: SECOND, remaining: state.remaining_burst_capacity() })
            }
            Ok(Err(not_until)) => {
                let retry_after = not_until.wait_time_from(self.clock.now());
                Err(Exceeded { limit: self.limit.get(), period: SECOND, retry_after })
            }
            Err(_beyond_burst) => Err(Exceeded { limit: self.limit.get(), period: SECOND, retry_after: SECOND }),
        }
    }
}

/// One bucket for each key.
#[derive(Debug)]
pub struct Keyed<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Buckets<K>, QuantaClock, StateInformationMiddleware>,
    limit: NonZeroU32,
    /// In which `limit` tokens come back.
    period: Duration,
    clock: QuantaClock,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    /// Makes a limit of `per_second` with a burst of `burst` for each key; `None` for 0, which means no limit.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let limit = NonZeroU32::new(per_second)?;
        let quota = Quota::per_second(limit).allow_burst(NonZeroU32::new(burst).unwrap_or(limit));
        Some(Self { limit, ..Self::with_quota(quota, MAX_KEYS) })
    }

    /// Makes a limit of `per_minute` with a burst of as many for each key; `None` for 0, which means no limit.
    #[must_use]
    pub fn per_minute(per_minute: u32) -> Option<Self> {
        let limit = NonZeroU32::new(per_minute)?;
        Some(Self { period: MINUTE, ..Self::with_quota(Quota::per_minute(limit), MAX_KEYS) })
    }

    fn with_quota(quota: Quota, max_keys: usize) -> Self {
        let clock = QuantaClock::default();
        let limiter = RateLimiter::new(quota, Buckets::new(max_keys), clock.clone());
        Self { limiter, limit: quota.burst_size(), period: SECOND, clock }
    }

    /// Takes one token of a key.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&self, key: &K) -> Result<Passed, Exceeded> {
        let (limit, period) = (self.limit.get(), self.period);
        match self.limiter.check_key(key) {
            Ok(state) => Ok(Passed { limit, period, remaining: state.remaining_burst_capacity() }),
            Err(not_until) => {
                let retry_after = not_until.wait_time_from(self.clock.now());
                Err(Exceeded { limit, period, retry_after })
            }
        }
    }

    /// Forgets keys whose buckets are full again. To be called every few seconds.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
    }

    /// Keys in the store.
    #[must_use]
    pub fn len(&self) -> usize {
        self.limiter.len()
    }

    /// Tells whether no key is in the store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limiter.is_empty()
    }
}

/// An address as limits see it: IPv4 whole, IPv6 by its /64, which is one customer's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_limit_passes_its_burst_and_tells_when_to_come_back() {
        assert!(Shared::new(0).is_none());
        let limit = Shared::new(5).unwrap();
        assert_eq!(limit.take(4), Ok(Passed { limit: 5, period: SECOND, remaining: 1 }));
        assert!(limit.take(1).is_ok());
        let exceeded = limit.take(1).unwrap_err();
        assert_eq!(exceeded.limit, 5);
        assert!(exceeded.retry_after <= Duration::from_millis(200) && exceeded.retry_after > Duration::ZERO);
    }

    #[test]
    fn a_begun_second_is_waited_for_whole() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            let retry_after = Duration::from_millis(millis);
            assert_eq!(Exceeded { limit: 1, period: SECOND, retry_after }.retry_seconds(), seconds, "{millis}");
        }
    }

    #[test]
    fn more_than_the_burst_never_passes_and_takes_nothing() {
        let limit = Shared::new(5).unwrap();
        assert_eq!(limit.burst(), 5);
        assert!(limit.take(6).is_err());
        assert_eq!(limit.take(5), Ok(Passed { limit: 5, period: SECOND, remaining: 0 }));
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let limit = Keyed::new(1, 2).unwrap();
        assert!(limit.take(&"a").is_ok() && limit.take(&"a").is_ok());
        assert!(limit.take(&"a").is_err());
        assert!(limit.take(&"b").is_ok());
    }

    #[test]
    fn a_limit_tells_its_period_and_what_is_left() {
        let limit = Keyed::per_minute(2).unwrap();
        assert_eq!(limit.take(&"a"), Ok(Passed { limit: 2, period: MINUTE, remaining: 1 }));
        assert_eq!(limit.take(&"a").map(|passed| passed.remaining), Ok(0));
        let exceeded = limit.take(&"a").unwrap_err();
        assert!(exceeded.to_string().starts_with("rate limit of 2 per minute exceeded"), "{exceeded}");
        assert!(exceeded.retry_after > Duration::from_secs(20) && exceeded.retry_after <= Duration::from_secs(30));
    }

    #[test]
    fn a_known_key_keeps_its_own_bucket_when_a_flood_of_others_has_filled_the_store() {
        let quota = Quota::per_minute(NonZeroU32::new(3).unwrap());
        let limit = Keyed::with_quota(quota, 10);
        assert!(limit.take(&0).is_ok());
        let passed = (1..1_000_u32).filter(|key| limit.take(key).is_ok()).count();
        assert_eq!(passed, 9 + 3, "nine with buckets of their own, three tokens for all others");
        assert!(limit.take(&0).is_ok() && limit.take(&0).is_ok() && limit.take(&0).is_err());
        assert_eq!(limit.len(), 10);
    }

    #[test]
    fn a_sweep_forgets_full_buckets_and_makes_room() {
        let quota = Quota::with_period(Duration::from_nanos(1)).unwrap();
        let limit = Keyed::with_quota(quota, 10);
        for key in 0..100_u32 {
            let _ = limit.take(&key);
        }
        assert_eq!(limit.len(), 10);
        limit.sweep();
        assert!(limit.is_empty());
    }

    #[test]
    fn a_flood_of_keys_never_makes_the_store_larger_than_its_bound() {
        let quota = Quota::per_second(NonZeroU32::new(1_000_000).unwrap());
        let limit = Keyed::with_quota(quota, 1_000);
        for key in 0..100_000_u32 {
            let _ = limit.take(&key);
            assert!(limit.len() <= 1_000);
        }
    }

    #[test]
    fn addresses_of_one_v6_network_are_one_and_mapped_v4_is_v4() {
        let network = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
