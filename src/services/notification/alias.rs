//! The channel `notifications`: everybody hears their own there, and what is announced to all.
//!
//! Its name is the same for everybody, so what is for one person goes only to sockets that are known to be theirs. Of an
//! announcement to all one hears the announcement, and not one's own copy besides. What is one's own has its place in one's
//! own stream, so it is told here without a place, and whoever comes back here is told that they have missed something.

use crate::{
    dialect::spelling::{self, Grammar, Payload},
    domain::{
        access::Topic,
        fact::{Event, Fact},
    },
    hub::Frame,
    ids::SocketId,
    protocol::{ChannelName, channel_name::NameRules, server_message},
    services::LiveApp,
};

impl LiveApp {
    /// Tells a person's own notifications on `notifications` too.
    pub(in crate::services) fn tell_alias(&self, fact: &Fact<Payload>, except: Option<SocketId>) {
        let Topic::User(user) = &fact.topic else { return };
        let is_announced = fact.payload.get("notification").is_some_and(|notification| notification["public"] == true);
        if !matches!(fact.event, Event::NotificationCreated | Event::NotificationRead) || is_announced {
            return;
        }
        let app = self.app();
        for (name, grammar) in spelling::channels(&Topic::Notices) {
            let Ok(channel) = ChannelName::parse(&name, NameRules::OWN) else { continue };
            if !self.hub.wants(&channel) {
                continue;
            }
            let theirs: Vec<_> =
                self.sockets_known_as(user).into_iter().filter(|socket| Some(*socket) != except).collect();
            if theirs.is_empty() {
                continue;
            }
            let data = spelling::data(&Fact { position: None, ..fact.clone() }, Grammar::Dashes);
            for event in spelling::names_of(fact, grammar, app.settings.laravel_event_names) {
                let frame = Frame::text(|out| server_message::event(out, event, channel.as_str(), &data));
                self.hub.publish_among(&channel, &frame, &theirs);
            }
        }
    }
}
