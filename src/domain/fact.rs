//! What happens in the classroom, as it is told: one fact, whatever spellings it goes out in.
//!
//! A [`Fact`] is made once, by the service that wrote it down. `dialect` spells it for each grammar that somebody hears; all
//! copies share the id, the place in the stream and the time.

use chrono::{DateTime, Utc};

use super::access::Topic;

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
    ChatUpdated "chat.updated" Kept "A chat was frozen, cleared or given other settings."
    UserOnline "presence.online" Fleeting "A user has come."
    UserOffline "presence.offline" Fleeting "A user has gone."
    UserActive "presence.active" Fleeting "A user is at work again."
    UserAway "presence.away" Fleeting "A user has stopped for a while."
    TypingStarted "typing.started" Fleeting "Somebody types."
    TypingStopped "typing.stopped" Fleeting "Somebody has stopped typing."
    PollOpened "poll.opened" Kept "A poll takes votes."
    PollUpdated "poll.updated" Kept "A poll was changed."
    PollResults "poll.results" Fleeting "The results of a poll so far; a later one makes an earlier one void."
    PollClosed "poll.closed" Kept "A poll takes no more votes."
    PollPublished "poll.published" Kept "The results of a poll may be seen."
    PollVoted "poll.voted" Fleeting "A user has voted, perhaps in another tab."
    PollBallot "poll.ballot" Fleeting "Who voted what, for staff, in named polls only."
    PollTurnout "poll.turnout" Fleeting "How many have voted, for staff."
    Broadcast "broadcast" Kept "What staff or a program tells many at once; it has an event name of its own."
}

/// Who did it, as everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's id.
    pub id: String,
    /// Name as others see it.
    pub name: String,
    /// Role in the course in question, where there is one.
    pub role: Option<&'static str>,
}

/// Place of a fact among those of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Changes when the log of the topic was lost; numbers of different epochs cannot be compared.
    pub epoch: String,
    /// Number within the epoch, from 1 without gaps. 0 = before the first.
    pub seq: i64,
}

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
    fn names_are_distinct() {
        for (position, event) in Event::ALL.iter().enumerate() {
            assert!(Event::ALL[..position].iter().all(|other| other.name() != event.name()), "{}", event.name());
        }
    }
}
