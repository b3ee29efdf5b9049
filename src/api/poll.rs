//! Polls over HTTP: made, led, voted in, looked at, taken away.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod answer;
mod body;
mod view;

use std::sync::Arc;

use poem::{http::StatusCode, web::Data};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use self::{
    answer::{Exported, Polled, Versioned, guest_cookie, snapshot},
    body::{PollBody, PollPatchBody, SuggestionBody, VoteBody},
    view::{Looks, NamedBallotView, PollResultsView, PollSnapshotView, PollView, PollVoteView, WithdrawnView},
};
use super::{
    Config, Group,
    answer::{Answer, Fresh},
    caller::{
        Visitor,
        describe::{ByAnybody, ByKeyOrPerson},
    },
    file::Form,
    list::{Cursor, List, MOST, Snapshot, StreamView, USUAL},
    problem::{Fault, Field, Leading, Problem, Reading, Voting, Writing},
    strict::Strict,
    version::expected,
    word::{Limit, Word},
};
use crate::{
    domain::{
        poll::{Move, Poll, Refusal, State},
        roster::PlaceId,
    },
    ids::ExternalId,
    services::poll::{Acting, Error, Page, Polls},
};

/// The routes.
pub(super) struct PollRoutes;

fn acting(visitor: &Visitor) -> Acting<'_> {
    let Visitor { caller, live, address, now, except, guest, .. } = visitor;
    let guest = guest.as_ref().map(|guest| &guest.user);
    Acting { live, caller, guest, ip: Some(*address), except: *except, now: *now }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::NoSuchPlace(_) => Self::not_found(error.to_string()),
            Error::Denied(decision) => (*decision).into(),
            Error::Refused(refusal) => refusal.into(),
            Error::Access(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::TooMany(exceeded) => exceeded.into(),
            Error::Random(error) => Self::internal(&error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Invalid { field, message } => {
                return Self::fields(vec![Field::at(field, "invalid", message.clone())]);
            }
            Refusal::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            Refusal::Over => StatusCode::GONE,
            Refusal::WrongState { .. }
            | Refusal::AlreadyVoted
            | Refusal::Full { .. }
            | Refusal::FullOfGuests { .. }
            | Refusal::TooManyVoters { .. }
            | Refusal::TooManyOpen
            | Refusal::TooManyPolls
            | Refusal::SuggestedEnough
            | Refusal::OptionExists => StatusCode::CONFLICT,
            Refusal::NoSuggestions | Refusal::NoGuests | Refusal::Hidden | Refusal::Nameless => StatusCode::FORBIDDEN,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

/// A poll that was made, or has something more.
fn made(poll: &Poll, looks: Looks) -> Fresh<PollView> {
    Fresh::new(PollView::new(poll, looks), poll.version, format!("/api/polls/{}", poll.id))
}

/// Takes a step in the life of a poll.
async fn step(polls: &Polls, visitor: &Visitor, id: &ExternalId, step: Move) -> Result<Versioned<PollView>, Problem> {
    Ok(Versioned::of(PollView::new(&polls.step(acting(visitor), id, step).await?, Looks::HOST)))
}

/// The place whose polls are listed.
fn place(
    class: Option<Word<ExternalId>>,
    course: Option<Word<ExternalId>>,
    name: &'static str,
) -> Result<PlaceId, Problem> {
    match (class, course) {
        (Some(class), None) => Ok(PlaceId::Class(class.0)),
        (None, Some(course)) => Ok(PlaceId::Course(course.0)),
        (None, None) => Err(Problem::parameter(name, "is needed, or course_id: polls are listed by place")),
        (Some(_), Some(_)) => Err(Problem::parameter(name, "does not go together with course_id")),
    }
}

fn page(cursor: Option<Word<Cursor>>, limit: Option<Word<Limit<MOST>>>) -> (Page, u32) {
    let limit = limit.map_or(USUAL, |limit| limit.0.0);
    (Page { after: cursor.map(|cursor| cursor.0.0), limit: limit + 1 }, limit)
}

#[OpenApi(tag = "Group::Polls")]
impl PollRoutes {
    /// Make a poll
    ///
    /// It is a draft in a class or in a course as a whole: only those who lead polls there see it. With `opens_at` it opens by
    /// itself; should it not be possible then, it stays a draft and the audit says why. A person must lead polls there; an API
    /// key needs the scope `live:manage`.
    #[oai(path = "/api/polls", method = "post", operation_id = "createPoll")]
    async fn create(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<PollBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Fresh<PollView>, Fault<Writing>> {
        let poll = polls.create(acting(&visitor), body.0.read()?).await?;
        Ok(made(&poll, Looks::HOST))
    }

    /// List the polls of a class or course
    ///
    /// The newest first; drafts only for those who lead polls there, and observers see those whose results are published. A
    /// person must be in the place; an API key needs the scope `results:read`. Guests without an account see what a class has that
    /// takes guests, if the app lets them (`guest_votes_per_minute_per_ip`).
    #[oai(path = "/api/polls", method = "get", operation_id = "listPolls")]
    async fn list(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// The class. Either this or `course_id`.
        class_id: Query<Option<Word<ExternalId>>>,
        /// The course: polls of the course as a whole.
        course_id: Query<Option<Word<ExternalId>>>,
        /// Only those in this state.
        state: Query<Option<Word<State>>>,
        /// Most entries of the answer. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<Word<Cursor>>>,
        _proof: ByAnybody,
    ) -> Result<Answer<Snapshot<PollView>>, Fault<Reading>> {
        let place = place(class_id.0, course_id.0, "class_id")?;
        let (page, limit) = page(cursor.0, limit.0);
        let state = state.0.map(|state| state.0);
        let (found, viewer, (topic, position)) = polls.list(acting(&visitor), (&place, state), &page).await?;
        let rows = found.iter().map(|poll| (poll.id.to_string(), PollView::new(poll, Looks::of(poll, viewer))));
        Ok(Answer::of(Snapshot::new(List::new(rows.collect(), limit), StreamView::of(topic, position))))
    }

    /// Show a poll
    ///
    /// With one's own vote, the results as far as they are shown, and the time that is left. What is not for the caller is not
    /// found. A person must be in its place; an API key needs the scope `results:read`. A guest without an account, where the class
    /// takes guests and the app lets them vote, is given a cookie by which they are known again.
    #[oai(path = "/api/polls/:id", method = "get", operation_id = "showPoll")]
    async fn show(
        &self,
        polls: Data<&Arc<Polls>>,
        config: Data<&Arc<Config>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        /// What the caller has already: an `ETag` of this answer. Then 304, without a body.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByAnybody,
    ) -> Result<Polled<PollSnapshotView>, Fault<Reading>> {
        let looked = polls.show(acting(&visitor), &id.0.0).await?;
        let cookie = visitor.guest.as_ref().and_then(|guest| guest_cookie(&config, guest));
        Ok(snapshot(PollSnapshotView::new(looked, visitor.now), if_none_match.as_deref(), cookie)?)
    }

    /// Change a poll
    ///
    /// A draft is free, its `opens_at` too. Once it has been opened, options may be added and left out (they are hidden, votes for them stay), their
    /// labels put right, and some settings changed; the time limit while it is open. A person must lead polls there; an API key
    /// needs the scope `live:manage`.
    #[oai(path = "/api/polls/:id", method = "patch", operation_id = "changePoll")]
    async fn edit(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        /// Version that the poll must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        body: Strict<PollPatchBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Writing>> {
        let expected = expected(if_match.as_deref(), None)?;
        let poll = polls.edit(acting(&visitor), &id.0.0, (body.0.into(), &expected)).await?;
        Ok(Versioned::of(PollView::new(&poll, Looks::HOST)))
    }

    /// Open a poll
    ///
    /// A draft takes votes from now on. 200 as well when it is open already. A person must lead polls there; an API key needs the
    /// scope `live:manage`.
    #[oai(path = "/api/polls/:id/open", method = "post", operation_id = "openPoll")]
    async fn open(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Leading>> {
        Ok(step(&polls, &visitor, &id.0.0, Move::Open).await?)
    }

    /// Close a poll
    ///
    /// It takes votes no more. 200 as well when it is closed already. A person must lead polls there; an API key needs the scope
    /// `live:manage`.
    #[oai(path = "/api/polls/:id/close", method = "post", operation_id = "closePoll")]
    async fn close(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Leading>> {
        Ok(step(&polls, &visitor, &id.0.0, Move::Close).await?)
    }

    /// Open a closed poll once more
    ///
    /// A new round begins; the tallies of the old ones are kept. 200 as well when it is open already. A person must lead polls
    /// there; an API key needs the scope `live:manage`.
    #[oai(path = "/api/polls/:id/reopen", method = "post", operation_id = "reopenPoll")]
    async fn reopen(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Leading>> {
        Ok(step(&polls, &visitor, &id.0.0, Move::Reopen).await?)
    }

    /// Publish the results of a poll
    ///
    /// Everybody in its place sees them from now on, observers too. 200 as well when they are published already. A person must
    /// lead polls there; an API key needs the scope `live:manage`.
    #[oai(path = "/api/polls/:id/publish", method = "post", operation_id = "publishPoll")]
    async fn publish(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Leading>> {
        Ok(step(&polls, &visitor, &id.0.0, Move::Publish).await?)
    }

    /// Archive a poll
    ///
    /// It is put away for good. 200 as well when it is archived already. A person must lead polls there; an API key needs the
    /// scope `live:manage`.
    #[oai(path = "/api/polls/:id/archive", method = "post", operation_id = "archivePoll")]
    async fn archive(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Versioned<PollView>, Fault<Leading>> {
        Ok(step(&polls, &visitor, &id.0.0, Move::Archive).await?)
    }

    /// Make a draft that asks the same
    ///
    /// In the same place, with the options that are not hidden. A person must lead polls there; an API key needs the scope
    /// `live:manage`.
    #[oai(path = "/api/polls/:id/duplicate", method = "post", operation_id = "duplicatePoll")]
    async fn duplicate(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Fresh<PollView>, Fault<Leading>> {
        let poll = polls.duplicate(acting(&visitor), &id.0.0).await?;
        Ok(made(&poll, Looks::HOST))
    }

    /// Vote
    ///
    /// Takes the field that the kind of the poll asks for: `option_ids` (`single`, `multiple`, `yes_no`), `ranking`, `value`
    /// (`scale`, `numeric`) or `text` (`open`, `word_cloud`). One vote a person and round: the next one takes its place where
    /// votes may be changed, and is 409 elsewhere. What the server has received up to a second after the end still counts; later
    /// it is 410. An API key needs the scope `users:act`; a guest without an account the cookie that `showPoll` has set.
    #[oai(path = "/api/polls/:id/vote", method = "put", operation_id = "votePoll")]
    async fn vote(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        body: Strict<VoteBody>,
        _proof: ByAnybody,
    ) -> Result<PollVoted, Fault<Voting>> {
        visitor.must_be_somebody()?;
        let voted = polls.vote(acting(&visitor), &id.0.0, &body.0.into()).await?;
        let is_first = voted.is_first;
        let Some(view) = voted.own.as_ref().map(PollVoteView::from) else { Err(Problem::from(Error::NotFound))? };
        Ok(if is_first { PollVoted::First(Json(view)) } else { PollVoted::Changed(Json(view)) })
    }

    /// Take one's vote back
    ///
    /// Where votes may be changed, while the poll is open. 200 as well when there is none. An API key needs the scope `users:act`; a
    /// guest without an account the cookie that `showPoll` has set.
    #[oai(path = "/api/polls/:id/vote", method = "delete", operation_id = "withdrawPollVote")]
    async fn withdraw(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        _proof: ByAnybody,
    ) -> Result<Answer<WithdrawnView>, Fault<Leading>> {
        visitor.must_be_somebody()?;
        let voted = polls.withdraw(acting(&visitor), &id.0.0).await?;
        Ok(Answer::of(WithdrawnView::new(&voted)))
    }

    /// Suggest an option
    ///
    /// Where the poll takes suggestions, up to three a person; those who lead polls there may always. Sent again, a suggestion is
    /// refused with `option_exists`: it takes no `Idempotency-Key`, which would keep who suggested what. An API key needs the
    /// scope `live:manage`.
    #[oai(path = "/api/polls/:id/options", method = "post", operation_id = "suggestPollOption")]
    async fn suggest(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        body: Strict<SuggestionBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Fresh<PollView>, Fault<Voting>> {
        let poll = polls.suggest(acting(&visitor), &id.0.0, &body.0.label).await?;
        Ok(made(&poll, Looks::ALL))
    }

    /// Show the results of a poll
    ///
    /// 403 as long as they are not shown to the caller. Those of old rounds are for those who lead polls there. An API key needs
    /// the scope `results:read`.
    #[oai(path = "/api/polls/:id/results", method = "get", operation_id = "showPollResults")]
    async fn results(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        /// Which round; the present one if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
        round: Query<Option<u32>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<PollResultsView>, Fault<Reading>> {
        let (poll, results, (topic, position)) = polls.results(acting(&visitor), &id.0.0, round.0).await?;
        Ok(Answer::of(PollResultsView::new(&poll.id, results).at(StreamView::of(topic, position))))
    }

    /// List who voted what
    ///
    /// In the present round, in no particular order. Not of anonymous polls. A person must have the capability `results.all`
    /// there; an API key needs the scope `results:read`.
    #[oai(path = "/api/polls/:id/ballots", method = "get", operation_id = "listPollBallots")]
    async fn ballots(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        /// Most entries of the answer. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<Word<Cursor>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<List<NamedBallotView>>, Fault<Reading>> {
        let (page, limit) = page(cursor.0, limit.0);
        let ballots = polls.ballots(acting(&visitor), &id.0.0, &page).await?;
        let rows = ballots.into_iter().map(|named| (named.ballot.id.clone(), NamedBallotView::from(named)));
        Ok(Answer::of(List::new(rows.collect(), limit)))
    }

    /// Take the ballots of a poll away as a file
    ///
    /// Votes of anonymous polls stand there without names, once the poll is closed and has as many votes as its `k_min`. A person
    /// must lead polls there and have the capability `results.all`; an API key needs the scope `results:read`.
    #[oai(path = "/api/polls/:id/export", method = "get", operation_id = "exportPoll")]
    async fn export(
        &self,
        polls: Data<&Arc<Polls>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the poll.
        id: Path<Word<ExternalId>>,
        /// `csv` or `json`. JSON if absent.
        format: Query<Option<Word<Form>>>,
        /// Which round; the present one if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
        round: Query<Option<u32>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Exported, Fault<Reading>> {
        let export = polls.export(acting(&visitor), &id.0.0, round.0).await?;
        Ok(Exported::of(export, format.0.map_or(Form::Json, |form| form.0)))
    }
}

/// Answer to a vote.
#[derive(Debug, poem_openapi::ApiResponse)]
enum PollVoted {
    /// The vote takes the place of an earlier one.
    #[oai(status = 200)]
    Changed(Json<PollVoteView>),
    /// The vote counts.
    #[oai(status = 201)]
    First(Json<PollVoteView>),
}
