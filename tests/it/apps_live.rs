//! Apps that are made and changed on the command line while a server runs: it follows without a restart.

use chrono::DateTime;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{
    answer::Answer,
    app::{Keys, OTHER, TestApp},
    binary::{Folder, Server},
    eventually,
};

/// A folder with a running server.
struct Running {
    folder: Folder,
    server: Server,
}

impl Running {
    fn start() -> Self {
        let folder = Folder::new();
        let server = folder.serve();
        Self { folder, server }
    }

    fn app(&self, arguments: &[&str]) -> String {
        self.folder.run(&[&["app"], arguments].concat()).ok()
    }

    /// Makes an app with drawn credentials.
    fn create(&self, arguments: &[&str]) -> Keys {
        keys(&self.app(&[&["create"], arguments].concat()))
    }

    /// Asks until the answer has this status.
    async fn until(&self, keys: Keys, status: StatusCode) {
        let what = format!("HTTP {status}");
        eventually(&what, async || self.server.publish(keys, "12345").await.status == status.as_u16()).await;
    }

    async fn read(&self, keys: Keys, path: &str) -> Answer {
        self.server.ask(keys, "GET", path, "").await
    }
}

/// The credentials that a command printed.
fn keys(text: &str) -> Keys {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        &*line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned().leak()
    };
    Keys { id: field("app id "), key: field("key "), secret: field("secret ") }
}

/// Publishes until the server knows the app.
async fn until_known(app: &TestApp, keys: Keys) {
    let event = json!({ "name": "bell", "channel": "room", "data": "1" });
    eventually("the app is known", async || app.post_as(keys, "/events", &event).await.0 == StatusCode::OK).await;
}

#[tokio::test]
async fn new_app_can_be_used_without_a_restart() {
    let running = Running::start();
    let keys = running.create(&["--name", "Campus"]);
    running.until(keys, StatusCode::OK).await;
    let mut client = running.server.connect(keys).await;
    client.subscribe_private("private-room").await;
    client.subscribe("room").await;
    running.server.publish(keys, "1").await.ok();
    client.expect_on("bell", "room").await;
    let list = running.app(&["list"]);
    assert!(list.contains(keys.id) && list.contains(keys.key) && list.contains("Campus"), "{list}");
    assert!(!list.contains(keys.secret), "{list}");
    running.server.stop();
}

#[tokio::test]
async fn disabled_app_loses_its_sockets_and_is_forbidden_until_it_is_enabled() {
    let running = Running::start();
    let (keys, other) = (running.create(&[]), running.server.keys());
    running.until(keys, StatusCode::OK).await;
    let (mut client, mut stays) = (running.server.connect(keys).await, running.server.connect(other).await);
    assert!(running.app(&["disable", keys.id]).contains("disabled"));
    client.refused_with(4003).await;
    running.until(keys, StatusCode::FORBIDDEN).await;
    running.server.open(&format!("/app/{}", keys.key)).await.refused_with(4003).await;
    assert!(running.app(&["show", keys.id]).contains("state    disabled"));
    stays.expect_silence().await;
    running.app(&["enable", keys.id]);
    running.until(keys, StatusCode::OK).await;
    running.server.connect(keys).await;
    running.server.stop();
}

#[tokio::test]
async fn deleted_app_loses_its_sockets_and_is_unknown() {
    let running = Running::start();
    let keys = running.create(&[]);
    running.until(keys, StatusCode::OK).await;
    let mut client = running.server.connect(keys).await;
    running.app(&["delete", keys.id]);
    client.refused_with(4001).await;
    running.until(keys, StatusCode::NOT_FOUND).await;
    running.server.open(&format!("/app/{}", keys.key)).await.refused_with(4001).await;
    assert!(!running.app(&["list"]).contains(keys.id));
    running.server.stop();
}

