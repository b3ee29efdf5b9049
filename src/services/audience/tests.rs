//! Who is in an audience: the same people one by one as all together.

use super::*;
use crate::{
    domain::{
        audience::AudienceType,
        roster::{Course, Enrollment, Object, Operation, Person, Role, Status, Visibility},
    },
    services::broadcast::tests::{World, now},
    store::RosterWrite,
};

/// Course 1 with the students 6 and 7, the instructor 8 and the observer 5; 9 is in no course.
async fn school() -> World {
    let world = World::new().await;
    let put = |object| Operation::Put(Box::new(object));
    let mut operations = vec![put(Object::Course(Course {
        id: ExternalId::from(1),
        org: None,
        code: None,
        title: "A course".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    }))];
    for (user, role) in [
        (5, Some(Role::Observer)),
        (6, Some(Role::Student)),
        (7, Some(Role::Student)),
        (8, Some(Role::Instructor)),
        (9, None),
    ] {
        operations.push(put(Object::User(Person {
            id: UserId::from(user),
            org: None,
            name: format!("User {user}"),
            email: None,
            avatar: None,
            org_role: None,
            deactivated_at: None,
        })));
        operations.extend(role.map(|role| {
            put(Object::Enrollment(Enrollment {
                id: ExternalId::from(user),
                user: UserId::from(user),
                course: ExternalId::from(1),
                class: None,
                role,
                status: Status::Active,
                begin_at: None,
                end_at: None,
                observed_user: None,
                limit_to_class: false,
            }))
        }));
    }
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
    world.store.roster_apply(&world.live.app().id, by, &operations).await.unwrap();
    world
}

#[tokio::test]
async fn whoever_is_in_an_audience_is_found_in_it_and_nobody_else() {
    let world = school().await;
    let one = ["1".to_owned()];
    for (kind, ids, roles, exclude, expected) in [
        (AudienceType::Course, &one[..], &[][..], None, vec!["6", "7", "8"]),
        (AudienceType::Course, &one[..], &[Role::Student][..], None, vec!["6", "7"]),
        (AudienceType::Course, &one[..], &[][..], Some("7"), vec!["6", "8"]),
        (AudienceType::Course, &one[..], &[Role::Student][..], Some("7"), vec!["6"]),
        (AudienceType::Course, &one[..], &[Role::Observer][..], None, vec!["5"]),
        (AudienceType::Role, &[][..], &[Role::Instructor][..], Some("6"), vec!["8"]),
        (AudienceType::All, &[][..], &[][..], Some("7"), vec!["5", "6", "8", "9"]),
    ] {
        let exclude: Vec<_> = exclude.into_iter().map(str::to_owned).collect();
        let audience = Audience::parse(kind, ids, roles, &exclude).unwrap();
        let all = recipients(&world.store, &world.live.app().id, &audience, now()).await.unwrap();
        assert_eq!(all.iter().map(|one| one.user.as_str()).collect::<Vec<_>>(), expected, "{audience:?}");
        for user in ["5", "6", "7", "8", "9", "nobody", "6 "] {
            let found =
                includes(&world.store, (&world.live.app().id, &UserId::parse(user).unwrap()), &audience, now()).await;
            assert_eq!(found.unwrap(), expected.contains(&user), "{user} in {audience:?}");
        }
    }
}
