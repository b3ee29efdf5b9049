//! Notifications to many: made, sent when their time has come, called off before.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Error, Notifications, Result, fact, shape};
use crate::{
    dialect::spelling::Payload,
    domain::{
        access::Topic,
        audience::{Audience, AudienceType, Sending},
        broadcast::LogEntry,
        caller::Caller,
        fact::{Event, Fact},
        notification::{BroadcastState, Content, Notification, NotificationBroadcast, Recipient},
    },
    ids::AppId,
    services::{
        LiveApp, audience,
        broadcast::{Sender, owner},
        broadcast_log::{LogKind, LogOutcome, Logged},
        new_id,
    },
    store::{self, Hourly, Last, Piece, Telling},
};

/// How long ago a planned time may be: clocks differ, and requests take their time.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// How far ahead a sending may be planned.
pub(super) const AHEAD: TimeDelta = TimeDelta::days(366);

/// People whose copies are written in one transaction. Others who write wait for it, so it is short.
const PIECE: usize = 100;

/// Pieces that one sending has in a turn, so that a large one does not keep the others waiting.
const PIECES: usize = 20;

/// Sendings of one app that have a turn together.
const DUE: u64 = 5;

/// Name of what is sent, as the log has it.
const EVENT: &str = "notification.created";

/// A notification to many that is to be sent.
#[derive(Debug, Clone)]
pub struct NewNotificationBroadcast {
    /// Whom it is for.
    pub audience: Audience,
    /// What it says.
    pub content: Content,
    /// When it shall go out; `None` = at once.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Callers who are not known hear it too, on the channel `notifications`.
    pub is_public: bool,
}

/// What became of calling off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not go out.
    Done,
    /// It is in this state, and cannot be called off.
    TooLate(BroadcastState),
    /// There is none, or it is somebody else's.
    Nothing,
}

fn logged<'a>(audience: &Audience, content: &Content, outcome: LogOutcome) -> Logged<'a> {
    let texts = [Some(&content.title), Some(&content.body), content.data.as_ref()];
    let bytes = texts.into_iter().flatten().map(String::len).sum();
    Logged { kind: LogKind::Notification, channel: audience.to_string(), event: EVENT, bytes, outcome }
}

/// The row of the log about a sending that has come to its end.
fn ended(broadcast: &NotificationBroadcast, outcome: LogOutcome, now: DateTime<Utc>) -> LogEntry {
    let logged = logged(&broadcast.audience, &broadcast.content, outcome);
    let latency = (now - broadcast.scheduled_at).num_microseconds().unwrap_or(i64::MAX).max(0);
    let event_id = Some(broadcast.id.clone());
    LogEntry { event_id, latency_us: latency, ..logged.entry((broadcast.created_by.clone(), None), now) }
}

impl Notifications {
    /// Keeps a notification to many, and sends it if its time has come: to as many as fit into one piece before this returns,
    /// to the others soon. As it stands then.
    ///
    /// # Errors
    /// See [`Error`]; nothing was kept then.
    pub async fn broadcast(&self, sender: Sender<'_>, new: NewNotificationBroadcast) -> Result<NotificationBroadcast> {
        let Sender { live, now, .. } = sender;
        let begin = new.scheduled_at.unwrap_or(now);
        if !(-SKEW..=AHEAD).contains(&(begin - now)) {
            return Err(Error::When);
        }
        new.content.check(begin.max(now))?;
        if new.is_public && (new.audience.kind() != AudienceType::All || new.audience.topics().is_none()) {
            return Err(Error::NotForAll);
        }
        let actor = match sender.caller.user() {
            Some(user) => Some(audience::judge(live, user, (&new.audience, Sending::Notification), now).await?),
            None => None,
        };
        let app = live.app();
        audience::check_places(&self.store, &app.id, (&new.audience, Sending::Notification)).await?;
        let logged = logged(&new.audience, &new.content, LogOutcome::RateLimited);
        sender.admit(&self.log, logged.clone()).await.map_err(Error::Limited)?;
        let estimated = audience::count(&self.store, &app.id, &new.audience, now).await?;
        let mut broadcast = NotificationBroadcast {
            id: new_id(now),
            audience: new.audience,
            content: new.content,
            is_public: new.is_public,
            created_by: sender.name(),
            except: sender.except,
            actor,
            state: BroadcastState::Scheduled,
            estimated: i64::try_from(estimated).unwrap_or(i64::MAX),
            recipients: 0,
            muted: 0,
            done_up_to: None,
            created_at: now,
            scheduled_at: begin,
            sent_at: None,
        };
        let max = app.settings.notification_broadcasts_per_hour;
        let is_limited = sender.caller.user().is_some() && max > 0;
        let hourly = is_limited.then(|| Hourly { max: max.into(), since: now - TimeDelta::hours(1) });
        if !self.store.notification_broadcast_insert(&app.id, &broadcast, hourly).await? {
            live.metrics().count_rate_limited("notification_broadcasts");
            self.log.note(live, &[sender.entry(logged)]).await;
            return Err(Error::Hourly { max });
        }
        // It is kept, and a refusal would have it sent again: what fails now is done when it is looked for what is due.
        if begin <= now
            && let Err(error) = self.advance(&app.id, &mut broadcast, 1, now).await
        {
            tracing::error!(app.id = %app.id, broadcast.id = %broadcast.id, %error, "a notification goes out later");
        }
        Ok(broadcast)
    }

