//! The REST API as programs and people call it. Whatever is received through here is checked against the description too.

use std::time::{Duration, SystemTime};

use campanile::{
    domain::{
        api_key::{KeyHash, NewApiKey},
        caller::Scope,
    },
    identity::session::{self, NewSession},
    ids::UserId,
};
use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    answer::{Answer, finish},
    app::{Keys, MAIN, TestApp},
    client::Client,
};

/// Now, by the wall clock.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from(SystemTime::now())
}

/// Somebody who calls with a key or a token.
#[derive(Clone)]
pub(crate) struct Voice<'a> {
    app: &'a TestApp,
    /// The key or token.
    pub(crate) proof: String,
}

impl TestApp {
    /// A program of [`MAIN`] with a new API key.
    pub(crate) async fn program(&self, scopes: &[Scope]) -> Voice<'_> {
        self.program_of(MAIN, scopes).await
    }

    /// A program of an app with a new API key.
    pub(crate) async fn program_of(&self, keys: Keys, scopes: &[Scope]) -> Voice<'_> {
        self.program_with(keys, |key| key.scopes = scopes.to_vec()).await
    }

    /// A program of an app with a new API key that has been edited.
    pub(crate) async fn program_with(&self, keys: Keys, edit: impl FnOnce(&mut NewApiKey)) -> Voice<'_> {
        let (id, secret) = (format!("ck_{:012x}", getrandom::u64().unwrap() >> 16), hex::encode([7; 20]));
        let mut key = NewApiKey {
            id: id.clone(),
            app: keys.app().id,
            name: "Under test".to_owned(),
            hash: KeyHash(Sha256::digest(&secret).into()),
            scopes: Vec::new(),
            ip_allow: Vec::new(),
            expires_at: None,
        };
        edit(&mut key);
        self.store().await.api_key_create(&key, now()).await.unwrap();
        Voice { app: self, proof: format!("{id}_{secret}") }
    }

    /// A program that may write and read all there is in this file's tests.
    pub(crate) async fn office(&self) -> Voice<'_> {
        self.program(&[Scope::RosterWrite, Scope::AccessWrite]).await
    }

    /// A person of [`MAIN`] with a session token.
    pub(crate) fn person(&self, user: &str) -> Voice<'_> {
        self.person_of(MAIN, user)
    }

    /// A person of an app with a session token.
    pub(crate) fn person_of(&self, keys: Keys, user: &str) -> Voice<'_> {
        let name = format!("Token of {user}");
        let user = UserId::parse(user).unwrap();
        let new = NewSession { user: &user, name: Some(&name), avatar: None, ttl: Duration::from_secs(600) };
        Voice { app: self, proof: session::issue(&keys.app(), &new, now()).unwrap() }
    }
}

impl Voice<'_> {
    /// A request with the proof, still to be sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.plain(method, path).bearer_auth(&self.proof)
    }

    /// Sends a request with the proof and a JSON body, if there is one.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        finish(self.app, if let Some(body) = body { request.json(body) } else { request }).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    /// Opens a socket that hears a guarded channel through the auth endpoint.
    pub(crate) async fn hears(&self, channel: &str) -> Client {
        let mut socket = self.app.connect().await;
        self.joins(&mut socket, channel).await;
        socket
    }

    /// Lets a socket hear one more channel.
    pub(crate) async fn joins(&self, socket: &mut Client, channel: &str) {
        let form = [("socket_id", socket.id.clone()), ("channel_name", channel.to_owned())];
        let answer = finish(self.app, self.request(Method::POST, "/pusher/auth").form(&form)).await.ok();
        socket.ask_with(channel, answer["auth"].as_str().unwrap(), answer["channel_data"].as_str()).await;
        socket.expect_on("pusher_internal:subscription_succeeded", channel).await;
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Puts an object that must be taken.
    pub(crate) async fn keep(&self, path: &str, body: Value) -> Value {
        let answer = self.put(path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text());
        answer.json()
    }

    /// Puts course 101 with class 12 and chapter 5, and enrolls user 7 in it as a student by enrollment 9001.
    pub(crate) async fn keep_course(&self) {
        self.keep("/api/courses/101", json!({ "title": "Computing" })).await;
        self.keep("/api/classes/12", json!({ "course": "101", "name": "Monday" })).await;
        self.keep("/api/chapters/5", json!({ "course": "101", "title": "Loops" })).await;
        self.keep("/api/users/7", json!({ "name": "Ada" })).await;
        self.keep("/api/enrollments/9001", json!({ "user": "7", "course": "101", "role": "student" })).await;
    }
}

impl Answer {
    /// Checks that the request was refused as a problem with this status and code, in the one shape; returns the problem.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/problems/{code}")), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["error"], problem["title"]);
        for text in ["title", "detail"] {
            let text = problem[text].as_str().unwrap();
            assert!(!text.is_empty() && !text.contains('\n') && !text.contains("src/"), "{problem}");
        }
        assert_eq!(self.header("x-request-id"), problem["request_id"].as_str());
        assert!(problem["errors"].is_array());
        problem
    }
}
