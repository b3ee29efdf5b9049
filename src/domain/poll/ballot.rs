//! Ballots: what a vote may say, by the kind of the poll.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{ANSWER_MAX, Content, Kind, OptionId, Poll, Refusal, WORD_MAX, check};
use crate::ids::{ExternalId, UserId};

/// A number to three decimals, kept as whole thousandths, so that equal votes are equal everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thousandths(pub i64);

impl Thousandths {
    /// Greatest whole number, and the smallest when negated.
    pub const MOST: i64 = 1_000_000_000;

    /// The number, if it is within the bounds and has at most three decimals.
    #[must_use]
    pub fn of(number: f64) -> Option<Self> {
        let most = Self::MOST as f64;
        let scaled = number * 1_000.0;
        let whole = scaled.round();
        // A product of decimals is not exact; what is off by more has more decimals.
        let is_near = (scaled - whole).abs() <= scaled.abs() * 1e-12 + 1e-9;
        #[expect(clippy::cast_possible_truncation, reason = "it is at most 10^12")]
        (number.is_finite() && number.abs() <= most && is_near).then_some(Self(whole as i64))
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self(number.saturating_mul(1_000))
    }

    /// The number as the wire has it.
    #[must_use]
    pub fn get(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "it is at most 10^12")]
        let thousandths = self.0 as f64;
        thousandths / 1_000.0
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A vote as it was sent: one of the fields, whichever the poll asks for.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Given {
    /// Options that are chosen.
    pub option_ids: Option<Vec<String>>,
    /// Options in an order, the best first.
    pub ranking: Option<Vec<String>>,
    /// A number.
    pub value: Option<f64>,
    /// A text, or words with commas or line ends between.
    pub text: Option<String>,
}

/// A vote that the poll can count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Options that are chosen, by id.
    Options(Vec<OptionId>),
    /// Options in an order, the best first.
    Ranking(Vec<OptionId>),
    /// A number.
    Value(Thousandths),
    /// An answer in words, or the words of a cloud.
    Texts(Vec<String>),
}

/// A vote that was cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// Drawn by lot: it tells neither who nor when.
    pub id: String,
    /// The poll.
    pub poll: ExternalId,
    /// Its round.
    pub round: u32,
    /// Who voted; `None` in anonymous polls.
    pub user: Option<UserId>,
    /// They were let in without being enrolled.
    pub is_guest: bool,
    /// When; `None` in anonymous polls.
    pub cast_at: Option<DateTime<Utc>>,
    /// 1 when new, one more with each change.
    pub revision: u32,
    /// What they voted.
    pub answer: Answer,
}

/// How many have voted in a round. Far from every bound the two are not told apart, and each is the number of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turnout {
    /// Those who are enrolled.
    pub enrolled: u64,
    /// Those who were let in without that.
    pub guests: u64,
}

impl Poll {
    /// Reads a vote.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with the field that is wrong.
    pub fn read(&self, given: &Given) -> Result<Answer, Refusal> {
        self.content.read(given)
    }
}

impl Content {
    fn read(&self, given: &Given) -> Result<Answer, Refusal> {
        let wanted = match self.kind {
            Kind::Single | Kind::Multiple | Kind::YesNo => "option_ids",
            Kind::Ranking => "ranking",
            Kind::Scale | Kind::Numeric => "value",
            Kind::Open | Kind::WordCloud => "text",
        };
        let fields = [
            ("option_ids", given.option_ids.is_some()),
            ("ranking", given.ranking.is_some()),
            ("value", given.value.is_some()),
            ("text", given.text.is_some()),
        ];
        if let Some((field, _)) = fields.iter().find(|(field, is_there)| *is_there != (*field == wanted)) {
            let message = format!("a poll of the kind {} takes '{wanted}' and nothing else", self.kind);
            return Err(Refusal::invalid(format!("/{field}"), message));
        }
        match (given.option_ids.as_ref().or(given.ranking.as_ref()), given.value, &given.text) {
            (Some(ids), ..) => {
                let mut chosen = self.read_options(wanted, ids)?;
                if self.kind == Kind::Ranking {
                    return Ok(Answer::Ranking(chosen));
                }
                chosen.sort_unstable();
                Ok(Answer::Options(chosen))
            }
            (None, Some(value), _) => self.read_value(value),
            (None, None, Some(text)) if self.kind == Kind::WordCloud => self.read_words(text),
            (None, None, text) => {
                let text = text.as_deref().unwrap_or_default();
                check::text("/text", text, ANSWER_MAX)?;
                Ok(Answer::Texts(vec![text.to_owned()]))
            }
        }
    }

    fn read_options(&self, field: &str, given: &[String]) -> Result<Vec<OptionId>, Refusal> {
        let (least, most) = self.bounds();
        let got = i64::try_from(given.len()).unwrap_or(i64::MAX);
        if !(least..=most).contains(&got) {
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(Refusal::invalid(format!("/{field}"), format!("must name {range} options, not {got}")));
        }
        let mut chosen = Vec::with_capacity(given.len());
        for (position, text) in given.iter().enumerate() {
            let wrong = |message| Err(Refusal::invalid(format!("/{field}/{position}"), message));
            let Some(option) = self.shown().find(|option| option.id.to_string() == *text) else {
                return wrong("is no option of this poll");
            };
            if chosen.contains(&option.id) {
                return wrong("stands there twice");
            }
            chosen.push(option.id);
        }
        Ok(chosen)
    }

    fn read_value(&self, value: f64) -> Result<Answer, Refusal> {
        let (least, most) = self.bounds();
        let is_scale = self.kind == Kind::Scale;
        let read = Thousandths::of(value)
            .filter(|value| !is_scale || value.0 % 1_000 == 0)
            .filter(|value| (Thousandths::whole(least)..=Thousandths::whole(most)).contains(value));
        let form = if is_scale { "a whole number" } else { "a number with at most three decimals" };
        let message = || Refusal::invalid("/value", format!("must be {form} from {least} to {most}"));
        read.map(Answer::Value).ok_or_else(message)
    }

    fn read_words(&self, text: &str) -> Result<Answer, Refusal> {
        let mut words: Vec<String> = Vec::new();
        for part in text.split([',', '\n']) {
            let word = part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            if word.is_empty() || words.contains(&word) {
                continue;
            }
            check::text("/text", &word, WORD_MAX)?;
            words.push(word);
        }
        let (least, most) = self.bounds();
        let got = i64::try_from(words.len()).unwrap_or(i64::MAX);
        if !(least..=most).contains(&got) {
            let message = format!("must hold {least} to {most} words with commas between, not {got}");
            return Err(Refusal::invalid("/text", message));
        }
        Ok(Answer::Texts(words))
    }
}
