//! Who shall be reached: a person, a class, a course, everybody with a role, an org, or all.
//!
//! Only names; who that is, the roster says when something is sent. An audience that is whole (nobody left out, no role
//! picked) hears certain topics, which is how many are told at the price of one. Others may hear those topics too without being
//! meant: observers, and whoever administers the org.

use std::{fmt, str::FromStr};

use super::{
    access::{Topic, capability::Capability},
    roster::{PlaceId, Role, words},
};
use crate::ids::{self, ExternalId, UserId};

/// Most classes, courses or orgs of one audience.
pub const PLACES_MAX: usize = 100;

/// Most people that one audience may name, to be reached or to be left out.
pub const PEOPLE_MAX: usize = 1_000;

words! {
    /// How an audience is described.
    AudienceType("audience type") {
        /// People, by id.
        User "user",
        /// Everybody with one of some roles, on the platform or in some orgs.
        Role "role",
        /// Who is enrolled in some classes, or in their courses without a class; not to observe only.
        Class "class",
        /// Who is enrolled in some courses; not to observe only.
        Course "course",
        /// Who belongs to some orgs.
        Org "org",
        /// Everybody in the roster.
        All "all",
    }
}

/// What is sent to an audience: each has capabilities of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// A notification.
    Notification,
    /// An event.
    Broadcast,
}

/// Whom an audience is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// These people.
    Users(Vec<UserId>),
    /// Who holds a role: in these orgs, or anywhere if there are none.
    RoleIn(Vec<ExternalId>),
    /// Who is enrolled in these classes.
    Classes(Vec<ExternalId>),
    /// Who is enrolled in these courses.
    Courses(Vec<ExternalId>),
    /// Who belongs to these orgs.
    Orgs(Vec<ExternalId>),
    /// Everybody in the roster.
    All,
}

/// Who shall be reached. Nobody twice, however often they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Whom it is made of.
    pub whom: Whom,
    /// Only people with one of these roles; empty = whatever their role, but in classes and courses no mere observers.
    pub roles: Vec<Role>,
    /// Without these people.
    pub exclude: Vec<UserId>,
}

/// Why an audience is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// One of the ids is none.
    #[error("{source}")]
    Id {
        /// Which field: `ids` or `exclude`.
        field: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        source: ids::Error,
    },
    /// Nobody is named.
    #[error("an audience of the type '{0}' names whom: 'ids' must not be empty")]
    NoIds(AudienceType),
    /// Ids where there must be none.
    #[error("an audience of the type 'all' has no 'ids'")]
    Ids,
    /// More than may be named.
    #[error("at most {max} may be named, these are {got}")]
    TooMany {
        /// Which field: `ids` or `exclude`.
        field: &'static str,
        /// How many may be.
        max: usize,
        /// How many there are.
        got: usize,
    },
    /// No role where one is asked for.
    #[error("an audience of the type 'role' names at least one role: student, assistant, instructor, admin, observer")]
    NoRoles,
    /// Roles where there must be none.
    #[error("an audience of the type '{0}' has no 'roles'; the type 'role' has")]
    Roles(AudienceType),
}

impl AudienceError {
    /// The field that is wrong, as a JSON pointer below the audience.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::Id { field, index, .. } => format!("/{field}/{index}"),
            Self::TooMany { field, .. } => format!("/{field}"),
            Self::NoIds(_) | Self::Ids => "/ids".to_owned(),
            Self::NoRoles | Self::Roles(_) => "/roles".to_owned(),
        }
    }
}

