//! Who may hear what, with the world: facts from the roster, sockets and their users, access given and taken away.
//!
//! `domain::access` decides; here are the facts it decides on (`shelf`), the sockets that live by the decision (`seats`), the
//! three moments in which it is asked for – a subscription (`admit`), a change or an end that has come (`review`, and
//! `enlist` when an app's rules change), a request to the auth endpoint (`endpoint`) –, what operators do by hand (`revoke`)
//! and what of it stands in the audit (`journal`). What those do not hear who only observe is in `observers`, what others are
//! shown of somebody in `profile`, whom they may see otherwise after a change in `moved`. Both doors and the follower of the roster call it.

mod admit;
mod chat;
mod endpoint;
mod enlist;
mod journal;
mod moved;
mod observers;
mod profile;
mod review;
mod revoke;
mod rights;
mod roles;
mod seats;
mod shelf;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

pub(super) use self::observers::is_kept_from_observers;
pub use self::{
    admit::{Denied, Judged, NotAdmitted, Question, Wish},
    chat::ChatRights,
    endpoint::{AuthRefused, ChannelAuth, ChannelAuthRequest, UserAuth},
    revoke::{By, Listener, Revocation},
    rights::Rights,
    seats::{Bound, Part, Seat},
};
use self::{journal::Journal, seats::Seats, shelf::Shelf};
use crate::{
    dialect::route,
    domain::{
        access::{
            self, Decision, Facts, Topic,
            capability::{self, Capability},
        },
        app::{App, MasterKey},
        block::{Block, BlockScope},
        chat::Circle,
        roster::{Place, PlaceId, Role, Standing},
    },
    ids::{AppId, ExternalId, SocketId, UserId},
    protocol::ChannelName,
    services::LiveApp,
    store::{self, Store},
};

/// People whose facts are kept in memory, by app.
const MAX_PEOPLE: usize = 50_000;

/// Courses, classes, chapters and orgs that are kept in memory, by app.
const MAX_PLACES: usize = 10_000;

/// Chats that are kept in memory, by app.
const MAX_CHATS: usize = 5_000;

/// Longest wait for the roster.
const PATIENCE: Duration = Duration::from_secs(5);

/// Refusals of strangers come at multiples of this: looking up what is not there takes another time than remembering what is,
/// and the time would tell.
const EVEN: Duration = Duration::from_millis(25);

/// The roster cannot be read now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database fails.
    #[error("the roster cannot be read now")]
    Source(#[from] store::Error),
    /// The database gives no answer.
    #[error("the roster gives no answer within {PATIENCE:?}")]
    Stalled,
}

/// Result of asking the roster.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the database knows about a person.
#[derive(Debug)]
struct Known {
    standing: Option<Standing>,
    blocks: Vec<Block>,
}

/// The facts for one decision.
#[derive(Debug, Default)]
struct Gathered {
    known: Option<Arc<Known>>,
    place: Option<Arc<Place>>,
    courses: Vec<Arc<Place>>,
    chat: Option<Arc<Circle>>,
}

/// What runs for the access rules of one app on this node.
#[derive(Debug)]
pub(super) struct Access {
    store: Store,
    /// Key of encrypted channels; `None` = this server authorises none of them.
    master_key: Option<MasterKey>,
    people: Shelf<UserId, Option<Arc<Known>>>,
    places: Shelf<PlaceId, Option<Arc<Place>>>,
    chats: Shelf<ExternalId, Option<Arc<Circle>>>,
    /// Whether the app has any course.
    rostered: Shelf<(), bool>,
    seats: Seats,
    journal: Journal,
    /// Rules have changed: those who hear what was open are to be entered.
    is_to_enlist: AtomicBool,
    /// Chats without room in memory that somebody writes in by client events. Held for no longer than a move.
    wanted: Mutex<HashSet<ExternalId>>,
    /// Counts seats that were given without the session's doing.
    enlisted: AtomicU64,
    /// Held by whoever keeps the deadlines.
    clock: tokio::sync::Mutex<()>,
    /// Held from before a write to the roster until it is in force here, and by the follower of the roster while it acts: so
    /// that whoever writes is told whose access ended, and not the follower who happened to see the change first.
    turn: tokio::sync::Mutex<()>,
    /// Counts what may have changed decisions. Whoever enters a seat compares it with what it was before the decision.
    generation: AtomicU64,
    /// The roster could not be read when it was asked last.
    is_failing: AtomicBool,
}

