//! One JWT: its form, its signature, and whether it counts now and here.

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::{DecodingKey, DecodingKeyKind, Validation, errors::ErrorKind};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Error, Result,
    claims::{Claims, Dates},
    crypto,
};
use crate::domain::app::Secret;

/// Longest token in bytes.
pub const MAX_TOKEN_BYTES: usize = 8_192;

/// Longest `kid` in characters.
const MAX_KID_CHARACTERS: usize = 128;

/// How far the issuer's clock may be off, in seconds.
const LEEWAY: i64 = 30;

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA PKCS #1 v1.5 with SHA-256; 2,048 to 8,192 bits.
    Rs256,
    /// RSA PSS with SHA-256; 2,048 to 8,192 bits.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Hs256, Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// Its name in `alg` (RFC 7518 section 3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) const fn of_crate(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// The text names no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HS256, RS256, PS256, ES256 or EdDSA")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownAlgorithm> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text)).ok_or(UnknownAlgorithm)
    }
}

/// What a token says of itself, not verified: good for choosing who verifies it, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`, one or many.
    pub audience: Vec<String>,
    /// `alg`; `None` = one that this server does not speak, or `none`.
    pub(super) algorithm: Option<Algorithm>,
    /// `kid`.
    pub(super) kid: Option<String>,
}

/// The parts of a header that decide.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    jwk: Option<Value>,
    jku: Option<Value>,
    x5u: Option<Value>,
    x5c: Option<Value>,
    crit: Option<Value>,
}

/// Looks into a token without believing it. Refuses what no issuer's token may have.
///
/// # Errors
/// When the text is too long, is no JWT, or has a header that is never accepted.
pub fn peek(token: &str) -> Result<Peeked> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Error::TooLong { max: MAX_TOKEN_BYTES, got: token.len() });
    }
    let [header, payload, signature] = parts(token).ok_or(Error::Malformed)?;
    if signature.is_empty() {
        return Err(Error::BadSignature);
    }
    let head: Head = part(header)?;
    let forbidden =
        [("jwk", &head.jwk), ("jku", &head.jku), ("x5u", &head.x5u), ("x5c", &head.x5c), ("crit", &head.crit)];
    if let Some((name, _)) = forbidden.into_iter().find(|(_, value)| value.is_some()) {
        return Err(Error::HeaderNotAllowed { name });
    }
    if head.kid.as_ref().is_some_and(|kid| kid.chars().count() > MAX_KID_CHARACTERS) {
        return Err(Error::KeyIdTooLong);
    }
    let claims: Claims = part(payload)?;
    let optional = |found: Result<Vec<&str>>| match found {
        Err(Error::MissingClaim { .. }) => Ok(Vec::new()),
        other => other.map(|texts| texts.into_iter().map(str::to_owned).collect()),
    };
    let issuer = match claims.text("iss") {
        Err(Error::MissingClaim { .. }) => None,
        other => Some(other?.to_owned()),
    };
    Ok(Peeked {
        issuer,
        audience: optional(claims.texts("aud"))?,
        // Exactly as it is written: `alg` is case-sensitive.
        algorithm: Algorithm::ALL.iter().copied().find(|algorithm| algorithm.name() == head.alg),
        kid: head.kid,
    })
}

fn parts(token: &str) -> Option<[&str; 3]> {
    let mut parts = token.split('.');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_no_base64| Error::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_no_json| Error::Malformed)
}

/// The key for a shared secret.
pub(super) fn secret_key(algorithm: Algorithm, secret: &Secret) -> Result<DecodingKey> {
    match algorithm {
        Algorithm::Hs256 => Ok(DecodingKey::from_secret(secret.expose().as_bytes())),
        other => Err(Error::UnusableKey { expected: other.name() }),
    }
}

