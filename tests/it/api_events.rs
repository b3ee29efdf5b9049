//! Publishing one event: where it goes, what is relayed, what the answer tells.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{finish, post, post_json},
    app::{MAIN, TestApp},
    client::Client,
};

fn event(channels: &[String]) -> Value {
    json!({ "name": "bell", "channels": channels, "data": "{}" })
}

#[tokio::test]
async fn event_reaches_one_channel_and_a_hundred_and_each_subscriber_once() {
    let app = TestApp::start().await;
    let names: Vec<String> = (0..100).map(|number| format!("room-{number}")).collect();
    let mut client = app.connect().await;
    for name in &names {
        client.subscribe(name).await;
    }
    assert_eq!(post_json(&app, "/events", &event(&names[..1])).await.ok(), json!({}));
    client.expect_on("bell", "room-0").await;
    assert_eq!(post_json(&app, "/events", &event(&names)).await.ok(), json!({}));
    for name in &names {
        client.expect_on("bell", name).await;
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn channel_that_is_named_twice_gets_the_event_once() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    let body = json!({ "name": "bell", "channel": "room", "channels": ["room", "other", "room"], "data": "1" });
    assert_eq!(post_json(&app, "/events", &body).await.ok(), json!({}));
    assert_eq!(client.frame().await, json!({ "event": "bell", "channel": "room", "data": "1" }));
    client.expect_silence().await;
}

#[tokio::test]
async fn channel_and_channels_together_name_all_of_them() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("a").await;
    client.subscribe("b").await;
    let body =
        json!({ "name": "bell", "channel": "b", "channels": ["a"], "data": "1", "unknown": { "is": "ignored" } });
    post_json(&app, "/events", &body).await.ok();
    let mut got = [client.expect("bell").await, client.expect("bell").await].map(|frame| frame["channel"].to_string());
    got.sort();
    assert_eq!(got, ["\"a\"", "\"b\""]);
}

#[tokio::test]
async fn socket_id_spares_that_socket_and_an_unknown_or_malformed_one_spares_nobody() {
    let app = TestApp::start().await;
    let (mut sender, mut other) = (app.connect().await, app.connect().await);
    for client in [&mut sender, &mut other] {
        client.subscribe("room").await;
    }
    let body = |socket: &str| json!({ "name": "bell", "channel": "room", "data": "1", "socket_id": socket });
    post_json(&app, "/events", &body(&sender.id.clone())).await.ok();
    other.expect("bell").await;
    sender.expect_silence().await;
    for nobody in ["1.1", "", "no socket", "1.2.3", "01.1", "99999999999999.1"] {
        post_json(&app, "/events", &body(nobody)).await.ok();
        for client in [&mut sender, &mut other] {
            client.expect("bell").await;
        }
    }
    post_json(&app, "/events", &json!({ "name": "bell", "channel": "room", "data": "1", "socket_id": null }))
        .await
        .ok();
    sender.expect("bell").await;
}

