//! What concerns much of a chat at once: a file of it, somebody's messages deleted in one go, how long messages are kept.

use campanile::{
    domain::audit::AuditFilter,
    store::{Along, NewPost},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{MAIN, TestApp},
    chat::{Room, SENT, bodies, enforcing, message},
    client::inner,
};

const EXPORT: &str = "/api/chats/c/export";

async fn purge(room: &Room<'_>, by: &str, user: &str) -> crate::support::answer::Answer {
    room.push(by, "/api/chats/c/purge", json!({ "user": user })).await
}

/// The newest entry of the audit.
async fn audited(app: &TestApp) -> (String, Option<Value>) {
    let entries = app.store().await.audit_list(&MAIN.app().id, &AuditFilter::default(), None, 1).await.unwrap();
    let entry = entries[0].1.clone();
    (entry.action, entry.after.map(|after| serde_json::from_str(&after).unwrap()))
}

#[tokio::test]
async fn a_file_of_a_chat_has_what_was_said_and_no_formula() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", "=HYPERLINK(\"http://evil.example\")").await;
    let gone = room.said("8", "rude").await;
    room.call("8", Method::DELETE, &format!("/api/messages/{}", gone["id"].as_str().unwrap()), None).await.ok();
    room.post("7", json!({ "chat_id": "c", "body": "not for 9", "visibility": "users", "visible_to": ["5"] })).await;
    room.post("7", json!({ "chat_id": "c", "body": "a, \"b\"", "visibility": "staff" })).await;
    for user in ["7", "5"] {
        room.get(user, EXPORT).await.problem(403, "wrong_role");
    }
    room.get("66", EXPORT).await.problem(404, "not_found");
    room.get("9", &format!("{EXPORT}?format=xlsx")).await.problem(400, "invalid_parameter");
    let file = room.get("9", &format!("{EXPORT}?format=csv")).await;
    assert_eq!((file.status, file.header("content-type"), file.header("link")), (200, Some("text/csv"), None));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"chat-c.csv\""));
    let rows = file.csv_rows();
    assert_eq!((rows[0][0].as_str(), rows[0][10].as_str(), rows[0][13].as_str()), ("seq", "body", "deleted_at"));
    let shown: Vec<_> = rows[1..].iter().map(|row| (&*row[0], &*row[5], &*row[10], row[13].is_empty())).collect();
    assert_eq!(
        shown,
        [
            ("1", "Name of 7", "'=HYPERLINK(\"http://evil.example\")", true),
            ("2", "Name of 8", "", false),
            ("4", "Name of 7", "a, \"b\"", true),
        ]
    );
    assert_eq!(audited(&app).await, ("chat.exported".to_owned(), Some(json!({ "after_seq": 0, "messages": 3 }))));
    let json = room.office.get(&format!("{EXPORT}?after_seq=2")).await.ok();
    let bodies: Vec<_> = json["messages"].as_array().unwrap().iter().map(|message| &message["body"]).collect();
    assert_eq!((bodies, &json["next_after_seq"]), (vec![&json!("not for 9"), &json!("a, \"b\"")], &Value::Null));
}

#[tokio::test]
async fn a_file_that_would_be_too_large_comes_in_parts() {
    let app = enforcing().await;
    let room = app.room().await;
    let (store, main) = (app.store().await, MAIN.app().id);
    let long = |number: u32| NewPost {
        message: message(&format!("m{number}"), "🔔".repeat(4_000), campanile::services::now()),
        pause: TimeDelta::zero(),
        facts: std::sync::Arc::new(|_said| Vec::new()),
        along: Along::default(),
    };
    Box::pin(store.message_insert(&main, &(1..=350).map(long).collect::<Vec<_>>(), "e")).await.unwrap();
    let part = room.get("9", &format!("{EXPORT}?format=csv")).await;
    assert_eq!((part.csv_rows().len(), part.header("link")), (301, Some("<?format=csv&after_seq=300>; rel=\"next\"")));
    let part = room.get("9", EXPORT).await.ok();
    assert_eq!((part["messages"].as_array().unwrap().len(), &part["next_after_seq"]), (300, &json!(300)));
    let last = room.get("9", &format!("{EXPORT}?after_seq=300")).await.ok();
    assert_eq!((last["messages"].as_array().unwrap().len(), &last["next_after_seq"]), (50, &Value::Null));
}

