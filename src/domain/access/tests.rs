//! Every reason, every role with every kind of topic, and the order in which things are looked at.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::{
    capability::{Capability, Part, Usually},
    *,
};
use crate::{
    domain::{
        block::BlockScope,
        roster::{Class, Course, Effect, Enrollment, Override, Person, PlaceId, Status, Visibility},
    },
    ids::UserId,
};

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn user() -> UserId {
    UserId::parse("7").unwrap()
}

/// One person, one course with one class and one chapter, and what a test makes of them.
struct World {
    standing: Option<Standing>,
    place: Option<Place>,
    blocks: Vec<Block>,
    is_channel_blocked: bool,
}

fn enrollment(name: &str, role: Role) -> Enrollment {
    Enrollment {
        id: id(name),
        user: user(),
        course: id("c"),
        class: None,
        role,
        status: Status::Active,
        begin_at: None,
        end_at: None,
        observed_user: None,
        limit_to_class: false,
    }
}

impl World {
    fn new(roles: &[Role]) -> Self {
        let person = Person {
            id: user(),
            org: Some(id("o")),
            name: "A student".to_owned(),
            email: None,
            avatar: None,
            org_role: None,
            deactivated_at: None,
        };
        let enrollments = roles.iter().map(|role| enrollment(&format!("e-{role}"), *role)).collect();
        let course = Course {
            id: id("c"),
            org: Some(id("o")),
            code: None,
            title: "A course".to_owned(),
            starts_at: None,
            ends_at: None,
            visibility: Visibility::Enrolled,
            archived_at: None,
            overrides: Vec::new(),
        };
        let class = Class { id: id("k"), course: id("c"), name: "A class".to_owned(), guests: false };
        let place = Place { org: Some(id("o")), course: Some(course), class: Some(class) };
        Self {
            standing: Some(Standing { person, enrollments }),
            place: Some(place),
            blocks: Vec::new(),
            is_channel_blocked: false,
        }
    }

    fn student() -> Self {
        Self::new(&[Role::Student])
    }

    fn person(&mut self) -> &mut Person {
        &mut self.standing.as_mut().unwrap().person
    }

    fn enrollment(&mut self) -> &mut Enrollment {
        self.standing.as_mut().unwrap().enrollments.first_mut().unwrap()
    }

    fn course(&mut self) -> &mut Course {
        self.place.as_mut().unwrap().course.as_mut().unwrap()
    }

    fn class(&mut self) -> &mut Class {
        self.place.as_mut().unwrap().class.as_mut().unwrap()
    }

    fn says(mut self, role: Role, capability: &str, effect: Effect) -> Self {
        self.course().overrides.push(Override { role, capability: capability.to_owned(), effect });
        self
    }

    fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    fn block(self, scope: BlockScope) -> Self {
        self.block_until(scope, None)
    }

    fn block_until(mut self, scope: BlockScope, until: Option<DateTime<Utc>>) -> Self {
        let (reason, created_by) = (String::new(), "app".to_owned());
        let created_at = DateTime::UNIX_EPOCH;
        let block = Block { id: 1, user: user(), scope, until, reason, created_by, created_at, lifted_at: None };
        self.blocks.push(block);
        self
    }

    fn decide_for(&self, subject: Option<&UserId>, topic: &Topic) -> Decision {
        let is_of_class = matches!(topic, Topic::Class(_) | Topic::ClassStaff(_) | Topic::ClassPresence(_));
        let mut place = self.place.clone().filter(|_| topic.place().is_some());
        if let Some(place) = place.as_mut().filter(|_| !is_of_class) {
            place.class = None;
        }
        let courses: Vec<_> = self.place.iter().cloned().map(Arc::new).collect();
        let facts = Facts {
            standing: self.standing.as_ref().filter(|_| subject.is_some()),
            place: place.as_ref(),
            courses: &courses,
            blocks: &self.blocks,
            is_channel_blocked: self.is_channel_blocked,
            chat: None,
        };
        decide(subject, topic, facts, now())
    }

