//! The roster against real SQLite files; the other databases go through the same life in `tests/it/migrations.rs`.

use chrono::Duration;
use sea_orm::ConnectionTrait;

use super::*;
use crate::{
    domain::roster::{
        Action, Class, Course, Enrollment, Kind, Object, Operation, Org, Person, PlaceId, RowError, Visibility,
    },
    store::tests::migrated,
};

fn app() -> AppId {
    AppId::parse("campus").unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn user_id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 999_000_000).unwrap()
}

fn by(source: &str) -> RosterWrite<'_> {
    RosterWrite { source, actor: "cli", ip: Some("192.0.2.7"), now: at(0) }
}

fn put(object: Object) -> Operation {
    Operation::Put(Box::new(object))
}

fn org(name: &str) -> Operation {
    put(Object::Org(Org { id: id(name), name: "A school".to_owned() }))
}

fn course_in(name: &str, org: Option<&str>) -> Course {
    Course {
        id: id(name),
        org: org.map(id),
        code: None,
        title: "Bells".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    }
}

fn course(name: &str) -> Operation {
    put(Object::Course(course_in(name, None)))
}

fn class(name: &str, course: &str) -> Operation {
    put(Object::Class(Class { id: id(name), course: id(course), name: "Monday".to_owned(), guests: false }))
}

fn person(name: &str) -> Person {
    Person {
        id: user_id(name),
        org: None,
        name: "Student".to_owned(),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    }
}

fn user(name: &str) -> Operation {
    put(Object::User(person(name)))
}

