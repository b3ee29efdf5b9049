//! Muted in the shadow: whoever is, goes on as usual; they and staff find what they do, nobody else does, and they find nothing out.

use campanile::{
    domain::{caller::Scope, moderation::Sanction},
    store::ChatWrite,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::MAIN,
    chat::{Room, bodies, enforcing, heard},
    client::{Client, inner},
    rest::now,
};

const MODERATION: &str = "/api/chats/c/moderation";
const CHANNEL: &str = "private-chat-c";
const MESSAGES: &str = "/api/chats/c/messages";

pub(super) async fn shade(room: &Room<'_>, user: &str) -> Value {
    let measure = json!({ "user": user, "measure": "mute", "shadow": true, "reason": "trolls" });
    room.push("5", MODERATION, measure).await.ok()
}

pub(super) async fn lift(room: &Room<'_>, sanction: &Value) {
    let path = format!("{MODERATION}/{}", sanction["id"].as_str().unwrap());
    assert_eq!(room.call("5", Method::DELETE, &path, None).await.status, 204);
}

pub(super) fn path(message: &Value) -> String {
    format!("/api/messages/{}", message["id"].as_str().unwrap())
}

/// Sockets of student 7, of student 8 and of assistant 5 that hear the chat.
pub(super) async fn sockets(room: &Room<'_>) -> [Client; 3] {
    [room.hears("7", CHANNEL).await, room.hears("8", CHANNEL).await, room.hears("5", CHANNEL).await]
}

#[tokio::test]
async fn what_is_said_in_the_shadow_looks_as_usual_to_its_author_and_is_nowhere_for_others() {
    let app = enforcing().await;
    let room = app.room().await;
    let open = room.said("7", "before").await;
    shade(&room, "7").await;
    let said = room.said("7", "rude").await;
    let keys = |message: &Value| message.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&said), keys(&open));
    assert_eq!((&said["visibility"], &said["seq"]), (&json!("all"), &json!(2)));
    for (user, sees) in [("7", true), ("8", false), ("5", true), ("9", true)] {
        assert_eq!(room.seen(user).await.len(), 1 + usize::from(sees), "{user}");
        let shown = room.get(user, &path(&said)).await;
        assert_eq!(shown.status, if sees { 200 } else { 404 }, "{user}");
        let mark = if ["5", "9"].contains(&user) { json!(true) } else { Value::Null };
        assert_eq!(shown.json()["shadowed"], mark, "{user}");
    }
    assert_eq!(room.get("7", MESSAGES).await.ok()["data"][1], said);
    let by_program = room.office.get(MESSAGES).await.ok();
    assert_eq!((&by_program["data"][0]["shadowed"], &by_program["data"][1]["shadowed"]), (&Value::Null, &json!(true)));
    let unread = async |user: &str| room.get(user, "/api/chats/c").await.ok()["unread_count"].clone();
    assert_eq!((unread("8").await, unread("9").await), (json!(1), json!(2)));
    room.push("5", &format!("{}/pin", path(&said)), json!({})).await.ok();
    let pins = async |user: &str| room.get(user, "/api/chats/c/pins").await.ok()["data"].as_array().unwrap().clone();
    assert_eq!((pins("8").await.len(), pins("5").await.len()), (0, 1));
    assert_eq!(pins("7").await[0]["shadowed"], Value::Null);
    for (method, rest) in [(Method::PUT, "/reactions/👍"), (Method::POST, "/ack"), (Method::GET, "/versions")] {
        let refused = room.call("8", method, &format!("{}{rest}", path(&said)), None).await;
        refused.problem(404, "not_found");
    }
    let report = room.push("8", &format!("{}/report", path(&said)), json!({ "reason": "spam" })).await;
    report.problem(404, "not_found");
}

