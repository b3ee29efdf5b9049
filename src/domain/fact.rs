//! What happens in the classroom, as it is told: one fact, whatever spellings it goes out in.
//!
//! A [`Fact`] is made once, by the service that wrote it down. `dialect` spells it for each grammar that somebody hears; all
//! copies share the id, the place in the stream and the time.

use chrono::{DateTime, Utc};

use super::{
    access::{Topic, TopicKind},
    roster::Role,
};
use crate::ids::ExternalId;

macro_rules! events {
    ($($variant:ident $name:literal $lasting:ident $doc:literal)+) => {
        /// Kinds of facts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $(#[doc = $doc] $variant,)+ }

        impl Event {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its canonical name, as in the log of a stream.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What happens, in a sentence.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }

            /// Whether it is kept for those who were away.
            #[must_use]
            pub const fn lasting(self) -> Lasting {
                match self { $(Self::$variant => Lasting::$lasting,)+ }
            }
        }
    };
}

/// Whether a fact is kept for those who were away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It has a place in the stream of its topic and can be caught up with.
    Kept,
    /// It is true for a moment: who was away has missed it.
    Fleeting,
}

events! {
    NotificationCreated "notification.created" Kept "A notification for a user."
    NotificationRead "notification.read" Kept "A user has read notifications, perhaps in another tab."
    MessageCreated "chat.message.created" Kept "A message in a chat."
    MessageUpdated "chat.message.updated" Kept "A message was edited, pinned or reacted to."
    MessageDeleted "chat.message.deleted" Kept "A message was deleted."
    ChatRead "chat.read" Fleeting "Somebody has read a chat up to a message."
    ChatPurged "chat.purged" Kept "Everything that somebody has said in a chat between two numbers was deleted."
    ChatUpdated "chat.updated" Kept "A chat was frozen, cleared or given other settings."
    UserOnline "presence.online" Fleeting "A user has come."
    UserOffline "presence.offline" Fleeting "A user has gone."
    UserActive "presence.active" Fleeting "A user is at work again, or busy, or says something new about themselves: `status` tells."
    UserAway "presence.away" Fleeting "A user has stopped for a while."
    TypingStarted "typing.started" Fleeting "Somebody types."
    TypingStopped "typing.stopped" Fleeting "Somebody has stopped typing."
    TypingCrowd "typing.crowd" Fleeting "So many type that they are told by their number."
    PollOpened "poll.opened" Kept "A poll takes votes."
    PollUpdated "poll.updated" Kept "A poll was changed."
    PollResults "poll.results" Fleeting "The results of a poll so far; a later one makes an earlier one void."
    PollClosed "poll.closed" Kept "A poll takes no more votes."
    PollPublished "poll.published" Kept "The results of a poll may be seen."
    PollVoted "poll.voted" Fleeting "A user has voted, perhaps in another tab."
    PollBallot "poll.ballot" Fleeting "Who voted what, for staff, in named polls only."
    PollTurnout "poll.turnout" Fleeting "How many have voted, for staff."
    AccessChanged "access.changed" Fleeting "A user has another role in a course: other channels are open to them."
    Broadcast "broadcast" Kept "What staff or a program tells many at once; it has an event name of its own."
}

impl Event {
    /// Tells whether it carries a message of a chat, with its text.
    #[must_use]
    pub const fn is_of_a_message(self) -> bool {
        matches!(self, Self::MessageCreated | Self::MessageUpdated | Self::MessageDeleted)
    }

    /// The event of a canonical name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|event| event.name() == name).copied()
    }
}

