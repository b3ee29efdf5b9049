//! What the product does: one verb a method, in the order check, act, tell.
//!
//! Called by both doors (HTTP and WebSocket) with the same methods. Speaks no HTTP and no SQL. [`LiveApp`] is one app with
//! everything that runs for it; [`Apps`] finds it by key or id.

pub mod access;
pub mod apps;
pub mod audience;
pub mod audit;
pub mod broadcast;
pub mod broadcast_log;
pub mod callers;
pub mod channels;
pub mod chat;
pub mod client_event;
pub mod guest;
pub mod import;
pub mod moderation;
pub mod notification;
pub mod once;
pub mod origin;
pub mod poll;
pub mod presence;
pub mod publish;
pub mod replay;
pub mod roster;
pub mod sockets;
mod shadow;
mod spreadsheet;
pub mod streams;
pub mod tell;
pub mod typing;
pub mod webhook;
pub mod word_list;

use std::time::SystemTime;

use chrono::{DateTime, Utc};

pub use apps::{Apps, LiveApp};
pub use callers::Callers;
pub use chat::Chats;
pub use once::Once;
pub use tell::{Draft, Teller};
use ulid::Ulid;

/// The time by the wall clock. For doors, commands and the server, which hand it on: rules take the time from their caller.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from(SystemTime::now())
}

/// A new unique name: a ULID, which sorts by the time. For rows and events.
#[must_use]
pub fn new_id(now: DateTime<Utc>) -> String {
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    // Without random numbers names would still differ by the time; sessions and secrets do not rest on this.
    let mut random = [0; 16];
    let _none = getrandom::fill(&mut random);
    Ulid::from_parts(milliseconds, u128::from_ne_bytes(random)).to_string()
}
