//! The rules of polls: what is asked, what counts, who sees what.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::ExternalId;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + ms).unwrap()
}

fn options(labels: &[&str]) -> Vec<OptionEdit> {
    let option = |label: &&str| OptionEdit { id: None, label: (*label).to_owned(), is_correct: None };
    labels.iter().map(option).collect()
}

fn content(kind: Kind, labels: &[&str], settings: &SettingsEdit) -> Result<Content, Refusal> {
    Content::new(kind, "Which?".to_owned(), &options(labels), settings)
}

fn poll(content: Content) -> Poll {
    Poll {
        id: ExternalId::parse("p").unwrap(),
        venue: Venue { course: ExternalId::parse("1").unwrap(), class: None },
        content,
        state: State::Draft,
        round: 0,
        created_by: "user:9".to_owned(),
        created_at: at(0),
        opens_at: None,
        opened_at: None,
        closes_at: None,
        sealed_at: None,
        closed_at: None,
        published_at: None,
        version: 1,
    }
}

fn open(kind: Kind, labels: &[&str], settings: &SettingsEdit) -> Poll {
    poll(content(kind, labels, settings).unwrap()).moved(Move::Open, 0, at(0)).unwrap().unwrap()
}

fn field(refused: Result<impl std::fmt::Debug, Refusal>) -> String {
    match refused {
        Err(Refusal::Invalid { field, message }) => {
            assert!(!message.is_empty());
            field
        }
        other => panic!("{other:?}"),
    }
}

fn chosen(ids: &[&str]) -> Given {
    Given { option_ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()), ..Given::default() }
}

fn ranked(ids: &[&str]) -> Given {
    Given { ranking: Some(ids.iter().map(|id| (*id).to_owned()).collect()), ..Given::default() }
}

fn value(value: f64) -> Given {
    Given { value: Some(value), ..Given::default() }
}

fn text(text: &str) -> Given {
    Given { text: Some(text.to_owned()), ..Given::default() }
}

fn ids(numbers: &[u32]) -> Vec<OptionId> {
    numbers.iter().map(|number| OptionId::new(*number).unwrap()).collect()
}

#[test]
fn what_a_poll_asks_is_bounded_and_the_wrong_field_is_named() {
    let usual = SettingsEdit::default();
    let long = |length: usize| "x".repeat(length);
    let named = |question: String| Content::new(Kind::Single, question, &options(&["a", "b"]), &usual);
    assert!(named(long(QUESTION_MAX)).is_ok());
    assert_eq!(field(named(long(QUESTION_MAX + 1))), "/question");
    assert_eq!(field(named(String::new())), "/question");
    assert_eq!(field(named("a\0".to_owned())), "/question");
    assert!(content(Kind::Single, &["a", &long(LABEL_MAX)], &usual).is_ok());
    assert_eq!(field(content(Kind::Single, &["a", &long(LABEL_MAX + 1)], &usual)), "/options/1/label");
    assert_eq!(field(content(Kind::Single, &["a", "A"], &usual)), "/options/1/label");
    assert_eq!(field(content(Kind::Single, &["a"], &usual)), "/options");
    let many: Vec<String> = (0..=OPTIONS_MAX).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(content(Kind::Multiple, &many[1..], &usual).is_ok());
    assert_eq!(field(content(Kind::Multiple, &many, &usual)), "/options");
    assert_eq!(field(content(Kind::Open, &["a", "b"], &usual)), "/options");
    let yes_no = content(Kind::YesNo, &[], &usual).unwrap();
    assert_eq!(yes_no.shown().map(|option| option.label.as_str()).collect::<Vec<_>>(), ["Yes", "No"]);
    assert_eq!(field(content(Kind::YesNo, &["a", "b", "c"], &usual)), "/options");
}

