//! What each operation of the REST API demands of its caller, in one table. What is not in it is not served.

use poem::http::Method;

use super::super::problem::Problem;
use crate::domain::caller::{Caller, Scope, Who};

/// What an operation demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Need {
    /// Nothing: whoever calls is answered, as far as they may know.
    Nothing,
    /// A body that is signed with the secret of an app; the operation sees to that itself.
    Signature,
    /// An API key with this scope.
    Scope(Scope),
    /// An API key with this scope; or a person, who may ask about themselves only.
    OneselfOr(Scope),
    /// A person, or an API key with `users:act` on behalf of one.
    Person,
    /// A person as before, or an API key with this scope by itself.
    PersonOr(Scope),
    /// A person, or an API key with this scope by itself; or a guest without an account, where the app lets those in.
    GuestOr(Scope),
    /// A person, or an API key with this scope; or nobody known, where [`super::super::Config::takes_triggers_of`] says so.
    TriggerOr(Scope),
}

/// One operation: method, path and what it demands.
pub(in crate::api) struct Operation {
    pub(in crate::api) method: &'static str,
    /// Path as in the description; parameters in braces.
    pub(in crate::api) path: &'static str,
    pub(in crate::api) need: Need,
    /// Takes bodies as large as [`super::super::Config::max_batch_bytes`].
    pub(in crate::api) is_batch: bool,
}

macro_rules! operations {
    ($($method:ident $path:literal $need:expr;)+) => {
        &[$(Operation {
            method: stringify!($method),
            path: $path,
            need: $need,
            is_batch: matches!($path.as_bytes(), b"/api/roster/batch"),
        }),+]
    };
}

const READ: Need = Need::Scope(Scope::RosterRead);
const WRITE: Need = Need::Scope(Scope::RosterWrite);
const LEAD: Need = Need::PersonOr(Scope::LiveManage);
const RESULTS: Need = Need::PersonOr(Scope::ResultsRead);
const LOOK: Need = Need::GuestOr(Scope::ResultsRead);
const VOTE: Need = Need::GuestOr(Scope::UsersAct);
const CHAT_READ: Need = Need::PersonOr(Scope::ChatRead);
const CHAT_WRITE: Need = Need::PersonOr(Scope::ChatWrite);

const SEND: Need = Need::PersonOr(Scope::NotificationsSend);

