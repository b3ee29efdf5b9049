//! Broadcasts and triggers over HTTP, and the log of both.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod views;

use std::sync::Arc;

use poem::{http::StatusCode, web::Data};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use self::views::{
    AckView, BroadcastBody, BroadcastTaken, BroadcastView, LogView, TriggerBody, Triggered as TriggeredView,
};
use super::{
    Config, Group,
    answer::Answer,
    caller::{
        Visitor,
        describe::{ByAnybody, ByKey, ByKeyOrPerson, ByPerson},
    },
    list::{Cursor, List, MOST, USUAL},
    problem::{Fault, Field, Following, Problem, Writing},
    strict::Strict,
    word::{Limit, Word},
};
use crate::{
    domain::broadcast::LogFilter,
    services::{
        broadcast::{Broadcasts, Error, NewBroadcast, Sender},
        broadcast_log::BroadcastLog,
        publish,
    },
};

/// The routes of broadcasts and of the log.
pub(super) struct Broadcast;

/// A broadcast went out.
#[derive(Debug, ApiResponse)]
enum Accepted {
    /// It went out.
    #[oai(status = 202)]
    Taken(Json<BroadcastTaken>),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let field =
            |pointer: &str, code, error: &Error| Self::fields(vec![Field::at(pointer, code, error.to_string())]);
        match error {
            Error::Audience(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Access(error) => error.into(),
            Error::Refused(decision) => (*decision).into(),
            Error::NotYourChannel(_) => Self::forbidden("not_yours", error.to_string()),
            Error::Name(_) => field("/event", "invalid", &error),
            Error::DataTooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "data_too_large", format!("data {error}"))
            }
            Error::OwnKey => field("/data/epoch", "invalid", &error),
            Error::TooManyPeople => field("/audience", "audience_too_large", &error),
            Error::EncryptedAmongOthers => field("/channels", "encrypted_among_others", &error),
            Error::Publish(error) => error.into(),
            Error::Limited(exceeded) => exceeded.into(),
            Error::NoAck => Self::new(StatusCode::CONFLICT, "no_ack", "This broadcast asks for no confirmation"),
            Error::Over(_) => Self::new(StatusCode::GONE, "over", error.to_string()),
        }
    }
}

impl From<publish::Error> for Problem {
    fn from(error: publish::Error) -> Self {
        use publish::Error as E;
        let pointer = match &error {
            E::RateLimited(exceeded) => return (*exceeded).into(),
            E::DataTooLarge { .. } => {
                return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "data_too_large", error.to_string());
            }
            E::NameEmpty | E::NameTooLong { .. } | E::NameReserved => "/event",
            E::NoChannel => "/channel",
            E::TooManyChannels { .. } | E::ChannelName { .. } | E::BatchTooLong { .. } => "/channels",
        };
        Self::fields(vec![Field::at(pointer, "invalid", error.to_string())])
    }
}

/// Triggers an event for whoever may.
async fn trigger(
    broadcasts: &Broadcasts,
    config: &Config,
    visitor: &Visitor,
    body: TriggerBody,
) -> Result<Answer<TriggeredView>, Problem> {
    let (new, except) = body.read()?;
    let sender = visitor.sender();
    let triggered = broadcasts.trigger(Sender { except: except.or(sender.except), ..sender }, new).await?;
    Ok(Answer::of(TriggeredView::new(triggered, config.mode)))
}

