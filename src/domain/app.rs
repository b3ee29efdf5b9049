//! An app: one customer of this server, with its key, secrets, limits and switches.
//!
//! Owns the meaning, default and bounds of every per-app setting. The same [`AppSettings::set`] reads a setting from the
//! environment, from `campanile.toml`, from the command line and from the database, so a value is checked once.

mod master_key;
mod origin;
mod settings;

pub use master_key::MasterKey;
pub use origin::{Origin, OriginPattern};
pub use settings::{
    AppSettings, Authz, ClientEvents, GuardedPublic, LaravelNames, Seconds, SessionLease, SettingError, SettingInfo,
};

use crate::ids::{AppId, AppKey};

/// Most secrets an app may have active at once: the current one and, while rotating, the one before.
pub const MAX_ACTIVE_SECRETS: usize = 2;

/// Longest secret in bytes: the width of its column, whatever it counts in. HMAC keys gain nothing by then.
pub const MAX_SECRET_BYTES: usize = 255;

/// Signing secret of an app. Shown only by [`Secret::expose`]; `Debug` prints a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself. For signing and for the one time it is shown to its owner; never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One app: who may connect with which key, what signs its requests, and what it may use.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// Names the app in HTTP paths.
    pub id: AppId,
    /// Names the app towards clients.
    pub key: AppKey,
    /// What operators call it. At most 128 characters.
    pub name: String,
    /// Active secrets, newest first; one or two. All of them verify, the first one signs.
    pub secrets: Vec<Secret>,
    /// A disabled app refuses sockets (4003) and HTTP requests (403).
    pub enabled: bool,
    /// Limits and switches in force.
    pub settings: AppSettings,
}

/// An app with what tells it from an earlier one of the same id and key.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The app.
    pub app: App,
    /// When it was made, in seconds since 1970; `None` = it comes from the configuration.
    pub made: Option<i64>,
}

impl From<App> for Listed {
    fn from(app: App) -> Self {
        Self { app, made: None }
    }
}

/// Secrets that stand in documentation and examples of this kind of server; never fit for use beyond one's own machine.
const KNOWN_SECRETS: [&str; 8] =
    ["app-secret", "secret", "reverb-secret", "your_secret", "your-pusher-secret", "my-secret", "changeme", "password"];

/// Shortest secret accepted outside development mode, in bytes.
pub const MIN_SECRET_BYTES: usize = 16;

/// Tells why a secret is too weak to be used outside development mode; `None` when it is fit.
#[must_use]
pub fn secret_weakness(secret: &Secret) -> Option<&'static str> {
    let text = secret.expose();
    if KNOWN_SECRETS.iter().any(|known| text.eq_ignore_ascii_case(known)) {
        return Some("it is a well-known default");
    }
    (text.len() < MIN_SECRET_BYTES).then_some("it is shorter than 16 characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_hides_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2hunter2hunter2")), "Secret(…)");
    }

    #[test]
    fn known_and_short_secrets_are_weak_and_a_long_one_is_fit() {
        assert!(secret_weakness(&Secret::new("app-secret")).is_some());
        assert!(secret_weakness(&Secret::new("Reverb-Secret")).is_some());
        assert!(secret_weakness(&Secret::new(&"x".repeat(MIN_SECRET_BYTES - 1))).is_some());
        assert!(secret_weakness(&Secret::new(&"x".repeat(MIN_SECRET_BYTES))).is_none());
    }
}
