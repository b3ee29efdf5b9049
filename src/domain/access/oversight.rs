//! Who looks into what is not theirs: admins may, and it stands in the audit.

use super::{Decision, Facts};
use crate::domain::roster::Role;

/// Tells whether somebody may do something as an admin alone: without that role, in the org or by an enrollment, they might
/// not. `judge` decides by the facts that it is given.
#[must_use]
pub fn only_as_admin(facts: Facts<'_>, judge: impl Fn(Facts<'_>) -> Decision) -> bool {
    let decision = judge(facts);
    let Some(standing) = facts.standing.filter(|_| decision.allow && decision.role == Some(Role::Admin)) else {
        return false;
    };
    let mut otherwise = standing.clone();
    otherwise.person.org_role = otherwise.person.org_role.filter(|role| *role != Role::Admin);
    otherwise.enrollments.retain(|enrollment| enrollment.role != Role::Admin);
    !judge(Facts { standing: Some(&otherwise), ..facts }).allow
}
