//! The words every floor shares: checked identifiers.
//!
//! Owns the newtypes for apps, sockets, users and what the roster names. Each is made by `parse` and is valid from then on;
//! no bare `String` id crosses a function. Pure: no I/O, no clock.

use std::{fmt, str::FromStr, sync::Arc};

/// Why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is empty.
    #[error("{what} must not be empty")]
    Empty {
        /// Which identifier was meant.
        what: &'static str,
    },
    /// The text is longer than the limit.
    #[error("{what} may have at most {max} bytes, this one has {got}")]
    TooLong {
        /// Which identifier was meant.
        what: &'static str,
        /// Limit in bytes.
        max: usize,
        /// Length in bytes of the refused text.
        got: usize,
    },
    /// The text has a character outside the alphabet.
    #[error("{what} may hold only {alphabet}")]
    Alphabet {
        /// Which identifier was meant.
        what: &'static str,
        /// The legal characters, in words.
        alphabet: &'static str,
    },
}

/// Result of parsing an identifier.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn token(what: &'static str, max: usize, text: &str) -> Result<Arc<str>> {
    if text.is_empty() {
        return Err(Error::Empty { what });
    }
    if text.len() > max {
        return Err(Error::TooLong { what, max, got: text.len() });
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.bytes().all(legal) {
        return Err(Error::Alphabet { what, alphabet: "letters, digits, '-', '_' and '.'" });
    }
    Ok(Arc::from(text))
}

/// Identifies an app in HTTP paths (`/apps/{app_id}/…`). At most 64 characters; often a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(Arc<str>);

impl AppId {
    /// Parses an app id.
    ///
    /// # Errors
    /// When the text is empty, longer than 64 bytes or holds other characters than letters, digits, `-`, `_`, `.`.
    pub fn parse(text: &str) -> Result<Self> {
        token("app id", 64, text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names an app towards clients (`/app/{key}`). Public: it stands in every page. At most 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppKey(Arc<str>);

impl AppKey {
    /// Parses an app key.
    ///
    /// # Errors
    /// When the text is empty, longer than 128 bytes or holds other characters than letters, digits, `-`, `_`, `.`.
    pub fn parse(text: &str) -> Result<Self> {
        token("app key", 128, text).map(Self)
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one open socket: two decimal numbers with a dot between, as every server SDK demands (`^\d+\.\d+$`).
///
/// Two times 32 random bits, so that two nodes never draw the same one (protocol: "Connection established").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId {
    first: u32,
    second: u32,
}

impl SocketId {
    /// Makes a socket id from 64 random bits.
    #[must_use]
    pub const fn from_random(bits: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
        let (first, second) = ((bits >> 32) as u32, bits as u32);
        Self { first, second }
    }

    /// Reads a socket id that this server gave out; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, second) = text.split_once('.')?;
        let number = |part: &str| {
            let canonical = part == "0" || !part.starts_with('0');
            (canonical && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
        };
        Some(Self { first: number(first)?, second: number(second)? })
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.first, self.second)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Longest user id in bytes (Pusher: 128 characters).
pub const USER_ID_MAX: usize = 128;

/// Names a person within one app. Any non-empty text of at most 128 characters; `"0"` is a person like any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Parses a user id.
    ///
    /// # Errors
    /// When the text is empty or longer than 128 characters.
    pub fn parse(text: &str) -> Result<Self> {
        let what = "user id";
        if text.is_empty() {
            return Err(Error::Empty { what });
        }
        let got = text.chars().count();
        if got > USER_ID_MAX {
            return Err(Error::TooLong { what, max: USER_ID_MAX, got });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number is a user id.
impl From<u32> for UserId {
    fn from(number: u32) -> Self {
        Self(Arc::from(number.to_string()))
    }
}

impl FromStr for UserId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Longest external id in bytes (the alphabet is ASCII).
pub const EXTERNAL_ID_MAX: usize = 64;

/// Names an org, a course, a class, a chapter or an enrollment as the learning platform does. It stands in channel names
/// (`course.{id}`, `course-{id}-instructor`), hence no dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId(Arc<str>);

impl ExternalId {
    /// Parses an external id.
    ///
    /// # Errors
    /// When the text is empty, longer than 64 bytes or holds other characters than letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self> {
        let what = "id";
        match token(what, EXTERNAL_ID_MAX, text) {
            Ok(id) if !id.contains('.') => Ok(Self(id)),
            Ok(_) | Err(Error::Alphabet { .. }) => {
                Err(Error::Alphabet { what, alphabet: "letters, digits, '-' and '_'" })
            }
            Err(error) => Err(error),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number is an id.
impl From<u32> for ExternalId {
    fn from(number: u32) -> Self {
        Self(Arc::from(number.to_string()))
    }
}

impl FromStr for ExternalId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_id_survives_the_round_trip_and_other_texts_are_refused() {
        let id = SocketId::from_random(0x0000_0001_ffff_ffff);
        assert_eq!(id.to_string(), "1.4294967295");
        assert_eq!(SocketId::parse("1.4294967295"), Some(id));
        for other in ["", ".", "1", "1.", ".1", "1.2.3", "a.b", "+1.2", "01.2", "1.4294967296", " 1.2"] {
            assert_eq!(SocketId::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn ids_are_accepted_at_the_limit_and_refused_beyond() {
        assert!(AppId::parse(&"a".repeat(64)).is_ok());
        assert!(AppId::parse(&"a".repeat(65)).is_err());
        assert!(AppKey::parse(&"k".repeat(128)).is_ok());
        assert!(AppKey::parse(&"k".repeat(129)).is_err());
        assert!(AppKey::parse("a/b").is_err());
        assert!(ExternalId::parse(&"a".repeat(64)).is_ok());
        assert!(ExternalId::parse(&"a".repeat(65)).is_err());
        for bad in ["", "a.b", "a/b", "ä", "a b"] {
            assert!(ExternalId::parse(bad).is_err(), "{bad}");
        }
        assert!(UserId::parse("0").is_ok());
        assert!(UserId::parse("").is_err());
        assert!(UserId::parse(&"é".repeat(128)).is_ok());
        assert!(UserId::parse(&"é".repeat(129)).is_err());
    }
}