fn part(name: &str, user: &str, course: &str) -> Enrollment {
    Enrollment {
        id: id(name),
        user: user_id(user),
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

fn enrolled(enrollment: Enrollment) -> Operation {
    put(Object::Enrollment(enrollment))
}

fn delete(kind: Kind, id: &str) -> Operation {
    Operation::Delete(kind, id.to_owned())
}

async fn apply(store: &Store, operations: &[Operation]) -> RosterApplied {
    store.roster_apply(&app(), by("api"), operations).await.unwrap()
}

/// Names of the outcomes, of each refusal its text.
fn told(applied: &RosterApplied) -> Vec<String> {
    let told = |outcome: &Outcome| match outcome {
        Outcome::Refused(error) => error.to_string(),
        done => done.name().to_owned(),
    };
    applied.outcomes.iter().map(told).collect()
}

/// What changed, as kind, id and action.
fn changed(applied: &RosterApplied) -> Vec<String> {
    applied.changes.iter().map(|change| format!("{} {} {}", change.kind, change.id, change.action)).collect()
}

async fn version(store: &Store, kind: Kind, id: &str) -> Option<i64> {
    store.roster_object(&app(), kind, id).await.unwrap().map(|row| row.version)
}

#[tokio::test]
async fn what_was_put_is_found_and_putting_it_again_writes_nothing() {
    let (_directory, store) = migrated().await;
    let batch = [
        org("o"),
        course("c"),
        class("k", "c"),
        user("7"),
        enrolled(part("e", "7", "c")),
        enrolled(part("e", "7", "c")),
    ];
    let first = apply(&store, &batch).await;
    assert_eq!(told(&first), ["created", "created", "created", "created", "created", "unchanged"]);
    let numbers: Vec<i64> = first.changes.iter().map(|change| change.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(store.roster_seq().await.unwrap(), 5);

    let again = apply(&store, &batch).await;
    assert!(again.outcomes.iter().all(|outcome| *outcome == Outcome::Unchanged) && again.changes.is_empty());
    assert_eq!(store.roster_seq().await.unwrap(), 5);
    assert_eq!(store.audit_list(&app(), &Default::default(), None, 100).await.unwrap().len(), 5);
    let row = store.roster_object(&app(), Kind::Enrollment, "e").await.unwrap().unwrap();
    assert_eq!((row.version, row.source.as_str(), row.updated_at), (1, "api", at(0) - Duration::milliseconds(999)));
    assert_eq!(row.object, Object::Enrollment(part("e", "7", "c")));
    assert_eq!(store.roster_changes(&app(), 0, 100).await.unwrap(), first.changes);
}

#[tokio::test]
async fn dropped_enrollment_stays_and_comes_back() {
    let (_directory, store) = migrated().await;
    apply(&store, &[course("c"), user("7"), enrolled(part("e", "7", "c"))]).await;
    let drop = [delete(Kind::Enrollment, "e"), delete(Kind::Enrollment, "e"), delete(Kind::Enrollment, "x")];
    let dropped = apply(&store, &drop).await;
    assert_eq!(told(&dropped), ["deleted", "unchanged", "there is no enrollment 'x'"]);
    let change = &dropped.changes[0];
    assert_eq!(
        (change.action, change.user.clone(), change.course.clone()),
        (Action::Deleted, Some(user_id("7")), Some(id("c")))
    );
    let standing = store.roster_standing(&app(), &user_id("7")).await.unwrap().unwrap();
    assert_eq!(standing.enrollments[0].status, Status::Dropped);
    assert_eq!(version(&store, Kind::Enrollment, "e").await, Some(2));

    assert_eq!(told(&apply(&store, &[enrolled(part("e", "7", "c"))]).await), ["updated"]);
    assert_eq!(version(&store, Kind::Enrollment, "e").await, Some(3));
}

#[tokio::test]
async fn part_is_held_once_unless_its_holder_was_dropped() {
    let (_directory, store) = migrated().await;
    apply(&store, &[course("c"), class("k", "c"), user("7"), enrolled(part("e", "7", "c"))]).await;
    let same = apply(&store, &[enrolled(part("f", "7", "c"))]).await;
    assert_eq!(same.outcomes, [Outcome::Refused(RowError::DuplicateEnrollment { id: id("e") })]);
    let others = [
        enrolled(Enrollment { role: Role::Assistant, ..part("f", "7", "c") }),
        enrolled(Enrollment { class: Some(id("k")), ..part("g", "7", "c") }),
    ];
    assert_eq!(told(&apply(&store, &others).await), ["created", "created"]);
    let of_csv = store.roster_apply(&app(), by("csv"), &[enrolled(part("h", "7", "c"))]).await.unwrap();
    assert_eq!(told(&of_csv), ["created"]);

    let back = [delete(Kind::Enrollment, "e"), enrolled(part("i", "7", "c")), enrolled(part("e", "7", "c"))];
    let back = apply(&store, &back).await;
    assert_eq!(back.outcomes[2], Outcome::Refused(RowError::DuplicateEnrollment { id: id("i") }));
    assert_eq!(changed(&back), ["enrollment e deleted", "enrollment e deleted", "enrollment i created"]);
    assert_eq!(version(&store, Kind::Enrollment, "e").await, None);
}

#[tokio::test]
async fn two_enrollments_exchange_their_parts_in_one_batch() {
    let (_directory, store) = migrated().await;
    let role = |name: &str, role: Role| enrolled(Enrollment { role, ..part(name, "7", "c") });
    apply(&store, &[course("c"), user("7"), role("a", Role::Student), role("b", Role::Instructor)]).await;
    let exchange = [role("a", Role::Observer), role("b", Role::Student), role("a", Role::Instructor)];
    assert_eq!(told(&apply(&store, &exchange).await), ["updated", "updated", "updated"]);
    let standing = store.roster_standing(&app(), &user_id("7")).await.unwrap().unwrap();
    let roles: Vec<Role> = standing.enrollments.iter().map(|enrollment| enrollment.role).collect();
    assert_eq!(roles, [Role::Instructor, Role::Student]);
}

#[tokio::test]
async fn what_is_named_must_be_there_and_fit_together() {
    let (_directory, store) = migrated().await;
    let unknown = [
        put(Object::Course(course_in("c", Some("o")))),
        class("k", "c"),
        enrolled(part("e", "7", "c")),
        user("7"),
        enrolled(part("e", "7", "c")),
    ];
    assert_eq!(
        told(&apply(&store, &unknown).await),
        [
            "there is no org 'o': put it first, or leave the org out",
            "there is no course 'c': put it first",
            "there is no user '7': put them first",
            "created",
            "there is no course 'c': put it first",
        ]
    );
    apply(&store, &[course("c"), course("d"), class("k", "c")]).await;
    let wrong = [
        enrolled(Enrollment { class: Some(id("x")), ..part("e", "7", "c") }),
        enrolled(Enrollment { class: Some(id("k")), ..part("e", "7", "d") }),
        enrolled(Enrollment { role: Role::Observer, observed_user: Some(user_id("8")), ..part("e", "7", "c") }),
        class("k", "d"),
    ];
    let codes: Vec<_> = apply(&store, &wrong)
        .await
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Refused(error) => error.code(),
            _ => "",
        })
        .collect();
    assert_eq!(codes, ["unknown_class", "class_of_other_course", "unknown_user", "class_cannot_move"]);
    assert_eq!(store.roster_seq().await.unwrap(), 4);
}

#[tokio::test]
async fn deleting_takes_along_what_hangs_below_and_tells_each() {
    let (_directory, store) = migrated().await;
    let setup = [
        org("o"),
        put(Object::Course(course_in("c", Some("o")))),
        class("k", "c"),
        put(Object::User(Person { org: Some(id("o")), org_role: Some(Role::Admin), ..person("7") })),
        user("8"),
        user("9"),
        enrolled(Enrollment { class: Some(id("k")), ..part("e7", "7", "c") }),
        enrolled(part("e8", "8", "c")),
        enrolled(Enrollment { role: Role::Observer, observed_user: Some(user_id("8")), ..part("e9", "9", "c") }),
    ];
    apply(&store, &setup).await;
    let gone = apply(&store, &[delete(Kind::Class, "k"), delete(Kind::User, "8"), delete(Kind::Class, "k")]).await;
    assert_eq!(told(&gone), ["deleted", "deleted", "there is no class 'k'"]);
    let mut all = changed(&gone);
    assert_eq!(all[..2], ["enrollment e7 deleted", "class k deleted"]);
    all[2..4].sort();
    assert_eq!(all[2..], ["enrollment e8 deleted", "enrollment e9 deleted", "user 8 deleted"]);
    assert!(store.roster_standing(&app(), &user_id("8")).await.unwrap().is_none());

    apply(&store, &[enrolled(part("e7", "7", "c")), class("k", "c")]).await;
    let gone = apply(&store, &[delete(Kind::Org, "o")]).await;
    assert_eq!(
        changed(&gone),
        ["enrollment e7 deleted", "class k deleted", "course c deleted", "user 7 updated", "org o deleted"]
    );
    let standing = store.roster_standing(&app(), &user_id("7")).await.unwrap().unwrap();
    assert_eq!((standing.person.org, standing.person.org_role, standing.enrollments.len()), (None, None, 0));
    assert!(store.roster_is_empty(&app()).await.unwrap());
}

#[tokio::test]
async fn move_to_another_person_concerns_both() {
    let (_directory, store) = migrated().await;
    apply(&store, &[course("c"), user("7"), user("8"), enrolled(part("e", "7", "c"))]).await;
    let moved = apply(&store, &[enrolled(part("e", "8", "c"))]).await;
    let users: Vec<_> = moved.changes.iter().filter_map(|change| change.user.as_ref()).map(UserId::as_str).collect();
    assert_eq!(users, ["7", "8"]);
}

#[tokio::test]
async fn apps_do_not_see_each_other() {
    let (_directory, store) = migrated().await;
    let other = AppId::parse("other").unwrap();
    apply(&store, &[course("c"), user("7"), enrolled(part("e", "7", "c"))]).await;
    let theirs = store
        .roster_apply(&other, by("api"), &[enrolled(part("e", "7", "c")), delete(Kind::Course, "c")])
        .await
        .unwrap();
    assert!(theirs.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))));
    assert!(store.roster_place(&other, &PlaceId::Course(id("c"))).await.unwrap().is_none());
    assert!(store.roster_changes(&other, 0, 10).await.unwrap().is_empty());
    assert_eq!(store.roster_changes_of_all(0, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn texts_that_no_database_keeps_are_refused_or_not_found() {
    let (_directory, store) = migrated().await;
    let nul = "7\0";
    let refused = apply(&store, &[user(nul), user(" 7"), delete(Kind::User, nul), enrolled(part("e", nul, "c"))]).await;
    assert!(refused.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))), "{refused:?}");
    assert!(store.roster_standing(&app(), &user_id(nul)).await.unwrap().is_none());
    let filter = RosterFilter { user: Some(user_id(nul)), ..RosterFilter::default() };
    let page = Page { after: Some(nul.to_owned()), limit: 10 };
    assert!(store.roster_list(&app(), Kind::Enrollment, &filter, &page).await.unwrap().is_empty());
}

