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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::roster::{Effect, Org, Status, Visibility},
        ids::{ExternalId, UserId},
    };

    fn id(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    fn course() -> Course {
        Course {
            id: id("1"),
            org: None,
            code: None,
            title: "Bells".to_owned(),
            starts_at: None,
            ends_at: None,
            visibility: Visibility::Public,
            archived_at: None,
            overrides: Vec::new(),
        }
    }

    fn with_name(name: &str) -> Result<(), RowError> {
        Object::Org(Org { id: id("1"), name: name.to_owned() }).check()
    }

    fn person(id: &str, email: &str) -> Result<(), RowError> {
        let person = Person {
            id: UserId::parse(id).unwrap(),
            org: None,
            name: "Student".to_owned(),
            email: Some(email.to_owned()),
            avatar: None,
            org_role: None,
            deactivated_at: None,
        };
        Object::User(person).check()
    }

    fn with_overrides(count: usize, capability: &str) -> Result<(), RowError> {
        let one = Override { role: Role::Student, capability: capability.to_owned(), effect: Effect::Allow };
        Object::Course(Course { overrides: vec![one; count], ..course() }).check()
    }

    fn with_dates(starts_at: Option<DateTime<Utc>>, ends_at: Option<DateTime<Utc>>) -> Result<(), RowError> {
        Object::Course(Course { starts_at, ends_at, ..course() }).check()
    }

    #[test]
    fn texts_are_accepted_at_the_limit_and_refused_beyond() {
        assert_eq!(with_name(&"é".repeat(NAME_MAX)), Ok(()));
        let too_long = RowError::TooLong { field: "name", max: NAME_MAX, got: NAME_MAX + 1 };
        assert_eq!(with_name(&"é".repeat(NAME_MAX + 1)), Err(too_long));
        assert_eq!(with_name(""), Err(RowError::Empty { field: "name" }));
        for text in [" a", "a ", "a\0", "a\nb", "\u{a0}a", "\u{7f}"] {
            assert_eq!(with_name(text), Err(RowError::Illegible { field: "name" }), "{text:?}");
        }
        assert_eq!(person("7", &"e".repeat(ADDRESS_MAX)), Ok(()));
        assert!(matches!(person("7", &"e".repeat(ADDRESS_MAX + 1)), Err(RowError::TooLong { field: "email", .. })));
        assert_eq!(person(" 7", "e"), Err(RowError::Illegible { field: "id" }));
    }

    #[test]
    fn overrides_are_accepted_at_the_limit_and_refused_beyond() {
        assert_eq!(with_overrides(OVERRIDES_MAX, "chat.post"), Ok(()));
        let got = OVERRIDES_MAX + 1;
        assert_eq!(with_overrides(got, "chat.post"), Err(RowError::TooManyOverrides { got }));
        assert_eq!(with_overrides(1, &"c".repeat(CAPABILITY_MAX)), Ok(()));
        for bad in [&"c".repeat(CAPABILITY_MAX + 1), "", "chat post", "é"] {
            assert!(matches!(with_overrides(1, bad), Err(RowError::Capability { .. })), "{bad:?}");
        }
    }

    #[test]
    fn dates_lie_in_known_years_and_the_end_after_the_beginning() {
        let (first, last) = (at("1970-01-01T00:00:00Z"), at("9999-12-31T23:59:59Z"));
        assert_eq!(with_dates(first, last), Ok(()));
        assert!(matches!(with_dates(at("1969-12-31T23:59:59Z"), None), Err(RowError::DateOutOfRange { .. })));
        assert!(matches!(with_dates(None, at("+10000-01-01T00:00:00Z")), Err(RowError::DateOutOfRange { .. })));
        let text = with_dates(last, last).unwrap_err().to_string();
        assert!(text.starts_with("ends_at must be later than starts_at"), "{text}");
        assert_eq!(with_dates(first, at("1970-01-01T00:00:01Z")), Ok(()));
    }

    #[test]
    fn enrollment_limits_itself_only_to_a_class_and_only_observers_observe() {
        let plain = Enrollment {
            id: id("e"),
            user: UserId::parse("7").unwrap(),
            course: id("1"),
            class: None,
            role: Role::Student,
            status: Status::Active,
            begin_at: None,
            end_at: None,
            observed_user: None,
            limit_to_class: false,
        };
        let check = |enrollment: Enrollment| Object::Enrollment(enrollment).check();
        assert_eq!(check(plain.clone()), Ok(()));
        let limited = Enrollment { limit_to_class: true, ..plain.clone() };
        assert_eq!(check(limited.clone()), Err(RowError::LimitWithoutClass));
        assert_eq!(check(Enrollment { class: Some(id("k")), ..limited }), Ok(()));
        let observing = Enrollment { observed_user: UserId::parse("8").ok(), ..plain };
        assert_eq!(check(observing.clone()), Err(RowError::ObservedWithoutObserver));
        assert_eq!(check(Enrollment { role: Role::Observer, ..observing }), Ok(()));
    }

    #[test]
    fn moments_are_cut_to_whole_seconds() {
        let course = Course { starts_at: at("2026-09-01T08:00:00.999Z"), ..course() };
        let Object::Course(cut) = Object::Course(course).in_whole_seconds() else { panic!("another kind") };
        assert_eq!(cut.starts_at, at("2026-09-01T08:00:00Z"));
    }
}
