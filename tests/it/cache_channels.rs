//! The last event of cache channels, for those who come later.

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Client, member},
    eventually,
};

const CACHED: [&str; 4] = ["cache-x", "private-cache-x", "private-encrypted-cache-x", "presence-cache-x"];

/// Subscribes and returns what follows the answer.
async fn first_event(client: &mut Client, channel: &str) -> Value {
    let data = channel.starts_with("presence-").then(|| member("1"));
    client.ask_signed(channel, data.as_deref()).await;
    client.expect_on("pusher_internal:subscription_succeeded", channel).await;
    client.frame().await
}

#[tokio::test]
async fn empty_cache_channel_tells_of_a_miss_after_the_answer() {
    let app = TestApp::start().await;
    for channel in CACHED {
        let mut client = app.connect().await;
        let expected = json!({ "event": "pusher:cache_miss", "channel": channel });
        assert_eq!(first_event(&mut client, channel).await, expected);
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn event_published_to_nobody_waits_for_the_first_subscriber_and_the_newest_wins() {
    let app = TestApp::start().await;
    for channel in CACHED {
        app.publish(channel, "first", "1").await;
        app.publish(channel, "second", "{\"a\": 2}").await;
        let expected = json!({ "event": "second", "channel": channel, "data": "{\"a\": 2}" });
        for _ in 0..2 {
            let mut client = app.connect().await;
            assert_eq!(first_event(&mut client, channel).await, expected);
            client.expect_silence().await;
            client.close().await;
        }
    }
}

#[tokio::test]
async fn event_is_kept_when_the_last_subscriber_has_gone() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    assert_eq!(first_event(&mut client, "cache-x").await["event"], "pusher:cache_miss");
    app.publish("cache-x", "bell", "1").await;
    client.expect_on("bell", "cache-x").await;
    client.unsubscribe("cache-x").await;
    client.expect_silence().await;
    assert_eq!(first_event(&mut client, "cache-x").await["event"], "bell");
}

#[tokio::test]
async fn subscribing_again_brings_the_event_again() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    for _ in 0..2 {
        assert_eq!(first_event(&mut client, "cache-x").await["event"], "pusher:cache_miss");
    }
    app.publish("cache-x", "bell", "1").await;
    client.expect("bell").await;
    for _ in 0..2 {
        assert_eq!(first_event(&mut client, "cache-x").await["event"], "bell");
    }
}

#[tokio::test]
async fn neither_client_events_nor_members_replace_the_event() {
    let app = TestApp::start().await;
    app.publish("presence-cache-x", "bell", "1").await;
    let (mut client, mut other) = (app.connect().await, app.connect().await);
    assert_eq!(first_event(&mut client, "presence-cache-x").await["event"], "bell");
    other.join("presence-cache-x", "2").await;
    other.expect("bell").await;
    client.expect("pusher_internal:member_added").await;
    other.send_event("client-x", "presence-cache-x", json!({})).await;
    client.expect("client-x").await;
    other.cut();
    client.expect("pusher_internal:member_removed").await;
    assert_eq!(first_event(&mut client, "presence-cache-x").await["event"], "bell");
}

#[tokio::test]
async fn channel_without_cache_keeps_nothing() {
    let app = TestApp::start().await;
    for channel in ["room", "cachebox", "x-cache-y"] {
        app.publish(channel, "bell", "1").await;
        let mut client = app.connect().await;
        client.subscribe(channel).await;
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn event_is_forgotten_after_its_time() {
    let app = TestApp::with_settings(|settings| settings.cache_ttl = 1).await;
    app.publish("cache-x", "bell", "1").await;
    let forgotten = async || app.get("/channels/cache-x", &[("info", "cache")]).await.1["cache"].is_null();
    eventually("the event is forgotten", forgotten).await;
    let mut client = app.connect().await;
    assert_eq!(first_event(&mut client, "cache-x").await["event"], "pusher:cache_miss");
}

#[tokio::test]
async fn oldest_channel_is_forgotten_when_the_cache_is_full() {
    let app = TestApp::with_settings(|settings| settings.max_cached_events = 2).await;
    for channel in ["cache-1", "cache-2", "cache-3"] {
        app.publish(channel, "bell", channel).await;
    }
    let mut client = app.connect().await;
    assert_eq!(first_event(&mut client, "cache-1").await["event"], "pusher:cache_miss");
    for channel in ["cache-2", "cache-3"] {
        assert_eq!(first_event(&mut client, channel).await["data"], channel);
    }
}
