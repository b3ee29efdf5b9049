//! A socket wants to hear a guarded channel: who is it, what does the roster say, and does that count.
//!
//! The session has checked the signature before. A [`Question`] names who is asking; [`LiveApp::judge`] answers it, which may
//! wait for the database; [`LiveApp::admit`] acts on the answer, unless the roster has changed in between: then the question
//! has to be judged again, so that nobody slips in past a change.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Asked, evenly,
    seats::{Basis, Bound, Held, Lease, Seat, State, Within},
};
use crate::{
    dialect::route,
    domain::{
        access::{Decision, Reason, Topic},
        app::{App, AppSettings, Authz, GuardedPublic, SessionLease},
        presence::Member,
        stream::Heard,
    },
    hub::{Joining, Refused, Socket},
    ids::UserId,
    protocol::{ChannelName, CloseReason, Guard, signature::Voucher},
    services::LiveApp,
};

/// Longest that a socket lives on one proof of its user.
const SESSION_CAP: TimeDelta = TimeDelta::hours(12);

/// How long after the end of a token a newer one may still be shown (Centrifugo grants as much).
const TOKEN_GRACE: TimeDelta = TimeDelta::seconds(25);

/// A channel that a socket may have as far as the protocol goes.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The channel.
    pub channel: ChannelName,
    /// As whom it joins, on presence channels.
    pub member: Option<Member>,
    /// The user in signed `channel_data`.
    pub claimed: Option<UserId>,
    /// Whom the auth endpoint of this server has signed for. The signature lives as long as the socket: whoever shows it is
    /// not let in by it alone.
    pub voucher: Option<Voucher>,
    /// How far the client says now that it has heard the channel's stream before.
    pub heard: Option<Heard>,
}

impl Wish {
    /// How far the client has heard the channel's stream before: by its own word now, else by its word to the auth endpoint.
    #[must_use]
    pub fn heard(&self) -> Option<&Heard> {
        self.heard.as_ref().or_else(|| self.voucher.as_ref()?.heard.as_ref())
    }
}

/// What has to be known before a socket may hear a channel.
#[derive(Debug, Clone)]
pub struct Question {
    wish: Wish,
    /// The member as the application has signed it.
    signed: Option<Member>,
    topic: Topic,
    subject: Option<(UserId, Bound)>,
    /// The roster's no counts, whatever was signed.
    must_agree: bool,
}

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct Judged {
    question: Question,
    /// What the roster has decided; `None` = it was not asked: it has nothing to say about this.
    decision: Option<Box<Decision>>,
    generation: u64,
    within: Within,
}

/// Why a socket may not hear a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The reason.
    pub reason: Reason,
    /// The reason in words.
    pub detail: String,
    /// HTTP-like status: 401 when nobody is known, 403, or 503 when the roster cannot be read.
    pub status: u16,
}

impl From<Decision> for Denied {
    fn from(decision: Decision) -> Self {
        let decision = decision.for_people();
        let status = match decision.reason {
            Reason::NotIdentified => 401,
            Reason::SourceUnavailable => 503,
            _ => 403,
        };
        Self { reason: decision.reason, detail: decision.detail, status }
    }
}

/// What became of a judged question.
#[derive(Debug)]
pub enum NotAdmitted {
    /// The roster has changed since it was judged: judge it again.
    Stale(Box<Question>),
    /// The socket may not hear it.
    Denied(Denied),
    /// A limit of the app is reached.
    Refused(Refused),
}

impl Question {
    /// Tells whether anybody has to be asked at all.
    #[must_use]
    pub fn needs_judging(&self) -> bool {
        self.subject.is_some() || self.wish.voucher.is_some() || self.wish.channel.guard() == Guard::Public
    }

    /// The wish behind it.
    #[must_use]
    pub const fn wish(&self) -> &Wish {
        &self.wish
    }

    /// Who asks, as far as is known.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.subject.as_ref().map(|(user, _)| user)
    }

    /// The answer where nobody has to be asked.
    #[must_use]
    pub fn unasked(self) -> Judged {
        Judged { question: self, decision: None, generation: 0, within: Within::default() }
    }
}

