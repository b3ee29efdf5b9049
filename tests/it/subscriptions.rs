//! Who may subscribe, what subscribing again means, and when delivery ends.

use serde_json::json;

use crate::support::{
    app::{Keys, MAIN, OTHER, TestApp},
    client::{Client, member},
};

#[tokio::test]
async fn private_channel_with_a_good_signature_is_heard() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let frame = client.subscribe_private("private-orders.1").await;
    assert_eq!(frame["data"], "{}");
    app.publish("private-orders.1", "bell", "1").await;
    client.expect_on("bell", "private-orders.1").await;
}

#[tokio::test]
async fn private_channel_accepts_channel_data_signed_or_not() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let data = member("42");
    client.ask_signed("private-a", Some(&data)).await;
    client.expect_on("pusher_internal:subscription_succeeded", "private-a").await;
    let auth = MAIN.channel_auth(&client.id, "private-b", None);
    client.ask_with("private-b", &auth, Some(&data)).await;
    client.expect_on("pusher_internal:subscription_succeeded", "private-b").await;
}

/// Every forgery of `auth` for a channel that must not pass.
fn forgeries(client: &Client, other: &str, channel: &str) -> Vec<String> {
    let good = MAIN.channel_auth(&client.id, channel, None);
    let (key, signature) = good.split_once(':').unwrap();
    let with = |signature: &str| format!("{key}:{signature}");
    let stranger = Keys { secret: "another-secret", ..MAIN };
    let mut all = vec![
        String::new(),
        "nonsense".to_owned(),
        ":".to_owned(),
        signature.to_owned(),
        with(""),
        with(&signature[..63]),
        with(&format!("{signature}0")),
        with(&format!(" {signature}")),
        with(&signature.to_ascii_uppercase()),
        with(&"0".repeat(64)),
        with(&format!("{signature}:{signature}")),
        MAIN.channel_auth(other, channel, None),
        MAIN.channel_auth(&client.id, "private-other", None),
        MAIN.channel_auth(&client.id, channel, Some("{}")),
        MAIN.user_auth(&client.id, channel),
        stranger.channel_auth(&client.id, channel, None),
        OTHER.channel_auth(&client.id, channel, None),
        format!("{}:{signature}", OTHER.key),
    ];
    for position in 0..64 {
        let mut bytes = signature.as_bytes().to_vec();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        all.push(with(&String::from_utf8(bytes).unwrap()));
    }
    all
}

#[tokio::test]
async fn forged_signature_opens_nothing_and_the_socket_stays() {
    let app = TestApp::with_two_apps().await;
    let (mut client, other) = (app.connect().await, app.connect().await);
    client.ask("private-x").await;
    client.expect_unauthorized("private-x").await;
    for auth in forgeries(&client, &other.id, "private-x") {
        client.ask_with("private-x", &auth, None).await;
        client.expect_unauthorized("private-x").await;
    }
    app.publish("private-x", "bell", "1").await;
    client.expect_silence().await;
    client.subscribe_private("private-x").await;
}

#[tokio::test]
async fn error_frame_beside_the_subscription_error_is_a_switch() {
    let app = TestApp::with_settings(|settings| settings.auth_error_frame = false).await;
    let mut client = app.connect().await;
    client.ask("private-x").await;
    client.expect_on("pusher:subscription_error", "private-x").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn both_secrets_of_an_app_verify_while_it_rotates_them() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().secrets.insert(0, "newer-secret".into())).await;
    let mut client = app.connect().await;
    client.subscribe_private("private-old").await;
    client.keys.secret = "newer-secret";
    client.subscribe_private("private-new").await;
}

#[tokio::test]
async fn subscribing_again_is_answered_again_and_counts_once() {
    let app = TestApp::with_settings(|settings| settings.subscription_counts = true).await;
    let (mut client, mut other) = (app.connect().await, app.connect().await);
    other.subscribe("room").await;
    other.expect("pusher_internal:subscription_count").await;
    client.subscribe("room").await;
    client.expect("pusher_internal:subscription_count").await;
    other.expect("pusher_internal:subscription_count").await;
    client.subscribe("room").await;
    client.expect_silence().await;
    other.expect_silence().await;
    client.subscribe_private("private-room").await;
    client.expect("pusher_internal:subscription_count").await;
    client.subscribe_private("private-room").await;
    client.expect_silence().await;
    app.publish("room", "bell", "1").await;
    client.expect_on("bell", "room").await;
    client.expect_silence().await;
    let (_, answer) = app.get("/channels/room", &[("info", "subscription_count")]).await;
    assert_eq!(answer["subscription_count"], 2);
}

