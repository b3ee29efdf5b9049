//! Who is online in an app: taken note of at once, told a moment later, kept in the database behind that.
//!
//! `domain::presence` decides what is news; here it is fed with sockets (from the seats of `services::access`) and with signs of
//! life, and `sight` says who is told and who may look. What is news goes out from [`LiveApp::presence_tick`], which the server
//! calls several times a second, so that a crowd that comes at once is told in portions. `keep` keeps what attendance is made of.

mod keep;
mod sight;
#[cfg(test)]
mod tests;
mod told;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

pub use self::sight::Room;
use self::{keep::Unkept, told::Told};
use crate::{
    domain::{
        access::{Decision, Topic, capability::Capability},
        app::App,
        fact::{Event, topic_key},
        presence::{Availability, BadStatus, Edge, LEASE, Moment, Offline, Roll, Signal, Status, TooMany},
        roster::Standing,
    },
    ids::{SocketId, UserId},
    services::{LiveApp, access},
    store,
};

/// Seconds after which a sign of life should be given again.
pub const INTERVAL_SECONDS: u32 = 30;

/// Frames that are queued at once for what is news; when there are more, the rest waits for the next time. A crowd that comes
/// at once would else keep everybody else waiting.
const MAX_FRAMES: usize = 20_000;

/// Most people whose status is read at once.
const MAX_READ: usize = 500;

/// Why presence was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The person may not be here at all.
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// Too many people are here.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// A status that nobody can have.
    #[error(transparent)]
    BadStatus(#[from] BadStatus),
    /// The roster cannot be read.
    #[error(transparent)]
    Roster(#[from] access::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Result of a call about presence.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sign of life, as a client gives it.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a> {
    /// From which of the user's devices; empty when it has no name.
    pub device: &'a str,
    /// What they are at; `None` = nothing in particular.
    pub scope: Option<&'a Topic>,
    /// What the user says by it; `None` = nothing new.
    pub availability: Option<Availability>,
}

/// What is changed of a status; absent = it stays as it is.
#[derive(Debug, Clone, Default)]
pub struct StatusChange {
    /// Whether the user can be talked to.
    pub availability: Option<Availability>,
    /// A line about it; `Some(None)` = none any more.
    pub text: Option<Option<String>>,
    /// A picture of it.
    pub emoji: Option<Option<String>>,
    /// Looks offline to everybody else.
    pub invisible: Option<bool>,
    /// Nobody is told when they type.
    pub hides_typing: Option<bool>,
    /// When availability, text and emoji go by themselves.
    pub clear_at: Option<Option<DateTime<Utc>>>,
}

impl StatusChange {
    fn made_to(self, before: Status) -> Result<Status, BadStatus> {
        let Self { availability, text, emoji, invisible, hides_typing, clear_at } = self;
        let status = Status {
            availability: availability.unwrap_or(before.availability),
            text: text.unwrap_or(before.text),
            emoji: emoji.unwrap_or(before.emoji),
            invisible: invisible.unwrap_or(before.invisible),
            hides_typing: hides_typing.unwrap_or(before.hides_typing),
            clear_at: clear_at.unwrap_or(before.clear_at),
        };
        status.check().map(|()| status)
    }
}

/// People about whom the roster says something else now, each with the number of the last word about them.
#[derive(Debug, Default)]
struct Suspects {
    by_user: HashMap<UserId, u64>,
    /// The last number.
    last: u64,
}

impl Suspects {
    fn extend(&mut self, users: impl Iterator<Item = UserId>) {
        self.last += 1;
        let number = self.last;
        self.by_user.extend(users.map(|user| (user, number)));
    }

    /// Somebody has been looked at, as they were at this number.
    fn clear(&mut self, user: &UserId, number: u64) {
        if self.by_user.get(user) == Some(&number) {
            self.by_user.remove(user);
        }
    }
}

/// Who is online in one app.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Guards who is here; no await under it.
    roll: Mutex<Roll>,
    /// Counts changes of people: another node may have heard that somebody hides, or hides no more, that they type.
    changes: AtomicU64,
    /// How many of them are heeded.
    heeded: AtomicU64,
    /// Who has to be looked at. Written by changes of the roster and by the clock. Guards the map; no await under it.
    suspects: Mutex<Suspects>,
    /// Held while news are told, so that they keep their order.
    telling: Turn<()>,
    /// Who was told last that somebody looks online. Guards it; no await under it.
    told: Mutex<Told>,
    /// What waits to be kept. Guards rows; no await under it.
    unkept: Mutex<Unkept>,
    /// Held while rows are kept.
    keeping: Turn<()>,
    /// Held while a status is changed, so that what is said last counts last.
    saying: Turn<()>,
}

