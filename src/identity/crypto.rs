//! The cryptography under `jsonwebtoken`: `ring`, which TLS brings along already.
//!
//! Of the crate's own backends one compiles a second C library and the other has an RSA that is several times slower. Only
//! what this server speaks is here: HS256 to sign, and HS256, RS256, PS256, ES256 and EdDSA to verify. Keys keep their family
//! ([`DecodingKey::family`]), so a public key is never a secret.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{self, ErrorKind, new_error},
    signature::{Error, Signer, Verifier},
};
use ring::hmac::{HMAC_SHA256, Key as HmacKey, sign, verify};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // For thumbprints and for making JWKs; neither is done here.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Puts the cryptography in place; to be called before a token is signed or verified.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    // It fails only when it was installed before, by ourselves.
    INSTALLED.call_once(|| _ = PROVIDER.install_default());
}

struct HmacSigner(HmacKey);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> errors::Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(HmacSigner(HmacKey::new(HMAC_SHA256, key.as_bytes()))))
        }
        _ => Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    }
}

impl Signer<Vec<u8>> for HmacSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for HmacSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// How one algorithm verifies.
enum Method {
    Hmac(HmacKey),
    Rsa(&'static RsaParameters, DecodingKey),
    Curve(&'static dyn VerificationAlgorithm, DecodingKey),
}

struct RingVerifier(Algorithm, Method);

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> errors::Result<Box<dyn JwtVerifier>> {
    let method = match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Method::Hmac(HmacKey::new(HMAC_SHA256, key.try_get_as_bytes()?)),
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Method::Rsa(&RSA_PKCS1_2048_8192_SHA256, key.clone()),
        (Algorithm::PS256, AlgorithmFamily::Rsa) => Method::Rsa(&RSA_PSS_2048_8192_SHA256, key.clone()),
        (Algorithm::ES256, AlgorithmFamily::Ec) => Method::Curve(&ECDSA_P256_SHA256_FIXED, key.clone()),
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => Method::Curve(&ED25519, key.clone()),
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Box::new(RingVerifier(*algorithm, method)))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        let outcome = match &self.1 {
            Method::Hmac(key) => verify(key, message, signature),
            Method::Rsa(parameters, key) => match key.kind() {
                DecodingKeyKind::SecretOrDer(der) => {
                    UnparsedPublicKey::new(*parameters, der).verify(message, signature)
                }
                DecodingKeyKind::RsaModulusExponent { n, e } => {
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
            },
            Method::Curve(algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key.try_get_as_bytes().map_err(Error::from_source)?)
                    .verify(message, signature)
            }
        };
        outcome.map_err(|_unspecified| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}
