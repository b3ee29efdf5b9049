//! A timer among the sockets: wakes the readiness loop when the next event is due.
//!
//! `epoll_wait` counts in milliseconds, too coarse for a schedule whose latency is measured in microseconds.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use rustix::{
    event::epoll,
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};

use crate::bench::{
    Error, Result,
    clock::{self, SECOND},
};

/// Told apart from every seat's index, because no seat has this number.
const TOKEN: u64 = u64::MAX;

/// The timer and what it is set to.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    /// Time it rings (ns); 0 = never. Spares a system call when nothing changed.
    set: u64,
}

impl Alarm {
    /// Makes a timer that wakes this epoll instance.
    pub(super) fn new(epoll: &OwnedFd) -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(failed)?;
        let data = epoll::EventData::new_u64(TOKEN);
        epoll::add(epoll, timer.as_fd(), data, epoll::EventFlags::IN).map_err(failed)?;
        Ok(Self { timer, set: 0 })
    }

    /// Sets the alarm for `due` (ns); None = no alarm. Returns how long to wait for readiness: `longest`, or not at all
    /// when `due` has passed.
    pub(super) fn set(&mut self, due: Option<u64>, longest: Duration) -> Result<Duration> {
        let past = due.is_some_and(|due| due <= clock::now());
        let due = due.filter(|_| !past).unwrap_or_default();
        if due != self.set {
            // Setting a timer also takes back a ring that nobody has read.
            let value = Timespec { tv_sec: signed(due / SECOND), tv_nsec: signed(due % SECOND) };
            let time = Itimerspec { it_interval: Timespec::default(), it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &time).map_err(failed)?;
            self.set = due;
        }
        Ok(if past { Duration::ZERO } else { longest })
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn failed(source: Errno) -> Error {
    Error::Io { what: "set a timer", source: source.into() }
}
