//! What is done against those who disturb a chat, and what others report.

use chrono::{DateTime, Utc};

use super::roster::words;
use crate::ids::{ExternalId, UserId};

/// Longest reason in characters.
pub const REASON_MAX: usize = 255;

/// Longest note of a report in characters.
pub const NOTE_MAX: usize = 500;

/// Longest mute or ban with an end, in minutes: a year.
pub const MINUTES_MAX: u32 = 525_600;

/// Most measures that count in one chat at the same time.
pub const SANCTIONS_MAX: usize = 1_000;

words! {
    /// What is done against somebody.
    Measure("measure") {
        /// They may not write.
        Mute "mute",
        /// They may neither write nor hear.
        Ban "ban",
    }
}

/// A measure against somebody in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanction {
    /// Unique name: a ULID.
    pub id: String,
    /// Against whom.
    pub user: UserId,
    /// What.
    pub measure: Measure,
    /// A mute that its person does not notice: they go on writing, and only they and staff find what they write.
    pub is_shadow: bool,
    /// Why, in words; at most [`REASON_MAX`] characters.
    pub reason: String,
    /// First moment in which it counts no more; `None` = until it is lifted.
    pub until: Option<DateTime<Utc>>,
    /// Who did it, as the audit names callers.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
}

impl Sanction {
    /// Tells whether it counts now.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.lifted_at.is_none() && self.until.is_none_or(|end| now < end)
    }
}

words! {
    /// Why somebody finds a message wrong.
    Complaint("reason") {
        /// It is an advertisement.
        Spam "spam",
        /// It is mean to somebody.
        Harassment "harassment",
        /// It is about violence, or worse.
        Inappropriate "inappropriate",
        /// It helps to cheat.
        Cheating "cheating",
        /// Something else.
        Other "other",
    }
}

words! {
    /// What became of a report.
    ReportState("state") {
        /// Nobody has looked into it.
        Open "open",
        /// Something was done.
        Handled "handled",
        /// Nothing had to be done.
        Dismissed "dismissed",
    }
}

/// A message that somebody finds wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Unique name: a ULID.
    pub id: String,
    /// The chat.
    pub chat: ExternalId,
    /// The message.
    pub message: String,
    /// Who finds it wrong; `None` = nobody, it holds a word of a word list.
    pub reporter: Option<UserId>,
    /// Why, in a word.
    pub reason: Complaint,
    /// Why, in words; at most [`NOTE_MAX`] characters.
    pub note: String,
    /// What became of it.
    pub state: ReportState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who looked into it.
    pub handled_by: Option<String>,
    /// When.
    pub handled_at: Option<DateTime<Utc>>,
}
