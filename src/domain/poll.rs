//! Live polls: what they are, who may do what with them when, and what their ballots add up to.
//!
//! A poll is a draft, takes votes, is closed, and is put away; opened once more, it begins a new round and keeps the tallies of
//! the old ones. Pure: `store` keeps the rows and holds the poll's lock while these rules decide, `services::poll` tells.

mod ballot;
mod check;
mod edit;
mod life;
mod refusal;
mod sight;
mod tally;
#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU32};

use chrono::{DateTime, TimeDelta, Utc};

pub use self::{
    ballot::{Answer, Ballot, Given, Thousandths, Turnout},
    edit::{Edit, Edited, OptionEdit, SettingsEdit, Suggested},
    life::Move,
    refusal::Refusal,
    sight::Viewer,
    tally::{Counted, Entry, Results, Summary, TEXTS_SHOWN, tally},
};
use super::{
    access::Topic,
    roster::{PlaceId, words},
};
use crate::ids::ExternalId;

/// Longest question in characters.
pub const QUESTION_MAX: usize = 1_000;

/// Fewest options of a poll that has options.
pub const OPTIONS_MIN: usize = 2;

/// Most options of a poll, hidden ones included.
pub const OPTIONS_MAX: usize = 100;

/// Longest label of an option in characters.
pub const LABEL_MAX: usize = 255;

/// Longest answer to an open question in characters.
pub const ANSWER_MAX: usize = 500;

/// Longest word of a word cloud in characters.
pub const WORD_MAX: usize = 50;

/// Most words that one person may add to a word cloud.
pub const WORDS_MAX: i64 = 10;

/// Most polls of one class or course that take votes at once.
pub const OPEN_MAX: u64 = 20;

/// Most polls of one class or course that are not archived.
pub const POLLS_MAX: u64 = 1_000;

/// Most ballots of one round that are cast by those who are enrolled.
pub const VOTERS_MAX: u64 = 10_000;

/// Most ballots of one round that are cast by guests. Apart from those of the enrolled, whom they keep out by no means.
pub const GUESTS_MAX: u64 = VOTERS_MAX / 2;

/// Most things that all ballots of the enrolled may say in one round of an anonymous poll, and half of it those of guests: when it
/// is closed they are written anew, at once.
pub const SEALED_MAX: u64 = 100_000;

/// Most options that one person may suggest in one poll.
pub const SUGGESTIONS_MAX: usize = 3;

/// How long after the end a vote still counts, by the time at which the server received it: it may have been sent in time.
pub const GRACE: TimeDelta = TimeDelta::seconds(1);

/// How much longer the timer waits before it closes: for votes that were received in time and are still waiting their turn.
pub const SETTLE: TimeDelta = TimeDelta::milliseconds(500);

/// How long whoever has sealed a poll has to close it. After that the timer does.
pub const SEALED_FOR: TimeDelta = TimeDelta::seconds(10);

/// How far ahead a draft may open by itself.
pub const AHEAD_MAX: TimeDelta = TimeDelta::days(365);

words! {
    /// What a poll asks for.
    Kind("kind of poll") {
        /// One of the options.
        Single "single",
        /// Some of the options.
        Multiple "multiple",
        /// One of two options.
        YesNo "yes_no",
        /// A whole number on a scale.
        Scale "scale",
        /// A text.
        Open "open",
        /// A few words.
        WordCloud "word_cloud",
        /// The options in an order.
        Ranking "ranking",
        /// A number.
        Numeric "numeric",
    }
}

impl Kind {
    /// Tells whether votes name options.
    #[must_use]
    pub const fn has_options(self) -> bool {
        matches!(self, Self::Single | Self::Multiple | Self::YesNo | Self::Ranking)
    }
}

words! {
    /// Where a poll stands in its life.
    State("state of a poll") {
        /// Its makers work on it; nobody else sees it.
        Draft "draft",
        /// It takes votes.
        Open "open",
        /// It takes votes no more, and can be opened once more.
        Closed "closed",
        /// It is put away for good.
        Archived "archived",
    }
}

words! {
    /// Whose eyes see who voted what.
    Anonymity("kind of anonymity") {
        /// Staff sees it, live.
        Named "named",
        /// Staff can look it up; nothing tells it by itself.
        AnonymousToPeers "anonymous_to_peers",
        /// Nobody: once the poll is closed, not even the database can tell.
        Anonymous "anonymous",
    }
}

words! {
    /// When those who take part see the results. Staff always does; once they are published, everybody does.
    Visibility("visibility of results") {
        /// When they are published.
        Never "never",
        /// When one has voted, or the poll is closed.
        AfterVote "after_vote",
        /// When the poll is closed.
        AfterClose "after_close",
        /// At once.
        Live "live",
    }
}

/// What the makers of a poll choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Fewest options of a vote (`multiple`, `ranking`), lower end (`scale`, `numeric`). `None` = 1, all, 1, no bound.
    pub min: Option<i64>,
    /// Most options of a vote (`multiple`, `ranking`), upper end (`scale`, `numeric`), most words (`word_cloud`). `None` = all,
    /// all, 5, no bound, 3.
    pub max: Option<i64>,
    /// Who sees who voted what.
    pub anonymity: Anonymity,
    /// A vote may be changed and withdrawn while the poll is open.
    pub change_vote: bool,
    /// When those who take part see the results.
    pub results_visibility: Visibility,
    /// Those who may vote may add options.
    pub allow_suggestions: bool,
    /// Guests may vote, where the class takes guests.
    pub allow_guests: bool,
    /// Seconds from the opening to the end; `None` = somebody closes it.
    pub time_limit_s: Option<NonZeroU32>,
    /// Everybody is shown the options in an order of their own.
    pub shuffle: bool,
    /// Fewest ballots of which an anonymous poll shows results.
    pub k_min: u32,
    /// Votes of people who have left the course count.
    pub count_dropped: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min: None,
            max: None,
            anonymity: Anonymity::Named,
            change_vote: true,
            results_visibility: Visibility::AfterClose,
            allow_suggestions: false,
            allow_guests: false,
            time_limit_s: None,
            shuffle: false,
            k_min: 5,
            count_dropped: true,
        }
    }
}