/// The key in a PEM text. A private key is refused: it has no business here.
pub(super) fn public_key(algorithm: Algorithm, pem: &str) -> Result<DecodingKey> {
    let unusable = || Error::UnusableKey { expected: algorithm.name() };
    if pem.contains("PRIVATE KEY") {
        return Err(unusable());
    }
    let read = match algorithm {
        Algorithm::Hs256 => return Err(unusable()),
        Algorithm::Rs256 | Algorithm::Ps256 => DecodingKey::from_rsa_pem,
        Algorithm::Es256 => DecodingKey::from_ec_pem,
        Algorithm::EdDsa => DecodingKey::from_ed_pem,
    };
    read(pem.trim().as_bytes()).ok().filter(|key| fits(key, algorithm)).ok_or_else(unusable)
}

/// Tells whether a public key has the size that the algorithm takes. Others would be refused with each token; so they are not
/// kept in the first place.
pub(super) fn fits(key: &DecodingKey, algorithm: Algorithm) -> bool {
    /// Bytes of a modulus of 2,048 bits, and the few that a key of 8,192 has around it.
    const RSA: std::ops::RangeInclusive<usize> = 256..=1_024 + 16;
    let length = match key.kind() {
        DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
    };
    match algorithm {
        Algorithm::Hs256 => false,
        Algorithm::Rs256 | Algorithm::Ps256 => RSA.contains(&length),
        // An uncompressed point on P-256: a mark and two numbers of 32 bytes.
        Algorithm::Es256 => length == 65,
        Algorithm::EdDsa => length == 32,
    }
}

/// Verifies the signature with this key and this algorithm, whatever the header says. Looks at no claim.
pub(super) fn verify(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims> {
    crypto::install();
    let mut validation = Validation::new(algorithm.of_crate());
    // The crate reads the clock of the machine and rounds what is no whole number; `check` does neither.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode(token, key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => Error::BadSignature,
            ErrorKind::InvalidAlgorithm => Error::AlgorithmNotAllowed { expected: algorithm.name() },
            _ => Error::Malformed,
        }),
    }
}

/// What the claims of a token must say.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// `iss`; `None` = the issuer's tokens have none.
    pub(super) issuer: Option<&'a str>,
    /// Values of `aud` of which the token must have one; `None` = the issuer's tokens have none.
    pub(super) audience: Option<&'a [String]>,
    /// Values of `azp` of which the token must have one; empty = not looked at.
    pub(super) parties: &'a [String],
    pub(super) dates: Dates,
    pub(super) max_lifetime: Duration,
}

/// Checks the claims and tells when the token ends.
pub(super) fn check(claims: &Claims, rules: &Rules<'_>, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    if let Some(issuer) = rules.issuer
        && claims.text("iss")? != issuer
    {
        return Err(Error::UnknownIssuer);
    }
    if let Some(audience) = rules.audience
        && !claims.texts("aud")?.iter().any(|one| audience.iter().any(|ours| ours == one))
    {
        return Err(Error::WrongAudience);
    }
    if !rules.parties.is_empty() && !rules.parties.iter().any(|party| claims.text("azp") == Ok(party.as_str())) {
        claims.text("azp")?;
        return Err(Error::WrongParty);
    }
    times(claims, rules, now.timestamp())
}

fn times(claims: &Claims, rules: &Rules<'_>, now: i64) -> Result<DateTime<Utc>> {
    let at = |name| claims.seconds(name, rules.dates);
    let expires = at("exp")?.ok_or_else(|| Error::MissingClaim { claim: "exp".to_owned() })?;
    let (not_before, issued) = (at("nbf")?, at("iat")?);
    if now >= expires + LEEWAY {
        return Err(Error::Expired);
    }
    if [not_before, issued].into_iter().flatten().any(|begin| begin > now + LEEWAY) {
        return Err(Error::NotYetValid);
    }
    let max = rules.max_lifetime.as_secs();
    if u64::try_from(expires - issued.unwrap_or(now)).is_ok_and(|lifetime| lifetime > max) {
        return Err(Error::LivesTooLong { max });
    }
    DateTime::from_timestamp(expires, 0)
        .ok_or_else(|| Error::WrongType { claim: "exp".to_owned(), expected: "a time before the year 10000" })
}
