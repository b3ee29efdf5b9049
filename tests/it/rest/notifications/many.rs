//! Notifications to many: to whom they go, who may send them, when, how often, and what a crash leaves behind.

use campanile::{
    domain::{
        audience::{Audience, AudienceType},
        broadcast::LogFilter,
        caller::Scope,
        notification::{BroadcastState, Category, Content, NotificationBroadcast},
    },
    ids::AppId,
    store::{Config, NewApp, Store},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LARAVEL, MANY, OWN, course, created, school, text, to, unread, until};
use crate::support::{
    answer::finish,
    app::{MAIN, OTHER, TestApp},
    eventually,
    rest::now,
};

#[tokio::test]
async fn a_class_is_notified_and_everybody_in_it_has_one_of_their_own() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut socket = app.person("7").hears(OWN).await;
    let taken = app.person("8").post(MANY, to(json!({ "type": "class", "ids": ["12"] }))).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
    assert_eq!((&taken.json()["estimated_recipients"], &taken.json()["state"]), (&json!(4), &json!("sent")));
    let done = until(&office, &taken.json()["broadcast_id"], "sent").await;
    assert_eq!((&done["recipients"], &done["muted"], &done["created_by"]), (&json!(4), &json!(0), &json!("user:8")));
    let event = created(&mut socket, LARAVEL, OWN).await;
    assert_eq!(event["event_id"], taken.json()["broadcast_id"], "all copies share it");
    assert_eq!(event["actor"], json!({ "id": "8", "name": "User 8", "role": "instructor" }));
    assert_eq!(
        (&event["notification"]["course_id"], &event["notification"]["actor_name"]),
        (&json!("101"), &json!("User 8"))
    );
    for (user, count) in [("7", 1), ("6", 1), ("5", 1), ("8", 1), ("9", 0)] {
        assert_eq!(unread(&app.person(user)).await, count, "{user}");
    }
}

#[tokio::test]
async fn who_may_not_notify_is_told_why_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let class = json!({ "type": "class", "ids": ["12"] });
    let org = json!({ "type": "org", "ids": ["1"] });
    for (user, audience, code) in [
        ("7", course(), "wrong_role"),
        ("7", class.clone(), "wrong_role"),
        ("5", course(), "wrong_role"),
        ("9", course(), "not_enrolled"),
        ("9", json!({ "type": "course", "ids": ["999"] }), "not_enrolled"),
        ("8", org, "not_enrolled"),
        ("8", json!({ "type": "all" }), "programs_only"),
        ("8", json!({ "type": "role", "roles": ["student"] }), "programs_only"),
        ("8", json!({ "type": "user", "ids": ["7"] }), "programs_only"),
        ("8", json!({ "type": "course", "ids": ["101", "102"] }), "not_enrolled"),
    ] {
        app.person(user).post(MANY, to(audience.clone())).await.problem(403, code);
    }
    assert_eq!(app.person("5").post(MANY, to(class)).await.status, 202, "an assistant may notify a class");
    let there = app.person("9").post(MANY, to(course())).await.problem(403, "not_enrolled");
    let nowhere = app.person("9").post(MANY, to(json!({ "type": "course", "ids": ["999"] }))).await;
    assert_eq!(there["detail"], nowhere.problem(403, "not_enrolled")["detail"], "a stranger learns nothing");
    app.program(&[Scope::RosterWrite]).await.post(MANY, to(course())).await.problem(403, "missing_scope");
    assert_eq!(unread(&app.person("6")).await, 1);
    drop(office);
}

#[tokio::test]
async fn a_program_acts_on_behalf_of_a_teacher_and_only_as_they_may() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let as_user = async |user: &str| {
        let request = office.request(Method::POST, MANY).header("X-On-Behalf-Of", user).json(&to(course()));
        finish(&app, request).await
    };
    as_user("7").await.problem(403, "wrong_role");
    let taken = as_user("8").await;
    assert_eq!(taken.status, 202);
    assert_eq!(until(&office, &taken.json()["broadcast_id"], "sent").await["created_by"], "user:8");
}

