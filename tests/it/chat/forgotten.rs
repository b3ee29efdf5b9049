//! What is not for somebody, or for nobody any more, is in no stream either: neither over HTTP nor for those who come back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, enforcing},
    client::Client,
};

const SECRET: &str = "call me: fivefive 0199";

/// What the stream of a topic keeps, as text.
async fn kept(room: &Room<'_>, user: &str, topic: &str) -> String {
    let events = room.get(user, &format!("/api/streams/{topic}/events?after=0")).await.ok();
    events["data"].to_string()
}

async fn gap(room: &Room<'_>, user: &str, topic: &str) {
    room.get(user, &format!("/api/streams/{topic}/events?after=0")).await.problem(410, "stream_gap");
}

/// Comes back to a channel that nothing was heard of yet; what was missed.
async fn missed(room: &Room<'_>, user: &str, (channel, topic): (&str, &str), after: i64) -> Vec<Value> {
    let stream = room.get(user, &format!("/api/streams/{topic}")).await.ok();
    let mut socket: Client = room.socket(user).await;
    let last = if after == 0 { ":0".to_owned() } else { format!("{}:{after}", stream["epoch"].as_str().unwrap()) };
    socket.subscribe_after(channel, &last).await;
    socket.drain().await
}

fn names(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_was_deleted_is_told_without_its_text_to_those_who_come_back() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.said("7", "before").await;
    room.said("9", "stays").await;
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    let file = json!([{ "url": format!("https://files.example/fivefive"), "name": "fivefive 0199" }]);
    let edit = json!({ "body": SECRET, "mentions": ["8"], "attachments": file });
    room.call("7", Method::PATCH, &path, Some(edit)).await.ok();
    room.call("8", Method::PUT, &format!("{path}/reactions/👍"), None).await.ok();
    assert!(kept(&room, "8", "chat.c").await.contains("fivefive"));
    room.call("7", Method::DELETE, &path, None).await.ok();
    let events = kept(&room, "8", "chat.c").await;
    assert!(!events.contains("fivefive") && !events.contains("before") && events.contains("stays"), "{events}");
    let frames = missed(&room, "8", ("private-chat-c", "chat.c"), 0).await;
    assert_eq!(
        names(&frames),
        ["message:new", "message:new", "message:updated", "message:updated", "message:deleted"],
        "nothing is missing"
    );
    assert!(!json!(frames).to_string().contains("fivefive"));
}

#[tokio::test]
async fn a_whisper_that_was_deleted_is_in_nobodys_stream_be_they_gone_meanwhile() {
    let app = enforcing().await;
    let room = app.room().await;
    let whisper = json!({ "chat_id": "c", "body": SECRET, "visibility": "users", "visible_to": ["7", "8"] });
    let said = room.post("9", whisper).await.json();
    let to_staff = room.post("7", json!({ "chat_id": "c", "body": SECRET, "visibility": "staff" })).await.json();
    assert_eq!(room.office.delete("/api/enrollments/e8").await.status, 200);
    assert!(kept(&room, "8", "user.8").await.contains("fivefive"));
    for message in [&said, &to_staff] {
        let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
        room.call("9", Method::DELETE, &path, None).await.ok();
    }
    for (user, topic) in [("7", "user.7"), ("8", "user.8"), ("9", "user.9"), ("5", "course-staff.101")] {
        let events = kept(&room, user, topic).await;
        assert!(!events.contains("fivefive") && events.contains("chat.message.created"), "{topic}: {events}");
    }
}

#[tokio::test]
async fn what_was_cleared_away_is_a_gap_and_what_comes_later_is_not() {
    let app = enforcing().await;
    let room = app.room().await;
    for visible in [
        json!({ "visibility": "all" }),
        json!({ "visibility": "staff" }),
        json!({ "visibility": "users", "visible_to": ["7"] }),
    ] {
        let mut message = json!({ "chat_id": "c", "body": SECRET });
        message.as_object_mut().unwrap().extend(visible.as_object().unwrap().clone());
        assert_eq!(room.post("9", message).await.status, 201);
    }
    room.call("9", Method::POST, "/api/chats/c/clear", None).await.ok();
    for (user, topic) in [("8", "chat.c"), ("7", "user.7"), ("5", "course-staff.101")] {
        gap(&room, user, topic).await;
    }
    assert_eq!(names(&missed(&room, "8", ("private-chat-c", "chat.c"), 0).await), ["stream:gap"]);
    assert_eq!(names(&missed(&room, "7", ("private-user-7", "user.7"), 0).await), ["stream:gap"]);
    let stream = room.get("8", "/api/chats/c/messages").await.ok()["stream"].clone();
    room.said("7", "new").await;
    let later = room.get("8", &format!("/api/streams/chat.c/events?after={}", stream["seq"])).await.ok();
    assert_eq!(later["data"][0]["payload"]["message"]["body"], "new");
}

#[tokio::test]
async fn of_what_was_said_before_them_those_who_join_find_a_gap() {
    let app = enforcing().await;
    let room = app.room().await;
    let settings = json!({ "history": "joined" });
    let group = json!({ "id": "g", "kind": "group", "course": "101", "title": "x", "members": ["7"] });
    let mut group = group;
    group["settings"] = settings;
    room.make(group).await;
    let post = async |body: &str| room.post("7", json!({ "chat_id": "g", "body": body })).await.status;
    assert_eq!(post(SECRET).await, 201);
    let added = room.office.post("/api/chats/g/members", json!({ "users": ["8"] })).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let seq = room.get("8", "/api/streams/chat.g").await.ok()["seq"].as_i64().unwrap();
    assert_eq!(post("after").await, 201);
    gap(&room, "8", "chat.g").await;
    assert_eq!(names(&missed(&room, "8", ("private-chat-g", "chat.g"), 0).await), ["stream:gap"]);
    let later = room.get("8", &format!("/api/streams/chat.g/events?after={seq}")).await.ok();
    assert_eq!(later["data"][0]["payload"]["message"]["body"], "after");
    assert_eq!(names(&missed(&room, "8", ("private-chat-g", "chat.g"), seq).await), ["message:new"]);
    assert!(kept(&room, "7", "chat.g").await.contains(SECRET), "who was there has heard it");
}

#[tokio::test]
async fn a_chat_that_takes_the_id_of_another_begins_anew() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", SECRET).await;
    let before = room.get("7", "/api/streams/chat.c").await.ok();
    assert_eq!(room.office.delete("/api/courses/101").await.status, 200);
    room.office.keep("/api/courses/101", json!({ "title": "Other" })).await;
    room.office.keep("/api/enrollments/f8", json!({ "user": "8", "course": "101", "role": "student" })).await;
    room.make(json!({ "id": "c", "kind": "course", "course": "101", "title": "Others" })).await;
    assert_eq!(kept(&room, "8", "chat.c").await, "[]");
    assert!(missed(&room, "8", ("private-chat-c", "chat.c"), 0).await.is_empty());
    assert_eq!(room.said("8", "hello").await["seq"], 1);
    let after = room.get("8", "/api/streams/chat.c").await.ok();
    assert_eq!(after["seq"], 1);
    assert_ne!(before["epoch"], after["epoch"]);
    let path = format!("/api/streams/chat.c/events?after=0&epoch={}", before["epoch"].as_str().unwrap());
    room.get("8", &path).await.problem(410, "stream_gap");
}
