//! Who is in a presence channel: the list that joiners get, and who is told when users come and go.

mod crowd;
mod profile;
mod summary;

use serde_json::{Value, json};

use crate::support::{
    app::{MAIN, TestApp},
    client::{Client, inner, member},
    eventually,
};

const ROOM: &str = "presence-room";

async fn added(client: &mut Client) -> Value {
    inner(&client.expect_on("pusher_internal:member_added", ROOM).await)
}

async fn removed(client: &mut Client) -> Value {
    inner(&client.expect_on("pusher_internal:member_removed", ROOM).await)
}

#[tokio::test]
async fn joiner_gets_the_list_with_itself_in_it() {
    let app = TestApp::start().await;
    let (mut ada, mut bob, mut tab) = (app.connect().await, app.connect().await, app.connect().await);
    let data = |id: &str, name: &str| json!({ "user_id": id, "user_info": { "name": name } }).to_string();
    let one = json!({ "count": 1, "ids": ["42"], "hash": { "42": { "name": "Ada" } } });
    assert_eq!(ada.join_as(ROOM, &data("42", "Ada")).await, one);
    let two = json!({ "count": 2, "ids": ["41", "42"], "hash": { "41": { "name": "Bob" }, "42": { "name": "Ada" } } });
    assert_eq!(bob.join_as(ROOM, &data("41", "Bob")).await, two);
    assert_eq!(tab.join_as(ROOM, &data("42", "Ada")).await, two);
}

#[tokio::test]
async fn others_hear_of_the_first_socket_of_a_user_and_the_last() {
    let app = TestApp::start().await;
    let mut watcher = app.connect().await;
    watcher.join(ROOM, "1").await;
    for end in ["unsubscribe", "close", "cut"] {
        let (mut first, mut second) = (app.connect().await, app.connect().await);
        first.join(ROOM, "42").await;
        assert_eq!(added(&mut watcher).await, json!({ "user_id": "42", "user_info": { "name": "Name of 42" } }));
        second.join(ROOM, "42").await;
        first.unsubscribe(ROOM).await;
        first.expect_silence().await;
        watcher.expect_silence().await;
        match end {
            "unsubscribe" => second.unsubscribe(ROOM).await,
            "close" => second.close().await,
            _ => second.cut(),
        }
        assert_eq!(removed(&mut watcher).await, json!({ "user_id": "42" }));
    }
    watcher.expect_silence().await;
}

#[tokio::test]
async fn second_tab_of_same_user_adds_no_member() {
    let app = TestApp::start().await;
    let (mut first, mut second, mut watcher) = (app.connect().await, app.connect().await, app.connect().await);
    watcher.join(ROOM, "1").await;
    first.join(ROOM, "42").await;
    added(&mut watcher).await;
    assert_eq!(second.join(ROOM, "42").await["count"], 2);
    for client in [&mut first, &mut second, &mut watcher] {
        client.expect_silence().await;
    }
    second.cut();
    let gone = async || app.metric("campanile_connected{app=\"app-id\"}").await == 2;
    eventually("the tab has gone", gone).await;
    first.expect_silence().await;
    watcher.expect_silence().await;
}

#[tokio::test]
async fn member_who_joins_again_gets_the_list_and_nobody_hears_of_it() {
    let app = TestApp::start().await;
    let (mut client, mut watcher) = (app.connect().await, app.connect().await);
    watcher.join(ROOM, "1").await;
    for _ in 0..3 {
        assert_eq!(client.join(ROOM, "42").await["count"], 2);
    }
    added(&mut watcher).await;
    watcher.expect_silence().await;
    client.expect_silence().await;
}

#[tokio::test]
async fn socket_that_joins_again_as_another_user_leaves_as_the_first() {
    let app = TestApp::start().await;
    let (mut client, mut watcher) = (app.connect().await, app.connect().await);
    watcher.join(ROOM, "1").await;
    client.join(ROOM, "42").await;
    assert_eq!(client.join(ROOM, "43").await["ids"], json!(["1", "43"]));
    assert_eq!(added(&mut watcher).await["user_id"], "42");
    assert_eq!(removed(&mut watcher).await["user_id"], "42");
    assert_eq!(added(&mut watcher).await["user_id"], "43");
    watcher.expect_silence().await;
}

