//! What people say about themselves, and what others see of it.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

use crate::{domain::roster::Role, ids::UserId};

/// Whether somebody who is here can be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    /// At work.
    #[default]
    Online,
    /// Away from the keyboard.
    Away,
    /// Not to be disturbed.
    Busy,
}

impl Availability {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Online, Self::Away, Self::Busy];

    /// The word for it in rows and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no availability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status; there are online, away and busy")]
pub struct UnknownAvailability(String);

impl FromStr for Availability {
    type Err = UnknownAvailability;

    fn from_str(text: &str) -> Result<Self, UnknownAvailability> {
        let found = Self::ALL.iter().find(|word| word.name() == text).copied();
        found.ok_or_else(|| UnknownAvailability(text.chars().take(80).collect()))
    }
}

/// What a person has said about themselves, until they say something else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether they can be talked to.
    pub availability: Availability,
    /// A line about it; at most [`Status::TEXT_MAX`] characters.
    pub text: Option<String>,
    /// A picture of it; at most [`Status::EMOJI_MAX`] characters.
    pub emoji: Option<String>,
    /// They look offline to everybody else.
    pub invisible: bool,
    /// Nobody is told when they type.
    pub hides_typing: bool,
    /// From then on availability, text and emoji count no more.
    pub clear_at: Option<DateTime<Utc>>,
}

/// A status that nobody can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("'{field}' may have at most {max} characters, this one has {got}")]
pub struct BadStatus {
    /// Which part.
    pub field: &'static str,
    /// Most characters.
    pub max: usize,
    /// Characters that it has.
    pub got: usize,
}

impl Status {
    /// Longest text in characters.
    pub const TEXT_MAX: usize = 140;

    /// Longest emoji in characters: families and flags are made up of many.
    pub const EMOJI_MAX: usize = 32;

    /// Checks lengths.
    ///
    /// # Errors
    /// When a part is too long.
    pub fn check(&self) -> Result<(), BadStatus> {
        let parts = [("text", &self.text, Self::TEXT_MAX), ("emoji", &self.emoji, Self::EMOJI_MAX)];
        for (field, text, max) in parts {
            let got = text.as_ref().map_or(0, |text| text.chars().count());
            if got > max {
                return Err(BadStatus { field, max, got });
            }
        }
        Ok(())
    }

    /// The status as it counts now: without what was to be cleared by then. What keeps others from
    /// seeing something stays.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Self {
        if self.clear_at.is_some_and(|end| end <= now) {
            return Self { invisible: self.invisible, hides_typing: self.hides_typing, ..Self::default() };
        }
        self
    }

    /// What others see of somebody who is here; `None` = nothing.
    pub(super) fn shown(&self) -> Option<Shown> {
        let Self { availability, text, emoji, invisible, .. } = self;
        (!invisible).then(|| Shown { availability: *availability, text: text.clone(), emoji: emoji.clone() })
    }
}

/// What others see of somebody who is here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// Whether they can be talked to.
    pub availability: Availability,
    /// Their line about it.
    pub text: Option<String>,
    /// Their picture of it.
    pub emoji: Option<String>,
}

/// A person, as somebody else sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Who.
    pub id: UserId,
    /// Name as others see it.
    pub name: String,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// Role in the course in question, where there is one.
    pub role: Option<Role>,
    /// What is seen of them; `None` = offline.
    pub shown: Option<Shown>,
    /// When they were last seen, for those who are offline.
    pub seen: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_others_are_refused_with_the_right_ones() {
        for word in Availability::ALL {
            assert_eq!(word.name().parse(), Ok(*word));
        }
        let error = "offline".parse::<Availability>().unwrap_err().to_string();
        assert_eq!(error, "'offline' is no status; there are online, away and busy");
    }

    #[test]
    fn a_status_is_taken_at_its_limits_and_refused_beyond() {
        let of = |text: usize, emoji: usize| {
            let (text, emoji) = (Some("é".repeat(text)), Some("é".repeat(emoji)));
            Status { text, emoji, ..Status::default() }.check()
        };
        assert_eq!(of(140, 32), Ok(()));
        assert_eq!(of(141, 32), Err(BadStatus { field: "text", max: 140, got: 141 }));
        assert_eq!(of(140, 33), Err(BadStatus { field: "emoji", max: 32, got: 33 }));
    }

    #[test]
    fn what_was_to_be_cleared_is_gone_at_its_time_and_what_hides_stays() {
        let end = DateTime::UNIX_EPOCH;
        let said = Status {
            availability: Availability::Busy,
            invisible: true,
            hides_typing: true,
            clear_at: Some(end),
            ..Status::default()
        };
        assert_eq!(said.clone().at(end - chrono::TimeDelta::milliseconds(1)), said);
        assert_eq!(said.at(end), Status { invisible: true, hides_typing: true, ..Status::default() });
    }
}
