//! Events that clients send to each other (`client-…`, Echo's whisper).
//!
//! The session has checked the app's rules and the socket's own rate; here count the limits that sockets share.

use crate::{
    hub::{Frame, Publication},
    ids::{SocketId, UserId},
    protocol::ChannelName,
    services::LiveApp,
    throttle::{Exceeded, Network},
};

/// Who sends a client event.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The socket; it does not hear itself.
    pub socket: SocketId,
    /// The user behind it, when known by sign-in or presence.
    pub user: Option<&'a UserId>,
    /// The network it comes from.
    pub network: Network,
}

impl LiveApp {
    /// Relays a client event to the other subscribers of its channel.
    ///
    /// # Errors
    /// When the user's sockets, the network's or the app's have sent too many; nobody got it then.
    pub fn client_event(&self, channel: &ChannelName, frame: &Frame, sender: Sender<'_>) -> Result<(), Exceeded> {
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
