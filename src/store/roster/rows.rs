//! From rows to roster objects and back.

use chrono::{DateTime, NaiveDateTime, Utc};
use entity::{chapter, course, course_class, enrollment, org, person};
use sea_orm::ActiveValue::Set;

use crate::{
    domain::roster::{Chapter, Class, Course, Enrollment, Object, Org, Override, Person, UnknownWord, Versioned},
    ids::{self, AppId, ExternalId, UserId},
};

/// Why a row cannot be read: it was edited by hand, or written by another version.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Id(#[from] ids::Error),
    #[error(transparent)]
    Word(#[from] UnknownWord),
    #[error("overrides: {0}")]
    Overrides(#[from] serde_json::Error),
}

type Read<T> = Result<T, Fault>;

fn id(text: &str) -> Read<ExternalId> {
    Ok(ExternalId::parse(text)?)
}

fn id_option(text: Option<String>) -> Read<Option<ExternalId>> {
    text.map(|text| id(&text)).transpose()
}

fn user_option(text: Option<String>) -> Read<Option<UserId>> {
    Ok(text.map(|text| UserId::parse(&text)).transpose()?)
}

fn text(id: Option<&ExternalId>) -> Option<String> {
    id.map(|id| id.as_str().to_owned())
}

pub(super) fn moment(stamp: NaiveDateTime) -> DateTime<Utc> {
    stamp.and_utc()
}

fn stamp(moment: Option<DateTime<Utc>>) -> Option<NaiveDateTime> {
    moment.map(super::super::stamp)
}

fn overrides_read(json: &str) -> Read<Vec<Override>> {
    let entries: Vec<(String, String, String)> = serde_json::from_str(json)?;
    let read = |(role, capability, effect): (String, String, String)| {
        Ok(Override { role: role.parse()?, capability, effect: effect.parse()? })
    };
    entries.into_iter().map(read).collect()
}

fn overrides_text(overrides: &[Override]) -> String {
    let entries: Vec<_> =
        overrides.iter().map(|entry| (entry.role.name(), &entry.capability, entry.effect.name())).collect();
    serde_json::json!(entries).to_string()
}

/// The parts that every row has.
struct Common {
    source: String,
    version: i64,
    updated_at: NaiveDateTime,
}

impl Common {
    fn with(self, object: Object) -> Versioned {
        let Self { source, version, updated_at } = self;
        Versioned { object, source, version, updated_at: moment(updated_at) }
    }
}

macro_rules! common {
    ($row:ident) => {
        Common { source: $row.source, version: $row.version, updated_at: $row.updated_at }
    };
}

pub(super) fn read_org(row: org::Model) -> Read<Versioned> {
    let object = Object::Org(Org { id: id(&row.id)?, name: row.name });
    Ok(common!(row).with(object))
}

pub(super) fn read_course(row: course::Model) -> Read<Versioned> {
    let object = Object::Course(Course {
        id: id(&row.id)?,
        org: id_option(row.org_id)?,
        code: row.code,
        title: row.title,
        starts_at: row.starts_at.map(moment),
        ends_at: row.ends_at.map(moment),
        visibility: row.visibility.parse()?,
        archived_at: row.archived_at.map(moment),
        overrides: overrides_read(&row.overrides)?,
    });
    Ok(common!(row).with(object))
}

pub(super) fn read_class(row: course_class::Model) -> Read<Versioned> {
    let class = Class { id: id(&row.id)?, course: id(&row.course_id)?, name: row.name, guests: row.guests };
    Ok(common!(row).with(Object::Class(class)))
}

pub(super) fn read_chapter(row: chapter::Model) -> Read<Versioned> {
    let chapter = Chapter { id: id(&row.id)?, course: id(&row.course_id)?, title: row.title, position: row.position };
    Ok(common!(row).with(Object::Chapter(chapter)))
}

pub(super) fn read_person(row: person::Model) -> Read<Versioned> {
    let object = Object::User(Person {
        id: UserId::parse(&row.id)?,
        org: id_option(row.org_id)?,
        name: row.name,
        email: row.email,
        avatar: row.avatar,
        org_role: row.org_role.map(|role| role.parse()).transpose()?,
        deactivated_at: row.deactivated_at.map(moment),
    });
    Ok(common!(row).with(object))
}

pub(super) fn read_enrollment(row: enrollment::Model) -> Read<Versioned> {
    let object = Object::Enrollment(Enrollment {
        id: id(&row.id)?,
        user: UserId::parse(&row.user_id)?,
        course: id(&row.course_id)?,
        class: id_option(row.class_id)?,
        role: row.role.parse()?,
        status: row.status.parse()?,
        begin_at: row.begin_at.map(moment),
        end_at: row.end_at.map(moment),
        observed_user: user_option(row.observed_user_id)?,
        limit_to_class: row.limit_to_class,
    });
    Ok(common!(row).with(object))
}

pub(super) fn org_row(app: &AppId, row: &Versioned) -> Option<org::ActiveModel> {
    let Object::Org(org) = &row.object else { return None };
    Some(org::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(org.id.as_str().to_owned()),
        name: Set(org.name.clone()),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}

pub(super) fn course_row(app: &AppId, row: &Versioned) -> Option<course::ActiveModel> {
    let Object::Course(course) = &row.object else { return None };
    Some(course::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(course.id.as_str().to_owned()),
        org_id: Set(text(course.org.as_ref())),
        code: Set(course.code.clone()),
        title: Set(course.title.clone()),
        starts_at: Set(stamp(course.starts_at)),
        ends_at: Set(stamp(course.ends_at)),
        visibility: Set(course.visibility.name().to_owned()),
        archived_at: Set(stamp(course.archived_at)),
        overrides: Set(overrides_text(&course.overrides)),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}

pub(super) fn class_row(app: &AppId, row: &Versioned) -> Option<course_class::ActiveModel> {
    let Object::Class(class) = &row.object else { return None };
    Some(course_class::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(class.id.as_str().to_owned()),
        course_id: Set(class.course.as_str().to_owned()),
        name: Set(class.name.clone()),
        guests: Set(class.guests),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}

pub(super) fn chapter_row(app: &AppId, row: &Versioned) -> Option<chapter::ActiveModel> {
    let Object::Chapter(chapter) = &row.object else { return None };
    Some(chapter::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(chapter.id.as_str().to_owned()),
        course_id: Set(chapter.course.as_str().to_owned()),
        title: Set(chapter.title.clone()),
        position: Set(chapter.position),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}

pub(super) fn person_row(app: &AppId, row: &Versioned) -> Option<person::ActiveModel> {
    let Object::User(person) = &row.object else { return None };
    Some(person::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(person.id.as_str().to_owned()),
        org_id: Set(text(person.org.as_ref())),
        name: Set(person.name.clone()),
        email: Set(person.email.clone()),
        avatar: Set(person.avatar.clone()),
        org_role: Set(person.org_role.map(|role| role.name().to_owned())),
        deactivated_at: Set(stamp(person.deactivated_at)),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}

pub(super) fn enrollment_row(app: &AppId, row: &Versioned) -> Option<enrollment::ActiveModel> {
    let Object::Enrollment(enrollment) = &row.object else { return None };
    let class = text(enrollment.class.as_ref());
    Some(enrollment::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(enrollment.id.as_str().to_owned()),
        user_id: Set(enrollment.user.as_str().to_owned()),
        course_id: Set(enrollment.course.as_str().to_owned()),
        class_key: Set(class.clone().unwrap_or_default()),
        class_id: Set(class),
        role: Set(enrollment.role.name().to_owned()),
        status: Set(enrollment.status.name().to_owned()),
        begin_at: Set(stamp(enrollment.begin_at)),
        end_at: Set(stamp(enrollment.end_at)),
        observed_user_id: Set(enrollment.observed_user.as_ref().map(|user| user.as_str().to_owned())),
        limit_to_class: Set(enrollment.limit_to_class),
        source: Set(row.source.clone()),
        version: Set(row.version),
        updated_at: Set(row.updated_at.naive_utc()),
    })
}
