//! Polls, votes and results as answers tell them: in the shapes in which events do (`dialect::poll`).

mod sample;

use chrono::{DateTime, Utc};
use poem_openapi::Object;

use super::{
    super::{list::StreamView, word::Word},
    body::OptionName,
};
use crate::{
    domain::poll::{
        Anonymity, Answer, Ballot, Content, Entry, Kind, OptionId, Poll, PollOption, Results, Settings, State, Summary,
        Thousandths, Viewer, Visibility,
    },
    ids::{ExternalId, UserId},
    services::poll::{Export, Looked, NamedBallot, Voted},
};

type Id = Word<ExternalId>;
type Time = Word<DateTime<Utc>>;

/// How much of a poll is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    /// Which options are right.
    solution: bool,
    /// Hidden options, and who suggested which.
    backstage: bool,
}

impl Looks {
    /// What those see who lead polls.
    pub(super) const HOST: Self = Self { solution: true, backstage: true };

    /// What everybody sees of an open poll.
    pub(super) const ALL: Self = Self { solution: false, backstage: false };

    /// What somebody sees.
    pub(super) fn of(poll: &Poll, viewer: Viewer) -> Self {
        Self { solution: poll.shows_solution_to(viewer), backstage: viewer == Viewer::Host }
    }
}

/// One thing to vote for.
#[derive(Debug, Object)]
#[oai(rename = "PollOption", skip_serializing_if_is_none)]
struct OptionView {
    /// Its name within the poll.
    #[oai(validator(max_length = 10))]
    id: String,
    /// What people read.
    #[oai(validator(max_length = 255))]
    label: String,
    /// It is right; absent as long as that is not told.
    is_correct: Option<bool>,
    /// Who suggested it; for those who lead polls, and never in anonymous ones.
    #[oai(validator(max_length = 128))]
    suggested_by: Option<String>,
    /// It cannot be voted for; for those who lead polls.
    hidden: Option<bool>,
}

impl OptionView {
    fn new(poll: &Poll, option: &PollOption, looks: Looks) -> Self {
        let suggested_by = option.suggested_by.clone().filter(|_| looks.backstage && !poll.is_anonymous());
        Self {
            id: option.id.to_string(),
            label: option.label.clone(),
            is_correct: looks.solution.then_some(option.is_correct),
            suggested_by,
            hidden: looks.backstage.then_some(option.hidden_at.is_some()),
        }
    }
}

/// What the makers of a poll chose.
#[derive(Debug, Object)]
#[oai(rename = "PollSettings", skip_serializing_if_is_none)]
struct SettingsView {
    /// Fewest options or words of a vote, or the lower end of its number.
    min: Option<i64>,
    /// Most options or words of a vote, or the upper end of its number.
    max: Option<i64>,
    /// Who sees who voted what.
    anonymity: Word<Anonymity>,
    /// A vote may be changed and withdrawn while the poll is open.
    change_vote: bool,
    /// When those who take part see the results.
    results_visibility: Word<Visibility>,
    /// Those who may vote may add options.
    allow_suggestions: bool,
    /// Guests may vote.
    allow_guests: bool,
    /// Seconds from the opening to the end; absent = somebody closes it.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    time_limit_s: Option<u32>,
    /// Everybody is shown the options in an order of their own.
    shuffle: bool,
    /// Fewest ballots of which a poll that is not `named` shows results.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    k_min: u32,
    /// Votes of people who have been dropped from the course count.
    count_dropped: bool,
}

impl SettingsView {
    fn new(content: &Content) -> Self {
        let settings: &Settings = &content.settings;
        let (least, most) = content.bounds();
        let (min, max) = match content.kind {
            Kind::Single | Kind::YesNo | Kind::Open => (None, None),
            Kind::Numeric => (settings.min, settings.max),
            Kind::Multiple | Kind::Scale | Kind::WordCloud | Kind::Ranking => (Some(least), Some(most)),
        };
        Self {
            min,
            max,
            anonymity: Word(settings.anonymity),
            change_vote: settings.change_vote,
            results_visibility: Word(settings.results_visibility),
            allow_suggestions: settings.allow_suggestions,
            allow_guests: settings.allow_guests,
            time_limit_s: settings.time_limit_s.map(std::num::NonZeroU32::get),
            shuffle: settings.shuffle,
            k_min: settings.k_min,
            count_dropped: settings.count_dropped,
        }
    }
}

/// A poll.
#[derive(Debug, Object)]
#[oai(rename = "Poll", skip_serializing_if_is_none, example)]
pub(super) struct PollView {
    /// Its id.
    id: Id,
    /// The course in which it takes place.
    course_id: Id,
    /// The class of it; absent = the whole course.
    class_id: Option<Id>,
    /// The question.
    #[oai(validator(max_length = 1_000))]
    question: String,
    /// What it asks for.
    kind: Word<Kind>,
    /// `draft`, `open`, `closed` or `archived`.
    state: Word<State>,
    /// How often it was opened.
    #[oai(validator(minimum(value = "0")))]
    round: u32,
    /// What there is to vote for.
    #[oai(validator(max_items = 100))]
    options: Vec<OptionView>,
    /// What its makers chose.
    settings: SettingsView,
    /// When it was made.
    created_at: Time,
    /// When it opens by itself; only of drafts.
    opens_at: Option<Time>,
    /// When it was opened last.
    opened_at: Option<Time>,
    /// When it ends, or ended, by itself.
    closes_at: Option<Time>,
    /// When it was closed last.
    closed_at: Option<Time>,
    /// When its results were published.
    published_at: Option<Time>,
    /// 1 when new, one more with each change; also in `ETag`.
    #[oai(validator(minimum(value = "1")))]
    pub(super) version: i64,
}