/// All operations that this door lets through.
pub(in crate::api) const OPERATIONS: &[Operation] = operations! {
    GET "/api/time" Need::Nothing;
    GET "/api/realtime/status" Need::Nothing;

    GET "/broadcasting/auth" Need::Nothing;
    POST "/broadcasting/auth" Need::Nothing;
    GET "/api/broadcasting/auth" Need::Nothing;
    POST "/api/broadcasting/auth" Need::Nothing;
    GET "/pusher/auth" Need::Nothing;
    POST "/pusher/auth" Need::Nothing;
    GET "/api/pusher/auth" Need::Nothing;
    POST "/api/pusher/auth" Need::Nothing;
    POST "/pusher/webhook" Need::Signature;
    GET "/broadcasting/user-auth" Need::Nothing;
    POST "/broadcasting/user-auth" Need::Nothing;
    GET "/api/broadcasting/user-auth" Need::Nothing;
    POST "/api/broadcasting/user-auth" Need::Nothing;
    GET "/pusher/user-auth" Need::Nothing;
    POST "/pusher/user-auth" Need::Nothing;
    GET "/api/pusher/user-auth" Need::Nothing;
    POST "/api/pusher/user-auth" Need::Nothing;

    GET "/api/orgs" READ;
    GET "/api/orgs/{id}" READ;
    PUT "/api/orgs/{id}" WRITE;
    DELETE "/api/orgs/{id}" WRITE;
    GET "/api/users" READ;
    GET "/api/users/{id}" READ;
    PUT "/api/users/{id}" WRITE;
    DELETE "/api/users/{id}" WRITE;
    GET "/api/courses" READ;
    GET "/api/courses/{id}" READ;
    PUT "/api/courses/{id}" WRITE;
    DELETE "/api/courses/{id}" WRITE;
    GET "/api/classes" READ;
    GET "/api/classes/{id}" READ;
    PUT "/api/classes/{id}" WRITE;
    DELETE "/api/classes/{id}" WRITE;
    GET "/api/chapters" READ;
    GET "/api/chapters/{id}" READ;
    PUT "/api/chapters/{id}" WRITE;
    DELETE "/api/chapters/{id}" WRITE;
    GET "/api/enrollments" READ;
    GET "/api/enrollments/{id}" READ;
    PUT "/api/enrollments/{id}" WRITE;
    DELETE "/api/enrollments/{id}" WRITE;
    POST "/api/roster/batch" WRITE;
    GET "/api/roster/changes" READ;

    POST "/api/realtime/presence/online" Need::Person;
    POST "/api/realtime/presence/offline" Need::Person;
    PATCH "/api/me/status" Need::Person;
    GET "/api/presence/users" Need::PersonOr(Scope::PresenceRead);
    GET "/api/presence/channels/{name}" Need::PersonOr(Scope::PresenceRead);

    POST "/api/typing" Need::Person;
    GET "/api/typing" Need::PersonOr(Scope::PresenceRead);

    POST "/api/polls" LEAD;
    GET "/api/polls" LOOK;
    GET "/api/polls/{id}" LOOK;
    PATCH "/api/polls/{id}" LEAD;
    POST "/api/polls/{id}/open" LEAD;
    POST "/api/polls/{id}/close" LEAD;
    POST "/api/polls/{id}/reopen" LEAD;
    POST "/api/polls/{id}/publish" LEAD;
    POST "/api/polls/{id}/archive" LEAD;
    POST "/api/polls/{id}/duplicate" LEAD;
    PUT "/api/polls/{id}/vote" VOTE;
    DELETE "/api/polls/{id}/vote" VOTE;
    POST "/api/polls/{id}/options" LEAD;
    GET "/api/polls/{id}/results" RESULTS;
    GET "/api/polls/{id}/ballots" RESULTS;
    GET "/api/polls/{id}/export" RESULTS;

    GET "/api/streams/{topic}" Need::PersonOr(Scope::StreamsRead);
    GET "/api/streams/{topic}/events" Need::PersonOr(Scope::StreamsRead);

    GET "/api/access/explain" Need::OneselfOr(Scope::AccessRead);
    POST "/api/access/revoke" Need::Scope(Scope::AccessWrite);
    GET "/api/access/revocations" Need::Scope(Scope::AccessRead);
    DELETE "/api/access/revocations/{id}" Need::Scope(Scope::AccessWrite);
    GET "/api/channels/{name}/audience" Need::Scope(Scope::AccessRead);
    POST "/api/users/{id}/disconnect" Need::Scope(Scope::AccessWrite);

    GET "/api/audit" Need::Scope(Scope::AuditRead);

    GET "/api/chats" CHAT_READ;
    POST "/api/chats" CHAT_WRITE;
    GET "/api/chats/{id}" CHAT_READ;
    PATCH "/api/chats/{id}" CHAT_WRITE;
    GET "/api/chats/{id}/members" CHAT_READ;
    POST "/api/chats/{id}/members" CHAT_WRITE;
    DELETE "/api/chats/{id}/members/{user}" CHAT_WRITE;
    PUT "/api/chats/{id}/read" Need::Person;
    POST "/api/chats/{id}/freeze" CHAT_WRITE;
    POST "/api/chats/{id}/unfreeze" CHAT_WRITE;
    POST "/api/chats/{id}/clear" CHAT_WRITE;
    POST "/api/chats/{id}/purge" CHAT_WRITE;
    GET "/api/chats/{id}/export" CHAT_READ;
    GET "/api/chats/{id}/messages" CHAT_READ;
    GET "/api/chats/{id}/pins" CHAT_READ;
    POST "/api/chat/messages" CHAT_WRITE;
    GET "/api/messages/{id}" CHAT_READ;
    PATCH "/api/messages/{id}" CHAT_WRITE;
    DELETE "/api/messages/{id}" CHAT_WRITE;
    GET "/api/messages/{id}/versions" CHAT_READ;
    PUT "/api/messages/{id}/reactions/{emoji}" Need::Person;
    POST "/api/messages/{id}/reactions/{emoji}" Need::Person;
    DELETE "/api/messages/{id}/reactions/{emoji}" Need::Person;
    POST "/api/messages/{id}/ack" Need::Person;
    GET "/api/messages/{id}/acks" CHAT_READ;
    POST "/api/messages/{id}/pin" CHAT_WRITE;
    DELETE "/api/messages/{id}/pin" CHAT_WRITE;
    POST "/api/messages/{id}/report" Need::Person;
    GET "/api/chats/{id}/moderation" CHAT_READ;
    POST "/api/chats/{id}/moderation" CHAT_WRITE;
    DELETE "/api/chats/{id}/moderation/{measure}" CHAT_WRITE;
    GET "/api/chats/{id}/reports" CHAT_READ;
    PATCH "/api/chats/{id}/reports/{report}" CHAT_WRITE;
    GET "/api/moderation/words" Need::Scope(Scope::Admin);
    PUT "/api/moderation/words" Need::Scope(Scope::Admin);
    GET "/api/courses/{id}/words" CHAT_READ;
    PUT "/api/courses/{id}/words" CHAT_WRITE;

    POST "/api/notifications" SEND;
    GET "/api/notifications" Need::Person;
    POST "/api/notifications/broadcast" SEND;
    GET "/api/notifications/realtime" Need::Person;
    POST "/api/notifications/read" Need::Person;
    GET "/api/notifications/{id}" Need::Person;
    PATCH "/api/notifications/{id}" Need::Person;
    GET "/api/notification-broadcasts/{id}" SEND;
    DELETE "/api/notification-broadcasts/{id}" SEND;
    GET "/api/me/notification-preferences" Need::Person;
    PUT "/api/me/notification-preferences" Need::Person;

    POST "/api/broadcasts" SEND;
    GET "/api/broadcasts/{id}" SEND;
    POST "/api/broadcasts/{id}/ack" Need::Person;
    GET "/api/broadcast-log" Need::Scope(Scope::Admin);
    POST "/realtime/trigger" Need::TriggerOr(Scope::EventsPublish);
    POST "/api/realtime/trigger" Need::TriggerOr(Scope::EventsPublish);
};

