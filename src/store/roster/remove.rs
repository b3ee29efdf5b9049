//! Deleting something together with what hangs below it.
//!
//! The schema deletes the rows; what is read here before is for the log, so that access is decided again for each person
//! concerned.

use entity::{chapter, course, course_class, enrollment, org, person};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction};

use super::{
    Result,
    log::Log,
    table::{self, Table},
};
use crate::{
    domain::roster::{Action, Kind, Object, Outcome, RowError, Versioned},
    ids::AppId,
    store::{notification, word_list},
};

type Place<'a> = (&'a DatabaseTransaction, &'a AppId);

/// Deletes an object that is no enrollment.
pub(super) async fn remove(place: Place<'_>, (kind, id): (Kind, &str), log: &mut Log<'_>) -> Result<Outcome> {
    let found = match kind {
        Kind::Org => org(place, id, log).await?,
        Kind::Course => course(place, id, log).await?,
        Kind::Class => {
            let below = Condition::all().add(enrollment::Column::ClassId.eq(id));
            alone::<course_class::Entity>(place, (id, vec![below]), log).await?
        }
        Kind::Chapter => alone::<chapter::Entity>(place, (id, Vec::new()), log).await?,
        Kind::User => {
            let theirs = Condition::all().add(enrollment::Column::UserId.eq(id));
            let observing = Condition::all().add(enrollment::Column::ObservedUserId.eq(id));
            let observing = observing.add(enrollment::Column::UserId.ne(id));
            // Two questions, for no database finds rows by two indexes at once as fast.
            let found = alone::<person::Entity>(place, (id, vec![theirs, observing]), log).await?;
            if found {
                notification::forget(place.0, place.1, id).await?;
            }
            found
        }
        Kind::Enrollment => false,
    };
    Ok(if found { Outcome::Deleted } else { Outcome::Refused(RowError::not_found(kind, id)) })
}

/// Deletes an object with the enrollments that hang below it.
async fn alone<T: Table>(
    place: Place<'_>,
    (id, enrollments): (&str, Vec<Condition>),
    log: &mut Log<'_>,
) -> Result<bool> {
    let Some(found) = table::find_one::<T>(place.0, place.1, id).await? else { return Ok(false) };
    for which in enrollments {
        gone::<enrollment::Entity>(place, which, log).await?;
    }
    log.record(Action::Deleted, Some(&found.object), None);
    table::delete::<T>(place.0, place.1, id).await?;
    Ok(true)
}

/// Deletes a course with its classes, chapters, enrollments and word list.
async fn course(place: Place<'_>, id: &str, log: &mut Log<'_>) -> Result<bool> {
    let Some(found) = table::find_one::<course::Entity>(place.0, place.1, id).await? else { return Ok(false) };
    gone::<enrollment::Entity>(place, Condition::all().add(enrollment::Column::CourseId.eq(id)), log).await?;
    gone::<course_class::Entity>(place, Condition::all().add(course_class::Column::CourseId.eq(id)), log).await?;
    gone::<chapter::Entity>(place, Condition::all().add(chapter::Column::CourseId.eq(id)), log).await?;
    word_list::forget(place.0, place.1, Some(id)).await?;
    log.record(Action::Deleted, Some(&found.object), None);
    table::delete::<course::Entity>(place.0, place.1, id).await?;
    Ok(true)
}

/// Deletes an org with its courses. Its people stay, without an org and without a role in it.
async fn org(place: Place<'_>, id: &str, log: &mut Log<'_>) -> Result<bool> {
    let (change, app) = place;
    let Some(found) = table::find_one::<org::Entity>(change, app, id).await? else { return Ok(false) };
    let of_org = Condition::all().add(course::Column::OrgId.eq(id));
    for below in table::find::<course::Entity>(change, app, of_org).await? {
        course(place, below.object.id(), log).await?;
    }
    let of_org = Condition::all().add(person::Column::OrgId.eq(id));
    let mut people = Vec::new();
    for before in table::find::<person::Entity>(change, app, of_org).await? {
        let mut object = before.object.clone();
        if let Object::User(person) = &mut object {
            (person.org, person.org_role) = (None, None);
        }
        log.record(Action::Updated, Some(&before.object), Some(&object));
        people.push(Versioned { object, version: before.version + 1, updated_at: log.now(), ..before });
    }
    table::put::<person::Entity>(change, app, &people.iter().collect::<Vec<_>>()).await?;
    log.record(Action::Deleted, Some(&found.object), None);
    table::delete::<org::Entity>(change, app, id).await?;
    Ok(true)
}

/// Records rows that go with the one they hang below.
async fn gone<T: Table>(place: Place<'_>, which: Condition, log: &mut Log<'_>) -> Result<()> {
    for row in table::find::<T>(place.0, place.1, which).await? {
        log.record(Action::Deleted, Some(&row.object), None);
    }
    Ok(())
}
