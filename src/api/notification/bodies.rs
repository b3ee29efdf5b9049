//! What is sent: bodies for one and for many, and what became of a sending to many.

use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Example};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    super::{
        audience::{AudienceBody, AudienceView},
        problem::{Field, Problem},
        sample::{SOME_ID, some_time},
        word::Word,
    },
    views::{Data, sheet},
};
use crate::{
    domain::{
        audience::{Audience, Whom},
        notification::{BroadcastState, Category},
    },
    ids::{ExternalId, UserId},
    services::notification::{Content, ContentError, NotificationBroadcast},
};

type Time = Word<DateTime<Utc>>;

macro_rules! content {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize, Object)]
        #[serde(deny_unknown_fields)]
        #[oai(deny_unknown_fields, skip_serializing_if_is_none, example)]
        pub(super) struct $name {
            $($(#[$field_meta])* pub(super) $field: $kind,)*
            /// What it is about.
            category: Word<Category>,
            /// The application's own name for its kind.
            #[serde(rename = "type")]
            #[oai(rename = "type", validator(max_length = 64))]
            kind: Option<String>,
            /// Its first line.
            #[oai(validator(min_length = 1, max_length = 255))]
            title: String,
            /// The rest; empty if absent.
            #[oai(validator(max_length = 4_000))]
            body: Option<String>,
            /// Where it leads: an address with http or https, or a path.
            #[oai(validator(max_length = 1_024))]
            url: Option<String>,
            /// The application's own data, at most 16,384 bytes as JSON.
            #[oai(validator(max_properties = 1_000))]
            data: Option<Data>,
            /// Notifications of one key become one with a counter, until it is read.
            #[oai(validator(max_length = 128))]
            group_key: Option<String>,
            /// Since when nobody needs it any more: it is not shown then.
            expires_at: Option<Time>,
        }

        impl $name {
            /// What it says.
            pub(super) fn content(&mut self) -> Content {
                let data = self.data.take().map(|data| Value::Object(Map::from_iter(data)).to_string());
                Content {
                    category: self.category.0,
                    kind: self.kind.take(),
                    title: std::mem::take(&mut self.title),
                    body: self.body.take().unwrap_or_default(),
                    url: self.url.take(),
                    data,
                    group_key: self.group_key.take(),
                    expires_at: self.expires_at.as_ref().map(|end| end.0),
                }
            }
        }
    };
}

content! {
    /// A notification for one person.
    NotificationBody {
        /// For whom.
        user: Word<UserId>,
        /// The course that it comes from. A person who sends must name the course or the class in which they teach the receiver.
        course: Option<Word<ExternalId>>,
        /// The class that it comes from; not together with `course`.
        class: Option<Word<ExternalId>>,
    }
}

content! {
    /// A notification for many.
    NotificationBroadcastBody {
        /// Whom it is for.
        audience: AudienceBody,
        /// When it shall go out, within a year; at once if absent.
        schedule_at: Option<Time>,
        /// Callers who are not known hear it too, on the channel `notifications`. Only for an audience of all.
        public: Option<bool>,
    }
}

impl Example for NotificationBody {
    fn example() -> Self {
        let Content { category, kind, title, body, url, .. } = sheet();
        Self {
            user: Word(UserId::from(7)),
            course: Some(Word(ExternalId::from(101))),
            class: None,
            category: Word(category),
            kind,
            title,
            body: Some(body),
            url,
            data: None,
            group_key: None,
            expires_at: None,
        }
    }
}

impl Example for NotificationBroadcastBody {
    fn example() -> Self {
        let Content { category, kind, title, body, url, group_key, .. } = sheet();
        Self {
            audience: AudienceBody::course(),
            schedule_at: None,
            public: None,
            category: Word(category),
            kind,
            title,
            body: Some(body),
            url,
            data: None,
            group_key,
            expires_at: None,
        }
    }
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        let pointer = format!("/{}", error.field());
        Self::fields(vec![Field::at(&pointer, "invalid", error.to_string())])
    }
}

