//! Whoever comes into a chat, with what they may do there.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Asking, Error, Result};
use crate::{
    domain::{
        access::capability::Capability,
        chat::{Author, Circle, Message},
        fact::Actor,
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::access::ChatRights,
    store::Viewer,
};

/// A chat and whoever came into it.
#[derive(Debug)]
pub(in crate::services) enum Entry {
    /// A person, who may hear it.
    Person(Box<ChatRights>),
    /// A program, which may do everything.
    Program(Arc<Circle>),
}

impl Entry {
    /// Lets in whoever may hear the chat.
    ///
    /// # Errors
    /// When they may not; strangers hear that there is no such chat.
    pub(in crate::services) async fn find(asking: &Asking<'_>, chat: &ExternalId) -> Result<Self> {
        let Some(user) = asking.caller.user() else {
            let circle = asking.live.chat(chat).await?;
            return circle.map(Self::Program).ok_or(Error::Unknown("chat"));
        };
        let rights = asking.live.chat_rights(user, chat, asking.now).await?;
        let rights = rights.ok_or(Error::Unknown("chat"))?;
        let decision = rights.decide(Capability::HearChat);
        if decision.allow { Ok(Self::Person(Box::new(rights))) } else { Err(Error::denied(decision)) }
    }

    /// The chat.
    pub(in crate::services) fn circle(&self) -> &Arc<Circle> {
        match self {
            Self::Person(rights) => rights.circle(),
            Self::Program(circle) => circle,
        }
    }

    /// The person.
    pub(in crate::services) fn user(&self) -> Option<&UserId> {
        match self {
            Self::Person(rights) => Some(rights.user()),
            Self::Program(_) => None,
        }
    }

    /// Their role where the chat belongs to.
    pub(in crate::services) fn role(&self) -> Option<Role> {
        match self {
            Self::Person(rights) => rights.role(),
            Self::Program(_) => None,
        }
    }

    /// Whom others see.
    pub(in crate::services) fn actor(&self) -> Option<Actor> {
        match self {
            Self::Person(rights) => Some(rights.actor()),
            Self::Program(_) => None,
        }
    }

    /// Tells whether they have a capability.
    pub(in crate::services) fn may(&self, capability: Capability) -> bool {
        match self {
            Self::Person(rights) => rights.may(capability),
            Self::Program(_) => true,
        }
    }

    /// Tells whether they hear what is for staff.
    pub(in crate::services) fn is_staff(&self) -> bool {
        match self {
            Self::Person(rights) => rights.is_staff(),
            Self::Program(_) => true,
        }
    }

    /// Tells whether only staff finds what they write now, without their knowing.
    pub(in crate::services) fn is_shadowed(&self) -> bool {
        match self {
            Self::Person(rights) => rights.is_shadowed(),
            Self::Program(_) => false,
        }
    }

    /// A message as it is shown to them: nobody sees that they are in the shadow.
    pub(in crate::services) fn shown(&self, mut message: Message) -> Message {
        message.is_shadowed &= !self.is_author(&message);
        message
    }

    /// Demands a capability.
    ///
    /// # Errors
    /// When they have it not.
    pub(in crate::services) fn demand(&self, capability: Capability) -> Result<()> {
        let Self::Person(rights) = self else { return Ok(()) };
        let decision = rights.decide(capability);
        if decision.allow { Ok(()) } else { Err(Error::denied(decision)) }
    }

    /// Demands that they may write now.
    ///
    /// # Errors
    /// When they may not.
    pub(in crate::services) fn demand_voice(&self, now: DateTime<Utc>) -> Result<()> {
        self.demand(Capability::ChatPost)?;
        let silence = match self {
            Self::Person(rights) => rights.silence(),
            Self::Program(circle) => circle.silence(None, (None, true), now),
        };
        silence.map_or(Ok(()), |silence| Err(silence.into()))
    }

    /// Messages up to this number are not for them.
    pub(in crate::services) fn hidden(&self) -> i64 {
        self.circle().hidden_up_to(self.user())
    }

    /// As whom they look at messages.
    pub(in crate::services) fn viewer(&self) -> Viewer<'_> {
        match self.user() {
            Some(user) => Viewer::Person(user, self.is_staff()),
            None => Viewer::All,
        }
    }

    /// Tells whether a message of this chat is for them.
    pub(in crate::services) fn sees(&self, message: &Message) -> bool {
        message.seq > self.hidden() && self.user().is_none_or(|user| message.is_for(user, self.is_staff()))
    }

    /// Tells whether a message is theirs.
    pub(in crate::services) fn is_author(&self, message: &Message) -> bool {
        match (&message.author, self.user()) {
            (Author::User(author), Some(user)) => author == user,
            (Author::Program, None) => true,
            _ => false,
        }
    }
}
