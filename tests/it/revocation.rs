//! Access that ends while a socket is open: by a drop, a date, an archived course, a role, a closed account.

use campanile::domain::{
    app::{AppSettings, Authz, ClientEvents},
    roster::{Kind, Object, Role, Status},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{MAIN, TestApp},
    client::{Client, member},
    eventually,
    roster::{course, enrollment, now, person},
};

const COURSE: &str = "private-course.1";
const PRESENCE: &str = "presence-course.1.users";

/// A server on which the roster must agree, and on which nobody hears who comes and goes.
async fn enforcing() -> TestApp {
    TestApp::with_settings(|settings| {
        settings.authz = Authz::Enforce;
        settings.presence_events = false;
    })
    .await
}

/// Opens a socket that is signed in.
async fn signed_in(app: &TestApp, user: &str) -> Client {
    let mut client = app.connect().await;
    client.sign_in(user).await;
    client
}

/// The next frame, which must take this channel away for this reason.
async fn expect_revoked(client: &mut Client, channel: &str, reason: &str) -> Value {
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    let data = &frame["data"];
    assert_eq!(
        (&data["type"], &data["status"], &data["reason"]),
        (&json!("AccessRevoked"), &json!(403), &json!(reason))
    );
    assert!(data["error"].as_str().is_some_and(|error| !error.is_empty()), "{frame}");
    frame
}

/// The next frame, which must refuse this channel for this reason; nothing else comes.
async fn expect_denied(client: &mut Client, channel: &str, reason: &str) {
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    let data = &frame["data"];
    assert_eq!((&data["type"], &data["reason"]), (&json!("AccessDenied"), &json!(reason)), "{frame}");
    let status = if reason == "not_identified" { 401 } else { 403 };
    assert_eq!(data["status"], status, "{frame}");
    client.expect_silence().await;
}

#[tokio::test]
async fn dropped_student_is_told_and_hears_and_says_nothing_more_and_the_others_see_them_leave() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("9", Role::Instructor)]).await;
    let (mut student, mut teacher) = (app.connect().await, signed_in(&app, "9").await);
    teacher.join(PRESENCE, "9").await;
    student.join(PRESENCE, "7").await;
    teacher.expect_on("pusher_internal:member_added", PRESENCE).await;
    student.subscribe_private(COURSE).await;
    student.subscribe_private("private-user.7").await;
    teacher.subscribe_private(COURSE).await;
    student.send_event("client-wave", COURSE, json!({})).await;
    teacher.expect_on("client-wave", COURSE).await;

    roster.drop("7").await;
    let left = teacher.expect_on("pusher_internal:member_removed", PRESENCE).await;
    assert_eq!(left["data"], r#"{"user_id":"7"}"#);
    let mut told = [student.frame().await, student.frame().await];
    told.sort_by_key(|frame| frame["channel"].to_string());
    for (frame, channel) in told.iter().zip([PRESENCE, COURSE]) {
        let expected = json!({
            "event": "pusher:subscription_error",
            "channel": channel,
            "data": {
                "type": "AccessRevoked", "error": "enrollment 'e7' is dropped", "reason": "enrollment_inactive", "status": 403,
            },
        });
        assert_eq!(*frame, expected);
    }
    app.publish(COURSE, "news", "1").await;
    app.publish(PRESENCE, "news", "1").await;
    student.send_event("client-wave", COURSE, json!({})).await;
    assert!(student.expect_error(4009).await.contains("not a member"));
    student.expect_silence().await;
    teacher.expect_on("news", COURSE).await;
    teacher.expect_on("news", PRESENCE).await;
    teacher.expect_silence().await;
    app.publish("private-user.7", "bell", "1").await;
    student.expect_on("bell", "private-user.7").await;

    let reason = r#"{"reason":"enrollment_inactive"}"#.to_owned();
    let row = |channel: &str| ("7".to_owned(), channel.to_owned(), reason.clone());
    eventually("the audit is written", async || {
        let mut audit = roster.revoked().await;
        audit.sort();
        audit == [row(PRESENCE), row(COURSE)]
    })
    .await;
    student.ask_signed(COURSE, None).await;
    expect_denied(&mut student, COURSE, "enrollment_inactive").await;
}

