//! `Idempotency-Key`: a POST that comes again is not executed again.

use std::sync::Arc;

use campanile::{
    domain::caller::{Caller, Scope, Who},
    ids::{AppId, UserId},
    services::{
        Once,
        once::{BODY_KEPT, Begun, KeptAnswer, Keyed},
    },
};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::{MAIN, OTHER, TestApp},
    eventually,
    rest::{Voice, now},
    wire::Wire,
};

const REVOKE: &str = "/api/access/revoke";

/// Takes access away for an hour: each execution leaves a block.
fn block(user: &str) -> Value {
    json!({ "user": user, "scope": { "kind": "all" }, "for_seconds": 3_600, "reason": "test" })
}

async fn post(voice: &Voice<'_>, app: &TestApp, key: &str, (path, body): (&str, &Value)) -> Answer {
    finish(app, voice.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

/// How often access was taken from a user.
async fn blocks(app: &TestApp, user: &str) -> usize {
    let (id, user) = (AppId::parse(MAIN.id).unwrap(), UserId::parse(user).unwrap());
    app.store().await.blocks_of(&id, &user, now()).await.unwrap().len()
}

#[tokio::test]
async fn the_same_request_is_executed_once_and_answered_alike() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let first = post(&office, &app, "k1", (REVOKE, &block("7"))).await;
    first.ok();
    assert!(!is_replayed(&first));
    for _ in 0..2 {
        let again = post(&office, &app, "k1", (REVOKE, &block("7"))).await;
        assert!(is_replayed(&again));
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(blocks(&app, "7").await, 1);
    assert!(!is_replayed(&post(&office, &app, "k2", (REVOKE, &block("7"))).await));
    assert_eq!(blocks(&app, "7").await, 2, "another key is another request");
    assert!(!is_replayed(&office.post(REVOKE, block("7")).await));
    assert_eq!(blocks(&app, "7").await, 3, "without a key every request is executed");
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller_at_one_path() {
    let app = TestApp::with_two_apps().await;
    let (office, other) = (app.office().await, app.office().await);
    post(&office, &app, "k", (REVOKE, &block("7"))).await.ok();
    let reused = post(&office, &app, "k", (REVOKE, &block("8"))).await;
    reused.problem(422, "idempotency_key_reused");
    let query = office.request(Method::POST, REVOKE).query(&[("a", "1")]).header("Idempotency-Key", "k");
    finish(&app, query.json(&block("7"))).await.problem(400, "invalid_parameter");
    assert_eq!(blocks(&app, "8").await, 0);

    let elsewhere = post(&office, &app, "k", ("/api/users/7/disconnect", &json!({}))).await;
    assert!(elsewhere.status == 200 && !is_replayed(&elsewhere));
    let another = post(&office, &app, "k", ("/api/users/8/disconnect", &json!({}))).await;
    assert!(another.status == 200 && !is_replayed(&another));
    let by_another = post(&other, &app, "k", (REVOKE, &block("7"))).await;
    assert!(by_another.status == 200 && !is_replayed(&by_another));
    let tenant = app.program_of(OTHER, &[Scope::AccessWrite]).await;
    let of_another_app = post(&tenant, &app, "k", (REVOKE, &block("7"))).await;
    assert!(of_another_app.status == 200 && !is_replayed(&of_another_app));
}

#[tokio::test]
async fn what_was_refused_may_come_again_under_its_key() {
    let app = TestApp::start().await;
    let (office, reader) = (app.office().await, app.program(&[Scope::RosterRead]).await);
    post(&reader, &app, "k", (REVOKE, &block("7"))).await.problem(403, "missing_scope");
    post(&office, &app, "k", (REVOKE, &json!({ "user": "7" }))).await.problem(422, "invalid_fields");
    let request = office.request(Method::POST, REVOKE).header("Idempotency-Key", "k");
    finish(&app, request.header("Content-Type", "application/json").body("{")).await.problem(400, "malformed_json");
    let done = post(&office, &app, "k", (REVOKE, &block("7"))).await;
    assert!(done.status == 200 && !is_replayed(&done));
    assert_eq!(blocks(&app, "7").await, 1);
}

#[tokio::test]
async fn keys_that_are_none_are_refused_and_execute_nothing() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for key in ["", "a b", &"k".repeat(256)] {
        let problem = post(&office, &app, key, (REVOKE, &block("7"))).await.problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "Idempotency-Key");
    }
    assert_eq!(blocks(&app, "7").await, 0);
    for key in ["!~", &"k".repeat(255)] {
        post(&office, &app, key, (REVOKE, &block("7"))).await.ok();
        assert!(is_replayed(&post(&office, &app, key, (REVOKE, &block("7"))).await));
    }
}

#[tokio::test]
async fn many_at_once_under_one_key_are_executed_once() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let body = block("7");
    let answers = join_all((0..20).map(|_| post(&office, &app, "k", (REVOKE, &body)))).await;
    let executed = answers.iter().filter(|answer| answer.status == 200 && !is_replayed(answer));
    assert_eq!(executed.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "request_in_progress");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(blocks(&app, "7").await, 1);
}

