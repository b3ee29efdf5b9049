//! Sockets of an app whose settings change while they are open.

use super::*;
use crate::{
    domain::app::{App, AppSettings, Secret},
    ids::{AppId, AppKey},
    metrics::Metrics,
    protocol::client_message,
    services::Apps,
};

fn app(settings: AppSettings) -> App {
    App {
        id: AppId::parse("app-id").unwrap(),
        key: AppKey::parse("app-key").unwrap(),
        name: "test".into(),
        secrets: vec![Secret::new("app-secret")],
        enabled: true,
        settings,
    }
}

fn user(json: &str) -> UserData {
    client_message::parse_user_data(json).unwrap()
}

#[test]
fn switching_watchlists_off_ends_the_watching_at_the_next_sign_in() {
    let settings = |on| AppSettings { watchlist_events: on, ..AppSettings::default() };
    let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
    apps.replace(vec![app(settings(true))]);
    let live = apps.by_id("app-id").unwrap();
    let (watcher, friend) = (live.open_socket(10_000, 1).unwrap(), live.open_socket(10_000, 2).unwrap());
    let watching = r#"{"id":"42","watchlist":["7"]}"#;
    let before = live.sign_in(&watcher, user(watching), None);
    assert_eq!(before.watchlist.len(), 1);
    apps.replace(vec![app(settings(false))]);
    assert!(live.sign_in(&watcher, user(watching), Some(&before)).watchlist.is_empty());
    let queued = watcher.outbox().queued_bytes();
    live.sign_in(&friend, user(r#"{"id":"7"}"#), None);
    assert_eq!(watcher.outbox().queued_bytes(), queued);
}

#[test]
fn a_socket_whose_task_panics_is_closed_and_counted() {
    struct Task(Arc<crate::services::LiveApp>, Arc<Socket>);

    impl Drop for Task {
        fn drop(&mut self) {
            self.0.close_socket(&self.1, std::iter::empty(), None, (None, DateTime::UNIX_EPOCH));
            self.0.hub.release(&self.1);
        }
    }

    let metrics = Arc::new(Metrics::new().unwrap());
    let apps = Apps::without_store(Arc::clone(&metrics));
    apps.replace(vec![app(AppSettings::default())]);
    let live = apps.by_id("app-id").unwrap();
    let open = |bits| Task(Arc::clone(&live), live.open_socket(10_000, bits).unwrap());
    drop(open(1));
    assert_eq!(metrics.panics.get(), 0);
    let (first, task) = (open(2), open(3));
    let panicked = std::thread::spawn(move || {
        let _task = task;
        panic!("as a fault of ours would");
    });
    assert!(panicked.join().is_err());
    assert_eq!((metrics.panics.get(), live.hub.connections()), (1, 1));
    drop(first);
}
