//! What becomes of an operation, and why one is refused.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Kind, OVERRIDES_MAX, Object};
use crate::ids::{ExternalId, UserId};

/// Why an operation is refused. The text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The object to delete is not there.
    #[error("there is no {kind} '{id}'")]
    NotFound {
        /// What was meant.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// The object has another version than the one that the write is for.
    #[error("{kind} '{id}' {}, and the write is for {expected}", version_shown(*.found))]
    VersionMismatch {
        /// What was meant.
        kind: Kind,
        /// Its id.
        id: String,
        /// The version that is there; `None` = it is not there.
        found: Option<i64>,
        /// The version that was expected.
        expected: Expected,
    },
    /// The org that the object names is not there.
    #[error("there is no org '{id}': put it first, or leave the org out")]
    UnknownOrg {
        /// The named org.
        id: ExternalId,
    },
    /// The course that the object names is not there.
    #[error("there is no course '{id}': put it first")]
    UnknownCourse {
        /// The named course.
        id: ExternalId,
    },
    /// The class that the enrollment names is not there.
    #[error("there is no class '{id}': put it first, or leave the class out to enroll in the whole course")]
    UnknownClass {
        /// The named class.
        id: ExternalId,
    },
    /// The person whom the enrollment names is not there.
    #[error("there is no user '{id}': put them first")]
    UnknownUser {
        /// Name of the field.
        field: &'static str,
        /// The named person.
        id: UserId,
    },
    /// The class of the enrollment belongs to another course.
    #[error("class '{class}' belongs to course '{course}', not to '{wanted}'")]
    ClassOfOtherCourse {
        /// The class.
        class: ExternalId,
        /// Its course.
        course: ExternalId,
        /// The course of the enrollment.
        wanted: ExternalId,
    },
    /// A class cannot be moved to another course: its enrollments belong to the first one.
    #[error(
        "class '{class}' belongs to course '{course}' and cannot move: delete it first, or give the new one another id"
    )]
    ClassCannotMove {
        /// The class.
        class: ExternalId,
        /// Its course.
        course: ExternalId,
    },
    /// The person has this part already, by another enrollment of the same source.
    #[error(
        "enrollment '{id}' gives the same user the same role in the same course and class: change or delete that one"
    )]
    DuplicateEnrollment {
        /// The enrollment that is there.
        id: ExternalId,
    },
    /// The end does not come after the beginning.
    #[error("{end_field} must be later than {begin_field}; it ends at {end} and begins at {begin}")]
    EndBeforeBegin {
        /// Name of the field with the beginning.
        begin_field: &'static str,
        /// Name of the field with the end.
        end_field: &'static str,
        /// The beginning.
        begin: String,
        /// The end.
        end: String,
    },
    /// A moment is outside of what every database can keep.
    #[error("{field} must lie in the years 1970 to 9999, not at {got}")]
    DateOutOfRange {
        /// Name of the field.
        field: &'static str,
        /// The refused moment.
        got: String,
    },
    /// A text is too long.
    #[error("{field} may have at most {max} characters, this one has {got}")]
    TooLong {
        /// Name of the field.
        field: &'static str,
        /// Most characters.
        max: usize,
        /// Characters of the refused text.
        got: usize,
    },
    /// A text that is needed is empty.
    #[error("{field} must not be empty")]
    Empty {
        /// Name of the field.
        field: &'static str,
    },
    /// A text has characters that no database keeps or no reader tells apart.
    #[error("{field} must have no control characters and no blanks at its ends")]
    Illegible {
        /// Name of the field.
        field: &'static str,
    },
    /// A course has too many exceptions.
    #[error("a course may have at most {OVERRIDES_MAX} overrides, this one has {got}")]
    TooManyOverrides {
        /// How many were given.
        got: usize,
    },
    /// An exception names no capability.
    #[error("'{got}' is no capability: it has 1 to 64 letters, digits, '.', '_', '-', ':' or '*'")]
    Capability {
        /// The refused text, cut to 80 characters.
        got: String,
    },
    /// Other classes cannot be closed for an enrollment in the whole course.
    #[error("limit_to_class needs a class")]
    LimitWithoutClass,
    /// Only an observer looks after somebody.
    #[error("observed_user goes with the role observer only")]
    ObservedWithoutObserver,
}

