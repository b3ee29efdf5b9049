//! Questions about channels and connections.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    answer::{finish, get},
    app::{MAIN, TestApp},
    client::member,
    eventually,
};

#[tokio::test]
async fn occupied_channels_are_listed_by_prefix_and_nothing_is_an_empty_object() {
    let app = TestApp::start().await;
    assert_eq!(get(&app, "/channels", &[]).await.ok(), json!({ "channels": {} }));
    let (mut first, mut second) = (app.connect().await, app.connect().await);
    first.subscribe("public").await;
    first.subscribe_private("private-x").await;
    first.join("presence-a", "1").await;
    second.join("presence-a", "1").await;
    first.join("presence-b", "1").await;
    second.join("presence-b", "2").await;
    let all = json!({ "public": {}, "presence-a": {}, "presence-b": {}, "private-x": {} });
    assert_eq!(get(&app, "/channels", &[]).await.ok(), json!({ "channels": all }));
    let prefixes: [(&str, &[&str]); 6] = [
        ("p", &["public", "presence-a", "presence-b", "private-x"]),
        ("presence-", &["presence-a", "presence-b"]),
        ("presence-b", &["presence-b"]),
        ("Presence-", &[]),
        ("", &["public", "presence-a", "presence-b", "private-x"]),
        ("é&=?", &[]),
    ];
    for (prefix, names) in prefixes {
        let answer = get(&app, "/channels", &[("filter_by_prefix", prefix)]).await.ok();
        let expected: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        assert_eq!(answer, json!({ "channels": expected }), "{prefix:?}");
    }
    let info = [("filter_by_prefix", "presence-"), ("info", "user_count,subscription_count")];
    let expected = json!({
        "presence-a": { "user_count": 1, "subscription_count": 2 },
        "presence-b": { "user_count": 2, "subscription_count": 2 },
    });
    assert_eq!(get(&app, "/channels", &info).await.ok(), json!({ "channels": expected }));
    let info = [("filter_by_prefix", "pu"), ("info", "subscription_count,cache")];
    let expected = json!({ "channels": { "public": { "subscription_count": 1, "cache": null } } });
    assert_eq!(get(&app, "/channels", &info).await.ok(), expected);
}

#[tokio::test]
async fn channel_leaves_the_list_when_its_last_subscriber_leaves() {
    let app = TestApp::start().await;
    let (mut first, second) = (app.connect().await, app.connect().await);
    first.subscribe("room").await;
    first.unsubscribe("room").await;
    first.expect_silence().await;
    assert_eq!(get(&app, "/channels", &[]).await.ok(), json!({ "channels": {} }));
    first.subscribe("room").await;
    first.close().await;
    second.close().await;
    eventually("nobody is left", async || get(&app, "/channels", &[]).await.ok() == json!({ "channels": {} })).await;
}

#[tokio::test]
async fn channel_tells_whether_it_is_occupied_and_what_was_asked_for() {
    let app = TestApp::start().await;
    assert_eq!(get(&app, "/channels/room", &[]).await.ok(), json!({ "occupied": false }));
    let both = [("info", "user_count,subscription_count")];
    let nobody = json!({ "occupied": false, "user_count": 0, "subscription_count": 0 });
    assert_eq!(get(&app, "/channels/presence-room", &both).await.ok(), nobody);
    let (mut first, mut second, mut third) = (app.connect().await, app.connect().await, app.connect().await);
    first.subscribe("room").await;
    first.join("presence-room", "1").await;
    second.join("presence-room", "1").await;
    third.join("presence-room", "2").await;
    let somebody = json!({ "occupied": true, "user_count": 2, "subscription_count": 3 });
    assert_eq!(get(&app, "/channels/presence-room", &both).await.ok(), somebody);
    assert_eq!(get(&app, "/channels/presence-room", &[]).await.ok(), json!({ "occupied": true }));
    let answer = get(&app, "/channels/room", &[("info", "subscription_count")]).await.ok();
    assert_eq!(answer, json!({ "occupied": true, "subscription_count": 1 }));
}