fn moment(app: &App, now: DateTime<Utc>) -> Moment {
    let after = app.settings.presence_away_after;
    let away_after = (after > 0).then(|| TimeDelta::seconds(after.into()));
    Moment { now, grace: TimeDelta::seconds(app.settings.presence_grace.into()), away_after }
}

impl Presence {
    /// A socket is known to be somebody's.
    pub(super) fn arrive(&self, app: &App, user: &UserId, socket: SocketId, now: DateTime<Utc>) {
        self.roll.lock().arrive(user, socket, moment(app, now));
    }

    /// A socket is gone, or is known to be somebody else's.
    pub(super) fn depart(&self, app: &App, user: &UserId, socket: SocketId, now: DateTime<Utc>) {
        self.roll.lock().depart(user, socket, moment(app, now));
    }

    /// Somebody was deleted from the roster: they are gone at once.
    pub(super) fn expel(&self, user: &UserId, now: DateTime<Utc>) {
        self.roll.lock().expel(user, now);
    }

    /// The roster says something else about these people themselves: as [`Presence::suspect`].
    pub(super) fn note_changed_people<'a>(&self, users: impl Iterator<Item = &'a UserId>) {
        let mut users = users.peekable();
        if users.peek().is_some() {
            self.changes.fetch_add(1, Ordering::Relaxed);
            self.suspect(users);
        }
    }

    /// The roster says something else about some people: whether they may be here, and who is to see them, is looked at in a
    /// moment.
    pub(super) fn suspect<'a>(&self, users: impl Iterator<Item = &'a UserId>) {
        let roll = self.roll.lock();
        self.suspects.lock().extend(users.filter(|user| roll.knows(user)).cloned());
    }

    /// As [`Presence::note_changed_people`], of everybody.
    pub(super) fn suspect_all(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.suspects.lock().extend(self.everybody().into_iter());
    }

    /// Everybody who is here, seen or not.
    pub(super) fn everybody(&self) -> Vec<UserId> {
        self.roll.lock().everybody().cloned().collect()
    }
}

impl LiveApp {
    /// How many users look online to others.
    #[must_use]
    pub fn online_users(&self) -> usize {
        self.presence.roll.lock().shown_count()
    }

    /// How a user sees themselves: their sockets on this node, and their status; `None` = they are offline.
    #[must_use]
    pub fn own_presence(&self, user: &UserId) -> (usize, Option<Status>) {
        self.presence.roll.lock().own(user)
    }

    /// Takes note of a sign of life of a user. Tells until when it counts, and as what.
    ///
    /// # Errors
    /// When the user may not be here, too many are, or roster or database cannot be read.
    pub async fn presence_online(
        &self,
        user: &UserId,
        heartbeat: Heartbeat<'_>,
        now: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, Status)> {
        self.check_person(user, now).await?;
        let moment = moment(&self.app(), now);
        let Heartbeat { device, scope, availability } = heartbeat;
        if let Some(place) = scope.and_then(Topic::place) {
            let decision = self.rights(user, &place, now).await?.decide(Capability::BeListed);
            if !decision.allow {
                return Err(Error::Denied(Box::new(decision)));
            }
        }
        let scope = scope.and_then(topic_key);
        let signal =
            Signal { device, scope: scope.as_deref(), valid_for: LEASE, availability: None, is_reported: false };
        self.presence.roll.lock().renew(user, signal, moment)?;
        self.read_statuses(std::slice::from_ref(user), now).await?;
        let until = self.presence.roll.lock().renew(user, Signal { availability, ..signal }, moment)?;
        self.tell_presence_of(user, now).await?;
        Ok((until, self.own_presence(user).1.unwrap_or_default()))
    }

