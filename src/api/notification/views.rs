//! Notifications as bodies and answers tell them. A notification has the same shape here and in events.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Example};
use serde::Deserialize;
use serde_json::Value;

use super::super::{
    list::StreamView,
    problem::{Field, Problem},
    sample::{SOME_ID, some_time},
    word::Word,
};
use crate::{
    domain::notification::{Category, Medium},
    ids::{ExternalId, UserId},
    services::notification::{Catch, Content, Mark, Notification, Preference, Which},
};

type Time = Word<DateTime<Utc>>;

/// JSON of the application's own.
pub(super) type Data = BTreeMap<String, Value>;

/// A notification.
#[derive(Debug, Object)]
#[oai(rename = "Notification", skip_serializing_if_is_none, example)]
pub(super) struct NotificationView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    id: String,
    /// Whose it is.
    user_id: Word<UserId>,
    /// What it is about.
    category: Word<Category>,
    /// The application's own name for its kind.
    #[oai(rename = "type", validator(max_length = 64))]
    kind: Option<String>,
    /// Its first line.
    #[oai(validator(max_length = 255))]
    title: String,
    /// The rest.
    #[oai(validator(max_length = 4_000))]
    body: String,
    /// Where it leads.
    #[oai(validator(max_length = 1_024))]
    url: Option<String>,
    /// The application's own data.
    #[oai(validator(max_properties = 1_000))]
    data: Option<Data>,
    /// Notifications of one key become one with a counter, until it is read.
    #[oai(validator(max_length = 128))]
    group_key: Option<String>,
    /// How many it stands for.
    #[oai(validator(minimum(value = "1")))]
    count: i32,
    /// The course that it comes from.
    course_id: Option<Word<ExternalId>>,
    /// Who sent it; absent for programs.
    #[oai(validator(max_length = 128))]
    actor_id: Option<String>,
    /// Their name.
    #[oai(validator(max_length = 255))]
    actor_name: Option<String>,
    /// The sending to many that it belongs to.
    #[oai(validator(max_length = 26))]
    broadcast_id: Option<String>,
    /// When the first of its group came.
    created_at: Time,
    /// When the last of its group came.
    updated_at: Time,
    /// When it was seen in a list.
    seen_at: Option<Time>,
    /// When it was read.
    read_at: Option<Time>,
    /// Since when nobody needs it any more.
    expires_at: Option<Time>,
    /// Where the person's stream stood before it was read; where it is shown alone.
    stream: Option<StreamView>,
}

impl NotificationView {
    /// The same with where the stream stood before.
    pub(super) fn at(self, stream: StreamView) -> Self {
        Self { stream: Some(stream), ..self }
    }
}

fn object(text: &str) -> Option<Data> {
    serde_json::from_str(text).ok()
}

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        let Notification { content, .. } = notification;
        let (actor_id, actor_name) = notification.actor.map(|actor| (actor.id, actor.name)).unzip();
        Self {
            id: notification.id,
            user_id: Word(notification.user),
            category: Word(content.category),
            kind: content.kind,
            title: content.title,
            body: content.body,
            url: content.url,
            data: content.data.as_deref().and_then(object),
            group_key: content.group_key,
            count: notification.count,
            course_id: notification.course.map(Word),
            actor_id,
            actor_name,
            broadcast_id: notification.broadcast,
            created_at: Word(notification.created_at),
            updated_at: Word(notification.updated_at),
            seen_at: notification.seen_at.map(Word),
            read_at: notification.read_at.map(Word),
            expires_at: content.expires_at.map(Word),
            stream: None,
        }
    }
}

/// What examples say.
pub(super) fn sheet() -> Content {
    Content {
        category: Category::Content,
        kind: Some("sheet".to_owned()),
        title: "Sheet 5 is here".to_owned(),
        body: "Hand it in until Friday.".to_owned(),
        url: Some("/courses/101/sheets/5".to_owned()),
        data: Some(r#"{"sheet":5}"#.to_owned()),
        group_key: Some("sheets-101".to_owned()),
        expires_at: None,
    }
}

impl Example for NotificationView {
    fn example() -> Self {
        let now = some_time();
        Notification {
            id: SOME_ID.to_owned(),
            user: UserId::from(7),
            content: sheet(),
            course: Some(ExternalId::from(101)),
            actor: None,
            broadcast: None,
            count: 1,
            created_at: now,
            updated_at: now,
            seen_at: None,
            read_at: None,
            archived_at: None,
        }
        .into()
    }
}

/// What is new for a person.
#[derive(Debug, Object)]
#[oai(rename = "NotificationNews", example)]
pub(super) struct NewsView {
    /// Notifications that came, or were counted up, since `cursor`; without a cursor the newest. Newest first.
    #[oai(validator(max_items = 300))]
    items: Vec<NotificationView>,
    /// How many are unread.
    #[oai(validator(minimum(value = "0")))]
    unread_count: u64,
    /// Where to go on.
    #[oai(validator(max_length = 64))]
    cursor: String,
    /// There is more: ask again with `cursor`.
    has_more: bool,
    /// The cursor was too old: these are the newest notifications, and more may have been missed.
    reset: bool,
}

impl Example for NewsView {
    fn example() -> Self {
        Self {
            items: vec![NotificationView::example()],
            unread_count: 1,
            cursor: format!("{SOME_ID}:1"),
            has_more: false,
            reset: false,
        }
    }
}

impl From<Catch> for NewsView {
    fn from(catch: Catch) -> Self {
        Self {
            items: catch.items.into_iter().map(NotificationView::from).collect(),
            unread_count: catch.unread,
            cursor: super::live::text(&catch.position),
            has_more: catch.has_more,
            reset: catch.is_reset,
        }
    }
}

/// What becomes of a notification; absent = as it was.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NotificationPatchBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct PatchBody {
    /// Read, or unread again.
    read: Option<bool>,
    /// Seen in a list, or unseen again.
    seen: Option<bool>,
    /// Put away, or taken out again.
    archived: Option<bool>,
}

