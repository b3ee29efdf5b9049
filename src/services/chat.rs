//! Chats as the doors use them: made, changed, read and written in.
//!
//! Everything goes the same way: who may (`Entry`, from memory), save, tell. What was written is told in the order of
//! commits; who may not hear a chat any more has lost it when the call returns.

mod entry;
mod export;
mod keep;
mod look;
mod members;
mod mention;
mod messages;
mod post;
mod purge;
mod refusal;
mod search;
mod together;

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(in crate::services) use self::{entry::Entry, together::Together};
pub use self::{
    export::{EXPORT_MAX, Export},
    look::{Acknowledged, Acks, Shown},
    members::Person,
    post::NewMessage,
    refusal::{Error, Result},
    search::{Hits, LOOKED_AT_MAX},
};
use super::{Draft, LiveApp, Teller, new_id, word_list::Filters};
pub use crate::store::{Mark, Page, Revision, Window};
use crate::{
    dialect::{self, spelling::Payload},
    domain::{
        access::{Topic, capability::Capability},
        audit::AuditEntry,
        caller::Caller,
        chat::{Chat, ChatEdit, History, Kind, Part, ReadState, Settings, TITLE_MAX, normalised},
        fact::{Event, Position, topic_key},
        roster::{Expected, PlaceId},
    },
    ids::{AppId, ExternalId, SocketId, UserId},
    store::{self, Belonging, ChatChanged, ChatFilter, ChatMade, ChatWrite, Facts, Kept, Store},
    throttle::Keyed,
};

/// Messages that somebody may send each second in the long run.
const MESSAGES_PER_SECOND: u32 = 1;

/// Messages that somebody may send at once.
const MESSAGES_AT_ONCE: u32 = 5;

/// Edits and reactions of somebody each second in the long run.
const TOUCHES_PER_SECOND: u32 = 1;

/// Edits and reactions of somebody at once.
const TOUCHES_AT_ONCE: u32 = 20;

/// People whose clients are told that they belong to a chat now; beyond, they see it when they look.
const TOLD_MAX: usize = 20;

/// The chats of every app.
#[derive(Debug)]
pub struct Chats {
    pub(in crate::services) store: Store,
    teller: Arc<Teller>,
    /// How fast people write.
    pace: Option<Pace>,
    /// How fast they edit and react.
    touches: Option<Pace>,
    /// What is not said.
    pub(in crate::services) filters: Filters,
}

type Pace = Keyed<(AppId, UserId)>;

/// Counts what somebody does; programs have no pace.
fn keep_pace(pace: Option<&Pace>, asking: &Asking<'_>) -> Result<()> {
    if let (Some(pace), Some(user)) = (pace, asking.caller.user()) {
        pace.take(&(asking.app(), user.clone()))?;
    }
    Ok(())
}

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The app.
    pub live: &'a LiveApp,
    /// Who it is: a person, or a program that has been found to have the scope.
    pub caller: &'a Caller,
    /// Where they call from.
    pub ip: Option<IpAddr>,
    /// Socket that does not hear of it.
    pub except: Option<SocketId>,
    /// When.
    pub now: DateTime<Utc>,
}

/// A new chat, as it is asked for.
#[derive(Debug, Clone)]
pub struct NewChat {
    /// Its id; only programs choose one.
    pub id: Option<ExternalId>,
    /// Its kind.
    pub kind: Kind,
    /// The course or class that it belongs to.
    pub place: Option<PlaceId>,
    /// What people call it.
    pub title: String,
    /// How it works.
    pub settings: Settings,
    /// First members, beside whoever makes it.
    pub members: Vec<UserId>,
}

/// A chat as one person finds it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The chat.
    pub chat: Chat,
    /// How far they have read; `None` for programs, who read nothing.
    pub read: Option<ReadState>,
    /// How many messages they have not read, counted up to a bound.
    pub unread: Option<u64>,
    /// Its topic, and how far the stream of that had come before this was read.
    pub stream: Stood,
}

/// Where the stream of a topic stood before something was read.
pub type Stood = (String, Option<Position>);

/// The topic of a chat in rows and paths.
fn topic_of(chat: &ExternalId) -> String {
    topic_key(&Topic::Chat(chat.clone())).unwrap_or_default()
}

