//! Looking at messages: with one's own marks on them, at who has acknowledged one, and as an admin who leaves a trace.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Asking, Chats, Entry, Page, Result};
use crate::{
    domain::{
        access::capability::{Capability, Held},
        chat::{Author, Chat, Circle, Message, Visibility, message::OwnMarks},
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::audit::note_reading,
    store::MemberFilter,
};

/// A message as whoever asks finds it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The message.
    pub message: Message,
    /// What they have put on it; nothing for programs, who put nothing.
    pub own: OwnMarks,
}

/// Somebody who has acknowledged a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The person.
    pub user: UserId,
    /// Their name; empty when the roster does not know them any more.
    pub name: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// How far a message was acknowledged.
#[derive(Debug, Clone)]
pub struct Acks {
    /// Some of those who have, by user id; one more than a page has where there are more.
    pub some: Vec<Acknowledged>,
    /// How many have.
    pub count: u64,
    /// How many of those whom it is for have not, the author left out.
    pub pending: u64,
}

impl Entry {
    /// Tells whether somebody is here as an admin alone.
    fn is_overseer(&self) -> bool {
        match self {
            Self::Person(rights) => rights.is_overseer(),
            Self::Program(_) => false,
        }
    }
}

impl Chats {
    /// Lets in whoever wants to read what was said. That an admin does who takes no part in the course is noted.
    pub(in crate::services) async fn reader(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Entry> {
        let entry = Entry::find(asking, chat).await?;
        self.note_reader(asking, &entry).await?;
        Ok(entry)
    }

    /// Notes for the audit that an admin reads a chat that is not theirs.
    pub(super) async fn note_reader(&self, asking: &Asking<'_>, entry: &Entry) -> Result<()> {
        if entry.is_overseer() {
            note_reading(&self.store, &asking.read(&entry.circle().chat.id)).await?;
        }
        Ok(())
    }

    /// Messages with what whoever asks has put on them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shown(&self, asking: &Asking<'_>, messages: Vec<Message>) -> Result<Vec<Shown>> {
        let mut own = self.own_marks(asking, &messages).await?;
        let shown = |message: Message| Shown { own: own.remove(&message.id).unwrap_or_default(), message };
        Ok(messages.into_iter().map(shown).collect())
    }

    /// What whoever asks has put on messages, by their ids.
    async fn own_marks(&self, asking: &Asking<'_>, messages: &[Message]) -> Result<HashMap<String, OwnMarks>> {
        let is_marked = |message: &&Message| !message.reactions.is_empty() || message.acks > 0;
        let marked: Vec<&str> = messages.iter().filter(is_marked).map(|message| message.id.as_str()).collect();
        match asking.caller.user() {
            Some(user) if !marked.is_empty() => Ok(self.store.message_own_marks(&asking.app(), user, &marked).await?),
            _ => Ok(HashMap::new()),
        }
    }

    /// The same for one message.
    ///
    /// # Errors
    /// As there.
    pub async fn shown_one(&self, asking: &Asking<'_>, message: Message) -> Result<Shown> {
        let own = self.own_marks(asking, std::slice::from_ref(&message)).await?.remove(&message.id);
        Ok(Shown { own: own.unwrap_or_default(), message })
    }

    /// Who has acknowledged a message, for its author and moderators.
    ///
    /// # Errors
    /// When they may not know.
    pub async fn acks(&self, asking: &Asking<'_>, id: &str, page: &Page) -> Result<Acks> {
        let (entry, message) = self.find(asking, id).await?;
        if !entry.is_author(&message) {
            entry.demand(Capability::ChatModerate)?;
        }
        self.note_reader(asking, &entry).await?;
        let rows = self.store.message_acks(&asking.app(), id, page).await?;
        let some = rows.into_iter().map(|(user, name, at)| Acknowledged { user, name, at }).collect();
        Ok(Acks { some, count: message.acks, pending: self.pending(asking, &entry, &message).await? })
    }

    /// How many of those whom a message is for have not acknowledged it: of a course or class, those who take part there now and
    /// may hear the chat.
    async fn pending(&self, asking: &Asking<'_>, entry: &Entry, message: &Message) -> Result<u64> {
        let Circle { chat, members, .. } = &**entry.circle();
        let app = asking.app();
        let author = match &message.author {
            Author::User(author) => Some(author),
            Author::Program => None,
        };
        if message.visibility == Visibility::Users || !chat.kind.is_of_a_place() {
            let named: Box<dyn Iterator<Item = &UserId> + Send> = match message.visibility {
                Visibility::Users => Box::new(message.audience.iter()),
                Visibility::All | Visibility::Staff => Box::new(members.keys()),
            };
            let others: Vec<UserId> = named.filter(|user| Some(*user) != author).cloned().collect();
            let have = self.store.message_ack_count(&app, &message.id, &others).await?;
            return Ok((others.len() as u64).saturating_sub(have));
        }
        let Some(filter) = self.hearers(asking, chat, message.visibility).await? else { return Ok(0) };
        Ok(self.store.roster_pending_count(&app, &filter, (&message.id, author), asking.now).await?)
    }

    /// Who may hear the messages of the chat of a course or class, by their roles there; `None` = nobody.
    pub(super) async fn hearers(
        &self,
        asking: &Asking<'_>,
        chat: &Chat,
        visibility: Visibility,
    ) -> Result<Option<MemberFilter>> {
        let Some(place) = chat.place() else { return Ok(None) };
        let found = self.store.roster_place(&asking.app(), &place).await?.and_then(|place| place.course);
        let overrides = found.map(|course| course.overrides).unwrap_or_default();
        let hears = |role: &Role| {
            let holds = |capability: Capability| capability.held_by(*role, &overrides) == Held::Yes;
            holds(Capability::HearChat) && (visibility == Visibility::All || holds(Capability::HearStaff))
        };
        let roles: Vec<Role> = Role::ALL.iter().copied().filter(hears).collect();
        let filter = MemberFilter { place: Some(place), roles, ..MemberFilter::default() };
        Ok(Some(filter).filter(|filter| !filter.roles.is_empty()))
    }
}
