//! Channel authorization and sign-in: every path and encoding that stock clients use, and who gets what.

use campanile::domain::roster::Role;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::{MAIN, OTHER, TestApp},
    rest::Voice,
};

const CHANNEL: [&str; 4] = ["/broadcasting/auth", "/api/broadcasting/auth", "/pusher/auth", "/api/pusher/auth"];

const USER: [&str; 4] =
    ["/broadcasting/user-auth", "/api/broadcasting/user-auth", "/pusher/user-auth", "/api/pusher/user-auth"];

const COURSE: &str = "presence-course.101.users";

/// Puts parameters into a request.
type Encoding = fn(RequestBuilder, &[(&str, &str)]) -> RequestBuilder;

/// The encodings in which parameters come.
const ENCODINGS: [Encoding; 6] = [
    |request, parameters| request.form(parameters),
    |request, parameters| request.json(&object(parameters)),
    |request, parameters| request.query(parameters),
    // JSON as text, as a fetch() without headers sends it, and a form without any content type.
    |request, parameters| request.header("Content-Type", "text/plain").body(object(parameters).to_string()),
    |request, parameters| {
        let form: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.body(form.join("&"))
    },
    // Half here, half there.
    |request, parameters| {
        let (first, rest) = parameters.split_at(1);
        request.query(first).form(rest)
    },
];

fn object(parameters: &[(&str, &str)]) -> Value {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

/// Asks for a subscription with a form, as pusher-js does.
async fn authorize(app: &TestApp, voice: &Voice<'_>, socket: &str, channel: &str) -> Answer {
    let form = [("socket_id", socket), ("channel_name", channel)];
    finish(app, voice.request(Method::POST, "/broadcasting/auth").form(&form)).await
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("{name}: {answer}"))
}

#[tokio::test]
async fn every_path_takes_every_encoding_and_its_answer_opens_the_channel() {
    let app = TestApp::start().await;
    app.office().await.keep_course().await;
    let ada = app.person("7");
    for path in CHANNEL {
        for encode in ENCODINGS {
            let mut socket = app.connect().await;
            let id = socket.id.clone();
            let parameters = [("socket_id", id.as_str()), ("channel_name", COURSE), ("last_event_id", "E1")];
            let answer = finish(&app, encode(ada.request(Method::POST, path), &parameters)).await.ok();
            socket.ask_with(COURSE, text(&answer, "auth"), answer["channel_data"].as_str()).await;
            socket.expect_on("pusher_internal:subscription_succeeded", COURSE).await;
        }
        let mut socket = app.connect().await;
        let id = socket.id.clone();
        let parameters = [("socket_id", id.as_str()), ("channel_name", "private-course-101")];
        let answer = finish(&app, ada.request(Method::GET, path).query(&parameters)).await.ok();
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["auth"], "nothing but the signature");
        socket.ask_with("private-course-101", text(&answer, "auth"), None).await;
        socket.expect_on("pusher_internal:subscription_succeeded", "private-course-101").await;
    }
}

#[tokio::test]
async fn every_path_signs_people_in_in_every_encoding() {
    let app = TestApp::start().await;
    app.office().await.keep("/api/users/7", json!({ "name": "Ada" })).await;
    let ada = app.person("7");
    for path in USER {
        for encode in ENCODINGS {
            let mut socket = app.connect().await;
            let id = socket.id.clone();
            let answer = finish(&app, encode(ada.request(Method::POST, path), &[("socket_id", &id)])).await.ok();
            socket.send_json(json!({ "event": "pusher:signin", "data": answer })).await;
            let success = socket.expect("pusher:signin_success").await;
            let user: Value = serde_json::from_str(text(&success["data"], "user_data")).unwrap();
            assert_eq!((&user["id"], &user["user_info"]["name"]), (&json!("7"), &json!("Ada")));
        }
        let socket = app.connect().await;
        finish(&app, ada.request(Method::GET, path).query(&[("socket_id", &socket.id)])).await.ok();
    }
}

#[tokio::test]
async fn a_member_has_the_name_and_role_of_the_roster_and_what_the_client_adds() {
    let app = TestApp::start().await;
    app.office().await.keep_course().await;
    let socket = app.connect().await;
    let ada = app.person("7");
    let member = |answer: &Value| serde_json::from_str::<Value>(text(answer, "channel_data")).unwrap();
    let plain = member(&authorize(&app, &ada, &socket.id, COURSE).await.ok());
    assert_eq!((&plain["user_id"], &plain["user_info"]["id"]), (&json!("7"), &json!("7")));
    assert_eq!((&plain["user_info"]["name"], &plain["user_info"]["role"]), (&json!("Ada"), &json!("student")));

    let data = json!({ "user_id": "7", "user_info": { "name": "Ada of group 2", "seat": 4 } }).to_string();
    let form = [("socket_id", socket.id.as_str()), ("channel_name", COURSE), ("channel_data", &data)];
    let answer = finish(&app, ada.request(Method::POST, "/pusher/auth").form(&form)).await.ok();
    let info = &member(&answer)["user_info"];
    assert_eq!((&info["name"], &info["seat"], &info["role"]), (&json!("Ada"), &json!(4), &json!("student")));
}

