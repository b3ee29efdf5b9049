//! How sockets end, and which faults do not end them.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{app::TestApp, process::Process, raw::Raw};

#[tokio::test]
async fn text_that_means_nothing_is_answered_with_4200_and_the_socket_stays_usable() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let frames = [
        "",
        " ",
        "{",
        "}",
        "nonsense",
        "{}",
        "[]",
        "5",
        "\"x\"",
        "null",
        "true",
        r#"["pusher:ping"]"#,
        r#"{"event":5}"#,
        r#"{"event":null}"#,
        r#"{"event":"pusher:ping"} x"#,
        r#"{"event":"a","event":"b"}"#,
        "{\"event\":\"\u{0}\"}",
        r#"{"event":"\ud800"}"#,
    ];
    for frame in frames {
        client.send_text(frame).await;
        let message = client.expect_error(4200).await;
        assert!(message.starts_with("Invalid message format"), "{frame}: {message}");
        client.expect_silence().await;
    }
    client.subscribe("room").await;
}

#[tokio::test]
async fn wrong_types_are_answered_with_4200() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let signed = |data: &str| client.keys.channel_auth(&client.id, "presence-room", Some(data));
    let frames = [
        json!({ "event": "pusher:subscribe" }),
        json!({ "event": "pusher:subscribe", "data": 5 }),
        json!({ "event": "pusher:subscribe", "data": [] }),
        json!({ "event": "pusher:subscribe", "data": "nonsense" }),
        json!({ "event": "pusher:subscribe", "data": {} }),
        json!({ "event": "pusher:subscribe", "data": { "channel": 5 } }),
        json!({ "event": "pusher:subscribe", "data": { "channel": null } }),
        json!({ "event": "pusher:subscribe", "data": { "channel": "room", "auth": 5 } }),
        json!({ "event": "pusher:subscribe", "data": { "channel": "room", "channel_data": {} } }),
        json!({ "event": "pusher:subscribe",
            "data": { "channel": "presence-room", "auth": signed("nonsense"), "channel_data": "nonsense" } }),
        json!({ "event": "pusher:unsubscribe", "data": { "channel": [] } }),
        json!({ "event": "pusher:signin", "data": { "auth": "x" } }),
        json!({ "event": "client-x", "channel": 5 }),
        json!({ "event": "client-x" }),
    ];
    for frame in frames {
        client.send_json(frame.clone()).await;
        client.expect_error(4200).await;
        assert!(client.drain().await.is_empty(), "{frame}");
    }
}

#[tokio::test]
async fn unknown_pusher_event_is_answered_with_4200() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for event in ["pusher:foo", "pusher:", "pusher:connection_established", "pusher:error", "pusher:Subscribe"] {
        client.send_json(json!({ "event": event, "data": {} })).await;
        client.expect_error(4200).await;
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn names_that_are_the_servers_own_are_ignored_and_counted() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for event in ["pusher_internal:member_added", "anything", "Client-x", ""] {
        client.send_json(json!({ "event": event, "channel": "room", "data": {} })).await;
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn data_of_pusher_events_may_be_packed_into_a_string() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let packed = json!({ "channel": "room" }).to_string();
    client.send_json(json!({ "event": "pusher:subscribe", "data": packed })).await;
    client.expect_on("pusher_internal:subscription_succeeded", "room").await;
    client.send_json(json!({ "event": "pusher:unsubscribe", "data": packed })).await;
    client.expect_silence().await;
    app.publish("room", "bell", "{}").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn deep_nesting_is_refused_at_33_levels_and_the_socket_stays() {
    let app = TestApp::with_settings(|settings| settings.client_events_on_public = true).await;
    let (mut client, mut listener) = (app.connect().await, app.connect().await);
    client.subscribe("room").await;
    listener.subscribe("room").await;
    let nested = |levels: usize| {
        let data = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"event":"client-x","channel":"room","data":{data}}}"#)
    };
    client.send_text(&nested(31)).await;
    client.expect_silence().await;
    listener.expect_on("client-x", "room").await;
    for levels in [32, 5_000] {
        client.send_text(&nested(levels)).await;
        client.expect_error(4200).await;
    }
    listener.expect_silence().await;
}

