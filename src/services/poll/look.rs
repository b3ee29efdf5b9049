//! Looking at polls: one, a list, results, ballots.

use std::collections::HashMap;

use super::{
    Acting, Error, Page, PollFilter, Polls, Result,
    part::{Part, Seen},
};
use crate::{
    domain::{
        access::capability::Capability,
        fact::{Position, topic_key},
        poll::{Anonymity, Ballot, Poll, Refusal, Results, State, Viewer, tally},
        roster::PlaceId,
    },
    ids::{AppId, ExternalId, UserId},
    services::audit::note_reading,
    store::Voting,
};

/// Where the stream of a topic stood before something was read.
pub type Stood = (String, Option<Position>);

/// A poll as somebody sees it.
#[derive(Debug)]
pub struct Looked {
    /// The poll; its options in the order of whoever looks.
    pub poll: Poll,
    /// In what part they look.
    pub viewer: Viewer,
    /// Their own vote, as far as it is theirs still.
    pub own: Option<Ballot>,
    /// The results, if they are shown.
    pub results: Option<Results>,
    /// Where the stream of the place stood before.
    pub stream: Stood,
}

/// A vote with a name.
#[derive(Debug)]
pub struct NamedBallot {
    /// The vote.
    pub ballot: Ballot,
    /// Whose.
    pub user: UserId,
    /// Their name; `None` when the roster does not know them any more.
    pub name: Option<String>,
}

impl Polls {
    /// Shows a poll with one's own vote, and the results as far as they are shown.
    ///
    /// # Errors
    /// When there is no such poll for the caller.
    pub async fn show(&self, by: Acting<'_>, id: &ExternalId) -> Result<Looked> {
        let Seen { poll, part } = self.seen(by, id).await?;
        let stream = self.stood(by.app(), &poll).await?;
        // Read once more, for the position comes before the rows.
        let (mut poll, own) = match by.user() {
            Some(user) => {
                let booth = self.store.poll_look(Voting { app: by.app(), poll: id, user }).await?;
                booth.map(|booth| (booth.poll, booth.own)).ok_or(Error::NotFound)?
            }
            None => (self.store.poll_find(by.app(), id).await?.ok_or(Error::NotFound)?, None),
        };
        let viewer = part.viewer(&poll.venue.place(), own.is_some()).ok_or(Error::NotFound)?;
        let results = if poll.shows_results_to(viewer) && poll.round > 0 {
            Some(self.count(by.app(), (&poll, poll.round), viewer).await?)
        } else {
            None
        };
        if let Some(user) = by.user().filter(|_| viewer != Viewer::Host && poll.content.settings.shuffle) {
            shuffle(&mut poll, user);
        }
        Ok(Looked { poll, viewer, own, results, stream })
    }

    async fn stood(&self, app: &AppId, poll: &Poll) -> Result<Stood> {
        let key = topic_key(&poll.venue.topic()).unwrap_or_default();
        let position = self.store.stream_position(app, &key).await?;
        Ok((key, position))
    }

    async fn count(&self, app: &AppId, (poll, round): (&Poll, u32), viewer: Viewer) -> Result<Results> {
        let (counted, total) = self.store.poll_counted(app, poll, round).await?;
        let results = tally(&poll.content, &counted, (round, total));
        Ok(if poll.withholds_from(viewer, total) { results.withheld() } else { results })
    }

