//! The roster has changed, or an end has come: who still may hear what they hear.
//!
//! Only what the change concerns is judged again. Whoever is refused hears nothing more of the channel, the others see them
//! leave, then they are told, and what they send to it is refused from then on. All of it is done when the call returns.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use chrono::{DateTime, Utc};

use super::{
    Asked, Error,
    admit::{Denied, is_guarded},
    roles::NewRole,
    seats::{Basis, Held, Key, Lease, Seat, State, Within},
};
use crate::{
    dialect::route,
    domain::{
        access::{Decision, Reason, Topic},
        app::{App, Authz, GuardedPublic},
        roster::{Action, Change, Kind, PlaceId},
    },
    hub::Frame,
    ids::{ExternalId, SocketId, UserId},
    protocol::{
        ChannelName, CloseReason, Guard,
        server_message::{self, NoAccess},
    },
    services::{LiveApp, roster::Revoked},
};

/// Seats that are looked at before others get their turn, and whose people are loaded together.
const CHUNK: usize = 64;

/// Times that a seat is judged anew because the roster changed meanwhile.
const ATTEMPTS: usize = 5;

/// Why something is judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Roster,
    Chat,
    Clock,
}

impl Cause {
    /// As the audit names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Chat => "chat",
            Self::Clock => "clock",
        }
    }
}

/// What lost its ground.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) user: Option<UserId>,
    pub(super) channel: ChannelName,
    pub(super) code: &'static str,
}

/// A subscription that is judged again.
struct Again {
    channel: ChannelName,
    serial: u64,
    topic: Topic,
    subject: Option<UserId>,
    answer: Option<(Decision, Within)>,
}

/// What a review has found.
#[derive(Debug, Default)]
struct Found {
    cuts: Cuts,
    roles: BTreeSet<NewRole>,
}

/// What ended, where.
pub(super) type Cuts = Vec<(Cut, SocketId)>;