impl Access {
    pub(super) fn new(store: Store, master_key: Option<MasterKey>) -> Self {
        Self {
            store,
            master_key,
            people: Shelf::new(MAX_PEOPLE),
            places: Shelf::new(MAX_PLACES),
            chats: Shelf::new(MAX_CHATS),
            rostered: Shelf::new(1),
            seats: Seats::default(),
            journal: Journal::default(),
            is_to_enlist: AtomicBool::new(false),
            wanted: Mutex::default(),
            enlisted: AtomicU64::new(0),
            clock: tokio::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            generation: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Logs that access cannot be judged, once until it can again.
    fn complain(&self, app: &App, fault: Option<&Error>) {
        let was_failing = self.is_failing.swap(fault.is_some(), Ordering::Relaxed);
        if let Some(error) = fault.filter(|_| !was_failing) {
            tracing::error!(app.id = %app.id, %error, "access cannot be judged again, it stays until its known end");
        }
    }

    /// Decisions made before this may be wrong now.
    fn advance(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Tells whether the app has any course.
    async fn is_rostered(&self, app: &AppId) -> Result<bool> {
        let load = || async { Ok(!self.store.roster_is_empty(app).await?) };
        patiently(self.rostered.get(&(), load)).await
    }

    async fn person(&self, app: &AppId, user: &UserId, now: DateTime<Utc>) -> store::Result<Option<Arc<Known>>> {
        let load = || async {
            let standing = self.store.roster_standing(app, user).await?;
            let blocks = self.store.blocks_of(app, user, now).await?;
            let is_known = standing.is_some() || !blocks.is_empty();
            Ok(is_known.then(|| Arc::new(Known { standing, blocks })))
        };
        self.people.get(user, load).await
    }

    /// Loads what is not known about some people, in few statements.
    async fn prefetch(&self, app: &AppId, users: impl Iterator<Item = UserId>) -> Result<()> {
        let (missing, mark) = self.people.missing(users);
        if missing.len() < 2 {
            return Ok(());
        }
        let load = async {
            let standings = self.store.roster_standings(app, &missing).await?;
            Ok((standings, self.store.blocks_of_all(app, &missing).await?))
        };
        let (standings, blocks) = patiently(load).await?;
        let mut standings: HashMap<_, _> = standings.into_iter().map(|it| (it.person.id.clone(), it)).collect();
        let mut by_user: HashMap<UserId, Vec<Block>> = HashMap::new();
        for block in blocks {
            by_user.entry(block.user.clone()).or_default().push(block);
        }
        let known = missing.into_iter().map(|user| {
            let (standing, blocks) = (standings.remove(&user), by_user.remove(&user).unwrap_or_default());
            let is_known = standing.is_some() || !blocks.is_empty();
            (user, is_known.then(|| Arc::new(Known { standing, blocks })))
        });
        self.people.fill(known, mark);
        Ok(())
    }

    /// Tells whether somebody looks over shoulders and does nothing else, as far as is in memory.
    fn is_onlooker(&self, user: &UserId) -> bool {
        let known = self.people.peek(user).flatten();
        known.as_ref().and_then(|known| known.standing.as_ref()).is_some_and(Standing::is_onlooker)
    }

    async fn place(&self, app: &AppId, place: &PlaceId) -> store::Result<Option<Arc<Place>>> {
        let load = || async { Ok(self.store.roster_place(app, place).await?.map(Arc::new)) };
        self.places.get(place, load).await
    }

    async fn chat(&self, app: &AppId, chat: &ExternalId) -> store::Result<Option<Arc<Circle>>> {
        let load = || async { Ok(self.store.chat_circle(app, chat).await?.map(Arc::new)) };
        self.chats.get(chat, load).await
    }

    /// Brings together what a decision needs.
    async fn gather(
        &self,
        app: &AppId,
        (user, topic): (Option<&UserId>, &Topic),
        now: DateTime<Utc>,
    ) -> Result<Gathered> {
        let gather = async {
            let mut gathered = Gathered::default();
            if let Some(user) = user {
                gathered.known = self.person(app, user, now).await?;
            }
            if let Topic::Chat(chat) = topic {
                gathered.chat = self.chat(app, chat).await?;
            }
            let of_chat = gathered.chat.as_ref().and_then(|circle| circle.chat.place());
            if let Some(place) = of_chat.or_else(|| topic.place()) {
                gathered.place = self.place(app, &place).await?;
            }
            if topic.is_of_a_role()
                && let Some(standing) = gathered.known.as_ref().and_then(|known| known.standing.as_ref())
            {
                for enrollment in &standing.enrollments {
                    let place = self.place(app, &PlaceId::Course(enrollment.course.clone())).await?;
                    gathered.courses.extend(place);
                }
            }
            Ok(gathered)
        };
        patiently(gather).await
    }
}

/// Waits with a refusal that must not tell what is there, so that it takes as long whatever was looked up.
async fn evenly(since: tokio::time::Instant, decision: &Decision) {
    if decision.hides_what_is_there() {
        let steps = since.elapsed().as_millis() / EVEN.as_millis() + 1;
        tokio::time::sleep_until(since + EVEN * u32::try_from(steps).unwrap_or(u32::MAX)).await;
    }
}

async fn patiently<T>(load: impl Future<Output = store::Result<T>>) -> Result<T> {
    Ok(tokio::time::timeout(PATIENCE, load).await.map_err(|_elapsed| Error::Stalled)??)
}

impl Gathered {
    fn decide(&self, user: Option<&UserId>, asked: &Asked<'_>, now: DateTime<Utc>) -> Decision {
        let blocks = self.known.as_ref().map_or(&[][..], |known| &known.blocks);
        let facts = Facts {
            standing: self.known.as_ref().and_then(|known| known.standing.as_ref()),
            place: self.place.as_deref(),
            courses: &self.courses,
            blocks,
            is_channel_blocked: blocks.iter().any(|block| block.is_active(now) && asked.is_closed_by(&block.scope)),
            chat: self.chat.as_deref(),
        };
        access::decide(user, asked.topic, facts, now)
    }
}

/// What is asked about.
struct Asked<'a> {
    app: &'a App,
    /// The channel, where it is one and not all that stand for the topic.
    channel: Option<&'a ChannelName>,
    topic: &'a Topic,
}

impl Asked<'_> {
    /// Tells whether a block is of this very channel, however it is spelled, or of one that stands for the topic.
    fn is_closed_by(&self, scope: &BlockScope) -> bool {
        let BlockScope::Channel(name) = scope else { return false };
        if self.channel.is_some_and(|channel| name == channel.as_str()) {
            return true;
        }
        let settings = &self.app.settings;
        let other = ChannelName::parse(name, settings.into()).ok();
        self.topic.is_rostered()
            && other.is_some_and(|other| route::topic(&other, &settings.channel_routes) == *self.topic)
    }
}

impl LiveApp {
    /// Sockets that are known to be a user's, by whatever proof.
    pub(in crate::services) fn sockets_known_as(&self, user: &UserId) -> Vec<SocketId> {
        self.access.seats.of_user(user)
    }

