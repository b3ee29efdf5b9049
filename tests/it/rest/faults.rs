//! Faults that every operation knows how to refuse, with the operations from the description: whoever adds one has it tried
//! here. `support/description.rs` judges each answer.

use campanile::domain::caller::Scope;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    description::operations,
    rest::Voice,
};

/// Operations of the REST API: path, method and description.
fn ours() -> impl Iterator<Item = (&'static str, Method, &'static Value)> {
    let ours = operations().filter(|(path, ..)| *path != "/up" && !path.starts_with("/apps/"));
    ours.map(|(path, method, operation)| (path, method.to_ascii_uppercase().parse().unwrap(), operation))
}

/// Those that read a body strictly. Of webhooks the signature is looked at first, and those of tomorrow may say more.
fn reading() -> impl Iterator<Item = (&'static str, Method)> {
    let strict = ours().filter(|(_, _, operation)| operation["requestBody"].is_object());
    let strict = strict.filter(|(path, ..)| !path.ends_with("auth") && *path != "/pusher/webhook");
    strict.map(|(path, method, _)| (path, method))
}

/// A path with something in the place of its parameters.
fn filled(template: &str, with: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { with.to_owned() } else { part.to_owned() };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Somebody who may do everything, on behalf of a person where only people may.
struct Anybody<'a> {
    app: &'a TestApp,
    office: Voice<'a>,
}

impl<'a> Anybody<'a> {
    async fn of(app: &'a TestApp) -> Self {
        let office = app.program(&[Scope::Admin]).await;
        office.keep_course().await;
        Self { app, office }
    }

    async fn send(&self, method: &Method, path: &str, edit: impl Fn(RequestBuilder) -> RequestBuilder) -> Answer {
        let request = || edit(self.office.request(method.clone(), path));
        let answer = finish(self.app, request()).await;
        if answer.status == 403 && answer.json()["code"] == "no_person" {
            return finish(self.app, request().header("X-On-Behalf-Of", "7")).await;
        }
        answer
    }
}

/// Longest body of a batch, as the server has it.
const BATCH_MAX: usize = 16 << 20;

#[tokio::test]
async fn bodies_that_are_none_are_refused_by_every_operation_that_reads_one() {
    let app = TestApp::with(|config| config.server.max_request_bytes = 1_000).await;
    let anybody = Anybody::of(&app).await;
    for (template, method) in reading() {
        let (path, what) = (filled(template, "7"), format!("{method} {template}"));
        let max = if template == "/api/roster/batch" { BATCH_MAX } else { 1_000 };
        for (media, body, status) in [
            ("application/json", "{".to_owned(), 400),
            ("text/plain", "{}".to_owned(), 415),
            ("application/json", json!({ "no_such_field": 1 }).to_string(), 422),
            ("application/json", "x".repeat(max + 1), 413),
        ] {
            let send = |request: RequestBuilder| request.header("Content-Type", media).body(body.clone());
            let answer = anybody.send(&method, &path, send).await;
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_number_of_a_body_is_refused_with_its_own_bounds() {
    let app = TestApp::start().await;
    let anybody = Anybody::of(&app).await;
    let poll = |limit: Value| json!({ "class_id": "12", "kind": "open", "question": "Why?", "settings": { "time_limit_s": limit } });
    let chat =
        |slow: Value| json!({ "kind": "course", "course": "101", "title": "x", "settings": { "slow_mode_s": slow } });
    let mute = |minutes: Value| json!({ "user": "7", "measure": "mute", "minutes": minutes });
    for (path, body, pointer, message) in [
        ("/api/chats", chat(json!(-1)), "/settings/slow_mode_s", "must be a whole number from 0 to 3600, not -1"),
        ("/api/chats", chat(json!("x")), "/settings/slow_mode_s", "must be a whole number from 0 to 3600, not text"),
        ("/api/polls", poll(json!(-5)), "/settings/time_limit_s", "must be a whole number from 0 to 604800, not -5"),
        ("/api/chats/7/moderation", mute(json!(1.5)), "/minutes", "must be a whole number from 1 to 525600, not 1.5"),
    ] {
        let answer = anybody.send(&Method::POST, path, |request| request.json(&body)).await;
        let problem = answer.problem(422, "invalid_fields");
        let field = &problem["errors"][0];
        assert_eq!((&field["pointer"], &field["message"]), (&json!(pointer), &json!(message)), "{path}");
    }
}

/// Values that are too small, too large or nonsense for a parameter.
fn beyond(parameter: &Value) -> Vec<String> {
    let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
    match (name, schema["type"].as_str()) {
        ("cursor", _) => vec!["cursor=!".to_owned()],
        (_, Some("integer")) => {
            let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
            vec![format!("{name}={}", least - 1), format!("{name}={}", most + 1), format!("{name}=x")]
        }
        (_, Some("string")) if schema["enum"].is_array() => vec![format!("{name}=nonsense")],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn parameters_beyond_their_bounds_are_refused_by_every_operation() {
    let app = TestApp::start().await;
    let anybody = Anybody::of(&app).await;
    let with_query = |path: &str, query: &str| format!("{path}?{query}");
    for (template, method, operation) in ours() {
        let in_path = template.contains('{').then(|| filled(template, &"x".repeat(600)));
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|one| one["in"] == "query").flat_map(beyond);
        let in_query = in_query.map(|query| with_query(&filled(template, "7"), &query));
        for path in in_path.into_iter().chain(in_query) {
            let body = json!({});
            let send = |request: RequestBuilder| if method == Method::GET { request } else { request.json(&body) };
            let answer = anybody.send(&method, &path, send).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn without_any_parameter_every_list_is_given_or_refused_and_nothing_breaks() {
    let app = TestApp::start().await;
    let anybody = Anybody::of(&app).await;
    for (template, _, _) in ours().filter(|(path, method, _)| *method == Method::GET && !path.contains("realtime")) {
        let answer = anybody.send(&Method::GET, &filled(template, "7"), |request| request.query(&[("", "x")])).await;
        assert!(answer.status < 500, "{template}: {}", answer.text());
    }
}

#[tokio::test]
async fn who_has_asked_too_often_is_refused_by_every_operation() {
    let app = TestApp::with_settings(|settings| settings.requests_per_minute_per_user = 1).await;
    let person = app.person("7");
    person.get("/api/time").await.ok();
    for (template, method, _) in ours() {
        let answer = finish(&app, person.request(method, &filled(template, "7"))).await;
        answer.problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_refused_by_every_operation() {
    let app = TestApp::with(|config| config.server.guest_requests_per_minute_per_ip = 0).await;
    for (template, method, _) in ours() {
        let request = app.plain(method.clone(), &filled(template, "7")).bearer_auth("ck_000000000000_nothing");
        assert_eq!(finish(&app, request).await.status, 401, "{method} {template}");
    }
}
