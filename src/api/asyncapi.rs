//! The description of channels and events (AsyncAPI 3), made of the tables that the server speaks by.
//!
//! Channels and names come from [`spelling`], kinds of events from [`Event`], payloads from the views of the REST API where
//! they have the same shape. What is said here alone is which topics an event concerns.

mod payload;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use self::payload::Case;
use crate::{
    dialect::spelling::{self, Grammar},
    domain::{
        access::{Topic, TopicKind},
        app::LaravelNames,
        fact::{Event, Lasting},
        roster::Role,
    },
    ids::ExternalId,
};

const DESCRIPTION: &str = "\
What Campanile tells over its sockets, which speak the Pusher protocol (version 7): any client library for Pusher or Laravel \
Reverb works. A frame is `{\"event\":…,\"channel\":…,\"data\":…}`, and `data` is a JSON text: the payloads here are what it \
holds.

Each fact goes out on every channel that stands for its topic and has subscribers, in the grammar of the channel: with dots \
under Laravel's names and in snake_case, with dashes under names with colons and in camelCase. All copies have the same \
`event_id`. What is kept has a place (`seq`) in the stream of its topic, and can be caught up with.";

/// The id of every sample; it becomes a parameter.
const ID: &str = "ID";

/// The description as pretty JSON, with a newline at the end.
#[must_use]
pub fn asyncapi() -> String {
    let rest: Value = serde_json::from_str(&super::spec()).unwrap_or_default();
    let mut document = Document { channels: Map::new(), operations: Map::new(), messages: Map::new() };
    for (kind, topic) in topics() {
        document.add_topic(&kind, &topic);
    }
    let schemas = payload::schemas(&rest);
    let host = json!({ "default": "localhost:8443", "description": "Its host and port." });
    let key = json!({ "default": "app-key", "description": "Key of the app." });
    let document = json!({
        "asyncapi": "3.1.0",
        "id": "urn:campanile:events",
        "info": {
            "title": "Campanile: channels and events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "contact": rest.pointer("/info/contact"),
            "license": rest.pointer("/info/license"),
            "tags": [{ "name": "events", "description": "What happens in the classroom." }],
        },
        "defaultContentType": "application/json",
        "servers": {
            "own": {
                "host": "{host}",
                "pathname": "/app/{key}",
                "protocol": "wss",
                "description": "Your own server.",
                "variables": { "host": host, "key": key },
            },
        },
        "channels": document.channels,
        "operations": document.operations,
        "components": { "messages": document.messages, "schemas": schemas },
    });
    format!("{document:#}\n")
}

struct Document {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

impl Document {
    fn add_topic(&mut self, kind: &str, topic: &Topic) {
        for (name, grammar) in spelling::channels(topic) {
            // Some events share a name: their payloads tell them apart.
            let messages: BTreeSet<_> = heard(topic).flat_map(|event| self.add_messages(event, grammar)).collect();
            if messages.is_empty() {
                continue;
            }
            let guard = name.split('-').next().filter(|guard| matches!(*guard, "private" | "presence"));
            let key = format!("{}-{kind}-{}", guard.unwrap_or("public"), grammar_name(grammar));
            let address = with_parameters(&name);
            let parameters: Map<_, _> =
                [("id", "Id of the learning platform."), ("role", "Name of the role."), ("user", "Id of the user.")]
                    .into_iter()
                    .filter(|(name, _)| address.contains(&format!("{{{name}}}")))
                    .map(|(name, description)| (name.to_owned(), json!({ "description": description })))
                    .collect();
            let refer = |message: &String| json!({ "$ref": format!("#/components/messages/{message}") });
            let told: Map<_, _> = messages.iter().map(|message| (message.clone(), refer(message))).collect();
            self.channels.insert(
                key.clone(),
                json!({
                    "address": address,
                    "title": format!("{kind}, with {}", grammar_name(grammar)),
                    "description": format!("Events that concern {}.", concern(topic)),
                    "parameters": parameters,
                    "messages": told,
                }),
            );
            let of_channel = |message: &String| json!({ "$ref": format!("#/channels/{key}/messages/{message}") });
            self.operations.insert(
                format!("tell-{key}"),
                json!({
                    "action": "send",
                    "title": format!("Tell who hears {address}"),
                    "summary": "To all sockets that are subscribed and may hear it.",
                    "channel": { "$ref": format!("#/channels/{key}") },
                    "messages": messages.iter().map(of_channel).collect::<Vec<_>>(),
                }),
            );
        }
    }

