//! An admin who reads a chat that is not theirs may, and it stands in the audit.

use campanile::domain::caller::Scope;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    chat::{Room, enforcing},
};

/// User 1 administers the org of the course, as does its instructor 9.
async fn admins(room: &Room<'_>) {
    room.office.keep("/api/orgs/1", json!({ "name": "School" })).await;
    room.office.keep("/api/courses/101", json!({ "title": "Computing", "org": "1" })).await;
    for user in ["1", "2", "9"] {
        let admin = json!({ "name": format!("Name of {user}"), "org": "1", "org_role": "admin" });
        room.office.keep(&format!("/api/users/{user}"), admin).await;
    }
}

async fn readings(app: &TestApp, action: &str) -> Vec<Value> {
    let reader = app.program(&[Scope::AuditRead]).await;
    let list = reader.get(&format!("/api/audit?action={action}&target_type=chat")).await.ok();
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_admin_who_reads_the_chat_of_a_course_stands_in_the_audit_once_an_hour() {
    let app = enforcing().await;
    let room = app.room().await;
    admins(&room).await;
    let id = room.said("7", "among us").await["id"].as_str().unwrap().to_owned();
    let message = format!("/api/messages/{id}");
    for path in ["/api/chats", "/api/chats/c"] {
        room.get("1", path).await.ok();
    }
    assert!(readings(&app, "chat.read").await.is_empty(), "nothing that was said is read there");
    let paths = ["/api/chats/c/messages", "/api/chats/c/pins", &message, &format!("{message}/versions")];
    for path in paths.into_iter().chain([format!("{message}/acks").as_str(), "/api/streams/chat.c/events"]) {
        room.get("1", path).await.ok();
    }
    let found = readings(&app, "chat.read").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!((&one["actor"], &one["target_id"], &one["scope"]), (&json!("user:1"), &json!("c"), &json!("chat.c")));
    assert!(one["before"].is_null() && one["after"].is_null());
    room.get("2", &message).await.ok();
    assert_eq!(readings(&app, "chat.read").await.len(), 2, "each admin");
}

#[tokio::test]
async fn an_admin_who_reads_the_stream_of_a_chat_stands_in_the_audit_too() {
    let app = enforcing().await;
    let room = app.room().await;
    admins(&room).await;
    room.get("1", "/api/streams/chat.c/events").await.ok();
    assert_eq!(readings(&app, "chat.read").await.len(), 1);
}

#[tokio::test]
async fn whoever_takes_part_in_the_course_reads_without_a_trace() {
    let app = enforcing().await;
    let room = app.room().await;
    admins(&room).await;
    room.make(json!({ "id": "g", "kind": "group", "course": "101", "title": "x", "members": ["1", "7"] })).await;
    for user in ["7", "5", "9"] {
        room.get(user, "/api/chats/c/messages").await.ok();
        room.get(user, "/api/streams/chat.c/events").await.ok();
    }
    room.get("1", "/api/chats/g/messages").await.ok();
    room.office.get("/api/chats/c/messages").await.ok();
    assert!(readings(&app, "chat.read").await.is_empty());
}
