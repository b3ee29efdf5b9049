//! Who sees results, when, and how often they go out.

use serde_json::json;

use super::*;

async fn seen(voice: &Voice<'_>, path: &str) -> bool {
    let (shown, asked) = (voice.get(path).await, voice.get(&format!("{path}/results")).await);
    if shown.status == 404 {
        asked.problem(404, "not_found");
        return false;
    }
    let is_shown = shown.ok().get("results").is_some();
    if is_shown {
        let (shown, mut asked) = (shown.json(), asked.ok());
        assert_eq!(asked.as_object_mut().unwrap().remove("stream").as_ref(), Some(&shown["stream"]));
        assert_eq!(shown["results"], asked);
    } else {
        asked.problem(403, "results_hidden");
    }
    is_shown
}

#[tokio::test]
async fn each_sees_the_results_when_the_settings_say_and_observers_when_they_are_published() {
    let (app, _roster) = room().await;
    let (host, done, idle, observer) = (app.person("9"), app.person("7"), app.person("8"), app.person("5"));
    for (visibility, while_open, once_closed) in [
        ("never", [true, false, false, false], [true, false, false, false]),
        ("after_vote", [true, true, false, false], [true, true, true, false]),
        ("after_close", [true, false, false, false], [true, true, true, false]),
        ("live", [true, true, true, false], [true, true, true, false]),
    ] {
        for place in ["class_id", "course_id"] {
            let mut body = question(json!({ "results_visibility": visibility }));
            body.as_object_mut().unwrap().remove("class_id");
            body[place] = json!(if place == "class_id" { "k" } else { "1" });
            let path = open(&host, body).await;
            assert_eq!(vote(&done, &path, "1").await.status, 201);
            let all = async || {
                [
                    seen(&host, &path).await,
                    seen(&done, &path).await,
                    seen(&idle, &path).await,
                    seen(&observer, &path).await,
                ]
            };
            assert_eq!(all().await, while_open, "{visibility} {place}");
            step(&host, &path, "close").await.ok();
            assert_eq!(all().await, once_closed, "{visibility} {place}");
            step(&host, &path, "publish").await.ok();
            assert_eq!(all().await, [true; 4], "{visibility} {place}");
            vote(&observer, &path, "1").await.problem(403, "wrong_role");
            step(&host, &path, "archive").await.ok();
        }
    }
}

/// A socket of somebody's.
async fn socket_of(app: &TestApp, user: &str) -> Client {
    let mut socket = app.connect().await;
    socket.sign_in(user).await;
    socket
}

/// A poll of the course as a whole.
fn of_course() -> Value {
    json!({
        "course_id": "1", "kind": "yes_no", "question": "So?", "settings": { "results_visibility": "live" },
    })
}

#[tokio::test]
async fn observers_hear_nothing_of_results_that_are_not_published() {
    let (app, _roster) = room().await;
    let host = app.person("9");
    let path = open(&host, of_course()).await;
    let mut observer = socket_of(&app, "5").await;
    observer.subscribe_private("private-course-1").await;
    let mut student = socket_of(&app, "7").await;
    student.subscribe_private("private-course-1").await;
    assert_eq!(vote(&app.person("7"), &path, "1").await.status, 201);
    results_of(&mut student, "private-course-1", 1).await;
    observer.expect_silence().await;
    step(&host, &path, "close").await.ok();
    heard(&mut student, "poll:closed", "private-course-1").await;
    results_of(&mut student, "private-course-1", 1).await;
    observer.expect_silence().await;
    step(&host, &path, "publish").await.ok();
    heard(&mut observer, "poll:published", "private-course-1").await;
    results_of(&mut observer, "private-course-1", 1).await;
}

