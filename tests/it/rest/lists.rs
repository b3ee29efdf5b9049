//! Lists page by page, filters, and the log of changes.

use std::collections::BTreeSet;

use campanile::domain::caller::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{answer::finish, app::TestApp, rest::Voice};

async fn put_users(office: &Voice<'_>, count: usize) {
    let put =
        |number: usize| json!({ "op": "put", "kind": "user", "id": format!("u{number:03}"), "data": { "name": "A" } });
    let operations: Vec<_> = (0..count).map(put).collect();
    assert_eq!(office.post("/api/roster/batch", json!({ "operations": operations })).await.ok()["refused"], 0);
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_without_gap_or_repetition() {
    let app = TestApp::start().await;
    let office = app.office().await;
    put_users(&office, 60).await;
    let first = office.get("/api/users").await.ok();
    assert_eq!((ids(&first).len(), &first["page"]["has_more"]), (25, &json!(true)));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = office.get(&format!("/api/users?limit=20{cursor}")).await.ok();
        seen.extend(ids(&page));
        let Some(next) = page["page"]["next_cursor"].as_str() else {
            assert_eq!(page["page"]["has_more"], false);
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<_> = (0..60).map(|number| format!("u{number:03}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_page_stays_in_place_when_entries_come_and_go() {
    let app = TestApp::start().await;
    let office = app.office().await;
    put_users(&office, 4).await;
    let page = office.get("/api/users?limit=2").await.ok();
    office.delete("/api/users/u001").await.ok();
    office.keep("/api/users/u0005", json!({ "name": "A" })).await;
    let next = page["page"]["next_cursor"].as_str().unwrap();
    let rest = office.get(&format!("/api/users?limit=2&cursor={next}")).await.ok();
    assert_eq!(ids(&rest), ["u002", "u003"]);
}

#[tokio::test]
async fn a_limit_holds_from_1_to_100_and_a_cursor_is_one_of_ours() {
    let app = TestApp::start().await;
    let office = app.office().await;
    put_users(&office, 102).await;
    assert_eq!(ids(&office.get("/api/users?limit=1").await.ok()).len(), 1);
    assert_eq!(ids(&office.get("/api/users?limit=100").await.ok()).len(), 100);
    for bad in ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=", "cursor=x", "cursor=", "cursor=dTAwMQ"] {
        let problem = office.get(&format!("/api/users?{bad}")).await.problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], bad.split('=').next().unwrap(), "{problem}");
    }
}

#[tokio::test]
async fn a_query_parameter_that_an_operation_does_not_know_or_that_comes_twice_is_refused() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep_course().await;
    let refused = async |path: &str, parameter: &str, says: &str| {
        let problem = office.get(path).await.problem(400, "invalid_parameter");
        let error = &problem["errors"][0];
        assert_eq!((&error["parameter"], &error["message"]), (&json!(parameter), &json!(says)), "{path}");
    };
    let of_users = "is not known; there are org, cursor, limit";
    refused("/api/users?limt=10", "limt", of_users).await;
    refused("/api/users?limit=10&li%6dt=10", "limt", of_users).await;
    refused("/api/users?Limit=10", "Limit", of_users).await;
    refused("/api/users?=", "", of_users).await;
    refused("/api/users/7?verbose", "verbose", "is not known; this takes no parameters").await;
    refused(&format!("/api/users?{}=1", "x".repeat(100)), &format!("{}…", "x".repeat(63)), of_users).await;
    let twice = "stands there twice: say it once, with commas between several values";
    refused("/api/users?limit=1&org=a&limit=1", "limit", twice).await;
    refused("/api/users?org=a&org=b", "org", twice).await;
    let write = office.put("/api/users/7?dry_run=true", json!({ "name": "Bo" })).await;
    write.problem(400, "invalid_parameter");
    assert_eq!(office.get("/api/users/7?").await.ok()["name"], "Ada", "nothing was written");
    // Who is not known learns nothing of it.
    finish(&app, app.plain(Method::GET, "/api/users?limt=10")).await.problem(401, "no_identity");
    // What stock clients and hosted Pusher send along is their own affair.
    let mut socket = app.connect().await;
    socket.subscribe("room").await;
    let form = [("socket_id", socket.id.as_str()), ("channel_name", "private-course.101")];
    let asked = app.person("7").request(Method::POST, "/pusher/auth?team=7").form(&form);
    finish(&app, asked).await.ok();
}

