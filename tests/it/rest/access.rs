//! Access explained, listed and taken away over HTTP, with sockets that notice.

use campanile::domain::{audit::AuditFilter, caller::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::finish,
    app::{MAIN, TestApp},
    client::Client,
    rest::Voice,
};

const COURSE: &str = "presence-course.101.users";

/// Opens a socket that joins the course through the auth endpoint.
async fn join(app: &TestApp, person: &Voice<'_>, channel: &str) -> Client {
    let mut socket = app.connect().await;
    let form = [("socket_id", socket.id.clone()), ("channel_name", channel.to_owned())];
    let answer = finish(app, person.request(Method::POST, "/pusher/auth").form(&form)).await.ok();
    socket.ask_with(channel, answer["auth"].as_str().unwrap(), answer["channel_data"].as_str()).await;
    socket.expect_on("pusher_internal:subscription_succeeded", channel).await;
    socket
}

/// Course 101 with the student 7 and the instructor 8.
async fn classroom(app: &TestApp) -> Voice<'_> {
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/users/8", json!({ "name": "Bo" })).await;
    office.keep("/api/enrollments/9002", json!({ "user": "8", "course": "101", "role": "instructor" })).await;
    office
}

#[tokio::test]
async fn a_decision_is_explained_with_the_row_that_made_it() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let explain = async |user: &str, channel: &str| {
        office.get(&format!("/api/access/explain?user={user}&channel={channel}")).await.ok()
    };
    let yes = explain("7", COURSE).await;
    assert_eq!((&yes["allow"], &yes["reason"], &yes["role"]), (&json!(true), &json!("enrolled"), &json!("student")));
    assert_eq!((&yes["enrollment"], &yes["user"], &yes["channel"]), (&json!("9001"), &json!("7"), &json!(COURSE)));
    assert!(!yes["steps"].as_array().unwrap().is_empty());

    let staff = explain("7", "private-course-101-instructor").await;
    assert_eq!((&staff["allow"], &staff["reason"]), (&json!(false), &json!("wrong_role")));
    assert_eq!(explain("9", COURSE).await["reason"], "unknown_user");
    assert_eq!(explain("7", "private-course.999").await["reason"], "object_deleted");
    office.delete("/api/enrollments/9001").await.ok();
    assert_eq!(explain("7", COURSE).await["reason"], "enrollment_inactive");

    let nobody = office.get(&format!("/api/access/explain?channel={COURSE}")).await.ok();
    assert_eq!((&nobody["allow"], &nobody["user"]), (&json!(false), &Value::Null));
    office.get("/api/access/explain?user=7").await.problem(400, "invalid_parameter");
    office.get("/api/access/explain?user=7&channel=a%20b").await.problem(400, "invalid_parameter");
    office.get(&format!("/api/access/explain?user=&channel={COURSE}")).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_person_may_ask_about_themselves_and_hears_nothing_of_what_is_not_theirs() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    office.keep("/api/users/9", json!({ "name": "Cy" })).await;
    let (ada, cy) = (app.person("7"), app.person("9"));
    for query in ["", "user=7&"] {
        let own = ada.get(&format!("/api/access/explain?{query}channel={COURSE}")).await.ok();
        assert_eq!((&own["allow"], &own["steps"]), (&json!(true), &Value::Null));
    }
    ada.get(&format!("/api/access/explain?user=8&channel={COURSE}")).await.problem(403, "not_yours");
    ada.get(&format!("/api/access/explain?user=nobody&channel={COURSE}")).await.problem(403, "not_yours");
    let there = cy.get("/api/access/explain?channel=private-course.101").await.ok();
    let nowhere = cy.get("/api/access/explain?channel=private-course.999").await.ok();
    assert_eq!((&there["reason"], &there["detail"]), (&nowhere["reason"], &nowhere["detail"]));
}

