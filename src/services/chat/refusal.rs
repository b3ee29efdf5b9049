//! Why something with a chat cannot be done.

use std::{borrow::Cow, sync::Arc, time::Duration};

use crate::{
    domain::{
        access::{Decision, Reason},
        chat::{Silence, message::Flaw},
        word_list::{self, Blocked, Uncompilable},
    },
    ids::ExternalId,
    services::access,
    store,
    throttle::Exceeded,
};

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or it is not theirs: both look the same.
    #[error("There is no such {0}, or it is not yours")]
    Unknown(&'static str),
    /// They may not.
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// They may not write now.
    #[error("{0}")]
    Silence(#[from] Silence),
    /// They write too fast.
    #[error("{0}")]
    TooFast(#[from] Exceeded),
    /// The chat is slow.
    #[error("the chat is slow: the next message may come in {} s", wait.as_secs_f64().ceil())]
    SlowMode {
        /// How long they have to wait.
        wait: Duration,
    },
    /// What they say is not well formed.
    #[error("{0}")]
    Flaw(#[from] Flaw),
    /// A field is wrong.
    #[error("{message}")]
    Field {
        /// JSON pointer to it.
        pointer: Cow<'static, str>,
        /// What would be right.
        message: String,
    },
    /// There is another chat with this id.
    #[error("there is already a chat with the id '{0}'")]
    Taken(ExternalId),
    /// Somebody has changed it meanwhile.
    #[error("it has version \"{0}\" now; read it again and decide anew")]
    Mismatch(i64),
    /// The message was deleted.
    #[error("the message was deleted")]
    Deleted,
    /// It is somebody else's.
    #[error("only the author may do this")]
    NotYours,
    /// Two people may not write to each other alone any more.
    #[error("you may not write to each other alone any more: you share no course that lets you")]
    Apart,
    /// It is about staff of their own rank or above, or about themselves.
    #[error("{0}")]
    Rank(&'static str),
    /// It is too late to edit.
    #[error("a message of this chat may be edited for {seconds} s")]
    TooLate {
        /// Seconds in which it may be edited.
        seconds: u32,
    },
    /// It is no group: who belongs to it cannot be changed here.
    #[error("only groups have members that are added and removed")]
    NoGroup,
    /// There are too many.
    #[error("{0}")]
    TooMany(String),
    /// A word list refuses a word of it.
    #[error("{blocked}")]
    Blocked {
        /// JSON pointer to the text that holds it.
        part: &'static str,
        /// The word.
        blocked: Blocked,
    },
    /// A word list is not well formed.
    #[error("{0}")]
    WordList(#[from] word_list::Flaw),
    /// A word list cannot be used.
    #[error(transparent)]
    Uncompilable(#[from] Uncompilable),
    /// The roster cannot be read.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The database fails, for all that was written together.
    #[error(transparent)]
    Together(Arc<store::Error>),
    /// Whoever wrote for all was given up in the middle.
    #[error("it is not known whether the message was written: send it again under the same `client_id`")]
    Interrupted,
}

/// Result of what is done with chats.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(in crate::services) const fn field(pointer: &'static str, message: String) -> Self {
        Self::Field { pointer: Cow::Borrowed(pointer), message }
    }

    /// A wrong entry of a list.
    pub(in crate::services) fn entry(list: &str, position: usize, message: String) -> Self {
        Self::Field { pointer: Cow::Owned(format!("{list}/{position}")), message }
    }

    /// A refusal as the person may know it: what is not theirs is not there.
    pub(in crate::services) fn denied(decision: Decision) -> Self {
        let decision = decision.for_people();
        match decision.reason {
            Reason::NotEnrolled | Reason::UnknownChannel => Self::Unknown("chat"),
            _ => Self::Denied(Box::new(decision)),
        }
    }
}
