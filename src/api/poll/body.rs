//! Polls and votes as requests tell them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object,
    registry::MetaSchema,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;

use super::super::{
    problem::{Field, Problem},
    word::{Meaning, Word},
};
use crate::{
    domain::{
        poll::{Anonymity, Content, Edit, Given, Kind, OptionEdit, SettingsEdit, Visibility},
        roster::PlaceId,
    },
    ids::ExternalId,
    services::poll::NewPoll,
};

/// Name of an option within its poll, whether there is such an option or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OptionName(pub(super) String);

/// Most characters of such a name.
const OPTION_NAME_MAX: usize = 10;

impl Meaning for OptionName {
    const NAME: &'static str = "option id";

    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(OPTION_NAME_MAX), example: Some("1".into()), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() > OPTION_NAME_MAX {
            return Err(format!("an option id has at most {OPTION_NAME_MAX} characters"));
        }
        Ok(Self(text.to_owned()))
    }

    fn write(&self) -> Cow<'_, str> {
        self.0.as_str().into()
    }
}

/// What the makers of a poll choose; what is left out is as usual, or stays.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollSettingsBody", deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct SettingsBody {
    /// Fewest options of a vote (`multiple`, `ranking`), lower end (`scale`, `numeric`). Usual: 1, all, 1, none.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    min: Option<i64>,
    /// Most options of a vote (`multiple`, `ranking`), upper end (`scale`, `numeric`), most words (`word_cloud`). Usual: all,
    /// all, 5, none, 3.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    max: Option<i64>,
    /// Who sees who voted what: staff, live (`named`, usual); staff who look it up (`anonymous_to_peers`); nobody (`anonymous`).
    anonymity: Option<Word<Anonymity>>,
    /// A vote may be changed and withdrawn while the poll is open. Usual: true.
    change_vote: Option<bool>,
    /// When those who take part see the results: when they are published (`never`), when one has voted or the poll is closed
    /// (`after_vote`), when it is closed (`after_close`, usual), at once (`live`).
    results_visibility: Option<Word<Visibility>>,
    /// Those who may vote may add options. Usual: false.
    allow_suggestions: Option<bool>,
    /// Guests may vote; only in a class that takes guests. Usual: false.
    allow_guests: Option<bool>,
    /// Seconds from the opening to the end, 5 to 604,800; 0 = somebody closes it, which is usual.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    time_limit_s: Option<u32>,
    /// Everybody is shown the options in an order of their own. Usual: false.
    shuffle: Option<bool>,
    /// Fewest ballots of which a poll that is not `named` shows results. Usual: 5.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    k_min: Option<u32>,
    /// Votes of people who have been dropped from the course count. Usual: true.
    count_dropped: Option<bool>,
}

impl From<SettingsBody> for SettingsEdit {
    fn from(body: SettingsBody) -> Self {
        Self {
            min: body.min,
            max: body.max,
            anonymity: body.anonymity.map(|word| word.0),
            change_vote: body.change_vote,
            results_visibility: body.results_visibility.map(|word| word.0),
            allow_suggestions: body.allow_suggestions,
            allow_guests: body.allow_guests,
            time_limit_s: body.time_limit_s,
            shuffle: body.shuffle,
            k_min: body.k_min,
            count_dropped: body.count_dropped,
        }
    }
}

/// One thing to vote for.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollOptionBody", deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct OptionBody {
    /// Which option of the poll it is; absent = a new one. Only in a change of a poll that has been opened.
    #[oai(validator(max_length = 10))]
    id: Option<String>,
    /// What people read.
    #[oai(validator(min_length = 1, max_length = 255))]
    label: String,
    /// It is right; told when the poll is closed. Absent = no, or as before.
    is_correct: Option<bool>,
}

impl From<OptionBody> for OptionEdit {
    fn from(OptionBody { id, label, is_correct }: OptionBody) -> Self {
        Self { id, label, is_correct }
    }
}

/// A poll to be made.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct PollBody {
    /// The class in which it takes place. Either this or `course_id`.
    class_id: Option<Word<ExternalId>>,
    /// The course in which it takes place, as a whole.
    course_id: Option<Word<ExternalId>>,
    /// What it asks for.
    kind: Word<Kind>,
    /// The question.
    #[oai(validator(min_length = 1, max_length = 1_000))]
    question: String,
    /// What there is to vote for; only kinds with options have some. A `yes_no` poll without any has `Yes` and `No`.
    #[oai(validator(max_items = 100))]
    options: Option<Vec<OptionBody>>,
    /// What its makers choose.
    settings: Option<SettingsBody>,
    /// When it opens by itself: in the future, at most 365 days ahead. Absent = when somebody opens it.
    opens_at: Option<Word<DateTime<Utc>>>,
}