#[test]
fn settings_go_with_the_kind_and_have_bounds() {
    let of = |edit: fn(&mut SettingsEdit)| {
        let mut settings = SettingsEdit::default();
        edit(&mut settings);
        settings
    };
    let bound = |kind, labels: &[&str], edit| content(kind, labels, &of(edit));
    assert_eq!(field(bound(Kind::Single, &["a", "b"], |it| it.max = Some(1))), "/settings/max");
    assert!(bound(Kind::Multiple, &["a", "b"], |it| it.max = Some(2)).is_ok());
    assert_eq!(field(bound(Kind::Multiple, &["a", "b"], |it| it.max = Some(3))), "/settings/max");
    assert_eq!(field(bound(Kind::Multiple, &["a", "b"], |it| (it.min, it.max) = (Some(2), Some(1)))), "/settings/max");
    assert!(bound(Kind::Scale, &[], |it| (it.min, it.max) = (Some(0), Some(99))).is_ok());
    assert_eq!(field(bound(Kind::Scale, &[], |it| (it.min, it.max) = (Some(0), Some(100)))), "/settings/max");
    assert_eq!(field(bound(Kind::Scale, &[], |it| (it.min, it.max) = (Some(5), Some(5)))), "/settings/max");
    assert!(bound(Kind::WordCloud, &[], |it| it.max = Some(WORDS_MAX)).is_ok());
    assert_eq!(field(bound(Kind::WordCloud, &[], |it| it.max = Some(WORDS_MAX + 1))), "/settings/max");
    for (seconds, is_good) in [(0, true), (4, false), (5, true), (604_800, true), (604_801, false)] {
        let settings = SettingsEdit { time_limit_s: Some(seconds), ..SettingsEdit::default() };
        assert_eq!(content(Kind::Open, &[], &settings).is_ok(), is_good, "{seconds}");
    }
    assert_eq!(field(bound(Kind::Open, &[], |it| it.k_min = Some(0))), "/settings/k_min");
    let leaves_out =
        |it: &mut SettingsEdit| (it.anonymity, it.count_dropped) = (Some(Anonymity::Anonymous), Some(false));
    assert_eq!(field(bound(Kind::Open, &[], leaves_out)), "/settings/count_dropped");
}

#[test]
fn a_sealed_poll_takes_no_votes_and_is_ended_when_whoever_sealed_it_has_had_time_enough() {
    let sealed = |limit| {
        let settings = SettingsEdit { time_limit_s: Some(limit), ..SettingsEdit::default() };
        Poll { sealed_at: Some(at(2_000)), ..open(Kind::Open, &[], &settings) }
    };
    assert_eq!(sealed(0).takes_votes(at(1)), Err(Refusal::Over));
    for (limit, ends) in [(0, 12_000), (5, 6_500), (60, 12_000)] {
        assert_eq!(sealed(limit).ended(at(ends - 1)), None, "{limit}");
        let ended = sealed(limit).ended(at(ends)).unwrap();
        assert_eq!((ended.state, ended.closed_at, ended.sealed_at), (State::Closed, Some(at(2_000)), None), "{limit}");
    }
}

#[test]
fn a_poll_goes_from_draft_to_open_to_closed_to_archived_and_each_step_once() {
    let draft = poll(content(Kind::Open, &[], &SettingsEdit::default()).unwrap());
    let step = |poll: &Poll, step| poll.moved(step, 0, at(1));
    for wrong in [Move::Close, Move::Reopen, Move::Publish] {
        assert!(matches!(step(&draft, wrong), Err(Refusal::WrongState { .. })), "{wrong:?}");
    }
    let open = step(&draft, Move::Open).unwrap().unwrap();
    assert_eq!((open.state, open.round, open.version, open.opened_at), (State::Open, 1, 2, Some(at(1))));
    assert_eq!(step(&open, Move::Open), Ok(None));
    for wrong in [Move::Publish, Move::Archive] {
        assert!(matches!(step(&open, wrong), Err(Refusal::WrongState { .. })), "{wrong:?}");
    }
    let closed = step(&open, Move::Close).unwrap().unwrap();
    assert_eq!((closed.state, closed.closed_at), (State::Closed, Some(at(1))));
    assert_eq!(step(&closed, Move::Close), Ok(None));
    assert!(matches!(step(&closed, Move::Open), Err(Refusal::WrongState { .. })));
    let published = step(&closed, Move::Publish).unwrap().unwrap();
    assert_eq!(step(&published, Move::Publish), Ok(None));
    let again = step(&published, Move::Reopen).unwrap().unwrap();
    assert_eq!((again.round, again.published_at, again.closed_at), (2, None, None));
    let archived = step(&published, Move::Archive).unwrap().unwrap();
    assert_eq!(step(&archived, Move::Archive), Ok(None));
    for wrong in [Move::Open, Move::Close, Move::Reopen] {
        assert!(matches!(step(&archived, wrong), Err(Refusal::WrongState { .. })), "{wrong:?}");
    }
    assert!(draft.moved(Move::Open, OPEN_MAX - 1, at(1)).is_ok());
    assert_eq!(draft.moved(Move::Open, OPEN_MAX, at(1)), Err(Refusal::TooManyOpen));
}

