//! The decision itself, in a fixed order: person, channel, block, object, enrollment, class, role.

mod chat;

use chrono::{DateTime, Utc};

pub use self::chat::{may_in_chat, role_in_chat};

use super::{
    Decision, Facts, Reason, Step, Topic,
    capability::{Capability, Held, Part, Usually},
};
use crate::{
    domain::{
        block::BlockScope,
        roster::{Course, Enrollment, Place, PlaceId, Role, Standing, Status, Visibility},
    },
    ids::{ExternalId, UserId},
};

/// Decides whether `subject` may hear `topic` at the time `now`. `None` = nobody is known to be asking.
#[must_use]
pub fn decide(subject: Option<&UserId>, topic: &Topic, facts: Facts<'_>, now: DateTime<Utc>) -> Decision {
    Judge { subject, topic, facts, now, steps: Vec::with_capacity(5) }.conclude(Judge::topic)
}

/// Decides whether `subject` has a capability in a place at the time `now`; `facts.place` must be that place. An org lends
/// the capabilities of the role that a person has in it.
#[must_use]
pub fn may(
    subject: Option<&UserId>,
    (place, capability): (&PlaceId, Capability),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Decision {
    let topic = Topic::of(place);
    let judge = Judge { subject, topic: &topic, facts, now, steps: Vec::with_capacity(5) };
    judge.conclude(|judge| match place {
        PlaceId::Org(org) => judge.in_org(org, capability),
        PlaceId::Course(_) | PlaceId::Class(_) | PlaceId::Chapter(_) => judge.in_course(capability),
    })
}

/// The greatest of the roles that somebody has in a place at the time `now`; `facts.place` must be that place.
#[must_use]
pub fn role_in(subject: &UserId, place: &PlaceId, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Role> {
    let topic = Topic::of(place);
    let mut judge = Judge { subject: Some(subject), topic: &topic, facts, now, steps: Vec::new() };
    judge.person().and_then(|()| judge.ban()).ok()?;
    let (standing, found) = (facts.standing?, facts.place?);
    let Some(course) = &found.course else {
        let PlaceId::Org(org) = place else { return None };
        return standing.person.org_role.filter(|_| standing.person.org.as_ref() == Some(org));
    };
    let (counting, _) = judge.counting(standing, course);
    counting.into_iter().map(|entry| entry.role).max_by_key(|role| role.rank())
}

fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.into_iter().chain(other).min()
}

struct Grant {
    reason: Reason,
    detail: String,
    role: Option<Role>,
    enrollment: Option<ExternalId>,
    /// First moment in which it ends.
    until: Option<DateTime<Utc>>,
}

impl Grant {
    const fn plain(reason: Reason, detail: String) -> Self {
        Self { reason, detail, role: None, enrollment: None, until: None }
    }
}

struct Denial {
    reason: Reason,
    detail: String,
    role: Option<Role>,
    enrollment: Option<ExternalId>,
    /// Nothing else can let the person in: neither a guest's rights nor the course being public.
    is_final: bool,
}

impl Denial {
    const fn plain(reason: Reason, detail: String) -> Self {
        Self { reason, detail, role: None, enrollment: None, is_final: false }
    }

    fn of(enrollment: &Enrollment, reason: Reason, detail: String) -> Self {
        let (role, enrollment) = (Some(enrollment.role), Some(enrollment.id.clone()));
        Self { reason, detail, role, enrollment, is_final: false }
    }

    /// How far the enrollment came: of several, the one that came furthest is told about.
    const fn rank(&self) -> u8 {
        match self.reason {
            Reason::WrongRole => 6,
            Reason::CourseArchived => 5,
            Reason::WrongClass => 4,
            Reason::Ended => 3,
            Reason::NotStarted => 2,
            Reason::EnrollmentInactive => 1,
            _ => 0,
        }
    }
}

/// A role that counts in the course now.
struct Counting<'a> {
    role: Role,
    enrollment: Option<&'a Enrollment>,
    until: Option<DateTime<Utc>>,
}

struct Judge<'a> {
    subject: Option<&'a UserId>,
    topic: &'a Topic,
    facts: Facts<'a>,
    now: DateTime<Utc>,
    steps: Vec<Step>,
}

