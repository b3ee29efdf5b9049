//! Coming back: a socket gets what it has missed, all of it or none, between the answer to its subscription and what goes on.

mod crash;
mod random;

use campanile::domain::{app::LaravelNames, roster::Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::{Answer, finish},
    app::{TestApp, settings},
    client::{Client, inner, member},
    eventually,
    rest::Voice,
    stage::numbers,
};

/// The topic of course `1` in both grammars.
const TOPIC: &str = "course.1";
const DOTS: &str = "private-course.1";
const DASHES: &str = "private-course-1";

/// Asks the auth endpoint as pusher-js does with `channelAuthorization.params`.
async fn authorize(app: &TestApp, person: &Voice<'_>, (socket, channel): (&str, &str), last: &str) -> Answer {
    let form = [("socket_id", socket), ("channel_name", channel), ("last_event_id", last)];
    finish(app, person.request(Method::POST, "/broadcasting/auth").form(&form)).await
}

/// Opens a socket and asks for a channel through the auth endpoint; reads nothing behind the greeting.
async fn come_back(app: &TestApp, person: &Voice<'_>, channel: &str, last: &str) -> Client {
    let mut socket = app.connect().await;
    let auth = authorize(app, person, (&socket.id, channel), last).await.ok();
    socket.ask_with(channel, auth["auth"].as_str().unwrap(), auth["channel_data"].as_str()).await;
    socket
}

/// The gap that a socket is told of, which must come next and alone.
async fn gap(socket: &mut Client, channel: &str) -> Value {
    let frame = socket.expect_on("stream:gap", channel).await;
    socket.expect_silence().await;
    inner(&frame)
}

#[tokio::test]
async fn what_was_missed_comes_after_the_answer_as_those_have_heard_it_who_stayed() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    for channel in [DOTS, DASHES] {
        let mut stayed = come_back(&app, &person, channel, "").await;
        stayed.expect_on("pusher_internal:subscription_succeeded", channel).await;
        stayed.expect_silence().await;
        let heard = stage.happen(TOPIC, 0).await.fact.id;
        stayed.drain().await;
        for number in 1..=3 {
            stage.happen(TOPIC, number).await;
        }
        let live = stayed.drain().await;
        assert_eq!(live.len(), if channel == DOTS { 6 } else { 3 });

        let mut back = come_back(&app, &person, channel, &heard).await;
        back.expect_on("pusher_internal:subscription_succeeded", channel).await;
        assert_eq!(back.drain().await, live, "by the auth endpoint");
        let mut back = app.connect().await;
        back.subscribe_after(channel, &heard).await;
        assert_eq!(back.drain().await, live, "with the subscription");
        stage.happen(TOPIC, 4).await;
        assert_eq!(back.drain().await, stayed.drain().await, "and it goes on");
    }
}

