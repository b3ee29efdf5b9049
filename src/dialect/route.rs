//! The one table from channel names to topics.
//!
//! Patterns are anchored and looked at from the most specific on, so that a name that could be read in two ways always means
//! the same: `private-course-a-instructor` is the staff of the course `a`, never a course `a-instructor` (that one is spelled
//! `private-course.a-instructor`). The table comes before the application's own routes, which can therefore open nothing that
//! it guards; of what it names but has no rules for, such as threads, they say who hears it.

use crate::{
    domain::{
        access::{ChannelRoutes, Topic, TopicKind},
        roster::Role,
    },
    ids::ExternalId,
    protocol::{ChannelName, Guard, channel_name::NameRules},
};

/// Names that are made here are within the alphabet; ids in them are bounded.
const RULES: NameRules = NameRules { max_length: 400, lenient: true };

/// Names of one kind: what stands before the id, what behind it.
struct Route(&'static str, &'static str, TopicKind);

/// Private channels, those with something behind the id first.
const PRIVATE: &[Route] = &[
    Route("course.", ".instructor", TopicKind::CourseStaff),
    Route("course-", "-instructor", TopicKind::CourseStaff),
    Route("class.", ".staff", TopicKind::ClassStaff),
    Route("class-", "-staff", TopicKind::ClassStaff),
    Route("chapter.", ".comments", TopicKind::ChapterComments),
    Route("chapter-", "-comments", TopicKind::ChapterComments),
    Route("App.Models.User.", "", TopicKind::User),
    Route("user.", "", TopicKind::User),
    Route("user-", "", TopicKind::User),
    Route("role.", "", TopicKind::Role),
    Route("role-", "", TopicKind::Role),
    Route("org.", "", TopicKind::Org),
    Route("org-", "", TopicKind::Org),
    Route("course.", "", TopicKind::Course),
    Route("course-", "", TopicKind::Course),
    Route("class.", "", TopicKind::Class),
    Route("class-", "", TopicKind::Class),
    Route("chat.", "", TopicKind::Chat),
    Route("chat-", "", TopicKind::Chat),
    Route("doc.", "", TopicKind::Document),
    Route("doc-", "", TopicKind::Document),
    Route("job.", "", TopicKind::Job),
    Route("job-", "", TopicKind::Job),
];

/// Presence channels.
const PRESENCE: &[Route] = &[
    Route("course.", ".users", TopicKind::CoursePresence),
    Route("course-", "", TopicKind::CoursePresence),
    Route("class.", ".participants", TopicKind::ClassPresence),
    Route("class-", "", TopicKind::ClassPresence),
    Route("chapter.", "", TopicKind::ChapterPresence),
    Route("chapter-", "", TopicKind::ChapterPresence),
    Route("thread.", "", TopicKind::Thread),
    Route("thread-", "", TopicKind::Thread),
    Route("chat.", "", TopicKind::Chat),
    Route("chat-", "", TopicKind::Chat),
];

/// Public names that are guarded all the same.
const PUBLIC: &[Route] = &[Route("chapter-", "-comments", TopicKind::ChapterComments)];

/// What a channel is about. `custom` are the routes of the app; they are asked when the table knows nothing.
#[must_use]
pub fn topic(name: &ChannelName, custom: &ChannelRoutes) -> Topic {
    if let Some(user) = name.user() {
        return TopicKind::User.topic(user).unwrap_or(Topic::Custom);
    }
    let (prefix, body) = split(name);
    let known = match name.guard() {
        Guard::Private => org_role(body).or_else(|| look_up(PRIVATE, body)),
        Guard::Presence if body == "global" => Some(Topic::Platform),
        Guard::Presence => look_up(PRESENCE, body),
        Guard::Public if body == "notifications" => Some(Topic::Notices),
        Guard::Public => look_up(PUBLIC, body),
        Guard::User => None,
    };
    known.or_else(|| custom.topic(prefix, body)).unwrap_or(Topic::Custom)
}

/// The topic whose listeners hear a channel: what it is about, or, where that has no rules, what a route of the app names.
#[must_use]
pub fn guarded_as(name: &ChannelName, custom: &ChannelRoutes) -> Topic {
    let topic = topic(name, custom);
    if topic.has_rules() {
        return topic;
    }
    let (prefix, body) = split(name);
    custom.guard(prefix, body).unwrap_or(topic)
}

/// Tells whether a name that is made for the topic could mean another one, because its id ends like a name.
pub(super) fn may_be_misread(topic: &Topic) -> bool {
    match topic {
        Topic::Course(id) => id.as_str().ends_with("-instructor"),
        Topic::Class(id) => id.as_str().ends_with("-staff"),
        Topic::Org(id) => id.as_str().contains("-role-"),
        _ => false,
    }
}

/// Tells whether a name means the topic by the table alone.
pub(super) fn stands_for(name: &str, topic: &Topic) -> bool {
    ChannelName::parse(name, RULES).is_ok_and(|name| self::topic(&name, &ChannelRoutes::default()) == *topic)
}