impl<'a> Judge<'a> {
    /// The decision: first about the person, then about blocks of what it is about, then by a rule.
    fn conclude(mut self, rule: impl FnOnce(&mut Self) -> Result<Grant, Denial>) -> Decision {
        let verdict = self.person().and_then(|()| self.ban()).and_then(|()| rule(&mut self));
        let off = self.facts.standing.and_then(|standing| standing.person.deactivated_at);
        let steps = self.steps;
        match verdict {
            Ok(Grant { reason, detail, role, enrollment, until }) => {
                let not_after = earlier(until, off);
                Decision { allow: true, reason, detail, role, enrollment, not_after, steps }
            }
            Err(Denial { reason, detail, role, enrollment, .. }) => {
                Decision { allow: false, reason, detail, role, enrollment, not_after: None, steps }
            }
        }
    }

    fn step(&mut self, check: &'static str, passed: bool, detail: String) {
        self.steps.push(Step { check, passed, detail });
    }

    fn has_begun(&self, begin: Option<DateTime<Utc>>) -> bool {
        begin.is_none_or(|begin| begin <= self.now)
    }

    fn has_come(&self, moment: Option<DateTime<Utc>>) -> bool {
        moment.is_some_and(|moment| moment <= self.now)
    }

    /// Is the person blocked or switched off?
    fn person(&mut self) -> Result<(), Denial> {
        let Some(subject) = self.subject else {
            self.step("person", true, "nobody is known to be asking".to_owned());
            return Ok(());
        };
        if self.is_blocked(|scope| *scope == BlockScope::All) {
            let detail = format!("user '{subject}' is blocked");
            self.step("block", false, detail.clone());
            return Err(Denial::plain(Reason::Blocked, detail));
        }
        if self.facts.standing.is_some_and(|standing| self.has_come(standing.person.deactivated_at)) {
            let detail = format!("the account of user '{subject}' is switched off");
            self.step("person", false, detail.clone());
            return Err(Denial::plain(Reason::UserDeactivated, detail));
        }
        let known = if self.facts.standing.is_some() { "known" } else { "not known" };
        self.step("person", true, format!("user '{subject}' is {known} to the roster"));
        Ok(())
    }

    fn is_blocked(&self, matches: impl Fn(&BlockScope) -> bool) -> bool {
        self.facts.blocks.iter().any(|block| block.is_active(self.now) && matches(&block.scope))
    }

    /// Is there a block of the course, the class or the channel?
    fn ban(&mut self) -> Result<(), Denial> {
        let place = self.facts.place;
        let course = place.and_then(|place| place.course.as_ref());
        let class = place.and_then(|place| place.class.as_ref());
        let of_place = self.is_blocked(|scope| match scope {
            BlockScope::All | BlockScope::Channel(_) => false,
            BlockScope::Course(id) => course.is_some_and(|course| course.id == *id),
            BlockScope::Class(id) => class.is_some_and(|class| class.id == *id),
        });
        if !of_place && !self.facts.is_channel_blocked {
            return Ok(());
        }
        let detail = format!("a block keeps this person from {}", self.topic);
        self.step("block", false, detail.clone());
        Err(Denial::plain(Reason::Banned, detail))
    }

    fn topic(&mut self) -> Result<Grant, Denial> {
        let unruled = match self.topic {
            Topic::Custom => Some("no rule covers this channel; the app setting channel_routes can give it one"),
            Topic::Thread(_) => Some("threads have no rules yet; the app setting channel_routes can name some"),
            Topic::Document(_) => Some("documents have no rules yet; the app setting channel_routes can name some"),
            Topic::Job(_) => Some("jobs have no rules yet; the app setting channel_routes can name some"),
            _ => None,
        };
        if let Some(why) = unruled {
            self.step("channel", false, why.to_owned());
            return Err(Denial::plain(Reason::UnknownChannel, why.to_owned()));
        }
        self.step("channel", true, format!("the channel is {}", self.topic));
        let topic = self.topic;
        match topic {
            Topic::Notices | Topic::Public => Ok(Grant::plain(Reason::Public, "everybody may".to_owned())),
            Topic::Platform | Topic::SignedIn => {
                let subject = self.identified()?;
                Ok(Grant::plain(Reason::SignedIn, format!("user '{subject}' is signed in")))
            }
            Topic::User(owner) => self.own(owner),
            Topic::Role(role) => self.holder(*role, None),
            Topic::OrgRole(org, role) => self.holder(*role, Some(org)),
            Topic::Org(org) => self.org(org),
            Topic::Chat(_) => self.chat(Capability::HearChat),
            _ => match topic.needs() {
                Some(needs) => self.in_course(needs),
                None => Err(Denial::plain(Reason::UnknownChannel, "no rule covers this channel".to_owned())),
            },
        }
    }