#[tokio::test]
async fn own_tabs_hear_it_as_usual_staff_with_a_mark_and_others_nothing() {
    let app = enforcing().await;
    let room = app.room().await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    let (mut theirs, mut of_staff) = (room.hears("7", "private-user-7").await, room.hears("9", CHANNEL).await);
    shade(&room, "7").await;
    let said = room.said("7", "rude").await;
    let event = inner(&own.expect("message:new").await);
    assert_eq!((&event["message"]["id"], &event["message"]["shadowed"]), (&said["id"], &Value::Null));
    assert_eq!((&event["seq"], &event["actor"]["id"]), (&json!(1), &json!("7")));
    assert!(event.get("onlyFor").is_none(), "{event}");
    for socket in [&mut staff, &mut of_staff] {
        assert_eq!(heard(socket, "message:new").await["shadowed"], true);
    }
    let edited = json!({ "body": "ruder" });
    assert!(room.call("7", Method::PATCH, &path(&said), Some(edited)).await.ok()["shadowed"].is_null());
    let seen = heard(&mut own, "message:updated").await;
    assert_eq!((&seen["body"], &seen["shadowed"]), (&json!("ruder"), &Value::Null));
    assert_eq!(heard(&mut staff, "message:updated").await["shadowed"], true);
    room.call("9", Method::PUT, &format!("{}/reactions/👎", path(&said)), None).await.ok();
    assert_eq!(heard(&mut own, "message:updated").await["reactions"][0]["count"], 1);
    room.call("7", Method::DELETE, &path(&said), None).await.ok();
    assert_eq!(heard(&mut own, "message:deleted").await["shadowed"], Value::Null);
    for socket in [&mut other, &mut theirs] {
        socket.expect_silence().await;
    }
    room.said("8", "hello").await;
    for socket in [&mut own, &mut other] {
        assert_eq!(heard(socket, "message:new").await["seq"], 2);
    }
}

#[tokio::test]
async fn it_is_caught_up_with_by_its_author_and_staff_alone() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("9", "first").await;
    shade(&room, "7").await;
    let said = room.said("7", "rude").await;
    room.call("7", Method::PATCH, &path(&said), Some(json!({ "body": "ruder" }))).await.ok();
    room.said("9", "last").await;
    let begin = inner(&come_back(&room, "9", ":0").await.expect("message:new").await);
    let last = begin["event_id"].as_str().unwrap();
    let names = async |user: &str| {
        let mut socket = come_back(&room, user, last).await;
        let frames = socket.drain().await;
        frames
            .iter()
            .map(|frame| (frame["event"].clone(), inner(frame)["message"]["shadowed"].clone()))
            .collect::<Vec<_>>()
    };
    let [new, updated] = ["message:new", "message:updated"].map(Value::from);
    let none = Value::Null;
    assert_eq!(names("8").await, [(new.clone(), none.clone())]);
    let all = |mark: Value| [(new.clone(), mark.clone()), (updated.clone(), mark), (new.clone(), none.clone())];
    assert_eq!(names("7").await, all(none.clone()));
    assert_eq!(names("5").await, all(json!(true)));
    for (user, count, mark) in [("7", 4, &none), ("8", 2, &none), ("5", 4, &json!(true))] {
        let events = room.get(user, "/api/streams/chat.c/events?after=0").await.ok();
        let events = events["data"].as_array().unwrap();
        assert_eq!(events.len(), count, "{user}");
        let of_shadow = events.iter().find(|event| event["payload"]["message"]["id"] == said["id"]);
        assert_eq!(of_shadow.map_or(&none, |event| &event["payload"]["message"]["shadowed"]), mark, "{user}");
    }
    let program = app.program(&[Scope::StreamsRead]).await;
    let by_program = program.get("/api/streams/chat.c/events?after=0").await.ok();
    assert_eq!(by_program["data"].as_array().unwrap().len(), 4);
}

/// Opens a socket of somebody who says how far they have heard the chat.
async fn come_back(room: &Room<'_>, user: &str, last: &str) -> Client {
    let mut socket = room.socket(user).await;
    socket.subscribe_after(CHANNEL, last).await;
    socket
}

