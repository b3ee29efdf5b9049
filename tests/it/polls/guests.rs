//! Guests without an account: known by a cookie, one vote each, and only where app, class and poll let them.

use campanile::{
    domain::poll::{Answer as Said, Ballot},
    ids::AppId,
    store::{Booth, Cast, Voting},
};
use serde_json::json;

use super::*;
use crate::support::{app::MAIN, eventually, roster::user};

/// A server whose class takes guests, and so many votes a minute of those without an account.
async fn open_house(votes: u32) -> (TestApp, Roster) {
    let app = TestApp::with_settings(|settings| settings.guest_votes_per_minute_per_ip = votes).await;
    let roster = fill(&app).await;
    take_guests(&roster).await;
    let known = app.person("6");
    eventually("the class takes guests", async || known.get("/api/polls?class_id=k").await.status == 200).await;
    (app, roster)
}

/// Sends a request without proof, with a cookie if there is one.
async fn send(app: &TestApp, (method, path): (Method, &str), cookie: Option<&str>, body: Option<Value>) -> Answer {
    let mut request = app.plain(method, path);
    if let Some(cookie) = cookie {
        request = request.header("Cookie", format!("theme=dark; {cookie}"));
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    finish(app, request).await
}

/// Looks at a poll as somebody who was never here; answers the cookie that is set.
async fn arrive(app: &TestApp, path: &str) -> String {
    let answer = send(app, (Method::GET, path), None, None).await;
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
    answer.ok();
    cookie.to_owned()
}

async fn vote_with(app: &TestApp, path: &str, cookie: Option<&str>, option: &str) -> Answer {
    send(app, (Method::PUT, &format!("{path}/vote")), cookie, Some(json!({ "option_ids": [option] }))).await
}

fn for_guests(settings: Value) -> Value {
    let mut body = question(settings);
    body["settings"]["allow_guests"] = json!(true);
    body
}

#[tokio::test]
async fn a_guest_without_an_account_votes_once_with_the_cookie_that_the_poll_has_set() {
    let (app, _roster) = open_house(100).await;
    let host = app.person("9");
    let mut staff = listener(&app, &[STAFF]).await;
    let path = open(&host, for_guests(json!({ "change_vote": false, "results_visibility": "after_vote" }))).await;
    let detail = vote_with(&app, &path, None, "1").await.problem(401, "no_identity")["detail"].to_string();
    assert!(detail.contains("GET /api/polls/{id}"), "{detail}");
    let (one, other) = (arrive(&app, &path).await, arrive(&app, &path).await);
    assert_ne!(one, other);
    assert_eq!(vote_with(&app, &path, Some(&one), "2").await.status, 201);
    let ballot = heard(&mut staff, "poll:ballot", STAFF).await;
    assert!(ballot["user"]["id"].as_str().unwrap().starts_with("guest:"), "{ballot}");
    vote_with(&app, &path, Some(&one), "1").await.problem(409, "already_voted");
    let again = send(&app, (Method::GET, &path), Some(&one), None).await;
    assert_eq!(again.header("set-cookie"), None, "known already");
    let shown = again.ok();
    assert_eq!((&shown["ballot"]["option_ids"], counts(&shown["results"])), (&json!(["2"]), vec![0, 1]));
    assert_eq!(send(&app, (Method::GET, &path), Some(&other), None).await.ok().get("ballot"), None);
    assert_eq!(vote_with(&app, &path, Some(&other), "2").await.status, 201);
    let listed = host.get(&format!("{path}/ballots")).await.ok();
    let users: Vec<_> = listed["data"].as_array().unwrap().iter().map(|one| one["user"].clone()).collect();
    assert!(users.len() == 2 && users.iter().all(|user| user["is_guest"] == true), "{listed}");
}

#[tokio::test]
async fn a_guests_cookie_that_somebody_made_up_is_nobodys_and_none_is_a_session() {
    let (app, _roster) = open_house(100).await;
    let path = open(&app.person("9"), for_guests(json!({}))).await;
    let cookie = arrive(&app, &path).await;
    let made_up = format!("campanile_guest=AAAA{}", cookie.split_once('=').unwrap().1);
    for wrong in [made_up.as_str(), "campanile_guest=x", "campanile_guest="] {
        vote_with(&app, &path, Some(wrong), "1").await.problem(401, "no_identity");
        let shown = send(&app, (Method::GET, &path), Some(wrong), None).await;
        assert!(shown.header("set-cookie").is_some(), "{wrong}");
        shown.ok();
    }
    let value = cookie.split_once('=').unwrap().1;
    let as_session =
        send(&app, (Method::PUT, &format!("{path}/vote")), Some(&format!("__session={value}")), None).await;
    assert_eq!(as_session.status, 401);
    for (method, other) in [(Method::GET, "/results"), (Method::GET, "/ballots"), (Method::POST, "/close")] {
        let refused = send(&app, (method, &format!("{path}{other}")), Some(&cookie), None).await;
        refused.problem(401, "no_identity");
    }
    send(&app, (Method::POST, "/api/realtime/presence/online"), Some(&cookie), None).await.problem(401, "no_identity");
}

#[tokio::test]
async fn guests_without_an_account_find_nothing_unless_app_class_and_poll_let_them() {
    let (app, roster) = open_house(100).await;
    let host = app.person("9");
    let path = open(&host, for_guests(json!({}))).await;
    let cookie = arrive(&app, &path).await;
    let listed = send(&app, (Method::GET, "/api/polls?class_id=k"), None, None).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let not_theirs = open(&host, question(json!({}))).await;
    vote_with(&app, &not_theirs, Some(&cookie), "1").await.problem(403, "guests_not_taken");
    let draft = make(&host, for_guests(json!({}))).await;
    send(&app, (Method::GET, &draft), Some(&cookie), None).await.problem(404, "not_found");
    let of_course = open(&host, json!({ "course_id": "1", "kind": "open", "question": "Well?" })).await;
    send(&app, (Method::GET, &of_course), Some(&cookie), None).await.problem(404, "not_found");
    roster.put([Object::Class(Class { id: id("k"), course: id("1"), name: "K".to_owned(), guests: false })]).await;
    let status = async || send(&app, (Method::GET, &path), Some(&cookie), None).await.status;
    eventually("the class takes guests no more", async || status().await == 404).await;
    vote_with(&app, &path, Some(&cookie), "1").await.problem(404, "not_found");

    let (closed, _roster) = open_house(0).await;
    let path = open(&closed.person("9"), for_guests(json!({}))).await;
    for (method, path) in [(Method::GET, path.clone()), (Method::GET, "/api/polls?class_id=k".to_owned())] {
        send(&closed, (method, &path), Some(&cookie), None).await.problem(401, "no_identity");
    }
    vote_with(&closed, &path, Some(&cookie), "1").await.problem(401, "no_identity");
}

#[tokio::test]
async fn guests_without_an_account_change_their_vote_where_that_goes_and_an_address_has_only_so_many() {
    let (app, _roster) = open_house(3).await;
    let path = open(&app.person("9"), for_guests(json!({ "anonymity": "anonymous", "k_min": 1 }))).await;
    let (one, other) = (arrive(&app, &path).await, arrive(&app, &path).await);
    assert_eq!(vote_with(&app, &path, Some(&one), "1").await.status, 201);
    assert_eq!(vote_with(&app, &path, Some(&one), "2").await.ok()["revision"], 2);
    let taken = send(&app, (Method::DELETE, &format!("{path}/vote")), Some(&one), None).await.ok();
    assert_eq!(taken["withdrawn"], true);
    let refused = vote_with(&app, &path, Some(&other), "2").await;
    assert!(refused.header("retry-after").is_some());
    refused.problem(429, "rate_limited");
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201, "those with an account go on");
}

