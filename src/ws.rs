//! The socket door: `/app/{key}`.
//!
//! Translates between a WebSocket and the services, and decides nothing about channels itself. [`upgrade`] judges the
//! handshake, [`connection`] runs one open socket in one task, `session` knows the protocol's state and touches no socket,
//! `socket` reads and writes frames.

pub mod connection;
mod session;
mod socket;
pub mod upgrade;

use std::time::Duration;

/// How sockets are treated, whatever their app.
#[derive(Debug, Clone)]
pub struct Config {
    /// Most bytes that wait to be written to one socket. Above: the socket is closed (4100). Default 1 MiB.
    pub outbox_bytes: usize,
    /// How long after its ping the server waits for any frame. Then close 4201. Default 30 s.
    pub pong_timeout: Duration,
    /// How long a started message may take to arrive whole, and a blocked write to move. Default 10 s.
    pub stall_timeout: Duration,
    /// How long the server waits for the client's side of a close. Default 2 s.
    pub close_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            outbox_bytes: 1 << 20,
            pong_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
        }
    }
}
