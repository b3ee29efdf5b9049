//! The roster: people, what they learn in, and who is enrolled in what, as the learning platform tells it.
//!
//! Plain values, each named by the platform's own id, which is unique within the app: a channel name holds nothing else to
//! find a row by. Nothing here decides anything; `access` does.

mod check;
mod fields;
mod ledger;
mod outcome;

use chrono::{DateTime, Utc};

pub use fields::Field;
pub use ledger::{Ledger, Verdict, Write};
pub use outcome::{Expected, Outcome, RowError, Versioned};

use crate::ids::{ExternalId, UserId};

/// Longest name, title, code or section in characters.
pub const NAME_MAX: usize = 255;

/// Longest address (email, picture) in characters.
pub const ADDRESS_MAX: usize = 1_024;

/// Most capability overrides of one course.
pub const OVERRIDES_MAX: usize = 200;

/// The text is none of the words that the field knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{got}' is no {what}; there are {known}")]
pub struct UnknownWord {
    /// Which field.
    pub(in crate::domain) what: &'static str,
    /// The refused text, cut to 80 characters.
    pub(in crate::domain) got: String,
    /// The legal words.
    pub(in crate::domain) known: String,
}

impl UnknownWord {
    /// A text that is none of the `known` words.
    pub(in crate::domain) fn new(what: &'static str, got: &str, known: impl Iterator<Item = &'static str>) -> Self {
        Self { what, got: got.chars().take(80).collect(), known: known.collect::<Vec<_>>().join(", ") }
    }
}

/// Makes an enum of words of a fixed set.
macro_rules! words {
    ($(#[$meta:meta])* $type:ident ($what:literal) { $($(#[doc = $doc:literal])* $variant:ident $name:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[doc = $doc])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it in rows, files and answers.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::domain::roster::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::domain::roster::UnknownWord> {
                let found = Self::ALL.iter().find(|word| word.name() == text).copied();
                found.ok_or_else(|| $crate::domain::roster::UnknownWord::new($what, text, Self::ALL.iter().map(|word| word.name())))
            }
        }
    };
}
pub(in crate::domain) use words;

words! {
    /// What somebody is in a course. Held by an enrollment, not by a person.
    Role("role") {
        /// Learns.
        Student "student",
        /// Helps to teach: moderates and sees staff channels.
        Assistant "assistant",
        /// Teaches.
        Instructor "instructor",
        /// Runs the course, or with [`Person::org_role`] the whole org.
        Admin "admin",
        /// Looks over the shoulder of a student: a parent, a mentor.
        Observer "observer",
    }
}

impl Role {
    /// Tells whether the role teaches.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Assistant | Self::Instructor | Self::Admin)
    }

    /// Place among the roles when somebody holds several: a greater one is told of first.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Observer => 0,
            Self::Student => 1,
            Self::Assistant => 2,
            Self::Instructor => 3,
            Self::Admin => 4,
        }
    }
}

words! {
    /// Whether an enrollment counts. Only `active` gives access.
    Status("status") {
        /// Counts, within its dates.
        Active "active",
        /// Invited and not yet accepted.
        Invited "invited",
        /// Suspended.
        Inactive "inactive",
        /// Through with the course.
        Completed "completed",
        /// Has left or was removed. The row stays, so that a return is a change and not a stranger.
        Dropped "dropped",
    }
}

words! {
    /// Who may look into a course without being enrolled.
    Visibility("visibility") {
        /// Everybody: its guarded public channels are open.
        Public "public",
        /// Members of its org.
        Org "org",
        /// Nobody.
        Enrolled "enrolled",
    }
}

words! {
    /// Kinds of roster objects, in the order in which a file of many has to be applied.
    Kind("kind") {
        /// A tenant within the app: a school, a faculty.
        Org "org",
        /// A course.
        Course "course",
        /// A class (section) of a course.
        Class "class",
        /// A chapter (lesson) of a course.
        Chapter "chapter",
        /// A person.
        User "user",
        /// A person's part in a course.
        Enrollment "enrollment",
    }
}

impl Kind {
    /// The word for many of them, as in paths and names of files.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Org => "orgs",
            Self::Course => "courses",
            Self::Class => "classes",
            Self::Chapter => "chapters",
            Self::User => "users",
            Self::Enrollment => "enrollments",
        }
    }
}

words! {
    /// What a course says about one capability of one role.
    Effect("effect") {
        /// May, although the role usually may not.
        Allow "allow",
        /// May not, unless another role of the same person may.
        Prevent "prevent",
        /// May not, whatever other roles say.
        Prohibit "prohibit",
    }
}

/// A tenant within the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// The platform's id.
    pub id: ExternalId,
    /// What people call it.
    pub name: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The platform's id; also the user id of presence channels and sign-in.
    pub id: UserId,
    /// Org that they belong to.
    pub org: Option<ExternalId>,
    /// Name as others see it.
    pub name: String,
    /// Email address; never sent to other users.
    pub email: Option<String>,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// Role in the whole org, for those who have one there: usually none, or `admin`.
    pub org_role: Option<Role>,
    /// Since when the account is switched off; such a person has no access and no socket.
    pub deactivated_at: Option<DateTime<Utc>>,
}

/// A course's exception from the default capabilities of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The role it is about.
    pub role: Role,
    /// The capability, by its name (`chat.post`).
    pub capability: String,
    /// What it says.
    pub effect: Effect,
}