    fn decide(&self, topic: &Topic) -> Decision {
        self.decide_for(Some(&user()), topic)
    }

    fn reason(&self, topic: &Topic) -> Reason {
        let decision = self.decide(topic);
        assert_eq!(decision.allow, allows(decision.reason), "{decision:?}");
        assert!(!decision.detail.is_empty() && !decision.steps.is_empty());
        decision.reason
    }
}

fn allows(reason: Reason) -> bool {
    let position = |wanted| Reason::ALL.iter().position(|reason| *reason == wanted).unwrap();
    position(reason) < position(Reason::Blocked)
}

fn course() -> Topic {
    Topic::Course(id("c"))
}

fn class() -> Topic {
    Topic::Class(id("k"))
}

fn comments() -> Topic {
    Topic::ChapterComments(id("h"))
}

fn soon() -> DateTime<Utc> {
    now() + TimeDelta::seconds(1)
}

#[test]
fn each_role_hears_what_the_table_of_capabilities_says_of_each_kind_of_topic() {
    let topics = [
        // Topic, and who hears it: student, assistant, instructor, admin, observer.
        (Topic::Course(id("c")), [true, true, true, true, true]),
        (Topic::CourseStaff(id("c")), [false, true, true, true, false]),
        (Topic::CoursePresence(id("c")), [true, true, true, true, false]),
        (Topic::Class(id("k")), [true, true, true, true, false]),
        (Topic::ClassStaff(id("k")), [false, true, true, true, false]),
        (Topic::ClassPresence(id("k")), [true, true, true, true, false]),
        (Topic::ChapterComments(id("h")), [true, true, true, true, false]),
        (Topic::ChapterPresence(id("h")), [true, true, true, true, false]),
    ];
    for (topic, expected) in topics {
        for (role, allow) in Role::ALL.iter().zip(expected) {
            let decision = World::new(&[*role]).decide(&topic);
            assert_eq!(decision.allow, allow, "{role} and {topic}: {decision:?}");
            let reason = if allow { Reason::Enrolled } else { Reason::WrongRole };
            assert_eq!((decision.reason, decision.role), (reason, Some(*role)), "{role} and {topic}");
            assert_eq!(decision.enrollment, Some(id(&format!("e-{role}"))), "{role} and {topic}");
        }
        let decision = World::new(&[]).with(|world| world.class().guests = true).decide_for(None, &topic);
        let guest = matches!(topic, Topic::Class(_) | Topic::ClassPresence(_));
        assert_eq!(decision.allow, guest, "guest and {topic}: {decision:?}");
        assert_eq!(decision.reason, if guest { Reason::Guest } else { Reason::NotIdentified });
    }
}

#[test]
fn topics_outside_of_courses_ask_for_identity_membership_or_role() {
    let world = World::student();
    let other = UserId::parse("8").unwrap();
    let table = [
        (Topic::User(user()), Reason::Own),
        (Topic::User(other), Reason::NotYours),
        (Topic::Platform, Reason::SignedIn),
        (Topic::SignedIn, Reason::SignedIn),
        (Topic::Public, Reason::Public),
        (Topic::Notices, Reason::Public),
        (Topic::Org(id("o")), Reason::OrgMember),
        (Topic::Org(id("p")), Reason::NotEnrolled),
        (Topic::Role(Role::Student), Reason::HoldsRole),
        (Topic::Role(Role::Instructor), Reason::WrongRole),
        (Topic::OrgRole(id("o"), Role::Student), Reason::HoldsRole),
        (Topic::OrgRole(id("p"), Role::Student), Reason::WrongRole),
        (Topic::Thread(id("t")), Reason::UnknownChannel),
        (Topic::Chat(id("t")), Reason::ObjectDeleted),
        (Topic::Document(id("t")), Reason::UnknownChannel),
        (Topic::Job(id("t")), Reason::UnknownChannel),
        (Topic::Custom, Reason::UnknownChannel),
    ];
    for (topic, reason) in table {
        assert_eq!(world.reason(&topic), reason, "{topic}");
        let nobody = world.decide_for(None, &topic);
        let expected = match reason {
            Reason::Public | Reason::UnknownChannel => reason,
            _ => Reason::NotIdentified,
        };
        assert_eq!(nobody.reason, expected, "nobody and {topic}");
    }
    let unknown = World::student().with(|world| world.standing = None);
    assert_eq!(unknown.reason(&Topic::User(user())), Reason::Own);
    assert_eq!(unknown.reason(&Topic::Platform), Reason::SignedIn);
    assert_eq!(unknown.reason(&Topic::Role(Role::Student)), Reason::UnknownUser);
    assert_eq!(unknown.reason(&Topic::Org(id("o"))), Reason::UnknownUser);
    assert_eq!(unknown.reason(&course()), Reason::UnknownUser);
}