/// The person does not want such notifications: none was sent.
#[derive(Debug, Object)]
#[oai(rename = "Muted", example)]
pub(super) struct MutedView {
    /// True.
    pub(super) muted: bool,
}

impl Example for MutedView {
    fn example() -> Self {
        Self { muted: true }
    }
}

/// The sending has begun, or waits for its time.
#[derive(Debug, Object)]
#[oai(rename = "NotificationBroadcastAccepted", example)]
pub(super) struct AcceptedView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    broadcast_id: String,
    /// People in the audience now. Who gets it is decided when it goes out.
    #[oai(validator(minimum(value = "0")))]
    estimated_recipients: i64,
    /// How far it has come.
    state: Word<BroadcastState>,
}

impl From<NotificationBroadcast> for AcceptedView {
    fn from(broadcast: NotificationBroadcast) -> Self {
        Self { broadcast_id: broadcast.id, estimated_recipients: broadcast.estimated, state: Word(broadcast.state) }
    }
}

impl Example for AcceptedView {
    fn example() -> Self {
        Self { broadcast_id: SOME_ID.to_owned(), estimated_recipients: 31, state: Word(BroadcastState::Scheduled) }
    }
}

/// A sending to many.
#[derive(Debug, Object)]
#[oai(rename = "NotificationBroadcast", skip_serializing_if_is_none, example)]
pub(super) struct BroadcastView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    id: String,
    /// Whom it is for.
    audience: AudienceView,
    /// What it is about.
    category: Word<Category>,
    /// Its first line.
    #[oai(validator(max_length = 255))]
    title: String,
    /// Callers who are not known hear it too.
    public: bool,
    /// Who sends it: `user:` or `key:` and the id.
    #[oai(validator(max_length = 160))]
    created_by: String,
    /// How far it has come.
    state: Word<BroadcastState>,
    /// People in the audience when it was made.
    #[oai(validator(minimum(value = "0")))]
    estimated_recipients: i64,
    /// People who got it.
    #[oai(validator(minimum(value = "0")))]
    recipients: i64,
    /// People who did not want it.
    #[oai(validator(minimum(value = "0")))]
    muted: i64,
    /// When it was made.
    created_at: Time,
    /// When it goes out.
    scheduled_at: Time,
    /// When everybody had it.
    sent_at: Option<Time>,
    /// Since when nobody needs it any more.
    expires_at: Option<Time>,
}

impl Example for BroadcastView {
    fn example() -> Self {
        let now = some_time();
        let to = Whom::Courses(vec![ExternalId::from(101)]);
        NotificationBroadcast {
            id: SOME_ID.to_owned(),
            audience: Audience { whom: to, roles: Vec::new(), exclude: Vec::new() },
            content: sheet(),
            is_public: false,
            created_by: "user:8".to_owned(),
            except: None,
            actor: None,
            state: BroadcastState::Sent,
            estimated: 31,
            recipients: 30,
            muted: 1,
            done_up_to: None,
            created_at: now,
            scheduled_at: now,
            sent_at: Some(now),
        }
        .into()
    }
}

impl From<NotificationBroadcast> for BroadcastView {
    fn from(broadcast: NotificationBroadcast) -> Self {
        Self {
            id: broadcast.id,
            audience: broadcast.audience.into(),
            category: Word(broadcast.content.category),
            title: broadcast.content.title,
            public: broadcast.is_public,
            created_by: broadcast.created_by,
            state: Word(broadcast.state),
            estimated_recipients: broadcast.estimated,
            recipients: broadcast.recipients,
            muted: broadcast.muted,
            created_at: Word(broadcast.created_at),
            scheduled_at: Word(broadcast.scheduled_at),
            sent_at: broadcast.sent_at.map(Word),
            expires_at: broadcast.content.expires_at.map(Word),
        }
    }
}
