//! Which events are told on which topics. The services decide it, each where it tells; every event that a test hears is checked
//! against this (`tests/it/support/events.rs`).

use crate::domain::{access::Topic, fact::Event};

/// The events that are told on a topic.
pub(super) fn events(topic: &Topic) -> impl Iterator<Item = Event> {
    Event::ALL.iter().copied().filter(|event| is_told(*event, topic))
}

/// Tells whether an event is about typing: channels of every grammar hear it as a whisper too.
pub(super) const fn is_whispered(event: Event) -> bool {
    matches!(event, Event::TypingStarted | Event::TypingStopped | Event::TypingCrowd)
}

fn is_told(event: Event, topic: &Topic) -> bool {
    use Topic as T;
    let is_place = matches!(topic, T::Course(_) | T::Class(_));
    let is_staff = matches!(topic, T::CourseStaff(_) | T::ClassStaff(_));
    let is_own = matches!(topic, T::User(_));
    let is_chat = matches!(topic, T::Chat(_));
    match event {
        Event::NotificationCreated | Event::NotificationRead => is_own || *topic == T::Notices,
        Event::PollVoted | Event::AccessChanged => is_own,
        // What is not for all is told to those whom it is for.
        Event::MessageCreated | Event::MessageUpdated | Event::MessageDeleted | Event::ChatPurged => {
            is_chat || is_staff || is_own
        }
        Event::ChatRead | Event::ChatUpdated => is_chat || is_own,
        Event::UserOnline | Event::UserOffline | Event::UserActive | Event::UserAway => {
            matches!(topic, T::Org(_) | T::Course(_) | T::CourseStaff(_))
        }
        Event::TypingStarted | Event::TypingStopped | Event::TypingCrowd => *topic != T::Notices,
        Event::PollOpened | Event::PollUpdated | Event::PollClosed | Event::PollPublished => is_place,
        Event::PollResults => is_place || is_staff,
        Event::PollBallot | Event::PollTurnout => is_staff,
        Event::Broadcast => {
            is_place || is_own || matches!(topic, T::Role(_) | T::OrgRole(..) | T::Org(_) | T::Platform)
        }
    }
}
