//! From draft to archive, and what is heard of it.

use campanile::domain::caller::Scope;
use serde_json::json;

use super::*;
use crate::support::{eventually, rest::now};

#[tokio::test]
async fn a_poll_is_made_opened_voted_in_and_closed_and_those_hear_of_it_whom_it_concerns() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let mut class = listener(&app, &[CLASS]).await;
    let mut staff = listener(&app, &[STAFF]).await;
    let mut own = listener(&app, &["private-user-7"]).await;

    let path = make(&host, question(json!({}))).await;
    class.expect_silence().await;
    let opened = step(&host, &path, "open").await;
    assert_eq!((opened.ok()["state"].clone(), opened.header("etag")), (json!("open"), Some("\"2\"")));
    let heard_open = heard(&mut class, "poll:opened", CLASS).await;
    assert_eq!((&heard_open["poll"]["state"], &heard_open["poll"]["classId"]), (&json!("open"), &json!("k")));
    assert_eq!(heard_open["actor"], json!({ "id": "9", "name": "Name of 9", "role": "instructor" }));
    assert!(heard_open["poll"]["options"][1].get("isCorrect").is_none(), "the solution is not told: {heard_open}");

    let first = vote(&voter, &path, "2").await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!((&first.json()["option_ids"], &first.json()["revision"]), (&json!(["2"]), &json!(1)));
    let echoed = heard(&mut own, "poll:voted", "private-user-7").await;
    assert_eq!((&echoed["voted"], &echoed["ballot"]["optionIds"]), (&json!(true), &json!(["2"])));
    let ballot = heard(&mut staff, "poll:ballot", STAFF).await;
    assert_eq!(ballot["user"], json!({ "id": "7", "name": "Name of 7" }));
    assert_eq!(counts(&results_of(&mut staff, STAFF, 1).await), [0, 1]);
    let turnout = heard(&mut staff, "poll:turnout", STAFF).await;
    assert_eq!((&turnout["voted"], &turnout["eligible"]), (&json!(1), &json!(2)));
    class.expect_silence().await;

    step(&host, &path, "close").await.ok();
    let closed = heard(&mut class, "poll:closed", CLASS).await;
    assert_eq!(
        (&closed["poll"]["state"], &closed["poll"]["options"][1]["isCorrect"]),
        (&json!("closed"), &json!(true))
    );
    assert_eq!(counts(&results_of(&mut class, CLASS, 1).await), [0, 1]);
    vote(&app.person("8"), &path, "1").await.problem(410, "poll_closed");
    step(&host, &path, "publish").await.ok();
    assert!(heard(&mut class, "poll:published", CLASS).await["poll"]["publishedAt"].is_string());
    step(&host, &path, "archive").await.ok();
    assert_eq!(heard(&mut class, "poll:updated", CLASS).await["poll"]["state"], "archived");
}

#[tokio::test]
async fn an_event_tells_a_poll_in_the_shape_in_which_the_api_shows_it() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let mut class = listener(&app, &["private-class.k"]).await;
    for body in [
        question(json!({ "time_limit_s": 60, "anonymity": "anonymous", "k_min": 7 })),
        json!({ "class_id": "k", "kind": "scale", "question": "How well?", "settings": { "min": 0, "max": 10 } }),
        json!({ "class_id": "k", "kind": "numeric", "question": "How much?" }),
        json!({ "class_id": "k", "kind": "yes_no", "question": "So?" }),
    ] {
        let path = open(&host, body).await;
        let told = heard(&mut class, "poll.opened", "private-class.k").await;
        let shown = app.person("7").get(&path).await.ok();
        assert_eq!(told["poll"], shown["poll"]);
        assert_eq!(shown["stream"]["seq"], told["seq"]);
        assert_eq!(shown["stream"]["topic"], "class.k");
        let results = host.get(&format!("{path}/results")).await.ok();
        let mut staff = listener(&app, &["private-class.k.staff"]).await;
        let body = match shown["poll"]["kind"].as_str().unwrap() {
            "scale" | "numeric" => json!({ "value": 2 }),
            _ => json!({ "option_ids": ["1"] }),
        };
        assert_eq!(app.person("7").put(&format!("{path}/vote"), body).await.status, 201);
        let mut told = heard(&mut staff, "poll.results", "private-class.k.staff").await;
        for name in ["event_id", "timestamp"] {
            told.as_object_mut().unwrap().remove(name).unwrap();
        }
        assert_ne!(told, results);
        let mut read = host.get(&format!("{path}/results")).await.ok();
        read.as_object_mut().unwrap().remove("stream").unwrap();
        assert_eq!(told, read);
    }
}

