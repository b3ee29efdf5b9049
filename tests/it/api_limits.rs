//! Limits of the HTTP API: at the limit everything passes, one beyond nothing does.

use std::time::Duration;

use campanile::domain::{app::AppSettings, caller::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish, get, post, post_json},
    app::{MAIN, TestApp},
    eventually,
    http::unix_now,
    wire::Wire,
};

fn event(name: &str, channels: Value, data: &str) -> Value {
    json!({ "name": name, "channels": channels, "data": data })
}

fn channels(count: usize) -> Value {
    (0..count).map(|number| format!("room-{number}")).collect()
}

fn batch(count: usize) -> Value {
    let item = json!({ "name": "bell", "channel": "room", "data": "1" });
    json!({ "batch": vec![item; count] })
}

#[tokio::test]
async fn defaults_hold_at_the_limit_and_refuse_beyond() {
    let app = TestApp::start().await;
    let room = || json!(["room"]);
    for good in [
        event("bell", channels(100), "1"),
        event(&"n".repeat(200), room(), "1"),
        event(&"é".repeat(200), room(), "1"),
        event("bell", json!(["x".repeat(200)]), "1"),
        event("bell", json!([format!("#server-to-user-{}", "x".repeat(185))]), "1"),
        event("bell", room(), &"x".repeat(10_240)),
        event("bell", room(), &"é".repeat(5_120)),
    ] {
        post_json(&app, "/events", &good).await.ok();
    }
    for (bad, status) in [
        (event("bell", channels(101), "1"), 400),
        (event(&"n".repeat(201), room(), "1"), 400),
        (event("bell", json!(["x".repeat(201)]), "1"), 400),
        (event("bell", room(), &"x".repeat(10_241)), 413),
        // Bytes count, not characters.
        (event("bell", room(), &"é".repeat(5_121)), 413),
    ] {
        post_json(&app, "/events", &bad).await.refused(status);
    }
    post_json(&app, "/batch_events", &batch(10)).await.ok();
    post_json(&app, "/batch_events", &batch(11)).await.refused(400);
}

#[tokio::test]
async fn limits_of_an_app_hold_where_its_settings_put_them_and_refusals_name_them() {
    let app = TestApp::with_settings(|settings| {
        settings.max_event_channels = 2;
        settings.max_event_name_length = 4;
        settings.max_channel_name_length = 6;
        settings.max_event_bytes = 3;
        settings.max_batch_events = 1;
    })
    .await;
    post_json(&app, "/events", &event("bell", channels(2), "123")).await.ok();
    for (bad, status, limit) in [
        (event("bell", channels(3), "123"), 400, "2"),
        (event("bells", channels(2), "123"), 400, "4"),
        (event("bell", json!(["sevenly"]), "123"), 400, "6"),
        (event("bell", channels(2), "1234"), 413, "3 bytes"),
    ] {
        let answer = post_json(&app, "/events", &bad).await;
        assert!(answer.refused(status).contains(limit), "{}", answer.text());
    }
    post_json(&app, "/batch_events", &batch(1)).await.ok();
    post_json(&app, "/batch_events", &batch(2)).await.refused(400);
    get(&app, "/channels/sevenly", &[]).await.refused(400);
}

#[tokio::test]
async fn widest_settings_take_the_widest_requests_of_the_description_and_no_more() {
    let app = TestApp::with_settings(|settings| {
        settings.max_event_channels = 1_000;
        settings.max_event_name_length = 1_000;
        settings.max_channel_name_length = 500;
        settings.max_event_bytes = 102_400;
        settings.max_batch_events = 1_000;
    })
    .await;
    post_json(&app, "/events", &event(&"n".repeat(1_000), channels(1_000), "1")).await.ok();
    post_json(&app, "/events", &event("bell", channels(1), &"x".repeat(102_400))).await.ok();
    post_json(&app, "/events", &event("bell", json!(["x".repeat(500)]), "1")).await.ok();
    post_json(&app, "/batch_events", &batch(1_000)).await.ok();
    post_json(&app, "/events", &event("bell", channels(1_001), "1")).await.refused(400);
    post_json(&app, "/events", &event(&"n".repeat(1_001), channels(1), "1")).await.refused(400);
    post_json(&app, "/events", &event("bell", json!(["x".repeat(501)]), "1")).await.refused(400);
    post_json(&app, "/events", &event("bell", channels(1), &"x".repeat(102_401))).await.refused(413);
    post_json(&app, "/batch_events", &batch(1_001)).await.refused(400);
}

#[tokio::test]
async fn batch_that_could_never_pass_the_rate_limit_is_told_so_and_costs_nothing() {
    let app = TestApp::with_settings(|settings| settings.events_per_second = 5).await;
    let answer = post_json(&app, "/batch_events", &batch(6)).await;
    let text = answer.refused(400);
    assert!(text.contains("more than 5 messages") && text.contains("events_per_second"), "{text}");
    post_json(&app, "/batch_events", &batch(5)).await.ok();
    until_too_many("a batch too many", async || post_json(&app, "/batch_events", &batch(5)).await).await;
}

/// An event whose body has exactly this many bytes.
fn of_size(bytes: usize) -> String {
    let empty = json!({ "name": "bell", "channel": "room", "data": "1", "filler": "" }).to_string();
    let filler = "x".repeat(bytes - empty.len());
    let body = json!({ "name": "bell", "channel": "room", "data": "1", "filler": filler }).to_string();
    assert_eq!(body.len(), bytes);
    body
}