impl Example for PollBody {
    fn example() -> Self {
        let option = |label: &str| OptionBody { id: None, label: label.to_owned(), is_correct: None };
        Self {
            class_id: Some(Word(12.into())),
            course_id: None,
            kind: Word(Kind::Single),
            question: "Which loop never ends?".to_owned(),
            options: Some(["while true", "for i in 0..3"].map(option).into()),
            settings: Some(SettingsBody { time_limit_s: Some(60), ..SettingsBody::default() }),
            opens_at: None,
        }
    }
}

impl PollBody {
    /// What is to be made.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<NewPoll, Problem> {
        let place = match (self.class_id, self.course_id) {
            (Some(class), None) => PlaceId::Class(class.0),
            (None, Some(course)) => PlaceId::Course(course.0),
            (class, _) => {
                let (code, message) = match class {
                    None => ("missing_field", "needs a class_id, or a course_id: a poll takes place somewhere"),
                    Some(_) => ("invalid", "does not go together with course_id"),
                };
                return Err(Problem::fields(vec![Field::at("/class_id", code, message.to_owned())]));
            }
        };
        let options: Vec<OptionEdit> = self.options.unwrap_or_default().into_iter().map(Into::into).collect();
        let settings = self.settings.unwrap_or_default().into();
        let content = Content::new(self.kind.0, self.question, &options, &settings)?;
        Ok(NewPoll { place, content, opens_at: self.opens_at.map(|at| at.0) })
    }
}

/// A change of a poll; what is left out stays.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollPatchBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct PollPatchBody {
    /// The question. Of a draft only.
    #[oai(validator(min_length = 1, max_length = 1_000))]
    question: Option<String>,
    /// What it asks for. Of a draft only; the bounds are as usual then.
    kind: Option<Word<Kind>>,
    /// All options that can be voted for from now on. Of a draft, they are all new; later each names the option that it is, or
    /// is a new one.
    #[oai(validator(max_items = 100))]
    options: Option<Vec<OptionBody>>,
    /// What its makers choose. Once the poll has been opened: `results_visibility`, `change_vote`, `allow_suggestions` and
    /// `count_dropped`, and `time_limit_s` while it is open.
    settings: Option<SettingsBody>,
    /// When it opens by itself: in the future, at most 365 days ahead; null = when somebody opens it. Of a draft only.
    #[serde(default)]
    #[oai(default, skip_serializing_if = "MaybeUndefined::is_undefined")]
    opens_at: MaybeUndefined<Word<DateTime<Utc>>>,
}

impl Example for PollPatchBody {
    fn example() -> Self {
        let option =
            |id: &str, label: &str| OptionBody { id: Some(id.to_owned()), label: label.to_owned(), is_correct: None };
        let new = OptionBody { id: None, label: "loop {}".to_owned(), is_correct: Some(true) };
        Self {
            question: None,
            kind: None,
            options: Some(vec![option("1", "while true"), option("2", "for i in 0..3"), new]),
            settings: Some(SettingsBody { time_limit_s: Some(120), ..SettingsBody::default() }),
            opens_at: MaybeUndefined::Undefined,
        }
    }
}

impl From<PollPatchBody> for Edit {
    fn from(PollPatchBody { question, kind, options, settings, opens_at }: PollPatchBody) -> Self {
        let options = options.map(|options| options.into_iter().map(Into::into).collect());
        let opens_at: Option<Option<Word<_>>> = opens_at.into();
        Self {
            question,
            kind: kind.map(|word| word.0),
            options,
            settings: settings.unwrap_or_default().into(),
            opens_at: opens_at.map(|at| at.map(|at| at.0)),
        }
    }
}

/// A vote: the one field that the poll asks for.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollVoteBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct VoteBody {
    /// Ids of the options that are chosen (`single`, `multiple`, `yes_no`).
    #[oai(validator(max_items = 100))]
    option_ids: Option<Vec<Word<OptionName>>>,
    /// Ids of options in an order, the best first (`ranking`).
    #[oai(validator(max_items = 100))]
    ranking: Option<Vec<Word<OptionName>>>,
    /// A number with at most three decimals (`scale`, `numeric`).
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    value: Option<f64>,
    /// A text (`open`), or words with commas between (`word_cloud`).
    #[oai(validator(min_length = 1, max_length = 1_000))]
    text: Option<String>,
}

impl Example for VoteBody {
    fn example() -> Self {
        Self { option_ids: Some(vec![Word(OptionName("1".to_owned()))]), ranking: None, value: None, text: None }
    }
}

impl From<VoteBody> for Given {
    fn from(VoteBody { option_ids, ranking, value, text }: VoteBody) -> Self {
        let names = |ids: Vec<Word<OptionName>>| ids.into_iter().map(|id| id.0.0).collect();
        Self { option_ids: option_ids.map(names), ranking: ranking.map(names), value, text }
    }
}

/// An option that somebody suggests.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PollSuggestionBody", deny_unknown_fields, example)]
pub(super) struct SuggestionBody {
    /// What people shall read.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub(super) label: String,
}

impl Example for SuggestionBody {
    fn example() -> Self {
        Self { label: "loop {}".to_owned() }
    }
}
