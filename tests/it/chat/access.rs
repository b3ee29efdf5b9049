//! Who gets into a chat, and who is put out of it.

use campanile::domain::caller::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    chat::{Room, enforcing},
    client::{Client, member},
    eventually,
};

async fn expect_denied(client: &mut Client, channel: &str, reason: &str) {
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    assert_eq!((&frame["data"]["type"], &frame["data"]["reason"]), (&json!("AccessDenied"), &json!(reason)), "{frame}");
    client.expect_silence().await;
}

async fn expect_revoked(client: &mut Client, channel: &str, reason: &str) {
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    let data = &frame["data"];
    assert_eq!((&data["type"], &data["reason"]), (&json!("AccessRevoked"), &json!(reason)), "{frame}");
}

#[tokio::test]
async fn strangers_hear_and_see_nothing_and_cannot_tell_a_chat_from_none() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "among us").await;
    for channel in ["private-chat.c", "private-chat-c", "private-chat.nowhere"] {
        let mut stranger = room.socket("66").await;
        stranger.ask_signed(channel, None).await;
        expect_denied(&mut stranger, channel, "not_enrolled").await;
    }
    for channel in ["presence-chat.c", "presence-chat-c"] {
        let mut stranger = app.connect().await;
        stranger.ask_signed(channel, Some(&member("66"))).await;
        expect_denied(&mut stranger, channel, "not_enrolled").await;
    }
    let shape = |answer: crate::support::answer::Answer| {
        let mut problem = answer.problem(404, "not_found");
        (problem["request_id"], problem["instance"]) = (Value::Null, Value::Null);
        problem
    };
    for path in ["", "/messages", "/members", "/pins", "/reports", "/moderation"] {
        let there = shape(room.get("66", &format!("/api/chats/c{path}")).await);
        assert_eq!(there, shape(room.get("66", &format!("/api/chats/nowhere{path}")).await), "{path}");
    }
    for (kind, place) in [("group", "course"), ("course", "course"), ("class", "class")] {
        for id in ["101", "12", "nowhere"] {
            let chat = json!({ "kind": kind, place: id, "title": "Mine" });
            let problem = room.push("66", "/api/chats", chat).await.problem(404, "not_found");
            assert_eq!(problem["detail"], format!("There is no such {place}, or it is not yours"), "{kind} {id}");
        }
    }
    let post = async |chat: &str| room.post("66", json!({ "chat_id": chat, "body": "x" })).await;
    assert_eq!(shape(post("c").await), shape(post("nowhere").await));
    let id = message["id"].as_str().unwrap();
    assert_eq!(
        shape(room.get("66", &format!("/api/messages/{id}")).await),
        shape(room.get("66", "/api/messages/01K5HZ3Y8Q6V0N1B7T2M9C4XDF").await)
    );
    for (method, rest) in [(Method::PUT, "reactions/👍"), (Method::POST, "ack"), (Method::DELETE, "pin")] {
        room.call("66", method, &format!("/api/messages/{id}/{rest}"), None).await.problem(404, "not_found");
    }
    assert_eq!(room.get("66", "/api/chats").await.ok()["data"], json!([]));
    let nobody = app.plain(Method::GET, "/api/chats/c").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn observers_read_nothing_until_the_course_grants_it() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", "x").await;
    let mut observer = room.socket("6").await;
    observer.ask_signed("private-chat.c", None).await;
    expect_denied(&mut observer, "private-chat.c", "wrong_role").await;
    room.get("6", "/api/chats/c/messages").await.problem(403, "wrong_role");
    room.say("6", "x").await.problem(403, "wrong_role");
    assert_eq!(room.get("6", "/api/chats").await.ok()["data"], json!([]));
    let grant = json!([{ "role": "observer", "capability": "channel.chat", "effect": "allow" }]);
    room.office.keep("/api/courses/101", json!({ "title": "Computing", "overrides": grant })).await;
    observer.subscribe_private("private-chat.c").await;
    assert_eq!(room.seen("6").await, ["x"]);
    room.say("6", "x").await.problem(403, "wrong_role");
}

#[tokio::test]
async fn everybody_in_the_course_joins_its_presence_channel() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut teacher) = (app.connect().await, app.connect().await);
    student.join("presence-chat.c", "7").await;
    let present = teacher.join("presence-chat.c", "9").await;
    assert_eq!(present["count"], 2);
    student.expect("pusher_internal:member_added").await;
    room.said("8", "x").await;
    student.expect_on("App\\Events\\ChatMessageSent", "presence-chat.c").await;
}

#[tokio::test]
async fn a_dropped_student_is_out_of_the_chat_at_once() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut other) = (room.hears("7", "private-chat.c").await, room.hears("8", "private-chat-c").await);
    assert_eq!(room.office.delete("/api/enrollments/e7").await.status, 200);
    expect_revoked(&mut student, "private-chat.c", "enrollment_inactive").await;
    room.said("9", "without them").await;
    other.expect("message:new").await;
    student.expect_silence().await;
    room.get("7", "/api/chats/c/messages").await.problem(403, "enrollment_inactive");
    room.say("7", "x").await.problem(403, "enrollment_inactive");
}

