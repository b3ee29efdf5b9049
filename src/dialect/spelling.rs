//! How a fact is spelled for those who hear it: which channels, which event names, which payload.
//!
//! A client that subscribed with dots gets Laravel's names and snake_case, one that subscribed with dashes gets names with
//! colons and camelCase. Nobody gets both unless they subscribe to both, and both copies have the same `event_id`.
//! The reverse of [`route`]: each channel named here is one that stands for the topic there.

mod data;

use serde_json::{Map, Value};

pub use self::data::{camel_key, data, data_with};
use super::{route, stream};
use crate::domain::{
    access::Topic,
    app::LaravelNames,
    fact::{Event, Fact},
};

/// How the names of a channel are made up, and with them those of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Dots, as Laravel Echo has them.
    Dots,
    /// Laravel's own channel for a user's notifications.
    Model,
    /// Dashes, as pusher-js applications have them.
    Dashes,
}

/// The payload of a fact: what the event's own keys hold, in snake_case.
pub type Payload = Map<String, Value>;

/// Channels that hear a topic, each with its grammar. Empty for topics without channels of their own. A name with dashes that
/// means something else, because of how the id ends, is none of them.
#[must_use]
pub fn channels(topic: &Topic) -> Vec<(String, Grammar)> {
    let mut channels = names_of_all(topic);
    if route::may_be_misread(topic) {
        channels.retain(|(name, _)| route::stands_for(name, topic));
    }
    channels
}

fn names_of_all(topic: &Topic) -> Vec<(String, Grammar)> {
    use Grammar::{Dashes, Dots, Model};
    let both = |dots: String, dashes: String| vec![(dots, Dots), (dashes, Dashes)];
    match topic {
        Topic::User(id) => vec![
            (format!("private-user.{id}"), Dots),
            (format!("private-App.Models.User.{id}"), Model),
            (format!("private-user-{id}"), Dashes),
        ],
        Topic::Notices => vec![("notifications".to_owned(), Dashes)],
        Topic::Platform => vec![("presence-global".to_owned(), Dashes)],
        Topic::Role(role) => both(format!("private-role.{role}"), format!("private-role-{role}")),
        Topic::OrgRole(id, role) => {
            both(format!("private-org.{id}.role.{role}"), format!("private-org-{id}-role-{role}"))
        }
        Topic::Org(id) => both(format!("private-org.{id}"), format!("private-org-{id}")),
        Topic::Course(id) => both(format!("private-course.{id}"), format!("private-course-{id}")),
        Topic::CourseStaff(id) => {
            both(format!("private-course.{id}.instructor"), format!("private-course-{id}-instructor"))
        }
        Topic::CoursePresence(id) => both(format!("presence-course.{id}.users"), format!("presence-course-{id}")),
        Topic::Class(id) => both(format!("private-class.{id}"), format!("private-class-{id}")),
        Topic::ClassStaff(id) => both(format!("private-class.{id}.staff"), format!("private-class-{id}-staff")),
        Topic::ClassPresence(id) => both(format!("presence-class.{id}.participants"), format!("presence-class-{id}")),
        Topic::ChapterComments(id) => vec![
            (format!("private-chapter.{id}.comments"), Dots),
            (format!("private-chapter-{id}-comments"), Dashes),
            (format!("chapter-{id}-comments"), Dashes),
        ],
        Topic::ChapterPresence(id) => both(format!("presence-chapter.{id}"), format!("presence-chapter-{id}")),
        Topic::Thread(id) => both(format!("presence-thread.{id}"), format!("presence-thread-{id}")),
        Topic::Chat(id) => vec![
            (format!("private-chat.{id}"), Dots),
            (format!("presence-chat.{id}"), Dots),
            (format!("private-chat-{id}"), Dashes),
            (format!("presence-chat-{id}"), Dashes),
        ],
        Topic::Document(id) => both(format!("private-doc.{id}"), format!("private-doc-{id}")),
        Topic::Job(id) => both(format!("private-job.{id}"), format!("private-job-{id}")),
        Topic::SignedIn | Topic::Public | Topic::Custom => Vec::new(),
    }
}

