//! One channel with subscribers: who they are, in which order they hear things.
//!
//! Everything that must not interleave happens under the channel's lock: a joiner's member list and its registration, an
//! event and the cached copy that the next joiner gets. So a joiner neither misses nor doubles anything, and all
//! subscribers hear the same order. The lock is held for pushes into queues, never across an await.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    Frame, Socket,
    cache::Cache,
    fanout::{self, Subscribers},
};
use crate::{
    domain::{
        app::AppSettings,
        presence::{Arrival, Crowd, Departure, Member, Members, News},
    },
    ids::{SocketId, UserId},
    metrics::AppMetrics,
    protocol::{
        ChannelName,
        server_message::{self, IdStyle, Listed},
    },
};

/// Above this many subscribers, counts are told at most every [`COUNT_INTERVAL`] (Pusher, "Subscription counting").
const COUNT_AT_ONCE: usize = 100;

/// See [`COUNT_AT_ONCE`].
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

/// What a presence channel with a crowd is, is told no more often than this.
const CROWD_INTERVAL: Duration = Duration::from_secs(2);

/// A socket that wants to hear a channel, already authorised.
#[derive(Debug, Clone, Copy)]
pub struct Joining<'a> {
    /// The socket.
    pub socket: &'a Arc<Socket>,
    /// The member it joins as, on presence channels.
    pub member: Option<&'a Member>,
    /// Settings of the app.
    pub settings: &'a AppSettings,
    /// The time now.
    pub now: Instant,
}

/// Why an authorised socket could not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The presence channel has as many users as the app allows.
    #[error("presence channel has its {max} members already")]
    ChannelFull {
        /// Limit of the app.
        max: u32,
    },
    /// The app has as many channels with subscribers as it may have.
    #[error("app has its {max} channels already")]
    TooManyChannels {
        /// Limit of the app.
        max: u32,
    },
}

/// What a call did to the channel as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It goes on.
    Occupied,
    /// It goes on, and its subscribers will have to be told of the others later.
    NewsPending,
    /// Nobody is left; the channel takes no more subscribers and must be dropped.
    Retired,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Subscribers,
    /// Only on presence channels.
    members: Option<Box<Members>>,
    /// Set when the last subscriber left: whoever still holds the channel must look it up again.
    retired: bool,
    /// When the count was told last; only where counts are on, and in a crowd.
    count_told: Option<Instant>,
    /// What joiners of a crowd get, until it changes.
    listed: Option<Listed>,
    /// Subscribers of a crowd, as they were told last.
    subscribers_told: usize,
}

/// A channel that has, or is about to get, subscribers.
#[derive(Debug)]
pub(super) struct Channel {
    name: ChannelName,
    state: Mutex<State>,
}

fn crowd(settings: &AppSettings) -> Crowd {
    let AppSettings { presence_full_member_limit: full, presence_listed_members: listed, .. } = settings;
    Crowd { full: *full as usize, listed: *listed as usize }
}

fn id_style(settings: &AppSettings) -> IdStyle {
    if settings.reverb_parity { IdStyle::AsSigned } else { IdStyle::Text }
}

impl Channel {
    pub(super) fn new(name: ChannelName) -> Self {
        Self { name, state: Mutex::default() }
    }

    pub(super) fn name(&self) -> &ChannelName {
        &self.name
    }

    /// Adds a subscriber and tells it what it needs; `None` when the channel has retired meanwhile.
    pub(super) fn join(
        &self,
        joining: Joining<'_>,
        cache: &Mutex<Cache>,
        metrics: &AppMetrics,
    ) -> Option<Result<After, Refused>> {
        let Joining { socket, member, settings, now } = joining;
        let mut state = self.state.lock();
        if state.retired {
            return None;
        }
        let known = state.subscribers.contains(socket.id());
        if let Some(member) = member {
            let members = state.members.get_or_insert_default();
            let max = settings.max_presence_members;
            if !members.contains(&member.id) && members.count() >= max as usize {
                return Some(Err(Refused::ChannelFull { max }));
            }
            if members.join(member, socket.id(), crowd(settings)) == Arrival::First {
                let style = id_style(settings);
                let frame = Frame::text(|out| server_message::member_added(out, self.name.as_str(), member, style));
                state.subscribers.push_all(&frame, Some(socket.id()), metrics);
            }
        }
        if !known {
            state.subscribers.add(socket);
        }
        self.welcome(&mut state, joining, cache, metrics);
        let after = if known { After::Occupied } else { self.tell_count(&mut state, settings, now, metrics) };
        Some(Ok(after))
    }

