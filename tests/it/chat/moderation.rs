//! Mutes, bans, frozen chats, reports.

use campanile::domain::caller::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, SENT, enforcing},
    client::inner,
};

const MODERATION: &str = "/api/chats/c/moderation";

async fn act(room: &Room<'_>, by: &str, measure: &str, user: &str) -> crate::support::answer::Answer {
    room.push(by, MODERATION, json!({ "user": user, "measure": measure, "reason": "disturbs" })).await
}

async fn lift(room: &Room<'_>, by: &str, sanction: &Value) -> u16 {
    let path = format!("{MODERATION}/{}", sanction["id"].as_str().unwrap());
    room.call(by, Method::DELETE, &path, None).await.status
}

#[tokio::test]
async fn whoever_is_muted_reads_and_does_not_write_until_it_is_lifted() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "before").await;
    let mut student = room.hears("7", "private-chat.c").await;
    act(&room, "8", "mute", "7").await.problem(403, "wrong_role");
    let mute = act(&room, "5", "mute", "7").await.ok();
    assert_eq!(
        (&mute["measure"], &mute["created_by"], &mute["reason"]),
        (&json!("mute"), &json!("user:5"), &json!("disturbs"))
    );
    room.say("7", "x").await.problem(403, "muted");
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    room.call("7", Method::PATCH, &path, Some(json!({ "body": "x" }))).await.problem(403, "muted");
    room.call("7", Method::PUT, &format!("{path}/reactions/👍"), None).await.problem(403, "muted");
    room.said("8", "others write").await;
    student.expect(SENT).await;
    room.call("7", Method::DELETE, &path, None).await.ok();
    let listed = room.get("9", MODERATION).await.ok();
    assert_eq!(listed["data"], json!([mute]));
    room.get("7", MODERATION).await.problem(403, "wrong_role");
    assert_eq!(lift(&room, "7", &mute).await, 403);
    assert_eq!((lift(&room, "5", &mute).await, lift(&room, "5", &mute).await), (204, 404));
    room.said("7", "again").await;
}

#[tokio::test]
async fn whoever_is_banned_hears_nothing_more_at_once_and_comes_back_when_it_is_lifted() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut other) = (room.hears("7", "private-chat.c").await, room.hears("8", "private-chat-c").await);
    act(&room, "5", "ban", "7").await.problem(403, "wrong_role");
    let ban = act(&room, "9", "ban", "7").await.ok();
    let frame = student.expect_on("pusher:subscription_error", "private-chat.c").await;
    assert_eq!((&frame["data"]["type"], &frame["data"]["reason"]), (&json!("AccessRevoked"), &json!("banned")));
    room.said("9", "without them").await;
    other.expect("message:new").await;
    student.expect_silence().await;
    student.ask_signed("private-chat-c", None).await;
    let refused = student.expect_on("pusher:subscription_error", "private-chat-c").await;
    assert_eq!(refused["data"]["reason"], "banned");
    room.say("7", "x").await.problem(403, "banned");
    room.get("7", "/api/chats/c/messages").await.problem(403, "banned");
    let explained = room.office.get("/api/access/explain?user=7&channel=private-chat.c").await.ok();
    assert_eq!((&explained["allow"], &explained["reason"]), (&json!(false), &json!("banned")));
    assert_eq!((lift(&room, "5", &ban).await, lift(&room, "9", &ban).await), (403, 204));
    student.subscribe_private("private-chat.c").await;
    room.said("7", "back").await;
}

#[tokio::test]
async fn a_ban_counts_where_a_signature_of_the_application_suffices_too() {
    let app = crate::support::app::TestApp::start().await;
    let room = app.room().await;
    let mut student = room.hears("7", "private-chat.c").await;
    act(&room, "9", "ban", "7").await.ok();
    let frame = student.expect_on("pusher:subscription_error", "private-chat.c").await;
    assert_eq!(frame["data"]["reason"], "banned");
    student.ask_signed("private-chat.c", None).await;
    student.expect_on("pusher:subscription_error", "private-chat.c").await;
}

