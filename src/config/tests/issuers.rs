//! Issuers: what presets fill in, and every way to describe one wrongly.

use std::time::Duration;

use super::*;
use crate::identity::{Algorithm, KeySource, Preset};

const RSA: &str = include_str!("../../identity/tests/rsa.pub");
const EC: &str = include_str!("../../identity/tests/ec.pub");

fn file(text: &str) -> World {
    World::new().file("campanile.toml", text).file("rsa.pub", RSA).file("ec.pub", EC)
}

#[test]
fn clerk_and_laravel_need_only_what_is_their_own() {
    let config = file(
        "[[issuers]]\npreset = 'clerk'\nissuer = 'https://clerk.school.example'\n\
         authorized_parties = ['https://school.example', 'https://www.school.example']\n\
         [[issuers]]\npreset = 'passport'\npublic_key_file = 'rsa.pub'\naudience = 'client-id'\napp = 'campus'\n",
    )
    .config();
    let [clerk, passport] = &*config.issuers else { panic!("{:?}", config.issuers) };
    assert_eq!((clerk.preset, clerk.algorithm), (Preset::Clerk, Algorithm::Rs256));
    assert_eq!(clerk.keys, KeySource::Jwks("https://clerk.school.example/.well-known/jwks.json".to_owned()));
    assert_eq!(clerk.authorized_parties, ["https://school.example", "https://www.school.example"]);
    assert_eq!(clerk.max_lifetime, Duration::from_secs(86_400));
    assert_eq!((passport.issuer.as_str(), &*passport.audience), ("passport", &["client-id".to_owned()][..]));
    assert_eq!((&passport.keys, passport.algorithm), (&KeySource::Pem(RSA.to_owned()), Algorithm::Rs256));
    assert_eq!(passport.app.as_ref().map(ToString::to_string).as_deref(), Some("campus"));
    assert_eq!(passport.max_lifetime, Duration::from_secs(367 * 86_400));
}

#[test]
fn one_issuer_comes_from_variables_and_flags() {
    let config = World::new()
        .variable("CAMPANILE_JWT_ISSUER", "https://project.supabase.co/auth/v1")
        .variable("CAMPANILE_JWT_PRESET", "supabase")
        .variable("CAMPANILE_JWT_SECRET_FILE", "secret")
        .file("secret", "0123456789abcdef0123456789abcdef\n")
        .flag("issuer.user_claim", "/app_metadata/user_id")
        .config();
    let [supabase] = &*config.issuers else { panic!("{:?}", config.issuers) };
    assert_eq!((supabase.algorithm, &*supabase.audience), (Algorithm::Hs256, &["authenticated".to_owned()][..]));
    assert_eq!(supabase.keys, KeySource::Secret("0123456789abcdef0123456789abcdef".into()));
    assert_eq!(supabase.user_claim.as_str(), "/app_metadata/user_id");
    assert_eq!(supabase.name_claim.as_str(), "/user_metadata/full_name");
    let key = RSA.replace('\n', "\\n");
    let generic = World::new()
        .variables(&[
            ("CAMPANILE_JWT_ISSUER", "i"),
            ("CAMPANILE_JWT_ALGORITHM", "ps256"),
            ("CAMPANILE_JWT_AUDIENCE", "a"),
        ])
        .variable("CAMPANILE_JWT_PUBLIC_KEY", &key);
    assert_eq!(generic.config().issuers[0].algorithm, Algorithm::Ps256);
}

