//! Looking at the roster: objects, lists, changes, and what a decision about access needs.

use std::collections::{BTreeMap, BTreeSet};

use entity::{chapter, course, course_class, enrollment, org, person, roster_change};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    super::{Result, Store},
    CHANGES_KEPT, CHUNK, COUNTER, Page, RosterFilter, known,
    rows::{self, Fault},
    table,
};
use crate::{
    domain::roster::{Change, Class, Course, Kind, Ledger, Object, Place, PlaceId, Standing, Versioned},
    ids::{AppId, ExternalId, UserId},
};

impl Store {
    /// Finds an object by its id.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_object(&self, app: &AppId, kind: Kind, id: &str) -> Result<Option<Versioned>> {
        match kind {
            Kind::Org => table::find_one::<org::Entity>(&self.db, app, id).await,
            Kind::Course => table::find_one::<course::Entity>(&self.db, app, id).await,
            Kind::Class => table::find_one::<course_class::Entity>(&self.db, app, id).await,
            Kind::Chapter => table::find_one::<chapter::Entity>(&self.db, app, id).await,
            Kind::User => table::find_one::<person::Entity>(&self.db, app, id).await,
            Kind::Enrollment => table::find_one::<enrollment::Entity>(&self.db, app, id).await,
        }
    }

    /// Those of some ids that no object of this kind has, in the same order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_missing(&self, app: &AppId, kind: Kind, ids: &[ExternalId]) -> Result<Vec<ExternalId>> {
        let wanted = BTreeMap::from([(kind, ids.iter().map(ExternalId::as_str).collect())]);
        let found = known::with_ids(&self.db, app, &wanted).await?;
        Ok(ids.iter().filter(|id| found.get(kind, id.as_str()).is_none()).cloned().collect())
    }

    /// Lists objects of one kind by id, in the order of the database, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_list(
        &self,
        app: &AppId,
        kind: Kind,
        filter: &RosterFilter,
        page: &Page,
    ) -> Result<Vec<Versioned>> {
        let RosterFilter { user, course: in_course, org: in_org, status, role } = filter;
        // Nobody has such an id, and PostgreSQL refuses to compare with it.
        if user.as_ref().is_some_and(|user| user.as_str().contains('\0')) {
            return Ok(Vec::new());
        }
        let (of_app, all) = ((app, page), Condition::all());
        let is = |column: fn(&str) -> sea_orm::sea_query::SimpleExpr, id: &Option<ExternalId>| {
            id.as_ref().map(|id| column(id.as_str()))
        };
        match kind {
            Kind::Org => table::list::<org::Entity>(&self.db, of_app, all).await,
            Kind::Course => {
                let which = all.add_option(is(|id| course::Column::OrgId.eq(id), in_org));
                table::list::<course::Entity>(&self.db, of_app, which).await
            }
            Kind::Class => {
                let which = all.add_option(is(|id| course_class::Column::CourseId.eq(id), in_course));
                table::list::<course_class::Entity>(&self.db, of_app, which).await
            }
            Kind::Chapter => {
                let which = all.add_option(is(|id| chapter::Column::CourseId.eq(id), in_course));
                table::list::<chapter::Entity>(&self.db, of_app, which).await
            }
            Kind::User => {
                let which = all.add_option(is(|id| person::Column::OrgId.eq(id), in_org));
                table::list::<person::Entity>(&self.db, of_app, which).await
            }
            Kind::Enrollment => {
                let which = all
                    .add_option(user.as_ref().map(|user| enrollment::Column::UserId.eq(user.as_str())))
                    .add_option(is(|id| enrollment::Column::CourseId.eq(id), in_course))
                    .add_option(status.map(|status| enrollment::Column::Status.eq(status.name())))
                    .add_option(role.map(|role| enrollment::Column::Role.eq(role.name())));
                table::list::<enrollment::Entity>(&self.db, of_app, which).await
            }
        }
    }

    /// Changes of an app that come after number `since`, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_changes(&self, app: &AppId, since: i64, limit: u32) -> Result<Vec<Change>> {
        let of_app = roster_change::Entity::find().filter(roster_change::Column::AppId.eq(app.as_str()));
        let later = of_app.filter(roster_change::Column::Seq.gt(since)).order_by_asc(roster_change::Column::Seq);
        let rows = later.limit(u64::from(limit)).all(&self.db).await?;
        Ok(rows.into_iter().filter_map(readable).map(|(_, change)| change).collect())
    }

    /// The number before the oldest change that is kept, once old ones have gone; 0 while all are there. Whoever asks for
    /// changes since a smaller number has missed some.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_changes_gone(&self, app: &AppId) -> Result<i64> {
        let of_app = || roster_change::Entity::find().filter(roster_change::Column::AppId.eq(app.as_str()));
        let newest_first = of_app().order_by_desc(roster_change::Column::Seq);
        if newest_first.offset(CHANGES_KEPT - 1).limit(1).one(&self.db).await?.is_none() {
            return Ok(0);
        }
        let oldest = of_app().order_by_asc(roster_change::Column::Seq).limit(1).one(&self.db).await?;
        Ok(oldest.map_or(0, |row| row.seq - 1))
    }

    /// Number of the newest change in the whole database; 0 before the first. One row by primary key: cheap enough to poll.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_seq(&self) -> Result<i64> {
        self.change_count(COUNTER).await
    }

    /// Changes of all apps that come after number `since`, oldest first. For those who keep a node up to date.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_changes_of_all(&self, since: i64, limit: u32) -> Result<Vec<(AppId, Change)>> {
        let later = roster_change::Entity::find().filter(roster_change::Column::Seq.gt(since));
        let rows = later.order_by_asc(roster_change::Column::Seq).limit(u64::from(limit)).all(&self.db).await?;
        Ok(rows.into_iter().filter_map(readable).collect())
    }

    /// A person with all their enrollments; `None` when they are not in the roster.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_standing(&self, app: &AppId, user: &UserId) -> Result<Option<Standing>> {
        let Some(Versioned { object: Object::User(person), .. }) =
            table::find_one::<person::Entity>(&self.db, app, user.as_str()).await?
        else {
            return Ok(None);
        };
        let theirs = Condition::all().add(enrollment::Column::UserId.eq(user.as_str()));
        let found = table::find::<enrollment::Entity>(&self.db, app, theirs).await?;
        let enrollment = |row: Versioned| match row.object {
            Object::Enrollment(enrollment) if enrollment.user == *user => Some(enrollment),
            _ => None,
        };
        let mut enrollments: Vec<_> = found.into_iter().filter_map(enrollment).collect();
        enrollments.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Some(Standing { person, enrollments }))
    }

    /// What a channel belongs to, with everything above it; `None` when it is not in the roster.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_place(&self, app: &AppId, place: &PlaceId) -> Result<Option<Place>> {
        match place {
            PlaceId::Org(id) => {
                let found = table::find_one::<org::Entity>(&self.db, app, id.as_str()).await?;
                Ok(found.map(|_org| Place { org: Some(id.clone()), course: None, class: None }))
            }
            PlaceId::Course(id) => self.place_in(app, id, None).await,
            PlaceId::Class(id) => match table::find_one::<course_class::Entity>(&self.db, app, id.as_str()).await? {
                Some(Versioned { object: Object::Class(class), .. }) => {
                    self.place_in(app, &class.course.clone(), Some(class)).await
                }
                _ => Ok(None),
            },
            PlaceId::Chapter(id) => match table::find_one::<chapter::Entity>(&self.db, app, id.as_str()).await? {
                Some(Versioned { object: Object::Chapter(chapter), .. }) => {
                    self.place_in(app, &chapter.course, None).await
                }
                _ => Ok(None),
            },
        }
    }

    async fn place_in(&self, app: &AppId, course: &ExternalId, class: Option<Class>) -> Result<Option<Place>> {
        let found = table::find_one::<course::Entity>(&self.db, app, course.as_str()).await?;
        let place = |course: Course| Place { org: course.org.clone(), course: Some(course), class };
        Ok(found.and_then(|row| match row.object {
            Object::Course(course) => Some(place(course)),
            _ => None,
        }))
    }

    /// The rows with these ids, those that they name, and all enrollments in these courses: what it takes to judge an import.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_ledger(
        &self,
        app: &AppId,
        ids: &BTreeMap<Kind, BTreeSet<&str>>,
        courses: &BTreeSet<&str>,
    ) -> Result<Ledger> {
        let mut ledger = known::with_ids(&self.db, app, ids).await?;
        // What a row keeps, because its file leaves the column out, must be known too.
        let named = known::named_by(&self.db, app, &ledger).await?;
        named.into_rows().for_each(|row| ledger.know(row));
        let courses: Vec<&str> = courses.iter().copied().collect();
        for some in courses.chunks(CHUNK) {
            let in_them = Condition::all().add(enrollment::Column::CourseId.is_in(some.iter().copied()));
            let rows = table::find::<enrollment::Entity>(&self.db, app, in_them).await?;
            rows.into_iter().for_each(|row| ledger.know(row));
        }
        Ok(ledger)
    }

    /// Tells whether an app has no course at all.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_is_empty(&self, app: &AppId) -> Result<bool> {
        let any = course::Entity::find().filter(course::Column::AppId.eq(app.as_str())).limit(1);
        Ok(any.one(&self.db).await?.is_none())
    }

    /// Tells whether an app knows nobody at all.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_has_nobody(&self, app: &AppId) -> Result<bool> {
        let any = person::Entity::find().filter(person::Column::AppId.eq(app.as_str())).limit(1);
        Ok(any.one(&self.db).await?.is_none())
    }
}

/// A change as it is told; one that another version wrote is left out and told in the log.
fn readable(row: roster_change::Model) -> Option<(AppId, Change)> {
    let seq = row.seq;
    let read = || -> Result<(AppId, Change), Fault> {
        let change = Change {
            seq,
            kind: row.kind.parse()?,
            id: row.object_id,
            action: row.action.parse()?,
            user: row.user_id.map(|user| UserId::parse(&user)).transpose()?,
            course: row.course_id.map(|course| ExternalId::parse(&course)).transpose()?,
            at: rows::moment(row.at),
        };
        Ok((AppId::parse(&row.app_id)?, change))
    };
    read().inspect_err(|fault| tracing::error!(seq, %fault, "a roster change is skipped")).ok()
}
