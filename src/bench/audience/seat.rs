//! One socket of the audience: its bytes, and how far it has come.
//!
//! Owns partial frames, unsent bytes and the phase. Reading goes through the shared buffer, so that an idle seat holds none of
//! its own. What messages mean is decided in `protocol`.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use rustix::{
    event::epoll::{self, EventData, EventFlags},
    io::Errno,
};

use super::{Ears, Host, ROOM, subscription};
use crate::bench::{
    Error, Result, clock,
    frame::{self, Scan},
    http,
};

/// Close code for a connection that ended without one (RFC 6455 section 7.4.1).
const ABNORMAL: u16 = 1_006;
/// Close code for a close frame without a code.
const NO_CODE: u16 = 1_005;

/// How far a seat has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The TCP connection is being made.
    Connecting,
    /// The upgrade has been asked for.
    Upgrading,
    /// Waits for `pusher:connection_established`.
    Greeting,
    /// Waits for `pusher_internal:subscription_succeeded`.
    Enrolling,
    /// Listens.
    Ready,
    /// Gone.
    Closed,
}

/// One socket.
#[derive(Debug)]
pub(super) struct Seat {
    stream: TcpStream,
    index: usize,
    pub(super) phase: Phase,
    /// The beginning of a frame whose end has not come yet.
    partial: Vec<u8>,
    /// Bytes the socket would not take yet.
    unsent: Vec<u8>,
    /// Whether epoll watches for room to write.
    watching_room: bool,
    socket_id: String,
    /// When anything was last received (ns).
    last_heard: u64,
    /// The code of a close frame that has been received.
    close_code: u16,
}

impl Seat {
    /// Takes a socket that is being connected and watches it.
    pub(super) fn new(stream: TcpStream, index: usize, host: &Host) -> Result<Self> {
        let seat = Self {
            stream,
            index,
            phase: Phase::Connecting,
            partial: Vec::new(),
            unsent: Vec::new(),
            watching_room: true,
            socket_id: String::new(),
            last_heard: 0,
            close_code: ABNORMAL,
        };
        epoll::add(&host.epoll, &seat.stream, token(index), seat.interest()).map_err(failed)?;
        Ok(seat)
    }

    /// The id the server gave; empty before the greeting.
    pub(super) fn socket_id(&self) -> &str {
        &self.socket_id
    }

    /// Stops watching the socket.
    pub(super) fn ignore(&self, host: &Host) -> Result<()> {
        match self.phase {
            Phase::Closed => Ok(()),
            _ => epoll::delete(&host.epoll, &self.stream).map_err(failed),
        }
    }

    /// Watches the socket again after [`Seat::ignore`].
    pub(super) fn attend_again(&self, index: usize, host: &Host) -> Result<()> {
        match self.phase {
            Phase::Closed => Ok(()),
            _ => epoll::add(&host.epoll, &self.stream, token(index), self.interest()).map_err(failed),
        }
    }

    /// Goes on after the socket has become writable, which for a new one means connected.
    pub(super) fn writable(&mut self, host: &mut Host) -> Result<()> {
        if self.phase == Phase::Connecting {
            let address = host.target.address;
            if let Some(source) = self.stream.take_error().ok().flatten() {
                return Err(Error::Connect { address, source });
            }
            self.phase = Phase::Upgrading;
            self.unsent.extend_from_slice(host.target.upgrade().as_bytes());
        }
        self.flush(host)
    }

