//! Chats: conversations of a course, a class, a group, or two people, and what is said in them.
//!
//! Who belongs to a chat of a course or class, the roster says; of a group and of two people, the chat itself. The rules of who
//! may do what are in `access`; here is what a chat and a message are, and what a well-formed text is.

pub mod message;
pub mod search;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{
    access::Topic,
    moderation::{Measure, Sanction},
    roster::{PlaceId, Role, words},
};
use crate::ids::{ExternalId, UserId};

pub use message::{Attachment, Author, Message, Reaction, Visibility};

/// Longest title in characters.
pub const TITLE_MAX: usize = 255;

/// Most members of a group.
pub const MEMBERS_MAX: usize = 1_000;

/// Longest slow mode in seconds: an hour.
pub const SLOW_MODE_MAX: u32 = 3_600;

/// Longest time in seconds in which a message may be edited: a year.
pub const EDIT_WINDOW_MAX: u32 = 31_536_000;

/// Longest time in days for which a chat keeps messages, when not for ever: ten years.
pub const RETENTION_MAX: u32 = 3_650;

/// Most unread messages that are counted.
pub const UNREAD_MAX: u64 = 100;

words! {
    /// Kinds of chats.
    Kind("kind of chat") {
        /// Everybody in a course.
        Course "course",
        /// Everybody in a class.
        Class "class",
        /// Everybody in a course or class, when staff has time.
        OfficeHours "office_hours",
        /// Whoever was added.
        Group "group",
        /// Two people.
        Dm "dm",
    }
}

impl Kind {
    /// Tells whether the roster says who belongs to it.
    #[must_use]
    pub const fn is_of_a_place(self) -> bool {
        matches!(self, Self::Course | Self::Class | Self::OfficeHours)
    }
}

words! {
    /// Who may write to whom alone, among those of a course.
    DmPolicy("policy") {
        /// Only with staff.
        Staff "staff",
        /// Everybody with everybody.
        Everybody "everybody",
    }
}

words! {
    /// What those who come later see of what was said before.
    History("history") {
        /// All of it.
        All "all",
        /// Nothing.
        Joined "joined",
    }
}

words! {
    /// What a member wants to be told of.
    Notify("choice") {
        /// Messages that mention them.
        Mentions "mentions",
        /// Nothing.
        None "none",
    }
}

words! {
    /// Part of a member in a group.
    Part("part") {
        /// Leads the group.
        Owner "owner",
        /// Takes part.
        Member "member",
    }
}

/// How a chat works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Seconds between two messages of somebody who is not staff; 0 = none. At most [`SLOW_MODE_MAX`].
    pub slow_mode_s: u32,
    /// Roles that may write; empty = all that the course lets write.
    pub post_roles: Vec<Role>,
    /// Who may write to whom alone, among those who belong to this chat.
    pub dm_policy: DmPolicy,
    /// What those who come later see. Only groups know when somebody came.
    pub history: History,
    /// Seconds in which the author may edit a message; staff always may. 0 = never. At most [`EDIT_WINDOW_MAX`].
    pub edit_window_s: u32,
    /// Days for which a message is kept, pinned or not; `None` = for ever. 1 to [`RETENTION_MAX`].
    pub retention_days: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slow_mode_s: 0,
            post_roles: Vec::new(),
            dm_policy: DmPolicy::Staff,
            history: History::All,
            edit_window_s: 86_400,
            retention_days: None,
        }
    }
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Its id, which stands in the names of its channels.
    pub id: ExternalId,
    /// Its kind.
    pub kind: Kind,
    /// The course that it belongs to.
    pub course: Option<ExternalId>,
    /// The class of that course.
    pub class: Option<ExternalId>,
    /// What people call it; empty between two people. At most [`TITLE_MAX`] characters.
    pub title: String,
    /// How it works.
    pub settings: Settings,
    /// Who made it, as the audit names callers.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Since when only staff may write.
    pub frozen_at: Option<DateTime<Utc>>,
    /// Since when nobody may write.
    pub archived_at: Option<DateTime<Utc>>,
    /// Messages up to this number were cleared away, or have been kept for as long as the chat keeps them.
    pub cleared_seq: i64,
    /// 1 when new, one more with each change.
    pub version: i64,
}

