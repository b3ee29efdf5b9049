//! How much, how fast, how late.

use campanile::{domain::moderation::Sanction, store::ChatWrite};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, enforcing},
    rest::now,
};

async fn posted(room: &Room<'_>, message: Value) -> crate::support::answer::Answer {
    room.post("7", message).await
}

#[tokio::test]
async fn texts_lists_and_names_are_taken_at_their_limits_and_refused_beyond() {
    let app = enforcing().await;
    let room = app.room().await;
    let file = json!({ "url": "https://files.example/a", "name": "a" });
    let most = json!({
        "chat_id": "c",
        "body": "é".repeat(4_000),
        "mentions": vec!["8"; 20],
        "attachments": vec![file.clone(); 10],
        "client_id": "x".repeat(64),
    });
    let taken = posted(&room, most).await;
    assert_eq!(taken.status, 201, "{}", taken.text());
    let beyond = [
        (json!({ "body": "é".repeat(4_001) }), "/body"),
        (json!({ "body": "x", "mentions": vec!["8"; 21] }), "/mentions"),
        (json!({ "body": "x", "attachments": vec![file; 11] }), "/attachments"),
        (json!({ "body": "x", "client_id": "x".repeat(65) }), "/client_id"),
        (json!({ "body": "" }), "/body"),
        (json!({}), "/body"),
        (json!({ "body": "a\u{0}b" }), "/body"),
        (json!({ "body": "x", "attachments": [{ "url": "javascript:alert(1)", "name": "a" }] }), "/attachments"),
        (json!({ "body": "x", "mentions": ["@everybody"] }), "/mentions"),
        (json!({ "body": "x", "parent_id": "nothing" }), "/parent_id"),
        (json!({ "body": "x", "colour": "red" }), "/colour"),
        (json!({ "body": "x", "visibility": "secret" }), "/visibility"),
    ];
    for (mut message, pointer) in beyond {
        message["chat_id"] = json!("c");
        let problem = posted(&room, message).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let large = json!({ "chat_id": "c", "body": "x".repeat(2 << 20) });
    assert_eq!(posted(&room, large).await.status, 413);
}

#[tokio::test]
async fn five_messages_at_once_are_taken_and_the_sixth_has_to_wait() {
    let app = enforcing().await;
    let room = app.room().await;
    let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let answers = join_all(texts.iter().map(|text| room.say("7", text))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 201).collect();
    // Some seconds may have passed on a slow machine, and with each of them one more message.
    assert!((1..=15).contains(&refused.len()), "{}", refused.len());
    for answer in refused {
        answer.problem(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(room.say("8", "I am another").await.status, 201);
}

#[tokio::test]
async fn twenty_edits_and_reactions_at_once_are_taken_and_one_more_has_to_wait() {
    let app = enforcing().await;
    let room = app.room().await;
    let path = format!("/api/messages/{}", room.said("7", "x").await["id"].as_str().unwrap());
    let edit =
        async |number: u32| room.call("7", Method::PATCH, &path, Some(json!({ "body": number.to_string() }))).await;
    let react = async |number: u32| {
        let method = if number.is_multiple_of(2) { Method::PUT } else { Method::DELETE };
        room.call("7", method, &format!("{path}/reactions/👍"), None).await
    };
    let (edits, reactions) = tokio::join!(join_all((0..20).map(edit)), join_all((0..20).map(react)));
    let refused: Vec<_> = edits.iter().chain(&reactions).filter(|answer| answer.status != 200).collect();
    assert!((1..=20).contains(&refused.len()), "{}", refused.len());
    for answer in refused {
        answer.problem(429, "rate_limited");
    }
    assert_eq!(room.say("7", "what is said is counted apart").await.status, 201);
}

#[tokio::test]
async fn whoever_asks_again_because_the_answer_was_lost_is_not_refused() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = json!({ "chat_id": "c", "body": "once", "client_id": "tmp-1" });
    let said = posted(&room, message.clone()).await.json();
    let again = async || {
        let answer = posted(&room, message.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["id"], said["id"]);
    };
    // More often than anybody may say something.
    for _ in 0..10 {
        again().await;
    }
    room.push("5", "/api/chats/c/moderation", json!({ "user": "7", "measure": "mute" })).await.ok();
    again().await;
    room.call("9", Method::POST, "/api/chats/c/freeze", None).await.ok();
    again().await;
}

#[tokio::test]
async fn a_slow_chat_makes_students_wait_and_staff_not() {
    let app = enforcing().await;
    let room = app.room().await;
    let slow = json!({ "settings": { "slow_mode_s": 600 } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(slow)).await.ok();
    assert_eq!(room.say("7", "one").await.status, 201);
    let refused = room.say("7", "two").await;
    refused.problem(429, "slow_mode");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    for _ in 0..2 {
        assert_eq!(room.say("5", "staff").await.status, 201);
    }
    assert_eq!(room.say("8", "others").await.status, 201);
    assert_eq!(room.seen("7").await, ["one", "staff", "staff", "others"]);
}

#[tokio::test]
async fn the_window_for_edits_closes_for_students_and_not_for_staff() {
    let app = enforcing().await;
    let room = app.room().await;
    let (student, staff) = (room.said("7", "a").await, room.said("5", "b").await);
    let path = |message: &Value| format!("/api/messages/{}", message["id"].as_str().unwrap());
    let none = json!({ "settings": { "edit_window_s": 0 } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(none)).await.ok();
    let edit = Some(json!({ "body": "other" }));
    room.call("7", Method::PATCH, &path(&student), edit.clone()).await.problem(403, "edit_window_over");
    room.call("5", Method::PATCH, &path(&staff), edit).await.ok();
    room.call("7", Method::DELETE, &path(&student), None).await.ok();
}

#[tokio::test]
async fn only_the_roles_that_are_named_write_and_staff() {
    let app = enforcing().await;
    let room = app.room().await;
    let staff_only = json!({ "settings": { "post_roles": ["instructor"] } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(staff_only)).await.ok();
    room.say("7", "x").await.problem(403, "wrong_role");
    assert_eq!(room.say("9", "x").await.status, 201);
    assert_eq!(room.say("5", "x").await.status, 201, "assistants moderate here");
    assert_eq!(room.seen("7").await.len(), 2);
}

#[tokio::test]
async fn a_group_has_no_more_members_than_it_may_have() {
    let app = enforcing().await;
    let room = app.room().await;
    let many: Vec<String> = (0..1_001).map(|number| format!("u{number}")).collect();
    let people = many.iter().map(|user| json!({ "op": "put", "kind": "user", "id": user, "data": { "name": user } }));
    let people: Vec<Value> = people.collect();
    room.office.post("/api/roster/batch", json!({ "operations": people })).await.ok();
    let group = |members: &[String]| json!({ "kind": "group", "title": "Many", "members": members });
    room.office.post("/api/chats", group(&many)).await.problem(422, "invalid_fields");
    let made = room.office.post("/api/chats", group(&many[..1_000])).await.json();
    let path = format!("/api/chats/{}/members", made["id"].as_str().unwrap());
    room.office.post(&path, json!({ "users": ["u1000"] })).await.problem(409, "too_many");
    room.office.post(&path, json!({ "users": ["u999"] })).await.ok();
    room.office.post(&path, json!({ "users": vec!["7"; 101] })).await.problem(422, "invalid_fields");
    room.office.post(&path, json!({ "users": [] })).await.problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_mute_ends_by_itself_when_its_time_is_over() {
    let app = enforcing().await;
    let room = app.room().await;
    let store = app.store().await;
    let mute = json!({ "user": "7", "measure": "mute", "minutes": 1 });
    let made = room.push("5", "/api/chats/c/moderation", mute).await.ok();
    assert!(made["until"].is_string());
    for minutes in [0, 525_601] {
        let wrong = json!({ "user": "7", "measure": "mute", "minutes": minutes });
        room.push("5", "/api/chats/c/moderation", wrong).await.problem(422, "invalid_fields");
    }
    room.say("7", "x").await.problem(403, "muted");
    let (app_id, chat) = (crate::support::app::MAIN.app().id, "c".parse().unwrap());
    let circle = store.chat_circle(&app_id, &chat).await.unwrap().unwrap();
    let over = Sanction { id: "m2".to_owned(), until: Some(now()), ..circle.sanctions[0].clone() };
    let write = ChatWrite { at: now(), audit: &[], epoch: "e" };
    assert!(store.sanction_insert((&app_id, &chat), &over, write, Vec::new()).await.unwrap().0);
    // What is remembered of the chat is read anew.
    room.call("9", Method::PATCH, "/api/chats/c", Some(json!({ "title": "Other" }))).await.ok();
    room.said("7", "heard again").await;
}
