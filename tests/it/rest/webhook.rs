//! What hosted Pusher tells: only what is signed and fresh is believed, and members there are online here.

use campanile::{
    domain::{audit::AuditFilter, roster::Role},
    ids::AppId,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::{Keys, MAIN, OTHER, TestApp},
    eventually,
    rest::now,
};

/// Delivers a body with this key and signature.
async fn deliver_as(app: &TestApp, (key, signature): (&str, &str), body: &str) -> Answer {
    let request = app.plain(Method::POST, "/pusher/webhook").header("X-Pusher-Key", key);
    let request = request.header("X-Pusher-Signature", signature).header("Content-Type", "application/json");
    finish(app, request.body(body.to_owned())).await
}

async fn deliver(app: &TestApp, keys: Keys, body: &Value) -> Answer {
    let body = body.to_string();
    deliver_as(app, (keys.key, &keys.sign(&body)), &body).await
}

fn delivery(events: Value) -> Value {
    json!({ "time_ms": now().timestamp_millis(), "events": events })
}

fn member(name: &str, channel: &str, user: &str) -> Value {
    json!({ "name": name, "channel": channel, "user_id": user })
}

#[tokio::test]
async fn members_over_there_are_online_here_until_they_go() {
    let app = TestApp::with_settings(|settings| settings.presence_grace = 0).await;
    app.roster().await.enroll(&[("7", Role::Student), ("8", Role::Student)]).await;
    let seen = async |status: &str| {
        let looks = async || app.person("8").get("/api/presence/users?ids=7").await.ok()["data"][0]["status"] == status;
        eventually(&format!("looks {status}"), looks).await;
    };
    let (one, two) = ("presence-course-1", "presence-global");
    let answer = deliver(
        &app,
        MAIN,
        &delivery(json!([
            { "name": "channel_occupied", "channel": one },
            member("member_added", one, "7"),
            member("member_added", two, "7"),
            { "name": "client_event", "channel": one, "event": "client-a", "data": "{}", "socket_id": "1.1", "user_id": "8" },
            { "name": "cache_miss", "channel": "cache-a" },
            { "name": "from_the_future" },
        ])),
    )
    .await;
    assert_eq!(answer.ok(), json!({ "events": 5, "ignored": 1 }));
    seen("online").await;
    deliver(&app, MAIN, &delivery(json!([member("member_removed", one, "7")]))).await.ok();
    seen("online").await;
    let last = json!([member("member_removed", two, "7"), { "name": "channel_vacated", "channel": two }]);
    deliver(&app, MAIN, &delivery(last)).await.ok();
    seen("offline").await;

    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let entries = store.audit_list(&id, &AuditFilter::default(), None, 100).await.unwrap();
    let received: Vec<_> = entries.iter().filter(|(_, entry)| entry.action == "webhook.received").collect();
    assert_eq!(received.len(), 3, "each delivery once");
    assert!(received[2].1.after.as_ref().unwrap().contains(r#""member_added":2"#));
}

#[tokio::test]
async fn what_is_not_signed_by_the_app_is_refused_and_leaves_no_trace() {
    let app = TestApp::with_two_apps().await;
    let body = delivery(json!([member("member_added", "presence-a", "7")])).to_string();
    let good = MAIN.sign(&body);
    let upper = good.to_uppercase();
    for (key, signature) in [
        (MAIN.key, OTHER.sign(&body).as_str()),
        (MAIN.key, &MAIN.sign("other")),
        (MAIN.key, ""),
        (MAIN.key, &upper),
        (OTHER.key, &good),
        ("nobody", &good),
        ("", &good),
    ] {
        deliver_as(&app, (key, signature), &body).await.problem(401, "invalid_signature");
    }
    let bare = app.plain(Method::POST, "/pusher/webhook").body(body.clone());
    finish(&app, bare).await.problem(401, "invalid_signature");
    assert_eq!(app.person("9").get("/api/realtime/status").await.ok()["online_users"], 0);
    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    assert!(store.audit_list(&id, &AuditFilter::default(), None, 100).await.unwrap().is_empty());
    deliver_as(&app, (MAIN.key, &good), &body).await.ok();
}

#[tokio::test]
async fn old_deliveries_and_bodies_that_are_none_are_refused() {
    let app = TestApp::start().await;
    for late in [-601_000, 601_000] {
        let body = json!({ "time_ms": now().timestamp_millis() + late, "events": [] });
        deliver(&app, MAIN, &body).await.problem(401, "stale_webhook");
    }
    let none = json!({ "time_ms": now().timestamp_millis() - 590_000, "events": [] });
    deliver(&app, MAIN, &none).await.ok();
    for bad in ["", "{", "[]", "{}", r#"{"time_ms":"1","events":[]}"#, r#"{"time_ms":1e30,"events":[]}"#] {
        deliver_as(&app, (MAIN.key, &MAIN.sign(bad)), bad).await.problem(400, "malformed_request");
    }
    let many = delivery(Value::from(vec![json!({ "name": "cache_miss" }); 1_001]));
    deliver(&app, MAIN, &many).await.problem(400, "malformed_request");
    deliver(&app, MAIN, &delivery(Value::from(vec![json!({ "name": "cache_miss" }); 1_000]))).await.ok();

    let padded = |bytes: usize| {
        let body = delivery(json!([])).to_string();
        body.clone() + &" ".repeat(bytes - body.len())
    };
    let at_the_limit = padded(256 * 1_024);
    deliver_as(&app, (MAIN.key, &MAIN.sign(&at_the_limit)), &at_the_limit).await.ok();
    let beyond = padded(256 * 1_024 + 1);
    deliver_as(&app, (MAIN.key, &MAIN.sign(&beyond)), &beyond).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn deliveries_do_not_count_as_requests_of_strangers_and_have_a_limit_of_their_own() {
    let app = TestApp::with(|config| config.server.guest_requests_per_minute_per_ip = 2).await;
    let body = delivery(json!([])).to_string();
    let signature = MAIN.sign(&body);
    let deliveries = (0..400).map(|_| deliver_as(&app, (MAIN.key, &signature), &body));
    let answers = futures_util::future::join_all(deliveries).await;
    let (taken, limited): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(taken.len() >= 100, "{}", taken.len());
    limited.first().expect("a burst has an end").problem(429, "rate_limited");
}
