//! Messages that are not for everybody leak nowhere: neither through events, lists, counts nor streams.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, SENT, bodies, enforcing, heard},
    client::inner,
};

async fn whisper(room: &Room<'_>, user: &str, extra: Value) -> crate::support::answer::Answer {
    let mut message = json!({ "chat_id": "c", "body": "hush" });
    message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    room.post(user, message).await
}

#[tokio::test]
async fn what_is_for_staff_is_heard_on_the_channel_of_staff_and_seen_by_staff_and_its_author() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut all, mut staff) =
        (room.hears("8", "private-chat.c").await, room.hears("9", "private-course.101.instructor").await);
    let mut own = room.hears("7", "private-user.7").await;
    let said = whisper(&room, "7", json!({ "visibility": "staff" })).await.json();
    assert_eq!(said["visibility"], "staff");
    assert_eq!(heard(&mut staff, SENT).await, said);
    assert_eq!(heard(&mut own, SENT).await, said, "the author's other tabs hear it");
    all.expect_silence().await;
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    for (user, sees) in [("7", true), ("8", false), ("5", true), ("9", true)] {
        assert_eq!(room.seen(user).await.len(), usize::from(sees), "{user}");
        assert_eq!(room.get(user, &path).await.status, if sees { 200 } else { 404 }, "{user}");
    }
    assert_eq!(room.get("8", "/api/chats/c").await.ok()["unread_count"], 0);
    assert_eq!(room.get("9", "/api/chats/c").await.ok()["unread_count"], 1);
    let position = room.get("8", "/api/chats/c/messages").await.ok()["stream"].clone();
    assert_eq!(position["seq"], 0, "the stream of the chat does not know it");
    room.call("7", Method::PATCH, &path, Some(json!({ "body": "hush hush" }))).await.ok();
    room.call("9", Method::PUT, &format!("{path}/reactions/👍"), None).await.ok();
    room.push("9", &format!("{path}/pin"), json!({})).await.ok();
    assert_eq!(room.get("8", "/api/chats/c/pins").await.ok()["data"], json!([]));
    room.call("7", Method::DELETE, &path, None).await.ok();
    all.expect_silence().await;
    for (method, rest) in [(Method::PUT, "/reactions/👍"), (Method::POST, "/ack"), (Method::DELETE, "")] {
        room.call("8", method, &format!("{path}{rest}"), None).await.problem(404, "not_found");
    }
    room.push("8", &format!("{path}/report"), json!({ "reason": "spam" })).await.problem(404, "not_found");
    assert!(room.seen("8").await.is_empty());
}

#[tokio::test]
async fn what_is_for_some_is_heard_by_them_on_their_own_channels() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut all, mut theirs) = (room.hears("8", "private-chat.c").await, room.hears("5", "private-user.5").await);
    let said = whisper(&room, "9", json!({ "visibility": "users", "visible_to": ["5"] })).await.json();
    assert_eq!(said["visible_to"], json!(["5"]));
    assert_eq!(heard(&mut theirs, SENT).await, said);
    all.expect_silence().await;
    for (user, sees) in [("9", true), ("5", true), ("7", false), ("8", false)] {
        assert_eq!(room.seen(user).await.len(), usize::from(sees), "{user}");
    }
    assert_eq!(bodies(&room.office.get("/api/chats/c/messages").await.ok()), ["hush"], "a program sees all");
}

#[tokio::test]
async fn a_reply_to_what_is_not_for_all_is_for_those_whom_that_is_for() {
    let app = enforcing().await;
    let room = app.room().await;
    let parent = whisper(&room, "9", json!({ "visibility": "users", "visible_to": ["7"] })).await.json();
    let id = parent["id"].as_str().unwrap();
    let mut all = room.hears("8", "private-chat.c").await;
    let mut author = room.hears("9", "private-user.9").await;
    let reply = whisper(&room, "7", json!({ "parent_id": id })).await.json();
    assert_eq!((&reply["visibility"], &reply["visible_to"]), (&json!("users"), &json!(["9"])));
    assert_eq!(heard(&mut author, SENT).await["id"], reply["id"]);
    all.expect_silence().await;
    whisper(&room, "7", json!({ "parent_id": id, "visibility": "all" })).await.problem(422, "invalid_fields");
    let problem = whisper(&room, "8", json!({ "parent_id": id })).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/parent_id", "what they do not see is not there");
}

#[tokio::test]
async fn students_whisper_to_staff_and_to_each_other_only_where_the_chat_lets_everybody() {
    let app = enforcing().await;
    let room = app.room().await;
    let to = |users: Value| json!({ "visibility": "users", "visible_to": users });
    assert_eq!(whisper(&room, "7", to(json!(["9"]))).await.status, 201);
    for wrong in [json!(["8"]), json!(["66"]), json!(["404"]), json!([]), json!(["6"])] {
        whisper(&room, "7", to(wrong)).await.problem(422, "invalid_fields");
    }
    whisper(&room, "7", json!({ "visible_to": ["9"] })).await.problem(422, "invalid_fields");
    assert_eq!(whisper(&room, "9", to(json!(["7", "8", "7"]))).await.json()["visible_to"], json!(["7", "8"]));
    let open = json!({ "settings": { "dm_policy": "everybody" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(open)).await.ok();
    assert_eq!(whisper(&room, "7", to(json!(["8"]))).await.status, 201);
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    whisper(&room, "9", to(json!(many))).await.problem(422, "invalid_fields");
}

#[tokio::test]
async fn what_is_heard_on_a_persons_channel_has_its_place_in_that_stream() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut theirs = room.hears("5", "private-user-5").await;
    room.said("9", "for all").await;
    whisper(&room, "9", json!({ "visibility": "users", "visible_to": ["5"] })).await;
    let event = inner(&theirs.expect("message:new").await);
    assert_eq!((&event["seq"], &event["message"]["seq"]), (&json!(1), &json!(2)));
    theirs.expect_silence().await;
}

#[tokio::test]
async fn a_group_has_no_staff_to_whisper_to_also_in_a_course() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "course": "101", "title": "x", "members": ["7", "9"] })).await;
    let mut staff = room.hears("5", "private-course.101.instructor").await;
    let to_staff = json!({ "chat_id": "g", "body": "hush", "visibility": "staff" });
    let problem = room.post("9", to_staff).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/visibility");
    staff.expect_silence().await;
}

#[tokio::test]
async fn whoever_was_dropped_hears_no_more_of_what_was_whispered_to_them() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = whisper(&room, "9", json!({ "visibility": "users", "visible_to": ["7", "8"] })).await.json();
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    assert_eq!(room.office.delete("/api/enrollments/e7").await.status, 200);
    let (mut dropped, mut other) = (room.hears("7", "private-user-7").await, room.hears("8", "private-user-8").await);
    room.call("9", Method::PATCH, &path, Some(json!({ "body": "louder" }))).await.ok();
    room.push("9", &format!("{path}/pin"), json!({})).await.ok();
    room.call("8", Method::PUT, &format!("{path}/reactions/👍"), None).await.ok();
    for _ in 0..3 {
        other.expect("message:updated").await;
    }
    dropped.expect_silence().await;
}
