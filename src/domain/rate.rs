//! A token bucket in sixteen bytes, for limits that every socket carries.
//!
//! Generic cell rate algorithm: only the moment is kept at which the bucket would be full again. Pure: the caller brings the
//! time. Limits that many sockets share live in `throttle`.

use std::time::{Duration, Instant};

/// How much may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back per `period`.
    pub tokens: u32,
    /// Time in which `tokens` come back.
    pub period: Duration,
    /// Tokens that may be taken at once after a rest.
    pub burst: u32,
}

impl Rate {
    /// `tokens` per second with a burst of `burst`.
    #[must_use]
    pub const fn per_second(tokens: u32, burst: u32) -> Self {
        Self { tokens, period: Duration::from_secs(1), burst }
    }
}

/// A bucket, full when new.
#[derive(Debug, Default, Clone, Copy)]
pub struct Bucket {
    /// When the bucket is full again; in the past or absent means full now.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes one token; `false` when there is none.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let interval = rate.period / rate.tokens.max(1);
        let base = self.full_at.map_or(now, |at| at.max(now));
        let full_at = base + interval;
        if full_at - now > interval * rate.burst.max(1) {
            return false;
        }
        self.full_at = Some(full_at);
        true
    }

    /// Gives back a token that was taken at this rate.
    pub fn give_back(&mut self, rate: Rate) {
        let interval = rate.period / rate.tokens.max(1);
        self.full_at = self.full_at.and_then(|at| at.checked_sub(interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_the_next_one_waits_and_tokens_come_back() {
        let rate = Rate::per_second(10, 10);
        let start = Instant::now();
        let mut bucket = Bucket::default();
        assert!((0..10).all(|_| bucket.take(rate, start)));
        assert!(!bucket.take(rate, start));
        assert!(!bucket.take(rate, start + Duration::from_millis(99)));
        assert!(bucket.take(rate, start + Duration::from_millis(100)));
        assert!(!bucket.take(rate, start + Duration::from_millis(100)));
        bucket.give_back(rate);
        assert!(bucket.take(rate, start + Duration::from_millis(100)));
        assert!(!bucket.take(rate, start + Duration::from_millis(100)));
        let later = start + Duration::from_secs(5);
        assert!((0..10).all(|_| bucket.take(rate, later)));
        assert!(!bucket.take(rate, later));
    }
}