#[cfg(test)]
impl Judged {
    pub(super) fn is_allowed(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.allow)
    }

    /// Gives an allowance an end.
    pub(super) fn expect_end(&mut self, end: DateTime<Utc>) {
        if let Some(decision) = &mut self.decision {
            decision.not_after = Some(end);
        }
    }
}

impl Judged {
    /// The wish behind it.
    #[must_use]
    pub fn wish(&self) -> &Wish {
        &self.question.wish
    }

    /// Who wants to hear it, as far as that is known.
    #[must_use]
    pub fn subject(&self) -> Option<&UserId> {
        self.question.subject.as_ref().map(|(user, _)| user)
    }
}

/// Tells whether a channel is guarded, a public one included.
pub(super) fn is_guarded(channel: &ChannelName, topic: &Topic, settings: &AppSettings) -> bool {
    match channel.guard() {
        Guard::Private | Guard::Presence => true,
        Guard::Public => topic.is_rostered() && settings.guarded_public != GuardedPublic::Open,
        Guard::User => false,
    }
}

impl LiveApp {
    /// Asks who wants to hear a channel; `None` = it is open to everybody.
    #[must_use]
    pub fn question(&self, wish: &Wish, seat: Option<&Seat>) -> Option<Question> {
        let app = self.app();
        let topic = route::guarded_as(&wish.channel, &app.settings.channel_routes);
        if !is_guarded(&wish.channel, &topic, &app.settings) {
            return None;
        }
        let bound = seat.and_then(|seat| seat.lock().user.clone());
        let signed_in = bound.clone().filter(|(_, by)| *by == Bound::SignIn);
        let vouched = || wish.voucher.as_ref()?.user.clone().map(|user| (user, Bound::Endpoint));
        let claimed = || wish.claimed.clone().map(|user| (user, Bound::ChannelData));
        let subject = signed_in.or_else(vouched).or_else(claimed).or(bound);
        let must_agree = match wish.channel.guard() {
            Guard::Public => app.settings.guarded_public == GuardedPublic::Enforce,
            _ => wish.voucher.is_some() || (app.settings.authz == Authz::Enforce && topic.is_rostered()),
        };
        Some(Question { wish: wish.clone(), signed: wish.member.clone(), topic, subject, must_agree })
    }

    /// Answers a question. From memory, mostly.
    pub async fn judge(self: Arc<Self>, mut question: Question, now: DateTime<Utc>) -> Judged {
        let since = tokio::time::Instant::now();
        let generation = self.access.generation();
        let app = self.app();
        let asked = Asked { app: &app, channel: Some(&question.wish.channel), topic: &question.topic };
        let user = question.user();
        let is_public = question.wish.channel.guard() == Guard::Public;
        let judge = async {
            // An app without courses is not guarded, so that applications that know no roster work unchanged.
            if (is_public || !question.must_agree) && !self.access.is_rostered(&app.id).await? {
                return Ok((None, Within::default(), None));
            }
            let gathered = self.access.gather(&app.id, (user, &question.topic), now).await?;
            let within = gathered.place.as_deref().map(Within::of).unwrap_or_default();
            let decision = gathered.decide(user, &asked, now);
            let max = app.settings.max_presence_member_bytes as usize;
            let member = question.signed.as_ref().and_then(|it| gathered.complete(it, &decision, max));
            Ok((Some(Box::new(decision)), within, member))
        };
        let (decision, within, member) = judge.await.unwrap_or_else(|error: super::Error| {
            tracing::warn!(app.id = %app.id, %error, "a subscription is judged without the roster");
            (Some(Box::new(Decision::unavailable())), Within::default(), None)
        });
        // The roster has been asked anyway; where it is not, the member stays as the application has signed it.
        question.wish.member = member.or_else(|| question.signed.clone());
        if let Some(decision) = decision.as_deref().filter(|_| question.must_agree) {
            evenly(since, decision).await;
        }
        Judged { question, decision, generation, within }
    }

    /// Tells whether an answer keeps the socket out.
    #[must_use]
    pub fn refuses(&self, judged: &Judged) -> bool {
        let decision = judged.decision.as_deref().filter(|decision| !decision.allow);
        decision.is_some_and(|decision| counts(&judged.question, decision))
    }