#[tokio::test]
async fn request_body_is_taken_up_to_the_server_s_limit_and_refused_beyond() {
    let app = TestApp::with(|config| config.server.max_request_bytes = 2_048).await;
    post(&app, "/events", &of_size(2_048)).await.ok();
    assert!(post(&app, "/events", &of_size(2_049)).await.refused(413).contains("2048"));
    // Refused although most of it is still to be sent.
    post(&app, "/events", &of_size(4 << 20)).await.refused(413);
    let mut wire = Wire::connect(app.address).await;
    let path = "/apps/app-id/events";
    let query = MAIN.signed_query(("POST", path), &[], "x".repeat(65_536).as_bytes(), unix_now());
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let head = "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked";
    wire.send(format!("POST {path}?{} {head}\r\n\r\n", query.join("&"))).await;
    wire.send(format!("400\r\n{}\r\n", "x".repeat(1_024)).repeat(64)).await;
    wire.answer().await.refused(413);
    post(&app, "/events", &of_size(2_048)).await.ok();
}

#[tokio::test]
async fn body_of_a_request_that_is_not_signed_is_not_waited_for() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(app.address).await;
    wire.send("POST /apps/app-id/events?auth_key=x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await;
    wire.answer().await.refused(401);
}

#[tokio::test]
async fn body_that_does_not_arrive_is_given_up_with_408_and_does_nothing() {
    let app = TestApp::with(|config| config.server.header_timeout = Duration::from_secs(1)).await;
    let body = event("bell", json!(["room"]), "1").to_string();
    let mut client = app.connect().await;
    client.subscribe("room").await;
    let signed = MAIN.signed_query(("POST", "/apps/app-id/events"), &[], body.as_bytes(), unix_now());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(signed).finish();
    let key = app.program(&[Scope::RosterWrite]).await.proof;
    let head = |rest: String| format!("{rest}Host: x\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
    let pusher = head(format!("POST /apps/app-id/events?{query} HTTP/1.1\r\n"));
    let rest = head(format!(
        "POST /api/roster/batch HTTP/1.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    ));
    for head in [pusher, rest] {
        let mut wire = Wire::connect(app.address).await;
        wire.send(&format!("{head}{body}")).await;
        assert_eq!(wire.answer().await.status, 408, "{head}");
    }
    client.expect_silence().await;
}

fn limit(answer: &Answer) -> (Option<u64>, Option<u64>) {
    let number = |name: &str| answer.header(name).map(|value| value.parse().unwrap());
    (number("x-ratelimit-limit"), number("x-ratelimit-remaining"))
}

fn limited(publishes: u32, reads: u32) -> impl FnOnce(&mut AppSettings) {
    move |settings| {
        settings.events_per_second = publishes;
        settings.reads_per_second = reads;
    }
}

/// Sends requests until one is refused with 429; the refusal must tell when to come back.
async fn until_too_many(what: &str, ask: impl AsyncFn() -> Answer) {
    eventually(what, async || {
        let answer = ask().await;
        if answer.status != 429 {
            return false;
        }
        answer.refused(429);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(limit(&answer).1, Some(0));
        true
    })
    .await;
}

#[tokio::test]
async fn publishing_faster_than_the_app_may_is_answered_with_429_and_passes_again_later() {
    let app = TestApp::with_settings(limited(10, 0)).await;
    let one = json!({ "name": "bell", "channel": "room", "data": "1" });
    let first = post_json(&app, "/events", &one).await;
    assert_eq!((first.status, limit(&first)), (200, (Some(10), Some(9))));
    // A batch counts as many events as it has.
    until_too_many("a batch too many", async || post_json(&app, "/batch_events", &batch(10)).await).await;
    let old = async || {
        let path = (Method::POST, "/apps/app-id/channels/room/events");
        finish(&app, app.signed(MAIN, path, &[("name", "bell")], "1")).await
    };
    until_too_many("too many in the old form", old).await;
    until_too_many("an event too many", async || post_json(&app, "/events", &one).await).await;
    eventually("tokens come back", async || post_json(&app, "/events", &one).await.status == 200).await;
    // Reads have a limit of their own: none here.
    let read = get(&app, "/channels", &[]).await;
    assert_eq!((read.status, limit(&read)), (200, (None, None)));
}

#[tokio::test]
async fn reading_faster_than_the_app_may_is_answered_with_429_and_leaves_publishing_alone() {
    let app = TestApp::with_settings(limited(0, 5)).await;
    let first = get(&app, "/channels", &[]).await;
    assert_eq!((first.status, limit(&first)), (200, (Some(5), Some(4))));
    for path in ["/channels", "/channels/room", "/channels/presence-x/users", "/connections"] {
        until_too_many(path, async || get(&app, path, &[]).await).await;
    }
    until_too_many("terminate", async || post(&app, "/users/1/terminate_connections", "").await).await;
    let publish = post_json(&app, "/events", &event("bell", channels(1), "1")).await;
    assert_eq!((publish.status, limit(&publish)), (200, (None, None)));
    finish(&app, app.plain(Method::GET, "/up")).await.ok();
}

#[tokio::test]
async fn refused_events_and_unsigned_requests_take_nothing_from_the_limit() {
    let app = TestApp::with_settings(limited(1, 1)).await;
    for _ in 0..20 {
        post(&app, "/events", "{}").await.refused(400);
        post_json(&app, "/events", &event("pusher:x", channels(1), "1")).await.refused(400);
        finish(&app, app.plain(Method::GET, "/apps/app-id/channels")).await.refused(401);
        finish(&app, app.plain(Method::POST, "/apps/app-id/events")).await.refused(401);
    }
    post_json(&app, "/events", &event("bell", channels(1), "1")).await.ok();
    get(&app, "/channels", &[]).await.ok();
}