macro_rules! triggers {
    ($($(#[doc = $doc:tt])+ $name:ident $path:tt $id:tt;)+) => {$(
        $(#[doc = $doc])+
        pub(super) struct $name;

        #[OpenApi(tag = "Group::Broadcasts")]
        impl $name {
            /// Trigger an event on channels
            ///
            /// A server in development mode takes it without proof from its own machine, under `localhost` or its public host
            /// and not through a proxy; one with `REALTIME_TRIGGER_OPEN=true` from everywhere. Else it needs the scope
            /// `events:publish`, or the token of a person who may send broadcasts in the class, course or org of each
            /// channel. An object as `data` gets the `event_id`, unless the channel is encrypted. Every trigger stands in the
            /// broadcast log.
            #[oai(path = $path, method = "post", operation_id = $id)]
            async fn trigger(
                &self,
                broadcasts: Data<&Arc<Broadcasts>>,
                config: Data<&Arc<Config>>,
                visitor: Data<&Arc<Visitor>>,
                body: Strict<TriggerBody>,
                _proof: ByAnybody,
            ) -> Result<Answer<TriggeredView>, Fault<Writing>> {
                Ok(trigger(&broadcasts, &config, &visitor, body.0).await?)
            }
        }
    )+};
}

triggers! {
    /// The trigger at its own path.
    Trigger "/realtime/trigger" "triggerEvent";
    /// The trigger below `/api`.
    ApiTrigger "/api/realtime/trigger" "triggerEventApi";
}

fn nothing() -> Problem {
    Problem::not_found("There is no such broadcast of yours")
}

#[OpenApi(tag = "Group::Broadcasts")]
impl Broadcast {
    /// Send an event to many
    ///
    /// It goes out under the name that it is given, with the keys of `data` and `event_id`, `timestamp` and `actor`. A whole
    /// class, course, role or org hears it on the channels of that topic (`private-course.101`), `all` on `presence-global`, any other audience each on
    /// the channels of their own user (`private-user.7`): whoever hears several copies knows them by their `event_id`. With
    /// `durable` it has a place in the streams of these topics, and who was away catches up with it. Needs the scope
    /// `notifications:send`; a person may send to classes, courses and orgs as their role there allows.
    #[oai(path = "/api/broadcasts", method = "post", operation_id = "sendBroadcast")]
    async fn send(
        &self,
        broadcasts: Data<&Arc<Broadcasts>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<BroadcastBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Accepted, Fault<Writing>> {
        let new: NewBroadcast = body.0.read()?;
        let sent = Box::pin(broadcasts.send(visitor.sender(), new)).await?;
        Ok(Accepted::Taken(Json(sent.into())))
    }

    /// See a broadcast and who has confirmed it
    ///
    /// People see those that they have sent, programs with the scope `notifications:send` all of the app. Confirmations go by
    /// user id, page by page.
    #[oai(path = "/api/broadcasts/:id", method = "get", operation_id = "showBroadcast")]
    async fn show(
        &self,
        broadcasts: Data<&Arc<Broadcasts>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// `next_cursor` of the page of confirmations before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most confirmations of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<BroadcastView>, Fault<super::problem::Reading>> {
        let found = broadcasts.find(&visitor.live, &visitor.caller, &id).await?.ok_or_else(nothing)?;
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let after = cursor.0.map(|cursor| cursor.0.0);
        let (acks, count) = broadcasts.acks(&visitor.live, &id, (after.as_deref(), limit + 1)).await?;
        let acks = acks.into_iter().map(|ack| (ack.user.to_string(), AckView::from(ack))).collect();
        Ok(Answer::of(BroadcastView::new(found, count, List::new(acks, limit))))
    }

    /// Confirm a broadcast
    ///
    /// For those in its audience, once: who confirms again is told when they first did. 409 when it asks for no confirmation,
    /// 410 when it is over. For people, or programs on behalf of one.
    #[oai(path = "/api/broadcasts/:id/ack", method = "post", operation_id = "confirmBroadcast")]
    async fn ack(
        &self,
        broadcasts: Data<&Arc<Broadcasts>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id, which is also the `event_id`.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByPerson,
    ) -> Result<Answer<AckView>, Fault<Following>> {
        let user = visitor.person()?;
        let at = broadcasts.ack(&visitor.live, user, &id, visitor.now).await?;
        let at = at.ok_or_else(|| Problem::not_found("There is no such broadcast for you"))?;
        Ok(Answer::of(AckView::new(user.clone(), at)))
    }

    /// List what was told to many
    ///
    /// Every broadcast, trigger and notification to many, and what was refused because it was too much; newest first. Events
    /// of the Pusher HTTP API too, where the app setting `log_published_events` says so. Never the data itself. Kept for
    /// `broadcast_log_days`. Needs the scope `admin:*`.
    #[oai(path = "/api/broadcast-log", method = "get", operation_id = "listBroadcastLog")]
    async fn log(
        &self,
        log: Data<&Arc<BroadcastLog>>,
        visitor: Data<&Arc<Visitor>>,
        /// Only this channel, or this audience as the log has it (`course:101`).
        #[oai(validator(max_length = 500))]
        channel: Query<Option<String>>,
        /// Only from this sender, as the log has it (`user:7`, `key:ck_…`).
        #[oai(validator(max_length = 160))]
        actor: Query<Option<String>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKey,
    ) -> Result<Answer<List<LogView>>, Fault<super::problem::Reading>> {
        let before = cursor.0.map(|cursor| cursor.0.0.parse::<i64>()).transpose();
        let before =
            before.map_err(|_no_number| Problem::parameter("cursor", "must be the 'next_cursor' of a page"))?;
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let filter = LogFilter { channel: channel.0, actor: actor.0 };
        let rows = log.list(&visitor.caller.app, &filter, (before, limit + 1)).await?;
        let rows = rows.into_iter().map(|(id, entry)| (id.to_string(), LogView::new(id, entry))).collect();
        Ok(Answer::of(List::new(rows, limit)))
    }
}
