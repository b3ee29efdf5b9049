//! Channels that the operator gives a meaning, `private-lab-{id}=course`, or whose listeners the operator names,
//! `presence-thread-{id}=org:5`: whoever hears org 5 hears these channels too, and nothing else is said about them.

use std::fmt;

use super::{Topic, TopicKind};

/// Most routes of one app.
pub(super) const MAX_ROUTES: usize = 50;

/// Longest pattern in bytes.
pub(super) const MAX_PATTERN: usize = 200;

/// Stands for the id in a pattern.
const ID: &str = "{id}";

/// Why a route was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// There is no `=`.
    #[error("'{0}' is no route, it must be PATTERN=KIND or PATTERN=KIND:ID, such as private-lab-{{id}}=course")]
    NoKind(String),
    /// There is no such kind.
    #[error("'{got}' is no kind of topic; there are {}", kinds())]
    UnknownKind {
        /// The refused word.
        got: String,
    },
    /// What stands behind the kind names nothing of that kind.
    #[error("'{got}' names no {kind}: behind the colon stands its id, and signed_in and public have none")]
    NoObject {
        /// The refused id.
        got: String,
        /// What it should name.
        kind: &'static str,
    },
    /// The pattern has no place for the id, or several.
    #[error("'{pattern}' must hold {{id}} once, so that it names one {kind}")]
    IdCount {
        /// The refused pattern.
        pattern: String,
        /// What it is for.
        kind: &'static str,
    },
    /// The pattern holds what no channel name does, or is empty or too long.
    #[error(
        "'{0}' must be a channel name of at most {MAX_PATTERN} characters: letters, digits and -_@.; with {{id}} in it"
    )]
    Alphabet(String),
    /// The pattern begins with a prefix that is left out.
    #[error("leave 'cache-' and 'encrypted-' out of '{0}': the route covers these channels too")]
    LongPrefix(String),
    /// Too many routes.
    #[error("an app may have {MAX_ROUTES} routes, these are {0}")]
    TooMany(usize),
}

fn kinds() -> String {
    TopicKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    /// As the operator wrote it.
    pattern: Box<str>,
    kind: TopicKind,
    /// Whose listeners hear the channels, whatever id these have in their names; `None` = the channels are about the id.
    object: Option<Box<str>>,
}

impl Route {
    fn parse(text: &str) -> Result<Self, RouteError> {
        let (pattern, kind) = text.split_once('=').ok_or_else(|| RouteError::NoKind(cut(text)))?;
        let (pattern, kind) = (pattern.trim(), kind.trim());
        let (kind, object) = kind.split_once(':').map_or((kind, None), |(kind, object)| (kind, Some(object)));
        let found = TopicKind::ALL.iter().find(|known| known.name() == kind);
        let kind = *found.ok_or_else(|| RouteError::UnknownKind { got: cut(kind) })?;
        if let Some(got) = object.filter(|object| !kind.needs_id() || kind.topic(object).is_none()) {
            return Err(RouteError::NoObject { got: cut(got), kind: kind.name() });
        }
        let ids = pattern.matches(ID).count();
        if ids > 1 || (ids == 0 && kind.needs_id() && object.is_none()) {
            return Err(RouteError::IdCount { pattern: cut(pattern), kind: kind.name() });
        }
        let name = pattern.replacen(ID, "x", 1);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_@.;".contains(&byte);
        if name.is_empty() || pattern.len() > MAX_PATTERN || !name.bytes().all(legal) {
            return Err(RouteError::Alphabet(cut(pattern)));
        }
        let long = ["cache-", "private-cache-", "private-encrypted-", "presence-cache-"];
        if long.iter().any(|prefix| pattern.starts_with(prefix)) {
            return Err(RouteError::LongPrefix(cut(pattern)));
        }
        Ok(Self { pattern: pattern.into(), kind, object: object.map(Into::into) })
    }