#[tokio::test]
async fn each_step_is_taken_once_and_refused_in_another_state() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = make(&host, question(json!({}))).await;
    for wrong in ["close", "reopen", "publish"] {
        step(&host, &path, wrong).await.problem(409, "wrong_state");
    }
    for (name, state, version) in
        [("open", "open", 2), ("close", "closed", 3), ("publish", "closed", 4), ("archive", "archived", 5)]
    {
        for _ in 0..2 {
            let done = step(&host, &path, name).await.ok();
            assert_eq!((&done["state"], &done["version"]), (&json!(state), &json!(version)), "{name}");
        }
    }
    for wrong in ["open", "close", "reopen"] {
        step(&host, &path, wrong).await.problem(409, "wrong_state");
    }
    patch(&host, &path, json!({ "question": "Why?" })).await.problem(409, "wrong_state");
}

#[tokio::test]
async fn a_poll_that_is_reopened_begins_a_new_round_and_keeps_the_old_tallies() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({ "change_vote": false }))).await;
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
    step(&host, &path, "close").await.ok();
    step(&host, &path, "publish").await.ok();
    let again = step(&host, &path, "reopen").await.ok();
    assert_eq!((&again["round"], &again["state"], again.get("published_at")), (&json!(2), &json!("open"), None));
    assert_eq!(voter.get(&path).await.ok().get("ballot"), None);
    assert_eq!(vote(&voter, &path, "2").await.status, 201, "one vote a round");
    let round = async |round| counts(&host.get(&format!("{path}/results?round={round}")).await.ok());
    assert_eq!((round(1).await, round(2).await), (vec![1, 0], vec![0, 1]));
    host.get(&format!("{path}/results?round=3")).await.problem(404, "not_found");
    voter.get(&format!("{path}/results?round=1")).await.problem(403, "results_hidden");
}

#[tokio::test]
async fn a_timer_closes_the_poll_and_tells_how_much_time_is_left() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "time_limit_s": 5 }))).await;
    let shown = app.person("7").get(&path).await.ok();
    let left = shown["remaining_ms"].as_i64().unwrap();
    assert!((1..=5_000).contains(&left) && shown["server_now"].is_string(), "{shown}");
    let mut class = listener(&app, &[CLASS]).await;
    let closed = heard(&mut class, "poll:closed", CLASS).await;
    assert_eq!(closed["poll"]["closedAt"], closed["poll"]["closesAt"]);
    assert!(closed.get("actor").is_none(), "nobody did it: {closed}");
    let shown = host.get(&path).await.ok();
    assert_eq!((&shown["poll"]["state"], shown.get("remaining_ms")), (&json!("closed"), None));
}

#[tokio::test]
async fn a_timer_that_runs_out_while_the_server_is_away_is_found_in_the_database() {
    let (app, _roster) = room().await;
    let path = open(&app.person("9"), question(json!({ "time_limit_s": 3_600 }))).await;
    let id = campanile::ids::ExternalId::parse(path.rsplit('/').next().unwrap()).unwrap();
    // Nothing in memory is needed for it: another process finds it, by its own clock.
    let store = app.store().await;
    let due = store.polls_due(now() + chrono::TimeDelta::seconds(3_602)).await.unwrap();
    assert_eq!(due, [(crate::support::app::MAIN.app().id, id)]);
    assert!(store.polls_due(now() + chrono::TimeDelta::seconds(3_590)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_place_has_twenty_open_polls_and_no_more() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let mut first = String::new();
    for _ in 0..20 {
        first = open(&host, question(json!({}))).await;
    }
    let path = make(&host, question(json!({}))).await;
    step(&host, &path, "open").await.problem(409, "too_many_open_polls");
    let elsewhere = json!({ "course_id": "1", "kind": "open", "question": "Well?" });
    open(&host, elsewhere).await;
    step(&host, &first, "close").await.ok();
    step(&host, &path, "open").await.ok();
    step(&host, &first, "reopen").await.problem(409, "too_many_open_polls");
}

#[tokio::test]
async fn strangers_find_no_poll_and_are_told_why_they_make_none() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "results_visibility": "live" }))).await;
    let nowhere = "/api/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for stranger in [app.person("6"), app.person("404")] {
        for path in [path.as_str(), nowhere] {
            stranger.get(path).await.problem(404, "not_found");
            stranger.get(&format!("{path}/results")).await.problem(404, "not_found");
            stranger.get(&format!("{path}/ballots")).await.problem(404, "not_found");
            stranger.get(&format!("{path}/export")).await.problem(404, "not_found");
            vote(&stranger, path, "1").await.problem(404, "not_found");
            stranger.delete(&format!("{path}/vote")).await.problem(404, "not_found");
            stranger.post(&format!("{path}/options"), json!({ "label": "Both" })).await.problem(404, "not_found");
            patch(&stranger, path, json!({})).await.problem(404, "not_found");
            for name in ["open", "close", "reopen", "publish", "archive", "duplicate"] {
                step(&stranger, path, name).await.problem(404, "not_found");
            }
        }
        for place in [json!({ "class_id": "k" }), json!({ "class_id": "nowhere" }), json!({ "course_id": "1" })] {
            let mut body = question(json!({}));
            body.as_object_mut().unwrap().remove("class_id");
            body.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
            let problem = stranger.post("/api/polls", body).await.problem(403, "not_enrolled");
            assert!(problem["detail"].as_str().unwrap().contains("enrollment"), "{problem}");
        }
        for query in ["class_id=k", "class_id=nowhere", "course_id=1"] {
            stranger.get(&format!("/api/polls?{query}")).await.problem(403, "not_enrolled");
        }
    }
    let nobody = finish(&app, app.plain(Method::GET, &path)).await;
    nobody.problem(401, "no_identity");
}

