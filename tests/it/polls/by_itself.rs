//! What happens to polls without anybody's doing: drafts that open at their time, closes that were given up half-way.

use campanile::{
    domain::{
        app::Secret,
        audit::AuditFilter,
        poll::{Poll, State},
    },
    ids::ExternalId,
    store::{self, PollChange, Store, VoterKeys},
};
use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::support::{app::MAIN, eventually, rest::now};

/// A database that outlives its servers.
struct Kept {
    folder: TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("kept.db").display())
    }

    async fn server(&self) -> TestApp {
        TestApp::with(|config| config.store.url = self.url().parse().unwrap()).await
    }

    async fn store(&self) -> Store {
        Store::open(&store::Config { url: self.url(), ..store::Config::default() }).await.unwrap()
    }
}

fn id_of(path: &str) -> ExternalId {
    ExternalId::parse(path.rsplit('/').next().unwrap()).unwrap()
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What the audit knows of polls, the oldest first: who, what and why.
async fn audit(store: &Store) -> Vec<String> {
    let filter = AuditFilter { target_type: Some("poll".to_owned()), ..AuditFilter::default() };
    let all = store.audit_list(&MAIN.app().id, &filter, None, 1_000).await.unwrap();
    let line = |entry: &campanile::domain::audit::AuditEntry| format!("{} {}", entry.actor, entry.action);
    all.iter().rev().map(|(_, entry)| line(entry)).collect()
}

/// Seals the ballots of an open poll, as a close does that comes to nothing more.
async fn give_up(store: &Store, path: &str, at: DateTime<Utc>) {
    let lot = Secret::new(&"5".repeat(64));
    let is_over = |poll: &Poll| poll.state == State::Open;
    store.poll_seal((&MAIN.app().id, &id_of(path)), (&lot, at), is_over).await.unwrap();
}

#[tokio::test]
async fn a_close_that_a_crash_cut_off_behind_the_seal_is_finished_once_by_the_next_start() {
    let kept = Kept::new();
    let app = kept.server().await;
    fill(&app).await;
    let path = open(&app.person("9"), question(json!({ "anonymity": "anonymous", "k_min": 1 }))).await;
    assert_eq!(vote(&app.person("7"), &path, "2").await.status, 201);
    app.stop().await;
    let (store, sealed) = (kept.store().await, now() - TimeDelta::minutes(1));
    give_up(&store, &path, sealed).await;

    let app = kept.server().await;
    let voter = app.person("8");
    eventually("the poll is closed", async || voter.get(&path).await.ok()["poll"]["state"] == "closed").await;
    let shown = voter.get(&path).await.ok();
    assert_eq!((&shown["poll"]["closed_at"], counts(&shown["results"])), (&json!(text(sealed)), vec![0, 1]));
    step(&app.person("9"), &path, "close").await.ok();
    assert_eq!(audit(&store).await, ["user:9 poll.created", "user:9 poll.opened", "timer poll.closed"]);
    let told = store.stream_position(&MAIN.app().id, "class.k").await.unwrap();
    assert_eq!(told.unwrap().seq, 2, "opened and closed, each once");
}

#[tokio::test]
async fn a_close_that_was_given_up_behind_the_seal_is_finished_by_the_running_server_and_told_once() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, question(json!({ "anonymity": "anonymous", "k_min": 1 }))).await;
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201);
    let mut class = listener(&app, &[CLASS]).await;
    give_up(&app.store().await, &path, now() - TimeDelta::minutes(1)).await;
    let closed = heard(&mut class, "poll:closed", CLASS).await;
    assert!(closed.get("actor").is_none(), "nobody is there any more who did it: {closed}");
    assert_eq!(counts(&results_of(&mut class, CLASS, 1).await), [1, 0]);
    step(&host, &path, "close").await.ok();
    class.expect_silence().await;
    step(&host, &path, "reopen").await.ok();
    assert_eq!(vote(&app.person("8"), &path, "2").await.status, 201);
}

#[tokio::test]
async fn a_draft_opens_by_itself_at_its_time_and_is_told_once() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let mut class = listener(&app, &[CLASS]).await;
    let later = text(now() + TimeDelta::hours(1));
    let mut body = question(json!({ "anonymity": "anonymous", "time_limit_s": 600 }));
    body["opens_at"] = json!(later);
    let path = make(&host, body).await;
    let shown = host.get(&path).await.ok();
    assert_eq!((&shown["poll"]["state"], &shown["poll"]["opens_at"]), (&json!("draft"), &json!(later)));
    app.person("7").get(&path).await.problem(404, "not_found");

    let begin = now() + TimeDelta::seconds(2);
    patch(&host, &path, json!({ "opens_at": text(begin) })).await.ok();
    let opened = heard(&mut class, "poll:opened", CLASS).await;
    assert!(opened.get("actor").is_none(), "nobody did it: {opened}");
    let shown = host.get(&path).await.ok()["poll"].clone();
    assert_eq!((&shown["state"], shown.get("opens_at"), &shown["version"]), (&json!("open"), None, &json!(3)));
    let opened_at: DateTime<Utc> = shown["opened_at"].as_str().unwrap().parse().unwrap();
    assert!(opened_at >= begin.trunc_subsecs(3), "{shown}");
    assert_eq!(shown["closes_at"], text(opened_at + TimeDelta::minutes(10)), "its time runs from then");
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201);
    assert_eq!(step(&host, &path, "open").await.ok()["version"], 3);
    class.expect_silence().await;
    let done = audit(&app.store().await).await;
    assert_eq!(done, ["user:9 poll.created", "user:9 poll.updated", "timer poll.opened"]);
}