#[tokio::test]
async fn what_is_wrong_with_a_notification_is_named() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let wrong = async |field: &str, value: Value, pointer: &str| {
        let mut body = to(course());
        body[field] = value;
        let problem = office.post(MANY, body.clone()).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    };
    wrong("title", json!(""), "/title").await;
    wrong("title", json!("x".repeat(256)), "/title").await;
    wrong("body", json!("x".repeat(4_001)), "/body").await;
    wrong("url", json!("javascript:alert(1)"), "/url").await;
    wrong("category", json!("gossip"), "/category").await;
    wrong("data", json!({ "a": "x".repeat(16_384) }), "/data").await;
    wrong("data", json!([1]), "/data").await;
    wrong("group_key", json!("x".repeat(129)), "/group_key").await;
    wrong("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at").await;
    wrong("schedule_at", json!(text(now() + TimeDelta::days(367))), "/schedule_at").await;
    wrong("schedule_at", json!(text(now() - TimeDelta::minutes(2))), "/schedule_at").await;
    wrong("audience", json!({ "type": "course", "ids": [] }), "/audience/ids").await;
    wrong("audience", json!({ "type": "school", "ids": ["1"] }), "/audience/type").await;
    wrong("audience", json!({ "type": "course", "ids": ["1", "a.b"] }), "/audience/ids/1").await;
    wrong("audience", json!({ "type": "all", "roles": ["student"] }), "/audience/roles").await;
    wrong("public", json!(true), "/public").await;
    wrong("colour", json!("red"), "/colour").await;
    assert_eq!(unread(&app.person("7")).await, 0);
}

#[tokio::test]
async fn overlapping_courses_reach_each_person_once_and_an_empty_audience_nobody() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    office.keep("/api/courses/102", json!({ "title": "Algebra" })).await;
    office.keep("/api/enrollments/72", json!({ "user": "7", "course": "102", "role": "student" })).await;
    let both = office.post(MANY, to(json!({ "type": "course", "ids": ["101", "102", "101"] }))).await.json();
    assert_eq!(both["estimated_recipients"], 4);
    until(&office, &both["broadcast_id"], "sent").await;
    assert_eq!(unread(&app.person("7")).await, 1);

    office.keep("/api/courses/103", json!({ "title": "Empty" })).await;
    let nobody = office.post(MANY, to(json!({ "type": "course", "ids": ["103"] }))).await;
    assert_eq!((nobody.status, &nobody.json()["estimated_recipients"]), (202, &json!(0)));
    assert_eq!(until(&office, &nobody.json()["broadcast_id"], "sent").await["recipients"], 0);

    let part = json!({ "type": "course", "ids": ["101"], "roles": ["student"], "exclude": ["6"] });
    let part = office.post(MANY, to(part)).await.json();
    assert_eq!(until(&office, &part["broadcast_id"], "sent").await["recipients"], 1);
    assert_eq!((unread(&app.person("7")).await, unread(&app.person("6")).await), (2, 1));
    let all = office.post(MANY, to(json!({ "type": "all" }))).await.json();
    assert_eq!(until(&office, &all["broadcast_id"], "sent").await["recipients"], 5);
    let staff = office.post(MANY, to(json!({ "type": "role", "roles": ["instructor", "assistant"] }))).await.json();
    assert_eq!(until(&office, &staff["broadcast_id"], "sent").await["recipients"], 2);
}

#[tokio::test]
async fn places_that_the_roster_does_not_have_are_refused_and_named() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let refused = async |audience: Value, named: &[&str]| {
        let mut planned = to(audience.clone());
        planned["schedule_at"] = json!(text(now() + TimeDelta::hours(1)));
        for body in [to(audience), planned] {
            let problem = office.post(MANY, body.clone()).await.problem(422, "invalid_fields");
            let errors = problem["errors"].as_array().unwrap();
            let messages: Vec<_> = errors.iter().map(|error| error["message"].as_str().unwrap()).collect();
            assert_eq!(messages, named, "{body}");
            assert!(errors.iter().all(|error| error["pointer"] == "/audience/ids" && error["code"] == "not_in_roster"));
        }
    };
    let none = |kind: &str, id: &str| format!("there is no {kind} '{id}' in the roster");
    refused(json!({ "type": "class", "ids": ["12", "13"] }), &[&none("class", "13")]).await;
    refused(json!({ "type": "course", "ids": ["x", "101", "9"] }), &[&none("course", "9"), &none("course", "x")]).await;
    refused(json!({ "type": "org", "ids": ["o"] }), &[&none("org", "o")]).await;
    refused(json!({ "type": "role", "roles": ["student"], "ids": ["o"] }), &[&none("org", "o")]).await;
    refused(json!({ "type": "course", "ids": ["9"], "roles": ["student"] }), &[&none("course", "9")]).await;
    assert_eq!(unread(&app.person("7")).await, 0);

    // People who are not there are passed over, and what goes later is kept to.
    let some = office.post(MANY, to(json!({ "type": "user", "ids": ["7", "nobody"] }))).await;
    assert_eq!((some.status, &some.json()["estimated_recipients"]), (202, &json!(1)));
    let mut planned = to(course());
    planned["schedule_at"] = json!(text(now() + TimeDelta::hours(1)));
    assert_eq!(office.post(MANY, planned).await.status, 202);
}

