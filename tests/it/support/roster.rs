//! A roster written as another process writes it: into the database, behind the server's back.

use campanile::{
    domain::roster::{
        Chapter, Class, Course, Enrollment, Kind, Object, Operation, Outcome, Person, Role, Status, Visibility,
    },
    ids::{AppId, ExternalId, UserId},
    store::{RosterWrite, Store},
};
use chrono::{DateTime, Utc};

use super::app::{MAIN, TestApp};

/// The roster of [`MAIN`].
pub(crate) struct Roster {
    store: Store,
    app: AppId,
}

impl TestApp {
    /// The roster of [`MAIN`], with course `1`, its class `k`, its chapter `h`, and nobody in it.
    pub(crate) async fn roster(&self) -> Roster {
        let roster = Roster { store: self.store().await, app: AppId::parse(MAIN.id).unwrap() };
        let class = Class { id: id("k"), course: id("1"), name: "A class".to_owned(), guests: false };
        let chapter = Chapter { id: id("h"), course: id("1"), title: "A chapter".to_owned(), position: 1 };
        roster.put([Object::Course(course("1")), Object::Class(class), Object::Chapter(chapter)]).await;
        roster
    }
}

pub(crate) fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

pub(crate) fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

/// A course that is open to those who are enrolled.
pub(crate) fn course(course: &str) -> Course {
    Course {
        id: id(course),
        org: None,
        code: None,
        title: "A course".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    }
}

pub(crate) fn person(text: &str) -> Person {
    Person {
        id: user(text),
        org: None,
        name: format!("Name of {text}"),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    }
}

/// An active enrollment in course `1`, called after user and role.
pub(crate) fn enrollment(of: &str, role: Role) -> Enrollment {
    Enrollment {
        id: id(&format!("e{of}")),
        user: user(of),
        course: id("1"),
        class: None,
        role,
        status: Status::Active,
        begin_at: None,
        end_at: None,
        observed_user: None,
        limit_to_class: false,
    }
}

/// The time now.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from(std::time::SystemTime::now())
}

impl Roster {
    /// Makes objects or puts these in their place.
    pub(crate) async fn put(&self, objects: impl IntoIterator<Item = Object>) {
        self.apply(objects.into_iter().map(|object| Operation::Put(Box::new(object))).collect()).await;
    }

    /// Makes people and enrolls them in course `1`.
    pub(crate) async fn enroll(&self, people: &[(&str, Role)]) {
        let objects = people
            .iter()
            .flat_map(|(user, role)| [Object::User(person(user)), Object::Enrollment(enrollment(user, *role))]);
        self.put(objects).await;
    }

    /// Drops somebody from course `1`.
    pub(crate) async fn drop(&self, user: &str) {
        self.delete(Kind::Enrollment, &format!("e{user}")).await;
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, kind: Kind, id: &str) {
        self.apply(vec![Operation::Delete(kind, id.to_owned())]).await;
    }

    async fn apply(&self, operations: Vec<Operation>) {
        let by = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
        let done = self.store.roster_apply(&self.app, by, &operations).await.unwrap();
        let refused = done.outcomes.iter().find(|outcome| matches!(outcome, Outcome::Refused(_)));
        assert!(refused.is_none(), "{refused:?}");
    }

    /// Channels that were taken away, as the audit tells, with their reasons, newest first.
    pub(crate) async fn revoked(&self) -> Vec<(String, String, String)> {
        let all =
            self.store.audit_list(&self.app, &campanile::domain::audit::AuditFilter::default(), None, 1_000).await;
        let entries = all.unwrap().into_iter().map(|(_, entry)| entry);
        let revoked = entries.filter(|entry| entry.action == "access.revoked");
        revoked.map(|entry| (entry.target_id, entry.scope.unwrap(), entry.after.unwrap())).collect()
    }
}
