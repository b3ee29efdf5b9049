//! Questions about channels: `GET /apps/{app_id}/channels…` and `…/connections`.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::{collections::BTreeMap, sync::Arc};

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
    types::Example,
};

use super::{Group, auth::Signature, cache_view::CacheState, error::Refused};
use crate::services::{
    LiveApp,
    channels::{ChannelInfo, Info},
};

/// The routes.
pub(super) struct Channels;

/// What was asked for about a channel.
#[derive(Debug, Object)]
struct AttributesView {
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "0")))]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "0")))]
    subscription_count: Option<u64>,
    /// The kept event of a cache channel; null when there is none.
    #[oai(skip_serializing_if = "CacheState::is_left_out")]
    cache: CacheState,
}

const fn counted(user_count: Option<u64>) -> AttributesView {
    AttributesView { user_count, subscription_count: Some(25), cache: CacheState::NotAsked }
}

/// Occupied channels by name.
#[derive(Debug, Object)]
#[oai(example)]
struct ChannelsView {
    /// Channels with at least one subscriber.
    #[oai(validator(max_properties = 10_000_000))]
    channels: BTreeMap<String, AttributesView>,
}

impl Example for ChannelsView {
    fn example() -> Self {
        Self { channels: [("presence-class-8".to_owned(), counted(Some(24)))].into() }
    }
}

/// One channel.
#[derive(Debug, Object)]
#[oai(example)]
struct ChannelView {
    /// Somebody is subscribed.
    occupied: bool,
    /// What was asked for.
    #[oai(flatten)]
    attributes: AttributesView,
}

impl Example for ChannelView {
    fn example() -> Self {
        Self { occupied: true, attributes: counted(Some(24)) }
    }
}

/// A user of a presence channel.
#[derive(Debug, Object)]
struct UserView {
    /// Id of the user.
    #[oai(validator(min_length = 1, max_length = 128))]
    id: String,
}

/// Users of a presence channel.
#[derive(Debug, Object)]
#[oai(example)]
struct UsersView {
    /// Each distinct user once, in the order of their ids.
    #[oai(validator(max_items = 100_000))]
    users: Vec<UserView>,
}

impl Example for UsersView {
    fn example() -> Self {
        Self { users: ["7", "8"].map(|id| UserView { id: id.to_owned() }).into() }
    }
}

/// One channel in the words of an older API.
#[derive(Debug, Object)]
#[oai(example)]
struct StatsView {
    /// Somebody is subscribed.
    occupied: bool,
    /// Distinct users; presence channels only.
    #[oai(skip_serializing_if_is_none, validator(minimum(value = "0")))]
    user_count: Option<u64>,
    /// Subscribed sockets.
    #[oai(validator(minimum(value = "0")))]
    connection_count: u64,
}

impl Example for StatsView {
    fn example() -> Self {
        Self { occupied: true, user_count: Some(24), connection_count: 25 }
    }
}

/// How many sockets the app has open.
#[derive(Debug, Object)]
#[oai(example)]
struct ConnectionsView {
    /// Open sockets, subscribed or not.
    #[oai(validator(minimum(value = "0")))]
    connections: u64,
}

impl Example for ConnectionsView {
    fn example() -> Self {
        Self { connections: 412 }
    }
}

/// The answers; each with the state of the app's limit for requests that publish nothing.
macro_rules! answers {
    ($($(#[doc = $doc:tt])+ $name:ident: $view:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, ApiResponse)]
            enum $name {
                $(#[doc = $doc])+
                #[oai(
                    status = 200,
                    header(name = "X-RateLimit-Limit", ty = "Option<u32>", description = "Reads per second that the app may make; absent without a limit."),
                    header(name = "X-RateLimit-Remaining", ty = "Option<u32>", description = "What is left of them now.")
                )]
                Found(Json<$view>),
            }
        )+
    };
}

answers! {
    /// The occupied channels; an empty object when there are none.
    ChannelsAnswer: ChannelsView;
    /// The channel.
    ChannelAnswer: ChannelView;
    /// The users; nobody in a channel without subscribers.
    UsersAnswer: UsersView;
    /// The channel in the words of an older API.
    StatsAnswer: StatsView;
    /// The count.
    ConnectionsAnswer: ConnectionsView;
}