    fn identified(&mut self) -> Result<&'a UserId, Denial> {
        if let Some(subject) = self.subject {
            return Ok(subject);
        }
        let detail = "sign in first: it is not known who is asking".to_owned();
        self.step("person", false, detail.clone());
        Err(Denial::plain(Reason::NotIdentified, detail))
    }

    fn known(&mut self) -> Result<&'a Standing, Denial> {
        let subject = self.identified()?;
        if let Some(standing) = self.facts.standing {
            return Ok(standing);
        }
        let detail = format!("the roster does not know user '{subject}'");
        self.step("person", false, detail.clone());
        Err(Denial::plain(Reason::UnknownUser, detail))
    }

    fn own(&mut self, owner: &UserId) -> Result<Grant, Denial> {
        let subject = self.identified()?;
        let passed = subject == owner;
        let detail = if passed { "it is one's own channel" } else { "it is the channel of another user" };
        self.step("person", passed, detail.to_owned());
        if passed {
            return Ok(Grant::plain(Reason::Own, detail.to_owned()));
        }
        Err(Denial::plain(Reason::NotYours, detail.to_owned()))
    }

    fn org(&mut self, org: &ExternalId) -> Result<Grant, Denial> {
        let standing = self.known()?;
        self.object()?;
        let passed = standing.person.org.as_ref() == Some(org);
        let verb = if passed { "belongs" } else { "does not belong" };
        let detail = format!("user '{}' {verb} to org '{org}'", standing.person.id);
        self.step("person", passed, detail.clone());
        if passed {
            return Ok(Grant { role: standing.person.org_role, ..Grant::plain(Reason::OrgMember, detail) });
        }
        Err(Denial::plain(Reason::NotEnrolled, detail))
    }

    /// Does the roster have what the channel belongs to?
    fn object(&mut self) -> Result<&'a Place, Denial> {
        if let Some(place) = self.facts.place {
            return Ok(place);
        }
        // Whoever is not known must not learn what is there and what is not.
        self.identified()?;
        let (kind, id) = match self.topic.place() {
            Some(PlaceId::Org(id)) => ("org", id),
            Some(PlaceId::Course(id)) => ("course", id),
            Some(PlaceId::Class(id)) => ("class", id),
            Some(PlaceId::Chapter(id)) => ("chapter", id),
            None => return Err(Denial::plain(Reason::UnknownChannel, "no rule covers this channel".to_owned())),
        };
        let detail = format!("the roster has no {kind} '{id}'");
        self.step("object", false, detail.clone());
        Err(Denial::plain(Reason::ObjectDeleted, detail))
    }

    /// Does the person hold the role, in the org if one is named?
    fn holder(&mut self, role: Role, org: Option<&ExternalId>) -> Result<Grant, Denial> {
        let standing = self.known()?;
        if org.is_some() {
            self.object()?;
        }
        let person = &standing.person;
        if person.org_role == Some(role) && (org.is_none() || person.org.as_ref() == org) {
            let detail = format!("user '{}' is {role} of the org", person.id);
            self.step("role", true, detail.clone());
            return Ok(Grant { role: Some(role), ..Grant::plain(Reason::HoldsRole, detail) });
        }
        let course = |id: &ExternalId| {
            let courses = self.facts.courses.iter().filter_map(|place| place.course.as_ref());
            courses.into_iter().find(|course| course.id == *id && (org.is_none() || course.org.as_ref() == org))
        };
        let with_role = standing.enrollments.iter().filter(|enrollment| enrollment.role == role);
        let held: Vec<_> = with_role
            .filter_map(|enrollment| Some((enrollment, self.counts(enrollment, course(&enrollment.course)?).ok()?)))
            .collect();
        let longest = held.into_iter().max_by_key(|(_, until)| until.unwrap_or(DateTime::<Utc>::MAX_UTC));
        if let Some((enrollment, until)) = longest {
            let detail = format!("enrollment '{}' makes user '{}' {role}", enrollment.id, person.id);
            self.step("role", true, detail.clone());
            let (role, enrollment) = (Some(role), Some(enrollment.id.clone()));
            return Ok(Grant { reason: Reason::HoldsRole, detail, role, enrollment, until });
        }
        let detail = format!("user '{}' is no {role} now", person.id);
        self.step("role", false, detail.clone());
        Err(Denial::plain(Reason::WrongRole, detail))
    }

    /// Does the person's role in the org have the capability?
    fn in_org(&mut self, org: &ExternalId, needs: Capability) -> Result<Grant, Denial> {
        let membership = self.org(org)?;
        let role = membership.role.filter(|role| needs.held_by(*role, &[]) == Held::Yes);
        let detail = if role.is_some() { "the role in the org has it" } else { "no role in the org that has it" };
        let detail = format!("{}: {detail}", needs.name());
        self.step("role", role.is_some(), detail.clone());
        if role.is_some() {
            return Ok(Grant { reason: Reason::HoldsRole, detail, ..membership });
        }
        Err(Denial { role: membership.role, ..Denial::plain(Reason::WrongRole, detail) })
    }

    fn in_course(&mut self, needs: Capability) -> Result<Grant, Denial> {
        let place = self.object()?;
        let Some(course) = place.course.as_ref() else {
            return Err(Denial::plain(Reason::UnknownChannel, "no rule covers this channel".to_owned()));
        };
        self.step("object", true, format!("it belongs to course '{}'", course.id));
        let denial = match self.as_member(course, needs) {
            Ok(grant) => return Ok(grant),
            Err(denial) if denial.is_final => return Err(denial),
            Err(denial) => denial,
        };
        self.as_onlooker(place, course, needs).ok_or(denial)
    }

    /// By an enrollment, or as admin of the org. Each is judged by itself; their rights are never added up.
    fn as_member(&mut self, course: &Course, needs: Capability) -> Result<Grant, Denial> {
        let standing = self.known()?;
        let (counting, denial) = self.counting(standing, course);
        if counting.is_empty() {
            return Err(denial.unwrap_or_else(|| self.stranger(standing, course)));
        }
        self.by_role(course, needs, &counting)
    }

    /// The roles that count in the course now, and of the enrollments that do not count the one that came furthest.
    fn counting(&mut self, standing: &'a Standing, course: &Course) -> (Vec<Counting<'a>>, Option<Denial>) {
        let mut counting = Vec::with_capacity(2);
        let mut denial: Option<Denial> = None;
        for enrollment in standing.enrollments.iter().filter(|enrollment| enrollment.course == course.id) {
            match self.counts(enrollment, course) {
                Ok(until) => {
                    let detail = format!("enrollment '{}' as {} is active", enrollment.id, enrollment.role);
                    self.step("enrollment", true, detail);
                    counting.push(Counting { role: enrollment.role, enrollment: Some(enrollment), until });
                }
                Err((reason, detail)) => {
                    self.step("enrollment", false, detail.clone());
                    let found = Denial::of(enrollment, reason, detail);
                    if denial.as_ref().is_none_or(|before| before.rank() < found.rank()) {
                        denial = Some(found);
                    }
                }
            }
        }
        if standing.person.org_role == Some(Role::Admin) && standing.person.org == course.org {
            self.step("role", true, format!("user '{}' administers the org of the course", standing.person.id));
            counting.push(Counting { role: Role::Admin, enrollment: None, until: None });
        }
        (counting, denial)
    }

    fn stranger(&mut self, standing: &Standing, course: &Course) -> Denial {
        let detail = format!("user '{}' is not enrolled in course '{}'", standing.person.id, course.id);
        self.step("enrollment", false, detail.clone());
        Denial::plain(Reason::NotEnrolled, detail)
    }

    /// Whether an enrollment counts here and now, and until when; or why not.
    fn counts(&self, enrollment: &Enrollment, course: &Course) -> Result<Option<DateTime<Utc>>, (Reason, String)> {
        let Enrollment { id, role, status, class, .. } = enrollment;
        let refuse = |reason, detail| Err((reason, detail));
        if *status != Status::Active {
            return refuse(Reason::EnrollmentInactive, format!("enrollment '{id}' is {status}"));
        }
        if let Some(begin) = enrollment.begin_at.filter(|begin| !self.has_begun(Some(*begin))) {
            return refuse(Reason::NotStarted, format!("enrollment '{id}' begins at {begin}"));
        }
        if let Some(end) = enrollment.end_at.filter(|end| self.has_come(Some(*end))) {
            return refuse(Reason::Ended, format!("enrollment '{id}' ended at {end}"));
        }
        if let Some(start) = course.starts_at.filter(|start| !self.has_begun(Some(*start))) {
            return refuse(Reason::NotStarted, format!("course '{}' begins at {start}", course.id));
        }
        if let Some(end) = course.ends_at.filter(|end| self.has_come(Some(*end))) {
            return refuse(Reason::Ended, format!("course '{}' ended at {end}", course.id));
        }
        let asked = self.facts.place.and_then(|place| place.class.as_ref());
        if let Some(other) = asked.filter(|asked| enrollment.limit_to_class && class.as_ref() != Some(&asked.id)) {
            let detail = format!("enrollment '{id}' is limited to its own class, which is not '{}'", other.id);
            return refuse(Reason::WrongClass, detail);
        }
        let archived = course.archived_at.filter(|_| !role.is_staff());
        if self.has_come(archived) {
            return refuse(Reason::CourseArchived, format!("course '{}' is archived", course.id));
        }
        Ok(earlier(earlier(enrollment.end_at, course.ends_at), archived))
    }

    /// By the table of capabilities and the course's exceptions from it.
    fn by_role(&mut self, course: &Course, needs: Capability, counting: &[Counting<'_>]) -> Result<Grant, Denial> {
        let held = |entry: &&Counting<'_>| needs.held_by(entry.role, &course.overrides);
        let of = |entry: &Counting<'_>| entry.enrollment.map(|enrollment| enrollment.id.clone());
        if let Some(entry) = counting.iter().find(|entry| held(entry) == Held::Prohibited) {
            let detail = format!("course '{}' prohibits '{}' to a {}", course.id, needs.name(), entry.role);
            self.step("role", false, detail.clone());
            let (role, enrollment) = (Some(entry.role), of(entry));
            return Err(Denial { reason: Reason::WrongRole, detail, role, enrollment, is_final: true });
        }
        let allowed = counting.iter().filter(|entry| held(entry) == Held::Yes);
        if let Some(entry) = allowed.max_by_key(|entry| entry.until.unwrap_or(DateTime::<Utc>::MAX_UTC)) {
            let reason = if entry.enrollment.is_some() { Reason::Enrolled } else { Reason::OrgAdmin };
            let detail = format!("a {} may '{}' in course '{}'", entry.role, needs.name(), course.id);
            self.step("role", true, detail.clone());
            let (role, enrollment, until) = (Some(entry.role), of(entry), entry.until);
            return Ok(Grant { reason, detail, role, enrollment, until });
        }
        let roles: Vec<_> = counting.iter().map(|entry| entry.role.name()).collect();
        let detail = format!("{}: not for the role {}", self.topic, roles.join(", "));
        self.step("role", false, detail.clone());
        let first = counting.first();
        let (role, enrollment) = (first.map(|entry| entry.role), first.and_then(of));
        Err(Denial { reason: Reason::WrongRole, detail, role, enrollment, is_final: false })
    }

    /// Without a part in the course: as a guest of a class, or because the course can be looked into.
    fn as_onlooker(&mut self, place: &Place, course: &Course, needs: Capability) -> Option<Grant> {
        let open = self.has_begun(course.starts_at) && !self.has_come(course.ends_at);
        if !open || self.has_come(course.archived_at) {
            return None;
        }
        let until = earlier(course.ends_at, course.archived_at);
        let is_guest = place.class.as_ref().is_some_and(|class| class.guests);
        if is_guest && needs.usually(Part::Guest) == Usually::Yes {
            let detail = "the class takes guests".to_owned();
            self.step("object", true, detail.clone());
            return Some(Grant { until, ..Grant::plain(Reason::Guest, detail) });
        }
        if needs != Capability::HearChapter {
            return None;
        }
        let person = self.facts.standing.map(|standing| &standing.person);
        let reason = match course.visibility {
            Visibility::Public => Reason::Public,
            Visibility::Org if course.org.is_some() && person?.org == course.org => Reason::OrgMember,
            Visibility::Org | Visibility::Enrolled => return None,
        };
        let detail = format!("course '{}' may be looked into ({})", course.id, course.visibility);
        self.step("object", true, detail.clone());
        Some(Grant { until, ..Grant::plain(reason, detail) })
    }
}