impl Asking<'_> {
    pub(in crate::services) fn app(&self) -> AppId {
        self.live.app().id.clone()
    }

    /// What the audit says of an admin who has read a chat that is not theirs.
    pub(in crate::services) fn read(&self, chat: &ExternalId) -> AuditEntry {
        self.audit("read", ("chat", chat.as_str()), chat, None)
    }

    /// What the audit says of something that was done to a thing in a chat.
    pub(in crate::services) fn audit(
        &self,
        action: &str,
        (kind, id): (&str, &str),
        chat: &ExternalId,
        after: Option<Value>,
    ) -> AuditEntry {
        AuditEntry {
            app: self.app(),
            actor: self.caller.actor(),
            action: format!("chat.{action}"),
            target_type: kind.to_owned(),
            target_id: id.to_owned(),
            scope: Some(format!("chat.{chat}")),
            before: None,
            after: after.map(|after| after.to_string()),
            ip: self.ip.map(|ip| ip.to_string()),
            at: self.now,
        }
    }
}

/// The title of a chat without what is not seen.
fn titled(kind: Kind, title: &str) -> Result<String> {
    let title = normalised(title);
    let got = title.chars().count();
    if got > TITLE_MAX {
        return Err(Error::field("/title", format!("may have at most {TITLE_MAX} characters, this one has {got}")));
    }
    match (kind, got) {
        (Kind::Dm, 0) => Ok(title),
        (Kind::Dm, _) => Err(Error::field("/title", "a chat of two people has no title".to_owned())),
        (_, 0) => Err(Error::field("/title", "a chat has a title, but those of two people".to_owned())),
        _ => Ok(title),
    }
}

/// Only groups know when somebody came.
fn check_history(kind: Kind, history: Option<History>) -> Result<()> {
    if kind == Kind::Group || history != Some(History::Joined) {
        return Ok(());
    }
    let message = "'joined' goes with groups: only they know when somebody came; leave it out or say 'all'";
    Err(Error::field("/settings/history", message.to_owned()))
}

impl Chats {
    /// The chats kept in this store, told by this teller.
    #[must_use]
    pub fn new(store: Store, teller: Arc<Teller>) -> Self {
        let pace = Keyed::new(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE);
        let touches = Keyed::new(TOUCHES_PER_SECOND, TOUCHES_AT_ONCE);
        Self { filters: Filters::new(store.clone()), store, teller, pace, touches }
    }

    /// Forgets those who have not written for a while.
    pub fn sweep(&self) {
        for pace in self.pace.iter().chain(&self.touches) {
            pace.sweep();
        }
    }

