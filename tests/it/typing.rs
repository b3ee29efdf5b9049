//! Who is typing: one state behind sockets and REST, with the server's word about who it is.

use campanile::domain::{
    caller::Scope,
    roster::{Effect, Object, Override, Role},
};
use campanile::ids::AppId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::get,
    app::{MAIN, TestApp},
    chat::enforcing,
    client::{Client, inner},
    eventually,
    rest::Voice,
    roster::course,
};

const DASHES: &str = "private-course-1";
const DOTS: &str = "private-course.1";

/// A server with course `1` and no other events in it.
async fn classroom(people: &[(&str, Role)]) -> TestApp {
    let app = TestApp::with_settings(|settings| settings.presence_events = false).await;
    app.roster().await.enroll(people).await;
    app
}

async fn students() -> TestApp {
    classroom(&[("7", Role::Student), ("8", Role::Student), ("9", Role::Instructor)]).await
}

async fn member(app: &TestApp, who: &str, channel: &str) -> Client {
    let mut client = app.connect().await;
    client.sign_in(who).await;
    client.subscribe_private(channel).await;
    client
}

/// The next frame, which must be this client event; returns its data.
async fn heard(client: &mut Client, event: &str) -> Value {
    client.expect_on(event, DASHES).await["data"].clone()
}

async fn post(voice: &Voice<'_>, body: Value) -> u16 {
    voice.post("/api/typing", body).await.status
}

