//! Names of channels, what their prefixes demand, and delivery to them.

use serde_json::json;

use crate::support::{
    app::TestApp,
    client::{Client, inner, member},
};

#[tokio::test]
async fn public_channel_is_answered_with_succeeded_and_empty_data_in_a_string() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let frame = client.subscribe("room").await;
    let expected = json!({ "event": "pusher_internal:subscription_succeeded", "channel": "room", "data": "{}" });
    assert_eq!(frame, expected);
}

#[tokio::test]
async fn empty_auth_on_a_public_channel_is_fine() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for (channel, auth) in [("room-1", ""), ("room-2", "nonsense")] {
        client.ask_with(channel, auth, None).await;
        client.expect_on("pusher_internal:subscription_succeeded", channel).await;
    }
    client.send_json(json!({ "event": "pusher:subscribe", "data": { "channel": "room-3", "auth": null } })).await;
    client.expect_on("pusher_internal:subscription_succeeded", "room-3").await;
}

#[tokio::test]
async fn published_event_reaches_each_subscriber_once_with_its_data_byte_for_byte() {
    let app = TestApp::start().await;
    let (mut first, mut second, mut outside) = (app.connect().await, app.connect().await, app.connect().await);
    first.subscribe("room").await;
    second.subscribe("room").await;
    outside.subscribe("other-room").await;
    for data in [r#"{ "b":1, "a":"\u00e9 é \/ 🔔" }"#, "plain text", "", "[1,2]", "\"\\\\\"", "\u{1}\u{7f}\u{2028}"]
    {
        app.publish("room", "App\\Events\\Bell", data).await;
        for client in [&mut first, &mut second] {
            let frame = client.frame().await;
            assert_eq!(frame, json!({ "event": "App\\Events\\Bell", "channel": "room", "data": data }));
            client.expect_silence().await;
        }
    }
    outside.expect_silence().await;
}

#[tokio::test]
async fn excluded_socket_does_not_get_the_event() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    for client in [&mut sender, &mut other] {
        client.subscribe("room").await;
    }
    let body = json!({ "name": "bell", "channel": "room", "data": "1", "socket_id": sender.id });
    assert_eq!(app.post("/events", &body).await.0, 200);
    sender.expect_silence().await;
    other.expect_on("bell", "room").await;
}

#[tokio::test]
async fn events_arrive_in_the_order_they_were_published() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    for batch in 0..20 {
        let event =
            |number: u32| json!({ "name": "bell", "channel": "room", "data": (batch * 10 + number).to_string() });
        let batch: Vec<_> = (0..10).map(event).collect();
        assert_eq!(app.post("/batch_events", &json!({ "batch": batch })).await.0, 200);
    }
    for number in 0..200 {
        assert_eq!(client.expect("bell").await["data"], number.to_string());
    }
}

async fn refused_name(client: &mut Client, name: &str) {
    client.ask(name).await;
    let frame = client.expect("pusher:subscription_error").await;
    assert_eq!(frame["data"]["type"], "InvalidChannel", "{frame}");
    client.expect_silence().await;
}

#[tokio::test]
async fn each_legal_special_character_and_200_characters_make_a_name() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for special in "-_=@,.;".chars() {
        client.subscribe(&format!("a{special}B9")).await;
        client.subscribe(&special.to_string()).await;
    }
    client.subscribe(&"x".repeat(200)).await;
    client.subscribe("#a").await;
}

#[tokio::test]
async fn illegal_names_are_refused_with_a_subscription_error_and_the_socket_stays() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let long = "x".repeat(201);
    for name in ["", "#", "a b", "a:b", "a/b", "a|b", "a#b", "##a", "é", "a\n", "a\u{0}", "a\"b", "💥", &long] {
        refused_name(&mut client, name).await;
    }
    refused_name(&mut client, &"é".repeat(3_000)).await;
    client.subscribe("room").await;
}

#[tokio::test]
async fn lenient_app_takes_the_names_that_reverb_takes() {
    let app = TestApp::with_settings(|settings| settings.lenient_channel_names = true).await;
    let mut client = app.connect().await;
    for name in ["orders:1", "a b", "a|b", "é"] {
        client.subscribe(name).await;
        app.publish(name, "bell", "1").await;
        client.expect_on("bell", name).await;
    }
    refused_name(&mut client, "a\nb").await;
}

#[tokio::test]
async fn prefix_counts_only_at_the_start_and_with_its_dash() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for name in
        ["privateer", "foo-private-x", "presences", "x-presence-y", "cachebox", "x-cache-y", "Private-x", "private"]
    {
        client.subscribe(name).await;
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn each_of_the_eight_prefixes_demands_and_gives_what_it_should() {
    let app = TestApp::start().await;
    // Name, needs a signature, has members, keeps the last event.
    let table = [
        ("room", false, false, false),
        ("cache-x", false, false, true),
        ("private-x", true, false, false),
        ("private-cache-x", true, false, true),
        ("private-encrypted-x", true, false, false),
        ("private-encrypted-cache-x", true, false, true),
        ("presence-x", true, true, false),
        ("presence-cache-x", true, true, true),
    ];
    for (name, guarded, has_members, cached) in table {
        let mut client = app.connect().await;
        if guarded {
            client.ask(name).await;
            client.expect_unauthorized(name).await;
        }
        client.ask_signed(name, has_members.then(|| member("7")).as_deref()).await;
        let frame = client.expect_on("pusher_internal:subscription_succeeded", name).await;
        assert_eq!(inner(&frame)["presence"]["count"], if has_members { json!(1) } else { json!(null) }, "{name}");
        if cached {
            client.expect_on("pusher:cache_miss", name).await;
        }
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn user_channel_is_for_the_signed_in_user_only() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.ask("#server-to-user-42").await;
    client.expect_unauthorized("#server-to-user-42").await;
    client.ask_signed("#server-to-user-42", None).await;
    client.expect_unauthorized("#server-to-user-42").await;
    client.sign_in("42").await;
    client.subscribe("#server-to-user-42").await;
    client.ask("#server-to-user-4").await;
    client.expect_unauthorized("#server-to-user-4").await;
    app.publish("#server-to-user-42", "bell", "1").await;
    client.expect_on("bell", "#server-to-user-42").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn encrypted_payload_is_relayed_byte_for_byte_and_nothing_of_it_is_read() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe_private("private-encrypted-vault").await;
    client.ask_signed("private-encrypted-cache-vault", None).await;
    client.expect("pusher_internal:subscription_succeeded").await;
    client.expect("pusher:cache_miss").await;
    let sealed =
        r#"{"nonce":"ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7","ciphertext":"gKQIjNOaO3ty1zOuST2XYKtj3pMcUsyhJ8Jq22uj"}"#;
    for data in [sealed, "{ \"ciphertext\" : \"x\",\"nonce\":\"y\" }", "no JSON at all"] {
        for channel in ["private-encrypted-vault", "private-encrypted-cache-vault"] {
            app.publish(channel, "bell", data).await;
            assert_eq!(client.expect_on("bell", channel).await["data"], data);
        }
    }
    let mut late = app.connect().await;
    late.ask_signed("private-encrypted-cache-vault", None).await;
    late.expect("pusher_internal:subscription_succeeded").await;
    assert_eq!(late.expect("bell").await["data"], "no JSON at all");
}