    /// Subscribes a socket whose question was answered, or tells why not. Answers the socket only when it may.
    ///
    /// # Errors
    /// When it may not, cannot, or has to be judged again.
    pub fn admit(
        &self,
        socket: &Arc<Socket>,
        seat: &mut Option<Arc<Seat>>,
        judged: Judged,
        now: DateTime<Utc>,
    ) -> Result<ChannelName, NotAdmitted> {
        let app = self.app();
        let Judged { question, decision, generation, within } = judged;
        let seat = seat.get_or_insert_with(|| self.access.seats.take(socket));
        let mut state = seat.lock();
        let Question { wish: Wish { channel, member, .. }, topic, subject, .. } = &question;
        let basis = match decision {
            None => None,
            Some(decision) if decision.allow => Some(Basis::from(&*decision)),
            Some(decision) => {
                if counts(&question, &decision) {
                    self.end(&app, (seat, &mut state), channel, member.as_ref());
                    return Err(NotAdmitted::Denied(Denied::from(*decision)));
                }
                if channel.guard() == Guard::Public {
                    tracing::warn!(
                        app.id = %app.id, %channel, reason = %decision.reason,
                        "heard although the roster says no, because guarded_public is 'warn'"
                    );
                }
                None
            }
        };
        let subject = subject.as_ref().map(|(user, _)| user.clone());
        let joined_as = member.as_ref().map(|member| member.id.clone());
        let held = Held { serial: 0, topic: topic.clone(), member: joined_as, subject, basis, within };
        let before = self.access.seats.hold(seat, &mut state, channel, held);
        if question.needs_judging() && self.access.generation() != generation {
            self.access.seats.release(seat, &mut state, channel);
            if let Some(before) = before {
                // It is still heard: a change meanwhile must find it.
                let _none = self.access.seats.put(seat, &mut state, channel, before);
            }
            return Err(NotAdmitted::Stale(Box::new(question)));
        }
        let joining = Joining { socket, member: member.as_ref(), settings: &app.settings, now: Instant::now() };
        let joined = self.hub.subscribe(channel, joining).inspect_err(|_full| {
            self.access.seats.release(seat, &mut state, channel);
        });
        let shared = joined.map_err(NotAdmitted::Refused)?;
        self.bind_by(&app.settings, (seat, &mut state), &question, now);
        Ok(shared)
    }

    /// Ends an earlier subscription of a channel that is refused now; nothing happens when there is none.
    fn end(&self, app: &App, (seat, state): (&Arc<Seat>, &mut State), channel: &ChannelName, member: Option<&Member>) {
        let joined_as = self.access.seats.release(seat, state, channel).map(|held| held.member);
        let joined_as = joined_as.unwrap_or_else(|| member.map(|member| member.id.clone()));
        self.hub.unsubscribe(channel, seat.socket().id(), joined_as.as_ref(), &app.settings);
    }

    /// Takes note of who the socket belongs to, or of how long nobody needs to be known.
    fn bind_by(
        &self,
        settings: &AppSettings,
        (seat, state): (&Arc<Seat>, &mut State),
        question: &Question,
        now: DateTime<Utc>,
    ) {
        let seats = &self.access.seats;
        if let Some((user, by)) = &question.subject {
            let is_news = state.user.is_none();
            self.bind(seat, state, (user, *by), now);
            // The token of somebody else proves nothing about this user.
            let own = question.wish.voucher.as_ref().filter(|voucher| voucher.user.as_ref() == Some(user));
            if let Some(ends) = own.and_then(|voucher| voucher.token_ends) {
                self.lease(settings, (seat, state), ends, now);
            }
            if is_news {
                // What was heard while nobody was known, and the end of their account, is looked at in a moment.
                seats.expect_by(seat, state, now);
            }
            return;
        }
        let limit = settings.max_unbound_lease;
        let is_flagged = settings.authz == Authz::Enforce
            && question.topic.is_rostered()
            && question.wish.channel.guard() != Guard::Public;
        if is_flagged && limit > 0 && state.unbound.is_none() {
            let until = now + TimeDelta::seconds(limit.into());
            state.unbound = Some(Lease { until, reason: CloseReason::UserUnknown });
            seats.expect_by(seat, state, until);
        }
    }

