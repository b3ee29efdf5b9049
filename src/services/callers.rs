//! Who calls: from a proof, as a door found it, to a [`Caller`] of one app.
//!
//! Tells tokens of issuers, session tokens and API keys apart by their shape. A person's user id is what the identity link
//! says, else what the token says; a deactivated person is nobody. Doors find the proof and hand it over; they never look
//! into it.

mod people;
mod programs;

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use self::{
    people::People,
    programs::{Programs, is_api_key},
};
use super::{Apps, LiveApp, origin};
pub use crate::identity::{Error, Result, session::NewSession};
use crate::{
    domain::caller::{Caller, Scope, Subject, Who},
    identity::{self, Proven, Verifier, session},
    ids::{AppId, UserId},
    protocol::CloseReason,
    store::Store,
};

/// What a request or a handshake brings to prove who it comes from.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// Nothing.
    None,
    /// A token or an API key.
    Bearer(&'a str),
    /// A token in a cookie, which browsers send unasked: it counts only from the right page.
    Cookie {
        /// The token.
        token: &'a str,
        /// The `Origin` header.
        origin: Option<&'a str>,
        /// The `Host` header.
        host: Option<&'a str>,
    },
}

/// Shows the kind only.
impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer(…)",
            Self::Cookie { .. } => "Cookie(…)",
        })
    }
}

/// A session token that was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// How long a person is taken for proven on whose behalf a program acts.
const ACTING: TimeDelta = TimeDelta::hours(12);

/// Somebody known, and the app that they are known to.
type Person = (AppId, Box<Subject>);

/// Finds out who calls.
#[derive(Debug)]
pub struct Callers {
    apps: Arc<Apps>,
    verifier: Verifier,
    people: People,
    programs: Programs,
}

impl Callers {
    /// Callers of these apps, with tokens of the verifier's issuers and the API keys of the store.
    #[must_use]
    pub fn new(apps: Arc<Apps>, store: &Store, verifier: Verifier) -> Self {
        Self { apps, verifier, people: People::new(store.clone()), programs: Programs::new(store.clone()) }
    }

    /// The app of those who name none: the configured one, else the oldest that is enabled.
    #[must_use]
    pub fn default_app(&self) -> Option<Arc<LiveApp>> {
        self.apps.default_app()
    }

    /// Makes a caller of a proof. Without one, it is a guest of the default app.
    ///
    /// # Errors
    /// What is wrong with the proof; [`Error::is_unavailable`] when it cannot be checked now.
    pub async fn identify(&self, proof: Proof<'_>, from: IpAddr, now: DateTime<Utc>) -> Result<Caller> {
        match proof {
            Proof::None => Ok(Caller::guest(self.default()?.app().id.clone())),
            Proof::Bearer(text) if is_api_key(text) => {
                let (app, key) = self.programs.find(text, from, now).await?;
                self.live(app.as_str())?;
                Ok(Caller { app, who: Who::Key(key) })
            }
            Proof::Bearer(token) => {
                let (_, (app, subject)) = self.person(token, now).await?;
                Ok(Caller { app, who: Who::User(subject) })
            }
            Proof::Cookie { token, origin, host } => {
                let (app, subject) = self.person_of_cookie(token, origin, host, now).await?;
                Ok(Caller { app, who: Who::User(subject) })
            }
        }
    }

    /// Lets a program act on behalf of a person. It may, with the scope `users:act`.
    ///
    /// # Errors
    /// When it may not, the person's account is switched off, or that cannot be checked now.
    pub async fn act_for(&self, caller: Caller, user: UserId, now: DateTime<Utc>) -> Result<Caller> {
        let Who::Key(key) = &caller.who else { return Err(Error::MayNotActForOthers) };
        if !caller.has_scope(Scope::UsersAct) {
            return Err(Error::MayNotActForOthers);
        }
        let through = Some(key.id.clone());
        let user = self.people.check(&caller.app, user, now).await?;
        let (issuer, expires_at) = (session::ISSUER.to_owned(), now + ACTING);
        let subject = Subject { user, issuer, expires_at, name: None, avatar: None, through };
        Ok(Caller { app: caller.app, who: Who::User(Box::new(subject)) })
    }