#[test]
fn a_vote_counts_that_was_received_within_a_second_of_the_end_and_the_timer_waits_for_it() {
    let settings = SettingsEdit { time_limit_s: Some(30), ..SettingsEdit::default() };
    let open = open(Kind::Open, &[], &settings);
    assert_eq!((open.closes_at, open.remaining_ms(at(12_000))), (Some(at(30_000)), Some(18_000)));
    assert_eq!(open.takes_votes(at(30_999)), Ok(()));
    assert_eq!(open.takes_votes(at(31_000)), Err(Refusal::Over));
    assert_eq!((open.remaining_ms(at(40_000)), open.ended(at(31_499))), (Some(0), None));
    let reopened = |now| open.moved(Move::Reopen, 0, now).map_err(|refusal| refusal.code());
    assert_eq!((reopened(at(29_999)), reopened(at(30_000))), (Ok(None), Err("wrong_state")), "it is being closed");
    let ended = open.ended(at(31_500)).unwrap();
    assert_eq!((ended.state, ended.closed_at), (State::Closed, Some(at(30_000))));
    assert_eq!(ended.takes_votes(at(0)), Err(Refusal::Over), "closed is closed");
    assert_eq!((ended.ended(at(99_000)), ended.remaining_ms(at(0))), (None, None));
    let draft = Poll { state: State::Draft, ..ended };
    assert!(matches!(draft.takes_votes(at(0)), Err(Refusal::WrongState { .. })));
}

#[test]
fn each_kind_takes_its_own_form_of_vote_within_its_bounds() {
    let usual = SettingsEdit::default();
    let single = open(Kind::Single, &["a", "b", "c"], &usual);
    assert_eq!(single.read(&chosen(&["2"])), Ok(Answer::Options(ids(&[2]))));
    assert_eq!(field(single.read(&chosen(&["1", "2"]))), "/option_ids");
    assert_eq!(field(single.read(&chosen(&[]))), "/option_ids");
    for other in ["0", "4", "02", "x", ""] {
        assert_eq!(field(single.read(&chosen(&[other]))), "/option_ids/0", "{other}");
    }
    assert_eq!(field(single.read(&value(1.0))), "/option_ids");
    assert_eq!(field(single.read(&Given { value: Some(1.0), ..chosen(&["1"]) })), "/value");
    let two = SettingsEdit { min: Some(2), max: Some(3), ..SettingsEdit::default() };
    let multiple = open(Kind::Multiple, &["a", "b", "c", "d"], &two);
    assert_eq!(multiple.read(&chosen(&["3", "1"])), Ok(Answer::Options(ids(&[1, 3]))));
    assert_eq!(field(multiple.read(&chosen(&["1"]))), "/option_ids");
    assert_eq!(field(multiple.read(&chosen(&["1", "2", "3", "4"]))), "/option_ids");
    assert_eq!(field(multiple.read(&chosen(&["1", "1"]))), "/option_ids/1");
    let ranking = open(Kind::Ranking, &["a", "b", "c"], &usual);
    assert_eq!(ranking.read(&ranked(&["3", "1", "2"])), Ok(Answer::Ranking(ids(&[3, 1, 2]))));
    assert_eq!(field(ranking.read(&ranked(&["3", "1"]))), "/ranking");
    let scale = open(Kind::Scale, &[], &usual);
    assert_eq!(scale.read(&value(5.0)), Ok(Answer::Value(Thousandths(5_000))));
    for wrong in [0.0, 6.0, 2.5, f64::NAN, f64::INFINITY] {
        assert_eq!(field(scale.read(&value(wrong))), "/value", "{wrong}");
    }
    let numeric = open(Kind::Numeric, &[], &usual);
    for good in [0.0, -0.001, 19.995, 0.1, 1e9, -123_456.789] {
        assert_eq!(numeric.read(&value(good)), Ok(Answer::Value(Thousandths((good * 1_000.0).round() as i64))));
    }
    for wrong in [0.000_1, 1e9 + 1.0, 1e300] {
        assert_eq!(field(numeric.read(&value(wrong))), "/value", "{wrong}");
    }
    let asked = open(Kind::Open, &[], &usual);
    assert!(asked.read(&text(&"é".repeat(ANSWER_MAX))).is_ok());
    assert_eq!(field(asked.read(&text(&"é".repeat(ANSWER_MAX + 1)))), "/text");
    assert_eq!(field(asked.read(&text(" "))), "/text");
    let cloud = open(Kind::WordCloud, &[], &usual);
    let words = Answer::Texts(vec!["big data".to_owned(), "ai".to_owned()]);
    assert_eq!(cloud.read(&text(" Big   Data, AI,\nai,")), Ok(words));
    assert_eq!(field(cloud.read(&text("a,b,c,d"))), "/text");
    assert_eq!(field(cloud.read(&text(&"x".repeat(WORD_MAX + 1)))), "/text");
    assert_eq!(field(cloud.read(&text(" , "))), "/text");
}

