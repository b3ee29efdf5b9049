//! Broadcasts, triggers and the log as bodies and answers tell them.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use poem_openapi::{Object, registry::MetaSchema, types::Example};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{
    audience::{AudienceBody, AudienceView},
    list::List,
    problem::{Field, Problem},
    sample::{SOME_ID, some_time},
    word::{Meaning, Word},
};
use crate::{
    domain::{
        audience::{Audience, Whom},
        broadcast::{LogEntry, LogKind, LogOutcome, TTL_MAX},
    },
    ids::{SocketId, UserId},
    services::{
        broadcast::{self, Ack, Broadcast, NewBroadcast, NewTrigger},
        channels::Info,
    },
};

type Time = Word<DateTime<Utc>>;

fn wrong(pointer: &str, text: &str) -> Problem {
    Problem::fields(vec![Field::at(pointer, "invalid", text.to_owned())])
}

/// An event for many.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct BroadcastBody {
    /// Whom it is for.
    audience: AudienceBody,
    /// The name under which it goes out; not `pusher:…`, `pusher_internal:…` or `client-…`.
    #[oai(validator(min_length = 1, max_length = 200))]
    event: String,
    /// Its data, at most 65,536 bytes as JSON; empty if absent.
    #[oai(validator(max_properties = 10_000))]
    data: Option<BTreeMap<String, Value>>,
    /// Who was away can catch up with it. False if absent.
    durable: Option<bool>,
    /// Receivers shall confirm it. False if absent.
    require_ack: Option<bool>,
    /// For how many seconds it can be confirmed, at most 30 days; absent = as long as it is kept.
    #[oai(validator(minimum(value = "1"), maximum(value = "2592000")))]
    ttl: Option<u32>,
}

impl BroadcastBody {
    /// What shall be sent.
    ///
    /// # Errors
    /// When the audience is none, or the time too long.
    pub(super) fn read(self) -> Result<NewBroadcast, Problem> {
        if self.ttl.is_some_and(|ttl| ttl == 0 || ttl > TTL_MAX) {
            return Err(wrong("/ttl", "must be from 1 to 2592000 seconds"));
        }
        Ok(NewBroadcast {
            audience: self.audience.read("/audience")?,
            event: self.event,
            data: Map::from_iter(self.data.unwrap_or_default()),
            durable: self.durable.unwrap_or(false),
            require_ack: self.require_ack.unwrap_or(false),
            ttl: self.ttl,
        })
    }
}

impl Example for BroadcastBody {
    fn example() -> Self {
        Self {
            audience: AudienceBody::course(),
            event: "exam.started".to_owned(),
            data: Some(BTreeMap::from([("room".to_owned(), json!("B 12"))])),
            durable: Some(true),
            require_ack: Some(true),
            ttl: Some(3_600),
        }
    }
}

/// A broadcast went out.
#[derive(Debug, Object)]
#[oai(rename = "BroadcastTaken", example)]
pub(super) struct BroadcastTaken {
    /// Its id; also the `event_id` of every copy.
    #[oai(validator(max_length = 26))]
    broadcast_id: String,
    /// People in the audience, each once.
    #[oai(validator(minimum(value = "0")))]
    receivers: i64,
}

impl From<Broadcast> for BroadcastTaken {
    fn from(broadcast: Broadcast) -> Self {
        Self { broadcast_id: broadcast.id, receivers: broadcast.receivers }
    }
}

impl Example for BroadcastTaken {
    fn example() -> Self {
        Self { broadcast_id: SOME_ID.to_owned(), receivers: 31 }
    }
}

/// That somebody has confirmed a broadcast.
#[derive(Debug, Object)]
#[oai(rename = "BroadcastAck", example)]
pub(super) struct AckView {
    /// Who.
    user: Word<UserId>,
    /// When, for the first time.
    acked_at: Time,
}

impl AckView {
    pub(super) const fn new(user: UserId, at: DateTime<Utc>) -> Self {
        Self { user: Word(user), acked_at: Word(at) }
    }
}

impl Example for AckView {
    fn example() -> Self {
        Self::new(UserId::from(7), some_time())
    }
}

impl From<Ack> for AckView {
    fn from(ack: Ack) -> Self {
        Self::new(ack.user, ack.at)
    }
}

