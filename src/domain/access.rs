//! Who may hear what: the rules, without the world.
//!
//! [`Topic`] is what a channel is about, whatever its spelling; [`decide`] says whether a person may hear it, from the facts
//! of the roster and the time alone, why, by which row, and until when at most. Default: no. What is not known is refused.
//! `dialect` makes topics of names, `services::access` brings the facts.

pub mod capability;
mod judge;
mod oversight;
mod routes;
mod topic;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

pub use self::{
    judge::{decide, may, may_in_chat, role_in, role_in_chat},
    oversight::only_as_admin,
    routes::{ChannelRoutes, RouteError},
    topic::{Topic, TopicKind},
};
use crate::{
    domain::{
        block::Block,
        chat::Circle,
        roster::{Place, Role, Standing},
    },
    ids::ExternalId,
};

/// What the decision rests on. All of it must belong to the app of the channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The person as the roster knows them; `None` = not at all.
    pub standing: Option<&'a Standing>,
    /// What [`Topic::place`] names; `None` = the roster has no such thing.
    pub place: Option<&'a Place>,
    /// The courses of the person's enrollments. Only topics of roles need them.
    pub courses: &'a [Arc<Place>],
    /// Blocks of the person.
    pub blocks: &'a [Block],
    /// One of them closes this very channel, in whatever spelling, and counts now.
    pub is_channel_blocked: bool,
    /// The chat that the channel is about; `place` is then what the chat belongs to.
    pub chat: Option<&'a Circle>,
}

macro_rules! reasons {
    ($($variant:ident $name:literal $doc:literal)+) => {
        /// Why a decision is as it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $doc] $variant,)+ }

        impl Reason {
            /// All of them: first those that allow.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its code, as clients and the API see it. Never changes.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, in one line.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }
    };
}

reasons! {
    Public "public" "Everybody may."
    SignedIn "signed_in" "Whoever is known may."
    Own "own" "It is the person's own channel."
    Enrolled "enrolled" "An enrollment gives access."
    OrgAdmin "org_admin" "The person administers the org of the course."
    OrgMember "org_member" "The person belongs to the org."
    HoldsRole "holds_role" "The person holds the role."
    Member "member" "The person belongs to the group."
    Guest "guest" "The class takes guests."
    Signed "signed" "The application has signed for it."

    Blocked "blocked" "The person is blocked."
    Banned "banned" "The person is blocked from this course, class or channel."
    UserDeactivated "user_deactivated" "The account is switched off."
    UnknownUser "unknown_user" "The roster does not know the person."
    NotIdentified "not_identified" "Nobody is known to be asking."
    UnknownChannel "unknown_channel" "No rule covers the channel."
    ObjectDeleted "object_deleted" "What the channel belongs to is not in the roster, or not any more."
    NotYours "not_yours" "It is somebody else's channel."
    NotEnrolled "not_enrolled" "The person has no part in it."
    EnrollmentInactive "enrollment_inactive" "The enrollment is not active."
    NotStarted "not_started" "The enrollment or the course has not begun."
    Ended "ended" "The enrollment or the course has ended."
    WrongClass "wrong_class" "The enrollment is limited to another class."
    CourseArchived "course_archived" "The course is archived: only staff has access."
    WrongRole "wrong_role" "The role does not allow it."
    Silenced "silenced" "The person is muted, or the chat is closed to them."
    WrongPart "wrong_part" "It is for the owner of the group."
    SourceUnavailable "source_unavailable" "The roster cannot be read now."
}

impl Reason {
    /// Tells whether it is a word about the person, not the lack of one: it then counts against a signature of the
    /// application too, whatever the app's `authz`.
    #[must_use]
    pub const fn is_about_the_person(self) -> bool {
        matches!(self, Self::Blocked | Self::Banned | Self::UserDeactivated)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What: `person`, `block`, `channel`, `object`, `enrollment`, `role`.
    pub check: &'static str,
    /// Whether it stood the test.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

/// Whether somebody may hear something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// They may.
    pub allow: bool,
    /// Why.
    pub reason: Reason,
    /// The reason in words, fit for the person's eyes.
    pub detail: String,
    /// The role that decided.
    pub role: Option<Role>,
    /// The enrollment that decided.
    pub enrollment: Option<ExternalId>,
    /// First moment in which an allowance may have ended and has to be asked for again; `None` = no known end.
    pub not_after: Option<DateTime<Utc>>,
    /// What was looked at, in this order.
    pub steps: Vec<Step>,
}

impl Decision {
    /// What the person in question may be told: neither the trail, nor whether something is there that is not theirs. All
    /// refusals of strangers are one.
    #[must_use]
    pub fn for_people(self) -> Self {
        let decision = Self { steps: Vec::new(), ..self };
        if !decision.hides_what_is_there() || decision.reason == Reason::NotIdentified {
            return decision;
        }
        let detail = "no enrollment of yours opens this channel".to_owned();
        Self { reason: Reason::NotEnrolled, detail, role: None, ..decision }
    }

    /// Tells whether it is a refusal of a stranger, which must look the same whether or not something is there.
    #[must_use]
    pub const fn hides_what_is_there(&self) -> bool {
        !self.allow
            && match self.reason {
                Reason::ObjectDeleted | Reason::NotEnrolled | Reason::UnknownUser | Reason::NotIdentified => true,
                Reason::WrongRole => self.enrollment.is_none(),
                _ => false,
            }
    }

    /// What is answered when the roster cannot be read.
    #[must_use]
    pub fn unavailable() -> Self {
        Self {
            allow: false,
            reason: Reason::SourceUnavailable,
            detail: "the roster cannot be read now, try again shortly".to_owned(),
            role: None,
            enrollment: None,
            not_after: None,
            steps: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
