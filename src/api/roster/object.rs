//! The objects of the roster as bodies and answers tell them: a body is the object without its id, an answer has more. What
//! is empty is left out; in a body it may also be null.

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object,
    types::{Example, ParseFromJSON, ToJSON, Type},
};
use serde::Deserialize;

use super::super::{problem::Field, word::Word};
use crate::{
    domain::roster::{
        Chapter, Class, Course, Effect, Enrollment, Kind, Object as Roster, Org, Override, Person, Role, Status,
        Versioned, Visibility,
    },
    ids::{ExternalId, UserId},
    services::roster::Revoked,
};

type Id = Word<ExternalId>;
type User = Word<UserId>;
type Time = Word<DateTime<Utc>>;

/// A body that describes an object, apart from its id.
pub(super) trait Described {
    /// Makes the object of it.
    ///
    /// # Errors
    /// When the id is none.
    fn with_id(self, id: &str) -> Result<Roster, Field>;
}

/// An answer that shows an object.
pub(super) trait Shown: ParseFromJSON + ToJSON + Type {
    /// Kind of the object.
    const KIND: Kind;

    /// Shows an object; `None` for one of another kind.
    fn show(row: Versioned, revoked: Option<Vec<RevokedView>>) -> Option<Self>;
}

/// Whose access a write ended.
#[derive(Debug, Object)]
#[oai(rename = "Revoked", example)]
pub(in crate::api) struct RevokedView {
    /// The user.
    user: User,
    /// Channels that they hear no more.
    #[oai(validator(max_items = 10_000))]
    channels: Vec<String>,
    /// Sockets of theirs that heard them.
    #[oai(validator(minimum(value = "0")))]
    sockets: u64,
}

impl Example for RevokedView {
    fn example() -> Self {
        Self { user: user(7), channels: vec!["presence-course.101.users".to_owned()], sockets: 2 }
    }
}

impl From<Revoked> for RevokedView {
    fn from(revoked: Revoked) -> Self {
        Self {
            user: Word(revoked.user),
            channels: revoked.channels.iter().map(ToString::to_string).collect(),
            sockets: revoked.sockets as u64,
        }
    }
}

/// A course's exception from what a role may do.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Override")]
pub(super) struct OverrideView {
    /// The role it is about.
    role: Word<Role>,
    /// The capability, such as `chat.post`.
    #[oai(validator(min_length = 1, max_length = 64))]
    capability: String,
    /// What it says: `allow`, `prevent` (unless another role of the person may) or `prohibit` (whatever other roles say).
    effect: Word<Effect>,
}

fn id(number: u32) -> Id {
    Word(number.into())
}