#[tokio::test]
async fn whoever_may_not_hears_why_and_a_stranger_not_what_is_there() {
    let app = TestApp::start().await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/users/8", json!({ "name": "Bo" })).await;
    office
        .keep("/api/enrollments/9002", json!({ "user": "8", "course": "101", "role": "student", "status": "inactive" }))
        .await;
    office.keep("/api/users/9", json!({ "name": "Cy" })).await;
    let socket = app.connect().await;
    let id = socket.id.as_str();

    let inactive = authorize(&app, &app.person("8"), id, COURSE).await.problem(403, "enrollment_inactive");
    assert!(inactive["error"].is_string(), "seed clients look here");
    let there = authorize(&app, &app.person("9"), id, COURSE).await.problem(403, "not_enrolled");
    let nowhere = authorize(&app, &app.person("9"), id, "presence-course.999.users").await.problem(403, "not_enrolled");
    assert_eq!(there["detail"], nowhere["detail"]);
    authorize(&app, &app.person("7"), id, "private-course.101.instructor").await.problem(403, "wrong_role");
    authorize(&app, &app.person("7"), id, "private-user.8").await.problem(403, "not_yours");

    let form = [("socket_id", id), ("channel_name", COURSE)];
    let guest = async |channel: &str| {
        let form = [("socket_id", id), ("channel_name", channel)];
        finish(&app, app.plain(Method::POST, "/pusher/auth").form(&form)).await.problem(401, "not_identified")
    };
    for (there, nowhere) in [
        (COURSE, "presence-course.999.users"),
        ("private-class.12", "private-class.999"),
        ("private-chapter-5-comments", "private-chapter-999-comments"),
    ] {
        assert_eq!(guest(there).await["detail"], guest(nowhere).await["detail"], "{there}");
    }
    let forged = app.plain(Method::POST, "/pusher/auth").bearer_auth(format!("{}x", app.person("7").proof));
    assert_eq!(finish(&app, forged.form(&form)).await.status, 401);
}

