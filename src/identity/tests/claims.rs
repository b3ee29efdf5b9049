//! Claims that are missing, of the wrong type, or for another time or place (T25).

use super::*;

async fn verdict(claims: &Value, now: i64) -> Result<Proven> {
    verify(shared(), &token(SignedBy::Secret(SECRET), claims), at(now)).await
}

#[tokio::test]
async fn exp_iss_aud_and_the_user_are_needed() {
    for claim in ["exp", "aud", "sub"] {
        let missing = Error::MissingClaim { claim: claim.to_owned() };
        assert_eq!(verdict(&with(claim, Value::Null), 0).await, Err(missing));
    }
    assert_eq!(verdict(&with("iss", Value::Null), 0).await, Err(Error::UnknownIssuer));
    assert!(verdict(&with("iat", Value::Null), 0).await.is_ok());
}

/// Lists and objects make the library stumble before they are looked at.
#[track_caller]
fn assert_told(refused: &Result<Proven>, claim: &str, value: &Value) {
    let is_told = matches!(refused, Err(Error::WrongType { claim: named, .. }) if named == claim);
    let is_nested = value.is_array() || value.is_object();
    assert!(is_told || (is_nested && *refused == Err(Error::Malformed)), "{claim} {value}: {refused:?}");
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_refused_and_never_taken_for_missing() {
    let times = [
        json!("1800003600"),
        json!(1_800_003_600.5),
        json!(1_800_003_600.0),
        json!(-1),
        json!(9_223_372_036_854_775_808_u64),
        json!(u64::MAX),
        json!(1e300),
        json!([1_800_003_600]),
        json!({}),
        json!(true),
    ];
    for claim in ["exp", "nbf", "iat"] {
        for value in &times {
            let refused = verdict(&with(claim, value.clone()), 0).await;
            assert_told(&refused, claim, value);
        }
        // JSON's null is a value of the wrong type too.
        let text = with(claim, json!("NULL")).to_string().replace("\"NULL\"", "null");
        let token = raw(SignedBy::Secret(SECRET), r#"{"alg":"HS256"}"#, &text);
        let refused = verify(shared(), &token, at(0)).await;
        assert!(matches!(refused, Err(Error::WrongType { .. })), "{claim} null: {refused:?}");
    }
    for (claim, value) in [
        ("iss", json!(7)),
        ("iss", json!([ISSUER])),
        ("aud", json!(7)),
        ("aud", json!({ "campus": true })),
        ("aud", json!(["campus", 7])),
        ("sub", json!(["7"])),
        ("sub", json!("")),
        ("sub", json!(-7)),
        ("sub", json!(7.5)),
        ("sub", json!(true)),
    ] {
        let refused = verdict(&with(claim, value.clone()), 0).await;
        assert_told(&refused, claim, &value);
    }
    assert_eq!(verdict(&with("sub", json!(7)), 0).await.unwrap().user, "7");
}

#[tokio::test]
async fn times_count_to_the_second_with_half_a_minute_of_grace() {
    assert!(verdict(&claims(), 3_629).await.is_ok());
    assert_eq!(verdict(&claims(), 3_630).await, Err(Error::Expired));
    for claim in ["nbf", "iat"] {
        let later = with(claim, json!(at(100).timestamp()));
        assert!(verdict(&later, 70).await.is_ok(), "{claim}");
        assert_eq!(verdict(&later, 69).await, Err(Error::NotYetValid), "{claim}");
    }
}

#[tokio::test]
async fn token_may_not_live_longer_than_its_issuer_is_allowed() {
    assert!(verdict(&with("exp", json!(at(86_400).timestamp())), 0).await.is_ok());
    let long = with("exp", json!(at(86_401).timestamp()));
    assert_eq!(verdict(&long, 0).await, Err(Error::LivesTooLong { max: 86_400 }));
    // Later it would have less than a day left, and was still made for more.
    assert_eq!(verdict(&long, 10_000).await, Err(Error::LivesTooLong { max: 86_400 }));
    let mut unknown = with("iat", Value::Null);
    unknown["exp"] = json!(at(86_401).timestamp());
    assert_eq!(verdict(&unknown, 0).await, Err(Error::LivesTooLong { max: 86_400 }));
    assert!(verdict(&unknown, 1).await.is_ok());
}

#[tokio::test]
async fn audience_is_one_of_ours_character_by_character() {
    assert!(verdict(&with("aud", json!(["other", "campus"])), 0).await.is_ok());
    for wrong in [json!("other"), json!("Campus"), json!("campus "), json!(""), json!([]), json!(["campus/"])] {
        assert_eq!(verdict(&with("aud", wrong.clone()), 0).await, Err(Error::WrongAudience), "{wrong}");
    }
}

#[tokio::test]
async fn issuer_is_compared_character_by_character() {
    for wrong in ["https://issuer.example/", "HTTPS://issuer.example", "https://issuer.example.evil.example", ""] {
        assert_eq!(verdict(&with("iss", wrong.into()), 0).await, Err(Error::UnknownIssuer), "{wrong}");
    }
}

#[tokio::test]
async fn key_of_one_issuer_signs_for_no_other() {
    let second = Issuer {
        issuer: "https://second.example".to_owned(),
        keys: KeySource::Secret(Secret::new("another secret of 32 bytes here!")),
        ..shared()
    };
    let verifier = verifier(vec![shared(), second], "");
    let forged = token(SignedBy::Secret(SECRET), &with("iss", "https://second.example".into()));
    assert_eq!(verifier.verify(&forged, &peek(&forged).unwrap(), at(0)).await, Err(Error::BadSignature));
}

#[tokio::test]
async fn user_name_and_picture_are_read_from_where_the_configuration_says() {
    let issuer = Issuer {
        user_claim: "/app_metadata/id".parse().unwrap(),
        name_claim: "/user_metadata/name".parse().unwrap(),
        avatar_claim: "https://school.example/picture".parse().unwrap(),
        ..shared()
    };
    let mut claims = claims();
    claims["app_metadata"] = json!({ "id": 42 });
    claims["user_metadata"] = json!({ "name": " Student " });
    claims["https://school.example/picture"] = json!("https://school.example/7.png");
    let proven = verify(issuer.clone(), &token(SignedBy::Secret(SECRET), &claims), at(0)).await.unwrap();
    assert_eq!((&*proven.subject, &*proven.user), ("7", "42"));
    assert_eq!(proven.name.as_deref(), Some("Student"));
    assert_eq!(proven.avatar.as_deref(), Some("https://school.example/7.png"));
    claims["app_metadata"] = json!({});
    let missing = verify(issuer, &token(SignedBy::Secret(SECRET), &claims), at(0)).await;
    assert_eq!(missing, Err(Error::MissingClaim { claim: "/app_metadata/id".to_owned() }));
}