/// Names a topic in rows and paths: `course.5`, `class-staff.7`, `org-role.1.student`, `platform`. `None` for topics that have
/// no stream.
#[must_use]
pub fn topic_key(topic: &Topic) -> Option<String> {
    let of = |kind: TopicKind, id: &dyn std::fmt::Display| Some(format!("{}.{id}", kind.name()));
    match topic {
        Topic::User(id) => of(TopicKind::User, id),
        Topic::Role(role) => of(TopicKind::Role, role),
        Topic::OrgRole(id, role) => Some(format!("org-role.{id}.{role}")),
        Topic::Org(id) => of(TopicKind::Org, id),
        Topic::Course(id) => of(TopicKind::Course, id),
        Topic::CourseStaff(id) => of(TopicKind::CourseStaff, id),
        Topic::CoursePresence(id) => of(TopicKind::CoursePresence, id),
        Topic::Class(id) => of(TopicKind::Class, id),
        Topic::ClassStaff(id) => of(TopicKind::ClassStaff, id),
        Topic::ClassPresence(id) => of(TopicKind::ClassPresence, id),
        Topic::ChapterComments(id) => of(TopicKind::ChapterComments, id),
        Topic::ChapterPresence(id) => of(TopicKind::ChapterPresence, id),
        Topic::Thread(id) => of(TopicKind::Thread, id),
        Topic::Chat(id) => of(TopicKind::Chat, id),
        Topic::Document(id) => of(TopicKind::Document, id),
        Topic::Job(id) => of(TopicKind::Job, id),
        Topic::Platform => Some("platform".to_owned()),
        Topic::Notices => Some("notices".to_owned()),
        Topic::SignedIn | Topic::Public | Topic::Custom => None,
    }
}

/// Reads what [`topic_key`] wrote.
#[must_use]
pub fn topic_of(key: &str) -> Option<Topic> {
    match key {
        "platform" => return Some(Topic::Platform),
        "notices" => return Some(Topic::Notices),
        _ => {}
    }
    let (kind, id) = key.split_once('.')?;
    if kind == "org-role" {
        let (org, role) = id.split_once('.')?;
        return Some(Topic::OrgRole(ExternalId::parse(org).ok()?, role.parse::<Role>().ok()?));
    }
    let kind = TopicKind::ALL.iter().find(|known| known.name() == kind && known.needs_id())?;
    kind.topic(id)
}

/// Who did it, as everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's id.
    pub id: String,
    /// Name as others see it.
    pub name: String,
    /// Role in the course in question, where there is one.
    pub role: Option<Role>,
}

/// Place of a fact among those of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Changes when the log of the topic was lost; numbers of different epochs cannot be compared.
    pub epoch: String,
    /// Number within the epoch, from 1 without gaps. 0 = before the first.
    pub seq: i64,
}

/// Key of a payload that names the only person who hears the fact; it is not told itself. `null` = nobody hears it any more.
pub const ONLY_FOR: &str = "only_for";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<P> {
    /// Unique name: a ULID.
    pub id: String,
    /// What kind of thing.
    pub event: Event,
    /// What it is about; its channels hear it.
    pub topic: Topic,
    /// Where it stands in the stream; none for what is fleeting.
    pub position: Option<Position>,
    /// When it happened, by the server's clock.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Option<Actor>,
    /// What there is to say.
    pub payload: P,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        for event in Event::ALL {
            assert_eq!(Event::named(event.name()), Some(*event));
        }
        assert_eq!(Event::named("bell"), None);
    }

    #[test]
    fn keys_of_topics_are_read_back_and_other_texts_are_none() {
        let id = ExternalId::parse("a-1").unwrap();
        let more = [Topic::OrgRole(id, Role::Student), Topic::Platform, Topic::Notices];
        let of_kind = |kind: &TopicKind| kind.topic(if kind.name() == "role" { "admin" } else { "a-1" }).unwrap();
        for topic in TopicKind::ALL.iter().filter(|kind| kind.needs_id()).map(of_kind).chain(more) {
            let key = topic_key(&topic).unwrap();
            assert_eq!(topic_of(&key), Some(topic), "{key}");
        }
        for other in ["", "course", "course.", "course.a b", "public.1", "signed_in.x", "org-role.1", "bell.1"] {
            assert_eq!(topic_of(other), None, "{other}");
        }
        assert_eq!(topic_key(&Topic::Custom), None);
    }
}
