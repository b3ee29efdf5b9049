//! Polls: made and led by staff, voted in by everybody else, told as they go.
//!
//! `domain::poll` decides and `store` keeps, both under the lock of the poll; here is who may ask for what (`part`), what is
//! told (`news`), voting (`vote`), looking (`look`), what opens and closes by itself (`timer`), the results that go out as they
//! come in, a few times a second (`pulse`), and the files that are taken away (`export`). Votes of anonymous polls are told without names and never logged.

mod export;
mod look;
mod news;
mod part;
mod pulse;
#[cfg(test)]
mod tests;
mod timer;
mod vote;

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

pub use self::{
    export::Export,
    look::{Looked, NamedBallot, Stood},
};
use self::{
    part::Part,
    pulse::{Mark, Pulse},
};
use super::{Apps, LiveApp, Teller, access, new_id};
pub use crate::store::{Page, PollFilter, Voted};
use crate::{
    domain::{
        access::Decision,
        app::Secret,
        audit::AuditEntry,
        caller::Caller,
        poll::{Content, Edit, Edited, Move, Poll, Refusal, State, Suggested, Venue},
        roster::{Expected, PlaceId},
    },
    ids::{AppId, ExternalId, SocketId, UserId},
    store::{self, Changed, PollChange, Store, VoterKeys, Voting},
    throttle::Exceeded,
};

/// Votes that are written at once. The others wait here, in their order, and not for a connection to the database, where
/// nobody waits long.
const BOOTHS: usize = 4;

/// Longest name of whoever made a poll, in characters.
const ACTOR_MAX: usize = 160;

/// Why a request about polls is not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such poll, or none that the caller may know of.
    #[error("there is no such poll, or it is not for you")]
    NotFound,
    /// There is no such class or course, or none that the caller may know of.
    #[error("there is no such {0}, or it is not for you")]
    NoSuchPlace(&'static str),
    /// The caller may not do this.
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// The rules of polls are against it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The roster cannot be read.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Guests without an account have cast too many votes from one address.
    #[error(transparent)]
    TooMany(#[from] Exceeded),
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Result of a request about polls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// The app.
    pub live: &'a LiveApp,
    /// Who calls.
    pub caller: &'a Caller,
    /// As whom a guest without an account calls, where those may.
    pub guest: Option<&'a UserId>,
    /// Where they call from.
    pub ip: Option<IpAddr>,
    /// Socket that knows already.
    pub except: Option<SocketId>,
    /// When.
    pub now: DateTime<Utc>,
}

impl Acting<'_> {
    fn app(&self) -> &AppId {
        &self.caller.app
    }

    fn user(&self) -> Option<&UserId> {
        self.caller.user().or(self.guest)
    }

    fn audit(&self, poll: &Poll, action: &str) -> AuditEntry {
        let ip = self.ip.map(|ip| ip.to_string());
        AuditEntry { ip, ..entry(self.app(), poll, (&self.caller.actor(), action), self.now) }
    }
}

