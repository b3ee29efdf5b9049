//! Notifications: kept, heard on every channel of their person, read, grouped, wanted or not. `notifications/many.rs`: sent to
//! many at once.

mod many;

use campanile::domain::caller::Scope;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::finish,
    app::TestApp,
    client::{Client, inner},
    eventually,
    rest::{Voice, now},
};

const NEW: &str = "/api/notifications";
const MANY: &str = "/api/notifications/broadcast";
const OWN: &str = "private-user.7";
const LARAVEL: &str = "App\\Events\\NotificationSent";

/// Course 101 with class 12, the students 7 and 6, the instructor 8 and the assistant 5; 9 is in no course.
async fn school(app: &TestApp) -> Voice<'_> {
    let office = app.program(&[Scope::RosterWrite, Scope::NotificationsSend, Scope::UsersAct]).await;
    office.keep_course().await;
    for (user, role) in [("6", "student"), ("8", "instructor"), ("5", "assistant")] {
        office.keep(&format!("/api/users/{user}"), json!({ "name": format!("User {user}") })).await;
        let part = json!({ "user": user, "course": "101", "role": role });
        office.keep(&format!("/api/enrollments/{user}"), part).await;
    }
    office.keep("/api/users/9", json!({ "name": "Stranger" })).await;
    office
}

fn note(user: &str) -> Value {
    json!({ "user": user, "category": "content", "title": "Sheet 5" })
}

fn to(audience: Value) -> Value {
    json!({ "audience": audience, "category": "content", "title": "Sheet 5" })
}

