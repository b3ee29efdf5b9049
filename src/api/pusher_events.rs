//! Publishing: `POST /apps/{app_id}/events`, `…/batch_events` and the deprecated form per channel.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::{collections::HashMap, sync::Arc};

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText, Response},
};

use super::{Group, auth::Signature, error::Refused};
use crate::{
    ids::SocketId,
    services::{
        LiveApp,
        channels::{ChannelInfo, Info},
        publish::{NewEvent, Published},
    },
    throttle::Passed,
};

/// The routes.
pub(super) struct Events;

/// An event for one or several channels.
#[derive(Debug, Object)]
#[oai(example)]
struct EventBody {
    /// Name of the event. At most 200 characters; names that start with `pusher:` or `pusher_internal:` are refused.
    name: String,
    /// Data of the event, relayed byte for byte; usually JSON text. At most 10,240 bytes unless the app allows more.
    data: String,
    /// The one channel it goes to.
    #[oai(skip_serializing_if_is_none)]
    channel: Option<String>,
    /// The channels it goes to, at most 100.
    #[oai(skip_serializing_if_is_none)]
    channels: Option<Vec<String>>,
    /// Socket that does not get it, usually that of the user who caused it.
    #[oai(skip_serializing_if_is_none)]
    socket_id: Option<String>,
    /// What the answer tells about each channel: `user_count`, `subscription_count` or both, separated by commas.
    #[oai(skip_serializing_if_is_none)]
    info: Option<String>,
}

impl poem_openapi::types::Example for EventBody {
    fn example() -> Self {
        Self {
            name: "message".to_owned(),
            data: r#"{"text":"Hello"}"#.to_owned(),
            channel: None,
            channels: Some(vec!["class-7".to_owned()]),
            socket_id: None,
            info: Some("subscription_count".to_owned()),
        }
    }
}

/// Events that are published together, in order, all or none.
#[derive(Debug, Object)]
struct BatchBody {
    /// At most 10 events.
    batch: Vec<BatchEvent>,
}

/// One event of a batch.
#[derive(Debug, Object)]
struct BatchEvent {
    /// Name of the event.
    name: String,
    /// Data of the event, relayed byte for byte.
    data: String,
    /// The channel it goes to.
    channel: String,
    /// Socket that does not get it.
    #[oai(skip_serializing_if_is_none)]
    socket_id: Option<String>,
    /// What the answer tells about the channel.
    #[oai(skip_serializing_if_is_none)]
    info: Option<String>,
}

/// What was asked for about a channel.
#[derive(Debug, Object)]
struct Counts {
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none)]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(skip_serializing_if_is_none)]
    subscription_count: Option<u64>,
}

/// The event was published.
#[derive(Debug, Object)]
struct EventView {
    /// By channel, when `info` was given.
    #[oai(skip_serializing_if_is_none)]
    channels: Option<HashMap<String, Counts>>,
}

/// The batch was published.
#[derive(Debug, Object)]
struct BatchView {
    /// One entry an event, in order, when any of them gave `info`.
    #[oai(skip_serializing_if_is_none)]
    batch: Option<Vec<Counts>>,
}

/// Answer of the deprecated route.
#[derive(Debug, ApiResponse)]
enum Accepted {
    /// The event was published; the body is empty.
    #[oai(status = 202)]
    Accepted,
}

impl From<ChannelInfo> for Counts {
    fn from(info: ChannelInfo) -> Self {
        Self {
            user_count: info.user_count.map(|count| count as u64),
            subscription_count: info.subscription_count.map(|count| count as u64),
        }
    }
}

fn info(text: Option<&String>) -> Result<Info, Refused> {
    text.map_or(Ok(Info::default()), |text| Ok(Info { cache: false, ..Info::parse(text)? }))
}

/// A socket id that is not one of ours excludes nobody: the SDKs refuse to send such ids, the peers ignore them.
fn except(text: Option<&String>) -> Option<SocketId> {
    text.and_then(|text| SocketId::parse(text))
}

fn by_channel(published: Published) -> HashMap<String, Counts> {
    published.into_iter().map(|(name, info)| (name.to_string(), info.into())).collect()
}

fn with_limit<T>(response: Response<T>, passed: Option<Passed>) -> Response<T> {
    let Some(Passed { limit, remaining }) = passed else { return response };
    response.header("X-RateLimit-Limit", limit).header("X-RateLimit-Remaining", remaining)
}

#[OpenApi(tag = "Group::Events")]
impl Events {
    /// Publish an event to one or several channels
    #[oai(path = "/apps/:app_id/events", method = "post", operation_id = "publishEvent")]
    async fn publish(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        _signature: Signature,
        body: Json<EventBody>,
    ) -> Result<Response<Json<EventView>>, Refused> {
        let EventBody { name, data, channel, channels, socket_id, info: wanted, .. } = body.0;
        let channels: Vec<String> = channel.into_iter().chain(channels.into_iter().flatten()).collect();
        let info = info(wanted.as_ref())?;
        let event =
            NewEvent { name: &name, data: &data, channels: &channels, except: except(socket_id.as_ref()), info };
        let (published, passed) = live.publish(event)?;
        let channels = (info != Info::default()).then(|| by_channel(published));
        Ok(with_limit(Response::new(Json(EventView { channels })), passed))
    }

    /// Publish up to ten events at once
    ///
    /// They are sent in order; when one of them is refused, none is sent.
    #[oai(path = "/apps/:app_id/batch_events", method = "post", operation_id = "publishBatch")]
    async fn publish_batch(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        _signature: Signature,
        body: Json<BatchBody>,
    ) -> Result<Response<Json<BatchView>>, Refused> {
        let batch = body.0.batch;
        let mut events = Vec::with_capacity(batch.len());
        for event in &batch {
            events.push(NewEvent {
                name: &event.name,
                data: &event.data,
                channels: std::slice::from_ref(&event.channel),
                except: except(event.socket_id.as_ref()),
                info: info(event.info.as_ref())?,
            });
        }
        let (published, passed) = live.publish_batch(&events)?;
        let wanted = events.iter().any(|event| event.info != Info::default());
        let first = |event: Published| event.into_iter().next().map(|(_, info)| info).unwrap_or_default();
        let batch = wanted.then(|| published.into_iter().map(|event| first(event).into()).collect());
        Ok(with_limit(Response::new(Json(BatchView { batch })), passed))
    }

    /// Publish an event to one channel
    ///
    /// The form of old SDKs: the body is the data itself.
    #[oai(
        path = "/apps/:app_id/channels/:channel_name/events",
        method = "post",
        operation_id = "publishToChannel",
        deprecated
    )]
    async fn publish_to_channel(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// The channel it goes to.
        channel_name: Path<String>,
        /// Name of the event.
        name: Query<String>,
        /// Socket that does not get it.
        socket_id: Query<Option<String>>,
        _signature: Signature,
        body: PlainText<String>,
    ) -> Result<Accepted, Refused> {
        let event = NewEvent {
            name: &name.0,
            data: &body.0,
            channels: std::slice::from_ref(&channel_name.0),
            except: except(socket_id.0.as_ref()),
            info: Info::default(),
        };
        live.publish(event)?;
        Ok(Accepted::Accepted)
    }
}
