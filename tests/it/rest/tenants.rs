//! One app never sees or touches what is another's, on any route: the cases come from the description.
//!
//! What is somebody else's and what is not there at all look the same (T35, T38).

mod furnish;

use campanile::domain::caller::Scope;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use self::furnish::{furnish, furnish_messages, furnish_poll};
use crate::support::{
    answer::{Answer, finish},
    app::{Keys, MAIN, OTHER, TestApp},
    description::operations,
    rest::Voice,
};

const EVERYTHING: [Scope; 1] = [Scope::Admin];

/// A word that stands in everything of the other app and must not come back.
const SECRET: &str = "Unspeakable";

/// Ids of the other app's objects by the path that they stand in.
const IDS: [(&str, &str); 13] = [
    ("/api/access/revocations/", "1"),
    ("/api/notifications/", "theirs-n"),
    ("/api/notification-broadcasts/", "theirs-nb"),
    ("/api/broadcasts/", "theirs-b"),
    ("/api/orgs/", "theirs-3"),
    ("/api/users/", "theirs-7"),
    ("/api/courses/", "theirs-101"),
    ("/api/classes/", "theirs-12"),
    ("/api/chapters/", "theirs-5"),
    ("/api/enrollments/", "theirs-9001"),
    ("/api/polls/", "theirs-poll"),
    ("/api/chats/", "theirs-c"),
    ("/api/messages/", "theirs-m"),
];

/// Everything that the office of an app can read.
async fn picture(office: &Voice<'_>) -> Vec<Value> {
    let mut picture = Vec::new();
    for kind in ["orgs", "users", "courses", "classes", "chapters", "enrollments"] {
        picture.push(office.get(&format!("/api/{kind}?limit=100")).await.ok());
    }
    picture.push(office.get("/api/roster/changes?limit=1000").await.ok());
    let revocations = office.get("/api/access/revocations?user=theirs-8").await.ok();
    assert_eq!(revocations["data"][0]["id"], "1", "as in the path that others try");
    picture.push(revocations);
    picture.push(office.get("/api/polls?class_id=theirs-12").await.ok());
    for path in
        ["/api/chats", "/api/chats/theirs-c/messages", "/api/chats/theirs-c/moderation", "/api/chats/theirs-c/reports"]
    {
        picture.push(office.get(path).await.ok());
    }
    picture.push(office.get("/api/notification-broadcasts/theirs-nb").await.ok());
    picture.push(office.get("/api/broadcasts/theirs-b").await.ok());
    for path in ["/api/audit", "/api/broadcast-log", "/api/moderation/words", "/api/courses/theirs-101/words"] {
        picture.push(office.get(path).await.ok());
    }
    picture
}

/// The path of an operation with the other app's ids in it.
fn path_of(template: &str, (method, unknown): (&Method, bool)) -> String {
    let id = IDS
        .iter()
        .find(|(path, _)| template.starts_with(path))
        .map_or("presence-course.theirs-101.users", |(_, id)| id);
    let id = if unknown { "nobodys-1" } else { id };
    let path = template.replace("{id}", id).replace("{name}", "presence-course.theirs-101.users");
    let path = path.replace("{user}", "theirs-7").replace("{emoji}", ":tada:");
    let path = path.replace("{measure}", "theirs-s").replace("{report}", "theirs-r");
    match template {
        _ if *method != Method::GET && !template.ends_with("auth") => path,
        "/api/access/explain" => format!("{path}?user=theirs-7&channel=private-course.theirs-101"),
        "/api/access/revocations" => format!("{path}?user=theirs-8"),
        "/api/audit" => format!("{path}?target_type=course&target_id=theirs-101"),
        "/api/enrollments" => format!("{path}?user=theirs-7&course=theirs-101"),
        "/api/users" | "/api/courses" => format!("{path}?org=theirs-3"),
        "/api/classes" | "/api/chapters" | "/api/chats" => format!("{path}?course=theirs-101"),
        "/api/presence/users" => format!("{path}?ids=theirs-7"),
        "/api/typing" => format!("{path}?channel=private-course.theirs-101"),
        "/api/polls" => format!("{path}?class_id=theirs-12"),
        _ if template.ends_with("auth") => format!("{path}?socket_id=1.2&channel_name=private-course.theirs-101"),
        _ => path,
    }
}

