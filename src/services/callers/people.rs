//! Which person of the roster a token is of, and whether they still may be anybody.
//!
//! What was found is kept for [`KEPT`], so that a page that asks for twenty channels costs two look-ups and not forty. A
//! deactivated person is known by name that long at most; what they may hear is decided by the roster, at once.

use std::num::NonZeroUsize;

use chrono::{DateTime, TimeDelta, Utc};
use lru::LruCache;
use parking_lot::Mutex;

use super::{Error, Result};
use crate::{
    domain::roster::{Kind, Object},
    identity::{Proven, session},
    ids::{AppId, UserId},
    store::{self, Store},
};

/// How long a person is known without another look.
const KEPT: TimeDelta = TimeDelta::seconds(2);

/// Most people who are known at once.
const MAX_KNOWN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// What one token says of its person: app, issuer, subject and user.
type Key = (AppId, String, String, String);

#[derive(Debug, Clone)]
struct Known {
    user: UserId,
    is_active: bool,
    at: DateTime<Utc>,
}

/// Finds people in the roster.
#[derive(Debug)]
pub(super) struct People {
    store: Store,
    /// Who was found lately. Never held across an await.
    known: Mutex<LruCache<Key, Known>>,
}

impl People {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::new(LruCache::new(MAX_KNOWN)) }
    }

    /// The user that a token is of: whom the identity link names, else whom the token names.
    pub(super) async fn find(&self, app: &AppId, proven: &Proven, now: DateTime<Utc>) -> Result<UserId> {
        let key = (app.clone(), proven.issuer.clone(), proven.subject.clone(), proven.user.clone());
        self.known_by(key, now, self.look(app, proven, now)).await
    }

    /// The same user, unless their account is switched off.
    pub(super) async fn check(&self, app: &AppId, user: UserId, now: DateTime<Utc>) -> Result<UserId> {
        let key = (app.clone(), session::ISSUER.to_owned(), user.to_string(), user.to_string());
        self.known_by(key, now, self.look_at(app, user, now)).await
    }

    async fn known_by(
        &self,
        key: Key,
        now: DateTime<Utc>,
        look: impl Future<Output = Result<Known>>,
    ) -> Result<UserId> {
        let kept = self.known.lock().get(&key).filter(|known| (now - known.at).abs() < KEPT).cloned();
        let known = match kept {
            Some(known) => known,
            None => {
                let known = look.await?;
                self.known.lock().put(key, known.clone());
                known
            }
        };
        if known.is_active { Ok(known.user) } else { Err(Error::Deactivated) }
    }

    async fn look(&self, app: &AppId, proven: &Proven, now: DateTime<Utc>) -> Result<Known> {
        // A session token of ours says the user already.
        let linked = match proven.issuer.as_str() {
            session::ISSUER => None,
            issuer => self.store.identity_user(app, issuer, &proven.subject).await.map_err(unavailable)?,
        };
        let too_long =
            || Error::WrongType { claim: "the user's id".to_owned(), expected: "at most 128 characters long" };
        let user = match linked {
            Some(user) => user,
            None => UserId::parse(&proven.user).map_err(|_bad| too_long())?,
        };
        self.look_at(app, user, now).await
    }

    async fn look_at(&self, app: &AppId, user: UserId, now: DateTime<Utc>) -> Result<Known> {
        let found = self.store.roster_object(app, Kind::User, user.as_str()).await.map_err(unavailable)?;
        let is_active = match found.map(|found| found.object) {
            Some(Object::User(person)) => person.deactivated_at.is_none_or(|since| now < since),
            // Whoever is not in the roster is somebody without any part in it.
            _ => true,
        };
        Ok(Known { user, is_active, at: now })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unavailable(error: store::Error) -> Error {
    tracing::error!(%error, "people cannot be looked up");
    Error::Unavailable { what: "the database" }
}