fn parsed<T: FromStr<Err = ids::Error> + Ord>(field: &'static str, texts: &[String]) -> Result<Vec<T>, AudienceError> {
    let read =
        |(index, text): (usize, &String)| text.parse().map_err(|source| AudienceError::Id { field, index, source });
    let mut found = texts.iter().enumerate().map(read).collect::<Result<Vec<T>, _>>()?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn bounded(field: &'static str, texts: &[String], max: usize) -> Result<(), AudienceError> {
    let got = texts.len();
    if got > max { Err(AudienceError::TooMany { field, max, got }) } else { Ok(()) }
}

impl Audience {
    /// Reads an audience from its four fields. Whatever is named twice counts once.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(
        kind: AudienceType,
        ids: &[String],
        roles: &[Role],
        exclude: &[String],
    ) -> Result<Self, AudienceError> {
        use AudienceType as T;
        bounded("ids", ids, if kind == T::User { PEOPLE_MAX } else { PLACES_MAX })?;
        bounded("exclude", exclude, PEOPLE_MAX)?;
        match kind {
            T::All if !ids.is_empty() => return Err(AudienceError::Ids),
            T::User | T::Class | T::Course | T::Org if ids.is_empty() => return Err(AudienceError::NoIds(kind)),
            T::Role if roles.is_empty() => return Err(AudienceError::NoRoles),
            T::User | T::All if !roles.is_empty() => return Err(AudienceError::Roles(kind)),
            _ => {}
        }
        let whom = match kind {
            T::User => Whom::Users(parsed("ids", ids)?),
            T::Role => Whom::RoleIn(parsed("ids", ids)?),
            T::Class => Whom::Classes(parsed("ids", ids)?),
            T::Course => Whom::Courses(parsed("ids", ids)?),
            T::Org => Whom::Orgs(parsed("ids", ids)?),
            T::All => Whom::All,
        };
        let mut roles = roles.to_vec();
        roles.sort();
        roles.dedup();
        Ok(Self { whom, roles, exclude: parsed("exclude", exclude)? })
    }

    /// One person.
    #[must_use]
    pub fn person(user: UserId) -> Self {
        Self { whom: Whom::Users(vec![user]), roles: Vec::new(), exclude: Vec::new() }
    }

    /// How it is described.
    #[must_use]
    pub const fn kind(&self) -> AudienceType {
        match self.whom {
            Whom::Users(_) => AudienceType::User,
            Whom::RoleIn(_) => AudienceType::Role,
            Whom::Classes(_) => AudienceType::Class,
            Whom::Courses(_) => AudienceType::Course,
            Whom::Orgs(_) => AudienceType::Org,
            Whom::All => AudienceType::All,
        }
    }

    /// The ids that it names.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        match &self.whom {
            Whom::Users(users) => users.iter().map(UserId::as_str).collect(),
            Whom::RoleIn(ids) | Whom::Classes(ids) | Whom::Courses(ids) | Whom::Orgs(ids) => {
                ids.iter().map(ExternalId::as_str).collect()
            }
            Whom::All => Vec::new(),
        }
    }

    /// Roles of which a person has one who is meant in a class or course: those that are named, else all that take part.
    #[must_use]
    pub fn roles_taking_part(&self) -> Vec<Role> {
        if !self.roles.is_empty() {
            return self.roles.clone();
        }
        Role::ALL.iter().copied().filter(|role| *role != Role::Observer).collect()
    }

    /// The topics that all of these people may hear; `None` when no topics fit and each person has to be told apart.
    #[must_use]
    pub fn topics(&self) -> Option<Vec<Topic>> {
        if !self.exclude.is_empty() {
            return None;
        }
        let of = |ids: &[ExternalId], topic: fn(ExternalId) -> Topic| ids.iter().cloned().map(topic).collect();
        let by_role = |orgs: &[ExternalId]| {
            let pairs = orgs.iter().flat_map(|org| self.roles.iter().map(|role| Topic::OrgRole(org.clone(), *role)));
            pairs.collect()
        };
        match &self.whom {
            Whom::RoleIn(orgs) if orgs.is_empty() => Some(self.roles.iter().copied().map(Topic::Role).collect()),
            Whom::RoleIn(orgs) => Some(by_role(orgs)),
            Whom::All => Some(vec![Topic::Platform]),
            Whom::Classes(ids) if self.roles.is_empty() => Some(of(ids, Topic::Class)),
            Whom::Courses(ids) if self.roles.is_empty() => Some(of(ids, Topic::Course)),
            Whom::Orgs(ids) if self.roles.is_empty() => Some(of(ids, Topic::Org)),
            Whom::Users(_) | Whom::Classes(_) | Whom::Courses(_) | Whom::Orgs(_) => None,
        }
    }

    /// What a person needs to send to it, place by place; `None` = people may not, only programs.
    #[must_use]
    pub fn needs(&self, sending: Sending) -> Option<Vec<(PlaceId, Capability)>> {
        use Capability as C;
        let (class, course, org) = match sending {
            Sending::Notification => (C::NotifyClass, C::NotifyCourse, C::NotifyOrg),
            Sending::Broadcast => (C::BroadcastClass, C::BroadcastCourse, C::BroadcastOrg),
        };
        let each = |ids: &[ExternalId], place: fn(ExternalId) -> PlaceId, needs: Capability| {
            Some(ids.iter().map(|id| (place(id.clone()), needs)).collect())
        };
        match &self.whom {
            Whom::Classes(ids) => each(ids, PlaceId::Class, class),
            Whom::Courses(ids) => each(ids, PlaceId::Course, course),
            Whom::Orgs(ids) => each(ids, PlaceId::Org, org),
            Whom::RoleIn(ids) if !ids.is_empty() => each(ids, PlaceId::Org, org),
            Whom::RoleIn(_) | Whom::Users(_) | Whom::All => None,
        }
    }
}