#[tokio::test]
async fn requests_that_say_too_little_are_told_what_is_missing() {
    let app = TestApp::start().await;
    let ada = app.person("7");
    let socket = app.connect().await;
    let send = async |parameters: &[(&str, &str)]| {
        finish(&app, ada.request(Method::POST, "/pusher/auth").form(parameters)).await
    };
    let id = socket.id.as_str();
    for (parameters, code, says) in [
        (&[][..], "invalid_parameter", "socket_id"),
        (&[("socket_id", id)], "invalid_parameter", "channel_name"),
        (&[("socket_id", ""), ("channel_name", COURSE)], "invalid_parameter", "socket_id"),
        (&[("socket_id", "abc"), ("channel_name", COURSE)], "malformed_request", "socket"),
        (&[("socket_id", id), ("channel_name", "private-a b")], "malformed_request", "channel"),
        (&[("socket_id", id), ("channel_name", "lobby")], "malformed_request", "lobby"),
    ] {
        let problem = send(parameters).await.problem(400, code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    for body in ["{\"socket_id\":", "[\"a\"]", "{\"socket_id\":1.2,\"channel_name\":\"private-a\"}"] {
        let answer = finish(&app, ada.request(Method::POST, "/pusher/auth").body(body)).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    let multipart = ada.request(Method::POST, "/pusher/auth").header("Content-Type", "multipart/form-data; boundary=x");
    finish(&app, multipart.body("--x--")).await.problem(415, "unsupported_media_type");
    let missing = finish(&app, ada.request(Method::GET, "/pusher/auth")).await;
    missing.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn the_body_wins_over_the_query() {
    let app = TestApp::start().await;
    app.office().await.keep_course().await;
    let mut socket = app.connect().await;
    let ada = app.person("7");
    let query = [("socket_id", "9.9"), ("channel_name", "private-user.8")];
    let form = [("socket_id", socket.id.clone()), ("channel_name", "private-course.101".to_owned())];
    let answer = finish(&app, ada.request(Method::POST, "/pusher/auth").query(&query).form(&form)).await.ok();
    socket.ask_with("private-course.101", text(&answer, "auth"), None).await;
    socket.expect_on("pusher_internal:subscription_succeeded", "private-course.101").await;
}

#[tokio::test]
async fn a_token_opens_channels_of_its_own_app_only() {
    let app = TestApp::with_two_apps().await;
    app.office().await.keep_course().await;
    let theirs = app.person_of(OTHER, "7");
    let mut socket = app.connect_to(MAIN).await;
    let id = socket.id.clone();
    authorize(&app, &theirs, &id, COURSE).await.problem(403, "not_enrolled");
    // What the other app signs for a channel of the same name is no signature of this one.
    let answer = authorize(&app, &theirs, &id, "private-user.7").await;
    if answer.status == 200 {
        socket.ask_with("private-user.7", text(&answer.json(), "auth"), None).await;
        socket.expect_unauthorized("private-user.7").await;
    }
}

#[tokio::test]
async fn a_thread_is_opened_to_those_whom_a_route_of_the_app_names_and_to_nobody_else() {
    const THREAD: &str = "presence-thread-31";
    let app = TestApp::with_settings(|settings| {
        settings.set("channel_routes", "presence-thread-{id}=org:5").unwrap();
        settings.presence_events = false;
    })
    .await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/orgs/5", json!({ "name": "School" })).await;
    for user in ["7", "8"] {
        office.keep(&format!("/api/users/{user}"), json!({ "name": format!("User {user}"), "org": "5" })).await;
    }
    let mut org = app.person("8").hears("private-org-5").await;
    let (mut reader, mut writer) = (app.person("7").hears(THREAD).await, app.person("8").hears(THREAD).await);
    reader.expect_on("pusher_internal:member_added", THREAD).await;
    writer.send_event("client-typing", THREAD, json!({})).await;
    assert_eq!(reader.expect_on("client-typing", THREAD).await["user_id"], "8");
    org.expect_silence().await;
    let id = reader.id.clone();
    authorize(&app, &app.person("9"), &id, THREAD).await.problem(403, "not_enrolled");
    authorize(&app, &app.person("7"), &id, "presence-thread.31").await.problem(403, "unknown_channel");
    authorize(&app, &app.person("7"), &id, "private-doc-31").await.problem(403, "unknown_channel");

    office.keep("/api/users/7", json!({ "name": "User 7", "org": null })).await;
    let told = reader.expect_on("pusher:subscription_error", THREAD).await;
    assert_eq!((&told["data"]["type"], &told["data"]["reason"]), (&json!("AccessRevoked"), &json!("not_enrolled")));
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_the_cookie() {
    let app =
        TestApp::with_settings(|settings| settings.set("allowed_origins", "https://school.example").unwrap()).await;
    app.office().await.keep_course().await;
    let socket = app.connect_from("https://school.example").await;
    let token = app.person("7").proof;
    let send = async |origin: Option<&str>| {
        let form = [("socket_id", socket.id.as_str()), ("channel_name", COURSE)];
        let request =
            app.plain(Method::POST, "/broadcasting/auth").header("Cookie", format!("__session={token}")).form(&form);
        finish(&app, if let Some(origin) = origin { request.header("Origin", origin) } else { request }).await
    };
    let good = send(Some("https://school.example")).await;
    good.ok();
    assert_eq!(good.header("access-control-allow-credentials"), Some("true"));
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let refused = send(origin).await;
        refused.problem(403, "origin_not_allowed");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn many_requests_of_one_user_are_limited_and_others_go_on() {
    let app = TestApp::with_settings(|settings| settings.requests_per_minute_per_user = 2).await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/users/8", json!({ "name": "Bo" })).await;
    office.keep("/api/enrollments/9002", json!({ "user": "8", "course": "101", "role": "student" })).await;
    let socket = app.connect().await;
    let (ada, bo) = (app.person("7"), app.person("8"));
    for _ in 0..2 {
        authorize(&app, &ada, &socket.id, COURSE).await.ok();
    }
    let limited = authorize(&app, &ada, &socket.id, COURSE).await;
    limited.problem(429, "rate_limited");
    assert!(limited.header("retry-after").is_some());
    authorize(&app, &bo, &socket.id, COURSE).await.ok();
}

#[tokio::test]
async fn under_trust_what_the_endpoint_has_opened_stays_closed_to_the_same_frame_once_the_roster_says_no() {
    let app = TestApp::start().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student), ("8", Role::Student)]).await;
    for (user, channel) in [("7", "private-course.1"), ("8", "presence-course.1.users")] {
        let mut socket = app.connect().await;
        let answer = authorize(&app, &app.person(user), &socket.id, channel).await.ok();
        let (auth, data) = (text(&answer, "auth"), answer["channel_data"].as_str());
        socket.ask_with(channel, auth, data).await;
        socket.expect_on("pusher_internal:subscription_succeeded", channel).await;
        roster.drop(user).await;
        let told = socket.expect_on("pusher:subscription_error", channel).await;
        assert_eq!(told["data"]["type"], "AccessRevoked");
        for _ in 0..2 {
            socket.ask_with(channel, auth, data).await;
            let told = socket.expect_on("pusher:subscription_error", channel).await;
            let expected = (&json!("AccessDenied"), &json!("enrollment_inactive"));
            assert_eq!((&told["data"]["type"], &told["data"]["reason"]), expected);
        }
        app.publish(channel, "news", "1").await;
        socket.expect_silence().await;
    }
}