#[test]
fn a_role_is_held_only_while_its_enrollment_and_course_count() {
    let student = Topic::Role(Role::Student);
    let archived = World::student().with(|world| world.course().archived_at = Some(now()));
    assert_eq!(archived.reason(&student), Reason::WrongRole);
    let ending = World::student().with(|world| world.course().ends_at = Some(soon()));
    assert_eq!(ending.decide(&student).not_after, Some(soon()));
    let org_role = World::new(&[]).with(|world| world.person().org_role = Some(Role::Instructor));
    assert_eq!(org_role.reason(&Topic::Role(Role::Instructor)), Reason::HoldsRole);
    assert_eq!(org_role.reason(&Topic::OrgRole(id("p"), Role::Instructor)), Reason::WrongRole);
    assert_eq!(org_role.reason(&course()), Reason::NotEnrolled, "only an admin of the org needs no enrollment");
}

#[test]
fn an_enrollment_counts_while_it_is_active_and_within_its_dates_to_the_second() {
    let reason = |edit: &dyn Fn(&mut World)| World::student().with(|world| edit(world)).reason(&course());
    for status in Status::ALL.iter().filter(|status| **status != Status::Active) {
        assert_eq!(reason(&|world| world.enrollment().status = *status), Reason::EnrollmentInactive, "{status}");
    }
    assert_eq!(reason(&|world| world.enrollment().begin_at = Some(soon())), Reason::NotStarted);
    assert_eq!(reason(&|world| world.enrollment().begin_at = Some(now())), Reason::Enrolled);
    assert_eq!(reason(&|world| world.enrollment().end_at = Some(now())), Reason::Ended);
    assert_eq!(reason(&|world| world.enrollment().end_at = Some(soon())), Reason::Enrolled);
    assert_eq!(reason(&|world| world.course().starts_at = Some(soon())), Reason::NotStarted);
    assert_eq!(reason(&|world| world.course().ends_at = Some(now())), Reason::Ended);
    assert_eq!(reason(&|world| world.course().ends_at = Some(soon())), Reason::Enrolled);
    assert_eq!(reason(&|world| world.enrollment().course = id("d")), Reason::NotEnrolled);
    assert_eq!(reason(&|world| world.place = None), Reason::ObjectDeleted);
}

