//! The one clock of a run, and the timetable of its events.
//!
//! Owns monotonic time in nanoseconds as the kernel counts it (so that the floor's process and the bench read the same
//! clock), the epoch a run counts from, and [`Pace`]: when each event is due. Latency is counted from the due time, not
//! from the moment the event left, so a server that holds the load back cannot hide it (no coordinated omission).

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub(super) const MILLISECOND: u64 = 1_000_000;

/// The longest single nap of a waiting thread; between naps it looks whether it should stop.
const NAP: u64 = 50 * MILLISECOND;

/// Reads the monotonic clock, in nanoseconds. Comparable between processes of one machine.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(SECOND).saturating_add(nanoseconds)
}

/// Sleeps until the monotonic time `due` (ns), or until `stop` answers true; false when it was stopped.
///
/// Only for threads of the bench's own.
pub(super) fn sleep_until(due: u64, stop: impl Fn() -> bool) -> bool {
    loop {
        if stop() {
            return false;
        }
        let left = due.saturating_sub(now());
        if left == 0 {
            return true;
        }
        nap(Duration::from_nanos(left.min(NAP)));
    }
}

#[expect(clippy::disallowed_methods, reason = "only threads of the bench's own sleep here, never a runtime's worker")]
fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// The moment a run counts from. Markers carry microseconds since it in 32 bits: 71 minutes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch(u64);

impl Epoch {
    /// Starts a run now.
    pub(super) fn start() -> Self {
        Self(now())
    }

    /// Takes up an epoch that another process started (ns).
    pub(super) fn at(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// The epoch itself, in nanoseconds.
    pub(super) fn nanoseconds(self) -> u64 {
        self.0
    }

    /// Microseconds from the epoch to `time` (ns).
    pub(super) fn micros(self, time: u64) -> u32 {
        u32::try_from(time.saturating_sub(self.0) / 1_000).unwrap_or(u32::MAX)
    }
}

/// When each event of a phase is due, and when to stop: after `events` or at `end`, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Events per second; 0 = saturate, each event is due when its sender is free.
    pub(super) rate: u32,
    /// The most events of the phase.
    pub(super) events: u32,
    /// Monotonic time of event 0 (ns).
    pub(super) start: u64,
    /// No event is sent at or after this time (ns).
    pub(super) end: u64,
}

impl Pace {
    /// The due time (ns) of the event `index`, counted from 0; the present when saturating. None when the phase is over.
    pub(super) fn due(&self, index: u32) -> Option<u64> {
        if index >= self.events {
            return None;
        }
        let due = match self.rate {
            0 => now().max(self.start),
            rate => self.start.saturating_add(u64::from(index).saturating_mul(SECOND) / u64::from(rate)),
        };
        (due < self.end).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_due_at_even_steps_and_end_by_count() {
        let pace = Pace { rate: 4, events: 3, start: 10 * SECOND, end: 20 * SECOND };
        let due: Vec<_> = (0..4).map(|index| pace.due(index)).collect();
        assert_eq!(due, [Some(10 * SECOND), Some(10 * SECOND + 250 * MILLISECOND), Some(10_500 * MILLISECOND), None]);
    }

    #[test]
    fn events_end_by_time() {
        let pace = Pace { rate: 1, events: 100, start: 0, end: 2 * SECOND };
        assert_eq!(pace.due(1), Some(SECOND));
        assert_eq!(pace.due(2), None);
    }

    #[test]
    fn saturated_events_are_due_when_asked_for() {
        let before = now();
        let pace = Pace { rate: 0, events: 1, start: 0, end: u64::MAX };
        let due = pace.due(0).expect("one event");
        assert!(due >= before && due <= now());
    }

    #[test]
    fn a_stopped_sleeper_does_not_wait() {
        assert!(!sleep_until(u64::MAX, || true));
        assert!(sleep_until(0, || false));
    }

    #[test]
    fn micros_count_from_the_epoch_and_saturate() {
        let epoch = Epoch::at(5 * SECOND);
        assert_eq!(epoch.micros(5 * SECOND + 1_999), 1);
        assert_eq!(epoch.micros(0), 0);
        assert_eq!(epoch.micros(u64::MAX), u32::MAX);
    }
}