fn user(number: u32) -> User {
    Word(number.into())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The beginning of a month of 2026, for examples.
fn month(number: u32) -> Option<Time> {
    let date = chrono::NaiveDate::from_ymd_opt(2026, number, 1)?;
    Some(Word(date.and_time(chrono::NaiveTime::MIN).and_utc()))
}

fn inner<T>(word: Option<Word<T>>) -> Option<T> {
    word.map(|word| word.0)
}

const fn enrolled() -> Word<Visibility> {
    Word(Visibility::Enrolled)
}

const fn active() -> Word<Status> {
    Word(Status::Active)
}

macro_rules! objects {
    ($(
        $(#[doc = $doc:tt])+
        $kind:ident $body:ident $body_name:tt $view:ident $view_name:tt $id:ty = $example_id:expr => {
            $( $(#[doc = $field_doc:tt])+ $(#[oai($($oai:tt)+)])? $(#[serde($($serde:tt)+)])? $field:ident: $type:ty = $example:expr; )+
        }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Deserialize, Object)]
        #[serde(deny_unknown_fields)]
        #[oai(rename = $body_name, deny_unknown_fields, skip_serializing_if_is_none, example)]
        pub(super) struct $body {
            $( $(#[doc = $field_doc])+ $(#[oai($($oai)+)])? $(#[serde($($serde)+)])? $field: $type, )+
        }

        impl Example for $body {
            fn example() -> Self {
                Self { $( $field: $example, )+ }
            }
        }

        $(#[doc = $doc])+
        #[derive(Debug, Object)]
        #[oai(rename = $view_name, skip_serializing_if_is_none, example)]
        pub(super) struct $view {
            /// The learning platform's id.
            id: $id,
            $( $(#[doc = $field_doc])+ $field: $type, )+
            /// Who made it: `api`, `csv`, …
            #[oai(validator(max_length = 64))]
            source: String,
            /// 1 when new, one more with each change; also in `ETag`.
            #[oai(validator(minimum(value = "1")))]
            version: i64,
            /// When it was changed last.
            updated_at: Time,
            /// Whose access the write ended; only in answers to writes.
            #[oai(validator(max_items = 10_000))]
            revoked: Option<Vec<RevokedView>>,
        }

        impl Example for $view {
            fn example() -> Self {
                let $body { $( $field, )+ } = $body::example();
                let updated_at = Word(DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default());
                Self { id: $example_id, $( $field, )+ source: "api".to_owned(), version: 1, updated_at, revoked: None }
            }
        }

        impl From<(Versioned, $id, $body)> for $view {
            fn from((row, id, body): (Versioned, $id, $body)) -> Self {
                let Versioned { source, version, updated_at, .. } = row;
                let $body { $( $field, )+ } = body;
                Self { id, $( $field, )+ source, version, updated_at: Word(updated_at), revoked: None }
            }
        }

        impl Shown for $view {
            const KIND: Kind = Kind::$kind;

            fn show(row: Versioned, revoked: Option<Vec<RevokedView>>) -> Option<Self> {
                let Roster::$kind(object) = row.object.clone() else { return None };
                let (id, body) = object.into();
                Some(Self { revoked, ..(row, Word(id), body).into() })
            }
        }
    )+};
}

objects! {
    /// A school or faculty: a tenant within the app.
    Org OrgBody "OrgBody" OrgView "Org" Id = id(3) => {
        /// What people call it.
        #[oai(validator(min_length = 1, max_length = 255))]
        name: String = "Faculty of Science".to_owned();
    }

    /// A person. An id may be any text, but only letters, digits and `-_=@,.;` can stand in the name of a channel: whose id has
    /// others, such as `auth0|7`, has no `private-user.{id}`, hears `notifications` and asks over HTTP.
    User UserBody "UserBody" UserView "User" User = user(7) => {
        /// Org that they belong to.
        org: Option<Id> = Some(id(3));
        /// Name as others see it.
        #[oai(validator(min_length = 1, max_length = 255))]
        name: String = "Ada".to_owned();
        /// Email address; never sent to other users.
        #[oai(validator(max_length = 1_024))]
        email: Option<String> = some("ada@school.example");
        /// Address of a picture.
        #[oai(validator(max_length = 1_024))]
        avatar: Option<String> = some("https://school.example/ada.png");
        /// Role in the whole org: usually none, or `admin`.
        org_role: Option<Word<Role>> = None;
        /// Since when the account is switched off; such a person has no access and no socket.
        deactivated_at: Option<Time> = None;
    }

    /// A course.
    Course CourseBody "CourseBody" CourseView "Course" Id = id(101) => {
        /// Org that it belongs to.
        org: Option<Id> = Some(id(3));
        /// Short code.
        #[oai(validator(max_length = 255))]
        code: Option<String> = some("CS-101");
        /// What people call it.
        #[oai(validator(min_length = 1, max_length = 255))]
        title: String = "Introduction to Computing".to_owned();
        /// First moment in which enrollments count; absent = always.
        starts_at: Option<Time> = month(9);
        /// First moment in which they count no more; absent = never.
        ends_at: Option<Time> = month(12);
        /// Who may look in without being enrolled.
        #[oai(default = "enrolled")]
        #[serde(default = "enrolled")]
        visibility: Word<Visibility> = enrolled();
        /// Since when only staff has access.
        archived_at: Option<Time> = None;
        /// Exceptions from what roles may do.
        #[oai(default, validator(max_items = 200))]
        #[serde(default)]
        overrides: Vec<OverrideView> = vec![OverrideView {
            role: Word(Role::Student),
            capability: "chat.post".to_owned(),
            effect: Word(Effect::Prevent),
        }];
    }

    /// A class (section) of a course.
    Class ClassBody "ClassBody" ClassView "Class" Id = id(12) => {
        /// Its course. A class never moves to another one.
        course: Id = id(101);
        /// What people call it.
        #[oai(validator(min_length = 1, max_length = 255))]
        name: String = "Monday group".to_owned();
        /// Callers without proof may hear its events.
        #[oai(default)]
        #[serde(default)]
        guests: bool = false;
    }

    /// A chapter (lesson) of a course.
    Chapter ChapterBody "ChapterBody" ChapterView "Chapter" Id = id(5) => {
        /// Its course.
        course: Id = id(101);
        /// What people call it.
        #[oai(validator(min_length = 1, max_length = 255))]
        title: String = "Loops".to_owned();
        /// Place among the chapters of the course.
        #[oai(default)]
        #[serde(default)]
        position: i32 = 2;
    }

    /// A person's part in a course, or in one class of it.
    Enrollment EnrollmentBody "EnrollmentBody" EnrollmentView "Enrollment" Id = id(9001) => {
        /// Who.
        user: User = user(7);
        /// In what.
        course: Id = id(101);
        /// In which class of it; absent = in the course as a whole.
        class: Option<Id> = None;
        /// As what.
        role: Word<Role> = Word(Role::Student);
        /// Whether it counts; only `active` gives access.
        #[oai(default = "active")]
        #[serde(default = "active")]
        status: Word<Status> = active();
        /// First moment in which it counts; absent = always.
        begin_at: Option<Time> = None;
        /// First moment in which it counts no more; absent = never.
        end_at: Option<Time> = month(12);
        /// The student whom an observer looks after.
        observed_user: Option<User> = None;
        /// Other classes of the course stay closed. Only with a class.
        #[oai(default)]
        #[serde(default)]
        limit_to_class: bool = false;
    }
}

fn checked(id: &str) -> Result<ExternalId, Field> {
    ExternalId::parse(id).map_err(|error| Field::at("/id", "invalid", error.to_string()))
}

impl Described for OrgBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        Ok(Roster::Org(Org { id: checked(id)?, name: self.name }))
    }
}

impl From<Org> for (ExternalId, OrgBody) {
    fn from(Org { id, name }: Org) -> Self {
        (id, OrgBody { name })
    }
}

impl Described for UserBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        let id = UserId::parse(id).map_err(|error| Field::at("/id", "invalid", error.to_string()))?;
        let Self { org, name, email, avatar, org_role, deactivated_at } = self;
        let (org, org_role, deactivated_at) = (inner(org), inner(org_role), inner(deactivated_at));
        Ok(Roster::User(Person { id, org, name, email, avatar, org_role, deactivated_at }))
    }
}

impl From<Person> for (UserId, UserBody) {
    fn from(Person { id, org, name, email, avatar, org_role, deactivated_at }: Person) -> Self {
        let (org, org_role, deactivated_at) = (org.map(Word), org_role.map(Word), deactivated_at.map(Word));
        (id, UserBody { org, name, email, avatar, org_role, deactivated_at })
    }
}

impl Described for CourseBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        let of = |OverrideView { role, capability, effect }| Override { role: role.0, capability, effect: effect.0 };
        Ok(Roster::Course(Course {
            id: checked(id)?,
            org: inner(self.org),
            code: self.code,
            title: self.title,
            starts_at: inner(self.starts_at),
            ends_at: inner(self.ends_at),
            visibility: self.visibility.0,
            archived_at: inner(self.archived_at),
            overrides: self.overrides.into_iter().map(of).collect(),
        }))
    }
}

impl From<Course> for (ExternalId, CourseBody) {
    fn from(course: Course) -> Self {
        let of =
            |Override { role, capability, effect }| OverrideView { role: Word(role), capability, effect: Word(effect) };
        let body = CourseBody {
            org: course.org.map(Word),
            code: course.code,
            title: course.title,
            starts_at: course.starts_at.map(Word),
            ends_at: course.ends_at.map(Word),
            visibility: Word(course.visibility),
            archived_at: course.archived_at.map(Word),
            overrides: course.overrides.into_iter().map(of).collect(),
        };
        (course.id, body)
    }
}

impl Described for ClassBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        let Self { course, name, guests } = self;
        Ok(Roster::Class(Class { id: checked(id)?, course: course.0, name, guests }))
    }
}