#[tokio::test]
async fn typing_is_told_in_both_grammars_and_ends_when_its_socket_is_cut() {
    let app = students().await;
    let (mut dashes, mut dots) = (member(&app, "8", DASHES).await, member(&app, "8", DOTS).await);
    let mut typing = member(&app, "7", DASHES).await;
    typing.send_event("client-typing", DASHES, json!({ "userId": "7", "userName": "Ada" })).await;
    let data = heard(&mut dashes, "client-typing").await;
    assert_eq!((&data["userId"], &data["userName"]), (&json!("7"), &json!("Name of 7")));
    assert_eq!((&data["typing"], &data["ttlMs"]), (&json!(true), &json!(6_000)));
    for name in ["App\\Events\\TypingIndicator", "typing.indicator"] {
        let data = inner(&dots.expect_on(name, DOTS).await);
        assert_eq!(data["user"], json!({ "id": "7", "name": "Name of 7" }));
        assert_eq!(
            (&data["typing"], &data["ttl_ms"], &data["topic"]),
            (&json!(true), &json!(6_000), &json!("course.1"))
        );
        assert!(data["expires_at"].is_string());
    }
    let whisper = dots.expect_on("client-typing", DOTS).await;
    assert_eq!(whisper["data"]["userName"], "Name of 7");
    typing.expect_silence().await;

    typing.cut();
    assert_eq!(heard(&mut dashes, "client-typing-stopped").await["userId"], "7");
    for name in ["App\\Events\\TypingIndicator", "typing.indicator"] {
        assert_eq!(inner(&dots.expect_on(name, DOTS).await)["typing"], false);
    }
    dots.expect_on("client-typing-stopped", DOTS).await;
    for client in [&mut dashes, &mut dots] {
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn typing_disappears_by_itself_when_no_other_sign_comes() {
    let app = students().await;
    let mut other = member(&app, "8", DASHES).await;
    let mut typing = member(&app, "7", DASHES).await;
    typing.send_event("client-typing", DASHES, json!({})).await;
    heard(&mut other, "client-typing").await;
    assert_eq!(heard(&mut other, "client-typing-stopped").await["userId"], "7");
    heard(&mut typing, "client-typing-stopped").await;
    typing.expect_silence().await;
}

#[tokio::test]
async fn forged_identity_is_overwritten_and_the_rest_of_the_payload_stays() {
    let app = students().await;
    let mut other = member(&app, "8", DASHES).await;
    let mut forger = member(&app, "7", DASHES).await;
    let forged = json!({
        "userId": "9", "userName": "Teacher", "user_id": "9", "user": { "id": "9" }, "name": "Teacher", "draft_id": 5
    });
    forger.send_event("client-typing", DASHES, forged).await;
    let data = heard(&mut other, "client-typing").await;
    assert!(!data.to_string().contains("Teacher") && !data.to_string().contains("\"9\""), "{data}");
    assert_eq!((&data["name"], &data["draft_id"]), (&json!("Name of 7"), &json!(5)));
    forger.send_event("client-typing-stopped", DASHES, json!({ "userId": "9" })).await;
    assert_eq!(heard(&mut other, "client-typing-stopped").await["userId"], "7");
}

#[tokio::test]
async fn signs_within_the_throttle_are_told_once_and_a_second_tab_changes_nothing() {
    let app = students().await;
    let mut other = member(&app, "8", DASHES).await;
    let (mut one, mut two) = (member(&app, "7", DASHES).await, member(&app, "7", DOTS).await);
    for _ in 0..5 {
        one.send_event("client-typing", DASHES, json!({})).await;
        two.send_event("client-typing", DOTS, json!({})).await;
    }
    heard(&mut other, "client-typing").await;
    two.drain().await;
    one.cut();
    let is_gone = async || get(&app, "/connections", &[]).await.ok() == json!({ "connections": 2 });
    eventually("the cut is handled", is_gone).await;
    other.expect_silence().await;
    two.send_event("client-typing", DOTS, json!({ "typing": false })).await;
    heard(&mut other, "client-typing-stopped").await;
    two.send_event("client-typing-stopped", DOTS, json!({})).await;
    two.expect_silence().await;
    other.expect_silence().await;
}

#[tokio::test]
async fn leaving_the_channel_stops_and_so_does_losing_access_to_it() {
    let app = students().await;
    let roster = app.roster().await;
    let mut other = member(&app, "8", DASHES).await;
    let mut typing = member(&app, "7", DASHES).await;
    typing.send_event("client-typing", DASHES, json!({})).await;
    heard(&mut other, "client-typing").await;
    typing.unsubscribe(DASHES).await;
    heard(&mut other, "client-typing-stopped").await;
    typing.subscribe_private(DASHES).await;
    typing.send_event("client-typing", DASHES, json!({})).await;
    heard(&mut other, "client-typing").await;
    roster.drop("7").await;
    heard(&mut other, "client-typing-stopped").await;
    typing.expect_on("pusher:subscription_error", DASHES).await;
}

#[tokio::test]
async fn whoever_may_not_write_is_not_seen_to_type() {
    let app = classroom(&[("7", Role::Student), ("5", Role::Observer), ("9", Role::Instructor)]).await;
    let quiet = Override { role: Role::Student, capability: "chat.post".to_owned(), effect: Effect::Prevent };
    let muted = campanile::domain::roster::Course { overrides: vec![quiet], ..course("1") };
    app.roster().await.put([Object::Course(muted)]).await;
    let mut teacher = member(&app, "9", DASHES).await;
    for who in ["7", "5"] {
        let mut client = member(&app, who, DASHES).await;
        client.send_event("client-typing", DASHES, json!({})).await;
        client.expect_silence().await;
        teacher.expect_silence().await;
        let body = json!({ "channel": DASHES, "typing": true });
        assert_eq!(post(&app.person(who), body).await, 403, "{who}");
    }
    let mut student = member(&app, "7", DASHES).await;
    teacher.send_event("client-typing", DASHES, json!({})).await;
    heard(&mut student, "client-typing").await;
}

#[tokio::test]
async fn whoever_does_not_share_typing_is_not_seen_to_type_until_they_do() {
    let app = students().await;
    let ada = app.person("7");
    let share = async |shares: bool| {
        ada.send(Method::PATCH, "/api/me/status", Some(&json!({ "share_typing": shares }))).await.ok()["share_typing"]
            .clone()
    };
    let mut other = member(&app, "8", DASHES).await;
    let mut own = member(&app, "7", DASHES).await;
    assert_eq!(share(false).await, false);
    own.send_event("client-typing", DASHES, json!({})).await;
    own.expect_silence().await;
    assert_eq!(post(&ada, json!({ "channel": DASHES, "typing": true })).await, 204);
    other.expect_silence().await;
    assert_eq!(app.person("9").get(&format!("/api/typing?channel={DASHES}")).await.ok()["count"], 0);
    let statuses = app.store().await.presence_typing_hidden(&AppId::parse(MAIN.id).unwrap()).await.unwrap();
    assert_eq!(statuses.into_iter().map(|user| user.to_string()).collect::<Vec<_>>(), ["7"], "it outlives the server");

    assert_eq!(share(true).await, true);
    own.send_event("client-typing", DASHES, json!({})).await;
    assert_eq!(heard(&mut other, "client-typing").await["userId"], "7");
}

#[tokio::test]
async fn what_an_application_does_in_channels_of_its_own_is_relayed_as_it_is() {
    let app = students().await;
    let (mut one, mut other) = (member(&app, "7", "private-lounge").await, member(&app, "8", "private-lounge").await);
    for _ in 0..2 {
        one.send_event("client-typing", "private-lounge", json!({ "userId": "anybody" })).await;
        let frame = other.expect_on("client-typing", "private-lounge").await;
        assert_eq!(frame["data"], json!({ "userId": "anybody" }));
    }
}

#[tokio::test]
async fn typing_by_rest_feeds_the_same_state_and_ends_with_the_socket_it_names() {
    let app = students().await;
    let mut other = member(&app, "8", DASHES).await;
    let own = member(&app, "7", DASHES).await;
    let ada = app.person("7");
    let body = json!({ "channel": DOTS, "typing": true, "context": "m-1" });
    let named = |body: &Value| ada.request(Method::POST, "/api/typing").header("X-Socket-ID", &own.id).json(body);
    assert_eq!(named(&body).send().await.unwrap().status(), 204);
    let data = heard(&mut other, "client-typing").await;
    assert_eq!((&data["userId"], &data["context"]), (&json!("7"), &json!("m-1")));
    let refused = ada.post("/api/typing", body.clone()).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());

    let late = app.person("9").get(&format!("/api/typing?channel={DASHES}")).await.ok();
    assert_eq!((&late["count"], &late["data"][0]["user"]["name"]), (&json!(1), &json!("Name of 7")));
    assert!(late["data"][0]["ttl_ms"].as_i64().unwrap() <= 6_000);
    assert_eq!(ada.get(&format!("/api/typing?channel={DASHES}")).await.ok()["count"], 0, "not oneself");
    let program = app.program(&[Scope::PresenceRead]).await;
    assert_eq!(program.get(&format!("/api/typing?channel={DASHES}")).await.ok()["count"], 1);
    assert_eq!(app.person("stranger").get(&format!("/api/typing?channel={DASHES}")).await.status, 403);

    own.cut();
    heard(&mut other, "client-typing-stopped").await;
    assert_eq!(post(&ada, json!({ "channel": DASHES, "typing": false })).await, 204);
    other.expect_silence().await;
}

#[tokio::test]
async fn a_body_that_does_not_say_where_is_refused_with_what_would_be_right() {
    let app = students().await;
    let ada = app.person("7");
    let long = "c".repeat(65);
    for (body, pointer) in [
        (json!({ "typing": true }), "/chat_id"),
        (json!({ "typing": true, "chat_id": "1", "channel": DASHES }), "/channel"),
        (json!({ "typing": true, "channel": "a b" }), "/channel"),
        (json!({ "typing": true, "chat_id": "a.b" }), "/chat_id"),
        (json!({ "typing": "yes", "channel": DASHES }), "/typing"),
        (json!({ "channel": DASHES }), "/typing"),
        (json!({ "typing": true, "channel": DASHES, "context": long }), "/context"),
    ] {
        let answer = ada.post("/api/typing", body.clone()).await;
        assert_eq!(answer.problem(422, "invalid_fields")["errors"][0]["pointer"], pointer, "{body}");
    }
    ada.get("/api/typing").await.problem(400, "invalid_parameter");
    assert_eq!(post(&app.person("stranger"), json!({ "channel": DASHES, "typing": true })).await, 403);
}

#[tokio::test]
async fn so_many_typists_are_told_by_their_number_and_staff_by_name() {
    let people: Vec<(String, Role)> = (0..52).map(|number| (format!("s{number}"), Role::Student)).collect();
    let people: Vec<(&str, Role)> = people.iter().map(|(user, role)| (user.as_str(), *role)).collect();
    let app = classroom(&people).await;
    app.roster().await.enroll(&[("9", Role::Instructor), ("8", Role::Student)]).await;
    let mut watcher = member(&app, "8", DASHES).await;
    let mut typing = Vec::new();
    for (user, _) in &people {
        typing.push(member(&app, user, DOTS).await);
    }
    let mut teacher = member(&app, "9", DOTS).await;
    for client in &mut typing {
        client.send_event("client-typing", DOTS, json!({})).await;
        client.drain().await;
    }
    teacher.send_event("client-typing", DOTS, json!({})).await;
    let (mut named, mut staff, mut count) = (0, false, 0);
    eventually("the crowd is told", async || {
        for frame in watcher.drain().await {
            match frame["event"].as_str().unwrap() {
                "client-typing" if frame["data"]["userId"] == "9" => staff = true,
                "client-typing" => named += 1,
                "client-typing-crowd" => count = frame["data"]["count"].as_u64().unwrap(),
                _ => {}
            }
        }
        staff && count > 50
    })
    .await;
    assert_eq!(named, 50, "as many as are no crowd yet");
    assert!(
        app.person("8").get(&format!("/api/typing?channel={DASHES}")).await.ok()["data"].as_array().unwrap().len() > 50
    );
}

#[tokio::test]
async fn whoever_has_sent_what_they_typed_has_stopped_typing_at_once() {
    const CHAT: &str = "private-chat-c";
    let app = enforcing().await;
    let room = app.room().await;
    let (mut typing, mut other) = (room.hears("7", CHAT).await, room.hears("8", CHAT).await);
    typing.send_event("client-typing", CHAT, json!({})).await;
    other.expect_on("client-typing", CHAT).await;
    room.said("7", "Good morning").await;
    // Before the pong, and so long before the typing would have ended by itself.
    let heard = other.drain().await;
    let names: Vec<_> = heard.iter().map(|frame| frame["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["message:new", "client-typing-stopped"], "{heard:?}");
    assert_eq!(heard[1]["data"]["userId"], "7");
    let typists = room.get("8", &format!("/api/typing?channel={CHAT}")).await.ok();
    assert_eq!(typists["data"], json!([]), "{typists}");
}
