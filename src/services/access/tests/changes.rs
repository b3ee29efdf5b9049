//! What a change reaches: objects that move, accounts that end, rules that become others, an audit that cannot be written.

use futures_util::FutureExt;

use super::*;
use crate::domain::{access::ChannelRoutes, roster::Chapter};

fn put(object: Object) -> Operation {
    Operation::Put(Box::new(object))
}

fn course_called(name: &str) -> Course {
    Course {
        id: id(name),
        org: None,
        code: None,
        title: "Another course".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    }
}

fn enrollment_in(course: &str) -> Enrollment {
    Enrollment {
        id: id(&format!("in-{course}")),
        user: user("7"),
        course: id(course),
        class: None,
        role: Role::Student,
        status: Status::Active,
        begin_at: None,
        end_at: None,
        observed_user: None,
        limit_to_class: false,
    }
}

#[tokio::test]
async fn whoever_hears_what_has_moved_to_another_course_is_found_by_that_course() {
    let world = World::new().await;
    let chapter =
        |course: &str| Chapter { id: id("c"), course: id(course), title: "A chapter".to_owned(), position: 1 };
    world.write(put(Object::Course(course_called("2")))).await;
    world.write(put(Object::Enrollment(enrollment_in("2")))).await;
    world.write(put(Object::Chapter(chapter("1")))).await;
    let (socket, name) = (world.socket(1), "private-chapter.c.comments");
    world.subscribe(&socket, name, Some("7")).await.unwrap();
    let moves = world.write(put(Object::Chapter(chapter("2")))).await;
    assert!(world.live.roster_changed(&moves, now()).await.is_empty(), "the student is in both courses");

    let archived = |name: &str| Course { archived_at: Some(now()), ..course_called(name) };
    let old = world.write(put(Object::Course(archived("1")))).await;
    assert!(world.live.roster_changed(&old, now()).await.is_empty(), "they are the old course's no more");
    let new = world.write(put(Object::Course(archived("2")))).await;
    let [revoked] = &world.live.roster_changed(&new, now()).await[..] else { panic!() };
    assert_eq!(revoked.channels, [channel(name)]);
}

#[tokio::test]
async fn whoever_hears_what_is_guarded_only_since_is_judged_and_whoever_may_stays() {
    let world = World::with(|settings| settings.guarded_public = GuardedPublic::Open).await;
    let chapter = Chapter { id: id("c"), course: id("1"), title: "A chapter".to_owned(), position: 1 };
    world.write(put(Object::Chapter(chapter))).await;
    let (nobody, student, gone) = (world.socket(1), world.socket(2), world.socket(3));
    let name = channel("chapter-c-comments");
    let _seat = world.live.bind_signed_in(&student, &user("7"), None, now());
    for socket in [&nobody, &student, &gone] {
        world.live.subscribe(&name, socket, None).unwrap();
    }
    let mut seen = 0;
    assert!(world.live.seat_since(nobody.id(), &mut seen).is_none());
    world.live.hub.unsubscribe(&name, gone.id(), None, &world.live.app().settings);
    world.live.forget_socket(&gone);

    world.set(|settings| settings.guarded_public = GuardedPublic::Warn);
    assert!(world.live.is_due(now()));
    world.live.keep_deadlines(now()).await;
    assert_eq!(world.live.audience(&name).len(), 2, "a warning takes nothing away");
    world.set(|settings| settings.guarded_public = GuardedPublic::Enforce);
    world.live.keep_deadlines(now()).await;
    let audience = world.live.audience(&name);
    assert_eq!(audience.iter().map(|listener| listener.socket).collect::<Vec<_>>(), [student.id()]);
    let seat = world.live.seat_since(nobody.id(), &mut seen).unwrap();
    assert_eq!(seat.take_revoked(), std::slice::from_ref(&name), "its session learns of it");
    assert!(world.live.seat_since(nobody.id(), &mut seen).is_none());
    assert!(world.live.access.seats.find(gone.id()).is_none());

    let changes = world.drop_student().await;
    assert_eq!(world.live.roster_changed(&changes, now()).await.len(), 1);
    world.live.forget_socket(&nobody);
    assert!(world.live.access.seats.find(nobody.id()).is_none());
}

