//! Questions about channels: which are occupied, by how many, by whom.

use crate::{
    domain::presence::Member,
    hub::{CachedEvent, Occupancy},
    protocol::{ChannelName, Guard, channel_name},
    services::LiveApp,
};

/// Which attributes a caller asks for (`info=user_count,subscription_count,cache`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Info {
    /// Distinct users; presence channels only.
    pub user_count: bool,
    /// Subscribed sockets.
    pub subscription_count: bool,
    /// The event that a cache channel keeps.
    pub cache: bool,
}

/// Why a question was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `info` names an attribute that does not exist.
    #[error("info knows user_count, subscription_count and cache, not '{0}'")]
    UnknownAttribute(String),
    /// Users are counted in presence channels only.
    #[error("user_count is known for presence channels only: ask with filter_by_prefix=presence- or leave it out")]
    UserCountNotPresence,
    /// Users are listed for presence channels only.
    #[error("The channel must be a presence channel.")]
    UsersNotPresence,
    /// The name in the path is no channel name.
    #[error(transparent)]
    ChannelName(#[from] channel_name::Error),
}

/// Answers to the attributes asked for; `None` = not asked for, or not known for this kind of channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Distinct users.
    pub user_count: Option<usize>,
    /// Subscribed sockets.
    pub subscription_count: Option<usize>,
    /// The kept event: `Some(None)` when asked for and empty.
    pub cache: Option<Option<CachedEvent>>,
}

/// One channel with the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Somebody is subscribed.
    pub occupied: bool,
    /// What was asked for.
    pub info: ChannelInfo,
}

impl Info {
    /// Reads a comma-separated list of attributes.
    ///
    /// # Errors
    /// When one of them is unknown.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut info = Self::default();
        for attribute in text.split(',').map(str::trim).filter(|attribute| !attribute.is_empty()) {
            match attribute {
                "user_count" => info.user_count = true,
                "subscription_count" => info.subscription_count = true,
                "cache" => info.cache = true,
                other => return Err(Error::UnknownAttribute(other.chars().take(40).collect())),
            }
        }
        Ok(info)
    }
}

impl LiveApp {
    /// Answers `info` for one channel, occupied or not.
    #[must_use]
    pub fn channel_info(&self, name: &ChannelName, info: Info) -> ChannelState {
        let occupancy = self.hub.occupancy(name.as_str());
        let occupied = occupancy.is_some();
        let Occupancy { subscriptions, users } = occupancy.unwrap_or(Occupancy { subscriptions: 0, users: None });
        let users = (name.guard() == Guard::Presence).then_some(users.unwrap_or(0));
        ChannelState {
            occupied,
            info: ChannelInfo {
                user_count: users.filter(|_| info.user_count),
                subscription_count: info.subscription_count.then_some(subscriptions),
                cache: info.cache.then(|| self.hub.cached(name)),
            },
        }
    }

    /// One channel, as `GET /channels/{name}` tells it.
    ///
    /// # Errors
    /// When the name is none, or users are asked for outside of presence channels.
    pub fn channel_show(&self, name: &str, info: Info) -> Result<ChannelState, Error> {
        let app = self.app();
        let name = ChannelName::parse(name, (&app.settings).into())?;
        if info.user_count && name.guard() != Guard::Presence && !app.settings.reverb_parity {
            return Err(Error::UserCountNotPresence);
        }
        Ok(self.channel_info(&name, info))
    }

    /// Occupied channels whose names start with `prefix`, by name.
    ///
    /// # Errors
    /// When users are asked for and the prefix does not limit the answer to presence channels.
    pub fn channel_list(&self, prefix: &str, info: Info) -> Result<Vec<(ChannelName, ChannelInfo)>, Error> {
        if info.user_count && !prefix.starts_with("presence-") && !self.app().settings.reverb_parity {
            return Err(Error::UserCountNotPresence);
        }
        let answer = |(name, occupancy): (ChannelName, Occupancy)| {
            let info = ChannelInfo {
                user_count: occupancy.users.filter(|_| info.user_count),
                subscription_count: info.subscription_count.then_some(occupancy.subscriptions),
                cache: info.cache.then(|| self.hub.cached(&name)),
            };
            (name, info)
        };
        Ok(self.hub.channels(prefix).into_iter().map(answer).collect())
    }

    /// Distinct users of a presence channel, by id; empty when nobody is there.
    ///
    /// # Errors
    /// When the name is none, or not that of a presence channel.
    pub fn channel_users(&self, name: &str) -> Result<Vec<Member>, Error> {
        let name = ChannelName::parse(name, (&self.app().settings).into())?;
        if name.guard() != Guard::Presence {
            return Err(Error::UsersNotPresence);
        }
        Ok(self.hub.members(name.as_str()))
    }
}
