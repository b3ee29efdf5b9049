//! Habits of the server SDKs that the API must survive, over the real wire.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::{MAIN, TestApp},
    http::unix_now,
    wire::Wire,
};

const CHANNELS: &str = "/apps/app-id/channels";
const EVENTS: &str = "/apps/app-id/events";
const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Writes a query as it is, without escapes.
fn raw(query: &[(String, String)]) -> String {
    query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// A signed query in which one parameter, signed as `signed`, stands as `wire`.
fn disguised(method_and_path: (&str, &str), signed: (&str, &str), wire: &str) -> String {
    let query = raw(&MAIN.signed_query(method_and_path, &[signed], b"", unix_now()));
    let plain = format!("{}={}", signed.0, signed.1);
    assert!(query.contains(&plain));
    query.replacen(&plain, wire, 1)
}

async fn get(app: &TestApp, target: &str) -> Answer {
    let mut wire = Wire::connect(app.address).await;
    wire.ask("GET", target, &[], "").await;
    wire.answer().await
}

/// A target with signature for a POST.
fn signed_post(path: &str, body: &str) -> String {
    format!("{path}?{}", raw(&MAIN.signed_query(("POST", path), &[], body.as_bytes(), unix_now())))
}

fn event(data: &str) -> String {
    json!({ "name": "bell", "channel": "room", "data": data }).to_string()
}

#[tokio::test]
async fn python_sends_the_md5_of_an_empty_body_with_get() {
    let app = TestApp::start().await;
    let right = [("body_md5", EMPTY_MD5)];
    finish(&app, app.signed(MAIN, (Method::GET, CHANNELS), &right, "")).await.ok();
    let wrong = [("body_md5", "99914b932bd37a50b983c5e7c90ae93b")];
    finish(&app, app.signed(MAIN, (Method::GET, CHANNELS), &wrong, "")).await.refused(401);
}

#[tokio::test]
async fn comma_in_a_value_may_be_raw_or_escaped() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.join("presence-room", "42").await;
    let path = "/apps/app-id/channels/presence-room";
    let list = "user_count,subscription_count";
    let expected = json!({ "occupied": true, "user_count": 1, "subscription_count": 1 });
    for wire in [
        "info=user_count,subscription_count",
        "info=user_count%2Csubscription_count",
        "info=user_count%2csubscription%5Fcount",
        "info[]=user_count&info[]=subscription_count",
        "info[0]=user_count&info[1]=subscription_count",
        "info%5B0%5D=user_count&info%5B1%5D=subscription_count",
        "info%5b%5d=user_count&info%5b%5d=subscription_count",
        "INFO=user_count,subscription_count",
        "Info[0]=user_count&iNFO[1]=subscription_count",
    ] {
        let query = disguised(("GET", path), ("info", list), wire);
        assert_eq!(get(&app, &format!("{path}?{query}")).await.ok(), expected, "{wire}");
    }
}

#[tokio::test]
async fn upper_case_keys_are_sorted_in_lower_case_and_mean_the_same() {
    let app = TestApp::start().await;
    app.connect().await.subscribe("alpha").await;
    let mut client = app.connect().await;
    client.subscribe("beta").await;
    let query = MAIN.signed_query(("GET", CHANNELS), &[("filter_by_prefix", "be")], b"", unix_now());
    let upper: Vec<_> = query.into_iter().rev().map(|(name, value)| (name.to_uppercase(), value)).collect();
    assert_eq!(get(&app, &format!("{CHANNELS}?{}", raw(&upper))).await.ok(), json!({ "channels": { "beta": {} } }));
}

#[tokio::test]
async fn plus_and_percent_20_are_both_a_space() {
    let app = TestApp::start().await;
    for wire in ["note=a+b", "note=a%20b"] {
        let query = disguised(("GET", CHANNELS), ("note", "a b"), wire);
        get(&app, &format!("{CHANNELS}?{query}")).await.ok();
    }
}

#[tokio::test]
async fn prefix_may_be_signed_or_left_out_of_the_signature() {
    let app = TestApp::with(|config| config.server.path = "/realtime".to_owned()).await;
    for signed in ["/realtime/apps/app-id/channels", CHANNELS] {
        let query = raw(&MAIN.signed_query(("GET", signed), &[], b"", unix_now()));
        get(&app, &format!("/realtime{CHANNELS}?{query}")).await.ok();
    }
    let query = raw(&MAIN.signed_query(("GET", "/other/apps/app-id/channels"), &[], b"", unix_now()));
    get(&app, &format!("/realtime{CHANNELS}?{query}")).await.refused(401);
    let query = raw(&MAIN.signed_query(("GET", CHANNELS), &[], b"", unix_now()));
    for outside in [format!("{CHANNELS}?{query}"), "/up".to_owned(), "/realtimes/up".to_owned()] {
        get(&app, &outside).await.refused(404);
    }
    assert_eq!(get(&app, "/realtime/up").await.ok(), json!({ "health": "OK" }));
}

