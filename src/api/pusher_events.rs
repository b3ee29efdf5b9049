//! Publishing: `POST /apps/{app_id}/events`, `…/batch_events` and the deprecated form per channel.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::{collections::BTreeMap, sync::Arc};

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
    types::Example,
};
use serde::Deserialize;

use super::{Group, auth::Signature, body::Body, error::Refused};
use crate::{
    ids::SocketId,
    services::{
        LiveApp,
        channels::{self, ChannelInfo, Info},
        publish::{NewEvent, Published},
    },
    throttle::Passed,
};

/// The routes.
pub(super) struct Events;

/// An event for one or several channels: name them in `channels`, or one in `channel`.
#[derive(Debug, Deserialize, Object)]
#[oai(example)]
struct EventBody {
    /// Name of the event. At most 200 characters unless the app allows more; names that start with `pusher:` or
    /// `pusher_internal:` are refused.
    #[oai(validator(max_length = 1_000))]
    name: String,
    /// Data of the event, relayed byte for byte; usually JSON text. At most 10,240 bytes unless the app allows more (413).
    #[oai(validator(max_length = 102_400))]
    data: String,
    /// The one channel it goes to.
    #[oai(skip_serializing_if_is_none)]
    channel: Option<String>,
    /// The channels it goes to, at most 100 unless the app allows more. One named twice gets it once.
    #[oai(skip_serializing_if_is_none, validator(max_items = 1_000))]
    channels: Option<Vec<String>>,
    /// Socket that does not get it, usually that of the user who caused it. An unknown one changes nothing.
    #[oai(skip_serializing_if_is_none)]
    socket_id: Option<String>,
    /// What the answer tells about each channel: `user_count`, `subscription_count` or both, separated by commas.
    #[oai(skip_serializing_if_is_none)]
    info: Option<String>,
}

impl Example for EventBody {
    fn example() -> Self {
        Self {
            name: "message".to_owned(),
            data: r#"{"text":"Hello"}"#.to_owned(),
            channel: None,
            channels: Some(vec!["class-7".to_owned(), "presence-class-8".to_owned()]),
            socket_id: Some("123456.7890123".to_owned()),
            info: Some("user_count,subscription_count".to_owned()),
        }
    }
}

/// Events that are published together, in order, all or none.
#[derive(Debug, Deserialize, Object)]
#[oai(example)]
struct BatchBody {
    /// At most 10 events unless the app allows more.
    #[oai(validator(max_items = 1_000))]
    batch: Vec<BatchEvent>,
}

impl Example for BatchBody {
    fn example() -> Self {
        let event = |channel: &str, info: Option<&str>| BatchEvent {
            name: "message".to_owned(),
            data: r#"{"text":"Hello"}"#.to_owned(),
            channel: channel.to_owned(),
            socket_id: None,
            info: info.map(str::to_owned),
        };
        Self { batch: vec![event("class-7", Some("subscription_count")), event("class-8", None)] }
    }
}

/// One event of a batch.
#[derive(Debug, Deserialize, Object)]
struct BatchEvent {
    /// Name of the event. At most 200 characters unless the app allows more; names that start with `pusher:` or
    /// `pusher_internal:` are refused.
    #[oai(validator(max_length = 1_000))]
    name: String,
    /// Data of the event, relayed byte for byte; usually JSON text. At most 10,240 bytes unless the app allows more (413).
    #[oai(validator(max_length = 102_400))]
    data: String,
    /// The channel it goes to.
    channel: String,
    /// Socket that does not get it. An unknown one changes nothing.
    #[oai(skip_serializing_if_is_none)]
    socket_id: Option<String>,
    /// What the answer tells about the channel: `user_count`, `subscription_count` or both, separated by commas.
    #[oai(skip_serializing_if_is_none)]
    info: Option<String>,
}

/// What was asked for about a channel.
#[derive(Debug, Object)]
struct Counts {
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "0")))]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "0")))]
    subscription_count: Option<u64>,
}

/// The event was published.
#[derive(Debug, Object)]
#[oai(example)]
struct EventView {
    /// By channel, when `info` was given.
    #[oai(skip_serializing_if_is_none, validator(max_properties = 1_000))]
    channels: Option<BTreeMap<String, Counts>>,
}

impl Example for EventView {
    fn example() -> Self {
        let counts = |users| Counts { user_count: users, subscription_count: Some(25) };
        let channels = [("class-7", counts(None)), ("presence-class-8", counts(Some(24)))];
        Self { channels: Some(channels.into_iter().map(|(name, counts)| (name.to_owned(), counts)).collect()) }
    }
}

/// The batch was published.
#[derive(Debug, Object)]
#[oai(example)]
struct BatchView {
    /// One entry an event, in order, when any of them gave `info`.
    #[oai(skip_serializing_if_is_none, validator(max_items = 1_000))]
    batch: Option<Vec<Counts>>,
}

impl Example for BatchView {
    fn example() -> Self {
        let counts = |subscription_count| Counts { user_count: None, subscription_count };
        Self { batch: Some(vec![counts(Some(25)), counts(None)]) }
    }
}

