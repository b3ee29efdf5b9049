//! How what cannot be done with chats is told.

use poem::http::StatusCode;

use super::super::problem::{Field, Problem};
use crate::{
    domain::{
        chat::{Silence, message::Flaw},
        word_list,
    },
    services::chat::Error,
};

impl From<Silence> for Problem {
    fn from(silence: Silence) -> Self {
        let detail = silence.to_string();
        match silence {
            Silence::Archived => Self::new(StatusCode::CONFLICT, "chat_archived", detail),
            Silence::Frozen => Self::new(StatusCode::CONFLICT, "chat_frozen", detail),
            Silence::Muted { .. } => Self::forbidden("muted", detail),
            Silence::NotThisRole => Self::forbidden("wrong_role", detail),
        }
    }
}

impl From<Flaw> for Problem {
    fn from(flaw: Flaw) -> Self {
        let code = match flaw {
            Flaw::TooLong { .. } | Flaw::TooMany { .. } => "too_long",
            Flaw::Empty | Flaw::Nul { .. } | Flaw::Form { .. } => "invalid",
        };
        Self::fields(vec![Field::at(flaw.part(), code, flaw.to_string())])
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Unknown(_) => Self::not_found(detail),
            Error::Denied(decision) => (*decision).into(),
            Error::Silence(silence) => silence.into(),
            Error::TooFast(exceeded) => exceeded.into(),
            Error::SlowMode { wait } => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Self::new(StatusCode::TOO_MANY_REQUESTS, "slow_mode", detail).with_retry(seconds.max(1))
            }
            Error::Flaw(flaw) => flaw.into(),
            Error::Field { pointer, message } => Self::fields(vec![Field::at(&pointer, "invalid", message)]),
            Error::Taken(_) => Self::new(StatusCode::CONFLICT, "id_taken", detail),
            Error::Mismatch(_) => Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", detail),
            Error::Deleted => Self::new(StatusCode::CONFLICT, "message_deleted", detail),
            Error::NotYours => Self::forbidden("not_yours", detail),
            Error::Apart => Self::forbidden("apart", detail),
            Error::Rank(_) => Self::forbidden("rank", detail),
            Error::TooLate { .. } => Self::forbidden("edit_window_over", detail),
            Error::NoGroup => Self::new(StatusCode::CONFLICT, "no_group", detail),
            Error::TooMany(_) => Self::new(StatusCode::CONFLICT, "too_many", detail),
            Error::Blocked { part, blocked } => {
                let field = Field::at(part, "word_blocked", blocked.to_string());
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "word_blocked", detail).with_errors(vec![field])
            }
            Error::WordList(flaw) => {
                let code = match flaw {
                    word_list::Flaw::TooMany(_) | word_list::Flaw::TooLong { .. } => "too_long",
                    word_list::Flaw::Empty { .. } => "empty",
                    word_list::Flaw::Twice { .. } => "invalid",
                };
                Self::fields(vec![Field::at(&flaw.pointer(), code, detail)])
            }
            Error::Uncompilable(error) => Self::internal(&error),
            Error::Access(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Together(error) => error.as_ref().into(),
            Error::Interrupted => Self::unavailable("source_unavailable", detail),
        }
    }
}
