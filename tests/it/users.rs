//! Users on sockets: sign-in, events to a user, the end of a user's connections.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    answer::{self, finish},
    app::{MAIN, TestApp},
    client::{inner, member},
};

const ADA: &str = r#"{"id":"42","user_info":{"name":"Ada"},"watchlist":[]}"#;

#[tokio::test]
async fn signed_user_data_signs_in_and_comes_back_as_it_was_sent() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.ask_sign_in(ADA).await;
    let frame = client.frame().await;
    assert_eq!(frame, json!({ "event": "pusher:signin_success", "data": { "user_data": ADA } }));
    client.expect_silence().await;
}

#[tokio::test]
async fn wrong_or_borrowed_signature_is_refused_and_the_socket_goes_on() {
    let app = TestApp::start().await;
    let (mut client, other) = (app.connect().await, app.connect().await);
    let borrowed = MAIN.user_auth(&other.id, ADA);
    let of_channel = MAIN.channel_auth(&client.id, "private-x", None);
    let foreign_key = MAIN.user_auth(&client.id, ADA).replacen(MAIN.key, "other-key", 1);
    for auth in [borrowed, of_channel, foreign_key, format!("{}:{}", MAIN.key, "0".repeat(64)), String::new()] {
        let data = json!({ "auth": auth, "user_data": ADA });
        client.send_json(json!({ "event": "pusher:signin", "data": data })).await;
        client.expect_error(4009).await;
    }
    client.send_json(json!({ "event": "pusher:signin", "data": { "user_data": ADA } })).await;
    client.expect_error(4200).await;
    app.publish("#server-to-user-42", "bell", "1").await;
    client.expect_silence().await;
    client.sign_in("42").await;
}