/// Names an option within its poll: 1, 2, … in the order in which they came. Never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptionId(NonZeroU32);

impl OptionId {
    /// The option with this number; `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for OptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing to vote for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollOption {
    /// Its name within the poll.
    pub id: OptionId,
    /// What people read.
    pub label: String,
    /// It is the right one, or one of them.
    pub is_correct: bool,
    /// Who suggested it, as the ballots of the poll name voters: gone when an anonymous poll is closed.
    pub suggested_by: Option<String>,
    /// Since when it cannot be voted for; votes that it has stay.
    pub hidden_at: Option<DateTime<Utc>>,
}

/// Where a poll takes place: in a class, or in a course as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// The course.
    pub course: ExternalId,
    /// The class of it; `None` = the whole course.
    pub class: Option<ExternalId>,
}

impl Venue {
    /// The row of the roster.
    #[must_use]
    pub fn place(&self) -> PlaceId {
        match &self.class {
            Some(class) => PlaceId::Class(class.clone()),
            None => PlaceId::Course(self.course.clone()),
        }
    }

    /// What everybody there hears.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match &self.class {
            Some(class) => Topic::Class(class.clone()),
            None => Topic::Course(self.course.clone()),
        }
    }

    /// What staff there hears.
    #[must_use]
    pub fn staff_topic(&self) -> Topic {
        match &self.class {
            Some(class) => Topic::ClassStaff(class.clone()),
            None => Topic::CourseStaff(self.course.clone()),
        }
    }
}

/// What a poll asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The question.
    pub question: String,
    /// What it asks for.
    pub kind: Kind,
    /// What there is to vote for, by id; empty for kinds without options.
    pub options: Vec<PollOption>,
    /// What its makers chose.
    pub settings: Settings,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Its id: a ULID.
    pub id: ExternalId,
    /// Where it takes place.
    pub venue: Venue,
    /// What it asks.
    pub content: Content,
    /// Where it stands in its life.
    pub state: State,
    /// How often it was opened; 0 for a draft.
    pub round: u32,
    /// Who made it, as the audit names callers.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it opens by itself; only of drafts.
    pub opens_at: Option<DateTime<Utc>>,
    /// When it was opened last.
    pub opened_at: Option<DateTime<Utc>>,
    /// When it ends, or ended, by itself.
    pub closes_at: Option<DateTime<Utc>>,
    /// Since when its ballots are dealt out anew and it takes no more votes, although it is not closed yet; only of open ones.
    pub sealed_at: Option<DateTime<Utc>>,
    /// When it was closed last.
    pub closed_at: Option<DateTime<Utc>>,
    /// When its results were published.
    pub published_at: Option<DateTime<Utc>>,
    /// 1 when new, one more with each change.
    pub version: i64,
}

impl Poll {
    /// Tells whether nobody sees who voted what.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.content.settings.anonymity == Anonymity::Anonymous
    }

    /// Most ballots of the enrolled in one round: of an anonymous poll the fewer, the more a vote may say.
    #[must_use]
    pub fn ballots_max(&self) -> u64 {
        if self.is_anonymous() { VOTERS_MAX.min(SEALED_MAX / self.content.most_said()) } else { VOTERS_MAX }
    }

    /// Most ballots of guests in one round.
    #[must_use]
    pub fn guests_max(&self) -> u64 {
        self.ballots_max() / 2
    }
}

impl Content {
    /// Options that can be voted for.
    pub fn shown(&self) -> impl Iterator<Item = &PollOption> {
        self.options.iter().filter(|option| option.hidden_at.is_none())
    }

    /// How many options a vote names, or between which numbers it lies, or how many words it has: as the settings say or, where
    /// they say nothing, as is usual.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        let Settings { min, max, .. } = self.settings;
        let all = i64::try_from(self.shown().count()).unwrap_or(i64::MAX);
        let (usual_min, usual_max) = match self.kind {
            Kind::Single | Kind::YesNo | Kind::Open => (1, 1),
            Kind::Multiple => (1, all),
            Kind::Ranking => (all, all),
            Kind::Scale => (1, 5),
            Kind::WordCloud => (1, 3),
            Kind::Numeric => (-Thousandths::MOST, Thousandths::MOST),
        };
        let (low, high) = (min.unwrap_or(usual_min), max.unwrap_or(usual_max));
        // Options may have been hidden since the bounds were set.
        if matches!(self.kind, Kind::Multiple | Kind::Ranking) { (low.min(all), high.min(all)) } else { (low, high) }
    }

    /// Most things that one vote says: options or words; at least 1.
    fn most_said(&self) -> u64 {
        match self.kind {
            Kind::Single | Kind::YesNo | Kind::Scale | Kind::Numeric | Kind::Open => 1,
            Kind::Multiple | Kind::Ranking | Kind::WordCloud => u64::try_from(self.bounds().1).unwrap_or(1).max(1),
        }
    }
}
