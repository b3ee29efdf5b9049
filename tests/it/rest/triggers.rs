//! `POST /realtime/trigger` (X25, T12): open where the server says so, else for those who may; limited and logged.

use campanile::{config::Mode, domain::caller::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    client::inner,
    rest::Voice,
};

const PATHS: [&str; 2] = ["/realtime/trigger", "/api/realtime/trigger"];

/// What seed D (`003_6408df0b98db9f3d.txt`) sends with curl.
fn hello() -> Value {
    json!({ "channel": "test", "event": "message", "data": { "text": "Hello" } })
}

async fn plainly(app: &TestApp, body: &Value) -> Answer {
    finish(app, app.plain(Method::POST, PATHS[0]).json(body)).await
}

async fn log(app: &TestApp, query: &str) -> Vec<Value> {
    let admin = app.program(&[Scope::Admin]).await;
    admin.get(&format!("/api/broadcast-log{query}")).await.ok()["data"].as_array().unwrap().clone()
}

async fn school(app: &TestApp) -> Voice<'_> {
    let office = app.program(&[Scope::RosterWrite, Scope::EventsPublish]).await;
    office.keep_course().await;
    for (user, role) in [("8", "instructor"), ("5", "assistant")] {
        office.keep(&format!("/api/users/{user}"), json!({ "name": user })).await;
        let part = json!({ "user": user, "course": "101", "role": role });
        office.keep(&format!("/api/enrollments/{user}"), part).await;
    }
    office
}

#[tokio::test]
async fn the_curl_of_seed_d_works_on_a_development_server_from_its_own_machine() {
    let app = TestApp::with(|config| config.mode = Mode::Development).await;
    let mut socket = app.connect().await;
    socket.subscribe("test").await;
    for path in PATHS {
        let answer = finish(&app, app.plain(Method::POST, path).json(&hello())).await.ok();
        assert_eq!(
            (&answer["ok"], &answer["mode"], &answer["receivers"]),
            (&json!(true), &json!("development"), &json!(1))
        );
        let told = inner(&socket.expect_on("message", "test").await);
        assert_eq!((&told["text"], &told["event_id"]), (&json!("Hello"), &answer["event_ids"]["test"]));
    }
    let rows = log(&app, "?channel=test").await;
    assert_eq!((rows.len(), &rows[0]["kind"], &rows[0]["actor"]), (2, &json!("trigger"), &json!("guest")));
}