    /// Finds a chat as whoever asks sees it.
    ///
    /// # Errors
    /// When there is none for them.
    pub async fn show(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Found> {
        let stream = self.position(asking, chat).await?;
        let entry = Entry::find(asking, chat).await?;
        self.found(asking, &entry, stream).await
    }

    async fn found(&self, asking: &Asking<'_>, entry: &Entry, stream: Stood) -> Result<Found> {
        let chat = entry.circle().chat.clone();
        let Some(user) = entry.user() else { return Ok(Found { chat, read: None, unread: None, stream }) };
        let app = asking.app();
        let read = self.store.chat_read_state(&app, &chat.id, user).await?;
        let after = read.last_read_seq.max(entry.hidden());
        let unread = self.store.message_unread((&app, &chat.id), (user, entry.is_staff()), after).await?;
        Ok(Found { chat, read: Some(read), unread: Some(unread), stream })
    }

    /// Chats of whoever asks, by id, one more than a page has where there are more; a program sees all. Each comes with the id
    /// that the next page begins behind, and without the chat where it is not for them.
    ///
    /// # Errors
    /// When the database or the roster cannot be read.
    pub async fn list(
        &self,
        asking: &Asking<'_>,
        course: Option<ExternalId>,
        page: &Page,
    ) -> Result<Vec<(ExternalId, Option<Found>)>> {
        let of = match asking.caller.user() {
            Some(user) => match self.store.roster_standing(&asking.app(), user).await? {
                Some(standing) => Some(standing),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        let rows = self.store.chat_list(&asking.app(), &ChatFilter { of, course, kind: None }, page).await?;
        let topics: Vec<String> = rows.iter().map(|chat| topic_of(&chat.id)).collect();
        let mut positions = self.store.stream_positions(&asking.app(), &topics).await?;
        let mut found = Vec::with_capacity(rows.len());
        for (chat, topic) in rows.into_iter().zip(topics) {
            let position = positions.remove(&topic);
            let shown = match Entry::find(asking, &chat.id).await {
                Ok(entry) => Some(self.found(asking, &entry, (topic, position)).await?),
                Err(Error::Unknown(_) | Error::Denied(_)) => None,
                Err(error) => return Err(error),
            };
            found.push((chat.id, shown));
        }
        Ok(found)
    }

    /// Makes a chat; tells whether it is new. Two people who have one get that one.
    ///
    /// # Errors
    /// When whoever asks may not make such a chat, or it is not well formed.
    pub async fn create(&self, asking: &Asking<'_>, new: NewChat) -> Result<(Found, bool)> {
        let title = titled(new.kind, &new.title)?;
        if new.id.is_some() && asking.caller.user().is_some() {
            return Err(Error::field("/id", "only a program chooses the id of a chat; leave it out".to_owned()));
        }
        check_history(new.kind, Some(new.settings.history))?;
        let (course, class) = self.place_of(asking, &new).await?;
        let members = self.first_members(asking, &new).await?;
        let chat = Chat {
            id: match new.id {
                Some(id) => id,
                None => ExternalId::parse(&new_id(asking.now)).map_err(|_never| Error::Unknown("chat"))?,
            },
            kind: new.kind,
            course,
            class,
            title,
            settings: new.settings,
            created_by: asking.caller.actor(),
            created_at: asking.now,
            frozen_at: None,
            archived_at: None,
            cleared_seq: 0,
            version: 1,
        };
        let audit = [asking.audit("created", ("chat", chat.id.as_str()), &chat.id, None)];
        let users: Vec<&UserId> = members.iter().map(|member| &member.user).collect();
        let topics = members::told(asking, new.place.as_ref(), &users).await?;
        let facts = self.chat_facts(asking, &chat, ("created", topics)).await?;
        let app = asking.app();
        let epoch = new_id(asking.now);
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let save = Box::pin(self.store.chat_create(&app, &chat, &members, (write, facts)));
        let made = self.tell_changed((asking, &chat.id), save).await?;
        match made {
            ChatMade::Created => Ok((self.show_made(asking, &chat).await?, true)),
            ChatMade::There(there) => Ok((self.show_made(asking, &there).await?, false)),
            ChatMade::IdTaken => Err(Error::Taken(chat.id)),
            ChatMade::UnknownUser(user) => {
                Err(Error::field("/members", format!("the roster does not know user '{user}'")))
            }
        }
    }

    /// A chat as its maker sees it, who need not belong to it.
    async fn show_made(&self, asking: &Asking<'_>, chat: &Chat) -> Result<Found> {
        match self.show(asking, &chat.id).await {
            Err(Error::Unknown(_) | Error::Denied(_)) => {
                let stream = self.position(asking, &chat.id).await?;
                Ok(Found { chat: chat.clone(), read: None, unread: None, stream })
            }
            shown => shown,
        }
    }

    /// Course and class of a new chat, where whoever asks may make one.
    async fn place_of(&self, asking: &Asking<'_>, new: &NewChat) -> Result<(Option<ExternalId>, Option<ExternalId>)> {
        let place = match (new.kind, &new.place) {
            (Kind::Dm, None) => return Ok((None, None)),
            (Kind::Dm, Some(_)) => {
                return Err(Error::field("/course", "a chat of two people belongs to no course".to_owned()));
            }
            (Kind::Group, None) if asking.caller.user().is_none() => return Ok((None, None)),
            (Kind::Course, Some(PlaceId::Class(_))) => {
                return Err(Error::field("/class", "the chat of a course has a course and no class".to_owned()));
            }
            (Kind::Class, Some(PlaceId::Course(_)) | None) => {
                return Err(Error::field("/class", "the chat of a class has a class".to_owned()));
            }
            (_, None) => return Err(Error::field("/course", "name the course that the chat belongs to".to_owned())),
            (_, Some(place)) => place,
        };
        let needs = if new.kind == Kind::Group { Capability::ChatModerate } else { Capability::ChatControl };
        let (what, pointer) =
            if matches!(place, PlaceId::Class(_)) { ("class", "/class") } else { ("course", "/course") };
        let found = match asking.caller.user() {
            Some(user) => {
                let rights = asking.live.rights(user, place, asking.now).await?;
                let decision = rights.decide(needs);
                if !decision.allow {
                    let denied = Error::denied(decision);
                    return Err(if matches!(denied, Error::Unknown(_)) { Error::Unknown(what) } else { denied });
                }
                rights.place().cloned()
            }
            None => self.store.roster_place(&asking.app(), place).await?,
        };
        let Some(course) = found.as_ref().and_then(|found| found.course.as_ref()) else {
            return Err(Error::field(pointer, "the roster has no such course or class".to_owned()));
        };
        let class = found.as_ref().and_then(|found| found.class.as_ref()).map(|class| class.id.clone());
        Ok((Some(course.id.clone()), class))
    }

    /// Changes a chat.
    ///
    /// # Errors
    /// When whoever asks may not, or it has another version than expected.
    pub async fn change(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        mut edit: ChatEdit,
        expected: &Expected,
    ) -> Result<Found> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatControl)?;
        check_history(entry.circle().chat.kind, edit.settings.history)?;
        if let Some(title) = &edit.title {
            edit.title = Some(titled(entry.circle().chat.kind, title)?);
        }
        let what = match &edit {
            ChatEdit { is_frozen: Some(true), .. } => "frozen",
            ChatEdit { is_frozen: Some(false), .. } => "unfrozen",
            ChatEdit { is_archived: Some(true), .. } => "archived",
            _ => "updated",
        };
        let (app, epoch) = (asking.app(), new_id(asking.now));
        let days = edit.settings.retention_days.map(|days| json!({ "retention_days": days }));
        let audit = [asking.audit(what, ("chat", chat.as_str()), chat, days)];
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let facts = |after: &Chat| chat_facts(asking, Some(&entry), after, (what, vec![Topic::Chat(after.id.clone())]));
        let save = Box::pin(self.store.chat_update((&app, chat), &edit, expected, (write, facts)));
        let changed = self.tell_changed((asking, chat), save).await?;
        self.changed(asking, chat, changed).await
    }

    /// Clears a chat of all that was said.
    ///
    /// # Errors
    /// When whoever asks may not.
    pub async fn clear(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Found> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatControl)?;
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let audit = [asking.audit("cleared", ("chat", chat.as_str()), chat, None)];
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let facts =
            |after: &Chat| chat_facts(asking, Some(&entry), after, ("cleared", vec![Topic::Chat(after.id.clone())]));
        let save = Box::pin(self.store.chat_clear((&app, chat), &by, write, facts));
        let changed = self.tell_changed((asking, chat), save).await?;
        self.changed(asking, chat, changed).await
    }