#[tokio::test]
async fn nobody_acts_against_staff_of_their_rank_or_against_themselves() {
    let app = enforcing().await;
    let room = app.room().await;
    for (by, user) in [("5", "9"), ("5", "5"), ("9", "9")] {
        act(&room, by, "mute", user).await.problem(422, "invalid_fields");
    }
    act(&room, "9", "mute", "5").await.ok();
    room.say("5", "x").await.problem(403, "muted");
    let by_program = json!({ "user": "9", "measure": "mute" });
    room.office.post(MODERATION, by_program).await.ok();
    room.say("9", "x").await.problem(403, "muted");
}

#[tokio::test]
async fn only_those_are_muted_banned_or_purged_who_have_or_had_to_do_with_the_chat() {
    let app = enforcing().await;
    let room = app.room().await;
    let purge = async |user: &str| room.push("9", "/api/chats/c/purge", json!({ "user": user })).await;
    let refused = |answer: &crate::support::answer::Answer, message: &str| {
        let field = json!({ "pointer": "/user", "code": "invalid", "message": message });
        assert_eq!(answer.problem(422, "invalid_fields")["errors"], json!([field]));
    };
    for (user, message) in
        [("ghost", "the roster does not know user 'ghost'"), ("66", "user '66' takes no part in course '101'")]
    {
        for answer in [act(&room, "9", "mute", user).await, act(&room, "9", "ban", user).await, purge(user).await] {
            refused(&answer, message);
        }
        act(&room, "7", "mute", user).await.problem(403, "wrong_role");
    }
    act(&room, "9", "ban", "6").await.ok();
    room.said("7", "rude").await;
    room.said("8", "rude").await;
    let mute = act(&room, "9", "mute", "8").await.ok();
    room.office.delete("/api/enrollments/e7").await.ok();
    act(&room, "9", "ban", "7").await.ok();
    assert_eq!(room.office.delete("/api/users/8").await.status, 200);
    for user in ["7", "8"] {
        assert_eq!(purge(user).await.ok()["count"], 1, "{user}");
        assert_eq!(purge(user).await.ok()["count"], 0, "{user}, once more");
    }
    assert_eq!(lift(&room, "9", &mute).await, 204);

    room.make(json!({ "id": "g", "kind": "group", "title": "Choir", "members": ["7"] })).await;
    let measure = |user: &str| json!({ "user": user, "measure": "ban" });
    room.office.post("/api/chats/g/moderation", measure("66")).await.ok();
    refused(
        &room.office.post("/api/chats/g/moderation", measure("ghost")).await,
        "the roster does not know user 'ghost'",
    );
}