#[tokio::test]
async fn content_type_may_be_absent_or_odd() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(app.address).await;
    let body = event("{}");
    for kind in
        ["application/json", "application/json; charset=utf-8", "text/plain", "application/octet-stream", "x", "\u{fc}"]
    {
        wire.ask("POST", &signed_post(EVENTS, &body), &[("Content-Type", kind)], &body).await;
        assert_eq!(wire.answer().await.ok(), json!({}), "{kind}");
    }
    wire.ask("POST", &signed_post(EVENTS, &body), &[], &body).await;
    let answer = wire.answer().await;
    assert_eq!(answer.ok(), json!({}));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
}

#[tokio::test]
async fn chunked_body_is_put_together_before_it_is_verified() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    let body = event("in pieces");
    let mut wire = Wire::connect(app.address).await;
    for pieces in [1, 7, body.len()] {
        let target = signed_post(EVENTS, &body);
        wire.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
        for piece in body.as_bytes().chunks(pieces) {
            wire.send(format!("{:x};ext=1\r\n", piece.len())).await;
            wire.send([piece, b"\r\n"].concat()).await;
        }
        wire.send("0\r\n\r\n").await;
        assert_eq!(wire.answer().await.ok(), json!({}));
        assert_eq!(client.expect("bell").await["data"], "in pieces");
    }
}

#[tokio::test]
async fn client_that_asks_before_sending_its_body_is_told_to_go_on() {
    let app = TestApp::start().await;
    let body = event("{}");
    let mut wire = Wire::connect(app.address).await;
    let head = |target: &str, length: usize| {
        format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n")
    };
    wire.send(head(&signed_post(EVENTS, &body), body.len())).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(&body).await;
    assert_eq!(wire.answer().await.ok(), json!({}));

    wire.send(head("/apps/nobody/events", body.len())).await;
    wire.answer().await.refused(404);
    let mut wire = Wire::connect(app.address).await;
    wire.send(head(&signed_post(EVENTS, &body), 3 << 20)).await;
    wire.answer().await.refused(413);
}

#[tokio::test]
async fn thousand_requests_go_over_one_connection() {
    let app = TestApp::with_settings(|settings| settings.reads_per_second = 0).await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    let mut wire = Wire::connect(app.address).await;
    let query = raw(&MAIN.signed_query(("GET", "/apps/app-id/channels/room"), &[], b"", unix_now()));
    for number in 0..500 {
        let body = event(&number.to_string());
        wire.ask("POST", &signed_post(EVENTS, &body), &[], &body).await;
        assert_eq!(wire.answer().await.ok(), json!({}));
        wire.ask("GET", &format!("/apps/app-id/channels/room?{query}"), &[], "").await;
        assert_eq!(wire.answer().await.ok(), json!({ "occupied": true }));
        assert_eq!(client.expect("bell").await["data"], Value::String(number.to_string()));
    }
}

#[tokio::test]
async fn requests_may_be_sent_without_waiting_for_answers_and_a_refusal_does_not_end_the_connection() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(app.address).await;
    let body = event("{}");
    wire.ask("GET", "/up", &[], "").await;
    wire.ask("POST", &format!("{EVENTS}?auth_key=x"), &[], &body).await;
    wire.ask("POST", &signed_post(EVENTS, "{}"), &[], "{}").await;
    wire.ask("GET", "/nowhere", &[], "").await;
    wire.ask("POST", &signed_post(EVENTS, &body), &[], &body).await;
    assert_eq!(wire.answer().await.ok(), json!({ "health": "OK" }));
    wire.answer().await.refused(401);
    wire.answer().await.refused(400);
    wire.answer().await.refused(404);
    assert_eq!(wire.answer().await.ok(), json!({}));
}

#[tokio::test]
async fn http_1_0_gets_its_answer_and_an_end() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(app.address).await;
    wire.send("GET /up HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.answer().await.ok(), json!({ "health": "OK" }));
    assert!(wire.is_closed().await);
}

#[tokio::test]
async fn channel_names_in_paths_may_be_escaped_and_are_signed_as_they_stand() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.join("presence-a@b,c;d=e", "42").await;
    for name in ["presence-a%40b%2Cc%3Bd%3De", "presence-a@b,c;d=e", "%70resence-a%40b,c;d=e"] {
        let path = format!("/apps/app-id/channels/{name}/users");
        let query = raw(&MAIN.signed_query(("GET", &path), &[], b"", unix_now()));
        assert_eq!(get(&app, &format!("{path}?{query}")).await.ok(), json!({ "users": [{ "id": "42" }] }), "{name}");
    }
}
