//! Questions about channels: `GET /apps/{app_id}/channels…` and `…/connections`.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::{collections::BTreeMap, sync::Arc};

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};

use super::{Group, auth::Signature, error::Refused};
use crate::{
    hub::CachedEvent,
    services::{
        LiveApp,
        channels::{ChannelInfo, Info},
    },
};

/// The routes.
pub(super) struct Channels;

/// The event that a cache channel keeps.
#[derive(Debug, Object)]
struct CacheView {
    /// Data as it was published.
    data: String,
    /// Seconds until it is forgotten.
    ttl: u64,
}

/// What was asked for about a channel.
#[derive(Debug, Object)]
struct AttributesView {
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none)]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(skip_serializing_if_is_none)]
    subscription_count: Option<u64>,
    /// The kept event of a cache channel; null when there is none.
    #[oai(skip_serializing_if = "MaybeUndefined::is_undefined")]
    cache: MaybeUndefined<CacheView>,
}

/// Occupied channels by name.
#[derive(Debug, Object)]
struct ChannelsView {
    /// Channels with at least one subscriber.
    channels: BTreeMap<String, AttributesView>,
}

/// One channel.
#[derive(Debug, Object)]
struct ChannelView {
    /// Somebody is subscribed.
    occupied: bool,
    /// What was asked for.
    #[oai(flatten)]
    attributes: AttributesView,
}

/// A user of a presence channel.
#[derive(Debug, Object)]
struct UserView {
    /// Id of the user.
    id: String,
}

/// Users of a presence channel.
#[derive(Debug, Object)]
struct UsersView {
    /// Each distinct user once, in the order of their ids.
    users: Vec<UserView>,
}

/// Answer about the users of a channel.
#[derive(Debug, ApiResponse)]
enum UsersAnswer {
    /// The users; nobody in a channel without subscribers.
    #[oai(status = 200)]
    Users(Json<UsersView>),
    /// Nobody is subscribed; only for apps with `reverb_parity`.
    #[oai(status = 404)]
    Unoccupied(Json<EmptyView>),
}

/// An empty object.
#[derive(Debug, Object)]
struct EmptyView {}

/// One channel in the words of an older API.
#[derive(Debug, Object)]
struct StatsView {
    /// Somebody is subscribed.
    occupied: bool,
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none)]
    user_count: Option<u64>,
    /// Subscribed sockets.
    connection_count: u64,
}

/// How many sockets the app has open.
#[derive(Debug, Object)]
struct ConnectionsView {
    /// Open sockets.
    connections: u64,
}

impl From<CachedEvent> for CacheView {
    fn from(event: CachedEvent) -> Self {
        Self { data: event.data, ttl: event.ttl.as_secs() }
    }
}

impl From<ChannelInfo> for AttributesView {
    fn from(info: ChannelInfo) -> Self {
        let cache = match info.cache {
            None => MaybeUndefined::Undefined,
            Some(None) => MaybeUndefined::Null,
            Some(Some(event)) => MaybeUndefined::Value(event.into()),
        };
        Self {
            user_count: info.user_count.map(|count| count as u64),
            subscription_count: info.subscription_count.map(|count| count as u64),
            cache,
        }
    }
}

/// `info`, also in the list forms `info[]=a` and `info[0]=a` that the PHP SDK makes of an array.
fn info(request: &poem::Request) -> Result<Info, Refused> {
    let query = request.uri().query().unwrap_or_default();
    let mut list = String::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key.eq_ignore_ascii_case("info") || key.to_ascii_lowercase().starts_with("info[") {
            list.push(',');
            list.push_str(&value);
        }
    }
    Ok(Info::parse(&list)?)
}

#[OpenApi(tag = "Group::Channels")]
impl Channels {
    /// List the occupied channels
    #[oai(path = "/apps/:app_id/channels", method = "get", operation_id = "listChannels")]
    async fn list(
        &self,
        live: Data<&Arc<LiveApp>>,
        request: &poem::Request,
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// Only channels whose names start with this.
        filter_by_prefix: Query<Option<String>>,
        /// What to tell about each channel, separated by commas: `user_count` (with the prefix `presence-` only),
        /// `subscription_count`, `cache`.
        #[oai(name = "info")]
        _info: Query<Option<String>>,
        _signature: Signature,
    ) -> Result<Json<ChannelsView>, Refused> {
        let prefix = filter_by_prefix.0.unwrap_or_default();
        let channels = live.channel_list(&prefix, info(request)?)?;
        let channels = channels.into_iter().map(|(name, info)| (name.to_string(), info.into())).collect();
        Ok(Json(ChannelsView { channels }))
    }

    /// Show one channel
    ///
    /// A channel that nobody is subscribed to is not occupied; that is no error.
    #[oai(path = "/apps/:app_id/channels/:channel_name", method = "get", operation_id = "showChannel")]
    async fn show(
        &self,
        live: Data<&Arc<LiveApp>>,
        request: &poem::Request,
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// Name of the channel.
        channel_name: Path<String>,
        /// What to tell, separated by commas: `user_count` (presence channels only), `subscription_count`, `cache`.
        #[oai(name = "info")]
        _info: Query<Option<String>>,
        _signature: Signature,
    ) -> Result<Json<ChannelView>, Refused> {
        let state = live.channel_show(&channel_name, info(request)?)?;
        Ok(Json(ChannelView { occupied: state.occupied, attributes: state.info.into() }))
    }

    /// List the users of a presence channel
    #[oai(path = "/apps/:app_id/channels/:channel_name/users", method = "get", operation_id = "listChannelUsers")]
    async fn users(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// Name of the channel.
        channel_name: Path<String>,
        _signature: Signature,
    ) -> Result<UsersAnswer, Refused> {
        let members = live.channel_users(&channel_name)?;
        if members.is_empty() && live.app().settings.reverb_parity {
            return Ok(UsersAnswer::Unoccupied(Json(EmptyView {})));
        }
        let users = members.into_iter().map(|member| UserView { id: member.id.to_string() }).collect();
        Ok(UsersAnswer::Users(Json(UsersView { users })))
    }

    /// Show one channel in the words of an older API
    #[oai(
        path = "/apps/:app_id/channels/:channel_name/stats",
        method = "get",
        operation_id = "showChannelStats",
        deprecated
    )]
    async fn stats(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// Name of the channel.
        channel_name: Path<String>,
        _signature: Signature,
    ) -> Result<Json<StatsView>, Refused> {
        let user_count = channel_name.starts_with("presence-");
        let state = live.channel_show(&channel_name, Info { user_count, subscription_count: true, cache: false })?;
        let count = |count: Option<usize>| count.map(|count| count as u64);
        Ok(Json(StatsView {
            occupied: state.occupied,
            user_count: count(state.info.user_count),
            connection_count: count(state.info.subscription_count).unwrap_or(0),
        }))
    }

    /// Count the open sockets of the app
    ///
    /// Reverb's route; its Pulse recorder asks it.
    #[oai(path = "/apps/:app_id/connections", method = "get", operation_id = "countConnections")]
    async fn connections(
        &self,
        live: Data<&Arc<LiveApp>>,
        #[oai(name = "app_id")] _app_id: Path<String>,
        _signature: Signature,
    ) -> Json<ConnectionsView> {
        Json(ConnectionsView { connections: live.hub.connections() as u64 })
    }
}
