//! `campanile bench`: a load tool for any Pusher server, not only ours.
//!
//! Owns workloads, the receiving loop, the publishers and the physical floor to compare with. It speaks the wire as a client
//! and shares no code with the server's rooms, so that it cannot agree with them by having the same mistake (but for
//! `decision`, which measures one of them from within). Send times
//! are scheduled and latency counts from them. `main` calls [`run`]; threads are the bench's own and it needs no runtime.

mod audience;
mod auth;
mod broadcast;
mod campus;
mod chat;
mod churn;
mod clock;
mod crew;
mod decision;
mod floor;
mod frame;
mod http;
mod idle;
mod marker;
mod message;
mod options;
mod phase;
mod poll;
mod probe;
pub(crate) mod progress;
mod publisher;
mod report;
mod revocation;
mod sign;
mod tally;
mod target;
mod typing;
mod whisper;

use std::{io, net::SocketAddr};

use clap::Subcommand;

/// Loads a Pusher server and measures what it delivers, how late, and at what cost
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    workload: Workload,
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
enum Workload {
    Fanout(options::Fanout),
    Rooms(options::Rooms),
    Whisper(options::Whisper),
    PresenceChurn(options::PresenceChurn),
    Idle(options::Idle),
    Auth(options::Auth),
    Decision(options::Decision),
    Revocation(options::Revocation),
    Chat(options::Chat),
    Poll(options::Poll),
    Typing(options::Typing),
    Floor(options::Floor),
    #[command(hide = true)]
    FloorServer(options::FloorServer),
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address cannot be used.
    #[error("--url {url:?} cannot be used: {why}")]
    Url {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The server's name does not resolve.
    #[error("the host {host:?} was not found")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No TCP connection could be made.
    #[error("no connection to the server at {address}")]
    Connect {
        /// Where the server should be.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server answered the upgrade with something else than 101.
    #[error("the server answered the WebSocket upgrade with HTTP {status}: {text}")]
    NotUpgraded {
        /// Status code.
        status: u16,
        /// Beginning of the body.
        text: String,
    },
    /// The server sent an error instead of a greeting or a subscription.
    #[error("the server refused a socket that was {phase}: {complaint}")]
    Refused {
        /// What the socket waited for.
        phase: &'static str,
        /// The server's error event.
        complaint: String,
    },
    /// The server closed a socket before it was subscribed.
    #[error("the server closed a socket that was {phase}: {why}")]
    ClosedEarly {
        /// What the socket waited for.
        phase: &'static str,
        /// Close code and reason, or what the system said.
        why: String,
    },
    /// Handshakes make no progress.
    #[error("only {ready} of {wanted} connections became ready, none in the last {seconds} s")]
    Stuck {
        /// Connections that became ready.
        ready: usize,
        /// Connections asked for.
        wanted: usize,
        /// How long nothing happened.
        seconds: u64,
    },
    /// The HTTP API refused an event.
    #[error("the HTTP API answered {status}: {text}")]
    Api {
        /// Status code.
        status: u16,
        /// Beginning of the body.
        text: String,
    },
    /// The server's HTTP cannot be understood.
    #[error("unexpected HTTP from the server: {0}")]
    Http(&'static str),
    /// A watched process cannot be measured.
    #[error("process {pid} cannot be measured; is it running, and on this machine?")]
    Process {
        /// Its id.
        pid: i32,
        /// What `/proc` said.
        #[source]
        source: procfs::ProcError,
    },
    /// The floor cannot run on the server's processors.
    #[error("the floor cannot share the processors of process {pid}")]
    Affinity {
        /// The server's process id.
        pid: i32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The floor's process misbehaves.
    #[error("the floor's process failed: {0}")]
    Floor(&'static str),
    /// The system allows fewer sockets than asked for.
    #[error("{needed} open files are needed, the system allows {available} (see `ulimit -Hn`)")]
    Descriptors {
        /// Descriptors needed.
        needed: u64,
        /// The hard limit.
        available: u64,
    },
    /// Latencies count from due times, which a saturated run does not have.
    #[error("this workload needs a --rate of at least 1")]
    Saturated,
    /// The workload has more connections than can be numbered.
    #[error("the workload has too many connections")]
    TooMany,
    /// The server has lost votes, or made some up.
    #[error("{voted} votes were taken, but {counted} counted")]
    Miscounted {
        /// Votes that were answered.
        voted: u64,
        /// What the results say.
        counted: u64,
    },
    /// The server's own rooms fail, where they are measured from within.
    #[error("the server's rooms failed")]
    Inside(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system's random numbers are missing.
    #[error("no random numbers")]
    Random(#[source] getrandom::Error),
    /// The histogram of latencies cannot be made.
    #[error("the histogram of latencies cannot be made")]
    Histogram(#[source] hdrhistogram::CreationError),
    /// The system failed.
    #[error("failed to {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Result of the bench.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Runs a workload to its end and writes the report. Blocks; uses threads of its own.
///
/// # Errors
///
/// When the server cannot be reached, refuses a socket or an event, or the system runs out of something.
pub fn run(args: &Args) -> Result<(), Error> {
    let (report, output) = match &args.workload {
        Workload::Fanout(options) => (broadcast::fanout(options)?, &options.target.output),
        Workload::Rooms(options) => (broadcast::rooms(options)?, &options.target.output),
        Workload::Whisper(options) => (whisper::run(options)?, &options.target.output),
        Workload::PresenceChurn(options) => (churn::run(options)?, &options.target.output),
        Workload::Idle(options) => (idle::run(options)?, &options.target.output),
        Workload::Auth(options) => (auth::run(options)?, &options.target.output),
        Workload::Revocation(options) => (revocation::run(options)?, &options.target.output),
        Workload::Chat(options) => (chat::run(options)?, &options.target.output),
        Workload::Poll(options) => (poll::run(options)?, &options.target.output),
        Workload::Typing(options) => (typing::run(options)?, &options.target.output),
        Workload::Decision(options) => return decision::run(options),
        Workload::Floor(options) => (floor::run(options)?, &options.output),
        Workload::FloorServer(options) => return floor::server::run(options),
    };
    report.write(output.json.as_deref())
}

/// Makes a channel name of this run's own, so that two runs against one server do not hear each other.
fn run_name(prefix: &str) -> Result<String> {
    let number = getrandom::u32().map_err(Error::Random)?;
    Ok(format!("{prefix}-{number:08x}"))
}

/// A number of connections as the size of a collection.
fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The size of a collection that was made from a number of connections.
fn count(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn product(groups: u32, each: u32) -> Result<u32> {
    groups.checked_mul(each).ok_or(Error::TooMany)
}

fn sum(some: u32, others: u32) -> Result<u32> {
    some.checked_add(others).ok_or(Error::TooMany)
}
