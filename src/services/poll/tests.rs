//! What is told when the database fails in between: everything, and nothing twice.

use std::{
    task::{Context, Waker},
    time::Instant,
};

use chrono::TimeDelta;

use super::*;
use crate::{
    domain::{
        app::{App, AppSettings},
        caller::Who,
        poll::{Kind, OptionEdit, SettingsEdit, Visibility},
        roster::{Class, Course, Object, Operation, Visibility as CourseVisibility},
    },
    hub::{Joining, Queue, Socket, Taken},
    ids::AppKey,
    metrics::Metrics,
    protocol::{ChannelName, channel_name::NameRules},
    store::RosterWrite,
};

/// An app with class `k` and a socket that hears it.
struct World {
    store: Store,
    polls: Polls,
    live: Arc<LiveApp>,
    caller: Caller,
    socket: Arc<Socket>,
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + ms).unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

impl World {
    async fn new() -> Self {
        let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let app = AppId::parse("campus").unwrap();
        let course = Course {
            id: id("1"),
            org: None,
            code: None,
            title: "A course".to_owned(),
            starts_at: None,
            ends_at: None,
            visibility: CourseVisibility::Enrolled,
            archived_at: None,
            overrides: Vec::new(),
        };
        let class = Class { id: id("k"), course: id("1"), name: "A class".to_owned(), guests: false };
        let put = [Object::Course(course), Object::Class(class)].map(|object| Operation::Put(Box::new(object)));
        let by = RosterWrite { source: "test", actor: "test", ip: None, now: at(0) };
        store.roster_apply(&app, by, &put).await.unwrap();
        let apps = Arc::new(Apps::new(Arc::new(Metrics::new().unwrap()), store.clone()));
        apps.replace(vec![App {
            id: app.clone(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        }]);
        let live = apps.by_id("campus").unwrap();
        let socket = live.open_socket(1 << 20, 1).unwrap();
        let channel = ChannelName::parse("private-class-k", NameRules { max_length: 200, lenient: true }).unwrap();
        let settings = &live.app().settings;
        let joining = Joining { socket: &socket, member: None, settings, now: Instant::now() };
        live.hub.subscribe(&channel, joining).unwrap();
        let teller = Arc::new(Teller::new(store.clone(), Arc::clone(&apps)));
        let polls = Polls::new(store.clone(), teller, apps);
        Self { store, polls, live, caller: Caller { app, who: Who::App }, socket }
    }

    fn by(&self, now: DateTime<Utc>) -> Acting<'_> {
        Acting { live: &self.live, caller: &self.caller, guest: None, ip: None, except: None, now }
    }

    /// Opens a poll whose results everybody sees at once.
    async fn open(&self, limit: Option<u32>) -> ExternalId {
        let options =
            ["Tabs", "Spaces"].map(|label| OptionEdit { id: None, label: label.to_owned(), is_correct: None });
        let settings =
            SettingsEdit { results_visibility: Some(Visibility::Live), time_limit_s: limit, ..SettingsEdit::default() };
        let content = Content::new(Kind::Single, "Which?".to_owned(), &options, &settings).unwrap();
        let new = NewPoll { place: PlaceId::Class(id("k")), content, opens_at: None };
        let poll = self.polls.create(self.by(at(0)), new).await.unwrap();
        self.polls.step(self.by(at(0)), &poll.id, Move::Open).await.unwrap().id
    }

    /// How often the socket was sent an event about a poll since the last look.
    fn heard(&self, event: &str, polls: &[&ExternalId]) -> Vec<usize> {
        let (context, mut batch, mut heard) = (Context::from_waker(Waker::noop()), Queue::default(), String::new());
        while self.socket.outbox().take(&context, 0, &mut batch) == Taken::Frames {
            for frame in batch.iter() {
                heard += &String::from_utf8_lossy(frame.as_bytes()).replace('\\', "");
                heard.push('\n');
            }
            batch = Queue::default();
        }
        let event = format!("\"event\":\"{event}\"");
        let of = |poll: &&ExternalId| {
            heard.lines().filter(|line| line.contains(&event) && line.contains(poll.as_str())).count()
        };
        polls.iter().map(of).collect()
    }
}

#[tokio::test]
async fn results_that_cannot_be_counted_are_told_once_they_can() {
    let world = World::new().await;
    let (one, other) = (world.open(None).await, world.open(None).await);
    for poll in [&one, &other] {
        world.polls.pulse.mark(&world.caller.app, poll);
    }
    world.store.run("ALTER TABLE poll_choice RENAME TO broken").await;
    assert!(world.polls.tick(at(0)).await.is_err());
    world.store.run("ALTER TABLE broken RENAME TO poll_choice").await;
    assert_eq!(world.heard("poll:results", &[&one, &other]), [0, 0]);
    world.polls.tick(at(250)).await.unwrap();
    assert_eq!(world.heard("poll:results", &[&one, &other]), [1, 1]);
    world.polls.tick(at(500)).await.unwrap();
    assert_eq!(world.heard("poll:results", &[&one, &other]), [0, 0]);
}

#[tokio::test]
async fn a_poll_that_cannot_be_closed_keeps_no_results_of_others_waiting() {
    let world = World::new().await;
    let (over, other) = (world.open(Some(5)).await, world.open(None).await);
    world.polls.pulse.mark(&world.caller.app, &other);
    world.store.run("ALTER TABLE stream_event RENAME TO broken").await;
    let late = at(5_000) + crate::domain::poll::GRACE + crate::domain::poll::SETTLE;
    assert!(world.polls.tick(late).await.is_err());
    assert_eq!(world.heard("poll:results", &[&other]), [1]);
    world.store.run("ALTER TABLE broken RENAME TO stream_event").await;
    world.polls.tick(late + TimeDelta::milliseconds(250)).await.unwrap();
    let poll = world.store.poll_find(&world.caller.app, &over).await.unwrap().unwrap();
    assert_eq!(poll.state, State::Closed);
    assert_eq!(world.heard("poll:results", &[&over]), [1], "the last ones");
}

#[tokio::test]
async fn a_close_whose_commit_may_have_failed_tells_the_results_and_a_refused_one_does_not() {
    let world = World::new().await;
    let poll = world.open(None).await;
    world.polls.step(world.by(at(0)), &poll, Move::Publish).await.unwrap_err();
    world.polls.tick(at(0)).await.unwrap();
    assert_eq!(world.heard("poll:results", &[&poll]), [0]);
    world.store.run("ALTER TABLE stream_event RENAME TO broken").await;
    world.polls.step(world.by(at(0)), &poll, Move::Close).await.unwrap_err();
    world.store.run("ALTER TABLE broken RENAME TO stream_event").await;
    world.polls.tick(at(250)).await.unwrap();
    assert_eq!(world.heard("poll:results", &[&poll]), [1]);
}
