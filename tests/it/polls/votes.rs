//! One vote a person: twice, from two tabs, at once, too late, as a guest, after being dropped.

use campanile::{
    domain::roster::{Object, Operation, Role},
    store::RosterWrite,
};
use futures_util::StreamExt;
use serde_json::json;

use super::*;
use crate::support::{app::MAIN, rest::now, roster::enrollment};

#[tokio::test]
async fn who_votes_twice_is_refused_where_votes_are_final_and_nothing_changes() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({ "change_vote": false }))).await;
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
    for option in ["1", "2"] {
        vote(&voter, &path, option).await.problem(409, "already_voted");
    }
    voter.delete(&format!("{path}/vote")).await.problem(409, "already_voted");
    assert_eq!(counts(&host.get(&format!("{path}/results")).await.ok()), [1, 0]);
}

#[tokio::test]
async fn who_votes_twice_replaces_the_vote_where_it_may_be_changed_and_takes_it_back() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({}))).await;
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
    let again = vote(&voter, &path, "2").await.ok();
    assert_eq!((&again["option_ids"], &again["revision"]), (&json!(["2"]), &json!(2)));
    assert_eq!(voter.get(&path).await.ok()["ballot"], again);
    let counted = async || counts(&host.get(&format!("{path}/results")).await.ok());
    assert_eq!(counted().await, [0, 1]);
    let taken = voter.delete(&format!("{path}/vote")).await.ok();
    assert_eq!(taken["withdrawn"], true);
    assert_eq!(voter.delete(&format!("{path}/vote")).await.ok()["withdrawn"], false);
    assert_eq!(counted().await, [0, 0]);
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
}

#[tokio::test]
async fn a_second_tab_hears_of_the_vote_and_the_first_one_does_not() {
    let (app, _roster) = room().await;
    let path = open(&app.person("9"), question(json!({}))).await;
    let mut one = listener(&app, &["private-user-7"]).await;
    let mut two = listener(&app, &["private-user-7"]).await;
    let body = json!({ "option_ids": ["1"] });
    let voter = app.person("7");
    let request = voter.request(Method::PUT, &format!("{path}/vote")).header("X-Socket-ID", &one.id).json(&body);
    assert_eq!(finish(&app, request).await.status, 201);
    let told = heard(&mut two, "poll:voted", "private-user-7").await;
    assert_eq!((&told["pollId"], &told["voted"]), (&json!(path.rsplit('/').next()), &json!(true)));
    one.expect_silence().await;
    voter.delete(&format!("{path}/vote")).await.ok();
    assert_eq!(heard(&mut one, "poll:voted", "private-user-7").await["voted"], false);
}

#[tokio::test]
async fn each_kind_takes_its_vote_and_says_what_would_be_right() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let options = json!([{ "label": "a" }, { "label": "b" }, { "label": "c" }]);
    let text = |length: usize| json!({ "text": "x".repeat(length) });
    for (kind, settings, good, wrong) in [
        ("single", json!({}), json!({ "option_ids": ["3"] }), json!({ "option_ids": ["4"] })),
        (
            "multiple",
            json!({ "max": 2 }),
            json!({ "option_ids": ["3", "1"] }),
            json!({ "option_ids": ["1", "2", "3"] }),
        ),
        ("ranking", json!({}), json!({ "ranking": ["3", "1", "2"] }), json!({ "ranking": ["3", "1"] })),
        ("yes_no", json!({}), json!({ "option_ids": ["1"] }), json!({ "option_ids": ["1", "2"] })),
        ("scale", json!({}), json!({ "value": 5 }), json!({ "value": 6 })),
        ("numeric", json!({ "min": 0 }), json!({ "value": 0.125 }), json!({ "value": -0.001 })),
        ("open", json!({}), text(500), text(501)),
        ("word_cloud", json!({}), json!({ "text": "Big  Data, ai" }), json!({ "text": "a, b, c, d" })),
    ] {
        let mut body = json!({ "class_id": "k", "kind": kind, "question": "?", "settings": settings });
        if matches!(kind, "single" | "multiple" | "ranking") {
            body["options"] = options.clone();
        }
        let path = format!("{}/vote", open(&host, body).await);
        voter.put(&path, wrong).await.problem(422, "invalid_fields");
        voter.put(&path, json!({})).await.problem(422, "invalid_fields");
        voter.put(&path, json!({ "colour": 1 })).await.problem(422, "invalid_fields");
        let cast = voter.put(&path, good).await;
        assert_eq!(cast.status, 201, "{kind}: {}", cast.text());
    }
}

