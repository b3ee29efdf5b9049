//! Chats, members and reading as bodies and answers tell them.

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;

use super::super::{list::StreamView, problem::Field, word::Word};
use crate::{
    domain::{
        chat::{
            Chat, ChatEdit, DmPolicy, EDIT_WINDOW_MAX, History, Kind, MEMBERS_MAX, Notify, Part, RETENTION_MAX,
            ReadState, SLOW_MODE_MAX, Settings, SettingsEdit,
        },
        roster::{PlaceId, Role},
    },
    ids::{ExternalId, UserId},
    services::chat::{Found, NewChat, Person},
};

type Id = Word<ExternalId>;
type Time = Word<DateTime<Utc>>;

/// How a chat works.
#[derive(Debug, Object)]
#[oai(rename = "ChatSettings")]
pub(in crate::api) struct SettingsView {
    /// Seconds between two messages of somebody who is not staff; 0 = none.
    #[oai(validator(maximum(value = "3600")))]
    slow_mode_s: u32,
    /// Roles that may write; empty = all that the course lets write.
    #[oai(validator(max_items = 5))]
    post_roles: Vec<Word<Role>>,
    /// Who may write to whom alone, among those of the course: `staff` = only with staff.
    dm_policy: Word<DmPolicy>,
    /// What those who are added to a group see of what was said before.
    history: Word<History>,
    /// Seconds in which the author may edit a message; staff always may.
    #[oai(validator(maximum(value = "31536000")))]
    edit_window_s: u32,
    /// Days for which a message is kept, pinned or not; absent = for ever.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "1"), maximum(value = "3650")))]
    retention_days: Option<u32>,
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        Self {
            slow_mode_s: settings.slow_mode_s,
            post_roles: settings.post_roles.into_iter().map(Word).collect(),
            dm_policy: Word(settings.dm_policy),
            history: Word(settings.history),
            edit_window_s: settings.edit_window_s,
            retention_days: settings.retention_days,
        }
    }
}

/// A chat. Its channels are `private-chat.{id}`, `presence-chat.{id}`, `private-chat-{id}` and `presence-chat-{id}`.
#[derive(Debug, Object)]
#[oai(rename = "Chat", skip_serializing_if_is_none, example)]
pub(in crate::api) struct ChatView {
    /// Its id.
    id: Id,
    /// Its kind.
    kind: Word<Kind>,
    /// The course that it belongs to.
    course: Option<Id>,
    /// The class of that course.
    class: Option<Id>,
    /// What people call it; empty between two people.
    #[oai(validator(max_length = 255))]
    title: String,
    /// How it works.
    settings: SettingsView,
    /// When it was made.
    created_at: Time,
    /// Since when only staff may write.
    frozen_at: Option<Time>,
    /// Since when nobody may write.
    archived_at: Option<Time>,
    /// Messages up to this number were cleared away, or have been kept for as long as the chat keeps them.
    #[oai(validator(minimum(value = "0")))]
    cleared_seq: i64,
    /// 1 when new, one more with each change.
    #[oai(validator(minimum(value = "1")))]
    version: i64,
    /// Number of the newest message that the person who asks has read.
    #[oai(validator(minimum(value = "0")))]
    last_read_seq: Option<i64>,
    /// How many messages they have not read, counted up to 100; their own and deleted ones do not count.
    #[oai(validator(maximum(value = "100")))]
    unread_count: Option<u64>,
    /// Others do not see how far they have read.
    is_read_private: Option<bool>,
    /// What they want to be told of.
    notify: Option<Word<Notify>>,
    /// Where the stream of the chat stood before this was read; absent in events, which have their place in it.
    stream: Option<StreamView>,
}

impl From<Chat> for ChatView {
    fn from(chat: Chat) -> Self {
        Self {
            id: Word(chat.id),
            kind: Word(chat.kind),
            course: chat.course.map(Word),
            class: chat.class.map(Word),
            title: chat.title,
            settings: chat.settings.into(),
            created_at: Word(chat.created_at),
            frozen_at: chat.frozen_at.map(Word),
            archived_at: chat.archived_at.map(Word),
            cleared_seq: chat.cleared_seq,
            version: chat.version,
            last_read_seq: None,
            unread_count: None,
            is_read_private: None,
            notify: None,
            stream: None,
        }
    }
}

impl From<Found> for ChatView {
    fn from(Found { chat, read, unread, stream: (topic, position) }: Found) -> Self {
        Self {
            last_read_seq: read.as_ref().map(|read| read.last_read_seq),
            unread_count: unread,
            is_read_private: read.as_ref().map(|read| read.is_private),
            notify: read.map(|read| Word(read.notify)),
            stream: Some(StreamView::of(topic, position)),
            ..chat.into()
        }
    }
}