/// A broadcast, and who has confirmed it.
#[derive(Debug, Object)]
#[oai(rename = "Broadcast", skip_serializing_if_is_none, example)]
pub(super) struct BroadcastView {
    /// Its id; also the `event_id` of every copy.
    #[oai(validator(max_length = 26))]
    id: String,
    /// Whom it was for.
    audience: AudienceView,
    /// The name under which it went out.
    #[oai(validator(max_length = 200))]
    event: String,
    /// Its data.
    #[oai(validator(max_properties = 10_000))]
    data: BTreeMap<String, Value>,
    /// Who was away can catch up with it.
    durable: bool,
    /// Receivers shall confirm it.
    require_ack: bool,
    /// Who sent it: `user:` or `key:` and the id.
    #[oai(validator(max_length = 160))]
    created_by: String,
    /// People in the audience when it was sent.
    #[oai(validator(minimum(value = "0")))]
    receivers: i64,
    /// When it was sent.
    created_at: Time,
    /// Since when it cannot be confirmed any more.
    expires_at: Option<Time>,
    /// How many have confirmed it.
    #[oai(validator(minimum(value = "0")))]
    ack_count: u64,
    /// Who has confirmed it.
    acks: List<AckView>,
}

impl Example for BroadcastView {
    fn example() -> Self {
        let to = Whom::Courses(vec![101.into()]);
        let broadcast = Broadcast {
            id: SOME_ID.to_owned(),
            audience: Audience { whom: to, roles: Vec::new(), exclude: Vec::new() },
            event: "exam.started".to_owned(),
            data: r#"{"room":"B 12"}"#.to_owned(),
            durable: true,
            require_ack: true,
            created_by: "user:8".to_owned(),
            receivers: 31,
            created_at: some_time(),
            expires_at: None,
        };
        Self::new(broadcast, 1, List::new(vec![("7".to_owned(), AckView::example())], 25))
    }
}

impl BroadcastView {
    pub(super) fn new(broadcast: Broadcast, ack_count: u64, acks: List<AckView>) -> Self {
        Self {
            id: broadcast.id,
            audience: broadcast.audience.into(),
            event: broadcast.event,
            data: serde_json::from_str(&broadcast.data).unwrap_or_default(),
            durable: broadcast.durable,
            require_ack: broadcast.require_ack,
            created_by: broadcast.created_by,
            receivers: broadcast.receivers,
            created_at: Word(broadcast.created_at),
            expires_at: broadcast.expires_at.map(Word),
            ack_count,
            acks,
        }
    }
}

/// An event for channels: name them in `channels`, or one in `channel`.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct TriggerBody {
    /// The one channel it goes to.
    #[oai(validator(max_length = 500))]
    channel: Option<String>,
    /// The channels it goes to, at most 100 unless the app allows more. One named twice gets it once.
    #[oai(validator(max_items = 1_000))]
    channels: Option<Vec<String>>,
    /// Name of the event; not `pusher:…`, `pusher_internal:…` or `client-…`.
    #[oai(validator(min_length = 1, max_length = 200))]
    event: String,
    /// Its data: any JSON, at most 65,536 bytes; null if absent. A text goes out as it stands.
    data: Option<Value>,
    /// Socket that does not get it. An unknown one changes nothing.
    #[oai(validator(max_length = 64))]
    socket_id: Option<String>,
    /// What the answer tells about each channel: `user_count`, `subscription_count` or both, separated by commas.
    #[oai(validator(max_length = 64))]
    info: Option<String>,
}

impl TriggerBody {
    /// What shall be triggered, and who does not hear it.
    ///
    /// # Errors
    /// When `info` is none.
    pub(super) fn read(self) -> Result<(NewTrigger, Option<SocketId>), Problem> {
        let info = self.info.as_deref().map_or(Ok(Info::default()), Info::parse);
        let info = info.map_err(|error| wrong("/info", &error.to_string()))?;
        let channels = self.channel.into_iter().chain(self.channels.into_iter().flatten()).collect();
        let new = NewTrigger {
            channels,
            event: self.event,
            data: self.data.unwrap_or_default(),
            info: Info { cache: false, ..info },
        };
        Ok((new, self.socket_id.as_deref().and_then(SocketId::parse)))
    }
}

impl Example for TriggerBody {
    fn example() -> Self {
        Self {
            channel: Some("test".to_owned()),
            channels: None,
            event: "message".to_owned(),
            data: Some(json!({ "text": "Hello" })),
            socket_id: None,
            info: None,
        }
    }
}

/// What was asked for about a channel.
#[derive(Debug, Object)]
#[oai(rename = "TriggerCounts", skip_serializing_if_is_none)]
pub(super) struct CountsView {
    /// Distinct users; presence channels only.
    #[oai(validator(minimum(value = "0")))]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(validator(minimum(value = "0")))]
    subscription_count: Option<u64>,
}