#[tokio::test]
async fn a_chat_goes_with_its_course() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", "x").await;
    let mut student = room.hears("7", "private-chat.c").await;
    assert_eq!(room.office.delete("/api/courses/101").await.status, 200);
    expect_revoked(&mut student, "private-chat.c", "not_enrolled").await;
    room.get("7", "/api/chats/c").await.problem(404, "not_found");
    room.office.get("/api/chats/c").await.problem(404, "not_found");
}

#[tokio::test]
async fn the_chat_of_a_class_is_closed_to_those_who_are_limited_to_another() {
    let app = enforcing().await;
    let room = app.room().await;
    room.office.keep("/api/classes/13", json!({ "course": "101", "name": "Tuesday" })).await;
    let limited = json!({ "user": "8", "course": "101", "class": "13", "limit_to_class": true, "role": "student" });
    room.office.keep("/api/enrollments/e8", limited).await;
    room.make(json!({ "id": "k", "kind": "class", "class": "12", "title": "Monday" })).await;
    let mut inside = room.hears("7", "private-chat.k").await;
    room.get("8", "/api/chats/k").await.problem(403, "wrong_class");
    let mut outside = room.socket("8").await;
    outside.ask_signed("private-chat.k", None).await;
    expect_denied(&mut outside, "private-chat.k", "wrong_class").await;
    room.post("7", json!({ "chat_id": "k", "body": "x" })).await;
    inside.expect("App\\Events\\ChatMessageSent").await;
    let shown = room.get("7", "/api/chats/k").await.ok();
    assert_eq!((&shown["course"], &shown["class"]), (&json!("101"), &json!("12")));
}

#[tokio::test]
async fn access_to_a_chat_is_explained() {
    let app = enforcing().await;
    let room = app.room().await;
    let ask = async |user: &str, channel: &str| {
        room.office.get(&format!("/api/access/explain?user={user}&channel={channel}")).await.ok()
    };
    let student = ask("7", "private-chat.c").await;
    assert_eq!(
        (&student["allow"], &student["reason"], &student["enrollment"]),
        (&json!(true), &json!("enrolled"), &json!("e7"))
    );
    let observer = ask("6", "private-chat-c").await;
    assert_eq!((&observer["allow"], &observer["reason"]), (&json!(false), &json!("wrong_role")));
    assert_eq!(ask("7", "presence-chat.nowhere").await["reason"], "object_deleted");
    room.make(json!({ "id": "g", "kind": "group", "title": "Four of us", "members": ["7"] })).await;
    assert_eq!(ask("7", "private-chat.g").await["reason"], "member");
    let other = ask("8", "private-chat.g").await;
    assert_eq!((&other["allow"], &other["reason"]), (&json!(false), &json!("not_enrolled")));
    assert!(other["steps"].to_string().contains("does not belong to chat 'g'"), "{other}");
}

#[tokio::test]
async fn access_that_was_taken_away_by_hand_closes_the_routes_of_the_chat_too() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut student = room.hears("7", "private-chat-c").await;
    let body = json!({ "user": "7", "scope": { "kind": "channel", "id": "private-chat.c" }, "for_seconds": 600 });
    room.office.post("/api/access/revoke", body).await.ok();
    expect_revoked(&mut student, "private-chat-c", "banned").await;
    room.say("7", "x").await.problem(403, "banned");
}

#[tokio::test]
async fn a_key_reads_with_one_scope_and_writes_with_the_other() {
    let app = TestApp::start().await;
    let room = app.room().await;
    room.said("7", "x").await;
    let reader = app.program(&[Scope::ChatRead]).await;
    assert_eq!(reader.get("/api/chats").await.ok()["data"][0]["id"], "c");
    assert_eq!(reader.get("/api/chats/c/messages").await.ok()["data"][0]["body"], "x");
    let body = json!({ "chat_id": "c", "body": "x" });
    reader.post("/api/chat/messages", body.clone()).await.problem(403, "missing_scope");
    let other = app.program(&[Scope::RosterWrite]).await;
    other.get("/api/chats").await.problem(403, "missing_scope");
    assert_eq!(room.office.post("/api/chat/messages", body).await.status, 201);
}

async fn change(room: &Room<'_>, user: &str, tag: &str, body: Value) -> crate::support::answer::Answer {
    room.write_if(user, (Method::PATCH, "/api/chats/c"), tag, body).await
}

