//! Anonymous polls: one vote a person all the same, and nothing that tells whose it is.

use campanile::{
    domain::{app::Secret, audit::AuditFilter, poll::Answer as Said},
    ids::ExternalId,
    store::Page,
};
use serde_json::json;

use super::*;
use crate::support::{app::MAIN, rest::now};

async fn ballots(app: &TestApp, path: &str) -> Vec<campanile::domain::poll::Ballot> {
    let (store, id) = (app.store().await, ExternalId::parse(path.rsplit('/').next().unwrap()).unwrap());
    let poll = store.poll_find(&MAIN.app().id, &id).await.unwrap().unwrap();
    store.poll_ballots(&MAIN.app().id, (&poll, poll.round), &Page { after: None, limit: 100 }).await.unwrap()
}

#[tokio::test]
async fn an_anonymous_vote_counts_once_and_nothing_tells_whose_it_is() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let mut staff = listener(&app, &[STAFF]).await;
    let mut own = listener(&app, &["private-user-7"]).await;
    let settings = json!({ "anonymity": "anonymous", "change_vote": false, "k_min": 1 });
    let path = open(&host, question(settings)).await;
    let cast = vote(&voter, &path, "2").await;
    assert_eq!((cast.status, cast.json().get("cast_at")), (201, None));
    vote(&voter, &path, "1").await.problem(409, "already_voted");
    assert_eq!(voter.get(&path).await.ok()["ballot"]["option_ids"], json!(["2"]), "as long as it is open");

    let told = heard(&mut own, "poll:voted", "private-user-7").await;
    assert_eq!((&told["voted"], told.get("ballot")), (&json!(true), None));
    let mut events = Vec::new();
    while events.last() != Some(&json!("poll:turnout")) {
        let frame = staff.frame().await;
        assert!(!frame.to_string().contains("Name of 7"), "{frame}");
        events.push(frame["event"].clone());
    }
    assert!(!events.contains(&json!("poll:ballot")), "{events:?}");
    host.get(&format!("{path}/ballots")).await.problem(403, "poll_is_anonymous");
    let kept = ballots(&app, &path).await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].user.is_none() && kept[0].cast_at.is_none(), "{kept:?}");
    let audit = app.store().await.audit_list(&MAIN.app().id, &AuditFilter::default(), None, 1_000).await.unwrap();
    assert!(audit.iter().all(|(_, entry)| entry.actor != "user:7"), "{audit:?}");
}

#[tokio::test]
async fn once_closed_an_anonymous_vote_is_linked_to_nobody_by_key_id_or_order() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let settings = json!({ "anonymity": "anonymous", "k_min": 1 });
    let path = open(&host, question(settings)).await;
    for (user, option) in [("7", "1"), ("8", "2")] {
        assert_eq!(vote(&app.person(user), &path, option).await.status, 201);
    }
    assert_eq!(vote(&app.person("8"), &path, "2").await.ok()["revision"], 2);
    let before = ballots(&app, &path).await;
    step(&host, &path, "close").await.ok();
    let after = ballots(&app, &path).await;
    assert!(after.iter().all(|ballot| before.iter().all(|other| other.id != ballot.id)), "new ids");
    assert!(after.iter().all(|ballot| ballot.revision == 1 && ballot.user.is_none()), "{after:?}");
    let mut said: Vec<_> = after.iter().map(|ballot| ballot.answer.clone()).collect();
    said.sort_by_key(|answer| format!("{answer:?}"));
    let option = |number| Said::Options(vec![campanile::domain::poll::OptionId::new(number).unwrap()]);
    assert_eq!(said, [option(1), option(2)], "and every vote is there");
    let shown = app.person("7").get(&path).await.ok();
    assert_eq!((shown.get("ballot"), counts(&shown["results"])), (None, vec![1, 1]));
    step(&host, &path, "reopen").await.ok();
    assert_eq!(vote(&app.person("7"), &path, "2").await.status, 201, "new keys for a new round");
}

