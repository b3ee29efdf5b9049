//! Public channels that belong to a course: who hears the comments of a chapter.

use std::time::Duration;

use campanile::{
    domain::{
        access::ChannelRoutes,
        app::{AppSettings, GuardedPublic},
        caller::Scope,
        roster::{Kind, Object, Role, Visibility},
    },
    identity::session,
};
use serde_json::json;

use crate::support::{
    app::{MAIN, OTHER, TestApp},
    client::Client,
    eventually,
    roster::{course, now, person, user},
};

const COMMENTS: &str = "chapter-h-comments";

async fn with(mode: GuardedPublic) -> TestApp {
    TestApp::with_settings(|settings| settings.guarded_public = mode).await
}

async fn expect_denied(client: &mut Client, channel: &str, (status, reason): (u16, &str)) {
    client.ask(channel).await;
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    let data = &frame["data"];
    assert_eq!(
        (&data["type"], &data["status"], &data["reason"]),
        (&json!("AccessDenied"), &json!(status), &json!(reason))
    );
    client.expect_silence().await;
}

#[tokio::test]
async fn comments_of_a_course_are_for_those_who_are_enrolled_and_known() {
    let app = with(GuardedPublic::Enforce).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    roster.put([Object::User(person("8"))]).await;
    let (mut nobody, mut stranger, mut student) = (app.connect().await, app.connect().await, app.connect().await);
    expect_denied(&mut nobody, COMMENTS, (401, "not_identified")).await;
    stranger.sign_in("8").await;
    expect_denied(&mut stranger, COMMENTS, (403, "not_enrolled")).await;
    // What is there and what is not looks the same to them.
    expect_denied(&mut nobody, "chapter-999-comments", (401, "not_identified")).await;
    expect_denied(&mut stranger, "chapter-999-comments", (403, "not_enrolled")).await;
    student.sign_in("7").await;
    student.subscribe(COMMENTS).await;
    student.subscribe("cache-chapter-h-comments").await;
    student.expect("pusher:cache_miss").await;
    nobody.subscribe("room").await;
    nobody.subscribe("notifications").await;

    roster.drop("7").await;
    for _ in 0..2 {
        let frame = student.expect("pusher:subscription_error").await;
        assert_eq!(
            (&frame["data"]["type"], &frame["data"]["reason"]),
            (&json!("AccessRevoked"), &json!("enrollment_inactive"))
        );
    }
    app.publish(COMMENTS, "comment:new", "{}").await;
    student.expect_silence().await;
}

#[tokio::test]
async fn comments_of_a_public_course_are_for_everybody_until_it_is_closed() {
    let app = with(GuardedPublic::Enforce).await;
    let roster = app.roster().await;
    let mut open = course("1");
    open.visibility = Visibility::Public;
    roster.put([Object::Course(open)]).await;
    let mut nobody = app.connect().await;
    nobody.subscribe(COMMENTS).await;
    roster.put([Object::Course(course("1"))]).await;
    let frame = nobody.expect_on("pusher:subscription_error", COMMENTS).await;
    assert_eq!((&frame["data"]["type"], &frame["data"]["reason"]), (&json!("AccessRevoked"), &json!("not_identified")));
    app.publish(COMMENTS, "comment:new", "{}").await;
    nobody.expect_silence().await;
}

#[tokio::test]
async fn guarded_public_channels_are_open_to_everybody_unless_enforced() {
    for mode in [GuardedPublic::Warn, GuardedPublic::Open] {
        let app = with(mode).await;
        let roster = app.roster().await;
        roster.enroll(&[("7", Role::Student)]).await;
        let mut nobody = app.connect().await;
        nobody.subscribe(COMMENTS).await;
        app.publish(COMMENTS, "comment:new", "{}").await;
        nobody.expect_on("comment:new", COMMENTS).await;
    }
}

#[tokio::test]
async fn an_app_without_courses_is_not_guarded() {
    let app = with(GuardedPublic::Enforce).await;
    let mut nobody = app.connect().await;
    nobody.subscribe(COMMENTS).await;
    app.publish(COMMENTS, "comment:new", "{}").await;
    nobody.expect_on("comment:new", COMMENTS).await;
    let _now_there_is_one = app.roster().await;
    let frame = nobody.expect_on("pusher:subscription_error", COMMENTS).await;
    assert_eq!(frame["data"]["type"], "AccessRevoked");
}

#[tokio::test]
async fn a_token_at_the_handshake_is_enough_to_be_known() {
    let app = with(GuardedPublic::Enforce).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let who = user("7");
    let new = session::NewSession { user: &who, name: None, avatar: None, ttl: Duration::from_secs(60) };
    let token = session::issue(&MAIN.app(), &new, now()).unwrap();
    let mut student = app.open(&format!("/app/app-key?protocol=7&token={token}")).await;
    student.established().await;
    student.subscribe(COMMENTS).await;
    roster.drop("7").await;
    student.expect_on("pusher:subscription_error", COMMENTS).await;
    roster.delete(Kind::User, "7").await;
    student.refused_with(4009).await;
}

#[tokio::test]
async fn routes_of_the_application_guard_its_own_channels() {
    let set = |settings: &mut AppSettings| {
        settings.channel_routes = ChannelRoutes::parse("helpdesk-{id}=class-staff,lounge=signed_in").unwrap();
    };
    let app = TestApp::with_settings(set).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("9", Role::Assistant)]).await;
    let (mut student, mut staff, mut nobody) = (app.connect().await, app.connect().await, app.connect().await);
    student.sign_in("7").await;
    staff.sign_in("9").await;
    expect_denied(&mut student, "helpdesk-k", (403, "wrong_role")).await;
    staff.subscribe("helpdesk-k").await;
    expect_denied(&mut nobody, "lounge", (401, "not_identified")).await;
    student.subscribe("lounge").await;
    nobody.subscribe("helpdesk").await;
}

#[tokio::test]
async fn what_was_open_is_guarded_for_those_who_hear_it_already_once_the_app_says_so() {
    let app = TestApp::with_two_apps().await;
    let office = app.program_of(OTHER, &[Scope::RosterWrite]).await;
    assert_eq!(office.put("/api/courses/1", json!({ "title": "A course" })).await.status, 201);
    let store = app.store().await;
    let set = async |mode: &str| {
        assert!(store.app_setting_set(&OTHER.app().id, "guarded_public", mode, now()).await.unwrap());
    };
    set("open").await;
    let mut nobody = app.connect_to(OTHER).await;
    eventually("the channel is open", async || {
        nobody.ask(COMMENTS).await;
        nobody.frame().await["event"] == "pusher_internal:subscription_succeeded"
    })
    .await;
    set("enforce").await;
    let told = nobody.expect_on("pusher:subscription_error", COMMENTS).await;
    assert_eq!((&told["data"]["type"], &told["data"]["reason"]), (&json!("AccessRevoked"), &json!("not_identified")));
    nobody.send_event("client-wave", COMMENTS, json!({})).await;
    assert!(nobody.expect_error(4009).await.contains("not a member"), "its session knows");
    nobody.expect_silence().await;
    nobody.close().await;
}