    /// Whose listeners hear a channel, given as its short prefix (`private-`, `presence-` or nothing) and the rest.
    fn topic(&self, prefix: &str, body: &str) -> Option<Topic> {
        let pattern = self.pattern.strip_prefix(prefix)?;
        let topic = |id| self.kind.topic(self.object.as_deref().unwrap_or(id));
        let Some((head, tail)) = pattern.split_once(ID) else {
            return (pattern == body).then(|| topic("")).flatten();
        };
        let id = body.strip_prefix(head)?.strip_suffix(tail)?;
        // Also for kinds that need none: `{id}` is never nothing, and never more than one word.
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if is_id { topic(id) } else { None }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What channels of the application's own are about. The first route that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelRoutes(Vec<Route>);

impl ChannelRoutes {
    /// Reads a list of routes, separated by commas; an empty text is an empty list.
    ///
    /// # Errors
    /// When a route is malformed or there are more than 50.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let routes: Vec<Route> = parts.map(Route::parse).collect::<Result<_, _>>()?;
        if routes.len() > MAX_ROUTES { Err(RouteError::TooMany(routes.len())) } else { Ok(Self(routes)) }
    }

    /// What a channel is about, given as its short prefix (`private-`, `presence-` or nothing) and the rest; `None` when no
    /// route says so.
    #[must_use]
    pub fn topic(&self, prefix: &str, body: &str) -> Option<Topic> {
        self.fitting(prefix, body).filter(|(route, _)| route.object.is_none()).map(|(_, topic)| topic)
    }

    /// The topic whose listeners hear a channel, given in the same way: what it is about, or what its route names.
    #[must_use]
    pub fn guard(&self, prefix: &str, body: &str) -> Option<Topic> {
        self.fitting(prefix, body).map(|(_, topic)| topic)
    }

    fn fitting(&self, prefix: &str, body: &str) -> Option<(&Route, Topic)> {
        let guarded = |route: &&Route| route.pattern.starts_with("private-") || route.pattern.starts_with("presence-");
        let routes = self.0.iter().filter(|route| guarded(route) != prefix.is_empty());
        routes.into_iter().find_map(|route| Some((route, route.topic(prefix, body)?)))
    }
}

impl fmt::Display for ChannelRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Route { pattern, kind, object }) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "," };
            write!(f, "{separator}{pattern}={}", kind.name())?;
            if let Some(object) = object {
                write!(f, ":{object}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::roster::Role, ids::ExternalId};

    fn id(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    #[test]
    fn routes_give_channels_a_topic_by_prefix_and_id() {
        let text =
            "private-lab-{id}=course, helpdesk-{id}=class-staff,private-lounge=signed_in,private-lobby.{id}=public";
        let routes = ChannelRoutes::parse(text).unwrap();
        assert_eq!(ChannelRoutes::parse(&routes.to_string()), Ok(routes.clone()));
        assert_eq!(routes.topic("private-", "lab-5"), Some(Topic::Course(id("5"))));
        assert_eq!(routes.topic("private-", "lab-a-b"), Some(Topic::Course(id("a-b"))));
        assert_eq!(routes.topic("", "helpdesk-9"), Some(Topic::ClassStaff(id("9"))));
        assert_eq!(routes.topic("private-", "lounge"), Some(Topic::SignedIn));
        assert_eq!(routes.topic("private-", "lobby.1"), Some(Topic::Public));
        for (prefix, body) in [
            ("", "lab-5"),
            ("presence-", "lab-5"),
            ("private-", "helpdesk-9"),
            ("private-", "lab-"),
            ("private-", "lab-5.x"),
            ("private-", "lounges"),
            ("private-", "lobby."),
            ("", "private-lounge"),
        ] {
            assert_eq!(routes.topic(prefix, body), None, "{prefix}{body}");
        }
        assert!(routes.topic("private-", &format!("lab-{}", "x".repeat(64))).is_some());
        assert_eq!(routes.topic("private-", &format!("lab-{}", "x".repeat(65))), None);
    }

    #[test]
    fn a_route_that_names_an_object_says_who_hears_and_not_what_about() {
        let text = "presence-thread-{id}=org:5,private-desk=role:instructor,private-desk-{id}=course";
        let routes = ChannelRoutes::parse(text).unwrap();
        assert_eq!(routes.to_string(), text);
        for thread in ["thread-31", "thread-a"] {
            assert_eq!(routes.guard("presence-", thread), Some(Topic::Org(id("5"))));
            assert_eq!(routes.topic("presence-", thread), None);
        }
        assert_eq!(routes.guard("private-", "desk"), Some(Topic::Role(Role::Instructor)));
        assert_eq!(routes.guard("private-", "desk-1"), routes.topic("private-", "desk-1"));
        assert_eq!(routes.guard("presence-", "thread-"), None);
    }

    #[test]
    fn refused_routes_say_what_would_be_right() {
        let error = |text: &str| ChannelRoutes::parse(text).unwrap_err().to_string();
        assert!(error("private-lab").contains("PATTERN=KIND"));
        assert!(error("private-lab-{id}=lesson").contains("chapter-comments"), "{}", error("private-lab-{id}=lesson"));
        assert!(error("private-lab=course").contains("{id} once"));
        assert!(error("private-{id}-{id}=course").contains("{id} once"));
        assert!(error("private-{id}-{id}=course:5").contains("{id} once"));
        for nobody in ["private-x=org:", "private-x=org:a b", "private-x=role:king", "private-x=public:5"] {
            assert!(error(nobody).contains("names no"), "{nobody}");
        }
        assert!(error("private-lab {id}=course").contains("letters"));
        assert!(error("=public").contains("letters"));
        assert!(error("private-cache-{id}=course").contains("leave"));
        assert!(ChannelRoutes::parse("").unwrap().to_string().is_empty());
    }

    #[test]
    fn lists_and_patterns_are_accepted_at_their_limits_and_refused_beyond() {
        let list = |count: usize| vec!["x-{id}=course"; count].join(",");
        assert!(ChannelRoutes::parse(&list(MAX_ROUTES)).is_ok());
        assert_eq!(ChannelRoutes::parse(&list(MAX_ROUTES + 1)), Err(RouteError::TooMany(MAX_ROUTES + 1)));
        let long = |bytes: usize| format!("{}{{id}}=course", "x".repeat(bytes - ID.len()));
        assert!(ChannelRoutes::parse(&long(MAX_PATTERN)).is_ok());
        assert!(ChannelRoutes::parse(&long(MAX_PATTERN + 1)).is_err());
    }
}
