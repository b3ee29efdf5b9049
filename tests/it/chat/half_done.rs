//! What was begun comes to its end, also when whoever asked for it has gone meanwhile.

use campanile::{ids::AppId, store};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{
    app::{MAIN, TestApp},
    chat::{Room, enforcing},
    eventually,
    rest::now,
    roster::{id, user},
    wire::Wire,
};

/// Asks for something that has to wait for its turn to write, and hangs up before the turn comes.
async fn ask_and_hang_up(app: &TestApp, room: &Room<'_>, (method, path): (&str, &str), body: &Value) {
    let ((held, is_held), (release, released)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let hold = app.teller.keep_and_tell(async {
        held.send(()).unwrap();
        released.await.unwrap();
        Ok::<_, store::Error>(((), Vec::new()))
    });
    let ask = async {
        is_held.await.unwrap();
        let mut wire = Wire::connect(app.address).await;
        let bearer = format!("Bearer {}", app.person("9").proof);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        wire.ask(method, path, &headers, &body.to_string()).await;
        // As long as this takes, the request that is ahead has most likely come to where it waits.
        room.get("9", path.trim_end_matches("/7")).await;
        wire.finish().await;
        assert!(wire.is_closed().await, "the server has let go of the connection, and has not answered");
        release.send(()).unwrap();
    };
    let (kept, ()) = tokio::join!(hold, ask);
    kept.unwrap();
}

#[tokio::test]
async fn a_ban_counts_everywhere_although_whoever_asked_for_it_has_hung_up() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut student = room.hears("7", "private-chat.c").await;
    let ban = json!({ "user": "7", "measure": "ban", "reason": "disturbs" });
    eventually("the ban counts", async || {
        ask_and_hang_up(&app, &room, ("POST", "/api/chats/c/moderation"), &ban).await;
        room.get("7", "/api/chats/c/messages").await.status == 403
    })
    .await;
    let frame = student.expect_on("pusher:subscription_error", "private-chat.c").await;
    assert_eq!(frame["data"]["reason"], "banned");
}

#[tokio::test]
async fn whoever_is_removed_hears_nothing_more_although_whoever_asked_for_it_has_hung_up() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "course": "101", "title": "Project", "members": ["7", "9"] })).await;
    let mut member = room.hears("7", "private-chat.g").await;
    eventually("the member is out", async || {
        ask_and_hang_up(&app, &room, ("DELETE", "/api/chats/g/members/7"), &json!({})).await;
        room.get("7", "/api/chats/g").await.status == 404
    })
    .await;
    for event in ["App\\Events\\ChatUpdated", "chat.updated"] {
        member.expect_on(event, "private-chat.g").await;
    }
    let frame = member.expect_on("pusher:subscription_error", "private-chat.g").await;
    assert_eq!(frame["data"]["reason"], "not_enrolled");
}

#[tokio::test]
async fn a_removal_that_was_written_and_not_acted_on_is_mended_by_the_next_one() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "course": "101", "title": "Project", "members": ["7", "9"] })).await;
    let mut member = room.hears("7", "private-chat.g").await;
    let (of, write) = (AppId::parse(MAIN.id).unwrap(), store::ChatWrite { at: now(), audit: &[], epoch: "e" });
    let removed = app.store().await.chat_member_remove((&of, &id("g")), &user("7"), write, Vec::new()).await.unwrap();
    assert!(removed.0);
    room.call("9", Method::DELETE, "/api/chats/g/members/7", None).await.problem(404, "not_found");
    let frame = member.expect_on("pusher:subscription_error", "private-chat.g").await;
    assert_eq!(frame["data"]["reason"], "not_enrolled");
    room.get("7", "/api/chats/g").await.problem(404, "not_found");
}
