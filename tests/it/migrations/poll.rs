//! Polls through their life on one of the databases.

use campanile::{
    domain::{
        app::Secret,
        audit::AuditEntry,
        poll::{
            Anonymity, Answer, Ballot, Content, Given, Kind, Move, OptionEdit, Poll, Refusal, SettingsEdit, State,
            Venue,
        },
        roster::{Class, Course, Object, Operation, Visibility},
    },
    ids::{ExternalId, UserId},
    store::{Booth, Cast, Page, PollChange, PollFilter, RosterWrite, Store, VoterKeys, Voting},
};
use chrono::SubsecRound;

use super::{at, id as app_id};

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn entry() -> AuditEntry {
    AuditEntry {
        app: app_id("tower"),
        actor: "user:9".to_owned(),
        action: "poll.created".to_owned(),
        target_type: "poll".to_owned(),
        target_id: "p".to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: at(0),
    }
}

async fn furnish(store: &Store) {
    let course = Course {
        id: id("polled"),
        org: None,
        code: None,
        title: "Polled".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    };
    let class = Class { id: id("polled-k"), course: id("polled"), name: "K".to_owned(), guests: false };
    let put = [Object::Course(course), Object::Class(class)].map(|object| Operation::Put(Box::new(object)));
    let by = RosterWrite { source: "api", actor: "test", ip: None, now: at(0) };
    Box::pin(store.roster_apply(&app_id("tower"), by, &put)).await.unwrap();
}

fn poll(name: &str, kind: Kind, anonymity: Anonymity) -> Poll {
    let labels = ["Zoë 🔔", "b"].map(|label| OptionEdit { id: None, label: label.to_owned(), is_correct: None });
    let options = if kind.has_options() { &labels[..] } else { &[] };
    let settings = SettingsEdit { anonymity: Some(anonymity), time_limit_s: Some(60), ..SettingsEdit::default() };
    Poll {
        id: id(name),
        venue: Venue { course: id("polled"), class: Some(id("polled-k")) },
        content: Content::new(kind, "é".repeat(1_000), options, &settings).unwrap(),
        state: State::Draft,
        round: 0,
        created_by: "user:9".to_owned(),
        created_at: at(0).trunc_subsecs(3),
        opens_at: None,
        opened_at: None,
        closes_at: None,
        sealed_at: None,
        closed_at: None,
        published_at: None,
        version: 1,
    }
}

async fn step(store: &Store, name: &str, step: Move) -> Poll {
    let decide = |before: &Poll, open_here| {
        let Some(poll) = before.moved(step, open_here, at(1).trunc_subsecs(3))? else { return Ok(None) };
        let keys = match step {
            _ if !poll.is_anonymous() => VoterKeys::Kept,
            Move::Open | Move::Reopen => VoterKeys::New(Secret::new(&"s".repeat(64))),
            Move::Close => VoterKeys::Destroyed { lot: Secret::new("lot") },
            _ => VoterKeys::Kept,
        };
        Ok(Some(PollChange { poll, keys, facts: Vec::new(), audit: vec![entry()] }))
    };
    let changed = Box::pin(store.poll_change(&app_id("tower"), &id(name), "epoch", decide)).await.unwrap();
    changed.unwrap().unwrap().0
}

async fn vote(
    store: &Store,
    (name, user, fresh): (&str, &str, &str),
    given: &Given,
) -> Result<Option<Ballot>, Refusal> {
    let (app, poll, user) = (app_id("tower"), id(name), UserId::parse(user).unwrap());
    let decide = |booth: &Booth| {
        let Booth { poll, own, .. } = booth;
        poll.takes_votes(at(2))?;
        Ok(Cast::Put(Ballot {
            id: own.as_ref().map_or_else(|| fresh.to_owned(), |own| own.id.clone()),
            poll: poll.id.clone(),
            round: poll.round,
            user: (!poll.is_anonymous()).then(|| user.clone()),
            is_guest: false,
            cast_at: (!poll.is_anonymous()).then(|| at(2).trunc_subsecs(3)),
            revision: own.as_ref().map_or(1, |own| own.revision + 1),
            answer: poll.read(given)?,
        }))
    };
    let voted = Box::pin(store.poll_vote(Voting { app: &app, poll: &poll, user: &user }, decide)).await.unwrap();
    voted.unwrap().map(|voted| voted.own)
}

fn chosen(option: &str) -> Given {
    Given { option_ids: Some(vec![option.to_owned()]), ..Given::default() }
}

/// Leads polls through their life; leaves rows of the app `tower` behind.
pub(crate) async fn lead_through_its_life(store: &Store) {
    furnish(store).await;
    keep_and_find(store).await;
    vote_once_each(store).await;
    count_every_kind(store).await;
    deal_anew(store).await;
    seal(store).await;
}

