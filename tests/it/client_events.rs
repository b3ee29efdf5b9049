//! Events that clients send to each other.

use campanile::domain::app::ClientEvents;
use serde_json::{Value, json};

use crate::support::{
    app::{OTHER, TestApp},
    client::Client,
    eventually,
};

const ROOM: &str = "private-room";

async fn pair(app: &TestApp) -> (Client, Client) {
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    for client in [&mut sender, &mut other] {
        client.subscribe_private(ROOM).await;
    }
    (sender, other)
}

#[tokio::test]
async fn event_reaches_the_others_and_not_its_sender() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = pair(&app).await;
    sender.send_event("client-typing", ROOM, json!({ "a": 1 })).await;
    sender.expect_silence().await;
    assert_eq!(other.frame().await, json!({ "event": "client-typing", "channel": ROOM, "data": { "a": 1 } }));
    other.expect_silence().await;
}

#[tokio::test]
async fn other_sockets_of_the_same_user_get_the_event() {
    let app = TestApp::start().await;
    let (mut sender, mut tab) = (app.connect().await, app.connect().await);
    for client in [&mut sender, &mut tab] {
        client.sign_in("42").await;
        client.join("presence-room", "42").await;
    }
    sender.send_event("client-typing", "presence-room", json!(1)).await;
    sender.expect_silence().await;
    assert_eq!(tab.expect("client-typing").await["user_id"], "42");
}

#[tokio::test]
async fn app_without_client_events_refuses_with_4301() {
    let app = TestApp::with_settings(|settings| settings.client_events = ClientEvents::None).await;
    let (mut sender, mut other) = pair(&app).await;
    sender.send_event("client-typing", ROOM, json!({})).await;
    assert_eq!(sender.expect_error(4301).await, "The app does not have client messaging enabled.");
    sender.expect_silence().await;
    other.expect_silence().await;
}

#[tokio::test]
async fn sender_who_is_not_subscribed_is_refused_with_4009() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    other.subscribe_private(ROOM).await;
    sender.send_event("client-typing", ROOM, json!({})).await;
    assert_eq!(sender.expect_error(4009).await, "The client is not a member of the specified channel.");
    sender.subscribe_private(ROOM).await;
    sender.unsubscribe(ROOM).await;
    sender.send_event("client-typing", ROOM, json!({})).await;
    sender.expect_error(4009).await;
    sender.ask(ROOM).await;
    sender.expect_unauthorized(ROOM).await;
    sender.send_event("client-typing", ROOM, json!({})).await;
    sender.expect_error(4009).await;
    other.expect_silence().await;
}

#[tokio::test]
async fn mode_all_relays_from_outside_of_the_channel() {
    let app = TestApp::with_settings(|settings| settings.client_events = ClientEvents::All).await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    other.subscribe_private(ROOM).await;
    sender.send_event("client-typing", ROOM, json!({})).await;
    sender.expect_silence().await;
    other.expect_on("client-typing", ROOM).await;
}

#[tokio::test]
async fn public_channels_relay_only_where_the_app_allows_it() {
    for allowed in [false, true] {
        let app = TestApp::with_settings(|settings| settings.client_events_on_public = allowed).await;
        let (mut sender, mut other) = (app.connect().await, app.connect().await);
        for client in [&mut sender, &mut other] {
            client.subscribe("room").await;
        }
        sender.send_event("client-typing", "room", json!({})).await;
        if allowed {
            other.expect_on("client-typing", "room").await;
        } else {
            sender.expect_error(4301).await;
        }
        sender.expect_silence().await;
        other.expect_silence().await;
    }
}

#[tokio::test]
async fn encrypted_and_user_channels_take_no_client_events() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    for client in [&mut sender, &mut other] {
        client.sign_in("42").await;
        client.subscribe("#server-to-user-42").await;
        client.subscribe_private("private-encrypted-x").await;
    }
    for channel in ["#server-to-user-42", "private-encrypted-x"] {
        sender.send_event("client-typing", channel, json!({})).await;
        sender.expect_error(4301).await;
        other.expect_silence().await;
    }
}

#[tokio::test]
async fn presence_channel_adds_the_user_whom_the_server_knows_and_drops_a_forged_one() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    sender.join_as("presence-room", r#"{"user_id":7}"#).await;
    other.join("presence-room", "8").await;
    sender.expect("pusher_internal:member_added").await;
    let forged = json!({ "event": "client-x", "channel": "presence-room", "data": 1, "user_id": "8", "extra": true });
    sender.send_json(forged).await;
    let expected = json!({ "event": "client-x", "channel": "presence-room", "data": 1, "user_id": "7" });
    assert_eq!(other.frame().await, expected);
    let (mut sender, mut other) = pair(&app).await;
    sender.sign_in("42").await;
    sender.send_json(json!({ "event": "client-x", "channel": ROOM, "data": 1, "user_id": "8" })).await;
    assert_eq!(other.frame().await, json!({ "event": "client-x", "channel": ROOM, "data": 1 }));
}

