//! Broadcasts: an event of the application's own, told to many; and the log of everything that was told to many.

use chrono::{DateTime, Utc};

use super::{audience::Audience, roster::words};
use crate::ids::UserId;

/// Largest data of a broadcast or trigger in bytes of JSON text.
pub const DATA_MAX: usize = 65_536;

/// Longest name of an event in characters.
pub const EVENT_MAX: usize = 200;

/// Longest time in seconds for which a broadcast may be confirmed: 30 days.
pub const TTL_MAX: u32 = 2_592_000;

/// Beginnings of event names that are not the application's.
const RESERVED: [&str; 3] = ["pusher:", "pusher_internal:", "client-"];

/// Why an event name is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no characters.
    #[error("must not be empty")]
    Empty,
    /// It has too many.
    #[error("may have at most {EVENT_MAX} characters, this has {0}")]
    TooLong(usize),
    /// It has characters that no screen shows.
    #[error("may hold no control characters")]
    Illegible,
    /// It begins as only others' do.
    #[error("must not start with 'pusher:', 'pusher_internal:' or 'client-', which are not the application's")]
    Reserved,
    /// The server tells something else by this name.
    #[error("is the name of an event of the server's own: choose another one")]
    Taken,
}

/// Checks the name under which an event goes out.
///
/// # Errors
/// When it is empty, too long, illegible or reserved.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let length = name.chars().count();
    if length == 0 {
        return Err(NameError::Empty);
    }
    if length > EVENT_MAX {
        return Err(NameError::TooLong(length));
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::Illegible);
    }
    if RESERVED.iter().any(|reserved| name.starts_with(reserved)) { Err(NameError::Reserved) } else { Ok(()) }
}

/// An event that was told to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// Its id: a ULID. Also the `event_id` of every copy.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// The name under which it goes out.
    pub event: String,
    /// Its data: a JSON object as text.
    pub data: String,
    /// Who was away can catch up with it.
    pub durable: bool,
    /// Receivers shall confirm it.
    pub require_ack: bool,
    /// Who sent it, as the audit names callers.
    pub created_by: String,
    /// People in the audience when it was sent.
    pub receivers: i64,
    /// When it was sent.
    pub created_at: DateTime<Utc>,
    /// Since when it cannot be confirmed any more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// That a receiver has confirmed a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Who.
    pub user: UserId,
    /// When, for the first time.
    pub at: DateTime<Utc>,
}

words! {
    /// By which way something was told to many.
    LogKind("kind") {
        /// `POST /api/broadcasts`.
        Broadcast "broadcast",
        /// `POST /realtime/trigger`.
        Trigger "trigger",
        /// `POST /api/notifications/broadcast`.
        Notification "notification",
        /// The Pusher HTTP API.
        Publish "publish",
    }
}

words! {
    /// What became of it.
    LogOutcome("outcome") {
        /// It went out.
        Sent "sent",
        /// It was refused: too many.
        RateLimited "rate_limited",
        /// It was called off before its time.
        Cancelled "cancelled",
        /// Its end came before it went out.
        Expired "expired",
    }
}

/// A row of the log. Texts that are longer than their limit are cut when they are kept. Never the data itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The way.
    pub kind: LogKind,
    /// The channel, or the audience in one line; at most 255 characters.
    pub channel: String,
    /// Name of the event; at most 200 characters.
    pub event: String,
    /// Id of the event; none for what was refused.
    pub event_id: Option<String>,
    /// Size of the data in bytes.
    pub bytes: i64,
    /// Who, as the audit names callers; at most 160 characters.
    pub actor: String,
    /// From where.
    pub ip: Option<String>,
    /// People in the audience, or sockets that heard the channel.
    pub receivers: i64,
    /// Microseconds from the request until it was out; for a broadcast, until its rows were written.
    pub latency_us: i64,
    /// What became of it.
    pub outcome: LogOutcome,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which rows are asked for. Absent = any.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// The channel, or the audience in one line.
    pub channel: Option<String>,
    /// Who.
    pub actor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_are_the_applications_own() {
        for good in ["message", "exam.started", "App\\Events\\Bell", "pusher", "clients-all", &"é".repeat(EVENT_MAX)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name(&"é".repeat(EVENT_MAX + 1)), Err(NameError::TooLong(EVENT_MAX + 1)));
        assert_eq!(check_name("a\u{0}b"), Err(NameError::Illegible));
        for reserved in ["pusher:x", "pusher_internal:x", "client-x", "pusher:"] {
            assert_eq!(check_name(reserved), Err(NameError::Reserved), "{reserved}");
        }
    }
}