    /// A sign of life that somebody else gives for a user: another server that knows them to be there.
    ///
    /// # Errors
    /// When too many are here.
    pub fn presence_reported(
        &self,
        user: &UserId,
        (source, valid_for): (&str, TimeDelta),
        now: DateTime<Utc>,
    ) -> Result<()> {
        let signal = Signal { device: source, scope: None, valid_for, availability: None, is_reported: true };
        self.presence.roll.lock().renew(user, signal, moment(&self.app(), now))?;
        Ok(())
    }

    /// Lets a user go offline, as far as they want it.
    ///
    /// # Errors
    /// When roster or database cannot be read: the others are told a moment later.
    pub async fn presence_offline(
        &self,
        user: &UserId,
        (device, how): (&str, Offline),
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.presence.roll.lock().end(user, device, how, moment(&self.app(), now));
        self.tell_presence_of(user, now).await
    }

    /// Ends a sign of life that somebody else has given for a user.
    pub fn presence_ended(&self, user: &UserId, source: &str, now: DateTime<Utc>) {
        self.presence.roll.lock().end(user, source, Offline::Device, moment(&self.app(), now));
    }

    /// Changes what a user says about themselves; it is kept until they say something else.
    ///
    /// # Errors
    /// When the user may not be here, a text is too long, or roster or database fail; nothing is changed then.
    pub async fn status_change(&self, user: &UserId, mut change: StatusChange, now: DateTime<Utc>) -> Result<Status> {
        self.check_person(user, now).await?;
        let app = self.app();
        let turn = self.presence.saying.lock().await;
        if let Some(hides) = change.hides_typing {
            let kept = self.store().presence_statuses(&app.id, std::slice::from_ref(user)).await?;
            let did_hide = kept.get(user).is_some_and(|kept| kept.status.hides_typing);
            // What is so already is not changed: no node has anything to follow.
            change.hides_typing = (hides != did_hide).then_some(hides);
        }
        let followed = change.hides_typing.map(|_| now);
        let decide = |before: Status| change.made_to(before.at(now));
        let status = self.store().presence_status_change(&app.id, (user, followed), decide).await??;
        self.presence.roll.lock().say(user, status.clone().at(now), moment(&app, now));
        self.typing.heed(user, &status);
        drop(turn);
        // It is said; should telling it fail, the tick tells it.
        drop(self.tell_presence_of(user, now).await);
        Ok(status)
    }

    /// Does what is due: ends leases and graces, tells what is news, keeps what has to be kept. Several times a second.
    ///
    /// # Errors
    /// When roster or database fail; the next call goes on from there.
    pub async fn presence_tick(&self, now: DateTime<Utc>) -> Result<()> {
        let moment = moment(&self.app(), now);
        self.presence.roll.lock().tick(moment);
        self.let_rest(moment);
        let tell = async {
            self.look_at_suspects(now).await?;
            self.tell_presence(now).await
        };
        // None waits for another, nor is it kept from its turn when another fails.
        let (learnt, told, kept) = tokio::join!(self.learn_who_hides_typing(), tell, self.keep_presence());
        learnt.and(told).and(kept)
    }

    /// Takes note that somebody does something. Who is idle is not from now on; who is not here stays away.
    pub fn presence_stirred(&self, user: &UserId, now: DateTime<Utc>) {
        self.presence.roll.lock().stir(user, moment(&self.app(), now));
    }

    /// Looks who has done nothing for long.
    fn let_rest(&self, moment: Moment) {
        let Some(away_after) = moment.away_after else { return };
        let drowsy = self.presence.roll.lock().drowsy(MAX_READ, moment);
        for (user, sockets) in drowsy {
            let active = self.last_active(&sockets, moment.now - away_after);
            self.presence.roll.lock().rest(&user, active, moment);
        }
    }