#[tokio::test]
async fn a_vote_that_meets_a_close_either_counts_or_is_told_that_the_poll_is_closed() {
    let (app, roster) = room().await;
    let voters: Vec<String> = (100..140).map(|number| number.to_string()).collect();
    let people: Vec<_> = voters.iter().map(|voter| (voter.as_str(), Role::Student)).collect();
    roster.enroll(&people).await;
    let host = app.person("9");
    let path = open(&host, question(json!({}))).await;
    let votes = futures_util::future::join_all(voters.iter().enumerate().map(|(number, voter)| {
        let (app, host, path) = (&app, &host, &path);
        async move {
            if number == 20 {
                step(host, path, "close").await.ok();
            }
            vote(&app.person(voter), path, "1").await.status
        }
    }));
    let statuses = votes.await;
    let counted = statuses.iter().filter(|status| **status == 201).count() as u64;
    assert!(statuses.iter().all(|status| matches!(status, 201 | 410)), "{statuses:?}");
    assert_eq!(host.get(&format!("{path}/results")).await.ok()["total"], counted);
}

/// Enrolls many students at once.
async fn enroll_crowd(app: &TestApp, count: usize) -> Vec<String> {
    let voters: Vec<String> = (0..count).map(|number| format!("v{number}")).collect();
    let put = |object| Operation::Put(Box::new(object));
    let both =
        |voter: &String| [put(Object::User(person(voter))), put(Object::Enrollment(enrollment(voter, Role::Student)))];
    let operations: Vec<_> = voters.iter().flat_map(both).collect();
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
    app.store().await.roster_apply(&MAIN.app().id, by, &operations).await.unwrap();
    voters
}

#[tokio::test]
async fn a_thousand_people_who_vote_at_once_and_each_of_them_twice_are_counted_once_each() {
    let app = TestApp::with_settings(|settings| settings.requests_per_second = 0).await;
    let _roster = fill(&app).await;
    let voters = enroll_crowd(&app, 1_000).await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "change_vote": false, "results_visibility": "live" }))).await;
    let mut class = listener(&app, &[CLASS]).await;
    let began = std::time::Instant::now();
    let votes = voters.iter().enumerate().flat_map(|(number, voter)| {
        let (app, path) = (&app, format!("{path}/vote"));
        let body = json!({ "option_ids": [if number % 4 == 0 { "1" } else { "2" }] });
        [(); 2].map(|()| {
            let request = app.person(voter).request(Method::PUT, &path).json(&body);
            async move { request.send().await.unwrap().status().as_u16() }
        })
    });
    // So many are on their way at every moment.
    let votes = futures_util::stream::iter(votes).buffer_unordered(500).collect::<Vec<u16>>();
    let watch = async {
        let mut frames = 0_u128;
        loop {
            let results = heard(&mut class, "poll:results", CLASS).await;
            frames += 1;
            if results["total"] == 1_000 {
                return (frames, counts(&results));
            }
        }
    };
    let (statuses, (frames, counted)) = tokio::join!(votes, watch);
    let most = began.elapsed().as_millis() / 250 + 2;
    let with = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((with(201), with(409), statuses.len()), (1_000, 1_000, 2_000));
    assert_eq!(counted, [250, 750]);
    assert!(frames <= most, "{frames} frames for 1,000 votes, at most {most}");
    assert_eq!(counts(&host.get(&format!("{path}/results")).await.ok()), [250, 750]);
}

#[tokio::test]
async fn an_anonymous_poll_is_opened_where_everybody_finds_room_with_all_that_a_vote_may_say() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    // With 7 and 8 that makes 1,000 students.
    enroll_crowd(&app, 998).await;
    let labels: Vec<_> = (0..100).map(|number| json!({ "label": number.to_string() })).collect();
    let body = |anonymity: &str| {
        let settings = json!({ "anonymity": anonymity });
        json!({ "class_id": "k", "kind": "multiple", "question": "Which?", "options": labels, "settings": settings })
    };
    let [full, over, named] =
        [make(&host, body("anonymous")).await, make(&host, body("anonymous")).await, make(&host, body("named")).await];
    step(&host, &full, "open").await.ok();
    let one_more = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
    let operations = [Object::User(person("w")), Object::Enrollment(enrollment("w", Role::Student))];
    let operations = operations.map(|object| Operation::Put(Box::new(object)));
    app.store().await.roster_apply(&MAIN.app().id, one_more, &operations).await.unwrap();
    step(&host, &over, "open").await.problem(409, "too_many_voters");
    assert_eq!(host.get(&over).await.ok()["poll"]["state"], "draft");
    step(&host, &named, "open").await.ok();
    step(&host, &full, "open").await.ok();
    patch(&host, &over, json!({ "settings": { "max": 99 } })).await.ok();
    step(&host, &over, "open").await.ok();
}

