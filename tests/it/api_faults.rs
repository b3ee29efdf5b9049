//! What is refused, with which status, and that the body says why; and the switch for those who come from Reverb.

use campanile::domain::app::AppSettings;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    answer::{finish, get, post, post_json},
    app::{MAIN, TestApp},
    client::inner,
    wire::Wire,
};

/// Bodies that cannot be published, for what is wrong with them.
fn bad_events() -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut event = json!({ "name": "bell", "channel": "room", "data": "1" });
        event[name] = value;
        event
    };
    let many: Vec<_> = (0..101).map(|number| format!("room-{number}")).collect();
    vec![
        json!({ "channel": "room", "data": "1" }),
        json!({ "name": "bell", "channel": "room" }),
        json!({ "name": "bell", "data": "1" }),
        json!({ "name": "bell", "data": "1", "channels": [] }),
        json!({ "name": "bell", "data": "1", "channels": {} }),
        json!({ "name": "bell", "data": "1", "channels": "room" }),
        json!({ "name": "bell", "data": "1", "channels": [1] }),
        json!({ "name": "bell", "data": "1", "channels": many }),
        json!({ "name": "bell", "data": "1", "channels": ["room", "no room"] }),
        with("name", json!(5)),
        with("name", json!("")),
        with("name", json!(null)),
        with("name", json!("n".repeat(201))),
        with("name", json!("pusher:bell")),
        with("name", json!("pusher_internal:member_added")),
        with("data", json!(null)),
        with("data", json!(5)),
        with("data", json!({ "a": 1 })),
        with("data", json!(["a"])),
        with("channel", json!("")),
        with("channel", json!("a b")),
        with("channel", json!("é")),
        with("channel", json!("#")),
        with("channel", json!("x".repeat(201))),
        with("channel", json!(["room"])),
        with("socket_id", json!(5)),
        with("info", json!("nonsense")),
        with("info", json!(["user_count"])),
    ]
}

const NO_EVENTS: [&str; 11] =
    ["", " ", "no json", "{", "[]", "null", "5", "\"text\"", "{\"name\":\"a\"}}", "{\"name\":}", "\u{feff}{}"];

