//! Audiences become people: who is meant, by the roster as it is now, and who may send to them.
//!
//! Whatever is sent, an audience means the same people: those who are counted, those who get a copy of their own and those who
//! may confirm. Of a class or course these are the ones who are enrolled there now; observers only look on, and are meant where
//! their role is named; whoever administers the org without an enrollment there is not. The channels of a topic may be heard by
//! more people than these.

use chrono::{DateTime, Utc};

use super::{LiveApp, access};
use crate::{
    domain::{
        access::Decision,
        audience::{Audience, Sending, Whom},
        fact::Actor,
        notification::Recipient,
        roster::{Kind, PlaceId, Role},
    },
    ids::{AppId, ExternalId, UserId},
    store::{self, Member, MemberFilter, Store},
};

/// Most people of one audience.
pub const RECIPIENTS_MAX: usize = 100_000;

/// People that are read at once.
const PAGE: u32 = 1_000;

/// Why nothing is sent to an audience.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The roster cannot be read.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The sender may not do this there.
    #[error("{}", .0.detail)]
    Refused(Box<Decision>),
    /// Only programs may reach these.
    #[error("a person reaches classes, courses and orgs of their own; an audience of the type '{0}' is for programs")]
    ProgramsOnly(&'static str),
    /// The roster has no such places.
    #[error("the roster does not have every {kind} that is meant")]
    NoSuchPlace {
        /// What they were meant to be: classes, courses or orgs.
        kind: Kind,
        /// Their ids.
        ids: Vec<ExternalId>,
    },
    /// There are more people in it than can be reached at once.
    #[error("more than {RECIPIENTS_MAX} people are meant; send to parts of them")]
    TooLarge,
}

/// Result of turning to an audience.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Checks that a person may send to an audience; tells who they are there.
///
/// # Errors
/// [`Error::Refused`] and [`Error::ProgramsOnly`], or when the roster cannot be read.
pub(super) async fn judge(
    live: &LiveApp,
    user: &UserId,
    (audience, sending): (&Audience, Sending),
    now: DateTime<Utc>,
) -> Result<Actor> {
    let needs = audience.needs(sending).ok_or(Error::ProgramsOnly(audience.kind().name()))?;
    let mut actor = None;
    for (place, capability) in needs {
        let rights = live.rights(user, &place, now).await?;
        let decision = rights.decide(capability);
        if !decision.allow {
            return Err(Error::Refused(Box::new(decision)));
        }
        actor.get_or_insert_with(|| rights.actor());
    }
    actor.ok_or(Error::ProgramsOnly(audience.kind().name()))
}

/// Checks that the classes, courses or orgs of an audience are in the roster; they may be empty. An app without any course keeps
/// no roster, and what goes to whole channels reaches those who listen there all the same.
///
/// # Errors
/// [`Error::NoSuchPlace`], or when the database fails.
pub(super) async fn check_places(store: &Store, app: &AppId, (audience, sending): (&Audience, Sending)) -> Result<()> {
    let (kind, ids) = match &audience.whom {
        Whom::Users(_) | Whom::All => return Ok(()),
        Whom::Classes(ids) => (Kind::Class, ids),
        Whom::Courses(ids) => (Kind::Course, ids),
        Whom::Orgs(ids) | Whom::RoleIn(ids) => (Kind::Org, ids),
    };
    let ids = store.roster_missing(app, kind, ids).await?;
    let tells_channels = sending == Sending::Broadcast && audience.topics().is_some();
    if ids.is_empty() || (tells_channels && store.roster_is_empty(app).await?) {
        return Ok(());
    }
    Err(Error::NoSuchPlace { kind, ids })
}

/// The lists that an audience is made of: each with the course by which its people are reached.
async fn parts(store: &Store, app: &AppId, audience: &Audience) -> Result<Vec<(MemberFilter, Option<ExternalId>)>> {
    let filter = |place: Option<PlaceId>, roles: Vec<Role>| MemberFilter {
        place,
        roles,
        limit: PAGE,
        ..MemberFilter::default()
    };
    let of_org = |place| filter(place, audience.roles.clone());
    let of_course = |place| filter(Some(place), audience.roles_taking_part());
    Ok(match &audience.whom {
        Whom::Users(_) => Vec::new(),
        Whom::RoleIn(orgs) if orgs.is_empty() => vec![(of_org(None), None)],
        Whom::All => vec![(of_org(None), None)],
        Whom::RoleIn(ids) | Whom::Orgs(ids) => {
            ids.iter().map(|id| (of_org(Some(PlaceId::Org(id.clone()))), None)).collect()
        }
        Whom::Courses(ids) => ids.iter().map(|id| (of_course(PlaceId::Course(id.clone())), Some(id.clone()))).collect(),
        Whom::Classes(ids) => {
            let mut parts = Vec::with_capacity(ids.len());
            for id in ids {
                let place = PlaceId::Class(id.clone());
                let course = store.roster_place(app, &place).await?.and_then(|place| place.course);
                parts.push((of_course(place), course.map(|course| course.id)));
            }
            parts
        }
    })
}