/// Splits a name into what demands a signature and what it is about; caching and encryption change neither.
fn split(name: &ChannelName) -> (&'static str, &str) {
    let text = name.as_str();
    let short = |text: &'static str| match text {
        text if text.starts_with("private-") => "private-",
        text if text.starts_with("presence-") => "presence-",
        _ => "",
    };
    let prefixes = [
        "private-encrypted-cache-",
        "private-encrypted-",
        "private-cache-",
        "private-",
        "presence-cache-",
        "presence-",
        "cache-",
    ];
    let split = prefixes.iter().find_map(|prefix| Some((short(prefix), text.strip_prefix(prefix)?)));
    split.unwrap_or(("", text))
}

fn look_up(routes: &[Route], body: &str) -> Option<Topic> {
    routes.iter().find_map(|Route(head, tail, kind)| {
        let id = body.strip_prefix(head)?.strip_suffix(tail)?;
        kind.topic(id)
    })
}

/// `org.{id}.role.{role}` and `org-{id}-role-{role}`. What is no role is read as a part of the id.
fn org_role(body: &str) -> Option<Topic> {
    let read = |head: &str, middle: &str| {
        let (org, role) = body.strip_prefix(head)?.rsplit_once(middle)?;
        Some(Topic::OrgRole(ExternalId::parse(org).ok()?, role.parse::<Role>().ok()?))
    };
    read("org.", ".role.").or_else(|| read("org-", "-role-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::UserId;

    const LENIENT: NameRules = NameRules { max_length: 500, lenient: true };

    fn name(text: &str) -> ChannelName {
        ChannelName::parse(text, LENIENT).unwrap()
    }

    fn of(text: &str) -> Topic {
        topic(&name(text), &ChannelRoutes::default())
    }

    fn id(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    fn user(text: &str) -> Topic {
        Topic::User(UserId::parse(text).unwrap())
    }

    #[test]
    fn names_of_both_grammars_stand_for_the_topics_of_the_route_table() {
        let table = [
            (user("5"), &["private-user.5", "private-App.Models.User.5", "private-user-5", "#server-to-user-5"][..]),
            (user("a.b@c"), &["private-user.a.b@c", "private-user-a.b@c"]),
            (Topic::Notices, &["notifications"]),
            (Topic::Platform, &["presence-global", "presence-cache-global"]),
            (Topic::Role(Role::Student), &["private-role.student", "private-role-student"]),
            (Topic::OrgRole(id("o-1"), Role::Admin), &["private-org.o-1.role.admin", "private-org-o-1-role-admin"]),
            (Topic::Org(id("1")), &["private-org.1", "private-org-1"]),
            (
                Topic::Course(id("1")),
                &["private-course.1", "private-course-1", "private-cache-course-1", "private-encrypted-course.1"],
            ),
            (Topic::CourseStaff(id("1")), &["private-course.1.instructor", "private-course-1-instructor"]),
            (Topic::CoursePresence(id("1")), &["presence-course.1.users", "presence-course-1"]),
            (Topic::Class(id("1")), &["private-class.1", "private-class-1", "private-encrypted-cache-class-1"]),
            (Topic::ClassStaff(id("1")), &["private-class.1.staff", "private-class-1-staff"]),
            (
                Topic::ClassPresence(id("1")),
                &["presence-class.1.participants", "presence-class-1", "presence-cache-class-1"],
            ),
            (
                Topic::ChapterComments(id("1")),
                &[
                    "private-chapter.1.comments",
                    "private-chapter-1-comments",
                    "chapter-1-comments",
                    "cache-chapter-1-comments",
                ],
            ),
            (Topic::ChapterPresence(id("1")), &["presence-chapter.1", "presence-chapter-1"]),
            (Topic::Thread(id("1")), &["presence-thread.1", "presence-thread-1"]),
            (Topic::Chat(id("1")), &["private-chat.1", "private-chat-1", "presence-chat.1", "presence-chat-1"]),
            (Topic::Document(id("1")), &["private-doc.1", "private-doc-1"]),
            (Topic::Job(id("1")), &["private-job.1", "private-job-1"]),
        ];
        for (topic, names) in table {
            for name in names {
                assert_eq!(of(name), topic, "{name}");
            }
        }
    }

    #[test]
    fn every_other_name_is_the_applications_own() {
        for text in [
            "test",
            "course-1",
            "notification",
            "chapter-1-comment",
            "chapter--comments",
            "xchapter-1-comments",
            "chapter.1.comments",
            "globalpresence",
            "presence-globe",
            "private-global",
            "private-role.librarian",
            "private-course.",
            "private-course.1.2",
            "private-course.1.instructors",
            "private-course.a b",
            "presence-course.1",
            "presence-user-1",
            "private-notifications",
            "private-orders.5",
            "privateer",
            "private-",
            &format!("private-course.{}", "x".repeat(65)),
        ] {
            assert_eq!(of(text), Topic::Custom, "{text}");
        }
        assert!(matches!(of(&format!("private-course.{}", "x".repeat(64))), Topic::Course(_)));
    }

    #[test]
    fn a_name_that_could_be_read_in_two_ways_means_the_more_specific_thing() {
        assert_eq!(of("private-course-a-instructor"), Topic::CourseStaff(id("a")));
        assert_eq!(of("private-course-a-instructor-instructor"), Topic::CourseStaff(id("a-instructor")));
        assert_eq!(of("private-course.a-instructor"), Topic::Course(id("a-instructor")));
        assert_eq!(of("private-course--instructor"), Topic::Course(id("-instructor")), "no id is left before it");
        assert_eq!(of("chapter-a-comments-comments"), Topic::ChapterComments(id("a-comments")));
        assert_eq!(of("private-org-a-role-b-role-student"), Topic::OrgRole(id("a-role-b"), Role::Student));
        assert_eq!(of("private-org-a-role-king"), Topic::Org(id("a-role-king")));
    }

    #[test]
    fn routes_of_the_application_fill_what_the_table_leaves_and_open_nothing_of_it() {
        let custom = ChannelRoutes::parse("private-lab-{id}=course,private-{id}=public,lounge=signed_in").unwrap();
        let topic = |text: &str| topic(&name(text), &custom);
        assert_eq!(topic("private-lab-5"), Topic::Course(id("5")));
        assert_eq!(topic("private-cache-lab-5"), Topic::Course(id("5")));
        assert_eq!(topic("private-encrypted-lab-5"), Topic::Course(id("5")));
        assert_eq!(topic("cache-lounge"), Topic::SignedIn);
        assert_eq!(topic("private-other"), Topic::Public);
        assert_eq!(topic("private-course-5-instructor"), Topic::CourseStaff(id("5")));
        assert_eq!(topic("private-user-5"), user("5"));
    }

    #[test]
    fn routes_of_the_application_say_who_hears_what_has_no_rules_and_nothing_else() {
        let text = "presence-thread-{id}=org:5,private-doc-{id}=course,private-job-{id}=job,private-{id}=public";
        let custom = ChannelRoutes::parse(text).unwrap();
        let (about, heard) = (|text: &str| topic(&name(text), &custom), |text: &str| guarded_as(&name(text), &custom));
        for thread in ["presence-thread-31", "presence-cache-thread-31"] {
            assert_eq!((about(thread), heard(thread)), (Topic::Thread(id("31")), Topic::Org(id("5"))));
        }
        assert_eq!(heard("presence-thread.31"), Topic::Thread(id("31")), "no route fits it");
        assert_eq!(
            (about("private-doc-1"), heard("private-doc-1")),
            (Topic::Document(id("1")), Topic::Course(id("1")))
        );
        assert_eq!(heard("private-job-1"), Topic::Job(id("1")));
        assert_eq!(heard("private-course-5"), Topic::Course(id("5")));
        assert_eq!(heard("private-user-5"), user("5"));
        assert_eq!(guarded_as(&name("presence-thread-31"), &ChannelRoutes::default()), Topic::Thread(id("31")));
    }

    /// Endings that mean something in the dash grammar.
    const ENDINGS: [&str; 3] = ["-instructor", "-staff", "-comments"];

    proptest! {
        #[test]
        fn any_name_has_a_topic(text in "\\PC{1,120}") {
            if let Ok(name) = ChannelName::parse(&text, LENIENT) {
                let _any = topic(&name, &ChannelRoutes::default());
            }
        }

        #[test]
        fn any_name_that_looks_like_a_route_has_a_topic(
            text in "(private-|presence-|cache-)?(encrypted-|cache-)?(course|class|chapter|org|user|role)[-.]([a-z.-]{0,12})"
        ) {
            if let Ok(name) = ChannelName::parse(&text, LENIENT) {
                prop_assert_eq!(of(&text), topic(&name, &ChannelRoutes::default()));
            }
        }

        #[test]
        fn dot_and_dash_twins_are_the_same_topic(id in "[A-Za-z0-9_-]{1,64}") {
            prop_assume!(!ENDINGS.iter().any(|ending| id.ends_with(ending)) && !id.contains("-role-"));
            let twins = [
                ("private-user.@", "private-user-@"),
                ("private-org.@", "private-org-@"),
                ("private-org.@.role.student", "private-org-@-role-student"),
                ("private-course.@", "private-course-@"),
                ("private-course.@.instructor", "private-course-@-instructor"),
                ("presence-course.@.users", "presence-course-@"),
                ("private-class.@", "private-class-@"),
                ("private-class.@.staff", "private-class-@-staff"),
                ("presence-class.@.participants", "presence-class-@"),
                ("private-chapter.@.comments", "private-chapter-@-comments"),
                ("private-chapter.@.comments", "chapter-@-comments"),
                ("presence-chapter.@", "presence-chapter-@"),
                ("presence-thread.@", "presence-thread-@"),
                ("private-chat.@", "private-chat-@"),
                ("private-doc.@", "private-doc-@"),
                ("private-job.@", "private-job-@"),
            ];
            for (dots, dashes) in twins {
                let (dots, dashes) = (of(&dots.replace('@', &id)), of(&dashes.replace('@', &id)));
                prop_assert_ne!(&dots, &Topic::Custom);
                prop_assert_eq!(dots, dashes);
            }
        }
    }
}
