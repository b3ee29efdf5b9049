//! Who is in a presence channel: the first socket of a user arrives, the last one leaves.
//!
//! Owns the member list of one channel. A user may have many sockets (tabs, devices); only the first and the last one are news
//! to the others. A crowd beyond [`Crowd::full`] is told by its exact number and a short list of members, so that the work does
//! not grow with the square of the crowd: staff first, then whoever came last. What that list is changes only with
//! [`Members::refresh`]; in between, nobody is told of those who are not in it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::Bound,
    sync::Arc,
};

use crate::ids::{SocketId, UserId};

/// A user as a presence channel knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub id: UserId,
    /// The id was signed as a JSON number; matters only to apps with `reverb_parity`.
    pub numeric_id: bool,
    /// `user_info` as JSON text, byte for byte as signed; `{}` when there was none.
    pub info: Arc<str>,
    /// `user_info` names a role that teaches: listed first where not everybody is.
    pub is_staff: bool,
}

/// How a channel tells who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Up to so many members everybody is listed, and each coming and going is told.
    pub full: usize,
    /// Beyond, so many are listed.
    pub listed: usize,
}

/// What a join means to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The user was not here: tell the others.
    First,
    /// The user was not here, but in this crowd nobody is told of them alone.
    Unlisted,
    /// The user is here already, with another socket or this one: nothing to tell.
    AlreadyHere,
}

/// What a leave means to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// That was the last socket of this member: tell the others.
    Last(Member),
    /// It was, but in this crowd nobody was told of them.
    Unlisted,
    /// Other sockets of the user remain, or the socket was not here: nothing to tell.
    StillHere,
}

/// What [`Members::refresh`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// What was told is true.
    None,
    /// Number or list of the crowd are others now.
    Crowd,
    /// The crowd has gone: everybody is listed again.
    All,
}

/// Place in the list of a crowd, the best last: staff, then whoever came last.
type Rank = (bool, u64);

#[derive(Debug)]
struct Presence {
    /// As the first socket brought it: later sockets of the same user change nothing while it lives.
    member: Member,
    /// Never empty.
    sockets: Vec<SocketId>,
    rank: Rank,
}

/// What is told of a crowd.
#[derive(Debug, Default)]
struct Summary {
    /// All members by rank.
    ranks: BTreeMap<Rank, UserId>,
    /// Those whom everybody knows of.
    listed: BTreeSet<UserId>,
    /// Their number, as it was told last; `None` = never.
    told: Option<usize>,
}

impl Summary {
    fn pick(&self, listed: usize) -> BTreeSet<UserId> {
        self.ranks.values().rev().take(listed).cloned().collect()
    }
}

/// The members of one presence channel, in the order of their ids.
#[derive(Debug, Default)]
pub struct Members {
    by_user: BTreeMap<UserId, Presence>,
    /// Members that have come so far.
    come: u64,
    /// Only in a crowd.
    summary: Option<Summary>,
}