#[tokio::test]
async fn signing_in_again_renews_the_same_user_and_never_changes_to_another() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.ask_sign_in(r#"{"id":"42","user_info":{"name":"Ada"}}"#).await;
    client.expect("pusher:signin_success").await;
    client.ask_sign_in(r#"{"id":"42","user_info":{"name":"Ada L."}}"#).await;
    client.expect("pusher:signin_success").await;
    client.ask_sign_in(r#"{"id":"43"}"#).await;
    client.expect_error(4009).await;

    app.publish("#server-to-user-43", "bell", "no").await;
    app.publish("#server-to-user-42", "bell", "yes").await;
    assert_eq!(client.expect_on("bell", "#server-to-user-42").await["data"], "yes");
    client.ask_signed("presence-room", None).await;
    let list = inner(&client.expect("pusher_internal:subscription_succeeded").await);
    assert_eq!(list["presence"]["hash"], json!({ "42": { "name": "Ada L." } }));
}

#[tokio::test]
async fn user_data_without_a_text_id_is_refused() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let too_long = format!(r#"{{"id":"{}"}}"#, "x".repeat(129));
    let bad = [
        "{}",
        r#"{"id":42}"#,
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":["42"]}"#,
        "[]",
        "null",
        "no json",
        &too_long,
    ];
    for user_data in bad {
        client.ask_sign_in(user_data).await;
        assert!(client.expect_error(4009).await.contains("id"), "{user_data}");
    }
    client.ask_sign_in(&format!(r#"{{"id":"{}"}}"#, "x".repeat(128))).await;
    client.expect("pusher:signin_success").await;
}

#[tokio::test]
async fn user_channel_is_for_sockets_signed_in_as_that_user_only() {
    let app = TestApp::start().await;
    let (mut own, mut other, mut nobody) = (app.connect().await, app.connect().await, app.connect().await);
    own.sign_in("42").await;
    other.sign_in("43").await;
    own.ask_with("#server-to-user-42", "", None).await;
    assert_eq!(own.expect_on("pusher_internal:subscription_succeeded", "#server-to-user-42").await["data"], "{}");
    for client in [&mut other, &mut nobody] {
        client.ask_with("#server-to-user-42", "", None).await;
        client.expect_unauthorized("#server-to-user-42").await;
        client.ask_signed("#server-to-user-42", None).await;
        client.expect_unauthorized("#server-to-user-42").await;
    }
    app.publish("#server-to-user-42", "bell", "secret").await;
    own.expect_on("bell", "#server-to-user-42").await;
    own.expect_silence().await;
    other.expect_silence().await;
    nobody.expect_silence().await;
}

#[tokio::test]
async fn event_to_a_user_reaches_each_of_their_sockets_once_subscribed_or_not() {
    let app = TestApp::start().await;
    let (mut subscribed, mut plain, mut other) = (app.connect().await, app.connect().await, app.connect().await);
    for client in [&mut subscribed, &mut plain] {
        client.sign_in("42").await;
        client.sign_in("42").await;
    }
    other.sign_in("43").await;
    subscribed.ask_with("#server-to-user-42", "", None).await;
    subscribed.expect("pusher_internal:subscription_succeeded").await;
    app.publish("#server-to-user-42", "bell", r#"{"n":1}"#).await;
    for client in [&mut subscribed, &mut plain] {
        let frame = client.frame().await;
        assert_eq!(frame, json!({ "event": "bell", "channel": "#server-to-user-42", "data": "{\"n\":1}" }));
        client.expect_silence().await;
    }
    other.expect_silence().await;

    let body = json!({ "name": "bell", "channel": "#server-to-user-42", "data": "2", "socket_id": plain.id });
    answer::post_json(&app, "/events", &body).await.ok();
    assert_eq!(subscribed.expect("bell").await["data"], "2");
    plain.expect_silence().await;
}

#[tokio::test]
async fn socket_that_has_gone_gets_nothing_and_the_user_s_other_sockets_still_do() {
    let app = TestApp::start().await;
    let (mut gone, mut left) = (app.connect().await, app.connect().await);
    gone.sign_in("42").await;
    left.sign_in("42").await;
    gone.close().await;
    app.publish("#server-to-user-42", "bell", "1").await;
    assert_eq!(left.expect("bell").await["data"], "1");
    left.expect_silence().await;
    left.close().await;
    app.publish("#server-to-user-42", "bell", "2").await;
}

#[tokio::test]
async fn terminating_a_user_closes_all_their_sockets_with_4009_and_nobody_else_s() {
    let app = TestApp::start().await;
    let mut of_user = [app.connect().await, app.connect().await];
    for client in &mut of_user {
        client.sign_in("42").await;
    }
    let (mut member_only, mut other) = (app.connect().await, app.connect().await);
    member_only.join_as("presence-room", &member("42")).await;
    other.sign_in("43").await;
    let path = "/users/42/terminate_connections";
    assert_eq!(answer::post(&app, path, "").await.ok(), json!({}));
    for client in of_user.iter_mut().chain([&mut member_only]) {
        assert_eq!(client.refused_with(4009).await, "You got disconnected by the app.");
    }
    other.expect_silence().await;
    for body in ["", "{}"] {
        assert_eq!(answer::post(&app, "/users/nobody/terminate_connections", body).await.ok(), json!({}));
    }
    answer::post(&app, &format!("/users/{}/terminate_connections", "x".repeat(129)), "").await.refused(400);
    app.connect().await.sign_in("42").await;
}

#[tokio::test]
async fn presence_members_are_spared_when_the_app_says_so_and_encoded_user_ids_are_found() {
    let app = TestApp::with_settings(|settings| settings.terminate_presence_members = false).await;
    let (mut signed_in, mut member_only) = (app.connect().await, app.connect().await);
    signed_in.sign_in("ada@x/y z").await;
    member_only.join_as("presence-room", &member("ada@x/y z")).await;
    // Signed as it stands on the wire.
    let request =
        app.signed(MAIN, (Method::POST, "/apps/app-id/users/ada%40x%2Fy%20z/terminate_connections"), &[], "{}");
    assert_eq!(finish(&app, request).await.ok(), json!({}));
    signed_in.refused_with(4009).await;
    member_only.expect_silence().await;
}

#[tokio::test]
async fn terminate_works_at_the_path_without_an_app_that_the_python_sdk_calls() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.sign_in("42").await;
    let request = app.signed(MAIN, (Method::POST, "/users/42/terminate_connections"), &[], "{}");
    assert_eq!(finish(&app, request).await.ok(), json!({}));
    client.refused_with(4009).await;
    let unsigned = app.plain(Method::POST, "/users/42/terminate_connections");
    finish(&app, unsigned).await.refused(404);
}

#[tokio::test]
async fn signed_in_socket_joins_presence_channels_without_channel_data() {
    let app = TestApp::start().await;
    let (mut watcher, mut client, mut nobody) = (app.connect().await, app.connect().await, app.connect().await);
    watcher.join("presence-room", "7").await;
    client.ask_sign_in(ADA).await;
    client.expect("pusher:signin_success").await;
    client.ask_signed("presence-room", None).await;
    let list = inner(&client.expect_on("pusher_internal:subscription_succeeded", "presence-room").await);
    assert_eq!(list["presence"]["hash"]["42"], json!({ "name": "Ada" }));
    assert_eq!(list["presence"]["ids"], json!(["42", "7"]));
    let added = inner(&watcher.expect_on("pusher_internal:member_added", "presence-room").await);
    assert_eq!(added, json!({ "user_id": "42", "user_info": { "name": "Ada" } }));
    nobody.ask_signed("presence-room", None).await;
    nobody.expect_unauthorized("presence-room").await;
}
