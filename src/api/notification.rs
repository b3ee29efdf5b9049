//! Notifications over HTTP: sent to one or to many, read, put away, followed.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod bodies;
mod live;
mod views;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use poem::{Request, web::Data};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use self::{
    bodies::{AcceptedView, BroadcastView, MutedView, NotificationBody, NotificationBroadcastBody},
    live::{MEDIA, News, Place, Wait, place},
    views::{NotificationView, PatchBody, PreferencesView, ReadBody, ReadView},
};
use super::{
    Config, Group,
    answer::{Answer, Found},
    caller::{
        Visitor,
        describe::{ByKeyOrPerson, ByPerson},
    },
    list::{Cursor, List, MOST, Snapshot, StreamView, USUAL},
    problem::{Fault, Field, Problem, Reading, Writing},
    strict::Strict,
    word::{Limit, Word},
};
use crate::{
    domain::{
        caller::Who,
        notification::{Category, Which},
        roster::PlaceId,
    },
    services::{
        LiveApp,
        notification::{
            Cancelled, Error, Mark, NewNotification, NewNotificationBroadcast, Notification, NotificationFilter,
            Notifications, TooMany,
        },
    },
};

/// The routes.
pub(super) struct Notified;

/// A notification was sent.
#[derive(Debug, ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "an answer lives as long as it takes to write it")]
enum Sent {
    /// The person does not want such notifications: none was sent.
    #[oai(status = 200)]
    Muted(Json<MutedView>),
    /// It was sent, or one of its group was counted up.
    #[oai(status = 201)]
    Now(Json<NotificationView>),
}

/// A notification to many was taken.
#[derive(Debug, ApiResponse)]
enum Accepted {
    /// It goes out, at once or when its time has come.
    #[oai(status = 202)]
    Taken(Json<AcceptedView>),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let field = |pointer: &str, error: &Error| Self::fields(vec![Field::at(pointer, "invalid", error.to_string())]);
        match error {
            Error::Audience(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Access(error) => error.into(),
            Error::Refused(decision) => (*decision).into(),
            Error::NoPlace => Self::forbidden("no_place", error.to_string()),
            Error::NoSuchPlace(ref place) => {
                let pointer = if matches!(place, PlaceId::Class(_)) { "/class" } else { "/course" };
                Self::fields(vec![Field::at(pointer, "not_in_roster", error.to_string())])
            }
            Error::NoSuchPerson => Self::not_found(error.to_string()),
            Error::Content(error) => error.into(),
            Error::NotForAll => field("/public", &error),
            Error::When => field("/schedule_at", &error),
            Error::TooManyPreferences(_) => field("/preferences", &error),
            Error::Hourly { .. } => Self::too_many(error.to_string(), 360),
            Error::Limited(exceeded) => exceeded.into(),
        }
    }
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        Self::too_many(error.to_string(), 5)
    }
}

/// The place that a body names.
fn named(course: Option<PlaceId>, class: Option<PlaceId>) -> Result<Option<PlaceId>, Problem> {
    match (course, class) {
        (Some(_), Some(_)) => {
            let text = "name the course or the class, not both: a class belongs to one course".to_owned();
            Err(Problem::fields(vec![Field::at("/class", "invalid", text)]))
        }
        (course, class) => Ok(course.or(class)),
    }
}

/// How long a stream may go on: as long as the token holds.
fn until(visitor: &Visitor) -> DateTime<Utc> {
    match &visitor.caller.who {
        Who::User(subject) => subject.expires_at,
        Who::Guest | Who::Key(_) | Who::App => visitor.now,
    }
}

/// Where a notification stands in a list.
fn key(row: &Notification) -> String {
    format!("{}.{}", row.updated_at.timestamp_millis(), row.id)
}

/// Reads what [`key`] wrote.
fn behind(key: &str) -> Result<(DateTime<Utc>, &str), Problem> {
    let place = key.split_once('.').and_then(|(at, id)| Some((DateTime::from_timestamp_millis(at.parse().ok()?)?, id)));
    place.ok_or_else(|| Problem::parameter("cursor", "must be the 'next_cursor' of a page"))
}

fn nothing() -> Problem {
    Problem::not_found("There is no such notification of yours")
}