impl Members {
    /// Number of distinct users.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_user.len()
    }

    /// Tells whether the user is here.
    #[must_use]
    pub fn contains(&self, user: &UserId) -> bool {
        self.by_user.contains_key(user)
    }

    /// A user who is here, as the others know them.
    #[must_use]
    pub fn get(&self, user: &UserId) -> Option<&Member> {
        self.by_user.get(user).map(|presence| &presence.member)
    }

    /// Each distinct user once.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_user.values().map(|presence| &presence.member)
    }

    /// Those whose ids come after this one.
    pub fn after(&self, user: Option<&UserId>) -> impl Iterator<Item = &Member> {
        let from = user.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_user.range::<UserId, _>((from, Bound::Unbounded)).map(|(_, presence)| &presence.member)
    }

    /// Each distinct user once, with their sockets.
    pub fn with_sockets(&self) -> impl Iterator<Item = (&Member, &[SocketId])> {
        self.by_user.values().map(|presence| (&presence.member, presence.sockets.as_slice()))
    }

    /// Sockets of one user; empty when they are not here.
    #[must_use]
    pub fn sockets(&self, user: &UserId) -> &[SocketId] {
        self.by_user.get(user).map_or(&[], |presence| &presence.sockets)
    }

    /// Tells whether only some are listed.
    #[must_use]
    pub fn is_crowd(&self) -> bool {
        self.summary.is_some()
    }

    /// Tells whether everybody knows of this user.
    #[must_use]
    pub fn lists(&self, user: &UserId) -> bool {
        self.summary.as_ref().map_or_else(|| self.contains(user), |summary| summary.listed.contains(user))
    }

    /// Those of a crowd whom everybody knows of; nobody where there is no crowd.
    pub fn listed(&self) -> impl Iterator<Item = &Member> {
        self.summary.iter().flat_map(|summary| &summary.listed).filter_map(|user| self.get(user))
    }

    /// Adds a socket of a user. The same socket twice is one.
    pub fn join(&mut self, member: &Member, socket: SocketId, crowd: Crowd) -> Arrival {
        let rank = (member.is_staff, self.come);
        match self.by_user.entry(member.id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Presence { member: member.clone(), sockets: vec![socket], rank });
            }
            Entry::Occupied(mut occupied) => {
                let sockets = &mut occupied.get_mut().sockets;
                if !sockets.contains(&socket) {
                    sockets.push(socket);
                }
                return Arrival::AlreadyHere;
            }
        }
        self.come += 1;
        if let Some(summary) = &mut self.summary {
            summary.ranks.insert(rank, member.id.clone());
            return Arrival::Unlisted;
        }
        if self.count() <= crowd.full {
            return Arrival::First;
        }
        let ranks = self.by_user.values().map(|presence| (presence.rank, presence.member.id.clone())).collect();
        let mut summary = Summary { ranks, ..Summary::default() };
        summary.listed = summary.pick(crowd.listed);
        self.summary = Some(summary);
        Arrival::Unlisted
    }

    /// Removes a socket of a user.
    pub fn leave(&mut self, user: &UserId, socket: SocketId) -> Departure {
        let Some(presence) = self.by_user.get_mut(user) else { return Departure::StillHere };
        presence.sockets.retain(|other| *other != socket);
        if !presence.sockets.is_empty() {
            return Departure::StillHere;
        }
        let Some(Presence { member, rank, .. }) = self.by_user.remove(user) else { return Departure::StillHere };
        match &mut self.summary {
            None => Departure::Last(member),
            Some(summary) => {
                summary.ranks.remove(&rank);
                if summary.listed.remove(user) { Departure::Last(member) } else { Departure::Unlisted }
            }
        }
    }

    /// Brings the list of a crowd up to date, and tells what of it is news to those who are here.
    pub fn refresh(&mut self, crowd: Crowd) -> News {
        let count = self.count();
        let Some(summary) = &mut self.summary else { return News::None };
        if count <= crowd.full {
            self.summary = None;
            return News::All;
        }
        let listed = summary.pick(crowd.listed);
        if summary.told == Some(count) && listed == summary.listed {
            return News::None;
        }
        summary.told = Some(count);
        summary.listed = listed;
        News::Crowd
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn member(id: &str) -> Member {
        Member { id: UserId::parse(id).unwrap(), numeric_id: false, info: Arc::from("{}"), is_staff: false }
    }

    const CROWD: Crowd = Crowd { full: 100, listed: 2 };

    fn socket(number: u64) -> SocketId {
        SocketId::from_random(number)
    }

    #[test]
    fn second_tab_of_same_user_is_no_arrival_and_only_the_last_tab_departs() {
        let mut members = Members::default();
        assert_eq!(members.join(&member("42"), socket(1), CROWD), Arrival::First);
        assert_eq!(members.join(&member("42"), socket(2), CROWD), Arrival::AlreadyHere);
        assert_eq!(members.join(&member("42"), socket(2), CROWD), Arrival::AlreadyHere);
        assert_eq!(members.count(), 1);
        assert_eq!(members.leave(&member("42").id, socket(1)), Departure::StillHere);
        assert_eq!(members.leave(&member("42").id, socket(1)), Departure::StillHere);
        assert_eq!(members.leave(&member("42").id, socket(2)), Departure::Last(member("42")));
        assert_eq!(members.leave(&member("42").id, socket(2)), Departure::StillHere);
        assert_eq!(members.count(), 0);
    }

    #[test]
    fn first_joined_info_wins_while_the_user_is_here() {
        let mut members = Members::default();
        let other = Member { info: Arc::from(r#"{"name":"late"}"#), ..member("42") };
        members.join(&member("42"), socket(1), CROWD);
        members.join(&other, socket(2), CROWD);
        assert_eq!(members.iter().next().unwrap().info.as_ref(), "{}");
    }

    proptest! {
        #[test]
        fn arrivals_minus_departures_are_the_members(steps in proptest::collection::vec((any::<bool>(), 0..4_u8, 0..4_u64), 0..80)) {
            let mut members = Members::default();
            let mut model: BTreeSet<(u8, u64)> = BTreeSet::new();
            let mut told: BTreeSet<u8> = BTreeSet::new();
            for (joins, user, number) in steps {
                let who = member(&user.to_string());
                if joins {
                    model.insert((user, number));
                    if members.join(&who, socket(number), CROWD) == Arrival::First {
                        prop_assert!(told.insert(user));
                    }
                } else {
                    model.remove(&(user, number));
                    if members.leave(&who.id, socket(number)) == Departure::Last(who.clone()) {
                        prop_assert!(told.remove(&user));
                    }
                }
                let expected: BTreeSet<u8> = model.iter().map(|(user, _)| *user).collect();
                prop_assert_eq!(&told, &expected);
                prop_assert_eq!(members.count(), expected.len());
            }
        }
    }

    /// Fills a channel up to `count` members, each with one socket.
    fn crowd_of(count: u64, limits: Crowd) -> Members {
        let mut members = Members::default();
        for number in 0..count {
            members.join(&member(&format!("{number:03}")), socket(number), limits);
        }
        members
    }

    fn listed(members: &Members) -> Vec<&str> {
        members.listed().map(|member| member.id.as_str()).collect()
    }

    #[test]
    fn up_to_the_limit_everybody_is_told_of_and_beyond_only_those_who_are_listed() {
        let limits = Crowd { full: 3, listed: 2 };
        let mut members = crowd_of(3, limits);
        assert!(!members.is_crowd() && members.lists(&member("000").id));
        assert_eq!(members.join(&member("003"), socket(3), limits), Arrival::Unlisted);
        assert!(members.is_crowd());
        assert_eq!(members.refresh(limits), News::Crowd);
        assert_eq!(listed(&members), ["002", "003"], "who came last");
        assert_eq!(members.leave(&member("000").id, socket(0)), Departure::Unlisted);
        assert_eq!(members.join(&member("004"), socket(4), limits), Arrival::Unlisted);
        assert_eq!(listed(&members), ["002", "003"], "it changes only when it is told");
        assert_eq!(members.leave(&member("003").id, socket(3)), Departure::Last(member("003")));
        assert_eq!((members.count(), members.refresh(limits)), (3, News::All));
        assert!(!members.is_crowd());
        assert_eq!(members.leave(&member("001").id, socket(1)), Departure::Last(member("001")));
    }

    #[test]
    fn staff_is_listed_before_whoever_came_last() {
        let limits = Crowd { full: 2, listed: 2 };
        let mut members = Members::default();
        members.join(&Member { is_staff: true, ..member("teacher") }, socket(100), limits);
        for number in 0..5 {
            members.join(&member(&number.to_string()), socket(number), limits);
        }
        members.refresh(limits);
        assert_eq!(listed(&members), ["4", "teacher"]);
    }

    #[test]
    fn a_crowd_that_is_as_it_was_told_is_no_news() {
        let limits = Crowd { full: 2, listed: 2 };
        let mut members = crowd_of(5, limits);
        assert_eq!(members.refresh(limits), News::Crowd);
        assert_eq!(members.refresh(limits), News::None);
        members.join(&member("004"), socket(99), limits);
        assert_eq!(members.refresh(limits), News::None, "a second tab");
        members.leave(&member("000").id, socket(0));
        assert_eq!(members.refresh(limits), News::Crowd);
    }
}