/// Names of an event: Laravel's class, Laravel's alias, and the one with a colon.
const fn spellings(event: Event) -> (&'static str, &'static str, &'static str) {
    match event {
        Event::NotificationCreated => ("App\\Events\\NotificationSent", "notification.sent", "notification:new"),
        Event::NotificationRead => ("App\\Events\\NotificationRead", "notification.read", "notification:read"),
        Event::MessageCreated => ("App\\Events\\ChatMessageSent", "chat.message.sent", "message:new"),
        Event::MessageUpdated => ("App\\Events\\ChatMessageUpdated", "chat.message.updated", "message:updated"),
        Event::MessageDeleted => ("App\\Events\\ChatMessageDeleted", "chat.message.deleted", "message:deleted"),
        Event::ChatRead => ("App\\Events\\ChatRead", "chat.read", "chat:read"),
        Event::ChatPurged => ("App\\Events\\ChatPurged", "chat.purged", "chat:purged"),
        Event::ChatUpdated => ("App\\Events\\ChatUpdated", "chat.updated", "chat:updated"),
        Event::UserOnline => ("App\\Events\\UserOnline", "user.online", "user:online"),
        Event::UserOffline => ("App\\Events\\UserOffline", "user.offline", "user:offline"),
        Event::UserActive => ("App\\Events\\UserActive", "user.active", "user:active"),
        Event::UserAway => ("App\\Events\\UserAway", "user.away", "user:away"),
        Event::TypingStarted => ("App\\Events\\TypingIndicator", "typing.indicator", "client-typing"),
        Event::TypingStopped => ("App\\Events\\TypingIndicator", "typing.indicator", "client-typing-stopped"),
        Event::TypingCrowd => ("App\\Events\\TypingCrowd", "typing.crowd", "client-typing-crowd"),
        Event::PollOpened => ("App\\Events\\PollOpened", "poll.opened", "poll:opened"),
        Event::PollUpdated => ("App\\Events\\PollUpdated", "poll.updated", "poll:updated"),
        Event::PollResults => ("App\\Events\\PollResults", "poll.results", "poll:results"),
        Event::PollClosed => ("App\\Events\\PollClosed", "poll.closed", "poll:closed"),
        Event::PollPublished => ("App\\Events\\PollPublished", "poll.published", "poll:published"),
        Event::PollVoted => ("App\\Events\\PollVoted", "poll.voted", "poll:voted"),
        Event::PollBallot => ("App\\Events\\PollBallot", "poll.ballot", "poll:ballot"),
        Event::PollTurnout => ("App\\Events\\PollTurnout", "poll.turnout", "poll:turnout"),
        Event::AccessChanged => ("App\\Events\\AccessChanged", "access.changed", "access:changed"),
        Event::Broadcast => ("App\\Events\\Broadcast", "broadcast", "broadcast"),
    }
}

/// Tells whether the server itself tells something by this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    let is_of = |event: &Event| {
        let (class, alias, colon) = spellings(*event);
        [class, alias, colon].contains(&name)
    };
    Event::ALL.iter().any(is_of) || [LARAVEL_NOTIFICATION, stream::GAP].contains(&name)
}

/// The name that Laravel's own notification channel has (`Echo.private('App.Models.User.5').notification(…)`).
const LARAVEL_NOTIFICATION: &str = "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated";

/// Names under which an event goes out on channels of a grammar.
#[must_use]
pub fn names(event: Event, grammar: Grammar, laravel: LaravelNames) -> Vec<&'static str> {
    let (class, alias, colon) = spellings(event);
    let dots = || match laravel {
        LaravelNames::Both => vec![class, alias],
        LaravelNames::Class => vec![class],
        LaravelNames::Alias => vec![alias],
    };
    match grammar {
        Grammar::Dashes => vec![colon],
        Grammar::Dots => dots(),
        Grammar::Model if event == Event::NotificationCreated => {
            let mut names = dots();
            names.push(LARAVEL_NOTIFICATION);
            names
        }
        Grammar::Model => dots(),
    }
}

