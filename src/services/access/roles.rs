//! A live listener has another role: whoever listens to their own channel is told, because other channels are open to them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, json};

use super::seats::Held;
use crate::{
    domain::{
        access::{Decision, Topic},
        fact::Event,
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::{Draft, LiveApp},
};

/// Whose role has become which, where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NewRole {
    user: UserId,
    course: Option<ExternalId>,
    /// Names of the role before, and of the one since.
    roles: (&'static str, &'static str),
}

impl NewRole {
    /// What a decision says of somebody who may hear a channel, before and after.
    pub(super) fn of(held: &Held, decision: &Decision) -> Option<Self> {
        let roles: (Role, Role) = held.basis.as_ref().and_then(|basis| basis.role).zip(decision.role)?;
        let (user, course) = (held.subject.clone()?, held.within.course.clone());
        (roles.0 != roles.1).then(|| Self { user, course, roles: (roles.0.name(), roles.1.name()) })
    }
}

impl LiveApp {
    /// Tells each of them once, however many of their channels and sockets have shown it.
    pub(super) fn tell_roles(&self, roles: BTreeSet<NewRole>, now: DateTime<Utc>) {
        for NewRole { user, course, roles: (before, role) } in roles {
            let course = course.map_or(serde_json::Value::Null, |course| json!(course.as_str()));
            let (course, role) = (("course".to_owned(), course), ("role".to_owned(), json!(role)));
            let payload = Map::from_iter([course, role, ("previous_role".to_owned(), json!(before))]);
            let (event, topic) = (Event::AccessChanged, Topic::User(user));
            let draft = Draft { event, topic, actor: None, payload, at: now, except: None };
            let (fact, except) = draft.into_fact();
            self.tell(&fact, except);
        }
    }
}
