//! A school for a run: courses and users that are entered through the REST API, and removed again.
//!
//! Owns the names of what it made, and who sits in which course. Names carry a random number, so that two runs against one
//! server do not meet.

use serde_json::{Value, json};

use super::{Result, audience::Ticket, http::Client, message, progress::Stage, target::Target};
use crate::domain::app::Secret;

/// Operations of one request.
const BATCH: usize = 1_000;

/// Who takes which course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Attendance {
    /// Every user takes every course.
    All,
    /// User `n` takes course `n % courses`.
    One,
}

/// Users and courses of a run.
#[derive(Debug, Clone)]
pub(super) struct Campus {
    name: String,
    /// Number of users, all of them students.
    pub(super) users: u32,
    /// Number of courses.
    pub(super) courses: u32,
    attendance: Attendance,
}

/// Whom the roster is written to, and with which key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Office<'a> {
    /// The server.
    pub(super) target: &'a Target,
    /// API key with the scope roster:write.
    pub(super) key: &'a Secret,
}

impl Campus {
    /// Names a school.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub(super) fn new(users: u32, courses: u32, attendance: Attendance) -> Result<Self> {
        Ok(Self { name: super::run_name("bench")?, users, courses, attendance })
    }

    /// Enters the school, does something with it, and removes it, also when that failed.
    ///
    /// # Errors
    ///
    /// The error of `work`, else the one of entering or removing.
    pub(super) fn during<T>(&self, office: Office<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let outcome = self.found(office).and_then(|()| work());
        let closed = self.close(office);
        let outcome = outcome?;
        closed.map(|()| outcome)
    }

    /// The user of a seat.
    pub(super) fn user(&self, seat: usize) -> String {
        format!("{}-{seat}", self.name)
    }

    /// A course.
    pub(super) fn course(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }

    /// The enrollment of a seat's user in a course.
    pub(super) fn enrollment(&self, seat: usize, course: u32) -> String {
        format!("{}-{seat}-{course}", self.name)
    }

    /// The course of a seat, where each user takes one.
    pub(super) fn course_of(&self, seat: usize) -> u32 {
        super::count(seat).checked_rem(self.courses).unwrap_or_default()
    }

    /// A subscription to a course in the grammar with dashes, where each event is one frame, signed for the seat's user.
    pub(super) fn ticket(&self, seat: usize, course: u32) -> Ticket {
        let channel = format!("private-course-{}", self.course(course));
        Ticket { channel, channel_data: Some(message::member(&self.user(seat))) }
    }

    fn found(&self, office: Office<'_>) -> Result<()> {
        let put = |kind: &str, id: String, data: Value| json!({ "op": "put", "kind": kind, "id": id, "data": data });
        let courses = (0..self.courses).map(|number| {
            let id = self.course(number);
            put("course", id.clone(), json!({ "title": id }))
        });
        let seats = 0..super::size(self.users);
        let users = seats.clone().map(|seat| put("user", self.user(seat), json!({ "name": self.user(seat) })));
        let enrollments = seats.flat_map(|seat| {
            let courses = match self.attendance {
                Attendance::All => 0..self.courses,
                Attendance::One => self.course_of(seat)..self.course_of(seat).saturating_add(1),
            };
            courses.map(move |course| {
                let data = json!({ "user": self.user(seat), "course": self.course(course), "role": "student" });
                put("enrollment", self.enrollment(seat, course), data)
            })
        });
        office.write(courses.chain(users).chain(enrollments), &Stage::new("enroll"))
    }

    fn close(&self, office: Office<'_>) -> Result<()> {
        let delete = |kind: &str, id: String| json!({ "op": "delete", "kind": kind, "id": id });
        let courses = (0..self.courses).map(|number| delete("course", self.course(number)));
        let users = (0..super::size(self.users)).map(|seat| delete("user", self.user(seat)));
        office.write(courses.chain(users), &Stage::new("clean up"))
    }
}

impl<'a> Office<'a> {
    /// A client that proves itself with the key.
    pub(super) fn client(&self) -> Client<'a> {
        Client::with_token(self.target, self.key.clone())
    }

    /// Writes some operations in one request.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses.
    pub(super) fn post(&self, client: &mut Client<'_>, operations: &[Value]) -> Result<()> {
        let body = json!({ "operations": operations }).to_string();
        client.post(&format!("{}/api/roster/batch", self.target.prefix), body.as_bytes())?.granted().map(drop)
    }

    fn write(&self, operations: impl Iterator<Item = Value>, stage: &Stage) -> Result<()> {
        let mut client = self.client();
        let mut operations = operations.peekable();
        while operations.peek().is_some() {
            let batch: Vec<Value> = operations.by_ref().take(BATCH).collect();
            self.post(&mut client, &batch)?;
            stage.bar.inc(batch.len().try_into().unwrap_or_default());
        }
        Ok(())
    }
}
