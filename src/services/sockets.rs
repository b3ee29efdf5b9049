//! The life of a socket: who may open one, what it subscribes to, whom it signs in as, how it goes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, Utc};

use crate::{
    domain::presence::Member,
    hub::{Joining, NotOpened, Refused, Socket},
    ids::UserId,
    protocol::{ChannelName, client_message::UserData},
    services::{LiveApp, access::Seat},
};

/// How many sockets this node holds, over all apps.
#[derive(Debug)]
pub struct Capacity {
    open: Arc<AtomicUsize>,
    max: usize,
}

/// A socket's place on this node; given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Capacity {
    /// Room for `max` sockets.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { open: Arc::new(AtomicUsize::new(0)), max }
    }

    /// Takes a place; `None` when the node is full.
    #[must_use]
    pub fn take(&self) -> Option<Place> {
        let room = |open: usize| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Place(Arc::clone(&self.open)))
    }

    /// Places taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Places in all.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }
}

/// What a signed-in socket is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user, as known to presence channels that are joined without `channel_data`.
    pub member: Member,
    /// Users it watches.
    pub watchlist: Vec<UserId>,
}

impl LiveApp {
    /// Opens a socket, unless the app has as many as it may have. `bits` are random, for its id.
    ///
    /// # Errors
    /// When the app is over its quota or takes no sockets; nothing is allocated then.
    pub fn open_socket(&self, outbox_bytes: usize, bits: u64) -> Result<Arc<Socket>, NotOpened> {
        self.hub.open(self.app().settings.max_connections, outbox_bytes, bits)
    }

    /// Subscribes an authorised socket to a channel that is open to everybody, and answers it. Returns the shared copy of the
    /// channel's name. Guarded channels go through [`LiveApp::admit`].
    ///
    /// # Errors
    /// When a limit of the app is reached.
    pub fn subscribe(
        &self,
        channel: &ChannelName,
        socket: &Arc<Socket>,
        member: Option<&Member>,
    ) -> Result<ChannelName, Refused> {
        let app = self.app();
        self.hub.subscribe(channel, Joining { socket, member, settings: &app.settings, now: Instant::now() })
    }

    /// Binds a socket to a user; a repeated sign-in renews `user_info` and watchlist. Returns what it is bound to now.
    pub fn sign_in(&self, socket: &Arc<Socket>, user: UserData, before: Option<&SignedIn>) -> SignedIn {
        self.hub.sign_in(&user.member.id, socket);
        let watched = before.map_or(&[][..], |before| &before.watchlist);
        if self.app().settings.watchlist_events {
            self.hub.watch(socket, watched, &user.watchlist);
            return SignedIn { member: user.member, watchlist: user.watchlist };
        }
        if !watched.is_empty() {
            // The app had them on at the last sign-in: what was watched since is not remembered after this.
            self.hub.watch(socket, watched, &[]);
        }
        SignedIn { member: user.member, watchlist: Vec::new() }
    }

    /// Ends a socket's subscriptions, its sign-in and its seat. Counts a panic when one ends the socket's task.
    pub fn close_socket<'a>(
        &self,
        socket: &Socket,
        subscriptions: impl Iterator<Item = (&'a ChannelName, Option<&'a UserId>)>,
        signed_in: Option<&SignedIn>,
        (seat, now): (Option<&Seat>, DateTime<Utc>),
    ) {
        if std::thread::panicking() {
            self.metrics().panics.inc();
        }
        if let Some(seat) = seat {
            self.leave_seat(seat, now);
        }
        for (channel, user) in subscriptions {
            self.unsubscribe(channel, socket, user, None);
        }
        self.typing_gone(socket.id(), now);
        if let Some(SignedIn { member, watchlist }) = signed_in {
            self.hub.sign_out(&member.id, socket.id(), watchlist);
        }
    }

    /// Ends all sockets of a user. An unknown user has none.
    pub fn terminate_user(&self, user: &UserId) {
        self.hub.terminate(user, self.app().settings.terminate_presence_members);
    }
}

#[cfg(test)]
mod tests;
