//! Who is in a presence channel: the first socket of a user arrives, the last one leaves.
//!
//! Owns the member list of one channel as a pure value; it sends nothing and locks nothing. A user may have many sockets
//! (tabs, devices); only the first and the last one are news to the others.

use std::{
    collections::{BTreeMap, btree_map::Entry},
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
}

/// What a join means to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The user was not here: tell the others.
    First,
    /// The user is here already, with another socket or this one: nothing to tell.
    AlreadyHere,
}

/// What a leave means to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// That was the last socket of this member: tell the others.
    Last(Member),
    /// Other sockets of the user remain, or the socket was not here: nothing to tell.
    StillHere,
}

#[derive(Debug)]
struct Presence {
    /// As the first socket brought it: later sockets of the same user change nothing while it lives.
    member: Member,
    /// Never empty.
    sockets: Vec<SocketId>,
}

/// The members of one presence channel, in the order of their ids.
#[derive(Debug, Default)]
pub struct Members {
    by_user: BTreeMap<UserId, Presence>,
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

    /// Each distinct user once.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_user.values().map(|presence| &presence.member)
    }

    /// Sockets of one user; empty when they are not here.
    #[must_use]
    pub fn sockets(&self, user: &UserId) -> &[SocketId] {
        self.by_user.get(user).map_or(&[], |presence| &presence.sockets)
    }

    /// Adds a socket of a user. The same socket twice is one.
    pub fn join(&mut self, member: &Member, socket: SocketId) -> Arrival {
        match self.by_user.entry(member.id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Presence { member: member.clone(), sockets: vec![socket] });
                Arrival::First
            }
            Entry::Occupied(mut occupied) => {
                let sockets = &mut occupied.get_mut().sockets;
                if !sockets.contains(&socket) {
                    sockets.push(socket);
                }
                Arrival::AlreadyHere
            }
        }
    }

    /// Removes a socket of a user.
    pub fn leave(&mut self, user: &UserId, socket: SocketId) -> Departure {
        let Some(presence) = self.by_user.get_mut(user) else { return Departure::StillHere };
        presence.sockets.retain(|other| *other != socket);
        if !presence.sockets.is_empty() {
            return Departure::StillHere;
        }
        self.by_user.remove(user).map_or(Departure::StillHere, |presence| Departure::Last(presence.member))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn member(id: &str) -> Member {
        Member { id: UserId::parse(id).unwrap(), numeric_id: false, info: Arc::from("{}") }
    }

    fn socket(number: u64) -> SocketId {
        SocketId::from_random(number)
    }

    #[test]
    fn second_tab_of_same_user_is_no_arrival_and_only_the_last_tab_departs() {
        let mut members = Members::default();
        assert_eq!(members.join(&member("42"), socket(1)), Arrival::First);
        assert_eq!(members.join(&member("42"), socket(2)), Arrival::AlreadyHere);
        assert_eq!(members.join(&member("42"), socket(2)), Arrival::AlreadyHere);
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
        members.join(&member("42"), socket(1));
        members.join(&other, socket(2));
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
                    if members.join(&who, socket(number)) == Arrival::First {
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
}