#[tokio::test]
async fn filters_narrow_each_list() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/orgs/3", json!({ "name": "Science" })).await;
    office.keep("/api/users/8", json!({ "name": "Bo", "org": "3" })).await;
    office.keep("/api/courses/102", json!({ "title": "Other", "org": "3" })).await;
    office.keep("/api/classes/13", json!({ "course": "102", "name": "Other" })).await;
    office.keep("/api/chapters/6", json!({ "course": "102", "title": "Other" })).await;
    let part = |user: &str, role: &str| json!({ "user": user, "course": "102", "role": role });
    office.keep("/api/enrollments/9002", part("7", "instructor")).await;
    office.keep("/api/enrollments/9003", part("8", "student")).await;
    office.delete("/api/enrollments/9003").await.ok();
    for (path, expected) in [
        ("/api/orgs", &["3"][..]),
        ("/api/users", &["7", "8"]),
        ("/api/users?org=3", &["8"]),
        ("/api/users?org=4", &[]),
        ("/api/courses", &["101", "102"]),
        ("/api/courses?org=3", &["102"]),
        ("/api/classes?course=101", &["12"]),
        ("/api/chapters?course=102", &["6"]),
        ("/api/enrollments", &["9001", "9002", "9003"]),
        ("/api/enrollments?user=7", &["9001", "9002"]),
        ("/api/enrollments?course=102", &["9002", "9003"]),
        ("/api/enrollments?status=dropped", &["9003"]),
        ("/api/enrollments?role=student&status=active", &["9001"]),
        ("/api/enrollments?user=7&course=102&role=instructor", &["9002"]),
    ] {
        assert_eq!(ids(&office.get(path).await.ok()), expected, "{path}");
    }
    for bad in ["/api/enrollments?role=teacher", "/api/enrollments?course=a.b", "/api/users?org="] {
        office.get(bad).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn changes_are_followed_from_any_point() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let empty = office.get("/api/roster/changes").await.ok();
    assert_eq!((&empty["data"], &empty["has_more"]), (&json!([]), &json!(false)));
    office.keep_course().await;
    office.delete("/api/enrollments/9001").await.ok();

    let all = office.get("/api/roster/changes").await.ok();
    let told: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|change| (&change["kind"], &change["action"])).collect();
    assert_eq!(told.len(), 6);
    assert_eq!(told.last().unwrap(), &(&json!("enrollment"), &json!("deleted")));
    let last = all["data"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["user"], &last["course"], &last["id"]), (&json!("7"), &json!("101"), &json!("9001")));
    assert_eq!(all["next_seq"], last["seq"]);

    let numbers: BTreeSet<_> = all["data"].as_array().unwrap().iter().map(|change| change["seq"].as_i64()).collect();
    assert_eq!(numbers.len(), 6, "no number stands twice");
    let first = numbers.first().unwrap().unwrap();
    let rest = office.get(&format!("/api/roster/changes?since_seq={first}&limit=2")).await.ok();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (2, &json!(true)));
    let end = office.get(&format!("/api/roster/changes?since_seq={}", all["next_seq"])).await.ok();
    assert_eq!((&end["data"], &end["next_seq"]), (&json!([]), &all["next_seq"]));

    for (bad, says) in [
        ("since_seq=-1", "must be at least 0"),
        ("since_seq=x", "must be a whole number"),
        ("limit=1001", "from 1 to 1000"),
        ("limit=0", "from 1 to 1000"),
    ] {
        let problem = office.get(&format!("/api/roster/changes?{bad}")).await.problem(400, "invalid_parameter");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{bad}: {message}");
    }
    office.get("/api/roster/changes?limit=1000").await.ok();
    let reader = app.program(&[Scope::RosterRead]).await;
    reader.get("/api/roster/changes").await.ok();
}
