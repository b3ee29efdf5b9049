//! Notifications for those without a socket: what is new since a position, at once, after a wait, or as a stream.
//!
//! All of it reads the stream of events of the person, so that a position means the same here as everywhere else.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Notification, NotificationFilter, Notifications, Result, TooMany, readers::Reader};
use crate::{
    dialect::spelling::{self, Grammar, Payload},
    domain::{
        access::Topic,
        fact::{Event, Position, topic_key},
    },
    ids::{AppId, UserId},
    services::LiveApp,
    store::{self, Kept, MAX_PAGE, Missed},
};

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catch {
    /// Notifications that came, or were counted up, since the position, as they are now; newest first. Without a position, or
    /// when it is too old, the newest ones.
    pub items: Vec<Notification>,
    /// How many are unread.
    pub unread: u64,
    /// Where to go on. Before the first event, 0 of no epoch.
    pub position: Position,
    /// There is more at once.
    pub has_more: bool,
    /// The position was too old: this is everything anew.
    pub is_reset: bool,
}

/// An event of a stream over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    /// Where to go on after it.
    pub position: Position,
    /// Name of the event.
    pub name: &'static str,
    /// JSON.
    pub data: String,
}

/// The first event of a stream.
const READY: &str = "ready";

/// A stream of the notifications of one person.
#[derive(Debug)]
pub struct Following {
    notifications: Arc<Notifications>,
    live: Arc<LiveApp>,
    user: UserId,
    reader: Reader,
    /// What was told up to now.
    position: Option<Position>,
    /// The first look is still to come: it needs no news.
    is_fresh: bool,
}

fn is_ours(kept: &Kept) -> bool {
    matches!(kept.fact.event, Event::NotificationCreated | Event::NotificationRead)
}

impl Notifications {
    /// What a person has not heard yet after a position, at most `limit` notifications.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn catch_up(
        &self,
        (app, user): (&AppId, &UserId),
        after: Option<&Position>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> store::Result<Catch> {
        let Some(after) = after else { return self.anew((app, user), limit, (false, now)).await };
        let Missed::Events(kept) = self.missed((app, user), Some(after)).await? else {
            return self.anew((app, user), limit, (true, now)).await;
        };
        let has_more = kept.len() as u64 == MAX_PAGE;
        let position = kept.last().and_then(|kept| kept.fact.position.clone()).unwrap_or_else(|| after.clone());
        let created = kept.iter().filter(|kept| kept.fact.event == Event::NotificationCreated);
        let mut ids: Vec<String> = created.filter_map(|kept| id_in(&kept.fact.payload)).collect();
        ids.sort();
        ids.dedup();
        let items = self.store.notification_some((app, user), &ids, now).await?;
        let unread = self.unread(app, user, now).await?;
        Ok(Catch { items, unread, position, has_more, is_reset: false })
    }

    async fn anew(
        &self,
        (app, user): (&AppId, &UserId),
        limit: u32,
        (is_reset, now): (bool, DateTime<Utc>),
    ) -> store::Result<Catch> {
        let filter = NotificationFilter::default();
        let (items, position) = self.list((app, user), &filter, (None, limit), now).await?;
        let unread = self.unread(app, user, now).await?;
        let position = position.unwrap_or(Position { epoch: String::new(), seq: 0 });
        Ok(Catch { items, unread, position, has_more: false, is_reset })
    }

    async fn missed(&self, (app, user): (&AppId, &UserId), after: Option<&Position>) -> store::Result<Missed> {
        let Some(topic) = topic_key(&Topic::User(user.clone())) else { return Ok(Missed::Gap) };
        let (epoch, seq) = after.map_or((None, 0), |after| (Some(after.epoch.as_str()), after.seq));
        self.store.stream_after(app, &topic, (epoch.filter(|epoch| !epoch.is_empty()), seq), MAX_PAGE).await
    }

