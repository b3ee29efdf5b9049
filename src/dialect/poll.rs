//! Polls, votes and results as events tell them; the REST API shows the same shapes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::spelling::Payload;
use crate::domain::poll::{Answer, Ballot, Content, Entry, Kind, Poll, PollOption, Results, Settings, Thousandths};

/// How much of a poll is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Which options are right.
    pub solution: bool,
    /// What only its makers see: hidden options, and who suggested which.
    pub backstage: bool,
}

/// A poll.
#[must_use]
pub fn poll(poll: &Poll, shown: Shown) -> Value {
    let options = poll.content.options.iter().filter(|option| shown.backstage || option.hidden_at.is_none());
    let options: Vec<Value> = options.map(|option| option_view(poll, option, shown)).collect();
    present(json!({
        "id": poll.id.as_str(),
        "course_id": poll.venue.course.as_str(),
        "class_id": poll.venue.class.as_ref().map(|class| class.as_str()),
        "question": poll.content.question,
        "kind": poll.content.kind.name(),
        "state": poll.state.name(),
        "round": poll.round,
        "options": options,
        "settings": settings(&poll.content),
        "created_at": time(Some(poll.created_at)),
        "opened_at": time(poll.opened_at),
        "closes_at": time(poll.closes_at),
        "closed_at": time(poll.closed_at),
        "published_at": time(poll.published_at),
        "version": poll.version,
    }))
}

fn option_view(poll: &Poll, option: &PollOption, shown: Shown) -> Value {
    // The key of an anonymous voter is nobody's name.
    let suggested_by = option.suggested_by.as_ref().filter(|_| shown.backstage && !poll.is_anonymous());
    present(json!({
        "id": option.id.to_string(),
        "label": option.label,
        "is_correct": shown.solution.then_some(option.is_correct),
        "suggested_by": suggested_by,
        "hidden": shown.backstage.then_some(option.hidden_at.is_some()),
    }))
}

/// The settings as they work: bounds that are as usual are told too.
fn settings(content: &Content) -> Value {
    let Settings { min, max, .. } = content.settings;
    let (least, most) = content.bounds();
    let (min, max) = match content.kind {
        Kind::Single | Kind::YesNo | Kind::Open => (None, None),
        Kind::Numeric => (min, max),
        Kind::Multiple | Kind::Scale | Kind::WordCloud | Kind::Ranking => (Some(least), Some(most)),
    };
    let settings = &content.settings;
    present(json!({
        "min": min,
        "max": max,
        "anonymity": settings.anonymity.name(),
        "change_vote": settings.change_vote,
        "results_visibility": settings.results_visibility.name(),
        "allow_suggestions": settings.allow_suggestions,
        "allow_guests": settings.allow_guests,
        "time_limit_s": settings.time_limit_s,
        "shuffle": settings.shuffle,
        "k_min": settings.k_min,
        "count_dropped": settings.count_dropped,
    }))
}

/// A vote, without whose it is.
#[must_use]
pub fn ballot(ballot: &Ballot) -> Value {
    let ids = |ids: &[_]| ids.iter().map(ToString::to_string).collect::<Vec<String>>();
    let (option_ids, ranking, value, text) = match &ballot.answer {
        Answer::Options(chosen) => (Some(ids(chosen)), None, None, None),
        Answer::Ranking(chosen) => (None, Some(ids(chosen)), None, None),
        Answer::Value(value) => (None, None, Some(value.get()), None),
        Answer::Texts(texts) => (None, None, None, Some(texts.join(", "))),
    };
    present(json!({
        "poll_id": ballot.poll.as_str(),
        "round": ballot.round,
        "option_ids": option_ids,
        "ranking": ranking,
        "value": value,
        "text": text,
        "revision": ballot.revision,
        "cast_at": time(ballot.cast_at),
    }))
}

/// Results.
#[must_use]
pub fn results(poll: &Poll, results: &Results) -> Payload {
    let number = |number: Thousandths| number.get();
    let summary = results.summary.map(|summary| {
        json!({
            "min": number(summary.min),
            "max": number(summary.max),
            "mean": number(summary.mean),
            "median": number(summary.median),
        })
    });
    object(present(json!({
        "poll_id": poll.id.as_str(),
        "round": results.round,
        "total": results.total,
        "withheld": results.is_withheld,
        "tallies": results.tallies.iter().map(entry).collect::<Vec<_>>(),
        "has_more": results.has_more,
        "summary": summary,
    })))
}

fn entry(entry: &Entry) -> Value {
    present(json!({
        "option_id": entry.option.map(|option| option.to_string()),
        "value": entry.value.map(Thousandths::get),
        "text": entry.text,
        "count": entry.count,
        "points": entry.points,
    }))
}

/// How many have voted, of those who are enrolled as students.
#[must_use]
pub fn turnout(poll: &Poll, voted: u64, eligible: u64) -> Payload {
    object(json!({ "poll_id": poll.id.as_str(), "round": poll.round, "voted": voted, "eligible": eligible }))
}

/// One named thing as a payload.
#[must_use]
pub fn under(name: &str, value: Value) -> Payload {
    Map::from_iter([(name.to_owned(), value)])
}

fn time(moment: Option<DateTime<Utc>>) -> Option<String> {
    moment.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The object without what is empty.
fn present(value: Value) -> Value {
    let mut object = object(value);
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

fn object(value: Value) -> Payload {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