impl Operation {
    /// Tells whether the caller may name the request by an `Idempotency-Key`. What only signs is executed as often as it comes;
    /// what is suggested in a poll is there already the second time, and nothing is kept that would tell whose it is.
    pub(in crate::api) fn takes_key(&self) -> bool {
        takes_key(self.method, self.path)
    }

    /// Tells whether all parameters of its query are its own. Stock clients and who delivers webhooks may send more along.
    pub(in crate::api) fn knows_its_query(&self) -> bool {
        self.need != Need::Signature && !self.path.ends_with("auth")
    }
}

/// The same for an operation of the description.
pub(in crate::api) fn takes_key(method: &str, path: &str) -> bool {
    method == "POST" && !path.ends_with("auth") && path != "/api/polls/{id}/options"
}

/// What an operation of the description demands.
pub(in crate::api) fn of(method: &str, path: &str) -> Option<Need> {
    OPERATIONS.iter().find(|operation| operation.method == method && operation.path == path).map(|found| found.need)
}

/// Tells whether this door answers for a path, be it with a refusal.
pub(in crate::api) fn is_ours(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || at(path).next().is_some()
}

/// Operations at a path. One that is spelled out is not another's parameter.
fn at(path: &str) -> impl Iterator<Item = &'static Operation> {
    let is_spelled_out = OPERATIONS.iter().any(|operation| operation.path == path);
    let is_at = move |template: &str| if is_spelled_out { template == path } else { fits(template, path) };
    OPERATIONS.iter().filter(move |operation| is_at(operation.path))
}

/// Tells whether a path has the form of a template. Parameters are never empty.
fn fits(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let all = template.split('/').all(|wanted| match parts.next() {
        Some(part) if wanted.starts_with('{') => !part.is_empty(),
        part => part == Some(wanted),
    });
    all && parts.next().is_none()
}

/// Methods at a path, as `Allow` lists them; empty when the path is none.
pub(in crate::api) fn methods(path: &str) -> String {
    let mut methods = Vec::new();
    for operation in at(path) {
        methods.push(operation.method);
        methods.extend((operation.method == "GET").then_some("HEAD"));
    }
    methods.extend((!methods.is_empty()).then_some("OPTIONS"));
    methods.join(", ")
}

/// Finds the operation that a request is for. HEAD is GET without the body.
///
/// # Errors
/// When there is none.
pub(in crate::api) fn find(method: &Method, path: &str) -> Result<&'static Operation, Problem> {
    let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
    let found = at(path).find(|operation| operation.method == method.as_str());
    found.ok_or_else(|| match methods(path) {
        none if none.is_empty() => Problem::no_route(),
        methods => Problem::wrong_method(methods),
    })
}

impl Need {
    /// Tells whether people may ask for it with their own token.
    pub(in crate::api) const fn takes_people(self) -> bool {
        matches!(self, Self::Person | Self::OneselfOr(_) | Self::PersonOr(_) | Self::GuestOr(_) | Self::TriggerOr(_))
    }

    /// Checks that the caller has what is demanded.
    ///
    /// # Errors
    /// When it has not; the refusal says what would be right.
    pub(in crate::api) fn check(self, caller: &Caller) -> Result<(), Problem> {
        let scope = match self {
            Self::Nothing | Self::Signature => return Ok(()),
            Self::Person => Scope::UsersAct,
            Self::TriggerOr(_) if caller.is_guest() => return Ok(()),
            Self::Scope(scope)
            | Self::OneselfOr(scope)
            | Self::PersonOr(scope)
            | Self::GuestOr(scope)
            | Self::TriggerOr(scope) => scope,
        };
        let takes_people = self.takes_people();
        match &caller.who {
            Who::Guest => {
                let person = if takes_people { ", or a person's token" } else { "" };
                let detail = format!("This needs an API key with the scope {scope}{person}: 'Authorization: Bearer …'");
                Err(Problem::unknown_caller("no_identity", detail))
            }
            Who::User(_) if takes_people => Ok(()),
            Who::User(_) => {
                let detail = format!("This needs an API key with the scope {scope}; a person's token is not enough");
                Err(Problem::forbidden("missing_scope", detail))
            }
            Who::Key(_) | Who::App if !caller.has_scope(scope) => {
                let detail = format!("This needs the scope {scope}, which this API key does not have");
                Err(Problem::forbidden("missing_scope", detail))
            }
            Who::Key(_) | Who::App if self == Self::Person => {
                let detail = "This is for people: name the user on whose behalf it is done in X-On-Behalf-Of";
                Err(Problem::forbidden("no_person", detail))
            }
            Who::Key(_) | Who::App => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
