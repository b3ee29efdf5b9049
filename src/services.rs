//! What the product does: one verb a method, in the order check, act, tell.
//!
//! Called by both doors (HTTP and WebSocket) with the same methods. Speaks no HTTP and no SQL. [`LiveApp`] is one app with
//! everything that runs for it; [`Apps`] finds it by key or id.

pub mod access;
pub mod apps;
pub mod callers;
pub mod channels;
pub mod client_event;
pub mod import;
pub mod once;
pub mod origin;
pub mod publish;
pub mod roster;
pub mod sockets;
pub mod tell;

use std::time::SystemTime;

use chrono::{DateTime, Utc};

pub use apps::{Apps, LiveApp};
pub use callers::Callers;
pub use once::Once;
pub use tell::Teller;

/// The time by the wall clock. For doors, commands and the server, which hand it on: rules take the time from their caller.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from(SystemTime::now())
}