/// As logs have it: `course:101,102`, `role:student`, `all`. What is left out is counted only.
impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        let ids = self.ids();
        if !ids.is_empty() {
            write!(f, ":{}", ids.join(","))?;
        }
        if !self.roles.is_empty() {
            let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
            write!(f, ":{}", roles.join(","))?;
        }
        if !self.exclude.is_empty() {
            write!(f, " without {}", self.exclude.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn audience(kind: AudienceType, ids: &[&str], roles: &[Role], exclude: &[&str]) -> Result<Audience, String> {
        Audience::parse(kind, &texts(ids), roles, &texts(exclude)).map_err(|error| error.pointer())
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_the_field_that_is_wrong() {
        use AudienceType as T;
        for (result, pointer) in [
            (audience(T::Course, &[], &[], &[]), "/ids"),
            (audience(T::All, &["1"], &[], &[]), "/ids"),
            (audience(T::Role, &[], &[], &[]), "/roles"),
            (audience(T::All, &[], &[Role::Student], &[]), "/roles"),
            (audience(T::User, &["7"], &[Role::Student], &[]), "/roles"),
            (audience(T::Course, &["1", "a.b"], &[], &[]), "/ids/1"),
            (audience(T::Course, &["1"], &[], &["7", ""]), "/exclude/1"),
        ] {
            assert_eq!(result, Err(pointer.to_owned()));
        }
    }

    #[test]
    fn as_many_as_the_limit_may_be_named_and_no_more() {
        let many = |count: usize| -> Vec<String> { (0..count).map(|number| number.to_string()).collect() };
        let parse = |kind, ids, exclude| Audience::parse(kind, &many(ids), &[], &many(exclude)).is_ok();
        for (kind, max) in [(AudienceType::Course, PLACES_MAX), (AudienceType::User, PEOPLE_MAX)] {
            assert!(parse(kind, max, PEOPLE_MAX));
            assert!(!parse(kind, max + 1, 0) && !parse(kind, 1, PEOPLE_MAX + 1));
        }
    }

    #[test]
    fn a_whole_audience_has_topics_and_a_part_of_it_has_none() {
        use AudienceType as T;
        let topics = |kind, ids: &[&str], roles: &[Role], exclude: &[&str]| {
            let topics = audience(kind, ids, roles, exclude).unwrap().topics();
            topics.map(|topics| topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        };
        let whole = [
            (topics(T::Course, &["2", "1", "2"], &[], &[]), "course '1', course '2'"),
            (topics(T::Class, &["1"], &[], &[]), "class '1'"),
            (topics(T::Org, &["1"], &[], &[]), "org '1'"),
            (topics(T::Role, &[], &[Role::Student], &[]), "role 'student'"),
            (topics(T::Role, &["o"], &[Role::Student], &[]), "role 'student' in org 'o'"),
            (topics(T::All, &[], &[], &[]), "presence on the platform"),
        ];
        for (found, expected) in whole {
            assert_eq!(found.as_deref(), Some(expected));
        }
        for part in [
            topics(T::User, &["7"], &[], &[]),
            topics(T::Course, &["1"], &[Role::Student], &[]),
            topics(T::Course, &["1"], &[], &["7"]),
            topics(T::All, &[], &[], &["7"]),
        ] {
            assert_eq!(part, None);
        }
    }

    #[test]
    fn people_may_reach_places_and_only_programs_may_reach_people_at_large() {
        use AudienceType as T;
        let needs = |kind, ids: &[&str], roles: &[Role], sending| {
            let needs = audience(kind, ids, roles, &[]).unwrap().needs(sending);
            needs.map(|needs| needs.iter().map(|(_, capability)| capability.name()).collect::<Vec<_>>())
        };
        assert_eq!(needs(T::Class, &["1"], &[], Sending::Broadcast), Some(vec!["broadcast.class"]));
        assert_eq!(needs(T::Course, &["1", "2"], &[], Sending::Notification), Some(vec!["notification.course"; 2]));
        assert_eq!(needs(T::Role, &["o"], &[Role::Student], Sending::Notification), Some(vec!["notification.org"]));
        for (kind, ids, roles) in [(T::User, &["7"][..], &[][..]), (T::Role, &[], &[Role::Student]), (T::All, &[], &[])]
        {
            assert_eq!(needs(kind, ids, roles, Sending::Notification), None);
        }
    }

    #[test]
    fn an_audience_is_told_in_one_line() {
        let of = audience(AudienceType::Course, &["101", "102"], &[Role::Student], &["7"]).unwrap();
        assert_eq!(of.to_string(), "course:101,102:student without 1");
        assert_eq!(audience(AudienceType::All, &[], &[], &[]).unwrap().to_string(), "all");
    }
}