#[tokio::test]
async fn those_who_take_part_do_not_lead() {
    let (app, _roster) = room().await;
    let (host, student) = (app.person("9"), app.person("7"));
    student.post("/api/polls", question(json!({}))).await.problem(403, "wrong_role");
    let draft = make(&host, question(json!({}))).await;
    student.get(&draft).await.problem(404, "not_found");
    vote(&student, &draft, "1").await.problem(404, "not_found");
    let path = open(&host, question(json!({}))).await;
    for name in ["open", "close", "reopen", "publish", "archive", "duplicate"] {
        step(&student, &path, name).await.problem(403, "wrong_role");
    }
    patch(&student, &path, json!({})).await.problem(403, "wrong_role");
    for name in ["ballots", "export"] {
        student.get(&format!("{path}/{name}")).await.problem(403, "wrong_role");
    }
    vote(&host, &path, "1").await.problem(403, "wrong_role");
}

#[tokio::test]
async fn programs_lead_with_one_scope_look_with_another_and_vote_for_people_only() {
    let (app, _roster) = room().await;
    let (lead, look) = (app.program(&[Scope::LiveManage]).await, app.program(&[Scope::ResultsRead]).await);
    let path = open(&lead, question(json!({}))).await;
    look.post("/api/polls", question(json!({}))).await.problem(403, "missing_scope");
    step(&look, &path, "close").await.problem(403, "missing_scope");
    vote(&lead, &path, "1").await.problem(403, "missing_scope");
    let act = app.program(&[Scope::UsersAct]).await;
    vote(&act, &path, "1").await.problem(403, "no_person");
    let body = json!({ "option_ids": ["1"] });
    let request = act.request(Method::PUT, &format!("{path}/vote")).header("X-On-Behalf-Of", "7").json(&body);
    assert_eq!(finish(&app, request).await.status, 201);
    for program in [&lead, &look] {
        assert_eq!(program.get(&path).await.ok()["results"]["total"], 1);
        assert_eq!(program.get(&format!("{path}/ballots")).await.ok()["data"][0]["user"]["id"], "7");
    }
    let mut body = question(json!({}));
    body["class_id"] = json!("nowhere");
    let problem = lead.post("/api/polls", body).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/class_id");
}

#[tokio::test]
async fn the_audit_knows_every_step_and_no_vote() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({}))).await;
    vote(&app.person("7"), &path, "1").await;
    let options = json!([{ "id": "1", "label": "Tab" }, { "id": "2", "label": "Spaces" }]);
    patch(&host, &path, json!({ "options": options })).await.ok();
    step(&host, &path, "close").await.ok();
    let filter = campanile::domain::audit::AuditFilter { target_type: Some("poll".to_owned()), ..Default::default() };
    let all = app.store().await.audit_list(&crate::support::app::MAIN.app().id, &filter, None, 100).await.unwrap();
    let actions: Vec<_> = all.iter().rev().map(|(_, entry)| entry.action.as_str()).collect();
    assert_eq!(actions, ["poll.created", "poll.opened", "poll.updated", "poll.relabelled", "poll.closed"]);
    assert!(all.iter().all(|(_, entry)| entry.actor == "user:9" && path.ends_with(&entry.target_id)));
    let (_, relabelled) = &all[1];
    assert_eq!((relabelled.before.as_deref(), relabelled.after.as_deref()), (Some("Tabs"), Some("Tab")));
}

#[tokio::test]
async fn a_poll_goes_with_its_class() {
    let (app, roster) = room().await;
    let path = open(&app.person("9"), question(json!({}))).await;
    roster.delete(campanile::domain::roster::Kind::Class, "k").await;
    let program = app.program(&[Scope::ResultsRead]).await;
    eventually("the poll is gone", async || program.get(&path).await.status == 404).await;
}