/// Those of some people whose account is on. An app without any course knows nobody, and takes everybody's word.
async fn known(store: &Store, app: &AppId, users: &[UserId], now: DateTime<Utc>) -> Result<Vec<UserId>> {
    let standings = store.roster_standings(app, users).await?;
    if standings.is_empty() && store.roster_is_empty(app).await? {
        return Ok(users.to_vec());
    }
    let is_on = |person: &crate::domain::roster::Person| person.deactivated_at.is_none_or(|at| at > now);
    Ok(standings.into_iter().map(|it| it.person).filter(is_on).map(|person| person.id).collect())
}

/// The people of an audience as the roster is now, each once, by id.
///
/// # Errors
/// [`Error::TooLarge`], or when the database fails.
pub(super) async fn recipients(
    store: &Store,
    app: &AppId,
    audience: &Audience,
    now: DateTime<Utc>,
) -> Result<Vec<Recipient>> {
    let mut found: Vec<Recipient> = Vec::new();
    if let Whom::Users(users) = &audience.whom {
        let users = known(store, app, users, now).await?;
        found.extend(users.into_iter().map(|user| Recipient { user, course: None }));
    }
    for (mut filter, course) in parts(store, app, audience).await? {
        loop {
            let members = store.roster_members(app, &filter, now).await?;
            let is_last = members.len() < PAGE as usize;
            filter.after = members.last().map(|member| member.user.clone());
            let recipient = |member: Member| Recipient { user: member.user, course: course.clone() };
            found.extend(members.into_iter().map(recipient));
            if is_last {
                break;
            }
            if found.len() > RECIPIENTS_MAX * 2 {
                tidy(&mut found, audience)?;
            }
        }
    }
    tidy(&mut found, audience)?;
    Ok(found)
}

/// Brings people into order, each once, without those who are left out.
fn tidy(found: &mut Vec<Recipient>, audience: &Audience) -> Result<()> {
    // Sorting is stable: of several courses the first counts.
    found.sort_by(|one, other| one.user.cmp(&other.user));
    found.dedup_by(|one, other| one.user == other.user);
    found.retain(|recipient| audience.exclude.binary_search(&recipient.user).is_err());
    if found.len() > RECIPIENTS_MAX { Err(Error::TooLarge) } else { Ok(()) }
}

/// How many people are in an audience now.
///
/// # Errors
/// As [`recipients`].
pub(super) async fn count(store: &Store, app: &AppId, audience: &Audience, now: DateTime<Utc>) -> Result<u64> {
    let parts = parts(store, app, audience).await?;
    match parts.as_slice() {
        [(only, _)] if audience.exclude.is_empty() => {
            let count = store.roster_member_count(app, only, now).await?;
            if count > RECIPIENTS_MAX as u64 { Err(Error::TooLarge) } else { Ok(count) }
        }
        _ => Ok(recipients(store, app, audience, now).await?.len() as u64),
    }
}

/// Tells whether a person is in an audience now: one of [`recipients`].
///
/// # Errors
/// When the database fails.
pub(super) async fn includes(
    store: &Store,
    (app, user): (&AppId, &UserId),
    audience: &Audience,
    now: DateTime<Utc>,
) -> Result<bool> {
    if audience.exclude.binary_search(user).is_ok() {
        return Ok(false);
    }
    let is_known = async || Ok(!known(store, app, std::slice::from_ref(user), now).await?.is_empty());
    match &audience.whom {
        Whom::Users(users) => Ok(users.binary_search(user).is_ok() && is_known().await?),
        Whom::All => is_known().await,
        Whom::RoleIn(_) | Whom::Classes(_) | Whom::Courses(_) | Whom::Orgs(_) => {
            for (part, _) in parts(store, app, audience).await? {
                let part = MemberFilter { only: Some(user.clone()), limit: 1, ..part };
                let found = store.roster_members(app, &part, now).await?;
                if found.iter().any(|member| member.user == *user) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests;