/// A body with the other app's ids in it.
fn body_of(template: &str) -> Option<Value> {
    let course = "theirs-101";
    Some(match template {
        "/api/orgs/{id}" => json!({ "name": "Mine" }),
        "/api/users/{id}" | "/api/courses/{id}" => json!({ "name": "Mine", "title": "Mine", "org": "theirs-3" }),
        "/api/classes/{id}" => json!({ "course": course, "name": "Mine" }),
        "/api/chapters/{id}" => json!({ "course": course, "title": "Mine" }),
        "/api/enrollments/{id}" => json!({ "user": "theirs-7", "course": course, "role": "instructor" }),
        "/api/chats" => json!({ "kind": "course", "course": course, "title": "Mine" }),
        "/api/chats/{id}" => json!({ "title": "Mine" }),
        "/api/chats/{id}/members" => json!({ "users": ["theirs-7"] }),
        "/api/chats/{id}/read" => json!({ "seq": 1 }),
        "/api/chats/{id}/purge" => json!({ "user": "theirs-7" }),
        "/api/chats/{id}/moderation" => json!({ "user": "theirs-7", "measure": "ban" }),
        "/api/moderation/words" | "/api/courses/{id}/words" => json!({ "entries": [] }),
        "/api/chats/{id}/reports/{report}" => json!({ "state": "dismissed" }),
        "/api/chat/messages" => json!({ "chat_id": "theirs-c", "body": "Mine" }),
        "/api/messages/{id}" => json!({ "body": "Mine" }),
        "/api/messages/{id}/pin" => json!({}),
        "/api/messages/{id}/report" => json!({ "reason": "spam" }),
        "/api/access/revoke" => json!({ "user": "theirs-7", "scope": { "kind": "course", "id": course } }),
        "/api/roster/batch" => json!({ "operations": [
            { "op": "delete", "kind": "course", "id": course },
            { "op": "put", "kind": "class", "id": "mine", "data": { "course": course, "name": "Mine" } },
        ] }),
        "/api/notifications" => json!({ "user": "theirs-7", "course": course, "category": "grade", "title": "Mine" }),
        "/api/notifications/broadcast" => {
            let audience = json!({ "type": "course", "ids": [course] });
            json!({ "audience": audience, "category": "grade", "title": "Mine" })
        }
        "/api/notifications/{id}" => json!({ "read": true }),
        "/api/notifications/read" => json!({ "ids": ["theirs-n"] }),
        "/api/me/notification-preferences" => json!({ "preferences": [] }),
        "/api/broadcasts" => json!({ "audience": { "type": "course", "ids": [course] }, "event": "mine" }),
        _ if template.ends_with("trigger") => {
            json!({ "channel": "presence-course.theirs-101.users", "event": "mine" })
        }
        "/api/me/status" => json!({ "status": "busy" }),
        "/api/typing" => json!({ "channel": "private-course.theirs-101", "typing": true }),
        "/api/polls" => json!({ "class_id": "theirs-12", "kind": "open", "question": "Mine?" }),
        "/api/polls/{id}" => json!({ "question": "Mine?" }),
        "/api/polls/{id}/vote" => json!({ "option_ids": ["1"] }),
        "/api/polls/{id}/options" => json!({ "label": "Mine" }),
        _ if template.ends_with("auth") => json!({ "socket_id": "1.2", "channel_name": "private-course.theirs-101" }),
        _ => return None,
    })
}

