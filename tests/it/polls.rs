//! Live polls (domain.md 2.6, E38, T16): led by staff, voted in once a person, told as they go, refused to strangers.

mod anonymity;
mod by_itself;
mod edits;
mod guests;
mod life;
mod looks;
mod oversight;
mod results;
mod votes;

use campanile::domain::roster::{Class, Object, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::TestApp,
    client::{Client, inner},
    rest::Voice,
    roster::{Roster, id, person},
};

/// What everybody in class `k` hears, and what its staff does.
const CLASS: &str = "private-class-k";
const STAFF: &str = "private-class-k-staff";

/// A server with course `1` and class `k`: students 7 and 8, instructor 9, observer 5 of 7, and 6, who has no part in it.
async fn room() -> (TestApp, Roster) {
    let app = TestApp::start().await;
    let roster = fill(&app).await;
    (app, roster)
}

async fn fill(app: &TestApp) -> Roster {
    let roster = app.roster().await;
    let people = [("7", Role::Student), ("8", Role::Student), ("9", Role::Instructor), ("5", Role::Observer)];
    roster.enroll(&people).await;
    roster.put([Object::User(person("6"))]).await;
    roster
}

/// The class takes guests from now on.
async fn take_guests(roster: &Roster) {
    let class = Class { id: id("k"), course: id("1"), name: "A class".to_owned(), guests: true };
    roster.put([Object::Class(class)]).await;
}

/// A poll of the class with two options.
fn question(settings: Value) -> Value {
    json!({
        "class_id": "k", "kind": "single", "question": "Tabs or spaces?",
        "options": [{ "label": "Tabs" }, { "label": "Spaces", "is_correct": true }], "settings": settings,
    })
}

/// Makes a poll; answers its path.
async fn make(host: &Voice<'_>, body: Value) -> String {
    let made = host.post("/api/polls", body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/api/polls/{}", made.json()["id"].as_str().unwrap());
    assert_eq!((made.header("location"), made.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    path
}

/// Makes a poll and opens it; answers its path.
async fn open(host: &Voice<'_>, body: Value) -> String {
    let path = make(host, body).await;
    step(host, &path, "open").await.ok();
    path
}

/// Takes a step in the life of a poll.
async fn step(host: &Voice<'_>, path: &str, step: &str) -> Answer {
    host.send(Method::POST, &format!("{path}/{step}"), None).await
}

/// Votes for an option.
async fn vote(voter: &Voice<'_>, path: &str, option: &str) -> Answer {
    voter.put(&format!("{path}/vote"), json!({ "option_ids": [option] })).await
}

/// Changes a poll.
async fn patch(host: &Voice<'_>, path: &str, body: Value) -> Answer {
    host.send(Method::PATCH, path, Some(&body)).await
}

/// How often each option was voted for.
fn counts(results: &Value) -> Vec<u64> {
    let tallies = results["tallies"].as_array().unwrap_or_else(|| panic!("{results}"));
    tallies.iter().map(|entry| entry["count"].as_u64().unwrap()).collect()
}

/// A socket that hears the class.
async fn listener(app: &TestApp, channels: &[&str]) -> Client {
    let mut client = app.connect().await;
    for channel in channels {
        client.subscribe_private(channel).await;
    }
    client
}

/// The next event of a kind on a channel, whatever comes before it.
async fn heard(client: &mut Client, event: &str, channel: &str) -> Value {
    loop {
        let frame = client.frame().await;
        if frame["event"] == event && frame["channel"] == channel {
            return inner(&frame);
        }
    }
}

/// The next results on a channel with this many votes.
async fn results_of(client: &mut Client, channel: &str, total: u64) -> Value {
    loop {
        let results = heard(client, "poll:results", channel).await;
        if results["total"] == total {
            return results;
        }
    }
}

/// Sends a request with a header.
async fn with_header(app: &TestApp, voice: &Voice<'_>, (method, path): (Method, &str), header: (&str, &str)) -> Answer {
    finish(app, voice.request(method, path).header(header.0, header.1)).await
}
