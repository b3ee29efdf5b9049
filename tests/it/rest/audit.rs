//! The audit as programs read it.

use campanile::domain::{audit::AuditEntry, caller::Scope};
use chrono::DateTime;
use serde_json::{Value, json};

use crate::support::{
    app::{MAIN, TestApp},
    rest::Voice,
};

async fn targets(reader: &Voice<'_>, query: &str) -> Vec<String> {
    let list = reader.get(&format!("/api/audit{query}")).await.ok();
    let entries = list["data"].as_array().unwrap().iter();
    entries.map(|entry| entry["target_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn who_did_what_to_whom_is_listed_newest_first_page_by_page() {
    let app = TestApp::start().await;
    let office = app.program(&[Scope::RosterWrite, Scope::AuditRead]).await;
    for user in ["7", "8", "9"] {
        office.keep(&format!("/api/users/{user}"), json!({ "name": "A name" })).await;
    }
    let all = office.get("/api/audit?limit=3").await.ok();
    assert_eq!(all["page"], json!({ "next_cursor": Value::Null, "has_more": false }), "three are all there are");
    let newest = &all["data"][0];
    let actor = format!("key:{}", &office.proof[..15]);
    assert_eq!((&newest["actor"], &newest["action"]), (&json!(actor), &json!("roster.created")));
    assert_eq!((&newest["target_type"], &newest["target_id"]), (&json!("user"), &json!("9")));
    assert_eq!((&newest["ip"], newest["before"].is_null()), (&json!("127.0.0.1"), true));
    assert!(newest["after"].as_str().unwrap().contains("A name") && newest["created_at"].is_string());
    let first = office.get("/api/audit?limit=2").await.ok();
    assert_eq!((first["data"].as_array().unwrap().len(), &first["page"]["has_more"]), (2, &json!(true)));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(targets(&office, &format!("?limit=2&cursor={cursor}")).await, ["7"]);
    for wrong in ["cursor=MTp4", "limit=0", "limit=101", "since=yesterday", "until=1"] {
        office.get(&format!("/api/audit?{wrong}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn entries_are_picked_by_actor_action_target_and_time() {
    // Theirs are too old to be kept otherwise.
    let app = TestApp::with(|config| config.store.audit_days = 0).await;
    let reader = app.program(&[Scope::AuditRead]).await;
    let entry = |second: i64, actor: &str, action: &str, kind: &str| AuditEntry {
        app: MAIN.app().id,
        actor: actor.to_owned(),
        action: action.to_owned(),
        target_type: kind.to_owned(),
        target_id: second.to_string(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: DateTime::from_timestamp(second, 0).unwrap(),
    };
    let entries = [
        entry(10, "user:9", "chat.banned", "user"),
        entry(20, "user:9", "chat.cleared", "chat"),
        entry(30, "cli", "chat.banned", "user"),
    ];
    app.store().await.audit_insert(&entries).await.unwrap();
    for (query, found) in [
        ("?actor=user:9", vec!["20", "10"]),
        ("?action=chat.banned", vec!["30", "10"]),
        ("?target_type=chat", vec!["20"]),
        ("?target_type=user&target_id=30", vec!["30"]),
        ("?actor=user:9&action=chat.banned", vec!["10"]),
        ("?since=1970-01-01T00:00:20Z", vec!["30", "20"]),
        ("?until=1970-01-01T00:00:20Z", vec!["10"]),
        ("?since=1970-01-01T00:00:20Z&until=1970-01-01T00:00:30Z", vec!["20"]),
        ("?actor=user:9%00&target_id=nobody", vec![]),
    ] {
        assert_eq!(targets(&reader, query).await, found, "{query}");
    }
}

#[tokio::test]
async fn the_audit_is_for_programs_that_may_read_it_alone() {
    let app = TestApp::start().await;
    let office = app.program(&[Scope::RosterWrite, Scope::AccessWrite, Scope::ChatWrite, Scope::UsersAct]).await;
    office.keep_course().await;
    office.keep("/api/users/9", json!({ "name": "Teacher" })).await;
    office.keep("/api/enrollments/9", json!({ "user": "9", "course": "101", "role": "instructor" })).await;
    office.get("/api/audit").await.problem(403, "missing_scope");
    for person in ["7", "9", "404"] {
        app.person(person).get("/api/audit").await.problem(403, "missing_scope");
    }
    assert_eq!(app.plain(reqwest::Method::GET, "/api/audit").send().await.unwrap().status(), 401);
    app.program(&[Scope::Admin]).await.get("/api/audit").await.ok();
}