#[tokio::test]
async fn a_snapshot_is_gone_on_from_by_its_position_also_where_nothing_had_happened() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    let position = async || {
        let stream = person.get("/api/streams/course.1").await.ok();
        assert_eq!(stream["topic"], TOPIC);
        format!("{}:{}", stream["epoch"].as_str().unwrap(), stream["seq"])
    };
    let before = position().await;
    assert_eq!(before, ":0");
    let mut back = come_back(&app, &person, DASHES, &before).await;
    back.expect_on("pusher_internal:subscription_succeeded", DASHES).await;
    back.expect_silence().await;
    for number in 1..=3 {
        stage.happen(TOPIC, number).await;
    }
    assert_eq!(numbers(&back.drain().await), [1, 2, 3]);
    let after = position().await;
    for (last, missed) in [(&before, &[1, 2, 3][..]), (&after, &[])] {
        let mut back = come_back(&app, &person, DASHES, last).await;
        back.expect_on("pusher_internal:subscription_succeeded", DASHES).await;
        assert_eq!(numbers(&back.drain().await), missed, "{last}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_a_gap_and_never_a_part() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    let mut back = come_back(&app, &person, DOTS, "E1").await;
    back.expect_on("pusher_internal:subscription_succeeded", DOTS).await;
    assert_eq!(gap(&mut back, DOTS).await, json!({ "topic": TOPIC, "epoch": "", "seq": 0 }));

    let elsewhere = stage.happen("class.k", 1).await.fact.id;
    let kept = stage.happen_all(TOPIC, 1..=3).await;
    let position = kept[2].fact.position.clone().unwrap();
    let epoch = &position.epoch;
    let longest = "x".repeat(64);
    for last in [
        "E1",
        "undefined",
        &elsewhere,
        &longest,
        &format!("{epoch}:4"),
        &format!("{elsewhere}:1"),
        ":1",
        &format!("{epoch}:-1"),
        "a\u{0}b",
    ] {
        let mut back = app.connect().await;
        back.subscribe_after(DASHES, last).await;
        assert_eq!(gap(&mut back, DASHES).await, json!({ "topic": TOPIC, "epoch": epoch, "seq": 3 }), "{last:?}");
    }
    let mut back = app.connect().await;
    back.subscribe_after(DASHES, "E1").await;
    stage.happen(TOPIC, 4).await;
    let frames = back.drain().await;
    assert_eq!((&frames[0]["event"], numbers(&frames[1..])), (&json!("stream:gap"), vec![4]), "it hears what comes");
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_by_both_doors_and_an_empty_one_says_nothing() {
    let app = TestApp::start().await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let person = app.person("7");
    app.stage().await.happen(TOPIC, 1).await;
    let mut socket = app.connect().await;
    let long = "x".repeat(65);
    let refused = authorize(&app, &person, (&socket.id, DOTS), &long).await;
    let problem = refused.problem(400, "malformed_request");
    assert!(problem["detail"].as_str().unwrap().contains("last_event_id"), "{problem}");
    let query = [("socket_id", socket.id.as_str()), ("channel_name", DOTS), ("last_event_id", &long)];
    finish(&app, person.request(Method::GET, "/pusher/auth").query(&query)).await.problem(400, "invalid_parameter");
    socket.ask_after(DOTS, &long).await;
    let error = socket.expect_on("pusher:subscription_error", DOTS).await;
    assert_eq!((&error["data"]["type"], &error["data"]["status"]), (&json!("InvalidLastEventId"), &json!(400)));
    socket.subscribe_after(DOTS, "").await;
    socket.expect_silence().await;
}

#[tokio::test]
async fn whoever_is_refused_gets_nothing_of_what_was_missed() {
    let app = TestApp::start().await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    let (stage, person) = (app.stage().await, app.person("7"));
    let heard = stage.happen(TOPIC, 1).await.fact.id;
    stage.happen(TOPIC, 2).await;
    let mut socket = app.connect().await;
    let auth = authorize(&app, &person, (&socket.id, DOTS), &heard).await.ok();
    let mut other = app.connect().await;
    other.ask_with(DOTS, auth["auth"].as_str().unwrap(), None).await;
    other.expect_unauthorized(DOTS).await;
    roster.drop("7").await;
    eventually("the drop is known", async || authorize(&app, &person, (&socket.id, DOTS), "").await.status == 403)
        .await;
    socket.ask_with(DOTS, auth["auth"].as_str().unwrap(), None).await;
    let error = socket.expect_on("pusher:subscription_error", DOTS).await;
    assert_eq!(error["data"]["status"], 403);
    socket.expect_silence().await;
    let stranger = app.person("8");
    authorize(&app, &stranger, (&socket.id, DOTS), &heard).await.problem(403, "not_enrolled");
    other.send_json(json!({ "event": "pusher:subscribe", "data": { "channel": DOTS, "last_event_id": heard } })).await;
    other.expect_unauthorized(DOTS).await;
    other.expect_silence().await;
}

#[tokio::test]
async fn a_presence_channel_shows_its_members_first_and_a_public_one_is_caught_up_with_too() {
    let app = TestApp::with_settings(|settings| settings.laravel_event_names = LaravelNames::Alias).await;
    let stage = app.stage().await;
    for (topic, channel) in [("course-presence.1", "presence-course.1.users"), ("notices", "notifications")] {
        let heard = stage.happen(topic, 1).await.fact.id;
        stage.happen_all(topic, 2..=3).await;
        let mut socket = app.connect().await;
        let data = channel.starts_with("presence").then(|| member("7"));
        let auth = data.as_ref().map(|data| socket.keys.channel_auth(&socket.id, channel, Some(data)));
        let ask = json!({ "channel": channel, "auth": auth, "channel_data": data, "last_event_id": heard });
        socket.send_json(json!({ "event": "pusher:subscribe", "data": ask })).await;
        socket.expect_on("pusher_internal:subscription_succeeded", channel).await;
        assert_eq!(numbers(&socket.drain().await), [2, 3], "{channel}");
    }
}

#[tokio::test]
async fn channels_that_stand_for_no_stream_are_subscribed_as_ever() {
    let app = TestApp::start().await;
    let mut socket = app.connect().await;
    for channel in ["private-room", "private-encrypted-room", "private-lobby.5"] {
        socket.subscribe_after(channel, "E1").await;
        socket.expect_silence().await;
    }
}

#[tokio::test]
async fn a_socket_is_not_sent_again_what_it_was_left_out_of() {
    let app = TestApp::start().await;
    let stage = app.stage().await;
    let mut socket = app.connect().await;
    let heard = stage.happen(TOPIC, 1).await.fact.id;
    stage.happen_but_for(TOPIC, 2, Some(&socket.id)).await;
    stage.happen(TOPIC, 3).await;
    socket.subscribe_after(DASHES, &heard).await;
    assert_eq!(numbers(&socket.drain().await), [3]);
    let mut other = app.connect().await;
    other.subscribe_after(DASHES, &heard).await;
    assert_eq!(numbers(&other.drain().await), [2, 3]);
}

#[tokio::test]
async fn up_to_a_thousand_events_are_sent_again_and_one_more_is_a_gap() {
    let app = TestApp::with(|config| {
        config.server.outbox_bytes = 8 << 20;
        settings(config).laravel_event_names = LaravelNames::Alias;
    })
    .await;
    let stage = app.stage().await;
    let kept = stage.happen_all(TOPIC, 0..1_001).await;
    let mut back = app.connect().await;
    back.subscribe_after(DOTS, &kept[0].fact.id).await;
    assert_eq!(numbers(&back.drain().await), (1..=1_000).collect::<Vec<_>>());
    let epoch = &kept[0].fact.position.as_ref().unwrap().epoch;
    back.subscribe_after(DASHES, &format!("{epoch}:0")).await;
    assert_eq!(gap(&mut back, DASHES).await["seq"], 1_001);
}

#[tokio::test]
async fn more_than_half_of_what_a_socket_may_have_waiting_is_a_gap_and_the_socket_stays() {
    let app = TestApp::with(|config| config.server.outbox_bytes = 16_384).await;
    let stage = app.stage().await;
    let kept = stage.happen_all(TOPIC, 0..60).await;
    let mut one = app.connect().await;
    one.subscribe_after(DASHES, &kept[58].fact.id).await;
    let frame = one.frame().await.to_string().len();
    let fits = 8_192 / (frame + 4) - 2;
    for (missed, is_gap) in [(fits, false), (fits + 10, true)] {
        let mut back = app.connect().await;
        back.subscribe_after(DASHES, &kept[59 - missed].fact.id).await;
        if is_gap {
            gap(&mut back, DASHES).await;
        } else {
            assert_eq!(back.drain().await.len(), missed);
        }
    }
}
