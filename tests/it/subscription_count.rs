//! How many subscribers a channel has, told to those who are there.

use serde_json::json;

use crate::support::{
    app::TestApp,
    client::{Client, inner},
};

async fn count(client: &mut Client, channel: &str) -> u64 {
    let frame = client.expect_on("pusher_internal:subscription_count", channel).await;
    let data = inner(&frame);
    assert_eq!(data, json!({ "subscription_count": data["subscription_count"] }));
    data["subscription_count"].as_u64().unwrap()
}

#[tokio::test]
async fn count_is_told_to_all_when_it_changes_the_newcomer_included() {
    let app = TestApp::with_settings(|settings| settings.subscription_counts = true).await;
    let (mut first, mut second) = (app.connect().await, app.connect().await);
    first.subscribe("room").await;
    assert_eq!(count(&mut first, "room").await, 1);
    second.subscribe("room").await;
    assert_eq!(count(&mut first, "room").await, 2);
    assert_eq!(count(&mut second, "room").await, 2);
    second.unsubscribe("room").await;
    second.expect_silence().await;
    assert_eq!(count(&mut first, "room").await, 1);
    second.subscribe("room").await;
    assert_eq!(count(&mut first, "room").await, 2);
    second.cut();
    assert_eq!(count(&mut first, "room").await, 1);
    first.expect_silence().await;
}

#[tokio::test]
async fn count_comes_after_the_answer_and_the_kept_event_on_every_kind_but_presence() {
    let app = TestApp::with_settings(|settings| settings.subscription_counts = true).await;
    let mut client = app.connect().await;
    for channel in ["private-x", "private-encrypted-x"] {
        client.subscribe_private(channel).await;
        assert_eq!(count(&mut client, channel).await, 1);
    }
    client.subscribe("cache-x").await;
    client.expect_on("pusher:cache_miss", "cache-x").await;
    assert_eq!(count(&mut client, "cache-x").await, 1);
    client.join("presence-x", "1").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn no_count_is_told_unless_the_app_wants_it() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn above_100_subscribers_the_count_is_told_now_and_then_and_the_last_one_is_right() {
    let app = TestApp::with_settings(|settings| settings.subscription_counts = true).await;
    let mut witness = app.connect().await;
    witness.subscribe("room").await;
    let mut crowd = app.crowd(130).await;
    for client in &mut crowd {
        client.subscribe("room").await;
    }
    let mut told = 0_usize;
    while count(&mut witness, "room").await != 131 {
        told += 1;
    }
    assert!(told < 130, "each of {told} changes was told");
}