#[tokio::test]
async fn whatever_somebody_has_said_is_deleted_in_one_go_and_told_to_those_who_heard_it() {
    let app = enforcing().await;
    let room = app.room().await;
    let first = room.said("7", "rude 1").await;
    room.said("8", "kind").await;
    room.said("7", "rude 2").await;
    let whisper = json!({ "chat_id": "c", "body": "rude 3", "visibility": "users", "visible_to": ["5"] });
    assert_eq!(room.post("7", whisper).await.status, 201);
    let (mut dots, mut dashes) = (room.hears("8", "private-chat.c").await, room.hears("9", "private-chat-c").await);
    let mut staff = room.hears("9", "private-course.101.instructor").await;
    let mut whispered_to = room.hears("5", "private-user.5").await;
    purge(&room, "8", "7").await.problem(403, "wrong_role");
    purge(&room, "5", "9").await.problem(403, "rank");
    let purged = purge(&room, "5", "7").await.ok();
    assert_eq!(purged, json!({ "chat_id": "c", "user_id": "7", "from_seq": 1, "to_seq": 4, "count": 3 }));
    for name in ["App\\Events\\ChatPurged", "chat.purged"] {
        let told = inner(&dots.expect(name).await);
        let for_all = json!({ "chat_id": "c", "user_id": "7", "from_seq": 1, "to_seq": 3, "count": 2 });
        assert_eq!((&told["purge"], &told["actor"]["id"]), (&for_all, &json!("5")));
    }
    let told = inner(&dashes.expect("chat:purged").await);
    assert_eq!((&told["purge"]["userId"], &told["purge"]["toSeq"]), (&json!("7"), &json!(3)));
    dots.expect_silence().await;
    assert_eq!(inner(&staff.expect("App\\Events\\ChatPurged").await)["purge"], purged);
    let theirs = json!({ "chat_id": "c", "user_id": "7", "from_seq": 4, "to_seq": 4, "count": 1 });
    assert_eq!(inner(&whispered_to.expect("App\\Events\\ChatPurged").await)["purge"], theirs);
    assert_eq!(room.seen("8").await, ["", "kind", ""]);
    let path = format!("/api/messages/{}", first["id"].as_str().unwrap());
    let trace = room.get("8", &path).await.ok();
    assert!(trace["deleted_at"].is_string() && trace["version"] == 2, "{trace}");
    room.get("7", &format!("{path}/versions")).await.problem(403, "wrong_role");
    assert_eq!(bodies(&room.get("9", &format!("{path}/versions")).await.ok()), ["rude 1"]);
    let after = json!({ "from_seq": 1, "to_seq": 4, "messages": 3 });
    assert_eq!(audited(&app).await, ("chat.purged".to_owned(), Some(after)));
    room.get("8", "/api/streams/chat.c/events?after=0").await.problem(410, "stream_gap");
    room.get("5", "/api/streams/user.5/events?after=0").await.problem(410, "stream_gap");
    let again = purge(&room, "5", "7").await.ok();
    assert_eq!((&again["count"], &again["from_seq"]), (&json!(0), &json!(0)));
    room.office.post("/api/chats/c/purge", json!({ "user": "8" })).await.ok();
    assert_eq!(room.seen("9").await, ["", "", ""]);
    assert_eq!(room.said("7", "may write").await["seq"], 5);
}

#[tokio::test]
async fn of_deleted_whispers_alone_the_chat_hears_nothing() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut other = room.hears("8", "private-chat.c").await;
    let mut author = room.hears("7", "private-user.7").await;
    let whisper = json!({ "chat_id": "c", "body": "hush", "visibility": "staff" });
    assert_eq!(room.post("7", whisper).await.status, 201);
    author.expect(SENT).await;
    author.expect("chat.message.sent").await;
    assert_eq!(purge(&room, "9", "7").await.ok()["count"], 1);
    let told = inner(&author.expect("App\\Events\\ChatPurged").await);
    assert_eq!((&told["purge"]["from_seq"], &told["purge"]["count"]), (&json!(1), &json!(1)));
    other.expect_silence().await;
    let position = room.get("8", "/api/chats/c/messages").await.ok()["stream"].clone();
    assert_eq!(position["seq"], 0, "nor does its stream know of it");
    assert!(room.seen("9").await.iter().all(String::is_empty));
}

#[tokio::test]
async fn for_how_long_messages_are_kept_is_set_by_those_who_lead_the_chat_and_stands_in_the_audit() {
    let app = enforcing().await;
    let room = app.room().await;
    let set = async |user: &str, days: Value| {
        let body = json!({ "settings": { "retention_days": days } });
        room.call(user, Method::PATCH, "/api/chats/c", Some(body)).await
    };
    set("5", json!(30)).await.problem(403, "wrong_role");
    for wrong in [0, 3_651] {
        let problem = set("9", json!(wrong)).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/settings/retention_days");
    }
    for days in [1, 3_650] {
        assert_eq!(set("9", json!(days)).await.ok()["settings"]["retention_days"], days);
    }
    assert_eq!(audited(&app).await, ("chat.updated".to_owned(), Some(json!({ "retention_days": 3_650 }))));
    let body = json!({ "settings": { "slow_mode_s": 1 } });
    let shown = room.call("9", Method::PATCH, "/api/chats/c", Some(body)).await.ok();
    assert_eq!(shown["settings"]["retention_days"], 3_650, "what is left out stays");
    assert!(set("9", Value::Null).await.ok()["settings"].get("retention_days").is_none(), "for ever");
    let group = json!({ "id": "g", "kind": "group", "title": "x", "settings": { "retention_days": 7 } });
    assert_eq!(room.make(group).await["settings"]["retention_days"], 7);
}
