//! The roster has changed, or an end has come: who still may hear what they hear.
//!
//! Only what the change concerns is judged again. Whoever is refused hears nothing more of the channel, the others see them
//! leave, then they are told, and what they send to it is refused from then on. All of it is done when the call returns.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Instant,
};

use chrono::{DateTime, Utc};

use super::{
    Asked, Error,
    admit::Denied,
    seats::{Basis, Held, Key, Lease, Seat, State},
};
use crate::{
    domain::{
        access::{Decision, Reason, Topic},
        app::{App, Authz, GuardedPublic},
        audit::AuditEntry,
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
enum Cause {
    Roster,
    Clock,
}

impl Cause {
    /// As the audit names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Roster => "roster",
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
    decision: Option<Decision>,
}

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
        let _turn = self.roster_turn().await;
        let _told_already = self.roster_changed(changes, now).await;
    }

    /// Takes note that the roster has changed, and takes access away where that is what it means. The same change twice is no
    /// harm. Tells whose access ended.
    ///
    /// # Cancel safety
    /// What was known is forgotten at once; access that is not yet taken away then stays until the next change.
    pub async fn roster_changed(&self, changes: &[Change], now: DateTime<Utc>) -> Vec<Revoked> {
        let since = Instant::now();
        self.forget(changes);
        let deleted = |change: &&Change| change.kind == Kind::User && change.action == Action::Deleted;
        self.presence.suspect(changes.iter().filter(|it| it.kind == Kind::User).filter_map(|it| it.user.as_ref()));
        for user in changes.iter().filter(deleted).filter_map(|change| change.user.as_ref()) {
            self.close_sockets(user, CloseReason::AccountClosed);
            self.presence.expel(user, now);
        }
        let keys: HashSet<Key> = changes.iter().flat_map(keys_of).collect();
        let seats = self.access.seats.concerned(keys.iter());
        self.review_all(&seats, Cause::Roster, (now, since)).await
    }

    /// Has everything judged again in a moment, because the app's settings say something else about it.
    pub(in crate::services) fn reconsider(&self) {
        self.access.advance();
        for seat in self.access.seats.all() {
            self.access.seats.expect_by(&seat, &mut seat.lock(), DateTime::UNIX_EPOCH);
        }
    }

    /// Takes note that any part of the roster may have changed.
    pub async fn roster_reset(&self, now: DateTime<Utc>) -> Vec<Revoked> {
        let _turn = self.roster_turn().await;
        let since = Instant::now();
        self.access.people.clear();
        self.access.places.clear();
        self.access.rostered.clear();
        self.access.advance();
        self.presence.suspect_all();
        self.review_all(&self.access.seats.all(), Cause::Roster, (now, since)).await
    }

    /// Does what is due: ends that have come, sockets that have to go.
    pub async fn keep_deadlines(&self, now: DateTime<Utc>) {
        let due = self.access.seats.due(now);
        if !due.is_empty() {
            let _told = self.review_all(&due, Cause::Clock, (now, Instant::now())).await;
        }
    }

    /// Forgets the facts that have changed, and makes decisions that rest on them stale.
    fn forget(&self, changes: &[Change]) {
        let access = &self.access;
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
            access.places.forget_where(|place| {
                place.as_ref().and_then(|place| place.course.as_ref()).is_some_and(|course| is_within(&course.id))
            });
        }
        if !gone.is_empty() {
            access.people.forget_where(|known| {
                let standing = known.as_ref().and_then(|known| known.standing.as_ref());
                standing.is_some_and(|standing| standing.enrollments.iter().any(|one| gone.contains(&one.course)))
            });
        }
        access.advance();
    }

    async fn review_all(
        &self,
        seats: &[Arc<Seat>],
        cause: Cause,
        (now, since): (DateTime<Utc>, Instant),
    ) -> Vec<Revoked> {
        let app = self.app();
        let mut cuts = Vec::new();
        let mut fault: Option<Error> = None;
        for seat in seats {
            end_lease(seat, now);
        }
        for some in seats.chunks(CHUNK) {
            if fault.is_none() {
                let users: HashSet<UserId> = some.iter().flat_map(|seat| seat.lock().subjects()).collect();
                fault = self.access.prefetch(&app.id, users.into_iter()).await.err();
            }
            for seat in some {
                let judged = if fault.is_none() { self.review(seat, cause, now).await } else { Ok(Vec::new()) };
                let mut cut = judged.unwrap_or_else(|error| {
                    fault = Some(error);
                    Vec::new()
                });
                if fault.is_some() {
                    cut.extend(self.put_off(seat, now));
                }
                let took = since.elapsed().as_secs_f64() * 1e3;
                cut.iter().for_each(|_| self.metrics().revocation_latency_ms.observe(took));
                cuts.extend(cut.into_iter().map(|cut| (cut, seat.socket().id())));
            }
            tokio::task::yield_now().await;
        }
        self.access.complain(&app, fault.as_ref());
        let entries: Vec<_> = cuts.iter().map(|(cut, _)| self.audit_entry(cut, cause.name(), now)).collect();
        self.write_audit(&entries).await;
        gather(cuts)
    }

    /// Judges again what a socket hears.
    async fn review(&self, seat: &Arc<Seat>, cause: Cause, now: DateTime<Utc>) -> Result<Vec<Cut>, Error> {
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
            if let Some(user) = &user
                && !(is_open && cause == Cause::Clock)
                && self.is_switched_off(&app, user, now).await?
            {
                let is_news = seat.socket().outbox().end(CloseReason::AccountClosed);
                let heard: Vec<ChannelName> = seat.lock().held.keys().filter(|_| is_news).cloned().collect();
                let code = Reason::UserDeactivated.code();
                let cut = |channel| Cut { user: Some(user.clone()), channel, code };
                return Ok(heard.into_iter().map(cut).collect());
            }
            for one in &mut again {
                let asked = Asked { app: &app, channel: &one.channel, topic: &one.topic };
                let gathered = self.access.gather(&app.id, (one.subject.as_ref(), &one.topic), now).await?;
                one.decision = Some(gathered.decide(one.subject.as_ref(), &asked, now));
            }
            let mut state = seat.lock();
            // Whoever has bound the socket meanwhile wants another look.
            let wanted = state.due();
            attempt += 1;
            // An answer of before a change must not be acted on after it.
            if self.access.generation() == generation || attempt == ATTEMPTS {
                let cuts = again.into_iter().filter_map(|one| self.apply(&app, (seat, &mut state), one)).collect();
                self.access.seats.expect(seat, &mut state);
                if let Some(wanted) = wanted {
                    self.access.seats.expect_by(seat, &mut state, wanted);
                }
                return Ok(cuts);
            }
        }
    }

    /// Has a seat judged later, because the roster cannot be read; what has come to its known end is taken away all the same.
    fn put_off(&self, seat: &Arc<Seat>, now: DateTime<Utc>) -> Vec<Cut> {
        let app = self.app();
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
        let is_open = app.settings.guarded_public != GuardedPublic::Enforce;
        let judged = state.held.iter().filter(|(channel, held)| match channel.guard() {
            Guard::Public => !is_open,
            _ => held.subject.is_some() || held.basis.is_some(),
        });
        let again = judged.map(|(channel, held)| Again {
            channel: channel.clone(),
            serial: held.serial,
            topic: held.topic.clone(),
            subject: held.subject.clone(),
            decision: None,
        });
        (state.user.as_ref().map(|(user, _)| user.clone()), again.collect())
    }

    async fn is_switched_off(&self, app: &App, user: &UserId, now: DateTime<Utc>) -> Result<bool, Error> {
        let gathered = self.access.gather(&app.id, (Some(user), &Topic::Custom), now).await?;
        let standing = gathered.known.as_ref().and_then(|known| known.standing.as_ref());
        Ok(standing.and_then(|standing| standing.person.deactivated_at).is_some_and(|off| off <= now))
    }

    /// Acts on a new decision, unless the subscription is another one by now.
    fn apply(&self, app: &App, (seat, state): (&Arc<Seat>, &mut State), one: Again) -> Option<Cut> {
        let Again { channel, serial, topic, decision, .. } = one;
        let decision = decision?;
        let held = state.held.get_mut(&channel).filter(|held| held.serial == serial)?;
        if decision.allow {
            held.basis = Some(Basis::from(&decision));
            return None;
        }
        let must_agree = app.settings.authz == Authz::Enforce && topic.is_rostered();
        let is_public = channel.guard() == Guard::Public;
        if held.basis.is_none() && !must_agree && !is_public && !decision.reason.is_about_the_person() {
            return None;
        }
        self.cut(app, (seat, state), &channel, &Denied::from(decision))
    }

    /// Takes a channel away from a socket: no more events, the others see the member go, then the socket is told.
    pub(super) fn cut(
        &self,
        app: &App,
        (seat, state): (&Arc<Seat>, &mut State),
        channel: &ChannelName,
        denied: &Denied,
    ) -> Option<Cut> {
        let Held { member, subject, .. } = self.access.seats.release(seat, state, channel)?;
        self.hub.unsubscribe(channel, seat.socket().id(), member.as_ref(), &app.settings);
        self.typing_left(seat.socket().id(), channel);
        seat.disturb(state, channel.clone());
        let code = denied.reason.code();
        let refusal = NoAccess { kind: "AccessRevoked", error: &denied.detail, reason: code, status: 403 };
        let frame = Frame::text(|out| server_message::no_access(out, channel.as_str(), refusal));
        self.hub.send(seat.socket(), &frame);
        Some(Cut { user: subject, channel: channel.clone(), code })
    }

    /// Ends all sockets that are known to be a user's; tells how many.
    pub(super) fn close_sockets(&self, user: &UserId, reason: CloseReason) -> usize {
        let seats = self.access.seats.concerned(std::iter::once(&Key::User(user.clone())));
        let of_user = |seat: &&Arc<Seat>| seat.lock().user.as_ref().is_some_and(|(bound, _)| bound == user);
        seats.iter().filter(of_user).filter(|seat| seat.socket().outbox().end(reason)).count()
    }

    pub(super) fn audit_entry(&self, cut: &Cut, actor: &str, now: DateTime<Utc>) -> AuditEntry {
        AuditEntry {
            app: self.app().id.clone(),
            actor: actor.to_owned(),
            action: "access.revoked".to_owned(),
            target_type: "user".to_owned(),
            target_id: cut.user.as_ref().map_or_else(String::new, ToString::to_string),
            scope: Some(cut.channel.to_string()),
            before: None,
            after: Some(format!(r#"{{"reason":"{}"}}"#, cut.code)),
            ip: None,
            at: now,
        }
    }

    pub(super) async fn write_audit(&self, entries: &[AuditEntry]) {
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.access.store.audit_insert(entries).await {
            tracing::error!(app.id = %self.app().id, %error, entries = entries.len(), "the audit was not written");
        }
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
pub(super) fn gather(cuts: Vec<(Cut, SocketId)>) -> Vec<Revoked> {
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