    /// Sends the joiner its answer and, on cache channels, the event to start with.
    fn welcome(&self, state: &mut State, joining: Joining<'_>, cache: &Mutex<Cache>, metrics: &AppMetrics) {
        let (name, style) = (self.name.as_str(), id_style(joining.settings));
        let State { members, listed, .. } = state;
        let answer = Frame::text(|out| match members {
            Some(members) if members.is_crowd() => {
                let listed = listed.get_or_insert_with(|| Listed::of(members.listed(), style));
                let own = joining.member.filter(|own| !members.lists(&own.id)).and_then(|own| members.get(&own.id));
                server_message::crowd_succeeded(out, name, (members.count(), own), listed, style);
            }
            Some(members) => server_message::presence_succeeded(out, name, members, style),
            None => server_message::subscription_succeeded(out, name),
        });
        fanout::push(joining.socket, &answer, metrics);
        if self.name.is_cached() {
            let kept = cache.lock().get(&self.name, joining.now).map(|kept| kept.frame.clone());
            let frame = kept.unwrap_or_else(|| Frame::text(|out| server_message::cache_miss(out, name)));
            fanout::push(joining.socket, &frame, metrics);
        }
    }

    /// Removes a subscriber. A socket that was not subscribed changes nothing.
    pub(super) fn leave(
        &self,
        (socket, user): (SocketId, Option<&UserId>),
        (settings, now): (&AppSettings, Instant),
        metrics: &AppMetrics,
    ) -> After {
        let mut state = self.state.lock();
        if !state.subscribers.remove(socket) {
            return After::Occupied;
        }
        if let (Some(user), Some(members)) = (user, &mut state.members)
            && let Departure::Last(member) = members.leave(user, socket)
        {
            let style = id_style(settings);
            let frame = Frame::text(|out| server_message::member_removed(out, self.name.as_str(), &member, style));
            state.listed = None;
            state.subscribers.push_all(&frame, None, metrics);
        }
        if state.subscribers.is_empty() {
            state.retired = true;
            return After::Retired;
        }
        self.tell_count(&mut state, settings, now, metrics)
    }

    /// Retires a channel that was made only to publish into its cache.
    pub(super) fn retire_if_empty(&self) -> After {
        let mut state = self.state.lock();
        if state.subscribers.is_empty() {
            state.retired = true;
            return After::Retired;
        }
        After::Occupied
    }

    fn tell_count(&self, state: &mut State, settings: &AppSettings, now: Instant, metrics: &AppMetrics) -> After {
        if state.members.as_ref().is_some_and(|members| members.is_crowd()) {
            return After::NewsPending;
        }
        if !settings.subscription_counts || state.members.is_some() {
            return After::Occupied;
        }
        let count = state.subscribers.len();
        if count > COUNT_AT_ONCE && state.count_told.is_some_and(|told| now - told < COUNT_INTERVAL) {
            return After::NewsPending;
        }
        state.count_told = Some(now);
        let frame = Frame::text(|out| server_message::subscription_count(out, self.name.as_str(), count));
        state.subscribers.push_all(&frame, None, metrics);
        After::Occupied
    }

    /// Tells what had to wait; [`After::NewsPending`] when it must wait on.
    pub(super) fn tell_pending(&self, settings: &AppSettings, now: Instant, metrics: &AppMetrics) -> After {
        let mut state = self.state.lock();
        if !state.members.as_ref().is_some_and(|members| members.is_crowd()) {
            return self.tell_count(&mut state, settings, now, metrics);
        }
        if state.count_told.is_some_and(|told| now - told < CROWD_INTERVAL) {
            return After::NewsPending;
        }
        state.count_told = Some(now);
        self.tell_crowd(&mut state, settings, metrics);
        After::Occupied
    }

