//! Conditional requests: `ETag`, `If-Match`, `If-None-Match`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    rest::Voice,
};

const ADA: &str = "/api/users/7";

async fn ask(
    app: &TestApp,
    office: &Voice<'_>,
    method: Method,
    condition: (&str, &str),
    body: Option<&Value>,
) -> Answer {
    let request = office.request(method, ADA).header(condition.0, condition.1);
    finish(app, if let Some(body) = body { request.json(body) } else { request }).await
}

#[tokio::test]
async fn a_write_for_another_version_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let put =
        async |condition, name: &str| ask(&app, &office, Method::PUT, condition, Some(&json!({ "name": name }))).await;

    put(("If-Match", "*"), "Ada").await.problem(412, "version_mismatch");
    put(("If-Match", "\"1\""), "Ada").await.problem(412, "version_mismatch");
    assert_eq!(put(("If-None-Match", "*"), "Ada").await.status, 201);
    let taken = put(("If-None-Match", "*"), "Bo").await.problem(412, "version_mismatch");
    assert!(taken["detail"].as_str().unwrap().contains("version 1"), "{taken}");
    assert_eq!(put(("If-Match", "\"1\""), "Bo").await.header("etag"), Some("\"2\""));
    put(("If-Match", "\"1\""), "Cy").await.problem(412, "version_mismatch");
    put(("If-Match", "\"other\""), "Cy").await.problem(412, "version_mismatch");
    assert_eq!(put(("If-Match", "\"1\", \"2\""), "Cy").await.header("etag"), Some("\"3\""));
    assert_eq!(put(("If-Match", "*"), "Di").await.header("etag"), Some("\"4\""));

    ask(&app, &office, Method::DELETE, ("If-Match", "\"3\""), None).await.problem(412, "version_mismatch");
    assert_eq!(office.get(ADA).await.ok()["name"], "Di");
    ask(&app, &office, Method::DELETE, ("If-Match", "\"4\""), None).await.ok();
}

#[tokio::test]
async fn a_reader_who_has_the_version_is_not_sent_it_again() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep(ADA, json!({ "name": "Ada" })).await;
    for known in ["\"1\"", "*", "\"0\", W/\"1\""] {
        let answer = ask(&app, &office, Method::GET, ("If-None-Match", known), None).await;
        assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, Some("\"1\""), 0), "{known}");
    }
    ask(&app, &office, Method::GET, ("If-None-Match", "\"2\""), None).await.ok();
}

#[tokio::test]
async fn conditions_that_say_nothing_are_refused() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let body = json!({ "name": "Ada" });
    for condition in
        [("If-Match", "1"), ("If-Match", ""), ("If-None-Match", "\"1\""), ("If-Match", &"\"1\",".repeat(200))]
    {
        ask(&app, &office, Method::PUT, condition, Some(&body)).await.problem(400, "invalid_parameter");
    }
    let request = office.request(Method::PUT, ADA).header("If-Match", "*").header("If-None-Match", "*").json(&body);
    finish(&app, request).await.problem(400, "invalid_parameter");
    office.get(ADA).await.problem(404, "not_found");
}
