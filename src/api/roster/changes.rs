//! Batches of writes, and the log of changes for those who keep a copy of the roster.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::{http::StatusCode, web::Data};
use poem_openapi::{Object, OpenApi, param::Query, types::Example};

use super::{
    super::{
        Group,
        answer::Answer,
        caller::{Visitor, describe::ByKey},
        problem::{Fault, Following, Problem, Writing},
        strict::Strict,
        word::{Limit, Word},
    },
    batch::{Batch, BatchResultView},
};
use crate::{
    domain::roster::{Action, Change, Kind},
    ids::{ExternalId, UserId},
    services::roster::{Changes, Roster},
};

/// Most changes of one answer.
const MOST: u32 = 1_000;

/// Changes of an answer when the request names no `limit`.
const USUAL: u32 = 100;

/// The routes.
pub(in crate::api) struct Follow;

/// What became of one object.
#[derive(Debug, Object)]
#[oai(rename = "Change", skip_serializing_if_is_none, example)]
struct ChangeView {
    /// Number of the change; later ones are greater, with gaps.
    #[oai(validator(minimum(value = "1")))]
    seq: i64,
    /// Kind of the object.
    kind: Word<Kind>,
    /// Id of the object.
    #[oai(validator(max_length = 128))]
    id: String,
    /// What was done.
    action: Word<Action>,
    /// The person it concerns.
    user: Option<Word<UserId>>,
    /// The course it concerns.
    course: Option<Word<ExternalId>>,
    /// When.
    at: Word<DateTime<Utc>>,
}

impl Example for ChangeView {
    fn example() -> Self {
        Self {
            seq: 812,
            kind: Word(Kind::Enrollment),
            id: "9001".to_owned(),
            action: Word(Action::Deleted),
            user: Some(Word(7.into())),
            course: Some(Word(101.into())),
            at: Word(DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default()),
        }
    }
}

impl From<Change> for ChangeView {
    fn from(Change { seq, kind, id, action, user, course, at }: Change) -> Self {
        let (user, course) = (user.map(Word), course.map(Word));
        Self { seq, kind: Word(kind), id, action: Word(action), user, course, at: Word(at) }
    }
}

/// Changes, oldest first.
#[derive(Debug, Object)]
#[oai(rename = "Changes", example)]
struct ChangesView {
    /// The changes.
    #[oai(validator(max_items = 1_000))]
    data: Vec<ChangeView>,
    /// `since_seq` of the next request: number of the newest change here, or what was asked for when there is none.
    #[oai(validator(minimum(value = "0")))]
    next_seq: i64,
    /// There may be more by now.
    has_more: bool,
}

impl Example for ChangesView {
    fn example() -> Self {
        Self { data: vec![ChangeView::example()], next_seq: 812, has_more: false }
    }
}

#[OpenApi(tag = "Group::Roster")]
impl Follow {
    /// Put and delete up to 5,000 objects at once
    ///
    /// Operations are applied in order, each for itself: one that is refused does not keep the others back. The answer is 200
    /// with one result an operation, whatever became of them. Needs the scope `roster:write`.
    #[oai(path = "/api/roster/batch", method = "post", operation_id = "applyRosterBatch")]
    async fn batch(
        &self,
        roster: Data<&Arc<Roster>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<Batch>,
        _proof: ByKey,
    ) -> Result<Answer<BatchResultView>, Fault<Writing>> {
        let (operations, unfinished) = body.0.split();
        let applied = roster.apply(&visitor.live, visitor.writing(), &operations).await;
        Ok(Answer::of(unfinished.finish(applied.map_err(Problem::from)?)))
    }

    /// Follow the changes of the roster
    ///
    /// Every real change has a number; ask with the `next_seq` of the last answer for what came since. Needs the scope
    /// `roster:read`.
    #[oai(path = "/api/roster/changes", method = "get", operation_id = "listRosterChanges")]
    async fn list(
        &self,
        roster: Data<&Arc<Roster>>,
        visitor: Data<&Arc<Visitor>>,
        /// Number of the last change that is known; 0 or absent = none. 410 when changes behind it are forgotten already.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        since_seq: Query<Option<i64>>,
        /// Most changes of the answer. 100 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKey,
    ) -> Result<Answer<ChangesView>, Fault<Following>> {
        let since = since_seq.0.unwrap_or(0);
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let found = roster.changes(&visitor.caller.app, since, limit).await.map_err(Problem::from)?;
        let Changes { changes, oldest } = found;
        if since < oldest {
            let detail =
                format!("changes up to {oldest} are forgotten: read the roster anew, then follow from {oldest}");
            Err(Problem::new(StatusCode::GONE, "changes_gone", detail))?;
        }
        let next_seq = changes.last().map_or(since, |newest| newest.seq);
        let has_more = changes.len() == limit as usize;
        Ok(Answer::of(ChangesView { data: changes.into_iter().map(ChangeView::from).collect(), next_seq, has_more }))
    }
}
