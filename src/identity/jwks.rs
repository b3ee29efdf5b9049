//! The keys of one issuer, fetched from its JWK set and kept.
//!
//! Kept for [`FRESH`], and while the issuer does not answer for [`STALE`]. A `kid` that is not among them may be a new key, so
//! it is worth one fetch, but only every [`UNKNOWN_KID_PAUSE`]: who invents `kid`s makes nobody else pay. One fetch at a time;
//! who finds its key does not wait for it. Nothing grows with what tokens say.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use parking_lot::Mutex;
use serde::Deserialize;

use super::{Algorithm, Error, Result, jwt::fits};
use crate::outbound;

/// How long keys are taken for the newest.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// How long keys are used when newer ones cannot be had.
const STALE: TimeDelta = TimeDelta::hours(24);

/// Shortest time between two fetches because of unknown `kid`s.
const UNKNOWN_KID_PAUSE: TimeDelta = TimeDelta::seconds(60);

/// Shortest time between a fetch that failed and the next.
const RETRY_PAUSE: TimeDelta = TimeDelta::seconds(10);

/// Most keys of one issuer; further ones are not looked at.
const MAX_KEYS: usize = 100;

#[derive(Debug, Default)]
struct State {
    /// Keys by `kid`; those without one under the empty text.
    keys: HashMap<String, Arc<DecodingKey>>,
    /// When the keys were fetched.
    fetched: Option<DateTime<Utc>>,
    /// When a fetch was last begun.
    tried: Option<DateTime<Utc>>,
}

/// A JWK set that is fetched when needed.
#[derive(Debug)]
pub(super) struct Jwks {
    url: String,
    algorithm: Algorithm,
    outbound: Arc<outbound::Client>,
    /// Read for each token, written by whoever fetches.
    state: Mutex<State>,
    /// Held while fetching.
    fetching: tokio::sync::Mutex<()>,
}

/// What the kept keys say about a `kid`.
enum Lookup {
    Found(Arc<DecodingKey>),
    /// Usable, but newer keys are due.
    Stale(Arc<DecodingKey>),
    /// Newer keys are due, and nothing is known meanwhile.
    Due,
    Unknown,
    /// Nothing usable, and the last try is not long ago.
    Unavailable,
}

impl State {
    fn look(&self, kid: Option<&str>, now: DateTime<Utc>) -> Lookup {
        let age = self.fetched.map(|fetched| now - fetched).filter(|age| *age < STALE);
        let pause = match age {
            Some(age) if age < FRESH => UNKNOWN_KID_PAUSE,
            _ => RETRY_PAUSE,
        };
        let may_fetch = self.tried.is_none_or(|tried| now - tried >= pause);
        match (age, self.find(kid)) {
            (Some(age), Some(key)) if age < FRESH || !may_fetch => Lookup::Found(key),
            (Some(_), Some(key)) => Lookup::Stale(key),
            (_, _) if may_fetch => Lookup::Due,
            (Some(_), None) => Lookup::Unknown,
            (None, _) => Lookup::Unavailable,
        }
    }

    /// The key of this `kid`; without one, the only key there is.
    fn find(&self, kid: Option<&str>) -> Option<Arc<DecodingKey>> {
        match kid {
            Some(kid) => self.keys.get(kid).cloned(),
            None => self.keys.values().next().filter(|_| self.keys.len() == 1).cloned(),
        }
    }
}

impl Jwks {
    pub(super) fn new(url: String, algorithm: Algorithm, outbound: Arc<outbound::Client>) -> Self {
        Self { url, algorithm, outbound, state: Mutex::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The key for a token.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], or [`Error::Unavailable`] when there are no keys to look at.
    ///
    /// # Cancel safety
    /// A fetch that is given up counts as a try; the keys stay as they were.
    pub(super) async fn key(&self, kid: Option<&str>, now: DateTime<Utc>) -> Result<Arc<DecodingKey>> {
        let look = || self.state.lock().look(kid, now);
        let first = look();
        let _fetching = match &first {
            Lookup::Found(_) => return outcome(first),
            // Somebody else is at it already.
            Lookup::Stale(_) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_busy) => return outcome(first),
            },
            // What is being fetched may hold the key.
            Lookup::Unknown | Lookup::Unavailable => match self.fetching.try_lock() {
                Ok(_idle) => return outcome(first),
                Err(_busy) => self.fetching.lock().await,
            },
            Lookup::Due => self.fetching.lock().await,
        };
        // Whoever was there before may have brought it.
        let again = look();
        if let Lookup::Due | Lookup::Stale(_) = &again {
            self.fetch(now).await;
            return outcome(look());
        }
        outcome(again)
    }

    async fn fetch(&self, now: DateTime<Utc>) {
        self.state.lock().tried = Some(now);
        let read = |body: &[u8]| keys(body, self.algorithm).ok_or("it is no JWK set");
        match self.outbound.get(&self.url).await {
            Ok(body) => match read(&body) {
                Ok(keys) => {
                    let mut state = self.state.lock();
                    state.keys = keys;
                    state.fetched = Some(now);
                }
                Err(error) => self.complain(&error),
            },
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&self, error: &dyn std::fmt::Display) {
        let keeps = !self.state.lock().keys.is_empty();
        tracing::warn!(url = self.url, %error, keeps, "keys of an issuer cannot be fetched");
    }
}

fn outcome(lookup: Lookup) -> Result<Arc<DecodingKey>> {
    match lookup {
        Lookup::Found(key) | Lookup::Stale(key) => Ok(key),
        Lookup::Unknown => Err(Error::UnknownKey),
        Lookup::Due | Lookup::Unavailable => Err(Error::Unavailable { what: "the issuer's keys" }),
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set that can verify this algorithm; keys of other kinds are left out. `None` when it is no set or none is
/// left: what is known already is better than that.
fn keys(body: &[u8], algorithm: Algorithm) -> Option<HashMap<String, Arc<DecodingKey>>> {
    let set: Set = serde_json::from_slice(body).ok()?;
    let usable = set.keys.into_iter().take(MAX_KEYS).filter_map(|value| {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|key| is_for(&jwk, algorithm) && fits(key, algorithm))?;
        Some((jwk.common.key_id.unwrap_or_default(), Arc::new(key)))
    });
    let usable: HashMap<_, _> = usable.collect();
    (!usable.is_empty()).then_some(usable)
}

/// Tells whether a key is meant for verifying with this algorithm. A secret in a public set never is.
fn is_for(jwk: &Jwk, algorithm: Algorithm) -> bool {
    let common = &jwk.common;
    let is_signature = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_algorithm = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm.of_crate()));
    let is_kind = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::Rs256 | Algorithm::Ps256) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::Es256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(pair), Algorithm::EdDsa) => pair.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    is_signature && is_algorithm && is_kind
}