#[tokio::test]
async fn where_nobody_is_in_the_roster_anybody_is_banned() {
    let app = enforcing().await;
    let office = app.program(&[Scope::ChatWrite]).await;
    let made = office.post("/api/chats", json!({ "id": "g", "kind": "group", "title": "Choir" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    office.post("/api/chats/g/moderation", json!({ "user": "ghost", "measure": "ban" })).await.ok();
    office.post("/api/chats/g/purge", json!({ "user": "ghost" })).await.ok();
}

#[tokio::test]
async fn nobody_lifts_their_own_mute_or_that_of_somebody_of_their_rank() {
    let app = enforcing().await;
    let room = app.room().await;
    room.office.keep("/api/users/55", json!({ "name": "Name of 55" })).await;
    room.office.keep("/api/enrollments/e55", json!({ "user": "55", "course": "101", "role": "assistant" })).await;
    let mute = act(&room, "9", "mute", "5").await.ok();
    let path = format!("{MODERATION}/{}", mute["id"].as_str().unwrap());
    for by in ["5", "55"] {
        room.call(by, Method::DELETE, &path, None).await.problem(403, "rank");
    }
    room.say("5", "x").await.problem(403, "muted");
    assert_eq!(lift(&room, "9", &mute).await, 204);
    room.said("5", "x").await;
}

#[tokio::test]
async fn whoever_is_named_by_what_no_database_keeps_is_nobody() {
    let app = enforcing().await;
    let room = app.room().await;
    for measure in ["mute", "ban"] {
        let problem = act(&room, "9", measure, "a\u{0}").await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/user");
    }
    let pair = json!({ "kind": "dm", "members": ["7", "a\u{0}"] });
    let problem = room.office.post("/api/chats", pair).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/members");
    let members = json!({ "users": ["a\u{0}"] });
    room.make(json!({ "id": "g", "kind": "group", "title": "x", "members": ["7"] })).await;
    room.office.post("/api/chats/g/members", members).await.problem(422, "invalid_fields");
    room.office.delete("/api/chats/g/members/a%00").await.problem(404, "not_found");
}

#[tokio::test]
async fn of_many_measures_the_oldest_is_found_page_by_page() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut made = Vec::new();
    for number in 0..101 {
        room.office.keep(&format!("/api/users/u{number}"), json!({ "name": "x" })).await;
        let part = json!({ "user": format!("u{number}"), "course": "101", "role": "student" });
        room.office.keep(&format!("/api/enrollments/u{number}"), part).await;
        let body = json!({ "user": format!("u{number}"), "measure": "mute" });
        made.push(room.office.post(MODERATION, body).await.ok());
    }
    made.reverse();
    let (mut found, mut path) = (Vec::new(), format!("{MODERATION}?limit=100"));
    loop {
        let page = room.get("5", &path).await.ok();
        found.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["page"]["next_cursor"].as_str() else { break };
        path = format!("{MODERATION}?limit=100&cursor={cursor}");
    }
    assert_eq!(found, made, "newest first");
}

#[tokio::test]
async fn a_new_measure_takes_the_place_of_an_earlier_one_of_its_kind() {
    let app = enforcing().await;
    let room = app.room().await;
    act(&room, "5", "mute", "7").await.ok();
    let second = act(&room, "9", "mute", "7").await.ok();
    let ban = act(&room, "9", "ban", "7").await.ok();
    let listed = room.get("9", MODERATION).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert!([&second, &ban].iter().all(|one| listed["data"].as_array().unwrap().contains(one)));
}

#[tokio::test]
async fn in_a_frozen_chat_only_staff_writes_and_in_an_archived_one_nobody() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "before").await;
    let mut student = room.hears("7", "private-chat.c").await;
    room.call("5", Method::POST, "/api/chats/c/freeze", None).await.problem(403, "wrong_role");
    let frozen = room.call("9", Method::POST, "/api/chats/c/freeze", None).await.ok();
    assert!(frozen["frozen_at"].is_string());
    let event = inner(&student.expect("App\\Events\\ChatUpdated").await);
    assert_eq!(event["change"], "frozen");
    student.expect("chat.updated").await;
    room.say("7", "x").await.problem(409, "chat_frozen");
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    room.call("7", Method::PATCH, &path, Some(json!({ "body": "x" }))).await.problem(409, "chat_frozen");
    room.said("5", "staff").await;
    student.expect(SENT).await;
    let open = room.call("9", Method::POST, "/api/chats/c/unfreeze", None).await.ok();
    assert!(open["frozen_at"].is_null());
    room.said("7", "thawed").await;
    room.call("9", Method::PATCH, "/api/chats/c", Some(json!({ "archived": true }))).await.ok();
    for user in ["7", "9"] {
        room.say(user, "x").await.problem(409, "chat_archived");
    }
    let body = json!({ "chat_id": "c", "body": "x" });
    room.office.post("/api/chat/messages", body).await.problem(409, "chat_archived");
    assert_eq!(room.seen("7").await, ["before", "staff", "thawed"], "what was said stays to be read");
}