#[tokio::test]
async fn cache_channel_tells_the_event_it_keeps_and_how_long() {
    let app = TestApp::start().await;
    let ask = async || get(&app, "/channels/cache-room", &[("info", "cache")]).await.ok();
    assert_eq!(ask().await, json!({ "occupied": false, "cache": null }));
    app.publish("cache-room", "bell", r#"{"a":"\/"}"#).await;
    let first = ask().await;
    assert_eq!(first["cache"]["data"], r#"{"a":"\/"}"#);
    let ttl = first["cache"]["ttl"].as_u64().unwrap();
    assert!((1_700..=1_800).contains(&ttl), "{ttl}");
    eventually("the time left shrinks", async || ask().await["cache"]["ttl"].as_u64().unwrap() < ttl).await;
    app.publish("cache-room", "other", "2").await;
    assert_eq!(ask().await["cache"]["data"], "2");
    let plain = get(&app, "/channels/room", &[("info", "cache")]).await.ok();
    assert_eq!(plain, json!({ "occupied": false, "cache": null }));
}

#[tokio::test]
async fn kept_event_is_forgotten_when_its_time_has_come() {
    let app = TestApp::with_settings(|settings| settings.cache_ttl = 1).await;
    app.publish("cache-room", "bell", "1").await;
    let gone = json!({ "occupied": false, "cache": null });
    eventually("the event expires", async || {
        get(&app, "/channels/cache-room", &[("info", "cache")]).await.ok() == gone
    })
    .await;
}

#[tokio::test]
async fn users_of_a_presence_channel_are_told_once_each_with_text_ids() {
    let app = TestApp::start().await;
    assert_eq!(get(&app, "/channels/presence-room/users", &[]).await.ok(), json!({ "users": [] }));
    let mut clients = Vec::new();
    for data in [member("7"), member("7"), r#"{"user_id":42}"#.to_owned(), r#"{"user_id":"0"}"#.to_owned(), member("é")]
    {
        let mut client = app.connect().await;
        client.join_as("presence-room", &data).await;
        clients.push(client);
    }
    let answer = get(&app, "/channels/presence-room/users", &[]).await.ok();
    let mut ids: Vec<_> = answer["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["0", "42", "7", "é"]);
}

#[tokio::test]
async fn stats_speak_the_words_of_the_older_api() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.join("presence-room", "1").await;
    client.subscribe("room").await;
    let presence = get(&app, "/channels/presence-room/stats", &[]).await.ok();
    assert_eq!(presence, json!({ "occupied": true, "user_count": 1, "connection_count": 1 }));
    let public = get(&app, "/channels/room/stats", &[]).await.ok();
    assert_eq!(public, json!({ "occupied": true, "connection_count": 1 }));
    let empty = get(&app, "/channels/empty/stats", &[]).await.ok();
    assert_eq!(empty, json!({ "occupied": false, "connection_count": 0 }));
}

#[tokio::test]
async fn connections_counts_every_open_socket_of_the_app() {
    let app = TestApp::with_two_apps().await;
    let ask = async || get(&app, "/connections", &[]).await.ok();
    assert_eq!(ask().await, json!({ "connections": 0 }));
    let (first, mut second) = (app.connect().await, app.connect().await);
    second.subscribe("room").await;
    let _other = app.connect_to(crate::support::app::OTHER).await;
    assert_eq!(ask().await, json!({ "connections": 2 }));
    first.close().await;
    eventually("one is left", async || ask().await == json!({ "connections": 1 })).await;
}

#[tokio::test]
async fn health_needs_no_signature() {
    let app = TestApp::start().await;
    assert_eq!(finish(&app, app.plain(Method::GET, "/up")).await.ok(), json!({ "health": "OK" }));
    let signed = app.signed(MAIN, (Method::GET, "/up"), &[], "");
    assert_eq!(finish(&app, signed).await.ok(), json!({ "health": "OK" }));
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_with_what_would() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    let users = [("info", "user_count")];
    assert!(get(&app, "/channels", &users).await.refused(400).contains("presence-"));
    get(&app, "/channels", &[("info", "user_count"), ("filter_by_prefix", "pres")]).await.refused(400);
    get(&app, "/channels/room", &users).await.refused(400);
    get(&app, "/channels/room", &[("info", "subscription_count,nonsense")]).await.refused(400);
    get(&app, "/channels", &[("info", "nonsense")]).await.refused(400);
    assert!(get(&app, "/channels/room/users", &[]).await.refused(400).contains("presence"));
    for bad in ["a%20b", "%C3%A9", "%FF", "a:b", "%23", &"x".repeat(201)] {
        for end in ["", "/stats"] {
            get(&app, &format!("/channels/{bad}{end}"), &[]).await.refused(400);
        }
    }
    get(&app, &format!("/channels/{}", "x".repeat(200)), &[]).await.ok();
}