impl Example for ChatView {
    fn example() -> Self {
        let chat = Chat {
            id: 5.into(),
            kind: Kind::Course,
            course: Some(101.into()),
            class: None,
            title: "Questions and answers".to_owned(),
            settings: Settings::default(),
            created_by: String::new(),
            created_at: DateTime::from_timestamp(1_788_249_600, 0).unwrap_or_default(),
            frozen_at: None,
            archived_at: None,
            cleared_seq: 0,
            version: 1,
        };
        let stream = ("chat.5".to_owned(), None);
        Found { chat, read: Some(ReadState::default()), unread: Some(3), stream }.into()
    }
}

/// How a chat shall work. What is left out is as usual, or as it was.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatSettingsBody", deny_unknown_fields, skip_serializing_if_is_none)]
struct SettingsBody {
    /// Seconds between two messages of somebody who is not staff; 0 = none.
    #[oai(validator(maximum(value = "3600")))]
    slow_mode_s: Option<u32>,
    /// Roles that may write; empty = all that the course lets write.
    #[oai(validator(max_items = 5))]
    post_roles: Option<Vec<Word<Role>>>,
    /// Who may write to whom alone, among those of the course: `staff` = only with staff.
    dm_policy: Option<Word<DmPolicy>>,
    /// What those who are added to a group see of what was said before; `joined` goes with groups alone.
    history: Option<Word<History>>,
    /// Seconds in which the author may edit a message; staff always may.
    #[oai(validator(maximum(value = "31536000")))]
    edit_window_s: Option<u32>,
    /// Days for which a message is kept, pinned or not; null = for ever. Older ones are removed within the hour, with what
    /// people have put on them and with reports of them; what replies to them stays.
    #[serde(default)]
    #[oai(
        default,
        skip_serializing_if = "MaybeUndefined::is_undefined",
        validator(minimum(value = "1"), maximum(value = "3650"))
    )]
    retention_days: MaybeUndefined<u32>,
}

impl SettingsBody {
    fn read(self) -> Result<SettingsEdit, Field> {
        let bounded = |pointer: &str, number: Option<u32>, max: u32| {
            let wrong = || Field::at(pointer, "invalid", format!("must be a whole number from 0 to {max}"));
            if number.is_some_and(|number| number > max) { Err(wrong()) } else { Ok(number) }
        };
        let retention_days: Option<Option<u32>> = Option::from(self.retention_days);
        if retention_days.flatten().is_some_and(|days| !(1..=RETENTION_MAX).contains(&days)) {
            let right = format!("must be a whole number from 1 to {RETENTION_MAX}, or null: for ever");
            return Err(Field::at("/settings/retention_days", "invalid", right));
        }
        let post_roles = self.post_roles.map(|roles| {
            let mut roles: Vec<Role> = roles.into_iter().map(|role| role.0).collect();
            roles.sort_unstable();
            roles.dedup();
            roles
        });
        Ok(SettingsEdit {
            slow_mode_s: bounded("/settings/slow_mode_s", self.slow_mode_s, SLOW_MODE_MAX)?,
            post_roles,
            dm_policy: self.dm_policy.map(|policy| policy.0),
            history: self.history.map(|history| history.0),
            edit_window_s: bounded("/settings/edit_window_s", self.edit_window_s, EDIT_WINDOW_MAX)?,
            retention_days,
        })
    }
}

/// A new chat.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct ChatBody {
    /// Its id, such as the one that the learning platform has for it; only an API key chooses one.
    id: Option<Id>,
    /// Its kind.
    kind: Word<Kind>,
    /// The course that it belongs to.
    course: Option<Id>,
    /// The class that it belongs to, in the place of `course`.
    class: Option<Id>,
    /// What people call it; none for a `dm`.
    #[oai(validator(max_length = 1_000))]
    title: Option<String>,
    /// How it works.
    settings: Option<SettingsBody>,
    /// First members of a group, or the other one of a `dm`; an API key names both.
    #[oai(validator(max_items = 1_000))]
    members: Option<Vec<Word<UserId>>>,
}

impl Example for ChatBody {
    fn example() -> Self {
        Self {
            id: None,
            kind: Word(Kind::Course),
            course: Some(Word(101.into())),
            class: None,
            title: Some("Questions and answers".to_owned()),
            settings: None,
            members: None,
        }
    }
}

impl ChatBody {
    /// Checks the body.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<NewChat, Field> {
        let place = match (self.course, self.class) {
            (Some(_), Some(_)) => {
                return Err(Field::at("/class", "invalid", "goes in the place of 'course', not beside it".to_owned()));
            }
            (Some(course), None) => Some(PlaceId::Course(course.0)),
            (None, Some(class)) => Some(PlaceId::Class(class.0)),
            (None, None) => None,
        };
        Ok(NewChat {
            id: self.id.map(|id| id.0),
            kind: self.kind.0,
            place,
            title: self.title.unwrap_or_default(),
            settings: self.settings.unwrap_or_default().read()?.over(&Settings::default()),
            members: members(self.members.unwrap_or_default())?,
        })
    }
}

