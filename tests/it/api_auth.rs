//! Who may call the HTTP API: signatures, their age, keys and secrets.

use campanile::domain::app::Secret;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{
    answer::{Answer, finish},
    app::{Keys, MAIN, OTHER, TestApp},
    http::unix_now,
};

const CHANNELS: &str = "/apps/app-id/channels";
const EVENTS: &str = "/apps/app-id/events";
const BODY: &str = r#"{"name":"bell","channel":"room","data":"{}"}"#;

type Query = Vec<(String, String)>;

fn set(query: &mut Query, name: &str, value: &str) {
    for (_, old) in query.iter_mut().filter(|(known, _)| known == name) {
        value.clone_into(old);
    }
}

/// A GET with a query that is used as it is.
fn get(app: &TestApp, query: &Query) -> RequestBuilder {
    app.plain(Method::GET, CHANNELS).query(query)
}

fn post(app: &TestApp, query: &Query, body: &str) -> RequestBuilder {
    app.plain(Method::POST, EVENTS).query(query).body(body.to_owned())
}

async fn refused(app: &TestApp, request: RequestBuilder) -> Answer {
    let answer = finish(app, request).await;
    answer.refused(401);
    answer
}

#[tokio::test]
async fn request_with_each_signed_part_untouched_passes_and_with_any_of_them_changed_is_refused() {
    let app = TestApp::start().await;
    let good = MAIN.signed_query(("POST", EVENTS), &[("extra", "1")], BODY.as_bytes(), unix_now());
    assert_eq!(finish(&app, post(&app, &good, BODY)).await.ok(), json!({}));

    refused(&app, post(&app, &good, &BODY.replace("room", "tomb"))).await;
    refused(&app, post(&app, &good, "")).await;
    refused(&app, app.plain(Method::POST, "/apps/app-id/batch_events").query(&good).body(BODY)).await;
    refused(&app, app.plain(Method::GET, CHANNELS).query(&good)).await;
    for (name, value) in [
        ("extra", "2"),
        ("auth_key", "other-key"),
        ("auth_version", "1.1"),
        ("auth_timestamp", &(unix_now() - 60).to_string()),
        ("body_md5", "99914b932bd37a50b983c5e7c90ae93b"),
        ("auth_signature", &"0".repeat(64)),
        ("auth_signature", "short"),
    ] {
        let mut query = good.clone();
        set(&mut query, name, value);
        refused(&app, post(&app, &query, BODY)).await;
    }
    let mut added = good.clone();
    added.push(("more".to_owned(), "1".to_owned()));
    refused(&app, post(&app, &added, BODY)).await;
    let mut upper = good.clone();
    let signature = good.last().unwrap().1.to_uppercase();
    set(&mut upper, "auth_signature", &signature);
    refused(&app, post(&app, &upper, BODY)).await;
}

#[tokio::test]
async fn each_missing_or_repeated_parameter_is_named_in_the_refusal() {
    let app = TestApp::start().await;
    let good = MAIN.signed_query(("POST", EVENTS), &[], BODY.as_bytes(), unix_now());
    for name in ["auth_key", "auth_timestamp", "auth_version", "auth_signature", "body_md5"] {
        let without: Query = good.iter().filter(|(known, _)| known != name).cloned().collect();
        let answer = refused(&app, post(&app, &without, BODY)).await;
        assert!(answer.text().contains(name), "{}", answer.text());
        let mut twice = good.clone();
        twice.push((name.to_owned(), "x".to_owned()));
        let answer = refused(&app, post(&app, &twice, BODY)).await;
        assert!(answer.text().contains(name), "{}", answer.text());
    }
    refused(&app, app.plain(Method::GET, CHANNELS)).await;
    let many: Query = (0..65).map(|number| (format!("p{number}"), "1".to_owned())).collect();
    refused(&app, get(&app, &many)).await;
}

#[tokio::test]
async fn timestamp_may_be_nearly_ten_minutes_off_and_no_more() {
    let app = TestApp::start().await;
    let at = |now: u64| MAIN.signed_query(("GET", CHANNELS), &[], b"", now);
    let now = unix_now();
    for near in [now - 570, now + 570] {
        finish(&app, get(&app, &at(near))).await.ok();
    }
    for far in [0, now - 601, now + 630, u64::MAX] {
        let answer = refused(&app, get(&app, &at(far))).await;
        assert!(answer.text().contains("clock"), "{}", answer.text());
    }
    for strange in ["", "now", "-1", "1e9", "+1700000000", "99999999999999999999"] {
        let mut query = at(now);
        set(&mut query, "auth_timestamp", strange);
        refused(&app, get(&app, &query)).await;
    }
}

#[tokio::test]
async fn secret_or_key_of_another_app_is_refused_and_an_unknown_app_is_not_found() {
    let app = TestApp::with_two_apps().await;
    finish(&app, app.signed(OTHER, (Method::GET, "/apps/other-id/channels"), &[], "")).await.ok();
    let mixed = [
        OTHER,
        Keys { key: MAIN.key, ..OTHER },
        Keys { secret: MAIN.secret, ..OTHER },
        Keys { secret: "", ..MAIN },
        Keys { secret: "app-secret ", ..MAIN },
    ];
    for keys in mixed {
        refused(&app, app.signed(keys, (Method::GET, CHANNELS), &[], "")).await;
    }
    for unknown in ["nobody", "APP-ID", "app-id%20", "%2e", &"x".repeat(65), "app-id%2Fevents", "%FF", "%00"] {
        let path = format!("/apps/{unknown}/channels");
        let answer = finish(&app, app.signed(MAIN, (Method::GET, &path), &[], "")).await;
        assert!(answer.refused(404).starts_with("No matching application for ID ["));
    }
}

#[tokio::test]
async fn disabled_app_is_forbidden_and_the_signature_is_checked_first() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().enabled = false).await;
    finish(&app, app.signed(MAIN, (Method::GET, CHANNELS), &[], "")).await.refused(403);
    finish(&app, app.signed(MAIN, (Method::POST, EVENTS), &[], BODY)).await.refused(403);
    refused(&app, app.plain(Method::GET, CHANNELS)).await;
}

#[tokio::test]
async fn both_secrets_of_an_app_that_is_being_rotated_are_good_on_http_and_on_sockets() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().secrets.push(Secret::new("the-one-before"))).await;
    let before = Keys { secret: "the-one-before", ..MAIN };
    for keys in [MAIN, before] {
        finish(&app, app.signed(keys, (Method::POST, EVENTS), &[], BODY)).await.ok();
        let mut client = app.connect_to(keys).await;
        client.subscribe_private("private-x").await;
        client.sign_in("42").await;
    }
    let never = Keys { secret: "the-one-before-that", ..MAIN };
    refused(&app, app.signed(never, (Method::POST, EVENTS), &[], BODY)).await;
}

#[tokio::test]
async fn numeric_and_textual_app_ids_work_alike() {
    for id in ["1", "007", "18446744073709551616", "A.b_c-9", "3e2d1c0b-aaaa-4bbb-8ccc-0123456789ab"] {
        let keys = Keys { id, ..MAIN };
        let app = TestApp::with(|config| config.app = Some(keys.app())).await;
        let path = format!("/apps/{id}/channels");
        finish(&app, app.signed(keys, (Method::GET, &path), &[], "")).await.ok();
    }
}
