//! From rows to polls and ballots, and back.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use entity::{poll, poll_ballot, poll_choice, poll_option};
use sea_orm::ActiveValue::{NotSet, Set};
use serde_json::{Value, json};

use crate::{
    domain::{
        poll::{Answer, Ballot, Content, OptionId, Poll, PollOption, Settings, Thousandths, Venue},
        roster::UnknownWord,
    },
    ids::{self, AppId, ExternalId, UserId},
};

/// Why a row cannot be read: it was edited by hand, or written by another version.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Id(#[from] ids::Error),
    #[error(transparent)]
    Word(#[from] UnknownWord),
    #[error("settings: {0}")]
    Settings(#[from] serde_json::Error),
    #[error("a number is out of its range")]
    Number,
}

/// A poll with its options; `None`, and a word in the log, when the row cannot be read.
pub(super) fn poll(row: poll::Model, options: Vec<poll_option::Model>) -> Option<Poll> {
    let id = row.id.clone();
    let read = || -> Result<Poll, Fault> {
        let mut options = options.into_iter().map(option).collect::<Result<Vec<_>, _>>()?;
        options.sort_by_key(|option| option.id);
        let content = Content {
            question: row.question,
            kind: row.kind.parse()?,
            options,
            settings: settings_read(&row.settings)?,
        };
        let class = row.class_id.map(|class| ExternalId::parse(&class)).transpose()?;
        Ok(Poll {
            id: ExternalId::parse(&row.id)?,
            venue: Venue { course: ExternalId::parse(&row.course_id)?, class },
            content,
            state: row.state.parse()?,
            round: u32::try_from(row.round).map_err(|_range| Fault::Number)?,
            created_by: row.created_by,
            created_at: moment(row.created_at)?,
            opens_at: row.opens_at.map(moment).transpose()?,
            opened_at: row.opened_at.map(moment).transpose()?,
            closes_at: row.closes_at.map(moment).transpose()?,
            sealed_at: row.sealed_at.map(moment).transpose()?,
            closed_at: row.closed_at.map(moment).transpose()?,
            published_at: row.published_at.map(moment).transpose()?,
            version: row.version,
        })
    };
    read().inspect_err(|fault| tracing::error!(poll.id = id, %fault, "a poll cannot be read")).ok()
}

fn option(row: poll_option::Model) -> Result<PollOption, Fault> {
    Ok(PollOption {
        id: option_id(row.id).ok_or(Fault::Number)?,
        label: row.label,
        is_correct: row.is_correct,
        suggested_by: row.suggested_by,
        hidden_at: row.hidden_at.map(moment).transpose()?,
    })
}

pub(super) fn option_id(number: i32) -> Option<OptionId> {
    OptionId::new(u32::try_from(number).ok()?)
}

fn moment(ms: i64) -> Result<DateTime<Utc>, Fault> {
    DateTime::from_timestamp_millis(ms).ok_or(Fault::Number)
}

fn ms(moment: Option<DateTime<Utc>>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_millis())
}

/// Numbers that the rules keep small.
pub(super) fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The row but for its secret, which is nobody's here.
pub(super) fn poll_row(app: &AppId, poll: &Poll) -> poll::ActiveModel {
    poll::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(poll.id.as_str().to_owned()),
        course_id: Set(poll.venue.course.as_str().to_owned()),
        class_id: Set(poll.venue.class.as_ref().map(|class| class.as_str().to_owned())),
        question: Set(poll.content.question.clone()),
        kind: Set(poll.content.kind.name().to_owned()),
        settings: Set(settings_text(&poll.content.settings)),
        state: Set(poll.state.name().to_owned()),
        round: Set(small(poll.round)),
        created_by: Set(poll.created_by.clone()),
        created_at: Set(poll.created_at.timestamp_millis()),
        opens_at: Set(ms(poll.opens_at)),
        opened_at: Set(ms(poll.opened_at)),
        closes_at: Set(ms(poll.closes_at)),
        sealed_at: Set(ms(poll.sealed_at)),
        closed_at: Set(ms(poll.closed_at)),
        published_at: Set(ms(poll.published_at)),
        version: Set(poll.version),
        voter_secret: NotSet,
    }
}

pub(super) fn option_row((app, poll): (&AppId, &ExternalId), option: &PollOption) -> poll_option::ActiveModel {
    poll_option::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        poll_id: Set(poll.as_str().to_owned()),
        id: Set(small(option.id.get())),
        label: Set(option.label.clone()),
        is_correct: Set(option.is_correct),
        suggested_by: Set(option.suggested_by.clone()),
        hidden_at: Set(ms(option.hidden_at)),
    }
}

fn settings_text(settings: &Settings) -> String {
    json!({
        "min": settings.min,
        "max": settings.max,
        "anonymity": settings.anonymity.name(),
        "change_vote": settings.change_vote,
        "results_visibility": settings.results_visibility.name(),
        "allow_suggestions": settings.allow_suggestions,
        "allow_guests": settings.allow_guests,
        "time_limit_s": settings.time_limit_s,
        "shuffle": settings.shuffle,
        "k_min": settings.k_min,
        "count_dropped": settings.count_dropped,
    })
    .to_string()
}