#[tokio::test]
async fn a_production_server_takes_it_from_nobody_unknown_and_says_how() {
    let app = TestApp::with(|config| config.mode = Mode::Production).await;
    let refused = plainly(&app, &hello()).await;
    let problem = refused.problem(401, "no_identity");
    for word in ["events:publish", "Bearer", "REALTIME_TRIGGER_OPEN=true"] {
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
    assert!(refused.header("www-authenticate").is_some());
    assert!(log(&app, "").await.is_empty());
}

#[tokio::test]
async fn an_open_server_takes_it_from_everybody() {
    let app = TestApp::with(|config| {
        config.mode = Mode::Production;
        config.server.trigger_open = true;
    })
    .await;
    assert_eq!(plainly(&app, &hello()).await.ok()["mode"], "production");
}

#[tokio::test]
async fn behind_a_proxy_only_the_machine_itself_is_local() {
    let app = TestApp::with(|config| {
        config.mode = Mode::Development;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let from = |address: &str| app.plain(Method::POST, PATHS[0]).header("X-Forwarded-For", address).json(&hello());
    finish(&app, from("192.0.2.7")).await.problem(401, "no_identity");
    finish(&app, from("::1")).await.ok();
}

#[tokio::test]
async fn a_tunnel_or_a_page_under_another_name_is_not_the_machine_itself() {
    let app = TestApp::with(|config| config.mode = Mode::Development).await;
    for (name, value) in [
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 tunnel"),
        ("Host", "evil.example"),
        ("Host", "localhost.evil.example"),
    ] {
        for path in PATHS {
            let refused = finish(&app, app.plain(Method::POST, path).header(name, value).json(&hello())).await;
            refused.problem(401, "no_identity");
        }
    }
    let port = app.address.port();
    for own in ["localhost".to_owned(), format!("localhost:{port}"), format!("[::1]:{port}")] {
        finish(&app, app.plain(Method::POST, PATHS[0]).header("Host", own).json(&hello())).await.ok();
    }
    app.program(&[Scope::EventsPublish]).await.post(PATHS[0], hello()).await.ok();
}

#[tokio::test]
async fn a_trusted_proxy_vouches_for_an_address_but_not_for_a_name() {
    let app = TestApp::with(|config| {
        config.mode = Mode::Development;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let from = |name: &str, value: &str| app.plain(Method::POST, PATHS[0]).header(name, value).json(&hello());
    finish(&app, from("Via", "1.1 tunnel")).await.problem(401, "no_identity");
    finish(&app, from("X-Forwarded-For", "unknown")).await.problem(401, "no_identity");
    let renamed = from("X-Forwarded-For", "::1").header("Host", "evil.example");
    finish(&app, renamed).await.problem(401, "no_identity");
    finish(&app, from("X-Forwarded-For", "::1").header("Via", "1.1 proxy")).await.ok();
}

#[tokio::test]
async fn programs_trigger_everywhere_and_people_where_they_may_broadcast() {
    let app = TestApp::with(|config| config.mode = Mode::Production).await;
    let office = school(&app).await;
    let on = |channels: &[&str]| json!({ "channels": channels, "event": "message", "data": { "text": "Hello" } });
    for path in PATHS {
        office.post(path, on(&["test", "private-user.7", "private-course.101"])).await.ok();
    }
    app.program(&[Scope::RosterWrite]).await.post(PATHS[0], hello()).await.problem(403, "missing_scope");
    let mut socket = app.person("7").hears("private-course.101").await;
    let teacher = app.person("8");
    teacher.post(PATHS[0], on(&["private-course.101", "private-class-12"])).await.ok();
    assert_eq!(inner(&socket.expect_on("message", "private-course.101").await)["text"], "Hello");
    app.person("5").post(PATHS[0], on(&["private-class.12"])).await.ok();
    for (user, channels, code) in [
        ("8", &["private-course.101", "private-course.999"][..], "not_enrolled"),
        ("8", &["test"], "not_yours"),
        ("8", &["private-user.7"], "not_yours"),
        ("8", &["presence-global"], "not_yours"),
        ("5", &["private-course.101"], "wrong_role"),
        ("7", &["private-class.12"], "wrong_role"),
        ("9", &["private-course.101"], "not_enrolled"),
    ] {
        app.person(user).post(PATHS[0], on(channels)).await.problem(403, code);
    }
    socket.expect_silence().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_trigger_is_named_and_nothing_is_sent() {
    let app = TestApp::with(|config| config.mode = Mode::Development).await;
    let mut socket = app.connect().await;
    socket.subscribe("test").await;
    let wrong = async |body: Value, pointer: &str| {
        let problem = plainly(&app, &body).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    };
    for event in ["pusher:x", "pusher_internal:x", "client-x", ""] {
        wrong(json!({ "channel": "test", "event": event }), "/event").await;
    }
    wrong(json!({ "event": "message" }), "/channel").await;
    wrong(json!({ "channels": ["test", "a b"], "event": "message" }), "/channels").await;
    wrong(json!({ "channels": vec!["test"; 101], "event": "message" }), "/channels").await;
    wrong(json!({ "channels": ["test", "private-encrypted-a"], "event": "message" }), "/channels").await;
    wrong(json!({ "channel": "test", "event": "message", "info": "colour" }), "/info").await;
    wrong(json!({ "channel": "test", "event": "message", "colour": 1 }), "/colour").await;
    let data = |bytes: usize| json!({ "channel": "test", "event": "message", "data": "x".repeat(bytes) });
    plainly(&app, &data(65_537)).await.problem(413, "data_too_large");
    socket.expect_silence().await;
    plainly(&app, &data(65_536)).await.ok();
    socket.expect_on("message", "test").await;
    finish(&app, app.plain(Method::POST, PATHS[0]).body("{}")).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn data_of_any_kind_arrives_the_sender_is_left_out_and_sealed_data_stays_as_it_is() {
    let app = TestApp::with(|config| config.mode = Mode::Development).await;
    let (mut one, mut other) = (app.connect().await, app.connect().await);
    one.subscribe("test").await;
    other.subscribe("test").await;
    for (data, wire) in
        [(json!("Hello"), "Hello"), (json!([1, null]), "[1,null]"), (json!(5), "5"), (Value::Null, "null")]
    {
        let body = json!({ "channel": "test", "event": "message", "data": data, "socket_id": other.id });
        plainly(&app, &body).await.ok();
        assert_eq!(one.expect_on("message", "test").await["data"], wire);
    }
    other.expect_silence().await;
    let request = app.plain(Method::POST, PATHS[0]).header("X-Socket-ID", &one.id).json(&hello());
    finish(&app, request).await.ok();
    one.expect_silence().await;
    other.expect_on("message", "test").await;

    let sealed = "private-encrypted-orders";
    one.subscribe_private(sealed).await;
    let data = json!({ "nonce": "n", "ciphertext": "c" });
    plainly(&app, &json!({ "channel": sealed, "event": "message", "data": data })).await.ok();
    assert_eq!(inner(&one.expect_on("message", sealed).await), data);
    let row = &log(&app, &format!("?channel={sealed}")).await[0];
    assert_eq!(row["bytes"], data.to_string().len());
    assert!(!row.to_string().contains("ciphertext"));
}

#[tokio::test]
async fn the_answer_tells_about_each_channel_what_was_asked_for() {
    let app = TestApp::with(|config| config.mode = Mode::Development).await;
    let mut socket = app.connect().await;
    socket.join("presence-lab", "7").await;
    let body =
        json!({ "channels": ["presence-lab", "empty"], "event": "message", "info": "user_count,subscription_count" });
    let answer = plainly(&app, &body).await.ok();
    assert_eq!(answer["channels"]["presence-lab"], json!({ "user_count": 1, "subscription_count": 1 }));
    assert_eq!(answer["receivers"], 1);
    assert_eq!(answer["event_ids"]["empty"], answer["event_ids"]["presence-lab"]);
}

#[tokio::test]
async fn triggers_are_limited_by_who_sends_and_refusals_are_logged() {
    let app = TestApp::with(|config| {
        config.mode = Mode::Development;
        let settings = &mut config.app.as_mut().unwrap().settings;
        settings.broadcasts_per_minute_per_key = 2;
        settings.broadcasts_per_minute_per_user = 1;
    })
    .await;
    let office = school(&app).await;
    for _ in 0..2 {
        plainly(&app, &hello()).await.ok();
        office.post(PATHS[0], hello()).await.ok();
    }
    plainly(&app, &hello()).await.problem(429, "rate_limited");
    office.post(PATHS[0], hello()).await.problem(429, "rate_limited");
    let own = json!({ "channel": "private-course.101", "event": "message" });
    app.person("8").post(PATHS[0], own.clone()).await.ok();
    app.person("8").post(PATHS[0], own).await.problem(429, "rate_limited");
    let refused = log(&app, "?limit=100").await.into_iter().filter(|row| row["outcome"] == "rate_limited");
    let mut actors: Vec<_> = refused.map(|row| row["actor"].as_str().unwrap().to_owned()).collect();
    actors.sort();
    assert_eq!((actors.len(), actors[0].as_str(), actors[2].as_str()), (3, "guest", "user:8"));
}
