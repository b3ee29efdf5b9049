//! Batches: each operation for itself, in order, with a result.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{answer::finish, app::TestApp};

const BATCH: &str = "/api/roster/batch";

fn put(kind: &str, id: &str, data: Value) -> Value {
    json!({ "op": "put", "kind": kind, "id": id, "data": data })
}

fn user(id: usize) -> Value {
    put("user", &format!("u{id}"), json!({ "name": "A student" }))
}

#[tokio::test]
async fn operations_stand_each_for_itself_and_say_what_became_of_them() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let part =
        |id: &str, user: &str| put("enrollment", id, json!({ "user": user, "course": "101", "role": "student" }));
    let operations = json!([
        put("course", "101", json!({ "title": "Computing" })),
        put("user", "7", json!({ "name": "Ada" })),
        put("user", "7", json!({ "name": "Ada" })),
        part("9001", "7"),
        part("9002", "8"),
        put("user", "8", json!({ "name": "Bo", "age": 9 })),
        put("users", "8", json!({ "name": "Bo" })),
        json!({ "op": "delete", "kind": "class", "id": "12" }),
        json!("nonsense"),
        json!({ "op": "delete", "kind": "enrollment", "id": "9001" }),
        put("user", "7", json!({ "name": "Ada L." })),
    ]);
    let answer = office.post(BATCH, json!({ "operations": operations })).await.ok();
    let results = answer["results"].as_array().unwrap();
    let told: Vec<_> = results.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    let expected = [
        "created",
        "created",
        "unchanged",
        "created",
        "refused",
        "refused",
        "refused",
        "refused",
        "refused",
        "deleted",
        "updated",
    ];
    assert_eq!(told, expected, "{answer}");
    assert_eq!(answer["refused"], 5);
    for (index, row) in results.iter().enumerate() {
        assert_eq!(row["index"], index);
        assert_eq!(row["error"].is_null(), told[index] != "refused");
    }
    let error = |index: usize| (&results[index]["error"]["pointer"], &results[index]["error"]["code"]);
    assert_eq!(error(4), (&json!("/data/user"), &json!("unknown_user")));
    assert_eq!(error(5), (&json!("/data/age"), &json!("unknown_field")));
    assert_eq!(error(6), (&json!("/kind"), &json!("invalid")));
    assert_eq!(error(7), (&json!("/id"), &json!("not_found")));
    assert_eq!(error(8).1, &json!("invalid"));
    assert_eq!((&results[4]["kind"], &results[4]["id"]), (&json!("enrollment"), &json!("9002")));

    let changes = office.get("/api/roster/changes").await.ok();
    assert_eq!(changes["next_seq"], answer["seq"], "who has followed so far has seen all of the batch");
    assert_eq!(office.get("/api/users/7").await.ok()["name"], "Ada L.");
}

#[tokio::test]
async fn five_thousand_operations_are_taken_and_one_more_is_refused_whole() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let many = |count: usize| json!({ "operations": (0..count).map(user).collect::<Vec<_>>() });
    let problem = office.post(BATCH, many(5_001)).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/operations");
    assert!(problem["detail"].as_str().unwrap().contains("at most 5000"), "{problem}");
    office.get("/api/users/u0").await.problem(404, "not_found");

    let answer = office.post(BATCH, many(5_000)).await.ok();
    assert_eq!((answer["results"].as_array().unwrap().len(), &answer["refused"]), (5_000, &json!(0)));
    assert_eq!(office.post(BATCH, json!({ "operations": [] })).await.ok()["results"], json!([]));
}

#[tokio::test]
async fn bodies_may_be_larger_here_than_elsewhere_and_are_bounded_all_the_same() {
    let app = TestApp::with(|config| config.server.max_request_bytes = 1_000).await;
    let office = app.office().await;
    let padded = |size: usize| {
        let body = json!({ "operations": [] }).to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    let send = async |path: &str, method: Method, body: String| {
        let request = office.request(method, path).header("Content-Type", "application/json").body(body);
        finish(&app, request).await
    };
    send(BATCH, Method::POST, padded(16 << 20)).await.ok();
    send(BATCH, Method::POST, padded((16 << 20) + 1)).await.problem(413, "body_too_large");
    let user = |size: usize| {
        let body = json!({ "name": "Ada" }).to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    assert_eq!(send("/api/users/7", Method::PUT, user(1_000)).await.status, 201);
    let problem = send("/api/users/7", Method::PUT, user(1_001)).await.problem(413, "body_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("1000 bytes"), "{problem}");
}
