//! Broadcasts: under the name they are given, to whom the roster says, confirmed once, limited and logged.

use campanile::{domain::caller::Scope, ids::AppId};
use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::finish,
    app::{MAIN, TestApp},
    client::inner,
    eventually,
    rest::Voice,
};

const PATH: &str = "/api/broadcasts";

/// Course 101 with class 12, the student 7, the instructor 8 and the assistant 5; 9 is in no course.
async fn school(app: &TestApp) -> Voice<'_> {
    let office = app.program(&[Scope::RosterWrite, Scope::NotificationsSend]).await;
    office.keep_course().await;
    for (user, role) in [("8", "instructor"), ("5", "assistant")] {
        office.keep(&format!("/api/users/{user}"), json!({ "name": format!("User {user}") })).await;
        let part = json!({ "user": user, "course": "101", "role": role });
        office.keep(&format!("/api/enrollments/{user}"), part).await;
    }
    office.keep("/api/users/9", json!({ "name": "Stranger" })).await;
    office
}

fn to(audience: Value) -> Value {
    json!({ "audience": audience, "event": "exam.started", "data": { "room_no": 12 } })
}

fn course() -> Value {
    json!({ "type": "course", "ids": ["101"] })
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn log(app: &TestApp, query: &str) -> Vec<Value> {
    let admin = app.program(&[Scope::Admin]).await;
    admin.get(&format!("/api/broadcast-log{query}")).await.ok()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_course_hears_a_broadcast_under_its_own_name_in_both_grammars() {
    let app = TestApp::start().await;
    let _office = school(&app).await;
    let mut dots = app.person("7").hears("private-course.101").await;
    let mut dashes = app.person("5").hears("private-course-101").await;
    let taken = app.person("8").post(PATH, to(course())).await;
    assert_eq!((taken.status, &taken.json()["receivers"]), (202, &json!(3)));
    let told = inner(&dots.expect_on("exam.started", "private-course.101").await);
    assert_eq!((&told["room_no"], &told["event_id"]), (&json!(12), &taken.json()["broadcast_id"]));
    assert_eq!(told["actor"], json!({ "id": "8", "name": "User 8", "role": "instructor" }));
    assert!(told["timestamp"].is_string() && told["seq"].is_null());
    assert_eq!(inner(&dashes.expect_on("exam.started", "private-course-101").await), told, "its keys stay as they are");
    dots.expect_silence().await;
}

#[tokio::test]
async fn each_kind_of_audience_is_told_where_its_people_listen() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    office.keep("/api/orgs/o1", json!({ "name": "School" })).await;
    office.keep("/api/users/7", json!({ "name": "Ada", "org": "o1" })).await;
    let student = app.person("7");
    for (audience, channel, receivers) in [
        (json!({ "type": "class", "ids": ["12"] }), "private-class.12", 3),
        (json!({ "type": "role", "roles": ["student"] }), "private-role.student", 1),
        (json!({ "type": "org", "ids": ["o1"] }), "private-org.o1", 1),
        (json!({ "type": "all" }), "presence-global", 4),
        (json!({ "type": "user", "ids": ["7", "8"] }), "private-user.7", 2),
        (json!({ "type": "course", "ids": ["101"], "roles": ["student"] }), "private-user.7", 1),
        (json!({ "type": "course", "ids": ["101"], "exclude": ["8"] }), "private-user.7", 2),
    ] {
        let mut socket = student.hears(channel).await;
        let taken = office.post(PATH, to(audience.clone())).await.json();
        assert_eq!(taken["receivers"], receivers, "{audience}");
        let told = inner(&socket.expect_on("exam.started", channel).await);
        assert_eq!(told["event_id"], taken["broadcast_id"]);
        socket.close().await;
    }
    let mut teacher = app.person("8").hears("private-user.8").await;
    office.post(PATH, to(json!({ "type": "course", "ids": ["101"], "exclude": ["8"] }))).await;
    teacher.expect_silence().await;
}

#[tokio::test]
async fn overlapping_audiences_count_and_reach_each_person_once_under_one_event_id() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    office.keep("/api/courses/102", json!({ "title": "Algebra" })).await;
    office.keep("/api/enrollments/72", json!({ "user": "7", "course": "102", "role": "student" })).await;
    let mut socket = app.person("7").hears("private-course.101").await;
    app.person("7").joins(&mut socket, "private-course.102").await;
    let taken = office.post(PATH, to(json!({ "type": "course", "ids": ["101", "102"] }))).await.json();
    assert_eq!(taken["receivers"], 3, "each person once");
    let one = inner(&socket.expect_on("exam.started", "private-course.101").await);
    let other = inner(&socket.expect_on("exam.started", "private-course.102").await);
    assert_eq!((&one["event_id"], &other["event_id"]), (&taken["broadcast_id"], &taken["broadcast_id"]));

    let mut own = app.person("7").hears("private-user.7").await;
    let part = json!({ "type": "course", "ids": ["101", "102"], "roles": ["student"] });
    assert_eq!(office.post(PATH, to(part)).await.json()["receivers"], 1);
    own.expect_on("exam.started", "private-user.7").await;
    own.expect_silence().await;

    office.keep("/api/courses/103", json!({ "title": "Empty" })).await;
    let nobody = office.post(PATH, to(json!({ "type": "course", "ids": ["103"] }))).await;
    assert_eq!((nobody.status, &nobody.json()["receivers"]), (202, &json!(0)));
}

