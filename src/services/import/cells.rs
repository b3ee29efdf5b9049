//! From the cells of a row to an object.
//!
//! A column that the file does not have leaves the field as it is, an empty cell empties it.

use std::fmt::Display;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::sheet::{Fault, Row, Sheet};
use crate::{
    domain::moment,
    domain::roster::Kind,
    domain::roster::{Chapter, Class, Course, Enrollment, Object, Org, Person, Status, Versioned, Visibility},
    ids::{ExternalId, UserId},
};

type Read<T> = Result<T, Fault>;

/// Reads a row. `before` is the object as it is now, if there is one.
pub(super) fn object(sheet: &Sheet, row: &Row, before: Option<&Versioned>) -> Read<Object> {
    let cells = Cells { sheet, row };
    let before = before.map(|before| &before.object);
    Ok(match sheet.kind {
        Kind::Org => Object::Org(Org { id: cells.id("id")?, name: cells.text("name")? }),
        Kind::Course => Object::Course(cells.course(before)?),
        Kind::Class => {
            let before = if let Some(Object::Class(before)) = before { Some(before) } else { None };
            Object::Class(Class {
                id: cells.id("id")?,
                course: cells.id("course")?,
                name: cells.text("name")?,
                guests: cells.flag("guests", before.map(|before| before.guests))?,
            })
        }
        Kind::Chapter => {
            let before = if let Some(Object::Chapter(before)) = before { Some(before) } else { None };
            let number = |text: &str| text.parse().map_err(|_no_number| format!("'{text}' is no whole number"));
            let position = cells.option("position", before.map(|before| before.position), number)?;
            Object::Chapter(Chapter {
                id: cells.id("id")?,
                course: cells.id("course")?,
                title: cells.text("title")?,
                position: position.unwrap_or_default(),
            })
        }
        Kind::User => Object::User(cells.person(before)?),
        Kind::Enrollment => Object::Enrollment(cells.enrollment(before)?),
    })
}

/// The cells of one row.
struct Cells<'a> {
    sheet: &'a Sheet,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    fn fault(&self, column: &'static str, text: impl Display) -> Fault {
        Fault { row: self.row.number, column: Some(column), text: text.to_string() }
    }

    fn needed<T, E: Display>(&self, column: &'static str, parse: impl FnOnce(&str) -> Result<T, E>) -> Read<T> {
        let cell = self.sheet.cell(self.row, column).unwrap_or_default();
        if cell.is_empty() {
            return Err(self.fault(column, "must not be empty"));
        }
        parse(cell).map_err(|error| self.fault(column, error))
    }

    fn option<T, E: Display>(
        &self,
        column: &'static str,
        before: Option<T>,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        match self.sheet.cell(self.row, column) {
            None => Ok(before),
            Some("") => Ok(None),
            Some(cell) => parse(cell).map(Some).map_err(|error| self.fault(column, error)),
        }
    }

    fn id(&self, column: &'static str) -> Read<ExternalId> {
        self.needed(column, ExternalId::parse)
    }

    fn id_option(&self, column: &'static str, before: Option<&ExternalId>) -> Read<Option<ExternalId>> {
        self.option(column, before.cloned(), ExternalId::parse)
    }

    fn text(&self, column: &'static str) -> Read<String> {
        self.needed(column, |text| Ok::<_, String>(text.to_owned()))
    }

    fn text_option(&self, column: &'static str, before: Option<&String>) -> Read<Option<String>> {
        self.option(column, before.cloned(), |text| Ok::<_, String>(text.to_owned()))
    }

    fn date(&self, column: &'static str, before: Option<DateTime<Utc>>) -> Read<Option<DateTime<Utc>>> {
        self.option(column, before, date)
    }

    fn flag(&self, column: &'static str, before: Option<bool>) -> Read<bool> {
        let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(format!("'{text}' is neither true nor false")),
        };
        Ok(self.option(column, before, flag)?.unwrap_or(false))
    }

    fn course(&self, before: Option<&Object>) -> Read<Course> {
        let before = if let Some(Object::Course(before)) = before { Some(before) } else { None };
        let visibility = self.option("visibility", before.map(|before| before.visibility), str::parse)?;
        Ok(Course {
            id: self.id("id")?,
            org: self.id_option("org", before.and_then(|before| before.org.as_ref()))?,
            code: self.text_option("code", before.and_then(|before| before.code.as_ref()))?,
            title: self.text("title")?,
            starts_at: self.date("starts_at", before.and_then(|before| before.starts_at))?,
            ends_at: self.date("ends_at", before.and_then(|before| before.ends_at))?,
            visibility: visibility.unwrap_or(Visibility::Enrolled),
            archived_at: self.date("archived_at", before.and_then(|before| before.archived_at))?,
            overrides: before.map(|before| before.overrides.clone()).unwrap_or_default(),
        })
    }

    fn person(&self, before: Option<&Object>) -> Read<Person> {
        let before = if let Some(Object::User(before)) = before { Some(before) } else { None };
        Ok(Person {
            id: self.needed("id", UserId::parse)?,
            org: self.id_option("org", before.and_then(|before| before.org.as_ref()))?,
            name: self.text("name")?,
            email: self.text_option("email", before.and_then(|before| before.email.as_ref()))?,
            avatar: self.text_option("avatar", before.and_then(|before| before.avatar.as_ref()))?,
            org_role: self.option("org_role", before.and_then(|before| before.org_role), str::parse)?,
            deactivated_at: self.date("deactivated_at", before.and_then(|before| before.deactivated_at))?,
        })
    }

    /// A dropped enrollment that the file names without a status counts again.
    fn enrollment(&self, before: Option<&Object>) -> Read<Enrollment> {
        let before = if let Some(Object::Enrollment(before)) = before { Some(before) } else { None };
        let status_before = before.map(|before| before.status).filter(|status| *status != Status::Dropped);
        let status = self.option("status", status_before, str::parse)?;
        let observed = before.and_then(|before| before.observed_user.clone());
        Ok(Enrollment {
            id: self.id("id")?,
            user: self.needed("user", UserId::parse)?,
            course: self.id("course")?,
            class: self.id_option("class", before.and_then(|before| before.class.as_ref()))?,
            role: self.needed("role", str::parse)?,
            status: status.unwrap_or(Status::Active),
            begin_at: self.date("begin_at", before.and_then(|before| before.begin_at))?,
            end_at: self.date("end_at", before.and_then(|before| before.end_at))?,
            observed_user: self.option("observed_user", observed, UserId::parse)?,
            limit_to_class: self.flag("limit_to_class", before.map(|before| before.limit_to_class))?,
        })
    }
}

/// A moment; a plain date is its first moment, UTC.
fn date(text: &str) -> Result<DateTime<Utc>, String> {
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let date = moment.or_else(|_no_moment| day()).map_err(|_no_date| {
        format!("'{text}' is no date: write 2026-09-01 (its first moment, UTC) or 2026-09-01T08:00:00+02:00")
    })?;
    moment::kept(date).map_err(str::to_owned)
}
