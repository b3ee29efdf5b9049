//! Objects of the roster: put, shown, deleted, and refused with what would be right.

use campanile::domain::caller::Scope;
use serde_json::{Value, json};

use crate::support::{app::TestApp, rest::Voice};

/// One object of each kind in an order in which each finds what it names: path, body with every field, another body.
fn objects() -> [(&'static str, Value, Value); 6] {
    [
        ("/api/orgs/3", json!({ "name": "Science" }), json!({ "name": "Arts" })),
        (
            "/api/courses/101",
            json!({
                "org": "3", "code": "CS-101", "title": "Computing", "starts_at": "2026-09-01T00:00:00.000Z",
                "ends_at": "2027-01-31T00:00:00.000Z", "visibility": "org", "archived_at": "2027-06-01T00:00:00.000Z",
                "overrides": [{ "role": "student", "capability": "chat.post", "effect": "prohibit" }],
            }),
            json!({ "title": "Computing", "visibility": "enrolled", "overrides": [] }),
        ),
        (
            "/api/classes/12",
            json!({ "course": "101", "name": "Monday", "guests": true }),
            json!({ "course": "101", "name": "Tuesday", "guests": false }),
        ),
        (
            "/api/chapters/5",
            json!({ "course": "101", "title": "Loops", "position": 2 }),
            json!({ "course": "101", "title": "Loops", "position": -1 }),
        ),
        (
            "/api/users/7",
            json!({
                "org": "3", "name": "Ada", "email": "ada@school.example", "avatar": "https://school.example/a.png",
                "org_role": "admin", "deactivated_at": "2026-10-01T00:00:00.000Z",
            }),
            json!({ "name": "Ada L." }),
        ),
        (
            "/api/enrollments/9001",
            json!({
                "user": "7", "course": "101", "class": "12", "role": "student", "status": "active",
                "begin_at": "2026-09-01T00:00:00.000Z", "end_at": "2027-01-31T00:00:00.000Z", "limit_to_class": true,
            }),
            json!({ "user": "7", "course": "101", "role": "assistant", "status": "inactive", "limit_to_class": false }),
        ),
    ]
}

/// The object without what the server adds.
fn bare(mut object: Value) -> Value {
    for name in ["id", "source", "version", "updated_at", "revoked"] {
        object.as_object_mut().unwrap().remove(name);
    }
    object
}

#[tokio::test]
async fn every_kind_is_made_shown_changed_and_deleted() {
    let app = TestApp::start().await;
    let office = app.program(&[Scope::RosterWrite]).await;
    for (path, full, other) in objects() {
        office.get(path).await.problem(404, "not_found");

        let made = office.put(path, full.clone()).await;
        assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")), "{}", made.text());
        assert_eq!(bare(made.json()), full);
        assert_eq!((&made.json()["id"], &made.json()["source"]), (&json!(path.rsplit('/').next()), &json!("api")));
        assert_eq!(made.json()["revoked"], json!([]));

        let again = office.put(path, full.clone()).await;
        assert_eq!((again.status, again.header("etag")), (200, Some("\"1\"")), "the same once more changes nothing");

        let shown = office.get(path).await;
        assert_eq!((bare(shown.ok()), shown.header("etag")), (full, Some("\"1\"")));
        assert!(shown.json()["revoked"].is_null(), "only in answers to writes");

        let changed = office.put(path, other.clone()).await;
        assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")), "{}", changed.text());
        assert_eq!(bare(changed.json()), other, "what is left out is empty");
    }
    for (path, ..) in objects().into_iter().rev() {
        let gone = office.delete(path).await.ok();
        assert_eq!((&gone["outcome"], &gone["revoked"]), (&json!("deleted"), &json!([])), "{path}");
        if path.starts_with("/api/enrollments") {
            assert_eq!(office.get(path).await.ok()["status"], "dropped", "an enrollment stays as dropped");
            assert_eq!(office.delete(path).await.ok()["outcome"], "unchanged");
        } else {
            office.get(path).await.problem(404, "not_found");
            office.delete(path).await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn ids_of_users_may_be_anything_and_are_decoded() {
    let app = TestApp::start().await;
    let office = app.office().await;
    for (path, id) in [
        ("/api/users/user_2ab%7Cx", "user_2ab|x"),
        ("/api/users/a%2Fb", "a/b"),
        ("/api/users/%C3%BC%20%25", "ü %"),
        ("/api/users/0", "0"),
        (&format!("/api/users/{}", "%C3%BC".repeat(128)), &"ü".repeat(128)),
    ] {
        assert_eq!(office.keep(path, json!({ "name": "Ada" })).await["id"], id);
        assert_eq!(office.get(path).await.ok()["id"], id);
    }
    let long = office.put(&format!("/api/users/{}", "x".repeat(129)), json!({ "name": "Ada" })).await;
    long.problem(400, "invalid_parameter");
}

async fn refused_field(office: &Voice<'_>, path: &str, body: Value, pointer: &str) -> Value {
    let answer = office.put(path, body.clone()).await;
    let problem = answer.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    problem
}

#[tokio::test]
async fn unknown_missing_and_wrong_fields_are_named_with_what_would_be_right() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep_course().await;
    let part = |name: &str, value: Value| {
        let mut body = json!({ "user": "7", "course": "101", "role": "student" });
        body[name] = value;
        body
    };
    for (path, body, pointer, code, says) in [
        ("/api/users/8", json!({ "name": "Bo", "age": 9 }), "/age", "unknown_field", "expected one of"),
        ("/api/users/8", json!({ "name": "Bo", "id": "8" }), "/id", "unknown_field", "unknown field"),
        ("/api/users/8", json!({}), "/name", "missing_field", "missing field"),
        ("/api/users/8", json!({ "name": 5 }), "/name", "invalid", "must be text, not 5"),
        (
            "/api/chapters/6",
            json!({ "course": "101", "title": "Next", "position": "x" }),
            "/position",
            "invalid",
            "must be a whole number from -2147483648 to 2147483647, not text",
        ),
        ("/api/users/8", json!({ "name": "" }), "/name", "empty", "must not be empty"),
        ("/api/users/8", json!({ "name": "x".repeat(256) }), "/name", "too_long", "at most 255 characters"),
        ("/api/users/8", json!({ "name": "Bo", "org": "9" }), "/org", "unknown_org", "put it first"),
        ("/api/users/8", json!({ "name": "Bo", "deactivated_at": "now" }), "/deactivated_at", "invalid", "2026-09-01T"),
        ("/api/enrollments/1", part("role", json!("teacher")), "/role", "invalid", "instructor"),
        ("/api/enrollments/1", part("course", json!("a.b")), "/course", "invalid", "letters, digits"),
        ("/api/enrollments/1", part("course", json!("102")), "/course", "unknown_course", "put it first"),
        ("/api/enrollments/1", part("user", json!("8")), "/user", "unknown_user", "put them first"),
        ("/api/enrollments/1", part("class", json!("99")), "/class", "unknown_class", "leave the class out"),
        ("/api/enrollments/1", part("limit_to_class", json!(true)), "/limit_to_class", "limit_without_class", "class"),
        (
            "/api/courses/9",
            json!({ "title": "T", "overrides": [{ "role": "student", "capability": "a", "effect": "no" }] }),
            "/overrides/0/effect",
            "invalid",
            "allow, prevent, prohibit",
        ),
    ] {
        let problem = refused_field(&office, path, body, pointer).await;
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(says), "{problem}");
    }
    office.keep("/api/users/8", json!({ "name": "x".repeat(255) })).await;
}

#[tokio::test]
async fn what_is_in_the_way_is_a_conflict() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/courses/102", json!({ "title": "Other" })).await;
    let twin = office.put("/api/enrollments/9002", json!({ "user": "7", "course": "101", "role": "student" })).await;
    assert!(twin.problem(409, "duplicate_enrollment")["detail"].as_str().unwrap().contains("9001"));
    let moved = office.put("/api/classes/12", json!({ "course": "102", "name": "Monday" })).await;
    moved.problem(409, "class_cannot_move");
}

#[tokio::test]
async fn reading_needs_one_scope_and_writing_another() {
    let app = TestApp::start().await;
    let (writer, reader) = (app.program(&[Scope::RosterWrite]).await, app.program(&[Scope::RosterRead]).await);
    writer.keep("/api/users/7", json!({ "name": "Ada" })).await;
    assert_eq!(writer.get("/api/users/7").await.ok()["name"], "Ada");
    assert_eq!(reader.get("/api/users/7").await.ok()["name"], "Ada");
    for refused in [
        reader.put("/api/users/7", json!({ "name": "Bo" })).await,
        reader.delete("/api/users/7").await,
        reader.post("/api/roster/batch", json!({ "operations": [] })).await,
    ] {
        let detail = refused.problem(403, "missing_scope")["detail"].to_string();
        assert!(detail.contains("roster:write"), "{detail}");
    }
    let other = app.program(&[Scope::AccessWrite, Scope::PresenceRead]).await;
    other.get("/api/users/7").await.problem(403, "missing_scope");
    app.person("7").get("/api/users/7").await.problem(403, "missing_scope");
    let everything = app.program(&[Scope::Admin]).await;
    everything.delete("/api/users/7").await.ok();
}
