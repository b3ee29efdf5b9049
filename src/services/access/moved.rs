//! Of whom others may see something else because the roster has changed: they are looked at by `services::presence`.

use std::collections::HashSet;

use crate::{
    domain::roster::{Change, Kind},
    services::LiveApp,
};

impl LiveApp {
    /// Has looked at whom changes of the roster concern: the people whom they name, and of courses those who are in them, or may be
    /// as far as is in memory.
    pub(super) fn suspect_people(&self, changes: &[Change]) {
        let of = |kind: Kind| changes.iter().filter(move |change| change.kind == kind);
        self.presence.note_changed_people(of(Kind::User).filter_map(|change| change.user.as_ref()));
        self.presence.suspect(of(Kind::Enrollment).filter_map(|change| change.user.as_ref()));
        let courses: HashSet<&str> = of(Kind::Course).map(|change| change.id.as_str()).collect();
        if courses.is_empty() {
            return;
        }
        let mut people = self.presence.everybody();
        people.retain(|user| {
            let Some(known) = self.access.people.peek(user) else { return true };
            let standing = known.as_ref().and_then(|known| known.standing.as_ref());
            standing.is_some_and(|it| it.enrollments.iter().any(|one| courses.contains(one.course.as_str())))
        });
        self.presence.suspect(people.iter());
    }
}
