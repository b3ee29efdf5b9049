//! What a client can ask before it connects.

use campanile::config::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::finish,
    app::{MAIN, OTHER, TestApp},
    description::DESCRIPTION,
    eventually,
    rest::now,
};

#[tokio::test]
async fn the_time_is_told_to_everybody() {
    let app = TestApp::start().await;
    let before = now().timestamp_millis();
    let told = finish(&app, app.plain(Method::GET, "/api/time")).await.ok();
    let unix = told["unix_ms"].as_i64().unwrap();
    assert!((before..=now().timestamp_millis()).contains(&unix), "{told}");
    let text = told["time"].as_str().unwrap();
    assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
    assert_eq!(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis(), unix);
}

#[tokio::test]
async fn a_guest_hears_where_to_connect_and_not_much_else() {
    let app = TestApp::with(|config| config.server.path = "/rt".to_owned()).await;
    let told = finish(&app, app.plain(Method::GET, "/api/realtime/status")).await.ok();
    assert_eq!(told["ws"], json!({ "url": format!("ws://{}/rt", app.address), "key": MAIN.key, "cluster": "mt1" }));
    for absent in ["me", "version", "online_users"] {
        assert_eq!(told[absent], Value::Null, "{absent}");
    }
    assert!(told["features"].as_array().unwrap().contains(&json!("channel_authorization")));
    let intervals = json!({ "presence_seconds": 30, "typing_throttle_ms": 3_000, "typing_expiry_ms": 6_000 });
    assert_eq!(told["intervals"], intervals);
}

#[tokio::test]
async fn a_person_hears_of_themselves_and_a_program_of_its_own_app() {
    let app = TestApp::with_two_apps().await;
    let ada = app.person("7");
    let told = ada.get("/api/realtime/status").await.ok();
    assert_eq!(told["me"], json!({ "id": "7", "connections": 0, "status": "offline" }));
    assert_eq!((&told["online_users"], &told["version"]), (&json!(0), &json!(env!("CARGO_PKG_VERSION"))));
    let mut socket = app.connect().await;
    socket.sign_in("7").await;
    let counted = async || ada.get("/api/realtime/status").await.ok()["online_users"] == 1;
    eventually("the person is online", counted).await;
    let told = ada.get("/api/realtime/status").await.ok();
    assert_eq!(told["me"], json!({ "id": "7", "connections": 1, "status": "online" }));
    assert_eq!(told["online_users"], 1);

    let program = app.program_of(OTHER, &[]).await;
    let told = program.get("/api/realtime/status").await.ok();
    assert_eq!((&told["me"], &told["ws"]["key"], &told["online_users"]), (&Value::Null, &json!(OTHER.key), &json!(0)));
}

#[tokio::test]
async fn mode_address_and_features_are_those_of_the_configuration() {
    let app = TestApp::with(|config| {
        config.mode = Mode::Production;
        config.app.as_mut().unwrap().secrets = vec!["0123456789abcdef0123456789abcdef01234567".into()];
        config.public.host = Some(url::Host::parse("rt.school.example").unwrap());
        config.public.cluster = Some("eu".to_owned());
        crate::support::app::settings(config).set("client_events", "none").unwrap();
    })
    .await;
    let told = finish(&app, app.plain(Method::GET, "/api/realtime/status")).await.ok();
    assert_eq!(told["mode"], "production");
    assert_eq!(told["ws"]["url"], "wss://rt.school.example");
    assert_eq!(told["ws"]["cluster"], "eu");
    assert!(!told["features"].as_array().unwrap().contains(&json!("client_events")));
}

#[tokio::test]
async fn every_group_of_operations_is_a_feature_but_those_that_every_server_has() {
    let app = TestApp::start().await;
    let told = app.person("7").get("/api/realtime/status").await.ok();
    let features: Vec<_> = told["features"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for tag in DESCRIPTION["tags"].as_array().unwrap() {
        let group = tag["name"].as_str().unwrap().to_lowercase();
        let feature = if group == "authorization" { "channel_authorization" } else { &group };
        assert!(["realtime", "health"].contains(&feature) || features.contains(&feature), "{group}: {features:?}");
    }
    let without = TestApp::with(|config| config.server.pusher = false).await;
    let told = without.person("7").get("/api/realtime/status").await.ok();
    let features = told["features"].as_array().unwrap();
    assert!(["events", "users"].iter().all(|feature| !features.contains(&json!(feature))), "{features:?}");
}
