//! Who is online: by sockets and by signs of life; who is told, who may look, and what is kept of it.

mod away;
mod moved;
mod nodes;

use campanile::domain::{
    app::AppSettings,
    caller::Scope,
    roster::{Object, Org, Role},
};
use campanile::ids::AppId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    app::{MAIN, TestApp},
    client::{Client, inner},
    eventually,
    rest::Voice,
    roster::{course, enrollment, id, now, person, user},
};

const COURSE: &str = "private-course-1";
const ONLINE: &str = "/api/realtime/presence/online";
const OFFLINE: &str = "/api/realtime/presence/offline";

/// A server on which whoever goes is gone at once.
async fn without_grace() -> TestApp {
    TestApp::with_settings(|settings| settings.presence_grace = 0).await
}

/// Course `1` with students 7 and 8, instructor 9 and observer 5, who looks after 7.
async fn course_of_four(app: &TestApp) {
    let roster = app.roster().await;
    let people = [("7", Role::Student), ("8", Role::Student), ("9", Role::Instructor), ("5", Role::Observer)];
    roster.enroll(&people).await;
    let looks_after =
        campanile::domain::roster::Enrollment { observed_user: Some(user("7")), ..enrollment("5", Role::Observer) };
    roster.put([Object::Enrollment(looks_after)]).await;
}

/// Somebody who hears the course on a channel.
async fn listener(app: &TestApp, who: &str, channel: &str) -> Client {
    let mut client = app.connect().await;
    client.sign_in(who).await;
    client.subscribe_private(channel).await;
    client
}

/// The next frame, which must tell this of this user; returns what it tells.
async fn told(client: &mut Client, event: &str, who: &str) -> Value {
    let data = inner(&client.expect_on(event, COURSE).await);
    assert_eq!(data["user"]["id"], who, "{data}");
    data["user"].clone()
}

/// Waits until somebody looks like this to somebody else.
async fn looks(voice: &Voice<'_>, who: &str, status: &str) {
    eventually(&format!("{who} looks {status}"), async || shown(voice, who).await["status"] == status).await;
}

async fn shown(voice: &Voice<'_>, who: &str) -> Value {
    voice.get(&format!("/api/presence/users?ids={who}")).await.ok()["data"][0].clone()
}

async fn patch(voice: &Voice<'_>, body: Value) -> Answer {
    voice.send(Method::PATCH, "/api/me/status", Some(&body)).await
}

#[tokio::test]
async fn first_tab_and_last_are_told_to_the_course_in_its_grammar_and_tabs_between_to_nobody() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let (mut dashes, mut dots) = (listener(&app, "8", COURSE).await, listener(&app, "8", "private-course.1").await);
    let mut tab = app.connect().await;
    tab.sign_in("7").await;
    let seen = told(&mut dashes, "user:online", "7").await;
    assert_eq!(seen, json!({ "id": "7", "name": "Name of 7", "role": "student", "status": "online" }));
    for name in ["App\\Events\\UserOnline", "user.online"] {
        let data = inner(&dots.expect_on(name, "private-course.1").await);
        assert_eq!(data["user"], seen);
        assert!(data["event_id"].is_string() && data["timestamp"].is_string(), "{data}");
    }
    let mut second = app.connect().await;
    second.sign_in("7").await;
    tab.close().await;
    let teacher = app.person("9");
    looks(&teacher, "7", "online").await;
    second.cut();
    let gone = told(&mut dashes, "user:offline", "7").await;
    assert_eq!(gone["status"], "offline");
    assert!(gone["lastSeenAt"].is_string(), "{gone}");
    inner(&dots.expect("App\\Events\\UserOffline").await);
    dots.expect("user.offline").await;
    dashes.expect_silence().await;
}