impl From<Class> for (ExternalId, ClassBody) {
    fn from(Class { id, course, name, guests }: Class) -> Self {
        (id, ClassBody { course: Word(course), name, guests })
    }
}

impl Described for ChapterBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        let Self { course, title, position } = self;
        Ok(Roster::Chapter(Chapter { id: checked(id)?, course: course.0, title, position }))
    }
}

impl From<Chapter> for (ExternalId, ChapterBody) {
    fn from(Chapter { id, course, title, position }: Chapter) -> Self {
        (id, ChapterBody { course: Word(course), title, position })
    }
}

impl Described for EnrollmentBody {
    fn with_id(self, id: &str) -> Result<Roster, Field> {
        Ok(Roster::Enrollment(Enrollment {
            id: checked(id)?,
            user: self.user.0,
            course: self.course.0,
            class: inner(self.class),
            role: self.role.0,
            status: self.status.0,
            begin_at: inner(self.begin_at),
            end_at: inner(self.end_at),
            observed_user: inner(self.observed_user),
            limit_to_class: self.limit_to_class,
        }))
    }
}

impl From<Enrollment> for (ExternalId, EnrollmentBody) {
    fn from(enrollment: Enrollment) -> Self {
        let body = EnrollmentBody {
            user: Word(enrollment.user),
            course: Word(enrollment.course),
            class: enrollment.class.map(Word),
            role: Word(enrollment.role),
            status: Word(enrollment.status),
            begin_at: enrollment.begin_at.map(Word),
            end_at: enrollment.end_at.map(Word),
            observed_user: enrollment.observed_user.map(Word),
            limit_to_class: enrollment.limit_to_class,
        };
        (enrollment.id, body)
    }
}