#[tokio::test]
async fn data_is_relayed_byte_for_byte_whatever_its_type() {
    let app = TestApp::with_settings(|settings| settings.client_events_per_second = 0).await;
    let (mut sender, mut other) = pair(&app).await;
    let table = [
        "\"text\"",
        "\"{\\\"a\\\":1}\"",
        "{ \"b\" : 1, \"a\":2 }",
        "[1, \"x\", null]",
        "1.50",
        "1e400",
        "12345678901234567890123",
        "null",
        "true",
        "\"\"",
        "\"\\u00e9 é\"",
    ];
    for data in table {
        sender.send_text(&format!(r#"{{"event":"client-x","channel":"{ROOM}","data":{data}}}"#)).await;
        let expected = format!(r#"{{"event":"client-x","channel":"{ROOM}","data":{data}}}"#);
        assert_eq!(other.text().await, expected);
    }
    sender.send_json(json!({ "event": "client-x", "channel": ROOM })).await;
    assert_eq!(other.frame().await, json!({ "event": "client-x", "channel": ROOM }));
}

fn event(number: u32) -> Value {
    json!({ "event": "client-x", "channel": ROOM, "data": number })
}

#[tokio::test]
async fn eleventh_event_in_a_second_is_refused_with_4301_and_the_next_second_works() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = pair(&app).await;
    sender.send_at_once((0..13).map(event)).await;
    for _ in 0..3 {
        sender.expect_error(4301).await;
    }
    for number in 0..10 {
        assert_eq!(other.expect("client-x").await["data"], number);
    }
    sender.expect_silence().await;
    other.expect_silence().await;
    eventually("events pass again", async || {
        sender.send_json(event(99)).await;
        sender.drain().await.is_empty()
    })
    .await;
    assert_eq!(other.expect("client-x").await["data"], 99);
}

#[tokio::test]
async fn rate_of_an_app_may_be_higher_or_unlimited() {
    for (limit, sent) in [(20, 20), (0, 60)] {
        let app = TestApp::with_settings(|settings| settings.client_events_per_second = limit).await;
        let (mut sender, mut other) = pair(&app).await;
        sender.send_at_once((0..sent).map(event)).await;
        sender.expect_silence().await;
        assert_eq!(other.drain().await.len(), sent as usize);
    }
}

#[tokio::test]
async fn names_without_the_prefix_are_never_relayed() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = pair(&app).await;
    for name in
        ["notclient-x", "Client-x", "client_x", "x-client-y", "pusher_internal:member_added", "typing", " client-x"]
    {
        sender.send_event(name, ROOM, json!({})).await;
        sender.expect_silence().await;
    }
    for name in ["pusher:x", "pusher:subscription_succeeded"] {
        sender.send_event(name, ROOM, json!({})).await;
        sender.expect_error(4200).await;
    }
    other.expect_silence().await;
}

#[tokio::test]
async fn event_stays_in_its_channel_and_its_app() {
    let app = TestApp::with_two_apps().await;
    let (mut sender, mut other) = pair(&app).await;
    let (mut elsewhere, mut foreign) = (app.connect().await, app.connect_to(OTHER).await);
    elsewhere.subscribe_private("private-room-2").await;
    foreign.subscribe_private(ROOM).await;
    sender.send_event("client-x", ROOM, json!({})).await;
    sender.expect_silence().await;
    other.expect("client-x").await;
    elsewhere.expect_silence().await;
    foreign.expect_silence().await;
}

#[tokio::test]
async fn data_of_10_kilobytes_passes_and_one_byte_more_is_refused_with_4301() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = pair(&app).await;
    let data = |bytes: usize| json!("x".repeat(bytes - 2));
    sender.send_event("client-x", ROOM, data(10_240)).await;
    assert_eq!(other.expect("client-x").await["data"].as_str().unwrap().len(), 10_238);
    sender.send_event("client-x", ROOM, data(10_241)).await;
    sender.expect_error(4301).await;
    sender.expect_silence().await;
    other.expect_silence().await;
}

#[tokio::test]
async fn name_of_200_characters_passes_and_201_are_refused() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = pair(&app).await;
    let name = |length: usize| format!("client-{}", "é".repeat(length - 7));
    sender.send_event(&name(200), ROOM, json!({})).await;
    other.expect(&name(200)).await;
    sender.send_event(&name(201), ROOM, json!({})).await;
    sender.expect_error(4301).await;
    other.expect_silence().await;
}

#[tokio::test]
async fn frames_beyond_the_general_limit_are_refused_with_4301_or_closed_with_4100() {
    for closes in [false, true] {
        let app = TestApp::with_settings(|settings| {
            settings.frame_limit = 5;
            settings.frame_limit_seconds = 3_600;
            settings.frame_limit_closes = closes;
        })
        .await;
        let mut client = app.connect().await;
        client.send_at_once((0..6).map(|_| json!({ "event": "pusher:ping" }))).await;
        for _ in 0..5 {
            client.expect("pusher:pong").await;
        }
        client.expect_error(4301).await;
        if closes {
            client.refused_with(4100).await;
        } else {
            client.send_json(json!({ "event": "pusher:ping" })).await;
            client.expect_error(4301).await;
        }
    }
}
