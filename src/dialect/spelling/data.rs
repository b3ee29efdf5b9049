//! The data of an event: the payload of the fact with its keys as a grammar has them, and what every event says besides. Written
//! as it is read, without a copy in between: it is done for each message of a chat.

use std::borrow::Cow;

use chrono::SecondsFormat;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::{Grammar, Payload};
use crate::domain::fact::{Actor, Event, Fact};

/// Keys whose values are the application's own: their inner keys stay as they are.
const FOREIGN: [&str; 3] = ["data", "meta", "payload"];

/// The data of an event for channels of a grammar, as JSON text.
#[must_use]
pub fn data(fact: &Fact<Payload>, grammar: Grammar) -> String {
    data_with(fact, grammar, &Payload::new())
}

/// The same with what else there is to say, which replaces nothing and stays as it is.
#[must_use]
pub fn data_with(fact: &Fact<Payload>, grammar: Grammar, more: &Payload) -> String {
    let text = serde_json::to_string(&Data { fact, keys: Keys::of(fact.event, grammar), more });
    debug_assert!(text.is_ok(), "keys are texts, and nothing else can go wrong");
    text.unwrap_or_default()
}

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    AsTheyAre,
    Camel,
}

impl Keys {
    fn of(event: Event, grammar: Grammar) -> Self {
        // What the application sends has its own keys in every grammar.
        if grammar == Grammar::Dashes && event != Event::Broadcast { Self::Camel } else { Self::AsTheyAre }
    }

    fn key(self, key: &str) -> Cow<'_, str> {
        if self == Self::Camel && key.contains('_') { camel_key(key).into() } else { key.into() }
    }

    /// Those of the value of a key.
    fn within(self, key: &str) -> Self {
        if FOREIGN.contains(&key) { Self::AsTheyAre } else { self }
    }
}

/// The data of an event.
struct Data<'a> {
    fact: &'a Fact<Payload>,
    keys: Keys,
    more: &'a Payload,
}

impl Data<'_> {
    /// Tells whether every event has this key, with a value that replaces any other.
    fn is_ours(&self, key: &str) -> bool {
        match key {
            "event_id" | "timestamp" => true,
            "seq" | "epoch" => self.fact.position.is_some(),
            "actor" => self.fact.actor.is_some(),
            _ => false,
        }
    }

    /// What the fact itself says. Of a broadcast that is its data as it was given, and whether it shall be confirmed.
    fn own(&self) -> impl Iterator<Item = (Cow<'_, str>, Spelled<'_>)> {
        let payload = &self.fact.payload;
        let (own, ack) = match self.fact.event {
            Event::Broadcast => (payload.get("data").and_then(Value::as_object), payload.get_key_value("require_ack")),
            _ => (Some(payload), None),
        };
        let own = own.into_iter().flatten().filter(move |(key, _)| ack.is_none_or(|(ack, _)| ack != *key)).chain(ack);
        own.map(|(key, value)| (self.keys.key(key), Spelled { keys: self.keys.within(key), value }))
            .filter(|(key, _)| !self.is_ours(key))
    }

    /// What is said besides, where nothing else has its key.
    fn besides(&self) -> impl Iterator<Item = (&String, &Value)> {
        let own: Vec<Cow<'_, str>> =
            if self.more.is_empty() { Vec::new() } else { self.own().map(|(key, _)| key).collect() };
        self.more.iter().filter(move |(key, _)| !self.is_ours(key) && own.iter().all(|own| own != *key))
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Fact { id, position, at, actor, .. } = self.fact;
        let mut data = serializer.serialize_map(None)?;
        data.serialize_entry("event_id", id)?;
        if let Some(position) = position {
            data.serialize_entry("seq", &position.seq)?;
            data.serialize_entry("epoch", &position.epoch)?;
        }
        data.serialize_entry("timestamp", &at.to_rfc3339_opts(SecondsFormat::Millis, true))?;
        if let Some(actor) = actor {
            data.serialize_entry("actor", &Who(actor))?;
        }
        self.own().try_for_each(|(key, value)| data.serialize_entry(&key, &value))?;
        self.besides().try_for_each(|(key, value)| data.serialize_entry(key, value))?;
        data.end()
    }
}

/// Who did it.
struct Who<'a>(&'a Actor);

impl Serialize for Who<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut who = serializer.serialize_map(None)?;
        who.serialize_entry("id", &self.0.id)?;
        who.serialize_entry("name", &self.0.name)?;
        if let Some(role) = self.0.role {
            who.serialize_entry("role", role.name())?;
        }
        who.end()
    }
}

/// A value with its keys as a grammar has them, down to where the application's own data begins.
struct Spelled<'a> {
    keys: Keys,
    value: &'a Value,
}

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = self.keys;
        match self.value {
            Value::Object(object) if keys == Keys::Camel => serializer.collect_map(
                object.iter().map(|(key, value)| (keys.key(key), Spelled { keys: keys.within(key), value })),
            ),
            Value::Array(items) if keys == Keys::Camel => {
                serializer.collect_seq(items.iter().map(|value| Spelled { keys, value }))
            }
            value => value.serialize(serializer),
        }
    }
}

/// A key in camelCase.
#[must_use]
pub fn camel_key(key: &str) -> String {
    let mut parts = key.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}
