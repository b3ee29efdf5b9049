//! What is hard to time from outside: a database that is away while somebody goes, two changes at once. The roster is real.

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Instant,
};

use super::*;
use crate::{
    domain::{
        app::{AppSettings, Secret},
        roster::{self, Course, Enrollment, Object, Operation, Person, Role, Visibility},
    },
    hub::{Joining, Queue, Socket, Taken},
    ids::{AppId, AppKey, ExternalId},
    metrics::Metrics,
    protocol::ChannelName,
    services::Apps,
    store::{Config, RosterWrite, Store},
};

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

/// An app without a grace, with course `1` in which user 7 is a student, and a socket that hears the course.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) live: Arc<LiveApp>,
    pub(super) now: DateTime<Utc>,
    listener: Arc<Socket>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_settings| ()).await
    }

    async fn with(edit: impl FnOnce(&mut AppSettings)) -> Self {
        let mut settings = AppSettings { presence_grace: 0, ..AppSettings::default() };
        edit(&mut settings);
        let config = Config { url: "sqlite::memory:".to_owned(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Apps::new(Arc::new(Metrics::new().unwrap()), store.clone());
        apps.replace(vec![App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings,
        }]);
        let live = apps.by_id("campus").unwrap();
        let listener = live.open_socket(1 << 20, 1).unwrap();
        let channel = ChannelName::parse("private-course-1", (&live.app().settings).into()).unwrap();
        let joining = Joining { socket: &listener, member: None, settings: &live.app().settings, now: Instant::now() };
        live.hub.subscribe(&channel, joining).unwrap();
        let world = Self { store, live, now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000), listener };
        world.enroll().await;
        world
    }

    async fn enroll(&self) {
        let course = Course {
            id: id("1"),
            org: None,
            code: None,
            title: "A course".to_owned(),
            starts_at: None,
            ends_at: None,
            visibility: Visibility::Enrolled,
            archived_at: None,
            overrides: Vec::new(),
        };
        let person = Person {
            id: 7.into(),
            org: None,
            name: "Ada".to_owned(),
            email: None,
            avatar: None,
            org_role: None,
            deactivated_at: None,
        };
        let enrollment = Enrollment {
            id: id("e7"),
            user: 7.into(),
            course: id("1"),
            class: None,
            role: Role::Student,
            status: roster::Status::Active,
            begin_at: None,
            end_at: None,
            observed_user: None,
            limit_to_class: false,
        };
        let objects = [Object::Course(course), Object::User(person), Object::Enrollment(enrollment)];
        let operations = objects.map(|object| Operation::Put(Box::new(object)));
        let by = RosterWrite { source: "test", actor: "test", ip: None, now: self.now };
        let done = self.store.roster_apply(&self.live.app().id, by, &operations).await.unwrap();
        assert_eq!(done.changes.len(), 3, "{done:?}");
    }

    /// Names of the events of which the listener has been told since the last look.
    fn told(&self) -> Vec<&'static str> {
        let (context, mut batch, mut told) = (Context::from_waker(Waker::noop()), Queue::default(), Vec::new());
        while self.listener.outbox().take(&context, 0, &mut batch) == Taken::Frames {
            for frame in batch.iter() {
                let text = String::from_utf8_lossy(frame.as_bytes()).into_owned();
                told.extend(
                    ["user:online", "user:offline", "user:away"].into_iter().filter(|name| text.contains(name)),
                );
            }
            batch = Queue::default();
        }
        told
    }
}

#[tokio::test]
async fn whoever_goes_while_the_roster_cannot_be_read_is_told_of_once_when_it_can() {
    let world = World::new().await;
    let (live, now) = (&world.live, world.now);
    live.presence.arrive(&live.app(), &7.into(), SocketId::from_random(1), now);
    live.presence_tick(now).await.unwrap();
    assert_eq!(world.told(), ["user:online"]);
    live.forget_people();
    world.store.run("ALTER TABLE person RENAME TO person_away").await;
    live.presence.depart(&live.app(), &7.into(), SocketId::from_random(1), now);
    live.presence_tick(now).await.unwrap_err();
    assert!(world.told().is_empty());
    world.store.run("ALTER TABLE person_away RENAME TO person").await;
    live.presence_tick(now).await.unwrap();
    assert_eq!(world.told(), ["user:offline"]);
    live.presence_tick(now).await.unwrap();
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn two_changes_of_a_status_at_once_are_both_made() {
    let world = World::new().await;
    let (live, now) = (&world.live, world.now);
    live.presence.arrive(&live.app(), &7.into(), SocketId::from_random(1), now);
    live.presence_tick(now).await.unwrap();
    for round in 0..20 {
        let text = format!("round {round}");
        let invisible = StatusChange { invisible: Some(round % 2 == 0), ..StatusChange::default() };
        let says = StatusChange { text: Some(Some(text.clone())), ..StatusChange::default() };
        let user = 7.into();
        let (one, other) =
            tokio::join!(live.status_change(&user, invisible, now), live.status_change(&user, says, now));
        one.and(other).unwrap();
        let kept = live.store().presence_statuses(&live.app().id, &[7.into()]).await.unwrap();
        let shown = live.own_presence(&7.into()).1.unwrap();
        for status in [&kept[&7.into()].status, &shown] {
            assert_eq!((status.invisible, status.text.as_ref()), (round % 2 == 0, Some(&text)));
        }
    }
}

#[tokio::test]
async fn nobody_goes_away_by_themselves_where_that_is_switched_off() {
    for (away_after, later) in [(0, vec![]), (300, vec!["user:away"])] {
        let world = World::with(|settings| settings.presence_away_after = away_after).await;
        let (live, now) = (&world.live, world.now);
        live.presence.arrive(&live.app(), &7.into(), SocketId::from_random(1), now);
        live.presence_tick(now).await.unwrap();
        assert_eq!(world.told(), ["user:online"]);
        live.presence_tick(now + TimeDelta::days(3)).await.unwrap();
        assert_eq!(world.told(), later, "{away_after}");
    }
}

#[tokio::test]
async fn only_who_says_something_new_about_their_typing_stands_in_the_log_of_changes() {
    let world = World::new().await;
    let mut seq = world.store.roster_seq().await.unwrap();
    for (hides_typing, is_new) in [(false, 0), (true, 1), (true, 0), (false, 1)] {
        let change = StatusChange { hides_typing: Some(hides_typing), ..StatusChange::default() };
        let status = world.live.status_change(&7.into(), change, world.now).await.unwrap();
        assert_eq!(status.hides_typing, hides_typing);
        seq += is_new;
        assert_eq!(world.store.roster_seq().await.unwrap(), seq);
    }
}
