//! What a channel is about, apart from its spelling.

use std::fmt;

use super::capability::Capability;
use crate::{
    domain::roster::{PlaceId, Role},
    ids::{ExternalId, UserId},
};

/// What a channel is about. Channels of the same topic are heard by the same people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What concerns one user.
    User(UserId),
    /// `notifications`: one's own notices and announcements for everybody.
    Notices,
    /// Who is on the platform.
    Platform,
    /// What concerns everybody with a role.
    Role(Role),
    /// What concerns everybody with a role in an org.
    OrgRole(ExternalId, Role),
    /// Events of an org.
    Org(ExternalId),
    /// Events of a course.
    Course(ExternalId),
    /// What the staff of a course hears.
    CourseStaff(ExternalId),
    /// Who is in a course.
    CoursePresence(ExternalId),
    /// Events of a class.
    Class(ExternalId),
    /// What the staff of a class hears.
    ClassStaff(ExternalId),
    /// Who is in a class.
    ClassPresence(ExternalId),
    /// Comments on a chapter.
    ChapterComments(ExternalId),
    /// Who is reading a chapter.
    ChapterPresence(ExternalId),
    /// Who is reading a thread.
    Thread(ExternalId),
    /// A chat.
    Chat(ExternalId),
    /// A document or board.
    Document(ExternalId),
    /// A job.
    Job(ExternalId),
    /// For everybody who is known.
    SignedIn,
    /// For everybody.
    Public,
    /// Nothing that the roster has a word about: the application's own.
    Custom,
}

macro_rules! kinds {
    ($($variant:ident $name:literal $make:expr;)+) => {
        /// Kinds of topics that a channel name with at most one id may stand for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum TopicKind { $(#[doc = concat!("`", $name, "`.")] $variant,)+ }

        impl TopicKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in settings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The topic of this kind with an id; `None` when the text is no id of that kind.
            #[must_use]
            pub fn topic(self, id: &str) -> Option<Topic> {
                let make: fn(&str) -> Option<Topic> = match self { $(Self::$variant => $make,)+ };
                make(id)
            }
        }
    };
}

/// Wraps an external id.
macro_rules! of {
    ($variant:ident) => {
        |id| ExternalId::parse(id).ok().map(Topic::$variant)
    };
}

kinds! {
    User "user" |id| UserId::parse(id).ok().map(Topic::User);
    Role "role" |role| role.parse().ok().map(Topic::Role);
    Org "org" of!(Org);
    Course "course" of!(Course);
    CourseStaff "course-staff" of!(CourseStaff);
    CoursePresence "course-presence" of!(CoursePresence);
    Class "class" of!(Class);
    ClassStaff "class-staff" of!(ClassStaff);
    ClassPresence "class-presence" of!(ClassPresence);
    ChapterComments "chapter-comments" of!(ChapterComments);
    ChapterPresence "chapter-presence" of!(ChapterPresence);
    Thread "thread" of!(Thread);
    Chat "chat" of!(Chat);
    Document "doc" of!(Document);
    Job "job" of!(Job);
    SignedIn "signed_in" |_any| Some(Topic::SignedIn);
    Public "public" |_any| Some(Topic::Public);
}

impl TopicKind {
    /// Tells whether a channel name of this kind must hold an id.
    #[must_use]
    pub const fn needs_id(self) -> bool {
        !matches!(self, Self::SignedIn | Self::Public)
    }
}

impl Topic {
    /// What everybody in a place hears.
    #[must_use]
    pub fn of(place: &PlaceId) -> Self {
        match place {
            PlaceId::Org(id) => Self::Org(id.clone()),
            PlaceId::Course(id) => Self::Course(id.clone()),
            PlaceId::Class(id) => Self::Class(id.clone()),
            PlaceId::Chapter(id) => Self::ChapterComments(id.clone()),
        }
    }

