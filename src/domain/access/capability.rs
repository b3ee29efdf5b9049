//! What each role may do, in one table, and what a course says about it.
//!
//! A capability is asked for by role, never by person: somebody with two enrollments is judged by each of them apart, so that
//! a wide enrollment with a small role never widens a narrow one with a great role.

use crate::domain::roster::{Effect, Override, Role};

/// What a role may do where the course says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usually {
    /// May.
    Yes,
    /// May not, though courses commonly allow it: off unless the course allows it.
    Option,
    /// May not.
    No,
}

/// As what somebody takes part: with a role, or without being known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Holds this role.
    Role(Role),
    /// Is let in without being enrolled.
    Guest,
}

macro_rules! capabilities {
    ($($variant:ident $name:literal [$($usually:ident)+] $doc:literal)+) => {
        /// Something that a role may or may not do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Capability { $(#[doc = $doc] $variant,)+ }

        impl Capability {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, as in the overrides of a course.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The row of the table: student, assistant, instructor, admin, observer, guest.
            const fn row(self) -> [Usually; 6] {
                match self { $(Self::$variant => [$(Usually::$usually),+],)+ }
            }
        }
    };
}

capabilities! {
    //                                       student assistant instructor admin observer guest
    HearCourse      "channel.course"         [Yes    Yes    Yes    Yes    Yes    No    ] "Hear the events of a course."
    HearClass       "channel.class"          [Yes    Yes    Yes    Yes    No     Yes   ] "Hear the events of a class."
    HearChapter     "channel.chapter"        [Yes    Yes    Yes    Yes    No     No    ] "Hear the comments of a chapter."
    HearStaff       "channel.staff"          [No     Yes    Yes    Yes    No     No    ] "Hear what is for staff only."
    BeListed        "channel.presence"       [Yes    Yes    Yes    Yes    No     Yes   ] "Be listed in presence channels."
    HearChat        "channel.chat"           [Yes    Yes    Yes    Yes    No     Option] "Hear chats."
    ChatPost        "chat.post"              [Yes    Yes    Yes    Yes    No     Option] "Write in chats and edit one's own."
    ChatModerate    "chat.moderate"          [No     Yes    Yes    Yes    No     No    ] "Mute, delete, handle reports."
    ChatControl     "chat.control"           [No     No     Yes    Yes    No     No    ] "Ban, freeze, clear and export chats."
    BroadcastClass  "broadcast.class"        [No     Yes    Yes    Yes    No     No    ] "Send broadcasts to a class."
    BroadcastCourse "broadcast.course"       [No     No     Yes    Yes    No     No    ] "Send broadcasts to a course."
    BroadcastOrg    "broadcast.org"          [No     No     No     Yes    No     No    ] "Send broadcasts to an org."
    PollHost        "poll.host"              [No     Yes    Yes    Yes    No     No    ] "Make, open and host polls and quizzes."
    TakePart        "poll.answer"            [Yes    Option Option No     No     Option] "Vote, answer, ask, raise a hand."
    OwnResults      "results.own"            [Yes    Yes    Yes    Yes    No     Yes   ] "See one's own ballots and answers."
    AllResults      "results.all"            [No     Yes    Yes    Yes    No     No    ] "See everybody's ballots and answers by name."
    ChildResults    "results.child"          [No     No     No     No     Yes    No    ] "See those of the observed student."
    LiveStart       "live.start"             [No     Yes    Yes    Yes    No     No    ] "Start a live class."
    LiveEnd         "live.end"               [No     No     Yes    Yes    No     No    ] "End a live class."
    AttendanceRead  "attendance.read"        [No     Yes    Yes    Yes    No     No    ] "Read everybody's attendance."
    AttendanceWrite "attendance.write"       [No     No     Yes    Yes    No     No    ] "Override attendance."
    BoardDraw       "board.draw"             [Option Yes    Yes    Yes    No     Option] "Draw on boards, edit documents."
    ProgressRead    "progress.read"          [No     Yes    Yes    Yes    No     No    ] "Read everybody's progress in the course."
    RosterRead      "roster.read"            [Option Yes    Yes    Yes    No     No    ] "Read who is enrolled."
    RosterInvite    "roster.invite"          [No     No     Yes    Yes    No     No    ] "Invite people."
    RosterWrite     "roster.write"           [No     No     No     Yes    No     No    ] "Change the roster."
    NotifyClass     "notification.class"     [No     Yes    Yes    Yes    No     No    ] "Notify a class."
    NotifyCourse    "notification.course"    [No     No     Yes    Yes    No     No    ] "Notify a course."
    NotifyOrg       "notification.org"       [No     No     No     Yes    No     No    ] "Notify an org."
    Administer      "server.administer"      [No     No     No     Yes    No     No    ] "Manage API keys, apps, webhooks and logs."
}

