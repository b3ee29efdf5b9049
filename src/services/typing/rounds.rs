//! Where many type, they are told of in rounds: each hearer's socket gets what came in the meantime in one write.
//!
//! The first sign in a topic goes out at once; those that follow within [`ROUND`] wait for the tick after it. A stop waits for
//! nobody and takes with it what waits in its topic, so that nobody is seen to type after they have stopped. Bounded: what
//! would be more than one write is sent at once.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::access::Topic,
    hub::{Frame, MAX_BATCH},
    ids::SocketId,
    protocol::ChannelName,
};

/// How long what is told in a topic keeps the next from being told.
const ROUND: TimeDelta = TimeDelta::milliseconds(250);

/// A frame that is to be sent on a channel.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) channel: ChannelName,
    pub(super) frame: Frame,
    /// Socket that does not hear it.
    pub(super) except: Option<SocketId>,
}

/// When something goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// With the next round.
    InTurn,
    /// At once.
    Now,
}

/// What waits in each topic in which something was told a moment ago.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    topics: HashMap<Topic, Round>,
}

#[derive(Debug)]
struct Round {
    /// When something was told.
    told: DateTime<Utc>,
    waiting: Vec<Held>,
}

impl Rounds {
    /// Takes frames in; gives back those to send now.
    pub(super) fn tell(&mut self, topic: &Topic, frames: Vec<Held>, due: Due, now: DateTime<Utc>) -> Vec<Held> {
        let mut round = match self.topics.entry(topic.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Round { told: now, waiting: Vec::new() });
                return frames;
            }
            Entry::Occupied(occupied) => occupied,
        };
        let round = round.get_mut();
        round.waiting.extend(frames);
        if due == Due::Now || round.waiting.len() >= MAX_BATCH || now - round.told >= ROUND {
            round.told = now;
            return std::mem::take(&mut round.waiting);
        }
        Vec::new()
    }

    /// The frames whose round has come. Forgets topics that have become quiet.
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<Held> {
        let mut due = Vec::new();
        self.topics.retain(|_, round| {
            if now - round.told < ROUND {
                return true;
            }
            round.told = now;
            let before = due.len();
            due.append(&mut round.waiting);
            due.len() > before
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::ExternalId, protocol::channel_name::NameRules};

    fn topic(id: &str) -> Topic {
        Topic::Chat(ExternalId::parse(id).unwrap())
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
    }

    fn sign(text: &str) -> Vec<Held> {
        let channel = ChannelName::parse("private-chat-1", NameRules::OWN).unwrap();
        vec![Held { channel, frame: Frame::text(|out| out.extend_from_slice(text.as_bytes())), except: None }]
    }

    fn told(held: &[Held]) -> String {
        let texts = held.iter().map(|held| String::from_utf8_lossy(held.frame.as_bytes()).chars().last().unwrap());
        texts.collect()
    }

    #[test]
    fn first_sign_goes_out_at_once_and_those_behind_it_together_in_order() {
        let mut rounds = Rounds::default();
        assert_eq!(told(&rounds.tell(&topic("1"), sign("a"), Due::InTurn, at(0))), "a");
        assert_eq!(told(&rounds.tell(&topic("1"), sign("b"), Due::InTurn, at(10))), "");
        assert_eq!(told(&rounds.tell(&topic("2"), sign("x"), Due::InTurn, at(20))), "x");
        assert_eq!(told(&rounds.tell(&topic("1"), sign("c"), Due::InTurn, at(249))), "");
        assert_eq!(told(&rounds.due(at(249))), "");
        assert_eq!(told(&rounds.due(at(250))), "bc");
        assert_eq!(told(&rounds.tell(&topic("1"), sign("d"), Due::InTurn, at(260))), "");
        assert_eq!(told(&rounds.due(at(500))), "d");
    }

    #[test]
    fn topic_that_has_become_quiet_is_forgotten_and_begins_at_once_again() {
        let mut rounds = Rounds::default();
        rounds.tell(&topic("1"), sign("a"), Due::InTurn, at(0));
        assert_eq!(told(&rounds.due(at(250))), "");
        assert!(rounds.topics.is_empty());
        assert_eq!(told(&rounds.tell(&topic("1"), sign("b"), Due::InTurn, at(251))), "b");
    }

    #[test]
    fn stop_waits_for_nobody_and_comes_behind_what_waited() {
        let mut rounds = Rounds::default();
        rounds.tell(&topic("1"), sign("a"), Due::InTurn, at(0));
        rounds.tell(&topic("1"), sign("b"), Due::InTurn, at(1));
        assert_eq!(told(&rounds.tell(&topic("1"), sign("s"), Due::Now, at(2))), "bs");
        assert_eq!(told(&rounds.tell(&topic("1"), sign("c"), Due::InTurn, at(3))), "");
    }

    #[test]
    fn more_than_one_write_takes_is_not_held_back() {
        let mut rounds = Rounds::default();
        rounds.tell(&topic("1"), sign("a"), Due::InTurn, at(0));
        for _ in 1..MAX_BATCH {
            assert!(rounds.tell(&topic("1"), sign("b"), Due::InTurn, at(1)).is_empty());
        }
        assert_eq!(rounds.tell(&topic("1"), sign("b"), Due::InTurn, at(1)).len(), MAX_BATCH);
    }
}
