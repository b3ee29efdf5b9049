//! Tests of tokens: the right ones of each issuer, and every wrong one.

use super::*;
use crate::{
    domain::app::{App, AppSettings},
    ids::{AppKey, UserId},
};

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

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
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