    /// Takes note of how long the socket may live on a token.
    fn lease(
        &self,
        settings: &AppSettings,
        (seat, state): (&Arc<Seat>, &mut State),
        token_ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        let lease = match (settings.session_lease, state.session) {
            // The cap counts from the first proof.
            (SessionLease::Roster, Some(lease)) if lease.reason == CloseReason::LeaseOver => lease,
            (SessionLease::Roster, _) => Lease { until: now + SESSION_CAP, reason: CloseReason::LeaseOver },
            (SessionLease::Token, before) => {
                let until = token_ends + TOKEN_GRACE;
                let newer = before.filter(|before| before.reason == CloseReason::TokenExpired && before.until > until);
                newer.unwrap_or(Lease { until, reason: CloseReason::TokenExpired })
            }
        };
        state.session = Some(lease);
        self.access.seats.expect(seat, state);
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, channel: &ChannelName, socket: &Socket, user: Option<&UserId>, seat: Option<&Arc<Seat>>) {
        let settings = &self.app().settings;
        if let Some(seat) = seat {
            let mut state = seat.lock();
            let _held = self.access.seats.release(seat, &mut state, channel);
            self.typing_left(socket.id(), channel);
            return self.hub.unsubscribe(channel, socket.id(), user, settings);
        }
        self.hub.unsubscribe(channel, socket.id(), user, settings);
    }

    /// Takes note that a socket is signed in. What it heard while nobody was known is looked at in a moment.
    #[must_use]
    pub fn bind_signed_in(
        &self,
        socket: &Arc<Socket>,
        user: &UserId,
        voucher: Option<&Voucher>,
        now: DateTime<Utc>,
    ) -> Arc<Seat> {
        let seat = self.access.seats.take(socket);
        self.bind_to(&seat, (user, Bound::SignIn), voucher.and_then(|voucher| voucher.token_ends), now);
        seat
    }

    /// Takes note of the user whose token a socket was opened with.
    #[must_use]
    pub fn bind_by_token(
        &self,
        socket: &Arc<Socket>,
        user: &UserId,
        token_ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Arc<Seat> {
        let seat = self.access.seats.take(socket);
        self.bind_to(&seat, (user, Bound::Token), Some(token_ends), now);
        seat
    }

    fn bind_to(
        &self,
        seat: &Arc<Seat>,
        (user, by): (&UserId, Bound),
        token_ends: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        let app = self.app();
        let mut state = seat.lock();
        self.bind(seat, &mut state, (user, by), now);
        if let Some(ends) = token_ends {
            self.lease(&app.settings, (seat, &mut state), ends, now);
        }
        self.access.seats.expect_by(seat, &mut state, now);
    }

    /// Names the user of a socket unless something stronger has, and counts them as here.
    fn bind(&self, seat: &Arc<Seat>, state: &mut State, (user, by): (&UserId, Bound), now: DateTime<Utc>) {
        let before = state.user.as_ref().map(|(user, _)| user.clone());
        self.access.seats.bind(seat, state, user, by);
        let after = state.user.as_ref().map(|(user, _)| user);
        if before.as_ref() == after {
            return;
        }
        let socket = seat.socket().id();
        if let Some(before) = &before {
            self.presence.depart(&self.app(), before, socket, now);
        }
        if let Some(after) = after {
            self.presence.arrive(&self.app(), after, socket, now);
        }
    }

    /// Removes the seat of a socket that is gone.
    pub(in crate::services) fn leave_seat(&self, seat: &Seat, now: DateTime<Utc>) {
        self.access.seats.leave(seat);
        let user = seat.lock().user.as_ref().map(|(user, _)| user.clone());
        if let Some(user) = user {
            self.presence.depart(&self.app(), &user, seat.socket().id(), now);
        }
    }
}

/// Tells whether the roster's no keeps a socket out.
fn counts(question: &Question, decision: &Decision) -> bool {
    question.must_agree || decision.reason.is_about_the_person()
}