#[tokio::test]
async fn observers_hear_of_a_poll_when_it_is_published_live_piece_by_piece_and_when_they_come_back() {
    let (app, _roster) = room().await;
    let (host, channel) = (app.person("9"), "private-course-1");
    let mut observer = socket_of(&app, "5").await;
    observer.subscribe_private(channel).await;
    let mut student = socket_of(&app, "7").await;
    student.subscribe_private(channel).await;
    let read = async |user: &str, query: &str| -> Vec<String> {
        let events = app.person(user).get(&format!("/api/streams/course.1/events{query}")).await.ok();
        events["data"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    };
    let path = open(&host, of_course()).await;
    heard(&mut student, "poll:opened", channel).await;
    patch(&host, &path, json!({ "settings": { "change_vote": false } })).await.ok();
    heard(&mut student, "poll:updated", channel).await;
    step(&host, &path, "close").await.ok();
    heard(&mut student, "poll:closed", channel).await;
    observer.expect_silence().await;
    assert_eq!(read("7", "").await, ["poll.opened", "poll.updated", "poll.closed"]);
    assert!(read("5", "").await.is_empty());
    step(&host, &path, "publish").await.ok();
    heard(&mut observer, "poll:published", channel).await;
    step(&host, &path, "archive").await.ok();
    heard(&mut observer, "poll:updated", channel).await;
    assert_eq!(read("5", "").await, ["poll.published", "poll.updated"]);
    assert_eq!(read("5", "?limit=1").await, ["poll.published"], "what is left out is no end");
    for (user, told) in [
        ("7", &["poll:opened", "poll:updated", "poll:closed", "poll:published", "poll:updated"][..]),
        ("5", &["poll:published", "poll:updated"]),
    ] {
        let mut back = socket_of(&app, user).await;
        back.subscribe_after(channel, ":0").await;
        let mut frames = back.drain().await;
        frames.retain(|frame| frame["event"] != "poll:results");
        assert_eq!(frames.iter().map(|frame| frame["event"].as_str().unwrap()).collect::<Vec<_>>(), told, "{user}");
    }
}

#[tokio::test]
async fn a_vote_that_is_refused_tells_the_results_of_a_closed_poll_not_again() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let (over, other) = (open(&host, question(json!({}))).await, open(&host, question(json!({}))).await);
    let id = over.rsplit('/').next().unwrap();
    assert_eq!(vote(&voter, &over, "1").await.status, 201);
    step(&host, &over, "close").await.ok();
    let mut staff = listener(&app, &[STAFF]).await;
    vote(&voter, &other, "1").await;
    // Results of the other one, three times in turn: what was to be told of the first before is told by then.
    let mut told = Vec::new();
    for number in 0..6 {
        if number >= 3 {
            vote(&voter, &over, "2").await.problem(410, "poll_closed");
        }
        vote(&app.person("8"), &other, if number % 2 == 0 { "1" } else { "2" }).await;
        let counted = if number % 2 == 0 { [2, 0] } else { [1, 1] };
        loop {
            let results = heard(&mut staff, "poll:results", STAFF).await;
            told.extend((number >= 3 && results["pollId"] == id).then(|| results.clone()));
            if results["pollId"] != id && counts(&results) == counted {
                break;
            }
        }
    }
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn results_go_to_the_class_when_they_are_live_and_to_staff_alone_otherwise() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    for (visibility, is_live) in [("never", false), ("after_vote", false), ("after_close", false), ("live", true)] {
        let path = open(&host, question(json!({ "results_visibility": visibility }))).await;
        let mut class = listener(&app, &[CLASS]).await;
        let mut staff = listener(&app, &[STAFF]).await;
        assert_eq!(vote(&voter, &path, "1").await.status, 201);
        if is_live {
            results_of(&mut class, CLASS, 1).await;
            let turnout = heard(&mut staff, "poll:turnout", STAFF).await;
            assert_eq!(turnout["voted"], 1);
        } else {
            results_of(&mut staff, STAFF, 1).await;
            class.expect_silence().await;
        }
    }
}

#[tokio::test]
async fn a_storm_of_votes_is_one_frame_a_quarter_of_a_second_and_the_last_one_tells_all() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({ "results_visibility": "live" }))).await;
    let mut class = listener(&app, &[CLASS]).await;
    let began = std::time::Instant::now();
    for number in 0..60 {
        vote(&voter, &path, if number < 59 { "2" } else { "1" }).await;
    }
    let mut frames = Vec::new();
    while frames.last().is_none_or(|last: &Value| counts(last) != [1, 0]) {
        frames.push(heard(&mut class, "poll:results", CLASS).await);
    }
    class.expect_silence().await;
    let most = began.elapsed().as_millis() / 250 + 2;
    assert!(frames.len() as u128 <= most, "{} frames, at most {most}", frames.len());
    assert!(frames.iter().all(|frame| frame["total"] == 1 && frame.get("seq").is_none()), "{frames:?}");
}