/// The request that `post` sends, as it is filed.
fn keyed<'a>(caller: &'a Caller, body: &'a [u8]) -> Keyed<'a> {
    Keyed { caller, method: "POST", path: REVOKE, key: "k", query: "", body }
}

fn key_holder(voice: &Voice<'_>) -> Caller {
    let id = identity_of(&voice.proof);
    Caller {
        app: AppId::parse(MAIN.id).unwrap(),
        who: Who::Key(campanile::domain::caller::KeyHolder { id, scopes: Vec::new() }),
    }
}

fn identity_of(proof: &str) -> String {
    proof.rsplit_once('_').unwrap().0.to_owned()
}

#[tokio::test]
async fn while_another_node_executes_the_request_it_has_to_be_asked_again() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let (caller, body) = (key_holder(&office), block("7"));
    let text = body.to_string().into_bytes();
    let node = Arc::new(Once::new(app.store().await));
    let Begun::Execute(running) = node.begin(keyed(&caller, &text), now()).await.unwrap() else { panic!() };
    let waiting = post(&office, &app, "k", (REVOKE, &body)).await;
    waiting.problem(409, "request_in_progress");
    let seconds: u64 = waiting.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let Begun::InProgress(1) = node.begin(keyed(&caller, &text), now()).await.unwrap() else { panic!() };
    running.refused().await.unwrap();
    assert!(!is_replayed(&post(&office, &app, "k", (REVOKE, &body)).await));
    let Begun::Executed(answer) = node.begin(keyed(&caller, &text), now()).await.unwrap() else { panic!() };
    assert_eq!(answer.status, 200);
    assert_eq!(blocks(&app, "7").await, 1);
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_kept_and_a_larger_one_not_but_its_request_stays_executed() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let (caller, body) = (key_holder(&office), block("7"));
    let text = body.to_string().into_bytes();
    let node = Arc::new(Once::new(app.store().await));
    for (key, bytes) in [("k", BODY_KEPT + 1), ("l", BODY_KEPT)] {
        let keyed = Keyed { key, ..keyed(&caller, &text) };
        let Begun::Execute(running) = node.begin(keyed, now()).await.unwrap() else { panic!() };
        let (etag, content_type) = (Some("\"3\"".to_owned()), Some("text/plain".to_owned()));
        let body = Some("x".repeat(bytes));
        let answer = KeptAnswer { status: 201, location: Some("/there".to_owned()), etag, content_type, body };
        running.executed(answer, now()).await.unwrap();
    }
    let request = |key: &str| office.request(Method::POST, REVOKE).header("Idempotency-Key", key).json(&body);
    finish(&app, request("k")).await.problem(409, "answer_not_kept");
    // As no route answers like that, it is not checked against the description.
    let kept = request("l").send().await.unwrap();
    assert_eq!(kept.status(), 201);
    for (name, value) in
        [("location", "/there"), ("etag", "\"3\""), ("content-type", "text/plain"), ("idempotent-replayed", "true")]
    {
        assert_eq!(kept.headers()[name], value);
    }
    assert_eq!(kept.bytes().await.unwrap().len(), BODY_KEPT);
    assert_eq!(blocks(&app, "7").await, 0);
}

#[tokio::test]
async fn a_request_whose_client_hangs_up_while_it_is_executed_is_answered_the_next_time() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for user in 0..10 {
        let user = user.to_string();
        let (body, key) = (block(&user), format!("k{user}"));
        let mut wire = Wire::connect(app.address).await;
        let (bearer, text) = (format!("Bearer {}", office.proof), body.to_string());
        let headers =
            [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", &key)];
        wire.ask("POST", REVOKE, &headers, &text).await;
        eventually("it has an effect", async || blocks(&app, &user).await == 1).await;
        drop(wire);
        let again = async || post(&office, &app, &key, (REVOKE, &body)).await;
        eventually("its answer is kept", async || is_replayed(&again().await)).await;
        assert_eq!(blocks(&app, &user).await, 1);
    }
}

#[tokio::test]
async fn nothing_is_kept_for_strangers_nor_of_what_only_signs() {
    let app = TestApp::with(|config| config.server.trigger_open = true).await;
    let socket = app.connect().await;
    let office = app.office().await;
    office.keep_course().await;
    let form = [("socket_id", socket.id.as_str()), ("channel_name", "private-course-101")];
    for _ in 0..2 {
        let request = app.person("7").request(Method::POST, "/broadcasting/auth").header("Idempotency-Key", "k");
        let answer = finish(&app, request.form(&form)).await;
        assert!(answer.status == 200 && !is_replayed(&answer));
    }
    let event = json!({ "channel": "test", "event": "message" });
    for key in ["k", "k", "a b"] {
        let request = app.plain(Method::POST, "/realtime/trigger").header("Idempotency-Key", key).json(&event);
        let answer = finish(&app, request).await;
        assert!(answer.status == 200 && !is_replayed(&answer), "{key}: {}", answer.text());
    }
}