#[tokio::test]
async fn newest_changes_are_kept_and_older_ones_go_at_a_round_number() {
    for (before, oldest) in [(99_999, 1), (100_998, 1), (100_999, 1_001)] {
        let (_directory, store) = migrated().await;
        let fill = format!(
            "WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < {before}) INSERT INTO roster_change \
             SELECT seq, 'campus', 'user', '7', 'updated', '7', NULL, '2026-11-21 00:00:00' FROM n"
        );
        store.db.execute_unprepared(&fill).await.unwrap();
        let count = format!("INSERT INTO change_counter (name, value) VALUES ('{COUNTER}', {before})");
        store.db.execute_unprepared(&count).await.unwrap();
        apply(&store, &[user("7")]).await;
        assert_eq!(store.roster_changes(&app(), 0, 1).await.unwrap()[0].seq, oldest, "{before}");
        assert_eq!(store.roster_changes_gone(&app()).await.unwrap(), oldest - 1, "{before}");
    }
}

async fn members(store: &Store, place: Option<PlaceId>, roles: &[Role]) -> Vec<String> {
    let filter = MemberFilter { place, roles: roles.to_vec(), limit: 100, ..MemberFilter::default() };
    let found = store.roster_members(&app(), &filter, at(0)).await.unwrap();
    assert_eq!(store.roster_member_count(&app(), &filter, at(0)).await.unwrap(), found.len() as u64);
    let told = |member: &Member| format!("{} {}", member.user, member.role.map_or("-", Role::name));
    found.iter().map(told).collect()
}