    async fn changed(&self, asking: &Asking<'_>, chat: &ExternalId, changed: ChatChanged) -> Result<Found> {
        match changed {
            ChatChanged::Changed(_) | ChatChanged::Unchanged(_) => {
                asking.live.chat_changed(chat, asking.now).await;
                self.show(asking, chat).await
            }
            ChatChanged::Mismatch(got) => Err(Error::Mismatch(got)),
            ChatChanged::Missing => Err(Error::Unknown("chat")),
        }
    }

    /// How far the stream of a chat has come. To be asked before what is read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn position(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Stood> {
        let topic = topic_of(chat);
        let position = self.store.stream_position(&asking.app(), &topic).await?;
        Ok((topic, position))
    }

    /// Writes and tells.
    pub(in crate::services) async fn tell<T>(
        &self,
        write: impl Future<Output = store::Result<(T, Vec<Kept>)>>,
    ) -> Result<T> {
        Ok(self.teller.keep_and_tell(write).await?)
    }

    /// Writes what changes who may do what in a chat, and tells. Whoever comes next is judged by how it is then.
    pub(in crate::services) async fn tell_changed<T>(
        &self,
        (asking, chat): (&Asking<'_>, &ExternalId),
        write: impl Future<Output = store::Result<(T, Vec<Kept>)>>,
    ) -> Result<T> {
        let write = async {
            let written = write.await;
            asking.live.forget_chat(chat);
            written
        };
        self.tell(write).await
    }

    async fn chat_facts(&self, asking: &Asking<'_>, chat: &Chat, (what, topics): (&str, Vec<Topic>)) -> Result<Facts> {
        let actor = match asking.caller.user() {
            Some(user) => Some(asking.live.actor(user, asking.now).await?),
            None => None,
        };
        let draft = |topic| chat_draft((asking.now, asking.except), chat, what, topic);
        Ok(topics.into_iter().map(|topic| Draft { actor: actor.clone(), ..draft(topic) }.into_fact()).collect())
    }
}

fn chat_draft((at, except): (DateTime<Utc>, Option<SocketId>), chat: &Chat, what: &str, topic: Topic) -> Draft {
    let mut payload = Payload::new();
    payload.insert("chat".to_owned(), dialect::chat::chat(chat));
    payload.insert("change".to_owned(), json!(what));
    Draft { event: Event::ChatUpdated, topic, actor: None, payload, at, except }
}

/// What is told of a chat that has changed.
pub(in crate::services) fn chat_facts(
    asking: &Asking<'_>,
    entry: Option<&Entry>,
    chat: &Chat,
    (what, topics): (&str, Vec<Topic>),
) -> Facts {
    let actor = entry.and_then(Entry::actor);
    let draft = |topic| Draft { actor: actor.clone(), ..chat_draft((asking.now, asking.except), chat, what, topic) };
    topics.into_iter().map(|topic| draft(topic).into_fact()).collect()
}

/// A member that a group begins with.
const fn belonging(user: UserId, part: Part) -> Belonging {
    Belonging { user, part }
}
