//! Keys that are fetched: when, how often, and what becomes of tokens when they cannot be (T26).

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::*;

/// An issuer's server. What it answers can be exchanged, and it counts how often it was asked.
struct KeyServer {
    address: SocketAddr,
    /// The whole answer; empty = the connection is closed at once.
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl KeyServer {
    async fn start(keys: &Value) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let (served, count) = (Arc::clone(&answer), Arc::clone(&asked));
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let _request = stream.read(&mut [0; 2_048]).await;
                let text: String = served.lock().clone();
                let _cut = stream.write_all(text.as_bytes()).await;
            }
        });
        let server = Self { address, answer, asked, _tasks: tasks };
        server.serve(keys);
        server
    }

    fn serve(&self, keys: &Value) {
        let body = json!({ "keys": keys }).to_string();
        *self.answer.lock() = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    }

    fn fail(&self) {
        *self.answer.lock() = String::new();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn verifier(&self, algorithm: Algorithm) -> Verifier {
        let keys = KeySource::Jwks(format!("http://{}/jwks.json", self.address));
        verifier(vec![issuer(algorithm, keys)], "127.0.0.1")
    }
}

/// The point of the test's EC key: 65 bytes at the end of its public form.
fn ec_jwk(kid: &str) -> Value {
    let point = der(EC_PUBLIC);
    let (x, y) = point[point.len() - 64..].split_at(32);
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": encode(x), "y": encode(y) })
}

fn ed_jwk(kid: &str) -> Value {
    let key = der(ED_PUBLIC);
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(&key[key.len() - 32..]) })
}

fn rsa_jwk(kid: &str) -> Value {
    let key = RsaKeyPair::from_pkcs8(&der(include_str!("rsa.key"))).unwrap();
    // A sequence of two numbers: nine bytes before the 256 of the modulus, two before the three of the exponent.
    let der = key.public().as_ref();
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": encode(&der[9..265]), "e": encode(&der[267..]) })
}

fn with_kid(by: SignedBy<'_>, kid: &str) -> String {
    let mut claims = claims();
    claims["exp"] = json!(at(80_000).timestamp());
    raw(by, &json!({ "alg": by.algorithm(), "kid": kid }).to_string(), &claims.to_string())
}

async fn verdict(verifier: &Verifier, token: &str, now: i64) -> Result<String> {
    verifier.verify(token, &peek(token).unwrap(), at(now)).await.map(|proven| proven.user)
}

#[tokio::test]
async fn keys_of_every_kind_are_found_by_kid_and_fetched_once() {
    let server = KeyServer::start(&json!([rsa_jwk("r"), ec_jwk("e"), ed_jwk("d")])).await;
    for (algorithm, by, kid) in [
        (Algorithm::Rs256, SignedBy::Rsa, "r"),
        (Algorithm::Ps256, SignedBy::Pss, "r"),
        (Algorithm::Es256, SignedBy::Ec, "e"),
        (Algorithm::EdDsa, SignedBy::Ed, "d"),
    ] {
        let (verifier, before) = (server.verifier(algorithm), server.asked());
        for now in [0, 1, 299] {
            assert_eq!(verdict(&verifier, &with_kid(by, kid), now).await.as_deref(), Ok("7"), "{by:?}");
        }
        assert_eq!(server.asked() - before, 1, "{by:?}");
        // The only usable key serves tokens without a kid too.
        let unnamed = token(by, &claims());
        assert_eq!(verdict(&verifier, &unnamed, 299).await.as_deref(), Ok("7"), "{by:?}");
    }
}

#[tokio::test]
async fn flood_of_unknown_kids_costs_one_fetch_a_minute() {
    let server = KeyServer::start(&json!([ec_jwk("e")])).await;
    let verifier = server.verifier(Algorithm::Es256);
    let good = with_kid(SignedBy::Ec, "e");
    assert_eq!(verdict(&verifier, &good, 0).await.as_deref(), Ok("7"));
    let signature = &good[good.rfind('.').unwrap()..];
    let body = URL_SAFE_NO_PAD.encode(claims().to_string());
    let flood = |from: usize| {
        let forged = (from..from + 10_000).map(|number| {
            let header = json!({ "alg": "ES256", "kid": format!("kid-{number}") }).to_string();
            format!("{}.{body}{signature}", URL_SAFE_NO_PAD.encode(header))
        });
        forged.collect::<Vec<_>>()
    };
    for (now, fetches) in [(59, 1), (60, 2), (119, 2), (120, 3)] {
        let tokens = flood(usize::try_from(now).unwrap() * 10_000);
        let verdicts = join_all(tokens.iter().map(|token| verdict(&verifier, token, now))).await;
        assert!(verdicts.iter().all(|verdict| *verdict == Err(Error::UnknownKey)));
        assert_eq!(server.asked(), fetches, "at {now} s");
        assert_eq!(verdict(&verifier, &good, now).await.as_deref(), Ok("7"), "nobody else is kept out");
    }
}