    /// Waits until there is something new after a position, for at most `patience`; then tells what is new, be it nothing.
    ///
    /// # Errors
    /// When too many wait already, or when the database fails.
    pub async fn wait(
        &self,
        (live, user): (&LiveApp, &UserId),
        after: Option<&Position>,
        (limit, patience): (u32, Duration),
        now: DateTime<Utc>,
    ) -> Result<Result<Catch, TooMany>> {
        let app = live.app();
        // Before the look: what is told between the look and the wait ends the wait.
        let mut reader = match live.readers.enter(user) {
            Ok(reader) => reader,
            Err(full) => return Ok(Err(full)),
        };
        let end = tokio::time::Instant::now() + patience;
        loop {
            let catch = self.catch_up((&app.id, user), after, limit, now).await?;
            let is_new = !catch.items.is_empty() || catch.is_reset || after != Some(&catch.position);
            if is_new || !tokio::time::timeout_at(end, reader.news()).await.unwrap_or(false) {
                return Ok(Ok(catch));
            }
        }
    }

    /// Begins a stream after a position; `None` = from now on.
    ///
    /// # Errors
    /// When too many wait already, or when the database fails.
    pub async fn follow(
        self: &Arc<Self>,
        live: &Arc<LiveApp>,
        user: &UserId,
        after: Option<Position>,
    ) -> Result<Result<Following, TooMany>> {
        let reader = match live.readers.enter(user) {
            Ok(reader) => reader,
            Err(full) => return Ok(Err(full)),
        };
        let position = match after {
            Some(after) => Some(after),
            None => self.position(&live.app().id, user).await?,
        };
        Ok(Ok(Following {
            notifications: Arc::clone(self),
            live: Arc::clone(live),
            user: user.clone(),
            reader,
            position,
            is_fresh: true,
        }))
    }
}

/// The id of the notification that an event is about.
fn id_in(payload: &Payload) -> Option<String> {
    payload.get("notification")?.get("id")?.as_str().map(str::to_owned)
}

impl Following {
    /// Where the stream begins: whoever loses it before anything has come goes on from there.
    #[must_use]
    pub fn begin(&self) -> StreamEvent {
        let position = self.position.clone().unwrap_or(Position { epoch: String::new(), seq: 0 });
        StreamEvent { position, name: READY, data: "{}".to_owned() }
    }

    /// Waits until there may be something to read; false when the stream is over.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is given up.
    pub async fn wait(&mut self) -> bool {
        std::mem::take(&mut self.is_fresh) || self.reader.news().await
    }

    /// What was told since the last call. What is not kept any more is told as `stream:gap`, with the position from which the
    /// stream goes on. `None` = the stream is over: the person may not hear it any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&mut self, now: DateTime<Utc>) -> Result<Option<VecDeque<StreamEvent>>> {
        let app = self.live.app();
        if !app.enabled || !self.live.admission(&self.user, now).await?.allow {
            return Ok(None);
        }
        let mut events = VecDeque::new();
        loop {
            let missed = self.notifications.missed((&app.id, &self.user), self.position.as_ref()).await?;
            let Missed::Events(kept) = missed else {
                events.extend(self.gap(&app.id).await?);
                return Ok(Some(events));
            };
            let is_last = (kept.len() as u64) < MAX_PAGE;
            for kept in kept {
                self.position.clone_from(&kept.fact.position);
                if is_ours(&kept) {
                    events.extend(event(&kept));
                }
            }
            if is_last {
                return Ok(Some(events));
            }
        }
    }

    async fn gap(&mut self, app: &AppId) -> Result<Option<StreamEvent>> {
        self.position = self.notifications.position(app, &self.user).await?;
        let Some(position) = self.position.clone() else { return Ok(None) };
        let topic = topic_key(&Topic::User(self.user.clone()));
        let data = json!({ "topic": topic, "epoch": position.epoch, "seq": position.seq }).to_string();
        Ok(Some(StreamEvent { position, name: "stream:gap", data }))
    }
}

fn event(kept: &Kept) -> Option<StreamEvent> {
    let data = spelling::data(&kept.fact, Grammar::Dots);
    Some(StreamEvent { position: kept.fact.position.clone()?, name: kept.fact.event.name(), data })
}
