//! Broadcasts and triggers on a database that fails in the middle, and what goes with time.

use std::net::Ipv4Addr;

use serde_json::json;

use super::*;
use crate::{
    domain::{
        app::{App, AppSettings, Secret},
        audience::AudienceType,
    },
    ids::{AppId, AppKey},
    metrics::Metrics,
    services::{Apps, channels::Info, notification::Notifications},
};

/// One app on a database in memory. Its roster is empty: it takes everybody's word.
pub(in crate::services) struct World {
    pub(in crate::services) store: Store,
    pub(in crate::services) live: Arc<LiveApp>,
    pub(in crate::services) broadcasts: Broadcasts,
    pub(in crate::services) notifications: Notifications,
    caller: Caller,
}

pub(in crate::services) fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// People by number.
pub(in crate::services) fn people(count: u32) -> Audience {
    let ids: Vec<_> = (1..=count).map(|id| id.to_string()).collect();
    Audience::parse(AudienceType::User, &ids, &[], &[]).unwrap()
}

impl World {
    pub(in crate::services) async fn new() -> Self {
        let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Arc::new(Apps::new(Arc::new(Metrics::new().unwrap()), store.clone()));
        let id = AppId::parse("campus").unwrap();
        apps.replace(vec![App {
            id: id.clone(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        }]);
        let live = apps.by_id("campus").unwrap();
        let teller = Arc::new(Teller::new(store.clone(), Arc::clone(&apps)));
        let log = Arc::new(BroadcastLog::new(store.clone(), Arc::clone(&apps)));
        let broadcasts = Broadcasts::new(store.clone(), Arc::clone(&teller), Arc::clone(&log));
        let notifications = Notifications::new(store.clone(), apps, teller, log);
        Self { store, live, broadcasts, notifications, caller: Caller { app: id, who: Who::App } }
    }

    /// The app itself.
    pub(in crate::services) fn sender(&self) -> Sender<'_> {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let Self { live, caller, .. } = self;
        Sender { live, caller, ip, now: now(), since: Instant::now(), except: None }
    }
}

fn durable(audience: Audience) -> NewBroadcast {
    let data = json!({ "room": 5 }).as_object().unwrap().clone();
    NewBroadcast { audience, event: "exam.started".to_owned(), data, durable: true, require_ack: true, ttl: None }
}

#[tokio::test]
async fn a_durable_broadcast_that_cannot_be_written_whole_leaves_nothing_behind() {
    let world = World::new().await;
    let full = "CREATE TRIGGER is_full BEFORE INSERT ON stream_event
        WHEN (SELECT COUNT(*) FROM stream_event) >= 149 BEGIN SELECT RAISE(ABORT, 'full'); END";
    world.store.run(full).await;
    assert!(matches!(world.broadcasts.send(world.sender(), durable(people(200))).await, Err(Error::Store(_))));
    assert!(world.store.stream_untold(1).await.unwrap().is_empty());
    assert_eq!(world.store.broadcast_sweep(DateTime::<Utc>::MAX_UTC, 10).await.unwrap(), 0);

    world.store.run("DROP TRIGGER is_full").await;
    let sent = world.broadcasts.send(world.sender(), durable(people(200))).await.unwrap();
    let kept = world.store.stream_untold(1_000).await.unwrap();
    assert_eq!((sent.receivers, kept.len()), (200, 200));
    assert!(kept.iter().all(|kept| kept.fact.id == sent.id));
}

#[tokio::test]
async fn a_trigger_that_cannot_be_logged_has_happened_all_the_same() {
    let world = World::new().await;
    world.store.run("DROP TABLE broadcast_log").await;
    let new = NewTrigger {
        channels: vec!["test".to_owned(), "other".to_owned()],
        event: "bell".to_owned(),
        data: json!({}),
        info: Info::default(),
    };
    assert_eq!(world.broadcasts.trigger(world.sender(), new).await.unwrap().channels.len(), 2);
    assert_eq!(world.live.metrics().broadcast_log_lost.get(), 2);
}

#[tokio::test]
async fn as_many_old_broadcasts_as_there_are_go_in_one_sweep_with_what_confirmed_them() {
    let world = World::new().await;
    let old = (now() - KEPT).timestamp_millis() - 1;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)";
    world
        .store
        .run(&format!(
            "{numbers} INSERT INTO broadcast SELECT i, 'campus', '', 'e', '', 0, 1, '', 0, {old}, NULL FROM n"
        ))
        .await;
    world.store.run(&format!("{numbers} INSERT INTO broadcast_ack SELECT i, '7', 'campus', {old} FROM n")).await;
    let young = world.broadcasts.send(world.sender(), durable(people(1))).await.unwrap();
    world.broadcasts.sweep(now()).await.unwrap();
    let app = &world.caller.app;
    assert_eq!(world.store.broadcast_ack_count(app, "1200").await.unwrap(), 0);
    assert!(world.store.broadcast(app, &young.id).await.unwrap().is_some());
    assert_eq!(
        world.store.broadcast_sweep(DateTime::<Utc>::MAX_UTC, 2_000).await.unwrap(),
        1,
        "all the others are gone"
    );
}
