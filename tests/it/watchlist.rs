//! Watchlists: who of the people I know is online, and when that changes.

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Client, inner},
};

fn watching(user: &str, list: &[&str]) -> String {
    json!({ "id": user, "watchlist": list }).to_string()
}

/// Signs in and takes the state of the list.
async fn watch(client: &mut Client, user: &str, list: &[&str]) -> Value {
    client.ask_sign_in(&watching(user, list)).await;
    client.expect("pusher:signin_success").await;
    news(client).await
}

/// The next frame, which must be news about the list.
async fn news(client: &mut Client) -> Value {
    let frame = client.expect("pusher_internal:watchlist_events").await;
    assert_eq!(frame.get("channel"), None);
    inner(&frame)["events"].take()
}

fn online(users: &[&str]) -> Value {
    json!({ "name": "online", "user_ids": users })
}

fn offline(users: &[&str]) -> Value {
    json!({ "name": "offline", "user_ids": users })
}

#[tokio::test]
async fn state_of_the_whole_list_comes_after_the_sign_in() {
    let app = TestApp::start().await;
    let (mut friend, mut client, mut alone) = (app.connect().await, app.connect().await, app.connect().await);
    friend.sign_in("7").await;
    assert_eq!(watch(&mut client, "42", &["7", "8", "9", "8"]).await, json!([online(&["7"]), offline(&["8", "9"])]));
    assert_eq!(watch(&mut alone, "43", &["8"]).await, json!([offline(&["8"])]));
    friend.expect_silence().await;
    client.expect_silence().await;
}

#[tokio::test]
async fn first_socket_brings_a_user_online_and_the_last_one_takes_them_off() {
    let app = TestApp::start().await;
    let (mut client, mut first, mut second) = (app.connect().await, app.connect().await, app.connect().await);
    watch(&mut client, "42", &["7"]).await;
    first.sign_in("7").await;
    assert_eq!(news(&mut client).await, json!([online(&["7"])]));
    second.sign_in("7").await;
    second.expect_silence().await;
    client.expect_silence().await;
    first.close().await;
    client.expect_silence().await;
    second.close().await;
    assert_eq!(news(&mut client).await, json!([offline(&["7"])]));
}

#[tokio::test]
async fn page_reload_is_no_news() {
    let app = TestApp::start().await;
    let (mut client, mut before, mut after) = (app.connect().await, app.connect().await, app.connect().await);
    watch(&mut client, "42", &["7"]).await;
    before.sign_in("7").await;
    assert_eq!(news(&mut client).await, json!([online(&["7"])]));
    before.close().await;
    after.sign_in("7").await;
    after.close().await;
    // Nothing about the reload comes before the news of the real leave.
    assert_eq!(news(&mut client).await, json!([offline(&["7"])]));
}

#[tokio::test]
async fn users_beyond_the_hundredth_are_not_watched_and_the_client_is_told() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let ids: Vec<String> = (1..=101).map(|id| format!("u{id}")).collect();
    let list: Vec<&str> = ids.iter().map(String::as_str).collect();
    client.ask_sign_in(&watching("42", &list)).await;
    client.expect("pusher:signin_success").await;
    client.expect_error(4302).await;
    assert_eq!(news(&mut client).await, json!([offline(&list[..100])]));
    let (mut last, mut beyond) = (app.connect().await, app.connect().await);
    beyond.sign_in("u101").await;
    last.sign_in("u100").await;
    assert_eq!(news(&mut client).await, json!([online(&["u100"])]));

    let mut full = app.connect().await;
    assert_eq!(watch(&mut full, "43", &list[..100]).await, json!([online(&["u100"]), offline(&list[..99])]));
}

#[tokio::test]
async fn signing_in_again_replaces_the_list() {
    let app = TestApp::start().await;
    let (mut client, mut seven, mut eight) = (app.connect().await, app.connect().await, app.connect().await);
    watch(&mut client, "42", &["7"]).await;
    assert_eq!(watch(&mut client, "42", &["8"]).await, json!([offline(&["8"])]));
    seven.sign_in("7").await;
    eight.sign_in("8").await;
    assert_eq!(news(&mut client).await, json!([online(&["8"])]));
    client.expect_silence().await;
}

#[tokio::test]
async fn app_without_watchlists_tells_nothing() {
    let app = TestApp::with_settings(|settings| settings.watchlist_events = false).await;
    let (mut client, mut friend) = (app.connect().await, app.connect().await);
    client.ask_sign_in(&watching("42", &["7"])).await;
    client.expect("pusher:signin_success").await;
    friend.sign_in("7").await;
    client.expect_silence().await;
}