impl RowError {
    /// There is no such object. The id may be any text; what is shown of it is legible and short.
    pub(crate) fn not_found(kind: Kind, id: &str) -> Self {
        Self::NotFound { kind, id: legible(id) }
    }

    /// The object has another version than the one that the write is for.
    pub(crate) fn version_mismatch((kind, id): (Kind, &str), found: Option<i64>, expected: &Expected) -> Self {
        Self::VersionMismatch { kind, id: legible(id), found, expected: expected.clone() }
    }

    /// A word for programs; it never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::UnknownOrg { .. } => "unknown_org",
            Self::UnknownCourse { .. } => "unknown_course",
            Self::UnknownClass { .. } => "unknown_class",
            Self::UnknownUser { .. } => "unknown_user",
            Self::ClassOfOtherCourse { .. } => "class_of_other_course",
            Self::ClassCannotMove { .. } => "class_cannot_move",
            Self::DuplicateEnrollment { .. } => "duplicate_enrollment",
            Self::EndBeforeBegin { .. } => "end_before_begin",
            Self::DateOutOfRange { .. } => "date_out_of_range",
            Self::TooLong { .. } => "too_long",
            Self::Empty { .. } => "empty",
            Self::Illegible { .. } => "illegible",
            Self::TooManyOverrides { .. } => "too_many_overrides",
            Self::Capability { .. } => "unknown_capability",
            Self::LimitWithoutClass => "limit_without_class",
            Self::ObservedWithoutObserver => "observed_without_observer",
        }
    }

    /// The field that is wrong, by its name in rows and bodies; `None` when the object as a whole is.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some("id"),
            Self::UnknownOrg { .. } => Some("org"),
            Self::UnknownCourse { .. } | Self::ClassCannotMove { .. } => Some("course"),
            Self::UnknownClass { .. } | Self::ClassOfOtherCourse { .. } => Some("class"),
            Self::UnknownUser { field, .. }
            | Self::EndBeforeBegin { end_field: field, .. }
            | Self::DateOutOfRange { field, .. }
            | Self::TooLong { field, .. }
            | Self::Empty { field }
            | Self::Illegible { field } => Some(field),
            Self::TooManyOverrides { .. } | Self::Capability { .. } => Some("overrides"),
            Self::LimitWithoutClass => Some("limit_to_class"),
            Self::ObservedWithoutObserver => Some("observed_user"),
            Self::DuplicateEnrollment { .. } | Self::VersionMismatch { .. } => None,
        }
    }
}

/// Which version of an object a write is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Any, or none at all.
    Any,
    /// Any: it must be there.
    Present,
    /// None: it must not be there.
    Absent,
    /// One of these.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Tells whether the write is for this version; `None` = the object is not there.
    #[must_use]
    pub fn holds(&self, found: Option<i64>) -> bool {
        match self {
            Self::Any => true,
            Self::Present => found.is_some(),
            Self::Absent => found.is_none(),
            Self::OneOf(versions) => found.is_some_and(|version| versions.contains(&version)),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::Present => f.write_str("one that is there"),
            Self::Absent => f.write_str("one that is not there yet"),
            Self::OneOf(versions) => {
                let shown = versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                write!(f, "version {}", if shown.is_empty() { "of another server" } else { &shown })
            }
        }
    }
}

/// An id that was asked for, fit for an error.
fn legible(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn version_shown(found: Option<i64>) -> String {
    found.map_or_else(|| "is not there".to_owned(), |version| format!("has version {version} by now"))
}

/// A moment as errors show it.
pub(super) fn shown(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The object is new.
    Created,
    /// It was there and is different now; also a dropped enrollment that counts again.
    Updated,
    /// It was so already; nothing was written.
    Unchanged,
    /// It is gone, or dropped.
    Deleted,
    /// Nothing was done.
    Refused(RowError),
}

impl Outcome {
    /// The word for it in answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Refused(_) => "refused",
        }
    }
}

/// An object as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The object.
    pub object: Object,
    /// Who made it: `api`, `csv`, …. Others may change it, it stays theirs.
    pub source: String,
    /// 1 when new, one more with each real change.
    pub version: i64,
    /// When it was last changed, in whole seconds.
    pub updated_at: DateTime<Utc>,
}