#[tokio::test]
async fn a_draft_whose_time_came_while_the_server_was_away_opens_with_the_next_start() {
    let kept = Kept::new();
    let app = kept.server().await;
    fill(&app).await;
    let mut body = question(json!({}));
    body["opens_at"] = json!(text(now() + TimeDelta::hours(1)));
    let path = make(&app.person("9"), body).await;
    app.stop().await;
    let store = kept.store().await;
    let long_ago = |before: &Poll, _open_here| {
        let poll = Poll { opens_at: Some(now().trunc_subsecs(3) - TimeDelta::minutes(1)), ..before.clone() };
        Ok(Some(PollChange { poll, keys: VoterKeys::Kept, facts: Vec::new(), audit: Vec::new() }))
    };
    store.poll_change(&MAIN.app().id, &id_of(&path), "epoch", long_ago).await.unwrap().unwrap().unwrap();
    let app = kept.server().await;
    let voter = app.person("7");
    eventually("the poll is open", async || voter.get(&path).await.status == 200).await;
    assert_eq!(vote(&voter, &path, "1").await.status, 201);
}

#[tokio::test]
async fn when_a_draft_opens_is_set_moved_and_cleared_within_a_year_and_only_of_drafts() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let day = |days: i64| text(now() + TimeDelta::days(days));
    for wrong in [json!(text(now() - TimeDelta::seconds(1))), json!(day(366)), json!("soon")] {
        let mut body = question(json!({}));
        body["opens_at"] = wrong.clone();
        let problem = host.post("/api/polls", body).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/opens_at", "{wrong}");
    }
    let path = make(&host, question(json!({}))).await;
    let set = day(365);
    assert_eq!(patch(&host, &path, json!({ "opens_at": set })).await.ok()["opens_at"], set);
    let same = patch(&host, &path, json!({ "opens_at": set })).await.ok();
    assert_eq!((&same["opens_at"], &same["version"]), (&json!(set), &json!(2)), "nothing has changed");
    let moved = day(1);
    assert_eq!(patch(&host, &path, json!({ "opens_at": moved })).await.ok()["opens_at"], moved);
    let asked = patch(&host, &path, json!({ "question": "Why?" })).await.ok();
    assert_eq!(asked["opens_at"], moved, "what is not named stays");
    let copy = host.send(Method::POST, &format!("{path}/duplicate"), None).await;
    assert_eq!(copy.json().get("opens_at"), None);
    assert_eq!(patch(&host, &path, json!({ "opens_at": null })).await.ok().get("opens_at"), None);
    patch(&host, &path, json!({ "opens_at": moved })).await.ok();
    assert_eq!(step(&host, &path, "open").await.ok().get("opens_at"), None, "somebody was earlier");
    let problem = patch(&host, &path, json!({ "opens_at": moved })).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["pointer"], "/opens_at");
    patch(&host, &path, json!({ "opens_at": null })).await.ok();
}

#[tokio::test]
async fn a_draft_that_cannot_be_opened_at_its_time_stays_one_and_the_audit_says_why() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    for _ in 0..20 {
        open(&host, question(json!({}))).await;
    }
    let mut body = question(json!({}));
    body["opens_at"] = json!(text(now() + TimeDelta::seconds(2)));
    let path = make(&host, body).await;
    let waits = async || host.get(&path).await.ok()["poll"].get("opens_at").is_some();
    eventually("it waits no more", async || !waits().await).await;
    assert_eq!(host.get(&path).await.ok()["poll"]["state"], "draft");
    let filter = AuditFilter { target_type: Some("poll".to_owned()), ..AuditFilter::default() };
    let all = app.store().await.audit_list(&MAIN.app().id, &filter, None, 1).await.unwrap();
    let (_, last) = &all[0];
    assert_eq!((last.actor.as_str(), last.action.as_str()), ("timer", "poll.not_opened"));
    assert!(last.after.as_ref().unwrap().starts_with("20 polls take votes here already"), "{last:?}");
}