impl Capability {
    /// What this part usually may.
    #[must_use]
    pub const fn usually(self, part: Part) -> Usually {
        let [student, assistant, instructor, admin, observer, guest] = self.row();
        match part {
            Part::Role(Role::Student) => student,
            Part::Role(Role::Assistant) => assistant,
            Part::Role(Role::Instructor) => instructor,
            Part::Role(Role::Admin) => admin,
            Part::Role(Role::Observer) => observer,
            Part::Guest => guest,
        }
    }

    /// What the course says about it for a role; the strictest where it says several things.
    #[must_use]
    pub fn said(self, role: Role, overrides: &[Override]) -> Option<Effect> {
        let said = |effect| {
            let fits = |entry: &&Override| entry.role == role && entry.effect == effect;
            overrides.iter().filter(fits).any(|entry| entry.capability == self.name()).then_some(effect)
        };
        said(Effect::Prohibit).or_else(|| said(Effect::Prevent)).or_else(|| said(Effect::Allow))
    }

    /// Whether one role has it in a course, other roles of the same person left out. A prohibition is told apart, because no
    /// other role makes up for it.
    #[must_use]
    pub fn held_by(self, role: Role, overrides: &[Override]) -> Held {
        match self.said(role, overrides) {
            Some(Effect::Prohibit) => Held::Prohibited,
            Some(Effect::Allow) => Held::Yes,
            None if self.usually(Part::Role(role)) == Usually::Yes => Held::Yes,
            Some(Effect::Prevent) | None => Held::No,
        }
    }
}

/// Whether a role has a capability in a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It has.
    Yes,
    /// It has not; another role of the same person may.
    No,
    /// Nobody with this role has it, whatever else they are.
    Prohibited,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(role: Role, capability: Capability, effect: Effect) -> Override {
        Override { role, capability: capability.name().to_owned(), effect }
    }

    #[test]
    fn names_are_distinct_and_have_an_area_and_a_verb() {
        for (position, capability) in Capability::ALL.iter().enumerate() {
            assert_eq!(capability.name().split('.').count(), 2, "{}", capability.name());
            assert!(Capability::ALL[..position].iter().all(|other| other.name() != capability.name()));
        }
    }

    #[test]
    fn what_is_an_option_is_off_until_the_course_allows_it() {
        let capability = Capability::BoardDraw;
        assert_eq!(capability.held_by(Role::Student, &[]), Held::No);
        let allowed = [entry(Role::Student, capability, Effect::Allow)];
        assert_eq!(capability.held_by(Role::Student, &allowed), Held::Yes);
        assert_eq!(capability.held_by(Role::Observer, &allowed), Held::No, "it is for that role alone");
        assert_eq!(Capability::ChatPost.held_by(Role::Observer, &allowed), Held::No, "and for that capability");
    }

    #[test]
    fn the_strictest_word_about_a_role_counts() {
        let capability = Capability::HearChapter;
        let said = |effects: &[Effect]| {
            let list: Vec<_> = effects.iter().map(|effect| entry(Role::Student, capability, *effect)).collect();
            capability.held_by(Role::Student, &list)
        };
        assert_eq!(said(&[]), Held::Yes);
        assert_eq!(said(&[Effect::Prevent]), Held::No);
        assert_eq!(said(&[Effect::Allow, Effect::Prevent]), Held::No);
        assert_eq!(said(&[Effect::Allow, Effect::Prevent, Effect::Prohibit]), Held::Prohibited);
    }
}
