//! Whoever is mentioned is notified, if they may see the message and want to know.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::chat::{Room, enforcing};

async fn mention(room: &Room<'_>, by: &str, users: Value, extra: Value) {
    let mut message = json!({ "chat_id": "c", "body": "secret plans", "mentions": users });
    message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let answer = room.post(by, message).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn notified(room: &Room<'_>, user: &str) -> Vec<Value> {
    room.get(user, "/api/notifications").await.ok()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn whoever_is_mentioned_is_notified_once_for_a_chat_and_hears_it() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut theirs = room.hears("7", "private-user.7").await;
    mention(&room, "9", json!(["7", "7", "9", "@class", "404"]), json!({})).await;
    theirs.expect("App\\Events\\NotificationSent").await;
    mention(&room, "9", json!(["7"]), json!({})).await;
    let found = notified(&room, "7").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!((&one["category"], &one["title"]), (&json!("mention"), &json!("Name of 9 mentioned you")));
    assert_eq!((&one["count"], &one["data"]["chat_id"]), (&json!(2), &json!("c")));
    assert!(!one.to_string().contains("secret"), "what was said is where it can be deleted");
    for user in ["8", "9"] {
        assert!(notified(&room, user).await.is_empty(), "{user}");
    }
}

#[tokio::test]
async fn whoever_wants_to_hear_nothing_of_a_chat_is_not_notified() {
    let app = enforcing().await;
    let room = app.room().await;
    assert_eq!(room.get("7", "/api/chats/c").await.ok()["notify"], "mentions", "unless they say otherwise");
    let every = json!({ "seq": 0, "notify": "all" });
    room.call("7", Method::PUT, "/api/chats/c/read", Some(every)).await.problem(422, "invalid_fields");
    for (wish, count) in [("none", 0), ("mentions", 1)] {
        let body = json!({ "seq": 0, "notify": wish });
        room.call("7", Method::PUT, "/api/chats/c/read", Some(body)).await.ok();
        mention(&room, "9", json!(["7"]), json!({})).await;
        assert_eq!(notified(&room, "7").await.len(), count, "{wish}");
    }
}

#[tokio::test]
async fn whoever_may_not_see_the_message_is_not_notified() {
    let app = enforcing().await;
    let room = app.room().await;
    let whisper = json!({ "visibility": "users", "visible_to": ["8"] });
    mention(&room, "9", json!(["7", "8", "6", "66"]), whisper).await;
    mention(&room, "9", json!(["7", "6"]), json!({ "visibility": "staff" })).await;
    for (user, count) in [("7", 0), ("8", 1), ("6", 0), ("66", 0)] {
        assert_eq!(notified(&room, user).await.len(), count, "{user}");
    }
}