#[tokio::test]
async fn members_are_those_whose_enrollment_counts_now_each_once_with_the_greatest_role() {
    let (_directory, store) = migrated().await;
    let in_class = |name: &str, user: &str| Enrollment { class: Some(id("k")), ..part(name, user, "c") };
    let as_role = |name: &str, user: &str, role| Enrollment { role, ..part(name, user, "c") };
    let off = Person { deactivated_at: Some(at(-10)), ..person("off") };
    let chief = Person { org: Some(id("o")), org_role: Some(Role::Admin), ..person("chief") };
    let batch = [
        org("o"),
        put(Object::Course(course_in("c", Some("o")))),
        class("k", "c"),
        class("l", "c"),
        user("1"),
        user("2"),
        user("3"),
        user("4"),
        user("5"),
        user("nobody"),
        put(Object::User(off)),
        put(Object::User(chief)),
        enrolled(in_class("e1", "1")),
        enrolled(as_role("e1b", "1", Role::Assistant)),
        enrolled(Enrollment { class: Some(id("l")), ..part("e2", "2", "c") }),
        enrolled(as_role("e3", "3", Role::Instructor)),
        enrolled(Enrollment { begin_at: Some(at(10)), ..part("e4", "4", "c") }),
        enrolled(Enrollment { status: Status::Inactive, ..part("e5", "5", "c") }),
        enrolled(part("e6", "off", "c")),
    ];
    apply(&store, &batch).await;
    let (course, class) = (Some(PlaceId::Course(id("c"))), Some(PlaceId::Class(id("k"))));
    assert_eq!(members(&store, course.clone(), &[]).await, ["1 assistant", "2 student", "3 instructor"]);
    assert_eq!(members(&store, course.clone(), &[Role::Student]).await, ["1 student", "2 student"]);
    assert_eq!(members(&store, class, &[]).await, ["1 assistant", "3 instructor"]);
    assert_eq!(members(&store, Some(PlaceId::Org(id("o"))), &[]).await, ["chief admin"]);
    let staff = [Role::Admin, Role::Instructor];
    assert_eq!(members(&store, Some(PlaceId::Org(id("o"))), &staff).await, ["3 instructor", "chief admin"]);
    assert_eq!(members(&store, None, &[Role::Observer]).await, Vec::<String>::new());
    assert_eq!(members(&store, None, &[]).await.len(), 7);
    assert_eq!(members(&store, Some(PlaceId::Course(id("x"))), &[]).await, Vec::<String>::new());

    let page = MemberFilter { place: course.clone(), after: Some(user_id("1")), limit: 1, ..MemberFilter::default() };
    let next = store.roster_members(&app(), &page, at(0)).await.unwrap();
    assert_eq!(next.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["2"]);
    let all_staff = MemberFilter { roles: staff.to_vec(), limit: 100, ..MemberFilter::default() };
    let pick = async |filter: MemberFilter| {
        let found = store.roster_members(&app(), &filter, at(0)).await.unwrap();
        found.iter().map(|member| member.user.to_string()).collect::<Vec<_>>()
    };
    let behind = |user: &str| MemberFilter { after: Some(user_id(user)), ..all_staff.clone() };
    assert_eq!(pick(behind("3")).await, ["chief"], "the next page has the same roles");
    for (user, found) in [("3", vec!["3"]), ("chief", vec!["chief"]), ("1", vec![]), ("off", vec![])] {
        let only = MemberFilter { only: Some(user_id(user)), ..all_staff.clone() };
        assert_eq!(store.roster_member_count(&app(), &only, at(0)).await.unwrap(), found.len() as u64);
        assert_eq!(pick(only).await, found, "{user}");
    }
    let over = put(Object::Course(Course { ends_at: Some(at(-1)), ..course_in("c", Some("o")) }));
    apply(&store, &[over]).await;
    assert_eq!(members(&store, course, &[]).await, Vec::<String>::new());
}