fn edit(options: Vec<OptionEdit>) -> Edit {
    Edit { options: Some(options), ..Edit::default() }
}

fn kept(id: &str, label: &str) -> OptionEdit {
    OptionEdit { id: Some(id.to_owned()), label: label.to_owned(), is_correct: None }
}

#[test]
fn once_there_may_be_votes_labels_are_put_right_options_added_and_hidden_and_nothing_else() {
    let open = open(Kind::Single, &["Paris", "Rom", "Bern"], &SettingsEdit::default());
    let wanted = vec![kept("1", "Paris"), kept("2", "Rome"), options(&["Oslo"]).remove(0)];
    let Edited { poll, relabelled } = open.edited(&edit(wanted), at(9)).unwrap().unwrap();
    assert_eq!(relabelled, [(OptionId::new(2).unwrap(), "Rom".to_owned(), "Rome".to_owned())]);
    let shown: Vec<_> = poll.content.shown().map(|option| (option.id.get(), option.label.as_str())).collect();
    assert_eq!(shown, [(1, "Paris"), (2, "Rome"), (4, "Oslo")]);
    assert_eq!(poll.content.options[2].hidden_at, Some(at(9)), "votes for it stay");
    assert_eq!(field(poll.read(&chosen(&["3"]))), "/option_ids/0");
    assert_eq!(open.edited(&Edit::default(), at(9)), Ok(None));

    let refused = |edit: Edit| field(open.edited(&edit, at(9)));
    assert_eq!(refused(edit(vec![kept("1", "London"), kept("2", "Rom")])), "/options/0/label");
    assert_eq!(refused(edit(vec![kept("1", "Paris")])), "/options");
    assert_eq!(refused(edit(vec![kept("1", "Paris"), kept("1", "Paris")])), "/options/1/id");
    assert_eq!(refused(edit(vec![kept("1", "Paris"), kept("7", "Rom")])), "/options/1/id");
    assert_eq!(refused(Edit { question: Some("Who?".to_owned()), ..Edit::default() }), "/question");
    assert_eq!(refused(Edit { kind: Some(Kind::Open), ..Edit::default() }), "/kind");
    let settings = SettingsEdit { anonymity: Some(Anonymity::Anonymous), ..SettingsEdit::default() };
    assert_eq!(refused(Edit { settings, ..Edit::default() }), "/settings/anonymity");
    let settings = SettingsEdit { results_visibility: Some(Visibility::Live), ..SettingsEdit::default() };
    assert!(open.edited(&Edit { settings, ..Edit::default() }, at(9)).unwrap().is_some());
}

#[test]
fn a_draft_is_free_and_an_archived_poll_is_fixed() {
    let draft =
        poll(content(Kind::Multiple, &["a", "b"], &SettingsEdit { max: Some(2), ..Default::default() }).unwrap());
    let edit = Edit { kind: Some(Kind::Scale), question: Some("How far?".to_owned()), ..Edit::default() };
    let Edited { poll, .. } = draft.edited(&edit, at(1)).unwrap().unwrap();
    assert_eq!((poll.content.kind, poll.content.options.len(), poll.content.settings.max), (Kind::Scale, 0, None));
    let archived = Poll { state: State::Archived, ..draft };
    assert!(matches!(archived.edited(&edit, at(1)), Err(Refusal::WrongState { .. })));
}

#[test]
fn the_time_limit_of_an_open_poll_moves_its_end_but_not_into_the_past() {
    let open = open(Kind::Open, &[], &SettingsEdit { time_limit_s: Some(30), ..SettingsEdit::default() });
    let limit = |seconds| Edit {
        settings: SettingsEdit { time_limit_s: Some(seconds), ..SettingsEdit::default() },
        ..Edit::default()
    };
    let end = |seconds| open.edited(&limit(seconds), at(20_000)).map(|edited| edited.unwrap().poll.closes_at);
    assert_eq!(end(60), Ok(Some(at(60_000))));
    assert_eq!(end(0), Ok(None));
    assert_eq!(field(end(20)), "/settings/time_limit_s");
}

