//! Who is calling: from a signed token to what it proves.
//!
//! Verifies JWTs of the issuers that the configuration names ([`Verifier`]), the server's own [`session`] tokens and the
//! cookies of its [`guest`]s. The
//! algorithm, the keys and the demands on claims come from the configuration alone; what a token says of itself only chooses
//! among them. Knows neither apps that run nor users: `services::callers` makes a caller of what is proven here.
//! Specification: RFC 7519 (JWT), RFC 7517 (JWK), RFC 8725 (best current practices).

mod claims;
mod crypto;
mod error;
pub mod guest;
mod jwks;
mod jwt;
mod preset;
pub mod session;
#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::DecodingKey;

pub use self::{
    claims::{BadPath, ClaimPath},
    error::{Error, Result},
    jwt::{Algorithm, MAX_TOKEN_BYTES, Peeked, UnknownAlgorithm, peek},
    preset::{Preset, UnknownPreset},
};
use self::{jwks::Jwks, jwt::Rules};
use crate::{domain::app::Secret, ids::AppId, outbound};

/// Where the keys of an issuer come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A secret that issuer and server share (HS256).
    Secret(Secret),
    /// A public key in PEM form.
    Pem(String),
    /// The address of a JWK set, fetched through the guarded client.
    Jwks(String),
}

/// Somebody whose tokens are believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Issuer {
    /// The `iss` of its tokens, character by character; where its tokens have none ([`Preset::has_issuer`]) a name of ours.
    pub issuer: String,
    /// The shape of its tokens.
    pub preset: Preset,
    /// The one algorithm that its tokens are signed with.
    pub algorithm: Algorithm,
    /// Its keys.
    pub keys: KeySource,
    /// Values of `aud` that are for this server. Empty only where [`Preset::has_audience`] says that there is none.
    pub audience: Vec<String>,
    /// Values of `azp` that are believed; empty = not looked at.
    pub authorized_parties: Vec<String>,
    /// Where the user's id stands.
    pub user_claim: ClaimPath,
    /// Where the user's name stands.
    pub name_claim: ClaimPath,
    /// Where the address of the user's picture stands.
    pub avatar_claim: ClaimPath,
    /// The app that its tokens are for; `None` = the default app.
    pub app: Option<AppId>,
    /// Longest time from `iat` to `exp`.
    pub max_lifetime: Duration,
}

impl Issuer {
    /// The key that does not have to be fetched, ready for use.
    fn fixed_key(&self) -> Result<Option<DecodingKey>> {
        match &self.keys {
            KeySource::Secret(secret) => jwt::secret_key(self.algorithm, secret).map(Some),
            KeySource::Pem(text) => jwt::public_key(self.algorithm, text).map(Some),
            KeySource::Jwks(_) => Ok(None),
        }
    }

    /// Checks that the key, as far as it is known, is one for the algorithm.
    ///
    /// # Errors
    /// [`Error::UnusableKey`].
    pub fn check_keys(&self) -> Result<()> {
        self.fixed_key().map(|_key| ())
    }
}

/// What a token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The app that the issuer's tokens are for; `None` = the default app.
    pub app: Option<AppId>,
    /// Who made the token.
    pub issuer: String,
    /// `sub`: how the issuer names the person. Identity links go by it.
    pub subject: String,
    /// The claim that the configuration names for the user's id; often the same as `subject`.
    pub user: String,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// Name, where the token tells one.
    pub name: Option<String>,
    /// Address of a picture, where the token tells one.
    pub avatar: Option<String>,
}

/// Keys of an issuer, ready for use.
#[derive(Debug)]
enum Keys {
    Fixed(Arc<DecodingKey>),
    Jwks(Jwks),
}

#[derive(Debug)]
struct Known {
    issuer: Issuer,
    keys: Keys,
}

/// Verifies the tokens of all configured issuers.
#[derive(Debug, Default)]
pub struct Verifier {
    known: Vec<Known>,
}

impl Verifier {
    /// Reads the keys of the issuers. JWK sets are fetched when the first token needs them.
    ///
    /// # Errors
    /// [`Error::UnusableKey`] when a public key cannot be read or is not for the issuer's algorithm.
    pub fn new(issuers: Vec<Issuer>, outbound: &Arc<outbound::Client>) -> Result<Self> {
        let known = |issuer: Issuer| {
            let keys = match (&issuer.keys, issuer.fixed_key()?) {
                (KeySource::Jwks(url), _) => Keys::Jwks(Jwks::new(url.clone(), issuer.algorithm, Arc::clone(outbound))),
                (_, Some(key)) => Keys::Fixed(Arc::new(key)),
                (_, None) => return Err(Error::UnusableKey { expected: issuer.algorithm.name() }),
            };
            Ok(Known { issuer, keys })
        };
        Ok(Self { known: issuers.into_iter().map(known).collect::<Result<_>>()? })
    }

    /// Verifies a token that [`peek`] has looked into.
    ///
    /// # Errors
    /// What is wrong with the token, or [`Error::Unavailable`] when the issuer's keys cannot be had now.
    ///
    /// # Cancel safety
    /// Dropping it gives up a fetch of keys that it has begun; the next token begins another.
    pub async fn verify(&self, token: &str, peeked: &Peeked, now: DateTime<Utc>) -> Result<Proven> {
        let Known { issuer, keys } = self.choose(peeked)?;
        if peeked.algorithm != Some(issuer.algorithm) {
            return Err(Error::AlgorithmNotAllowed { expected: issuer.algorithm.name() });
        }
        let key = match keys {
            Keys::Fixed(key) => Arc::clone(key),
            Keys::Jwks(jwks) => jwks.key(peeked.kid.as_deref(), now).await?,
        };
        let claims = jwt::verify(token, &key, issuer.algorithm)?;
        let needs_audience = issuer.preset.has_audience() || !issuer.audience.is_empty();
        let rules = Rules {
            issuer: issuer.preset.has_issuer().then_some(issuer.issuer.as_str()),
            audience: needs_audience.then_some(issuer.audience.as_slice()),
            parties: &issuer.authorized_parties,
            dates: issuer.preset.dates(),
            max_lifetime: issuer.max_lifetime,
        };
        let expires_at = jwt::check(&claims, &rules, now)?;
        let subject = claims.id(&ClaimPath::sub())?;
        if issuer.preset.is_client_token(&subject, &peeked.audience) {
            return Err(Error::NotAPerson);
        }
        Ok(Proven {
            app: issuer.app.clone(),
            issuer: issuer.issuer.clone(),
            subject,
            user: claims.id(&issuer.user_claim)?,
            expires_at,
            name: claims.label(&issuer.name_claim),
            avatar: claims.label(&issuer.avatar_claim),
        })
    }

    /// The issuer that the token is of. Those whose tokens have no `iss` are told apart by their audience.
    fn choose(&self, peeked: &Peeked) -> Result<&Known> {
        let is_named = |known: &&Known| match &peeked.issuer {
            Some(name) => known.issuer.preset.has_issuer() && *name == known.issuer.issuer,
            None => !known.issuer.preset.has_issuer(),
        };
        let mut candidates = self.known.iter().filter(is_named);
        let first = candidates.next().ok_or(Error::UnknownIssuer)?;
        let is_for = |known: &&Known| known.issuer.audience.iter().any(|ours| peeked.audience.contains(ours));
        Ok(std::iter::once(first).chain(candidates).find(is_for).unwrap_or(first))
    }
}