/// The answers, each with the state of the app's limit for events.
macro_rules! answers {
    ($($(#[doc = $doc:tt])+ $name:ident: $status:tt, $($view:ty)?;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, ApiResponse)]
            enum $name {
                $(#[doc = $doc])+
                #[oai(status = $status)]
                Published(
                    $($view,)?
                    /// Events per second that the app may publish; absent without a limit.
                    #[oai(header = "X-RateLimit-Limit")]
                    Option<u32>,
                    /// What is left of them now.
                    #[oai(header = "X-RateLimit-Remaining")]
                    Option<u32>,
                ),
            }
        )+
    };
}

answers! {
    /// The event was published. An empty object, unless `info` was given.
    EventAnswer: 200, Json<EventView>;
    /// All events were published. An empty object, unless one of them gave `info`.
    BatchAnswer: 200, Json<BatchView>;
    /// The event was published; the body is empty.
    AcceptedAnswer: 202, ;
}

impl From<ChannelInfo> for Counts {
    fn from(info: ChannelInfo) -> Self {
        Self {
            user_count: info.user_count.map(|count| count as u64),
            subscription_count: info.subscription_count.map(|count| count as u64),
        }
    }
}

fn info(text: Option<&String>) -> Result<Info, channels::Error> {
    text.map_or(Ok(Info::default()), |text| Ok(Info { cache: false, ..Info::parse(text)? }))
}

/// A socket id that is not one of ours excludes nobody: the SDKs refuse to send such ids, the peers ignore them.
fn except(text: Option<&String>) -> Option<SocketId> {
    text.and_then(|text| SocketId::parse(text))
}

fn by_channel(published: Published) -> BTreeMap<String, Counts> {
    published.into_iter().map(|(name, info)| (name.to_string(), info.into())).collect()
}

/// State of the limit, for the headers of an answer.
fn state(passed: Option<Passed>) -> (Option<u32>, Option<u32>) {
    passed.map(|Passed { limit, remaining, .. }| (limit, remaining)).unzip()
}

/// A refusal of what stands in the body, in the form that the app wants.
fn refused(live: &LiveApp, error: impl Into<Refused>) -> Refused {
    let refused = error.into();
    if live.app().settings.reverb_parity { refused.in_parity() } else { refused }
}

#[OpenApi(tag = "Group::Events")]
impl Events {
    /// Publish an event to one or several channels
    ///
    /// Everybody who is subscribed gets it, but for the socket in `socket_id`. A channel `#server-to-user-ID` reaches all
    /// sockets that are signed in as that user.
    #[oai(path = "/apps/:app_id/events", method = "post", operation_id = "publishEvent")]
    async fn publish(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        _signature: Signature,
        body: Body<EventBody>,
    ) -> Result<EventAnswer, Refused> {
        let EventBody { name, data, channel, channels, socket_id, info: wanted, .. } = body.0;
        let channels: Vec<String> = channel.into_iter().chain(channels.into_iter().flatten()).collect();
        let info = info(wanted.as_ref()).map_err(|error| refused(&live, error))?;
        let event =
            NewEvent { name: &name, data: &data, channels: &channels, except: except(socket_id.as_ref()), info };
        let (published, passed) = live.publish(event).map_err(|error| refused(&live, error))?;
        let channels = (info != Info::default()).then(|| by_channel(published));
        let (limit, remaining) = state(passed);
        Ok(EventAnswer::Published(Json(EventView { channels }), limit, remaining))
    }

    /// Publish up to ten events at once
    ///
    /// They are sent in order; when one of them is refused, none is sent.
    #[oai(path = "/apps/:app_id/batch_events", method = "post", operation_id = "publishBatch")]
    async fn publish_batch(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        _signature: Signature,
        body: Body<BatchBody>,
    ) -> Result<BatchAnswer, Refused> {
        let batch = body.0.batch;
        let mut events = Vec::with_capacity(batch.len());
        for event in &batch {
            events.push(NewEvent {
                name: &event.name,
                data: &event.data,
                channels: std::slice::from_ref(&event.channel),
                except: except(event.socket_id.as_ref()),
                info: info(event.info.as_ref()).map_err(|error| refused(&live, error))?,
            });
        }
        let (published, passed) = live.publish_batch(&events).map_err(|error| refused(&live, error))?;
        let wanted = events.iter().any(|event| event.info != Info::default());
        let first = |event: Published| event.into_iter().next().map(|(_, info)| info).unwrap_or_default();
        let batch = wanted.then(|| published.into_iter().map(|event| first(event).into()).collect());
        let (limit, remaining) = state(passed);
        Ok(BatchAnswer::Published(Json(BatchView { batch }), limit, remaining))
    }

    /// Publish an event to one channel
    ///
    /// The form of old SDKs: the body is the data itself. Use `publishEvent` instead.
    #[oai(
        path = "/apps/:app_id/channels/:channel_name/events",
        method = "post",
        operation_id = "publishToChannel",
        deprecated
    )]
    async fn publish_to_channel(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// The channel it goes to.
        channel_name: Path<String>,
        /// Name of the event.
        name: Query<String>,
        /// Socket that does not get it.
        socket_id: Query<Option<String>>,
        _signature: Signature,
        body: PlainText<String>,
    ) -> Result<AcceptedAnswer, Refused> {
        let event = NewEvent {
            name: &name.0,
            data: &body.0,
            channels: std::slice::from_ref(&channel_name.0),
            except: except(socket_id.0.as_ref()),
            info: Info::default(),
        };
        let (_, passed) = live.publish(event).map_err(|error| refused(&live, error))?;
        let (limit, remaining) = state(passed);
        Ok(AcceptedAnswer::Published(limit, remaining))
    }
}
