//! A course that talks: people of each role and a chat.

use campanile::{
    domain::{
        app::{AppSettings, Authz},
        caller::Scope,
        chat::{Author, Message, Visibility},
    },
    ids::ExternalId,
};
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, finish},
    app::TestApp,
    client::{Client, inner},
    rest::Voice,
};

/// What Laravel Echo calls a new message when it is told its class.
pub(crate) const SENT: &str = "App\\Events\\ChatMessageSent";

/// Course 101 with students 7 and 8, assistant 5, instructor 9 and observer 6; user 66 is in no course. Chat `c` is the
/// course's.
pub(crate) struct Room<'a> {
    app: &'a TestApp,
    /// A program that may do everything with chats and the roster.
    pub(crate) office: Voice<'a>,
}

/// A server on which the roster must agree before a channel is heard.
pub(crate) async fn enforcing() -> TestApp {
    enforcing_with(|_settings| ()).await
}

/// The same with edited settings.
pub(crate) async fn enforcing_with(edit: impl FnOnce(&mut AppSettings)) -> TestApp {
    TestApp::with_settings(|settings| {
        settings.authz = Authz::Enforce;
        edit(settings);
    })
    .await
}

impl TestApp {
    /// Furnishes the course and its chat.
    pub(crate) async fn room(&self) -> Room<'_> {
        let office = self.program(&[Scope::RosterWrite, Scope::AccessWrite, Scope::ChatWrite, Scope::UsersAct]).await;
        office.keep("/api/courses/101", json!({ "title": "Computing" })).await;
        office.keep("/api/classes/12", json!({ "course": "101", "name": "Monday" })).await;
        let people = [
            ("7", "student"),
            ("8", "student"),
            ("5", "assistant"),
            ("9", "instructor"),
            ("6", "observer"),
            ("66", ""),
        ];
        for (user, role) in people {
            office.keep(&format!("/api/users/{user}"), json!({ "name": format!("Name of {user}") })).await;
            if !role.is_empty() {
                let part = json!({ "user": user, "course": "101", "role": role });
                office.keep(&format!("/api/enrollments/e{user}"), part).await;
            }
        }
        let room = Room { app: self, office };
        room.make(json!({ "id": "c", "kind": "course", "course": "101", "title": "All of us" })).await;
        room
    }
}

impl Room<'_> {
    /// Makes a chat as the office.
    pub(crate) async fn make(&self, chat: Value) -> Value {
        let made = self.office.post("/api/chats", chat).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// Opens a socket that is signed in.
    pub(crate) async fn socket(&self, user: &str) -> Client {
        let mut client = self.app.connect().await;
        client.sign_in(user).await;
        client
    }

    /// Opens a socket of somebody who hears a channel.
    pub(crate) async fn hears(&self, user: &str, channel: &str) -> Client {
        let mut client = self.socket(user).await;
        client.subscribe_private(channel).await;
        client
    }

    /// Somebody says something in chat `c`.
    pub(crate) async fn say(&self, user: &str, body: &str) -> Answer {
        self.post(user, json!({ "chat_id": "c", "body": body })).await
    }

    /// Somebody says something in chat `c` that must be taken; returns the message.
    pub(crate) async fn said(&self, user: &str, body: &str) -> Value {
        let answer = self.say(user, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Somebody posts any message.
    pub(crate) async fn post(&self, user: &str, message: Value) -> Answer {
        self.app.person(user).post("/api/chat/messages", message).await
    }

    /// Somebody calls.
    pub(crate) async fn call(&self, user: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.app.person(user).send(method, path, body.as_ref()).await
    }

    /// Somebody reads.
    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        self.app.person(user).get(path).await
    }

    /// Somebody posts to any path.
    pub(crate) async fn push(&self, user: &str, path: &str, body: Value) -> Answer {
        self.app.person(user).post(path, body).await
    }

    /// Somebody writes, if the object has this version.
    pub(crate) async fn write_if(&self, user: &str, (method, path): (Method, &str), tag: &str, body: Value) -> Answer {
        let request = self.app.person(user).request(method, path).header("If-Match", tag).json(&body);
        finish(self.app, request).await
    }

    /// Texts of the messages that somebody sees in chat `c`.
    pub(crate) async fn seen(&self, user: &str) -> Vec<String> {
        bodies(&self.get(user, "/api/chats/c/messages?limit=100").await.ok())
    }
}

/// Texts of the messages of a list.
pub(crate) fn bodies(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect()
}

/// The message of the next frame, which must be this event.
pub(crate) async fn heard(client: &mut Client, event: &str) -> Value {
    inner(&client.expect(event).await)["message"].take()
}

/// A message of a program in chat `c`, as it is before it has a number.
pub(crate) fn message(id: &str, body: String, created_at: DateTime<Utc>) -> Message {
    Message {
        id: id.to_owned(),
        chat: ExternalId::parse("c").unwrap(),
        seq: 0,
        author: Author::Program,
        author_name: "A program".to_owned(),
        author_role: None,
        parent: None,
        client_id: None,
        body,
        mentions: Vec::new(),
        visibility: Visibility::All,
        audience: Vec::new(),
        is_shadowed: false,
        was_open: false,
        attachments: Vec::new(),
        reactions: Vec::new(),
        acks: 0,
        created_at,
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
        pinned_until: None,
        version: 1,
    }
}