impl PollView {
    pub(super) fn new(poll: &Poll, looks: Looks) -> Self {
        let options = poll.content.options.iter().filter(|option| looks.backstage || option.hidden_at.is_none());
        Self {
            id: Word(poll.id.clone()),
            course_id: Word(poll.venue.course.clone()),
            class_id: poll.venue.class.clone().map(Word),
            question: poll.content.question.clone(),
            kind: Word(poll.content.kind),
            state: Word(poll.state),
            round: poll.round,
            options: options.map(|option| OptionView::new(poll, option, looks)).collect(),
            settings: SettingsView::new(&poll.content),
            created_at: Word(poll.created_at),
            opens_at: poll.opens_at.map(Word),
            opened_at: poll.opened_at.map(Word),
            closes_at: poll.closes_at.map(Word),
            closed_at: poll.closed_at.map(Word),
            published_at: poll.published_at.map(Word),
            version: poll.version,
        }
    }
}

/// A vote, without whose it is.
#[derive(Debug, Object)]
#[oai(rename = "PollVote", skip_serializing_if_is_none, example)]
pub(super) struct PollVoteView {
    /// The poll.
    poll_id: Id,
    /// Its round.
    #[oai(validator(minimum(value = "1")))]
    round: u32,
    /// Options that are chosen.
    #[oai(validator(max_items = 100))]
    option_ids: Option<Vec<Word<OptionName>>>,
    /// Options in an order, the best first.
    #[oai(validator(max_items = 100))]
    ranking: Option<Vec<Word<OptionName>>>,
    /// The number.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    value: Option<f64>,
    /// The text, or the words with commas between.
    #[oai(validator(max_length = 1_000))]
    text: Option<String>,
    /// 1 when new, one more with each change.
    #[oai(validator(minimum(value = "1")))]
    revision: u32,
    /// When; not kept of anonymous polls.
    cast_at: Option<Time>,
}

impl From<&Ballot> for PollVoteView {
    fn from(ballot: &Ballot) -> Self {
        let ids = |ids: &[OptionId]| ids.iter().map(|id| Word(OptionName(id.to_string()))).collect::<Vec<_>>();
        let (option_ids, ranking, value, text) = match &ballot.answer {
            Answer::Options(chosen) => (Some(ids(chosen)), None, None, None),
            Answer::Ranking(chosen) => (None, Some(ids(chosen)), None, None),
            Answer::Value(value) => (None, None, Some(value.get()), None),
            Answer::Texts(texts) => (None, None, None, Some(texts.join(", "))),
        };
        Self {
            poll_id: Word(ballot.poll.clone()),
            round: ballot.round,
            option_ids,
            ranking,
            value,
            text,
            revision: ballot.revision,
            cast_at: ballot.cast_at.map(Word),
        }
    }
}

/// A vote that was taken back.
#[derive(Debug, Object)]
#[oai(rename = "PollVoteWithdrawn", example)]
pub(super) struct WithdrawnView {
    /// The poll.
    poll_id: Id,
    /// There was a vote to take back.
    withdrawn: bool,
}

impl WithdrawnView {
    pub(super) fn new(voted: &Voted) -> Self {
        Self { poll_id: Word(voted.poll.id.clone()), withdrawn: voted.has_changed }
    }
}

/// One line of the results.
#[derive(Debug, Object)]
#[oai(rename = "PollTally", skip_serializing_if_is_none)]
struct TallyView {
    /// The option.
    #[oai(validator(max_length = 10))]
    option_id: Option<String>,
    /// The number.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    value: Option<f64>,
    /// The text.
    #[oai(validator(max_length = 500))]
    text: Option<String>,
    /// How often it was voted for, or ranked.
    #[oai(validator(minimum(value = "0")))]
    count: u64,
    /// Points of a ranking: of `n` options the first one of an order gets `n`, the next one `n - 1`, …
    #[oai(validator(minimum(value = "0")))]
    points: Option<u64>,
}

impl From<Entry> for TallyView {
    fn from(Entry { option, value, text, count, points }: Entry) -> Self {
        let option_id = option.map(|option| option.to_string());
        Self { option_id, value: value.map(Thousandths::get), text, count, points }
    }
}

/// What numbers come to.
#[derive(Debug, Object)]
#[oai(rename = "PollSummary")]
struct SummaryView {
    /// The smallest.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    min: f64,
    /// The greatest.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    max: f64,
    /// The mean.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    mean: f64,
    /// The one in the middle.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    median: f64,
}

