//! What is read has its place in the stream of its topic, so that nothing is missed in between; and nothing that a client has
//! already is sent again.

use campanile::domain::caller::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    chat::enforcing,
    rest::Voice,
};

async fn unless(app: &TestApp, voice: &Voice<'_>, path: &str, tag: &str) -> Answer {
    finish(app, voice.request(Method::GET, path).header("If-None-Match", tag)).await
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

/// Checks that an answer is given again when there is news only; `make_news` makes some.
async fn is_given_once(app: &TestApp, voice: &Voice<'_>, path: &str, make_news: impl AsyncFnOnce()) {
    let first = voice.get(path).await;
    first.ok();
    let known = unless(app, voice, path, &tag(&first)).await;
    assert_eq!((known.status, known.header("etag"), known.body.len()), (304, first.header("etag"), 0), "{path}");
    make_news().await;
    let fresh = unless(app, voice, path, &tag(&first)).await;
    assert!(fresh.ok() != first.json() && tag(&fresh) != tag(&first), "{path}");
    unless(app, voice, path, "3").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_chat_and_all_lists_of_it_tell_where_its_stream_stood() {
    let app = enforcing().await;
    let room = app.room().await;
    let ada = app.person("7");
    let stood = async |path: &str, pointer: &str| ada.get(path).await.ok().pointer(pointer).unwrap().clone();
    let before = stood("/api/chats/c", "/stream").await;
    assert_eq!(before["topic"], "chat.c");
    let message = room.said("8", "Good morning").await;
    room.said("8", "Good night").await;
    let after = stood("/api/chats/c/messages", "/stream").await;
    assert!(after["seq"].as_i64() > before["seq"].as_i64(), "{before} {after}");
    for (path, pointer) in [
        ("/api/chats/c", "/stream"),
        ("/api/chats", "/data/0/stream"),
        ("/api/chats/c/pins", "/stream"),
        ("/api/chats/c/members", "/stream"),
    ] {
        let shown = if path.ends_with("members") {
            room.get("9", path).await.ok()["stream"].clone()
        } else {
            stood(path, pointer).await
        };
        assert_eq!(shown, after, "{path}");
    }
    let rest = stood(&format!("/api/streams/chat.c/events?epoch={}&after=0", text(&after["epoch"])), "/data").await;
    assert_eq!(rest[0]["payload"]["message"]["id"], message["id"], "{rest}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_chat_is_given_again_when_there_is_news_and_a_write_goes_by_its_version_alone() {
    let app = enforcing().await;
    let room = app.room().await;
    let ada = app.person("7");
    let news = async || drop(room.said("8", "Good morning").await);
    is_given_once(&app, &ada, "/api/chats/c", news).await;
    let said = room.said("8", "Who is there?").await;
    let said = format!("/api/messages/{}", text(&said["id"]));
    let react = async || drop(room.call("9", Method::PUT, &format!("{said}/reactions/👍"), None).await.ok());
    is_given_once(&app, &ada, &said, react).await;
    let seen = tag(&room.get("9", "/api/chats/c").await);
    let title = json!({ "title": "Everybody" });
    let change = (Method::PATCH, "/api/chats/c");
    assert_eq!(room.write_if("9", change.clone(), &seen, title.clone()).await.ok()["title"], "Everybody");
    room.write_if("9", change, &seen, title).await.problem(412, "version_mismatch");
}

#[tokio::test]
async fn notifications_are_given_again_when_there_is_news_and_each_tells_where_its_stream_stood() {
    let app = TestApp::start().await;
    let office = app.program(&[Scope::RosterWrite, Scope::NotificationsSend]).await;
    office.keep_course().await;
    let ada = app.person("7");
    let send = async || {
        let note = json!({ "user": "7", "category": "content", "title": "Sheet 5" });
        let sent = office.post("/api/notifications", note).await;
        assert_eq!(sent.status, 201, "{}", sent.text());
    };
    is_given_once(&app, &ada, "/api/notifications", send).await;
    let list = ada.get("/api/notifications").await.ok();
    let path = format!("/api/notifications/{}", text(&list["data"][0]["id"]));
    assert_eq!(ada.get(&path).await.ok()["stream"], list["stream"]);
    let read = async || drop(ada.patch(&path, json!({ "read": true })).await.ok());
    is_given_once(&app, &ada, "/api/notifications?limit=1", read).await;
}