async fn keep_and_find(store: &Store) {
    let app = app_id("tower");
    for name in ["p1", "p2", "P2"] {
        let poll = poll(name, Kind::Single, Anonymity::Named);
        assert_eq!(store.poll_insert(&app, &poll, entry()).await.unwrap(), Ok(()));
        assert_eq!(store.poll_find(&app, &poll.id).await.unwrap(), Some(poll));
    }
    assert_eq!(store.poll_find(&app, &id("P1")).await.unwrap(), None);
    assert_eq!(store.poll_find(&app_id("other"), &id("p1")).await.unwrap(), None);
    let venue = poll("p1", Kind::Single, Anonymity::Named).venue;
    let filter = |states: &[State]| PollFilter {
        venue: venue.clone(),
        states: states.to_vec(),
        was_opened: false,
        is_published: false,
    };
    let list = async |states: &[State], after: Option<&str>| {
        let page = Page { after: after.map(str::to_owned), limit: 2 };
        let found = store.poll_list(&app, &filter(states), &page).await.unwrap();
        found.into_iter().map(|poll| poll.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(State::ALL, None).await.len(), 2);
    assert_eq!(list(&[State::Open], None).await.len(), 0);
    let waits = Poll { opens_at: Some(at(5).trunc_subsecs(3)), ..poll("w1", Kind::Open, Anonymity::Named) };
    store.poll_insert(&app, &waits, entry()).await.unwrap().unwrap();
    assert!(store.polls_to_open(at(4)).await.unwrap().is_empty());
    assert_eq!(store.polls_to_open(at(5)).await.unwrap(), [(app.clone(), id("w1"))]);
    step(store, "w1", Move::Archive).await;
    assert!(store.polls_to_open(at(5)).await.unwrap().is_empty());
    let opened = step(store, "p1", Move::Open).await;
    assert_eq!(store.poll_find(&app, &id("p1")).await.unwrap(), Some(opened.clone()));
    assert_eq!(step(store, "p1", Move::Open).await, opened, "once more changes nothing");
    assert_eq!(list(&[State::Open], None).await, ["p1"]);
    assert!(store.polls_due(at(62)).await.unwrap().is_empty());
    assert_eq!(store.polls_due(at(63)).await.unwrap(), [(app.clone(), id("p1"))]);
}

async fn vote_once_each(store: &Store) {
    let app = app_id("tower");
    for (number, option) in ["1", "2", "2"].into_iter().enumerate() {
        let (user, fresh) = (number.to_string(), format!("{number:032x}"));
        let first = vote(store, ("p1", &user, &fresh), &chosen(option)).await.unwrap().unwrap();
        assert_eq!((first.id.as_str(), first.revision), (fresh.as_str(), 1));
    }
    let again = vote(store, ("p1", "0", "unused"), &chosen("2")).await.unwrap().unwrap();
    assert_eq!((again.id, again.revision), (format!("{:032x}", 0), 2));
    let poll = store.poll_find(&app, &id("p1")).await.unwrap().unwrap();
    let (counted, total) = store.poll_counted(&app, &poll, 1).await.unwrap();
    let of = |number: u32| {
        let option = |id: campanile::domain::poll::OptionId| id.get() == number;
        counted.iter().filter(|it| it.option.is_some_and(option)).map(|it| it.count).sum::<u64>()
    };
    assert_eq!((of(1), of(2), total, store.poll_turnout(&app, &poll, 1).await.unwrap()), (0, 3, 3, 3));
    let page = Page { after: Some(format!("{:032x}", 0)), limit: 10 };
    let rest = store.poll_ballots(&app, (&poll, 1), &page).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0].user, UserId::parse("1").ok());
    step(store, "p1", Move::Close).await;
    assert_eq!(vote(store, ("p1", "9", "unused"), &chosen("1")).await, Err(Refusal::Over));
    step(store, "p1", Move::Reopen).await;
    assert!(vote(store, ("p1", "0", &"f".repeat(32)), &chosen("1")).await.unwrap().is_some());
    let poll = store.poll_find(&app, &id("p1")).await.unwrap().unwrap();
    assert_eq!(
        (store.poll_turnout(&app, &poll, 1).await.unwrap(), store.poll_turnout(&app, &poll, 2).await.unwrap()),
        (3, 1)
    );
    let gone = Poll { content: Content { settings: left_out(&poll), ..poll.content.clone() }, ..poll };
    assert_eq!(store.poll_counted(&app, &gone, 2).await.unwrap(), (Vec::new(), 0), "nobody of them is enrolled");
}

/// Settings by which people who have left do not count.
fn left_out(poll: &Poll) -> campanile::domain::poll::Settings {
    campanile::domain::poll::Settings { count_dropped: false, ..poll.content.settings.clone() }
}