#[tokio::test]
async fn where_everybody_may_send_a_dropped_student_may_not() {
    let app = TestApp::with_settings(|settings| {
        (settings.authz, settings.client_events) = (Authz::Enforce, ClientEvents::All);
        settings.presence_events = false;
    })
    .await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("9", Role::Instructor)]).await;
    let (mut student, mut teacher) = (signed_in(&app, "7").await, signed_in(&app, "9").await);
    student.subscribe_private(COURSE).await;
    teacher.subscribe_private(COURSE).await;
    roster.drop("7").await;
    expect_revoked(&mut student, COURSE, "enrollment_inactive").await;
    student.send_event("client-wave", COURSE, json!({})).await;
    assert!(student.expect_error(4009).await.contains("not a member"));
    teacher.subscribe_private("private-course-1").await;
    let mut stranger = app.connect().await;
    for (client, channel) in [(&mut student, "private-course-1"), (&mut stranger, COURSE)] {
        client.send_event("client-wave", channel, json!({})).await;
        assert!(client.expect_error(4009).await.contains("not a member"), "by any name, and from any socket");
    }
    teacher.expect_silence().await;
    teacher.subscribe_private("private-lounge").await;
    stranger.send_event("client-wave", "private-lounge", json!({})).await;
    teacher.expect_on("client-wave", "private-lounge").await;
    roster.enroll(&[("7", Role::Student)]).await;
    eventually("the student is let in again", async || {
        student.ask_signed(COURSE, None).await;
        student.frame().await["event"] == "pusher_internal:subscription_succeeded"
    })
    .await;
    student.send_event("client-wave", COURSE, json!({})).await;
    teacher.expect_on("client-wave", COURSE).await;
}

#[tokio::test]
async fn who_is_enrolled_again_may_subscribe_again_and_hears() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let mut student = signed_in(&app, "7").await;
    student.subscribe_private(COURSE).await;
    roster.drop("7").await;
    expect_revoked(&mut student, COURSE, "enrollment_inactive").await;
    roster.enroll(&[("7", Role::Student)]).await;
    // Whoever was refused is let in as soon as the server has seen the return.
    eventually("the student is let in again", async || {
        student.ask_signed(COURSE, None).await;
        student.frame().await["event"] == "pusher_internal:subscription_succeeded"
    })
    .await;
    app.publish(COURSE, "news", "1").await;
    student.expect_on("news", COURSE).await;
    student.send_event("client-wave", COURSE, json!({})).await;
    student.expect_silence().await;
}

#[tokio::test]
async fn a_drop_and_a_return_at_once_leave_the_subscription_whole_or_ended() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("8", Role::Student)]).await;
    let (mut student, mut other) = (signed_in(&app, "7").await, signed_in(&app, "8").await);
    student.subscribe_private(COURSE).await;
    other.subscribe_private(COURSE).await;
    for _ in 0..5 {
        roster.drop("7").await;
        roster.enroll(&[("7", Role::Student)]).await;
    }
    // The server has seen all of it when it has seen what came later.
    roster.drop("8").await;
    expect_revoked(&mut other, COURSE, "enrollment_inactive").await;
    let ended = student.drain().await;
    assert!(ended.len() <= 1, "{ended:?}");
    app.publish(COURSE, "news", "1").await;
    let heard = student.drain().await;
    assert_eq!(heard.len(), 1 - ended.len(), "ended: {ended:?}, heard: {heard:?}");
    student.subscribe_private(COURSE).await;
}

#[tokio::test]
async fn access_lapses_when_the_end_of_the_enrollment_comes() {
    let app = enforcing().await;
    let roster = app.roster().await;
    let mut ending = enrollment("7", Role::Student);
    ending.end_at = Some(now() + TimeDelta::seconds(2));
    roster.put([Object::User(person("7")), Object::Enrollment(ending)]).await;
    let mut student = signed_in(&app, "7").await;
    student.subscribe_private(COURSE).await;
    student.subscribe_private("private-course-1").await;
    student.subscribe_private("private-user.7").await;
    let mut channels = Vec::new();
    for _ in 0..2 {
        let frame = student.expect("pusher:subscription_error").await;
        assert_eq!((&frame["data"]["reason"], &frame["data"]["type"]), (&json!("ended"), &json!("AccessRevoked")));
        channels.push(frame["channel"].as_str().unwrap().to_owned());
    }
    channels.sort();
    assert_eq!(channels, ["private-course-1", COURSE], "in both spellings");
    student.expect_silence().await;
}

#[tokio::test]
async fn archiving_a_course_ends_the_access_of_all_its_students_and_of_nobody_else() {
    const STUDENTS: usize = 300;
    let app = enforcing().await;
    let roster = app.roster().await;
    let names: Vec<String> = (0..STUDENTS).map(|number| format!("s{number}")).collect();
    let people: Vec<_> = names.iter().map(|name| (name.as_str(), Role::Student)).collect();
    roster.enroll(&people).await;
    roster.enroll(&[("9", Role::Instructor)]).await;
    let mut students = app.crowd(STUDENTS).await;
    for (student, name) in students.iter_mut().zip(&names) {
        student.sign_in(name).await;
        student.subscribe_private(COURSE).await;
    }
    let mut teacher = signed_in(&app, "9").await;
    teacher.subscribe_private(COURSE).await;
    let mut archived = course("1");
    archived.archived_at = Some(now());
    roster.put([Object::Course(archived)]).await;
    for student in &mut students {
        expect_revoked(student, COURSE, "course_archived").await;
    }
    app.publish(COURSE, "news", "1").await;
    teacher.expect_on("news", COURSE).await;
    for student in &mut students {
        student.expect_silence().await;
    }
    eventually("the audit is written", async || roster.revoked().await.len() == STUDENTS).await;
}