fn members(users: Vec<Word<UserId>>) -> Result<Vec<UserId>, Field> {
    if users.len() > MEMBERS_MAX {
        let message = format!("may have at most {MEMBERS_MAX} entries, these are {}", users.len());
        return Err(Field::at("/members", "too_long", message));
    }
    Ok(users.into_iter().map(|user| user.0).collect())
}

/// What shall be different of a chat. What is left out stays.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatEditBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct ChatEditBody {
    /// What people call it.
    #[oai(validator(max_length = 1_000))]
    title: Option<String>,
    /// How it works.
    settings: Option<SettingsBody>,
    /// Nobody may write, or not any more. What was said stays to be read.
    archived: Option<bool>,
}

impl Example for ChatEditBody {
    fn example() -> Self {
        let settings = SettingsBody { slow_mode_s: Some(10), ..SettingsBody::default() };
        Self { title: Some("Questions".to_owned()), settings: Some(settings), archived: None }
    }
}

impl ChatEditBody {
    /// Checks the body.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<ChatEdit, Field> {
        let settings = self.settings.unwrap_or_default().read()?;
        Ok(ChatEdit { title: self.title, settings, is_frozen: None, is_archived: self.archived })
    }
}

/// Somebody who belongs to a chat.
#[derive(Debug, Object)]
#[oai(rename = "ChatMember", skip_serializing_if_is_none, example)]
pub(in crate::api) struct MemberView {
    /// The user.
    user: Word<UserId>,
    /// Name as others see it.
    #[oai(validator(max_length = 255))]
    name: String,
    /// Role in the course or class that the chat belongs to.
    role: Option<Word<Role>>,
    /// Part in the group.
    part: Option<Word<Part>>,
}

impl Example for MemberView {
    fn example() -> Self {
        Self { user: Word(7.into()), name: "Ada Lovelace".to_owned(), role: Some(Word(Role::Student)), part: None }
    }
}

impl From<Person> for MemberView {
    fn from(Person { user, name, role, part }: Person) -> Self {
        Self { user: Word(user), name, role: role.map(Word), part: part.map(Word) }
    }
}

/// New members of a group.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatMembersBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct MembersBody {
    /// The users.
    #[oai(validator(min_items = 1, max_items = 100))]
    users: Vec<Word<UserId>>,
    /// Their part; `member` if absent.
    part: Option<Word<Part>>,
}

impl Example for MembersBody {
    fn example() -> Self {
        Self { users: vec![Word(7.into()), Word(8.into())], part: None }
    }
}

impl MembersBody {
    /// Checks the body.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<(Vec<UserId>, Part), Field> {
        if !(1..=100).contains(&self.users.len()) {
            return Err(Field::at("/users", "invalid", "has 1 to 100 entries".to_owned()));
        }
        let users = self.users.into_iter().map(|user| user.0).collect();
        Ok((users, self.part.map_or(Part::Member, |part| part.0)))
    }
}

/// How far somebody has read.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ReadBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct ReadBody {
    /// Number of the newest message that they have read.
    #[oai(validator(minimum(value = "0")))]
    seq: i64,
    /// Others do not see how far they have read. Absent = as it was.
    is_private: Option<bool>,
    /// What they want to be told of; with `none` they are not notified when they are mentioned. Absent = as it was.
    notify: Option<Word<Notify>>,
}

impl Example for ReadBody {
    fn example() -> Self {
        Self { seq: 42, is_private: None, notify: None }
    }
}

/// What somebody wishes about reading: whether others see it, and what they want to be told of.
type Wishes = (Option<bool>, Option<Notify>);

impl ReadBody {
    /// Checks the body: the number, then what else is wished.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<(i64, Wishes), Field> {
        if self.seq < 0 {
            return Err(Field::at("/seq", "invalid", "must be a whole number from 0 on".to_owned()));
        }
        Ok((self.seq, (self.is_private, self.notify.map(|notify| notify.0))))
    }
}

/// How far somebody has read.
#[derive(Debug, Object)]
#[oai(rename = "ReadState", example)]
pub(in crate::api) struct ReadView {
    /// Number of the newest message that they have read.
    #[oai(validator(minimum(value = "0")))]
    last_read_seq: i64,
    /// How many they have not, counted up to 100.
    #[oai(validator(maximum(value = "100")))]
    unread_count: u64,
    /// Others do not see how far they have read.
    is_private: bool,
    /// What they want to be told of.
    notify: Word<Notify>,
}

impl Example for ReadView {
    fn example() -> Self {
        Self::new(ReadState { last_read_seq: 42, ..ReadState::default() }, 3)
    }
}

impl ReadView {
    pub(super) fn new(state: ReadState, unread_count: u64) -> Self {
        let ReadState { last_read_seq, is_private, notify } = state;
        Self { last_read_seq, unread_count, is_private, notify: Word(notify) }
    }
}
