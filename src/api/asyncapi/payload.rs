//! Payloads of events: what all of them have, and what each has of its own.

use serde_json::{Map, Value, json};

use crate::{
    dialect::spelling::{Grammar, camel_key},
    domain::fact::{Event, Lasting},
};

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `user_id`.
    Snake,
    /// `userId`.
    Camel,
}

impl Case {
    pub(super) const fn of(grammar: Grammar) -> Self {
        match grammar {
            Grammar::Dots | Grammar::Model => Self::Snake,
            Grammar::Dashes => Self::Camel,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Snake => "snake",
            Self::Camel => "camel",
        }
    }

    fn key(self, key: &str) -> String {
        if self == Self::Snake { key.to_owned() } else { camel_key(key) }
    }
}

/// Name of the schema of an event's payload.
pub(super) fn key(event: Event, case: Case) -> String {
    format!("{}.{}", case.name(), event.name())
}

/// Keys of an event that hold a view of the REST API, with the name of its schema.
const fn views(event: Event) -> &'static [(&'static str, &'static str)] {
    match event {
        Event::UserOnline | Event::UserOffline | Event::UserActive | Event::UserAway => &[("user", "PersonPresence")],
        Event::TypingStarted | Event::TypingStopped => &[("user", "TypingUser")],
        Event::NotificationCreated => &[("notification", "Notification")],
        Event::MessageCreated | Event::MessageUpdated => &[("message", "Message")],
        Event::ChatPurged => &[("purge", "ChatPurge")],
        Event::ChatUpdated => &[("chat", "Chat")],
        Event::PollOpened | Event::PollUpdated | Event::PollClosed | Event::PollPublished => &[("poll", "Poll")],
        Event::NotificationRead
        | Event::MessageDeleted
        | Event::ChatRead
        | Event::TypingCrowd
        | Event::PollResults
        | Event::PollVoted
        | Event::PollBallot
        | Event::PollTurnout
        | Event::AccessChanged
        | Event::Broadcast => &[],
    }
}

/// Schemas of all payloads, and of what they refer to; `rest` is the description of the REST API.
pub(super) fn schemas(rest: &Value) -> Map<String, Value> {
    let mut schemas = Map::new();
    for case in [Case::Snake, Case::Camel] {
        schemas.insert(format!("{}.actor", case.name()), actor());
        for event in Event::ALL {
            let mut payload = envelope(*event, case);
            for (key, name) in views(*event) {
                take(rest, name, case, &mut schemas);
                payload
                    .insert(case.key(key), json!({ "$ref": format!("#/components/schemas/{}.{name}", case.name()) }));
            }
            schemas.insert(key(*event, case), whole(*event, case, payload));
        }
    }
    schemas
}

fn whole(event: Event, case: Case, properties: Map<String, Value>) -> Value {
    // One's own on the channel `notifications` has its place in another stream.
    let is_aliased = case == Case::Camel && matches!(event, Event::NotificationCreated | Event::NotificationRead);
    let has_place = event.lasting() == Lasting::Kept && !is_aliased;
    let required: &[&str] =
        if has_place { &["event_id", "timestamp", "seq", "epoch"] } else { &["event_id", "timestamp"] };
    json!({
        "type": "object",
        "description": event.doc(),
        "properties": properties,
        "required": required,
    })
}

fn envelope(event: Event, case: Case) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut say = |key: &str, schema: Value| properties.insert(key.to_owned(), schema);
    say(
        "event_id",
        json!({ "type": "string", "maxLength": 26, "description": "The same in all copies of the event." }),
    );
    say("timestamp", json!({ "type": "string", "format": "date-time", "description": "When it happened, in UTC." }));
    if event.lasting() == Lasting::Kept {
        let seq = "Number in the stream of the topic, without gaps.";
        say("seq", json!({ "type": "integer", "minimum": 1, "description": seq }));
        let epoch = "Changes when the stream was lost; numbers of different epochs cannot be compared.";
        say("epoch", json!({ "type": "string", "maxLength": 26, "description": epoch }));
    }
    say("actor", json!({ "$ref": format!("#/components/schemas/{}.actor", case.name()) }));
    properties
}

fn actor() -> Value {
    json!({
        "type": "object",
        "description": "Who did it, as everybody may know.",
        "properties": {
            "id": { "type": "string", "maxLength": 128, "description": "Id of the user." },
            "name": { "type": "string", "maxLength": 255, "description": "Name as others see it." },
            "role": { "type": "string", "maxLength": 32, "description": "Role in the course in question." },
        },
        "required": ["id", "name"],
    })
}

/// Takes a schema of the REST API, with all that it refers to.
fn take(rest: &Value, name: &str, case: Case, schemas: &mut Map<String, Value>) {
    let key = format!("{}.{name}", case.name());
    if schemas.contains_key(&key) {
        return;
    }
    let Some(schema) = rest.pointer(&format!("/components/schemas/{name}")) else { return };
    schemas.insert(key.clone(), Value::Null);
    let schema = translated(schema, rest, case, schemas);
    schemas.insert(key, schema);
}

/// A schema of OpenAPI 3.0 as one of AsyncAPI, with keys in a case.
fn translated(schema: &Value, rest: &Value, case: Case, schemas: &mut Map<String, Value>) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| translated(item, rest, case, schemas)).collect(),
        Value::Object(object) => {
            let mut out = Map::new();
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("nullable" | "example", _) => {}
                    ("enum" | "default", value) => drop(out.insert(key.clone(), value.clone())),
                    ("required", Value::Array(keys)) => {
                        let keys = keys.iter().filter_map(Value::as_str).map(|key| case.key(key));
                        out.insert(key.clone(), keys.collect());
                    }
                    ("$ref", Value::String(target)) => {
                        let name = target.rsplit('/').next().unwrap_or_default();
                        take(rest, name, case, schemas);
                        out.insert(key.clone(), format!("#/components/schemas/{}.{name}", case.name()).into());
                    }
                    ("properties", Value::Object(properties)) => {
                        let each = properties
                            .iter()
                            .map(|(key, value)| (case.key(key), translated(value, rest, case, schemas)));
                        let each: Map<_, _> = each.collect();
                        out.insert(key.clone(), each.into());
                    }
                    (_, value) => drop(out.insert(key.clone(), translated(value, rest, case, schemas))),
                }
            }
            if object.get("nullable") == Some(&Value::Bool(true)) {
                return json!({ "anyOf": [{ "type": "null" }, out] });
            }
            out.into()
        }
        other => other.clone(),
    }
}
