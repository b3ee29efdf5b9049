//! API keys: what a program of the learning platform proves itself with.
//!
//! A key reads `ck_<12 hex>_<40 hex>`. The first part ([`ApiKey::id`]) is public and finds the row; of the second, the secret,
//! only the SHA-256 of its 40 characters is kept. It is shown once, when it is made.

use std::fmt;

use chrono::{DateTime, Utc};

use super::caller::Scope;
use crate::ids::AppId;

/// SHA-256 of the secret part, over its 40 characters as they stand. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// Longest name of a key in characters.
pub const KEY_NAME_MAX: usize = 128;

/// A key that is about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// The public part: `ck_` and 12 hexadecimal digits.
    pub id: String,
    /// The app that it is for.
    pub app: AppId,
    /// What operators call it; at most [`KEY_NAME_MAX`] characters.
    pub name: String,
    /// What its secret is compared with.
    pub hash: KeyHash,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Networks (CIDR) that it may be used from; empty = from anywhere.
    pub ip_allow: Vec<String>,
    /// First second in which it is good no more; `None` = never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The public part: `ck_` and 12 hexadecimal digits.
    pub id: String,
    /// The app that it is for.
    pub app: AppId,
    /// What operators call it.
    pub name: String,
    /// What its secret is compared with.
    pub hash: KeyHash,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Networks (CIDR) that it may be used from; empty = from anywhere.
    pub ip_allow: Vec<String>,
    /// First second in which it is good no more; `None` = never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl ApiKey {
    /// Tells whether the key is neither revoked nor past its end.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
