//! What was said in the open, and changed in the shadow: others find it no longer, and hear that it is gone when it is.

use reqwest::Method;
use serde_json::{Value, json};

use super::shadow::{lift, path, shade, sockets};
use crate::support::{
    chat::{enforcing, heard},
    client::{Client, inner},
};

#[tokio::test]
async fn an_earlier_message_that_is_edited_in_the_shadow_is_hidden_with_what_it_says_now() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.said("7", "nice").await;
    shade(&room, "7").await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    room.call("7", Method::PATCH, &path(&said), Some(json!({ "body": "nice" }))).await.ok();
    assert_eq!(room.seen("8").await, ["nice"], "nothing has changed");
    let edited = room.call("7", Method::PATCH, &path(&said), Some(json!({ "body": "rude" }))).await.ok();
    assert_eq!((&edited["body"], &edited["shadowed"]), (&json!("rude"), &Value::Null));
    assert_eq!(heard(&mut own, "message:updated").await["body"], "rude");
    assert_eq!(heard(&mut staff, "message:updated").await["shadowed"], true);
    other.expect_silence().await;
    assert_eq!((room.seen("7").await, room.seen("8").await.len()), (vec!["rude".to_owned()], 0));
}

#[tokio::test]
async fn an_earlier_message_that_is_deleted_in_the_shadow_is_deleted_for_all() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.said("7", "nice").await;
    shade(&room, "7").await;
    let [_own, mut other, _staff] = sockets(&room).await;
    room.call("7", Method::DELETE, &path(&said), None).await.ok();
    assert_eq!(heard(&mut other, "message:deleted").await["id"], said["id"]);
}

#[tokio::test]
async fn an_earlier_message_that_is_edited_in_the_shadow_and_then_deleted_is_deleted_for_all() {
    let app = enforcing().await;
    let room = app.room().await;
    let open = json!({ "settings": { "dm_policy": "everybody" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(open)).await.ok();
    let whisper = json!({ "chat_id": "c", "body": "psst", "visibility": "users", "visible_to": ["8"] });
    let (said, whispered) = (room.said("7", "nice").await, room.post("7", whisper).await.json());
    shade(&room, "7").await;
    let [_own, mut other, _staff] = sockets(&room).await;
    let mut alone = room.hears("8", "private-user-8").await;
    for message in [&said, &whispered] {
        room.call("7", Method::PATCH, &path(message), Some(json!({ "body": "rude" }))).await.ok();
    }
    room.call("9", Method::DELETE, &path(&said), None).await.ok();
    let gone = heard(&mut other, "message:deleted").await;
    assert_eq!((&gone["id"], &gone["body"], &gone["shadowed"]), (&said["id"], &json!(""), &Value::Null));
    room.call("7", Method::DELETE, &path(&whispered), None).await.ok();
    let gone = heard(&mut alone, "message:deleted").await;
    assert_eq!((&gone["id"], &gone["shadowed"]), (&whispered["id"], &Value::Null));
    assert_eq!(room.seen("8").await, ["", ""], "the traces");
    for topic in ["chat.c", "user.8"] {
        let events = room.get("8", &format!("/api/streams/{topic}/events?after=0")).await.ok();
        let events = events["data"].as_array().unwrap();
        assert!(!events.is_empty() && events.iter().all(|event| event["payload"]["message"]["shadowed"].is_null()));
    }
}

#[tokio::test]
async fn an_edit_in_the_shadow_answers_with_ones_own_reactions() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.said("7", "nice").await;
    shade(&room, "7").await;
    room.call("7", Method::PUT, &format!("{}/reactions/👍", path(&said)), None).await.ok();
    let edited = room.call("7", Method::PATCH, &path(&said), Some(json!({ "body": "nicer" }))).await.ok();
    assert_eq!(edited["reactions"], room.get("7", &path(&said)).await.ok()["reactions"]);
    assert_eq!(edited["reactions"][0]["mine"], true);
}

#[tokio::test]
async fn a_purge_tells_others_only_of_what_they_have_found() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", "nice").await;
    let edited = room.said("7", "nice too").await;
    let measure = shade(&room, "7").await;
    room.call("7", Method::PATCH, &path(&edited), Some(json!({ "body": "not so nice" }))).await.ok();
    for body in ["rude", "ruder"] {
        room.said("7", body).await;
    }
    lift(&room, &measure).await;
    let [mut own, mut other, mut staff] = sockets(&room).await;
    assert_eq!(room.push("9", "/api/chats/c/purge", json!({ "user": "7" })).await.ok()["count"], 4);
    let purge = async |socket: &mut Client| {
        let purge = inner(&socket.expect("chat:purged").await)["purge"].take();
        (purge["count"].as_i64().unwrap(), purge["shadowed"].as_bool())
    };
    assert_eq!(purge(&mut other).await, (2, None), "also what they have had before them since before");
    assert_eq!((purge(&mut own).await, purge(&mut own).await), ((2, None), (2, None)));
    assert_eq!((purge(&mut staff).await, purge(&mut staff).await), ((2, None), (2, Some(true))));
    other.expect_silence().await;
}
