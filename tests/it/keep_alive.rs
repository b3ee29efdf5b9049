//! Who is alive: pings from both sides, and what becomes of the silent.

use std::time::Duration;

use campanile::config::Config;
use tokio_tungstenite::tungstenite::Message;

use crate::support::app::{TestApp, settings};

/// The server asks after a second and waits for another one. Both are the shortest there are.
fn impatient(config: &mut Config) {
    settings(config).ping_interval = 1;
    config.server.pong_timeout = Duration::from_secs(1);
}

/// A client that pusher-js would be.
const ANNOUNCED: &str = "/app/app-key?protocol=7&client=js&version=8.6.0&flash=false";

#[tokio::test]
async fn pusher_ping_is_answered_with_pong() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for ping in [
        r#"{"event":"pusher:ping","data":{}}"#,
        r#"{"event":"pusher:ping"}"#,
        r#"{"event":"pusher:ping","data":"{}"}"#,
        r#"{"event":"pusher:ping","data":null}"#,
    ] {
        client.send_text(ping).await;
        assert_eq!(client.text().await, r#"{"event":"pusher:pong"}"#);
    }
}

#[tokio::test]
async fn websocket_ping_is_answered_with_its_payload() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for payload in [&b""[..], b"bell", &[0xFF; 125]] {
        client.send(Message::Ping(payload.to_vec().into())).await;
        assert_eq!(client.message().await, Some(Message::Pong(payload.to_vec().into())));
    }
}

#[tokio::test]
async fn client_that_uses_control_frames_is_pinged_with_them_and_outlives_the_idle_limit() {
    let app = TestApp::with(impatient).await;
    let mut client = app.open(ANNOUNCED).await;
    client.established().await;
    client.send(Message::Ping(Vec::new().into())).await;
    assert!(matches!(client.message().await, Some(Message::Pong(_))));
    // Reading answers a ping. The third comes after a second pong, so two intervals and two waits have been survived.
    for _ in 0..3 {
        assert!(matches!(client.message().await, Some(Message::Ping(_))));
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn silent_client_is_pinged_and_then_closed_with_4201() {
    let app = TestApp::with(impatient).await;
    let mut idle = app.open(ANNOUNCED).await;
    idle.established().await;
    let mut subscribed = app.open(ANNOUNCED).await;
    subscribed.established().await;
    subscribed.subscribe("room").await;
    for mut client in [idle, subscribed] {
        client.expect("pusher:ping").await;
        assert_eq!(client.refused_with(4201).await, "Pong reply not received in time");
    }
}

#[tokio::test]
async fn client_that_answers_pings_lives() {
    let app = TestApp::with(impatient).await;
    let mut client = app.open(ANNOUNCED).await;
    client.established().await;
    for _ in 0..3 {
        client.expect("pusher:ping").await;
        client.send_text(r#"{"event":"pusher:pong","data":{}}"#).await;
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn any_frame_after_a_ping_counts_as_an_answer() {
    let app = TestApp::with(impatient).await;
    let mut client = app.open(ANNOUNCED).await;
    client.established().await;
    for frame in [r#"{"event":"client-x","channel":"room","data":1}"#, "nonsense"] {
        client.expect("pusher:ping").await;
        client.send_text(frame).await;
        client.expect("pusher:error").await;
    }
    client.expect("pusher:ping").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn client_that_nothing_is_known_about_is_asked_both_ways() {
    let app = TestApp::with(impatient).await;
    let mut client = app.open("/app/app-key").await;
    client.established().await;
    client.expect("pusher:ping").await;
    assert!(matches!(client.message().await, Some(Message::Ping(_))));
    // The library has answered with a pong, so from now on the server asks with control frames only.
    assert!(matches!(client.message().await, Some(Message::Ping(_))));
    client.expect_silence().await;
}