#[tokio::test]
async fn data_is_relayed_byte_for_byte() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    for data in [
        "",
        "{}",
        r#"{"path":"a\/b","name":"\u00e9"}"#,
        "{\"name\":\"é\"}",
        "🔔 \u{10ffff}",
        "two\nlines\tand a \"quote\" \\ \u{0}\u{1f}\u{7f}\u{2028}",
        "  [1, 2,  3.10] ",
        "\"text\"",
    ] {
        let body = json!({ "name": "bell", "channel": "room", "data": data });
        post_json(&app, "/events", &body).await.ok();
        assert_eq!(client.frame().await, json!({ "event": "bell", "channel": "room", "data": data }));
    }
    // As PHP writes it: escapes of the outer JSON are undone, those of the inner one stay.
    post(&app, "/events", r#"{"name":"App\\Events\\E","channels":["room"],"data":"{\"a\":\"\\u00e9\\\/\"}"}"#)
        .await
        .ok();
    let frame = client.frame().await;
    assert_eq!(frame, json!({ "event": "App\\Events\\E", "channel": "room", "data": r#"{"a":"\u00e9\/"}"# }));
}

#[tokio::test]
async fn info_tells_about_each_channel_what_was_asked_for() {
    let app = TestApp::start().await;
    let (mut first, mut second) = (app.connect().await, app.connect().await);
    for client in [&mut first, &mut second] {
        client.subscribe("public").await;
    }
    first.join("presence-room", "42").await;
    second.join("presence-room", "42").await;
    let ask = async |info: Value| {
        let channels = json!(["public", "presence-room", "empty", "presence-empty"]);
        let body = json!({ "name": "bell", "channels": channels, "data": "1", "info": info });
        post_json(&app, "/events", &body).await.ok()
    };
    assert_eq!(
        ask(json!("user_count,subscription_count")).await,
        json!({ "channels": {
            "public": { "subscription_count": 2 },
            "presence-room": { "user_count": 1, "subscription_count": 2 },
            "empty": { "subscription_count": 0 },
            "presence-empty": { "user_count": 0, "subscription_count": 0 },
        } })
    );
    assert_eq!(
        ask(json!(" user_count , ")).await,
        json!({ "channels": {
            "public": {}, "presence-room": { "user_count": 1 }, "empty": {}, "presence-empty": { "user_count": 0 },
        } })
    );
    for nothing in [json!(""), json!(null), json!("cache")] {
        assert_eq!(ask(nothing).await, json!({}));
    }
}

#[tokio::test]
async fn guarded_and_cache_channels_take_events_whether_anybody_is_there_or_not() {
    let app = TestApp::start().await;
    for name in ["private-x", "presence-x", "private-encrypted-x", "cache-x", "#server-to-user-1", "empty"] {
        app.publish(name, "bell", "1").await;
    }
    let mut client = app.connect().await;
    client.subscribe("cache-x").await;
    assert_eq!(client.expect_on("bell", "cache-x").await["data"], "1");
}

#[tokio::test]
async fn events_arrive_in_the_order_in_which_they_were_published() {
    let app = TestApp::start().await;
    let mut clients = [app.connect().await, app.connect().await];
    for client in &mut clients {
        client.subscribe("room").await;
        client.subscribe("other").await;
    }
    for number in 0..200 {
        let body = json!({ "name": "bell", "channels": ["room", "other"], "data": number.to_string() });
        post_json(&app, "/events", &body).await.ok();
    }
    for client in &mut clients {
        for number in 0..200 {
            for channel in ["room", "other"] {
                assert_eq!(client.expect_on("bell", channel).await["data"], number.to_string());
            }
        }
    }
}

#[tokio::test]
async fn apps_with_equal_channel_names_never_meet() {
    let app = TestApp::with_two_apps().await;
    let (mut own, mut other) = (app.connect().await, app.connect_to(crate::support::app::OTHER).await);
    own.subscribe("room").await;
    other.subscribe("room").await;
    app.publish("room", "bell", "mine").await;
    app.publish_as(crate::support::app::OTHER, "room", "bell", "theirs").await;
    assert_eq!(own.expect("bell").await["data"], "mine");
    assert_eq!(other.expect("bell").await["data"], "theirs");
    own.expect_silence().await;
    other.expect_silence().await;
}

async fn old_form(app: &TestApp, query: &[(&str, &str)], body: &str) -> crate::support::answer::Answer {
    let target = (Method::POST, "/apps/app-id/channels/room/events");
    finish(app, app.signed(MAIN, target, query, body)).await
}

#[tokio::test]
async fn deprecated_form_takes_the_body_as_data_and_answers_202_without_body() {
    let app = TestApp::start().await;
    let (mut client, mut spared): (Client, Client) = (app.connect().await, app.connect().await);
    client.subscribe("room").await;
    spared.subscribe("room").await;
    let id = spared.id.clone();
    for data in ["{\"a\": 1}", "no json é", "{\"batch\":[]}"] {
        let answer = old_form(&app, &[("name", "bell"), ("socket_id", &id)], data).await;
        assert_eq!((answer.status, answer.text()), (202, ""));
        assert_eq!(client.frame().await, json!({ "event": "bell", "channel": "room", "data": data }));
    }
    let answer = old_form(&app, &[("name", "bell")], "").await;
    assert_eq!((answer.status, answer.text()), (202, ""));
    assert_eq!(client.expect("bell").await["data"], "");
    assert_eq!(spared.expect("bell").await["data"], "");
    old_form(&app, &[], "1").await.refused(400);
    old_form(&app, &[("name", "pusher:bell")], "1").await.refused(400);
    old_form(&app, &[("name", "")], "1").await.refused(400);
    old_form(&app, &[("name", "bell")], &"x".repeat(10_241)).await.refused(413);
    client.expect_silence().await;
}
