//! One run of operations: each is judged by what is known, and changes what is known for those after it.

use sea_orm::DatabaseTransaction;

use super::{
    CHUNK, Result,
    known::{Known, Part},
    log::Log,
    remove, table,
};
use crate::{
    domain::roster::{Action, Enrollment, Kind, Object, Operation, Outcome, RowError, Status, Versioned},
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
    pub(super) async fn take(mut self, run: &[Operation], outcomes: &mut Vec<Outcome>) -> Result<()> {
        for operation in run {
            outcomes.push(match operation {
                Operation::Put(object) => self.put(object).await?,
                Operation::Delete(Kind::Enrollment, id) => self.drop_enrollment(id),
                Operation::Delete(kind, id) => remove::remove((self.change, self.app), (*kind, id), self.log).await?,
            });
        }
        self.known.write(self.change, self.app).await
    }

    async fn put(&mut self, object: &Object) -> Result<Outcome> {
        let object = object.clone().in_whole_seconds();
        if let Err(error) = object.check().and_then(|()| self.known.check(&object)) {
            return Ok(Outcome::Refused(error));
        }
        let before = self.known.get(object.kind(), object.id()).cloned();
        if before.as_ref().is_some_and(|before| before.object == object) {
            return Ok(Outcome::Unchanged);
        }
        let source = before.as_ref().map_or_else(|| self.log.by.source.to_owned(), |before| before.source.clone());
        let mut takes_a_part = false;
        if let Object::Enrollment(enrollment) = &object {
            let part = Part::of(enrollment, &source);
            if let Some(error) = self.make_room(&part, enrollment).await? {
                return Ok(Outcome::Refused(error));
            }
            takes_a_part = matches!(&before, Some(Versioned { object: Object::Enrollment(before), source, .. })
                if Part::of(before, source) != part);
        }
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let action = if before.is_some() { Action::Updated } else { Action::Created };
        self.log.record(action, before.as_ref().map(|before| &before.object), Some(&object));
        // Two rows that pass a part on to each other would for a moment both have it, if they were written in one statement.
        if takes_a_part {
            self.known.write(self.change, self.app).await?;
        }
        self.known.put(Versioned { object, source, version, updated_at: self.log.now() });
        if takes_a_part {
            self.known.write(self.change, self.app).await?;
        }
        Ok(if before.is_some() { Outcome::Updated } else { Outcome::Created })
    }

    /// Sees to it that nobody else has this part: a dropped enrollment gives way to a new one, any other stands in the way.
    async fn make_room(&mut self, part: &Part, new: &Enrollment) -> Result<Option<RowError>> {
        let Some(Versioned { object: Object::Enrollment(holder), source, .. }) = self.known.holder(part).cloned()
        else {
            return Ok(None);
        };
        if holder.id == new.id {
            return Ok(None);
        }
        if holder.status != Status::Dropped {
            return Ok(Some(RowError::DuplicateEnrollment { id: holder.id }));
        }
        self.known.write(self.change, self.app).await?;
        table::delete::<entity::enrollment::Entity>(self.change, self.app, holder.id.as_str()).await?;
        self.known.forget(&holder, &source);
        self.log.record(Action::Deleted, Some(&Object::Enrollment(holder)), None);
        Ok(None)
    }

    fn drop_enrollment(&mut self, id: &str) -> Outcome {
        let Some(before) = self.known.get(Kind::Enrollment, id).cloned() else {
            return Outcome::Refused(RowError::NotFound { kind: Kind::Enrollment, id: shortened(id) });
        };
        let mut object = before.object.clone();
        let Object::Enrollment(enrollment) = &mut object else { return Outcome::Unchanged };
        if enrollment.status == Status::Dropped {
            return Outcome::Unchanged;
        }
        enrollment.status = Status::Dropped;
        self.log.record(Action::Deleted, Some(&before.object), Some(&object));
        let (version, updated_at) = (before.version + 1, self.log.now());
        self.known.put(Versioned { object, version, updated_at, ..before });
        Outcome::Deleted
    }
}

/// An id that was asked for, fit for an error.
pub(super) fn shortened(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(80).collect()
}