#[tokio::test]
async fn routes_of_the_application_count_for_what_is_heard_already() {
    let world = World::with(|settings| settings.guarded_public = GuardedPublic::Enforce).await;
    let (student, nobody) = (world.socket(1), world.socket(2));
    world.subscribe(&student, "private-lab-1", Some("7")).await.unwrap();
    let helpdesk = channel("helpdesk-1");
    world.live.subscribe(&helpdesk, &nobody, None).unwrap();
    let routes = |text: &str| ChannelRoutes::parse(text).unwrap();
    world.set(|settings| settings.channel_routes = routes("private-lab-{id}=course-staff,helpdesk-{id}=course"));
    world.live.keep_deadlines(now()).await;
    for name in [channel("private-lab-1"), helpdesk.clone()] {
        assert!(world.live.audience(&name).is_empty(), "{name}");
    }

    world.set(|settings| settings.channel_routes = routes("private-lab-{id}=course"));
    world.live.keep_deadlines(now()).await;
    world.subscribe(&student, "private-lab-1", Some("7")).await.unwrap();
    world.live.subscribe(&helpdesk, &nobody, None).unwrap();
    world.live.keep_deadlines(now()).await;
    assert_eq!(world.live.audience(&helpdesk).len(), 1, "open again");
    world.set(|settings| settings.channel_routes = routes("private-lab-{id}=class"));
    world.live.keep_deadlines(now()).await;
    assert!(world.live.audience(&channel("private-lab-1")).is_empty(), "there is no such class");
}

#[tokio::test]
async fn an_account_that_ends_later_ends_its_sockets_then_whatever_they_hear() {
    for is_database_away in [false, true] {
        let world = World::with(|settings| settings.authz = Authz::Trust).await;
        let (student, other) = (world.socket(1), world.socket(2));
        let end = now() + TimeDelta::seconds(60);
        let person = Person {
            id: user("7"),
            org: None,
            name: "Name of 7".to_owned(),
            email: None,
            avatar: None,
            org_role: None,
            deactivated_at: Some(end),
        };
        world.write(put(Object::User(person))).await;
        world.subscribe(&student, "private-orders", Some("7")).await.unwrap();
        world.subscribe(&other, "private-orders", Some("8")).await.unwrap();
        world.live.keep_deadlines(now()).await;
        if is_database_away {
            world.live.access.people.clear();
            world.store.clone().close().await.unwrap();
        }
        world.live.keep_deadlines(end - TimeDelta::milliseconds(1)).await;
        assert_eq!(student.outbox().ending(), None);
        world.live.keep_deadlines(end).await;
        assert_eq!((student.outbox().ending(), other.outbox().ending()), (Some(CloseReason::AccountClosed), None));
    }
}

#[tokio::test]
async fn a_closed_account_is_out_of_its_channels_before_its_connection_ends() {
    let world = World::new().await;
    world.enroll("8").await;
    let presence = "presence-course.1.users";
    let join = async |of: &str, bits: u64| {
        let socket = world.socket(bits);
        let member = Member { id: user(of), numeric_id: false, info: Arc::from("{}"), is_staff: false };
        let wish = Wish {
            channel: channel(presence),
            member: Some(member),
            claimed: Some(user(of)),
            voucher: None,
            heard: None,
        };
        let judged = world.judge_wish(&socket, wish).await;
        world.live.admit(&socket, &mut None, judged, now()).unwrap();
        socket
    };
    let (closed, deleted) = (join("7", 1).await, join("8", 2).await);
    assert_eq!(world.live.hub.members(presence).len(), 2);
    let known = world.store.roster_object(&world.live.app().id, Kind::User, "7").await.unwrap().unwrap().object;
    let Object::User(known) = known else { panic!() };
    let mut changes = world.write(put(Object::User(Person { deactivated_at: Some(now()), ..known }))).await;
    changes.extend(world.write(Operation::Delete(Kind::User, "8".to_owned())).await);
    let revoked = world.live.roster_changed(&changes, now()).await;
    assert_eq!(revoked.iter().map(|one| one.user.as_str()).collect::<Vec<_>>(), ["7", "8"]);
    assert_eq!(world.live.hub.members(presence), [], "nobody is seen any more");
    for socket in [&closed, &deleted] {
        assert_eq!(socket.outbox().ending(), Some(CloseReason::AccountClosed));
    }
    assert!(world.live.roster_changed(&changes, now()).await.is_empty(), "told once");
    assert_eq!(world.audit("access.revoked").await.len(), 2);
}

