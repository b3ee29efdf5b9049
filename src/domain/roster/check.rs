//! Whether an object is well formed by itself, before anything else is looked at.

use chrono::{DateTime, Datelike, SubsecRound, Utc};

use super::{
    ADDRESS_MAX, Course, Enrollment, NAME_MAX, OVERRIDES_MAX, Object, Override, Person, Role, RowError, outcome,
};

/// Longest name of a capability in bytes.
const CAPABILITY_MAX: usize = 64;

impl Object {
    /// Checks lengths, characters, dates and what must go together.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), RowError> {
        match self {
            Self::Org(org) => text("name", &org.name, NAME_MAX),
            Self::Course(course) => check_course(course),
            Self::Class(class) => text("name", &class.name, NAME_MAX),
            Self::Chapter(chapter) => text("title", &chapter.title, NAME_MAX),
            Self::User(person) => check_person(person),
            Self::Enrollment(enrollment) => check_enrollment(enrollment),
        }
    }

    /// The object with its moments in whole seconds, which is what rows keep.
    #[must_use]
    pub fn in_whole_seconds(mut self) -> Self {
        let moments = match &mut self {
            Self::Course(course) => [&mut course.starts_at, &mut course.ends_at, &mut course.archived_at].into(),
            Self::User(person) => vec![&mut person.deactivated_at],
            Self::Enrollment(enrollment) => vec![&mut enrollment.begin_at, &mut enrollment.end_at],
            Self::Org(_) | Self::Class(_) | Self::Chapter(_) => Vec::new(),
        };
        for moment in moments {
            *moment = moment.map(|moment| moment.trunc_subsecs(0));
        }
        self
    }
}

fn check_course(course: &Course) -> Result<(), RowError> {
    text("title", &course.title, NAME_MAX)?;
    optional("code", course.code.as_deref(), NAME_MAX)?;
    date("starts_at", course.starts_at)?;
    date("ends_at", course.ends_at)?;
    date("archived_at", course.archived_at)?;
    in_order(("starts_at", course.starts_at), ("ends_at", course.ends_at))?;
    if course.overrides.len() > OVERRIDES_MAX {
        return Err(RowError::TooManyOverrides { got: course.overrides.len() });
    }
    course.overrides.iter().try_for_each(capability)
}

fn check_person(person: &Person) -> Result<(), RowError> {
    text("id", person.id.as_str(), crate::ids::USER_ID_MAX)?;
    text("name", &person.name, NAME_MAX)?;
    optional("email", person.email.as_deref(), ADDRESS_MAX)?;
    optional("avatar", person.avatar.as_deref(), ADDRESS_MAX)?;
    date("deactivated_at", person.deactivated_at)
}

fn check_enrollment(enrollment: &Enrollment) -> Result<(), RowError> {
    date("begin_at", enrollment.begin_at)?;
    date("end_at", enrollment.end_at)?;
    in_order(("begin_at", enrollment.begin_at), ("end_at", enrollment.end_at))?;
    if enrollment.limit_to_class && enrollment.class.is_none() {
        return Err(RowError::LimitWithoutClass);
    }
    if enrollment.observed_user.is_some() && enrollment.role != Role::Observer {
        return Err(RowError::ObservedWithoutObserver);
    }
    Ok(())
}

/// PostgreSQL keeps no NUL, and MySQL takes two texts for the same that differ in blanks at their ends.
fn text(field: &'static str, text: &str, max: usize) -> Result<(), RowError> {
    let got = text.chars().count();
    if got == 0 {
        return Err(RowError::Empty { field });
    }
    if got > max {
        return Err(RowError::TooLong { field, max, got });
    }
    let is_legible = !text.chars().any(char::is_control) && text.trim().len() == text.len();
    if is_legible { Ok(()) } else { Err(RowError::Illegible { field }) }
}

fn optional(field: &'static str, value: Option<&str>, max: usize) -> Result<(), RowError> {
    value.map_or(Ok(()), |value| text(field, value, max))
}

fn date(field: &'static str, moment: Option<DateTime<Utc>>) -> Result<(), RowError> {
    match moment {
        Some(moment) if !(1970..=9999).contains(&moment.year()) => {
            Err(RowError::DateOutOfRange { field, got: outcome::shown(moment) })
        }
        _ => Ok(()),
    }
}

type Moment = (&'static str, Option<DateTime<Utc>>);

fn in_order((begin_field, begin): Moment, (end_field, end): Moment) -> Result<(), RowError> {
    match (begin, end) {
        (Some(begin), Some(end)) if end <= begin => {
            let (begin, end) = (outcome::shown(begin), outcome::shown(end));
            Err(RowError::EndBeforeBegin { begin_field, end_field, begin, end })
        }
        _ => Ok(()),
    }
}

fn capability(entry: &Override) -> Result<(), RowError> {
    let name = &entry.capability;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:*".contains(&byte);
    let is_legal = (1..=CAPABILITY_MAX).contains(&name.len()) && name.bytes().all(legal);
    if is_legal { Ok(()) } else { Err(RowError::Capability { got: name.chars().take(80).collect() }) }
}
