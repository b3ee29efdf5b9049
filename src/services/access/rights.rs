//! What one person may do in one place of the roster, now: for everything that is not hearing a channel.

use chrono::{DateTime, Utc};

use super::{Gathered, Known, Result};
use crate::{
    domain::{
        access::{self, Decision, Facts, Topic, capability::Capability},
        fact::Actor,
        roster::{Person, Place, PlaceId, Role},
    },
    ids::UserId,
    services::LiveApp,
};

/// A person, a place and a moment, with the facts that decide what they may do there.
#[derive(Debug)]
pub struct Rights {
    user: UserId,
    place: PlaceId,
    gathered: Gathered,
    now: DateTime<Utc>,
}

impl Rights {
    /// Judges whether they have a capability, by the same rules as channels: the account, blocks, enrollments that count now,
    /// the class, exceptions of the course.
    #[must_use]
    pub fn decide(&self, capability: Capability) -> Decision {
        access::may(Some(&self.user), (&self.place, capability), self.facts(), self.now)
    }

    /// Tells whether they have a capability.
    #[must_use]
    pub fn may(&self, capability: Capability) -> bool {
        self.decide(capability).allow
    }

    /// Tells whether they have a capability as an admin alone, who takes no part there otherwise.
    #[must_use]
    pub fn may_only_as_admin(&self, capability: Capability) -> bool {
        let judge = |facts: Facts<'_>| access::may(Some(&self.user), (&self.place, capability), facts, self.now);
        access::only_as_admin(self.facts(), judge)
    }

    /// The greatest of the roles that they have there now.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        access::role_in(&self.user, &self.place, self.facts(), self.now)
    }

    /// The person, if the roster knows them.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        self.gathered.known.as_deref().and_then(Known::person)
    }

    /// The place, if the roster has it.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.gathered.place.as_deref()
    }

    /// The person as those see them who hear of what they do.
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.user, self.person(), self.role())
    }

    fn facts(&self) -> Facts<'_> {
        let known = self.gathered.known.as_deref();
        Facts {
            standing: known.and_then(|known| known.standing.as_ref()),
            place: self.gathered.place.as_deref(),
            courses: &[],
            blocks: known.map_or(&[], |known| &known.blocks),
            is_channel_blocked: false,
            chat: None,
        }
    }
}

impl Known {
    pub(super) fn person(&self) -> Option<&Person> {
        self.standing.as_ref().map(|standing| &standing.person)
    }
}

/// Whoever the roster does not know goes by their id.
pub(super) fn actor(user: &UserId, person: Option<&Person>, role: Option<Role>) -> Actor {
    let name = person.map_or_else(|| user.to_string(), |person| person.name.clone());
    Actor { id: user.to_string(), name, role }
}

impl LiveApp {
    /// Finds out what a person may do in a place. From memory, mostly.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn rights(&self, user: &UserId, place: &PlaceId, now: DateTime<Utc>) -> Result<Rights> {
        let app = self.app();
        let gathered = self.access.gather(&app.id, (Some(user), &Topic::of(place)), now).await?;
        Ok(Rights { user: user.clone(), place: place.clone(), gathered, now })
    }

    /// A person as others see them who hear of what they do, where no place is concerned.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn actor(&self, user: &UserId, now: DateTime<Utc>) -> Result<Actor> {
        let app = self.app();
        let gathered = self.access.gather(&app.id, (Some(user), &Topic::User(user.clone())), now).await?;
        Ok(actor(user, gathered.known.as_deref().and_then(Known::person), None))
    }
}
