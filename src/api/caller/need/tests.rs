//! The table of needs against the description of the API, and who is let through.

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
            Need::Nothing | Need::Signature => assert!(is_open, "{what}: may be called without proof"),
            Need::Scope(scope) => {
                assert!(text.contains(scope.name()), "{what}: {scope}");
                assert!(has("apiKey") && !has("session") && !is_open, "{what}: API keys only");
            }
            Need::Person => assert!(has("apiKey") && has("session") && !is_open, "{what}: people and keys for them"),
            Need::TriggerOr(scope) | Need::GuestOr(scope) => {
                assert!(text.contains(scope.name()), "{what}: {scope}");
                assert!(is_open, "{what}: may be called without proof");
            }
            Need::OneselfOr(scope) | Need::PersonOr(scope) => {
                assert!(text.contains(scope.name()), "{what}: {scope}");
                assert!(has("apiKey") && has("session") && !is_open, "{what}: keys and people");
            }
        }
    }
}

#[test]
fn writes_that_no_socket_hears_of_take_none_to_be_left_out() {
    for (method, path, operation) in described() {
        let takes = operation["parameters"].to_string().contains("X-Socket-ID");
        let is_heard = !matches!(
            (method.as_str(), path.as_str()),
            ("POST", "/api/broadcasts/{id}/ack")
                | ("DELETE", "/api/notification-broadcasts/{id}")
                | ("PUT", "/api/me/notification-preferences" | "/api/courses/{id}/words")
        );
        let may_be_a_persons = of(&method, &path).unwrap().takes_people() && method != "GET";
        assert_eq!(takes, may_be_a_persons && is_heard, "{method} {path}");
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
        through: None,
    };
    [
        caller(Who::Guest),
        caller(Who::User(Box::new(subject))),
        key(vec![Scope::RosterRead]),
        key(vec![Scope::RosterWrite, Scope::AccessRead]),
    ]
}

#[test]
fn each_need_lets_exactly_those_through_who_have_it() {
    for (need, codes) in [
        (Need::Nothing, ["", "", "", ""]),
        (READ, ["no_identity", "missing_scope", "", ""]),
        (WRITE, ["no_identity", "missing_scope", "missing_scope", ""]),
        (Need::GuestOr(Scope::RosterRead), ["no_identity", "", "", ""]),
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
    assert_eq!(methods("/api/users/1"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assert!(find(&Method::HEAD, "/api/time").is_ok());
    assert!(is_ours("/pusher/auth") && is_ours("/api/nothing") && !is_ours("/pusher") && !is_ours("/apiary"));
}
