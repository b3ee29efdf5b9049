//! Channel names: their alphabet and what the prefix demands.
//!
//! A prefix counts only at the start and with its dash: `privateer` and `foo-private-x` are public channels (Reverb and
//! soketi take them for guarded ones).

use std::{borrow::Borrow, fmt, sync::Arc};

use super::USER_CHANNEL_PREFIX;
use crate::domain::app::AppSettings;

/// Why a text is not a channel name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is empty, or only a `#`.
    #[error("channel name must not be empty")]
    Empty,
    /// The name is longer than the app allows.
    #[error("channel name may have at most {max} characters, this one has {got}")]
    TooLong {
        /// Limit of the app in characters.
        max: usize,
        /// Length of the refused name.
        got: usize,
    },
    /// The name has a character outside the alphabet.
    #[error("channel name may hold only letters, digits and -_=@,.; (a leading # is the server's)")]
    Alphabet,
}

/// Which names an app accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRules {
    /// Longest name in characters, without a leading `#`. Pusher documents 164, its SDKs allow 200.
    pub max_length: usize,
    /// Accept nearly any character, as Reverb does; see [`ChannelName::parse`].
    pub lenient: bool,
}

impl NameRules {
    /// For names of our own channels, whatever an app accepts: they are within the alphabet, and ids in them are bounded.
    pub const OWN: Self = Self { max_length: 400, lenient: true };
}

impl From<&AppSettings> for NameRules {
    fn from(settings: &AppSettings) -> Self {
        Self { max_length: settings.max_channel_name_length as usize, lenient: settings.lenient_channel_names }
    }
}

/// Who may subscribe to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everybody who knows the app key.
    Public,
    /// Sockets with a signature for this channel.
    Private,
    /// Sockets with a signature for this channel and a member.
    Presence,
    /// Sockets signed in as the user that the name ends with.
    User,
}

/// A checked channel name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// Parses a channel name: `^#?[-a-zA-Z0-9_=@,.;]{1,max}$`.
    ///
    /// Lenient rules accept any character but control characters and `{ } " \`, so that no two signed texts
    /// (`socket_id:channel` and `socket_id:channel:channel_data`) can ever be the same.
    ///
    /// # Errors
    /// When the name is empty, too long or has a character outside the alphabet.
    pub fn parse(text: &str, rules: NameRules) -> Result<Self, Error> {
        let body = text.strip_prefix('#').unwrap_or(text);
        if body.is_empty() {
            return Err(Error::Empty);
        }
        let got = body.chars().count();
        if got > rules.max_length {
            return Err(Error::TooLong { max: rules.max_length, got });
        }
        let legal = if rules.lenient {
            body.chars().all(|c| !c.is_control() && !matches!(c, '{' | '}' | '"' | '\\'))
        } else {
            body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=@,.;".contains(&b))
        };
        if legal { Ok(Self(Arc::from(text))) } else { Err(Error::Alphabet) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who may subscribe.
    #[must_use]
    pub fn guard(&self) -> Guard {
        if self.0.starts_with("private-") {
            Guard::Private
        } else if self.0.starts_with("presence-") {
            Guard::Presence
        } else if self.0.starts_with(USER_CHANNEL_PREFIX) {
            Guard::User
        } else {
            Guard::Public
        }
    }

    /// Tells whether the channel keeps its last event for those who come later.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        ["cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-"]
            .iter()
            .any(|prefix| self.0.starts_with(prefix))
    }

    /// Tells whether payloads are encrypted end to end; the server relays them untouched.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("private-encrypted-")
    }

    /// The user that a `#server-to-user-` channel reaches.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.strip_prefix(USER_CHANNEL_PREFIX)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STRICT: NameRules = NameRules { max_length: 200, lenient: false };
    const LENIENT: NameRules = NameRules { max_length: 200, lenient: true };

    fn name(text: &str) -> ChannelName {
        ChannelName::parse(text, STRICT).unwrap()
    }

    #[test]
    fn each_legal_special_character_is_accepted_and_others_are_refused() {
        for special in "-_=@,.;".chars() {
            assert!(ChannelName::parse(&format!("a{special}b"), STRICT).is_ok(), "{special}");
        }
        for other in ["a b", "a:b", "a/b", "a|b", "é", "a#b", "##a", "a\n", "a\"b"] {
            assert_eq!(ChannelName::parse(other, STRICT), Err(Error::Alphabet), "{other:?}");
        }
    }

    #[test]
    fn name_of_200_characters_is_accepted_and_201_refused() {
        assert!(ChannelName::parse(&"x".repeat(200), STRICT).is_ok());
        assert!(ChannelName::parse(&format!("#{}", "x".repeat(200)), STRICT).is_ok());
        assert_eq!(ChannelName::parse(&"x".repeat(201), STRICT), Err(Error::TooLong { max: 200, got: 201 }));
        assert_eq!(ChannelName::parse("", STRICT), Err(Error::Empty));
        assert_eq!(ChannelName::parse("#", STRICT), Err(Error::Empty));
    }

    #[test]
    fn the_prefix_decides_guard_cache_and_encryption() {
        let table = [
            ("room", Guard::Public, false, false),
            ("privateer", Guard::Public, false, false),
            ("foo-private-x", Guard::Public, false, false),
            ("x-cache-y", Guard::Public, false, false),
            ("cachebox", Guard::Public, false, false),
            ("cache-x", Guard::Public, true, false),
            ("private-x", Guard::Private, false, false),
            ("private-cache-x", Guard::Private, true, false),
            ("private-encrypted-x", Guard::Private, false, true),
            ("private-encrypted-cache-x", Guard::Private, true, true),
            ("presence-x", Guard::Presence, false, false),
            ("presence-cache-x", Guard::Presence, true, false),
            ("#server-to-user-42", Guard::User, false, false),
            ("private-App.Models.User.1", Guard::Private, false, false),
        ];
        for (text, guard, cached, encrypted) in table {
            let name = name(text);
            assert_eq!((name.guard(), name.is_cached(), name.is_encrypted()), (guard, cached, encrypted), "{text}");
        }
        assert_eq!(name("#server-to-user-42").user(), Some("42"));
    }

    #[test]
    fn lenient_rules_take_what_reverb_takes_but_nothing_that_makes_signatures_ambiguous() {
        for text in ["orders:1", "a b", "a|b", "é"] {
            assert!(ChannelName::parse(text, LENIENT).is_ok(), "{text}");
        }
        for text in ["private-a:{\"user_id\":1}", "a\u{7}", "a\"b", "a\\b"] {
            assert!(ChannelName::parse(text, LENIENT).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_and_a_strict_name_matches_the_published_pattern(text in "\\PC{0,220}") {
            if let Ok(name) = ChannelName::parse(&text, STRICT) {
                let body = text.strip_prefix('#').unwrap_or(&text);
                prop_assert!((1..=200).contains(&body.len()));
                prop_assert!(body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=@,.;".contains(&b)));
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