#[tokio::test]
async fn a_program_acts_on_behalf_of_a_person_only_with_the_scope_for_it() {
    let app = TestApp::start().await;
    classroom(&app).await.keep("/api/users/9", json!({ "name": "Cy", "deactivated_at": "2020-01-01T00:00:00Z" })).await;
    let path = format!("/api/access/explain?channel={COURSE}");
    let ask = async |voice: &Voice<'_>, user: &str| {
        finish(&app, voice.request(Method::GET, &path).header("X-On-Behalf-Of", user)).await
    };
    let (acting, other) = (app.program(&[Scope::UsersAct]).await, app.program(&[Scope::AccessRead]).await);
    let seen = ask(&acting, "7").await.ok();
    assert_eq!((&seen["user"], &seen["allow"], &seen["steps"]), (&json!("7"), &json!(true), &Value::Null));
    ask(&acting, "9").await.problem(401, "user_deactivated");
    ask(&acting, "").await.problem(400, "invalid_parameter");
    ask(&other, "7").await.problem(403, "may_not_act");
    ask(&app.person("8"), "7").await.problem(403, "may_not_act");
    let with_socket = acting.request(Method::GET, &path).header("X-Socket-ID", "no-socket");
    finish(&app, with_socket).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn an_audience_is_listed_with_the_reason_of_each() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let (_ada, _bo) = (join(&app, &app.person("7"), COURSE).await, join(&app, &app.person("8"), COURSE).await);
    let told = office.get(&format!("/api/channels/{COURSE}/audience")).await.ok();
    assert_eq!((&told["total"], &told["channel"]), (&json!(2), &json!(COURSE)));
    let mut listeners: Vec<_> = told["data"].as_array().unwrap().clone();
    listeners.sort_by_key(|listener| listener["user"].to_string());
    assert_eq!((&listeners[0]["user"], &listeners[0]["role"]), (&json!("7"), &json!("student")));
    assert_eq!((&listeners[1]["user"], &listeners[1]["role"]), (&json!("8"), &json!("instructor")));
    assert!(listeners.iter().all(|listener| listener["reason"] == "enrolled" && listener["known_by"] == "endpoint"));

    let one = office.get(&format!("/api/channels/{COURSE}/audience?limit=1")).await.ok();
    assert_eq!((one["data"].as_array().unwrap().len(), &one["total"]), (1, &json!(2)));
    let empty = office.get("/api/channels/private-course.101/audience").await.ok();
    assert_eq!((&empty["data"], &empty["total"]), (&json!([]), &json!(0)));
    for bad in ["a%20b/audience", &format!("{COURSE}/audience?limit=1001"), &format!("{COURSE}/audience?limit=0")] {
        office.get(&format!("/api/channels/{bad}")).await.problem(400, "invalid_parameter");
    }
    let reader = app.program(&[Scope::RosterRead]).await;
    reader.get(&format!("/api/channels/{COURSE}/audience")).await.problem(403, "missing_scope");
}

#[tokio::test]
async fn a_drop_by_rest_ends_the_subscription_and_is_told_to_caller_student_and_class() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let mut bo = join(&app, &app.person("8"), COURSE).await;
    let mut ada = join(&app, &app.person("7"), COURSE).await;
    bo.expect_on("pusher_internal:member_added", COURSE).await;

    let dropped = office.delete("/api/enrollments/9001").await.ok();
    assert_eq!(dropped["revoked"], json!([{ "user": "7", "channels": [COURSE], "sockets": 1 }]));
    let frame = ada.expect_on("pusher:subscription_error", COURSE).await;
    assert_eq!((&frame["data"]["type"], &frame["data"]["status"]), (&json!("AccessRevoked"), &json!(403)));
    bo.expect_on("pusher_internal:member_removed", COURSE).await;
    app.publish(COURSE, "bell", "1").await;
    bo.expect_on("bell", COURSE).await;
    ada.expect_silence().await;
}

#[tokio::test]
async fn access_that_is_taken_away_stays_closed_for_as_long_as_was_said() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let ada = app.person("7");
    let mut socket = join(&app, &ada, COURSE).await;
    let revoke = async |body: Value| office.post("/api/access/revoke", body).await;

    let now_only = revoke(json!({ "user": "7", "scope": { "kind": "course", "id": "101" } })).await.ok();
    assert_eq!(now_only, json!({ "user": "7", "channels": [COURSE], "sockets": 1 }));
    socket.expect_on("pusher:subscription_error", COURSE).await;
    let mut socket = join(&app, &ada, COURSE).await;

    let body =
        json!({ "user": "7", "scope": { "kind": "course", "id": "101" }, "for_seconds": 600, "reason": "disturbs" });
    revoke(body).await.ok();
    socket.expect_on("pusher:subscription_error", COURSE).await;
    let form = [("socket_id", socket.id.as_str()), ("channel_name", COURSE)];
    let refused = finish(&app, ada.request(Method::POST, "/pusher/auth").form(&form)).await;
    refused.problem(403, "banned");

    for (body, pointer) in [
        (json!({ "user": "7", "scope": { "kind": "shoe", "id": "1" } }), "/scope/kind"),
        (json!({ "user": "7", "scope": { "kind": "course" } }), "/scope/id"),
        (json!({ "user": "7", "scope": { "kind": "course", "id": "a.b" } }), "/scope/id"),
        (json!({ "user": "7", "scope": { "kind": "channel", "id": "a b" } }), "/scope/id"),
        (json!({ "user": "7", "scope": { "kind": "all", "id": "1" } }), "/scope/id"),
        (json!({ "user": "", "scope": { "kind": "all" } }), "/user"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "for_seconds": 0 }), "/for_seconds"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "for_seconds": 315_360_001_u32 }), "/for_seconds"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "for_seconds": -1 }), "/for_seconds"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "for_seconds": 1, "reason": "a\u{0}b" }), "/reason"),
        (json!({ "user": "7\u{0}", "scope": { "kind": "all" }, "for_seconds": 1 }), "/user"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "reason": "x".repeat(256) }), "/reason"),
        (json!({ "user": "7", "scope": { "kind": "all" }, "until": "now" }), "/until"),
        (json!({ "user": "7" }), "/scope"),
    ] {
        let problem = revoke(body.clone()).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let longest =
        json!({ "user": "9", "scope": { "kind": "all" }, "for_seconds": 315_360_000, "reason": "x".repeat(255) });
    assert_eq!(revoke(longest).await.ok(), json!({ "user": "9", "channels": [], "sockets": 0 }));
}