#[tokio::test]
async fn a_change_of_role_opens_and_closes_the_staffs_channels() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let mut client = signed_in(&app, "7").await;
    client.subscribe_private(COURSE).await;
    let staff = "private-course-1-instructor";
    client.ask_signed(staff, None).await;
    expect_denied(&mut client, staff, "wrong_role").await;
    roster.enroll(&[("7", Role::Assistant)]).await;
    eventually("the assistant is let in", async || {
        client.ask_signed(staff, None).await;
        client.frame().await["event"] == "pusher_internal:subscription_succeeded"
    })
    .await;
    roster.enroll(&[("7", Role::Student)]).await;
    expect_revoked(&mut client, staff, "wrong_role").await;
    app.publish(COURSE, "news", "1").await;
    client.expect_on("news", COURSE).await;
}

#[tokio::test]
async fn whoever_listens_to_their_own_channel_is_told_once_of_another_role_in_the_grammar_that_they_speak() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("8", Role::Student)]).await;
    let (mut dots, mut dashes) = (signed_in(&app, "7").await, signed_in(&app, "7").await);
    let mut other = signed_in(&app, "8").await;
    for (client, own) in
        [(&mut dots, "private-user.7"), (&mut dashes, "private-user-7"), (&mut other, "private-user.8")]
    {
        for channel in [COURSE, "private-course-1", own] {
            client.subscribe_private(channel).await;
        }
    }
    roster.enroll(&[("7", Role::Assistant)]).await;
    for event in ["App\\Events\\AccessChanged", "access.changed"] {
        let frame = dots.expect_on(event, "private-user.7").await;
        let data: Value = serde_json::from_str(frame["data"].as_str().unwrap()).unwrap();
        let told = (&data["course"], &data["role"], &data["previous_role"]);
        assert_eq!(told, (&json!("1"), &json!("assistant"), &json!("student")));
    }
    let frame = dashes.expect_on("access:changed", "private-user-7").await;
    let data: Value = serde_json::from_str(frame["data"].as_str().unwrap()).unwrap();
    assert_eq!((&data["role"], &data["previousRole"]), (&json!("assistant"), &json!("student")));
    // A change that is none of theirs says nothing.
    roster.put([Object::Course(course("1"))]).await;
    for client in [&mut dots, &mut dashes, &mut other] {
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn sockets_of_a_closed_or_deleted_account_are_closed_with_4009_and_others_stay() {
    // Not even the roster has to be in force for this.
    let app = TestApp::with_settings(|settings| settings.presence_events = false).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("8", Role::Student), ("9", Role::Student)]).await;
    let (mut closed, mut deleted, mut stays) =
        (signed_in(&app, "7").await, app.connect().await, signed_in(&app, "9").await);
    deleted.join(PRESENCE, "8").await;
    stays.join(PRESENCE, "9").await;
    deleted.expect_on("pusher_internal:member_added", PRESENCE).await;
    let mut off = person("7");
    off.deactivated_at = Some(now());
    roster.put([Object::User(off)]).await;
    closed.refused_with(4009).await;
    roster.delete(Kind::User, "8").await;
    expect_revoked(&mut deleted, PRESENCE, "user_deactivated").await;
    deleted.refused_with(4009).await;
    stays.expect_on("pusher_internal:member_removed", PRESENCE).await;
    stays.expect_silence().await;
    let mut back = app.connect().await;
    back.sign_in("7").await;
    back.refused_with(4009).await;
}

#[tokio::test]
async fn under_trust_a_signature_suffices_and_only_what_the_roster_gave_is_taken_away_by_it() {
    let app = TestApp::with_settings(|settings| settings.presence_events = false).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    roster.put([Object::User(person("8"))]).await;
    let (mut student, mut stranger) = (signed_in(&app, "7").await, signed_in(&app, "8").await);
    let mut unknown = app.connect().await;
    for client in [&mut student, &mut stranger, &mut unknown] {
        client.subscribe_private(COURSE).await;
    }
    let mut renamed = person("8");
    renamed.name = "Another name".to_owned();
    roster.put([Object::User(renamed)]).await;
    roster.drop("7").await;
    expect_revoked(&mut student, COURSE, "enrollment_inactive").await;
    app.publish(COURSE, "news", "1").await;
    stranger.expect_on("news", COURSE).await;
    unknown.expect_on("news", COURSE).await;
    student.expect_silence().await;
    student.subscribe_private(COURSE).await;
}

