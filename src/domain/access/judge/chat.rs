//! Chats: of a course or class by its roles, of a group or of two people by who belongs to it.

use super::{
    Capability, DateTime, Decision, Denial, ExternalId, Facts, Grant, Judge, PlaceId, Reason, Role, Topic, UserId, Utc,
    role_in,
};
use crate::domain::{
    chat::{Circle, Part},
    moderation::Measure,
};

/// Decides whether `subject` has a capability in a chat at the time `now`; `facts` must be about that chat.
#[must_use]
pub fn may_in_chat(
    subject: &UserId,
    (chat, capability): (&ExternalId, Capability),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Decision {
    let topic = Topic::Chat(chat.clone());
    let judge = Judge { subject: Some(subject), topic: &topic, facts, now, steps: Vec::with_capacity(5) };
    judge.conclude(|judge| judge.chat(capability))
}

/// The role that somebody has where a chat belongs to, or in their org; `facts` must be about that chat.
#[must_use]
pub fn role_in_chat(subject: &UserId, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Role> {
    match facts.chat.and_then(|circle| circle.chat.place()) {
        Some(place @ (PlaceId::Course(_) | PlaceId::Class(_))) => role_in(subject, &place, facts, now),
        _ => facts.standing.and_then(|standing| standing.person.org_role),
    }
}

impl Judge<'_> {
    pub(super) fn chat(&mut self, needs: Capability) -> Result<Grant, Denial> {
        let subject = self.identified()?;
        let Some(circle) = self.facts.chat else { return Err(self.no_chat()) };
        if circle.sanction(subject, Measure::Ban, self.now).is_some() {
            let detail = format!("user '{subject}' is banned from {}", self.topic);
            self.step("block", false, detail.clone());
            return Err(Denial::plain(Reason::Banned, detail));
        }
        if circle.chat.kind.is_of_a_place() {
            return self.in_place_of_chat(needs);
        }
        let member = self.member(circle, subject, needs)?;
        if circle.chat.course.is_none() {
            return Ok(member);
        }
        // Whoever is dropped from the course is out of its groups too.
        self.in_place_of_chat(needs)
    }

    fn no_chat(&mut self) -> Denial {
        let detail = format!("there is no {}", self.topic);
        self.step("object", false, detail.clone());
        Denial::plain(Reason::ObjectDeleted, detail)
    }

    fn in_place_of_chat(&mut self, needs: Capability) -> Result<Grant, Denial> {
        if self.facts.place.is_none() {
            return Err(self.no_chat());
        }
        self.in_course(needs)
    }

    /// By belonging to a group or a pair. What needs a role there is the owner's, unless the course says who has it.
    fn member(&mut self, circle: &Circle, subject: &UserId, needs: Capability) -> Result<Grant, Denial> {
        let standing = self.known()?;
        let Some(membership) = circle.members.get(subject) else {
            let detail = format!("user '{subject}' does not belong to {}", self.topic);
            self.step("member", false, detail.clone());
            return Err(Denial::plain(Reason::NotEnrolled, detail));
        };
        let everybodys = matches!(needs, Capability::HearChat | Capability::ChatPost);
        let owners = matches!(needs, Capability::ChatModerate | Capability::ChatControl);
        let passed = everybodys || circle.chat.course.is_some() || (owners && membership.part == Part::Owner);
        let detail = format!("user '{subject}' is {} of {}", membership.part, self.topic);
        self.step("member", passed, detail.clone());
        if passed {
            return Ok(Grant { role: standing.person.org_role, ..Grant::plain(Reason::Member, detail) });
        }
        let detail = format!("'{}' is for the owner of {}", needs.name(), self.topic);
        Err(Denial::plain(Reason::WrongPart, detail))
    }
}
