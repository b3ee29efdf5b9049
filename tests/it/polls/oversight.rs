//! An admin who sees who voted what may, and it stands in the audit.

use campanile::domain::{caller::Scope, roster::Person};
use serde_json::json;

use super::*;

async fn readings(app: &TestApp) -> Vec<Value> {
    let reader = app.program(&[Scope::AuditRead]).await;
    let list = reader.get("/api/audit?action=poll.ballots_read").await.ok();
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_admin_who_sees_ballots_by_name_stands_in_the_audit_once_an_hour_and_a_teacher_does_not() {
    let (app, roster) = room().await;
    let admin = |user: &str| Object::User(Person { org_role: Some(Role::Admin), ..person(user) });
    roster.put([admin("1"), admin("2"), admin("9")]).await;
    let (host, admin) = (app.person("9"), app.person("1"));
    let path = open(&host, question(json!({ "anonymity": "named" }))).await;
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201);
    for what in ["ballots", "export"] {
        host.get(&format!("{path}/{what}")).await.ok();
    }
    admin.get(&format!("{path}/results")).await.ok();
    assert!(readings(&app).await.is_empty());
    for what in ["ballots", "ballots?limit=1", "export"] {
        admin.get(&format!("{path}/{what}")).await.ok();
    }
    let found = readings(&app).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!((&one["actor"], &one["target_type"]), (&json!("user:1"), &json!("poll")));
    assert!(path.ends_with(one["target_id"].as_str().unwrap()) && one["scope"].is_string());
    app.person("2").get(&format!("{path}/export")).await.ok();
    assert_eq!(readings(&app).await.len(), 2, "also when they are taken away");
    let hidden = open(&host, question(json!({ "anonymity": "anonymous" }))).await;
    admin.get(&format!("{hidden}/ballots")).await.problem(403, "poll_is_anonymous");
    admin.get(&format!("{hidden}/export")).await.ok();
    assert_eq!(readings(&app).await.len(), 2, "there are no names to see");
}
