//! One run of operations: each is judged by what is known, and changes what is known for those after it.

use sea_orm::DatabaseTransaction;

use super::{CHUNK, Result, known::Known, log::Log, remove, table};
use crate::{
    domain::roster::{Action, Expected, Kind, Operation, Outcome, RowError, Verdict, Write},
    ids::AppId,
};

/// How many of these operations make up the next run: a deletion that takes other rows along stands alone.
pub(super) fn run_length(operations: &[Operation]) -> usize {
    let is_alone = |operation: &Operation| matches!(operation, Operation::Delete(kind, _) if *kind != Kind::Enrollment);
    let together = operations.iter().take(CHUNK).take_while(|operation| !is_alone(operation)).count();
    together.max(1)
}

/// A run under way.
pub(super) struct Run<'a, 'w> {
    change: &'a DatabaseTransaction,
    app: &'a AppId,
    known: Known,
    log: &'a mut Log<'w>,
}

impl<'a, 'w> Run<'a, 'w> {
    pub(super) fn new((change, app): (&'a DatabaseTransaction, &'a AppId), known: Known, log: &'a mut Log<'w>) -> Self {
        Self { change, app, known, log }
    }

    /// Applies the operations and writes what they changed.
    pub(super) async fn take(
        mut self,
        run: &[Operation],
        expected: &Expected,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<()> {
        for operation in run {
            outcomes.push(match operation {
                _ if let Some(error) = self.mismatch(operation, expected) => Outcome::Refused(error),
                Operation::Put(object) => {
                    let verdict = self.known.ledger.judge_put(object, self.log.by.source, self.log.by.now);
                    let action = match &verdict {
                        Verdict::Write(write) if write.before.is_none() => Action::Created,
                        _ => Action::Updated,
                    };
                    self.execute(verdict, action).await?
                }
                Operation::Delete(Kind::Enrollment, id) => {
                    let verdict = self.known.ledger.judge_drop(id, self.log.by.now);
                    self.execute(verdict, Action::Deleted).await?
                }
                Operation::Delete(kind, id) => remove::remove((self.change, self.app), (*kind, id), self.log).await?,
            });
        }
        self.known.write(self.change, self.app).await
    }

    /// Why the operation is for another version than there is.
    fn mismatch(&self, operation: &Operation, expected: &Expected) -> Option<RowError> {
        let (kind, id) = operation.target();
        let found = self.known.ledger.get(kind, id).map(|row| row.version);
        (!expected.holds(found)).then(|| RowError::version_mismatch((kind, id), found, expected))
    }

    async fn execute(&mut self, verdict: Verdict, action: Action) -> Result<Outcome> {
        let write = match verdict {
            Verdict::Refused(error) => return Ok(Outcome::Refused(error)),
            Verdict::Unchanged => return Ok(Outcome::Unchanged),
            Verdict::Write(write) => write,
        };
        let Write { before, after, replaces, moves } = &*write;
        if *moves || replaces.is_some() {
            self.known.write(self.change, self.app).await?;
        }
        if let Some(gone) = replaces {
            table::delete::<entity::enrollment::Entity>(self.change, self.app, gone.object.id()).await?;
            self.log.record(Action::Deleted, Some(&gone.object), None);
        }
        self.log.record(action, before.as_ref().map(|before| &before.object), Some(&after.object));
        self.known.accept(&write);
        if *moves {
            self.known.write(self.change, self.app).await?;
        }
        Ok(match action {
            Action::Created => Outcome::Created,
            Action::Updated => Outcome::Updated,
            Action::Deleted => Outcome::Deleted,
        })
    }
}