#[test]
fn an_allowance_ends_with_the_earliest_of_its_ends() {
    let later = soon() + TimeDelta::hours(1);
    let not_after = |edit: &dyn Fn(&mut World)| World::student().with(|world| edit(world)).decide(&course()).not_after;
    assert_eq!(not_after(&|_| ()), None);
    assert_eq!(not_after(&|world| world.enrollment().end_at = Some(later)), Some(later));
    let both = |world: &mut World| {
        world.enrollment().end_at = Some(later);
        world.course().ends_at = Some(soon());
    };
    assert_eq!(not_after(&both), Some(soon()));
    assert_eq!(not_after(&|world| world.course().archived_at = Some(soon())), Some(soon()));
    assert_eq!(not_after(&|world| world.person().deactivated_at = Some(soon())), Some(soon()));
    let staff = World::new(&[Role::Instructor]).with(|world| world.course().archived_at = Some(soon()));
    assert_eq!(staff.decide(&course()).not_after, None, "archiving does not end the staff's access");

    let mut two = World::new(&[Role::Student, Role::Assistant]);
    two.enrollment().end_at = Some(soon());
    let decision = two.decide(&course());
    assert_eq!((decision.not_after, decision.enrollment), (None, Some(id("e-assistant"))), "the longest one carries");
}

#[test]
fn archived_course_is_open_to_staff_only() {
    for role in Role::ALL {
        let world = World::new(&[*role]).with(|world| world.course().archived_at = Some(now()));
        let expected = if role.is_staff() { Reason::Enrolled } else { Reason::CourseArchived };
        assert_eq!(world.reason(&course()), expected, "{role}");
    }
    let guest = World::new(&[]).with(|world| {
        world.class().guests = true;
        world.course().archived_at = Some(now());
    });
    assert_eq!(guest.decide_for(None, &class()).reason, Reason::NotIdentified);
}

#[test]
fn limit_to_class_closes_the_other_classes_and_no_other_enrollment_widens_it() {
    let limited = |class_id: &str| {
        World::new(&[Role::Instructor]).with(|world| {
            world.enrollment().class = Some(id(class_id));
            world.enrollment().limit_to_class = true;
        })
    };
    assert_eq!(limited("k").reason(&class()), Reason::Enrolled);
    assert_eq!(limited("other").reason(&class()), Reason::WrongClass);
    assert_eq!(limited("other").reason(&course()), Reason::Enrolled);
    let free = limited("other").with(|world| world.enrollment().limit_to_class = false);
    assert_eq!(free.reason(&class()), Reason::Enrolled);

    let staff = Topic::ClassStaff(id("k"));
    let mut also_observer = limited("other");
    also_observer.standing.as_mut().unwrap().enrollments.push(enrollment("e-observer", Role::Observer));
    assert_eq!(
        also_observer.reason(&staff),
        Reason::WrongRole,
        "the observer's reach does not carry the teacher's role"
    );
}

#[test]
fn of_several_failing_enrollments_the_one_that_came_furthest_is_told() {
    let mut world = World::new(&[Role::Student, Role::Observer]);
    world.enrollment().status = Status::Dropped;
    let decision = world.decide(&class());
    assert_eq!((decision.reason, decision.enrollment), (Reason::WrongRole, Some(id("e-observer"))));
    world.standing.as_mut().unwrap().enrollments[1].end_at = Some(now());
    let decision = world.decide(&class());
    assert_eq!((decision.reason, decision.enrollment), (Reason::Ended, Some(id("e-observer"))));
}

#[test]
fn overrides_add_and_remove_and_a_prohibition_beats_everything() {
    let presence = Topic::CoursePresence(id("c"));
    let observer = || World::new(&[Role::Observer]);
    assert_eq!(observer().says(Role::Observer, "channel.presence", Effect::Allow).reason(&presence), Reason::Enrolled);
    assert_eq!(observer().says(Role::Student, "channel.presence", Effect::Allow).reason(&presence), Reason::WrongRole);

    let student = || World::student().says(Role::Student, "channel.course", Effect::Prevent);
    assert_eq!(student().reason(&course()), Reason::WrongRole);
    let both = World::new(&[Role::Student, Role::Assistant]);
    let prevented = both.says(Role::Student, "channel.course", Effect::Prevent);
    assert_eq!(prevented.decide(&course()).enrollment, Some(id("e-assistant")), "another role may");
    let prohibited = prevented.says(Role::Student, "channel.course", Effect::Prohibit);
    let decision = prohibited.decide(&course());
    assert_eq!((decision.reason, decision.role), (Reason::WrongRole, Some(Role::Student)));
    assert!(decision.detail.contains("prohibits 'channel.course'"), "{}", decision.detail);

    let public = World::student().says(Role::Student, "channel.chapter", Effect::Prohibit);
    let public = public.with(|world| world.course().visibility = Visibility::Public);
    assert_eq!(public.reason(&comments()), Reason::WrongRole, "a prohibition beats the course being public");
    let inactive =
        World::new(&[Role::Student, Role::Assistant]).says(Role::Student, "channel.course", Effect::Prohibit);
    let inactive = inactive.with(|world| world.enrollment().status = Status::Dropped);
    assert_eq!(inactive.reason(&course()), Reason::Enrolled, "a role that is gone prohibits nothing");
}