    /// Reads who does not want others to see them type: once, and again whenever people have changed, for it may have been said to
    /// another node. Until it was read first nobody is shown to.
    async fn learn_who_hides_typing(&self) -> Result<()> {
        let (changes, heeded) = (self.presence.changes.load(Ordering::Relaxed), &self.presence.heeded);
        if changes != heeded.load(Ordering::Relaxed) || !self.typing.knows_who_hides() {
            let _turn = self.presence.saying.lock().await;
            self.typing.learn_who_hides(self.store().presence_typing_hidden(&self.app().id).await?);
            heeded.store(changes, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Refuses whoever is blocked or switched off.
    async fn check_person(&self, user: &UserId, now: DateTime<Utc>) -> Result<()> {
        let decision = self.admission(user, now).await?;
        if !decision.allow {
            return Err(Error::Denied(Box::new(decision)));
        }
        Ok(())
    }

    /// Looks at those about whom the roster says something else, or another time has come: whoever is switched off goes, of the
    /// others those are told whose course or org they have come into or left.
    async fn look_at_suspects(&self, now: DateTime<Utc>) -> Result<()> {
        let due = self.presence.told.lock().due(now);
        let suspects: Vec<(UserId, u64)> = {
            let mut suspects = self.presence.suspects.lock();
            suspects.extend(due.into_iter());
            suspects.by_user.iter().map(|(user, number)| (user.clone(), *number)).collect()
        };
        if suspects.is_empty() {
            return Ok(());
        }
        let users: Vec<UserId> = suspects.iter().map(|(user, _)| user.clone()).collect();
        self.expect_people(&users).await?;
        let _turn = self.presence.telling.lock().await;
        let mut frames = 0;
        for (user, number) in suspects {
            if frames >= MAX_FRAMES {
                break;
            }
            let standing: Option<Standing> = self.standing(&user, now).await?;
            let off = standing.and_then(|standing| standing.person.deactivated_at).filter(|off| *off <= now);
            if off.is_some() {
                self.presence.roll.lock().expel(&user, now);
            } else {
                frames += 1 + self.tell_moves_of(&user, now).await?;
            }
            // Unless there was another word about them meanwhile.
            self.presence.suspects.lock().clear(&user, number);
        }
        Ok(())
    }

    /// Reads what some people have said about themselves.
    async fn read_statuses(&self, users: &[UserId], now: DateTime<Utc>) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        let app = self.app();
        let mut kept = self.store().presence_statuses(&app.id, users).await?;
        let mut roll = self.presence.roll.lock();
        for user in users {
            let status = kept.remove(user).unwrap_or_default().status.at(now);
            roll.learn(user, status, moment(&app, now));
        }
        Ok(())
    }

    /// Tells what is news, as much of it as is good at once.
    async fn tell_presence(&self, now: DateTime<Utc>) -> Result<()> {
        let _turn = self.presence.telling.lock().await;
        let unread = self.presence.roll.lock().unread(MAX_READ);
        self.expect_people(&unread).await?;
        self.read_statuses(&unread, now).await?;
        let mut frames = 0;
        while frames < MAX_FRAMES {
            let next = self.presence.roll.lock().next_news(now);
            let Some(user) = next else { break };
            // Whoever nobody hears of is no work either, but not quite none.
            frames += 1 + self.tell_news_of(&user, now).await?;
        }
        Ok(())
    }

    /// Tells what is news about one user.
    async fn tell_presence_of(&self, user: &UserId, now: DateTime<Utc>) -> Result<()> {
        let _turn = self.presence.telling.lock().await;
        self.read_statuses(std::slice::from_ref(user), now).await?;
        self.tell_news_of(user, now).await?;
        Ok(())
    }
}

/// What has happened, as it is told.
const fn event(edge: &Edge) -> Event {
    match (&edge.before, &edge.after) {
        (None, _) => Event::UserOnline,
        (_, None) => Event::UserOffline,
        (Some(_), Some(after)) => match after.availability {
            Availability::Away => Event::UserAway,
            Availability::Online | Availability::Busy => Event::UserActive,
        },
    }
}