#[tokio::test]
async fn a_place_that_the_roster_does_not_have_is_refused_unless_there_is_no_roster() {
    let app = TestApp::start().await;
    let sender = app.program(&[Scope::NotificationsSend]).await;
    let elsewhere = json!({ "type": "course", "ids": ["999"] });
    let part = json!({ "type": "course", "ids": ["999"], "roles": ["student"] });
    let mut socket = app.connect().await;
    socket.subscribe_private("private-course.999").await;
    let taken = sender.post(PATH, to(elsewhere.clone())).await;
    assert_eq!((taken.status, &taken.json()["receivers"]), (202, &json!(0)), "nobody is known");
    socket.expect_on("exam.started", "private-course.999").await;
    sender.post(PATH, to(part.clone())).await.problem(422, "invalid_fields");

    let office = school(&app).await;
    for audience in [elsewhere.clone(), part] {
        let problem = office.post(PATH, to(audience)).await.problem(422, "invalid_fields");
        let error = json!({ "pointer": "/audience/ids", "code": "not_in_roster",
                            "message": "there is no course '999' in the roster" });
        assert_eq!(problem["errors"], json!([error]));
    }
    // Whoever may not send there learns nothing from it.
    let there = app.person("9").post(PATH, to(course())).await.problem(403, "not_enrolled");
    let nowhere = app.person("9").post(PATH, to(elsewhere)).await.problem(403, "not_enrolled");
    assert_eq!(there["detail"], nowhere["detail"]);
    assert_eq!(log(&app, "").await.len(), 1, "what was refused went to nobody");
}

#[tokio::test]
async fn who_may_not_broadcast_is_told_why() {
    let app = TestApp::start().await;
    let _office = school(&app).await;
    let class = json!({ "type": "class", "ids": ["12"] });
    for (user, audience, code) in [
        ("7", class.clone(), "wrong_role"),
        ("7", course(), "wrong_role"),
        ("5", course(), "wrong_role"),
        ("9", class.clone(), "not_enrolled"),
        ("8", json!({ "type": "org", "ids": ["1"] }), "not_enrolled"),
        ("8", json!({ "type": "all" }), "programs_only"),
        ("8", json!({ "type": "user", "ids": ["7"] }), "programs_only"),
    ] {
        app.person(user).post(PATH, to(audience)).await.problem(403, code);
    }
    assert_eq!(app.person("5").post(PATH, to(class)).await.status, 202);
    app.program(&[Scope::EventsPublish]).await.post(PATH, to(course())).await.problem(403, "missing_scope");
    finish(&app, app.plain(Method::POST, PATH).json(&to(course()))).await.problem(401, "no_identity");
}