impl LiveApp {
    /// Waits until nobody else on this node is between a write to the roster and its effect.
    pub(in crate::services) async fn roster_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.access.turn.lock().await
    }

    /// [`LiveApp::roster_changed`] for whoever follows the change log: lets those finish first who wrote the changes.
    ///
    /// # Cancel safety
    /// As that one.
    pub async fn roster_followed(&self, changes: &[Change], now: DateTime<Utc>) {
        // At once: however long the turn takes, nothing new is decided on what has changed.
        let lost = self.forget(changes);
        let _turn = self.roster_turn().await;
        let _told_already = self.roster_changed(changes, now).await;
        self.load_heard(&lost).await;
    }

    /// Takes note that the roster has changed, and takes access away where that is what it means. The same change twice is no
    /// harm. Tells whose access ended.
    ///
    /// # Cancel safety
    /// What was known is forgotten at once; access that is not yet taken away then stays until the next change.
    pub async fn roster_changed(&self, changes: &[Change], now: DateTime<Utc>) -> Vec<Revoked> {
        let since = Instant::now();
        let lost = self.forget(changes);
        let mut cuts = Vec::new();
        let deleted = |change: &&Change| change.kind == Kind::User && change.action == Action::Deleted;
        self.suspect_people(changes);
        for user in changes.iter().filter(deleted).filter_map(|change| change.user.as_ref()) {
            for seat in self.seats_of(user) {
                cuts.extend(self.close_account(&seat));
            }
            self.presence.expel(user, now);
        }
        let keys: HashSet<Key> = changes.iter().flat_map(keys_of).collect();
        let seats = self.access.seats.concerned(keys.iter());
        let revoked = self.review_all(&seats, Cause::Roster, (now, since), cuts).await;
        self.load_heard(&lost).await;
        revoked
    }

    /// Reads chats again that were forgotten and are heard: client events there are judged by what is in memory.
    async fn load_heard(&self, lost: &[ExternalId]) {
        let is_heard =
            |chat: &&ExternalId| !self.access.seats.concerned(std::iter::once(&Key::Chat((*chat).clone()))).is_empty();
        for chat in lost.iter().filter(is_heard) {
            let _loaded = self.chat(chat).await;
        }
    }

    /// Takes note that any part of the roster may have changed.
    pub async fn roster_reset(&self, now: DateTime<Utc>) -> Vec<Revoked> {
        let _turn = self.roster_turn().await;
        let since = Instant::now();
        self.access.people.clear();
        self.access.places.clear();
        self.access.chats.clear();
        self.access.rostered.clear();
        self.access.advance();
        self.presence.suspect_all();
        self.review_all(&self.access.seats.all(), Cause::Roster, (now, since), Vec::new()).await
    }

    /// Tells whether [`LiveApp::keep_deadlines`] has anything to do and nobody is at it.
    #[must_use]
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        let access = &self.access;
        let is_due = access.seats.has_due(now) || access.is_to_enlist.load(Ordering::Acquire);
        let is_due = is_due || !access.wanted.lock().is_empty();
        (is_due || !access.journal.is_empty()) && access.clock.try_lock().is_ok()
    }

    /// Does what is due: ends that have come, sockets that have to go, rules that have changed, rows that wait for the audit.
    pub async fn keep_deadlines(&self, now: DateTime<Utc>) {
        let _alone = self.access.clock.lock().await;
        self.enlist().await;
        self.read_wanted().await;
        let due = self.access.seats.due(now);
        if !due.is_empty() {
            let _told = self.review_all(&due, Cause::Clock, (now, Instant::now()), Vec::new()).await;
        }
        self.write_journal().await;
    }

    /// Forgets the facts that have changed, and makes decisions that rest on them stale. Tells which chats are forgotten.
    fn forget(&self, changes: &[Change]) -> Vec<ExternalId> {
        let access = &self.access;
        let lost = self.forget_chats(changes);
        let (mut courses, mut gone) = (HashSet::new(), HashSet::new());
        for change in changes {
            if let Some(user) = &change.user {
                access.people.forget(user);
            }
            let Ok(id) = ExternalId::parse(&change.id) else { continue };
            match change.kind {
                Kind::Org => access.places.forget(&PlaceId::Org(id)),
                Kind::Class => access.places.forget(&PlaceId::Class(id)),
                Kind::Chapter => access.places.forget(&PlaceId::Chapter(id)),
                Kind::Course => {
                    access.places.forget(&PlaceId::Course(id.clone()));
                    if change.action == Action::Deleted {
                        gone.insert(id.clone());
                    }
                    courses.insert(id);
                }
                Kind::User | Kind::Enrollment => {}
            }
        }
        if !courses.is_empty() {
            access.rostered.clear();
            let is_within = |course: &ExternalId| courses.contains(course);
            let _within = access.places.forget_where(|place| {
                place.as_ref().and_then(|place| place.course.as_ref()).is_some_and(|course| is_within(&course.id))
            });
        }
        if !gone.is_empty() {
            let _part = access.people.forget_where(|known| {
                let standing = known.as_ref().and_then(|known| known.standing.as_ref());
                standing.is_some_and(|standing| standing.enrollments.iter().any(|one| gone.contains(&one.course)))
            });
        }
        access.advance();
        lost
    }

    /// Forgets chats that went with their courses and classes, and those that lost members with their accounts.
    fn forget_chats(&self, changes: &[Change]) -> Vec<ExternalId> {
        let deleted = |kind: Kind| {
            let of_kind = changes.iter().filter(move |it| it.kind == kind && it.action == Action::Deleted);
            of_kind.map(|change| change.id.as_str()).collect::<HashSet<_>>()
        };
        let (courses, classes, users) = (deleted(Kind::Course), deleted(Kind::Class), deleted(Kind::User));
        if courses.is_empty() && classes.is_empty() && users.is_empty() {
            return Vec::new();
        }
        self.access.chats.forget_where(|circle| {
            circle.as_ref().is_some_and(|circle| {
                circle.chat.course.as_ref().is_some_and(|course| courses.contains(course.as_str()))
                    || circle.chat.class.as_ref().is_some_and(|class| classes.contains(class.as_str()))
                    || circle.members.keys().any(|member| users.contains(member.as_str()))
            })
        })
    }

    /// Judges again what these sockets hear. `cuts` have been made already and are told with the others.
    pub(super) async fn review_all(
        &self,
        seats: &[Arc<Seat>],
        cause: Cause,
        (now, since): (DateTime<Utc>, Instant),
        mut cuts: Cuts,
    ) -> Vec<Revoked> {
        let app = self.app();
        let (mut fault, mut roles): (Option<Error>, _) = (None, BTreeSet::new());
        let note = |cut: &Cut| {
            self.metrics().revocation_latency_ms.observe(since.elapsed().as_secs_f64() * 1e3);
            self.note_cut(cut, cause.name(), now);
        };
        cuts.iter().for_each(|(cut, _)| note(cut));
        for seat in seats {
            end_lease(seat, now);
        }
        for some in seats.chunks(CHUNK) {
            if fault.is_none() {
                let users: HashSet<UserId> = some.iter().flat_map(|seat| seat.lock().subjects()).collect();
                fault = self.access.prefetch(&app.id, users.into_iter()).await.err();
            }
            for seat in some {
                let judged = if fault.is_none() { self.review(seat, cause, now).await } else { Ok(Found::default()) };
                let mut found = judged.unwrap_or_else(|error| {
                    fault = Some(error);
                    Found::default()
                });
                if fault.is_some() {
                    found.cuts.extend(self.put_off(seat, now));
                }
                found.cuts.iter().for_each(|(cut, _)| note(cut));
                cuts.extend(found.cuts);
                roles.extend(found.roles);
            }
            tokio::task::yield_now().await;
        }
        self.access.complain(&app, fault.as_ref());
        self.tell_roles(roles, now);
        self.write_journal().await;
        gather(cuts)
    }

    /// Judges again what a socket hears.
    async fn review(&self, seat: &Arc<Seat>, cause: Cause, now: DateTime<Utc>) -> Result<Found, Error> {
        let app = self.app();
        let mut attempt = 0;
        loop {
            let generation = self.access.generation();
            let (user, mut again) = self.to_judge(seat, &app);
            let is_bare = seat.lock().held.values().all(|held| held.basis.is_none());
            // An app without courses is not guarded.
            let is_open = is_bare && !self.access.is_rostered(&app.id).await?;
            if is_open {
                again.clear();
            }
            // Applications that know no roster are not asked about it at each sign-in.
            let asks = user.as_ref().filter(|_| !(is_open && cause == Cause::Clock));
            let account_ends = match asks {
                Some(user) => self.account_ends(&app, user, now).await?,
                None => None,
            };
            if account_ends.is_some_and(|end| end <= now) {
                return Ok(Found { cuts: self.close_account(seat), ..Found::default() });
            }
            for one in &mut again {
                let asked = Asked { app: &app, channel: Some(&one.channel), topic: &one.topic };
                let gathered = self.access.gather(&app.id, (one.subject.as_ref(), &one.topic), now).await?;
                let within = gathered.place.as_deref().map(Within::of).unwrap_or_default();
                one.answer = Some((gathered.decide(one.subject.as_ref(), &asked, now), within));
            }
            let mut state = seat.lock();
            // Whoever has bound the socket meanwhile wants another look.
            let wanted = state.due();
            attempt += 1;
            // An answer of before a change must not be acted on after it.
            if self.access.generation() == generation || attempt == ATTEMPTS {
                if asks.is_some() {
                    state.account_ends = account_ends;
                }
                let mut found = Found::default();
                for one in again {
                    self.apply(&app, (seat, &mut state), one, &mut found);
                }
                self.access.seats.expect(seat, &mut state);
                if let Some(wanted) = wanted {
                    self.access.seats.expect_by(seat, &mut state, wanted);
                }
                return Ok(found);
            }
        }
    }

    /// Has a seat judged later, because the roster cannot be read; what has come to its known end is taken away all the same.
    fn put_off(&self, seat: &Arc<Seat>, now: DateTime<Utc>) -> Cuts {
        let app = self.app();
        if seat.lock().account_ends.is_some_and(|end| end <= now) {
            return self.close_account(seat);
        }
        let mut state = seat.lock();
        // It may have been taken out of the index already, and would be expected in vain.
        self.access.seats.looked_at(seat, &mut state);
        let has_ended = |held: &Held| held.basis.as_ref()?.not_after.filter(|end| *end <= now);
        let ended: Vec<_> =
            state.held.iter().filter(|(_, held)| has_ended(held).is_some()).map(|(name, _)| name.clone()).collect();
        let denied = Denied { reason: Reason::Ended, detail: "access has come to its end".to_owned(), status: 403 };
        let cuts = ended.iter().filter_map(|name| self.cut(&app, (seat, &mut state), name, &denied)).collect();
        self.access.seats.expect_by(seat, &mut state, now);
        cuts
    }

    /// Whose a seat is, and what of it has to be judged again.
    fn to_judge(&self, seat: &Arc<Seat>, app: &App) -> (Option<UserId>, Vec<Again>) {
        let mut state = seat.lock();
        self.access.seats.looked_at(seat, &mut state);
        let settings = &app.settings;
        // The app's routes may be others than when it was entered.
        let topic = |channel: &ChannelName| route::guarded_as(channel, &settings.channel_routes);
        let is_open =
            |channel: &ChannelName| channel.guard() == Guard::Public && !is_guarded(channel, &topic(channel), settings);
        let open: Vec<ChannelName> = state.held.keys().filter(|channel| is_open(channel)).cloned().collect();
        for channel in &open {
            let _heard_by_all = self.access.seats.release(seat, &mut state, channel);
        }
        let judged = state.held.iter().filter(|(channel, held)| match channel.guard() {
            Guard::Public => settings.guarded_public == GuardedPublic::Enforce,
            _ => held.subject.is_some() || held.basis.is_some(),
        });
        let again = judged.map(|(channel, held)| Again {
            channel: channel.clone(),
            serial: held.serial,
            topic: topic(channel),
            subject: held.subject.clone(),
            answer: None,
        });
        (state.user.as_ref().map(|(user, _)| user.clone()), again.collect())
    }

    /// When the account of a user ends, or has ended.
    async fn account_ends(&self, app: &App, user: &UserId, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
        let gathered = self.access.gather(&app.id, (Some(user), &Topic::Custom), now).await?;
        let standing = gathered.known.as_ref().and_then(|known| known.standing.as_ref());
        Ok(standing.and_then(|standing| standing.person.deactivated_at))
    }

    /// Acts on a new decision, unless the subscription is another one by now.
    fn apply(&self, app: &App, (seat, state): (&Arc<Seat>, &mut State), one: Again, found: &mut Found) {
        let Again { channel, serial, topic, answer, .. } = one;
        let Some((decision, within)) = answer else { return };
        let Some(held) = state.held.get(&channel).filter(|held| held.serial == serial) else { return };
        let must_agree = app.settings.authz == Authz::Enforce && topic.is_rostered();
        let is_public = channel.guard() == Guard::Public;
        let is_bare = held.basis.is_none() && !must_agree && !is_public && !decision.reason.is_about_the_person();
        if !decision.allow && !is_bare {
            found.cuts.extend(self.cut(app, (seat, state), &channel, &Denied::from(decision)));
            return;
        }
        found.roles.extend(NewRole::of(held, &decision));
        let basis = decision.allow.then(|| Basis::from(&decision));
        let has_moved = (&held.topic, &held.within) != (&topic, &within);
        if has_moved {
            // A change of what it belongs to now must find it.
            let held = Held { topic, within, basis, ..held.clone() };
            let _before = self.access.seats.put(seat, state, &channel, held);
        } else if let Some(held) = state.held.get_mut(&channel) {
            held.basis = basis;
        }
    }

    /// Takes a channel away from a socket: no more events, the others see the member go, then the socket is told.
    pub(super) fn cut(
        &self,
        app: &App,
        (seat, state): (&Arc<Seat>, &mut State),
        channel: &ChannelName,
        denied: &Denied,
    ) -> Option<(Cut, SocketId)> {
        let Held { member, subject, .. } = self.access.seats.release(seat, state, channel)?;
        self.hub.unsubscribe(channel, seat.socket().id(), member.as_ref(), &app.settings);
        self.typing_left(seat.socket().id(), channel);
        seat.disturb(state, channel.clone());
        let code = denied.reason.code();
        let refusal = NoAccess { kind: "AccessRevoked", error: &denied.detail, reason: code, status: 403 };
        let frame = Frame::text(|out| server_message::no_access(out, channel.as_str(), refusal));
        self.hub.send(seat.socket(), &frame);
        Some((Cut { user: subject, channel: channel.clone(), code }, seat.socket().id()))
    }

    /// Ends a socket whose account is gone. What it heard is taken away first, however slowly its connection ends.
    fn close_account(&self, seat: &Arc<Seat>) -> Cuts {
        let app = self.app();
        let mut state = seat.lock();
        let heard: Vec<ChannelName> = state.held.keys().cloned().collect();
        let (reason, detail) = (Reason::UserDeactivated, "the account is switched off or deleted".to_owned());
        let denied = Denied { reason, detail, status: 403 };
        let cuts = heard.iter().filter_map(|name| self.cut(&app, (seat, &mut state), name, &denied)).collect();
        seat.socket().outbox().end(CloseReason::AccountClosed);
        cuts
    }

    /// Seats that are known to be a user's.
    pub(super) fn seats_of(&self, user: &UserId) -> Vec<Arc<Seat>> {
        let mut seats = self.access.seats.concerned(std::iter::once(&Key::User(user.clone())));
        seats.retain(|seat| seat.lock().user.as_ref().is_some_and(|(bound, _)| bound == user));
        seats
    }
}

