//! Tokens as the well-known issuers make them.

use super::*;

fn preset(preset: Preset, issuer: &str) -> Issuer {
    let (name, avatar) = preset.profile_claims();
    Issuer {
        issuer: issuer.to_owned(),
        preset,
        audience: preset.audience().iter().map(ToString::to_string).collect(),
        name_claim: name.parse().unwrap(),
        avatar_claim: avatar.parse().unwrap(),
        max_lifetime: preset.max_lifetime(),
        ..public(preset.algorithm().unwrap_or(Algorithm::Rs256), RSA_PUBLIC)
    }
}

#[tokio::test]
async fn clerk_has_no_audience_and_its_authorized_party_is_demanded() {
    let clerk = Issuer {
        authorized_parties: vec!["https://school.example".to_owned()],
        ..preset(Preset::Clerk, "https://clerk.school.example")
    };
    let claims = |party: Value| {
        json!({
            "iss": "https://clerk.school.example", "sub": "user_2abc", "sid": "sess_1", "azp": party,
            "iat": at(0).timestamp(), "nbf": at(-10).timestamp(), "exp": at(60).timestamp(), "v": 2,
        })
    };
    let verdict = async |claims: &Value| verify(clerk.clone(), &token(SignedBy::Rsa, claims), at(0)).await;
    let proven = verdict(&claims("https://school.example".into())).await.unwrap();
    assert_eq!((&*proven.user, proven.name), ("user_2abc", None));
    assert_eq!(verdict(&claims("https://evil.example".into())).await, Err(Error::WrongParty));
    assert!(matches!(verdict(&claims(json!(7))).await, Err(Error::WrongType { .. })));
    let mut without = claims(json!(""));
    without.as_object_mut().unwrap().remove("azp");
    assert_eq!(verdict(&without).await, Err(Error::MissingClaim { claim: "azp".to_owned() }));
}

/// What Passport makes: no issuer, times with microseconds, a year to live.
fn passport(audience: &str, subject: &str) -> Value {
    json!({
        "aud": audience, "jti": "b51a0da2", "iat": 1_800_000_000.152_245, "nbf": 1_800_000_000.152_245,
        "exp": 1_831_536_000.123_882, "sub": subject, "scopes": ["*"],
    })
}

#[tokio::test]
async fn passport_has_no_issuer_writes_fractions_and_lives_for_a_year() {
    let client =
        |audience: &str, name: &str| Issuer { audience: vec![audience.to_owned()], ..preset(Preset::Passport, name) };
    let both = verifier(vec![client("client-1", "one"), client("client-2", "two")], "");
    let verdict = async |claims: &Value| {
        let token = token(SignedBy::Rsa, claims);
        both.verify(&token, &peek(&token).unwrap(), at(1)).await
    };
    let proven = verdict(&passport("client-2", "7")).await.unwrap();
    assert_eq!((&*proven.issuer, &*proven.user, proven.expires_at), ("two", "7", at(31_536_000)));
    assert_eq!(verdict(&passport("client-1", "7")).await.unwrap().issuer, "one");
    assert_eq!(verdict(&passport("client-3", "7")).await, Err(Error::WrongAudience));
    let mut named = passport("client-1", "7");
    named["iss"] = "one".into();
    assert_eq!(verdict(&named).await, Err(Error::UnknownIssuer));
    let mut text = passport("client-1", "7");
    text["exp"] = "1831536000.123882".into();
    assert!(matches!(verdict(&text).await, Err(Error::WrongType { .. })));
}

#[tokio::test]
async fn token_of_a_passport_client_without_a_user_names_no_person() {
    let issuer = Issuer { audience: vec!["3".to_owned()], ..preset(Preset::Passport, "passport") };
    for subject in ["", "3"] {
        let refused = verify(issuer.clone(), &token(SignedBy::Rsa, &passport("3", subject)), at(1)).await;
        assert!(matches!(refused, Err(Error::WrongType { .. } | Error::NotAPerson)), "{subject:?}: {refused:?}");
    }
}

#[tokio::test]
async fn auth0_and_supabase_are_told_by_issuer_and_audience() {
    let auth0 = Issuer {
        audience: vec!["https://rt.school.example".to_owned()],
        ..preset(Preset::Auth0, "https://t.auth0.com/")
    };
    let claims = json!({
        "iss": "https://t.auth0.com/", "sub": "auth0|7", "aud": ["https://rt.school.example", "https://t.auth0.com/userinfo"],
        "iat": at(0).timestamp(), "exp": at(86_400).timestamp(), "azp": "client", "scope": "openid profile",
    });
    assert_eq!(verify(auth0, &token(SignedBy::Rsa, &claims), at(0)).await.unwrap().user, "auth0|7");

    let issuer = "https://ref.supabase.co/auth/v1";
    let claims = json!({
        "iss": issuer, "sub": "8e0f", "aud": "authenticated", "iat": at(0).timestamp(), "exp": at(3_600).timestamp(),
        "role": "authenticated", "user_metadata": { "full_name": "Student", "avatar_url": "https://a.example/7.png" },
    });
    let keys = KeySource::Secret(Secret::new(SECRET));
    let shared = Issuer { algorithm: Algorithm::Hs256, keys, ..preset(Preset::Supabase, issuer) };
    let signed = Issuer { keys: KeySource::Pem(EC_PUBLIC.to_owned()), ..preset(Preset::Supabase, issuer) };
    for (issuer, by) in [(shared, SignedBy::Secret(SECRET)), (signed, SignedBy::Ec)] {
        let proven = verify(issuer, &token(by, &claims), at(0)).await.unwrap();
        assert_eq!(
            (proven.name.as_deref(), proven.avatar.as_deref()),
            (Some("Student"), Some("https://a.example/7.png"))
        );
    }
}

#[test]
fn key_sets_of_presets_stand_below_the_issuer() {
    for (preset, issuer, url) in [
        (Preset::Clerk, "https://clerk.school.example", Some("https://clerk.school.example/.well-known/jwks.json")),
        (Preset::Auth0, "https://t.auth0.com/", Some("https://t.auth0.com/.well-known/jwks.json")),
        (
            Preset::Supabase,
            "https://r.supabase.co/auth/v1",
            Some("https://r.supabase.co/auth/v1/.well-known/jwks.json"),
        ),
        (Preset::Passport, "passport", None),
        (Preset::Generic, "https://issuer.example", None),
    ] {
        assert_eq!(preset.jwks_url(issuer).as_deref(), url);
    }
}
