//! What a client wants to know before it connects: where, as whom, and what time it is here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, types::Example};

use super::{
    Config, Group,
    answer::Answer,
    caller::{Visitor, describe::ByAnybody},
    problem::{Fault, Reading},
    word::Word,
};
use crate::{
    domain::{app::ClientEvents, typing},
    ids::UserId,
    services::presence::INTERVAL_SECONDS,
};

/// The routes.
pub(super) struct Realtime;

/// The time of the server.
#[derive(Debug, Object)]
#[oai(rename = "ServerTime", example)]
struct TimeView {
    /// Now, to the millisecond.
    time: Word<DateTime<Utc>>,
    /// Now, in milliseconds since 1970.
    #[oai(validator(minimum(value = "0")))]
    unix_ms: i64,
}

impl TimeView {
    fn of(now: DateTime<Utc>) -> Self {
        Self { time: Word(now), unix_ms: now.timestamp_millis() }
    }
}

impl Example for TimeView {
    fn example() -> Self {
        Self::of(DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default())
    }
}

/// How to open a socket.
#[derive(Debug, Object)]
#[oai(rename = "Socket")]
struct SocketView {
    /// Address of the server, such as `wss://rt.school.example`; the socket is at `/app/` and the key below it.
    #[oai(validator(max_length = 500))]
    url: String,
    /// Key of the app.
    #[oai(validator(max_length = 128))]
    key: String,
    /// Cluster, for clients that insist on one; it means nothing here.
    #[oai(validator(max_length = 64))]
    cluster: String,
}

/// The person who asks.
#[derive(Debug, Object)]
#[oai(rename = "Me")]
struct MeView {
    /// The person's id.
    id: Word<UserId>,
    /// Sockets that are known to be theirs, on this node.
    #[oai(validator(minimum(value = "0")))]
    connections: u64,
    /// `online`, `away` or `busy`, as they say themselves; `offline` without a socket or a sign of life.
    #[oai(validator(max_length = 16))]
    status: String,
}

/// How often clients should give signs, and how long these count.
#[derive(Debug, Object)]
#[oai(rename = "Intervals")]
struct IntervalsView {
    /// Seconds between two calls of `POST /api/realtime/presence/online`.
    #[oai(validator(minimum(value = "1")))]
    presence_seconds: u32,
    /// Milliseconds between two signs of typing that are told.
    #[oai(validator(minimum(value = "1")))]
    typing_throttle_ms: i64,
    /// Milliseconds after which whoever gives no other sign has stopped typing.
    #[oai(validator(minimum(value = "1")))]
    typing_expiry_ms: i64,
}

impl IntervalsView {
    const fn usual() -> Self {
        Self {
            presence_seconds: INTERVAL_SECONDS,
            typing_throttle_ms: typing::THROTTLE.num_milliseconds(),
            typing_expiry_ms: typing::EXPIRY.num_milliseconds(),
        }
    }
}

/// What this server is and does.
#[derive(Debug, Object)]
#[oai(rename = "RealtimeStatus", example)]
struct StatusView {
    /// `development` or `production`.
    #[oai(validator(max_length = 16))]
    mode: String,
    /// Version of the server; null for callers without proof.
    #[oai(nullable, validator(max_length = 32))]
    version: Option<String>,
    /// How to open a socket.
    ws: SocketView,
    /// The person who asks; null for everybody else.
    #[oai(nullable)]
    me: Option<MeView>,
    /// Users who look online to others, on this node; null for callers without proof.
    #[oai(nullable, validator(minimum(value = "0")))]
    online_users: Option<u64>,
    /// What the app of the caller can do.
    #[oai(validator(max_items = 100))]
    features: Vec<String>,
    /// How often clients should give signs.
    intervals: IntervalsView,
    /// Now, to the millisecond.
    server_time: Word<DateTime<Utc>>,
}

impl Example for StatusView {
    fn example() -> Self {
        let text = str::to_owned;
        Self {
            mode: text("production"),
            version: Some(text("0.1.0")),
            ws: SocketView { url: text("wss://rt.school.example"), key: text("app-key"), cluster: text("mt1") },
            me: Some(MeView { id: Word(7.into()), connections: 2, status: text("online") }),
            online_users: Some(412),
            features: FEATURES.map(text).to_vec(),
            intervals: IntervalsView::usual(),
            server_time: Word(DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default()),
        }
    }
}

/// What every app can do.
const FEATURES: [&str; 15] = [
    "channels",
    "presence",
    "encrypted_channels",
    "cache_channels",
    "channel_authorization",
    "roster",
    "access",
    "user_presence",
    "typing",
    "chat",
    "polls",
    "notifications",
    "broadcasts",
    "streams",
    "audit",
];

/// What the app of the visitor can do here.
fn features(config: &Config, visitor: &Visitor) -> Vec<String> {
    let settings = &visitor.live.app().settings;
    let switched = [
        ("events", config.pusher),
        ("users", config.pusher),
        ("client_events", settings.client_events != ClientEvents::None),
        ("watchlist_events", settings.watchlist_events),
        ("subscription_counts", settings.subscription_counts),
    ];
    let on = switched.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name);
    FEATURES.into_iter().chain(on).map(str::to_owned).collect()
}

#[OpenApi(tag = "Group::Realtime")]
impl Realtime {
    /// Tell the time
    ///
    /// All times of this server are its own; the difference to it is what a client has to add.
    #[oai(path = "/api/time", method = "get", operation_id = "showTime")]
    async fn time(&self, visitor: Data<&Arc<Visitor>>, _proof: ByAnybody) -> Result<Answer<TimeView>, Fault<Reading>> {
        Ok(Answer::of(TimeView::of(visitor.now)))
    }

    /// Tell where to connect and who is asking
    ///
    /// Callers without proof see the app that the server takes for those who name none, and less of it.
    #[oai(path = "/api/realtime/status", method = "get", operation_id = "showRealtimeStatus")]
    async fn status(
        &self,
        config: Data<&Arc<Config>>,
        visitor: Data<&Arc<Visitor>>,
        _proof: ByAnybody,
    ) -> Result<Answer<StatusView>, Fault<Reading>> {
        let Visitor { caller, live, now, .. } = &***visitor;
        let is_known = !caller.is_guest();
        let me = caller.user().map(|user| {
            let (sockets, status) = live.own_presence(user);
            let status = status.map_or("offline", |status| status.availability.name());
            MeView { id: Word(user.clone()), connections: sockets as u64, status: status.to_owned() }
        });
        let key = live.app().key.as_str().to_owned();
        Ok(Answer::of(StatusView {
            mode: config.mode.to_owned(),
            version: is_known.then(|| env!("CARGO_PKG_VERSION").to_owned()),
            ws: SocketView { url: config.socket_url.clone(), key, cluster: config.cluster.clone() },
            me,
            online_users: is_known.then(|| live.online_users() as u64),
            features: features(&config, &visitor),
            intervals: IntervalsView::usual(),
            server_time: Word(*now),
        }))
    }
}