/// Guests who vote behind the doors of the API: as many as asked for.
async fn fill_with_guests(app: &TestApp, path: &str, count: usize) {
    let (store, app) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let poll = id(path.strip_prefix("/api/polls/").unwrap());
    for number in 0..count {
        let cast = |booth: &Booth| {
            let ballot = Ballot {
                id: format!("{number:032x}"),
                poll: booth.poll.id.clone(),
                round: booth.poll.round,
                user: None,
                is_guest: true,
                cast_at: None,
                revision: 1,
                answer: Said::Options(booth.poll.content.options.iter().take(1).map(|option| option.id).collect()),
            };
            Ok(Cast::Put(ballot))
        };
        let voting = Voting { app: &app, poll: &poll, user: &user(&format!("guest {number}")) };
        store.poll_vote(voting, cast).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn guests_who_fill_a_poll_keep_nobody_out_who_is_enrolled() {
    let (app, _roster) = open_house(100).await;
    let host = app.person("9");
    // The more a vote may say, the fewer an anonymous poll takes: 1,000 of those who are enrolled, and half of it of guests.
    let options: Vec<_> = (1..=100).map(|number| json!({ "label": format!("Option {number}") })).collect();
    let mut body = for_guests(json!({ "anonymity": "anonymous" }));
    body["kind"] = json!("multiple");
    body["options"] = json!(options);
    let path = open(&host, body).await;
    fill_with_guests(&app, &path, 499).await;
    let (last, late) = (arrive(&app, &path).await, arrive(&app, &path).await);
    assert_eq!(vote_with(&app, &path, Some(&last), "1").await.status, 201);
    let full = vote_with(&app, &path, Some(&late), "1").await.problem(409, "poll_full");
    assert!(full["detail"].as_str().unwrap().contains("500 votes of guests"), "{full}");
    vote_with(&app, &path, Some(&last), "2").await.ok();
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201, "the class has room of its own");
    vote_with(&app, &path, Some(&late), "1").await.problem(409, "poll_full");
}