/// A course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The platform's id.
    pub id: ExternalId,
    /// Org that it belongs to.
    pub org: Option<ExternalId>,
    /// Short code, such as `CS-101`.
    pub code: Option<String>,
    /// What people call it.
    pub title: String,
    /// First moment in which enrollments count; `None` = always.
    pub starts_at: Option<DateTime<Utc>>,
    /// First moment in which they count no more; `None` = never.
    pub ends_at: Option<DateTime<Utc>>,
    /// Who may look in without being enrolled.
    pub visibility: Visibility,
    /// Since when only staff has access.
    pub archived_at: Option<DateTime<Utc>>,
    /// Exceptions from the default capabilities; at most [`OVERRIDES_MAX`].
    pub overrides: Vec<Override>,
}

/// A class (section) of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The platform's id.
    pub id: ExternalId,
    /// Its course.
    pub course: ExternalId,
    /// What people call it.
    pub name: String,
    /// Callers without proof may hear its events.
    pub guests: bool,
}

/// A chapter (lesson) of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// The platform's id.
    pub id: ExternalId,
    /// Its course.
    pub course: ExternalId,
    /// What people call it.
    pub title: String,
    /// Place among the chapters of the course.
    pub position: i32,
}

/// A person's part in a course, or in one class of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// The platform's id.
    pub id: ExternalId,
    /// Who.
    pub user: UserId,
    /// In what.
    pub course: ExternalId,
    /// In which class of it; `None` = in the course as a whole.
    pub class: Option<ExternalId>,
    /// As what.
    pub role: Role,
    /// Whether it counts.
    pub status: Status,
    /// First moment in which it counts; `None` = always.
    pub begin_at: Option<DateTime<Utc>>,
    /// First moment in which it counts no more; `None` = never.
    pub end_at: Option<DateTime<Utc>>,
    /// The student whom an observer looks after.
    pub observed_user: Option<UserId>,
    /// Other classes of the course stay closed. Only with a class.
    pub limit_to_class: bool,
}

/// Any object of the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// An org.
    Org(Org),
    /// A course.
    Course(Course),
    /// A class.
    Class(Class),
    /// A chapter.
    Chapter(Chapter),
    /// A person.
    User(Person),
    /// An enrollment.
    Enrollment(Enrollment),
}

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Org(_) => Kind::Org,
            Self::Course(_) => Kind::Course,
            Self::Class(_) => Kind::Class,
            Self::Chapter(_) => Kind::Chapter,
            Self::User(_) => Kind::User,
            Self::Enrollment(_) => Kind::Enrollment,
        }
    }

    /// Its id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Org(org) => org.id.as_str(),
            Self::Course(course) => course.id.as_str(),
            Self::Class(class) => class.id.as_str(),
            Self::Chapter(chapter) => chapter.id.as_str(),
            Self::User(person) => person.id.as_str(),
            Self::Enrollment(enrollment) => enrollment.id.as_str(),
        }
    }
}

/// One write to the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Makes the object or puts this in its place.
    Put(Box<Object>),
    /// Removes an object. An enrollment is dropped and stays as a row; everything below another object goes with it.
    Delete(Kind, String),
}

impl Operation {
    /// Kind and id of the object that it is about.
    #[must_use]
    pub fn target(&self) -> (Kind, &str) {
        match self {
            Self::Put(object) => (object.kind(), object.id()),
            Self::Delete(kind, id) => (*kind, id),
        }
    }
}

/// What became of one object, as told to whoever follows the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Number of the change within the database: later ones are greater.
    pub seq: i64,
    /// Kind of the object.
    pub kind: Kind,
    /// Id of the object.
    pub id: String,
    /// What was done.
    pub action: Action,
    /// The person it concerns: the user, or the user of the enrollment.
    pub user: Option<UserId>,
    /// The course it concerns.
    pub course: Option<ExternalId>,
    /// When.
    pub at: DateTime<Utc>,
}

words! {
    /// What a change did.
    Action("action") {
        /// The object is new.
        Created "created",
        /// It is different now.
        Updated "updated",
        /// It is gone, or dropped.
        Deleted "deleted",
    }
}

/// A person with all their enrollments, whatever their status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The person.
    pub person: Person,
    /// Their enrollments, by id.
    pub enrollments: Vec<Enrollment>,
}

impl Standing {
    /// Tells whether the person looks over the shoulders of others and takes no other part.
    #[must_use]
    pub fn is_onlooker(&self) -> bool {
        let observes = |role: Option<Role>| role == Some(Role::Observer);
        let takes_part = |one: &Enrollment| one.status == Status::Active && one.role != Role::Observer;
        let observes_only = !self.enrollments.is_empty() && !self.enrollments.iter().any(takes_part);
        observes(self.person.org_role)
            || (self.person.org_role.is_none()
                && observes_only
                && self.enrollments.iter().any(|one| one.role == Role::Observer))
    }
}

/// Names something that a channel may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceId {
    /// An org.
    Org(ExternalId),
    /// A course.
    Course(ExternalId),
    /// A class.
    Class(ExternalId),
    /// A chapter.
    Chapter(ExternalId),
}

/// What a channel belongs to, with everything above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The org, if any.
    pub org: Option<ExternalId>,
    /// The course; `None` only for an org itself.
    pub course: Option<Course>,
    /// The class, when that was asked for.
    pub class: Option<Class>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_others_are_refused_with_the_right_ones() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(*role));
        }
        let error = "teacher".parse::<Role>().unwrap_err().to_string();
        assert_eq!(error, "'teacher' is no role; there are student, assistant, instructor, admin, observer");
        assert!("Active".parse::<Status>().is_err());
    }

    #[test]
    fn who_teaches_is_staff() {
        let staff: Vec<_> = Role::ALL.iter().filter(|role| role.is_staff()).map(|role| role.name()).collect();
        assert_eq!(staff, ["assistant", "instructor", "admin"]);
    }
}
