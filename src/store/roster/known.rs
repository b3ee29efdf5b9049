//! What a run of operations needs to know: rows as they stand in the open transaction, with the run's own changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entity::{chapter, course, course_class, enrollment, org, person};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction};

use super::{
    CHUNK, Result,
    table::{self, Table},
};
use crate::{
    domain::roster::{Class, Course, Enrollment, Kind, Object, Operation, Role, RowError, Versioned},
    ids::{AppId, ExternalId, UserId},
};

/// What no two enrollments of an app may have in common: person, course, class, role and source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Part {
    user: UserId,
    course: ExternalId,
    class: Option<ExternalId>,
    role: Role,
    source: String,
}

impl Part {
    pub(super) fn of(enrollment: &Enrollment, source: &str) -> Self {
        Self {
            user: enrollment.user.clone(),
            course: enrollment.course.clone(),
            class: enrollment.class.clone(),
            role: enrollment.role,
            source: source.to_owned(),
        }
    }
}

/// The working set of a run.
#[derive(Debug, Default)]
pub(super) struct Known {
    rows: HashMap<(Kind, String), Versioned>,
    /// Who has which part: ids of enrollments.
    parts: HashMap<Part, String>,
    /// Keys of rows that are not written yet.
    unwritten: BTreeSet<(Kind, String)>,
}

impl Known {
    /// Reads what these operations may need.
    pub(super) async fn load(change: &DatabaseTransaction, app: &AppId, run: &[Operation]) -> Result<Self> {
        let mut wanted = Wanted::default();
        run.iter().for_each(|operation| wanted.add(operation));
        let mut known = Self::default();
        known.take::<org::Entity>(change, app, &wanted).await?;
        known.take::<course::Entity>(change, app, &wanted).await?;
        known.take::<course_class::Entity>(change, app, &wanted).await?;
        known.take::<chapter::Entity>(change, app, &wanted).await?;
        known.take::<person::Entity>(change, app, &wanted).await?;
        known.take::<enrollment::Entity>(change, app, &wanted).await?;
        let (users, courses): (Vec<_>, Vec<_>) = wanted.parts.into_iter().unzip();
        for (users, courses) in users.chunks(CHUNK).zip(courses.chunks(CHUNK)) {
            let same = Condition::all()
                .add(enrollment::Column::UserId.is_in(users.iter().copied()))
                .add(enrollment::Column::CourseId.is_in(courses.iter().copied().collect::<BTreeSet<_>>()));
            known.keep(table::find::<enrollment::Entity>(change, app, same).await?);
        }
        Ok(known)
    }

    async fn take<T: Table>(&mut self, change: &DatabaseTransaction, app: &AppId, wanted: &Wanted<'_>) -> Result<()> {
        if let Some(ids) = wanted.ids.get(&T::KIND) {
            self.keep(table::find_ids::<T>(change, app, ids).await?);
        }
        Ok(())
    }

    fn keep(&mut self, rows: Vec<Versioned>) {
        for row in rows {
            if let Object::Enrollment(enrollment) = &row.object {
                self.parts.insert(Part::of(enrollment, &row.source), enrollment.id.as_str().to_owned());
            }
            self.rows.insert((row.object.kind(), row.object.id().to_owned()), row);
        }
    }

    pub(super) fn get(&self, kind: Kind, id: &str) -> Option<&Versioned> {
        self.rows.get(&(kind, id.to_owned()))
    }

    /// The enrollment that has this part.
    pub(super) fn holder(&self, part: &Part) -> Option<&Versioned> {
        self.get(Kind::Enrollment, self.parts.get(part)?)
    }

    /// Puts a row in its place; it is to be written.
    pub(super) fn put(&mut self, row: Versioned) {
        let key = (row.object.kind(), row.object.id().to_owned());
        self.unwritten.insert(key.clone());
        if let Some(Versioned { object: Object::Enrollment(before), source, .. }) = self.rows.get(&key) {
            self.parts.remove(&Part::of(before, source));
        }
        self.keep(vec![row]);
    }

    /// Forgets an enrollment that is no row any more.
    pub(super) fn forget(&mut self, enrollment: &Enrollment, source: &str) {
        self.parts.remove(&Part::of(enrollment, source));
        self.rows.remove(&(Kind::Enrollment, enrollment.id.as_str().to_owned()));
    }

    /// Writes what is not written yet, in the order in which rows need each other.
    pub(super) async fn write(&mut self, change: &DatabaseTransaction, app: &AppId) -> Result<()> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let mut by_kind: BTreeMap<Kind, Vec<&Versioned>> = BTreeMap::new();
        for key in &unwritten {
            by_kind.entry(key.0).or_default().extend(self.rows.get(key));
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

    /// Checks that everything that an object names is there and fits together.
    pub(super) fn check(&self, object: &Object) -> Result<(), RowError> {
        match object {
            Object::Org(_) => Ok(()),
            Object::Course(course) => self.org(course.org.as_ref()),
            Object::User(person) => self.org(person.org.as_ref()),
            Object::Chapter(chapter) => self.course(&chapter.course),
            Object::Class(class) => {
                self.course(&class.course)?;
                match self.class(&class.id) {
                    Some(before) if before.course != class.course => {
                        Err(RowError::ClassCannotMove { class: class.id.clone(), course: before.course.clone() })
                    }
                    _ => Ok(()),
                }
            }
            Object::Enrollment(enrollment) => self.enrollment(enrollment),
        }
    }

    fn enrollment(&self, enrollment: &Enrollment) -> Result<(), RowError> {
        for user in [Some(&enrollment.user), enrollment.observed_user.as_ref()].into_iter().flatten() {
            if self.get(Kind::User, user.as_str()).is_none() {
                return Err(RowError::UnknownUser { id: user.clone() });
            }
        }
        self.course(&enrollment.course)?;
        let Some(id) = &enrollment.class else { return Ok(()) };
        let class = self.class(id).ok_or_else(|| RowError::UnknownClass { id: id.clone() })?;
        if class.course == enrollment.course {
            return Ok(());
        }
        let (course, wanted) = (class.course.clone(), enrollment.course.clone());
        Err(RowError::ClassOfOtherCourse { class: id.clone(), course, wanted })
    }

    fn org(&self, id: Option<&ExternalId>) -> Result<(), RowError> {
        match id {
            Some(id) if self.get(Kind::Org, id.as_str()).is_none() => Err(RowError::UnknownOrg { id: id.clone() }),
            _ => Ok(()),
        }
    }

    fn course(&self, id: &ExternalId) -> Result<(), RowError> {
        let found = self.get(Kind::Course, id.as_str()).is_some();
        if found { Ok(()) } else { Err(RowError::UnknownCourse { id: id.clone() }) }
    }

    fn class(&self, id: &ExternalId) -> Option<&Class> {
        match &self.get(Kind::Class, id.as_str())?.object {
            Object::Class(class) => Some(class),
            _ => None,
        }
    }
}

/// Ids that operations name.
#[derive(Default)]
struct Wanted<'a> {
    ids: BTreeMap<Kind, BTreeSet<&'a str>>,
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
            Object::Course(Course { org, .. }) => self.option(Kind::Org, org.as_ref()),
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

    /// PostgreSQL refuses to compare with a NUL; nothing has such an id.
    fn id(&mut self, kind: Kind, id: &'a str) {
        if !id.contains('\0') {
            self.ids.entry(kind).or_default().insert(id);
        }
    }
}