fn course() -> Value {
    json!({ "type": "course", "ids": ["101"] })
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn unread(voice: &Voice<'_>) -> u64 {
    voice.get("/api/notifications/realtime").await.ok()["unread_count"].as_u64().unwrap()
}

async fn titles(voice: &Voice<'_>, query: &str) -> Vec<String> {
    let list = voice.get(&format!("{NEW}{query}")).await.ok();
    list["data"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a sending has come to this state.
async fn until(office: &Voice<'_>, id: &Value, state: &str) -> Value {
    let path = format!("/api/notification-broadcasts/{}", id.as_str().unwrap());
    eventually(state, async || office.get(&path).await.ok()["state"] == state).await;
    office.get(&path).await.ok()
}

async fn created(socket: &mut Client, event: &str, channel: &str) -> Value {
    inner(&socket.expect_on(event, channel).await)
}

#[tokio::test]
async fn a_notification_is_kept_and_heard_once_under_both_names_in_the_shape_of_the_rest_api() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let mut socket = student.hears(OWN).await;
    let mut body = note("7");
    body["data"] = json!({ "sheet_no": 5 });
    body["url"] = json!("/courses/101");
    let sent = office.post(NEW, body).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let class = created(&mut socket, LARAVEL, OWN).await;
    let alias = created(&mut socket, "notification.sent", OWN).await;
    assert_eq!(class, alias, "both names carry the same event");
    assert_eq!(class["notification"], sent.json());
    assert!(class["event_id"].is_string() && class["seq"] == 1 && class["timestamp"].is_string());
    socket.expect_silence().await;

    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let mut shown = student.get(&format!("{NEW}/{id}")).await.ok();
    assert_eq!(shown.as_object_mut().unwrap().remove("stream").unwrap()["seq"], 1);
    assert_eq!(shown, sent.json());
    let news = student.get("/api/notifications/realtime").await.ok();
    assert_eq!((&news["items"], &news["unread_count"]), (&json!([sent.json()]), &json!(1)));
    assert!(news["cursor"].as_str().unwrap().ends_with(":1"));
    let list = student.get(NEW).await.ok();
    assert_eq!((&list["data"][0], &list["stream"]["topic"]), (&sent.json(), &json!("user.7")));
    assert_eq!(list["stream"]["seq"], 1);
}

#[tokio::test]
async fn each_grammar_hears_its_own_spelling_and_the_sockets_of_others_hear_nothing() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let mut dashes = student.hears("private-user-7").await;
    let mut model = student.hears("private-App.Models.User.7").await;
    let mut other = app.person("6").hears("private-user.6").await;
    let mut body = note("7");
    body["data"] = json!({ "sheet_no": 5 });
    body["group_key"] = json!("sheets");
    office.post(NEW, body).await;
    let colon = created(&mut dashes, "notification:new", "private-user-7").await;
    assert_eq!(
        (&colon["notification"]["groupKey"], &colon["notification"]["data"]),
        (&json!("sheets"), &json!({ "sheet_no": 5 }))
    );
    let channel = "private-App.Models.User.7";
    for event in [LARAVEL, "notification.sent", "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated"] {
        let data = created(&mut model, event, channel).await;
        assert_eq!(data["event_id"], colon["event_id"]);
    }
    dashes.expect_silence().await;
    other.expect_silence().await;
}

#[tokio::test]
async fn a_person_notifies_one_whom_they_teach_and_nobody_else() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let teacher = app.person("8");
    let with = |user: &str, more: Value| {
        let mut body = note(user);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let sent = teacher.post(NEW, with("7", json!({ "course": "101" }))).await;
    assert_eq!((sent.status, &sent.json()["course_id"]), (201, &json!("101")));
    assert_eq!(app.person("5").post(NEW, with("7", json!({ "class": "12" }))).await.status, 201);
    teacher.post(NEW, note("7")).await.problem(403, "no_place");
    teacher.post(NEW, with("9", json!({ "course": "101" }))).await.problem(404, "not_found");
    teacher.post(NEW, with("nobody", json!({ "course": "101" }))).await.problem(404, "not_found");
    app.person("7").post(NEW, with("6", json!({ "course": "101" }))).await.problem(403, "wrong_role");
    app.person("9").post(NEW, with("7", json!({ "course": "101" }))).await.problem(403, "not_enrolled");
    office.post(NEW, note("nobody")).await.problem(404, "not_found");
    for place in ["course", "class"] {
        let problem = office.post(NEW, with("7", json!({ place: "77" }))).await.problem(422, "invalid_fields");
        let message = format!("there is no {place} '77' in the roster");
        let field = json!({ "pointer": format!("/{place}"), "code": "not_in_roster", "message": message });
        assert_eq!(problem["errors"][0], field);
        teacher.post(NEW, with("7", json!({ place: "77" }))).await.problem(403, "not_enrolled");
    }
    let both = json!({ "course": "101", "class": "12" });
    assert_eq!(
        office.post(NEW, with("7", both)).await.problem(422, "invalid_fields")["errors"][0]["pointer"],
        "/class"
    );
    assert_eq!(office.post(NEW, note("9")).await.status, 201, "a program notifies whomever the roster knows");
    office.put("/api/users/9", json!({ "name": "Stranger", "deactivated_at": "2020-01-01T00:00:00Z" })).await.ok();
    office.post(NEW, note("9")).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_group_is_one_notification_with_a_counter_until_it_is_read() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let mut socket = student.hears("private-user-7").await;
    let mut body = note("7");
    body["group_key"] = json!("likes");
    let sends = (0..5).map(|_| office.post(NEW, body.clone()));
    let ids: Vec<_> =
        futures_util::future::join_all(sends).await.iter().map(|sent| sent.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let mut counts = Vec::new();
    for _ in 0..5 {
        let event = created(&mut socket, "notification:new", "private-user-7").await;
        counts.push(event["notification"]["count"].as_i64().unwrap());
    }
    assert_eq!(counts, [1, 2, 3, 4, 5]);
    assert_eq!(unread(&student).await, 1);
    student.patch(&format!("{NEW}/{}", ids[0].as_str().unwrap()), json!({ "read": true })).await.ok();
    let next = office.post(NEW, body).await.json();
    assert_eq!((next["id"] == ids[0], &next["count"]), (false, &json!(1)));
}

#[tokio::test]
async fn a_group_that_was_counted_up_since_stays_unread() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let mut body = note("7");
    body["group_key"] = json!("likes");
    office.post(NEW, body.clone()).await;
    let seen = text(now());
    office.post(NEW, body).await;
    let read = student.post("/api/notifications/read", json!({ "before": seen })).await.ok();
    assert_eq!(read, json!({ "ids": [], "unread_count": 1 }));
}

#[tokio::test]
async fn the_tab_from_which_one_is_notified_hears_nothing_and_the_others_do() {
    let app = TestApp::start().await;
    let _office = school(&app).await;
    let teacher = app.person("8");
    let (mut own, mut other) = (teacher.hears("private-user-8").await, teacher.hears("private-user-8").await);
    let body = json!({ "user": "8", "course": "101", "category": "reminder", "title": "Copy the sheets" });
    let request = teacher.request(Method::POST, NEW).header("X-Socket-ID", &own.id).json(&body);
    assert_eq!(finish(&app, request).await.status, 201);
    created(&mut other, "notification:new", "private-user-8").await;
    own.expect_silence().await;
}

#[tokio::test]
async fn what_is_read_in_one_tab_is_told_to_the_others() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let (mut one, mut other) = (student.hears("private-user-7").await, student.hears(OWN).await);
    let id = office.post(NEW, note("7")).await.json()["id"].as_str().unwrap().to_owned();
    one.expect_on("notification:new", "private-user-7").await;
    other.expect_on(LARAVEL, OWN).await;
    other.expect_on("notification.sent", OWN).await;
    let request = student.request(Method::PATCH, &format!("{NEW}/{id}")).header("X-Socket-ID", &one.id);
    let read = finish(&app, request.json(&json!({ "read": true, "seen": true }))).await.ok();
    assert!(read["read_at"].is_string() && read["seen_at"].is_string());
    one.expect_silence().await;
    let told = created(&mut other, "App\\Events\\NotificationRead", OWN).await;
    assert_eq!((&told["ids"], &told["read"], &told["unread_count"]), (&json!([id]), &json!(true), &json!(0)));
    other.expect_on("notification.read", OWN).await;

    let request = student.request(Method::PATCH, &format!("{NEW}/{id}")).json(&json!({ "read": true }));
    finish(&app, request).await.ok();
    one.expect_silence().await;
    student.patch(&format!("{NEW}/{id}"), json!({ "read": false })).await.ok();
    assert_eq!(created(&mut one, "notification:read", "private-user-7").await["unreadCount"], 1);
    student.patch(&format!("{NEW}/{id}"), json!({ "archived": true })).await.ok();
    assert!(titles(&student, "").await.is_empty());
    assert_eq!(unread(&student).await, 0);
}

