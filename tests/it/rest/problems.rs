//! Every fault of the REST API has one shape.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    wire::Wire,
};

async fn plain(app: &TestApp, method: Method, path: &str) -> Answer {
    finish(app, app.plain(method, path)).await
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_problems() {
    let app = TestApp::start().await;
    for path in
        ["/api", "/api/", "/api/nothing", "/api/users/7/shoes", "/api/time/", "/api//users", "/api/%00", "/api/users/"]
    {
        plain(&app, Method::GET, path).await.problem(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::POST, "/api/time", "GET, HEAD, OPTIONS"),
        (Method::PATCH, "/api/users/7", "GET, HEAD, PUT, DELETE, OPTIONS"),
        (Method::DELETE, "/pusher/auth", "GET, HEAD, POST, OPTIONS"),
        (Method::PUT, "/api/roster/batch", "POST, OPTIONS"),
    ] {
        let answer = plain(&app, method, path).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
    let elsewhere = plain(&app, Method::GET, "/nothing").await;
    elsewhere.refused(404);
}

#[tokio::test]
async fn a_head_request_is_answered_like_a_get_without_the_body() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for (path, status) in [("/api/time", 200), ("/api/users/7", 404), ("/api/nothing", 404)] {
        let answer = finish(&app, office.request(Method::HEAD, path)).await;
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_problems() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let send = async |media: Option<&str>, body: &str| {
        let request = office.request(Method::PUT, "/api/users/7").body(body.to_owned());
        finish(&app, if let Some(media) = media { request.header("Content-Type", media) } else { request }).await
    };
    let json = Some("application/json");
    for (body, code) in [("", "malformed_json"), ("{", "malformed_json"), ("{\"name\":\"A\"}}", "malformed_json")] {
        send(json, body).await.problem(400, code);
    }
    for body in ["[]", "[\"Ada\"]", "5", "\"a\"", "null"] {
        send(json, body).await.problem(422, "invalid_fields");
    }
    for media in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/xml")] {
        let answer = send(media, "{\"name\":\"Ada\"}").await;
        answer.problem(415, "unsupported_media_type");
        assert_eq!(answer.header("accept"), json);
    }
    assert_eq!(send(Some("application/json; charset=utf-8"), "{\"name\":\"Ada\"}").await.status, 201);
    assert_eq!(send(Some("application/merge-patch+json"), "{\"name\":\"Ada\"}").await.status, 200);
    let deep = format!("{{\"operations\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let batch = office.request(Method::POST, "/api/roster/batch").header("Content-Type", "application/json").body(deep);
    finish(&app, batch).await.problem(400, "malformed_json");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_problem() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let mut wire = Wire::connect(app.address).await;
    let head = format!(
        "PUT /api/users/7 HTTP/1.1\r\nHost: campanile.test\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        office.proof
    );
    wire.send(head).await;
    wire.answer().await.problem(400, "malformed_request");
}

#[tokio::test]
async fn every_request_has_an_id_and_a_decent_one_of_the_caller_is_kept() {
    let app = TestApp::start().await;
    let with_id =
        async |id: &str| finish(&app, app.plain(Method::GET, "/api/nothing").header("X-Request-Id", id)).await;
    let (first, second) = (plain(&app, Method::GET, "/api/time").await, plain(&app, Method::GET, "/api/time").await);
    assert_ne!(first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
    let longest = "x".repeat(64);
    for id in ["trace-1.a_B", &longest] {
        let answer = with_id(id).await;
        assert_eq!(answer.problem(404, "not_found")["request_id"], id);
    }
    for id in ["a b", "<script>", &"x".repeat(65), "é"] {
        let answer = with_id(id).await;
        let own = answer.problem(404, "not_found")["request_id"].clone();
        assert!(own.as_str().unwrap().len() == 16 && own != json!(id), "{own}");
    }
}

#[tokio::test]
async fn answers_are_kept_by_nobody_and_believed_to_be_what_they_say() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for answer in [office.get("/api/users").await, plain(&app, Method::GET, "/api/time").await] {
        answer.ok();
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn paths_stand_below_the_prefix() {
    let app = TestApp::with(|config| config.server.path = "/rt".to_owned()).await;
    plain(&app, Method::GET, "/api/time").await.ok();
    let office = app.office().await;
    assert_eq!(office.put("/api/users/7", json!({ "name": "Ada" })).await.status, 201);
}