/// What the audit knows of a step of a poll. Never a vote.
fn entry(app: &AppId, poll: &Poll, (actor, action): (&str, &str), at: DateTime<Utc>) -> AuditEntry {
    AuditEntry {
        app: app.clone(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        target_type: "poll".to_owned(),
        target_id: poll.id.to_string(),
        scope: Some(poll.venue.topic().to_string()),
        before: None,
        after: None,
        ip: None,
        at,
    }
}

/// A poll to be made.
#[derive(Debug, Clone)]
pub struct NewPoll {
    /// Where.
    pub place: PlaceId,
    /// What it asks.
    pub content: Content,
    /// When it opens by itself; `None` = when somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
}

/// The polls of every app.
#[derive(Debug)]
pub struct Polls {
    store: Store,
    teller: Arc<Teller>,
    apps: Arc<Apps>,
    booths: Semaphore,
    pulse: Pulse,
}

impl Polls {
    /// The polls kept in this store.
    #[must_use]
    pub fn new(store: Store, teller: Arc<Teller>, apps: Arc<Apps>) -> Self {
        Self { store, teller, apps, booths: Semaphore::new(BOOTHS), pulse: Pulse::default() }
    }

    /// Makes a draft.
    ///
    /// # Errors
    /// When the caller leads no polls there, or the rules are against it.
    pub async fn create(&self, by: Acting<'_>, new: NewPoll) -> Result<Poll> {
        let (part, venue) = self.venue(by, &new.place).await?;
        part.must_host()?;
        let opens_at = new.opens_at.map(to_ms);
        Poll::check_opening(opens_at, by.now)?;
        self.insert(by, &part, (venue, new.content, opens_at)).await
    }

    /// Makes a draft that asks the same, in the same place.
    ///
    /// # Errors
    /// When there is no such poll for the caller, or they lead no polls there.
    pub async fn duplicate(&self, by: Acting<'_>, id: &ExternalId) -> Result<Poll> {
        let (poll, part) = self.hosted(by, id).await?;
        self.insert(by, &part, (poll.venue, poll.content.copied(), None)).await
    }

    async fn insert(
        &self,
        by: Acting<'_>,
        part: &Part,
        (venue, content, opens_at): (Venue, Content, Option<DateTime<Utc>>),
    ) -> Result<Poll> {
        content.check()?;
        part.check_guests(&content)?;
        let id = ExternalId::parse(&new_id(by.now)).map_err(|_not_ours| Error::NotFound)?;
        let poll = Poll {
            id,
            venue,
            content,
            state: State::Draft,
            round: 0,
            created_by: by.caller.actor().chars().take(ACTOR_MAX).collect(),
            created_at: to_ms(by.now),
            opens_at,
            opened_at: None,
            closes_at: None,
            sealed_at: None,
            closed_at: None,
            published_at: None,
            version: 1,
        };
        self.store.poll_insert(by.app(), &poll, by.audit(&poll, "poll.created")).await??;
        Ok(poll)
    }

    /// Takes a step in the life of a poll. Taken once more, nothing happens.
    ///
    /// # Errors
    /// When there is no such poll for the caller, they lead no polls there, or the poll is in another state.
    pub async fn step(&self, by: Acting<'_>, id: &ExternalId, step: Move) -> Result<Poll> {
        let (found, part) = self.hosted(by, id).await?;
        if matches!(step, Move::Open | Move::Reopen) && found.is_anonymous() && found.state != State::Open {
            found.has_room_for(self.students(by.app(), &found, by.now).await?)?;
        }
        let (secret, lot) = (random(32)?, random(32)?);
        if step == Move::Close && found.is_anonymous() {
            let is_over = |poll: &Poll| poll.state == State::Open;
            self.store.poll_seal((by.app(), id), (&Secret::new(&lot), by.now), is_over).await?;
        }
        let mut mark = None;
        let decide = |before: &Poll, open_here| {
            let Some(poll) = before.moved(step, open_here, to_ms(by.now))? else { return Ok(None) };
            let keys = match step {
                Move::Open | Move::Reopen if poll.is_anonymous() => VoterKeys::New(Secret::new(&secret)),
                Move::Close if poll.is_anonymous() => VoterKeys::Destroyed { lot: Secret::new(&lot) },
                _ => VoterKeys::Kept,
            };
            let facts = news::of_step(&poll, step, (part.actor(), by.except), by.now);
            let audit = vec![by.audit(&poll, step.done())];
            mark = matches!(step, Move::Close | Move::Publish).then(|| Mark::new(&self.pulse, by.app(), id));
            Ok(Some(PollChange { poll, keys, facts, audit }))
        };
        self.change(by, id, decide).await
    }

    /// Changes what a poll asks, if it has the version that the change is for.
    ///
    /// # Errors
    /// When there is no such poll for the caller, they lead no polls there, or the rules are against it.
    pub async fn edit(&self, by: Acting<'_>, id: &ExternalId, (edit, expected): (Edit, &Expected)) -> Result<Poll> {
        let (_, part) = self.hosted(by, id).await?;
        let edit = Edit { opens_at: edit.opens_at.map(|at| at.map(to_ms)), ..edit };
        let mut mark = None;
        let decide = |before: &Poll, _open_here| {
            if !expected.holds(Some(before.version)) {
                return Err(Refusal::Changed { found: before.version });
            }
            let Some(Edited { poll, relabelled }) = before.edited(&edit, to_ms(by.now))? else { return Ok(None) };
            part.check_guests(&poll.content)?;
            let mut audit = vec![by.audit(&poll, "poll.updated")];
            audit.extend(relabelled.into_iter().map(|(_, old, new)| AuditEntry {
                before: Some(old),
                after: Some(new),
                ..by.audit(&poll, "poll.relabelled")
            }));
            let facts = news::of_update(&poll, (part.actor(), by.except), by.now);
            mark = (poll.round > 0).then(|| Mark::new(&self.pulse, by.app(), id));
            Ok(Some(PollChange { poll, keys: VoterKeys::Kept, facts, audit }))
        };
        self.change(by, id, decide).await
    }

    /// Adds an option that somebody suggests.
    ///
    /// # Errors
    /// When there is no such poll for the caller, they may not vote there, or the rules are against it.
    pub async fn suggest(&self, by: Acting<'_>, id: &ExternalId, label: &str) -> Result<Poll> {
        let seen = self.seen(by, id).await?;
        let is_host = seen.part.may_host();
        if !is_host {
            seen.part.must_vote(&seen.poll)?;
        }
        let booth = match by.user().filter(|_| !is_host) {
            Some(user) => self.store.poll_look(Voting { app: by.app(), poll: id, user }).await?,
            None => None,
        };
        let voter = booth.and_then(|booth| booth.voter);
        if voter.is_none() && !is_host {
            return Err(Refusal::Over.into());
        }
        let decide = |before: &Poll, _open_here| {
            let poll = before.suggested(Suggested { label, by: voter.as_deref() }, by.now)?;
            // Who suggests something in an anonymous poll is not named either.
            let actor = if is_host { seen.part.actor() } else { None };
            let facts = news::of_update(&poll, (actor, by.except), by.now);
            let audit = if is_host { vec![by.audit(&poll, "poll.updated")] } else { Vec::new() };
            Ok(Some(PollChange { poll, keys: VoterKeys::Kept, facts, audit }))
        };
        self.change(by, id, decide).await
    }

    /// Changes a poll and tells of it.
    async fn change(
        &self,
        by: Acting<'_>,
        id: &ExternalId,
        decide: impl FnOnce(&Poll, u64) -> Result<Option<PollChange>, Refusal> + Send,
    ) -> Result<Poll> {
        let epoch = new_id(by.now);
        self.keep_and_tell(self.store.poll_change(by.app(), id, &epoch, decide)).await?.ok_or(Error::NotFound)?
    }

    /// Waits for a change in the order of all changes and tells of it. A refusal is no failure: nothing was written.
    async fn keep_and_tell(
        &self,
        change: impl Future<Output = store::Result<Changed>>,
    ) -> Result<Option<Result<Poll>>> {
        // A change is many steps of the database.
        let change = Box::pin(change);
        let write = async {
            Ok::<_, store::Error>(match change.await? {
                Some(Ok((poll, kept))) => (Some(Ok(poll)), kept),
                Some(Err(refusal)) => (Some(Err(refusal.into())), Vec::new()),
                None => (None, Vec::new()),
            })
        };
        Ok(self.teller.keep_and_tell(write).await?)
    }
}

/// The moment as the database keeps it.
fn to_ms(now: DateTime<Utc>) -> DateTime<Utc> {
    chrono::SubsecRound::trunc_subsecs(now, 3)
}

/// Random hexadecimal digits.
fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