async fn count_every_kind(store: &Store) {
    let app = app_id("tower");
    let text = |text: &str| Given { text: Some(text.to_owned()), ..Given::default() };
    let value = |value| Given { value: Some(value), ..Given::default() };
    let ranked = |ids: [&str; 2]| Given { ranking: Some(ids.map(str::to_owned).to_vec()), ..Given::default() };
    for (name, kind, votes, groups) in [
        ("k1", Kind::Ranking, [ranked(["1", "2"]), ranked(["2", "1"])], 4),
        ("k2", Kind::Numeric, [value(-0.125), value(-0.125)], 1),
        ("k3", Kind::Open, [text(&"🔔".repeat(500)), text("Ä")], 2),
        ("k4", Kind::WordCloud, [text("a, b"), text("b, c")], 3),
        ("k5", Kind::Scale, [value(1.0), value(5.0)], 2),
    ] {
        store.poll_insert(&app, &poll(name, kind, Anonymity::Named), entry()).await.unwrap().unwrap();
        step(store, name, Move::Open).await;
        for (number, given) in votes.iter().enumerate() {
            let fresh = format!("{name}{number:030}");
            let cast = vote(store, (name, &number.to_string(), &fresh), given).await.unwrap().unwrap();
            let (user, poll) = (UserId::parse(&number.to_string()).unwrap(), id(name));
            let booth = store.poll_look(Voting { app: &app, poll: &poll, user: &user }).await.unwrap().unwrap();
            assert_eq!(booth.own, Some(cast), "{name}");
        }
        let poll = store.poll_find(&app, &id(name)).await.unwrap().unwrap();
        let (counted, total) = store.poll_counted(&app, &poll, 1).await.unwrap();
        assert_eq!((counted.len(), total), (groups, 2), "{name}: {counted:?}");
        step(store, name, Move::Close).await;
    }
}

async fn deal_anew(store: &Store) {
    let app = app_id("tower");
    store.poll_insert(&app, &poll("a", Kind::Single, Anonymity::Anonymous), entry()).await.unwrap().unwrap();
    step(store, "a", Move::Open).await;
    for (number, option) in ["1", "2", "2"].into_iter().enumerate() {
        let fresh = format!("a{number:031}");
        assert!(vote(store, ("a", &number.to_string(), &fresh), &chosen(option)).await.unwrap().is_some());
    }
    let again = vote(store, ("a", "0", "unused"), &chosen("2")).await.unwrap().unwrap();
    assert_eq!((again.revision, again.user), (2, None), "one vote a person");
    let closed = step(store, "a", Move::Close).await;
    let page = Page { after: None, limit: 10 };
    let ballots = store.poll_ballots(&app, (&closed, 1), &page).await.unwrap();
    assert!(ballots.iter().all(|ballot| !ballot.id.starts_with("a000") && ballot.revision == 1), "{ballots:?}");
    let said = |option: u32| {
        ballots.iter().filter(|ballot| matches!(&ballot.answer, Answer::Options(ids) if ids[0].get() == option)).count()
    };
    assert_eq!((ballots.len(), said(1), said(2)), (3, 0, 3));
    let user = UserId::parse("0").unwrap();
    let booth = store.poll_look(Voting { app: &app, poll: &id("a"), user: &user }).await.unwrap().unwrap();
    assert!(booth.own.is_none() && booth.voter.is_none(), "nobody can tell any more");
}

async fn seal(store: &Store) {
    let (app, lot) = (app_id("tower"), Secret::new("lot"));
    store.poll_insert(&app, &poll("b", Kind::Single, Anonymity::Anonymous), entry()).await.unwrap().unwrap();
    step(store, "b", Move::Open).await;
    let fresh = format!("b{:031}", 0);
    assert!(vote(store, ("b", "0", &fresh), &chosen("1")).await.unwrap().is_some());
    for name in ["b", "b", "nowhere"] {
        store.poll_seal((&app, &id(name)), (&lot, at(5)), |poll| poll.state == State::Open).await.unwrap();
    }
    assert_eq!(vote(store, ("b", "1", "unused"), &chosen("1")).await, Err(Refusal::Over));
    let is_due = async |second| store.polls_due(at(second)).await.unwrap().contains(&(app.clone(), id("b")));
    assert_eq!(
        (is_due(14).await, is_due(15).await),
        (false, true),
        "whoever has sealed it has ten seconds to close it"
    );
    let closed = step(store, "b", Move::Close).await;
    let ballots = store.poll_ballots(&app, (&closed, 1), &Page { after: None, limit: 10 }).await.unwrap();
    assert!(ballots.len() == 1 && ballots[0].id != fresh, "{ballots:?}");
}

/// Votes of the same people from two processes at once count once each.
pub(crate) async fn let_voters_meet(store: &Store, other: &Store) {
    let app = app_id("tower");
    store.poll_insert(&app, &poll("m", Kind::Single, Anonymity::Named), entry()).await.unwrap().unwrap();
    step(store, "m", Move::Open).await;
    let all = async |store: &Store, prefix: &str| {
        for number in 0..20 {
            let fresh = format!("{prefix}{number:031}");
            vote(store, ("m", &format!("u{number}"), &fresh), &chosen("1")).await.unwrap();
        }
    };
    tokio::join!(all(store, "x"), all(other, "y"), all(store, "z"), all(other, "w"));
    let poll = store.poll_find(&app, &id("m")).await.unwrap().unwrap();
    let (counted, total) = store.poll_counted(&app, &poll, 1).await.unwrap();
    assert_eq!((counted.iter().map(|it| it.count).sum::<u64>(), total), (20, 20));
}
