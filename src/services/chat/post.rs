//! Saying something in a chat.

use std::time::Duration;

use super::{Asking, Chats, Entry, Error, Result, keep_pace};
use crate::{
    domain::{
        access::{Topic, capability::Capability},
        chat::{
            Author, DmPolicy, Message, Visibility,
            message::{AUDIENCE_MAX, Content, check_client_id},
            normalised,
        },
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::{new_id, word_list::listed},
    store::{Along, Posted},
};

/// Something that somebody wants to say.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Where.
    pub chat: ExternalId,
    /// What.
    pub content: Content,
    /// The message that it replies to.
    pub parent: Option<String>,
    /// The author's own name for it.
    pub client_id: Option<String>,
    /// For whom it is; `None` = for whom what it replies to is, else for all.
    pub visibility: Option<Visibility>,
    /// Whom it is for, where it is for some alone.
    pub audience: Vec<UserId>,
}

impl Chats {
    /// Says something; tells whether it is new, or was sent before under the same `client_id`.
    ///
    /// # Errors
    /// When it is not well formed, or whoever asks may not say it now.
    pub async fn post(&self, asking: &Asking<'_>, new: NewMessage) -> Result<(Message, bool)> {
        let content = new.content.checked()?;
        new.client_id.as_deref().map_or(Ok(()), check_client_id)?;
        let entry = Entry::find(asking, &new.chat).await?;
        let author = entry.user().map_or(Author::Program, |user| Author::User(user.clone()));
        // Whoever has not heard the answer asks once more, and is not refused what has been done.
        if let Some(client_id) = &new.client_id
            && let Some(sent) = self.store.message_sent(&asking.app(), &new.chat, &author, client_id).await?
        {
            return Ok((entry.shown(sent), false));
        }
        entry.demand_voice(asking.now)?;
        self.demand_pair(asking, &entry).await?;
        let parent = match &new.parent {
            Some(parent) => Some(self.parent(asking, &entry, parent).await?),
            None => None,
        };
        let shadowed = parent.as_ref().filter(|parent| parent.is_shadowed).map(|parent| parent.author.clone());
        let (visibility, audience) = Self::for_whom(&entry, parent, (new.visibility, new.audience))?;
        // What only staff finds has no answer that others find; whom alone it is for may well find it.
        let is_alone = |author: &Author| match author {
            Author::User(user) => visibility == Visibility::Users && audience == std::slice::from_ref(user),
            Author::Program => false,
        };
        let is_reply_in_shadow = shadowed.is_some_and(|author| !is_alone(&author));
        self.check_audience(asking, &entry, &audience).await?;
        keep_pace(self.pace.as_ref(), asking)?;
        let (content, flagged) = self.judged(asking, &entry, content).await?;
        let message = Message {
            id: new_id(asking.now),
            chat: new.chat,
            seq: 0,
            author,
            author_name: entry.actor().map_or_else(|| asking.live.app().name.clone(), |actor| normalised(&actor.name)),
            author_role: entry.role(),
            parent: new.parent,
            client_id: new.client_id,
            body: content.body,
            mentions: content.mentions,
            visibility,
            audience,
            is_shadowed: is_reply_in_shadow,
            was_open: false,
            attachments: content.attachments,
            reactions: Vec::new(),
            acks: 0,
            created_at: asking.now,
            edited_at: None,
            deleted_at: None,
            pinned_at: None,
            pinned_until: None,
            version: 1,
        };
        let along = Along {
            notices: self.mentioned(asking, &entry, &message).await?,
            report: flagged.map(|word| listed(&message, &word, asking.now)),
        };
        let unmarked = |message: Box<Message>| Message { is_shadowed: false, ..*message };
        match self.insert(asking, entry, (message, along)).await? {
            Posted::New(message) => {
                if let Author::User(author) = &message.author {
                    asking.live.typing_stopped(&Topic::Chat(message.chat.clone()), author, asking.now);
                }
                Ok((unmarked(message), true))
            }
            Posted::Again(message) => Ok((unmarked(message), false)),
            Posted::TooSoon(wait) => Err(Error::SlowMode { wait: wait.to_std().unwrap_or(Duration::from_secs(1)) }),
        }
    }

    /// The message that is replied to.
    async fn parent(&self, asking: &Asking<'_>, entry: &Entry, id: &str) -> Result<Message> {
        let found = self.store.message_find(&asking.app(), id).await?;
        let seen = found.filter(|message| message.chat == entry.circle().chat.id && entry.sees(message));
        seen.ok_or_else(|| Error::field("/parent_id", "there is no such message in this chat".to_owned()))
    }

    /// For whom a message is. A reply to what is not for all is for those whom that is for.
    fn for_whom(
        entry: &Entry,
        parent: Option<Message>,
        (wanted, audience): (Option<Visibility>, Vec<UserId>),
    ) -> Result<(Visibility, Vec<UserId>)> {
        let inherited = parent.filter(|parent| parent.visibility != Visibility::All);
        if let Some(parent) = inherited {
            if wanted.is_some_and(|wanted| wanted != parent.visibility) || !audience.is_empty() {
                let message = format!("a reply is for whom the message is that it replies to: '{}'", parent.visibility);
                return Err(Error::field("/visibility", message));
            }
            let author = match &parent.author {
                Author::User(author) if parent.visibility == Visibility::Users => Some(author.clone()),
                _ => None,
            };
            let mut audience = parent.audience;
            audience.extend(author);
            audience.retain(|user| entry.user() != Some(user));
            audience.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
            audience.dedup();
            return Ok((parent.visibility, audience));
        }
        let visibility = wanted.unwrap_or(Visibility::All);
        let audience = Self::named(visibility, audience)?;
        if visibility == Visibility::Staff && entry.circle().chat.staff().is_none() {
            let message = "only a chat of a course or class has staff, and a group has not".to_owned();
            return Err(Error::field("/visibility", message));
        }
        Ok((visibility, audience))
    }

    fn named(visibility: Visibility, mut audience: Vec<UserId>) -> Result<Vec<UserId>> {
        audience.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        audience.dedup();
        let is_for_some = visibility == Visibility::Users;
        if is_for_some == audience.is_empty() {
            let message = "goes with the visibility 'users', and only with it".to_owned();
            return Err(Error::field("/visible_to", message));
        }
        let got = audience.len();
        if got > AUDIENCE_MAX {
            return Err(Error::field(
                "/visible_to",
                format!("may have at most {AUDIENCE_MAX} entries, these are {got}"),
            ));
        }
        Ok(audience)
    }

    /// Whom a message is for must belong to the chat; and whoever is not staff tells some alone only what they may tell them
    /// in a chat of two.
    async fn check_audience(&self, asking: &Asking<'_>, entry: &Entry, audience: &[UserId]) -> Result<()> {
        let circle = entry.circle();
        let is_free = entry.user().is_none()
            || circle.chat.course.is_none()
            || circle.chat.settings.dm_policy == DmPolicy::Everybody
            || entry.is_staff();
        for user in audience {
            let rights = asking.live.chat_rights(user, &circle.chat.id, asking.now).await?;
            let theirs = rights.filter(|rights| rights.may(Capability::HearChat));
            let Some(theirs) = theirs else {
                return Err(Error::field("/visible_to", format!("user '{user}' does not belong to this chat")));
            };
            if !is_free && !theirs.role().is_some_and(Role::is_staff) {
                let message = format!("in this chat you write to staff alone, and user '{user}' is not staff");
                return Err(Error::field("/visible_to", message));
            }
        }
        Ok(())
    }
}