#[test]
fn everything_that_is_wrong_with_issuers_is_told_together() {
    let world = file(
        "[[issuers]]\n[[issuers]]\nissuer = 'campanile'\npreset = 'okta'\nalgorithm = 'none'\nuser_claim = '/user_metadata/id'\n\
         audiense = 'x'\n[[issuers]]\npreset = 'clerk'\nissuer = 'http://clerk.example'\n\
         [[issuers]]\nissuer = 'a'\nalgorithm = 'HS256'\npublic_key_file = 'rsa.pub'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'b'\nalgorithm = 'RS256'\npublic_key_file = 'ec.pub'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'c'\nalgorithm = 'RS256'\nsecret = 's'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'd'\nalgorithm = 'RS256'\npublic_key_file = 'none.pub'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'e'\nalgorithm = 'RS256'\npublic_key_file = 'rsa.pub'\njwks_url = 'https://e/'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'f'\nalgorithm = 'RS256'\njwks_url = 'http://f/'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'g'\nalgorithm = 'RS256'\njwks_url = 'https://g/'\naudience = 'x'\n\
         [[issuers]]\nissuer = 'g'\nalgorithm = 'ES256'\njwks_url = 'https://g/'\naudience = 'x'\n",
    );
    let problems = world.problems().join("\n").replace(&world.directory.path().display().to_string(), "DIR");
    insta::assert_snapshot!(problems, @r#"
    issuers[1] in campanile.toml is not a known setting
    issuers[2].audiense in campanile.toml is not a known setting; did you mean audience?
    issuers[2].algorithm in campanile.toml = "none": must be HS256, RS256, PS256, ES256 or EdDSA
    issuers[2].issuer in campanile.toml = "campanile": must be the 'iss' of its tokens, 1 to 255 bytes, and not 'campanile', which is this server's own
    issuers[2].preset in campanile.toml = "okta": must be clerk, passport, auth0, supabase or generic
    issuers[2].user_claim in campanile.toml = "/user_metadata/id": must be a claim that users cannot edit themselves, such as sub or /app_metadata/user_id
    issuers[3]: authorized_parties is missing: the origins of your pages, such as https://school.example
    issuers[3]: the keys would be at "http://clerk.example/.well-known/jwks.json": it must be an https address; outbound_allow makes an exception for a host; or set jwks_url
    issuers[4]: HS256 needs a secret; a public key never serves as one
    issuers[5]: The issuer's public key cannot be used: it must be the PEM form of a public key for RS256
    issuers[6]: RS256 needs a public key or jwks_url, not a secret
    issuers[7]: public_key_file DIR/none.pub cannot be read: No such file or directory (os error 2)
    issuers[8]: has several keys: use one of secret, public_key, public_key_file and jwks_url
    issuers[9]: jwks_url "http://f/": it must be an https address; outbound_allow makes an exception for a host
    issuer "g": is there twice: one issuer has one entry; give each of several Passports a name of its own
    "#);
}

#[test]
fn short_shared_secret_is_accepted_only_on_the_own_machine() {
    let world = || World::new().variables(&[("CAMPANILE_JWT_ISSUER", "i"), ("CAMPANILE_JWT_AUDIENCE", "a")]);
    assert_eq!(world().variable("CAMPANILE_JWT_SECRET", "short").config().issuers.len(), 1);
    let open = |secret: &str| world().variable("CAMPANILE_JWT_SECRET", secret).variable("CAMPANILE_HOST", "0.0.0.0");
    let problems = open(&"s".repeat(31)).problems();
    assert!(problems[0].contains("must have at least 32 bytes"), "{problems:?}");
    assert_eq!(open(&"s".repeat(32)).config().issuers.len(), 1);
}

#[test]
fn keys_may_come_without_tls_from_listed_hosts_only() {
    let text = |allow: &str| {
        format!(
            "outbound.allow = {allow}\n[[issuers]]\nissuer = 'i'\nalgorithm = 'RS256'\naudience = 'a'\n\
             jwks_url = 'http://keys.internal/jwks.json'\n"
        )
    };
    let config = file(&text("['keys.internal', '10.0.0.0/8']")).config();
    assert_eq!((config.issuers.len(), config.outbound.allow.len()), (1, 2));
    assert!(file(&text("'other.internal'")).problems()[0].contains("outbound_allow makes an exception"));
}

#[test]
fn certificates_for_outgoing_requests_are_read_at_the_start() {
    let world = |text: &str| World::new().variable("CAMPANILE_OUTBOUND_CA", "ca.pem").file("ca.pem", text);
    let problems = world("no certificate").problems();
    assert!(problems[0].contains("a file with certificates in PEM form"), "{problems:?}");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    assert!(world(&made.cert.pem()).config().outbound.ca.is_some());
    assert!(World::new().variable("CAMPANILE_OUTBOUND_CA", "none.pem").problems()[0].contains("cannot be read"));
}