#[tokio::test]
async fn reserved_names_and_too_much_data_are_refused() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    for name in ["pusher:x", "pusher_internal:x", "client-x", "", &"x".repeat(201)] {
        let problem =
            office.post(PATH, with(to(course()), json!({ "event": name }))).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/event", "{name}");
    }
    let data = |bytes: usize| with(to(course()), json!({ "data": { "a": "x".repeat(bytes - 8) } }));
    assert_eq!(office.post(PATH, data(65_536)).await.status, 202);
    office.post(PATH, data(65_537)).await.problem(413, "data_too_large");
    for (field, value) in [("data", json!("text")), ("data", json!([1])), ("ttl", json!(0)), ("ttl", json!(2_592_001))]
    {
        let problem =
            office.post(PATH, with(to(course()), json!({ field: value }))).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
}

#[tokio::test]
async fn a_durable_broadcast_has_its_place_in_the_stream_and_another_has_none() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut socket = app.person("7").hears("private-course.101").await;
    office.post(PATH, to(course())).await;
    assert!(inner(&socket.expect_on("exam.started", "private-course.101").await)["seq"].is_null());
    let taken = office.post(PATH, with(to(course()), json!({ "durable": true }))).await.json();
    let told = inner(&socket.expect_on("exam.started", "private-course.101").await);
    assert_eq!((&told["seq"], &told["event_id"]), (&json!(1), &taken["broadcast_id"]));
    let (id, store) = (AppId::parse(MAIN.id).unwrap(), app.store().await);
    assert_eq!(store.stream_position(&id, "course.101").await.unwrap().unwrap().seq, 1);
}

#[tokio::test]
async fn receivers_confirm_once_and_nobody_else_does() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut socket = app.person("7").hears("private-course.101").await;
    let sent =
        app.person("8").post(PATH, with(to(course()), json!({ "require_ack": true, "ttl": 3_600 }))).await.json();
    let id = sent["broadcast_id"].as_str().unwrap();
    assert_eq!(inner(&socket.expect_on("exam.started", "private-course.101").await)["require_ack"], true);
    let ack =
        async |user: &str| finish(&app, app.person(user).request(Method::POST, &format!("{PATH}/{id}/ack"))).await;
    let first = ack("7").await.ok();
    assert_eq!(first["user"], "7");
    assert_eq!(ack("7").await.ok(), first, "once");
    ack("9").await.problem(404, "not_found");
    ack("nobody").await.problem(404, "not_found");
    let report = app.person("8").get(&format!("{PATH}/{id}")).await.ok();
    assert_eq!(
        (&report["ack_count"], &report["acks"]["data"], &report["receivers"]),
        (&json!(1), &json!([first]), &json!(3))
    );
    ack("5").await.ok();
    let page = office.get(&format!("{PATH}/{id}?limit=1")).await.ok();
    assert_eq!((&page["acks"]["page"]["has_more"], &page["acks"]["data"][0]["user"]), (&json!(true), &json!("5")));
    let cursor = page["acks"]["page"]["next_cursor"].as_str().unwrap();
    let page = office.get(&format!("{PATH}/{id}?limit=1&cursor={cursor}")).await.ok();
    assert_eq!(page["acks"]["data"][0]["user"], "7");
    for other in ["5", "7", "9"] {
        app.person(other).get(&format!("{PATH}/{id}")).await.problem(404, "not_found");
    }
    office.delete("/api/enrollments/9001").await.ok();
    ack("7").await.problem(404, "not_found");

    let silent = office.post(PATH, to(course())).await.json();
    let path = format!("{PATH}/{}/ack", silent["broadcast_id"].as_str().unwrap());
    finish(&app, app.person("5").request(Method::POST, &path)).await.problem(409, "no_ack");
    let brief = office.post(PATH, with(to(course()), json!({ "require_ack": true, "ttl": 1 }))).await.json();
    let path = format!("{PATH}/{}/ack", brief["broadcast_id"].as_str().unwrap());
    eventually("it is over", async || finish(&app, app.person("5").request(Method::POST, &path)).await.status == 410)
        .await;
}