#[tokio::test]
async fn moderators_delete_what_others_said_and_the_audit_tells() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "rude").await;
    let id = message["id"].as_str().unwrap();
    let gone = room.call("5", Method::DELETE, &format!("/api/messages/{id}"), None).await.ok();
    assert_eq!(gone["body"], "");
    act(&room, "5", "mute", "7").await.ok();
    room.call("9", Method::POST, "/api/chats/c/freeze", None).await.ok();
    let store = app.store().await;
    let filter = campanile::domain::audit::AuditFilter::default();
    let entries = store.audit_list(&crate::support::app::MAIN.app().id, &filter, None, 3).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|(_, entry)| (entry.action.as_str(), entry.actor.as_str(), entry.scope.as_deref().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("chat.frozen", "user:9", "chat.c"), ("chat.muted", "user:5", "chat.c"), ("chat.deleted", "user:5", "chat.c")]
    );
}

#[tokio::test]
async fn a_report_is_for_moderators_alone_and_counts_once() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "rude").await;
    let path = format!("/api/messages/{}/report", message["id"].as_str().unwrap());
    let mut author = room.hears("7", "private-chat.c").await;
    let body = json!({ "reason": "harassment", "note": "not nice" });
    let made = room.push("8", &path, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let report = made.json();
    assert_eq!((&report["reporter"], &report["state"]), (&json!("8"), &json!("open")));
    let again = room.push("8", &path, json!({ "reason": "spam" })).await;
    assert_eq!((again.status, again.json()), (200, report.clone()));
    author.expect_silence().await;
    room.push("66", &path, body.clone()).await.problem(404, "not_found");
    room.push("8", &path, json!({ "reason": "dislike" })).await.problem(422, "invalid_fields");
    room.push("9", &path, json!({ "reason": "other", "note": "x".repeat(501) })).await.problem(422, "invalid_fields");
    room.push("9", &path, json!({ "reason": "other", "note": "x".repeat(500) })).await;
    room.get("7", "/api/chats/c/reports").await.problem(403, "wrong_role");
    let queue = room.get("5", "/api/chats/c/reports?state=open&limit=1").await.ok();
    assert_eq!((&queue["data"][0], &queue["page"]["has_more"]), (&report, &json!(true)));
    let handle = format!("/api/chats/c/reports/{}", report["id"].as_str().unwrap());
    room.call("7", Method::PATCH, &handle, Some(json!({ "state": "dismissed" }))).await.problem(403, "wrong_role");
    let handled = room.call("5", Method::PATCH, &handle, Some(json!({ "state": "handled" }))).await.ok();
    assert_eq!((&handled["state"], &handled["handled_by"]), (&json!("handled"), &json!("user:5")));
    let open = room.get("5", "/api/chats/c/reports?state=open").await.ok();
    assert_eq!(open["data"].as_array().unwrap().len(), 1);
    let once_more = room.push("8", &path, json!({ "reason": "spam" })).await.ok();
    assert_eq!(
        (&once_more["id"], &once_more["state"], &once_more["reason"], &once_more["handled_by"]),
        (&report["id"], &json!("open"), &json!("spam"), &json!("user:5"))
    );
    let open = room.get("5", "/api/chats/c/reports?state=open").await.ok();
    assert!(open["data"].as_array().unwrap().contains(&once_more), "it is open again, and who looked into it is known");
    let elsewhere = format!("/api/chats/c/reports/{}x", report["id"].as_str().unwrap());
    room.call("5", Method::PATCH, &elsewhere, Some(json!({ "state": "handled" }))).await.problem(404, "not_found");
    room.call("7", Method::DELETE, &format!("/api/messages/{}", message["id"].as_str().unwrap()), None).await.ok();
    room.push("5", &path, body).await.problem(409, "message_deleted");
}

#[tokio::test]
async fn whoever_is_muted_is_not_seen_typing() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut other) = (room.hears("7", "private-chat-c").await, room.hears("8", "private-chat-c").await);
    student.send_event("client-typing", "private-chat-c", json!({})).await;
    other.expect("client-typing").await;
    act(&room, "5", "mute", "7").await.ok();
    other.expect("client-typing-stopped").await;
    student.expect("client-typing-stopped").await;
    student.send_event("client-typing", "private-chat-c", json!({})).await;
    student.expect_silence().await;
    let typing = json!({ "channel": "private-chat-c", "typing": true });
    room.push("7", "/api/typing", typing).await.problem(403, "silenced");
    other.expect_silence().await;
}

