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
    let apps = Apps::new(Arc::new(Metrics::new().unwrap()));
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
