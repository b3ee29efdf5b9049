//! Servers that share a database: what one writes down of its people another leaves alone, until the first is lost.

use campanile::{
    domain::presence::Stay,
    store::{self, Store},
};
use chrono::{SubsecRound, TimeDelta};
use tempfile::TempDir;

use super::*;

type Stays = Vec<(chrono::DateTime<chrono::Utc>, Option<chrono::DateTime<chrono::Utc>>, Option<String>)>;

fn main_app() -> AppId {
    AppId::parse(MAIN.id).unwrap()
}

async fn stays(store: &Store, who: &str) -> Stays {
    store.presence_stays(&main_app(), (&user(who), None), 10).await.unwrap()
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("shared.db").display())
}

/// A server on a database that others use too.
async fn server(folder: &TempDir) -> TestApp {
    TestApp::with(|config| {
        config.store.url = url(folder).parse().unwrap();
        // These tests ask again and again.
        crate::support::app::settings(config).requests_per_minute_per_user = 0;
    })
    .await
}

#[tokio::test]
async fn a_server_that_starts_leaves_the_stays_of_one_that_is_there_alone() {
    let folder = TempDir::new().unwrap();
    let first = server(&folder).await;
    let mut tab = first.connect().await;
    tab.sign_in("7").await;
    let store = Store::open(&store::Config { url: url(&folder), ..store::Config::default() }).await.unwrap();
    eventually("the stay has begun", async || stays(&store, "7").await.len() == 1).await;
    let second = server(&folder).await;
    second.person("8").post(ONLINE, json!({})).await.ok();
    eventually("the other server keeps stays", async || stays(&store, "8").await.len() == 1).await;
    assert!(matches!(&stays(&store, "7").await[..], [(_, None, None)]), "it goes on");
}

#[tokio::test]
async fn those_who_were_here_by_a_server_that_is_lost_are_told_gone_once_and_their_stays_end_when_it_was_there_last() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    app.person("9").post(ONLINE, json!({})).await.ok();
    told(&mut watcher, "user:online", "9").await;
    patch(&app.person("5"), json!({ "invisible": true })).await.ok();
    let (lost, here) = (app.store_of("lost").await, app.store_of("here").await);
    let begun = (now() - TimeDelta::minutes(9)).trunc_subsecs(3);
    let stay = |who: &str| Stay { user: user(who), scope: None, joined_at: begun, left: None };
    let seen = (now() - TimeDelta::minutes(1)).trunc_subsecs(3);
    for server in [&lost, &here] {
        server.node_beat(now()).await.unwrap();
    }
    lost.presence_keep(&main_app(), &["7", "9", "5"].map(stay), &[]).await.unwrap();
    here.presence_keep(&main_app(), &[stay("6")], &[]).await.unwrap();
    lost.node_beat(seen).await.unwrap();
    let gone = told(&mut watcher, "user:offline", "7").await;
    assert_eq!(gone["status"], "offline");
    assert_eq!(stays(&here, "7").await, [(begun, Some(seen), Some("lost".to_owned()))]);
    assert_eq!(stays(&here, "6").await, [(begun, None, None)], "that server is there");
    watcher.expect_silence().await;
    let again = here.node_sweep(now() - TimeDelta::seconds(30)).await.unwrap();
    assert_eq!(again, [], "somebody was faster");

    lost.node_beat(now()).await.unwrap();
    assert_eq!(stays(&here, "7").await, [(begun, None, None)], "it was not lost after all");
}

#[tokio::test]
async fn whoever_went_offline_by_hand_is_not_among_those_who_were_here_by_a_lost_server_though_their_tab_lives() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let mut tabs = Vec::new();
    for who in ["7", "8"] {
        let mut tab = app.connect().await;
        tab.sign_in(who).await;
        tabs.push(tab);
    }
    let here = app.store_of("here").await;
    let is_open = async |who: &str| matches!(&stays(&here, who).await[..], [(_, None, None)]);
    eventually("both are here", async || is_open("7").await && is_open("8").await).await;
    app.person("7").post(OFFLINE, json!({ "invisible": true })).await;
    let has_left = async || matches!(&stays(&here, "7").await[..], [(_, Some(_), Some(why))] if why == "left");
    eventually("the stay has ended", has_left).await;
    let later = now() + TimeDelta::minutes(1);
    let lose = async || matches!(&here.node_sweep(later).await.unwrap()[..], [left] if left.users == [user("8")]);
    eventually("their server is lost", lose).await;
    drop(tabs);
}

#[tokio::test]
async fn who_hides_that_they_type_is_heeded_by_all_servers() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (server(&folder).await, server(&folder).await);
    course_of_four(&first).await;
    eventually("the other server knows the course", async || {
        second.person("8").get("/api/typing?channel=private-course-1").await.status == 200
    })
    .await;
    let is_shown = async || {
        let ada = second.person("7");
        let typing = |typing: bool| json!({ "channel": COURSE, "typing": typing });
        ada.post("/api/typing", typing(false)).await;
        let is_taken = ada.post("/api/typing", typing(true)).await.status == 204;
        // Whoever asks too often is told nothing for a moment.
        let listed = second.person("8").get("/api/typing?channel=private-course-1").await;
        (is_taken && listed.status == 200).then(|| listed.json()["count"] == 1)
    };
    eventually("typing is seen", async || is_shown().await == Some(true)).await;
    patch(&first.person("7"), json!({ "share_typing": false })).await.ok();
    eventually("typing is hidden", async || is_shown().await == Some(false)).await;
    patch(&first.person("7"), json!({ "share_typing": true })).await.ok();
    eventually("typing is seen again", async || is_shown().await == Some(true)).await;
}
