//! Blocks: access that was taken from somebody by hand, whatever the roster says.

use chrono::{DateTime, Utc};

use crate::ids::{ExternalId, UserId};

/// Longest reason in characters.
pub const REASON_MAX: usize = 255;

/// What a block closes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BlockScope {
    /// Everything that is guarded.
    All,
    /// A course with its classes and chapters.
    Course(ExternalId),
    /// A class.
    Class(ExternalId),
    /// One channel, by its name; at most 200 characters.
    Channel(String),
}

impl BlockScope {
    /// Its kind, and which one of the kind; the latter is empty for everything.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::All => ("all", ""),
            Self::Course(id) => ("course", id.as_str()),
            Self::Class(id) => ("class", id.as_str()),
            Self::Channel(name) => ("channel", name),
        }
    }
}

/// A block that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlock {
    /// The person; they need not be in the roster.
    pub user: UserId,
    /// What it closes.
    pub scope: BlockScope,
    /// First second in which it counts no more; `None` = until it is lifted.
    pub until: Option<DateTime<Utc>>,
    /// Why, in words; at most [`REASON_MAX`] characters.
    pub reason: String,
    /// Who makes it, as the audit names callers; at most 160 characters.
    pub created_by: String,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Number of the block.
    pub id: i64,
    /// The person.
    pub user: UserId,
    /// What it closes.
    pub scope: BlockScope,
    /// First second in which it counts no more; `None` = until it is lifted.
    pub until: Option<DateTime<Utc>>,
    /// Why, in words.
    pub reason: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
}

impl Block {
    /// Tells whether the block counts now.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.lifted_at.is_none() && self.until.is_none_or(|end| now < end)
    }
}
