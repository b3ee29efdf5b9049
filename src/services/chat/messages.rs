//! What becomes of messages: listed, read, edited, deleted, pinned, reacted to.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Asking, Chats, Entry, Error, Result, keep_pace};
use crate::{
    dialect::{self, spelling::Payload},
    domain::{
        access::{Topic, capability::Capability},
        chat::{Chat, Circle, Kind, Message, Notify, ReadState, message::is_emoji},
        fact::{Actor, Event, Fact},
        roster::Expected,
    },
    ids::{ExternalId, SocketId, UserId},
    services::{Draft, new_id, shadow},
    store::{self, ChatWrite, Edited, Facts, Mark, Marked, Revision, Window},
};

/// Pinned messages that are shown at most.
const PINNED_SHOWN: u64 = 100;

/// Largest group whose members are told how far each of them has read.
const READ_TOLD_MAX: usize = 50;

/// What hears of a message now: of people, those who may still hear the chat; in the shadow, its author and staff among them.
async fn listeners(asking: &Asking<'_>, chat: &Chat, message: &Message) -> Result<Vec<Topic>> {
    let mut topics = Vec::new();
    for topic in message.topics(chat) {
        let hears = match &topic {
            Topic::User(user) => {
                let rights = asking.live.chat_rights(user, &chat.id, asking.now).await?;
                rights.is_some_and(|rights| {
                    rights.may(Capability::HearChat)
                        && (!message.is_shadowed || message.is_for(user, rights.is_staff()))
                })
            }
            _ => true,
        };
        topics.extend(hears.then_some(topic));
    }
    Ok(topics)
}

/// What a message is told with.
fn payload(message: &Message) -> Payload {
    Payload::from_iter([("message".to_owned(), dialect::chat::message(message))])
}

/// Who does something, when, and their socket, which does not hear of it.
pub(super) type Origin = (Option<Actor>, DateTime<Utc>, Option<SocketId>);

/// What is told of a message.
pub(super) fn message_facts(
    (actor, at, except): &Origin,
    (event, topics): (Event, &[Topic]),
    message: &Message,
) -> Facts {
    let draft = |topic: &Topic| {
        let (topic, actor, payload) = (topic.clone(), actor.clone(), payload(message));
        Draft { event, topic, actor, payload, at: *at, except: *except }.into_fact()
    };
    topics.iter().map(draft).collect()
}

impl Entry {
    /// The same, judged anew if anything has changed since.
    ///
    /// # Errors
    /// When they may not hear the chat any more.
    pub(super) async fn again(self, asking: &Asking<'_>) -> Result<Self> {
        match self {
            Self::Person(rights) if asking.live.are_current(&rights) => Ok(Self::Person(rights)),
            Self::Person(rights) => {
                let chat = rights.circle().chat.id.clone();
                Self::find(asking, &chat).await
            }
            Self::Program(circle) => Self::find(asking, &circle.chat.id).await,
        }
    }

    /// The same, checked, with what hears of a message now. The check may take the message into the shadow.
    pub(super) async fn again_about(
        self,
        asking: &Asking<'_>,
        message: &mut Message,
        check: impl FnOnce(&Self, &mut Message) -> Result<()>,
    ) -> Result<(Self, Vec<Topic>)> {
        let entry = self.again(asking).await?;
        check(&entry, message)?;
        let topics = listeners(asking, &entry.circle().chat, message).await?;
        Ok((entry, topics))
    }
}

impl Chats {
    /// Messages of a chat as whoever asks may see them; see [`store::Store::message_list`].
    ///
    /// # Errors
    /// When the chat is not theirs.
    pub async fn messages(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        window: Window,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let entry = self.reader(asking, chat).await?;
        let seen_as = (entry.viewer(), entry.hidden());
        let found = self.store.message_list((&asking.app(), chat), seen_as, window, limit.into()).await?;
        Ok(found.into_iter().map(|message| entry.shown(message)).collect())
    }