#[test]
fn suggestions_are_counted_by_person_and_are_no_doubles() {
    let takes = SettingsEdit { allow_suggestions: Some(true), ..SettingsEdit::default() };
    let mut poll = open(Kind::Single, &["a", "b"], &takes);
    for label in ["c", "d", "e"] {
        poll = poll.suggested(Suggested { label, by: Some("7") }, at(1)).unwrap();
    }
    let suggest = |poll: &Poll, label, by| poll.suggested(Suggested { label, by }, at(1)).map(|_| ());
    assert_eq!(suggest(&poll, "f", Some("7")), Err(Refusal::SuggestedEnough));
    assert_eq!(suggest(&poll, "f", Some("8")), Ok(()));
    assert_eq!(suggest(&poll, "C", Some("8")), Err(Refusal::OptionExists));
    assert_eq!(field(suggest(&poll, "", Some("8"))), "/label");
    let closed = poll.moved(Move::Close, 0, at(1)).unwrap().unwrap();
    assert_eq!(suggest(&closed, "f", Some("8")), Err(Refusal::Over));
    let strict = open(Kind::Single, &["a", "b"], &SettingsEdit::default());
    assert_eq!(suggest(&strict, "f", Some("8")), Err(Refusal::NoSuggestions));
    assert_eq!(suggest(&strict, "f", None), Ok(()), "a host may");
}

#[test]
fn results_are_seen_as_the_settings_say_and_by_observers_when_they_are_published() {
    use Viewer::{Host, Observer, Voter};
    let (idle, done) = (Voter { has_voted: false }, Voter { has_voted: true });
    for (visibility, while_open, once_closed) in [
        (Visibility::Never, [true, false, false, false], [true, false, false, false]),
        (Visibility::AfterVote, [true, false, true, false], [true, true, true, false]),
        (Visibility::AfterClose, [true, false, false, false], [true, true, true, false]),
        (Visibility::Live, [true, true, true, false], [true, true, true, false]),
    ] {
        let settings = SettingsEdit { results_visibility: Some(visibility), ..SettingsEdit::default() };
        let open = open(Kind::Open, &[], &settings);
        let seen = |poll: &Poll| [Host, idle, done, Observer].map(|viewer| poll.shows_results_to(viewer));
        assert_eq!(seen(&open), while_open, "{visibility}");
        let closed = open.moved(Move::Close, 0, at(1)).unwrap().unwrap();
        assert_eq!(seen(&closed), once_closed, "{visibility}");
        let published = closed.moved(Move::Publish, 0, at(1)).unwrap().unwrap();
        assert_eq!(seen(&published), [true; 4], "{visibility}");
        assert!(!open.shows_solution_to(done) && published.shows_solution_to(Observer));
    }
    let draft = poll(content(Kind::Open, &[], &SettingsEdit::default()).unwrap());
    assert!(draft.is_seen_by(Host) && !draft.is_seen_by(idle));
}

#[test]
fn few_ballots_are_withheld_from_peers_or_from_all() {
    let of = |anonymity| {
        let settings = SettingsEdit { anonymity: Some(anonymity), k_min: Some(3), ..SettingsEdit::default() };
        let poll = open(Kind::Open, &[], &settings);
        let held = |viewer, ballots| poll.withholds_from(viewer, ballots);
        let voter = Viewer::Voter { has_voted: true };
        [held(Viewer::Host, 2), held(voter, 2), held(Viewer::Host, 3), held(voter, 3)]
    };
    assert_eq!(of(Anonymity::Named), [false; 4]);
    assert_eq!(of(Anonymity::AnonymousToPeers), [false, true, false, false]);
    assert_eq!(of(Anonymity::Anonymous), [true, true, false, false]);
}

