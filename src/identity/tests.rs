//! Tests of tokens: the right ones of each issuer, and every wrong one.
//!
//! Tokens are made here by hand, so that also those can be made that no library would make. The keys are for these tests only.

mod claims;
mod forged;
mod jwks;
mod presets;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::hmac::{HMAC_SHA256, Key as HmacKey, sign};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::app::{App, AppSettings},
    ids::{AppKey, UserId},
};

const RSA_PUBLIC: &str = include_str!("tests/rsa.pub");
const EC_PUBLIC: &str = include_str!("tests/ec.pub");
const ED_PUBLIC: &str = include_str!("tests/ed.pub");

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://issuer.example";

/// What a token is signed with.
#[derive(Debug, Clone, Copy)]
enum SignedBy<'a> {
    Secret(&'a str),
    Rsa,
    Pss,
    Ec,
    Ed,
}

/// The private key in a PEM text, as `ring` takes it.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn rsa(padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(&der(include_str!("tests/rsa.key"))).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

impl SignedBy<'_> {
    const fn algorithm(self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Rsa => "RS256",
            Self::Pss => "PS256",
            Self::Ec => "ES256",
            Self::Ed => "EdDSA",
        }
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Secret(secret) => sign(&HmacKey::new(HMAC_SHA256, secret.as_bytes()), message).as_ref().to_vec(),
            Self::Rsa => rsa(&RSA_PKCS1_SHA256, message),
            Self::Pss => rsa(&RSA_PSS_SHA256, message),
            Self::Ec => {
                let (key, random) = (der(include_str!("tests/ec.key")), SystemRandom::new());
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random).unwrap();
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(include_str!("tests/ed.key"))).unwrap();
                pair.sign(message).as_ref().to_vec()
            }
        }
    }
}

/// A token with this header and these claims, as they stand.
fn raw(by: SignedBy<'_>, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(by.sign(message.as_bytes())))
}

/// A token with a right header.
fn token(by: SignedBy<'_>, claims: &Value) -> String {
    raw(by, &json!({ "alg": by.algorithm(), "typ": "JWT" }).to_string(), &claims.to_string())
}

/// A token under a shared secret.
pub(crate) fn hs256(secret: &str, claims: &Value) -> String {
    token(SignedBy::Secret(secret), claims)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// Claims that are right for an hour.
fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "campus", "sub": "7", "iat": at(0).timestamp(), "exp": at(3_600).timestamp() })
}

/// The same with one claim changed, or taken out.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
        value => claims[name] = value,
    }
    claims
}

fn issuer(algorithm: Algorithm, keys: KeySource) -> Issuer {
    Issuer {
        issuer: ISSUER.to_owned(),
        preset: Preset::Generic,
        algorithm,
        keys,
        audience: vec!["campus".to_owned()],
        authorized_parties: Vec::new(),
        user_claim: ClaimPath::sub(),
        name_claim: "name".parse().unwrap(),
        avatar_claim: "picture".parse().unwrap(),
        app: None,
        max_lifetime: Duration::from_secs(86_400),
    }
}

fn shared() -> Issuer {
    issuer(Algorithm::Hs256, KeySource::Secret(Secret::new(SECRET)))
}

fn public(algorithm: Algorithm, pem: &str) -> Issuer {
    issuer(algorithm, KeySource::Pem(pem.to_owned()))
}

/// A verifier that may ask the hosts and networks in `allow`.
pub(crate) fn verifier(issuers: Vec<Issuer>, allow: &str) -> Verifier {
    let allow = allow.split(' ').filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect();
    let outbound = outbound::Client::new(&outbound::Config { allow, ca: None }).unwrap();
    Verifier::new(issuers, &Arc::new(outbound)).unwrap()
}

/// What one issuer's verifier makes of a token.
async fn verify(issuer: Issuer, token: &str, now: DateTime<Utc>) -> Result<Proven> {
    verifier(vec![issuer], "").verify(token, &peek(token)?, now).await
}

