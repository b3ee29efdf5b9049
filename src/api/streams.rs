//! What happened in a topic: for clients without a socket, and for those who keep a copy.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use poem::{http::StatusCode, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    registry::MetaSchema,
    types::Example,
};
use serde_json::Value;

use super::{
    Group,
    answer::Answer,
    caller::{Visitor, describe::ByKeyOrPerson},
    list::StreamView,
    problem::{Fault, Following, Problem, Reading},
    word::{Limit, Meaning, Word},
};
use crate::{
    domain::{
        access::Topic,
        fact::{Actor, topic_key, topic_of},
        roster::Role,
    },
    services::streams::{self, Error, Kept, MOST},
};

/// Events of an answer when the request names no `limit`.
const USUAL: u32 = 100;

/// What to do when some of what was missed is not kept.
const GAP: &str =
    "Not everything that happened since is kept; load the state again, and go on from the position that comes with it";

/// The routes.
pub(super) struct Streams;

/// A topic that has a stream.
#[derive(Debug, Clone)]
struct StreamTopic(Topic);

impl Meaning for StreamTopic {
    const NAME: &'static str = "topic";

    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(200), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        let right =
            "must be a kind and an id, such as course.101, class-staff.12, chat.5 or user.7; or platform, or notices";
        topic_of(text).map(Self).ok_or_else(|| right.to_owned())
    }

    fn write(&self) -> Cow<'_, str> {
        topic_key(&self.0).unwrap_or_default().into()
    }
}

/// Who did something.
#[derive(Debug, Object)]
#[oai(rename = "Actor", skip_serializing_if_is_none)]
pub(super) struct ActorView {
    /// The user.
    #[oai(validator(max_length = 128))]
    id: String,
    /// Name as others see it.
    #[oai(validator(max_length = 255))]
    name: String,
    /// Role in the course in question.
    role: Option<Word<Role>>,
}

impl From<Actor> for ActorView {
    fn from(Actor { id, name, role }: Actor) -> Self {
        Self { id, name, role: role.map(Word) }
    }
}

/// Something that happened.
#[derive(Debug, Object)]
#[oai(rename = "StreamEvent", skip_serializing_if_is_none, example)]
struct EventView {
    /// What kind of thing, by its canonical name.
    #[oai(validator(max_length = 200))]
    event: String,
    /// Number within the stream, without gaps but for what is not for the reader.
    #[oai(validator(minimum(value = "1")))]
    seq: i64,
    /// Unique name; the same in every event that tells of this over a socket.
    #[oai(validator(max_length = 26))]
    event_id: String,
    /// When it happened.
    timestamp: Word<DateTime<Utc>>,
    /// Who did it.
    actor: Option<ActorView>,
    /// What there is to say, in snake_case.
    #[oai(validator(max_properties = 100))]
    payload: BTreeMap<String, Value>,
}

impl From<Kept> for EventView {
    fn from(Kept { fact, .. }: Kept) -> Self {
        Self {
            event: fact.event.name().to_owned(),
            seq: fact.position.map_or(0, |position| position.seq),
            event_id: fact.id,
            timestamp: Word(fact.at),
            actor: fact.actor.map(ActorView::from),
            payload: fact.payload.into_iter().collect(),
        }
    }
}

impl Example for EventView {
    fn example() -> Self {
        let message = serde_json::json!({ "id": "01KADV5G4ZQ0TRB7Q5S1C2M3N4", "chat_id": "5", "text": "Good morning" });
        Self {
            event: "chat.message.created".to_owned(),
            seq: 42,
            event_id: "01KADV5G50F0YH3N6V0T8W9X2Z".to_owned(),
            timestamp: Word(DateTime::from_timestamp_millis(1_788_250_000_123).unwrap_or_default()),
            actor: Some(ActorView { id: "7".to_owned(), name: "Ada".to_owned(), role: Some(Word(Role::Student)) }),
            payload: BTreeMap::from([("message".to_owned(), message)]),
        }
    }
}

/// What happened after a position, oldest first.
#[derive(Debug, Object)]
#[oai(rename = "StreamEvents", example)]
struct EventsView {
    /// The events; none when nothing was missed. Ask again after the last `seq` as long as it is less than that of `stream`.
    #[oai(validator(max_items = 300))]
    data: Vec<EventView>,
    /// How far the stream had come before the events were read.
    stream: StreamView,
}

impl Example for EventsView {
    fn example() -> Self {
        Self { data: vec![EventView::example()], stream: StreamView::example() }
    }
}

fn reading<'a>(visitor: &'a Visitor, topic: &'a StreamTopic) -> streams::Reading<'a> {
    streams::Reading { live: &visitor.live, caller: &visitor.caller, topic: &topic.0, now: visitor.now }
}

fn refusal(topic: &StreamTopic, error: Error) -> Problem {
    match error {
        Error::Denied(decision) => (*decision).into(),
        Error::Access(error) => error.into(),
        Error::Store(error) => error.into(),
        Error::Gap(position) => {
            let problem = Problem::new(StatusCode::GONE, "stream_gap", GAP);
            problem.with_stream(StreamView::of(topic.write().into_owned(), position))
        }
    }
}

#[OpenApi(tag = "Group::Streams")]
impl Streams {
    /// Tell how far a stream has come
    ///
    /// For those who load a state by other means and want to go on from here: ask before loading. A person may ask for topics
    /// that they may hear; an API key needs the scope `streams:read`.
    #[oai(path = "/api/streams/:topic", method = "get", operation_id = "getStream")]
    async fn position(
        &self,
        streams: Data<&Arc<streams::Streams>>,
        visitor: Data<&Arc<Visitor>>,
        /// The topic: a kind and an id, such as `course.101` or `chat.5`.
        topic: Path<Word<StreamTopic>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<StreamView>, Fault<Reading>> {
        let topic = &topic.0.0;
        let position = streams.position(reading(&visitor, topic)).await.map_err(|error| refusal(topic, error))?;
        Ok(Answer::of(StreamView::of(topic.write().into_owned(), position)))
    }

    /// List what happened in a topic
    ///
    /// Everything after a position, oldest first and without gaps; or 410 `stream_gap` when some of it is not kept any more (a
    /// topic keeps its newest 1,000 events, for 24 hours). Nobody is ever given a part. A person may ask for topics that they may
    /// hear; an API key needs the scope `streams:read`.
    #[oai(path = "/api/streams/:topic/events", method = "get", operation_id = "listStreamEvents")]
    async fn events(
        &self,
        streams: Data<&Arc<streams::Streams>>,
        visitor: Data<&Arc<Visitor>>,
        /// The topic: a kind and an id, such as `course.101` or `chat.5`.
        topic: Path<Word<StreamTopic>>,
        /// `seq` of the last event that is known; 0 or absent = none.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        after: Query<Option<i64>>,
        /// `epoch` that `after` belongs to; absent or empty = the present one.
        #[oai(validator(max_length = 26))]
        epoch: Query<Option<String>>,
        /// Most events of the answer. 100 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<EventsView>, Fault<Following>> {
        let topic = &topic.0.0;
        let epoch = epoch.0.filter(|epoch| !epoch.is_empty());
        let after = (epoch.as_deref(), after.0.unwrap_or_default());
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let found = streams.events(reading(&visitor, topic), after, limit).await;
        let (kept, position) = found.map_err(|error| refusal(topic, error))?;
        let data = kept.into_iter().map(EventView::from).collect();
        Ok(Answer::of(EventsView { data, stream: StreamView::of(topic.write().into_owned(), position) }))
    }
}