    /// The row of the roster that it belongs to, if it belongs to one.
    #[must_use]
    pub fn place(&self) -> Option<PlaceId> {
        match self {
            Self::Org(id) | Self::OrgRole(id, _) => Some(PlaceId::Org(id.clone())),
            Self::Course(id) | Self::CourseStaff(id) | Self::CoursePresence(id) => Some(PlaceId::Course(id.clone())),
            Self::Class(id) | Self::ClassStaff(id) | Self::ClassPresence(id) => Some(PlaceId::Class(id.clone())),
            Self::ChapterComments(id) | Self::ChapterPresence(id) => Some(PlaceId::Chapter(id.clone())),
            Self::User(_)
            | Self::Notices
            | Self::Platform
            | Self::Role(_)
            | Self::Thread(_)
            | Self::Chat(_)
            | Self::Document(_)
            | Self::Job(_)
            | Self::SignedIn
            | Self::Public
            | Self::Custom => None,
        }
    }

    /// What a role needs for it. Only topics within a course ask for one.
    #[must_use]
    pub const fn needs(&self) -> Option<Capability> {
        match self {
            Self::Course(_) => Some(Capability::HearCourse),
            Self::Class(_) => Some(Capability::HearClass),
            Self::ChapterComments(_) => Some(Capability::HearChapter),
            Self::CourseStaff(_) | Self::ClassStaff(_) => Some(Capability::HearStaff),
            Self::CoursePresence(_) | Self::ClassPresence(_) | Self::ChapterPresence(_) => Some(Capability::BeListed),
            _ => None,
        }
    }

    /// Tells whether there are rules of who hears it. Where there are none, a route of the application's own may name some.
    #[must_use]
    pub const fn has_rules(&self) -> bool {
        !matches!(self, Self::Thread(_) | Self::Document(_) | Self::Job(_) | Self::Custom)
    }

    /// Tells whether the roster has a word about it. About the others the application's signature decides alone.
    #[must_use]
    pub const fn is_rostered(&self) -> bool {
        self.has_rules() && !matches!(self, Self::Notices | Self::Public)
    }

    /// Tells whether it belongs to the classroom, and not to the application alone.
    #[must_use]
    pub const fn is_of_the_classroom(&self) -> bool {
        !matches!(self, Self::SignedIn | Self::Public | Self::Custom)
    }

    /// Tells whether it is about everybody with some role: any change of an enrollment or a course may concern it.
    #[must_use]
    pub const fn is_of_a_role(&self) -> bool {
        matches!(self, Self::Role(_) | Self::OrgRole(..))
    }
}

/// As operators read it: `course '5'`, `staff of class '7'`.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user '{id}'"),
            Self::Notices => f.write_str("notifications"),
            Self::Platform => f.write_str("presence on the platform"),
            Self::Role(role) => write!(f, "role '{role}'"),
            Self::OrgRole(id, role) => write!(f, "role '{role}' in org '{id}'"),
            Self::Org(id) => write!(f, "org '{id}'"),
            Self::Course(id) => write!(f, "course '{id}'"),
            Self::CourseStaff(id) => write!(f, "staff of course '{id}'"),
            Self::CoursePresence(id) => write!(f, "presence in course '{id}'"),
            Self::Class(id) => write!(f, "class '{id}'"),
            Self::ClassStaff(id) => write!(f, "staff of class '{id}'"),
            Self::ClassPresence(id) => write!(f, "presence in class '{id}'"),
            Self::ChapterComments(id) => write!(f, "comments on chapter '{id}'"),
            Self::ChapterPresence(id) => write!(f, "presence in chapter '{id}'"),
            Self::Thread(id) => write!(f, "thread '{id}'"),
            Self::Chat(id) => write!(f, "chat '{id}'"),
            Self::Document(id) => write!(f, "document '{id}'"),
            Self::Job(id) => write!(f, "job '{id}'"),
            Self::SignedIn => f.write_str("everybody who is known"),
            Self::Public => f.write_str("everybody"),
            Self::Custom => f.write_str("a channel of the application's own"),
        }
    }
}
