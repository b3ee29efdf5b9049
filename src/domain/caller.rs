//! Who is calling, once the proof has been checked: a person, a program of the learning platform, or nobody known.
//!
//! `identity` makes a [`Caller`] of a token, a cookie or a key; services decide by it and never see the proof itself. A caller
//! belongs to one app, and what it may see never goes beyond that app.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

use crate::ids::{AppId, UserId};

/// Somebody who calls, within one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The app that the proof is for.
    pub app: AppId,
    /// Who it is.
    pub who: Who,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody known: there was no proof.
    Guest,
    /// A person, known by a token.
    User(Box<Subject>),
    /// A program with an API key.
    Key(KeyHolder),
    /// The app itself, known by its signature.
    App,
}

/// A person as their token tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user in the roster: what the identity link says, else the token's subject as it stands.
    pub user: UserId,
    /// The issuer of the token (`iss`).
    pub issuer: String,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// Name, where the token tells one.
    pub name: Option<String>,
    /// Address of a picture, where the token tells one.
    pub avatar: Option<String>,
    /// Id of the API key through which a program acts on the person's behalf; `None` = the person calls.
    pub through: Option<String>,
}

/// A program with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The public part of the key, for logs and the audit.
    pub id: String,
    /// What the key is good for.
    pub scopes: Vec<Scope>,
}

impl Caller {
    /// Somebody without proof.
    #[must_use]
    pub const fn guest(app: AppId) -> Self {
        Self { app, who: Who::Guest }
    }

    /// Tells whether nobody known calls.
    #[must_use]
    pub const fn is_guest(&self) -> bool {
        matches!(self.who, Who::Guest)
    }

    /// The person, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match &self.who {
            Who::User(subject) => Some(&subject.user),
            Who::Guest | Who::Key(_) | Who::App => None,
        }
    }

    /// Tells whether it is a program that may do this.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        match &self.who {
            Who::Key(key) => key.scopes.iter().any(|held| held.covers(scope)),
            Who::App => true,
            Who::Guest | Who::User(_) => false,
        }
    }

    /// How the audit names it: `user:7`, `key:ck_ab12`, `user:7 through key:ck_ab12`, `app`, `guest`.
    #[must_use]
    pub fn actor(&self) -> String {
        match &self.who {
            Who::Guest => "guest".to_owned(),
            Who::User(subject) => match &subject.through {
                None => format!("user:{}", subject.user),
                Some(key) => format!("user:{} through key:{key}", subject.user),
            },
            Who::Key(key) => format!("key:{}", key.id),
            Who::App => "app".to_owned(),
        }
    }
}

macro_rules! scopes {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// What an API key may be good for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $(#[doc = $doc] $variant,)* }

        impl Scope {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as on the command line and in answers.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it allows, in one line.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

scopes! {
    RosterRead "roster:read" "Read users, courses, classes, chapters, enrollments and changes.",
    RosterWrite "roster:write" "Change the roster.",
    AccessRead "access:read" "Ask who may hear what, and who hears it now.",
    AccessWrite "access:write" "Take access away and disconnect users.",
    EventsPublish "events:publish" "Publish events.",
    PresenceRead "presence:read" "Read who is online.",
    NotificationsSend "notifications:send" "Send notifications and broadcasts.",
    LiveManage "live:manage" "Manage polls and live classes.",
    ResultsRead "results:read" "Read results of polls.",
    UsersAct "users:act" "Act on behalf of any user, named in X-On-Behalf-Of.",
    ChatRead "chat:read" "Read all chats.",
    ChatWrite "chat:write" "Make and moderate chats, and write in them.",
    StreamsRead "streams:read" "Read what happened in any topic.",
    AuditRead "audit:read" "Read who did what to whom.",
    Admin "admin:*" "Everything.",
}

impl Scope {
    /// Tells whether whoever holds `self` may do what needs `needed`. Writing includes reading of the same kind.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == needed
            || match self {
                Self::Admin => true,
                Self::RosterWrite => needed == Self::RosterRead,
                Self::AccessWrite => needed == Self::AccessRead,
                Self::ChatWrite => needed == Self::ChatRead,
                Self::LiveManage => needed == Self::ResultsRead,
                _ => false,
            }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope; there are {all}", all = Scope::ALL.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.iter().find(|scope| scope.name() == text).copied();
        found.ok_or_else(|| UnknownScope(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_back_and_the_error_names_all_of_them() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(*scope));
        }
        let error = "roster".parse::<Scope>().unwrap_err().to_string();
        assert!(Scope::ALL.iter().all(|scope| error.contains(scope.name())), "{error}");
    }

    #[test]
    fn writing_includes_reading_and_admin_includes_all_and_nothing_else_does() {
        assert!(Scope::RosterWrite.covers(Scope::RosterRead) && !Scope::RosterRead.covers(Scope::RosterWrite));
        assert!(Scope::AccessWrite.covers(Scope::AccessRead) && !Scope::AccessWrite.covers(Scope::RosterRead));
        assert!(Scope::ALL.iter().all(|needed| Scope::Admin.covers(*needed)));
        assert!(!Scope::EventsPublish.covers(Scope::Admin));
    }

    #[test]
    fn only_programs_have_scopes() {
        let app = AppId::parse("app").unwrap();
        let caller = |who| Caller { app: app.clone(), who };
        let key = KeyHolder { id: "ck_1".to_owned(), scopes: vec![Scope::RosterWrite] };
        assert!(caller(Who::Key(key.clone())).has_scope(Scope::RosterRead));
        assert!(!caller(Who::Key(key)).has_scope(Scope::AccessRead));
        assert!(caller(Who::App).has_scope(Scope::AccessWrite));
        assert!(!Caller::guest(app).has_scope(Scope::RosterRead));
    }
}
