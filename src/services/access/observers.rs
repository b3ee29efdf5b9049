//! Those who look over somebody's shoulder: they hear of a course, but of its polls only what is published.
//!
//! What is kept from them is seen by the fact itself, for it may be told, or told again, long after it was written.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::{Listener, Result, Wish};
use crate::{
    dialect::spelling::Payload,
    domain::{
        access::Topic,
        fact::{Event, Fact},
        roster::Role,
    },
    ids::{SocketId, UserId},
    services::LiveApp,
};

/// Tells whether observers do not hear a fact: of a poll whose results are not published.
pub(in crate::services) fn is_kept_from_observers(fact: &Fact<Payload>) -> bool {
    let is_of_poll = matches!(fact.event, Event::PollOpened | Event::PollUpdated | Event::PollClosed);
    is_of_poll && fact.payload.get("poll").is_none_or(|poll| poll["published_at"].is_null())
}

impl LiveApp {
    /// Sockets that hear a topic of a place for observers there.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(in crate::services) async fn observers(&self, topic: &Topic, now: DateTime<Utc>) -> Result<HashSet<SocketId>> {
        let asked = self.possible_observers(topic);
        let users: Vec<UserId> = asked.iter().map(|(_, user)| user.clone()).collect();
        self.expect_people(&users).await?;
        let mut sockets = HashSet::new();
        for (socket, user) in asked {
            if self.is_observer(&user, topic, now).await? {
                sockets.insert(socket);
            }
        }
        Ok(sockets)
    }

    /// The same, and as long as the roster cannot be read all who may be observers.
    pub(in crate::services) async fn likely_observers(&self, topic: &Topic, now: DateTime<Utc>) -> HashSet<SocketId> {
        self.observers(topic, now).await.unwrap_or_else(|error| {
            tracing::warn!(app.id = %self.app().id, %error, "some hear nothing of a poll: they may be observers");
            self.possible_observers(topic).into_iter().map(|(socket, _)| socket).collect()
        })
    }

    /// Sockets whose users have to be asked for: who was let in for a role is what that role is, who was let in by a signature
    /// may be anybody.
    fn possible_observers(&self, topic: &Topic) -> Vec<(SocketId, UserId)> {
        let possible = |Listener { socket, user, role, .. }: Listener| {
            let (user, _) = user.filter(|_| role.is_none_or(|role| role == Role::Observer))?;
            Some((socket, user))
        };
        self.listeners(topic).into_iter().filter_map(possible).collect()
    }

    /// Tells whether somebody is an observer where a topic belongs.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(in crate::services) async fn is_observer(
        &self,
        user: &UserId,
        topic: &Topic,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let Some(place) = topic.place() else { return Ok(false) };
        Ok(self.rights(user, &place, now).await?.role() == Some(Role::Observer))
    }

    /// Tells whether a socket wants to hear a topic for an observer.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(in crate::services) async fn is_wish_of_observer(
        &self,
        (wish, socket): (&Wish, SocketId),
        topic: &Topic,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let seat = self.access.seats.find(socket);
        let question = self.question(wish, seat.as_deref());
        match question.as_ref().and_then(|question| question.user()) {
            Some(user) => self.is_observer(user, topic, now).await,
            None => Ok(false),
        }
    }
}
