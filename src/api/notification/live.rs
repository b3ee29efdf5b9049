//! What is new, as JSON or as a stream of events (`Accept: text/event-stream`).

use std::{borrow::Cow, collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::stream;
use poem::{
    IntoResponse, Response,
    web::sse::{Event, SSE},
};
use poem_openapi::{
    ApiResponse,
    payload::Json,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use tokio::time::Instant;

use super::{
    super::word::{Meaning, Word},
    views::NewsView,
};
use crate::{
    domain::fact::Position,
    services::{
        notification::{Following, StreamEvent},
        now,
    },
};

/// Media type of a stream.
pub(super) const MEDIA: &str = "text/event-stream";

/// How long a client waits before it comes back, in ms, as the stream tells it.
const RETRY_MS: u64 = 3_000;

/// Longest life of a stream: then the client comes back and is judged anew.
const LONGEST: Duration = Duration::from_hours(1);

/// A position as clients keep it.
pub(super) fn text(position: &Position) -> String {
    format!("{}:{}", position.epoch, position.seq)
}

/// Where a client stopped: a `cursor`, or the id of the last event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(pub(super) Position);

impl Meaning for Place {
    const NAME: &'static str = "cursor";

    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(64), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        let wrong = || "must be the 'cursor' of the answer before, or the id of an event of the stream".to_owned();
        let (epoch, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
        let seq: i64 = seq.parse().ok().filter(|seq| *seq >= 0).ok_or_else(wrong)?;
        // Before the first event there is no epoch.
        let is_epoch = if seq == 0 { epoch.len() <= 26 } else { (1..=26).contains(&epoch.len()) };
        let is_epoch = is_epoch && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_epoch { Ok(Self(Position { epoch: epoch.to_owned(), seq })) } else { Err(wrong()) }
    }

    fn write(&self) -> Cow<'_, str> {
        self::text(&self.0).into()
    }
}

/// Seconds to wait for something new, at most 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) u32);

impl Meaning for Wait {
    const NAME: &'static str = "wait";

    fn schema() -> MetaSchema {
        MetaSchema { minimum: Some(0.0), maximum: Some(30.0), ..MetaSchema::new_with_format("integer", "int32") }
    }

    fn read(text: &str) -> Result<Self, String> {
        let wait = text.parse().ok().filter(|wait| *wait <= 30);
        wait.map(Self).ok_or_else(|| "must be a whole number of seconds from 0 to 30".to_owned())
    }

    fn write(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

/// What is new, in one of two forms.
pub(super) enum News {
    /// At once, or after a wait.
    Json(Box<NewsView>),
    /// One event after the other, until this time at most.
    Stream(Box<Following>, Duration, DateTime<Utc>),
}

impl ApiResponse for News {
    fn meta() -> MetaResponses {
        let text = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![
            MetaMediaType { content_type: "application/json", schema: NewsView::schema_ref() },
            MetaMediaType { content_type: MEDIA, schema: text },
        ];
        let description = "What is new: as JSON, or as a stream of events, `ready` at once and then \
            `notification.created` and `notification.read`, each with an id to come back with, and comments in between.";
        let response =
            MetaResponse { description, status: Some(200), status_range: None, content, headers: Vec::new() };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        NewsView::register(registry);
    }
}

impl IntoResponse for News {
    fn into_response(self) -> Response {
        match self {
            Self::Json(view) => Json(*view).into_response(),
            Self::Stream(following, heartbeat, until) => {
                let rest = (until - now()).to_std().unwrap_or_default().min(LONGEST);
                let end = Instant::now() + rest;
                let queue = VecDeque::from([following.begin()]);
                let state = Streaming { following, queue, end, is_first: true };
                let events = stream::unfold(state, |mut state| async { Some((state.next().await?, state)) });
                SSE::new(events).keep_alive(heartbeat).into_response()
            }
        }
    }
}

/// A stream on its way.
struct Streaming {
    following: Box<Following>,
    queue: VecDeque<StreamEvent>,
    end: Instant,
    is_first: bool,
}

impl Streaming {
    /// The next event; `None` at the end. The client comes back after it.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_first) {
            // Something at once: a proxy passes the head on, and the client knows that it is connected.
            return Some(Event::retry(RETRY_MS));
        }
        while self.queue.is_empty() {
            if !tokio::time::timeout_at(self.end, self.following.wait()).await.unwrap_or(false) {
                return None;
            }
            let read = self.following.read(now()).await.inspect_err(|error| {
                tracing::warn!(%error, "a stream of notifications ends");
            });
            self.queue = read.ok().flatten()?;
        }
        let StreamEvent { position, name, data } = self.queue.pop_front()?;
        Some(Event::message(data).event_type(name).id(text(&position)))
    }
}

/// What a request brings to go on with: its `cursor`, or what a browser sends when it comes back.
pub(super) fn place(cursor: Option<Word<Place>>, last: Option<Word<Place>>) -> Option<Position> {
    last.or(cursor).map(|place| place.0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_given_and_others_are_refused() {
        for (epoch, seq) in [("01K5F3ZKJ8S9T3V8Y4Q0N2R7XB", 7), ("01K5F3ZKJ8S9T3V8Y4Q0N2R7XB", 0), ("", 0)] {
            let position = Position { epoch: epoch.to_owned(), seq };
            assert_eq!(Place::read(&text(&position)), Ok(Place(position)));
        }
        for other in ["", ":", "a", "a:", ":1", "a:-1", "a:x", "a b:1", &format!("{}:1", "a".repeat(27))] {
            assert!(Place::read(other).unwrap_err().contains("cursor"), "{other}");
        }
    }

    #[test]
    fn a_wait_has_its_limits() {
        assert_eq!((Wait::read("0"), Wait::read("30")), (Ok(Wait(0)), Ok(Wait(30))));
        assert!(Wait::read("31").is_err() && Wait::read("-1").is_err() && Wait::read("x").is_err());
    }
}
