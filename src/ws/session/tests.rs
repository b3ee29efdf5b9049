//! The state machine, driven without a socket.

use std::time::Duration;

use super::*;
use crate::{
    domain::app::Secret,
    ids::{AppId, AppKey},
};

fn app() -> App {
    App {
        id: AppId::parse("app-id").unwrap(),
        key: AppKey::parse("app-key").unwrap(),
        name: "test".into(),
        secrets: vec![Secret::new("app-secret")],
        enabled: true,
        settings: AppSettings::default(),
    }
}

const SOCKET: &str = "123456.7890123";

fn session() -> Session {
    Session::new(SocketId::parse(SOCKET).unwrap())
}

fn auth(rest: &str) -> String {
    format!("app-key:{}", signature::sign(&Secret::new("app-secret"), &[SOCKET, rest]))
}

fn subscribe(channel: &str, auth: &str, data: Option<&str>) -> String {
    let data =
        data.map(|data| format!(r#","channel_data":{}"#, serde_json::to_string(data).unwrap())).unwrap_or_default();
    format!(r#"{{"event":"pusher:subscribe","data":{{"channel":"{channel}","auth":"{auth}"{data}}}}}"#)
}

/// What the actions are, in short: frames as their text, everything else by name.
fn told(actions: &[Action]) -> Vec<String> {
    let text = |frame: &Frame| {
        let bytes = frame.as_bytes();
        let start = bytes.iter().position(|byte| *byte == b'{').unwrap();
        String::from_utf8(bytes[start..].to_vec()).unwrap()
    };
    let short = |action: &Action| match action {
        Action::Reply(frame) => text(frame),
        Action::Subscribe(wish) => {
            let claimed = wish.claimed.as_ref().map_or(String::new(), |user| format!(" of {user}"));
            format!("subscribe {} {:?}{claimed}", wish.channel, wish.member.as_ref().map(|m| m.id.as_str()))
        }
        Action::Unsubscribe(name, user) => format!("unsubscribe {name} {:?}", user.as_ref().map(UserId::as_str)),
        Action::Relay(name, frame) => format!("relay {name} {}", text(frame)),
        Action::Type { channel, is_typing, data, .. } => format!("type {channel} {is_typing} {data:?}"),
        Action::SignIn(user, _) => format!("sign in {}", user.member.id),
        Action::CountIgnored => "count ignored".to_owned(),
        Action::Close(reason) => format!("close {}", reason.code()),
    };
    actions.iter().map(short).collect()
}

fn say(session: &mut Session, text: &str) -> Vec<String> {
    told(&session.on_text(&app(), text, Instant::now()))
}

fn join(session: &mut Session, channel: &str, user: Option<&str>) {
    let name = ChannelName::parse(channel, (&AppSettings::default()).into()).unwrap();
    session.subscribed(name, user.map(|user| UserId::parse(user).unwrap()));
}

#[test]
fn a_guarded_channel_is_named_in_an_action_only_with_its_own_signature() {
    let mut session = session();
    let good = auth(":private-a");
    assert_eq!(say(&mut session, &subscribe("private-a", &good, None)), ["subscribe private-a None"]);
    for bad in [String::new(), auth(":private-b"), good.replace("app-key", "other-key"), auth("9:private-a")] {
        let told = say(&mut session, &subscribe("private-a", &bad, None));
        assert!(told[0].contains("pusher:subscription_error") && told[0].contains(r#""status":401"#), "{told:?}");
        assert!(told[1].contains(r#""code":4009"#), "{told:?}");
    }
}

#[test]
fn presence_needs_signed_channel_data_or_a_signed_in_user() {
    let mut session = session();
    let data = r#"{"user_id":7,"user_info":{"name":"Ada"}}"#;
    let signed = auth(&format!(":presence-a:{data}"));
    assert_eq!(
        say(&mut session, &subscribe("presence-a", &signed, Some(data))),
        [r#"subscribe presence-a Some("7") of 7"#]
    );
    let bare = subscribe("presence-a", &auth(":presence-a"), None);
    assert!(say(&mut session, &bare)[0].contains("sign in first"));
    let user = client_message::parse_user_data(r#"{"id":"42"}"#).unwrap();
    session.signed_in(SignedIn { member: user.member, watchlist: Vec::new() });
    assert_eq!(say(&mut session, &bare), [r#"subscribe presence-a Some("42")"#]);
}

#[test]
fn joining_a_presence_channel_as_somebody_else_leaves_it_first() {
    let mut session = session();
    join(&mut session, "presence-a", Some("1"));
    let data = r#"{"user_id":"2"}"#;
    let signed = auth(&format!(":presence-a:{data}"));
    let told = say(&mut session, &subscribe("presence-a", &signed, Some(data)));
    assert_eq!(told, [r#"unsubscribe presence-a Some("1")"#, r#"subscribe presence-a Some("2") of 2"#]);
}

#[test]
fn data_on_a_private_channel_names_a_user_only_when_it_is_signed() {
    let mut session = session();
    let data = r#"{"user_id":"7"}"#;
    let signed = auth(&format!(":private-a:{data}"));
    assert_eq!(say(&mut session, &subscribe("private-a", &signed, Some(data))), ["subscribe private-a None of 7"]);
    let unsigned = auth(":private-a");
    assert_eq!(say(&mut session, &subscribe("private-a", &unsigned, Some(data))), ["subscribe private-a None"]);
    let signed = auth(":private-a:[7]");
    assert!(say(&mut session, &subscribe("private-a", &signed, Some("[7]")))[0].contains("subscription_error"));
}

#[test]
fn a_channel_that_was_taken_away_is_one_that_the_socket_is_not_in() {
    let mut session = session();
    join(&mut session, "private-a", None);
    let event = r#"{"event":"client-x","channel":"private-a"}"#;
    assert!(say(&mut session, event)[0].starts_with("relay"));
    session.forget(&[ChannelName::parse("private-a", (&AppSettings::default()).into()).unwrap()]);
    assert!(say(&mut session, event)[0].contains(r#""code":4009"#));
}

#[test]
fn a_users_channel_is_only_for_the_user() {
    let mut session = session();
    assert!(say(&mut session, &subscribe("#server-to-user-42", "", None))[0].contains("sign in"));
    let user = client_message::parse_user_data(r#"{"id":"42"}"#).unwrap();
    session.signed_in(SignedIn { member: user.member, watchlist: Vec::new() });
    assert!(say(&mut session, &subscribe("#server-to-user-42", "", None))[0].contains("subscription_succeeded"));
    assert!(say(&mut session, &subscribe("#server-to-user-43", "", None))[0].contains("sign in"));
}

#[test]
fn the_eleventh_client_event_of_a_second_is_refused_and_the_next_second_works() {
    let (app, mut session, start) = (app(), session(), Instant::now());
    join(&mut session, "private-a", None);
    let event = r#"{"event":"client-x","channel":"private-a","data":{"a":1},"user_id":"forged"}"#;
    for _ in 0..10 {
        let told = told(&session.on_text(&app, event, start));
        assert_eq!(told, [r#"relay private-a {"event":"client-x","channel":"private-a","data":{"a":1}}"#]);
    }
    assert!(told(&session.on_text(&app, event, start))[0].contains(r#""code":4301"#));
    let later = start + Duration::from_secs(1);
    assert!(told(&session.on_text(&app, event, later))[0].starts_with("relay"));
}

#[test]
fn client_events_go_only_where_they_may() {
    let mut session = session();
    for (channel, user) in [("room", None), ("private-encrypted-a", None), ("presence-a", Some("42"))] {
        join(&mut session, channel, user);
    }
    let mut whisper = |channel: &str| {
        say(&mut session, &format!(r#"{{"event":"client-x","channel":"{channel}","data":"d"}}"#)).remove(0)
    };
    assert!(whisper("private-other").contains(r#""code":4009"#));
    assert!(whisper("room").contains(r#""code":4301"#));
    assert!(whisper("private-encrypted-a").contains(r#""code":4301"#));
    assert!(whisper("presence-a").ends_with(r#""data":"d","user_id":"42"}"#));
}

#[test]
fn sign_in_is_bound_to_the_socket_and_to_the_first_user() {
    let mut session = session();
    let message = |data: &str, auth: &str| {
        let data = serde_json::to_string(data).unwrap();
        format!(r#"{{"event":"pusher:signin","data":{{"auth":"{auth}","user_data":{data}}}}}"#)
    };
    let (ada, bob) = (r#"{"id":"42"}"#, r#"{"id":"43"}"#);
    let told = say(&mut session, &message(ada, &auth(&format!("::user::{ada}"))));
    assert!(told[0].contains("pusher:signin_success") && told[1] == "sign in 42", "{told:?}");
    let user = client_message::parse_user_data(ada).unwrap();
    session.signed_in(SignedIn { member: user.member, watchlist: Vec::new() });
    assert!(say(&mut session, &message(bob, &auth(&format!("::user::{bob}"))))[0].contains("another user"));
    let elsewhere = format!("app-key:{}", signature::sign(&Secret::new("app-secret"), &["1.1::user::", ada]));
    assert!(say(&mut session, &message(ada, &elsewhere))[0].contains(r#""code":4009"#));
}

#[test]
fn events_of_the_server_are_ignored_and_counted_and_a_pong_is_neither() {
    let mut session = session();
    join(&mut session, "presence-a", Some("42"));
    for event in ["pusher_internal:member_added", "App\\\\Events\\\\Opened", "x"] {
        let text = format!(r#"{{"event":"{event}","channel":"presence-a","data":{{}}}}"#);
        assert_eq!(say(&mut session, &text), ["count ignored"]);
    }
    assert!(say(&mut session, r#"{"event":"pusher:pong","data":{}}"#).is_empty());
}

#[test]
fn channels_are_accepted_up_to_the_limit_of_one_socket() {
    let mut session = session();
    for number in 0..199 {
        join(&mut session, &format!("c{number}"), None);
    }
    assert_eq!(say(&mut session, &subscribe("c199", "", None)), ["subscribe c199 None"]);
    join(&mut session, "c199", None);
    assert!(say(&mut session, &subscribe("c200", "", None))[0].contains("LimitReached"));
    assert_eq!(say(&mut session, &subscribe("c5", "", None)), ["subscribe c5 None"]);
}

#[test]
fn all_channels_that_a_socket_may_have_are_renewed_at_once() {
    let (mut app, mut session, now) = (app(), session(), Instant::now());
    app.settings.max_channels_per_connection = 1_000;
    for number in 0..1_000 {
        assert_eq!(session.on_frame(&app.settings, now), None);
        let told = told(&session.on_text(&app, &subscribe(&format!("c{number}"), "", None), now));
        assert_eq!(told, [format!("subscribe c{number} None")]);
    }
    let told = told(&session.on_text(&app, &subscribe("c1000", "", None), now));
    assert!(told[0].contains(r#""status":429"#), "{told:?}");
}

#[test]
fn a_frame_limit_answers_4301_and_closes_only_when_asked_to() {
    let (mut app, mut session, now) = (app(), session(), Instant::now());
    app.settings.frame_limit = 2;
    let ping = r#"{"event":"pusher:ping"}"#;
    for _ in 0..2 {
        assert_eq!(told(&session.on_text(&app, ping, now)), [r#"{"event":"pusher:pong"}"#]);
    }
    assert_eq!(told(&session.on_text(&app, ping, now)).len(), 1);
    app.settings.frame_limit_closes = true;
    let told = told(&session.on_text(&app, ping, now));
    assert!(told[0].contains(r#""code":4301"#) && told[1] == "close 4100", "{told:?}");
}

#[test]
fn a_flood_of_frames_closes_with_1008() {
    let (app, mut session, now) = (app(), session(), Instant::now());
    assert!((0..FRAMES_BURST).all(|_| session.on_frame(&app.settings, now).is_none()));
    assert_eq!(session.on_frame(&app.settings, now), Some(CloseReason::FrameFlood));
}

#[test]
fn without_a_limit_of_client_events_they_pass_and_other_frames_are_a_flood_still() {
    let (mut app, mut session, now) = (app(), session(), Instant::now());
    app.settings.client_events_per_second = 0;
    join(&mut session, "private-a", None);
    let event = r#"{"event":"client-x","channel":"private-a"}"#;
    for _ in 0..10 * FRAMES_BURST {
        assert_eq!(session.on_frame(&app.settings, now), None);
        assert!(told(&session.on_text(&app, event, now))[0].starts_with("relay"));
    }
    for _ in 0..FRAMES_BURST {
        assert_eq!(session.on_frame(&app.settings, now), None);
    }
    assert_eq!(session.on_frame(&app.settings, now), Some(CloseReason::FrameFlood));
}

#[test]
fn what_was_taken_away_gets_no_client_events_even_where_everybody_may_send() {
    let mut app = app();
    app.settings.client_events = ClientEvents::All;
    let mut session = session();
    let send = |session: &mut Session, channel: &str| {
        let text = format!(r#"{{"event":"client-x","channel":"{channel}","data":{{}}}}"#);
        told(&session.on_text(&app, &text, Instant::now())).remove(0)
    };
    let name = |text: &str| ChannelName::parse(text, (&AppSettings::default()).into()).unwrap();
    join(&mut session, "private-a", None);
    session.forget(&[name("private-a")]);
    assert!(send(&mut session, "private-a").contains("not a member"));
    assert!(send(&mut session, "private-b").starts_with("relay private-b"), "as Reverb lets everybody");
    join(&mut session, "private-a", None);
    assert!(send(&mut session, "private-a").starts_with("relay private-a"));

    let lost: Vec<_> = (0..MAX_REVOKED).map(|number| name(&format!("private-{number}"))).collect();
    session.forget(&lost);
    assert!(send(&mut session, "private-b").starts_with("relay private-b"), "at the limit");
    session.forget(&[name("private-c")]);
    for (channel, may) in [("private-0", false), ("private-b", false), ("private-c", false), ("private-a", true)] {
        assert_eq!(send(&mut session, channel).starts_with("relay"), may, "{channel}");
    }
}
