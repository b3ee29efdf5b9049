//! The roster and what goes with it, through its life on one of the databases.

use campanile::{
    domain::{
        api_key::{KeyHash, NewApiKey},
        audit::AuditFilter,
        block::{BlockScope, NewBlock},
        caller::Scope,
        roster::{
            Action, Chapter, Class, Course, Effect, Enrollment, Kind, Object, Operation, Org, Outcome, Override,
            Person, PlaceId, Role, RowError, Status, Versioned, Visibility,
        },
    },
    ids::{ExternalId, UserId},
    store::{NewApp, Page, RosterApplied, RosterFilter, RosterWrite, Store},
};
use chrono::{Duration, SubsecRound};

use super::{at, id as app_id, new};

const BY: fn() -> RosterWrite<'static> =
    || RosterWrite { source: "api", actor: "key:ck_0123456789ab", ip: Some("2001:db8::7"), now: at(0) };

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn put(object: Object) -> Operation {
    Operation::Put(Box::new(object))
}

fn delete(kind: Kind, id: &str) -> Operation {
    Operation::Delete(kind, id.to_owned())
}

fn person(name: &str) -> Person {
    Person {
        id: user(name),
        org: Some(id("school")),
        name: "Zoë 🔔".to_owned(),
        email: Some(format!("{}@campus.example", "e".repeat(1_009))),
        avatar: None,
        org_role: Some(Role::Admin),
        deactivated_at: Some(at(5)),
    }
}

fn course() -> Course {
    let prevent =
        |capability: &str| Override { role: Role::Student, capability: capability.to_owned(), effect: Effect::Prevent };
    Course {
        id: id("1"),
        org: Some(id("school")),
        code: Some("B-1".to_owned()),
        title: "é".repeat(255),
        starts_at: Some(at(0)),
        ends_at: Some(at(1_000)),
        visibility: Visibility::Org,
        archived_at: None,
        overrides: vec![prevent("chat.post"), prevent("poll.open")],
    }
}

fn enrollment(name: &str, who: &str) -> Enrollment {
    Enrollment {
        id: id(name),
        user: user(who),
        course: id("1"),
        class: Some(id("monday")),
        role: Role::Student,
        status: Status::Active,
        begin_at: Some(at(0)),
        end_at: Some(at(900)),
        observed_user: None,
        limit_to_class: true,
    }
}

/// One object of each kind, two people and their enrollments. Ids differ by case alone, for all three databases mind it.
fn objects() -> Vec<Object> {
    let class = Class { id: id("monday"), course: id("1"), name: "Monday".to_owned(), guests: true };
    let chapter = Chapter { id: id("c1"), course: id("1"), title: "Ropes".to_owned(), position: -1 };
    let watched = Enrollment {
        class: None,
        role: Role::Observer,
        limit_to_class: false,
        observed_user: Some(user("zoe")),
        ..enrollment("E", "Zoe")
    };
    vec![
        Object::Org(Org { id: id("school"), name: "School".to_owned() }),
        Object::Course(course()),
        Object::Class(class),
        Object::Chapter(chapter),
        Object::User(person("zoe")),
        Object::User(person("Zoe")),
        Object::Enrollment(enrollment("e", "zoe")),
        Object::Enrollment(watched),
    ]
}

async fn apply(store: &Store, operations: &[Operation]) -> RosterApplied {
    Box::pin(store.roster_apply(&app_id("tower"), BY(), operations)).await.unwrap()
}

fn told(applied: &RosterApplied) -> Vec<&'static str> {
    applied.outcomes.iter().map(Outcome::name).collect()
}

/// Leads everything through its life; leaves rows of the app `tower` behind.
pub(crate) async fn lead_through_its_life(store: &Store) {
    write_and_find(store).await;
    drop_and_replace(store).await;
    delete_with_what_hangs_below(store).await;
    write_in_chunks_and_list_in_pages(store).await;
    link_identities(store).await;
    keep_keys(store).await;
    keep_blocks(store).await;
}

