//! The server's own session tokens: HS256, for one app, for a day at most.
//!
//! The key is derived from the app's secret, so that a token dies with the secret and no token of an app's own back end, which
//! may use the secret itself, is ever taken for one of ours.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use ring::hmac::{HMAC_SHA256, Key, Tag, sign};
use serde_json::json;

use super::{
    Algorithm, ClaimPath, Error, Peeked, Proven, Result,
    claims::Dates,
    crypto,
    jwt::{self, Rules},
};
use crate::{
    domain::app::{App, Secret},
    ids::UserId,
};

/// `iss` of the tokens. No configured issuer may have this name.
pub const ISSUER: &str = "campanile";

/// Longest life of a token.
pub const MAX_TTL: Duration = Duration::from_secs(86_400);

/// What the key is derived for.
const PURPOSE: &[u8] = b"campanile session v1";

/// What a token shall say.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// The user.
    pub user: &'a UserId,
    /// Their name, if it shall be told.
    pub name: Option<&'a str>,
    /// Address of their picture, if it shall be told.
    pub avatar: Option<&'a str>,
    /// How long the token is valid; cut to [`MAX_TTL`].
    pub ttl: Duration,
}

fn key(secret: &Secret) -> Tag {
    sign(&Key::new(HMAC_SHA256, secret.expose().as_bytes()), PURPOSE)
}

/// Makes a token under the app's newest secret; `None` when the app has none, which does not happen to apps that are served.
#[must_use]
pub fn issue(app: &App, session: &NewSession<'_>, now: DateTime<Utc>) -> Option<String> {
    crypto::install();
    let issued = now.timestamp();
    let ttl = i64::try_from(session.ttl.min(MAX_TTL).as_secs()).ok()?;
    let mut claims = json!({
        "iss": ISSUER,
        "aud": app.id.as_str(),
        "sub": session.user.as_str(),
        "iat": issued,
        "exp": issued.saturating_add(ttl),
    });
    for (name, value) in [("name", session.name), ("picture", session.avatar)] {
        if let (Some(value), Some(claims)) = (value, claims.as_object_mut()) {
            claims.insert(name.to_owned(), value.into());
        }
    }
    let key = EncodingKey::from_secret(key(app.secrets.first()?).as_ref());
    jsonwebtoken::encode(&Header::new(Algorithm::Hs256.of_crate()), &claims, &key).ok()
}

/// Verifies a token of this app. All active secrets count.
///
/// # Errors
/// What is wrong with the token.
pub fn verify(app: &App, token: &str, peeked: &Peeked, now: DateTime<Utc>) -> Result<Proven> {
    if peeked.algorithm != Some(Algorithm::Hs256) {
        return Err(Error::AlgorithmNotAllowed { expected: Algorithm::Hs256.name() });
    }
    let verified = app.secrets.iter().map(|secret| {
        let key = DecodingKey::from_secret(key(secret).as_ref());
        jwt::verify(token, &key, Algorithm::Hs256)
    });
    let claims = verified.reduce(Result::or).ok_or(Error::BadSignature)??;
    let rules = Rules {
        issuer: Some(ISSUER),
        audience: Some(&[app.id.to_string()]),
        parties: &[],
        dates: Dates::Whole,
        max_lifetime: MAX_TTL,
    };
    let expires_at = jwt::check(&claims, &rules, now)?;
    let subject = claims.id(&ClaimPath::sub())?;
    let label = |name: &str| name.parse().ok().and_then(|path| claims.label(&path));
    Ok(Proven {
        app: Some(app.id.clone()),
        issuer: ISSUER.to_owned(),
        user: subject.clone(),
        subject,
        expires_at,
        name: label("name"),
        avatar: label("picture"),
    })
}