#[tokio::test]
async fn who_comes_late_gets_the_open_poll_their_own_vote_and_the_time_that_is_left() {
    let (app, _roster) = room().await;
    let path =
        open(&app.person("9"), question(json!({ "time_limit_s": 600, "results_visibility": "after_vote" }))).await;
    vote(&app.person("7"), &path, "2").await;
    let listed = app.person("7").get("/api/polls?class_id=k&state=open").await.ok();
    assert_eq!(listed["data"][0]["id"], path.rsplit('/').next().unwrap());
    assert_eq!(listed["stream"]["topic"], "class.k");
    let late = app.person("7").get(&path).await.ok();
    assert_eq!((&late["poll"]["state"], &late["ballot"]["option_ids"]), (&json!("open"), &json!(["2"])));
    assert_eq!(counts(&late["results"]), [0, 1]);
    assert!(late["remaining_ms"].as_i64().unwrap() <= 600_000);
}

#[tokio::test]
async fn rankings_scales_and_clouds_come_to_points_steps_and_words() {
    let (app, _roster) = room().await;
    let (host, one, two) = (app.person("9"), app.person("7"), app.person("8"));
    let labels = json!([{ "label": "a" }, { "label": "b" }, { "label": "c" }]);
    let ask = async |kind: &str, options: Option<&Value>, votes: [Value; 2]| {
        let mut body = json!({ "class_id": "k", "kind": kind, "question": "?" });
        if let Some(options) = options {
            body["options"] = options.clone();
        }
        let path = open(&host, body).await;
        for (voter, vote) in [&one, &two].into_iter().zip(votes) {
            assert_eq!(voter.put(&format!("{path}/vote"), vote).await.status, 201);
        }
        host.get(&format!("{path}/results")).await.ok()
    };
    let ranked =
        ask("ranking", Some(&labels), [json!({ "ranking": ["1", "2", "3"] }), json!({ "ranking": ["2", "1", "3"] })])
            .await;
    let points: Vec<_> = ranked["tallies"].as_array().unwrap().iter().map(|entry| entry["points"].clone()).collect();
    assert_eq!(points, [5, 5, 2]);
    let scale = ask("scale", None, [json!({ "value": 2 }), json!({ "value": 5 })]).await;
    assert_eq!(counts(&scale), [0, 1, 0, 0, 1]);
    assert_eq!(scale["summary"], json!({ "min": 2.0, "max": 5.0, "mean": 3.5, "median": 2.0 }));
    let cloud = ask("word_cloud", None, [json!({ "text": "loops, maps" }), json!({ "text": "Maps" })]).await;
    let shown = json!([{ "text": "maps", "count": 2 }, { "text": "loops", "count": 1 }]);
    assert_eq!((&cloud["tallies"], &cloud["total"]), (&shown, &json!(2)));
    let open = ask("open", None, [json!({ "text": "Why\nnot" }), json!({ "text": "Because" })]).await;
    assert_eq!(counts(&open), [1, 1]);
}

#[tokio::test]
async fn an_answer_has_a_tag_that_changes_with_what_there_is_to_see() {
    let (app, _roster) = room().await;
    let (host, voter) = (app.person("9"), app.person("7"));
    let path = open(&host, question(json!({}))).await;
    let tag = host.get(&path).await.header("etag").unwrap().to_owned();
    let ask = async |tag: &str| with_header(&app, &host, (Method::GET, &path), ("If-None-Match", tag)).await;
    let known = ask(&tag).await;
    assert_eq!((known.status, known.header("etag")), (304, Some(tag.as_str())));
    vote(&voter, &path, "1").await;
    let fresh = ask(&tag).await;
    assert_eq!(fresh.ok()["results"]["total"], 1);
    assert_ne!(fresh.header("etag"), Some(tag.as_str()));
    ask("3").await.problem(400, "invalid_parameter");
}
