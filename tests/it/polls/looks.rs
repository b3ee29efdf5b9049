//! Lists, copies and files.

use campanile::domain::caller::Scope;
use serde_json::json;

use super::*;

#[tokio::test]
async fn polls_of_a_place_are_listed_page_by_page_the_newest_first_and_drafts_for_hosts_only() {
    let (app, _roster) = room().await;
    let (host, student, observer) = (app.person("9"), app.person("7"), app.person("5"));
    let mut ids = Vec::new();
    for number in 0..5 {
        let path = make(&host, question(json!({}))).await;
        if number > 0 {
            step(&host, &path, "open").await.ok();
        }
        if number > 2 {
            step(&host, &path, "close").await.ok();
        }
        ids.push(path.rsplit('/').next().unwrap().to_owned());
    }
    step(&host, &format!("/api/polls/{}", ids[4]), "publish").await.ok();
    let listed = async |voice: &Voice<'_>, query: &str| {
        let list = voice.get(&format!("/api/polls?class_id=k{query}")).await.ok();
        let ids = list["data"].as_array().unwrap().iter().map(|poll| poll["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), list["page"]["next_cursor"].as_str().map(str::to_owned))
    };
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed(&host, "").await.0, newest);
    assert_eq!(listed(&student, "").await.0, newest[..4]);
    assert!(listed(&student, "&state=draft").await.0.is_empty());
    assert_eq!(listed(&student, "&state=closed").await.0, newest[..2]);
    let (first, cursor) = listed(&host, "&limit=3").await;
    let (rest, end) = listed(&host, &format!("&limit=3&cursor={}", cursor.unwrap())).await;
    assert_eq!((first, rest, end), (newest[..3].to_vec(), newest[3..].to_vec(), None));
    observer.get("/api/polls?course_id=1").await.ok();
    for wrong in ["", "class_id=k&course_id=1", "class_id=a.b", "class_id=k&state=odd", "class_id=k&limit=101"] {
        host.get(&format!("/api/polls?{wrong}")).await.problem(400, "invalid_parameter");
    }
    assert_eq!(host.get("/api/polls?course_id=1").await.ok()["data"], json!([]), "those of classes are elsewhere");
    let program = app.program(&[Scope::ResultsRead]).await;
    for (query, what) in [("class_id=77", "class"), ("course_id=77", "course")] {
        let problem = program.get(&format!("/api/polls?{query}")).await.problem(404, "not_found");
        assert_eq!(problem["detail"], format!("there is no such {what}, or it is not for you"));
    }
}

#[tokio::test]
async fn a_draft_that_was_put_away_unopened_is_listed_for_hosts_only() {
    let (app, _roster) = room().await;
    let (host, student) = (app.person("9"), app.person("7"));
    let draft = make(&host, question(json!({}))).await;
    step(&host, &draft, "archive").await.ok();
    let listed = async |voice: &Voice<'_>, query: &str| {
        voice.get(&format!("/api/polls?class_id=k{query}")).await.ok()["data"].as_array().unwrap().len()
    };
    for query in ["", "&state=archived"] {
        assert_eq!((listed(&host, query).await, listed(&student, query).await), (1, 0), "{query}");
    }
    student.get(&draft).await.problem(404, "not_found");
    let opened = open(&host, question(json!({}))).await;
    for name in ["close", "archive"] {
        step(&host, &opened, name).await.ok();
    }
    assert_eq!((listed(&host, "").await, listed(&student, "&state=archived").await), (2, 1));
}

#[tokio::test]
async fn observers_list_what_is_published() {
    let (app, _roster) = room().await;
    let (host, observer) = (app.person("9"), app.person("5"));
    let body = json!({ "course_id": "1", "kind": "yes_no", "question": "So?" });
    let path = open(&host, body).await;
    let listed = async || observer.get("/api/polls?course_id=1").await.ok()["data"].as_array().unwrap().len();
    assert_eq!(listed().await, 0);
    observer.get(&path).await.problem(404, "not_found");
    step(&host, &path, "close").await.ok();
    assert_eq!(listed().await, 0);
    step(&host, &path, "publish").await.ok();
    assert_eq!(listed().await, 1);
    assert_eq!(observer.get(&path).await.ok()["results"]["total"], 0);
}

