//! The description of channels and events as a judge: is this event told where it says so? Whatever a test hears over a socket is
//! checked, as far as its channel is one of the classroom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde_json::Value;

/// Names of the events that the server sends, by the address of their channel; those of no channel under the empty one.
static TOLD: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let events: Value = serde_json::from_str(&campanile::api::asyncapi()).unwrap();
    let follow = |reference: &Value| events.pointer(&reference["$ref"].as_str().unwrap()[1..]).unwrap();
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in events["operations"].as_object().unwrap().values().filter(|one| one["action"] == "send") {
        let address = follow(&operation["channel"])["address"].as_str().unwrap_or_default();
        let messages = operation["messages"].as_array().unwrap().iter().map(|message| follow(follow(message)));
        let names = messages.map(|message| message["name"].as_str().unwrap().to_owned());
        told.entry(address.to_owned()).or_default().extend(names);
    }
    told
});

/// Names that the events of the classroom have.
static FACTS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let names = TOLD.values().flatten().map(String::as_str);
    names.filter(|name| !name.starts_with("pusher") && !name.contains('*') && *name != BROADCAST).collect()
});

/// Stands for the names that broadcasts are given.
const BROADCAST: &str = "broadcast";

/// Tells whether a channel is one of those at an address, in which each parameter stands for a text that is not empty.
fn is_at(address: &str, channel: &str) -> bool {
    let mut parts = address.split(['{', '}']).enumerate();
    let Some(mut rest) = parts.next().and_then(|(_, first)| channel.strip_prefix(first)) else { return false };
    let literals: Vec<_> = parts.filter(|(place, _)| place % 2 == 0).map(|(_, text)| text).collect();
    for (place, literal) in literals.iter().enumerate() {
        let is_last = place + 1 == literals.len();
        let found = if is_last { rest.strip_suffix(literal).map(str::len) } else { rest.find(literal) };
        match found {
            Some(length) if length > 0 => rest = rest.get(length + literal.len()..).unwrap_or_default(),
            _ => return false,
        }
    }
    rest.is_empty()
}

/// The address of a channel: of several, the one that spells out most of it.
fn address(channel: &str) -> Option<&'static str> {
    let literal = |address: &&str| address.split(['{', '}']).step_by(2).map(str::len).sum::<usize>();
    TOLD.keys().map(String::as_str).filter(|address| is_at(address, channel)).max_by_key(literal)
}

/// Tells whether data is that of a fact, which the server has told, and not what an application or a client has sent; nor one of
/// a test's own (`support/stage.rs`), which may be on any topic.
fn is_fact(data: &Value) -> bool {
    let unpacked = data.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let data = unpacked.as_ref().unwrap_or(data);
    let is_id = data["event_id"].as_str().is_some_and(|id| id.len() == 26);
    let is_staged = data["of_topic"].is_string() || data["ofTopic"].is_string();
    is_id && data["timestamp"].is_string() && !is_staged
}

/// Checks a frame that a socket has received.
pub(crate) fn check(frame: &str) {
    let Ok(frame) = serde_json::from_str::<Value>(frame) else { return };
    let Some(event) = frame["event"].as_str() else { return };
    let Some(channel) = frame["channel"].as_str().filter(|_| event != "pusher:error") else {
        assert!(TOLD[""].contains(event), "the description does not say that '{event}' is told on no channel");
        return;
    };
    let is_of_protocol = event.starts_with("pusher:") || event.starts_with("pusher_internal:") || event == "stream:gap";
    let is_fact = is_fact(&frame["data"]);
    let Some(address) = address(channel) else {
        // What is typed is told where it was said too, and apps give channels names of their own.
        let is_elsewhere = !is_fact || event.starts_with("client-typing") || !FACTS.contains(event);
        assert!(is_elsewhere, "the description has no channel '{channel}', on which '{event}' is told");
        return;
    };
    let told = &TOLD[address];
    let is_told = match event {
        _ if told.contains(event) => true,
        // Clients ask for whatever name, and are answered on it.
        "pusher:cache_miss" | "pusher:subscription_error" | "pusher_internal:subscription_succeeded" => true,
        _ if is_of_protocol => false,
        _ if !is_fact => true,
        _ => !FACTS.contains(event) && told.contains(BROADCAST),
    };
    assert!(is_told, "the description does not say that '{event}' is told on '{channel}' ({address})");
}

#[test]
fn a_channel_is_found_by_its_most_telling_address() {
    for (channel, expected) in [
        ("private-course-1", Some("private-course-{id}")),
        ("private-course-1-instructor", Some("private-course-{id}-instructor")),
        ("private-org.5.role.student", Some("private-org.{id}.role.{role}")),
        ("private-org.5", Some("private-org.{id}")),
        ("chapter-3-comments", Some("chapter-{id}-comments")),
        ("notifications", Some("notifications")),
        ("#server-to-user-7", Some("#server-to-user-{user}")),
        ("private-course-", None),
        ("notifications-2", None),
        ("lobby", None),
    ] {
        assert_eq!(address(channel), expected, "{channel}");
    }
}

#[test]
#[should_panic(expected = "'user:online' is told on 'presence-global'")]
fn an_event_on_a_channel_that_the_description_does_not_name_is_a_fault() {
    let data = r#"{\"event_id\":\"01KADV5F0Z8T4C6Q2M1N7R9S3W\",\"timestamp\":\"2026-01-01T00:00:00.000Z\"}"#;
    check(&format!(r#"{{"event":"user:online","channel":"presence-global","data":"{data}"}}"#));
}