#[tokio::test]
async fn notifications_of_others_are_nobodys_to_read_or_mark() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let id = office.post(NEW, note("7")).await.json()["id"].as_str().unwrap().to_owned();
    for stranger in ["6", "8", " 7", "7 "] {
        let stranger = app.person(stranger);
        stranger.get(&format!("{NEW}/{id}")).await.problem(404, "not_found");
        stranger.patch(&format!("{NEW}/{id}"), json!({ "read": true })).await.problem(404, "not_found");
        let read = stranger.post("/api/notifications/read", json!({ "ids": [id] })).await.ok();
        assert_eq!(read, json!({ "ids": [], "unread_count": 0 }));
        assert!(titles(&stranger, "").await.is_empty());
    }
    office.get(NEW).await.problem(403, "no_person");
    let on_behalf = office.request(Method::GET, NEW).header("X-On-Behalf-Of", "7");
    assert_eq!(finish(&app, on_behalf).await.ok()["data"][0]["id"], id.as_str());
    app.person("7").get(&format!("{NEW}/{}", "x".repeat(64))).await.problem(404, "not_found");
    app.person("7").get(&format!("{NEW}/a%00b")).await.problem(404, "not_found");
    assert_eq!(unread(&app.person("7")).await, 1);
}

#[tokio::test]
async fn lists_go_page_by_page_and_by_category_and_whether_they_were_read() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    for number in 1..=5 {
        let category = if number % 2 == 0 { "grade" } else { "content" };
        let body = json!({ "user": "7", "category": category, "title": format!("No {number}") });
        assert_eq!(office.post(NEW, body).await.status, 201);
    }
    assert_eq!(titles(&student, "").await, ["No 5", "No 4", "No 3", "No 2", "No 1"]);
    assert_eq!(titles(&student, "?category=grade").await, ["No 4", "No 2"]);
    let first = student.get(&format!("{NEW}?limit=2")).await.ok();
    assert_eq!((first["page"]["has_more"].as_bool(), first["data"].as_array().unwrap().len()), (Some(true), 2));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(titles(&student, &format!("?limit=3&cursor={cursor}")).await, ["No 3", "No 2", "No 1"]);
    let three = student.get(&format!("{NEW}?limit=3")).await.ok()["data"][2]["created_at"].clone();
    let read = student.post("/api/notifications/read", json!({ "before": three })).await.ok();
    assert!(read["unread_count"].as_u64().unwrap() >= 3, "{read}");
    let read =
        student.post("/api/notifications/read", json!({ "before": text(now() + TimeDelta::hours(1)) })).await.ok();
    assert_eq!(read["unread_count"], 0);
    assert!(titles(&student, "?unread=true").await.is_empty());
    assert_eq!(titles(&student, "?unread=false").await.len(), 5);
    for body in [json!({}), json!({ "ids": [], "before": three }), json!({ "ids": vec!["x"; 101] })] {
        student.post("/api/notifications/read", body).await.problem(422, "invalid_fields");
    }
    assert_eq!(student.post("/api/notifications/read", json!({ "ids": vec!["x"; 100] })).await.status, 200);
    student.get(&format!("{NEW}?limit=101")).await.problem(400, "invalid_parameter");
    student.get(&format!("{NEW}?category=gossip")).await.problem(400, "invalid_parameter");
    for cursor in ["MTo3", "MTp4LnkK"] {
        student.get(&format!("{NEW}?cursor={cursor}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn what_is_over_is_shown_and_counted_no_more() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let mut body = note("7");
    body["expires_at"] = json!(text(now() + TimeDelta::milliseconds(1_500)));
    assert_eq!(office.post(NEW, body).await.status, 201);
    assert_eq!(unread(&student).await, 1);
    eventually("it is over", async || unread(&student).await == 0).await;
    assert!(titles(&student, "").await.is_empty());
}

#[tokio::test]
async fn who_does_not_want_a_category_of_a_course_gets_none_of_it() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let student = app.person("7");
    let path = "/api/me/notification-preferences";
    assert_eq!(student.get(path).await.ok(), json!({ "preferences": [] }));
    let off = json!({ "preferences": [
        { "category": "content", "medium": "inapp", "enabled": false },
        { "category": "content", "medium": "inapp", "course": "101", "enabled": true },
    ] });
    assert_eq!(student.put(path, off.clone()).await.ok(), off);
    assert_eq!(student.get(path).await.ok(), off);
    let muted = office.post(NEW, note("7")).await;
    assert_eq!((muted.status, muted.json()), (200, json!({ "muted": true })));
    let sent = office.post(MANY, to(course())).await.json();
    until(&office, &sent["broadcast_id"], "sent").await;
    assert_eq!(unread(&student).await, 1, "the word about the course counts");
    let sent = office.post(MANY, to(json!({ "type": "all" }))).await.json();
    let done = until(&office, &sent["broadcast_id"], "sent").await;
    assert_eq!((&done["recipients"], &done["muted"]), (&json!(4), &json!(1)));
    for bad in [
        json!({ "preferences": [{ "category": "content", "medium": "smoke", "enabled": false }] }),
        json!({ "preferences": vec![json!({ "category": "content", "medium": "inapp", "enabled": true }); 501] }),
    ] {
        student.put(path, bad).await.problem(422, "invalid_fields");
    }
    assert_eq!(app.person("6").get(path).await.ok(), json!({ "preferences": [] }));
}

#[tokio::test]
async fn the_self_alias_gives_everybody_their_own_and_announcements_and_strangers_only_what_is_public() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut own = app.person("7").hears("private-user-7").await;
    own.subscribe("notifications").await;
    let mut other = app.person("6").hears("private-user-6").await;
    other.subscribe("notifications").await;
    let mut nobody = app.connect().await;
    nobody.subscribe("notifications").await;

    office.post(NEW, note("7")).await;
    let channel = own.expect_on("notification:new", "private-user-7").await;
    let alias = own.expect_on("notification:new", "notifications").await;
    let (mut kept, told) = (inner(&channel), inner(&alias));
    for key in ["seq", "epoch"] {
        assert!(kept.as_object_mut().unwrap().remove(key).is_some(), "a place in another stream means nothing here");
    }
    assert_eq!(kept, told);
    other.expect_silence().await;
    nobody.expect_silence().await;

    office.post(MANY, to(json!({ "type": "all" }))).await;
    own.expect_on("notification:new", "private-user-7").await;
    own.expect_on("notification:new", "notifications").await;
    other.expect_on("notification:new", "private-user-6").await;
    other.expect_on("notification:new", "notifications").await;
    nobody.expect_silence().await;

    let mut public = to(json!({ "type": "all" }));
    public["public"] = json!(true);
    assert_eq!(office.post(MANY, public).await.status, 202);
    let heard = created(&mut nobody, "notification:new", "notifications").await;
    assert_eq!((&heard["notification"]["title"], &heard["notification"]["userId"]), (&json!("Sheet 5"), &Value::Null));
    own.expect_on("notification:new", "private-user-7").await;
    let announced = created(&mut own, "notification:new", "notifications").await;
    assert_eq!(announced["event_id"], heard["event_id"]);
    own.expect_silence().await;
    nobody.expect_silence().await;

    nobody.sign_in("6").await;
    office.post(NEW, note("6")).await;
    nobody.expect_on("notification:new", "notifications").await;
}

