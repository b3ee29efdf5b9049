//! What the six tables of roster objects have in common: a key of app and id, a source, a version.

use std::collections::BTreeSet;

use entity::{chapter, course, course_class, enrollment, org, person};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IdenStatic, Iterable, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::OnConflict,
};

use super::{CHUNK, Page, Result, rows};
use crate::{
    domain::roster::{Kind, Versioned},
    ids::AppId,
};

/// A table of roster objects.
pub(super) trait Table: EntityTrait {
    /// Kind of its objects.
    const KIND: Kind;
    /// Column of the app; the first part of the key.
    const APP: Self::Column;
    /// Column of the id; the second part of the key.
    const ID: Self::Column;
    /// A row for those who write it; `None` for an object of another kind.
    type Row: ActiveModelTrait<Entity = Self> + Send;

    fn read(row: Self::Model) -> Result<Versioned, rows::Fault>;
    fn row(app: &AppId, row: &Versioned) -> Option<Self::Row>;
}

macro_rules! tables {
    ($($entity:ident $kind:ident $read:ident $row:ident),* $(,)?) => { $(
        impl Table for $entity::Entity {
            const KIND: Kind = Kind::$kind;
            const APP: $entity::Column = $entity::Column::AppId;
            const ID: $entity::Column = $entity::Column::Id;
            type Row = $entity::ActiveModel;

            fn read(row: $entity::Model) -> Result<Versioned, rows::Fault> {
                rows::$read(row)
            }

            fn row(app: &AppId, row: &Versioned) -> Option<$entity::ActiveModel> {
                rows::$row(app, row)
            }
        }
    )* };
}

tables! {
    org Org read_org org_row,
    course Course read_course course_row,
    course_class Class read_class class_row,
    chapter Chapter read_chapter chapter_row,
    person User read_person person_row,
    enrollment Enrollment read_enrollment enrollment_row,
}

/// Reads rows that were found. One that breaks a rule is left out and told in the log: whoever it concerns has no access by
/// it, and the next write puts it right.
fn readable<T: Table>(app: &AppId, found: Vec<T::Model>) -> Vec<Versioned> {
    let read = |row| {
        T::read(row)
            .inspect_err(|fault| tracing::error!(app.id = %app, kind = %T::KIND, %fault, "a roster row is skipped"))
            .ok()
    };
    found.into_iter().filter_map(read).collect()
}

/// All objects of an app that meet a condition.
pub(super) async fn find<T: Table>(db: &impl ConnectionTrait, app: &AppId, which: Condition) -> Result<Vec<Versioned>> {
    let found = T::find().filter(T::APP.eq(app.as_str())).filter(which).all(db).await?;
    Ok(readable::<T>(app, found))
}

/// The objects with these ids, as far as they are there.
pub(super) async fn find_ids<T: Table>(
    db: &impl ConnectionTrait,
    app: &AppId,
    ids: &BTreeSet<&str>,
) -> Result<Vec<Versioned>> {
    let mut found = Vec::with_capacity(ids.len());
    // Nothing has an id with a NUL, and PostgreSQL refuses to compare with one.
    let ids: Vec<&str> = ids.iter().copied().filter(|id| !id.contains('\0')).collect();
    for some in ids.chunks(CHUNK) {
        found.extend(find::<T>(db, app, Condition::all().add(T::ID.is_in(some.iter().copied()))).await?);
    }
    Ok(found)
}

/// The object with this id.
pub(super) async fn find_one<T: Table>(db: &impl ConnectionTrait, app: &AppId, id: &str) -> Result<Option<Versioned>> {
    // PostgreSQL refuses to compare with a NUL, and MySQL overlooks blanks at the end.
    if id.contains('\0') {
        return Ok(None);
    }
    let found = find::<T>(db, app, Condition::all().add(T::ID.eq(id))).await?;
    Ok(found.into_iter().find(|row| row.object.id() == id))
}

/// One page of the objects that meet a condition, by id.
pub(super) async fn list<T: Table>(
    db: &impl ConnectionTrait,
    (app, page): (&AppId, &Page),
    which: Condition,
) -> Result<Vec<Versioned>> {
    let after = page.after.as_deref().map(|after| after.replace('\0', ""));
    let all = T::find().filter(T::APP.eq(app.as_str())).filter(which);
    let all = all.apply_if(after, |all, after| all.filter(T::ID.gt(after)));
    let found = all.order_by_asc(T::ID).limit(u64::from(page.limit)).all(db).await?;
    Ok(readable::<T>(app, found))
}

/// Writes objects, each in the place of the one with its id if there is one.
pub(super) async fn put<T: Table>(db: &impl ConnectionTrait, app: &AppId, rows: &[&Versioned]) -> Result<()> {
    let is_key = |column: &T::Column| [T::APP.as_str(), T::ID.as_str()].contains(&column.as_str());
    let others: Vec<_> = T::Column::iter().filter(|column| !is_key(column)).collect();
    for some in rows.chunks(CHUNK) {
        let replace = OnConflict::columns([T::APP, T::ID]).update_columns(others.iter().copied()).to_owned();
        let some = some.iter().filter_map(|row| T::row(app, row));
        T::insert_many(some).on_conflict(replace).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Deletes an object; rows that refer to it go with it where the schema says so.
pub(super) async fn delete<T: Table>(db: &impl ConnectionTrait, app: &AppId, id: &str) -> Result<()> {
    T::delete_many().filter(T::APP.eq(app.as_str())).filter(T::ID.eq(id)).exec(db).await?;
    Ok(())
}
