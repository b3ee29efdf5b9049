//! One channel with subscribers: who they are, in which order they hear things.
//!
//! Everything that must not interleave happens under the channel's lock: a joiner's member list and its registration, an
//! event and the cached copy that the next joiner gets. So a joiner neither misses nor doubles anything, and all
//! subscribers hear the same order. The lock is held for pushes into queues, never across an await.

use std::{
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
        presence::{Arrival, Departure, Member, Members},
    },
    ids::{SocketId, UserId},
    metrics::AppMetrics,
    protocol::{
        ChannelName,
        server_message::{self, IdStyle},
    },
};

/// Above this many subscribers, counts are told at most every [`COUNT_INTERVAL`] (Pusher, "Subscription counting").
const COUNT_AT_ONCE: usize = 100;

/// See [`COUNT_AT_ONCE`].
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

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
    /// It goes on, and its subscriber count will have to be told later.
    CountPending,
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
    /// When the count was told last; only where counts are on.
    count_told: Option<Instant>,
}

/// A channel that has, or is about to get, subscribers.
#[derive(Debug)]
pub(super) struct Channel {
    name: ChannelName,
    state: Mutex<State>,
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
            if members.join(member, socket.id()) == Arrival::First {
                let style = id_style(settings);
                let frame = Frame::text(|out| server_message::member_added(out, self.name.as_str(), member, style));
                state.subscribers.push_all(&frame, Some(socket.id()), metrics);
            }
        }
        if !known {
            state.subscribers.add(socket);
        }
        self.welcome(&state, joining, cache, metrics);
        let after = if known { After::Occupied } else { self.tell_count(&mut state, settings, now, metrics) };
        Some(Ok(after))
    }

    /// Sends the joiner its answer and, on cache channels, the event to start with.
    fn welcome(&self, state: &State, joining: Joining<'_>, cache: &Mutex<Cache>, metrics: &AppMetrics) {
        let name = self.name.as_str();
        let answer = Frame::text(|out| match &state.members {
            Some(members) => server_message::presence_succeeded(out, name, members, id_style(joining.settings)),
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
        if !settings.subscription_counts || state.members.is_some() {
            return After::Occupied;
        }
        let count = state.subscribers.len();
        if count > COUNT_AT_ONCE && state.count_told.is_some_and(|told| now - told < COUNT_INTERVAL) {
            return After::CountPending;
        }
        state.count_told = Some(now);
        let frame = Frame::text(|out| server_message::subscription_count(out, self.name.as_str(), count));
        state.subscribers.push_all(&frame, None, metrics);
        After::Occupied
    }

    /// Tells a count that had to wait; [`After::CountPending`] when it must wait on.
    pub(super) fn tell_pending_count(&self, settings: &AppSettings, now: Instant, metrics: &AppMetrics) -> After {
        self.tell_count(&mut self.state.lock(), settings, now, metrics)
    }

    /// Sends a frame to all subscribers but one; `keep` runs first, under the same lock. Returns `false`, and has done
    /// nothing, when the channel has retired meanwhile: a new one of the same name may have subscribers already.
    pub(super) fn publish(
        &self,
        frame: &Frame,
        except: Option<SocketId>,
        metrics: &AppMetrics,
        keep: impl FnOnce(),
    ) -> bool {
        let state = self.state.lock();
        if state.retired {
            return false;
        }
        keep();
        state.subscribers.push_all(frame, except, metrics);
        true
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

    /// Sockets of a user in a presence channel.
    pub(super) fn sockets_of(&self, user: &UserId) -> Vec<SocketId> {
        let state = self.state.lock();
        state.members.as_ref().map_or_else(Vec::new, |members| members.sockets(user).to_vec())
    }
}

#[cfg(test)]
mod tests;