/// Sends a socket away when one of its leases is over.
fn end_lease(seat: &Seat, now: DateTime<Utc>) {
    let state = seat.lock();
    let is_over = |lease: &Lease| lease.until <= now;
    if let Some(lease) = [state.session, state.unbound].into_iter().flatten().find(is_over) {
        seat.socket().outbox().end(lease.reason);
    }
}

/// Puts together what ended by user.
pub(super) fn gather(cuts: Cuts) -> Vec<Revoked> {
    let mut by_user: BTreeMap<UserId, (Vec<ChannelName>, HashSet<SocketId>)> = BTreeMap::new();
    for (Cut { user, channel, .. }, socket) in cuts {
        let Some(user) = user else { continue };
        let (channels, sockets) = by_user.entry(user).or_default();
        channels.push(channel);
        sockets.insert(socket);
    }
    let revoked = by_user.into_iter().map(|(user, (mut channels, sockets))| {
        channels.sort_unstable();
        channels.dedup();
        Revoked { user, channels, sockets: sockets.len() }
    });
    revoked.collect()
}

/// Whom and what a change may concern.
fn keys_of(change: &Change) -> Vec<Key> {
    let id = ExternalId::parse(&change.id).ok();
    let place = |make: fn(ExternalId) -> PlaceId| id.clone().map(make).map(Key::Place);
    let user = || change.user.clone().map(Key::User);
    match change.kind {
        Kind::Org => place(PlaceId::Org).into_iter().collect(),
        Kind::Course => place(PlaceId::Course).into_iter().chain([Key::Roles]).collect(),
        Kind::Class => place(PlaceId::Class).into_iter().collect(),
        Kind::Chapter => place(PlaceId::Chapter).into_iter().collect(),
        Kind::User | Kind::Enrollment => user().into_iter().collect(),
    }
}