impl From<Summary> for SummaryView {
    fn from(Summary { min, max, mean, median }: Summary) -> Self {
        let [min, max, mean, median] = [min, max, mean, median].map(Thousandths::get);
        Self { min, max, mean, median }
    }
}

/// The results of a round.
#[derive(Debug, Object)]
#[oai(rename = "PollResults", skip_serializing_if_is_none, example)]
pub(super) struct PollResultsView {
    /// The poll.
    poll_id: Id,
    /// The round.
    #[oai(validator(minimum(value = "0")))]
    round: u32,
    /// How many votes count.
    #[oai(validator(minimum(value = "0")))]
    total: u64,
    /// There are too few to show more.
    withheld: bool,
    /// Every option, or the numbers or texts that were voted for, the most frequent texts first.
    #[oai(validator(max_items = 100))]
    tallies: Vec<TallyView>,
    /// There are more different numbers or texts; the export has all.
    has_more: bool,
    /// What numbers come to.
    summary: Option<SummaryView>,
    /// Where the stream of its place stood before the votes were counted; absent where it stands beside.
    stream: Option<StreamView>,
}

impl PollResultsView {
    /// The same with where the stream stood before.
    pub(super) fn at(self, stream: StreamView) -> Self {
        Self { stream: Some(stream), ..self }
    }

    pub(super) fn new(poll: &ExternalId, results: Results) -> Self {
        Self {
            poll_id: Word(poll.clone()),
            round: results.round,
            total: results.total,
            withheld: results.is_withheld,
            tallies: results.tallies.into_iter().map(TallyView::from).collect(),
            has_more: results.has_more,
            summary: results.summary.map(SummaryView::from),
            stream: None,
        }
    }
}

/// A poll with everything that a client needs which comes late.
#[derive(Debug, Object)]
#[oai(rename = "PollSnapshot", skip_serializing_if_is_none, example)]
pub(super) struct PollSnapshotView {
    /// The poll.
    pub(super) poll: PollView,
    /// One's own vote in this round; absent when there is none, or nobody can tell any more.
    ballot: Option<PollVoteView>,
    /// The results; absent as long as they are not shown to the caller.
    results: Option<PollResultsView>,
    /// Milliseconds that are left to vote; absent when no timer runs.
    #[oai(validator(minimum(value = "0")))]
    remaining_ms: Option<i64>,
    /// Now, by the clock that the timer goes by.
    server_now: Time,
    /// Where the stream of its place stood before this was read.
    stream: StreamView,
}

impl PollSnapshotView {
    pub(super) fn new(looked: Looked, now: DateTime<Utc>) -> Self {
        let Looked { poll, viewer, own, results, stream: (topic, position) } = looked;
        Self {
            ballot: own.as_ref().map(PollVoteView::from),
            results: results.map(|results| PollResultsView::new(&poll.id, results)),
            remaining_ms: poll.remaining_ms(now),
            server_now: Word(now),
            stream: StreamView::of(topic, position),
            poll: PollView::new(&poll, Looks::of(&poll, viewer)),
        }
    }

    /// What changes when there is something new to see: votes and results, not the clock.
    pub(super) fn news(&self) -> String {
        format!("{:?} {:?}", self.ballot, self.results)
    }
}

/// Somebody who voted.
#[derive(Debug, Object)]
#[oai(rename = "PollVoter", skip_serializing_if_is_none)]
struct VoterView {
    /// Their id.
    id: Word<UserId>,
    /// Their name; absent when the roster does not know them any more.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
    /// They were let in without being enrolled.
    is_guest: bool,
}

/// A vote with a name.
#[derive(Debug, Object)]
#[oai(rename = "PollBallot", example)]
pub(super) struct NamedBallotView {
    /// Who.
    user: VoterView,
    /// What.
    ballot: PollVoteView,
}

impl From<NamedBallot> for NamedBallotView {
    fn from(NamedBallot { ballot, user, name }: NamedBallot) -> Self {
        let user = VoterView { id: Word(user), name, is_guest: ballot.is_guest };
        Self { user, ballot: PollVoteView::from(&ballot) }
    }
}

/// Everything that may be taken away of a poll.
#[derive(Debug, Object)]
#[oai(rename = "PollExport", example)]
pub(super) struct ExportView {
    /// The poll.
    poll: PollView,
    /// What the votes come to.
    results: PollResultsView,
    /// Votes with names.
    #[oai(validator(max_items = 15_000))]
    ballots: Vec<NamedBallotView>,
    /// Votes of an anonymous poll that is closed, in no order.
    #[oai(validator(max_items = 15_000))]
    anonymous_ballots: Vec<PollVoteView>,
}

impl From<Export> for ExportView {
    fn from(Export { poll, results, named, nameless }: Export) -> Self {
        Self {
            results: PollResultsView::new(&poll.id, results),
            poll: PollView::new(&poll, Looks::HOST),
            ballots: named.into_iter().map(NamedBallotView::from).collect(),
            anonymous_ballots: nameless.iter().map(PollVoteView::from).collect(),
        }
    }
}