#[tokio::test]
async fn access_that_was_taken_away_is_given_back_when_the_revocation_is_lifted() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let ada = app.person("7");
    let mut socket = join(&app, &ada, COURSE).await;
    let list = "/api/access/revocations?user=7";
    assert_eq!(office.get(list).await.ok()["data"], json!([]));
    for scope in [json!({ "kind": "course", "id": "101" }), json!({ "kind": "all" })] {
        let body = json!({ "user": "7", "scope": scope, "for_seconds": 600, "reason": "disturbs" });
        office.post("/api/access/revoke", body).await.ok();
    }
    socket.expect_on("pusher:subscription_error", COURSE).await;
    let listed = office.get(list).await.ok()["data"].clone();
    let (one, all) = (&listed[0], &listed[1]);
    assert_eq!((&one["scope"], &all["scope"]), (&json!({ "kind": "course", "id": "101" }), &json!({ "kind": "all" })));
    assert_eq!((&one["user"], &one["reason"]), (&json!("7"), &json!("disturbs")));
    assert!(one["created_by"].as_str().unwrap().starts_with("key:") && one["until"].is_string());
    let first = office.get(&format!("{list}&limit=1")).await.ok();
    let second = format!("{list}&limit=1&cursor={}", first["page"]["next_cursor"].as_str().unwrap());
    assert_eq!((&first["data"], &office.get(&second).await.ok()["data"]), (&json!([one]), &json!([all])));

    let lift = async |voice: &Voice<'_>, id: &Value| {
        voice.send(Method::DELETE, &format!("/api/access/revocations/{}", id.as_str().unwrap()), None).await
    };
    let reader = app.program(&[Scope::AccessRead]).await;
    lift(&reader, &one["id"]).await.problem(403, "missing_scope");
    assert_eq!(lift(&office, &all["id"]).await.status, 204);
    let form = [("socket_id", socket.id.as_str()), ("channel_name", COURSE)];
    finish(&app, ada.request(Method::POST, "/pusher/auth").form(&form)).await.problem(403, "banned");
    assert_eq!(lift(&office, &one["id"]).await.status, 204);
    join(&app, &ada, COURSE).await;
    assert_eq!(office.get(list).await.ok()["data"], json!([]));
    for gone in [&one["id"], &json!("404"), &json!("none"), &json!("99999999999999999999")] {
        lift(&office, gone).await.problem(404, "not_found");
    }
    office.get("/api/access/revocations").await.problem(400, "invalid_parameter");
    office.get(&format!("{list}&cursor=MTp4")).await.problem(400, "invalid_parameter");

    let filter = AuditFilter { target_id: Some("7".to_owned()), ..AuditFilter::default() };
    let mut entries = app.store().await.audit_list(&MAIN.app().id, &filter, None, 9).await.unwrap();
    entries.retain(|(_, entry)| entry.action == "access.restored");
    let told: Vec<_> = entries.iter().map(|(_, entry)| (entry.target_id.as_str(), entry.scope.as_deref())).collect();
    assert_eq!(told, [("7", Some("course.101")), ("7", Some("all"))]);
}

#[tokio::test]
async fn a_user_is_disconnected_with_a_code_that_keeps_stock_clients_away() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let mut ada = join(&app, &app.person("7"), COURSE).await;
    let told = office.send(Method::POST, "/api/users/7/disconnect", None).await.ok();
    assert_eq!(told, json!({ "user": "7", "sockets": 1 }));
    let (_, code, _) = ada.until_close().await;
    assert_eq!(code, 4009);
    let nobody = office.send(Method::POST, "/api/users/nobody/disconnect", None).await.ok();
    assert_eq!(nobody["sockets"], 0);
    let reader = app.program(&[Scope::AccessRead]).await;
    reader.send(Method::POST, "/api/users/7/disconnect", None).await.problem(403, "missing_scope");
}

#[tokio::test]
async fn an_account_that_is_switched_off_loses_its_sockets() {
    let app = TestApp::start().await;
    let office = classroom(&app).await;
    let mut ada = join(&app, &app.person("7"), COURSE).await;
    let off = json!({ "name": "Ada", "deactivated_at": "2026-01-01T00:00:00Z" });
    assert_eq!(office.keep("/api/users/7", off).await["revoked"][0]["user"], "7");
    let (_, code, _) = ada.until_close().await;
    assert_eq!(code, 4009);
}
