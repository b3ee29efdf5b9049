//! Other rules for an app: whoever hears something by the old ones is judged by the new ones.
//!
//! Sockets in open channels have no seat. When such a channel becomes a guarded one, its listeners get one here, without
//! their sessions; those learn of it by [`LiveApp::seat_since`] before their next message counts.

use std::sync::{Arc, atomic::Ordering};

use chrono::DateTime;

use super::{
    admit::is_guarded,
    seats::{Held, Seat, Within},
};
use crate::{
    dialect::route,
    domain::{access::Topic, app::App},
    hub::Socket,
    ids::SocketId,
    protocol::{ChannelName, Guard},
    services::LiveApp,
};

impl LiveApp {
    /// Has everything judged again in a moment, because the app's settings say something else about it, or because a change
    /// could not be followed.
    pub fn reconsider(&self) {
        self.access.advance();
        self.access.is_to_enlist.store(true, Ordering::Release);
        for seat in self.access.seats.all() {
            self.access.seats.expect_by(&seat, &mut seat.lock(), DateTime::UNIX_EPOCH);
        }
    }

    /// The seat that a socket without one was given by others since `seen`, which counts on.
    #[must_use]
    pub fn seat_since(&self, socket: SocketId, seen: &mut u64) -> Option<Arc<Seat>> {
        let enlisted = self.access.enlisted.load(Ordering::Acquire);
        if *seen == enlisted {
            return None;
        }
        *seen = enlisted;
        self.access.seats.find(socket)
    }

    /// Forgets a socket whose connection is gone, whoever else has given it a seat.
    pub fn forget_socket(&self, socket: &Socket) {
        self.hub.release(socket);
        if let Some(seat) = self.access.seats.find(socket.id()) {
            self.access.seats.leave(&seat);
        }
    }

    /// Enters those who hear public channels that are guarded by now, if rules have changed.
    pub(super) async fn enlist(&self) {
        if !self.access.is_to_enlist.swap(false, Ordering::AcqRel) {
            return;
        }
        let app = self.app();
        for (channel, _) in self.hub.channels("") {
            let topic = route::guarded_as(&channel, &app.settings.channel_routes);
            if channel.guard() != Guard::Public || !is_guarded(&channel, &topic, &app.settings) {
                continue;
            }
            for socket in self.hub.listeners(channel.as_str()) {
                self.enter(&app, &socket, (&channel, &topic));
            }
            tokio::task::yield_now().await;
        }
    }

    fn enter(&self, app: &App, socket: &Arc<Socket>, (channel, topic): (&ChannelName, &Topic)) {
        let seats = &self.access.seats;
        let seat = seats.take(socket);
        self.access.enlisted.fetch_add(1, Ordering::AcqRel);
        let mut state = seat.lock();
        if !state.held.contains_key(channel) {
            let (topic, subject) = (topic.clone(), state.user.as_ref().map(|(user, _)| user.clone()));
            let held = Held { serial: 0, topic, member: None, subject, basis: None, within: Within::default() };
            let _none = seats.hold(&seat, &mut state, channel, held);
        }
        if !self.hub.is_subscribed(channel.as_str(), socket.id()) {
            let _gone = seats.release(&seat, &mut state, channel);
        }
        seats.expect_by(&seat, &mut state, DateTime::UNIX_EPOCH);
        drop(state);
        // Whoever closes a socket looks for its seat after this table has forgotten it.
        if !self.hub.is_open(socket.id()) {
            seats.leave(&seat);
        }
        tracing::debug!(app.id = %app.id, socket = %socket.id(), %channel, "heard since before it was guarded");
    }
}
