//! What becomes of each write, judged by the rows that are known: does everything it names exist and fit together, is anything
//! different, does anybody stand in its way.
//!
//! The store judges by it what it writes, and an import what it would write.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, Utc};

use super::{Class, Enrollment, Kind, Object, Role, RowError, Status, Versioned};
use crate::ids::{ExternalId, UserId};

/// What no two enrollments of an app may have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    user: UserId,
    course: ExternalId,
    class: Option<ExternalId>,
    role: Role,
    source: String,
}

impl Part {
    fn of(enrollment: &Enrollment, source: &str) -> Self {
        Self {
            user: enrollment.user.clone(),
            course: enrollment.course.clone(),
            class: enrollment.class.clone(),
            role: enrollment.role,
            source: source.to_owned(),
        }
    }
}

/// Rows of one app, as far as they are known.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    rows: HashMap<(Kind, String), Versioned>,
    /// Who has which part: ids of enrollments.
    parts: HashMap<Part, String>,
}

/// What becomes of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is refused.
    Refused(RowError),
    /// It is so already.
    Unchanged,
    /// It is to be written.
    Write(Box<Write>),
}

/// A row that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The row as it is now; `None` = there is none.
    pub before: Option<Versioned>,
    /// The row as it shall be.
    pub after: Versioned,
    /// A dropped enrollment that had the same part and gives way.
    pub replaces: Option<Versioned>,
    /// The row is an enrollment that was there with another part. Two that pass a part on to each other must not be written
    /// at once.
    pub moves: bool,
}

impl Ledger {
    /// Takes a row down, in place of the one with its id.
    pub fn know(&mut self, row: Versioned) {
        let key = (row.object.kind(), row.object.id().to_owned());
        self.forget(key.0, &key.1);
        if let Object::Enrollment(enrollment) = &row.object {
            self.parts.insert(Part::of(enrollment, &row.source), key.1.clone());
        }
        self.rows.insert(key, row);
    }

    /// Takes note that a row is gone.
    pub fn forget(&mut self, kind: Kind, id: &str) {
        let Some(gone) = self.rows.remove(&(kind, id.to_owned())) else { return };
        if let Object::Enrollment(enrollment) = &gone.object {
            let part = Part::of(enrollment, &gone.source);
            if self.parts.get(&part).is_some_and(|holder| holder == id) {
                self.parts.remove(&part);
            }
        }
    }