#[tokio::test]
async fn what_the_audit_could_not_take_is_written_later_by_whoever_comes_by() {
    let world = World::new().await;
    let socket = world.socket(1);
    world.subscribe(&socket, "private-course.1", Some("7")).await.unwrap();
    let changes = world.drop_student().await;
    world.store.run("ALTER TABLE audit_log RENAME TO audit_away").await;
    assert_eq!(world.live.roster_changed(&changes, now()).await.len(), 1, "access ends all the same");
    world.store.run("ALTER TABLE audit_away RENAME TO audit_log").await;
    assert!(world.live.is_due(now()));
    world.live.keep_deadlines(now()).await;
    assert_eq!(world.audit("access.revoked").await.len(), 1);
    world.live.keep_deadlines(now()).await;
    assert_eq!(world.audit("access.revoked").await.len(), 1, "once");
}

#[tokio::test]
async fn what_a_request_that_was_given_up_has_taken_away_stands_in_the_audit_all_the_same() {
    let world = World::new().await;
    let sockets: Vec<_> = (0..300).map(|bits| world.socket(bits)).collect();
    for socket in &sockets {
        world.subscribe(socket, "private-course.1", Some("7")).await.unwrap();
    }
    let changes = world.drop_student().await;
    let left = || world.live.audience(&channel("private-course.1")).len();
    {
        let mut drop = std::pin::pin!(world.live.roster_changed(&changes, now()));
        while left() == sockets.len() {
            assert!((&mut drop).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert!(left() > 0, "given up in the middle");
    }
    let ended = sockets.len() - left();
    world.live.write_journal().await;
    assert_eq!(world.audit("access.revoked").await.len(), ended);
}

#[tokio::test]
async fn a_review_takes_no_look_back_that_a_sign_in_has_asked_for_while_it_waited() {
    let world = World::with(|settings| settings.authz = Authz::Trust).await;
    world.enroll("8").await;
    let socket = world.socket(1);
    world.subscribe(&socket, "private-course.1", Some("8")).await.unwrap();
    world.live.keep_deadlines(now()).await;
    // The review waits for the roster, because what it knew of the person is forgotten.
    let changes = world.write(Operation::Delete(Kind::Enrollment, "e8".to_owned())).await;
    let mut review = std::pin::pin!(world.live.roster_changed(&changes, now()));
    assert!((&mut review).now_or_never().is_none());
    let seat = world.live.bind_signed_in(&socket, &user("7"), None, now());
    review.await;
    assert!(world.live.is_due(now()), "the look that the sign-in has asked for is still to come");
    world.live.keep_deadlines(now()).await;
    assert!(!world.live.is_due(now()));
    drop(seat);
}

/// Prints how long it takes; asserts nothing about time.
#[tokio::test]
async fn a_mass_drop_ends_the_access_of_those_who_are_dropped_and_of_nobody_else() {
    const PEOPLE: usize = 200;
    let world = World::new().await;
    let names: Vec<String> = (0..PEOPLE).map(|number| format!("s{number}")).collect();
    let channels =
        ["private-course.1", "private-course-1", "presence-course-1", "private-role.student", "private-orders"];
    for (name, bits) in names.iter().zip(100..) {
        world.enroll(name).await;
        let socket = world.socket(bits);
        for channel in channels {
            world.subscribe(&socket, channel, Some(name)).await.unwrap();
        }
    }
    let mut changes = Vec::new();
    for name in names.iter().step_by(2) {
        changes.extend(world.write(Operation::Delete(Kind::Enrollment, format!("e{name}"))).await);
    }
    let since = std::time::Instant::now();
    let revoked = world.live.roster_changed(&changes, now()).await;
    println!("{} subscriptions of {} people: {:?}", 4 * PEOPLE / 2, PEOPLE / 2, since.elapsed());
    assert_eq!(revoked.len(), PEOPLE / 2);
    assert!(revoked.iter().all(|one| one.channels.len() == 4 && one.sockets == 1), "{revoked:?}");
    for (name, left) in [("private-course.1", PEOPLE / 2), ("private-orders", PEOPLE)] {
        assert_eq!(world.live.audience(&channel(name)).len(), left);
    }
}

/// Prints how long it takes; asserts nothing about time.
#[tokio::test]
async fn archiving_a_course_of_five_thousand_ends_the_access_of_all_students_and_of_nobody_else() {
    const STUDENTS: usize = 5_000;
    let world = World::with(|settings| settings.max_connections = 0).await;
    let names: Vec<String> = (0..STUDENTS).map(|number| format!("s{number}")).collect();
    let row = |name: &str, role: Role| {
        let person = Person {
            id: user(name),
            org: None,
            name: name.to_owned(),
            email: None,
            avatar: None,
            org_role: None,
            deactivated_at: None,
        };
        let enrollment = Enrollment { id: id(name), user: user(name), role, ..enrollment_in("1") };
        [put(Object::User(person)), put(Object::Enrollment(enrollment))]
    };
    let rows: Vec<Operation> =
        names.iter().flat_map(|name| row(name, Role::Student)).chain(row("teacher", Role::Instructor)).collect();
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
    world.store.roster_apply(&world.live.app().id, by, &rows).await.unwrap();
    let (course, presence) = ("private-course.1", "presence-course.1.users");
    let mut sockets = Vec::with_capacity(STUDENTS + 1);
    for (name, bits) in names.iter().map(String::as_str).chain(["teacher"]).zip(1..) {
        let socket = world.socket(bits);
        world.subscribe(&socket, course, Some(name)).await.unwrap();
        sockets.push(socket);
    }
    let teacher = sockets.last().unwrap();
    let archived = world.write(put(Object::Course(Course { archived_at: Some(now()), ..course_called("1") }))).await;
    let since = std::time::Instant::now();
    let revoked = world.live.roster_changed(&archived, now()).await;
    println!("{STUDENTS} students in {:?}", since.elapsed());
    assert_eq!(revoked.len(), STUDENTS);
    assert!(revoked.iter().all(|one| one.channels == [channel(course)] && one.sockets == 1));
    let left = world.live.audience(&channel(course));
    assert_eq!(left.iter().map(|listener| listener.socket).collect::<Vec<_>>(), [teacher.id()]);
    assert_eq!(world.audit("access.revoked").await.len(), STUDENTS);
    assert!(is_denied(world.subscribe(&sockets[0], presence, Some("s0")).await, Reason::CourseArchived));
}

#[tokio::test]
async fn nobody_writes_by_client_events_in_a_chat_that_had_to_make_room_until_it_is_read_again() {
    let world = World::new().await;
    let topic = Topic::Chat(id("lesson"));
    let part = Part { user: user("7"), reason: Some(Reason::Member), role: None };
    let may_write = || world.live.may_write(&topic, &part, now());
    for number in 1..MAX_CHATS {
        world.live.chat(&id(&format!("c{number}"))).await.unwrap();
    }
    assert!(may_write() && !world.live.is_due(now()), "there is room: nothing is missing that was there");
    world.live.chat(&id("c0")).await.unwrap();
    assert!(!may_write() && world.live.is_due(now()), "they may be muted there");
    let by_signature = Part { reason: None, ..part.clone() };
    assert!(world.live.may_write(&topic, &by_signature, now()), "where the roster was not asked nobody is muted");
    world.live.keep_deadlines(now()).await;
    assert!(may_write() && !world.live.is_due(now()));
}