#[tokio::test]
async fn an_audience_means_the_same_people_for_a_notification_a_broadcast_and_its_confirmations() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    office.keep("/api/orgs/o1", json!({ "name": "School" })).await;
    office.keep("/api/courses/101", json!({ "title": "Calculus", "org": "o1" })).await;
    office.keep("/api/users/4", json!({ "name": "Observer" })).await;
    let observes = json!({ "user": "4", "course": "101", "class": "12", "role": "observer", "observed_user": "7" });
    office.keep("/api/enrollments/4", observes).await;
    office.keep("/api/users/3", json!({ "name": "Admin", "org": "o1", "org_role": "admin" })).await;
    let acked = async |id: &str| {
        let mut acked = Vec::new();
        for user in ["3", "4", "5", "7", "8", "9"] {
            let answer = finish(&app, app.person(user).request(Method::POST, &format!("{PATH}/{id}/ack"))).await;
            if answer.status == 200 {
                acked.push(user);
            } else {
                answer.problem(404, "not_found");
            }
        }
        acked
    };
    let class = json!({ "type": "class", "ids": ["12"] });
    for (audience, expected) in [
        (class.clone(), &["5", "7", "8"][..]),
        (course(), &["5", "7", "8"]),
        (with(course(), json!({ "exclude": ["8"] })), &["5", "7"]),
        (with(course(), json!({ "roles": ["admin"] })), &[]),
        (with(class, json!({ "roles": ["observer", "student"] })), &["4", "7"]),
        (json!({ "type": "role", "ids": ["o1"], "roles": ["observer"] }), &["4"]),
        (json!({ "type": "role", "roles": ["admin"] }), &["3"]),
        (json!({ "type": "org", "ids": ["o1"] }), &["3"]),
        (json!({ "type": "user", "ids": ["4", "7", "nobody"] }), &["4", "7"]),
        (json!({ "type": "all" }), &["3", "4", "5", "7", "8", "9"]),
    ] {
        let sent = office.post(PATH, with(to(audience.clone()), json!({ "require_ack": true }))).await.json();
        assert_eq!(sent["receivers"], expected.len(), "{audience}");
        let id = sent["broadcast_id"].as_str().unwrap();
        assert_eq!(acked(id).await, expected, "{audience}");
        let report = office.get(&format!("{PATH}/{id}")).await.ok();
        assert_eq!((&report["ack_count"], &report["receivers"]), (&json!(expected.len()), &sent["receivers"]));

        let title = audience.to_string();
        let many = json!({ "audience": audience, "category": "live", "title": title });
        let taken = office.post("/api/notifications/broadcast", many).await.json();
        assert_eq!((&taken["estimated_recipients"], &taken["state"]), (&sent["receivers"], &json!("sent")));
        let mut notified = Vec::new();
        for user in ["3", "4", "5", "7", "8", "9"] {
            let list = app.person(user).get("/api/notifications").await.ok();
            let has = list["data"].as_array().unwrap().iter().any(|one| one["title"] == title.as_str());
            notified.extend(has.then_some(user));
        }
        assert_eq!(notified, expected, "{title}");
    }
}

#[tokio::test]
async fn whoever_is_not_meant_may_hear_a_broadcast_live_all_the_same() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    office.keep("/api/orgs/o1", json!({ "name": "School" })).await;
    office.keep("/api/courses/101", json!({ "title": "Calculus", "org": "o1" })).await;
    office.keep("/api/users/3", json!({ "name": "Admin", "org": "o1", "org_role": "admin" })).await;
    let mut admin = app.person("3").hears("private-course.101").await;
    let sent = office.post(PATH, to(course())).await.json();
    assert_eq!(sent["receivers"], 3);
    let told = inner(&admin.expect_on("exam.started", "private-course.101").await);
    assert_eq!(told["event_id"], sent["broadcast_id"]);
}

