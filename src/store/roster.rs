//! The roster as rows: written operation by operation in one transaction, read object by object and list by list.
//!
//! A batch is taken in runs: what a run may need is read at once (`known`), its operations are judged one after the other in
//! memory (`apply`), and what they changed is written at once. Deleting something that has others below it (`remove`) ends a
//! run. Each real change gets a row in the change log and in the audit (`log`). Numbers of changes come from the change
//! counter `roster`, which also makes writers queue up: what one of them has read stays true until it commits.

mod apply;
mod crowd;
mod known;
pub(super) mod log;
mod members;
mod read;
mod remove;
mod rows;
mod table;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use entity::{
    access_block, api_key, audit_log, chapter, course, course_class, enrollment, org, person, person_identity, poll,
    presence_session, roster_change, user_status,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

pub use members::{Member, MemberFilter};

use super::{Result, Store};
use crate::{
    domain::roster::{Change, Expected, Operation, Outcome, Role, Status},
    ids::{AppId, ExternalId, UserId},
};

/// Name of the change counter; its value is the number of the newest change.
pub(super) const COUNTER: &str = "roster";

/// Changes of one app that are kept at least; somewhat more are, because old ones go by the thousand.
pub const CHANGES_KEPT: u64 = 100_000;

/// Most rows or ids in one statement: SQLite takes 32,766 bound values.
const CHUNK: usize = 500;

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub struct RosterWrite<'a> {
    /// Whose rows these are: `api`, `csv`, …; at most 64 letters, digits, `-` and `_`. New rows belong to it; rows that
    /// are there stay whose they are.
    pub source: &'a str,
    /// Who does it, as the audit names callers.
    pub actor: &'a str,
    /// Address of whoever asked.
    pub ip: Option<&'a str>,
    /// When.
    pub now: DateTime<Utc>,
}

/// What a batch has done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RosterApplied {
    /// What became of each operation, in their order.
    pub outcomes: Vec<Outcome>,
    /// What changed, in the order of the numbers. More than the operations when others hung below a deleted object.
    pub changes: Vec<Change>,
}

/// Which objects a list shows. Absent = any; a field that the kind of object does not have is not looked at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RosterFilter {
    /// Enrollments of this person.
    pub user: Option<UserId>,
    /// Classes, chapters and enrollments of this course.
    pub course: Option<ExternalId>,
    /// Courses and people of this org.
    pub org: Option<ExternalId>,
    /// Enrollments of this status.
    pub status: Option<Status>,
    /// Enrollments of this role.
    pub role: Option<Role>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last id of the page before; `None` = from the beginning.
    pub after: Option<String>,
    /// Most rows.
    pub limit: u32,
}

impl Store {
    /// Applies operations one after the other, each for itself: one that is refused does not keep the others back. Rows,
    /// change log and audit go in one transaction; if nothing changed, nothing is written.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is changed then.
    #[tracing::instrument(name = "store.roster_apply", level = "debug", skip_all, fields(app.id = %app, operations = operations.len()))]
    pub async fn roster_apply(
        &self,
        app: &AppId,
        by: RosterWrite<'_>,
        operations: &[Operation],
    ) -> Result<RosterApplied> {
        self.roster_write((app, by), operations, &Expected::Any).await
    }

    /// Applies one operation, if the object has the version that it is for.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is changed then.
    #[tracing::instrument(name = "store.roster_apply_expecting", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn roster_apply_expecting(
        &self,
        app: &AppId,
        by: RosterWrite<'_>,
        operation: &Operation,
        expected: &Expected,
    ) -> Result<RosterApplied> {
        self.roster_write((app, by), std::slice::from_ref(operation), expected).await
    }

    async fn roster_write(
        &self,
        (app, by): (&AppId, RosterWrite<'_>),
        operations: &[Operation],
        expected: &Expected,
    ) -> Result<RosterApplied> {
        let change = self.change_begin(COUNTER).await?;
        let mut log = log::Log::new(app, by);
        let mut outcomes = Vec::with_capacity(operations.len());
        let mut rest = operations;
        while !rest.is_empty() {
            let (run, later) = rest.split_at(apply::run_length(rest));
            let known = known::Known::load(&change, app, run).await?;
            apply::Run::new((&change, app), known, &mut log).take(run, expected, &mut outcomes).await?;
            rest = later;
        }
        let changes = log.write(&change).await?;
        super::change_end(change, !changes.is_empty()).await?;
        Ok(RosterApplied { outcomes, changes })
    }
}

/// Removes all that is kept for an app besides its own rows: an app that is made later with the same id is another one.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    async fn all_of<E: EntityTrait>(change: &DatabaseTransaction, column: E::Column, app: &AppId) -> Result<()> {
        E::delete_many().filter(column.eq(app.as_str())).exec(change).await?;
        Ok(())
    }
    all_of::<poll::Entity>(change, poll::Column::AppId, app).await?;
    super::notification::clear(change, app).await?;
    super::broadcast::clear(change, app).await?;
    all_of::<enrollment::Entity>(change, enrollment::Column::AppId, app).await?;
    all_of::<chapter::Entity>(change, chapter::Column::AppId, app).await?;
    all_of::<course_class::Entity>(change, course_class::Column::AppId, app).await?;
    all_of::<course::Entity>(change, course::Column::AppId, app).await?;
    all_of::<person_identity::Entity>(change, person_identity::Column::AppId, app).await?;
    all_of::<person::Entity>(change, person::Column::AppId, app).await?;
    all_of::<org::Entity>(change, org::Column::AppId, app).await?;
    all_of::<roster_change::Entity>(change, roster_change::Column::AppId, app).await?;
    all_of::<api_key::Entity>(change, api_key::Column::AppId, app).await?;
    all_of::<access_block::Entity>(change, access_block::Column::AppId, app).await?;
    all_of::<user_status::Entity>(change, user_status::Column::AppId, app).await?;
    all_of::<presence_session::Entity>(change, presence_session::Column::AppId, app).await?;
    all_of::<audit_log::Entity>(change, audit_log::Column::AppId, app).await
}