#[tokio::test]
async fn whoever_comes_back_to_the_self_alias_is_told_that_something_may_be_missing() {
    let app = TestApp::start().await;
    let office = school(&app).await;
    let mut public = to(json!({ "type": "all" }));
    public["public"] = json!(true);
    let mut own = app.connect().await;
    own.sign_in("7").await;
    own.subscribe("notifications").await;
    office.post(MANY, public.clone()).await;
    let heard = created(&mut own, "notification:new", "notifications").await["event_id"].clone();
    own.cut();
    office.post(NEW, note("7")).await;
    let back = async |user: Option<&str>| {
        let mut socket = app.connect().await;
        if let Some(user) = user {
            socket.sign_in(user).await;
        }
        let ask = json!({ "channel": "notifications", "last_event_id": heard });
        socket.send_json(json!({ "event": "pusher:subscribe", "data": ask })).await;
        socket.expect_on("pusher_internal:subscription_succeeded", "notifications").await;
        socket
    };
    let mut own = back(Some("7")).await;
    assert_eq!(created(&mut own, "stream:gap", "notifications").await["topic"], "notices");
    own.expect_silence().await;
    let mut nobody = back(None).await;
    nobody.expect_silence().await;
    office.post(MANY, public).await;
    created(&mut nobody, "notification:new", "notifications").await;
    let mut nobody = back(None).await;
    created(&mut nobody, "notification:new", "notifications").await;
    nobody.expect_silence().await;
}