#[tokio::test]
async fn guests_vote_where_the_class_and_the_poll_take_them_and_one_time_each() {
    let (app, roster) = room().await;
    let (host, guest) = (app.person("9"), app.person("6"));
    let refused = host.post("/api/polls", question(json!({ "allow_guests": true }))).await;
    assert_eq!(refused.problem(422, "invalid_fields")["errors"][0]["pointer"], "/settings/allow_guests");
    take_guests(&roster).await;
    crate::support::eventually("the class takes guests", async || {
        guest.get("/api/polls?class_id=k").await.status == 200
    })
    .await;
    let closed_to_guests = open(&host, question(json!({}))).await;
    vote(&guest, &closed_to_guests, "1").await.problem(403, "guests_not_taken");
    let path = open(&host, question(json!({ "allow_guests": true, "change_vote": false }))).await;
    assert_eq!(vote(&guest, &path, "1").await.status, 201);
    // Whoever comes back with the same proof is the same guest.
    vote(&app.person("6"), &path, "2").await.problem(409, "already_voted");
    assert_eq!(guest.get(&path).await.ok()["ballot"]["option_ids"], json!(["1"]));
    let ballots = host.get(&format!("{path}/ballots")).await.ok();
    assert_eq!(ballots["data"][0]["user"], json!({ "id": "6", "name": "Name of 6", "is_guest": true }));
    let unproven = app.plain(Method::PUT, &format!("{path}/vote")).json(&json!({ "option_ids": ["1"] }));
    finish(&app, unproven).await.problem(401, "no_identity");
    let odd = app.person("a\0b");
    vote(&odd, &path, "1").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_dropped_student_votes_no_more_and_the_vote_counts_if_the_poll_says_so() {
    let (app, roster) = room().await;
    let host = app.person("9");
    let keeps = open(&host, question(json!({}))).await;
    let leaves_out = open(&host, question(json!({ "count_dropped": false, "results_visibility": "live" }))).await;
    for path in [&keeps, &leaves_out] {
        assert_eq!(vote(&app.person("7"), path, "1").await.status, 201);
        assert_eq!(vote(&app.person("8"), path, "2").await.status, 201);
    }
    roster.drop("7").await;
    crate::support::eventually("7 is out", async || app.person("7").get(&keeps).await.status == 404).await;
    vote(&app.person("7"), &keeps, "2").await.problem(404, "not_found");
    let counted = async |path: &str| counts(&host.get(&format!("{path}/results")).await.ok());
    assert_eq!(counted(&keeps).await, [1, 1]);
    assert_eq!(counted(&leaves_out).await, [0, 1]);
    let listed = host.get(&format!("{leaves_out}/ballots")).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let mut anonymous = question(json!({ "count_dropped": false, "anonymity": "anonymous" }));
    anonymous["class_id"] = json!("k");
    host.post("/api/polls", anonymous).await.problem(422, "invalid_fields");
}

#[tokio::test]
async fn staff_votes_where_the_course_lets_it() {
    let (app, roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({}))).await;
    vote(&host, &path, "1").await.problem(403, "wrong_role");
    let mut course = crate::support::roster::course("1");
    course.overrides = vec![campanile::domain::roster::Override {
        role: Role::Instructor,
        capability: "poll.answer".to_owned(),
        effect: campanile::domain::roster::Effect::Allow,
    }];
    roster.put([Object::Course(course)]).await;
    crate::support::eventually("the course lets it", async || vote(&host, &path, "1").await.status == 201).await;
}

#[tokio::test]
async fn time_limits_are_kept_at_their_bounds() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    for (seconds, status) in [(4, 422), (5, 201), (604_800, 201), (604_801, 422)] {
        let made = host.post("/api/polls", question(json!({ "time_limit_s": seconds }))).await;
        assert_eq!(made.status, status, "{seconds}");
    }
}
