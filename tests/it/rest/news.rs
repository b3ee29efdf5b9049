//! What is new over HTTP: at once, after a wait, and as a stream that goes on where it stopped.

use std::time::Duration;

use campanile::domain::caller::Scope;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{answer::finish, app::TestApp, eventually, rest::Voice, within};

const PATH: &str = "/api/notifications/realtime";

async fn office(app: &TestApp) -> Voice<'_> {
    let office = app.program(&[Scope::RosterWrite, Scope::NotificationsSend]).await;
    office.keep_course().await;
    office
}

async fn notify(office: &Voice<'_>, title: &str) -> Value {
    let sent = office.post("/api/notifications", json!({ "user": "7", "category": "grade", "title": title })).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    sent.json()
}

/// A stream of events, read as a browser reads it.
struct Stream {
    response: Response,
    text: String,
    /// The id to come back with before anything has come.
    begin: String,
}

/// One block of a stream: its fields by name; comments under the empty name.
type Block = Vec<(String, String)>;

impl Stream {
    async fn open(voice: &Voice<'_>, last: Option<&str>) -> Self {
        let mut request = voice.request(Method::GET, PATH).header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = within("a stream", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut stream = Self { response, text: String::new(), begin: String::new() };
        let hello = stream.block().await.unwrap();
        assert_eq!(hello[0].0, "retry");
        let (name, begin, _) = stream.event().await;
        assert_eq!(name, "ready");
        Self { begin, ..stream }
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.lines().map(|line| line.split_once(':').unwrap());
                let block = block.map(|(name, value)| (name.to_owned(), value.trim_start().to_owned())).collect();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = within("a part of the stream", self.response.chunk()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its name, its id and its data. Comments are passed over.
    async fn event(&mut self) -> (String, String, Value) {
        loop {
            let block = self.block().await.unwrap();
            let field = |name: &str| block.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            if let Some(data) = field("data") {
                return (field("event").unwrap(), field("id").unwrap(), serde_json::from_str(&data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn who_never_had_a_notification_waits_for_the_first_one() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    let path = format!("{PATH}?wait=30&cursor=:0");
    let (news, first) = tokio::join!(student.get(&path), notify(&office, "one"));
    let news = news.ok();
    assert_eq!((&news["items"], &news["unread_count"], &news["reset"]), (&json!([first]), &json!(1), &json!(false)));
    let cursor = news["cursor"].as_str().unwrap();
    let more = notify(&office, "two").await;
    assert_eq!(student.get(&format!("{PATH}?wait=30&cursor={cursor}")).await.ok()["items"], json!([more]));
    assert_eq!(student.get(&format!("{PATH}?cursor=:0")).await.ok()["items"], json!([more, first]));
}

#[tokio::test]
async fn a_poller_goes_on_with_its_cursor_and_misses_and_doubles_nothing() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    let empty = student.get(PATH).await.ok();
    assert_eq!(empty, json!({ "items": [], "unread_count": 0, "cursor": ":0", "has_more": false, "reset": false }));
    notify(&office, "one").await;
    let first = student.get(PATH).await.ok();
    let cursor = first["cursor"].as_str().unwrap();
    let none = student.get(&format!("{PATH}?cursor={cursor}")).await.ok();
    assert_eq!((&none["items"], &none["cursor"], &none["unread_count"]), (&json!([]), &json!(cursor), &json!(1)));
    let (two, three) = (notify(&office, "two").await, notify(&office, "three").await);
    let next = student.get(&format!("{PATH}?cursor={cursor}")).await.ok();
    assert_eq!((&next["items"], &next["unread_count"]), (&json!([three, two]), &json!(3)));
    let reset = student.get(&format!("{PATH}?cursor=OTHER:1")).await.ok();
    assert_eq!((&reset["reset"], reset["items"].as_array().unwrap().len()), (&json!(true), 3));
    for bad in ["cursor=x", "cursor=:1", "cursor=a:-1", "wait=31", "wait=-1", "limit=0", "limit=101"] {
        student.get(&format!("{PATH}?{bad}")).await.problem(400, "invalid_parameter");
    }
    office.get(PATH).await.problem(403, "missing_scope");
    finish(&app, app.plain(Method::GET, PATH)).await.problem(401, "no_identity");
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_something_comes_and_else_at_its_end() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    notify(&office, "one").await;
    let cursor = student.get(PATH).await.ok()["cursor"].as_str().unwrap().to_owned();
    let path = format!("{PATH}?wait=30&cursor={cursor}");
    let (news, sent) = tokio::join!(student.get(&path), notify(&office, "two"));
    assert_eq!(news.ok()["items"], json!([sent]));
    let at_once = student.get(&path).await.ok();
    assert_eq!(at_once["items"].as_array().unwrap().len(), 1, "what is there already is not waited for");
    let cursor = at_once["cursor"].as_str().unwrap();
    let nothing = student.get(&format!("{PATH}?wait=1&cursor={cursor}")).await.ok();
    assert_eq!((&nothing["items"], &nothing["cursor"]), (&json!([]), &json!(cursor)));
}

#[tokio::test]
async fn a_stream_that_breaks_before_anything_has_come_misses_nothing() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    for said in ["the first of all", "another one"] {
        let begin = Stream::open(&student, None).await.begin;
        let notification = notify(&office, said).await;
        let mut stream = Stream::open(&student, Some(&begin)).await;
        assert_eq!(stream.event().await.2["notification"], notification);
    }
}

#[tokio::test]
async fn a_stream_tells_what_comes_and_goes_on_where_it_stopped() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    notify(&office, "before").await;
    let mut stream = Stream::open(&student, None).await;
    let one = notify(&office, "one").await;
    let (name, id, data) = stream.event().await;
    assert_eq!((name.as_str(), &data["notification"]), ("notification.created", &one));
    assert!(data["event_id"].is_string() && data["seq"] == 2 && id.ends_with(":2"));
    student.patch(&format!("/api/notifications/{}", one["id"].as_str().unwrap()), json!({ "read": true })).await.ok();
    let (name, seen, data) = stream.event().await;
    assert_eq!((name.as_str(), &data["ids"]), ("notification.read", &json!([one["id"]])));
    drop(stream);

    let (two, three) = (notify(&office, "two").await, notify(&office, "three").await);
    let mut stream = Stream::open(&student, Some(&seen)).await;
    for expected in [two, three] {
        assert_eq!(stream.event().await.2["notification"], expected);
    }
    let four = notify(&office, "four").await;
    assert_eq!(stream.event().await.2["notification"], four);

    let mut lost = Stream::open(&student, Some("OTHER:5")).await;
    let (name, id, data) = lost.event().await;
    assert_eq!((name.as_str(), &data["topic"], &data["seq"]), ("stream:gap", &json!("user.7"), &json!(6)));
    assert!(id.ends_with(":6"));
    let five = notify(&office, "five").await;
    assert_eq!(lost.event().await.2["notification"], five, "it goes on after the gap");
}

#[tokio::test]
async fn a_stream_says_that_it_is_still_there_and_ends_when_the_server_goes_down() {
    let mut app = TestApp::with(|config| config.server.stream_heartbeat = Duration::from_millis(50)).await;
    office(&app).await;
    let student = app.person("7");
    let mut stream = Stream::open(&student, None).await;
    for _ in 0..2 {
        assert_eq!(stream.block().await, Some(vec![(String::new(), String::new())]), "a comment");
    }
    app.begin_stop();
    while stream.block().await.is_some() {}
    app.stopped().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_person_is_blocked_and_tells_nothing_more() {
    let app = TestApp::start().await;
    let office = app.program(&[Scope::RosterWrite, Scope::NotificationsSend, Scope::AccessWrite]).await;
    office.keep_course().await;
    let student = app.person("7");
    let mut stream = Stream::open(&student, None).await;
    let block = json!({ "user": "7", "scope": { "kind": "all" }, "for_seconds": 600, "reason": "test" });
    office.post("/api/access/revoke", block).await.ok();
    notify(&office, "unseen").await;
    while let Some(block) = stream.block().await {
        assert!(block.iter().all(|(name, _)| name != "data"), "{block:?}");
    }
}

#[tokio::test]
async fn a_person_waits_in_so_many_places_and_no_more() {
    let app = TestApp::start().await;
    let (office, student) = (office(&app).await, app.person("7"));
    let held = join_all((0..8).map(|_| Stream::open(&student, None))).await;
    let refused = student.request(Method::GET, PATH).header("Accept", "text/event-stream");
    let refused = finish(&app, refused).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    office.keep("/api/users/6", json!({ "name": "Other" })).await;
    let other = app.person("6");
    drop(Stream::open(&other, None).await);
    assert_eq!(student.get(PATH).await.status, 200, "who does not wait is answered");
    drop(held);
    eventually("a place is free again", async || {
        let request = student.request(Method::GET, PATH).header("Accept", "text/event-stream");
        request.send().await.unwrap().status() == 200
    })
    .await;
}
