//! An object field by field, for those who show or compare objects.

use chrono::{DateTime, Utc};

use super::{Course, Object, Override, outcome::shown};
use crate::ids::{ExternalId, UserId};

/// Name and text of a field; `None` = not set.
pub type Field = (&'static str, Option<String>);

impl Object {
    /// All fields but the id, by the names that they have in files and bodies.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Self::Org(org) => vec![text("name", &org.name)],
            Self::Course(course) => vec![
                text("title", &course.title),
                id("org", course.org.as_ref()),
                ("code", course.code.clone()),
                date("starts_at", course.starts_at),
                date("ends_at", course.ends_at),
                text("visibility", course.visibility.name()),
                date("archived_at", course.archived_at),
                ("overrides", overrides(course)),
            ],
            Self::Class(class) => vec![
                id("course", Some(&class.course)),
                text("name", &class.name),
                text("guests", &class.guests.to_string()),
            ],
            Self::Chapter(chapter) => vec![
                id("course", Some(&chapter.course)),
                text("title", &chapter.title),
                text("position", &chapter.position.to_string()),
            ],
            Self::User(person) => vec![
                text("name", &person.name),
                id("org", person.org.as_ref()),
                ("email", person.email.clone()),
                ("avatar", person.avatar.clone()),
                ("org_role", person.org_role.map(|role| role.name().to_owned())),
                date("deactivated_at", person.deactivated_at),
            ],
            Self::Enrollment(enrollment) => vec![
                user("user", Some(&enrollment.user)),
                id("course", Some(&enrollment.course)),
                id("class", enrollment.class.as_ref()),
                text("role", enrollment.role.name()),
                text("status", enrollment.status.name()),
                date("begin_at", enrollment.begin_at),
                date("end_at", enrollment.end_at),
                user("observed_user", enrollment.observed_user.as_ref()),
                text("limit_to_class", &enrollment.limit_to_class.to_string()),
            ],
        }
    }
}

fn overrides(course: &Course) -> Option<String> {
    let entry = |one: &Override| format!("{} {} {}", one.role, one.capability, one.effect);
    let entries: Vec<String> = course.overrides.iter().map(entry).collect();
    (!entries.is_empty()).then(|| entries.join("; "))
}

fn text(name: &'static str, text: &str) -> Field {
    (name, Some(text.to_owned()))
}

fn id(name: &'static str, id: Option<&ExternalId>) -> Field {
    (name, id.map(|id| id.as_str().to_owned()))
}

fn user(name: &'static str, user: Option<&UserId>) -> Field {
    (name, user.map(|user| user.as_str().to_owned()))
}

fn date(name: &'static str, moment: Option<DateTime<Utc>>) -> Field {
    (name, moment.map(shown))
}