/// Names under which a fact goes out on channels of a grammar: those of its event, or of a broadcast the one that it was given.
#[must_use]
pub fn names_of(fact: &Fact<Payload>, grammar: Grammar, laravel: LaravelNames) -> Vec<&str> {
    match fact.payload.get("event").and_then(Value::as_str) {
        Some(name) if fact.event == Event::Broadcast => vec![name],
        _ => names(fact.event, grammar, laravel),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::{
        dialect::route,
        domain::{
            access::{ChannelRoutes, TopicKind},
            fact::{Actor, Position},
            roster::Role,
        },
        protocol::{ChannelName, channel_name::NameRules},
    };

    #[test]
    fn every_channel_of_a_topic_stands_for_it() {
        let rules = NameRules { max_length: 200, lenient: false };
        let own = "-staff -instructor -comments -role-student".split(' ').flat_map(|end| {
            let ends = [end.to_owned(), format!("{end}{end}"), format!("{end}-instructor"), format!("-role-x{end}")];
            ends.map(|end| format!("a{end}"))
        });
        for id in own.chain(["a-1_B", "-staff", "user-a.b@c-staff"].map(str::to_owned)) {
            let topics = TopicKind::ALL.iter().filter_map(|kind| kind.topic(&id));
            let of_roles = id.parse().ok().map(|org| Topic::OrgRole(org, Role::Student));
            for topic in topics.chain(of_roles).chain([Topic::Role(Role::Student)]) {
                let channels = channels(&topic);
                assert!(topic.place().is_none() || !channels.is_empty(), "{topic}");
                for (name, _) in channels {
                    let name = ChannelName::parse(&name, rules).unwrap();
                    assert_eq!(route::topic(&name, &ChannelRoutes::default()), topic, "{}", name.as_str());
                }
            }
        }
    }

    #[test]
    fn an_id_that_ends_like_a_name_costs_only_the_name_that_means_something_else() {
        let names = |topic: &Topic| channels(topic).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let id = |text: &str| text.parse().unwrap();
        assert_eq!(names(&Topic::Class(id("2024-staff"))), ["private-class.2024-staff"]);
        assert_eq!(names(&Topic::Class(id("2024-instructor"))).len(), 2);
        assert_eq!(names(&Topic::Course(id("1-instructor"))), ["private-course.1-instructor"]);
        assert_eq!(names(&Topic::Org(id("1-role-admin"))), ["private-org.1-role-admin"]);
        assert_eq!(names(&Topic::Org(id("1-role-king"))).len(), 2);
    }

    #[test]
    fn laravel_has_both_names_or_the_one_that_is_asked_for() {
        let of = |laravel| names(Event::MessageCreated, Grammar::Dots, laravel);
        assert_eq!(of(LaravelNames::Both), ["App\\Events\\ChatMessageSent", "chat.message.sent"]);
        assert_eq!(of(LaravelNames::Class), ["App\\Events\\ChatMessageSent"]);
        assert_eq!(of(LaravelNames::Alias), ["chat.message.sent"]);
        assert_eq!(names(Event::MessageCreated, Grammar::Dashes, LaravelNames::Both), ["message:new"]);
        assert_eq!(names(Event::NotificationCreated, Grammar::Model, LaravelNames::Alias)[1], LARAVEL_NOTIFICATION);
    }

    #[test]
    fn a_broadcast_goes_out_under_its_own_name_with_its_own_keys() {
        let payload = json!({ "event": "exam.started", "data": { "room_no": 5, "seq": "own" }, "require_ack": true });
        let fact = Fact { event: Event::Broadcast, ..fact(&payload) };
        for grammar in [Grammar::Dots, Grammar::Model, Grammar::Dashes] {
            assert_eq!(names_of(&fact, grammar, LaravelNames::Both), ["exam.started"]);
            let data: Value = serde_json::from_str(&data(&fact, grammar)).unwrap();
            assert_eq!((&data["room_no"], &data["require_ack"]), (&json!(5), &json!(true)));
            assert_eq!((&data["event_id"], &data["seq"]), (&json!("01HZ"), &json!(7)), "ours come last");
        }
    }

    fn fact(payload: &Value) -> Fact<Payload> {
        Fact {
            id: "01HZ".to_owned(),
            event: Event::MessageCreated,
            topic: Topic::Public,
            position: Some(Position { epoch: "e".to_owned(), seq: 7 }),
            at: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
            actor: Some(Actor { id: "5".to_owned(), name: "Student".to_owned(), role: Some(Role::Student) }),
            payload: payload.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn each_grammar_has_its_own_keys_and_all_copies_share_the_rest() {
        let fact = fact(&json!({ "message": { "chat_id": "1", "data": { "own_key": 1 }, "list": [{ "a_b": 1 }] } }));
        insta::assert_snapshot!(data(&fact, Grammar::Dots), @r#"{"event_id":"01HZ","seq":7,"epoch":"e","timestamp":"2023-11-14T22:13:20.123Z","actor":{"id":"5","name":"Student","role":"student"},"message":{"chat_id":"1","data":{"own_key":1},"list":[{"a_b":1}]}}"#);
        insta::assert_snapshot!(data(&fact, Grammar::Dashes), @r#"{"event_id":"01HZ","seq":7,"epoch":"e","timestamp":"2023-11-14T22:13:20.123Z","actor":{"id":"5","name":"Student","role":"student"},"message":{"chatId":"1","data":{"own_key":1},"list":[{"aB":1}]}}"#);
    }

    #[test]
    fn what_is_said_besides_replaces_nothing() {
        let more = json!({ "ownKey": 2, "own_key": 3, "seq": 4, "timestamp": 5, "x_y": { "a_b": 6 } });
        let more = more.as_object().unwrap();
        let fleeting = Fact { position: None, actor: None, ..fact(&json!({ "own_key": 1 })) };
        insta::assert_snapshot!(data_with(&fleeting, Grammar::Dashes, more), @r#"{"event_id":"01HZ","timestamp":"2023-11-14T22:13:20.123Z","ownKey":1,"own_key":3,"seq":4,"x_y":{"a_b":6}}"#);
        insta::assert_snapshot!(data_with(&fleeting, Grammar::Dots, more), @r#"{"event_id":"01HZ","timestamp":"2023-11-14T22:13:20.123Z","own_key":1,"ownKey":2,"seq":4,"x_y":{"a_b":6}}"#);
        let kept = fact(&json!({ "own_key": 1 }));
        let data: Value = serde_json::from_str(&data_with(&kept, Grammar::Dots, more)).unwrap();
        assert_eq!((&data["seq"], &data["own_key"]), (&json!(7), &json!(1)));
    }
}