#[tokio::test]
async fn refresh_inside_the_grace_tells_nobody_and_is_one_stay() {
    let app = TestApp::start().await;
    course_of_four(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let mut tab = app.connect().await;
    tab.sign_in("7").await;
    told(&mut watcher, "user:online", "7").await;
    for _ in 0..3 {
        tab.close().await;
        tab = app.connect().await;
        tab.sign_in("7").await;
    }
    // Another edge: what comes after it would have been told after it.
    app.person("9").post(ONLINE, json!({})).await.ok();
    told(&mut watcher, "user:online", "9").await;
    watcher.expect_silence().await;
    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let stays = async || store.presence_stays(&id, (&user("7"), None), 10).await.unwrap();
    eventually("the stay is kept", async || !stays().await.is_empty()).await;
    assert!(matches!(&stays().await[..], [(_, None, None)]), "one stay that goes on");
}

#[tokio::test]
async fn stays_are_kept_with_their_ends() {
    let app = without_grace().await;
    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let stays = async || store.presence_stays(&id, (&user("7"), None), 10).await.unwrap();
    let mut tab = app.connect().await;
    tab.sign_in("7").await;
    eventually("the stay has begun", async || matches!(&stays().await[..], [(_, None, None)])).await;
    tab.close().await;
    eventually("it has ended", async || matches!(&stays().await[..], [(_, _, Some(why))] if why == "closed")).await;
}

#[tokio::test]
async fn a_sign_of_life_may_say_at_what_and_only_where_the_person_is_listed() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let ada = app.person("7");
    ada.post(ONLINE, json!({ "scope": "class.k" })).await.ok();
    let stays = async || store.presence_stays(&id, (&user("7"), Some("class.k")), 10).await.unwrap();
    eventually("the stay has begun", async || matches!(&stays().await[..], [(_, None, None)])).await;
    ada.post(OFFLINE, json!({})).await;
    eventually("it has ended", async || matches!(&stays().await[..], [(_, Some(_), Some(_))])).await;
    for (who, scope) in [("7", "course.2"), ("stranger", "course.1"), ("5", "course.1")] {
        assert_eq!(app.person(who).post(ONLINE, json!({ "scope": scope })).await.status, 403, "{who} {scope}");
    }
    for scope in ["course", "platform", "user.7", "chat.1", ""] {
        let answer = ada.post(ONLINE, json!({ "scope": scope })).await;
        assert_eq!(answer.problem(422, "invalid_fields")["errors"][0]["pointer"], "/scope", "{scope}");
    }
}

#[tokio::test]
async fn signs_of_life_keep_a_user_online_without_a_socket_and_saying_it_again_is_no_news() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let ada = app.person("7");
    let before = now();
    for _ in 0..3 {
        let answer = ada.request(Method::POST, ONLINE).send().await.unwrap();
        assert_eq!(answer.status(), 200, "the body may be absent");
        let said: Value = answer.json().await.unwrap();
        assert_eq!((&said["status"], &said["interval"]), (&json!("online"), &json!(30)));
        let until = chrono::DateTime::parse_from_rfc3339(said["expires_at"].as_str().unwrap()).unwrap();
        assert!((74_999..100_000).contains(&(until.to_utc() - before).num_milliseconds()), "{said}");
    }
    told(&mut watcher, "user:online", "7").await;
    let both = async || ada.get("/api/realtime/status").await.ok()["online_users"] == 2;
    eventually("the watcher is online too", both).await;
    let status = ada.get("/api/realtime/status").await.ok();
    assert_eq!(status["me"], json!({ "id": "7", "connections": 0, "status": "online" }));
    assert_eq!(ada.post(OFFLINE, json!({})).await.status, 204);
    told(&mut watcher, "user:offline", "7").await;
    assert_eq!(ada.post(OFFLINE, json!({})).await.status, 204, "nothing to end is no error");
    watcher.expect_silence().await;
    assert_eq!(ada.get("/api/realtime/status").await.ok()["me"]["status"], "offline");
}

#[tokio::test]
async fn a_live_tab_keeps_its_user_online_unless_all_or_invisible_is_said() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let mut tab = app.connect().await;
    tab.sign_in("7").await;
    told(&mut watcher, "user:online", "7").await;
    let ada = app.person("7");
    ada.post(ONLINE, json!({ "device": "phone" })).await.ok();
    ada.post(OFFLINE, json!({ "device": "phone" })).await;
    looks(&app.person("9"), "7", "online").await;
    ada.post(OFFLINE, json!({ "all": true })).await;
    told(&mut watcher, "user:offline", "7").await;
    let mut second = app.connect().await;
    second.sign_in("7").await;
    told(&mut watcher, "user:online", "7").await;
    ada.post(OFFLINE, json!({ "invisible": true })).await;
    told(&mut watcher, "user:offline", "7").await;
    ada.post(ONLINE, json!({ "status": "busy" })).await.ok();
    assert_eq!(told(&mut watcher, "user:online", "7").await["status"], "busy");
    watcher.expect_silence().await;
}

