//! One poll with a vote in it, as the description of the API shows it.

use chrono::DateTime;
use poem_openapi::types::Example;

use super::{
    super::super::word::Word, ExportView, Looks, NamedBallotView, PollResultsView, PollSnapshotView, PollView,
    PollVoteView, VoterView, WithdrawnView,
};
use crate::{
    domain::poll::{Answer, Ballot, Content, Kind, OptionId, Poll, PollOption, Settings, State, Venue, Viewer, tally},
    services::poll::Looked,
};

/// The poll and the vote.
fn sample() -> (Poll, Ballot) {
    let at = DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default();
    let option = |number: u32, label: &str| {
        let id = OptionId::new(number)?;
        Some(PollOption { id, label: label.to_owned(), is_correct: number == 1, suggested_by: None, hidden_at: None })
    };
    let content = Content {
        question: "Which loop never ends?".to_owned(),
        kind: Kind::Single,
        options: option(1, "while true").into_iter().chain(option(2, "for i in 0..3")).collect(),
        settings: Settings::default(),
    };
    let poll = Poll {
        id: 7.into(),
        venue: Venue { course: 101.into(), class: Some(12.into()) },
        content,
        state: State::Open,
        round: 1,
        created_by: "user:9".to_owned(),
        created_at: at,
        opens_at: None,
        opened_at: Some(at),
        closes_at: None,
        sealed_at: None,
        closed_at: None,
        published_at: None,
        version: 2,
    };
    let ballot = Ballot {
        id: "0".repeat(32),
        poll: poll.id.clone(),
        round: 1,
        user: None,
        is_guest: false,
        cast_at: Some(at),
        revision: 1,
        answer: Answer::Options(OptionId::new(1).into_iter().collect()),
    };
    (poll, ballot)
}

impl Example for PollView {
    fn example() -> Self {
        Self::new(&sample().0, Looks::ALL)
    }
}

impl Example for PollResultsView {
    fn example() -> Self {
        let (poll, _) = sample();
        Self::new(&poll.id, tally(&poll.content, &[], (1, 0)))
    }
}

impl Example for PollSnapshotView {
    fn example() -> Self {
        let (poll, ballot) = sample();
        let stream = ("class.12".to_owned(), None);
        let viewer = Viewer::Voter { has_voted: true };
        let now = poll.created_at;
        Self::new(Looked { poll, viewer, own: Some(ballot), results: None, stream }, now)
    }
}

impl Example for WithdrawnView {
    fn example() -> Self {
        Self { poll_id: Word(7.into()), withdrawn: true }
    }
}

impl Example for NamedBallotView {
    fn example() -> Self {
        let user = VoterView { id: Word(7.into()), name: Some("Ada".to_owned()), is_guest: false };
        Self { user, ballot: PollVoteView::example() }
    }
}

impl Example for ExportView {
    fn example() -> Self {
        Self {
            poll: PollView::example(),
            results: PollResultsView::example(),
            ballots: vec![NamedBallotView::example()],
            anonymous_ballots: Vec::new(),
        }
    }
}

impl Example for PollVoteView {
    fn example() -> Self {
        Self::from(&sample().1)
    }
}
