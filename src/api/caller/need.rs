//! What each operation of the REST API demands of its caller, in one table. What is not in it is not served.

use poem::http::Method;

use super::super::problem::Problem;
use crate::domain::caller::{Caller, Scope, Who};

/// What an operation demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Need {
    /// Nothing: whoever calls is answered, as far as they may know.
    Nothing,
    /// An API key with this scope.
    Scope(Scope),
    /// An API key with this scope; or a person, who may ask about themselves only.
    OneselfOr(Scope),
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

    GET "/api/access/explain" Need::OneselfOr(Scope::AccessRead);
    POST "/api/access/revoke" Need::Scope(Scope::AccessWrite);
    GET "/api/channels/{name}/audience" Need::Scope(Scope::AccessRead);
    POST "/api/users/{id}/disconnect" Need::Scope(Scope::AccessWrite);
};

/// Tells whether this door answers for a path, be it with a refusal.
pub(in crate::api) fn is_ours(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || at(path).next().is_some()
}

/// Operations at a path.
fn at(path: &str) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(move |operation| fits(operation.path, path))
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
    let mut methods: Vec<_> = at(path).map(|operation| operation.method).collect();
    if !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}

/// Finds the operation that a request is for.
///
/// # Errors
/// When there is none.
pub(in crate::api) fn find(method: &Method, path: &str) -> Result<&'static Operation, Problem> {
    let found = at(path).find(|operation| operation.method == method.as_str());
    found.ok_or_else(|| match methods(path) {
        none if none.is_empty() => Problem::no_route(),
        methods => Problem::wrong_method(methods),
    })
}

impl Need {
    /// Checks that the caller has what is demanded.
    ///
    /// # Errors
    /// When it has not; the refusal says what would be right.
    pub(in crate::api) fn check(self, caller: &Caller) -> Result<(), Problem> {
        let (scope, takes_people) = match self {
            Self::Nothing => return Ok(()),
            Self::Scope(scope) => (scope, false),
            Self::OneselfOr(scope) => (scope, true),
        };
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
            Who::Key(_) | Who::App if caller.has_scope(scope) => Ok(()),
            Who::Key(_) | Who::App => {
                let detail = format!("This needs the scope {scope}, which this API key does not have");
                Err(Problem::forbidden("missing_scope", detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::{
        api,
        domain::caller::{KeyHolder, Subject},
        ids::{AppId, UserId},
    };

    /// Operations of the description that are this door's.
    fn described() -> Vec<(String, String, Value)> {
        let description: Value = serde_json::from_str(&api::spec()).unwrap();
        let mut found = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if path != "/up" && !path.starts_with("/apps/") {
                    found.push((method.to_ascii_uppercase(), path.clone(), operation.clone()));
                }
            }
        }
        found
    }

    #[test]
    fn every_operation_of_the_description_has_a_need_and_every_need_an_operation() {
        let described: BTreeSet<_> = described().into_iter().map(|(method, path, _)| (method, path)).collect();
        let own = OPERATIONS.iter().map(|operation| (operation.method.to_owned(), operation.path.to_owned()));
        let known: BTreeSet<_> = own.collect();
        assert_eq!(known, described);
        assert_eq!(known.len(), OPERATIONS.len(), "an operation stands twice");
    }

    #[test]
    fn the_description_names_the_scope_and_the_ways_to_prove_it() {
        for (method, path, operation) in described() {
            let what = format!("{method} {path}");
            let need = OPERATIONS.iter().find(|own| own.method == method && own.path == path).unwrap().need;
            let text = operation["description"].as_str().unwrap_or_default();
            let ways = operation["security"].as_array().cloned().unwrap_or_default();
            let has = |name: &str| ways.iter().any(|way| way[name].is_array());
            let is_open = ways.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty));
            assert!(has("bearer"), "{what}: bearer");
            match need {
                Need::Nothing => assert!(is_open, "{what}: may be called without proof"),
                Need::Scope(scope) => {
                    assert!(text.contains(scope.name()), "{what}: {scope}");
                    assert!(has("apiKey") && !has("session") && !is_open, "{what}: API keys only");
                }
                Need::OneselfOr(scope) => {
                    assert!(text.contains(scope.name()), "{what}: {scope}");
                    assert!(has("apiKey") && has("session") && !is_open, "{what}: keys and people");
                }
            }
        }
    }

    fn caller(who: Who) -> Caller {
        Caller { app: AppId::parse("app").unwrap(), who }
    }

    fn callers() -> [Caller; 4] {
        let key = |scopes| caller(Who::Key(KeyHolder { id: "ck_1".to_owned(), scopes }));
        let subject = Subject {
            user: UserId::parse("7").unwrap(),
            issuer: "issuer".to_owned(),
            expires_at: chrono::DateTime::UNIX_EPOCH,
            name: None,
            avatar: None,
        };
        let all = [
            caller(Who::Guest),
            caller(Who::User(Box::new(subject))),
            key(vec![Scope::RosterRead]),
            key(vec![Scope::RosterWrite, Scope::AccessRead]),
        ];
        all
    }

    #[test]
    fn each_need_lets_exactly_those_through_who_have_it() {
        for (need, codes) in [
            (Need::Nothing, ["", "", "", ""]),
            (READ, ["no_identity", "missing_scope", "", ""]),
            (WRITE, ["no_identity", "missing_scope", "missing_scope", ""]),
            (Need::OneselfOr(Scope::AccessRead), ["no_identity", "", "missing_scope", ""]),
            (Need::Scope(Scope::AccessWrite), ["no_identity", "missing_scope", "missing_scope", "missing_scope"]),
        ] {
            let found = callers().map(|caller| need.check(&caller).map_or_else(|problem| problem.code(), |()| ""));
            assert_eq!(found, codes, "{need:?}");
        }
    }

    #[test]
    fn paths_fit_their_templates_only() {
        assert!(find(&Method::GET, "/api/users/a%2Fb").is_ok());
        assert!(find(&Method::GET, "/api/channels/presence-a.b/audience").is_ok());
        for (method, path, code) in [
            (Method::GET, "/api", "not_found"),
            (Method::GET, "/api/users/", "not_found"),
            (Method::GET, "/api/users/1/2", "not_found"),
            (Method::GET, "/api/time/", "not_found"),
            (Method::POST, "/api/users", "method_not_allowed"),
            (Method::PATCH, "/api/users/1", "method_not_allowed"),
        ] {
            assert_eq!(find(&method, path).map(|found| found.path).unwrap_err().code(), code, "{method} {path}");
        }
        assert_eq!(methods("/api/users/1"), "GET, PUT, DELETE, OPTIONS");
        assert!(is_ours("/pusher/auth") && is_ours("/api/nothing") && !is_ours("/pusher") && !is_ours("/apiary"));
    }
}