#[tokio::test]
async fn a_poll_whose_ballots_are_sealed_takes_no_more_votes_and_is_closed_all_the_same() {
    let (app, _roster) = room().await;
    let (host, lot) = (app.person("9"), Secret::new(&"5".repeat(64)));
    let (sealed, named) = (
        open(&host, question(json!({ "anonymity": "anonymous", "k_min": 1 }))).await,
        open(&host, question(json!({}))).await,
    );
    let seal = async |path: &str, is_over: bool| {
        let id = ExternalId::parse(path.rsplit('/').next().unwrap()).unwrap();
        app.store().await.poll_seal((&MAIN.app().id, &id), (&lot, now()), |_| is_over).await.unwrap();
    };
    for path in [&sealed, &named] {
        assert_eq!(vote(&app.person("7"), path, "1").await.status, 201);
    }
    let before = ballots(&app, &sealed).await;
    seal(&sealed, false).await;
    seal(&named, true).await;
    assert_eq!(ballots(&app, &sealed).await, before, "not over");
    assert_eq!(vote(&app.person("8"), &named, "2").await.status, 201, "not anonymous");
    seal(&sealed, true).await;
    let dealt = ballots(&app, &sealed).await;
    assert!(dealt.len() == 1 && dealt[0].id != before[0].id && dealt[0].answer == before[0].answer, "{dealt:?}");
    for (user, option) in [("8", "2"), ("7", "2")] {
        vote(&app.person(user), &sealed, option).await.problem(410, "poll_closed");
    }
    step(&host, &sealed, "close").await.ok();
    assert_eq!(ballots(&app, &sealed).await, dealt, "once is enough");
    assert_eq!(counts(&app.person("8").get(&sealed).await.ok()["results"]), [1, 0]);
    step(&host, &sealed, "reopen").await.ok();
    assert_eq!(vote(&app.person("8"), &sealed, "2").await.status, 201);
}

#[tokio::test]
async fn the_key_of_a_suggestion_keeps_nothing_that_tells_whose_it_is() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({ "anonymity": "anonymous", "allow_suggestions": true }))).await;
    let suggest = async |label: &str| {
        let request = voter.request(Method::POST, &format!("{path}/options")).header("Idempotency-Key", "k");
        finish(&app, request.json(&json!({ "label": label }))).await
    };
    assert_eq!(suggest("Both").await.status, 201);
    suggest("Both").await.problem(409, "option_exists");
    let another = suggest("None").await;
    assert_eq!((another.status, another.header("idempotent-replayed")), (201, None), "nobody knows the first one");
}

#[tokio::test]
async fn results_of_few_anonymous_votes_are_withheld_from_everybody_and_told_from_the_kth_on() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let mut class = listener(&app, &[CLASS]).await;
    let mut staff = listener(&app, &[STAFF]).await;
    let settings = json!({ "anonymity": "anonymous", "k_min": 2, "results_visibility": "live" });
    let path = open(&host, question(settings)).await;
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201);
    let told = results_of(&mut class, CLASS, 1).await;
    assert_eq!((&told["withheld"], &told["tallies"]), (&json!(true), &json!([])));
    let told = results_of(&mut staff, STAFF, 1).await;
    assert_eq!((&told["withheld"], &told["tallies"]), (&json!(true), &json!([])));
    for voice in [&host, &app.person("8")] {
        let shown = voice.get(&format!("{path}/results")).await.ok();
        assert_eq!((&shown["withheld"], &shown["total"]), (&json!(true), &json!(1)));
    }
    assert_eq!(vote(&app.person("8"), &path, "2").await.status, 201);
    assert_eq!(counts(&results_of(&mut class, CLASS, 2).await), [1, 1]);
    let export = host.get(&format!("{path}/export")).await.ok();
    assert_eq!(export["anonymous_ballots"], json!([]), "two exports would tell who came between");
    step(&host, &path, "close").await.ok();
    let export = host.get(&format!("{path}/export")).await.ok();
    assert_eq!((export["anonymous_ballots"].as_array().unwrap().len(), &export["ballots"]), (2, &json!([])));
}

#[tokio::test]
async fn a_poll_that_is_anonymous_to_peers_withholds_from_them_and_lets_staff_look_it_up() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let mut staff = listener(&app, &[STAFF]).await;
    let settings = json!({ "anonymity": "anonymous_to_peers", "results_visibility": "live" });
    let path = open(&host, question(settings)).await;
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
    assert_eq!(voter.get(&path).await.ok()["results"]["withheld"], true, "five is usual");
    assert_eq!(counts(&host.get(&path).await.ok()["results"]), [1, 0]);
    assert_eq!(host.get(&format!("{path}/ballots")).await.ok()["data"][0]["user"]["id"], "7");
    assert_eq!(counts(&results_of(&mut staff, STAFF, 1).await), [1, 0]);
    heard(&mut staff, "poll:turnout", STAFF).await;
    staff.expect_silence().await;
}

#[tokio::test]
async fn who_suggests_something_in_an_anonymous_poll_is_not_named() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let settings = json!({ "anonymity": "anonymous", "allow_suggestions": true });
    let path = open(&host, question(settings)).await;
    let mut class = listener(&app, &[CLASS]).await;
    let options = format!("{path}/options");
    for label in ["Both", "None", "Two"] {
        assert_eq!(voter.post(&options, json!({ "label": label })).await.status, 201);
    }
    voter.post(&options, json!({ "label": "Four" })).await.problem(409, "suggested_enough");
    let told = heard(&mut class, "poll:updated", CLASS).await;
    assert!(told.get("actor").is_none() && told["poll"]["options"][2]["label"] == "Both", "{told}");
    let shown = host.get(&path).await.ok();
    assert!(shown["poll"]["options"][2].get("suggested_by").is_none(), "{shown}");
}
