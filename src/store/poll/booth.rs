//! Voting: one person, one poll, under its lock.

use entity::{poll_ballot, poll_choice};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    TransactionTrait,
};

use super::{
    super::{Result, Store},
    lock, rows,
};
use crate::{
    domain::{
        app::Secret,
        poll::{Ballot, Poll, Refusal, State, Turnout, VOTERS_MAX},
    },
    ids::{AppId, ExternalId, UserId},
    protocol::signature,
};

/// Who votes, in what.
#[derive(Debug, Clone, Copy)]
pub struct Voting<'a> {
    /// The app.
    pub app: &'a AppId,
    /// The poll.
    pub poll: &'a ExternalId,
    /// The person.
    pub user: &'a UserId,
}

/// What there is when somebody comes to vote.
#[derive(Debug, Clone)]
pub struct Booth {
    /// The poll as it is.
    pub poll: Poll,
    /// The vote that they have cast in this round.
    pub own: Option<Ballot>,
    /// How many have voted in this round; `None` where there is room in any case: they have voted already, or only look.
    pub ballots: Option<Turnout>,
    /// How the ballots of this poll name them; `None` when nobody can tell any more.
    pub voter: Option<String>,
}

/// What they do there.
#[derive(Debug, Clone)]
pub enum Cast {
    /// Votes, for the first time or anew.
    Put(Ballot),
    /// Takes the vote back.
    Withdraw,
    /// Nothing.
    Nothing,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Voted {
    /// The poll.
    pub poll: Poll,
    /// The vote that counts now.
    pub own: Option<Ballot>,
    /// There was none before.
    pub is_first: bool,
    /// Something has changed.
    pub has_changed: bool,
}

impl Store {
    /// Shows a person the poll with their own vote; `None` = there is no such poll.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn poll_look(&self, voting: Voting<'_>) -> Result<Option<Booth>> {
        use entity::poll;
        let Voting { app, poll: id, .. } = voting;
        let Some(row) = poll::Entity::find_by_id(super::key(app, id)).one(&self.db).await? else { return Ok(None) };
        let secret = row.voter_secret.as_ref().map(|secret| Secret::new(&secret.0));
        let Some(poll) = super::with_options(&self.db, app, row).await? else { return Ok(None) };
        enter(&self.db, voting, (poll, secret.as_ref())).await.map(Some)
    }

    /// Lets a person vote as `decide` says; `None` = there is no such poll.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database). The inner one is that of `decide`; nothing is changed then.
    ///
    /// # Cancel safety
    /// Given up before the commit, nobody has voted.
    #[tracing::instrument(name = "store.poll_vote", level = "debug", skip_all, fields(app.id = %voting.app))]
    pub async fn poll_vote(
        &self,
        voting: Voting<'_>,
        decide: impl FnOnce(&Booth) -> Result<Cast, Refusal> + Send,
    ) -> Result<Option<Result<Voted, Refusal>>> {
        let Voting { app, poll: id, .. } = voting;
        let change = self.db.begin().await?;
        let Some((poll, secret)) = lock(&change, app, id).await? else {
            change.rollback().await?;
            return Ok(None);
        };
        let mut booth = enter(&change, voting, (poll, secret.as_ref())).await?;
        if booth.poll.state == State::Open && (booth.own.is_none() || booth.poll.ballots_max() < VOTERS_MAX) {
            booth.ballots = Some(turnout(&change, app, &booth.poll).await?);
        }
        let cast = match (decide(&booth), &booth.voter) {
            (Ok(cast), Some(_)) => cast,
            (Ok(_), None) => return refuse(change, Refusal::Over).await,
            (Err(refusal), _) => return refuse(change, refusal).await,
        };
        let Booth { poll, own: before, voter, .. } = booth;
        let (is_first, has_changed) = (before.is_none(), !matches!(cast, Cast::Nothing));
        let own = match cast {
            Cast::Nothing => before,
            Cast::Withdraw => {
                if let Some(ballot) = before {
                    remove(&change, app, &ballot).await?;
                }
                None
            }
            Cast::Put(ballot) => {
                if let Some(before) = before {
                    remove(&change, app, &before).await?;
                }
                let row = rows::ballot_row(app, &ballot, voter.as_deref().unwrap_or_default());
                poll_ballot::Entity::insert(row).exec_without_returning(&change).await?;
                let choices = rows::choice_rows(app, &ballot);
                poll_choice::Entity::insert_many(choices).exec_without_returning(&change).await?;
                Some(ballot)
            }
        };
        if has_changed {
            change.commit().await?
        } else {
            change.rollback().await?
        }
        Ok(Some(Ok(Voted { poll, own, is_first, has_changed })))
    }
}

/// How many have voted in this round, told apart only where one of the bounds may be near: that takes more than the index.
async fn turnout(change: &DatabaseTransaction, app: &AppId, poll: &Poll) -> Result<Turnout> {
    let round = || of_round(app, &poll.id, poll.round);
    let all = poll_ballot::Entity::find().filter(round()).count(change).await?;
    if all < poll.guests_max() {
        return Ok(Turnout { enrolled: all, guests: all });
    }
    let of_guests = round().add(poll_ballot::Column::IsGuest.eq(true));
    let guests = poll_ballot::Entity::find().filter(of_guests).count(change).await?;
    Ok(Turnout { enrolled: all.saturating_sub(guests), guests })
}

async fn refuse(change: DatabaseTransaction, refusal: Refusal) -> Result<Option<Result<Voted, Refusal>>> {
    change.rollback().await?;
    Ok(Some(Err(refusal)))
}

/// What the person finds there.
async fn enter(
    db: &impl ConnectionTrait,
    voting: Voting<'_>,
    (poll, secret): (Poll, Option<&Secret>),
) -> Result<Booth> {
    let Voting { app, user, .. } = voting;
    let voter = match (poll.is_anonymous(), secret) {
        (false, _) => Some(user.as_str().to_owned()),
        (true, Some(secret)) => Some(signature::sign(secret, &[user.as_str()])),
        (true, None) => None,
    };
    let round = of_round(app, &poll.id, poll.round);
    let own = match &voter {
        // PostgreSQL refuses to compare with a NUL.
        Some(voter) if !voter.contains('\0') => {
            let own = round.add(poll_ballot::Column::VoterKey.eq(voter.as_str()));
            poll_ballot::Entity::find().filter(own).one(db).await?
        }
        _ => None,
    };
    let own = match own {
        Some(row) => {
            let choices = Condition::all()
                .add(poll_choice::Column::AppId.eq(app.as_str()))
                .add(poll_choice::Column::BallotId.eq(row.id.as_str()));
            let choices = poll_choice::Entity::find().filter(choices).all(db).await?;
            rows::ballot(row, choices)
        }
        None => None,
    };
    Ok(Booth { poll, own, ballots: None, voter })
}

/// Removes a ballot; what it says goes with it.
async fn remove(change: &DatabaseTransaction, app: &AppId, ballot: &Ballot) -> Result<()> {
    poll_ballot::Entity::delete_by_id((app.as_str().to_owned(), ballot.id.clone())).exec(change).await?;
    Ok(())
}

/// The ballots of one round.
pub(super) fn of_round(app: &AppId, poll: &ExternalId, round: u32) -> Condition {
    Condition::all()
        .add(poll_ballot::Column::AppId.eq(app.as_str()))
        .add(poll_ballot::Column::PollId.eq(poll.as_str()))
        .add(poll_ballot::Column::Round.eq(rows::small(round)))
}