/// A message of exactly this many bytes that asks for a pong.
fn ping_of(bytes: usize) -> String {
    let bare = r#"{"event":"pusher:ping","data":""}"#;
    bare.replace(r#""""#, &format!("\"{}\"", "x".repeat(bytes - bare.len())))
}

#[tokio::test]
async fn message_of_the_largest_size_passes_and_one_byte_more_is_closed_with_1009() {
    let app = TestApp::with_settings(|settings| settings.max_message_bytes = 10_000).await;
    let mut client = app.connect().await;
    client.send_text(&ping_of(10_000)).await;
    client.expect("pusher:pong").await;
    client.send_text(&ping_of(10_001)).await;
    assert_eq!(client.closed_with().await, (1009, "Maximum message size exceeded".to_owned()));
}

#[tokio::test]
async fn binary_message_is_closed_with_1003() {
    let app = TestApp::start().await;
    for payload in [&b""[..], br#"{"event":"pusher:ping"}"#] {
        let mut client = app.connect().await;
        client.send(Message::Binary(payload.to_vec().into())).await;
        assert_eq!(client.closed_with().await.0, 1003);
    }
}

#[tokio::test]
async fn nothing_that_follows_a_fault_is_handled() {
    let app = TestApp::start().await;
    let mut listener = app.connect().await;
    listener.join("presence-room", "1").await;
    let mut raw = Raw::open(&app).await;
    let binary = crate::support::raw::frame(0x82, b"x");
    let subscribe = crate::support::raw::text(r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#);
    raw.send(&[binary, subscribe].concat()).await;
    assert_eq!(raw.closed_with().await, 1003);
    let (_, answer) = app.get("/channels/room", &[]).await;
    assert_eq!(answer["occupied"], false);
    listener.expect_silence().await;
}

#[tokio::test]
async fn client_that_closes_is_answered_with_its_own_code() {
    let app = TestApp::start().await;
    app.connect().await.close().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&crate::support::raw::close(1001, b"gone")).await;
    assert_eq!(raw.frame().await.unwrap().close_code(), 1001);
    assert_eq!(raw.frame().await, None);
}

#[tokio::test]
async fn sigterm_tells_every_client_4200_and_ends_the_process_cleanly() {
    let process = Process::start(&[]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(process.connect().await);
    }
    process.terminate();
    for client in &mut clients {
        assert_eq!(client.refused_with(4200).await, "Please reconnect immediately");
    }
    let remains = process.ended().await;
    assert!(remains.status.success(), "{}", remains.log);
}

#[tokio::test]
async fn newcomer_to_a_server_that_goes_down_is_closed_with_4100() {
    let mut app = TestApp::start().await;
    // They do not answer the close, so that the server stays for a while.
    let mut crowd = app.crowd(100).await;
    app.begin_stop();
    let first = futures_util::future::select_all(crowd.iter_mut().map(|client| Box::pin(client.frame()))).await.0;
    assert_eq!(first["data"]["code"], 4200);
    app.open("/app/app-key").await.refused_with(4100).await;
    drop(crowd);
    app.stopped().await;
}

#[tokio::test]
async fn users_whom_the_app_terminates_are_closed_with_4009_and_others_stay() {
    let app = TestApp::start().await;
    let (mut signed_in, mut member, mut other) = (app.connect().await, app.connect().await, app.connect().await);
    signed_in.sign_in("42").await;
    member.join("presence-room", "42").await;
    other.sign_in("43").await;
    let (status, _) = app.post("/users/42/terminate_connections", &json!({})).await;
    assert_eq!(status, 200);
    signed_in.refused_with(4009).await;
    member.refused_with(4009).await;
    other.expect_silence().await;
}