/// What the database counts, counted one by one.
fn count(answers: &[Answer]) -> Vec<Counted> {
    type Key = (Option<OptionId>, Option<u32>, Option<Thousandths>, Option<String>);
    let mut counted: BTreeMap<Key, u64> = BTreeMap::new();
    let mut add = |key| *counted.entry(key).or_default() += 1;
    for answer in answers {
        match answer {
            Answer::Options(ids) => ids.iter().for_each(|id| add((Some(*id), None, None, None))),
            Answer::Ranking(ids) => (1..).zip(ids).for_each(|(rank, id)| add((Some(*id), Some(rank), None, None))),
            Answer::Value(value) => add((None, None, Some(*value), None)),
            Answer::Texts(texts) => texts.iter().for_each(|text| add((None, None, None, Some(text.clone())))),
        }
    }
    let row = |((option, rank, value, text), count)| Counted { option, rank, value, text, count };
    counted.into_iter().map(row).collect()
}

fn results(poll: &Poll, answers: &[Answer]) -> Results {
    tally(&poll.content, &count(answers), (1, answers.len() as u64))
}

proptest! {
    #[test]
    fn every_choice_of_every_ballot_is_counted_once(picks in prop::collection::vec(1_u32..16, 0..60)) {
        let poll = open(Kind::Multiple, &["a", "b", "c", "d"], &SettingsEdit::default());
        let ballot = |bits: &u32| Answer::Options(ids(&(1..=4).filter(|id| bits >> (id - 1) & 1 == 1).collect::<Vec<_>>()));
        let answers: Vec<_> = picks.iter().map(ballot).collect();
        let results = results(&poll, &answers);
        prop_assert_eq!(results.total, picks.len() as u64);
        prop_assert_eq!(results.tallies.len(), 4);
        for (entry, bit) in results.tallies.iter().zip(0..) {
            prop_assert_eq!(entry.count, picks.iter().filter(|bits| *bits >> bit & 1 == 1).count() as u64);
        }
    }

    #[test]
    fn points_of_whole_rankings_add_up(orders in prop::collection::vec(Just(vec![1_u32, 2, 3, 4]).prop_shuffle(), 0..40)) {
        let poll = open(Kind::Ranking, &["a", "b", "c", "d"], &SettingsEdit::default());
        let answers: Vec<_> = orders.iter().map(|order| Answer::Ranking(ids(order))).collect();
        let results = results(&poll, &answers);
        let points: Vec<u64> = results.tallies.iter().map(|entry| entry.points.unwrap()).collect();
        prop_assert_eq!(points.iter().sum::<u64>(), orders.len() as u64 * (4 + 3 + 2 + 1));
        for (points, id) in points.iter().zip(1..) {
            let naive: usize = orders.iter().map(|order| 4 - order.iter().position(|it| *it == id).unwrap()).sum();
            prop_assert_eq!(*points, naive as u64);
        }
    }

    #[test]
    fn numbers_come_to_what_sorting_them_tells(mut values in prop::collection::vec(-5_000_i64..5_000, 1..80)) {
        let poll = open(Kind::Numeric, &[], &SettingsEdit::default());
        let answers: Vec<_> = values.iter().map(|value| Answer::Value(Thousandths(*value))).collect();
        let results = results(&poll, &answers);
        values.sort_unstable();
        let summary = results.summary.unwrap();
        prop_assert_eq!((summary.min.0, summary.max.0), (values[0], values[values.len() - 1]));
        prop_assert_eq!(summary.mean.0, values.iter().sum::<i64>().div_euclid(values.len() as i64));
        prop_assert_eq!(summary.median.0, values[(values.len() - 1) / 2]);
        prop_assert_eq!(results.tallies.iter().map(|entry| entry.count).sum::<u64>(), values.len() as u64);
    }
}

#[test]
fn a_scale_shows_every_step_and_a_cloud_its_most_frequent_words() {
    let scale = open(Kind::Scale, &[], &SettingsEdit::default());
    let shown = results(&scale, &[Answer::Value(Thousandths(4_000)), Answer::Value(Thousandths(4_000))]);
    let counts: Vec<_> = shown.tallies.iter().map(|entry| (entry.value.unwrap().0 / 1_000, entry.count)).collect();
    assert_eq!(counts, [(1, 0), (2, 0), (3, 0), (4, 2), (5, 0)]);
    assert_eq!(shown.summary.map(|it| (it.min.0, it.median.0)), Some((4_000, 4_000)));
    assert_eq!(results(&scale, &[]).summary, None);

    let cloud = open(Kind::WordCloud, &[], &SettingsEdit::default());
    let mut answers: Vec<_> = (0..=TEXTS_SHOWN).map(|number| Answer::Texts(vec![format!("{number:03}")])).collect();
    assert!(results(&cloud, &answers).has_more);
    answers.pop();
    answers[7] = Answer::Texts(vec!["000".to_owned()]);
    let shown = results(&cloud, &answers);
    assert_eq!((shown.tallies[0].text.as_deref(), shown.tallies[0].count, shown.has_more), (Some("000"), 2, false));
    let withheld = shown.withheld();
    assert!(withheld.is_withheld && withheld.tallies.is_empty() && withheld.total == TEXTS_SHOWN as u64);
}