/// Operations of the REST API that are about somebody's things.
fn guarded() -> impl Iterator<Item = (&'static str, Method)> {
    let ours = operations().filter(|(path, ..)| *path != "/up" && !path.starts_with("/apps/"));
    ours.map(|(path, method, _)| (path, method.to_ascii_uppercase().parse().unwrap()))
        .filter(|(path, _)| !matches!(*path, "/api/time" | "/api/realtime/status"))
}

fn call(voice: &Voice<'_>, template: &str, (method, unknown): (&Method, bool)) -> RequestBuilder {
    let request = voice.request(method.clone(), &path_of(template, (method, unknown)));
    match body_of(template).filter(|_| matches!(*method, Method::PUT | Method::POST | Method::PATCH)) {
        Some(mut body) if template == "/api/users/{id}" || template == "/api/courses/{id}" => {
            let other = if template.contains("users") { "title" } else { "name" };
            body.as_object_mut().unwrap().remove(other);
            request.json(&body)
        }
        Some(body) => request.json(&body),
        None => request,
    }
}

/// Operations by which people say something about nobody but themselves.
fn is_about_oneself(what: &str) -> bool {
    what.contains("/api/realtime/presence/") || what.contains("/api/me/")
}

/// Operations that take the token of a person, whoever it is.
fn is_for_people(template: &str) -> bool {
    let others = ["/api/presence/", "/api/typing", "/api/notification", "/api/broadcasts"];
    is_about_oneself(template) || others.iter().any(|path| template.starts_with(path))
}

/// Checks that an answer about another app's things tells nothing and has done nothing.
fn assert_nothing_told(what: &str, answer: &Answer) {
    assert!(!answer.text().contains(SECRET), "{what}: {}", answer.text());
    assert!(answer.status < 500, "{what}: {}", answer.text());
    // A person of this app who has the same id there says something about themselves.
    if matches!(answer.status, 201 | 202) || what.starts_with("PUT") || is_about_oneself(what) {
        return;
    }
    if answer.status != 200 {
        assert!(matches!(answer.status, 400 | 401 | 403 | 404 | 422), "{what}: {} {}", answer.status, answer.text());
        return;
    }
    let answer = answer.json();
    // What one sees or does of one's own, or in one's own app, is told by numbers alone here.
    let own = ["/api/notifications/re", "/trigger", "/api/moderation/words"];
    if own.iter().any(|path| what.contains(path)) {
        return;
    }
    let is_empty_list = answer["data"] == json!([]);
    let is_refused =
        answer["results"].as_array().is_some_and(|rows| rows.iter().all(|row| row["outcome"] == "refused"));
    let is_no = answer["allow"] == false;
    let touched_nothing = answer["sockets"] == 0 || answer["connection_count"] == 0;
    // A person of this app who has the same id there signs in here as themselves.
    let is_own_sign_in = answer["user_data"].is_string() && what.ends_with("/user-auth");
    assert!(is_empty_list || is_refused || is_no || touched_nothing || is_own_sign_in, "{what}: {answer}");
}

async fn every_route_of_one_app_with_the_others_ids(here: Keys, there: Keys) {
    let app = TestApp::with_two_apps().await;
    let (mine, theirs) = (app.program_of(here, &EVERYTHING).await, app.program_of(there, &EVERYTHING).await);
    furnish(&app, there, &theirs).await;
    furnish_poll(&app, there).await;
    furnish_messages(&app, there).await;
    let mut socket = app.connect_to(there).await;
    socket.join("presence-course.theirs-101.users", "theirs-7").await;
    let before = picture(&theirs).await;
    let stranger = app.person_of(here, "theirs-7");
    // What makes an object of the same id in this app comes last: others would find that one.
    let makes = |(_, method): &(&str, Method)| *method == Method::PUT;
    let (makers, others): (Vec<_>, Vec<_>) = guarded().partition(makes);
    assert!(makers.len() + others.len() >= 63);
    for (template, method) in others.into_iter().chain(makers) {
        for voice in [&mine, &stranger] {
            let answer = finish(&app, call(voice, template, (&method, false))).await;
            assert_nothing_told(&format!("{method} {template}"), &answer);
        }
    }
    assert_eq!(picture(&theirs).await, before, "nothing of the other app has changed");
    socket.expect_silence().await;
}