/// An event was triggered.
#[derive(Debug, Object)]
#[oai(rename = "Triggered", skip_serializing_if_is_none, example)]
pub(super) struct Triggered {
    /// True.
    ok: bool,
    /// `development` or `production`.
    #[oai(validator(max_length = 16))]
    mode: String,
    /// The `event_id` by channel; the same on all of them.
    #[oai(validator(max_properties = 1_000))]
    event_ids: BTreeMap<String, Word<EventId>>,
    /// Sockets that heard it, on this node; one that hears several of the channels counts for each.
    #[oai(validator(minimum(value = "0")))]
    receivers: u64,
    /// By channel, when `info` was given.
    #[oai(validator(max_properties = 1_000))]
    channels: Option<BTreeMap<String, CountsView>>,
}

/// Id of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EventId(String);

impl Meaning for EventId {
    const NAME: &'static str = "event id";

    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(26), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn write(&self) -> Cow<'_, str> {
        self.0.as_str().into()
    }
}

impl Example for Triggered {
    fn example() -> Self {
        Self {
            ok: true,
            mode: "development".to_owned(),
            event_ids: BTreeMap::from([("test".to_owned(), Word(EventId(SOME_ID.to_owned())))]),
            receivers: 1,
            channels: None,
        }
    }
}

impl Triggered {
    pub(super) fn new(triggered: broadcast::Triggered, mode: &str) -> Self {
        let broadcast::Triggered { event_id, channels, info } = triggered;
        let counts = |info: crate::services::channels::ChannelInfo| CountsView {
            user_count: info.user_count.map(|count| count as u64),
            subscription_count: info.subscription_count.map(|count| count as u64),
        };
        let told: BTreeMap<_, _> = info.into_iter().map(|(name, info)| (name.to_string(), counts(info))).collect();
        Self {
            ok: true,
            mode: mode.to_owned(),
            event_ids: channels.keys().map(|name| (name.to_string(), Word(EventId(event_id.clone())))).collect(),
            receivers: channels.values().sum::<usize>() as u64,
            channels: (!told.is_empty()).then_some(told),
        }
    }
}

/// A row of the log.
#[derive(Debug, Object)]
#[oai(rename = "BroadcastLogEntry", skip_serializing_if_is_none, example)]
pub(super) struct LogView {
    /// Rises with each row.
    #[oai(validator(max_length = 20))]
    id: String,
    /// By which way.
    kind: Word<LogKind>,
    /// The channel, or the audience in one line (`course:101`).
    #[oai(validator(max_length = 255))]
    channel: String,
    /// Name of the event.
    #[oai(validator(max_length = 200))]
    event: String,
    /// Its `event_id`; absent when it was refused.
    #[oai(validator(max_length = 26))]
    event_id: Option<String>,
    /// Size of its data in bytes.
    #[oai(validator(minimum(value = "0")))]
    bytes: i64,
    /// Who: `user:`, `key:` and the id, `app` or `guest`.
    #[oai(validator(max_length = 160))]
    actor: String,
    /// From where.
    #[oai(validator(max_length = 45))]
    ip: Option<String>,
    /// People in the audience, or sockets that heard the channel.
    #[oai(validator(minimum(value = "0")))]
    receivers: i64,
    /// Microseconds from the request until it was out; for a broadcast, until its rows were written.
    #[oai(validator(minimum(value = "0")))]
    latency_us: i64,
    /// What became of it.
    outcome: Word<LogOutcome>,
    /// When.
    created_at: Time,
}

impl Example for LogView {
    fn example() -> Self {
        let entry = LogEntry {
            kind: LogKind::Broadcast,
            channel: "course:101".to_owned(),
            event: "exam.started".to_owned(),
            event_id: Some(SOME_ID.to_owned()),
            bytes: 15,
            actor: "user:8".to_owned(),
            ip: Some("192.0.2.7".to_owned()),
            receivers: 31,
            latency_us: 840,
            outcome: LogOutcome::Sent,
            at: some_time(),
        };
        Self::new(812, entry)
    }
}

impl LogView {
    pub(super) fn new(id: i64, entry: LogEntry) -> Self {
        Self {
            id: id.to_string(),
            kind: Word(entry.kind),
            channel: entry.channel,
            event: entry.event,
            event_id: entry.event_id,
            bytes: entry.bytes,
            actor: entry.actor,
            ip: entry.ip,
            receivers: entry.receivers,
            latency_us: entry.latency_us,
            outcome: Word(entry.outcome),
            created_at: Word(entry.at),
        }
    }
}