    /// Lists the polls of a place, the newest first, each as far as the caller sees it; in states that they may know of.
    ///
    /// # Errors
    /// When the caller may not hear of polls there.
    pub async fn list(
        &self,
        by: Acting<'_>,
        (place, state): (&PlaceId, Option<State>),
        page: &Page,
    ) -> Result<(Vec<Poll>, Viewer, Stood)> {
        let (part, venue) = match self.venue(by, place).await {
            // A place that is not there has no polls; where something is made it is a wrong field.
            Err(Error::Refused(_) | Error::NotFound) => {
                return Err(Error::NoSuchPlace(if matches!(place, PlaceId::Class(_)) { "class" } else { "course" }));
            }
            found => found?,
        };
        let viewer = part.must_look(place)?;
        let states = state.map_or_else(|| State::ALL.to_vec(), |state| vec![state]);
        let key = topic_key(&venue.topic()).unwrap_or_default();
        let position = self.store.stream_position(by.app(), &key).await?;
        let (was_opened, is_published) = (viewer != Viewer::Host, viewer == Viewer::Observer);
        let filter = PollFilter { venue, states, was_opened, is_published };
        Ok((self.store.poll_list(by.app(), &filter, page).await?, viewer, (key, position)))
    }

    /// The results of a round, with where the stream of the place stood before; of the present round when none is named. Those
    /// of old rounds are for staff.
    ///
    /// # Errors
    /// When there is no such poll or round for the caller, or its results are not shown to them.
    pub async fn results(&self, by: Acting<'_>, id: &ExternalId, round: Option<u32>) -> Result<(Poll, Results, Stood)> {
        let Looked { poll, viewer, results, stream, .. } = self.show(by, id).await?;
        let round = round.unwrap_or(poll.round);
        if viewer == Viewer::Host {
            if round > poll.round || (round == 0 && poll.round > 0) {
                return Err(Error::NotFound);
            }
            let results = self.count(by.app(), (&poll, round), viewer).await?;
            return Ok((poll, results, stream));
        }
        let results = results.filter(|_| round == poll.round).ok_or(Refusal::Hidden)?;
        Ok((poll, results, stream))
    }

    /// The ballots of the present round by name. [`Page::after`] is the last id of the page before.
    ///
    /// # Errors
    /// When there is no such poll for the caller, they may not see who voted what, or nobody may.
    pub async fn ballots(&self, by: Acting<'_>, id: &ExternalId, page: &Page) -> Result<Vec<NamedBallot>> {
        let Seen { poll, part } = self.seen(by, id).await?;
        part.must(Capability::AllResults)?;
        if poll.content.settings.anonymity == Anonymity::Anonymous {
            return Err(Refusal::Nameless.into());
        }
        self.note_reading(by, (&poll, &part)).await?;
        let ballots = self.store.poll_ballots(by.app(), (&poll, poll.round), page).await?;
        self.named(by.app(), ballots).await
    }

    /// Notes for the audit that an admin who takes no part otherwise sees who voted what.
    pub(super) async fn note_reading(&self, by: Acting<'_>, (poll, part): (&Poll, &Part)) -> Result<()> {
        if part.may_only_as_admin(Capability::AllResults) {
            note_reading(&self.store, &by.audit(poll, "poll.ballots_read")).await?;
        }
        Ok(())
    }

    /// The ballots with the names of those who cast them.
    pub(super) async fn named(&self, app: &AppId, ballots: Vec<Ballot>) -> Result<Vec<NamedBallot>> {
        let users: Vec<UserId> = ballots.iter().filter_map(|ballot| ballot.user.clone()).collect();
        let standings = self.store.roster_standings(app, &users).await?;
        let names: HashMap<UserId, String> =
            standings.into_iter().map(|standing| (standing.person.id, standing.person.name)).collect();
        let named = |ballot: Ballot| {
            let user = ballot.user.clone()?;
            let name = names.get(&user).cloned();
            Some(NamedBallot { ballot, user, name })
        };
        Ok(ballots.into_iter().filter_map(named).collect())
    }
}

/// Puts the options into an order that is the person's own and always the same.
fn shuffle(poll: &mut Poll, user: &UserId) {
    use sha2::{Digest, Sha256};
    let id = poll.id.clone();
    poll.content
        .options
        .sort_by_cached_key(|option| Sha256::digest(format!("{id} {} {}", user.as_str(), option.id)).to_vec());
}
