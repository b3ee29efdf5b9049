//! Who is typing, for clients without a socket and for those who come late.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};
use serde::Deserialize;

use super::{
    Group,
    answer::{Answer, Done},
    caller::{
        Visitor,
        describe::{ByKeyOrPerson, ByPerson},
    },
    problem::{Fault, Field, Problem, Reading, Writing},
    strict::Strict,
    word::Word,
};
use crate::{
    domain::typing::{EXPIRY, Typist},
    ids::{ExternalId, UserId},
    protocol::ChannelName,
    services::typing::{self, Keystroke},
};

/// The routes.
pub(super) struct Typing;

/// Longest context in characters.
const CONTEXT_MAX: usize = 64;

/// Most typists of one answer.
const MOST: usize = 100;

/// Somebody types, or has stopped.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TypingBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
struct TypingBody {
    /// The chat in which they type; or name a `channel`.
    #[serde(default)]
    chat_id: Option<Word<ExternalId>>,
    /// The channel in which they type, in any spelling of its topic; or name a `chat_id`.
    #[serde(default)]
    #[oai(validator(max_length = 500))]
    channel: Option<String>,
    /// They type; else they have stopped.
    typing: bool,
    /// What they are typing at, such as the id of a message that they edit.
    #[serde(default)]
    #[oai(validator(max_length = 64))]
    context: Option<String>,
}

impl Example for TypingBody {
    fn example() -> Self {
        Self { chat_id: Some(Word(5.into())), channel: None, typing: true, context: None }
    }
}

/// Somebody, as others know them.
#[derive(Debug, Object)]
#[oai(rename = "TypingUser")]
struct UserView {
    /// The user's id.
    id: Word<UserId>,
    /// Name as others see it.
    #[oai(validator(max_length = 255))]
    name: String,
}

/// Somebody who types.
#[derive(Debug, Object)]
#[oai(rename = "Typist", skip_serializing_if_is_none)]
struct TypistView {
    /// Who.
    user: UserView,
    /// Since when.
    started_at: Word<DateTime<Utc>>,
    /// Until when, if no other sign comes.
    expires_at: Word<DateTime<Utc>>,
    /// The same in milliseconds from now, for clients whose clock may be wrong.
    #[oai(validator(minimum(value = "0")))]
    ttl_ms: i64,
    /// What they are typing at.
    #[oai(validator(max_length = 64))]
    context: Option<String>,
}

impl TypistView {
    fn of(typist: Typist, now: DateTime<Utc>) -> Self {
        let Typist { user, name, context, started_at, expires_at, .. } = typist;
        let ttl_ms = (expires_at - now).num_milliseconds().max(0);
        let user = UserView { id: Word(user), name };
        Self { user, started_at: Word(started_at), expires_at: Word(expires_at), ttl_ms, context }
    }
}

/// Those who type.
#[derive(Debug, Object)]
#[oai(rename = "Typists", example)]
struct TypistsView {
    /// Those who type but the one who asks, whoever began first coming first.
    #[oai(validator(max_items = 100))]
    data: Vec<TypistView>,
    /// How many they are in all.
    #[oai(validator(minimum(value = "0")))]
    count: u64,
}

impl Example for TypistsView {
    fn example() -> Self {
        let started_at = DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default();
        let expires_at = started_at + EXPIRY;
        let typist =
            Typist { user: 7.into(), name: "Ada".to_owned(), is_staff: false, context: None, started_at, expires_at };
        Self { data: vec![TypistView::of(typist, started_at)], count: 1 }
    }
}

impl From<typing::Error> for Problem {
    fn from(error: typing::Error) -> Self {
        match error {
            typing::Error::Denied(decision) => (*decision).into(),
            typing::Error::TooMany(exceeded) => exceeded.into(),
            typing::Error::Roster(error) => error.into(),
        }
    }
}

/// Where it is about: a chat, or a channel.
fn place(
    chat: Option<Word<ExternalId>>,
    channel: Option<String>,
    visitor: &Visitor,
) -> Result<ChannelName, (&'static str, String)> {
    let (at, name) = match (chat, channel) {
        (Some(Word(chat)), None) => ("chat_id", format!("private-chat-{chat}")),
        (None, Some(name)) => ("channel", name),
        (Some(_), Some(_)) => return Err(("channel", "goes without 'chat_id', which says where already".to_owned())),
        (None, None) => return Err(("chat_id", "is needed, or else a 'channel'".to_owned())),
    };
    ChannelName::parse(&name, (&visitor.live.app().settings).into()).map_err(|error| (at, error.to_string()))
}

#[OpenApi(tag = "Group::Typing")]
impl Typing {
    /// Say that one types, or has stopped
    ///
    /// For clients without a socket; others send the client event `client-typing`. Counts for 6 s, should be said again every
    /// 3 s, and at most once a second. Who types is whoever the token says.
    #[oai(path = "/api/typing", method = "post", operation_id = "sayTyping")]
    async fn say(
        &self,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<TypingBody>,
        _proof: ByPerson,
    ) -> Result<Done, Fault<Writing>> {
        let TypingBody { chat_id, channel, typing, context } = body.0;
        let fields = |field| Problem::fields(vec![field]);
        let channel = place(chat_id, channel, &visitor)
            .map_err(|(at, message)| fields(Field::at(&format!("/{at}"), "invalid", message)))?;
        let got = context.as_ref().map_or(0, |context| context.chars().count());
        if got > CONTEXT_MAX {
            let message = format!("may have at most {CONTEXT_MAX} characters, this one has {got}");
            return Err(fields(Field::at("/context", "too_long", message)).into());
        }
        let keystroke = Keystroke {
            user: visitor.person()?,
            channel: &channel,
            is_typing: typing,
            context: context.as_deref(),
            socket: visitor.except,
        };
        visitor.live.typing_keystroke(keystroke, visitor.now).await?;
        Ok(Done::Done)
    }

    /// List who types
    ///
    /// For those who come late. A person may ask about what they may hear; an API key needs the scope `presence:read`.
    #[oai(path = "/api/typing", method = "get", operation_id = "listTyping")]
    async fn list(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// The chat; or name a `channel`.
        chat_id: Query<Option<Word<ExternalId>>>,
        /// The channel; or name a `chat_id`.
        #[oai(validator(max_length = 500))]
        channel: Query<Option<String>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<TypistsView>, Fault<Reading>> {
        let channel = place(chat_id.0, channel.0, &visitor)
            .map_err(|(parameter, message)| Problem::parameter(parameter, message))?;
        let typists = visitor.live.typing_list(visitor.caller.user(), &channel, visitor.now).await?;
        let count = typists.len() as u64;
        let data = typists.into_iter().take(MOST).map(|typist| TypistView::of(typist, visitor.now)).collect();
        Ok(Answer::of(TypistsView { data, count }))
    }
}
