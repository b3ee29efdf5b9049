//! The receiving side: any number of Pusher sockets on one thread.
//!
//! Owns the sockets ([`seat`]), the readiness loop and one big read buffer that all share. It must be so light that the
//! server is always the slower one: one `read` per readiness takes whatever is there, frames are scanned in place, and
//! only a frame that [`Ears`] do not know is parsed ([`protocol`]). Workloads call [`Audience::turn`] until they have heard
//! enough. Nothing here blocks except the wait for readiness.

mod alarm;
mod dial;
mod protocol;
mod seat;

use std::{collections::BTreeMap, fmt, os::fd::OwnedFd, time::Duration};

use indicatif::ProgressBar;
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    io::Errno,
};

pub(super) use self::dial::raise_descriptors;
use self::{alarm::Alarm, dial::Buffer, seat::Seat};
use super::{
    Error, Result,
    clock::{self, SECOND},
    message,
    target::Target,
};

/// Handshakes under way at the same time: enough to keep a server busy, too few to overflow its backlog.
const IN_FLIGHT: usize = 64;
/// Readiness reports taken at once.
const REPORTS: usize = 1_024;
/// Free room in the read buffer before each read, in bytes.
const ROOM: usize = 256 << 10;
/// The longest wait for readiness, after which callers look around.
const GLANCE: Duration = Duration::from_millis(20);
/// How long handshakes may make no progress.
const PATIENCE: u64 = 15 * SECOND;

/// Those who understand the frames of a workload.
pub(super) trait Ears {
    /// Takes the content of a data frame that the seat received at `now` (ns); false when it means nothing to the
    /// workload and must be looked at as a message of the protocol. Called once per received frame.
    fn hear(&mut self, seat: usize, payload: &[u8], now: u64) -> bool;
}

/// What a seat subscribes to when it has been greeted.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// Channel; its prefix decides whether the subscription is signed.
    pub(super) channel: String,
    /// The member, presence channels only.
    pub(super) channel_data: Option<String>,
}

impl Ticket {
    /// A subscription without a member.
    pub(super) fn to(channel: &str) -> Self {
        Self { channel: channel.to_owned(), channel_data: None }
    }
}

/// Who is to sit where.
pub(super) struct Plan {
    /// Number of seats.
    pub(super) seats: usize,
    /// What each seat subscribes to; None = it only connects.
    pub(super) ticket: Box<dyn Fn(usize) -> Option<Ticket>>,
    /// The last so many seats get small receive buffers, because they will stop reading.
    pub(super) stallers: usize,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("seats", &self.seats).field("stallers", &self.stallers).finish_non_exhaustive()
    }
}

/// Errors that servers reported after the handshake.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// How many.
    pub(super) count: u64,
    /// The first one.
    pub(super) first: Option<String>,
}

/// What all seats share.
#[derive(Debug)]
struct Host {
    epoll: OwnedFd,
    target: Target,
    plan: Plan,
    /// Seats that completed their handshake and subscription.
    ready: usize,
    /// Sockets that were closed after that, by close code; 1006 = without one.
    closings: BTreeMap<u16, u64>,
    complaints: Complaints,
    /// Seconds of silence after which a client asks for a sign of life, as the server greeted; 0 = not greeted yet.
    activity_timeout: u64,
}

/// The sockets of a run.
pub(super) struct Audience {
    seats: Vec<Seat>,
    host: Host,
    alarm: Alarm,
    scratch: Vec<u8>,
    reports: Vec<epoll::Event>,
    looked_after: u64,
}

impl Audience {
    /// Prepares the seats; nobody is connected yet.
    ///
    /// # Errors
    ///
    /// When the process may not open that many descriptors.
    pub(super) fn new(target: Target, plan: Plan) -> Result<Self> {
        raise_descriptors(plan.seats)?;
        let failed = |source: Errno| Error::Io { what: "create an epoll instance", source: source.into() };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let alarm = Alarm::new(&epoll)?;
        let host = Host {
            epoll,
            target,
            plan,
            ready: 0,
            closings: BTreeMap::new(),
            complaints: Complaints::default(),
            activity_timeout: 0,
        };
        let reports = Vec::with_capacity(REPORTS);
        Ok(Self { seats: Vec::new(), host, alarm, scratch: Vec::new(), reports, looked_after: clock::now() })
    }

    /// Connects and subscribes all seats, at most 64 at the same time, and returns when the last one is ready.
    ///
    /// # Errors
    ///
    /// When the server refuses one, or nothing happens for 15 s.
    pub(super) fn assemble(&mut self, bar: &ProgressBar) -> Result<()> {
        let wanted = self.host.plan.seats;
        let mut progress = (0, clock::now());
        while self.host.ready < wanted {
            while self.seats.len() < wanted && self.seats.len().saturating_sub(self.host.ready) < IN_FLIGHT {
                self.open()?;
            }
            self.idle()?;
            self.keep_alive()?;
            if self.host.ready > progress.0 {
                progress = (self.host.ready, clock::now());
                bar.set_position(u64::try_from(self.host.ready).unwrap_or_default());
            } else if clock::now().saturating_sub(progress.1) > PATIENCE {
                return Err(Error::Stuck { ready: self.host.ready, wanted, seconds: PATIENCE / SECOND });
            }
        }
        Ok(())
    }

