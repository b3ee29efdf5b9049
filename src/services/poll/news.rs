//! What is told of polls: who hears what, and nothing that would tell who voted what where nobody shall know.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    dialect::{
        poll::{self as shapes, Shown},
        spelling::Payload,
    },
    domain::{
        access::Topic,
        fact::{Actor, Event, Fact},
        poll::{Anonymity, Ballot, Move, Poll, Viewer},
    },
    ids::{SocketId, UserId},
    services::{Draft, LiveApp},
};

/// A fact as it is kept, and the socket that does not hear it.
type News = (Fact<Payload>, Option<SocketId>);

/// Who does it, and the socket that knows already.
type By = (Option<Actor>, Option<SocketId>);

/// What everybody there hears of a poll.
fn for_all(poll: &Poll, event: Event, (actor, except): By, at: DateTime<Utc>) -> News {
    let shown = Shown { solution: poll.shows_solution_to(Viewer::Voter { has_voted: false }), backstage: false };
    let payload = shapes::under("poll", shapes::poll(poll, shown));
    Draft { event, topic: poll.venue.topic(), actor, payload, at, except }.into_fact()
}

/// What is told of a step. Drafts are nobody's business.
pub(super) fn of_step(poll: &Poll, step: Move, by: By, at: DateTime<Utc>) -> Vec<News> {
    let event = match step {
        Move::Open | Move::Reopen => Event::PollOpened,
        Move::Close => Event::PollClosed,
        Move::Publish => Event::PollPublished,
        Move::Archive => return of_update(poll, by, at),
    };
    vec![for_all(poll, event, by, at)]
}

/// What is told of a change.
pub(super) fn of_update(poll: &Poll, by: By, at: DateTime<Utc>) -> Vec<News> {
    if poll.round == 0 { Vec::new() } else { vec![for_all(poll, Event::PollUpdated, by, at)] }
}

/// A vote, or that there is none any more, to the other tabs of whoever cast it. Of an anonymous poll, only whether they have
/// voted: the event has a name on it.
pub(super) fn of_vote(
    live: &LiveApp,
    poll: &Poll,
    (user, own): (&UserId, Option<&Ballot>),
    (at, except): (DateTime<Utc>, Option<SocketId>),
) {
    let mut payload = Payload::new();
    payload.insert("poll_id".to_owned(), poll.id.as_str().into());
    payload.insert("round".to_owned(), poll.round.into());
    payload.insert("voted".to_owned(), own.is_some().into());
    if let Some(ballot) = own.filter(|_| !poll.is_anonymous()) {
        payload.insert("ballot".to_owned(), shapes::ballot(ballot));
    }
    let topic = Topic::User(user.clone());
    tell(live, Draft { event: Event::PollVoted, topic, actor: None, payload, at, except });
}

/// A vote with a name, to staff.
pub(super) fn of_ballot(
    live: &LiveApp,
    poll: &Poll,
    (actor, own): (Option<Actor>, Option<&Ballot>),
    at: DateTime<Utc>,
) {
    let (Anonymity::Named, Some(actor)) = (poll.content.settings.anonymity, actor) else { return };
    let mut payload = Payload::new();
    payload.insert("poll_id".to_owned(), poll.id.as_str().into());
    payload.insert("round".to_owned(), poll.round.into());
    payload.insert("user".to_owned(), serde_json::json!({ "id": actor.id, "name": actor.name }));
    payload.insert("ballot".to_owned(), own.map_or(Value::Null, shapes::ballot));
    let topic = poll.venue.staff_topic();
    tell(live, Draft { event: Event::PollBallot, topic, actor: None, payload, at, except: None });
}

/// What is true for a moment.
pub(super) fn tell(live: &LiveApp, draft: Draft) {
    let (fact, except) = draft.into_fact();
    live.tell(&fact, except);
}
