//! What the other app has: one object of each kind, each with a word in it that must not come back.

use campanile::{
    domain::{
        access::Topic,
        audience::Audience,
        audit::AuditEntry,
        broadcast::{Broadcast, LogEntry, LogKind, LogOutcome},
        chat::{Author, Message},
        fact::{Event, Fact},
        notification::{self, BroadcastState, Category, Notification, NotificationBroadcast, Recipient},
        poll::{Content, Kind, Poll, SettingsEdit, State, Venue},
    },
    ids::UserId,
    store::{Along, NewPost, Outgoing, Posted, Telling},
};
use chrono::{DateTime, TimeDelta};
use serde_json::json;

use super::SECRET;
use crate::support::{
    app::{Keys, TestApp},
    chat::message,
    rest::{Voice, now},
};

/// Puts one object of each kind into an app.
pub(super) async fn furnish(app: &TestApp, keys: Keys, office: &Voice<'_>) {
    office.keep("/api/orgs/theirs-3", json!({ "name": SECRET })).await;
    office.keep("/api/courses/theirs-101", json!({ "title": SECRET, "org": "theirs-3" })).await;
    office.keep("/api/classes/theirs-12", json!({ "course": "theirs-101", "name": SECRET })).await;
    office.keep("/api/chapters/theirs-5", json!({ "course": "theirs-101", "title": SECRET })).await;
    office.keep("/api/users/theirs-7", json!({ "name": SECRET, "org": "theirs-3" })).await;
    let part = json!({ "user": "theirs-7", "course": "theirs-101", "role": "student" });
    office.keep("/api/enrollments/theirs-9001", part).await;
    let chat = json!({ "id": "theirs-c", "kind": "course", "course": "theirs-101", "title": SECRET });
    assert_eq!(office.post("/api/chats", chat).await.status, 201);
    let words = json!({ "entries": [{ "text": SECRET, "action": "block" }] });
    for path in ["/api/moderation/words", "/api/courses/theirs-101/words"] {
        office.keep(path, words.clone()).await;
    }
    let revoked = json!({ "user": "theirs-8", "scope": { "kind": "all" }, "for_seconds": 600, "reason": SECRET });
    office.post("/api/access/revoke", revoked).await.ok();
    say(app, keys).await;
}

/// Keeps an open poll in the class of an app.
pub(super) async fn furnish_poll(app: &TestApp, keys: Keys) {
    let id = |text: &str| campanile::ids::ExternalId::parse(text).unwrap();
    let content = Content::new(Kind::YesNo, SECRET.to_owned(), &[], &SettingsEdit::default()).unwrap();
    let poll = Poll {
        id: id("theirs-poll"),
        venue: Venue { course: id("theirs-101"), class: Some(id("theirs-12")) },
        content,
        state: State::Open,
        round: 1,
        created_by: SECRET.to_owned(),
        created_at: DateTime::UNIX_EPOCH,
        opens_at: None,
        opened_at: Some(DateTime::UNIX_EPOCH),
        closes_at: None,
        sealed_at: None,
        closed_at: None,
        published_at: None,
        version: 2,
    };
    let entry = AuditEntry {
        app: keys.app().id,
        actor: "test".to_owned(),
        action: "poll.created".to_owned(),
        target_type: "poll".to_owned(),
        target_id: "theirs-poll".to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: DateTime::UNIX_EPOCH,
    };
    app.store().await.poll_insert(&keys.app().id, &poll, entry).await.unwrap().unwrap();
}

/// Says something in the chat under a name that is known beforehand.
async fn say(app: &TestApp, keys: Keys) {
    let message = Message {
        chat: "theirs-c".parse().unwrap(),
        author: Author::User("theirs-7".parse().unwrap()),
        author_name: SECRET.to_owned(),
        ..message("theirs-m", SECRET.to_owned(), now())
    };
    let (store, id) = (app.store().await, keys.app().id);
    let post = NewPost {
        message,
        pause: TimeDelta::zero(),
        facts: std::sync::Arc::new(|_message| Vec::new()),
        along: Along::default(),
    };
    let said = store.message_insert(&id, &[post], "e").await.unwrap().0;
    assert!(matches!(said.as_slice(), [Posted::New(_)]));
}

/// A notification, a planned one to many and a broadcast that asks to be confirmed.
pub(super) async fn furnish_messages(app: &TestApp, keys: Keys) {
    let (id, store, user) = (keys.app().id, app.store().await, UserId::parse("theirs-7").unwrap());
    let content = notification::Content {
        category: Category::Content,
        kind: None,
        title: SECRET.to_owned(),
        body: SECRET.to_owned(),
        url: None,
        data: None,
        group_key: None,
        expires_at: None,
    };
    let fact = |of: &Notification| Fact {
        id: "theirs-e".to_owned(),
        event: Event::NotificationCreated,
        topic: Topic::User(of.user.clone()),
        position: None,
        at: now(),
        actor: None,
        payload: serde_json::Map::new(),
    };
    let telling = Telling { new_id: &|| "theirs-n".to_owned(), fact: &fact, now: now() };
    let outgoing = Outgoing { content: &content, actor: None, broadcast: None, except: None };
    let recipient = Recipient { user: user.clone(), course: None };
    store.notification_insert(&id, &recipient, outgoing, &telling).await.unwrap();
    let planned = NotificationBroadcast {
        id: "theirs-nb".to_owned(),
        audience: Audience::person(user.clone()),
        content,
        is_public: false,
        created_by: "user:theirs-7".to_owned(),
        except: None,
        actor: None,
        state: BroadcastState::Scheduled,
        estimated: 1,
        recipients: 0,
        muted: 0,
        done_up_to: None,
        created_at: now(),
        scheduled_at: now() + TimeDelta::hours(1),
        sent_at: None,
    };
    assert!(store.notification_broadcast_insert(&id, &planned, None).await.unwrap());
    let broadcast = Broadcast {
        id: "theirs-b".to_owned(),
        audience: Audience::person(user),
        event: SECRET.to_owned(),
        data: "{}".to_owned(),
        durable: false,
        require_ack: true,
        created_by: "user:theirs-7".to_owned(),
        receivers: 1,
        created_at: now(),
        expires_at: None,
    };
    let row = LogEntry {
        kind: LogKind::Broadcast,
        channel: SECRET.to_owned(),
        event: SECRET.to_owned(),
        event_id: None,
        bytes: 2,
        actor: "user:theirs-7".to_owned(),
        ip: None,
        receivers: 1,
        latency_us: 1,
        outcome: LogOutcome::Sent,
        at: now(),
    };
    store.broadcast_insert(&id, (&broadcast, &row), Vec::new(), "e").await.unwrap();
}
