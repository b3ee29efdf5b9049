//! How far everybody has read.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, enforcing},
    client::inner,
};

const READ: &str = "App\\Events\\ChatRead";

async fn read(room: &Room<'_>, user: &str, body: Value) -> Value {
    room.call(user, Method::PUT, "/api/chats/c/read", Some(body)).await.ok()
}

async fn unread(room: &Room<'_>, user: &str) -> (Value, Value) {
    let chat = room.get(user, "/api/chats/c").await.ok();
    (chat["last_read_seq"].clone(), chat["unread_count"].clone())
}

#[tokio::test]
async fn of_two_tabs_the_one_that_has_read_further_counts() {
    let app = enforcing().await;
    let room = app.room().await;
    for number in 0..5 {
        room.said("7", &number.to_string()).await;
    }
    assert_eq!(unread(&room, "8").await, (json!(0), json!(5)));
    let tabs = [2, 4, 1, 3].map(|seq| read(&room, "8", json!({ "seq": seq })));
    futures_util::future::join_all(tabs).await;
    assert_eq!(unread(&room, "8").await, (json!(4), json!(1)));
    let beyond = read(&room, "8", json!({ "seq": 999 })).await;
    assert_eq!((&beyond["last_read_seq"], &beyond["unread_count"]), (&json!(5), &json!(0)));
    room.said("9", "new").await;
    assert_eq!(unread(&room, "8").await, (json!(5), json!(1)), "nobody has read what is not said yet");
    let back = room.call("8", Method::PUT, "/api/chats/c/read", Some(json!({ "seq": -1 }))).await;
    back.problem(422, "invalid_fields");
    read(&room, "8", json!({ "seq": 0 })).await;
    assert_eq!(unread(&room, "8").await.0, json!(5));
}

#[tokio::test]
async fn ones_own_and_deleted_messages_are_not_unread() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("8", "mine").await;
    let gone = room.said("7", "gone").await;
    room.said("7", "there").await;
    assert_eq!(unread(&room, "8").await.1, json!(2));
    room.call("7", Method::DELETE, &format!("/api/messages/{}", gone["id"].as_str().unwrap()), None).await.ok();
    assert_eq!(unread(&room, "8").await.1, json!(1));
    assert_eq!(room.get("8", "/api/chats").await.ok()["data"][0]["unread_count"], 1);
}

#[tokio::test]
async fn unread_messages_are_counted_up_to_a_hundred() {
    let app = enforcing().await;
    let room = app.room().await;
    for number in 0..101 {
        room.office.post("/api/chat/messages", json!({ "chat_id": "c", "body": number.to_string() })).await;
    }
    assert_eq!(unread(&room, "8").await.1, json!(100));
    read(&room, "8", json!({ "seq": 2 })).await;
    assert_eq!(unread(&room, "8").await.1, json!(99));
}

#[tokio::test]
async fn others_are_told_how_far_somebody_has_read_unless_they_do_not_want_that() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "title": "x", "members": ["7", "8"] })).await;
    for body in ["x", "y"] {
        assert_eq!(room.post("7", json!({ "chat_id": "g", "body": body })).await.status, 201);
    }
    let read = async |room: &Room<'_>, user: &str, body: Value| {
        room.call(user, Method::PUT, "/api/chats/g/read", Some(body)).await.ok()
    };
    let (mut author, mut own) = (room.hears("7", "private-chat.g").await, room.hears("8", "private-user.8").await);
    read(&room, "8", json!({ "seq": 1 })).await;
    let event = inner(&author.expect(READ).await);
    assert_eq!((&event["user_id"], &event["last_read_seq"], &event["chat_id"]), (&json!("8"), &json!(1), &json!("g")));
    author.expect("chat.read").await;
    read(&room, "8", json!({ "seq": 1 })).await;
    let state = read(&room, "8", json!({ "seq": 2, "is_private": true, "notify": "mentions" })).await;
    assert_eq!((&state["is_private"], &state["notify"]), (&json!(true), &json!("mentions")));
    author.expect_silence().await;
    assert_eq!(inner(&own.expect(READ).await)["last_read_seq"], 2, "their other tabs know");
    let later = read(&room, "8", json!({ "seq": 2 })).await;
    assert_eq!((&later["is_private"], &later["notify"]), (&json!(true), &json!("mentions")), "what is left out stays");
    room.office.put("/api/chats/c/read", json!({ "seq": 1 })).await.problem(403, "no_person");
}

#[tokio::test]
async fn in_a_crowd_nobody_is_told_how_far_others_have_read() {
    let app = enforcing().await;
    let room = app.room().await;
    let people: Vec<String> = (0..49).map(|number| format!("u{number}")).collect();
    let put = |user: &String| json!({ "op": "put", "kind": "user", "id": user, "data": { "name": user } });
    let people: Vec<Value> = people.iter().map(put).collect();
    room.office.post("/api/roster/batch", json!({ "operations": people })).await.ok();
    let members: Vec<String> = (0..48).map(|number| format!("u{number}")).chain(["7".into(), "8".into()]).collect();
    room.make(json!({ "id": "g", "kind": "group", "title": "fifty", "members": members })).await;
    for chat in ["c", "g"] {
        for body in ["x", "y"] {
            assert_eq!(
                room.office.post("/api/chat/messages", json!({ "chat_id": chat, "body": body })).await.status,
                201
            );
        }
    }
    let mut own = room.hears("8", "private-user-8").await;
    let (mut course, mut group) = (room.hears("7", "private-chat-c").await, room.hears("7", "private-chat-g").await);
    let read = async |chat: &str, seq: i64| {
        room.call("8", Method::PUT, &format!("/api/chats/{chat}/read"), Some(json!({ "seq": seq }))).await.ok();
    };
    read("c", 1).await;
    own.expect("chat:read").await;
    course.expect_silence().await;
    read("g", 1).await;
    group.expect("chat:read").await;
    room.office.post("/api/chats/g/members", json!({ "users": ["u48"] })).await.ok();
    group.expect("chat:updated").await;
    read("g", 2).await;
    own.expect("chat:read").await;
    group.expect_silence().await;
}
