//! Events that clients send to each other (`client-…`, Echo's whisper).
//!
//! The session has checked the app's rules and the socket's own rate; here count the limits that sockets share. In a chat
//! nobody says by an event what they may not say in a message.

use chrono::{DateTime, Utc};

use crate::{
    dialect::route,
    domain::app::{AppSettings, Authz},
    hub::{Frame, Publication},
    ids::{SocketId, UserId},
    protocol::ChannelName,
    services::{LiveApp, access::Seat},
    throttle::{Exceeded, Network},
};

/// Why a client event reached nobody.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The user's sockets, the network's or the app's have sent too many.
    #[error(transparent)]
    TooMany(#[from] Exceeded),
    /// The user may not write in the chat, or not now.
    #[error("the user may not write in this chat now")]
    Silenced,
}

/// Tells whether only those send to a channel who hear it, whatever the app says: so it is where the roster has to agree.
#[must_use]
pub fn is_for_members(channel: &ChannelName, settings: &AppSettings) -> bool {
    settings.authz == Authz::Enforce && route::guarded_as(channel, &settings.channel_routes).is_rostered()
}

/// Who sends a client event.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The socket; it does not hear itself.
    pub socket: SocketId,
    /// The user behind it, when known by sign-in or presence.
    pub user: Option<&'a UserId>,
    /// The network it comes from.
    pub network: Network,
    /// Its seat, when it has one.
    pub seat: Option<&'a Seat>,
}

impl LiveApp {
    /// Relays a client event to the other subscribers of its channel.
    ///
    /// # Errors
    /// When there are too many, or the user may not write there; nobody got it then.
    pub fn client_event(
        &self,
        channel: &ChannelName,
        frame: &Frame,
        sender: Sender<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        let in_chat = sender.seat.and_then(|seat| seat.part_in_chat(channel));
        if in_chat.is_some_and(|(chat, part)| !self.may_write(&chat, &part, now)) {
            return Err(Refused::Silenced);
        }
        self.count_client_event(sender)?;
        let publication = Publication { frame, except: Some(sender.socket), keep: None };
        self.hub.publish(channel, publication, &self.app().settings);
        Ok(())
    }

    /// Counts a client event against the limits that sockets share.
    pub(super) fn count_client_event(&self, sender: Sender<'_>) -> Result<(), Exceeded> {
        let limits = self.limits();
        let user =
            sender.user.zip(limits.user_events.as_ref()).map_or(Ok(()), |(user, limit)| limit.take(user).map(drop));
        let network = limits.network_events.as_ref().map_or(Ok(()), |limit| limit.take(&sender.network).map(drop));
        let app = limits.events.as_ref().map_or(Ok(()), |limit| limit.take(1).map(drop));
        for (key, outcome) in [("user", user), ("network", network), ("app", app)] {
            if let Err(exceeded) = outcome {
                self.metrics().count_rate_limited(key);
                return Err(exceeded);
            }
        }
        Ok(())
    }
}