#[tokio::test]
async fn a_copy_is_a_draft_that_asks_the_same() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "time_limit_s": 60 }))).await;
    let options = json!([{ "id": "2", "label": "Spaces" }, { "label": "Both" }]);
    patch(&host, &path, json!({ "options": options })).await.ok();
    let copy = step(&host, &path, "duplicate").await;
    assert_eq!(copy.status, 201, "{}", copy.text());
    let copy = copy.json();
    assert_eq!((&copy["state"], &copy["round"], &copy["version"]), (&json!("draft"), &json!(0), &json!(1)));
    let labels: Vec<_> = copy["options"].as_array().unwrap().iter().map(|it| it["label"].clone()).collect();
    assert_eq!((labels, &copy["settings"]["time_limit_s"]), (vec![json!("Spaces"), json!("Both")], &json!(60)));
}

#[tokio::test]
async fn named_ballots_are_listed_page_by_page_each_once() {
    let (app, roster) = room().await;
    let voters: Vec<String> = (100..105).map(|number| number.to_string()).collect();
    let people: Vec<_> =
        voters.iter().map(|voter| (voter.as_str(), campanile::domain::roster::Role::Student)).collect();
    roster.enroll(&people).await;
    let host = app.person("9");
    let path = open(&host, question(json!({}))).await;
    for voter in &voters {
        assert_eq!(vote(&app.person(voter), &path, "1").await.status, 201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("{path}/ballots?limit=2{cursor}")).await.ok();
        seen.extend(page["data"].as_array().unwrap().iter().map(|it| it["user"]["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["page"]["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort_unstable();
    assert_eq!(seen, voters);
}

#[tokio::test]
async fn a_file_has_every_vote_and_no_formula() {
    let (app, roster) = room().await;
    let mut sly = person("66");
    sly.name = "=HYPERLINK(\"http://evil.example\")".to_owned();
    roster.put([Object::User(sly), Object::Enrollment(crate::support::roster::enrollment("66", Role::Student))]).await;
    let host = app.person("9");
    let path = open(&host, json!({ "class_id": "k", "kind": "open", "question": "Well?" })).await;
    for (voter, text) in [("66", "=1+1"), ("7", "a, \"b\""), ("8", "@SUM(A1)")] {
        assert_eq!(app.person(voter).put(&format!("{path}/vote"), json!({ "text": text })).await.status, 201);
    }
    let file = host.get(&format!("{path}/export?format=csv")).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv")), "{}", file.text());
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"poll-"));
    let mut rows = file.csv_rows();
    assert_eq!(rows.remove(0), ["poll_id", "round", "user_id", "name", "answer", "cast_at", "revision"]);
    rows.sort_by(|one, other| one[2].cmp(&other[2]));
    let shown: Vec<_> = rows.iter().map(|row| (row[3].as_str(), row[4].as_str())).collect();
    assert_eq!(
        shown,
        [("'=HYPERLINK(\"http://evil.example\")", "'=1+1"), ("Name of 7", "a, \"b\""), ("Name of 8", "'@SUM(A1)"),]
    );
    let program = app.program(&[Scope::ResultsRead]).await;
    let json = program.get(&format!("{path}/export?format=json")).await.ok();
    assert_eq!((json["ballots"].as_array().unwrap().len(), &json["results"]["total"]), (3, &json!(3)));
    host.get(&format!("{path}/export?format=xlsx")).await.problem(400, "invalid_parameter");
    host.get(&format!("{path}/export?round=2")).await.problem(404, "not_found");
}

#[tokio::test]
async fn options_are_shuffled_for_each_voter_and_stay_so() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let labels: Vec<_> = (0..20).map(|number| json!({ "label": number.to_string() })).collect();
    let mut body = question(json!({ "shuffle": true }));
    body["options"] = json!(labels);
    let path = open(&host, body).await;
    let order = async |user: &str| {
        let shown = app.person(user).get(&path).await.ok();
        let ids = shown["poll"]["options"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let (one, other, hosts) = (order("7").await, order("8").await, order("9").await);
    assert!(one != other && one != hosts && one == order("7").await);
    assert_eq!(hosts, (1..=20).map(|number| number.to_string()).collect::<Vec<_>>());
}
