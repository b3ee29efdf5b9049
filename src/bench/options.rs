//! The command line of `campanile bench`: one struct a workload, and the parts they share.
//!
//! Owns names, defaults, units and bounds of options; it decides nothing. Every load is bounded by a number of events
//! *and* a time, so that no run needs to be stopped by hand.

use crate::domain::app::Secret;
use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, value_parser};

/// Which server to load, and where the figures go.
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Target {
    /// Server to load; the HTTP API is reached at the same address. A path is taken as a prefix
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    pub(super) url: String,
    /// App id, as it stands in API paths
    #[arg(long, default_value = "app-id")]
    pub(super) app_id: String,
    /// App key
    #[arg(long, default_value = "app-key")]
    pub(super) app_key: String,
    /// App secret
    #[arg(long, default_value = "app-secret", hide_default_value = true)]
    pub(super) app_secret: Secret,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Whose resources are counted, and where the figures go.
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Output {
    /// Process id of the server on this machine (several: separate by commas); without it no CPU or memory figures
    #[arg(long, value_delimiter = ',', value_parser = value_parser!(i32).range(1..))]
    pub(super) pid: Vec<i32>,
    /// Also write the figures as JSON to this file; `-` = to standard output, the table goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// How much is sent.
#[derive(Debug, Clone, Copy, PartialEq, Args)]
pub(super) struct Load {
    /// Events per second; 0 = saturate: each publisher sends when its last event is answered
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(..=1_000_000))]
    pub(super) rate: u32,
    /// Stop after this many events
    #[arg(long, default_value_t = 2_000_000, hide_default_value = true,
        value_parser = value_parser!(u32).range(1..=2_000_000))]
    pub(super) events: u32,
    /// Stop after this many seconds
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..=1_800))]
    pub(super) duration: u64,
    /// Bytes of event data
    #[arg(long, default_value_t = 128, value_parser = value_parser!(u32).range(33..=1_048_576))]
    pub(super) payload: u32,
    /// Publishers at work at the same time (when saturating: events under way)
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u32).range(1..=1_024))]
    pub(super) publishers: u32,
}

/// One public channel with many subscribers; events are published over the HTTP API
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Fanout {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// Subscribers
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,
    /// Measure a second time while this many of the subscribers have stopped reading
    #[arg(long, default_value_t = 0)]
    pub(super) stalled_readers: u32,
    /// Measure the physical floor in the same run
    #[arg(long)]
    pub(super) floor: bool,
}

/// Many public channels with few subscribers each; events are published over the HTTP API
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Rooms {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// Channels
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) channels: u32,
    /// Subscribers of each channel
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) subscribers: u32,
    /// Measure the physical floor in the same run
    #[arg(long)]
    pub(super) floor: bool,
}

/// Client events on private channels: the subscribers of each channel talk to each other
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Whisper {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// Private channels
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) channels: u32,
    /// Subscribers of each channel, who take turns: 2 = pairs
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(2..=10_000))]
    pub(super) members: u32,
    /// Measure the physical floor in the same run
    #[arg(long)]
    pub(super) floor: bool,
}

/// Users joining and leaving presence channels; each move is expected once at each observer
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct PresenceChurn {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// Presence channels
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) channels: u32,
    /// Members of each channel who stay and count what they see
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) observers: u32,
    /// Sockets of each channel that join and leave by turns
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) movers: u32,
}

/// Connections that do nothing: what one costs to accept and to keep
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Idle {
    #[command(flatten)]
    pub(super) target: Target,
    /// Connections
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,
    /// Subscribe each connection to a public channel
    #[arg(long)]
    pub(super) subscribe: bool,
    /// With --subscribe: spread the connections over this many channels
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) channels: u32,
    /// Seconds to hold the connections open
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u64).range(1..=1_800))]
    pub(super) duration: u64,
    /// Measure the physical floor in the same run
    #[arg(long)]
    pub(super) floor: bool,
}

/// Requests to the channel authorization endpoint over kept connections, as one user
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Auth {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// Token of a user who may subscribe to the channel; `campanile token issue` makes one
    #[arg(long)]
    pub(super) token: Secret,
    /// Channel to ask for
    #[arg(long, default_value = "private-course.1")]
    pub(super) channel: String,
    /// Path of the endpoint
    #[arg(long, default_value = "/broadcasting/auth")]
    pub(super) path: String,
}

/// Decisions about access from memory, in this process and without any server: what one of them costs
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Decision {
    /// People of the roster, all of whom stay in memory
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=50_000))]
    pub(super) users: u32,
    /// Decisions, over all people in turn
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u32).range(20..=100_000_000))]
    pub(super) rounds: u32,
}

/// Enrollments dropped over the REST API while their users listen: how soon the last frame comes. Makes a roster of its own
/// and removes it afterwards
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Revocation {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// API key with the scope roster:write; `campanile api-key create` makes one
    #[arg(long)]
    pub(super) api_key: Secret,
    /// Users, each with one socket
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) users: u32,
    /// Courses; every user is enrolled in all of them and subscribed to each
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=100))]
    pub(super) courses: u32,
}

/// Messages in a chat over the REST API: saved, then told to everybody in it. Makes a group chat, which stays
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Chat {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// API key with the scope chat:write; `campanile api-key create` makes one. Beyond 100 messages/s the app needs a greater
    /// `requests_per_minute_per_key`
    #[arg(long)]
    pub(super) api_key: Secret,
    /// Sockets in the chat
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,
}

/// Votes in one poll over the REST API, each by another user, while others hear the results. Makes a roster of its own and
/// removes it afterwards
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Poll {
    #[command(flatten)]
    pub(super) target: Target,
    /// API key with the scopes roster:write, live:manage and users:act; `campanile api-key create` makes one. The app needs a
    /// greater `requests_per_minute_per_key`
    #[arg(long)]
    pub(super) api_key: Secret,
    /// Users, each of whom votes once
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) voters: u32,
    /// Sockets that hear the results
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) subscribers: u32,
    /// Votes per second
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate: u32,
    /// Votes under way at the same time
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..=1_024))]
    pub(super) publishers: u32,
}

/// Users who type in their rooms, by turns, over their sockets. Makes a roster of its own and removes it afterwards
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Typing {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) load: Load,
    /// API key with the scope roster:write; `campanile api-key create` makes one
    #[arg(long)]
    pub(super) api_key: Secret,
    /// Users, each with one socket
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(super) users: u32,
    /// Rooms, among which the users are dealt out
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) rooms: u32,
}

/// Only the physical floor, without any server; with --batch, how much this receiver can take
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Floor {
    #[command(flatten)]
    pub(super) load: Load,
    /// Sockets that receive
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,
    /// Frames in each send(2)
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=4_096))]
    pub(super) batch: u32,
    #[command(flatten)]
    pub(super) output: Output,
}

/// The floor's own process, started by the bench; reads the start time from standard input
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct FloorServer {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// Connections to accept before anything is sent
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(super) connections: u32,
    /// Channel that the frames name
    #[arg(long)]
    pub(super) channel: String,
    /// Connections that receive each event
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(super) group: u32,
    /// Frames in each send(2)
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub(super) batch: u32,
    #[command(flatten)]
    pub(super) load: Load,
    /// Run on the processors that this process may use
    #[arg(long, value_parser = value_parser!(i32).range(1..))]
    pub(super) like: Option<i32>,
}
