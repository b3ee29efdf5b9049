//! Why something cannot be done with a poll now. The text says what would be right.

use super::{OPEN_MAX, POLLS_MAX, SUGGESTIONS_MAX, State};

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field says what cannot be.
    #[error("{message}")]
    Invalid {
        /// JSON pointer to the field.
        field: String,
        /// What would be right.
        message: String,
    },
    /// The poll is in another state.
    #[error("the poll is {state}; this goes only while it is {needed}")]
    WrongState {
        /// The state it is in.
        state: State,
        /// The states in which it would go, in words.
        needed: &'static str,
    },
    /// The poll has another version than the change is for.
    #[error("the poll has version {found} by now: read it again, then change it")]
    Changed {
        /// The version that is there.
        found: i64,
    },
    /// The poll takes votes no more.
    #[error("the poll is closed and takes no more votes")]
    Over,
    /// The person has voted, and a vote stays as it is.
    #[error("you have voted already, and votes of this poll cannot be changed")]
    AlreadyVoted,
    /// All ballots are given out.
    #[error("this poll takes {most} votes and has them already")]
    Full {
        /// Most ballots of a round.
        most: u64,
    },
    /// All ballots for guests are given out.
    #[error("this poll takes {most} votes of guests and has them already")]
    FullOfGuests {
        /// Most ballots of guests in a round.
        most: u64,
    },
    /// Not everybody who may vote would find room.
    #[error(
        "{eligible} students may vote here, and as long as a vote may say so much this anonymous poll takes {most}: let 'max' be \
         less"
    )]
    TooManyVoters {
        /// How many may vote.
        eligible: u64,
        /// Most ballots of a round.
        most: u64,
    },
    /// Too many polls are open.
    #[error("{OPEN_MAX} polls take votes here already, which is the most: close one first")]
    TooManyOpen,
    /// Too many polls are kept.
    #[error("there are {POLLS_MAX} polls here already, which is the most: archive some first")]
    TooManyPolls,
    /// The poll takes no suggestions.
    #[error("this poll takes no suggestions")]
    NoSuggestions,
    /// The person has suggested enough.
    #[error("you have suggested {SUGGESTIONS_MAX} options already, which is the most")]
    SuggestedEnough,
    /// The option is there already.
    #[error("there is such an option already")]
    OptionExists,
    /// Guests may not vote here.
    #[error("this poll takes no votes of guests")]
    NoGuests,
    /// The results are not for this person's eyes, or not yet.
    #[error("the results of this poll are not shown to you now; its settings say when they are")]
    Hidden,
    /// The ballots of the poll have no names.
    #[error("the votes of this poll are anonymous: there is no list of who voted what")]
    Nameless,
}

impl Refusal {
    /// A field that says what cannot be.
    pub(super) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }

    /// Its code, as clients see it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_fields",
            Self::WrongState { .. } => "wrong_state",
            Self::Changed { .. } => "version_mismatch",
            Self::Over => "poll_closed",
            Self::AlreadyVoted => "already_voted",
            Self::Full { .. } | Self::FullOfGuests { .. } => "poll_full",
            Self::TooManyVoters { .. } => "too_many_voters",
            Self::TooManyOpen => "too_many_open_polls",
            Self::TooManyPolls => "too_many_polls",
            Self::NoSuggestions => "no_suggestions",
            Self::SuggestedEnough => "suggested_enough",
            Self::OptionExists => "option_exists",
            Self::NoGuests => "guests_not_taken",
            Self::Hidden => "results_hidden",
            Self::Nameless => "poll_is_anonymous",
        }
    }
}