#[tokio::test]
async fn no_route_of_one_app_touches_the_other() {
    every_route_of_one_app_with_the_others_ids(MAIN, OTHER).await;
}

#[tokio::test]
async fn no_route_of_the_other_app_touches_the_first() {
    every_route_of_one_app_with_the_others_ids(OTHER, MAIN).await;
}

/// An answer without what differs from request to request.
fn shape(answer: &Answer, id: &str) -> (u16, Vec<String>, String) {
    let mut body = answer.json();
    (body["request_id"], body["instance"]) = (Value::Null, Value::Null);
    let names = answer.headers.iter().map(|(name, _)| name.clone()).collect();
    (answer.status, names, body.to_string().replace(id, "ID"))
}

#[tokio::test]
async fn what_is_anothers_and_what_is_nowhere_look_the_same() {
    let app = TestApp::with_two_apps().await;
    let (mine, theirs) = (app.program(&EVERYTHING).await, app.program_of(OTHER, &EVERYTHING).await);
    furnish(&app, OTHER, &theirs).await;
    furnish_poll(&app, OTHER).await;
    furnish_messages(&app, OTHER).await;
    let person = app.person("theirs-7");
    for (template, method) in guarded().filter(|(path, _)| path.ends_with("/{id}") || path.ends_with("/ack")) {
        let is_of_a_person = template.starts_with("/api/notifications/") || template.ends_with("/ack");
        let mine = if is_of_a_person { &person } else { &mine };
        if method == Method::PUT {
            continue;
        }
        let (_, id) = IDS.iter().find(|(path, _)| template.starts_with(path)).unwrap();
        let others = finish(&app, call(mine, template, (&method, false))).await;
        let nobodys = finish(&app, call(mine, template, (&method, true))).await;
        assert_eq!(shape(&others, id), shape(&nobodys, "nobodys-1"), "{method} {template}");
        assert_eq!(others.status, 404);
    }
}

#[tokio::test]
async fn a_key_without_scopes_opens_nothing_that_needs_one() {
    // There are more routes than requests that nobody known may send in a minute.
    let app = TestApp::with(|config| config.server.guest_requests_per_minute_per_ip = 0).await;
    let powerless = app.program(&[]).await;
    let is_open = |path: &str| ["auth", "/webhook", "trigger"].iter().any(|open| path.ends_with(open));
    for (template, method) in guarded().filter(|(path, _)| !is_open(path)) {
        let answer = finish(&app, call(&powerless, template, (&method, false))).await;
        answer.problem(403, "missing_scope");
        let nobody = finish(&app, app.plain(method.clone(), &path_of(template, (&method, false)))).await;
        assert_eq!(nobody.status, 401, "{method} {template}");
        if is_for_people(template) {
            continue;
        }
        let person = finish(&app, call(&app.person("7"), template, (&method, false))).await;
        if template.starts_with("/api/polls") {
            assert!(matches!(person.status, 403 | 404), "{method} {template}: {}", person.text());
            continue;
        }
        if ["/api/chat", "/api/messages/", "/api/courses/{id}/words"].iter().any(|path| template.starts_with(path)) {
            // For people too, as far as they are theirs.
            assert_nothing_told(&format!("{method} {template}"), &person);
            continue;
        }
        if template.starts_with("/api/streams/") {
            person.problem(400, "invalid_parameter");
            continue;
        }
        person.problem(403, if template == "/api/access/explain" { "not_yours" } else { "missing_scope" });
    }
}