impl Chat {
    /// The row of the roster that it belongs to.
    #[must_use]
    pub fn place(&self) -> Option<PlaceId> {
        let class = self.class.clone().map(PlaceId::Class);
        class.or_else(|| self.course.clone().map(PlaceId::Course))
    }

    /// What hears what is for staff alone; `None` = the chat has no staff. A group has members only, also in a course.
    #[must_use]
    pub fn staff(&self) -> Option<Topic> {
        match self.place().filter(|_| self.kind.is_of_a_place()) {
            Some(PlaceId::Class(class)) => Some(Topic::ClassStaff(class)),
            Some(PlaceId::Course(course)) => Some(Topic::CourseStaff(course)),
            _ => None,
        }
    }
}

/// What may be changed of how a chat works. Absent = as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsEdit {
    /// Seconds between two messages of somebody who is not staff.
    pub slow_mode_s: Option<u32>,
    /// Roles that may write.
    pub post_roles: Option<Vec<Role>>,
    /// Who may write to whom alone.
    pub dm_policy: Option<DmPolicy>,
    /// What those who come later see.
    pub history: Option<History>,
    /// Seconds in which the author may edit a message.
    pub edit_window_s: Option<u32>,
    /// Days for which a message is kept; within it, `None` = for ever.
    pub retention_days: Option<Option<u32>>,
}

impl SettingsEdit {
    /// The settings as they become.
    #[must_use]
    pub fn over(&self, before: &Settings) -> Settings {
        Settings {
            slow_mode_s: self.slow_mode_s.unwrap_or(before.slow_mode_s),
            post_roles: self.post_roles.as_ref().unwrap_or(&before.post_roles).clone(),
            dm_policy: self.dm_policy.unwrap_or(before.dm_policy),
            history: self.history.unwrap_or(before.history),
            edit_window_s: self.edit_window_s.unwrap_or(before.edit_window_s),
            retention_days: self.retention_days.unwrap_or(before.retention_days),
        }
    }
}

/// What may be changed of a chat. Absent = as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatEdit {
    /// What people call it.
    pub title: Option<String>,
    /// How it works.
    pub settings: SettingsEdit,
    /// Only staff may write, or not any more.
    pub is_frozen: Option<bool>,
    /// Nobody may write, or not any more.
    pub is_archived: Option<bool>,
}

/// A member of a group or a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Their part.
    pub part: Part,
    /// When they came.
    pub joined_at: DateTime<Utc>,
    /// Number of the newest message then.
    pub joined_seq: i64,
}

/// A chat with all that decides who may do what in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// The chat.
    pub chat: Chat,
    /// Members of a group or a pair; empty where the roster says who belongs to it.
    pub members: HashMap<UserId, Membership>,
    /// Who is muted or banned, as far as that was not lifted.
    pub sanctions: Vec<Sanction>,
}

impl Circle {
    /// The measure of this kind that counts against somebody now.
    #[must_use]
    pub fn sanction(&self, user: &UserId, measure: Measure, now: DateTime<Utc>) -> Option<&Sanction> {
        self.sanctions.iter().find(|one| one.measure == measure && one.user == *user && one.is_active(now))
    }

    /// Why somebody may not write now, although they usually may. `user` = the person, `None` for a program; `is_moderator` =
    /// a chat that is frozen is open to them.
    #[must_use]
    pub fn silence(
        &self,
        user: Option<&UserId>,
        (role, is_moderator): (Option<Role>, bool),
        now: DateTime<Utc>,
    ) -> Option<Silence> {
        if self.chat.archived_at.is_some() {
            return Some(Silence::Archived);
        }
        let user = user?;
        if let Some(mute) = self.sanction(user, Measure::Mute, now).filter(|mute| !mute.is_shadow) {
            return Some(Silence::Muted { until: mute.until });
        }
        if self.chat.frozen_at.is_some() && !is_moderator {
            return Some(Silence::Frozen);
        }
        let roles = &self.chat.settings.post_roles;
        let is_meant = roles.is_empty() || role.is_some_and(|role| roles.contains(&role));
        (!is_meant && !is_moderator).then_some(Silence::NotThisRole)
    }