#[tokio::test]
async fn app_that_is_made_again_or_under_another_key_loses_the_sockets_of_the_old_one() {
    let app = TestApp::with_two_apps().await;
    let store = app.store().await;
    let mut old = app.connect_to(OTHER).await;
    store.app_delete(&OTHER.app().id).await.unwrap();
    store.app_create(OTHER.row(), DateTime::from_timestamp(60, 0).unwrap()).await.unwrap();
    old.refused_with(4001).await;

    // The server may look between the two changes and know no such app for a while.
    until_known(&app, OTHER).await;
    let mut again = app.connect_to(OTHER).await;
    let key = Keys { key: "another-key", ..OTHER };
    store.app_delete(&OTHER.app().id).await.unwrap();
    store.app_create(key.row(), DateTime::from_timestamp(60, 0).unwrap()).await.unwrap();
    again.refused_with(4001).await;
    until_known(&app, key).await;
    app.connect_to(key).await;
    app.open(&format!("/app/{}", OTHER.key)).await.refused_with(4001).await;
    store.close().await.unwrap();
}

#[tokio::test]
async fn settings_come_into_force_for_open_sockets_and_go_back_to_the_default() {
    let running = Running::start();
    let keys = running.create(&["--set", "max_event_bytes=4", "--set", "client_events=none"]);
    running.until(keys, StatusCode::PAYLOAD_TOO_LARGE).await;
    let mut client = running.server.connect(keys).await;
    client.subscribe_private("private-x").await;
    client.send_event("client-x", "private-x", json!(1)).await;
    client.expect_error(4301).await;

    let shown = running.app(&["set", keys.id, "max_event_bytes=5", "client_events=members"]);
    assert!(shown.contains("* max_event_bytes              5"), "{shown}");
    running.until(keys, StatusCode::OK).await;
    client.send_event("client-x", "private-x", json!(1)).await;
    client.expect_silence().await;

    running.app(&["set", keys.id, "max_event_bytes=4"]);
    running.until(keys, StatusCode::PAYLOAD_TOO_LARGE).await;
    let shown = running.app(&["unset", keys.id, "max_event_bytes", "client_events"]);
    assert!(shown.contains("  max_event_bytes              10240") && !shown.contains("* max"), "{shown}");
    running.until(keys, StatusCode::OK).await;
    running.server.stop();
}

#[tokio::test]
async fn rotated_secrets_are_both_good_until_the_older_one_is_retired() {
    let running = Running::start();
    let first = running.create(&[]);
    running.until(first, StatusCode::OK).await;
    let second = keys(&running.app(&["rotate", first.id]));
    assert_eq!((second.id, second.key), (first.id, first.key));
    assert_ne!(second.secret, first.secret);
    running.until(second, StatusCode::OK).await;
    for keys in [first, second] {
        running.read(keys, "/channels").await.ok();
        running.server.connect(keys).await.subscribe_private("private-x").await;
    }
    let shown = running.app(&["show", first.id, "--secrets"]);
    assert!(shown.contains(first.secret) && shown.contains(second.secret), "{shown}");
    let shown = running.app(&["show", first.id]);
    assert!(shown.contains("2 active") && !shown.contains(first.secret) && !shown.contains(second.secret), "{shown}");

    assert!(running.app(&["retire", first.id]).contains("no longer valid"));
    running.until(first, StatusCode::UNAUTHORIZED).await;
    running.read(second, "/channels").await.ok();
    assert!(running.app(&["retire", first.id]).contains("no older secret"));
    running.server.stop();
}

#[tokio::test]
async fn app_from_elsewhere_keeps_its_id_key_and_secret() {
    let running = Running::start();
    let known = Keys { id: "123", key: "known-key", secret: "known secret with spaces" };
    let made = running.create(&["--id", known.id, "--key", known.key, "--secret", known.secret, "--name", "Kept"]);
    assert_eq!(made, known);
    running.until(known, StatusCode::OK).await;
    let again = running.folder.run(&["app", "create", "--id", "123"]).failed();
    assert!(again.contains("123"), "{again}");
    let same_key = running.folder.run(&["app", "create", "--key", "known-key"]).failed();
    assert!(same_key.contains("known-key"), "{same_key}");
    running.server.stop();
}

#[test]
fn commands_on_an_unknown_app_say_so() {
    let folder = Folder::with_database();
    for arguments in [
        &["show", "nobody"][..],
        &["set", "nobody", "max_channels=1"],
        &["unset", "nobody", "max_channels"],
        &["rotate", "nobody"],
        &["retire", "nobody"],
        &["enable", "nobody"],
        &["disable", "nobody"],
        &["delete", "nobody"],
    ] {
        let told = folder.run(&[&["app"], arguments].concat()).failed();
        assert!(told.contains("there is no app 'nobody'"), "{arguments:?}: {told}");
    }
}