#[tokio::test]
async fn more_people_than_fit_into_one_piece_all_get_theirs() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let operations: Vec<_> = (1_000..1_250)
        .flat_map(|user| {
            let user = user.to_string();
            let person = json!({ "op": "put", "kind": "user", "id": user, "data": { "name": user } });
            let part = json!({ "user": user, "course": "101", "role": "student" });
            [person, json!({ "op": "put", "kind": "enrollment", "id": user, "data": part })]
        })
        .collect();
    office.post("/api/roster/batch", json!({ "operations": operations })).await.ok();
    let mut last = app.person("1249").hears("private-user.1249").await;
    let taken = office.post(MANY, to(course())).await.json();
    assert_eq!(taken["estimated_recipients"], 254);
    let done = until(&office, &taken["broadcast_id"], "sent").await;
    assert_eq!((&done["recipients"], &done["muted"]), (&json!(254), &json!(0)));
    let event = created(&mut last, LARAVEL, "private-user.1249").await;
    assert_eq!(event["event_id"], taken["broadcast_id"]);
    for user in ["1000", "1100", "1249", "7"] {
        assert_eq!(unread(&app.person(user)).await, 1, "{user}");
    }
}

#[tokio::test]
async fn a_student_dropped_between_planning_and_sending_gets_nothing_and_a_new_one_does() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut body = to(course());
    body["schedule_at"] = json!(text(now() + TimeDelta::seconds(2)));
    let planned = office.post(MANY, body).await.json();
    assert_eq!((&planned["state"], &planned["estimated_recipients"]), (&json!("scheduled"), &json!(4)));
    office.delete("/api/enrollments/9001").await.ok();
    office.keep("/api/enrollments/9", json!({ "user": "9", "course": "101", "role": "student" })).await;
    assert_eq!(unread(&app.person("6")).await, 0, "its time has not come");
    let done = until(&office, &planned["broadcast_id"], "sent").await;
    assert_eq!(done["recipients"], 4);
    for (user, count) in [("7", 0), ("9", 1), ("6", 1)] {
        assert_eq!(unread(&app.person(user)).await, count, "{user}");
    }
}

#[tokio::test]
async fn what_is_planned_can_be_called_off_by_its_sender_until_it_goes_out() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let teacher = app.person("8");
    let mut body = to(course());
    body["schedule_at"] = json!(text(now() + TimeDelta::hours(1)));
    let planned = teacher.post(MANY, body.clone()).await.json();
    let path = format!("/api/notification-broadcasts/{}", planned["broadcast_id"].as_str().unwrap());
    for other in ["5", "7", "9"] {
        app.person(other).get(&path).await.problem(404, "not_found");
        app.person(other).delete(&path).await.problem(404, "not_found");
    }
    assert_eq!(teacher.get(&path).await.ok()["state"], "scheduled");
    assert_eq!(teacher.delete(&path).await.ok()["state"], "cancelled");
    teacher.delete(&path).await.problem(409, "too_late");
    let sent = office.post(MANY, to(course())).await.json();
    until(&office, &sent["broadcast_id"], "sent").await;
    let path = format!("/api/notification-broadcasts/{}", sent["broadcast_id"].as_str().unwrap());
    office.delete(&path).await.problem(409, "too_late");
    office.get("/api/notification-broadcasts/nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_teacher_sends_to_many_so_often_in_an_hour_and_the_refusal_is_logged() {
    let app = TestApp::with_settings(|settings| settings.notification_broadcasts_per_hour = 2).await;
    let _office = school(&app).await;
    let teacher = app.person("8");
    for _ in 0..2 {
        assert_eq!(teacher.post(MANY, to(course())).await.status, 202);
    }
    let refused = teacher.post(MANY, to(course())).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.person("5").post(MANY, to(json!({ "type": "class", "ids": ["12"] }))).await.status, 202);
    let admin = app.program(&[Scope::Admin]).await;
    let log = admin.get("/api/broadcast-log?actor=user:8").await.ok();
    let rows: Vec<_> = log["data"].as_array().unwrap().iter().map(|row| (&row["outcome"], &row["channel"])).collect();
    assert!(rows.contains(&(&json!("rate_limited"), &json!("course:101"))), "{log}");
}

/// A sending to four people that was due an hour ago.
fn overdue(id: &str) -> NotificationBroadcast {
    let long_ago = now() - TimeDelta::hours(1);
    let people = ["6", "7", "8", "9"].map(str::to_owned);
    NotificationBroadcast {
        id: id.to_owned(),
        audience: Audience::parse(AudienceType::User, &people, &[], &[]).unwrap(),
        content: Content {
            category: Category::Live,
            kind: None,
            title: "We begin".to_owned(),
            body: String::new(),
            url: None,
            data: None,
            group_key: None,
            expires_at: None,
        },
        is_public: false,
        created_by: "user:8".to_owned(),
        except: None,
        actor: None,
        state: BroadcastState::Scheduled,
        estimated: 4,
        recipients: 0,
        muted: 0,
        done_up_to: None,
        created_at: long_ago,
        scheduled_at: long_ago,
        sent_at: None,
    }
}