    /// The row of an object.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<&Versioned> {
        self.rows.get(&(kind, id.to_owned()))
    }

    /// All rows, in no order.
    pub fn into_rows(self) -> impl Iterator<Item = Versioned> {
        self.rows.into_values()
    }

    /// All objects, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.rows.values().map(|row| &row.object)
    }

    /// All enrollments, in no order.
    pub fn enrollments(&self) -> impl Iterator<Item = (&Enrollment, &Versioned)> {
        self.rows.values().filter_map(|row| match &row.object {
            Object::Enrollment(enrollment) => Some((enrollment, row)),
            _ => None,
        })
    }

    /// Judges putting an object; a new row belongs to `source`. Needs to know the row with its id, everything that it names,
    /// and for an enrollment those of the same person in the same course.
    #[must_use]
    pub fn judge_put(&self, object: &Object, source: &str, now: DateTime<Utc>) -> Verdict {
        let object = object.clone().in_whole_seconds();
        if let Err(error) = object.check().and_then(|()| self.check(&object)) {
            return Verdict::Refused(error);
        }
        let before = self.get(object.kind(), object.id()).cloned();
        if before.as_ref().is_some_and(|before| before.object == object) {
            return Verdict::Unchanged;
        }
        let source = before.as_ref().map_or(source, |before| &before.source).to_owned();
        let (replaces, moves) = match self.room_for(&object, &source, before.as_ref()) {
            Ok(room) => room,
            Err(error) => return Verdict::Refused(error),
        };
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let after = Versioned { object, source, version, updated_at: now.trunc_subsecs(0) };
        Verdict::Write(Box::new(Write { before, after, replaces, moves }))
    }

    /// Judges dropping an enrollment.
    #[must_use]
    pub fn judge_drop(&self, id: &str, now: DateTime<Utc>) -> Verdict {
        let Some(before) = self.get(Kind::Enrollment, id).cloned() else {
            return Verdict::Refused(RowError::not_found(Kind::Enrollment, id));
        };
        let mut after = before.clone();
        match &mut after.object {
            Object::Enrollment(enrollment) if enrollment.status != Status::Dropped => {
                enrollment.status = Status::Dropped;
            }
            _ => return Verdict::Unchanged,
        }
        (after.version, after.updated_at) = (before.version + 1, now.trunc_subsecs(0));
        Verdict::Write(Box::new(Write { before: Some(before), after, replaces: None, moves: false }))
    }

    /// Takes down what was judged and is written.
    pub fn accept(&mut self, write: &Write) {
        if let Some(gone) = &write.replaces {
            self.forget(Kind::Enrollment, gone.object.id());
        }
        self.know(write.after.clone());
    }

    /// Sees whether somebody else has the part of an enrollment: a dropped one gives way, any other stands in the way. Tells
    /// who gives way, and whether the enrollment had another part before.
    fn room_for(
        &self,
        object: &Object,
        source: &str,
        before: Option<&Versioned>,
    ) -> Result<(Option<Versioned>, bool), RowError> {
        let Object::Enrollment(enrollment) = object else { return Ok((None, false)) };
        let part = Part::of(enrollment, source);
        let moves = before.is_some_and(
            |before| matches!(&before.object, Object::Enrollment(before) if Part::of(before, source) != part),
        );
        let holder = self.parts.get(&part).and_then(|id| self.get(Kind::Enrollment, id));
        let Some(row @ Versioned { object: Object::Enrollment(holder), .. }) = holder else {
            return Ok((None, moves));
        };
        if holder.id == enrollment.id {
            return Ok((None, moves));
        }
        if holder.status == Status::Dropped {
            return Ok((Some(row.clone()), moves));
        }
        Err(RowError::DuplicateEnrollment { id: holder.id.clone() })
    }

    /// Checks that everything that an object names is there and fits together.
    fn check(&self, object: &Object) -> Result<(), RowError> {
        match object {
            Object::Org(_) => Ok(()),
            Object::Course(course) => self.check_org(course.org.as_ref()),
            Object::User(person) => self.check_org(person.org.as_ref()),
            Object::Chapter(chapter) => self.check_course(&chapter.course),
            Object::Class(class) => {
                self.check_course(&class.course)?;
                match self.class(&class.id) {
                    Some(before) if before.course != class.course => {
                        Err(RowError::ClassCannotMove { class: class.id.clone(), course: before.course.clone() })
                    }
                    _ => Ok(()),
                }
            }
            Object::Enrollment(enrollment) => self.check_enrollment(enrollment),
        }
    }

    fn check_enrollment(&self, enrollment: &Enrollment) -> Result<(), RowError> {
        for (field, user) in [("user", Some(&enrollment.user)), ("observed_user", enrollment.observed_user.as_ref())] {
            let Some(user) = user else { continue };
            if self.get(Kind::User, user.as_str()).is_none() {
                return Err(RowError::UnknownUser { field, id: user.clone() });
            }
        }
        self.check_course(&enrollment.course)?;
        let Some(id) = &enrollment.class else { return Ok(()) };
        let class = self.class(id).ok_or_else(|| RowError::UnknownClass { id: id.clone() })?;
        if class.course == enrollment.course {
            return Ok(());
        }
        let (course, wanted) = (class.course.clone(), enrollment.course.clone());
        Err(RowError::ClassOfOtherCourse { class: id.clone(), course, wanted })
    }

    fn check_org(&self, id: Option<&ExternalId>) -> Result<(), RowError> {
        match id {
            Some(id) if self.get(Kind::Org, id.as_str()).is_none() => Err(RowError::UnknownOrg { id: id.clone() }),
            _ => Ok(()),
        }
    }

    fn check_course(&self, id: &ExternalId) -> Result<(), RowError> {
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