#[tokio::test]
async fn what_people_say_about_themselves_is_told_and_kept_and_the_invisible_look_offline() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let ada = app.person("7");
    let said = patch(&ada, json!({ "status": "away", "text": "lunch", "emoji": "🥪" })).await.ok();
    assert_eq!(
        said,
        json!({ "status": "away", "text": "lunch", "emoji": "🥪", "invisible": false, "share_typing": true })
    );
    ada.post(ONLINE, json!({})).await.ok();
    let seen = told(&mut watcher, "user:online", "7").await;
    assert_eq!((&seen["status"], &seen["text"], &seen["emoji"]), (&json!("away"), &json!("lunch"), &json!("🥪")));
    patch(&ada, json!({ "status": "online", "text": null, "emoji": null })).await.ok();
    let seen = told(&mut watcher, "user:active", "7").await;
    assert_eq!(seen, json!({ "id": "7", "name": "Name of 7", "role": "student", "status": "online" }));
    patch(&ada, json!({ "status": "away" })).await.ok();
    told(&mut watcher, "user:away", "7").await;
    patch(&ada, json!({ "text": "nap" })).await.ok();
    let seen = told(&mut watcher, "user:away", "7").await;
    assert_eq!(
        (&seen["status"], &seen["text"]),
        (&json!("away"), &json!("nap")),
        "who is away is not told to be active"
    );
    patch(&ada, json!({ "invisible": true })).await.ok();
    told(&mut watcher, "user:offline", "7").await;
    ada.post(OFFLINE, json!({})).await;
    ada.post(ONLINE, json!({})).await.ok();
    let mut tab = app.connect().await;
    tab.sign_in("7").await;
    app.person("9").post(ONLINE, json!({})).await.ok();
    told(&mut watcher, "user:online", "9").await;
    watcher.expect_silence().await;
    assert_eq!(shown(&app.person("9"), "7").await["status"], "offline");
    assert_eq!(ada.get("/api/realtime/status").await.ok()["me"]["status"], "away", "they know");
}

#[tokio::test]
async fn a_status_is_taken_at_its_limits_and_refused_beyond() {
    let app = TestApp::start().await;
    let ada = app.person("7");
    patch(&ada, json!({ "text": "é".repeat(140), "emoji": "é".repeat(32) })).await.ok();
    for (body, field) in [
        (json!({ "text": "é".repeat(141) }), "/text"),
        (json!({ "emoji": "é".repeat(33) }), "/emoji"),
        (json!({ "status": "offline" }), "/status"),
        (json!({ "clear_at": "2020-01-01T00:00:00Z" }), "/clear_at"),
        (json!({ "mood": "good" }), "/mood"),
    ] {
        let answer = patch(&ada, body).await;
        let problem = answer.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], field, "{problem}");
    }
    ada.post(ONLINE, json!({ "device": "d".repeat(64) })).await.ok();
    ada.post(ONLINE, json!({ "device": "d".repeat(65) })).await.problem(422, "invalid_fields");
    ada.post(ONLINE, json!([])).await.problem(422, "invalid_fields");
    let cleared = patch(&ada, json!({ "clear_at": "2099-01-01T00:00:00Z" })).await.ok();
    assert_eq!(cleared["clear_at"], "2099-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn people_see_those_of_their_courses_and_nobody_else() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let roster = app.roster().await;
    roster.put([Object::User(person("stranger"))]).await;
    for who in ["7", "8", "stranger"] {
        app.person(who).post(ONLINE, json!({})).await.ok();
    }
    let ids = "7,8,9,5,stranger,nobody";
    let seen = async |voice: Voice<'_>| {
        let all = voice.get(&format!("/api/presence/users?ids={ids}")).await.ok()["data"].clone();
        let one = |it: &Value| format!("{} {}", it["id"].as_str().unwrap(), it["status"].as_str().unwrap());
        all.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(seen(app.person("7")).await, ["7 online", "8 online", "9 offline"], "not the observer, no stranger");
    assert_eq!(seen(app.person("5")).await, ["7 online", "5 offline"], "an observer sees whom they look after");
    assert_eq!(seen(app.person("stranger")).await, ["stranger online"]);
    let program = app.program(&[Scope::PresenceRead]).await;
    assert_eq!(seen(program).await, ["7 online", "8 online", "9 offline", "5 offline", "stranger online"]);
    app.program(&[Scope::RosterRead]).await.get("/api/presence/users?ids=7").await.problem(403, "missing_scope");
    roster.drop("8").await;
    eventually("the dropped one sees nobody", async || seen(app.person("8")).await == ["8 online"]).await;

    let many = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    app.person("7").get(&format!("/api/presence/users?ids={}", many(200))).await.ok();
    app.person("7").get(&format!("/api/presence/users?ids={}", many(201))).await.problem(400, "invalid_parameter");
    app.person("7").get("/api/presence/users").await.problem(400, "invalid_parameter");
    let gap = app.person("7").get("/api/presence/users?ids=7,,8").await.problem(400, "invalid_parameter");
    assert_eq!(gap["detail"], "ids: user id must not be empty");
}