    /// Messages that are pinned now, newest pin first.
    ///
    /// # Errors
    /// When the chat is not theirs.
    pub async fn pinned(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Vec<Message>> {
        let entry = self.reader(asking, chat).await?;
        let seen_as = (entry.viewer(), entry.hidden());
        let found = self.store.message_pinned((&asking.app(), chat), seen_as, asking.now, PINNED_SHOWN).await?;
        Ok(found.into_iter().map(|message| entry.shown(message)).collect())
    }

    /// Finds a message.
    ///
    /// # Errors
    /// When there is none for them.
    pub async fn message(&self, asking: &Asking<'_>, id: &str) -> Result<Message> {
        let (entry, message) = self.find(asking, id).await?;
        self.note_reader(asking, &entry).await?;
        Ok(entry.shown(message))
    }

    /// A message, and whoever asks in its chat.
    pub(in crate::services) async fn find(&self, asking: &Asking<'_>, id: &str) -> Result<(Entry, Message)> {
        let unknown = || Error::Unknown("message");
        let found = self.store.message_find_for(&asking.app(), id, asking.caller.user()).await?;
        let message = found.ok_or_else(unknown)?;
        let entry = match Entry::find(asking, &message.chat).await {
            Err(Error::Unknown(_)) => return Err(unknown()),
            entry => entry?,
        };
        if entry.sees(&message) { Ok((entry, message)) } else { Err(unknown()) }
    }

    /// What a message said before, newest first, for its author and moderators.
    ///
    /// # Errors
    /// When they may not see it.
    pub async fn versions(&self, asking: &Asking<'_>, id: &str) -> Result<Vec<(i64, String, DateTime<Utc>, String)>> {
        let (entry, message) = self.find(asking, id).await?;
        if !entry.is_author(&message) || message.deleted_at.is_some() {
            entry.demand(Capability::ChatModerate)?;
        }
        self.note_reader(asking, &entry).await?;
        Ok(self.store.message_versions(&asking.app(), id).await?)
    }

    /// Edits, deletes, pins or unpins a message.
    ///
    /// # Errors
    /// When whoever asks may not, it was deleted, or it has another version than expected.
    pub async fn revise(
        &self,
        asking: &Asking<'_>,
        id: &str,
        revision: Revision,
        expected: &Expected,
    ) -> Result<Message> {
        let mut revision = match revision {
            Revision::Edit(content) => Revision::Edit(content.checked()?),
            other => other,
        };
        let (entry, message) = self.find(asking, id).await?;
        check(asking, &entry, &message, &revision)?;
        let mut flagged = None;
        if let Revision::Edit(content) = &mut revision {
            self.demand_pair(asking, &entry).await?;
            keep_pace(self.touches.as_ref(), asking)?;
            (*content, flagged) = self.judged(asking, &entry, std::mem::take(content)).await?;
        }
        let (event, what) = match &revision {
            Revision::Delete => (Event::MessageDeleted, "deleted"),
            Revision::Edit(_) | Revision::EditInShadow(_) => (Event::MessageUpdated, "edited"),
            Revision::Pin(_) => (Event::MessageUpdated, "pinned"),
            Revision::Unpin => (Event::MessageUpdated, "unpinned"),
        };
        let by_others = !entry.is_author(&message);
        let audit: Vec<_> = by_others
            .then(|| asking.audit(what, ("message", id), &message.chat, Some(json!({ "author": message.author.id() }))))
            .into_iter()
            .collect();
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let save = async {
            let judged = async {
                // While they waited it may have been taken from them.
                let (entry, mut message) = self.find(asking, id).await?;
                let judged = entry.again_about(asking, &mut message, |entry, message| {
                    check(asking, entry, message, &revision)?;
                    message.is_shadowed = is_for_few(message, &revision, entry.is_shadowed());
                    Ok(())
                });
                let (entry, topics) = judged.await?;
                Ok::<_, Error>((entry, topics, message))
            };
            let (entry, topics, message) = match judged.await {
                Ok(judged) => judged,
                Err(error) => return Ok((Err(error), Vec::new())),
            };
            let seen = (message.reactions.clone(), message.acks);
            let revision = match revision {
                Revision::Edit(content) if message.is_shadowed => Revision::EditInShadow(content),
                other => other,
            };
            let tell = |after: &Message| {
                let facts = message_facts(&(entry.actor(), asking.now, asking.except), (event, &topics), after);
                (facts, Value::Object(payload(after)).to_string())
            };
            let revision = (revision, by.as_str());
            let (edited, kept) = self.store.message_revise((&app, id), revision, expected, (write, tell)).await?;
            Ok::<_, store::Error>((Ok((entry, edited, seen)), kept))
        };
        let (entry, edited, (reactions, acks)) = self.teller.keep_and_tell(Box::pin(save)).await??;
        match edited {
            Edited::Done(message) => {
                if let Some(word) = flagged {
                    self.flag(asking, &message, &word).await;
                }
                // With what they themselves have put on it in the shadow.
                Ok(entry.shown(Message { reactions, acks, ..*message }))
            }
            Edited::Unchanged(message) => Ok(entry.shown(Message { reactions, acks, ..*message })),
            Edited::Deleted => Err(Error::Deleted),
            Edited::Mismatch(got) => Err(Error::Mismatch(got)),
            Edited::Missing => Err(Error::Unknown("message")),
        }
    }

    /// Reacts to a message, takes that back, or acknowledges the message.
    ///
    /// # Errors
    /// When whoever asks may not, or the message is gone.
    pub async fn mark(&self, asking: &Asking<'_>, id: &str, mark: Mark<'_>) -> Result<Message> {
        if let Mark::React(emoji) | Mark::Unreact(emoji) = mark
            && !is_emoji(emoji)
        {
            return Err(Error::field(
                "/emoji",
                "must be an emoji, or its name between colons such as :tada:".to_owned(),
            ));
        }
        let (entry, _message) = self.find(asking, id).await?;
        let Some(user) = entry.user().cloned() else { return Err(Error::NotYours) };
        self.note_reader(asking, &entry).await?;
        if matches!(mark, Mark::React(_)) {
            entry.demand_voice(asking.now)?;
        }
        let is_reaction = mark != Mark::Acknowledge;
        if is_reaction {
            keep_pace(self.touches.as_ref(), asking)?;
        }
        let (app, epoch) = (asking.app(), new_id(asking.now));
        let write = ChatWrite { at: asking.now, audit: &[], epoch: &epoch };
        let save = async {
            let judged = async {
                // While they waited it may have been taken from them.
                let (entry, message) = self.find(asking, id).await?;
                // How many have acknowledged it is seen when it is looked at: a class of many would be told of nothing else.
                let topics =
                    if is_reaction { listeners(asking, &entry.circle().chat, &message).await? } else { Vec::new() };
                Ok::<_, Error>((entry, topics))
            };
            let (entry, topics) = match judged.await {
                Ok(judged) => judged,
                Err(error) => return Ok((Err(error), Vec::new())),
            };
            let facts = |after: &Message, in_shadow: bool| {
                let origin = (entry.actor(), asking.now, asking.except);
                let mut facts = message_facts(&origin, (Event::MessageUpdated, &topics), after);
                if in_shadow {
                    facts.retain_mut(|(fact, _)| keep_for(fact, &user));
                }
                facts
            };
            let by = (&user, entry.is_shadowed());
            let (marked, kept) = self.store.message_mark((&app, id), by, mark, (write, facts)).await?;
            Ok::<_, store::Error>((Ok((entry, marked)), kept))
        };
        let (entry, marked) = self.teller.keep_and_tell(Box::pin(save)).await??;
        match marked {
            Marked::Done(message) | Marked::Unchanged(message) => Ok(entry.shown(*message)),
            Marked::TooManyKinds => {
                Err(Error::TooMany("the message has as many different emoji as it may have".to_owned()))
            }
            Marked::Deleted => Err(Error::Deleted),
            Marked::Missing => Err(Error::Unknown("message")),
        }
    }

    /// Notes how far somebody has read. The number never falls: of two tabs the one that is further counts.
    ///
    /// # Errors
    /// When the chat is not theirs.
    pub async fn read(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        seq: i64,
        wishes: (Option<bool>, Option<Notify>),
    ) -> Result<(ReadState, u64)> {
        let entry = Entry::find(asking, chat).await?;
        let Some(user) = entry.user() else { return Err(Error::NotYours) };
        let app = asking.app();
        let before = self.store.chat_read_state(&app, chat, user).await?;
        let state = self.store.chat_read((&app, chat, user), seq, wishes, asking.now).await?;
        let after = state.last_read_seq.max(entry.hidden());
        let unread = self.store.message_unread((&app, chat), (user, entry.is_staff()), after).await?;
        if state.last_read_seq > before.last_read_seq {
            let mut payload = Payload::new();
            payload.insert("chat_id".to_owned(), json!(chat.as_str()));
            payload.insert("user_id".to_owned(), json!(user.as_str()));
            payload.insert("last_read_seq".to_owned(), json!(state.last_read_seq));
            // Their own tabs know in any case. In a crowd everybody would be told of everybody.
            let Circle { chat: Chat { kind, .. }, members, .. } = &**entry.circle();
            let is_small = *kind == Kind::Dm || (*kind == Kind::Group && members.len() <= READ_TOLD_MAX);
            let is_told = is_small && !state.is_private;
            let topic = if is_told { Topic::Chat(chat.clone()) } else { Topic::User(user.clone()) };
            let (actor, at, except) = (entry.actor(), asking.now, asking.except);
            let draft = Draft { event: Event::ChatRead, topic, actor, payload, at, except };
            let (fact, except) = draft.into_fact();
            asking.live.tell(&fact, except);
        }
        Ok((state, unread))
    }
}

/// Keeps a fact for one person alone; tells whether there is anything left of it.
fn keep_for(fact: &mut Fact<Payload>, user: &UserId) -> bool {
    match &fact.topic {
        Topic::User(topic) => topic == user,
        Topic::Chat(_) => {
            shadow::reserve(fact, user);
            true
        }
        _ => false,
    }
}

/// Whether only staff and its author shall find a message that is changed by somebody, who may be in the shadow.
const fn is_for_few(message: &Message, revision: &Revision, is_by_shadow: bool) -> bool {
    match revision {
        // What they say now nobody else shall find, also where they said something else before.
        Revision::Edit(_) | Revision::EditInShadow(_) => message.is_shadowed || is_by_shadow,
        // What others have before them is gone for them too.
        Revision::Delete => message.is_shadowed && !message.was_open,
        Revision::Pin(_) | Revision::Unpin => message.is_shadowed,
    }
}

/// Whether somebody may do this to a message now.
fn check(asking: &Asking<'_>, entry: &Entry, message: &Message, revision: &Revision) -> Result<()> {
    if message.deleted_at.is_some() {
        return Err(Error::Deleted);
    }
    match revision {
        Revision::Edit(_) | Revision::EditInShadow(_) if !entry.is_author(message) => Err(Error::NotYours),
        Revision::Edit(_) | Revision::EditInShadow(_) => {
            entry.demand_voice(asking.now)?;
            let seconds = entry.circle().chat.settings.edit_window_s;
            let is_late = asking.now - message.created_at >= TimeDelta::seconds(seconds.into());
            if is_late && !entry.may(Capability::ChatModerate) { Err(Error::TooLate { seconds }) } else { Ok(()) }
        }
        Revision::Delete if entry.is_author(message) => Ok(()),
        Revision::Delete | Revision::Pin(_) | Revision::Unpin => entry.demand(Capability::ChatModerate),
    }
}
