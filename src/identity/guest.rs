//! Guests without an account: a random name in a cookie, signed so that nobody makes up another.
//!
//! The key is derived from the app's secret as that of [`super::session`] tokens is, for another purpose: a guest's cookie is no
//! session, and dies with the secret too.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::hmac::{HMAC_SHA256, Key, sign, verify as holds};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{
    domain::app::{App, Secret},
    ids::UserId,
};

/// What the key is derived for.
const PURPOSE: &[u8] = b"campanile guest v1";

/// What names of guests begin with.
const PREFIX: &str = "guest:";

/// Random bytes of a name.
const BYTES: usize = 16;

fn key(secret: &Secret) -> Key {
    Key::new(HMAC_SHA256, sign(&Key::new(HMAC_SHA256, secret.expose().as_bytes()), PURPOSE).as_ref())
}

/// Makes a cookie for a new guest of the app, under its newest secret; `None` when the app has none, or the system no random
/// numbers.
#[must_use]
pub fn issue(app: &App) -> Option<String> {
    let mut random = [0; BYTES];
    SystemRandom::new().fill(&mut random).ok()?;
    let name = BASE64_URL_SAFE_NO_PAD.encode(random);
    let signature = sign(&key(app.secrets.first()?), name.as_bytes());
    Some(format!("{name}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// The guest whose cookie it is, if this app has made it; under any of its active secrets.
#[must_use]
pub fn verify(app: &App, cookie: &str) -> Option<UserId> {
    let (name, signature) = cookie.split_once('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    let is_ours = |secret: &Secret| holds(&key(secret), name.as_bytes(), &signature).is_ok();
    app.secrets.iter().any(is_ours).then(|| UserId::parse(&format!("{PREFIX}{name}")).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::app::AppSettings,
        ids::{AppId, AppKey},
    };

    fn app(secrets: &[&str]) -> App {
        App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: secrets.iter().copied().map(Secret::new).collect(),
            enabled: true,
            settings: AppSettings::default(),
        }
    }

    #[test]
    fn a_cookie_names_its_guest_as_long_as_its_secret_is_active_and_no_other_does() {
        let (old, new) = (app(&["0123456789abcdef"]), app(&["fedcba9876543210", "0123456789abcdef"]));
        let (one, other) = (issue(&old).unwrap(), issue(&old).unwrap());
        let guest = verify(&old, &one).unwrap();
        assert!(guest.as_str().starts_with(PREFIX) && verify(&old, &other) != Some(guest.clone()));
        assert_eq!(verify(&new, &one), Some(guest));
        assert_eq!(verify(&app(&["fedcba9876543210"]), &one), None);
        let (name, signature) = one.split_once('.').unwrap();
        for wrong in
            ["", ".", name, &format!("{name}."), &format!("x{name}.{signature}"), &format!("{name}.{signature}A")]
        {
            assert_eq!(verify(&old, wrong), None, "{wrong}");
        }
    }
}
