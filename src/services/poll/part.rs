//! In what part somebody has to do with a poll.

use super::{Acting, Error, Polls, Result};
use crate::{
    domain::{
        access::{Decision, Reason, capability::Capability},
        fact::Actor,
        poll::{Content, Poll, Refusal, Venue, Viewer},
        roster::{Place, PlaceId, Role},
    },
    ids::ExternalId,
    services::access::Rights,
};

/// Somebody at a place.
#[derive(Debug)]
pub(super) struct Part {
    /// What the person may do there; `None` = a program, which may what its scopes say.
    rights: Option<Rights>,
    /// The class takes guests.
    takes_guests: bool,
}

/// A poll and in what part the caller sees it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) poll: Poll,
    pub(super) part: Part,
}

impl Part {
    /// Tells whether they lead polls here.
    pub(super) fn may_host(&self) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.may(Capability::PollHost))
    }

    /// Checks that they lead polls here.
    pub(super) fn must_host(&self) -> Result<()> {
        self.must(Capability::PollHost)
    }

    /// Checks that they may do something here.
    pub(super) fn must(&self, capability: Capability) -> Result<()> {
        let Some(rights) = &self.rights else { return Ok(()) };
        allowed(rights.decide(capability))
    }

    /// Tells whether they may do something here as an admin alone, who takes no part otherwise.
    pub(super) fn may_only_as_admin(&self, capability: Capability) -> bool {
        self.rights.as_ref().is_some_and(|rights| rights.may_only_as_admin(capability))
    }

    /// Checks that they may vote here; tells whether as a guest.
    pub(super) fn must_vote(&self, poll: &Poll) -> Result<bool> {
        let Some(rights) = &self.rights else { return Err(Error::NotFound) };
        let decision = rights.decide(Capability::TakePart);
        if decision.allow {
            return Ok(false);
        }
        let is_guest = self.is_guest(&poll.venue.place());
        match (is_guest, poll.content.settings.allow_guests) {
            (true, true) => Ok(true),
            (true, false) => Err(Refusal::NoGuests.into()),
            (false, _) => allowed(decision).map(|()| false),
        }
    }

    /// Tells whether they are let in here without being enrolled.
    fn is_guest(&self, place: &PlaceId) -> bool {
        let Some(rights) = &self.rights else { return false };
        let heard = rights.decide(hearing(place));
        heard.allow && heard.reason == Reason::Guest
    }

    /// As what they look at polls of a place; `None` when they are not to know what there is.
    pub(super) fn viewer(&self, place: &PlaceId, has_voted: bool) -> Option<Viewer> {
        let Some(rights) = &self.rights else { return Some(Viewer::Host) };
        if rights.may(Capability::PollHost) {
            return Some(Viewer::Host);
        }
        if rights.role() == Some(Role::Observer) {
            return Some(Viewer::Observer);
        }
        rights.may(hearing(place)).then_some(Viewer::Voter { has_voted })
    }

    /// Checks that they may look at polls of a place.
    pub(super) fn must_look(&self, place: &PlaceId) -> Result<Viewer> {
        if let Some(viewer) = self.viewer(place, false) {
            return Ok(viewer);
        }
        self.must(hearing(place))?;
        Err(Error::NotFound)
    }

    /// The person as others see them.
    pub(super) fn actor(&self) -> Option<Actor> {
        self.rights.as_ref().map(Rights::actor)
    }

    /// Checks that a poll for guests is where guests are.
    pub(super) fn check_guests(&self, content: &Content) -> Result<(), Refusal> {
        if !content.settings.allow_guests || self.takes_guests {
            return Ok(());
        }
        let message = "only a class that takes guests has polls for them".to_owned();
        Err(Refusal::Invalid { field: "/settings/allow_guests".to_owned(), message })
    }
}

/// What it takes to hear of polls in a place.
const fn hearing(place: &PlaceId) -> Capability {
    match place {
        PlaceId::Class(_) => Capability::HearClass,
        _ => Capability::HearCourse,
    }
}

fn allowed(decision: Decision) -> Result<()> {
    if decision.allow { Ok(()) } else { Err(Error::Denied(Box::new(decision))) }
}

impl Polls {
    /// The caller at a place, and the place as polls know it.
    pub(super) async fn venue(&self, by: Acting<'_>, place: &PlaceId) -> Result<(Part, Venue)> {
        let (rights, found) = match by.user() {
            Some(user) => {
                let rights = by.live.rights(user, place, by.now).await?;
                let found = rights.place().cloned();
                (Some(rights), found)
            }
            None if by.caller.is_guest() => return Err(Error::NotFound),
            None => (None, self.store.roster_place(by.app(), place).await?),
        };
        let takes_guests = found.as_ref().is_some_and(takes_guests);
        let part = Part { rights, takes_guests };
        let found = found.and_then(|Place { course, class, .. }| {
            Some(Venue { course: course?.id, class: class.map(|class| class.id) })
        });
        match found {
            Some(venue) => Ok((part, venue)),
            None => {
                // A person hears the same as about a place that is not theirs.
                part.must_host()?;
                let (field, id) = match place {
                    PlaceId::Class(id) => ("/class_id", id),
                    PlaceId::Course(id) | PlaceId::Org(id) | PlaceId::Chapter(id) => ("/course_id", id),
                };
                let message = format!("there is no '{id}' in the roster");
                Err(Refusal::Invalid { field: field.to_owned(), message }.into())
            }
        }
    }

    /// A poll, if the caller may know of it.
    pub(super) async fn seen(&self, by: Acting<'_>, id: &ExternalId) -> Result<Seen> {
        let poll = self.store.poll_find(by.app(), id).await?.ok_or(Error::NotFound)?;
        let place = poll.venue.place();
        let (part, _) = match self.venue(by, &place).await {
            Err(Error::Denied(_) | Error::Refused(_)) => return Err(Error::NotFound),
            found => found?,
        };
        let viewer = part.viewer(&place, false).ok_or(Error::NotFound)?;
        if poll.is_seen_by(viewer) { Ok(Seen { poll, part }) } else { Err(Error::NotFound) }
    }

    /// A poll that the caller leads.
    pub(super) async fn hosted(&self, by: Acting<'_>, id: &ExternalId) -> Result<(Poll, Part)> {
        let Seen { poll, part } = self.seen(by, id).await?;
        part.must_host()?;
        Ok((poll, part))
    }
}

fn takes_guests(place: &Place) -> bool {
    place.class.as_ref().is_some_and(|class| class.guests)
}