#[tokio::test]
async fn everybody_broadcasts_so_often_in_a_minute_and_refusals_are_logged() {
    let app = TestApp::with_settings(|settings| {
        settings.broadcasts_per_minute_per_user = 2;
        settings.broadcasts_per_minute_per_key = 3;
    })
    .await;
    let office = school(&app).await;
    let teacher = app.person("8");
    for (voice, limit, actor) in
        [(&teacher, 2, "user:8".to_owned()), (&office, 3, format!("key:{}", &office.proof[..15]))]
    {
        for _ in 0..limit {
            assert_eq!(voice.post(PATH, to(course())).await.status, 202);
        }
        let refused = voice.post(PATH, to(course())).await;
        refused.problem(429, "rate_limited");
        assert!(refused.header("retry-after").is_some());
        let rows = log(&app, &format!("?actor={actor}")).await;
        let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes[0], "rate_limited", "{rows:?}");
        assert_eq!((outcomes.len(), outcomes[1..].iter().all(|outcome| *outcome == "sent")), (limit + 1, true));
    }
    assert_eq!(app.person("5").post(PATH, to(json!({ "type": "class", "ids": ["12"] }))).await.status, 202);
}

#[tokio::test]
async fn every_broadcast_has_a_row_in_the_log_with_sizes_and_never_the_data() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let sent = app.person("8").post(PATH, to(course())).await.json();
    office.post(PATH, to(json!({ "type": "class", "ids": ["12"] }))).await;
    let many = json!({ "audience": course(), "category": "live", "title": "Unspeakable" });
    office.post("/api/notifications/broadcast", many).await;
    let rows = log(&app, "").await;
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["notification", "broadcast", "broadcast"], "newest first");
    let row = &log(&app, "?channel=course:101&actor=user:8").await[0];
    assert_eq!((&row["event"], &row["event_id"]), (&json!("exam.started"), &sent["broadcast_id"]));
    assert_eq!((&row["bytes"], &row["receivers"], &row["ip"]), (&json!(14), &json!(3), &json!("127.0.0.1")));
    assert!(row["latency_us"].as_i64().unwrap() > 0 && row["created_at"].is_string());
    assert!(!json!(rows).to_string().contains("Unspeakable") && !json!(rows).to_string().contains("room_no"));
    let one = app.program(&[Scope::Admin]).await.get("/api/broadcast-log?limit=2").await.ok();
    let cursor = one["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(log(&app, &format!("?cursor={cursor}")).await.len(), 1);
    office.get("/api/broadcast-log").await.problem(403, "missing_scope");
    app.person("8").get("/api/broadcast-log").await.problem(403, "missing_scope");
    let admin = app.program(&[Scope::Admin]).await;
    admin.get("/api/broadcast-log?cursor=MTp4").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn events_of_the_pusher_api_are_logged_where_the_app_wants_it() {
    let quiet = TestApp::start().await;
    quiet.publish("test", "bell", "1").await;
    assert!(log(&quiet, "").await.is_empty());
    let app = TestApp::with_settings(|settings| settings.log_published_events = true).await;
    let mut socket = app.connect().await;
    socket.subscribe("test").await;
    app.publish("test", "bell", r#"{"secret":1}"#).await;
    eventually("it is written", async || !log(&app, "").await.is_empty()).await;
    let row = &log(&app, "?channel=test").await[0];
    assert_eq!((&row["kind"], &row["actor"], &row["receivers"]), (&json!("publish"), &json!("app"), &json!(1)));
    assert_eq!(row["bytes"], 12);
    let at: chrono::DateTime<Utc> = row["created_at"].as_str().unwrap().parse().unwrap();
    assert!(at.timestamp() > 1_700_000_000, "it has a date");
}