#[test]
fn a_hidden_option_stays_in_the_results_while_it_has_votes() {
    let open = open(Kind::Single, &["a", "b", "c", "d"], &SettingsEdit::default());
    let wanted = edit(vec![kept("1", "a"), kept("2", "b")]);
    let poll = open.edited(&wanted, at(1)).unwrap().unwrap().poll;
    let shown = results(&poll, &[Answer::Options(ids(&[3]))]);
    assert_eq!(shown.tallies.iter().map(|entry| entry.option.unwrap().get()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_anonymous_poll_takes_the_fewer_votes_the_more_each_may_say() {
    let anonymous = SettingsEdit { anonymity: Some(Anonymity::Anonymous), ..SettingsEdit::default() };
    let labels: Vec<String> = (0..OPTIONS_MAX).map(|number| number.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let most = |kind, count: usize, settings: &SettingsEdit| open(kind, &labels[..count], settings).ballots_max();
    assert_eq!(most(Kind::Multiple, 100, &SettingsEdit::default()), VOTERS_MAX);
    assert_eq!(most(Kind::Multiple, 100, &anonymous), 1_000);
    assert_eq!(most(Kind::Multiple, 100, &SettingsEdit { max: Some(10), ..anonymous.clone() }), VOTERS_MAX);
    assert_eq!((most(Kind::Ranking, 10, &anonymous), most(Kind::Ranking, 11, &anonymous)), (VOTERS_MAX, 9_090));
    assert_eq!(most(Kind::Single, 100, &anonymous), VOTERS_MAX);
    assert_eq!(most(Kind::WordCloud, 0, &SettingsEdit { max: Some(10), ..anonymous.clone() }), VOTERS_MAX);
    assert_eq!(most(Kind::Scale, 0, &SettingsEdit { max: Some(90), ..anonymous.clone() }), VOTERS_MAX);

    let (wide, narrow) = (open(Kind::Multiple, &labels, &anonymous), open(Kind::Multiple, &labels[..9], &anonymous));
    let own = Ballot {
        id: "b".to_owned(),
        poll: wide.id.clone(),
        round: 1,
        user: None,
        is_guest: false,
        cast_at: None,
        revision: 1,
        answer: Answer::Options(ids(&[1])),
    };
    let full = |most| Err(Refusal::Full { most });
    let room = |poll: &Poll, own: Option<&Ballot>, enrolled| poll.has_room(own, Turnout { enrolled, guests: u64::MAX });
    assert_eq!((room(&wide, None, 999), room(&wide, None, 1_000)), (Ok(()), full(1_000)));
    assert_eq!((room(&wide, Some(&own), 1_000), room(&wide, Some(&own), 1_001)), (Ok(()), full(1_000)));
    assert_eq!((room(&narrow, None, 9_999), room(&narrow, None, 10_000)), (Ok(()), full(10_000)));
    // Guests have half as much of their own.
    let of_guest = Ballot { is_guest: true, ..own.clone() };
    let full = |most| Err(Refusal::FullOfGuests { most });
    let room = |poll: &Poll, own: Option<&Ballot>, guests| {
        poll.has_room_for_guest(own, Turnout { enrolled: u64::MAX, guests })
    };
    assert_eq!((room(&wide, None, 499), room(&wide, None, 500)), (Ok(()), full(500)));
    assert_eq!((room(&wide, Some(&of_guest), 500), room(&wide, Some(&own), 500)), (Ok(()), full(500)));
    assert_eq!((room(&narrow, None, 4_999), room(&narrow, None, 5_000)), (Ok(()), full(5_000)));
    assert_eq!(wide.has_room_for(1_000), Ok(()));
    assert_eq!(wide.has_room_for(1_001), Err(Refusal::TooManyVoters { eligible: 1_001, most: 1_000 }));
    assert_eq!(narrow.has_room_for(50_000), Ok(()), "as in any other poll, who comes first votes");
}
