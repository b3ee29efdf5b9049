//! What the receivers heard: deliveries, how late they came, how many are missing.
//!
//! Called once per received frame, so it allocates and formats nothing there. Knows events by the number in their
//! marker; numbers of an earlier phase or another run fall outside its range and are not counted.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{audience::Ears, clock::Epoch, marker::Marker, probe::float};

/// The longest latency told apart, in microseconds: 10 minutes.
const LONGEST_US: u64 = 600_000_000;
/// Significant digits kept of a latency.
const DIGITS: u8 = 3;

/// Latency of deliveries in milliseconds, from the time the event was due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Latency {
    /// Half of the deliveries came within this time.
    pub(super) p50: f64,
    /// 90 % came within this time.
    pub(super) p90: f64,
    /// 99 % came within this time.
    pub(super) p99: f64,
    /// 99.9 % came within this time.
    pub(super) p999: f64,
    /// The latest.
    pub(super) max: f64,
}

/// Counts the deliveries of one phase.
#[derive(Debug)]
pub(super) struct Tally {
    epoch: Epoch,
    /// Number of the phase's first event.
    first: u32,
    /// Deliveries each event should have.
    per_event: u32,
    /// Deliveries each event has had, by number from `first`.
    heard: Vec<u32>,
    latency: Histogram<u64>,
    /// Deliveries so far, without repeated ones.
    pub(super) delivered: u64,
    /// Deliveries beyond what an event should have.
    pub(super) repeated: u64,
    /// Events that have had all their deliveries.
    pub(super) complete: u32,
    /// When the last delivery came (ns), 0 = none yet.
    pub(super) last: u64,
}

impl Tally {
    /// Prepares for at most `events` events, numbered from `first`, of `per_event` deliveries each.
    pub(super) fn new(
        epoch: Epoch,
        first: u32,
        events: u32,
        per_event: u32,
    ) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            epoch,
            first,
            per_event,
            heard: vec![0; usize::try_from(events).unwrap_or_default()],
            latency: Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?,
            delivered: 0,
            repeated: 0,
            complete: 0,
            last: 0,
        })
    }

    /// Deliveries each event should have.
    pub(super) fn per_event(&self) -> u32 {
        self.per_event
    }

    /// Counts one delivery of `marker`'s event, received at `now` (ns).
    pub(super) fn count(&mut self, marker: Marker, now: u64) {
        let index = marker.number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let Some(heard) = index.and_then(|index| self.heard.get_mut(index)) else {
            return;
        };
        if *heard >= self.per_event {
            self.repeated = self.repeated.saturating_add(1);
            return;
        }
        *heard = heard.saturating_add(1);
        if *heard == self.per_event {
            self.complete = self.complete.saturating_add(1);
        }
        self.delivered = self.delivered.saturating_add(1);
        self.last = now;
        self.latency.saturating_record(u64::from(self.epoch.micros(now).saturating_sub(marker.micros)));
    }

    /// The latencies so far; None before the first delivery.
    pub(super) fn latency(&self) -> Option<Latency> {
        if self.delivered == 0 {
            return None;
        }
        let at = |quantile| float(self.latency.value_at_quantile(quantile)) / 1_000.0;
        let max = float(self.latency.max()) / 1_000.0;
        Some(Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max })
    }
}

impl Ears for Tally {
    fn hear(&mut self, _seat: usize, payload: &[u8], now: u64) -> bool {
        let Some(marker) = Marker::find(payload) else {
            return false;
        };
        self.count(marker, now);
        true
    }
}

impl AsRef<Self> for Tally {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::clock::MILLISECOND;

    fn tally(per_event: u32) -> Tally {
        Tally::new(Epoch::at(0), 10, 100, per_event).expect("bounds")
    }

    #[test]
    fn quantiles_are_of_the_latency_since_due() {
        let mut tally = tally(1);
        for index in 0..100 {
            tally.count(Marker { number: 10 + index, micros: 1_000 }, MILLISECOND * u64::from(2 + index));
        }
        let latency = tally.latency().expect("deliveries");
        let close = |value: f64, expected: f64| (value - expected).abs() / expected < 0.002;
        assert!(close(latency.p50, 50.0) && close(latency.p99, 99.0) && close(latency.max, 100.0), "{latency:?}");
        assert_eq!((tally.delivered, tally.complete), (100, 100));
    }

    #[test]
    fn a_repeated_delivery_is_told_apart() {
        let mut tally = tally(2);
        for _ in 0..3 {
            tally.count(Marker { number: 10, micros: 0 }, 5);
        }
        assert_eq!((tally.delivered, tally.repeated, tally.complete, tally.last), (2, 1, 1, 5));
    }

    #[test]
    fn events_of_another_phase_are_not_counted() {
        let mut tally = tally(1);
        for number in [0, 9, 110, u32::MAX] {
            tally.count(Marker { number, micros: 0 }, 5);
        }
        assert_eq!((tally.delivered, tally.latency()), (0, None));
    }

    #[test]
    fn only_marked_frames_are_heard() {
        let mut tally = tally(1);
        assert!(!tally.hear(0, br#"{"event":"pusher:ping"}"#, 0));
        assert!(tally.hear(0, Marker { number: 10, micros: 0 }.text().as_bytes(), 0));
    }
}