    /// Adds the messages of an event in a grammar; gives their keys.
    fn add_messages(&mut self, event: Event, grammar: Grammar) -> Vec<String> {
        let case = Case::of(grammar);
        let mut keys = Vec::new();
        for name in spelling::names(event, grammar, LaravelNames::Both) {
            let key = format!("{}.{}", case.name(), name.replace(['\\', ':'], "."));
            let kept = event.lasting() == Lasting::Kept;
            let told = if kept { "Kept: it can be caught up with." } else { "Fleeting: who is away misses it." };
            self.messages.insert(
                key.clone(),
                json!({
                    "name": name,
                    "title": event.name(),
                    "summary": event.doc(),
                    "description": told,
                    "contentType": "application/json",
                    "payload": { "$ref": format!("#/components/schemas/{}", payload::key(event, case)) },
                }),
            );
            keys.push(key);
        }
        keys
    }
}

/// Every topic that has channels, with its name.
fn topics() -> Vec<(String, Topic)> {
    let sample = |kind: &TopicKind| kind.topic(if *kind == TopicKind::Role { Role::Student.name() } else { ID });
    let kinds = TopicKind::ALL.iter().filter(|kind| kind.needs_id());
    let mut topics: Vec<_> = kinds.filter_map(|kind| Some((kind.name().to_owned(), sample(kind)?))).collect();
    topics.extend(ExternalId::parse(ID).map(|id| ("org-role".to_owned(), Topic::OrgRole(id, Role::Student))));
    topics.push(("platform".to_owned(), Topic::Platform));
    topics.push(("notices".to_owned(), Topic::Notices));
    topics
}

/// The events that concern a topic.
fn heard(topic: &Topic) -> impl Iterator<Item = Event> {
    Event::ALL.iter().copied().filter(|event| concerns(*event, topic))
}

fn concerns(event: Event, topic: &Topic) -> bool {
    use Topic as T;
    let is_presence = matches!(topic, T::Platform | T::CoursePresence(_) | T::ClassPresence(_) | T::ChapterPresence(_));
    let is_place = matches!(topic, T::Course(_) | T::Class(_));
    let is_staff = matches!(topic, T::CourseStaff(_) | T::ClassStaff(_));
    match event {
        Event::NotificationCreated => matches!(topic, T::User(_) | T::Notices),
        Event::NotificationRead | Event::PollVoted | Event::AccessChanged => matches!(topic, T::User(_)),
        Event::MessageCreated
        | Event::MessageUpdated
        | Event::MessageDeleted
        | Event::ChatRead
        | Event::ChatPurged
        | Event::ChatUpdated => {
            matches!(topic, T::Chat(_))
        }
        Event::UserOnline | Event::UserOffline | Event::UserActive | Event::UserAway => is_presence,
        Event::TypingStarted | Event::TypingStopped | Event::TypingCrowd => {
            is_presence || is_place || matches!(topic, T::Chat(_) | T::Thread(_) | T::ChapterComments(_))
        }
        Event::PollOpened | Event::PollUpdated | Event::PollResults | Event::PollClosed | Event::PollPublished => {
            is_place || is_staff
        }
        Event::PollBallot | Event::PollTurnout => is_staff,
        Event::Broadcast => {
            is_place || matches!(topic, T::User(_) | T::Role(_) | T::OrgRole(..) | T::Org(_) | T::Platform | T::Notices)
        }
    }
}

/// What a topic is about, in words without an id.
fn concern(topic: &Topic) -> String {
    topic.to_string().replace(&format!(" '{ID}'"), "").replace(" 'student'", "")
}

/// The name of a channel with parameters where the sample has its id and its role.
fn with_parameters(name: &str) -> String {
    name.replace(ID, "{id}").replace(Role::Student.name(), "{role}")
}

const fn grammar_name(grammar: Grammar) -> &'static str {
    match grammar {
        Grammar::Dots => "dots",
        Grammar::Model => "model",
        Grammar::Dashes => "dashes",
    }
}