#[OpenApi(tag = "Group::Notifications")]
impl Notified {
    /// Notify one person
    ///
    /// It is kept, and told to all sockets of theirs. Needs the scope `notifications:send`; a person may notify those who are
    /// in a class or course where they teach.
    #[oai(path = "/api/notifications", method = "post", operation_id = "sendNotification")]
    async fn send(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<NotificationBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Sent, Fault<Writing>> {
        let mut body = body.0;
        let content = body.content();
        let course = body.course.map(|course| PlaceId::Course(course.0));
        let place = named(course, body.class.map(|class| PlaceId::Class(class.0)))?;
        let new = NewNotification { user: body.user.0, place, content };
        Ok(match notifications.send(visitor.sender(), new).await? {
            Some(notification) => Sent::Now(Json(notification.into())),
            None => Sent::Muted(Json(MutedView { muted: true })),
        })
    }

    /// Notify many
    ///
    /// Whoever is in the audience when it goes out gets a notification of their own, each person once. Needs the scope
    /// `notifications:send`; a person may notify classes, courses and orgs as their role there allows, at most ten times an
    /// hour unless the app allows more.
    #[oai(path = "/api/notifications/broadcast", method = "post", operation_id = "broadcastNotification")]
    async fn broadcast(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<NotificationBroadcastBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Accepted, Fault<Writing>> {
        let mut body = body.0;
        let content = body.content();
        let new = NewNotificationBroadcast {
            audience: body.audience.read("/audience")?,
            content,
            scheduled_at: body.schedule_at.map(|at| at.0),
            is_public: body.public.unwrap_or(false),
        };
        let broadcast = notifications.broadcast(visitor.sender(), new).await?;
        Ok(Accepted::Taken(Json(broadcast.into())))
    }

    /// See how far a notification to many has come
    ///
    /// People see those that they have sent, programs with the scope `notifications:send` all of the app.
    #[oai(path = "/api/notification-broadcasts/:id", method = "get", operation_id = "showNotificationBroadcast")]
    async fn show_broadcast(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<BroadcastView>, Fault<Reading>> {
        let found = notifications.find_broadcast(&visitor.live, &visitor.caller, &id).await?;
        let broadcast = found.ok_or_else(|| Problem::not_found("There is no such sending of yours"))?;
        Ok(Answer::of(broadcast.into()))
    }

    /// Call off a notification to many
    ///
    /// While it waits for its time; later it is 409. People call off what they have sent, programs with the scope
    /// `notifications:send` whatever is of the app.
    #[oai(path = "/api/notification-broadcasts/:id", method = "delete", operation_id = "cancelNotificationBroadcast")]
    async fn cancel(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<BroadcastView>, Fault<Writing>> {
        match notifications.cancel(visitor.sender(), &id).await? {
            Cancelled::Done => {}
            Cancelled::TooLate(state) => {
                let detail = format!("It is {state} already and cannot be called off");
                return Err(Problem::new(poem::http::StatusCode::CONFLICT, "too_late", detail).into());
            }
            Cancelled::Nothing => return Err(Problem::not_found("There is no such sending of yours").into()),
        }
        let found = notifications.find_broadcast(&visitor.live, &visitor.caller, &id).await?;
        let broadcast = found.ok_or_else(|| Problem::not_found("There is no such sending of yours"))?;
        Ok(Answer::of(broadcast.into()))
    }

    /// List one's own notifications
    ///
    /// Newest first; one that is counted up comes to the front. What was put away or is over is not shown. For people, or
    /// programs on behalf of one.
    #[oai(path = "/api/notifications", method = "get", operation_id = "listNotifications")]
    async fn list(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        /// Unread ones only, or read ones only.
        unread: Query<Option<bool>>,
        /// Of this category only.
        category: Query<Option<Word<Category>>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        /// What the caller has already: an `ETag` of this answer. Then 304, without a body.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByPerson,
    ) -> Result<Found<Snapshot<NotificationView>>, Fault<Reading>> {
        let own = (&visitor.caller.app, visitor.person()?);
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let filter = NotificationFilter { unread: unread.0, category: category.0.map(|category| category.0) };
        let cursor = cursor.0.map(|cursor| cursor.0.0);
        let before = cursor.as_deref().map(behind).transpose()?;
        let (rows, position) = notifications.list(own, &filter, (before, limit + 1), visitor.now).await?;
        let rows = rows.into_iter().map(|row| (key(&row), row.into())).collect();
        let stream = StreamView::of(format!("user.{}", own.1), position);
        Ok(Found::seen(Snapshot::new(List::new(rows, limit), stream), None, if_none_match.as_deref())?)
    }

    /// Get what is new
    ///
    /// As JSON, at once or after at most `wait` seconds; or, with `Accept: text/event-stream`, as a stream of events that a
    /// browser follows with `EventSource`. A person may wait in at most 8 places at once. For people, or programs on behalf of
    /// one.
    #[oai(path = "/api/notifications/realtime", method = "get", operation_id = "followNotifications")]
    async fn realtime(
        &self,
        notifications: Data<&Arc<Notifications>>,
        config: Data<&Arc<Config>>,
        visitor: Data<&Arc<Visitor>>,
        request: &Request,
        /// `cursor` of the answer before, or the id of the last event; absent = the newest notifications at once, or events
        /// from now on. `:0` = from the first event.
        cursor: Query<Option<Word<Place>>>,
        /// Seconds to wait for something new, for JSON. 0 if absent.
        wait: Query<Option<Word<Wait>>>,
        /// Most notifications of the first answer. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        /// The id of the last event, as browsers send it when they come back; counts before `cursor`.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<Word<Place>>>,
        _proof: ByPerson,
    ) -> Result<News, Fault<Reading>> {
        let (live, user): (&Arc<LiveApp>, _) = (&visitor.live, visitor.person()?);
        let after = place(cursor.0, last.0);
        if request.header("accept").is_some_and(|accept| accept.contains(MEDIA)) {
            let following = notifications.follow(live, user, after).await??;
            return Ok(News::Stream(Box::new(following), config.heartbeat, until(&visitor)));
        }
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let patience = Duration::from_secs(wait.0.map_or(0, |wait| wait.0.0).into());
        let catch = if patience.is_zero() || after.is_none() {
            notifications.catch_up((&visitor.caller.app, user), after.as_ref(), limit, visitor.now).await?
        } else {
            notifications.wait((live, user), after.as_ref(), (limit, patience), visitor.now).await??
        };
        Ok(News::Json(Box::new(catch.into())))
    }

    /// Get a notification of one's own
    ///
    /// For people, or programs on behalf of one.
    #[oai(path = "/api/notifications/:id", method = "get", operation_id = "showNotification")]
    async fn show(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByPerson,
    ) -> Result<Answer<NotificationView>, Fault<Reading>> {
        let (app, user) = (&visitor.caller.app, visitor.person()?);
        let position = notifications.position(app, user).await?;
        let found = notifications.find(app, user, &id).await?;
        let view = NotificationView::from(found.ok_or_else(nothing)?);
        Ok(Answer::of(view.at(StreamView::of(format!("user.{user}"), position))))
    }

    /// Mark a notification of one's own
    ///
    /// Read, seen or put away, or none of it any more. Other tabs hear of it (`notification.read`). For people, or programs on
    /// behalf of one.
    #[oai(path = "/api/notifications/:id", method = "patch", operation_id = "markNotification")]
    async fn mark(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        /// Its id.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        body: Strict<PatchBody>,
        _proof: ByPerson,
    ) -> Result<Answer<NotificationView>, Fault<Writing>> {
        let own = (&visitor.caller.app, visitor.person()?);
        let mark = Mark::from(body.0);
        if mark != Mark::default() {
            let which = Which::Ids(vec![id.0.clone()]);
            Box::pin(notifications.mark(own, (&which, mark), visitor.except, visitor.now)).await?;
        }
        let found = notifications.find(own.0, own.1, &id).await?;
        Ok(Answer::of(found.ok_or_else(nothing)?.into()))
    }

    /// Mark notifications of one's own as read
    ///
    /// By their ids, or all that came, or were counted up last, before a time. Ids that are not the person's are passed over.
    /// Other tabs hear of it (`notification.read`). For people, or programs on behalf of one.
    #[oai(path = "/api/notifications/read", method = "post", operation_id = "readNotifications")]
    async fn read(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<ReadBody>,
        _proof: ByPerson,
    ) -> Result<Answer<ReadView>, Fault<Writing>> {
        let own = (&visitor.caller.app, visitor.person()?);
        let mark = Mark { read: Some(true), ..Mark::default() };
        let marked = Box::pin(notifications.mark(own, (&body.0.read()?, mark), visitor.except, visitor.now)).await?;
        Ok(Answer::of(ReadView { ids: marked.ids, unread_count: marked.unread }))
    }

    /// Get one's own wishes about notifications
    ///
    /// What is not mentioned is wanted. For people, or programs on behalf of one.
    #[oai(path = "/api/me/notification-preferences", method = "get", operation_id = "getNotificationPreferences")]
    async fn preferences(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        _proof: ByPerson,
    ) -> Result<Answer<PreferencesView>, Fault<Reading>> {
        let list = notifications.preferences(&visitor.caller.app, visitor.person()?).await?;
        Ok(Answer::of(list.into()))
    }

    /// Replace one's own wishes about notifications
    ///
    /// All of them, by category, medium and course. Of two about the same the last counts. For people, or programs on behalf
    /// of one.
    #[oai(path = "/api/me/notification-preferences", method = "put", operation_id = "putNotificationPreferences")]
    async fn set_preferences(
        &self,
        notifications: Data<&Arc<Notifications>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<PreferencesView>,
        _proof: ByPerson,
    ) -> Result<Answer<PreferencesView>, Fault<Writing>> {
        let (app, user) = (&visitor.caller.app, visitor.person()?);
        let list = notifications.set_preferences(app, user, &Vec::from(body.0)).await?;
        Ok(Answer::of(list.into()))
    }
}