fn app(secrets: &[&str]) -> App {
    App {
        id: AppId::parse("campus").unwrap(),
        key: AppKey::parse("campus-key").unwrap(),
        name: "Campus".to_owned(),
        secrets: secrets.iter().map(|secret| Secret::new(secret)).collect(),
        enabled: true,
        settings: AppSettings::default(),
    }
}

#[tokio::test]
async fn every_algorithm_verifies_what_was_signed_with_it() {
    for (by, issuer) in [
        (SignedBy::Secret(SECRET), shared()),
        (SignedBy::Rsa, public(Algorithm::Rs256, RSA_PUBLIC)),
        (SignedBy::Pss, public(Algorithm::Ps256, RSA_PUBLIC)),
        (SignedBy::Ec, public(Algorithm::Es256, EC_PUBLIC)),
        (SignedBy::Ed, public(Algorithm::EdDsa, ED_PUBLIC)),
    ] {
        let proven = verify(issuer, &token(by, &claims()), at(0)).await.unwrap();
        assert_eq!((&*proven.user, proven.expires_at), ("7", at(3_600)), "{by:?}");
    }
}

#[test]
fn key_of_another_kind_than_the_algorithm_is_no_key() {
    for (algorithm, pem) in [
        (Algorithm::Rs256, EC_PUBLIC),
        (Algorithm::Rs256, ED_PUBLIC),
        (Algorithm::Rs256, include_str!("tests/rsa-1024.pub")),
        (Algorithm::Es256, include_str!("tests/ec-p384.pub")),
        (Algorithm::Es256, RSA_PUBLIC),
        (Algorithm::EdDsa, EC_PUBLIC),
        (Algorithm::Hs256, RSA_PUBLIC),
        (Algorithm::Rs256, include_str!("tests/rsa.key")),
        (Algorithm::Rs256, "no key"),
    ] {
        assert_eq!(public(algorithm, pem).check_keys(), Err(Error::UnusableKey { expected: algorithm.name() }));
    }
}

#[test]
fn session_token_counts_under_both_secrets_and_not_after_they_are_gone() {
    let user = UserId::parse("7").unwrap();
    let new = session::NewSession { user: &user, name: Some("Student"), avatar: None, ttl: Duration::from_secs(60) };
    let token = session::issue(&app(&["old-secret"]), &new, at(0)).unwrap();
    let peeked = peek(&token).unwrap();
    assert_eq!((peeked.issuer.as_deref(), &*peeked.audience), (Some("campanile"), &["campus".to_owned()][..]));
    let proven = session::verify(&app(&["new-secret", "old-secret"]), &token, &peeked, at(0)).unwrap();
    assert_eq!((&*proven.user, proven.name.as_deref(), proven.expires_at), ("7", Some("Student"), at(60)));
    let retired = session::verify(&app(&["new-secret"]), &token, &peeked, at(0));
    assert_eq!(retired, Err(Error::BadSignature));
}

#[test]
fn session_token_lives_a_day_at_most_and_is_not_signed_with_the_secret_itself() {
    let user = UserId::parse("7").unwrap();
    let new = session::NewSession { user: &user, name: None, avatar: None, ttl: Duration::from_secs(1_000_000) };
    let token = session::issue(&app(&[SECRET]), &new, at(0)).unwrap();
    let proven = session::verify(&app(&[SECRET]), &token, &peek(&token).unwrap(), at(0)).unwrap();
    assert_eq!(proven.expires_at, at(86_400));
    let mut claims = with("iss", "campanile".into());
    let own = hs256(SECRET, &claims);
    assert_eq!(session::verify(&app(&[SECRET]), &own, &peek(&own).unwrap(), at(0)), Err(Error::BadSignature));
    claims["aud"] = "other".into();
    let other = App { id: AppId::parse("other").unwrap(), ..app(&[SECRET]) };
    let of_other = session::verify(&other, &token, &peek(&token).unwrap(), at(0));
    assert_eq!(of_other, Err(Error::WrongAudience), "the same secret, another app");
}