#[tokio::test]
async fn whoever_may_not_write_sends_no_client_events_either() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut other) = (room.hears("7", "private-chat.c").await, room.hears("8", "private-chat.c").await);
    student.send_event("client-hello", "private-chat.c", json!({})).await;
    other.expect("client-hello").await;
    let mute = act(&room, "5", "mute", "7").await.ok();
    student.send_event("client-hello", "private-chat.c", json!({ "text": "rude" })).await;
    assert!(student.expect_error(4301).await.contains("may not write"));
    other.expect_silence().await;
    assert_eq!(lift(&room, "5", &mute).await, 204);
    student.send_event("client-hello", "private-chat.c", json!({})).await;
    other.expect("client-hello").await;

    let mut staff = room.hears("5", "private-chat.c").await;
    room.call("9", Method::POST, "/api/chats/c/freeze", None).await.ok();
    for client in [&mut student, &mut other, &mut staff] {
        client.expect("App\\Events\\ChatUpdated").await;
        client.expect("chat.updated").await;
    }
    student.send_event("client-hello", "private-chat.c", json!({})).await;
    student.expect_error(4301).await;
    staff.send_event("client-hello", "private-chat.c", json!({})).await;
    other.expect("client-hello").await;
}

#[tokio::test]
async fn where_a_course_lets_nobody_write_nobody_whispers_or_is_seen_typing() {
    let app = enforcing().await;
    let room = app.room().await;
    let course = |overrides: Value| json!({ "title": "Computing", "overrides": overrides });
    let says = |role: &str, what: &str, effect: &str| json!({ "role": role, "capability": what, "effect": effect });
    let watching = says("observer", "channel.chat", "allow");
    room.office.keep("/api/courses/101", course(json!([watching]))).await;
    let mut teacher = room.hears("9", "private-chat-c").await;
    let mut observer = room.hears("6", "private-chat-c").await;
    observer.send_event("client-hello", "private-chat-c", json!({})).await;
    observer.expect_error(4301).await;
    teacher.expect_silence().await;

    let mut student = room.hears("7", "private-chat-c").await;
    student.send_event("client-typing", "private-chat-c", json!({})).await;
    teacher.expect("client-typing").await;
    student.send_event("client-typing-stopped", "private-chat-c", json!({})).await;
    teacher.expect("client-typing-stopped").await;
    let quiet = says("student", "chat.post", "prevent");
    room.office.keep("/api/courses/101", course(json!([watching, quiet]))).await;
    student.send_event("client-typing", "private-chat-c", json!({})).await;
    student.expect_silence().await;
    student.send_event("client-hello", "private-chat-c", json!({})).await;
    student.expect_error(4301).await;
    observer.drain().await;
    teacher.expect_silence().await;
}

#[tokio::test]
async fn nobody_but_the_server_tells_of_a_crowd() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut student, mut other) = (room.hears("7", "private-chat-c").await, room.hears("8", "private-chat-c").await);
    student.send_event("client-typing-crowd", "private-chat-c", json!({ "count": 500 })).await;
    student.expect_error(4301).await;
    other.expect_silence().await;
}

#[tokio::test]
async fn the_owner_of_a_group_whispers_although_it_is_frozen() {
    let app = enforcing().await;
    let room = app.room().await;
    let group = json!({ "id": "g", "kind": "group", "title": "Project", "members": ["7"] });
    room.make(group).await;
    room.office.post("/api/chats/g/members", json!({ "users": ["8"], "part": "owner" })).await.ok();
    let (mut member, mut owner) = (room.hears("7", "private-chat-g").await, room.hears("8", "private-chat-g").await);
    room.office.post("/api/chats/g/freeze", json!({})).await.ok();
    for client in [&mut member, &mut owner] {
        client.expect("chat:updated").await;
    }
    member.send_event("client-hello", "private-chat-g", json!({})).await;
    member.expect_error(4301).await;
    owner.send_event("client-hello", "private-chat-g", json!({})).await;
    member.expect("client-hello").await;
}