#[tokio::test]
async fn new_key_of_an_issuer_is_found_by_its_unknown_kid() {
    let server = KeyServer::start(&json!([ec_jwk("old")])).await;
    let verifier = server.verifier(Algorithm::Es256);
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "old"), 0).await.as_deref(), Ok("7"));
    server.serve(&json!([ec_jwk("new")]));
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "new"), 59).await, Err(Error::UnknownKey));
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "new"), 60).await.as_deref(), Ok("7"));
    assert_eq!(
        verdict(&verifier, &with_kid(SignedBy::Ec, "old"), 61).await,
        Err(Error::UnknownKey),
        "it was withdrawn"
    );
}

#[tokio::test]
async fn keys_are_used_for_a_day_while_the_issuer_does_not_answer() {
    let server = KeyServer::start(&json!([ec_jwk("e")])).await;
    let verifier = server.verifier(Algorithm::Es256);
    let mut claims = claims();
    claims["iat"] = json!(at(40_000).timestamp());
    claims["exp"] = json!(at(100_000).timestamp());
    let token = raw(SignedBy::Ec, r#"{"alg":"ES256","kid":"e"}"#, &claims.to_string());
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "e"), 0).await.as_deref(), Ok("7"));
    server.fail();
    // Tried again every ten seconds once the keys are five minutes old, and not more often.
    for (now, asked) in [(299, 1), (300, 2), (309, 2), (310, 3)] {
        assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "e"), now).await.as_deref(), Ok("7"));
        assert_eq!(server.asked(), asked, "at {now} s");
    }
    assert_eq!(verdict(&verifier, &token, 86_399).await.as_deref(), Ok("7"));
    assert_eq!(verdict(&verifier, &token, 86_410).await, Err(Error::Unavailable { what: "the issuer's keys" }));
    server.serve(&json!([ec_jwk("e")]));
    assert_eq!(verdict(&verifier, &token, 86_420).await.as_deref(), Ok("7"));
}

#[tokio::test]
async fn issuer_that_never_answered_makes_tokens_unavailable_and_not_wrong() {
    let server = KeyServer::start(&json!([])).await;
    let verifier = server.verifier(Algorithm::Es256);
    server.fail();
    for (now, asked) in [(0, 1), (9, 1), (10, 2)] {
        let refused = verdict(&verifier, &with_kid(SignedBy::Ec, "e"), now).await.unwrap_err();
        assert!(refused.is_unavailable(), "{refused:?}");
        assert_eq!(server.asked(), asked);
    }
    *server.answer.lock() = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_owned();
    assert!(verdict(&verifier, &with_kid(SignedBy::Ec, "e"), 20).await.unwrap_err().is_unavailable(), "no key set");
}

#[tokio::test]
async fn many_at_once_make_one_fetch() {
    let server = KeyServer::start(&json!([ec_jwk("e")])).await;
    let verifier = server.verifier(Algorithm::Es256);
    let token = with_kid(SignedBy::Ec, "e");
    let verdicts = join_all((0..100).map(|_| verdict(&verifier, &token, 0))).await;
    assert!(verdicts.iter().all(|verdict| verdict.as_deref() == Ok("7")));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn keys_for_other_purposes_are_not_taken_and_strange_ones_do_no_harm() {
    let shared = json!({ "kty": "oct", "kid": "e", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    let edit = |kid: &str, name: &str, value: Value| {
        let mut jwk = ec_jwk(kid);
        jwk[name] = value;
        jwk
    };
    let keys = json!([
        shared,
        edit("enc", "use", "enc".into()),
        edit("alg", "alg", "RS256".into()),
        edit("crv", "crv", "P-384".into()),
        edit("x", "x", "!".into()),
        edit("short", "x", "AAAA".into()),
        { "kty": "nonsense" },
        7,
        ec_jwk("good"),
    ]);
    let server = KeyServer::start(&keys).await;
    let verifier = server.verifier(Algorithm::Es256);
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "good"), 0).await.as_deref(), Ok("7"));
    for kid in ["e", "enc", "alg", "crv", "x", "short", ""] {
        assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, kid), 0).await, Err(Error::UnknownKey), "{kid}");
    }
    let hmac = server.verifier(Algorithm::Rs256);
    assert!(verdict(&hmac, &with_kid(SignedBy::Secret(SECRET), "e"), 0).await.is_err());
}

#[tokio::test]
async fn at_most_a_hundred_keys_are_looked_at() {
    let keys: Vec<_> = (0..101).map(|number| ec_jwk(&number.to_string())).collect();
    let server = KeyServer::start(&keys.into()).await;
    let verifier = server.verifier(Algorithm::Es256);
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "99"), 0).await.as_deref(), Ok("7"));
    assert_eq!(verdict(&verifier, &with_kid(SignedBy::Ec, "100"), 0).await, Err(Error::UnknownKey));
    assert_eq!(verdict(&verifier, &token(SignedBy::Ec, &claims()), 0).await, Err(Error::UnknownKey), "which of them?");
}