#[tokio::test]
async fn a_chat_is_changed_by_those_who_lead_it_over_the_version_that_they_saw() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut student = room.hears("7", "private-chat.c").await;
    change(&room, "7", "*", json!({ "title": "Ours" })).await.problem(403, "wrong_role");
    change(&room, "5", "*", json!({ "title": "Ours" })).await.problem(403, "wrong_role");
    let body = json!({ "title": "Que\u{202e}stions", "settings": { "slow_mode_s": 5 } });
    let changed = change(&room, "9", "\"1\"", body).await;
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let shown = changed.ok();
    assert_eq!((&shown["title"], &shown["settings"]["slow_mode_s"]), (&json!("Questions"), &json!(5)));
    assert_eq!(shown["settings"]["edit_window_s"], 86_400, "what is left out stays");
    let event = crate::support::client::inner(&student.expect("App\\Events\\ChatUpdated").await);
    assert_eq!((&event["chat"]["title"], &event["change"]), (&json!("Questions"), &json!("updated")));
    change(&room, "9", "\"1\"", json!({ "title": "Late" })).await.problem(412, "version_mismatch");
    for (body, pointer) in [
        (json!({ "title": "" }), "/title"),
        (json!({ "title": "x".repeat(256) }), "/title"),
        (json!({ "settings": { "slow_mode_s": 3_601 } }), "/settings/slow_mode_s"),
        (json!({ "settings": { "edit_window_s": 31_536_001 } }), "/settings/edit_window_s"),
        (json!({ "colour": 1 }), "/colour"),
    ] {
        let problem = change(&room, "9", "*", body).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let most = json!({ "title": "x".repeat(255), "settings": { "slow_mode_s": 3_600, "edit_window_s": 31_536_000 } });
    change(&room, "9", "*", most).await.ok();
}

#[tokio::test]
async fn chats_of_a_course_are_made_by_those_who_lead_it_and_named_by_programs() {
    let app = enforcing().await;
    let room = app.room().await;
    let make = async |user: &str, body: Value| room.push(user, "/api/chats", body).await;
    let course = json!({ "kind": "office_hours", "course": "101", "title": "Ask" });
    make("7", course.clone()).await.problem(403, "wrong_role");
    make("66", course.clone()).await.problem(404, "not_found");
    let made = make("9", course).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(room.get("7", &path).await.ok()["kind"], "office_hours");
    let listed = room.get("7", "/api/chats").await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let first = room.get("7", "/api/chats?limit=1").await.ok();
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let second = room.get("7", &format!("/api/chats?limit=1&cursor={cursor}")).await.ok();
    assert_ne!(first["data"][0]["id"], second["data"][0]["id"]);
    assert_eq!(second["page"]["has_more"], false);
    for body in [
        json!({ "kind": "course", "title": "x" }),
        json!({ "kind": "course", "class": "12", "title": "x" }),
        json!({ "kind": "class", "course": "101", "title": "x" }),
        json!({ "kind": "course", "course": "101" }),
        json!({ "kind": "course", "course": "101", "title": "x", "members": ["7"] }),
        json!({ "kind": "course", "course": "101", "title": "x", "id": "mine" }),
        json!({ "kind": "course", "course": "101", "class": "12", "title": "x" }),
    ] {
        make("9", body).await.problem(422, "invalid_fields");
    }
    let taken = json!({ "id": "c", "kind": "course", "course": "101", "title": "x" });
    room.office.post("/api/chats", taken).await.problem(409, "id_taken");
    let nowhere = json!({ "kind": "course", "course": "999", "title": "x" });
    room.office.post("/api/chats", nowhere).await.problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_socket_that_loses_its_role_loses_the_chat_and_gets_it_back_with_it() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut student = room.hears("7", "private-chat.c").await;
    room.office.keep("/api/enrollments/e7", json!({ "user": "7", "course": "101", "role": "observer" })).await;
    expect_revoked(&mut student, "private-chat.c", "wrong_role").await;
    room.office.keep("/api/enrollments/e7", json!({ "user": "7", "course": "101", "role": "student" })).await;
    eventually("they may say something again", async || room.say("7", "x").await.status == 201).await;
    student.subscribe_private("private-chat.c").await;
}

#[tokio::test]
async fn of_two_who_change_a_chat_at_once_neither_takes_back_what_the_other_did() {
    let app = enforcing().await;
    let room = app.room().await;
    for round in 1..=10 {
        let (one, other) = tokio::join!(
            change(&room, "9", "*", json!({ "settings": { "slow_mode_s": round } })),
            change(&room, "9", "*", json!({ "settings": { "edit_window_s": round } })),
        );
        assert_eq!((one.status, other.status), (200, 200));
        let settings = room.get("9", "/api/chats/c").await.ok()["settings"].clone();
        assert_eq!((&settings["slow_mode_s"], &settings["edit_window_s"]), (&json!(round), &json!(round)));
    }
}

#[tokio::test]
async fn whoever_administers_the_org_finds_the_chats_of_its_courses_and_of_no_other() {
    let app = enforcing().await;
    let room = app.room().await;
    for org in ["1", "2"] {
        room.office.keep(&format!("/api/orgs/{org}"), json!({ "name": "School" })).await;
    }
    for (course, org) in [("201", "1"), ("202", "2")] {
        room.office.keep(&format!("/api/courses/{course}"), json!({ "title": "Bells", "org": org })).await;
        room.make(json!({ "id": format!("c{course}"), "kind": "course", "course": course, "title": "x" })).await;
    }
    room.office.keep("/api/users/1", json!({ "name": "Head", "org": "1", "org_role": "admin" })).await;
    let listed = room.get("1", "/api/chats").await.ok();
    let ids: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|chat| chat["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["c201"]);
    assert_eq!(room.get("404", "/api/chats").await.ok()["data"], json!([]));
}