#[test]
fn an_admin_of_the_org_needs_no_enrollment_in_courses_of_that_org_alone() {
    let admin = || World::new(&[]).with(|world| world.person().org_role = Some(Role::Admin));
    let decision = admin().decide(&Topic::CourseStaff(id("c")));
    assert_eq!((decision.reason, decision.role, decision.enrollment), (Reason::OrgAdmin, Some(Role::Admin), None));
    let foreign = admin().with(|world| world.course().org = Some(id("p")));
    assert_eq!(foreign.reason(&course()), Reason::NotEnrolled);
    let without = admin().with(|world| world.course().org = None);
    assert_eq!(without.reason(&course()), Reason::NotEnrolled, "the admin of an org is none of courses without one");
    let neither = without.with(|world| world.person().org = None);
    assert_eq!(neither.reason(&course()), Reason::OrgAdmin);
    let archived = admin().with(|world| world.course().archived_at = Some(now()));
    assert_eq!(archived.reason(&course()), Reason::OrgAdmin);
}

#[test]
fn comments_of_a_course_that_may_be_looked_into_are_open_and_nothing_else_of_it() {
    let open = |visibility| World::new(&[]).with(|world| world.course().visibility = visibility);
    assert_eq!(open(Visibility::Public).decide_for(None, &comments()).reason, Reason::Public);
    assert_eq!(open(Visibility::Public).reason(&comments()), Reason::Public);
    assert_eq!(open(Visibility::Public).reason(&course()), Reason::NotEnrolled);
    assert_eq!(open(Visibility::Public).reason(&Topic::ChapterPresence(id("h"))), Reason::NotEnrolled);
    assert_eq!(open(Visibility::Org).reason(&comments()), Reason::OrgMember);
    assert_eq!(open(Visibility::Org).decide_for(None, &comments()).reason, Reason::NotIdentified);
    assert_eq!(open(Visibility::Enrolled).reason(&comments()), Reason::NotEnrolled);
    let stranger = open(Visibility::Org).with(|world| world.person().org = Some(id("p")));
    assert_eq!(stranger.reason(&comments()), Reason::NotEnrolled);
    let over = open(Visibility::Public).with(|world| world.course().ends_at = Some(now()));
    assert_eq!(over.decide_for(None, &comments()).reason, Reason::NotIdentified);
}

#[test]
fn blocks_come_before_the_roster_and_reach_as_far_as_they_say() {
    let all = World::new(&[Role::Instructor]).block(BlockScope::All);
    for topic in [course(), Topic::User(user()), Topic::Platform, Topic::Public] {
        assert_eq!(all.reason(&topic), Reason::Blocked, "{topic}");
    }
    let of_course = World::student().block(BlockScope::Course(id("c")));
    for topic in [course(), class(), comments()] {
        assert_eq!(of_course.reason(&topic), Reason::Banned, "{topic}");
    }
    assert_eq!(of_course.reason(&Topic::Platform), Reason::SignedIn);
    let of_class = World::student().block(BlockScope::Class(id("k")));
    assert_eq!((of_class.reason(&class()), of_class.reason(&course())), (Reason::Banned, Reason::Enrolled));
    let of_channel = World::student().with(|world| world.is_channel_blocked = true);
    assert_eq!((of_channel.reason(&course()), of_channel.reason(&Topic::Custom)), (Reason::Banned, Reason::Banned));
    assert_eq!(World::student().block_until(BlockScope::All, Some(now())).reason(&course()), Reason::Enrolled);
    assert_eq!(World::student().block_until(BlockScope::All, Some(soon())).reason(&course()), Reason::Blocked);
}