#[tokio::test]
async fn the_person_is_told_nothing_and_staff_finds_the_measure_and_the_audit_too() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut own, mut chat) = (room.hears("7", "private-user-7").await, room.hears("7", CHANNEL).await);
    let measure = shade(&room, "7").await;
    assert_eq!((&measure["shadow"], &measure["measure"]), (&json!(true), &json!("mute")));
    assert_eq!(room.get("9", MODERATION).await.ok()["data"], json!([measure]));
    room.get("7", MODERATION).await.problem(403, "wrong_role");
    lift(&room, &measure).await;
    for socket in [&mut own, &mut chat] {
        socket.expect_silence().await;
    }
    let filter = campanile::domain::audit::AuditFilter::default();
    let entries = app.store().await.audit_list(&MAIN.app().id, &filter, None, 2).await.unwrap();
    let muted = entries.iter().find(|(_, entry)| entry.action == "chat.muted").unwrap();
    assert!(muted.1.after.as_deref().unwrap().contains(r#""shadow":true"#), "{:?}", muted.1);
}

#[tokio::test]
async fn whoever_has_become_staff_is_out_of_the_shadow_and_does_not_find_the_measure() {
    let app = enforcing().await;
    let room = app.room().await;
    let measure = shade(&room, "7").await;
    let before = room.said("7", "rude").await;
    room.office.keep("/api/enrollments/e7", json!({ "user": "7", "course": "101", "role": "assistant" })).await;
    room.said("7", "nice").await;
    assert_eq!(room.seen("8").await, ["nice"]);
    assert_eq!(room.get("7", &path(&before)).await.ok()["shadowed"], Value::Null);
    assert_eq!(room.get("7", MODERATION).await.ok()["data"], json!([]));
    let own = format!("{MODERATION}/{}", measure["id"].as_str().unwrap());
    room.call("7", Method::DELETE, &own, None).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_shadow_in_the_place_of_an_open_mute_looks_like_its_end() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut own = room.hears("7", "private-user-7").await;
    room.push("5", MODERATION, json!({ "user": "7", "measure": "mute" })).await.ok();
    assert_eq!(inner(&own.expect("chat:updated").await)["change"], "muted");
    room.say("7", "x").await.problem(403, "muted");
    let measure = shade(&room, "7").await;
    assert_eq!(inner(&own.expect("chat:updated").await)["change"], "lifted");
    room.said("7", "rude").await;
    assert!(room.seen("8").await.is_empty());
    assert_eq!(room.get("9", MODERATION).await.ok()["data"], json!([measure]));
    room.push("5", MODERATION, json!({ "user": "7", "measure": "mute" })).await.ok();
    assert_eq!(inner(&own.expect("chat:updated").await)["change"], "muted");
    room.say("7", "x").await.problem(403, "muted");
}

#[tokio::test]
async fn staff_is_not_muted_in_the_shadow_and_nobody_is_banned_so() {
    let app = enforcing().await;
    let room = app.room().await;
    let pointer = |problem: Value| problem["errors"][0]["pointer"].clone();
    let of_staff = json!({ "user": "5", "measure": "mute", "shadow": true });
    let refused = room.push("9", MODERATION, of_staff.clone()).await.problem(422, "invalid_fields");
    assert_eq!(pointer(refused), "/user");
    assert_eq!(pointer(room.office.post(MODERATION, of_staff.clone()).await.problem(422, "invalid_fields")), "/user");
    let banned = room.push("9", MODERATION, json!({ "user": "5", "measure": "ban" })).await.ok();
    assert_eq!(pointer(room.push("9", MODERATION, of_staff.clone()).await.problem(422, "invalid_fields")), "/user");
    let path = format!("{MODERATION}/{}", banned["id"].as_str().unwrap());
    assert_eq!(room.call("9", Method::DELETE, &path, None).await.status, 204);
    let ban = json!({ "user": "7", "measure": "ban", "shadow": true });
    assert_eq!(pointer(room.push("9", MODERATION, ban).await.problem(422, "invalid_fields")), "/shadow");
    let by_student = json!({ "user": "7", "measure": "mute", "shadow": true });
    room.push("8", MODERATION, by_student).await.problem(403, "wrong_role");
    let open = room.push("5", MODERATION, json!({ "user": "7", "measure": "mute", "shadow": false })).await.ok();
    assert_eq!(open["shadow"], false);
    room.say("7", "x").await.problem(403, "muted");
    let block = json!({ "user": "5", "scope": { "kind": "course", "id": "101" }, "for_seconds": 60 });
    room.office.post("/api/access/revoke", block).await.ok();
    assert_eq!(pointer(room.push("9", MODERATION, of_staff).await.problem(422, "invalid_fields")), "/user");
}

#[tokio::test]
async fn when_the_shadow_has_ended_new_messages_are_for_all_and_old_ones_stay_hidden() {
    let app = enforcing().await;
    let room = app.room().await;
    let measure = shade(&room, "7").await;
    let hidden = room.said("7", "rude").await;
    lift(&room, &measure).await;
    let [mut own, mut other, _staff] = sockets(&room).await;
    room.said("7", "nice").await;
    assert_eq!(heard(&mut other, "message:new").await["body"], "nice");
    room.call("7", Method::PATCH, &path(&hidden), Some(json!({ "body": "still there?" }))).await.ok();
    other.expect_silence().await;
    own.expect("message:new").await;
    own.expect("message:updated").await;
    assert_eq!((room.seen("8").await, room.seen("7").await.len()), (vec!["nice".to_owned()], 2));
}

#[tokio::test]
async fn a_shadow_ends_by_itself_when_its_time_is_over() {
    let app = enforcing().await;
    let room = app.room().await;
    let mute = json!({ "user": "7", "measure": "mute", "shadow": true, "minutes": 1 });
    assert!(room.push("5", MODERATION, mute).await.ok()["until"].is_string());
    room.said("7", "rude").await;
    let (store, id, chat) = (app.store().await, MAIN.app().id, "c".parse().unwrap());
    let circle = store.chat_circle(&id, &chat).await.unwrap().unwrap();
    let over = Sanction { id: "m2".to_owned(), until: Some(now()), ..circle.sanctions[0].clone() };
    let write = ChatWrite { at: now(), audit: &[], epoch: "e" };
    assert!(Box::pin(store.sanction_insert((&id, &chat), &over, write, Vec::new())).await.unwrap().0);
    // What is remembered of the chat is read anew.
    room.call("9", Method::PATCH, "/api/chats/c", Some(json!({ "title": "Other" }))).await.ok();
    room.said("7", "nice").await;
    assert_eq!((room.seen("8").await, room.seen("7").await.len()), (vec!["nice".to_owned()], 2));
}

#[tokio::test]
async fn sent_again_under_its_client_id_it_looks_as_before() {
    let app = enforcing().await;
    let room = app.room().await;
    shade(&room, "7").await;
    let message = json!({ "chat_id": "c", "body": "rude", "client_id": "once" });
    let (first, again) = (room.post("7", message.clone()).await, room.post("7", message).await);
    assert_eq!((first.status, again.status, first.json()), (201, 200, again.json()));
    assert_eq!(first.json()["shadowed"], Value::Null);
}

#[tokio::test]
async fn replies_and_mentions_from_the_shadow_notify_nobody_and_are_not_found() {
    let app = enforcing().await;
    let room = app.room().await;
    let parent = room.said("8", "a question").await;
    shade(&room, "7").await;
    let reply =
        json!({ "chat_id": "c", "body": "an insult", "parent_id": parent["id"], "mentions": ["8", "9", "@staff"] });
    assert_eq!(room.post("7", reply).await.json()["mentions"], json!(["8", "9", "@staff"]));
    for user in ["8", "9"] {
        assert_eq!(room.get(user, "/api/notifications").await.ok()["data"], json!([]), "{user}");
    }
    assert_eq!(room.seen("8").await, ["a question"]);
}

#[tokio::test]
async fn whispers_from_the_shadow_reach_staff_alone() {
    let app = enforcing().await;
    let room = app.room().await;
    let open = json!({ "settings": { "dm_policy": "everybody" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(open)).await.ok();
    shade(&room, "7").await;
    let (mut own, mut other, mut staff) = (
        room.hears("7", "private-user-7").await,
        room.hears("8", "private-user-8").await,
        room.hears("5", "private-user-5").await,
    );
    let whisper = json!({ "chat_id": "c", "body": "psst", "visibility": "users", "visible_to": ["5", "8"] });
    let said = room.post("7", whisper).await.json();
    assert_eq!((&said["visible_to"], &said["shadowed"]), (&json!(["5", "8"]), &Value::Null));
    assert_eq!(heard(&mut own, "message:new").await["shadowed"], Value::Null);
    assert_eq!(heard(&mut staff, "message:new").await["shadowed"], true);
    other.expect_silence().await;
    for (user, count) in [("7", 1), ("8", 0), ("5", 1), ("9", 0)] {
        assert_eq!(room.seen(user).await.len(), count, "{user}");
    }
    room.call("7", Method::DELETE, &path(&said), None).await.ok();
    other.expect_silence().await;
    let events = room.get("7", "/api/streams/user.7/events?after=0").await.ok();
    assert!(events["data"].as_array().unwrap().iter().all(|event| event["payload"]["message"]["shadowed"].is_null()));
}

#[tokio::test]
async fn reactions_from_the_shadow_count_for_whoever_reacts_alone() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("8", "hello").await;
    let measure = shade(&room, "7").await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    let react = format!("{}/reactions/👎", path(&message));
    let marked = room.call("7", Method::PUT, &react, None).await.ok();
    let one = json!([{ "emoji": "👎", "count": 1 }]);
    let own_one = json!([{ "emoji": "👎", "count": 1, "mine": true }]);
    assert_eq!(marked["reactions"], own_one);
    assert_eq!(heard(&mut own, "message:updated").await["reactions"], one);
    for socket in [&mut other, &mut staff] {
        socket.expect_silence().await;
    }
    let count = async |user: &str| room.get(user, &path(&message)).await.ok()["reactions"].clone();
    for (user, reactions) in [("7", own_one.clone()), ("8", json!([])), ("9", json!([]))] {
        assert_eq!(count(user).await, reactions, "{user}");
    }
    room.call("8", Method::PUT, &react, None).await.ok();
    assert_eq!((count("7").await[0]["count"].clone(), count("8").await), (json!(2), own_one.clone()));
    lift(&room, &measure).await;
    assert_eq!(room.call("7", Method::PUT, &react, None).await.ok()["reactions"][0]["count"], 2, "it is there");
    assert_eq!(room.call("7", Method::DELETE, &react, None).await.ok()["reactions"], one);
    assert_eq!((count("7").await, count("8").await), (one, own_one));
}

#[tokio::test]
async fn an_answer_of_staff_to_a_whisper_from_the_shadow_reaches_its_author() {
    let app = enforcing().await;
    let room = app.room().await;
    shade(&room, "7").await;
    let whisper = json!({ "chat_id": "c", "body": "psst", "visibility": "users", "visible_to": ["5"] });
    let said = room.post("7", whisper).await.json();
    let mut own = room.hears("7", "private-user-7").await;
    let reply = json!({ "chat_id": "c", "body": "stop that", "parent_id": said["id"] });
    assert_eq!(room.post("5", reply).await.status, 201);
    assert_eq!(heard(&mut own, "message:new").await["body"], "stop that");
    assert_eq!((room.seen("7").await.len(), room.seen("8").await.len()), (2, 0));
}

#[tokio::test]
async fn client_events_and_typing_from_the_shadow_reach_own_tabs_at_most() {
    let app = enforcing().await;
    let room = app.room().await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    let mut tab = room.hears("7", CHANNEL).await;
    let measure = shade(&room, "7").await;
    own.send_event("client-hello", CHANNEL, json!({ "text": "rude" })).await;
    assert_eq!(tab.expect("client-hello").await["data"]["text"], "rude");
    own.send_event("client-typing", CHANNEL, json!({})).await;
    let sign = json!({ "chat_id": "c", "typing": true });
    assert_eq!(room.push("7", "/api/typing", sign).await.status, 204);
    for socket in [&mut own, &mut other, &mut staff] {
        socket.expect_silence().await;
    }
    assert_eq!(room.get("8", "/api/typing?chat_id=c").await.ok()["data"], json!([]));
    lift(&room, &measure).await;
    own.send_event("client-hello", CHANNEL, json!({ "text": "nice" })).await;
    assert_eq!(other.expect("client-hello").await["data"]["text"], "nice");
}

#[tokio::test]
async fn what_goes_from_the_roster_takes_nobody_out_of_the_shadow() {
    let app = enforcing().await;
    let room = app.room().await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    shade(&room, "7").await;
    room.push("9", MODERATION, json!({ "user": "8", "measure": "mute" })).await.ok();
    for gone in ["/api/users/66", "/api/classes/12"] {
        room.office.delete(gone).await.ok();
    }
    own.send_event("client-hello", CHANNEL, json!({ "text": "rude" })).await;
    other.send_event("client-hello", CHANNEL, json!({ "text": "silenced" })).await;
    for socket in [&mut own, &mut other, &mut staff] {
        assert!(socket.drain().await.iter().all(|frame| frame["event"] != "client-hello"));
    }
}

#[tokio::test]
async fn a_reply_to_what_only_staff_finds_is_found_by_staff_alone() {
    let app = enforcing().await;
    let room = app.room().await;
    shade(&room, "7").await;
    let said = room.said("7", "rude").await;
    let reply = json!({ "chat_id": "c", "body": "see this", "parent_id": said["id"] });
    assert_eq!(room.post("9", reply).await.status, 201);
    assert_eq!((room.seen("5").await.len(), room.seen("8").await.len(), room.seen("7").await.len()), (2, 0, 1));
}

#[tokio::test]
async fn a_deletion_tells_nobody_of_reactions_from_the_shadow() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("8", "hello").await;
    shade(&room, "7").await;
    room.call("7", Method::PUT, &format!("{}/reactions/👎", path(&message)), None).await.ok();
    room.call("8", Method::DELETE, &path(&message), None).await.ok();
    let events = room.get("8", "/api/streams/chat.c/events?after=0").await.ok();
    let events: Vec<_> = events["data"].as_array().unwrap().iter().map(|one| one["event"].clone()).collect();
    assert_eq!(events, ["chat.message.created", "chat.message.deleted"]);
}

#[tokio::test]
async fn an_export_of_staff_marks_what_was_said_in_the_shadow() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("8", "hello").await;
    shade(&room, "7").await;
    room.said("7", "rude").await;
    let export = room.get("9", "/api/chats/c/export").await.ok();
    let marks: Vec<_> = export["messages"].as_array().unwrap().iter().map(|one| one["shadowed"].clone()).collect();
    assert_eq!(marks, [Value::Null, json!(true)]);
    let sheet = room.get("9", "/api/chats/c/export?format=csv").await.csv_rows();
    let column = sheet[0].iter().position(|name| name == "shadowed").unwrap();
    assert_eq!((sheet[1][column].as_str(), sheet[2][column].as_str()), ("", "true"));
}

#[tokio::test]
async fn in_a_group_without_a_course_its_owner_finds_what_is_said_in_the_shadow() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "title": "x", "members": ["7", "8", "66"] })).await;
    room.office.post("/api/chats/g/members", json!({ "users": ["66"], "part": "owner" })).await.ok();
    let measure = json!({ "user": "7", "measure": "mute", "shadow": true });
    room.push("66", "/api/chats/g/moderation", measure).await.ok();
    let (mut owner, mut other) = (room.hears("66", "private-chat-g").await, room.hears("8", "private-chat-g").await);
    assert_eq!(room.post("7", json!({ "chat_id": "g", "body": "rude" })).await.status, 201);
    assert_eq!(heard(&mut owner, "message:new").await["shadowed"], true);
    other.expect_silence().await;
    for (user, count) in [("66", 1), ("7", 1), ("8", 0)] {
        let list = room.get(user, "/api/chats/g/messages").await.ok();
        assert_eq!(bodies(&list).len(), count, "{user}");
    }
}