    /// Tells whether only staff finds what somebody writes now, without their knowing; staff itself is muted openly or not at all.
    #[must_use]
    pub fn is_shadowed(&self, user: &UserId, now: DateTime<Utc>) -> bool {
        self.sanction(user, Measure::Mute, now).is_some_and(|mute| mute.is_shadow)
    }

    /// Messages up to this number are not for somebody, because they were cleared away or came before them.
    #[must_use]
    pub fn hidden_up_to(&self, user: Option<&UserId>) -> i64 {
        let joined = user.and_then(|user| self.members.get(user)).map(|member| member.joined_seq);
        let joined = joined.filter(|_| self.chat.settings.history == History::Joined);
        self.chat.cleared_seq.max(joined.unwrap_or_default())
    }

    /// The same for whoever hears its channels, be they known or not: of a group that shows nothing from before, somebody who is
    /// not known to belong to it is shown nothing.
    #[must_use]
    pub fn hidden_from(&self, user: Option<&UserId>) -> i64 {
        let shows_all = self.chat.settings.history == History::All || self.chat.kind.is_of_a_place();
        let is_member = user.is_some_and(|user| self.members.contains_key(user));
        if shows_all || is_member { self.hidden_up_to(user) } else { i64::MAX }
    }
}

/// Why somebody may not write now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Nobody writes any more.
    #[error("the chat is archived: nobody can write in it any more")]
    Archived,
    /// Only staff writes.
    #[error("the chat is frozen: only staff can write in it")]
    Frozen,
    /// They are muted.
    #[error("you are muted in this chat{}", until.map(|until| format!(" until {}", until.format("%FT%TZ"))).unwrap_or_default())]
    Muted {
        /// Until when; `None` = until it is lifted.
        until: Option<DateTime<Utc>>,
    },
    /// Others write here.
    #[error("in this chat your role reads and does not write")]
    NotThisRole,
}

/// Messages of one person in a chat that were deleted in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// The chat.
    pub chat: ExternalId,
    /// Who said them.
    pub author: UserId,
    /// Number of the first.
    pub from: i64,
    /// Number of the last; what others said in between stays.
    pub to: i64,
    /// How many.
    pub count: u64,
    /// Only their author and staff could find them.
    pub is_shadowed: bool,
}

/// How far somebody is with a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadState {
    /// Number of the newest message that they have read.
    pub last_read_seq: i64,
    /// Others do not see how far they have read.
    pub is_private: bool,
    /// What they want to be told of.
    pub notify: Notify,
}

impl Default for ReadState {
    fn default() -> Self {
        Self { last_read_seq: 0, is_private: false, notify: Notify::Mentions }
    }
}

/// The text without what makes it look like another one: characters that reverse the direction of writing, that have no width,
/// and control characters. Runs of blanks become one.
#[must_use]
pub fn normalised(name: &str) -> String {
    let visible = |c: &char| !c.is_control() && !is_invisible(*c);
    let kept: String = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(visible).collect();
    kept.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Format characters of Unicode that are not seen: widthless ones, marks of direction, tags.
pub(in crate::domain) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_is_not_seen_and_nothing_else() {
        assert_eq!(normalised("Ad\u{200b}a\u{202e} \u{feff} Love\u{ad}lace"), "Ada Lovelace");
        assert_eq!(normalised("  a\t\tb\n"), "a b");
        for name in ["Łukasz", "李雷", "محمد", "O'Neill-Ünal", "👩‍🚀".replace('\u{200d}', "").as_str()] {
            assert_eq!(normalised(name), name);
        }
        assert_eq!(normalised("\u{200b}\u{202e}"), "");
    }
}
