//! The audit over HTTP: read, never written.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};

use super::{
    Group,
    answer::Answer,
    caller::{Visitor, describe::ByKey},
    list::{Cursor, List, MOST, USUAL},
    problem::{Fault, Problem, Reading},
    word::{Limit, Word},
};
use crate::services::audit::{Audit, AuditEntry, AuditFilter};

type Time = Word<DateTime<Utc>>;

/// The routes.
pub(super) struct AuditRoutes;

/// What somebody did to something.
#[derive(Debug, Object)]
#[oai(rename = "AuditEntry", skip_serializing_if_is_none, example)]
struct EntryView {
    /// Rises with each entry.
    #[oai(validator(max_length = 20))]
    id: String,
    /// Who did it: `user:7`, `key:ck_…`, `user:7 through key:ck_…`, `cli`, or a part of the server such as `timer`.
    #[oai(validator(max_length = 160))]
    actor: String,
    /// What was done, such as `roster.updated` or `chat.banned`.
    #[oai(validator(max_length = 64))]
    action: String,
    /// Kind of what it was done to, such as `enrollment`.
    #[oai(validator(max_length = 32))]
    target_type: String,
    /// Its id.
    #[oai(validator(max_length = 200))]
    target_id: String,
    /// Where it counts, such as `chat.5`.
    #[oai(validator(max_length = 255))]
    scope: Option<String>,
    /// What was there before, mostly as JSON; cut after 16,000 characters.
    #[oai(validator(max_length = 16_000))]
    before: Option<String>,
    /// What is there since, or what else there is to say; mostly as JSON, cut after 16,000 characters.
    #[oai(validator(max_length = 16_000))]
    after: Option<String>,
    /// From where.
    #[oai(validator(max_length = 45))]
    ip: Option<String>,
    /// When, to the second.
    created_at: Time,
}

impl EntryView {
    fn new(id: i64, entry: AuditEntry) -> Self {
        Self {
            id: id.to_string(),
            actor: entry.actor,
            action: entry.action,
            target_type: entry.target_type,
            target_id: entry.target_id,
            scope: entry.scope,
            before: entry.before,
            after: entry.after,
            ip: entry.ip,
            created_at: Word(entry.at),
        }
    }
}

impl Example for EntryView {
    fn example() -> Self {
        Self {
            id: "812".to_owned(),
            actor: "user:9".to_owned(),
            action: "chat.muted".to_owned(),
            target_type: "user".to_owned(),
            target_id: "7".to_owned(),
            scope: Some("chat.5".to_owned()),
            before: None,
            after: Some(r#"{"measure":"mute","minutes":30,"reason":"shouts"}"#.to_owned()),
            ip: Some("192.0.2.7".to_owned()),
            created_at: Word(DateTime::from_timestamp(1_788_249_600, 0).unwrap_or_default()),
        }
    }
}

#[OpenApi(tag = "Group::Audit")]
impl AuditRoutes {
    /// List who did what to whom
    ///
    /// Changes of the roster, access that ended, what was done to chats, messages, polls and API keys, and what admins have read
    /// that is not theirs (`chat.read`, `poll.ballots_read`); newest first. Kept for the `audit_days` of the server. Needs the
    /// scope `audit:read`.
    #[oai(path = "/api/audit", method = "get", operation_id = "listAudit")]
    async fn list(
        &self,
        audit: Data<&Arc<Audit>>,
        visitor: Data<&Arc<Visitor>>,
        /// Only what this one did, as the audit has it (`user:7`, `key:ck_…`, `cli`).
        #[oai(validator(max_length = 160))]
        actor: Query<Option<String>>,
        /// Only this action, such as `chat.banned`.
        #[oai(validator(max_length = 64))]
        action: Query<Option<String>>,
        /// Only what was done to this kind of thing, such as `enrollment`.
        #[oai(validator(max_length = 32))]
        target_type: Query<Option<String>>,
        /// Only what was done to the thing with this id.
        #[oai(validator(max_length = 200))]
        target_id: Query<Option<String>>,
        /// Only from this second on.
        since: Query<Option<Time>>,
        /// Only before this second.
        until: Query<Option<Time>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKey,
    ) -> Result<Answer<List<EntryView>>, Fault<Reading>> {
        let before = cursor.0.map(|cursor| cursor.0.0.parse::<i64>()).transpose();
        let before =
            before.map_err(|_no_number| Problem::parameter("cursor", "must be the 'next_cursor' of a page"))?;
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let filter = AuditFilter {
            actor: actor.0,
            action: action.0,
            target_type: target_type.0,
            target_id: target_id.0,
            since: since.0.map(|since| since.0),
            until: until.0.map(|until| until.0),
        };
        let rows = audit.list(&visitor.caller.app, &filter, (before, limit + 1)).await?;
        let rows = rows.into_iter().map(|(id, entry)| (id.to_string(), EntryView::new(id, entry))).collect();
        Ok(Answer::of(List::new(rows, limit)))
    }
}
