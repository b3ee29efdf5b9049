//! Every fault of the REST API has one shape, of bounded size, and leads to a page that explains it.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    http::read,
    wire::Wire,
    within,
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

#[tokio::test]
async fn what_is_repeated_of_a_request_is_cut_and_fits_the_description() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for name in ["x".repeat(600_000), "\u{e9}".repeat(300_000)] {
        let answer = office.put("/api/users/7", json!({ "name": "Ada", name.as_str(): 1 })).await;
        let problem = answer.problem(422, "invalid_fields");
        let field = &problem["errors"][0];
        assert_eq!(field["code"], "unknown_field");
        for (text, most) in [(&problem["detail"], 2_000), (&field["pointer"], 500), (&field["message"], 2_000)] {
            let text = text.as_str().unwrap();
            assert!(text.chars().count() == most && text.ends_with('…'), "{} characters", text.chars().count());
        }
        assert!(problem.to_string().chars().count() < 6_000);
    }
    let batch =
        json!({ "operations": [{ "op": "put", "kind": "user", "id": "7", "data": { "x".repeat(600_000): 1 } }] });
    let answer = office.post("/api/roster/batch", batch).await;
    assert!(answer.body.len() < 6_000, "{} bytes", answer.body.len());
}

/// What a program is shown at a path of the server.
async fn shown(app: &TestApp, path: &str) -> (u16, Value) {
    let address = format!("http://{}{path}", app.address);
    let (status, value) = read(within("an answer", app.http.get(address).send()).await.unwrap()).await;
    (status.as_u16(), value)
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page_also_below_a_prefix() {
    for prefix in ["", "/rt"] {
        let app = TestApp::with(|config| config.server.path = prefix.to_owned()).await;
        let problem = plain(&app, Method::GET, "/api/users").await.problem(401, "no_identity");
        let kind = problem["type"].as_str().unwrap();
        assert_eq!(kind, format!("{prefix}/problems/no_identity"));
        let (status, page) = shown(&app, kind).await;
        assert_eq!((status, &page["code"]), (200, &json!("no_identity")));
        assert!(page["remedy"].as_str().unwrap().contains("Bearer"), "{page}");
    }
}

/// Codes of problems that the source names.
fn codes() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut codes = BTreeSet::new();
    let (mut folders, mut files) = (vec![source.join("api")], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(file).unwrap();
        // Behind the name of a status, or first in what makes refusals of one status.
        codes.extend(words_behind(&text, |before| {
            let makers = ["unknown_caller(", "forbidden(", "unavailable("];
            let status = before.strip_suffix(',').is_some_and(|before| {
                let name = before.rsplit(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap();
                before.ends_with(&format!("StatusCode::{name}")) || name == "BAD_REQUEST"
            });
            status || makers.iter().any(|maker| before.ends_with(maker))
        }));
    }
    for tables in ["domain/poll/refusal.rs", "identity/error.rs"] {
        let text = fs::read_to_string(source.join(tables)).unwrap();
        codes.extend(words_behind(&text, |before| {
            ["=>", "=> (", "=> {"].iter().any(|arm| before.ends_with(arm))
                || before.ends_with("(") && before.trim_end_matches('(').trim_end().ends_with("=> {")
        }));
    }
    codes
}

/// Texts of small letters and underscores behind what is looked for.
fn words_behind(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let quotes = text.match_indices('"').filter(|(at, _)| is_wanted(text[..*at].trim_end()));
    let words = quotes.map(|(at, _)| text[at + 1..].split('"').next().unwrap().to_owned());
    words
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

#[tokio::test]
async fn every_code_that_the_source_names_has_its_page() {
    let app = TestApp::start().await;
    let codes = codes();
    for known in [
        "no_identity",
        "roster_unavailable",
        "body_late",
        "several_proofs",
        "poll_closed",
        "token_expired",
        "token_app_wrong",
        "token_header_not_allowed",
        "stream_gap",
    ] {
        assert!(codes.contains(known), "{known} is not found: {codes:?}");
    }
    let (_, list) = shown(&app, "/problems").await;
    let listed: BTreeSet<_> =
        list["problems"].as_array().unwrap().iter().map(|kind| kind["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new());
    for code in &listed {
        let (status, page) = shown(&app, &format!("/problems/{code}")).await;
        assert_eq!((status, &page["code"]), (200, &json!(code)));
    }
    plain(&app, Method::GET, "/problems/nothing").await.refused(404);
}
