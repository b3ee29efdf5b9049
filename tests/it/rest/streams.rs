//! Streams read piece by piece over HTTP.

use campanile::domain::{caller::Scope, roster::Role};
use serde_json::{Value, json};

use crate::support::app::{OTHER, TestApp};

const EVENTS: &str = "/api/streams/course.1/events";

fn seqs(answer: &Value) -> Vec<u64> {
    answer["data"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn events_come_in_order_from_where_the_reader_was() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    let nothing = person.get(EVENTS).await.ok();
    assert_eq!(nothing, json!({ "data": [], "stream": { "topic": "course.1", "epoch": "", "seq": 0 } }));
    let kept = stage.happen_all("course.1", 1..=5).await;
    let epoch = kept[0].fact.position.clone().unwrap().epoch;
    let all = person.get(EVENTS).await.ok();
    assert_eq!(all["stream"], json!({ "topic": "course.1", "epoch": epoch, "seq": 5 }));
    assert_eq!(seqs(&all), [1, 2, 3, 4, 5]);
    let first = &all["data"][0];
    assert_eq!((&first["event"], &first["event_id"]), (&json!("chat.message.created"), &json!(kept[0].fact.id)));
    assert_eq!(first["payload"], json!({ "number": 1, "of_topic": "course.1" }));
    assert!(first["timestamp"].is_string() && first["actor"].is_null());
    let part = person.get(&format!("{EVENTS}?after=2&epoch={epoch}&limit=2")).await.ok();
    assert_eq!(seqs(&part), [3, 4]);
    assert!(seqs(&person.get(&format!("{EVENTS}?after=5&epoch=")).await.ok()).is_empty());
    assert_eq!(person.get("/api/streams/course.1").await.ok(), all["stream"]);
}

#[tokio::test]
async fn what_is_not_kept_is_a_gap_that_tells_where_the_stream_is() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    let kept = stage.happen_all("course.1", 1..=3).await;
    let epoch = kept[0].fact.position.clone().unwrap().epoch;
    for query in ["after=4", "after=1&epoch=another", &format!("after=9&epoch={epoch}")] {
        let problem = person.get(&format!("{EVENTS}?{query}")).await.problem(410, "stream_gap");
        assert_eq!(problem["stream"], json!({ "topic": "course.1", "epoch": epoch, "seq": 3 }));
    }
    assert!(person.get("/api/nothing").await.problem(404, "not_found")["stream"].is_null());
}

#[tokio::test]
async fn people_read_what_they_may_hear_and_programs_what_is_of_their_app() {
    let app = TestApp::with_two_apps().await;
    app.roster().await.enroll(&[("7", Role::Student), ("8", Role::Instructor)]).await;
    let stage = app.stage().await;
    for topic in ["course.1", "course-staff.1", "user.7", "role.student", "platform"] {
        stage.happen(topic, 1).await;
    }
    let (student, teacher, stranger) = (app.person("7"), app.person("8"), app.person("9"));
    let reader = app.program(&[Scope::StreamsRead]).await;
    let elsewhere = app.program_of(OTHER, &[Scope::StreamsRead]).await;
    for (topic, by_student, by_teacher) in
        [("course.1", 200, 200), ("course-staff.1", 403, 200), ("user.7", 200, 403), ("role.student", 200, 403)]
    {
        for path in [format!("/api/streams/{topic}"), format!("/api/streams/{topic}/events")] {
            assert_eq!(student.get(&path).await.status, by_student, "{path}");
            assert_eq!(teacher.get(&path).await.status, by_teacher, "{path}");
            assert_eq!(stranger.get(&path).await.status, 403, "{path}");
            assert_eq!(reader.get(&path).await.status, 200, "{path}");
        }
        let path = format!("/api/streams/{topic}/events");
        assert_eq!(seqs(&reader.get(&path).await.ok()), [1]);
        assert!(seqs(&elsewhere.get(&path).await.ok()).is_empty(), "an app is a world");
    }
    let unknown = stranger.get("/api/streams/course.999").await.problem(403, "not_enrolled");
    let known = stranger.get("/api/streams/course.1").await.problem(403, "not_enrolled");
    assert_eq!(unknown["detail"], known["detail"]);
    let office = app.office().await;
    office.get(EVENTS).await.problem(403, "missing_scope");
    let guest = app.plain(reqwest::Method::GET, EVENTS);
    crate::support::answer::finish(&app, guest).await.problem(401, "no_identity");
}

#[tokio::test]
async fn parameters_have_their_bounds_and_topics_their_form() {
    let app = TestApp::start().await;
    let reader = app.program(&[Scope::StreamsRead]).await;
    app.stage().await.happen_all("course.1", 1..=301).await;
    for topic in ["course", "course.", "bell.1", "course.1.2%20", "custom.1", "private-course.1"] {
        let problem = reader.get(&format!("/api/streams/{topic}")).await.problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "topic");
    }
    for query in ["limit=0", "limit=301", "limit=x", "after=-1", "after=x", &format!("epoch={}", "x".repeat(27))] {
        reader.get(&format!("{EVENTS}?{query}")).await.problem(400, "invalid_parameter");
    }
    assert_eq!(seqs(&reader.get(&format!("{EVENTS}?limit=300")).await.ok()).len(), 300);
    assert_eq!(seqs(&reader.get(&format!("{EVENTS}?limit=1")).await.ok()), [1]);
    assert_eq!(seqs(&reader.get(EVENTS).await.ok()).len(), 100);
    assert_eq!(seqs(&reader.get(&format!("{EVENTS}?after=300")).await.ok()), [301]);
}
