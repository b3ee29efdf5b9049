//! Notifications: kept for the person, told to their sockets, read and put away; to one or to many.
//!
//! A notification to many is kept first and sent piece by piece (`sending`), to whom the audience is at that moment. Whoever
//! has no socket reads the same events over HTTP (`reading`).

mod alias;
mod readers;
mod reading;
mod sending;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::{
    readers::{Readers, TooMany},
    reading::{Catch, Following, StreamEvent},
    sending::{Cancelled, NewNotificationBroadcast},
};
use super::{Apps, LiveApp, Teller, access, audience, broadcast::Sender, broadcast_log::BroadcastLog, new_id};
use crate::{
    dialect::{notification as shape, spelling::Payload},
    domain::{
        access::{Decision, Topic, capability::Capability},
        audience::Audience,
        fact::{Actor, Event, Fact, Position, topic_key},
        notification::{PREFERENCES_MAX, Recipient},
        roster::PlaceId,
    },
    ids::{AppId, ExternalId, SocketId, UserId},
    store::{self, Outgoing, Store, Telling},
    throttle::Exceeded,
};
pub use crate::{
    domain::notification::{Content, ContentError, Mark, Notification, NotificationBroadcast, Preference, Which},
    store::NotificationFilter,
};

/// How long notifications are kept.
const KEPT: TimeDelta = TimeDelta::days(180);

/// Old notifications that go at once.
const SWEEP: u64 = 1_000;

/// How often old ones go at once.
const SWEEPS: usize = 100;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The audience, or the sender's rights there.
    #[error(transparent)]
    Audience(#[from] audience::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The roster cannot be read.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The sender may not do this there.
    #[error("{}", .0.detail)]
    Refused(Box<Decision>),
    /// A person sends to a person only in a class or course of theirs.
    #[error("name the class or the course in which you teach them: 'class' or 'course'")]
    NoPlace,
    /// The roster has no such course or class.
    #[error("there is no {} in the roster", Topic::of(.0))]
    NoSuchPlace(PlaceId),
    /// There is no such person, or not there.
    #[error("there is no such person there")]
    NoSuchPerson,
    /// The content breaks a rule.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Not everybody can be told what is not for everybody.
    #[error("only an audience of the type 'all' without exceptions can be public")]
    NotForAll,
    /// It shall go out when it is over, or too far away.
    #[error("must be a time within the next {} days", sending::AHEAD.num_days())]
    When,
    /// As many as may be sent in an hour.
    #[error("{max} notifications to many may be sent in an hour")]
    Hourly {
        /// So many.
        max: u32,
    },
    /// Too many in a minute.
    #[error("{0}")]
    Limited(Exceeded),
    /// More preferences than can be kept.
    #[error("at most {PREFERENCES_MAX} preferences are kept, these are {0}")]
    TooManyPreferences(usize),
}

/// Result of working with notifications.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A notification for one person.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// For whom.
    pub user: UserId,
    /// The class or course that it comes from. People must name one.
    pub place: Option<PlaceId>,
    /// What it says.
    pub content: Content,
}

/// What a mark has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Notifications that are different now.
    pub ids: Vec<String>,
    /// How many are unread now.
    pub unread: u64,
}

/// Notifications of every app.
#[derive(Debug)]
pub struct Notifications {
    store: Store,
    apps: Arc<Apps>,
    teller: Arc<Teller>,
    log: Arc<BroadcastLog>,
}

impl Notifications {
    /// Notifications kept in this store.
    #[must_use]
    pub const fn new(store: Store, apps: Arc<Apps>, teller: Arc<Teller>, log: Arc<BroadcastLog>) -> Self {
        Self { store, apps, teller, log }
    }

    /// Notifies one person; `None` when they do not want it.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent then.
    pub async fn send(&self, sender: Sender<'_>, new: NewNotification) -> Result<Option<Notification>> {
        let Sender { live, now, .. } = sender;
        new.content.check(now)?;
        let actor = match sender.caller.user() {
            Some(user) => Some(judge(live, user, new.place.as_ref(), now).await?),
            None => None,
        };
        let app = live.app();
        let course = self.course_of(live, (&new.user, new.place.as_ref()), now).await?;
        let recipient = Recipient { user: new.user, course };
        let outgoing =
            Outgoing { content: &new.content, actor: actor.as_ref(), broadcast: None, except: sender.except };
        let fact = |notification: &Notification| fact(new_id(now), notification, shape::created(notification), now);
        let telling = Telling { new_id: &move || new_id(now), fact: &fact, now };
        let write = Box::pin(self.store.notification_insert(&app.id, &recipient, outgoing, &telling));
        Ok(self.teller.keep_and_tell::<_, store::Error>(write).await?)
    }