    /// When a client did something last on any of these sockets, if that is later than `since`; the others are taken for idle.
    pub(super) fn last_active(&self, sockets: &[SocketId], since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        sockets.iter().filter_map(|socket| self.access.seats.find(*socket)?.active_after(since)).max()
    }

    /// The user of a seat does something after they were taken for idle.
    pub fn seat_stirred(&self, seat: &Seat, now: DateTime<Utc>) {
        let user = seat.lock().user.as_ref().map(|(user, _)| user.clone());
        if let Some(user) = user {
            self.presence_stirred(&user, now);
        }
    }

    /// A person with all their enrollments; `None` when the roster does not know them. From memory, mostly.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(super) async fn standing(&self, user: &UserId, now: DateTime<Utc>) -> Result<Option<Standing>> {
        let app = self.app();
        let known = patiently(self.access.person(&app.id, user, now)).await?;
        Ok(known.and_then(|known| known.standing.clone()))
    }

    /// Decides whether somebody may be here at all: nobody else than the blocked and those whose account is off may not.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(super) async fn admission(&self, user: &UserId, now: DateTime<Utc>) -> Result<Decision> {
        let app = self.app();
        let gathered = self.access.gather(&app.id, (Some(user), &Topic::SignedIn), now).await?;
        let known = gathered.known.as_deref();
        let (standing, blocks) = (known.and_then(|it| it.standing.as_ref()), known.map_or(&[][..], |it| &it.blocks));
        let facts = Facts { standing, blocks, ..Facts::default() };
        Ok(access::decide(Some(user), &Topic::SignedIn, facts, now))
    }

    /// Forgets what is in memory of people, for tests of what is loaded again.
    #[cfg(test)]
    pub(super) fn forget_people(&self) {
        self.access.people.clear();
    }

    /// Loads what is not known about some people, in few statements.
    pub(super) async fn expect_people(&self, users: &[UserId]) -> Result<()> {
        self.access.prefetch(&self.app().id, users.iter().cloned()).await
    }

    /// Sockets that hear a channel and are not told of a person: their own, and those of mere observers, who are told nothing
    /// of other people.
    pub(super) fn others_than_peers(&self, channel: &ChannelName, person: &UserId) -> HashSet<SocketId> {
        let is_other = |socket: &SocketId| {
            let Some(seat) = self.access.seats.find(*socket) else { return false };
            let state = seat.lock();
            let Some(held) = state.held.get(channel) else { return false };
            let by_role = held.basis.as_ref().is_some_and(|basis| basis.role == Some(Role::Observer));
            by_role || held.subject.as_ref().is_some_and(|user| user == person || self.access.is_onlooker(user))
        };
        self.hub.subscribers(channel.as_str()).into_iter().filter(is_other).collect()
    }

    /// Tells whether a role has a capability where a topic belongs, by what is in memory of the course.
    fn may_in(&self, topic: &Topic, role: Role, capability: Capability) -> bool {
        let of_chat = || match topic {
            Topic::Chat(chat) => self.access.chats.peek(chat).flatten()?.chat.place(),
            _ => None,
        };
        let place = topic.place().or_else(of_chat).and_then(|place| self.access.places.peek(&place)).flatten();
        let course = place.as_ref().and_then(|place| place.course.as_ref());
        let overrides = course.map_or(&[][..], |course| &course.overrides);
        capability.held_by(role, overrides) == capability::Held::Yes
    }

    /// Somebody's name in the roster, if it is in memory.
    pub(super) fn known_name(&self, user: &UserId) -> Option<String> {
        let known = self.access.people.peek(user).flatten()?;
        known.standing.as_ref().map(|standing| standing.person.name.clone())
    }

    /// Tells whether a socket is known to be somebody's.
    pub(super) fn is_socket_of(&self, socket: SocketId, user: &UserId) -> bool {
        let seat = self.access.seats.find(socket);
        seat.is_some_and(|seat| seat.lock().user.as_ref().is_some_and(|(bound, _)| bound == user))
    }

    /// Tells whether it is known whose a socket is.
    pub(super) fn is_known(&self, socket: SocketId) -> bool {
        self.access.seats.find(socket).is_some_and(|seat| seat.lock().user.is_some())
    }

    /// The store that the rules read.
    pub(super) const fn store(&self) -> &Store {
        &self.access.store
    }

    /// Decides whether a user may hear a channel now, by the roster alone. `None` = nobody is known to be asking.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn decide(&self, user: Option<&UserId>, channel: &ChannelName, now: DateTime<Utc>) -> Result<Decision> {
        let app = self.app();
        let topic = route::guarded_as(channel, &app.settings.channel_routes);
        let gathered = self.access.gather(&app.id, (user, &topic), now).await?;
        Ok(gathered.decide(user, &Asked { app: &app, channel: Some(channel), topic: &topic }, now))
    }

    /// Refuses whoever may not look who is in a channel; tells the role of those who may: they may hear it, or they are in it and
    /// no rule covers it.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(super) async fn may_look(
        &self,
        user: &UserId,
        channel: &ChannelName,
        now: DateTime<Utc>,
    ) -> Result<Result<Option<Role>, Box<Decision>>> {
        let decision = self.decide(Some(user), channel, now).await?;
        let is_unruled = decision.reason == access::Reason::UnknownChannel;
        let is_in = is_unruled && self.hub.member(channel.as_str(), user).is_some();
        Ok(if decision.allow || is_in { Ok(decision.role) } else { Err(Box::new(decision)) })
    }

    /// Decides whether a user may know what happens in a topic: whoever may hear a channel that stands for it.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn decide_topic(&self, user: Option<&UserId>, topic: &Topic, now: DateTime<Utc>) -> Result<Decision> {
        let app = self.app();
        let gathered = self.access.gather(&app.id, (user, topic), now).await?;
        Ok(gathered.decide(user, &Asked { app: &app, channel: None, topic }, now))
    }
}

impl LiveApp {
    /// As [`LiveApp::decide`], for the eyes of whoever asks about themselves: a refusal of a stranger takes as long whether or
    /// not something is there.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn decide_blindly(
        &self,
        user: Option<&UserId>,
        channel: &ChannelName,
        now: DateTime<Utc>,
    ) -> Result<Decision> {
        let since = tokio::time::Instant::now();
        let decision = self.decide(user, channel, now).await?;
        evenly(since, &decision).await;
        Ok(decision)
    }
}

#[cfg(test)]
mod tests;
