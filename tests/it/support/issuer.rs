//! An issuer of tokens: a key pair, and a server with its JWK set, with TLS of its own certificate or without.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use campanile::{
    config::Config,
    identity::{self, Algorithm, ClaimPath, KeySource, Preset},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls::{
    ServerConfig,
    crypto::ring as provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::http::unix_now;

/// Names the issuer in its tokens.
pub(crate) const ISSUER: &str = "https://issuer.example";

/// A running issuer.
pub(crate) struct Issuer {
    key: EcdsaKeyPair,
    address: SocketAddr,
    /// Its certificate, if it speaks TLS.
    certificate: Option<String>,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Issuer {
    /// An issuer with a certificate for `localhost` that nobody else has signed.
    pub(crate) async fn with_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(Some((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))).await
    }

    /// An issuer that speaks plain HTTP.
    pub(crate) async fn plain() -> Self {
        Self::start(None).await
    }

    async fn start(tls: Option<(TlsAcceptor, String)>) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "key-1", "x": encode(x), "y": encode(y) });
        let body = json!({ "keys": [jwk] }).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (acceptor, certificate) = tls.unzip();
        let (mut tasks, count) = (JoinSet::new(), Arc::clone(&asked));
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Some(acceptor) = &acceptor else {
                    serve(stream, &answer, &count).await;
                    continue;
                };
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, &answer, &count).await;
                }
            }
        });
        Self { key, address, certificate, asked, _tasks: tasks }
    }

    /// How often its keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Where its keys are.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}/jwks.json", self.address.port())
    }

    /// Makes a server believe this issuer, and lets it ask for the keys.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.issuers = vec![identity::Issuer {
            issuer: ISSUER.to_owned(),
            preset: Preset::Generic,
            algorithm: Algorithm::Es256,
            keys: KeySource::Jwks(self.url()),
            audience: vec!["campus".to_owned()],
            authorized_parties: Vec::new(),
            user_claim: ClaimPath::sub(),
            name_claim: "name".parse().unwrap(),
            avatar_claim: "picture".parse().unwrap(),
            app: None,
            max_lifetime: Duration::from_secs(86_400),
        }];
        config.outbound.ca = self.certificate.clone();
        let allow = if self.certificate.is_some() { &["127.0.0.1", "::1"][..] } else { &["localhost"] };
        config.outbound.allow = allow.iter().map(|text| text.parse().unwrap()).collect();
    }

    /// A token that is right for an hour.
    pub(crate) fn token(&self, user: &str) -> String {
        self.token_of("key-1", &claims(user, 3_600))
    }

    /// A token with these claims and this key id.
    pub(crate) fn token_of(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid }).to_string();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Claims of a user that end in so many seconds.
pub(crate) fn claims(user: &str, ends_in: i64) -> Value {
    let now = i64::try_from(unix_now()).unwrap();
    json!({ "iss": ISSUER, "aud": "campus", "sub": user, "name": "Student", "iat": now - 60, "exp": now + ends_in })
}

async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(mut io: Io, answer: &str, asked: &AtomicUsize) {
    asked.fetch_add(1, Ordering::SeqCst);
    let _request = io.read(&mut [0; 2_048]).await;
    let _cut = io.write_all(answer.as_bytes()).await;
    let _closed = io.shutdown().await;
}