#[tokio::test]
async fn when_somebody_was_last_seen_is_exact_for_staff_and_not_told_of_the_invisible() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let ada = app.person("7");
    ada.post(ONLINE, json!({})).await.ok();
    ada.post(OFFLINE, json!({})).await;
    let (teacher, student) = (app.person("9"), app.person("8"));
    eventually("it is kept", async || shown(&teacher, "7").await["last_seen_at"].is_string()).await;
    let exact = shown(&teacher, "7").await["last_seen_at"].as_str().unwrap().to_owned();
    let coarse = shown(&student, "7").await["last_seen_at"].as_str().unwrap().to_owned();
    assert!(coarse <= exact && coarse.ends_with(":00.000Z"), "{coarse} {exact}");
    patch(&ada, json!({ "invisible": true })).await.ok();
    ada.post(ONLINE, json!({})).await.ok();
    ada.post(OFFLINE, json!({})).await;
    let (store, id) = (app.store().await, AppId::parse(MAIN.id).unwrap());
    let stays = async || store.presence_stays(&id, (&user("7"), None), 10).await.unwrap();
    let both = async || matches!(&stays().await[..], [(_, Some(_), _), (_, Some(_), _)]);
    eventually("the second stay is kept", both).await;
    assert_eq!(shown(&teacher, "7").await["last_seen_at"], exact.as_str());
}

#[tokio::test]
async fn observers_are_told_of_nobody_and_nobody_is_told_of_them() {
    let app = without_grace().await;
    course_of_four(&app).await;
    let (mut observer, mut student) = (listener(&app, "5", COURSE).await, listener(&app, "8", COURSE).await);
    let mut other = app.connect().await;
    other.sign_in("5").await;
    app.person("7").post(ONLINE, json!({})).await.ok();
    told(&mut student, "user:online", "7").await;
    // Somebody who came later: whoever was to be told of the observer would have been told before.
    let mut teacher = app.connect().await;
    teacher.sign_in("9").await;
    told(&mut student, "user:online", "9").await;
    observer.expect_silence().await;
}