impl From<ChannelInfo> for AttributesView {
    fn from(info: ChannelInfo) -> Self {
        Self {
            user_count: info.user_count.map(|count| count as u64),
            subscription_count: info.subscription_count.map(|count| count as u64),
            cache: info.cache.into(),
        }
    }
}

fn info(text: &Query<Option<String>>) -> Result<Info, Refused> {
    Ok(Info::parse(text.0.as_deref().unwrap_or_default())?)
}

#[OpenApi(tag = "Group::Channels")]
impl Channels {
    /// List the occupied channels
    ///
    /// A channel is occupied while at least one socket is subscribed to it.
    #[oai(path = "/apps/:app_id/channels", method = "get", operation_id = "listChannels")]
    async fn list(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// Only channels whose names start with this.
        filter_by_prefix: Query<Option<String>>,
        /// What to tell about each channel, separated by commas: `user_count` (with the prefix `presence-` only),
        /// `subscription_count`, `cache`.
        #[oai(name = "info")]
        wanted: Query<Option<String>>,
        _signature: Signature,
    ) -> Result<ChannelsAnswer, Refused> {
        let prefix = filter_by_prefix.0.unwrap_or_default();
        let channels = live.channel_list(&prefix, info(&wanted)?)?;
        let channels = channels.into_iter().map(|(name, info)| (name.to_string(), info.into())).collect();
        Ok(ChannelsAnswer::Found(Json(ChannelsView { channels })))
    }

    /// Show one channel
    ///
    /// A channel that nobody is subscribed to is not occupied; that is no error.
    #[oai(path = "/apps/:app_id/channels/:channel_name", method = "get", operation_id = "showChannel")]
    async fn show(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// Name of the channel, such as `presence-class-7`; URL-encoded where needed.
        channel_name: Path<String>,
        /// What to tell, separated by commas: `user_count` (presence channels only), `subscription_count`, `cache`.
        #[oai(name = "info")]
        wanted: Query<Option<String>>,
        _signature: Signature,
    ) -> Result<ChannelAnswer, Refused> {
        let state = live.channel_show(&channel_name, info(&wanted)?)?;
        let attributes = state.info.into();
        Ok(ChannelAnswer::Found(Json(ChannelView { occupied: state.occupied, attributes })))
    }

    /// List the users of a presence channel
    ///
    /// With the app's `reverb_parity` a channel without subscribers is answered with 404 and an empty object.
    #[oai(path = "/apps/:app_id/channels/:channel_name/users", method = "get", operation_id = "listChannelUsers")]
    async fn users(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// Name of the channel, such as `presence-class-7`; URL-encoded where needed.
        channel_name: Path<String>,
        _signature: Signature,
    ) -> Result<UsersAnswer, Refused> {
        let members = live.channel_users(&channel_name)?;
        if members.is_empty() && live.app().settings.reverb_parity {
            return Err(Refused::NotFound(PlainText("{}".to_owned())));
        }
        let users = members.into_iter().map(|member| UserView { id: member.id.to_string() }).collect();
        Ok(UsersAnswer::Found(Json(UsersView { users })))
    }

    /// Show one channel in the words of an older API
    ///
    /// Use `showChannel` with `info` instead.
    #[oai(
        path = "/apps/:app_id/channels/:channel_name/stats",
        method = "get",
        operation_id = "showChannelStats",
        deprecated
    )]
    async fn stats(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// Name of the channel, such as `presence-class-7`; URL-encoded where needed.
        channel_name: Path<String>,
        _signature: Signature,
    ) -> Result<StatsAnswer, Refused> {
        let user_count = channel_name.starts_with("presence-");
        let state = live.channel_show(&channel_name, Info { user_count, subscription_count: true, cache: false })?;
        let count = |count: Option<usize>| count.map(|count| count as u64);
        Ok(StatsAnswer::Found(Json(StatsView {
            occupied: state.occupied,
            user_count: count(state.info.user_count),
            connection_count: count(state.info.subscription_count).unwrap_or(0),
        })))
    }

    /// Count the open sockets of the app
    ///
    /// Reverb's route; its Pulse recorder asks it.
    #[oai(path = "/apps/:app_id/connections", method = "get", operation_id = "countConnections")]
    async fn connections(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        _signature: Signature,
    ) -> Result<ConnectionsAnswer, Refused> {
        Ok(ConnectionsAnswer::Found(Json(ConnectionsView { connections: live.hub.connections() as u64 })))
    }
}