    /// Checks that a person is in the roster, and in the place if one is named; tells its course.
    async fn course_of(
        &self,
        live: &LiveApp,
        (user, place): (&UserId, Option<&PlaceId>),
        now: DateTime<Utc>,
    ) -> Result<Option<ExternalId>> {
        let app = live.app();
        let Some(place) = place else {
            let only = Audience::person(user.clone());
            let found = audience::recipients(&self.store, &app.id, &only, now).await?;
            return if found.is_empty() { Err(Error::NoSuchPerson) } else { Ok(None) };
        };
        let rights = live.rights(user, place, now).await?;
        if rights.place().is_none() {
            return Err(Error::NoSuchPlace(place.clone()));
        }
        if rights.role().is_none() {
            return Err(Error::NoSuchPerson);
        }
        Ok(rights.place().and_then(|place| place.course.as_ref()).map(|course| course.id.clone()))
    }

    /// Notifications of a person, those that came or were counted up last first; a page begins behind that time and id. With
    /// the position of the stream before they were read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        (app, user): (&AppId, &UserId),
        filter: &NotificationFilter,
        page: (Option<(DateTime<Utc>, &str)>, u32),
        now: DateTime<Utc>,
    ) -> store::Result<(Vec<Notification>, Option<Position>)> {
        let position = self.position(app, user).await?;
        Ok((self.store.notification_list((app, user), filter, page, now).await?, position))
    }

    /// How far the stream of a person has come. To be asked before what is read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn position(&self, app: &AppId, user: &UserId) -> store::Result<Option<Position>> {
        match topic_key(&Topic::User(user.clone())) {
            Some(topic) => self.store.stream_position(app, &topic).await,
            None => Ok(None),
        }
    }

    /// A notification of a person, be it put away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, app: &AppId, user: &UserId, id: &str) -> store::Result<Option<Notification>> {
        self.store.notification(app, user, id).await
    }

    /// How many notifications a person has not read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unread(&self, app: &AppId, user: &UserId, now: DateTime<Utc>) -> store::Result<u64> {
        self.store.notification_unread(app, user, now).await
    }

    /// Marks notifications of a person and tells their other tabs. What is so already stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark(
        &self,
        (app, user): (&AppId, &UserId),
        (which, mark): (&Which, Mark),
        except: Option<SocketId>,
        now: DateTime<Utc>,
    ) -> store::Result<Marked> {
        let facts = |ids: &[String], unread: u64| {
            let fact = Fact {
                id: new_id(now),
                event: Event::NotificationRead,
                topic: Topic::User(user.clone()),
                position: None,
                at: now,
                actor: None,
                payload: shape::marked(ids, mark, unread),
            };
            vec![(fact, except)]
        };
        let epoch = new_id(now);
        let write = Box::pin(self.store.notification_mark((app, user), (which, mark), facts, (&epoch, now)));
        let ids = self.teller.keep_and_tell::<_, store::Error>(write).await?;
        Ok(Marked { ids, unread: self.unread(app, user, now).await? })
    }

    /// What a person has said about notifications.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn preferences(&self, app: &AppId, user: &UserId) -> store::Result<Vec<Preference>> {
        self.store.preference_list(app, user).await
    }

    /// Puts these in the place of all that a person has said.
    ///
    /// # Errors
    /// [`Error::TooManyPreferences`], or when the database fails.
    pub async fn set_preferences(&self, app: &AppId, user: &UserId, list: &[Preference]) -> Result<Vec<Preference>> {
        if list.len() > PREFERENCES_MAX {
            return Err(Error::TooManyPreferences(list.len()));
        }
        self.store.preference_replace(app, user, list).await?;
        Ok(self.store.preference_list(app, user).await?)
    }

    /// Removes what is over or old. About once a minute.
    ///
    /// # Errors
    /// When the database fails; the next call goes on.
    pub async fn sweep(&self, now: DateTime<Utc>) -> store::Result<()> {
        for _ in 0..SWEEPS {
            if self.store.notification_sweep(now, now - KEPT, SWEEP).await? < SWEEP {
                break;
            }
        }
        Ok(())
    }
}

/// Checks that a person may notify others in a place; tells who they are there.
async fn judge(live: &LiveApp, user: &UserId, place: Option<&PlaceId>, now: DateTime<Utc>) -> Result<Actor> {
    let place = place.ok_or(Error::NoPlace)?;
    let needs = if matches!(place, PlaceId::Class(_)) { Capability::NotifyClass } else { Capability::NotifyCourse };
    let rights = live.rights(user, place, now).await?;
    let decision = rights.decide(needs);
    if decision.allow { Ok(rights.actor()) } else { Err(Error::Refused(Box::new(decision))) }
}

/// What is told to the person of a notification.
pub(in crate::services) fn fact(
    id: String,
    notification: &Notification,
    payload: Payload,
    now: DateTime<Utc>,
) -> Fact<Payload> {
    Fact {
        id,
        event: Event::NotificationCreated,
        topic: Topic::User(notification.user.clone()),
        position: None,
        at: now,
        actor: notification.actor.clone(),
        payload,
    }
}

#[cfg(test)]
mod tests;
