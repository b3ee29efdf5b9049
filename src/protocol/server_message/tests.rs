//! Every frame as stock clients expect it.

use std::sync::Arc;

use super::*;
use crate::domain::presence::Crowd;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    let text = String::from_utf8(out).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    text
}

/// Nobody is left out of the list.
const CROWD: Crowd = Crowd { full: 100, listed: 2 };

fn member(id: &str, numeric_id: bool, info: &str) -> Member {
    Member { id: UserId::parse(id).unwrap(), numeric_id, info: Arc::from(info), is_staff: false }
}

#[test]
fn handshake_and_keep_alive_frames() {
    let socket = SocketId::parse("123456.7890123").unwrap();
    assert_eq!(
        text(|out| connection_established(out, socket, 30)),
        r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"123456.7890123\",\"activity_timeout\":30}"}"#
    );
    assert_eq!(text(ping), r#"{"event":"pusher:ping","data":{}}"#);
    assert_eq!(text(pong), r#"{"event":"pusher:pong"}"#);
}

#[test]
fn error_data_is_an_object_or_a_string_with_parity() {
    assert_eq!(
        text(|out| error(out, ErrorStyle::Object, 4009, "No \"access\"", Some("private-a"))),
        r#"{"event":"pusher:error","channel":"private-a","data":{"code":4009,"message":"No \"access\""}}"#
    );
    assert_eq!(
        text(|out| error(out, ErrorStyle::Text, 4200, "x", None)),
        r#"{"event":"pusher:error","data":"{\"code\":4200,\"message\":\"x\"}"}"#
    );
}

#[test]
fn subscription_frames() {
    assert_eq!(
        text(|out| subscription_succeeded(out, "room")),
        r#"{"event":"pusher_internal:subscription_succeeded","channel":"room","data":"{}"}"#
    );
    let refusal = Refusal { kind: "AuthError", error: "no", status: 401 };
    assert_eq!(
        text(|out| subscription_error(out, "private-a", refusal)),
        r#"{"event":"pusher:subscription_error","channel":"private-a","data":{"type":"AuthError","error":"no","status":401}}"#
    );
    assert_eq!(
        text(|out| subscription_count(out, "room", 3)),
        r#"{"event":"pusher_internal:subscription_count","channel":"room","data":"{\"subscription_count\":3}"}"#
    );
    assert_eq!(text(|out| cache_miss(out, "cache-a")), r#"{"event":"pusher:cache_miss","channel":"cache-a"}"#);
}

#[test]
fn a_crowd_is_told_by_its_number_with_the_listed_and_the_receiver() {
    let (ada, bob) = (member("42", true, r#"{"name":"A \"d\" a"}"#), member("7", false, "{}"));
    let told = |own, listed: &[&Member]| {
        let listed = Listed::of(listed.iter().copied(), IdStyle::Text);
        let frame = text(|out| crowd_succeeded(out, "presence-a", (500, own), &listed, IdStyle::Text));
        let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
        assert_eq!(frame["event"], "pusher_internal:subscription_succeeded");
        serde_json::from_str::<serde_json::Value>(frame["data"].as_str().unwrap()).unwrap()["presence"].take()
    };
    let hash = serde_json::json!({ "7": {}, "42": { "name": "A \"d\" a" } });
    let both = serde_json::json!({ "count": 500, "ids": ["7", "42"], "hash": hash });
    assert_eq!(told(Some(&bob), &[&ada]), both);
    assert_eq!(told(None, &[&bob, &ada]), both);
    assert_eq!(told(Some(&bob), &[]), serde_json::json!({ "count": 500, "ids": ["7"], "hash": { "7": {} } }));
    assert_eq!(told(None, &[]), serde_json::json!({ "count": 500, "ids": [], "hash": {} }));
}

#[test]
fn presence_frames_write_ids_as_strings_unless_parity_is_asked() {
    let mut members = Members::default();
    members.join(&member("42", true, r#"{"name":"Ada"}"#), SocketId::from_random(1), CROWD);
    members.join(&member("__proto__", false, "{}"), SocketId::from_random(2), CROWD);
    assert_eq!(
        text(|out| presence_succeeded(out, "presence-a", &members, IdStyle::Text)),
        concat!(
            r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{\"presence\":{\"count\":2,"#,
            r#"\"ids\":[\"42\",\"__proto__\"],\"hash\":{\"42\":{\"name\":\"Ada\"},\"__proto__\":{}}}}"}"#
        )
    );
    let ada = member("42", true, r#"{"name":"Ada"}"#);
    assert_eq!(
        text(|out| member_added(out, "presence-a", &ada, IdStyle::AsSigned)),
        r#"{"event":"pusher_internal:member_added","channel":"presence-a","data":"{\"user_id\":42,\"user_info\":{\"name\":\"Ada\"}}"}"#
    );
    assert_eq!(
        text(|out| member_removed(out, "presence-a", &ada, IdStyle::Text)),
        r#"{"event":"pusher_internal:member_removed","channel":"presence-a","data":"{\"user_id\":\"42\"}"}"#
    );
}

#[test]
fn user_frames() {
    assert_eq!(
        text(|out| signin_success(out, r#"{"id":"42"}"#)),
        r#"{"event":"pusher:signin_success","data":{"user_data":"{\"id\":\"42\"}"}}"#
    );
    let (seven, eight) = (UserId::parse("7").unwrap(), UserId::parse("8").unwrap());
    assert_eq!(
        text(|out| watchlist_events(out, std::slice::from_ref(&seven), &[eight])),
        r#"{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"7\"]},{\"name\":\"offline\",\"user_ids\":[\"8\"]}]}"}"#
    );
    assert_eq!(
        text(|out| watchlist_events(out, &[], &[seven])),
        r#"{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"7\"]}]}"}"#
    );
}

#[test]
fn event_data_is_relayed_unchanged() {
    for data in [r#"{"a":"\/ \u00e9 é 😀"}"#, "line\nbreak", "", "plain", r#"back\\slash "quoted""#] {
        let text = text(|out| event(out, r"App\Events\OrderShipped", "private-orders.1", data));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["event"], r"App\Events\OrderShipped");
        assert_eq!(value["data"], data);
    }
    let ada = UserId::parse("42").unwrap();
    assert_eq!(
        text(|out| client_event(out, "client-typing", "presence-a", Some(r#"{ "a": 1.50 }"#), Some(&ada))),
        r#"{"event":"client-typing","channel":"presence-a","data":{ "a": 1.50 },"user_id":"42"}"#
    );
    assert_eq!(
        text(|out| client_event(out, "client-typing", "private-a", None, None)),
        r#"{"event":"client-typing","channel":"private-a"}"#
    );
}
