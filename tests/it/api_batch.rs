//! Publishing several events at once: all of them in order, or none.

use serde_json::{Value, json};

use crate::support::{
    answer::{post, post_json},
    app::TestApp,
};

fn item(channel: &str, data: &str) -> Value {
    json!({ "name": "bell", "channel": channel, "data": data })
}

#[tokio::test]
async fn ten_events_go_out_in_order_over_several_channels() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("a").await;
    client.subscribe("b").await;
    let batch: Vec<_> = (0..10).map(|n| item(if n % 3 == 0 { "a" } else { "b" }, &n.to_string())).collect();
    assert_eq!(post_json(&app, "/batch_events", &json!({ "batch": batch })).await.ok(), json!({}));
    for event in &batch {
        let frame = client.frame().await;
        assert_eq!((&frame["channel"], &frame["data"]), (&event["channel"], &event["data"]));
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn one_bad_item_and_nobody_gets_anything() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    client.subscribe("cache-room").await;
    client.expect("pusher:cache_miss").await;
    let bad = [
        json!({ "name": "bell", "channel": "room" }),
        json!({ "channel": "room", "data": "1" }),
        json!({ "name": "bell", "data": "1" }),
        json!({ "name": "bell", "channel": "room", "data": { "a": 1 } }),
        json!({ "name": "bell", "channels": ["room"], "data": "1" }),
        json!({ "name": "bell", "channel": "no room", "data": "1" }),
        json!({ "name": "pusher:bell", "channel": "room", "data": "1" }),
        json!({ "name": "n".repeat(201), "channel": "room", "data": "1" }),
        json!({ "name": "bell", "channel": "room", "data": "1", "info": "nonsense" }),
        json!("no object"),
        json!(null),
    ];
    for bad in bad {
        let body = json!({ "batch": [item("room", "1"), item("cache-room", "2"), bad] });
        post_json(&app, "/batch_events", &body).await.refused(400);
    }
    let big = json!({ "batch": [item("room", "1"), item("room", &"x".repeat(10_241))] });
    post_json(&app, "/batch_events", &big).await.refused(413);
    client.expect_silence().await;
    let state = crate::support::answer::get(&app, "/channels/cache-room", &[("info", "cache")]).await.ok();
    assert_eq!(state, json!({ "occupied": true, "cache": null }));
}

#[tokio::test]
async fn what_is_no_batch_is_refused_and_an_empty_one_is_fine() {
    let app = TestApp::start().await;
    for bad in ["", "{}", "[]", r#"{"batch":{}}"#, r#"{"batch":null}"#, r#"{"batch":"x"}"#, r#"{"batch":[[]]}"#, "{"] {
        post(&app, "/batch_events", bad).await.refused(400);
    }
    assert_eq!(post(&app, "/batch_events", r#"{"batch":[]}"#).await.ok(), json!({}));
}

#[tokio::test]
async fn info_comes_back_as_a_list_with_one_entry_an_event() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    client.join("presence-room", "42").await;
    let mut batch = [item("room", "1"), item("presence-room", "2"), item("room", "3"), item("empty", "4")];
    batch[1]["info"] = json!("user_count,subscription_count");
    batch[2]["info"] = json!("user_count");
    batch[3]["info"] = json!("subscription_count");
    let answer = post_json(&app, "/batch_events", &json!({ "batch": batch })).await.ok();
    let expected = json!([{}, { "user_count": 1, "subscription_count": 1 }, {}, { "subscription_count": 0 }]);
    assert_eq!(answer, json!({ "batch": expected }));
}

#[tokio::test]
async fn each_event_of_a_batch_spares_its_own_socket() {
    let app = TestApp::start().await;
    let (mut first, mut second) = (app.connect().await, app.connect().await);
    first.subscribe("room").await;
    second.subscribe("room").await;
    let mut batch = [item("room", "1"), item("room", "2"), item("room", "3")];
    batch[0]["socket_id"] = json!(first.id);
    batch[1]["socket_id"] = json!(second.id);
    batch[2]["socket_id"] = json!("no socket");
    post_json(&app, "/batch_events", &json!({ "batch": batch })).await.ok();
    for (client, expected) in [(&mut first, ["2", "3"]), (&mut second, ["1", "3"])] {
        for data in expected {
            assert_eq!(client.expect("bell").await["data"], data);
        }
        client.expect_silence().await;
    }
}
