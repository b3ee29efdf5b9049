//! Who sees what of a poll, and when.

use super::{Anonymity, Poll, State, Visibility};

/// In what part somebody looks at a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Makes and opens polls here.
    Host,
    /// Takes part.
    Voter {
        /// They have voted in this round.
        has_voted: bool,
    },
    /// Looks over somebody's shoulder.
    Observer,
}

impl Poll {
    /// Tells whether somebody sees that the poll is there.
    #[must_use]
    pub fn is_seen_by(&self, viewer: Viewer) -> bool {
        match viewer {
            Viewer::Host => true,
            Viewer::Voter { .. } => self.round > 0,
            Viewer::Observer => self.published_at.is_some(),
        }
    }

    /// Tells whether somebody sees the results of this round, if they are not withheld.
    #[must_use]
    pub fn shows_results_to(&self, viewer: Viewer) -> bool {
        let is_over = matches!(self.state, State::Closed | State::Archived);
        match (viewer, self.content.settings.results_visibility) {
            (Viewer::Host, _) => true,
            _ if self.round == 0 => false,
            _ if self.published_at.is_some() => true,
            (Viewer::Observer, _) | (Viewer::Voter { .. }, Visibility::Never) => false,
            (Viewer::Voter { has_voted }, Visibility::AfterVote) => has_voted || is_over,
            (Viewer::Voter { .. }, Visibility::AfterClose) => is_over,
            (Viewer::Voter { .. }, Visibility::Live) => true,
        }
    }

    /// Tells whether everybody who hears the place may hear the results: nobody there is asked whether they have voted.
    #[must_use]
    pub fn shows_results_to_all(&self) -> bool {
        self.shows_results_to(Viewer::Voter { has_voted: false })
    }

    /// Tells whether somebody sees which options are right: whoever sees the results of a poll that is over.
    #[must_use]
    pub fn shows_solution_to(&self, viewer: Viewer) -> bool {
        let is_over = matches!(self.state, State::Closed | State::Archived);
        viewer == Viewer::Host || (is_over && self.shows_results_to(viewer))
    }

    /// Tells whether results are held back because so few ballots would tell who voted what.
    #[must_use]
    pub fn withholds_from(&self, viewer: Viewer, ballots: u64) -> bool {
        let are_few = ballots < u64::from(self.content.settings.k_min);
        match self.content.settings.anonymity {
            Anonymity::Named => false,
            Anonymity::AnonymousToPeers => viewer != Viewer::Host && are_few,
            Anonymity::Anonymous => are_few,
        }
    }
}
