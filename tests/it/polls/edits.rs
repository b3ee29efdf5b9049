//! What may change of a poll, before and after it has been opened.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_draft_is_changed_freely_and_only_over_the_version_that_was_read() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = make(&host, question(json!({}))).await;
    let mut class = listener(&app, &[CLASS]).await;
    let tag = host.get(&path).await.header("etag").unwrap().to_owned();
    let edit = async |tag: &str, body: Value| {
        finish(&app, host.request(Method::PATCH, &path).header("If-Match", tag).json(&body)).await
    };
    let changed =
        edit(&tag, json!({ "question": "Two or four?", "options": [{ "label": "2" }, { "label": "4" }] })).await;
    assert_eq!((&changed.ok()["question"], changed.header("etag")), (&json!("Two or four?"), Some("\"2\"")));
    edit(&tag, json!({ "question": "Eight?" })).await.problem(412, "version_mismatch");
    let kind = edit("\"2\"", json!({ "kind": "scale", "settings": { "max": 10 } })).await.ok();
    assert_eq!((&kind["options"], &kind["settings"]["max"]), (&json!([]), &json!(10)));
    edit("*", json!({ "colour": "red" })).await.problem(422, "invalid_fields");
    class.expect_silence().await;
}

#[tokio::test]
async fn after_votes_a_label_is_put_right_options_come_and_go_and_the_rest_is_fixed() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({}))).await;
    vote(&voter, &path, "2").await;
    let mut class = listener(&app, &[CLASS]).await;
    let options = json!([{ "id": "1", "label": "Tab" }, { "label": "Both" }]);
    let changed = patch(&host, &path, json!({ "options": options })).await.ok();
    assert_eq!(changed["options"][1]["hidden"], true, "{changed}");
    let told = heard(&mut class, "poll:updated", CLASS).await;
    let labels: Vec<_> = told["poll"]["options"].as_array().unwrap().iter().map(|it| it["label"].clone()).collect();
    assert_eq!(labels, ["Tab", "Both"]);
    vote(&voter, &path, "2").await.problem(422, "invalid_fields");
    assert_eq!(counts(&host.get(&format!("{path}/results")).await.ok()), [0, 1, 0], "a vote for what is hidden stays");
    for (body, pointer) in [
        (json!({ "options": [{ "id": "1", "label": "Spaces" }, { "id": "3", "label": "Both" }] }), "/options/0/label"),
        (json!({ "options": [{ "id": "1", "label": "Tab" }] }), "/options"),
        (json!({ "options": [{ "id": "9", "label": "Tab" }, { "id": "3", "label": "Both" }] }), "/options/0/id"),
        (json!({ "question": "Why?" }), "/question"),
        (json!({ "kind": "multiple" }), "/kind"),
        (json!({ "settings": { "anonymity": "anonymous" } }), "/settings/anonymity"),
        (json!({ "settings": { "k_min": 2 } }), "/settings/k_min"),
    ] {
        let problem = patch(&host, &path, body.clone()).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn the_results_of_an_open_poll_are_shown_when_its_settings_are_changed_so() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({ "results_visibility": "never" }))).await;
    vote(&voter, &path, "1").await;
    let mut class = listener(&app, &[CLASS]).await;
    patch(&host, &path, json!({ "settings": { "results_visibility": "live" } })).await.ok();
    assert_eq!(heard(&mut class, "poll:updated", CLASS).await["poll"]["settings"]["resultsVisibility"], "live");
    assert_eq!(counts(&results_of(&mut class, CLASS, 1).await), [1, 0]);
}

#[tokio::test]
async fn the_time_of_an_open_poll_is_made_longer_or_taken_away() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "time_limit_s": 600 }))).await;
    let longer = patch(&host, &path, json!({ "settings": { "time_limit_s": 1_200 } })).await.ok();
    let end = |poll: &Value| chrono::DateTime::parse_from_rfc3339(poll["closes_at"].as_str().unwrap()).unwrap();
    let begin = chrono::DateTime::parse_from_rfc3339(longer["opened_at"].as_str().unwrap()).unwrap();
    assert_eq!((end(&longer) - begin).num_seconds(), 1_200);
    let free = patch(&host, &path, json!({ "settings": { "time_limit_s": 0 } })).await.ok();
    assert_eq!((free.get("closes_at"), free["settings"].get("time_limit_s")), (None, None));
}

#[tokio::test]
async fn options_are_suggested_where_the_poll_takes_them_and_by_hosts_always() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let strict = format!("{}/options", open(&host, question(json!({}))).await);
    voter.post(&strict, json!({ "label": "Both" })).await.problem(403, "no_suggestions");
    assert_eq!(host.post(&strict, json!({ "label": "Both" })).await.status, 201);
    let path = open(&host, question(json!({ "allow_suggestions": true }))).await;
    let options = format!("{path}/options");
    let taken = voter.post(&options, json!({ "label": "Both" })).await;
    assert_eq!(taken.json()["options"][2], json!({ "id": "3", "label": "Both" }));
    voter.post(&options, json!({ "label": "both" })).await.problem(409, "option_exists");
    voter.post(&options, json!({ "label": "x".repeat(256) })).await.problem(422, "invalid_fields");
    assert_eq!(vote(&voter, &path, "3").await.status, 201);
    assert_eq!(host.get(&path).await.ok()["poll"]["options"][2]["suggested_by"], "7");
    let observer = app.person("5").post(&options, json!({ "label": "None" })).await;
    observer.problem(404, "not_found");
    step(&host, &path, "close").await.ok();
    voter.post(&options, json!({ "label": "Late" })).await.problem(410, "poll_closed");
}

#[tokio::test]
async fn what_is_asked_is_kept_within_its_bounds() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let ask = async |body: Value| host.post("/api/polls", body).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = question(json!({}));
        change(&mut body);
        body
    };
    let options =
        |count: usize| json!((0..count).map(|number| json!({ "label": number.to_string() })).collect::<Vec<_>>());
    for (body, status) in [
        (with(&|body| body["question"] = json!("é".repeat(1_000))), 201),
        (with(&|body| body["question"] = json!("é".repeat(1_001))), 422),
        (with(&|body| body["options"] = options(100)), 201),
        (with(&|body| body["options"] = options(101)), 422),
        (with(&|body| body["options"] = options(1)), 422),
        (with(&|body| body["options"][0]["label"] = json!("é".repeat(255))), 201),
        (with(&|body| body["options"][0]["label"] = json!("é".repeat(256))), 422),
        (with(&|body| body["kind"] = json!("dance")), 422),
        (with(&|body| body["course_id"] = json!("1")), 422),
        (with(&|body| body["class_id"] = json!(null)), 422),
        (with(&|body| body["settings"]["k_min"] = json!(0)), 422),
        (with(&|body| body["settings"]["k_min"] = json!(-1)), 422),
        (with(&|body| body["settings"]["min"] = json!(1)), 422),
    ] {
        let answer = ask(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}
