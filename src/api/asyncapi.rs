//! The description of channels and events (AsyncAPI 3), made of the tables that the server speaks by.
//!
//! Channels and names come from [`spelling`], kinds of events from [`Event`], payloads from the views of the REST API where
//! they have the same shape. What is said here alone is which topics hear an event (`told`), and what the Pusher protocol itself
//! has to say (`wire`).

mod payload;
mod told;
mod wire;

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
holds. Clients send objects, and what they say to each other (`client-…`) is relayed as they wrote it.

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
    document.add_connection();
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

/// A channel, or all of a kind.
struct Channel {
    /// Its key in the document.
    key: String,
    /// Its name, with parameters; `None` = none, what is said there names no channel.
    address: Option<String>,
    title: String,
    description: String,
    /// Keys of the messages that the server says there.
    told: BTreeSet<String>,
    /// Keys of the messages that clients say there.
    said: BTreeSet<String>,
}

impl Document {
    fn add_topic(&mut self, kind: &str, topic: &Topic) {
        for (name, grammar) in spelling::channels(topic) {
            // Some events share a name: their payloads tell them apart.
            let mut told: BTreeSet<_> = told::events(topic).flat_map(|event| self.add_event(event, grammar)).collect();
            told.extend(self.add_wire("told", wire::to_channel()));
            let guard = name.split('-').next().filter(|guard| matches!(*guard, "private" | "presence"));
            if guard == Some("presence") {
                told.extend(self.add_wire("told", wire::to_presence()));
            }
            let mut said = BTreeSet::new();
            if guard.is_some() {
                told.extend(self.add_wire("told", [wire::relayed()]));
                said.extend(self.add_wire("said", wire::of_channel()));
            }
            self.add_channel(Channel {
                key: format!("{}-{kind}-{}", guard.unwrap_or("public"), grammar_name(grammar)),
                address: Some(with_parameters(&name)),
                title: format!("{kind}, with {}", grammar_name(grammar)),
                description: format!("Events that concern {}.", concern(topic)),
                told,
                said,
            });
        }
    }

    /// Adds what is no channel of a topic: the connection itself, and what one user is told.
    fn add_connection(&mut self) {
        let (told, said) = (self.add_wire("told", wire::to_connection()), self.add_wire("said", wire::of_connection()));
        self.add_channel(Channel {
            key: "connection".to_owned(),
            address: None,
            title: "The connection itself".to_owned(),
            description: "What is said on no channel: greeting, faults, signs of life, sign-in and subscriptions."
                .to_owned(),
            told: told.into_iter().collect(),
            said: said.into_iter().collect(),
        });
        let told = self.add_wire("told", [wire::to_user()]);
        self.add_channel(Channel {
            key: "server-to-user".to_owned(),
            address: Some("#server-to-user-{user}".to_owned()),
            title: "A user who is signed in".to_owned(),
            description:
                "What was sent to a user over the HTTP API, on every socket that is signed in as them; nobody \
                has to subscribe to it."
                    .to_owned(),
            told: told.into_iter().collect(),
            said: BTreeSet::new(),
        });
    }

    fn add_channel(&mut self, channel: Channel) {
        let Channel { key, address, title, description, told, said } = channel;
        let has = |name: &&str| address.as_ref().is_some_and(|address| address.contains(&format!("{{{name}}}")));
        let parameters: Map<_, _> =
            [("id", "Id of the learning platform."), ("role", "Name of the role."), ("user", "Id of the user.")]
                .into_iter()
                .filter(|(name, _)| has(name))
                .map(|(name, description)| (name.to_owned(), json!({ "description": description })))
                .collect();
        let refer = |message: &String| json!({ "$ref": format!("#/components/messages/{message}") });
        let messages: Map<_, _> = told.union(&said).map(|message| (message.clone(), refer(message))).collect();
        let place = address.clone().unwrap_or_else(|| "no channel".to_owned());
        let parts = json!({ "address": address, "title": title, "description": description, "messages": messages });
        let with = (!parameters.is_empty()).then(|| ("parameters".to_owned(), parameters.into()));
        let parts: Map<_, _> = parts.as_object().cloned().into_iter().flatten().chain(with).collect();
        self.channels.insert(key.clone(), parts.into());
        let mut add = |verb: &str, action: &str, (title, summary): (String, &str), messages: &BTreeSet<String>| {
            let of_channel = |message: &String| json!({ "$ref": format!("#/channels/{key}/messages/{message}") });
            let operation = json!({
                "action": action,
                "title": title,
                "summary": summary,
                "channel": { "$ref": format!("#/channels/{key}") },
                "messages": messages.iter().map(of_channel).collect::<Vec<_>>(),
            });
            if !messages.is_empty() {
                self.operations.insert(format!("{verb}-{key}"), operation);
            }
        };
        let to_all = "To all sockets that are subscribed and may hear it.";
        add("tell", "send", (format!("Tell who hears {place}"), to_all), &told);
        let of_client = "What a client may say there.";
        add("hear", "receive", (format!("Hear what is said on {place}"), of_client), &said);
    }

    /// Adds the messages of an event in a grammar; gives their keys.
    fn add_event(&mut self, event: Event, grammar: Grammar) -> Vec<String> {
        let whisper = (told::is_whispered(event) && grammar != Grammar::Dashes).then_some(Grammar::Dashes);
        let mut keys = Vec::new();
        for grammar in [grammar].into_iter().chain(whisper) {
            let case = Case::of(grammar);
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
        }
        keys
    }

    /// Adds messages of the protocol; gives their keys.
    fn add_wire(&mut self, said_by: &str, messages: impl IntoIterator<Item = wire::Message>) -> Vec<String> {
        let mut keys = Vec::new();
        for message in messages {
            let key = message.key(said_by);
            let wire::Message { name, summary, payload } = message;
            let schema = json!({
                "name": name,
                "title": name,
                "summary": summary,
                "contentType": "application/json",
                "payload": payload,
            });
            self.messages.insert(key.clone(), schema);
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