    /// Waits for readiness, at most until the monotonic time `due` (ns) or for 20 ms, and attends to what is ready.
    ///
    /// # Errors
    ///
    /// When the server refuses a seat, or the system fails.
    pub(super) fn turn(&mut self, due: Option<u64>, ears: &mut impl Ears) -> Result<()> {
        let wait = self.alarm.set(due, GLANCE)?;
        let timeout = Timespec::try_from(wait).unwrap_or_default();
        let mut reports = std::mem::take(&mut self.reports);
        reports.clear();
        match epoll::wait(&self.host.epoll, spare_capacity(&mut reports), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(source) => return Err(Error::Io { what: "wait for sockets", source: source.into() }),
        }
        for report in &reports {
            let (data, flags) = (report.data, report.flags);
            if let Ok(index) = usize::try_from(data.u64()) {
                self.attend(index, flags, ears)?;
            }
        }
        self.reports = reports;
        Ok(())
    }

    /// Waits and attends as [`Audience::turn`], for times when nobody counts.
    ///
    /// # Errors
    ///
    /// As [`Audience::turn`].
    pub(super) fn idle(&mut self) -> Result<()> {
        self.turn(None, &mut Deaf)
    }

    /// Sends a text message from a seat.
    ///
    /// # Errors
    ///
    /// When the system fails; a socket that was closed is counted instead.
    pub(super) fn say(&mut self, seat: usize, text: &str) -> Result<()> {
        let Self { seats, host, .. } = self;
        seats.get_mut(seat).map_or(Ok(()), |seat| seat.say(text, host))
    }

    /// Subscribes a seat that is already connected.
    ///
    /// # Errors
    ///
    /// As [`Audience::say`].
    pub(super) fn subscribe(&mut self, seat: usize, ticket: &Ticket) -> Result<()> {
        let Some(socket_id) = self.seats.get(seat).map(Seat::socket_id) else {
            return Ok(());
        };
        let text = subscription(&self.host.target, socket_id, ticket);
        self.say(seat, &text)
    }

    /// Asks every server connection that has been silent for its activity timeout for a sign of life, as pusher-js
    /// does. Cheap to call often: it looks once a second.
    ///
    /// # Errors
    ///
    /// As [`Audience::say`].
    pub(super) fn keep_alive(&mut self) -> Result<()> {
        let now = clock::now();
        if self.host.activity_timeout == 0 || now.saturating_sub(self.looked_after) < SECOND {
            return Ok(());
        }
        self.looked_after = now;
        let silence = self.host.activity_timeout.saturating_mul(SECOND);
        for seat in &mut self.seats {
            seat.keep_alive(now, silence, &mut self.host)?;
        }
        Ok(())
    }

    /// Stops reading from the seats that were planned for it.
    ///
    /// # Errors
    ///
    /// When the system fails.
    pub(super) fn stall(&mut self) -> Result<()> {
        let from = self.first_staller();
        self.seats.iter().skip(from).try_for_each(|seat| seat.ignore(&self.host))
    }

    /// Reads on from the stalled seats; `turn` then hears what is left for them, or that they were closed.
    ///
    /// # Errors
    ///
    /// When the system fails.
    pub(super) fn resume(&mut self) -> Result<()> {
        let from = self.first_staller();
        self.seats.iter().enumerate().skip(from).try_for_each(|(index, seat)| seat.attend_again(index, &self.host))
    }

    /// The first of the seats that will stop reading; the number of seats when none will.
    pub(super) fn first_staller(&self) -> usize {
        self.host.plan.seats.saturating_sub(self.host.plan.stallers)
    }

    /// Sockets closed by the server so far, by close code; 1006 = without one.
    pub(super) fn closings(&self) -> &BTreeMap<u16, u64> {
        &self.host.closings
    }

    /// Errors that the server reported so far.
    pub(super) fn complaints(&self) -> &Complaints {
        &self.host.complaints
    }

    fn open(&mut self) -> Result<()> {
        let index = self.seats.len();
        let buffer = if index >= self.first_staller() { Buffer::Small } else { Buffer::Usual };
        let stream = dial::dial(self.host.target.address, index, self.host.plan.seats, buffer)?;
        let seat = Seat::new(stream, index, &self.host)?;
        self.seats.push(seat);
        Ok(())
    }

    fn attend(&mut self, index: usize, flags: epoll::EventFlags, ears: &mut impl Ears) -> Result<()> {
        let Self { seats, host, scratch, .. } = self;
        let Some(seat) = seats.get_mut(index) else {
            return Ok(());
        };
        if flags.contains(epoll::EventFlags::OUT) {
            seat.writable(host)?;
        }
        if flags.difference(epoll::EventFlags::OUT).is_empty() {
            return Ok(());
        }
        seat.read(scratch, host, ears)
    }
}

/// Hears nothing: for the time before a workload begins.
#[derive(Debug)]
struct Deaf;

impl Ears for Deaf {
    fn hear(&mut self, _seat: usize, _payload: &[u8], _now: u64) -> bool {
        false
    }
}

/// Makes the message that subscribes `socket_id`, signed where the channel asks for it.
fn subscription(target: &Target, socket_id: &str, ticket: &Ticket) -> String {
    let guarded = ticket.channel.starts_with("private-") || ticket.channel.starts_with("presence-");
    let member = ticket.channel_data.as_deref();
    let auth = match guarded {
        true => target.signer.subscription(socket_id, &ticket.channel, member),
        false => String::new(),
    };
    message::subscribe(&message::Subscription { auth: &auth, channel_data: member, channel: &ticket.channel })
}

#[cfg(test)]
mod tests;