async fn write_and_find(store: &Store) {
    let app = app_id("tower");
    assert_eq!(store.roster_seq().await.unwrap(), 0);
    let all: Vec<Operation> = objects().into_iter().map(put).collect();
    let first = apply(store, &all).await;
    assert_eq!(told(&first), ["created"; 8]);
    assert_eq!(told(&apply(store, &all).await), ["unchanged"; 8]);
    assert_eq!(store.roster_seq().await.unwrap(), 8);
    for object in objects() {
        let row = store.roster_object(&app, object.kind(), object.id()).await.unwrap().unwrap();
        let expected = Versioned {
            object: object.in_whole_seconds(),
            source: "api".to_owned(),
            version: 1,
            updated_at: at(0).trunc_subsecs(0),
        };
        assert_eq!(row, expected);
    }
    assert!(store.roster_object(&app, Kind::User, "ZOE").await.unwrap().is_none());
    assert!(store.roster_object(&app, Kind::User, "zoe ").await.unwrap().is_none());
    let standing = store.roster_standing(&app, &user("zoe")).await.unwrap().unwrap();
    assert_eq!((standing.person.id.as_str(), standing.enrollments.len()), ("zoe", 1));
    assert!(store.roster_standing(&app, &user("zoe ")).await.unwrap().is_none());
    let place = store.roster_place(&app, &PlaceId::Class(id("monday"))).await.unwrap().unwrap();
    assert_eq!((place.org, place.class.map(|class| class.guests)), (Some(id("school")), Some(true)));
    assert_eq!(place.course.unwrap().overrides, course().overrides);
    let place = store.roster_place(&app, &PlaceId::Chapter(id("c1"))).await.unwrap().unwrap();
    assert_eq!((place.course.map(|course| course.id), place.class), (Some(id("1")), None));
    assert!(store.roster_place(&app, &PlaceId::Org(id("school"))).await.unwrap().unwrap().course.is_none());
    assert!(store.roster_place(&app, &PlaceId::Org(id("School"))).await.unwrap().is_none());

    assert_eq!(store.roster_changes(&app, 0, 100).await.unwrap(), first.changes);
    assert_eq!(store.roster_changes(&app, 6, 1).await.unwrap(), first.changes[6..7]);
    assert_eq!(store.roster_changes_of_all(7, 100).await.unwrap(), [(app.clone(), first.changes[7].clone())]);
    let filter = AuditFilter { target_type: Some("enrollment".to_owned()), ..AuditFilter::default() };
    let audit = store.audit_list(&app, &filter, None, 100).await.unwrap();
    let targets: Vec<&str> = audit.iter().map(|(_, entry)| entry.target_id.as_str()).collect();
    assert_eq!((targets, audit[0].1.ip.as_deref()), (vec!["E", "e"], Some("2001:db8::7")));
    assert!(audit[1].1.after.as_ref().unwrap().contains(r#""role":"student""#));
    assert_eq!(store.audit_list(&app, &filter, Some(audit[0].0), 100).await.unwrap().len(), 1);
}

async fn drop_and_replace(store: &Store) {
    let again = put(Object::Enrollment(enrollment("other", "zoe")));
    let refused = apply(store, std::slice::from_ref(&again)).await;
    assert_eq!(refused.outcomes, [Outcome::Refused(RowError::DuplicateEnrollment { id: id("e") })]);
    let dropped = apply(store, &[delete(Kind::Enrollment, "e"), delete(Kind::Enrollment, "e")]).await;
    assert_eq!(told(&dropped), ["deleted", "unchanged"]);
    assert_eq!((dropped.changes.len(), dropped.changes[0].action), (1, Action::Deleted));
    let back = apply(store, &[put(Object::Enrollment(enrollment("e", "zoe")))]).await;
    assert_eq!((told(&back), back.changes[0].seq), (vec!["updated"], 10));
    let replaced = apply(store, &[delete(Kind::Enrollment, "e"), again]).await;
    assert_eq!(told(&replaced), ["deleted", "created"]);
    assert!(store.roster_object(&app_id("tower"), Kind::Enrollment, "e").await.unwrap().is_none());
}

async fn delete_with_what_hangs_below(store: &Store) {
    let app = app_id("tower");
    let gone = apply(store, &[delete(Kind::User, "zoe")]).await;
    let mut ids: Vec<&str> = gone.changes.iter().map(|change| change.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["E", "other", "zoe"], "the observer's enrollment goes with the student");
    assert!(store.roster_object(&app, Kind::Enrollment, "E").await.unwrap().is_none());
    apply(store, &[put(Object::Enrollment(enrollment("e", "Zoe")))]).await;
    let gone = apply(store, &[delete(Kind::Org, "school"), delete(Kind::Org, "school")]).await;
    assert_eq!(told(&gone), ["deleted", "refused"]);
    assert!(store.roster_is_empty(&app).await.unwrap());
    for (kind, id) in [(Kind::Class, "monday"), (Kind::Chapter, "c1"), (Kind::Enrollment, "e"), (Kind::Org, "school")] {
        assert!(store.roster_object(&app, kind, id).await.unwrap().is_none(), "{kind}");
    }
    let standing = store.roster_standing(&app, &user("Zoe")).await.unwrap().unwrap();
    assert_eq!((standing.person.org, standing.person.org_role, standing.enrollments.len()), (None, None, 0));
}

async fn write_in_chunks_and_list_in_pages(store: &Store) {
    let app = app_id("tower");
    let plain = Course { org: None, ..course() };
    let whole = |number: usize| Enrollment {
        class: None,
        limit_to_class: false,
        ..enrollment(&format!("e{number:04}"), &format!("u{number:04}"))
    };
    let numbers = 0..1_001;
    let people =
        numbers.clone().map(|number| put(Object::User(Person { org: None, ..person(&format!("u{number:04}")) })));
    let parts = numbers.map(|number| put(Object::Enrollment(whole(number))));
    let all: Vec<Operation> = [put(Object::Course(plain))].into_iter().chain(people).chain(parts).collect();
    assert!(apply(store, &all).await.outcomes.iter().all(|outcome| *outcome == Outcome::Created));
    assert!(apply(store, &all).await.changes.is_empty());

    let filter = RosterFilter { course: Some(id("1")), role: Some(Role::Student), ..RosterFilter::default() };
    let (mut seen, mut after) = (0, None);
    loop {
        let page = Page { after: after.clone(), limit: 400 };
        let rows = store.roster_list(&app, Kind::Enrollment, &filter, &page).await.unwrap();
        assert!(after.is_none_or(|after| rows.iter().all(|row| row.object.id() > after.as_str())));
        seen += rows.len();
        after = rows.last().map(|row| row.object.id().to_owned());
        if rows.len() < 400 {
            break;
        }
    }
    assert_eq!(seen, 1_001);
    let theirs = RosterFilter { user: Some(user("u0007")), status: Some(Status::Active), ..RosterFilter::default() };
    let page = Page { after: None, limit: 10 };
    assert_eq!(store.roster_list(&app, Kind::Enrollment, &theirs, &page).await.unwrap().len(), 1);
    let none = RosterFilter { status: Some(Status::Invited), ..theirs };
    assert!(store.roster_list(&app, Kind::Enrollment, &none, &page).await.unwrap().is_empty());
    assert_eq!(store.roster_list(&app, Kind::User, &RosterFilter::default(), &page).await.unwrap().len(), 10);
}

async fn link_identities(store: &Store) {
    let app = app_id("tower");
    let link = async |who: &str, subject: &str| {
        store.identity_link(&app, &user(who), ("https://id.example", subject), at(0)).await.unwrap()
    };
    assert!(link("u0001", "user_1").await && link("u0001", "user_1").await);
    assert!(!link("u0002", "user_1").await, "it stands for somebody else");
    assert!(!link("nobody", "user_9").await, "they are not in the roster");
    assert!(link("u0001", &"é".repeat(255)).await && !link("u0001", &"é".repeat(256)).await);
    let found = async |subject: &str| store.identity_user(&app, "https://id.example", subject).await.unwrap();
    assert_eq!(found("user_1").await, Some(user("u0001")));
    assert_eq!((found("User_1").await, found("user_1 ").await, found("user_1\0").await), (None, None, None));
    assert_eq!(store.identities_of(&app, &user("u0001")).await.unwrap().len(), 2);
    apply(store, &[delete(Kind::User, "u0001")]).await;
    assert_eq!(found("user_1").await, None);
    assert!(link("u0002", "user_1").await);
    assert!(store.identity_unlink(&app, "https://id.example", "user_1").await.unwrap());
    assert!(!store.identity_unlink(&app, "https://id.example", "user_1").await.unwrap());
}

async fn keep_keys(store: &Store) {
    let app = app_id("tower");
    let key = NewApiKey {
        id: "ck_0123456789ab".to_owned(),
        app: app.clone(),
        name: "Läuten".to_owned(),
        hash: KeyHash([7; 32]),
        scopes: Scope::ALL.to_vec(),
        ip_allow: vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()],
        expires_at: Some(at(100)),
    };
    store.api_key_create(&key, at(0)).await.unwrap();
    assert!(store.api_key_create(&key, at(0)).await.is_err());
    assert!(store.api_key_find("CK_0123456789ab").await.unwrap().is_none());
    let find = async || store.api_key_find(&key.id).await.unwrap().unwrap();
    let kept = find().await;
    assert_eq!((&kept.app, &kept.name, kept.hash, &kept.scopes), (&app, &key.name, key.hash, &key.scopes));
    assert_eq!((&kept.ip_allow, kept.last_used_at), (&key.ip_allow, None));
    let end = at(100).trunc_subsecs(0);
    assert!(kept.is_valid(end - Duration::seconds(1)) && !kept.is_valid(end));
    for (seconds, noted) in [(10, 10), (60, 10), (71, 71)] {
        store.api_key_used(&key.id, at(seconds)).await.unwrap();
        assert_eq!(find().await.last_used_at, Some(at(noted).trunc_subsecs(0)));
    }
    assert_eq!(store.api_key_list(&app).await.unwrap(), [find().await]);
    assert!(!store.api_key_revoke(&app_id("other"), &key.id, at(1)).await.unwrap());
    assert!(store.api_key_revoke(&app, &key.id, at(1)).await.unwrap());
    assert!(!store.api_key_revoke(&app, &key.id, at(1)).await.unwrap());
    assert!(!find().await.is_valid(at(2)));
}

async fn keep_blocks(store: &Store) {
    let app = app_id("tower");
    let block = |scope: BlockScope, until: Option<i64>| NewBlock {
        user: user("u0003"),
        scope,
        until: until.map(at),
        reason: "loud".to_owned(),
        created_by: "user:1".to_owned(),
    };
    let scopes = [
        block(BlockScope::All, Some(50)),
        block(BlockScope::Course(id("1")), None),
        block(BlockScope::Class(id("monday")), None),
        block(BlockScope::Channel("private-course.1".to_owned()), Some(60)),
    ];
    let before = store.roster_seq().await.unwrap();
    let mut ids = Vec::new();
    for new in &scopes {
        ids.push(store.block_insert(&app, new, at(0)).await.unwrap());
    }
    let told = store.roster_changes(&app, before, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|change| (change.seq - before, change.user.clone())).collect();
    assert_eq!(told, [1, 2, 3, 4].map(|number| (number, Some(user("u0003")))), "every node hears of a block");
    let of = async |seconds: i64| store.blocks_of(&app, &user("u0003"), at(seconds)).await.unwrap();
    let kept = of(10).await;
    assert_eq!(kept.iter().map(|block| block.scope.clone()).collect::<Vec<_>>(), scopes.map(|new| new.scope));
    assert_eq!(kept.iter().map(|block| block.id).collect::<Vec<_>>(), ids);
    let before = store.roster_seq().await.unwrap();
    let lifted = store.block_lift(&app, ids[1], at(20)).await.unwrap().unwrap();
    assert_eq!((lifted.id, lifted.user), (ids[1], user("u0003")));
    assert!(store.block_lift(&app, ids[1], at(20)).await.unwrap().is_none());
    assert!(store.block_lift(&app_id("nowhere"), ids[2], at(20)).await.unwrap().is_none());
    let told = store.roster_changes(&app, before, 10).await.unwrap();
    assert_eq!(told.iter().map(|change| change.user.clone()).collect::<Vec<_>>(), [Some(user("u0003"))]);
    assert_eq!((of(49).await.len(), of(50).await.len(), of(60).await.len()), (3, 2, 1));
    assert!(store.blocks_of(&app, &user("U0003"), at(0)).await.unwrap().is_empty());
}

/// Nothing of an app outlives it: one that is made with its id is another.
pub(crate) async fn go_with_the_app(store: &Store) {
    let app = app_id("tower");
    store.app_create(NewApp { settings: Vec::new(), ..new("tower") }, at(0)).await.unwrap();
    assert!(store.app_delete(&app).await.unwrap());
    assert!(store.roster_is_empty(&app).await.unwrap());
    assert!(store.roster_standing(&app, &user("u0003")).await.unwrap().is_none());
    assert!(store.roster_changes(&app, 0, 1).await.unwrap().is_empty());
    assert!(store.api_key_find("ck_0123456789ab").await.unwrap().is_none());
    assert!(store.blocks_of(&app, &user("u0003"), at(0)).await.unwrap().is_empty());
    assert!(store.audit_list(&app, &AuditFilter::default(), None, 1).await.unwrap().is_empty());
    assert!(store.roster_seq().await.unwrap() > 2_000, "numbers are never used again");
}

/// Writers at once, from two processes' pools: each change has a number of its own.
pub(crate) async fn let_writers_meet(store: &Store, other: &Store) {
    let before = store.roster_seq().await.unwrap();
    let write = async |store: &Store, prefix: &str| {
        for number in 0..10 {
            let who = Object::User(Person { org: None, ..person(&format!("{prefix}{number}")) });
            assert_eq!(told(&apply(store, &[put(who)]).await), ["created"]);
        }
    };
    tokio::join!(write(store, "a"), write(other, "b"), write(store, "c"), write(other, "d"));
    let same = async |store: &Store| {
        let who = Object::User(Person { org: None, ..person("same") });
        told(&apply(store, &[put(who)]).await)[0] == "created"
    };
    let (one, two) = tokio::join!(same(store), same(other));
    assert!(one != two, "exactly one of two writers makes the row");
    let changes = other.roster_changes_of_all(before, 100).await.unwrap();
    let numbers: Vec<i64> = changes.iter().map(|(_, change)| change.seq).collect();
    assert_eq!(numbers, (before + 1..=before + 41).collect::<Vec<_>>());
}