    /// Tells whether a proof would be looked up for somebody who has not shown one like it before: an API key that has not held
    /// yet. A token costs no look-up before its signature holds.
    #[must_use]
    pub fn is_guess(&self, proof: &Proof<'_>) -> bool {
        matches!(proof, Proof::Bearer(text) if is_api_key(text) && !self.programs.is_proven(text))
    }

    /// Finds the person at a socket of an app.
    ///
    /// A cookie that proves nothing is left aside: browsers send it unasked, and a socket needs no proof. Everything else that
    /// proves nothing is a reason to refuse, so that nobody wonders later why they are not known.
    ///
    /// # Errors
    /// Why the socket must be refused.
    pub async fn identify_socket(
        &self,
        proof: Proof<'_>,
        app: &AppId,
        now: DateTime<Utc>,
    ) -> Result<Option<Box<Subject>>, CloseReason> {
        let found = match proof {
            Proof::None => return Ok(None),
            Proof::Bearer(text) if is_api_key(text) => Err(Error::NotAPerson),
            Proof::Bearer(token) => self.person(token, now).await.map(|(_, found)| found),
            Proof::Cookie { token, origin, host } => self.person_of_cookie(token, origin, host, now).await,
        };
        match found {
            Ok((of, subject)) if of == *app => Ok(Some(subject)),
            Ok(_) | Err(_) if matches!(proof, Proof::Cookie { .. }) => Ok(None),
            Ok(_) => Err(refusal(&Error::WrongApp)),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Notes which API keys were used since the last call; to be called every few seconds.
    ///
    /// # Cancel safety
    /// Uses that are not noted when it is dropped are noted with the next use of the key.
    pub async fn note_uses(&self) {
        self.programs.note().await;
    }

    /// Makes a session token for a user of an app. It is valid under the app's secrets of now.
    ///
    /// # Errors
    /// [`Error::UnknownApp`].
    pub fn issue_session(&self, app: &AppId, new: &NewSession<'_>, now: DateTime<Utc>) -> Result<Issued> {
        let live = self.live(app.as_str())?;
        let token = session::issue(&live.app(), new, now).ok_or(Error::UnknownApp)?;
        let ttl = TimeDelta::from_std(new.ttl.min(session::MAX_TTL)).unwrap_or_default();
        Ok(Issued { token, expires_at: now + ttl })
    }

    fn default(&self) -> Result<Arc<LiveApp>> {
        self.apps.default_app().ok_or(Error::NoApp)
    }

    fn live(&self, app: &str) -> Result<Arc<LiveApp>> {
        self.apps.by_id(app).filter(|live| live.app().enabled).ok_or(Error::UnknownApp)
    }

    async fn person(&self, token: &str, now: DateTime<Utc>) -> Result<(Arc<LiveApp>, Person)> {
        let peeked = identity::peek(token)?;
        let (live, proven) = if peeked.issuer.as_deref() == Some(session::ISSUER) {
            let live = self.live(peeked.audience.first().ok_or(Error::WrongAudience)?)?;
            let proven = session::verify(&live.app(), token, &peeked, now)?;
            (live, proven)
        } else {
            let proven = self.verifier.verify(token, &peeked, now).await?;
            let live = match &proven.app {
                Some(app) => self.live(app.as_str())?,
                None => self.default()?,
            };
            (live, proven)
        };
        let app = live.app().id.clone();
        let user = self.people.find(&app, &proven, now).await?;
        let Proven { issuer, expires_at, name, avatar, .. } = proven;
        Ok((live, (app, Box::new(Subject { user, issuer, expires_at, name, avatar, through: None }))))
    }

    async fn person_of_cookie(
        &self,
        token: &str,
        origin: Option<&str>,
        host: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Person> {
        let (live, person) = self.person(token, now).await?;
        let may = origin.is_some_and(|origin| origin::may_use_cookies(&live.app().settings, origin, host));
        if may { Ok(person) } else { Err(Error::OriginNotAllowed) }
    }
}

/// Why a socket with a bad proof is closed.
#[must_use]
pub fn refusal(error: &Error) -> CloseReason {
    if error.is_unavailable() { CloseReason::NotIdentifiedYet } else { CloseReason::NotIdentified(error.reason()) }
}

#[cfg(test)]
mod tests;
