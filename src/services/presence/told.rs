//! Who was told that somebody looks online, and when that may have to be told otherwise though nothing happens: an enrollment
//! begins or ends, a course too.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::{
    domain::{access::Topic, roster::Role},
    ids::UserId,
};

/// Topics, each with the role that somebody has there.
pub(super) type Topics = Vec<(Topic, Option<Role>)>;

/// Who is told of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Audience {
    /// Topics that are told.
    pub(super) topics: Topics,
    /// When it may be another one by time alone; `None` = as far as is known, never.
    pub(super) until: Option<DateTime<Utc>>,
}

/// Who was told last, by whom it is about. Nobody stands here who does not look online.
#[derive(Debug, Default)]
pub(super) struct Told {
    by_user: HashMap<UserId, Audience>,
    /// When to look at whom; everybody stands here once at most.
    due: BTreeSet<(DateTime<Utc>, UserId)>,
}

impl Told {
    /// Takes note of who is told of somebody from now on; returns who was until now.
    pub(super) fn replace(&mut self, user: &UserId, audience: Audience) -> Topics {
        let before = self.by_user.remove(user).unwrap_or_default();
        if let Some(until) = before.until {
            self.due.remove(&(until, user.clone()));
        }
        if let Some(until) = audience.until {
            self.due.insert((until, user.clone()));
        }
        if audience != Audience::default() {
            self.by_user.insert(user.clone(), audience);
        }
        before.topics
    }

    /// Takes out whose audience may be another one by now.
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<UserId> {
        let mut found = Vec::new();
        while let Some((until, user)) = self.due.first().filter(|(until, _)| *until <= now).cloned() {
            self.due.remove(&(until, user.clone()));
            if let Some(audience) = self.by_user.get_mut(&user) {
                audience.until = None;
            }
            found.push(user);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn whoever_has_gone_is_not_looked_at_and_others_once_for_each_time() {
        let (mut told, now) = (Told::default(), DateTime::UNIX_EPOCH);
        let audience = |seconds| Audience { topics: Topics::new(), until: Some(now + TimeDelta::seconds(seconds)) };
        for user in [7, 8] {
            told.replace(&user.into(), audience(5));
            told.replace(&user.into(), audience(3));
        }
        told.replace(&8.into(), Audience::default());
        assert_eq!(told.due(now + TimeDelta::seconds(2)), []);
        assert_eq!(told.due(now + TimeDelta::seconds(9)), [UserId::from(7)]);
        assert_eq!(told.due(now + TimeDelta::seconds(9)), []);
        told.replace(&7.into(), Audience::default());
        assert!(told.by_user.is_empty() && told.due.is_empty());
    }
}
