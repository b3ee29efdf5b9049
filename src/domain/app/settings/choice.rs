//! Settings whose value is one of a few words.

use super::{SettingError, Value};

macro_rules! choice {
    ($(#[doc = $doc:literal])+ $type:ident ($expected:literal) { $($(#[doc = $variant_doc:literal])+ $variant:ident $name:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[doc = $variant_doc])+ $variant,)+ }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $name,)+ })
            }
        }

        impl Value for $type {
            type Bounds = ();

            fn read(text: &str, (): &()) -> Result<Self, SettingError> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(SettingError::Invalid { value: text.to_owned(), expected: $expected }),
                }
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}

choice! {
    /// Who may send client events (`client-…`).
    ClientEvents ("members, all or none") {
        /// Sockets that are subscribed to the channel.
        Members "members",
        /// Every socket of the app, subscribed or not; not to channels for which the roster has to agree.
        All "all",
        /// Nobody.
        None "none",
    }
}

choice! {
    /// What opens a private or presence channel that the roster has a word about.
    Authz ("trust or enforce") {
        /// The application's signature.
        Trust "trust",
        /// The signature, and the roster has to agree where the socket's user is known.
        Enforce "enforce",
    }
}

choice! {
    /// How public channels are treated that belong to a course.
    GuardedPublic ("enforce, warn or open") {
        /// Only those may subscribe whom the roster lets in.
        Enforce "enforce",
        /// Everybody may; whom the roster would refuse is told in the log.
        Warn "warn",
        /// Everybody may.
        Open "open",
    }
}

choice! {
    /// How long a socket may live on the token that its user has shown.
    SessionLease ("roster or token") {
        /// As long as the roster lets the user in, at most 12 hours; then the client has to come again.
        Roster "roster",
        /// As long as the token is valid, unless a newer one is shown.
        Token "token",
    }
}

choice! {
    /// Under which names Echo's listeners find an event of the classroom.
    LaravelNames ("both, class or alias") {
        /// Both, so that both kinds of listeners fire, each once.
        Both "both",
        /// The class: `.listen('NotificationSent')`.
        Class "class",
        /// The alias: `.listen('.notification.sent')`.
        Alias "alias",
    }
}
