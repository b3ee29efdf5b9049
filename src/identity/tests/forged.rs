//! Tokens that were changed or made by somebody else, and those that ask for another way to be verified (T24).

use super::*;

/// A token of the right claims under another header.
fn headed(by: SignedBy<'_>, header: &Value) -> String {
    raw(by, &header.to_string(), &claims().to_string())
}

#[tokio::test]
async fn algorithm_is_the_configured_one_whatever_the_header_says() {
    let expected = |issuer: &Issuer| Err(Error::AlgorithmNotAllowed { expected: issuer.algorithm.name() });
    let rsa = || public(Algorithm::Rs256, RSA_PUBLIC);
    // The classic: the public key, which everybody knows, as the secret of an HMAC.
    for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_end()] {
        let confused = token(SignedBy::Secret(secret), &claims());
        assert_eq!(verify(rsa(), &confused, at(0)).await, expected(&rsa()));
        let lying = headed(SignedBy::Secret(secret), &json!({ "alg": "RS256" }));
        assert_eq!(verify(rsa(), &lying, at(0)).await, Err(Error::BadSignature));
    }
    for name in ["none", "None", "NONE", "nOnE", "", "HS384", "RS512", "hs256", "ES256K"] {
        let named = headed(SignedBy::Secret(SECRET), &json!({ "alg": name }));
        assert_eq!(verify(shared(), &named, at(0)).await, expected(&shared()), "{name}");
        let unsigned = format!("{}.", named.rsplit_once('.').unwrap().0);
        assert_eq!(verify(shared(), &unsigned, at(0)).await, Err(Error::BadSignature), "{name}");
    }
    for (by, issuer) in [
        (SignedBy::Ec, rsa()),
        (SignedBy::Pss, rsa()),
        (SignedBy::Rsa, public(Algorithm::Ps256, RSA_PUBLIC)),
        (SignedBy::Rsa, public(Algorithm::Es256, EC_PUBLIC)),
        (SignedBy::Rsa, shared()),
        (SignedBy::Ed, public(Algorithm::Es256, EC_PUBLIC)),
    ] {
        assert_eq!(verify(issuer.clone(), &token(by, &claims()), at(0)).await, expected(&issuer), "{by:?}");
        // The same signature under the name that would be right.
        let renamed = headed(by, &json!({ "alg": issuer.algorithm.name() }));
        assert_eq!(verify(issuer, &renamed, at(0)).await, Err(Error::BadSignature), "{by:?}");
    }
}

#[tokio::test]
async fn what_was_changed_or_signed_by_others_is_refused() {
    let good = token(SignedBy::Secret(SECRET), &claims());
    let other = token(SignedBy::Secret("another secret"), &claims());
    assert_eq!(verify(shared(), &other, at(0)).await, Err(Error::BadSignature));
    let claims_of_admin = URL_SAFE_NO_PAD.encode(with("sub", "1".into()).to_string());
    let parts: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{good}") };
    assert_eq!(
        verify(shared(), &format!("{header}.{claims_of_admin}.{signature}"), at(0)).await,
        Err(Error::BadSignature)
    );
    for bad in [
        format!("{header}.{payload}.{}", &signature[..signature.len() - 3]),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", &other[other.rfind('.').unwrap() + 1..]),
    ] {
        assert_eq!(verify(shared(), &bad, at(0)).await, Err(Error::BadSignature), "{bad}");
    }
    for bad in [
        String::new(),
        "..".to_owned(),
        ".".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.{payload}"),
        format!("{good}.x"),
        format!("{good}.."),
        format!(" {good}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        raw(SignedBy::Secret(SECRET), "[]", "{}"),
        raw(SignedBy::Secret(SECRET), r#"{"alg":"HS256"}"#, "[]"),
        raw(SignedBy::Secret(SECRET), r#"{"alg":"HS256"}"#, "7"),
        raw(SignedBy::Secret(SECRET), r#"{"alg":["HS256"]}"#, "{}"),
        raw(SignedBy::Secret(SECRET), r#"{"alg":"HS256","alg":"none"}"#, "{}"),
        raw(SignedBy::Secret(SECRET), r#"{"typ":"JWT"}"#, "{}"),
    ] {
        let refused = verify(shared(), &bad, at(0)).await;
        assert!(matches!(refused, Err(Error::Malformed | Error::BadSignature)), "{bad}: {refused:?}");
    }
}

#[tokio::test]
async fn keys_and_extensions_in_the_header_are_refused_although_the_signature_is_right() {
    for name in ["jwk", "jku", "x5u", "x5c", "crit"] {
        for value in
            [json!("https://evil.example/jwks.json"), json!({ "kty": "oct", "k": "AAAA" }), json!(["exp"]), json!([])]
        {
            let token = headed(SignedBy::Secret(SECRET), &json!({ "alg": "HS256", name: value }));
            assert_eq!(verify(shared(), &token, at(0)).await, Err(Error::HeaderNotAllowed { name }), "{value}");
        }
    }
}

#[tokio::test]
async fn a_claim_that_stands_twice_is_refused() {
    let text = claims().to_string();
    for double in [r#","sub":"1"}"#, r#","exp":9999999999}"#, r#","x":1,"x":1}"#] {
        let doubled = text.replace('}', double);
        let token = raw(SignedBy::Secret(SECRET), r#"{"alg":"HS256"}"#, &doubled);
        assert_eq!(verify(shared(), &token, at(0)).await, Err(Error::Malformed), "{doubled}");
    }
}

#[tokio::test]
async fn tokens_and_key_ids_are_accepted_at_their_limit_and_refused_beyond() {
    let padded = |length: usize| token(SignedBy::Secret(SECRET), &with("pad", "x".repeat(length).into()));
    let fits = (0..).map(padded).find(|token| token.len() >= MAX_TOKEN_BYTES - 1).map(|token| token.len());
    let length = (5_000..7_000).find(|length| padded(*length).len() == MAX_TOKEN_BYTES);
    let length = length.unwrap_or_else(|| panic!("no token of that length, one of {fits:?}"));
    assert!(verify(shared(), &padded(length), at(0)).await.is_ok());
    let over = padded(length + 1);
    assert_eq!(verify(shared(), &over, at(0)).await, Err(Error::TooLong { max: MAX_TOKEN_BYTES, got: over.len() }));

    let kid = |length| headed(SignedBy::Secret(SECRET), &json!({ "alg": "HS256", "kid": "k".repeat(length) }));
    assert!(verify(shared(), &kid(128), at(0)).await.is_ok());
    assert_eq!(verify(shared(), &kid(129), at(0)).await, Err(Error::KeyIdTooLong));
    // A path or a query in it is a name like any other.
    for name in ["../../etc/passwd", "' OR 1=1 --", "\u{0}"] {
        let token = headed(SignedBy::Secret(SECRET), &json!({ "alg": "HS256", "kid": name }));
        assert!(verify(shared(), &token, at(0)).await.is_ok(), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_looked_into_without_a_panic(text in "[ -~]{0,80}", dots in "[a-zA-Z0-9_.-]{0,80}") {
        let _ = (peek(&text), peek(&dots));
    }
}