#[tokio::test]
async fn under_enforce_the_roster_must_agree_and_says_why_not() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("6", Role::Observer)]).await;
    let mut pending = enrollment("5", Role::Student);
    pending.status = Status::Invited;
    roster.put([Object::User(person("8")), Object::User(person("5")), Object::Enrollment(pending)]).await;
    let table = [
        // Strangers hear the same whatever is there.
        ("8", COURSE, "not_enrolled"),
        ("404", COURSE, "not_enrolled"),
        ("7", "private-course.2", "not_enrolled"),
        ("7", "private-role.admin", "not_enrolled"),
        ("5", COURSE, "enrollment_inactive"),
        ("6", "private-class.k", "wrong_role"),
        ("7", "private-user.8", "not_yours"),
    ];
    for (user, channel, reason) in table {
        let mut client = signed_in(&app, user).await;
        client.ask_signed(channel, None).await;
        expect_denied(&mut client, channel, reason).await;
    }
    let mut stranger = app.connect().await;
    let data = member("8");
    stranger.ask_signed(PRESENCE, Some(&data)).await;
    expect_denied(&mut stranger, PRESENCE, "not_enrolled").await;
    let data = r#"{"user_id":"8"}"#;
    stranger.ask_signed(COURSE, Some(data)).await;
    expect_denied(&mut stranger, COURSE, "not_enrolled").await;

    let mut student = signed_in(&app, "7").await;
    for channel in [COURSE, "private-course-1", "private-class-k", "private-chapter.h.comments", "private-role-student"]
    {
        student.subscribe_private(channel).await;
    }
    // About what is the application's own, the signature decides.
    for channel in ["private-orders.1", "private-thread.1", "private-doc-1"] {
        student.subscribe_private(channel).await;
    }
}

#[tokio::test]
async fn messages_behind_a_subscription_that_waits_for_the_roster_keep_their_order() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let mut student = signed_in(&app, "7").await;
    let subscribe = |channel: &str, auth: String| json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": auth } });
    let channels = [COURSE, "private-class.k", "private-course.404", "private-chapter-h-comments"];
    let auth = |channel: &str| MAIN.channel_auth(&student.id, channel, None);
    let mut frames: Vec<Value> = channels.iter().map(|channel| subscribe(channel, auth(channel))).collect();
    frames.push(subscribe("room", String::new()));
    frames.push(json!({ "event": "pusher:unsubscribe", "data": { "channel": COURSE } }));
    frames.push(json!({ "event": "client-x", "channel": COURSE, "data": "x".repeat(600) }));
    frames.push(json!({ "event": "pusher:ping", "data": {} }));
    student.send_at_once(frames).await;
    student.expect_on("pusher_internal:subscription_succeeded", COURSE).await;
    student.expect_on("pusher_internal:subscription_succeeded", "private-class.k").await;
    student.expect_on("pusher:subscription_error", "private-course.404").await;
    student.expect_on("pusher_internal:subscription_succeeded", "private-chapter-h-comments").await;
    student.expect_on("pusher_internal:subscription_succeeded", "room").await;
    student.expect_error(4009).await;
    student.expect("pusher:pong").await;
}

#[tokio::test]
async fn a_socket_that_closes_while_it_waits_for_the_roster_is_answered() {
    let app = enforcing().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let mut student = signed_in(&app, "7").await;
    student.ask_signed(COURSE, None).await;
    student.close().await;
}

#[tokio::test]
async fn a_socket_of_nobody_known_is_sent_away_from_guarded_channels_and_one_that_signs_in_stays() {
    let set = |settings: &mut AppSettings| {
        (settings.authz, settings.max_unbound_lease, settings.presence_events) = (Authz::Enforce, 1, false);
    };
    let app = TestApp::with_settings(set).await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let (mut unknown, mut student, mut stranger) = (app.connect().await, app.connect().await, app.connect().await);
    let mut elsewhere = app.connect().await;
    elsewhere.subscribe_private("private-orders.1").await;
    for client in [&mut student, &mut stranger, &mut unknown] {
        client.subscribe_private(COURSE).await;
    }
    student.sign_in("7").await;
    stranger.sign_in("404").await;
    expect_revoked(&mut stranger, COURSE, "not_enrolled").await;
    unknown.refused_with(4200).await;
    app.publish(COURSE, "news", "1").await;
    student.expect_on("news", COURSE).await;
    elsewhere.expect_silence().await;
}