    /// Reads what is there and hands it on, frame by frame.
    pub(super) fn read(&mut self, scratch: &mut Vec<u8>, host: &mut Host, ears: &mut impl Ears) -> Result<()> {
        if matches!(self.phase, Phase::Closed | Phase::Connecting) {
            return Ok(());
        }
        let kept = self.partial.len();
        let room = kept.saturating_add(ROOM);
        if scratch.len() < room {
            scratch.resize(room, 0);
        }
        let (front, back) = scratch.split_at_mut(kept);
        front.copy_from_slice(&self.partial);
        let count = match self.stream.read(back) {
            Ok(0) => return self.closed("the connection ended", host),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(error) => return self.closed(&error.to_string(), host),
        };
        let now = clock::now();
        self.last_heard = now;
        let bytes = scratch.get(..kept.saturating_add(count)).unwrap_or_default();
        let rest = self.take(bytes, now, host, ears)?;
        self.partial.clear();
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// Sends a text message.
    pub(super) fn say(&mut self, text: &str, host: &mut Host) -> Result<()> {
        self.send(frame::TEXT, text.as_bytes(), host)
    }

    /// Asks for a sign of life when the server has been silent since `silence` ns.
    pub(super) fn keep_alive(&mut self, now: u64, silence: u64, host: &mut Host) -> Result<()> {
        if self.phase != Phase::Ready || now.saturating_sub(self.last_heard) < silence {
            return Ok(());
        }
        self.last_heard = now;
        self.say(r#"{"event":"pusher:ping","data":{}}"#, host)
    }

    /// Takes the server's greeting: subscribes, or is ready.
    pub(super) fn greeted(&mut self, socket_id: &str, host: &mut Host) -> Result<()> {
        socket_id.clone_into(&mut self.socket_id);
        let Some(ticket) = (host.plan.ticket)(self.index) else {
            self.ready(host);
            return Ok(());
        };
        self.phase = Phase::Enrolling;
        let text = subscription(&host.target, socket_id, &ticket);
        self.say(&text, host)
    }

    /// Counts the seat as taken.
    pub(super) fn ready(&mut self, host: &mut Host) {
        self.phase = Phase::Ready;
        host.ready = host.ready.saturating_add(1);
    }

    /// Takes all whole frames from the front of `bytes`; returns what is left.
    fn take<'a>(&mut self, bytes: &'a [u8], now: u64, host: &mut Host, ears: &mut impl Ears) -> Result<&'a [u8]> {
        let mut rest = bytes;
        if self.phase == Phase::Upgrading {
            let Some(length) = upgraded(bytes)? else {
                return Ok(bytes);
            };
            self.phase = Phase::Greeting;
            rest = bytes.get(length..).unwrap_or_default();
        }
        while self.phase != Phase::Closed {
            match frame::scan(rest) {
                Scan::Frame { opcode, payload, rest: behind } => {
                    rest = behind;
                    let heard =
                        opcode < frame::CLOSE && self.phase == Phase::Ready && ears.hear(self.index, payload, now);
                    if !heard {
                        self.message(opcode, payload, host)?;
                    }
                }
                Scan::Partial => return Ok(rest),
                Scan::Broken(why) => self.closed(why, host)?,
            }
        }
        Ok(&[])
    }

    fn message(&mut self, opcode: u8, payload: &[u8], host: &mut Host) -> Result<()> {
        match opcode {
            frame::PING => self.send(frame::PONG, payload, host),
            frame::PONG => Ok(()),
            frame::CLOSE => {
                let code = payload.first_chunk::<2>().map_or(NO_CODE, |code| u16::from_be_bytes(*code));
                self.close_code = code;
                let reason = http::excerpt(payload.get(2..).unwrap_or_default());
                self.closed(&format!("close code {code} {reason}"), host)
            }
            _ => self.event(payload, host),
        }
    }

    fn send(&mut self, opcode: u8, payload: &[u8], host: &mut Host) -> Result<()> {
        if self.phase == Phase::Closed {
            return Ok(());
        }
        frame::write_masked(opcode, payload, &mut self.unsent);
        self.flush(host)
    }

    fn flush(&mut self, host: &mut Host) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The reason of the end, such as a close frame, may still lie in the receive buffer: the next read tells.
                Err(_) => self.unsent.clear(),
            }
        }
        if self.watching_room == self.unsent.is_empty() {
            self.watching_room = !self.unsent.is_empty();
            epoll::modify(&host.epoll, &self.stream, token(self.index), self.interest()).map_err(failed)?;
        }
        Ok(())
    }

    fn interest(&self) -> EventFlags {
        let reading = EventFlags::IN | EventFlags::RDHUP;
        if self.watching_room { reading | EventFlags::OUT } else { reading }
    }

    /// Gives the seat up. Before it was ready that ends the run, afterwards it is counted.
    fn closed(&mut self, why: &str, host: &mut Host) -> Result<()> {
        match self.phase {
            Phase::Ready => {}
            Phase::Closed => return Ok(()),
            early => return Err(Error::ClosedEarly { phase: early.name(), why: why.to_owned() }),
        }
        self.ignore(host)?;
        self.phase = Phase::Closed;
        self.partial = Vec::new();
        let count = host.closings.entry(self.close_code).or_default();
        *count = count.saturating_add(1);
        // The server may have closed its side already, which is all this asks for.
        drop(self.stream.shutdown(Shutdown::Both));
        Ok(())
    }
}

impl Phase {
    /// What the seat was waiting for, for error messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Upgrading => "waiting for the WebSocket upgrade",
            Self::Greeting => "waiting for pusher:connection_established",
            Self::Enrolling => "waiting for pusher_internal:subscription_succeeded",
            Self::Ready => "listening",
            Self::Closed => "closed",
        }
    }
}

/// The length of the head of a successful upgrade; None while it is incomplete.
fn upgraded(bytes: &[u8]) -> Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => match response.code {
            Some(101) => Ok(Some(length)),
            code => {
                let text = http::excerpt(bytes.get(length..).unwrap_or_default());
                Err(Error::NotUpgraded { status: code.unwrap_or_default(), text })
            }
        },
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Error::Http("the answer to the upgrade is not HTTP/1")),
    }
}

fn token(index: usize) -> EventData {
    EventData::new_u64(u64::try_from(index).unwrap_or(u64::MAX))
}

fn failed(source: Errno) -> Error {
    Error::Io { what: "watch a socket", source: source.into() }
}