    /// Tells everybody what the crowd is now, if that is news: stock clients take another `subscription_succeeded` for the list
    /// as it is.
    fn tell_crowd(&self, state: &mut State, settings: &AppSettings, metrics: &AppMetrics) {
        let (name, style) = (self.name.as_str(), id_style(settings));
        let State { members: Some(members), subscribers, listed, subscribers_told, .. } = state else { return };
        match members.refresh(crowd(settings)) {
            News::None => {}
            News::All => {
                *listed = None;
                let frame = Frame::text(|out| server_message::presence_succeeded(out, name, members, style));
                subscribers.push_all(&frame, None, metrics);
            }
            News::Crowd => {
                let list = listed.insert(Listed::of(members.listed(), style));
                let frame = |own| {
                    let count = members.count();
                    Frame::text(|out| server_message::crowd_succeeded(out, name, (count, own), list, style))
                };
                let shared = frame(None);
                for (member, sockets) in members.with_sockets() {
                    let frame = if members.lists(&member.id) { shared.clone() } else { frame(Some(member)) };
                    for socket in sockets.iter().filter_map(|socket| subscribers.get(*socket)) {
                        fanout::push(socket, &frame, metrics);
                    }
                }
            }
        }
        let count = subscribers.len();
        if count != std::mem::replace(subscribers_told, count) {
            let frame = Frame::text(|out| server_message::subscription_count(out, name, count));
            subscribers.push_all(&frame, None, metrics);
        }
    }

    /// Sends a frame to all subscribers but those to be left out; `keep` runs first, under the same lock. Returns `false`, and
    /// has done nothing, when the channel has retired meanwhile: a new one of the same name may have subscribers already.
    pub(super) fn publish(
        &self,
        frame: &Frame,
        is_left_out: impl Fn(SocketId) -> bool,
        metrics: &AppMetrics,
        keep: impl FnOnce(),
    ) -> bool {
        let state = self.state.lock();
        if state.retired {
            return false;
        }
        keep();
        state.subscribers.push_but(frame, is_left_out, metrics);
        true
    }

    /// Sends a frame to those of some sockets that are subscribed.
    pub(super) fn publish_among(&self, frame: &Frame, among: &[SocketId], metrics: &AppMetrics) {
        self.state.lock().subscribers.push_among(frame, among, metrics);
    }

    /// Sends a frame to all subscribers but some; tells how many they are.
    pub(super) fn publish_but(&self, frame: &Frame, but: &HashSet<SocketId>, metrics: &AppMetrics) -> usize {
        let state = self.state.lock();
        let others = state.subscribers.as_slice().iter().filter(|socket| !but.contains(&socket.id()));
        others.map(|socket| fanout::push(socket, frame, metrics)).count()
    }

    /// Number of subscribed sockets and, on presence channels, of distinct users.
    pub(super) fn counts(&self) -> (usize, Option<usize>) {
        let state = self.state.lock();
        (state.subscribers.len(), state.members.as_ref().map(|members| members.count()))
    }

    /// Members of a presence channel; empty for any other.
    pub(super) fn members(&self) -> Vec<Member> {
        let state = self.state.lock();
        state.members.iter().flat_map(|members| members.iter()).cloned().collect()
    }

    /// All subscribed sockets.
    pub(super) fn sockets(&self) -> Vec<SocketId> {
        self.state.lock().subscribers.as_slice().iter().map(|socket| socket.id()).collect()
    }

    /// Members of a presence channel by id, from behind one on.
    pub(super) fn members_after(&self, after: Option<&UserId>, limit: usize) -> Vec<Member> {
        let state = self.state.lock();
        state.members.iter().flat_map(|members| members.after(after)).take(limit).cloned().collect()
    }

    /// A member of a presence channel.
    pub(super) fn member(&self, user: &UserId) -> Option<Member> {
        self.state.lock().members.as_ref()?.get(user).cloned()
    }

    /// Handles of all subscribed sockets.
    pub(super) fn handles(&self) -> Vec<Arc<Socket>> {
        self.state.lock().subscribers.as_slice().to_vec()
    }

    /// Tells whether a socket is subscribed.
    pub(super) fn has(&self, socket: SocketId) -> bool {
        self.state.lock().subscribers.contains(socket)
    }

    /// Sockets of a user in a presence channel.
    pub(super) fn sockets_of(&self, user: &UserId) -> Vec<SocketId> {
        let state = self.state.lock();
        state.members.as_ref().map_or_else(Vec::new, |members| members.sockets(user).to_vec())
    }
}

#[cfg(test)]
mod tests;