/// A new database.
async fn database(folder: &TempDir) -> (String, Store) {
    let url = format!("sqlite://{}", folder.path().join("campanile.db").display());
    let store = Store::open(&Config { url: url.clone(), ..Config::default() }).await.unwrap();
    store.migrate().await.unwrap();
    (url, store)
}

#[tokio::test]
async fn what_a_crash_left_half_sent_is_finished_after_the_start_and_nobody_gets_it_twice() {
    let folder = TempDir::new().unwrap();
    let (url, store) = database(&folder).await;
    let id = AppId::parse(MAIN.id).unwrap();
    let planned = NotificationBroadcast {
        state: BroadcastState::Sending,
        recipients: 2,
        done_up_to: Some("7".to_owned()),
        ..overdue("01K5F3ZKJ8S9T3V8Y4Q0N2R7XB")
    };
    let late = NotificationBroadcast {
        id: "01K5F3ZKJ8S9T3V8Y4Q0N2R7XC".to_owned(),
        state: BroadcastState::Scheduled,
        content: Content { expires_at: Some(planned.scheduled_at + TimeDelta::minutes(1)), ..planned.content.clone() },
        done_up_to: None,
        ..planned.clone()
    };
    for one in [&planned, &late] {
        assert!(store.notification_broadcast_insert(&id, one, None).await.unwrap());
    }
    let app = TestApp::with(|config| config.store.url = url.parse().unwrap()).await;
    let state = async |of: &NotificationBroadcast| store.notification_broadcast(&id, &of.id).await.unwrap().unwrap();
    eventually("it is sent", async || state(&planned).await.state == BroadcastState::Sent).await;
    assert_eq!(state(&planned).await.recipients, 4);
    for (user, count) in [("6", 0), ("7", 0), ("8", 1), ("9", 1)] {
        assert_eq!(unread(&app.person(user)).await, count, "{user}");
    }
    eventually("it is over", async || state(&late).await.state == BroadcastState::Expired).await;
    let log = store.broadcast_log_list(&id, &LogFilter::default(), (None, 10)).await.unwrap();
    let mut outcomes: Vec<_> = log.iter().map(|(_, row)| (row.outcome.name(), row.receivers)).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("expired", 0), ("sent", 4)]);
}

#[tokio::test]
async fn an_app_that_is_switched_off_keeps_its_sendings_and_nobody_else_from_theirs() {
    let folder = TempDir::new().unwrap();
    let (url, store) = database(&folder).await;
    store.app_create(NewApp { enabled: false, ..OTHER.row() }, now()).await.unwrap();
    let (main, off) = (AppId::parse(MAIN.id).unwrap(), AppId::parse(OTHER.id).unwrap());
    for number in 10..31 {
        let waiting = overdue(&format!("01K5F3ZKJ8S9T3V8Y4Q0N2R7{number}"));
        let waiting = NotificationBroadcast { scheduled_at: waiting.scheduled_at - TimeDelta::hours(1), ..waiting };
        assert!(store.notification_broadcast_insert(&off, &waiting, None).await.unwrap());
    }
    let due = overdue("01K5F3ZKJ8S9T3V8Y4Q0N2R7XB");
    assert!(store.notification_broadcast_insert(&main, &due, None).await.unwrap());
    let _app = TestApp::with(|config| config.store.url = url.parse().unwrap()).await;
    let state = async || store.notification_broadcast(&main, &due.id).await.unwrap().unwrap().state;
    eventually("it is sent", async || state().await == BroadcastState::Sent).await;
    assert_eq!(store.notification_broadcasts_due(&off, now(), 100).await.unwrap().len(), 21);
}

#[tokio::test]
async fn the_socket_that_is_named_does_not_hear_what_its_user_sends_to_many() {
    let app = TestApp::start().await;
    let _office = school(&app).await;
    let teacher = app.person("8");
    let (mut own, mut tab) = (teacher.hears("private-user.8").await, teacher.hears("private-user.8").await);
    let request = teacher.request(Method::POST, MANY).header("X-Socket-ID", &own.id).json(&to(course()));
    let taken = finish(&app, request).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
    assert_eq!(created(&mut tab, LARAVEL, "private-user.8").await["event_id"], taken.json()["broadcast_id"]);
    own.expect_silence().await;
}
