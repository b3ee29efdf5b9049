//! `campanile token …`: session tokens from the command line, for trying things out.

use std::time::Duration;

use clap::Subcommand;

use super::span;
use crate::{
    domain::roster::Role,
    identity::session,
    ids::{AppId, ExternalId, UserId},
};

/// What to do with session tokens.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum TokenCommand {
    /// Make a session token for a user and show how to use it
    ///
    /// With --role and --course the user is put into the roster and enrolled as well, so that the token opens the channels of
    /// that course. The course must be there.
    Issue {
        /// The user's id
        #[arg(long, value_name = "ID", value_parser = UserId::parse)]
        user: UserId,
        /// The user's name
        #[arg(long, value_name = "TEXT", value_parser = text)]
        name: Option<String>,
        /// Address of the user's picture
        #[arg(long, value_name = "URL", value_parser = text)]
        avatar: Option<String>,
        /// How long it is valid: 90s, 15m, 1h; at most 24h
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = ttl)]
        ttl: Duration,
        /// The app [default: the configured one, else the oldest that is enabled]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        app: Option<AppId>,
        /// Enrol the user as this: student, assistant, instructor, observer or admin
        #[arg(long, value_name = "ROLE", requires = "course")]
        role: Option<Role>,
        /// Enrol the user in this course
        #[arg(long, value_name = "ID", requires = "role", value_parser = ExternalId::parse)]
        course: Option<ExternalId>,
    },
}

/// Why an argument was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// No time, or one out of bounds.
    #[error("must be a time from 1s to 24h, such as 90s, 15m or 1h")]
    Ttl,
    /// A text that is empty or too long.
    #[error("must have 1 to 255 characters on one line")]
    Text,
}

fn ttl(text: &str) -> Result<Duration, Refused> {
    let ttl = span(text).ok().and_then(|span| span.to_std().ok());
    ttl.filter(|ttl| *ttl <= session::MAX_TTL).ok_or(Refused::Ttl)
}

fn text(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let legal = !text.is_empty() && text.chars().count() <= 255 && !text.chars().any(char::is_control);
    if legal { Ok(text.to_owned()) } else { Err(Refused::Text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_live_a_day_at_most() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("24h", 86_400), ("1d", 86_400)] {
            assert_eq!(ttl(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "0s", "86401s", "25h", "2d", "1"] {
            assert_eq!(ttl(bad), Err(Refused::Ttl), "{bad}");
        }
    }
}