#[tokio::test]
async fn the_org_is_told_too_and_students_hear_nothing_where_they_may_not_see_each_other() {
    let quiet = |settings: &mut AppSettings| {
        settings.presence_visible_to_students = false;
        settings.presence_grace = 0;
    };
    for is_quiet in [false, true] {
        let app = TestApp::with_settings(|settings| {
            if is_quiet {
                quiet(settings)
            }
        })
        .await;
        let roster = app.roster().await;
        let org = Org { id: id("o"), name: "A school".to_owned() };
        let member = |who: &str| Object::User(campanile::domain::roster::Person { org: Some(id("o")), ..person(who) });
        roster.put([Object::Org(org), Object::Course(course("1")), member("7"), member("8")]).await;
        roster.enroll(&[("9", Role::Instructor)]).await;
        roster.put([Object::Enrollment(enrollment("7", Role::Student))]).await;
        let mut in_org = listener(&app, "8", "private-org-o").await;
        let mut staff = listener(&app, "9", "private-course-1-instructor").await;
        app.person("7").post(ONLINE, json!({})).await.ok();
        if is_quiet {
            staff.expect_on("user:online", "private-course-1-instructor").await;
        } else {
            in_org.expect_on("user:online", "private-org-o").await;
        }
        staff.expect_silence().await;
        in_org.expect_silence().await;
        let seen = app.person("9").get("/api/presence/users?ids=7").await.ok()["data"].as_array().unwrap().len();
        assert_eq!(seen, 1);
    }
}

#[tokio::test]
async fn a_closed_account_is_offline_at_once_and_may_not_come_back() {
    let app = TestApp::start().await;
    course_of_four(&app).await;
    let roster = app.roster().await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let ada = app.person("7");
    ada.post(ONLINE, json!({})).await.ok();
    told(&mut watcher, "user:online", "7").await;
    let closed = campanile::domain::roster::Person { deactivated_at: Some(now()), ..person("7") };
    roster.put([Object::User(closed)]).await;
    told(&mut watcher, "user:offline", "7").await;
    assert!(matches!(ada.post(ONLINE, json!({})).await.status, 401 | 403));
}

#[tokio::test]
async fn who_is_in_a_channel_is_told_to_those_who_may_hear_it() {
    let app = TestApp::start().await;
    course_of_four(&app).await;
    let (mut one, mut tab) = (app.connect().await, app.connect().await);
    one.join("presence-course-1", "7").await;
    tab.join("presence-course-1", "7").await;
    let mut other = app.connect().await;
    other.join("presence-course-1", "8").await;
    let path = "/api/presence/channels/presence-course-1";
    let first = app.person("9").get(&format!("{path}?limit=1")).await.ok();
    assert_eq!((&first["user_count"], &first["connection_count"]), (&json!(2), &json!(3)));
    let info = json!({ "id": "7", "name": "Name of 7", "role": "student", "avatar": null });
    assert_eq!(first["users"], json!([{ "id": "7", "info": info }]));
    let next = app.person("9").get(&format!("{path}?limit=1&cursor={}", first["cursor"].as_str().unwrap())).await.ok();
    assert_eq!((&next["users"][0]["id"], &next["cursor"]), (&json!("8"), &Value::Null));
    for stranger in ["5", "stranger"] {
        assert_eq!(app.person(stranger).get(path).await.status, 403, "{stranger}");
    }
    app.program(&[Scope::PresenceRead]).await.get(path).await.ok();
    let private = app.person("9").get("/api/presence/channels/private-course-1").await.ok();
    assert_eq!(private, json!({ "channel": "private-course-1", "connection_count": 0, "users": [] }));

    let mut own = app.connect().await;
    own.join("presence-lounge", "7").await;
    app.person("7").get("/api/presence/channels/presence-lounge").await.ok();
    assert_eq!(app.person("8").get("/api/presence/channels/presence-lounge").await.status, 403, "not in it");
}

#[tokio::test]
async fn nobody_is_online_in_another_app_and_guests_are_refused() {
    let app = TestApp::with_two_apps().await;
    app.person("7").post(ONLINE, json!({})).await.ok();
    let other = app.program_of(crate::support::app::OTHER, &[Scope::PresenceRead]).await;
    assert_eq!(other.get("/api/presence/users?ids=7").await.ok(), json!({ "data": [] }));
    assert_eq!(other.get("/api/realtime/status").await.ok()["online_users"], 0);
    assert_eq!(app.plain(Method::POST, ONLINE).send().await.unwrap().status(), 401);
    let program = app.program(&[Scope::UsersAct]).await;
    program.post(ONLINE, json!({})).await.problem(403, "no_person");
    let request = program.request(Method::POST, ONLINE).header("X-On-Behalf-Of", "8");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(app.person("8").get("/api/realtime/status").await.ok()["me"]["status"], "online");
}
