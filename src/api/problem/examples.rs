//! Refusals as the description shows them: of each operation one that it can really give.

use poem::http::StatusCode;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use super::{Problem, kinds};
use crate::api::caller::need::{self, Need};

/// What an example is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Exemplar<'a> {
    /// Id of the operation.
    pub(in crate::api) id: &'a str,
    /// Its method in upper case, and its path as in the description.
    pub(in crate::api) route: (&'a str, &'a str),
    /// It reads a body.
    pub(in crate::api) has_body: bool,
    /// It has parameters in its path or query.
    pub(in crate::api) has_parameters: bool,
}

/// A refusal with this status, as an example for readers of the description.
pub(in crate::api) fn example(of: &Exemplar<'_>, status: u16) -> Option<Value> {
    let code = code(of, status)?;
    let kind = kinds::find(code)?;
    let problem = Problem::new(StatusCode::from_u16(status).ok()?, code, kind.meaning);
    let path: String = of.route.1.replace(['{', '}'], "");
    problem.view(("5f3c1d0a9b7e4c21", &path), "").to_json()
}

/// Tells whether an operation refuses with 409 or 410 by itself. With an `Idempotency-Key`, any does with 409.
pub(in crate::api) fn is_answered(operation: &str, status: u16) -> bool {
    match status {
        409 => conflict(operation).is_some(),
        410 => over(operation).is_some(),
        _ => true,
    }
}

/// Code of a refusal with this status.
fn code(of: &Exemplar<'_>, status: u16) -> Option<&'static str> {
    let (method, path) = of.route;
    let need = need::of(method, path);
    Some(match status {
        400 if !of.has_body && of.has_parameters => "invalid_parameter",
        400 => "malformed_request",
        401 if need == Some(Need::Signature) => "invalid_signature",
        401 if need == Some(Need::Nothing) => "token_expired",
        401 => "no_identity",
        403 if path.ends_with("/auth") => "not_enrolled",
        403 if matches!(need, Some(Need::Nothing | Need::Signature)) => "app_disabled",
        403 if need == Some(Need::Person) => "no_person",
        403 => "missing_scope",
        404 => "not_found",
        408 => "body_late",
        409 => conflict(of.id).unwrap_or("request_in_progress"),
        410 => over(of.id)?,
        412 => "version_mismatch",
        413 => "body_too_large",
        415 => "unsupported_media_type",
        422 if !of.has_body && need::takes_key(method, path) => "idempotency_key_reused",
        422 => "invalid_fields",
        429 if of.id == "postMessage" => "slow_mode",
        429 => "rate_limited",
        500 => "internal",
        503 => "source_unavailable",
        _ => return None,
    })
}

/// What an operation finds in conflict with what is there.
fn conflict(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "putEnrollment" => "duplicate_enrollment",
        "putClass" => "class_cannot_move",
        "createChat" => "id_taken",
        "postMessage" => "chat_frozen",
        "editMessage" | "deleteMessage" | "putReaction" | "addReaction" | "removeReaction" | "acknowledgeMessage"
        | "pinMessage" | "unpinMessage" | "reportMessage" => "message_deleted",
        "addChatMembers" | "removeChatMember" => "no_group",
        "createSanction" => "too_many",
        "createPoll" | "duplicatePoll" => "too_many_polls",
        "changePoll" | "openPoll" | "closePoll" | "reopenPoll" | "publishPoll" | "archivePoll" => "wrong_state",
        "votePoll" | "withdrawPollVote" => "already_voted",
        "suggestPollOption" => "option_exists",
        "cancelNotificationBroadcast" => "too_late",
        "confirmBroadcast" => "no_ack",
        _ => return None,
    })
}

/// What is over, or was forgotten, when an operation says so.
fn over(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "votePoll" | "withdrawPollVote" | "suggestPollOption" => "poll_closed",
        "confirmBroadcast" => "over",
        "listRosterChanges" => "changes_gone",
        "listStreamEvents" => "stream_gap",
        _ => return None,
    })
}