#[tokio::test]
async fn event_that_cannot_be_published_is_refused_with_400_and_nobody_gets_it() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    for body in bad_events() {
        post_json(&app, "/events", &body).await.refused(400);
    }
    for body in NO_EVENTS {
        post(&app, "/events", body).await.refused(400);
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn refusals_name_what_would_be_right() {
    let app = TestApp::start().await;
    for (body, word) in [
        (json!({ "channel": "room", "data": "1" }), "name"),
        (json!({ "name": "bell", "channel": "room" }), "data"),
        (json!({ "name": "bell", "data": "1" }), "channels"),
        (json!({ "name": "pusher:x", "channel": "room", "data": "1" }), "reserved"),
        (json!({ "name": "bell", "channel": "a b", "data": "1" }), "letters"),
        (json!({ "name": "bell", "channel": "a", "data": "1", "info": "x" }), "subscription_count"),
    ] {
        let answer = post_json(&app, "/events", &body).await;
        assert!(answer.refused(400).contains(word), "{}", answer.text());
    }
}

#[tokio::test]
async fn body_that_is_no_utf_8_is_refused() {
    let app = TestApp::start().await;
    for path in ["/apps/app-id/events", "/apps/app-id/batch_events", "/apps/app-id/channels/room/events"] {
        let body: &[u8] = b"{\"name\":\"bell\",\"channel\":\"room\",\"data\":\"\xff\"}";
        let query = MAIN.signed_query(("POST", path), &[("name", "bell")], body, crate::support::http::unix_now());
        finish(&app, app.plain(Method::POST, path).query(&query).body(body)).await.refused(400);
    }
}

#[tokio::test]
async fn wrong_paths_are_not_found_and_wrong_methods_not_allowed() {
    let app = TestApp::start().await;
    for path in ["/nowhere", "/channels/room/nothing", "/channels/room/users/1", "", "/users/1"] {
        let path = format!("/apps/app-id{path}");
        for method in [Method::GET, Method::POST] {
            finish(&app, app.signed(MAIN, (method, &path), &[], "")).await.refused(404);
        }
    }
    for path in ["/apps", "/apps/", "/nowhere", "/app", "/app/app-key/more", "//up", "/UP"] {
        let status = finish(&app, app.plain(Method::GET, path)).await.status;
        assert_eq!(status, 404, "{path}");
    }
    for (method, path) in [
        (Method::GET, "/apps/app-id/events"),
        (Method::PUT, "/apps/app-id/events"),
        (Method::DELETE, "/apps/app-id/channels/room"),
        (Method::POST, "/apps/app-id/channels"),
        (Method::POST, "/apps/app-id/connections"),
        (Method::GET, "/apps/app-id/users/1/terminate_connections"),
    ] {
        finish(&app, app.signed(MAIN, (method, path), &[], "")).await.refused(405);
    }
    assert_eq!(finish(&app, app.plain(Method::POST, "/up")).await.status, 405);
    assert_eq!(finish(&app, app.plain(Method::POST, "/app/app-key")).await.status, 405);
    let plain_get = finish(&app, app.plain(Method::GET, "/app/app-key")).await;
    assert_eq!((plain_get.status, plain_get.header("upgrade")), (426, Some("websocket")));
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_without_harm() {
    let app = TestApp::start().await;
    for nonsense in
        ["\r\n", "GET\r\n\r\n", "GET /up HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}", "GET /\u{1} HTTP/1.1\r\n\r\n"]
    {
        let mut wire = Wire::connect(app.address).await;
        wire.send(nonsense).await;
        wire.finish().await;
        let said = wire.rest().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{nonsense:?}: {said}");
    }
    let mut wire = Wire::connect(app.address).await;
    wire.send(format!("GET /up HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "x".repeat(20_000))).await;
    assert_eq!(wire.answer().await.status, 431);
    finish(&app, app.plain(Method::GET, "/up")).await.ok();
}

/// A deterministic source of nonsense.
fn nonsense<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("name"),
        Just("data"),
        Just("channel"),
        Just("channels"),
        Just("socket_id"),
        Just("info"),
        Just("batch"),
        Just("x")
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[tokio::test]
async fn no_body_however_odd_is_the_server_s_fault() {
    let app = TestApp::start().await;
    let bodies = nonsense(any_json().prop_map(|value| value.to_string()), 150);
    let texts = nonsense("\\PC{0,60}", 50);
    for body in bodies.iter().chain(&texts) {
        for path in ["/events", "/batch_events"] {
            let answer = post(&app, path, body).await;
            assert!([200, 400, 413].contains(&answer.status), "{path} {body}: {}", answer.status);
        }
    }
    finish(&app, app.plain(Method::GET, "/up")).await.ok();
}

#[tokio::test]
async fn no_path_or_query_however_odd_is_the_server_s_fault() {
    let app = TestApp::start().await;
    let path =
        "(/(apps|app-id|channels|room|users|events|presence-x|%[0-9a-f]{2}|[!-~&&[^?#%/\"<>\\\\^`{|}]]{0,6})){1,5}";
    let query = "([a-zA-Z_\\[\\]]{1,8}(=([!-~&&[^#%\"<>\\\\^`{|}]]|%[0-9a-f]{2}){0,8})?&?){0,5}";
    let mut wire = Wire::connect(app.address).await;
    for (path, query) in nonsense((path, query), 300) {
        for method in ["GET", "POST"] {
            wire.ask(method, &format!("{path}?{query}"), &[], "").await;
            let answer = wire.answer().await;
            assert!(answer.status < 500, "{method} {path}?{query}: {}", answer.status);
        }
    }
    for (prefix, info) in nonsense(("\\PC{0,20}", "\\PC{0,20}"), 100) {
        let answer = get(&app, "/channels", &[("filter_by_prefix", &prefix), ("info", &info)]).await;
        assert!([200, 400].contains(&answer.status), "{prefix:?} {info:?}: {}", answer.text());
    }
}

async fn like_reverb() -> TestApp {
    TestApp::with_settings(|settings: &mut AppSettings| settings.reverb_parity = true).await
}

#[tokio::test]
async fn with_reverb_parity_a_body_that_cannot_be_used_is_refused_with_422() {
    let app = like_reverb().await;
    for body in bad_events() {
        post_json(&app, "/events", &body).await.refused(422);
    }
    for body in NO_EVENTS {
        post(&app, "/events", body).await.refused(422);
    }
    post_json(&app, "/batch_events", &json!({ "batch": [{ "name": "bell", "data": "1" }] })).await.refused(422);
    let long: Vec<_> = (0..11).map(|_| json!({ "name": "bell", "channel": "room", "data": "1" })).collect();
    post_json(&app, "/batch_events", &json!({ "batch": long })).await.refused(422);
    let big = json!({ "name": "bell", "channel": "room", "data": "x".repeat(10_241) });
    post_json(&app, "/events", &big).await.refused(413);
    finish(&app, app.plain(Method::POST, "/apps/app-id/events")).await.refused(401);
}

#[tokio::test]
async fn with_reverb_parity_user_counts_are_left_out_and_unoccupied_users_not_found() {
    let app = like_reverb().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    client.join("presence-room", "1").await;
    let users = [("info", "user_count")];
    let all = get(&app, "/channels", &users).await.ok();
    assert_eq!(all, json!({ "channels": { "room": {}, "presence-room": { "user_count": 1 } } }));
    assert_eq!(get(&app, "/channels/room", &users).await.ok(), json!({ "occupied": true }));
    assert_eq!(get(&app, "/channels/presence-empty/users", &[]).await.refused(404), "{}");
    get(&app, "/channels/presence-room/users", &[]).await.ok();
}

#[tokio::test]
async fn with_reverb_parity_error_data_is_text_and_ids_keep_their_type() {
    let app = like_reverb().await;
    let (mut first, mut second) = (app.connect().await, app.connect().await);
    first.send_text("no json").await;
    assert_eq!(inner(&first.expect("pusher:error").await)["code"], 4200);
    assert_eq!(first.join_as("presence-room", r#"{"user_id":42}"#).await["ids"], json!([42]));
    let list = second.join_as("presence-room", r#"{"user_id":"7"}"#).await;
    assert!(
        list["ids"].as_array().unwrap().contains(&json!(42)) && list["ids"].as_array().unwrap().contains(&json!("7"))
    );
    assert_eq!(inner(&first.expect("pusher_internal:member_added").await)["user_id"], json!("7"));
    first.close().await;
    assert_eq!(inner(&second.expect("pusher_internal:member_removed").await)["user_id"], json!(42));
}

#[tokio::test]
async fn without_the_pusher_protocol_its_api_is_not_found_and_the_rest_is() {
    let app = TestApp::with(|config| config.server.pusher = false).await;
    let event = json!({ "name": "bell", "channel": "room", "data": "1" });
    assert_eq!(app.post("/events", &event).await.0, StatusCode::NOT_FOUND);
    for path in ["/channels", "/channels/room", "/nowhere"] {
        assert_eq!(app.get(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for (path, status) in [
        ("/apps/app-id/events", StatusCode::NOT_FOUND),
        ("/users/x", StatusCode::NOT_FOUND),
        ("/up", StatusCode::OK),
        ("/docs", StatusCode::OK),
    ] {
        let response = app.plain(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}