    /// Finds a sending that whoever calls has made; programs find all of the app.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_broadcast(
        &self,
        live: &LiveApp,
        caller: &Caller,
        id: &str,
    ) -> store::Result<Option<NotificationBroadcast>> {
        let found = self.store.notification_broadcast(&live.app().id, id).await?;
        Ok(found.filter(|found| caller.user().is_none() || found.created_by == owner(caller)))
    }

    /// Calls a sending off that waits for its time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, sender: Sender<'_>, id: &str) -> store::Result<Cancelled> {
        let Some(found) = self.find_broadcast(sender.live, sender.caller, id).await? else {
            return Ok(Cancelled::Nothing);
        };
        let app = sender.live.app();
        let entry = LogEntry {
            latency_us: 0,
            actor: sender.caller.actor(),
            ip: Some(sender.ip.to_string()),
            ..ended(&found, LogOutcome::Cancelled, sender.now)
        };
        if self.store.notification_broadcast_end(&app.id, id, BroadcastState::Cancelled, &entry).await? {
            return Ok(Cancelled::Done);
        }
        let now = self.store.notification_broadcast(&app.id, id).await?;
        Ok(Cancelled::TooLate(now.map_or(found.state, |now| now.state)))
    }

    /// Sends some of what is due, in every app. Several times a second. Whatever is left, or left when this is given up, is
    /// sent by the next calls, to nobody twice.
    ///
    /// # Errors
    /// The first one, when the database fails; the other sendings have had their turn, and the next call goes on.
    pub async fn send_due(&self, now: DateTime<Utc>) -> Result<()> {
        let mut outcome = Ok(());
        for app in self.store.notification_apps_due(now).await? {
            // An app that is gone or switched off sends when it is back.
            if self.apps.by_id(app.as_str()).is_none_or(|live| !live.app().enabled) {
                continue;
            }
            for mut broadcast in self.store.notification_broadcasts_due(&app, now, DUE).await? {
                outcome = outcome.and(self.advance(&app, &mut broadcast, PIECES, now).await);
            }
        }
        outcome
    }

    /// Sends at most so many pieces, and brings `broadcast` to how it stands then.
    async fn advance(
        &self,
        app: &AppId,
        broadcast: &mut NotificationBroadcast,
        pieces: usize,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let waits = broadcast.state == BroadcastState::Scheduled;
        if waits && broadcast.content.expires_at.is_some_and(|end| end <= now) {
            let entry = ended(broadcast, LogOutcome::Expired, now);
            if self.store.notification_broadcast_end(app, &broadcast.id, BroadcastState::Expired, &entry).await? {
                broadcast.state = BroadcastState::Expired;
            }
            return Ok(());
        }
        let all = match audience::recipients(&self.store, app, &broadcast.audience, now).await {
            // It has grown since it was planned: to nobody is better than to some again and again.
            Err(error @ audience::Error::TooLarge) => {
                tracing::error!(app.id = %app, broadcast.id = %broadcast.id, %error, "a notification goes to nobody");
                Vec::new()
            }
            other => other?,
        };
        let is_left =
            |recipient: &&Recipient| broadcast.done_up_to.as_deref().is_none_or(|done| recipient.user.as_str() > done);
        let left: Vec<Recipient> = all.iter().filter(is_left).cloned().collect();
        let mut rest = left.as_slice();
        for _ in 0..pieces {
            let (piece, later) = rest.split_at(rest.len().min(PIECE));
            let is_last = later.is_empty();
            if let Some(now) = self.send_piece(app, broadcast, (piece, is_last), now).await? {
                *broadcast = now;
            }
            if is_last {
                break;
            }
            rest = later;
        }
        Ok(())
    }

    async fn send_piece(
        &self,
        app: &AppId,
        broadcast: &NotificationBroadcast,
        (recipients, is_last): (&[Recipient], bool),
        now: DateTime<Utc>,
    ) -> store::Result<Option<NotificationBroadcast>> {
        let of = |notification: &Notification| {
            let payload =
                if broadcast.is_public { shape::announced_to(notification) } else { shape::created(notification) };
            fact(broadcast.id.clone(), notification, payload, now)
        };
        let telling = Telling { new_id: &move || new_id(now), fact: &of, now };
        let last: Option<Last> = is_last.then(|| {
            let announcement = broadcast.is_public.then(|| (announcement(broadcast, now), broadcast.except));
            (announcement.into_iter().collect(), ended(broadcast, LogOutcome::Sent, now))
        });
        let piece = Piece { recipients, last };
        let write = Box::pin(self.store.notification_broadcast_send(app, &broadcast.id, piece, &telling));
        self.teller.keep_and_tell(write).await
    }
}

/// What everybody hears who listens to `notifications`.
fn announcement(broadcast: &NotificationBroadcast, now: DateTime<Utc>) -> Fact<Payload> {
    Fact {
        id: broadcast.id.clone(),
        event: Event::NotificationCreated,
        topic: Topic::Notices,
        position: None,
        at: now,
        actor: broadcast.actor.clone(),
        payload: shape::announced(broadcast),
    }
}
