//! What a run of operations needs to know: rows as they stand in the open transaction, with the run's own changes.

use std::collections::{BTreeMap, BTreeSet};

use entity::{chapter, course, course_class, enrollment, org, person};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction};

use super::{
    CHUNK, Result,
    table::{self, Table},
};
use crate::{
    domain::roster::{Kind, Ledger, Object, Operation, Versioned, Write},
    ids::{AppId, ExternalId},
};

/// The working set of a run.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) ledger: Ledger,
    /// Keys of rows that are not written yet.
    unwritten: BTreeSet<(Kind, String)>,
}

impl Known {
    /// Reads what these operations may need.
    pub(super) async fn load(change: &DatabaseTransaction, app: &AppId, run: &[Operation]) -> Result<Self> {
        Ok(Self { ledger: ledger(change, app, run).await?, unwritten: BTreeSet::new() })
    }

    /// Takes a change down; it is to be written.
    pub(super) fn accept(&mut self, write: &Write) {
        self.ledger.accept(write);
        let object = &write.after.object;
        self.unwritten.insert((object.kind(), object.id().to_owned()));
    }

    /// Writes what is not written yet, in the order in which rows need each other.
    pub(super) async fn write(&mut self, change: &DatabaseTransaction, app: &AppId) -> Result<()> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let mut by_kind: BTreeMap<Kind, Vec<&Versioned>> = BTreeMap::new();
        for (kind, id) in &unwritten {
            by_kind.entry(*kind).or_default().extend(self.ledger.get(*kind, id));
        }
        for (kind, rows) in by_kind {
            match kind {
                Kind::Org => table::put::<org::Entity>(change, app, &rows).await?,
                Kind::Course => table::put::<course::Entity>(change, app, &rows).await?,
                Kind::Class => table::put::<course_class::Entity>(change, app, &rows).await?,
                Kind::Chapter => table::put::<chapter::Entity>(change, app, &rows).await?,
                Kind::User => table::put::<person::Entity>(change, app, &rows).await?,
                Kind::Enrollment => table::put::<enrollment::Entity>(change, app, &rows).await?,
            }
        }
        Ok(())
    }
}

/// All rows by which these operations are judged.
pub(super) async fn ledger(db: &impl ConnectionTrait, app: &AppId, operations: &[Operation]) -> Result<Ledger> {
    let mut wanted = Wanted::default();
    operations.iter().for_each(|operation| wanted.add(operation));
    let mut ledger = with_ids(db, app, &wanted.ids).await?;
    for some in wanted.parts.chunks(CHUNK) {
        let (users, courses): (BTreeSet<_>, BTreeSet<_>) = some.iter().copied().unzip();
        let theirs = Condition::all()
            .add(enrollment::Column::UserId.is_in(users))
            .add(enrollment::Column::CourseId.is_in(courses));
        table::find::<enrollment::Entity>(db, app, theirs).await?.into_iter().for_each(|row| ledger.know(row));
    }
    Ok(ledger)
}

/// The rows with these ids.
pub(super) async fn with_ids(db: &impl ConnectionTrait, app: &AppId, ids: &Ids<'_>) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    take::<org::Entity>(&mut ledger, (db, app), ids).await?;
    take::<course::Entity>(&mut ledger, (db, app), ids).await?;
    take::<course_class::Entity>(&mut ledger, (db, app), ids).await?;
    take::<chapter::Entity>(&mut ledger, (db, app), ids).await?;
    take::<person::Entity>(&mut ledger, (db, app), ids).await?;
    take::<enrollment::Entity>(&mut ledger, (db, app), ids).await?;
    Ok(ledger)
}

/// The rows that those of a ledger name, beside them.
pub(super) async fn named_by(db: &impl ConnectionTrait, app: &AppId, ledger: &Ledger) -> Result<Ledger> {
    let mut wanted = Wanted::default();
    ledger.objects().for_each(|object| wanted.add_object(object));
    for (kind, ids) in &mut wanted.ids {
        ids.retain(|id| ledger.get(*kind, id).is_none());
    }
    with_ids(db, app, &wanted.ids).await
}

async fn take<T: Table>(ledger: &mut Ledger, (db, app): (&impl ConnectionTrait, &AppId), ids: &Ids<'_>) -> Result<()> {
    if let Some(ids) = ids.get(&T::KIND) {
        table::find_ids::<T>(db, app, ids).await?.into_iter().for_each(|row| ledger.know(row));
    }
    Ok(())
}

/// Ids by the kind of what they name.
pub(super) type Ids<'a> = BTreeMap<Kind, BTreeSet<&'a str>>;

/// What operations name.
#[derive(Default)]
struct Wanted<'a> {
    ids: Ids<'a>,
    /// Person and course of each enrollment that is put.
    parts: Vec<(&'a str, &'a str)>,
}

impl<'a> Wanted<'a> {
    fn add(&mut self, operation: &'a Operation) {
        match operation {
            Operation::Put(object) => self.add_object(object),
            Operation::Delete(kind, id) => self.id(*kind, id),
        }
    }

    fn add_object(&mut self, object: &'a Object) {
        self.id(object.kind(), object.id());
        match object {
            Object::Org(_) => {}
            Object::Course(course) => self.option(Kind::Org, course.org.as_ref()),
            Object::User(person) => self.option(Kind::Org, person.org.as_ref()),
            Object::Class(class) => self.id(Kind::Course, class.course.as_str()),
            Object::Chapter(chapter) => self.id(Kind::Course, chapter.course.as_str()),
            Object::Enrollment(enrollment) => {
                let (user, course) = (enrollment.user.as_str(), enrollment.course.as_str());
                self.id(Kind::User, user);
                self.id(Kind::Course, course);
                self.option(Kind::Class, enrollment.class.as_ref());
                if let Some(observed) = &enrollment.observed_user {
                    self.id(Kind::User, observed.as_str());
                }
                if !user.contains('\0') {
                    self.parts.push((user, course));
                }
            }
        }
    }

    fn option(&mut self, kind: Kind, id: Option<&'a ExternalId>) {
        if let Some(id) = id {
            self.id(kind, id.as_str());
        }
    }

    fn id(&mut self, kind: Kind, id: &'a str) {
        self.ids.entry(kind).or_default().insert(id);
    }
}