#[tokio::test]
async fn one_unsubscribe_ends_what_was_subscribed_twice() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for _ in 0..2 {
        client.subscribe("room").await;
        client.join("presence-room", "1").await;
    }
    client.unsubscribe("room").await;
    client.unsubscribe("presence-room").await;
    client.expect_silence().await;
    let (_, answer) = app.get("/channels", &[]).await;
    assert_eq!(answer, json!({ "channels": {} }));
}

#[tokio::test]
async fn unsubscribing_from_what_was_never_subscribed_is_silent() {
    let app = TestApp::start().await;
    let (mut client, mut other) = (app.connect().await, app.connect().await);
    other.subscribe("room").await;
    other.join("presence-room", "1").await;
    for channel in ["room", "presence-room", "private-x", "", "a b", "#server-to-user-1"] {
        client.unsubscribe(channel).await;
    }
    client.expect_silence().await;
    other.expect_silence().await;
    app.publish("room", "bell", "1").await;
    other.expect_on("bell", "room").await;
}

#[tokio::test]
async fn unsubscribing_ends_delivery_of_that_channel_only() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for channel in ["room-1", "room-2"] {
        client.subscribe(channel).await;
    }
    client.unsubscribe("room-1").await;
    client.expect_silence().await;
    app.publish("room-1", "bell", "1").await;
    app.publish("room-2", "bell", "2").await;
    client.expect_on("bell", "room-2").await;
    client.expect_silence().await;
    client.subscribe("room-1").await;
    app.publish("room-1", "bell", "3").await;
    assert_eq!(client.expect_on("bell", "room-1").await["data"], "3");
}

#[tokio::test]
async fn closed_socket_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for end in 0..2 {
        let mut client = app.connect().await;
        client.subscribe("room").await;
        client.join("presence-room", "1").await;
        client.sign_in("1").await;
        if end == 0 {
            client.close().await
        } else {
            client.cut()
        }
        let empty = || async { app.get("/channels", &[]).await.1 == json!({ "channels": {} }) };
        crate::support::eventually("all channels are vacated", empty).await;
    }
    assert_eq!(app.metric("campanile_new_disconnections_total{app=\"app-id\"}").await, 2);
}

#[tokio::test]
async fn channel_201_of_a_socket_is_refused_and_the_first_200_go_on() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for number in 0..200 {
        client.subscribe(&format!("room-{number}")).await;
    }
    client.ask("room-200").await;
    let frame = client.expect_on("pusher:subscription_error", "room-200").await;
    assert_eq!(frame["data"]["type"], "LimitReached");
    app.publish("room-200", "bell", "1").await;
    app.publish("room-199", "bell", "1").await;
    client.expect_on("bell", "room-199").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn client_that_comes_back_may_renew_150_channels_at_once() {
    let app = TestApp::start().await;
    for _ in 0..2 {
        let mut client = app.connect().await;
        let ask = |number: u32| json!({ "event": "pusher:subscribe", "data": { "channel": format!("room-{number}") } });
        client.send_at_once((0..150).map(ask)).await;
        for number in 0..150 {
            client.expect_on("pusher_internal:subscription_succeeded", &format!("room-{number}")).await;
        }
        client.cut();
    }
}

#[tokio::test]
async fn channels_beyond_the_apps_limit_are_refused_until_one_is_vacated() {
    let app = TestApp::with_settings(|settings| settings.max_channels = 2).await;
    let (mut client, mut other) = (app.connect().await, app.connect().await);
    client.subscribe("room-1").await;
    client.join("presence-room", "1").await;
    other.ask("room-2").await;
    assert_eq!(other.expect_on("pusher:subscription_error", "room-2").await["data"]["type"], "LimitReached");
    other.subscribe("room-1").await;
    client.unsubscribe("presence-room").await;
    client.expect_silence().await;
    other.subscribe("room-2").await;
}