impl Example for PatchBody {
    fn example() -> Self {
        Self { read: Some(true), seen: None, archived: None }
    }
}

impl From<PatchBody> for Mark {
    fn from(PatchBody { read, seen, archived }: PatchBody) -> Self {
        Self { read, seen, archived }
    }
}

/// Notifications that were read: by their ids, or all that came before a time.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NotificationReadBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct ReadBody {
    /// Their ids, at most 100.
    #[oai(validator(max_items = 100))]
    ids: Option<Vec<String>>,
    /// All that came, or were counted up last, before this time; at most 500 at once, the newest first.
    before: Option<Time>,
}

impl Example for ReadBody {
    fn example() -> Self {
        Self { ids: Some(vec![SOME_ID.to_owned()]), before: None }
    }
}

impl ReadBody {
    /// Which are meant.
    ///
    /// # Errors
    /// When it is not one of the two, or too many.
    pub(super) fn read(self) -> Result<Which, Problem> {
        let wrong = |pointer: &str, text: &str| Problem::fields(vec![Field::at(pointer, "invalid", text.to_owned())]);
        match (self.ids, self.before) {
            (Some(ids), None) if ids.len() > 100 => Err(wrong("/ids", "at most 100 ids")),
            (Some(ids), None) => Ok(Which::Ids(ids)),
            (None, Some(before)) => Ok(Which::Before(before.0)),
            _ => Err(wrong("", "send either 'ids' or 'before'")),
        }
    }
}

/// What a mark has done.
#[derive(Debug, Object)]
#[oai(rename = "NotificationsRead", example)]
pub(super) struct ReadView {
    /// Notifications that were unread and are read now.
    #[oai(validator(max_items = 500))]
    pub(super) ids: Vec<String>,
    /// How many are unread now.
    #[oai(validator(minimum(value = "0")))]
    pub(super) unread_count: u64,
}

impl Example for ReadView {
    fn example() -> Self {
        Self { ids: vec![SOME_ID.to_owned()], unread_count: 0 }
    }
}

/// Whether notifications of a category are wanted by a medium.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NotificationPreference", deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct PreferenceView {
    /// The category.
    category: Word<Category>,
    /// The medium.
    medium: Word<Medium>,
    /// Only those of this course; absent = of all courses that have no preference of their own.
    course: Option<Word<ExternalId>>,
    /// They are wanted.
    enabled: bool,
}

/// What a person has said about notifications. What is not mentioned is wanted.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NotificationPreferences", deny_unknown_fields, example)]
pub(super) struct PreferencesView {
    /// At most 500.
    #[oai(validator(max_items = 500))]
    pub(super) preferences: Vec<PreferenceView>,
}

impl Example for PreferencesView {
    fn example() -> Self {
        let (category, medium) = (Category::Reminder, Medium::InApp);
        vec![Preference { category, medium, course: Some(ExternalId::from(101)), enabled: false }].into()
    }
}

impl From<Vec<Preference>> for PreferencesView {
    fn from(list: Vec<Preference>) -> Self {
        let view = |one: Preference| PreferenceView {
            category: Word(one.category),
            medium: Word(one.medium),
            course: one.course.map(Word),
            enabled: one.enabled,
        };
        Self { preferences: list.into_iter().map(view).collect() }
    }
}

impl From<PreferencesView> for Vec<Preference> {
    fn from(view: PreferencesView) -> Self {
        let read = |one: PreferenceView| Preference {
            category: one.category.0,
            medium: one.medium.0,
            course: one.course.map(|course| course.0),
            enabled: one.enabled,
        };
        view.preferences.into_iter().map(read).collect()
    }
}
