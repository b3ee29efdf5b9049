//! Voting, and taking a vote back.

use super::{Acting, Error, Polls, Result, news, part::Seen, pulse::Mark, random, to_ms};
use crate::{
    domain::poll::{Ballot, Given, Refusal},
    ids::{ExternalId, UserId},
    store::{Booth, Cast, Voted, Voting},
    throttle::Network,
};

impl Polls {
    /// Casts the vote of a person, or casts it anew where votes may be changed.
    ///
    /// # Errors
    /// When there is no such poll for them, they may not vote there, they have voted, the poll is closed, or the vote is none; or
    /// when guests without an account have cast too many from their address.
    ///
    /// # Cancel safety
    /// Given up before the commit, nobody has voted. The results are told either way.
    pub async fn vote(&self, by: Acting<'_>, id: &ExternalId, given: &Given) -> Result<Voted> {
        let fresh = random(16)?;
        let decide = |booth: &Booth, (user, is_guest): (&UserId, bool)| {
            let Booth { poll, own, ballots, .. } = booth;
            poll.takes_votes(by.now)?;
            if own.is_some() && !poll.content.settings.change_vote {
                return Err(Refusal::AlreadyVoted);
            }
            match ballots {
                Some(cast) if is_guest => poll.has_room_for_guest(own.as_ref(), *cast)?,
                Some(cast) => poll.has_room(own.as_ref(), *cast)?,
                None => {}
            }
            let is_anonymous = poll.is_anonymous();
            Ok(Cast::Put(Ballot {
                id: own.as_ref().map_or(fresh, |own| own.id.clone()),
                poll: poll.id.clone(),
                round: poll.round,
                user: (!is_anonymous).then(|| user.clone()),
                is_guest,
                cast_at: (!is_anonymous).then(|| to_ms(by.now)),
                revision: own.as_ref().map_or(1, |own| own.revision.saturating_add(1)),
                answer: poll.read(given)?,
            }))
        };
        self.at_booth(by, id, decide).await
    }

    /// Takes the vote of a person back.
    ///
    /// # Errors
    /// As [`Polls::vote`].
    pub async fn withdraw(&self, by: Acting<'_>, id: &ExternalId) -> Result<Voted> {
        let decide = |booth: &Booth, _who: (&UserId, bool)| {
            booth.poll.takes_votes(by.now)?;
            match &booth.own {
                None => Ok(Cast::Nothing),
                Some(_) if !booth.poll.content.settings.change_vote => Err(Refusal::AlreadyVoted),
                Some(_) => Ok(Cast::Withdraw),
            }
        };
        self.at_booth(by, id, decide).await
    }

    async fn at_booth(
        &self,
        by: Acting<'_>,
        id: &ExternalId,
        decide: impl FnOnce(&Booth, (&UserId, bool)) -> Result<Cast, Refusal> + Send,
    ) -> Result<Voted> {
        // No roster has such a user, and PostgreSQL no such text.
        let user = by.user().filter(|user| !user.as_str().contains('\0')).ok_or(Error::NotFound)?;
        if let (Some(ip), Some(_guest)) = (by.ip, by.guest) {
            let limits = by.live.limits();
            limits.guest_votes.as_ref().map_or(Ok(()), |limit| limit.take(&Network::from(ip)).map(drop))?;
        }
        let Ok(_booth) = self.booths.acquire().await else { return Err(Error::NotFound) };
        let Seen { poll, part } = self.seen(by, id).await?;
        let is_guest = part.must_vote(&poll)?;
        let voting = Voting { app: by.app(), poll: id, user };
        // Whatever becomes of this task: what was committed is told.
        let mut mark = None;
        let decide = |booth: &Booth| {
            let cast = decide(booth, (user, is_guest))?;
            mark = (!matches!(cast, Cast::Nothing)).then(|| Mark::new(&self.pulse, by.app(), id));
            Ok(cast)
        };
        let voted = self.store.poll_vote(voting, decide).await?;
        let voted = voted.ok_or(Error::NotFound)??;
        if voted.has_changed {
            news::of_vote(by.live, &voted.poll, (user, voted.own.as_ref()), (by.now, by.except));
            news::of_ballot(by.live, &voted.poll, (part.actor(), voted.own.as_ref()), by.now);
        }
        Ok(voted)
    }
}
