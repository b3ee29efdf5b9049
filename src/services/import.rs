//! Importing the roster from CSV files: what they say ([`sheet`]), what that would change ([`plan`]), and doing it.
//!
//! The plan is judged by the same rules as the write, so that a dry run tells what will happen. An enrollments file is the
//! whole truth for its source and the courses that it names: who is missing there is dropped, except staff. Called by
//! `campanile roster import`.

mod cells;
pub mod plan;
pub mod sheet;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use plan::Plan;
pub use sheet::Sheet;

use crate::{
    domain::roster::{Kind, Operation, Outcome},
    ids::AppId,
    store::{self, RosterWrite, Store},
};

/// Operations that are applied in one transaction.
const BATCH: usize = 1_000;

/// Imports into one app as one source.
#[derive(Debug)]
pub struct Import<'a> {
    /// Where the roster is kept.
    pub store: &'a Store,
    /// The app.
    pub app: &'a AppId,
    /// Whose rows the files are: `csv` unless said otherwise.
    pub source: &'a str,
    /// Who imports, as the audit names callers.
    pub actor: &'a str,
}

impl Import<'_> {
    /// Tells what the files would change. Changes nothing.
    ///
    /// # Errors
    /// When the database fails. What is wrong with the files stands in the plan.
    pub async fn plan(&self, sheets: &[Sheet], now: DateTime<Utc>) -> store::Result<Plan> {
        let (mut ids, mut courses) = (BTreeMap::<Kind, BTreeSet<&str>>::new(), BTreeSet::new());
        for sheet in sheets {
            for (kind, id) in sheet.names() {
                ids.entry(kind).or_default().insert(id);
                if sheet.kind == Kind::Enrollment && kind == Kind::Course {
                    courses.insert(id);
                }
            }
        }
        courses.retain(|id| !id.contains('\0'));
        let ledger = self.store.roster_ledger(self.app, &ids, &courses).await?;
        Ok(plan::plan(self.source, sheets, ledger, now))
    }

    /// Does what the plan says, piece by piece in the order in which objects need each other; `progress` is called with the
    /// number of operations done so far. What was done stays when a later piece fails, and importing again goes on from there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply(
        &self,
        plan: &Plan,
        now: DateTime<Utc>,
        mut progress: impl FnMut(usize),
    ) -> store::Result<Vec<(Operation, Outcome)>> {
        let by = RosterWrite { source: self.source, actor: self.actor, ip: None, now };
        let operations: Vec<Operation> = plan.operations().collect();
        let mut done = Vec::with_capacity(operations.len());
        for some in operations.chunks(BATCH) {
            let applied = self.store.roster_apply(self.app, by, some).await?;
            done.extend(some.iter().cloned().zip(applied.outcomes));
            progress(done.len());
        }
        Ok(done)
    }
}