#[test]
fn an_account_that_is_switched_off_hears_nothing() {
    let off = World::student().with(|world| world.person().deactivated_at = Some(now()));
    for topic in [course(), Topic::User(user()), Topic::Platform] {
        assert_eq!(off.reason(&topic), Reason::UserDeactivated, "{topic}");
    }
}

#[test]
fn codes_are_distinct_and_words_about_the_person_refuse() {
    for (position, reason) in Reason::ALL.iter().enumerate() {
        assert!(Reason::ALL[..position].iter().all(|other| other.code() != reason.code()));
        assert!(!reason.is_about_the_person() || !allows(*reason));
    }
}

proptest! {
    /// Whatever one enrollment is like: dropping it never opens anything, and what is allowed is allowed by a row that counts.
    #[test]
    fn dropping_an_enrollment_never_opens_anything(
        roles in prop::collection::vec(0..Role::ALL.len(), 1..4),
        limited in any::<bool>(),
        guests in any::<bool>(),
        topic in 0..8_usize,
    ) {
        let topic = [
            course(), Topic::CourseStaff(id("c")), Topic::CoursePresence(id("c")), class(),
            Topic::ClassStaff(id("k")), Topic::ClassPresence(id("k")), comments(), Topic::ChapterPresence(id("h")),
        ][topic].clone();
        let roles: Vec<Role> = roles.into_iter().map(|role| Role::ALL[role]).collect();
        let mut world = World::new(&roles).with(|world| world.class().guests = guests);
        if limited {
            world.enrollment().class = Some(id("other"));
            world.enrollment().limit_to_class = true;
        }
        let before = world.decide(&topic);
        world.enrollment().status = Status::Dropped;
        let after = world.decide(&topic);
        prop_assert!(before.allow || !after.allow);
        prop_assert_eq!(before.allow && before.reason == Reason::Enrolled, before.enrollment.is_some() && before.allow);
    }
}

#[test]
fn a_capability_in_a_course_is_judged_by_the_table_and_looking_in_lends_none() {
    let course = PlaceId::Course(id("c"));
    let asked = |world: &World, place: &PlaceId, capability| {
        let facts = Facts { standing: world.standing.as_ref(), place: world.place.as_ref(), ..Facts::default() };
        (may(Some(&user()), (place, capability), facts, now()), role_in(&user(), place, facts, now()))
    };
    for (role, capability) in Role::ALL.iter().flat_map(|role| Capability::ALL.iter().map(move |it| (*role, *it))) {
        let (decision, found) = asked(&World::new(&[role]), &course, capability);
        let expected = capability.usually(Part::Role(role)) == Usually::Yes;
        assert_eq!((decision.allow, found), (expected, Some(role)), "{role} {}", capability.name());
    }
    let stranger = World::new(&[]).with(|world| world.course().visibility = Visibility::Public);
    let chapter = PlaceId::Chapter(id("h"));
    assert!(asked(&stranger, &chapter, Capability::HearChapter).0.allow);
    assert!(!asked(&stranger, &chapter, Capability::ChatPost).0.allow);

    let org = PlaceId::Org(id("o"));
    let chief = World::new(&[]).with(|world| world.person().org_role = Some(Role::Admin));
    assert!(asked(&chief, &org, Capability::NotifyOrg).0.allow);
    assert_eq!(asked(&World::student(), &org, Capability::NotifyOrg).0.reason, Reason::WrongRole);
}