#[tokio::test]
async fn id_may_be_a_number_and_is_the_same_user_as_its_text() {
    let app = TestApp::start().await;
    let (mut number, mut text, mut watcher) = (app.connect().await, app.connect().await, app.connect().await);
    watcher.join(ROOM, "9").await;
    let list = number.join_as(ROOM, r#"{"user_id":1,"user_info":{"from":"number"}}"#).await;
    assert_eq!(list["ids"], json!(["1", "9"]));
    assert_eq!(list["hash"]["1"], json!({ "from": "number" }));
    let list = text.join_as(ROOM, r#"{"user_id":"1","user_info":{"from":"text"}}"#).await;
    assert_eq!(list["count"], 2);
    assert_eq!(list["hash"]["1"], json!({ "from": "number" }), "the first one counts while it lives");
    assert_eq!(added(&mut watcher).await, json!({ "user_id": "1", "user_info": { "from": "number" } }));
    watcher.expect_silence().await;
}

#[tokio::test]
async fn numeric_id_keeps_its_type_for_an_app_with_reverb_parity() {
    let app = TestApp::with_settings(|settings| settings.reverb_parity = true).await;
    let (mut client, mut watcher) = (app.connect().await, app.connect().await);
    watcher.join(ROOM, "9").await;
    let list = client.join_as(ROOM, r#"{"user_id":42}"#).await;
    assert_eq!(list, json!({ "count": 2, "ids": [42, "9"], "hash": { "42": {}, "9": { "name": "Name of 9" } } }));
    assert_eq!(added(&mut watcher).await["user_id"], 42);
    client.cut();
    assert_eq!(removed(&mut watcher).await, json!({ "user_id": 42 }));
}

#[tokio::test]
async fn any_text_of_1_to_128_characters_names_a_user() {
    let app = TestApp::start().await;
    let mut watcher = app.connect().await;
    watcher.join(ROOM, "watcher").await;
    let long = "é".repeat(128);
    let ids = ["0", "-1", "é 🔔", "__proto__", "constructor", "a\"b\\c", "\u{0}\n", " ", "a:b", "[]", &long];
    for id in ids {
        let mut client = app.connect().await;
        let list = client.join_as(ROOM, &json!({ "user_id": id }).to_string()).await;
        assert_eq!(list["hash"][id], json!({}), "{id:?}");
        assert!(list["ids"].as_array().unwrap().contains(&json!(id)), "{id:?}");
        assert_eq!(added(&mut watcher).await, json!({ "user_id": id, "user_info": {} }));
        client.cut();
        assert_eq!(removed(&mut watcher).await, json!({ "user_id": id }));
    }
}

#[tokio::test]
async fn signed_data_without_a_usable_id_is_refused_and_the_socket_stays() {
    let app = TestApp::start().await;
    let (mut client, mut watcher) = (app.connect().await, app.connect().await);
    watcher.join(ROOM, "1").await;
    let long = json!({ "user_id": "x".repeat(129) }).to_string();
    let bad = [
        "",
        "{}",
        "[]",
        "null",
        "5",
        "\"x\"",
        r#"{"user_id":""}"#,
        r#"{"user_id":null}"#,
        r#"{"user_id":true}"#,
        r#"{"user_id":1.5}"#,
        r#"{"user_id":["1"]}"#,
        r#"{"user_id":{}}"#,
        r#"{"user_info":{"name":"x"}}"#,
        r#"{"user_id":"1","user_id":"2"}"#,
        r#"{"user_id":"1""#,
        &long,
    ];
    for data in bad {
        client.ask_signed(ROOM, Some(data)).await;
        client.expect_error(4200).await;
        client.expect_silence().await;
    }
    watcher.expect_silence().await;
    client.join(ROOM, "42").await;
}

#[tokio::test]
async fn user_info_may_be_any_json_and_is_relayed_as_it_is() {
    let app = TestApp::start().await;
    let mut watcher = app.connect().await;
    watcher.join(ROOM, "watcher").await;
    let table = [
        (None, json!({})),
        (Some("null"), json!({})),
        (Some("[1,[2]]"), json!([1, [2]])),
        (Some("\"Ada\""), json!("Ada")),
        (Some("true"), json!(true)),
        (Some("0"), json!(0)),
        (Some(r#"{"a":{"b":[{"c":"é"}]}}"#), json!({ "a": { "b": [{ "c": "é" }] } })),
    ];
    for (info, shown) in table {
        let mut client = app.connect().await;
        let info = info.map_or_else(String::new, |info| format!(r#","user_info":{info}"#));
        let list = client.join_as(ROOM, &format!(r#"{{"user_id":"42"{info}}}"#)).await;
        assert_eq!(list["hash"]["42"], shown, "{info}");
        assert_eq!(added(&mut watcher).await, json!({ "user_id": "42", "user_info": shown }));
        client.cut();
        removed(&mut watcher).await;
    }
}

#[tokio::test]
async fn channel_data_verifies_as_it_was_signed_escaped_or_raw() {
    let app = TestApp::start().await;
    let escaped = r#"{"user_id":"42","user_info":{"name":"J\u00fcrgen \/ X"}}"#;
    let raw = r#"{"user_id":"42","user_info":{"name":"Jürgen / X"}}"#;
    let spaced = "{ \"user_info\" : {\"name\":\"Jürgen / X\"},\n \"user_id\":\"42\" }";
    for data in [escaped, raw, spaced] {
        let mut client = app.connect().await;
        assert_eq!(client.join_as(ROOM, data).await["hash"]["42"]["name"], "Jürgen / X");
    }
}

#[tokio::test]
async fn channel_data_that_was_changed_after_signing_is_refused() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let signed = r#"{"user_id":"42","user_info":{"name":"Ada"}}"#;
    let auth = MAIN.channel_auth(&client.id, ROOM, Some(signed));
    let tampered = [
        Some(r#"{"user_id":"43","user_info":{"name":"Ada"}}"#),
        Some(r#"{"user_id":"42","user_info":{"name":"Eve"}}"#),
        Some(r#"{"user_id":"42", "user_info":{"name":"Ada"}}"#),
        Some(r#"{"user_id":"42","user_info":{"name":"\u0041da"}}"#),
        Some(""),
        None,
    ];
    for data in tampered {
        client.ask_with(ROOM, &auth, data).await;
        client.expect_unauthorized(ROOM).await;
    }
    let without_data = MAIN.channel_auth(&client.id, ROOM, None);
    client.ask_with(ROOM, &without_data, Some(signed)).await;
    client.expect_unauthorized(ROOM).await;
    client.expect_silence().await;
}

#[tokio::test]
async fn without_channel_data_the_signed_in_user_joins_and_others_are_refused() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.ask_signed(ROOM, None).await;
    client.expect_unauthorized(ROOM).await;
    client.ask_sign_in(r#"{"id":"42","user_info":{"name":"Ada"}}"#).await;
    client.expect("pusher:signin_success").await;
    client.ask_signed(ROOM, None).await;
    let frame = client.expect_on("pusher_internal:subscription_succeeded", ROOM).await;
    let list = json!({ "count": 1, "ids": ["42"], "hash": { "42": { "name": "Ada" } } });
    assert_eq!(inner(&frame)["presence"], list);
    let mut unsigned = app.connect().await;
    unsigned.sign_in("43").await;
    unsigned.ask(ROOM).await;
    unsigned.expect_unauthorized(ROOM).await;
}

#[tokio::test]
async fn full_channel_refuses_a_101st_user_and_admits_another_socket_of_a_member() {
    let app = TestApp::with_settings(|settings| settings.max_presence_members = 100).await;
    let mut crowd = app.crowd(102).await;
    let (mut extra, mut tab) = (crowd.pop().unwrap(), crowd.pop().unwrap());
    for (number, client) in crowd.iter_mut().enumerate() {
        assert_eq!(client.join(ROOM, &number.to_string()).await["count"], number + 1);
    }
    extra.ask_signed(ROOM, Some(&member("extra"))).await;
    let frame = extra.expect_on("pusher:subscription_error", ROOM).await;
    assert_eq!(frame["data"]["type"], "LimitReached");
    assert_eq!(tab.join(ROOM, "0").await["count"], 100);
    crowd.pop().unwrap().close().await;
    assert_eq!(removed(&mut tab).await["user_id"], "99");
    extra.join(ROOM, "extra").await;
    assert_eq!(added(&mut tab).await["user_id"], "extra");
    tab.expect_silence().await;
}

#[tokio::test]
async fn user_info_above_the_limit_is_refused() {
    let app = TestApp::with_settings(|settings| settings.max_presence_member_bytes = 100).await;
    let mut client = app.connect().await;
    let data = |bytes: usize| format!(r#"{{"user_id":"1","user_info":"{}"}}"#, "x".repeat(bytes - 2));
    client.ask_signed(ROOM, Some(&data(101))).await;
    assert_eq!(client.expect_on("pusher:subscription_error", ROOM).await["data"]["status"], 413);
    client.expect_silence().await;
    client.join_as(ROOM, &data(100)).await;
}