/// What a row does not say is as usual.
fn settings_read(text: &str) -> Result<Settings, Fault> {
    let row: Value = serde_json::from_str(text)?;
    let usual = Settings::default();
    let is = |name: &str, usual: bool| row.get(name).and_then(Value::as_bool).unwrap_or(usual);
    let word = |name: &str| row.get(name).and_then(Value::as_str);
    let number = |name: &str| row.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    Ok(Settings {
        min: row.get("min").and_then(Value::as_i64),
        max: row.get("max").and_then(Value::as_i64),
        anonymity: word("anonymity").map_or(Ok(usual.anonymity), str::parse)?,
        change_vote: is("change_vote", usual.change_vote),
        results_visibility: word("results_visibility").map_or(Ok(usual.results_visibility), str::parse)?,
        allow_suggestions: is("allow_suggestions", usual.allow_suggestions),
        allow_guests: is("allow_guests", usual.allow_guests),
        time_limit_s: number("time_limit_s").and_then(NonZeroU32::new),
        shuffle: is("shuffle", usual.shuffle),
        k_min: number("k_min").unwrap_or(usual.k_min),
        count_dropped: is("count_dropped", usual.count_dropped),
    })
}

/// A ballot with what it says; `None`, and a word in the log, when the row cannot be read.
pub(super) fn ballot(row: poll_ballot::Model, mut choices: Vec<poll_choice::Model>) -> Option<Ballot> {
    choices.sort_by_key(|choice| choice.slot);
    let read = || -> Result<Ballot, Fault> {
        Ok(Ballot {
            poll: ExternalId::parse(&row.poll_id)?,
            round: u32::try_from(row.round).map_err(|_range| Fault::Number)?,
            user: row.user_id.map(|user| UserId::parse(&user)).transpose()?,
            is_guest: row.is_guest,
            cast_at: row.cast_at.map(moment).transpose()?,
            revision: u32::try_from(row.revision).map_err(|_range| Fault::Number)?,
            answer: answer(choices)?,
            id: row.id,
        })
    };
    // The fault names neither user nor choice.
    read().inspect_err(|fault| tracing::error!(%fault, "a ballot cannot be read")).ok()
}

fn answer(choices: Vec<poll_choice::Model>) -> Result<Answer, Fault> {
    let options = || -> Result<Vec<OptionId>, Fault> {
        choices.iter().map(|choice| choice.option_id.and_then(option_id).ok_or(Fault::Number)).collect()
    };
    match choices.first() {
        Some(poll_choice::Model { place: Some(_), .. }) => Ok(Answer::Ranking(options()?)),
        Some(poll_choice::Model { option_id: Some(_), .. }) => Ok(Answer::Options(options()?)),
        Some(poll_choice::Model { thousandths: Some(number), .. }) => Ok(Answer::Value(Thousandths(*number))),
        _ => Ok(Answer::Texts(choices.into_iter().filter_map(|choice| choice.words).collect())),
    }
}

pub(super) fn ballot_row(app: &AppId, ballot: &Ballot, voter_key: &str) -> poll_ballot::ActiveModel {
    poll_ballot::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(ballot.id.clone()),
        poll_id: Set(ballot.poll.as_str().to_owned()),
        round: Set(small(ballot.round)),
        voter_key: Set(voter_key.to_owned()),
        user_id: Set(ballot.user.as_ref().map(|user| user.as_str().to_owned())),
        is_guest: Set(ballot.is_guest),
        cast_at: Set(ms(ballot.cast_at)),
        revision: Set(small(ballot.revision)),
    }
}

/// What a ballot says, one row for each thing.
pub(super) fn choice_rows(app: &AppId, ballot: &Ballot) -> Vec<poll_choice::ActiveModel> {
    let row = |slot: i32| poll_choice::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        ballot_id: Set(ballot.id.clone()),
        slot: Set(slot),
        poll_id: Set(ballot.poll.as_str().to_owned()),
        round: Set(small(ballot.round)),
        option_id: Set(None),
        place: Set(None),
        thousandths: Set(None),
        words: Set(None),
    };
    let of_option =
        |(slot, id): (i32, &OptionId)| poll_choice::ActiveModel { option_id: Set(Some(small(id.get()))), ..row(slot) };
    match &ballot.answer {
        Answer::Options(ids) => (1..).zip(ids).map(of_option).collect(),
        Answer::Ranking(ids) => {
            let placed =
                |row: poll_choice::ActiveModel, place| poll_choice::ActiveModel { place: Set(Some(place)), ..row };
            (1..).zip(ids).map(|(place, id)| placed(of_option((place, id)), place)).collect()
        }
        Answer::Value(value) => vec![poll_choice::ActiveModel { thousandths: Set(Some(value.0)), ..row(1) }],
        Answer::Texts(texts) => {
            let of_text =
                |(slot, text): (i32, &String)| poll_choice::ActiveModel { words: Set(Some(text.clone())), ..row(slot) };
            (1..).zip(texts).map(of_text).collect()
        }
    }
}
