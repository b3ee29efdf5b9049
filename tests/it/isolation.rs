//! Two apps on one server are two worlds.

use serde_json::json;

use crate::support::{
    app::{Keys, MAIN, OTHER, TestApp},
    client::Client,
};

const CHANNELS: [&str; 4] = ["room", "private-room", "presence-room", "cache-room"];

async fn subscribe_all(client: &mut Client) {
    client.subscribe("room").await;
    client.subscribe_private("private-room").await;
    client.join("presence-room", "42").await;
    client.subscribe("cache-room").await;
    client.expect("pusher:cache_miss").await;
    client.sign_in("42").await;
}

async fn both(app: &TestApp) -> (Client, Client) {
    let (mut here, mut there) = (app.connect_to(MAIN).await, app.connect_to(OTHER).await);
    subscribe_all(&mut here).await;
    subscribe_all(&mut there).await;
    here.expect_silence().await;
    (here, there)
}

#[tokio::test]
async fn events_on_channels_of_the_same_name_stay_in_their_app() {
    let app = TestApp::with_two_apps().await;
    let (mut here, mut there) = both(&app).await;
    for channel in CHANNELS.into_iter().chain(["#server-to-user-42"]) {
        app.publish_as(MAIN, channel, "bell", "main").await;
        app.publish_as(OTHER, channel, "bell", "other").await;
        for (client, data) in [(&mut here, "main"), (&mut there, "other")] {
            assert_eq!(client.expect_on("bell", channel).await["data"], data);
            client.expect_silence().await;
        }
    }
    let mut late = app.connect_to(OTHER).await;
    late.subscribe("cache-room").await;
    assert_eq!(late.expect("bell").await["data"], "other");
}

#[tokio::test]
async fn members_counts_and_lists_are_each_apps_own() {
    let app = TestApp::with_two_apps().await;
    let (_here, there) = both(&app).await;
    let mut more = app.connect().await;
    assert_eq!(more.join("presence-room", "43").await["ids"], json!(["42", "43"]));
    drop(there);
    let empty = async || app.get_as(OTHER, "/channels", &[]).await.1 == json!({ "channels": {} });
    crate::support::eventually("the other app is empty", empty).await;
    assert_eq!(app.get("/channels", &[]).await.1["channels"].as_object().unwrap().len(), 4);
    let (_, answer) = app.get("/channels/presence-room", &[("info", "user_count")]).await;
    assert_eq!(answer["user_count"], 2);
}

#[tokio::test]
async fn terminating_a_user_ends_nothing_in_another_app() {
    let app = TestApp::with_two_apps().await;
    let (mut here, mut there) = both(&app).await;
    assert_eq!(app.post_as(MAIN, "/users/42/terminate_connections", &json!({})).await.0, 200);
    here.refused_with(4009).await;
    there.expect_silence().await;
}

#[tokio::test]
async fn socket_id_of_another_app_excludes_nobody() {
    let app = TestApp::with_two_apps().await;
    let (mut here, mut there) = both(&app).await;
    let body = json!({ "name": "bell", "channel": "room", "data": "1", "socket_id": there.id });
    assert_eq!(app.post("/events", &body).await.0, 200);
    here.expect_on("bell", "room").await;
    there.expect_silence().await;
}

#[tokio::test]
async fn signatures_of_one_app_open_nothing_in_the_other() {
    let app = TestApp::with_two_apps().await;
    let mut client = app.connect_to(OTHER).await;
    let stolen = [MAIN, Keys { key: OTHER.key, ..MAIN }, Keys { secret: OTHER.secret, ..MAIN }];
    for keys in stolen {
        let auth = keys.channel_auth(&client.id, "private-room", None);
        client.ask_with("private-room", &auth, None).await;
        client.expect_unauthorized("private-room").await;
        let auth = keys.user_auth(&client.id, r#"{"id":"42"}"#);
        let data = json!({ "auth": auth, "user_data": r#"{"id":"42"}"# });
        client.send_json(json!({ "event": "pusher:signin", "data": data })).await;
        client.expect_error(4009).await;
        let body = json!({ "name": "bell", "channel": "room", "data": "1" });
        let (status, answer) = app.post_as(Keys { id: OTHER.id, ..keys }, "/events", &body).await;
        assert_eq!(status, 401, "{answer}");
    }
}

/// A small deterministic sequence of numbers (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[tokio::test]
async fn random_operations_on_two_apps_let_no_frame_cross() {
    let app = TestApp::with_two_apps().await;
    let mut dice = Dice(0x5EED_CA3B_A711_E001);
    let apps = [MAIN, OTHER];
    let mut clients = Vec::new();
    for keys in apps.into_iter().cycle().take(8) {
        clients.push(app.connect_to(keys).await);
    }
    let mut heard = 0;
    for _ in 0..400 {
        let position = dice.roll(clients.len());
        let client = &mut clients[position];
        let channel = CHANNELS[dice.roll(CHANNELS.len())];
        match dice.roll(5) {
            0 => client.ask_signed(channel, Some(r#"{"user_id":"42"}"#)).await,
            1 => client.unsubscribe(channel).await,
            // The name of the app travels in the data.
            2 => client.send_event("client-x", channel, json!(client.keys.id)).await,
            _ => {
                let keys = apps[dice.roll(2)];
                app.publish_as(keys, channel, "bell", keys.id).await;
            }
        }
        for frame in client.drain().await {
            let event = frame["event"].as_str().unwrap();
            if matches!(event, "bell" | "client-x") {
                assert_eq!(frame["data"], client.keys.id, "{frame}");
                heard += 1;
            }
        }
    }
    assert!(heard > 100, "{heard}");
}
