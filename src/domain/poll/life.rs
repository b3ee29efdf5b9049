//! The life of a poll: draft, open, closed, archived, and back to open in a new round.

use chrono::{DateTime, TimeDelta, Utc};

use super::{AHEAD_MAX, Ballot, GRACE, OPEN_MAX, Poll, Refusal, SEALED_FOR, SETTLE, State, Turnout, VOTERS_MAX};

/// A step in the life of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A draft takes votes from now on.
    Open,
    /// It takes votes no more.
    Close,
    /// It takes votes once more, in a new round.
    Reopen,
    /// Everybody may see its results.
    Publish,
    /// It is put away.
    Archive,
}

impl Move {
    /// What was done, as the audit names it.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Open => "poll.opened",
            Self::Close => "poll.closed",
            Self::Reopen => "poll.reopened",
            Self::Publish => "poll.published",
            Self::Archive => "poll.archived",
        }
    }
}

impl Poll {
    /// Takes a step. `None` = it was taken already.
    ///
    /// # Errors
    /// [`Refusal::WrongState`], or [`Refusal::TooManyOpen`] when `open_here`, the polls that take votes in the same place, are
    /// too many.
    pub fn moved(&self, step: Move, open_here: u64, now: DateTime<Utc>) -> Result<Option<Self>, Refusal> {
        let wrong = |needed| Err(Refusal::WrongState { state: self.state, needed });
        match (step, self.state) {
            (Move::Reopen, State::Open) if self.is_ending(now) => {
                wrong("closed, which it is in a moment, for its time is over: try again then")
            }
            (Move::Open | Move::Reopen, State::Open)
            | (Move::Close, State::Closed)
            | (Move::Archive, State::Archived) => Ok(None),
            (Move::Publish, State::Closed | State::Archived) if self.published_at.is_some() => Ok(None),
            (Move::Open, State::Draft) | (Move::Reopen, State::Closed) => self.opened(open_here, now).map(Some),
            (Move::Close, State::Open) => Ok(Some(self.closed(now))),
            (Move::Publish, State::Closed) => Ok(Some(Self { published_at: Some(now), ..self.next() })),
            (Move::Archive, State::Draft | State::Closed) => Ok(Some(self.archived())),
            (Move::Open, State::Closed | State::Archived) => wrong("a draft; 'reopen' begins a new round"),
            (Move::Close, State::Draft | State::Archived) => wrong("open"),
            (Move::Reopen, State::Draft | State::Archived) => wrong("closed"),
            (Move::Publish, State::Draft | State::Open | State::Archived) => wrong("closed"),
            (Move::Archive, State::Open) => wrong("a draft or closed"),
        }
    }

    /// Its time is over, or somebody is closing it, and the last votes are being counted.
    fn is_ending(&self, now: DateTime<Utc>) -> bool {
        self.sealed_at.is_some() || self.closes_at.is_some_and(|end| end <= now)
    }

    /// The poll as it is after its timer, if that has run out; or after a close that was given up half-way.
    #[must_use]
    pub fn ended(&self, now: DateTime<Utc>) -> Option<Self> {
        let is_over = self.closes_at.is_some_and(|end| end + GRACE + SETTLE <= now);
        let is_left = self.sealed_at.is_some_and(|sealed| sealed + SEALED_FOR <= now);
        if self.state != State::Open || !(is_over || is_left) {
            return None;
        }
        let end = [self.closes_at, self.sealed_at].into_iter().flatten().min()?;
        Some(self.closed(end))
    }

    /// The draft as it is after the time at which it opens by itself, if that has come: open; or, with the reason, a draft that
    /// waits for nothing any more. `fits` tells whether everybody finds room in it.
    #[must_use]
    pub fn begun(
        &self,
        fits: Result<(), Refusal>,
        open_here: u64,
        now: DateTime<Utc>,
    ) -> Option<(Self, Option<Refusal>)> {
        self.opens_at.filter(|begin| self.state == State::Draft && *begin <= now)?;
        Some(match fits.and_then(|()| self.opened(open_here, now)) {
            Ok(open) => (open, None),
            Err(refusal) => (Self { opens_at: None, ..self.next() }, Some(refusal)),
        })
    }

    /// Checks the time at which a draft shall open by itself.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when it is not ahead, or further than [`AHEAD_MAX`].
    pub fn check_opening(opens_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), Refusal> {
        match opens_at {
            Some(begin) if begin <= now => Err(Refusal::invalid("/opens_at", "must be a time in the future")),
            Some(begin) if begin > now + AHEAD_MAX => {
                Err(Refusal::invalid("/opens_at", format!("may be at most {} days ahead", AHEAD_MAX.num_days())))
            }
            _ => Ok(()),
        }
    }

    /// Tells whether a vote counts that the server has `received` then.
    ///
    /// # Errors
    /// [`Refusal::Over`], or [`Refusal::WrongState`] when it has not begun.
    pub fn takes_votes(&self, received: DateTime<Utc>) -> Result<(), Refusal> {
        match self.state {
            State::Draft => Err(Refusal::WrongState { state: self.state, needed: "open" }),
            State::Open if self.sealed_at.is_none() && self.closes_at.is_none_or(|end| received < end + GRACE) => {
                Ok(())
            }
            State::Open | State::Closed | State::Archived => Err(Refusal::Over),
        }
    }

    /// Tells whether there is room for the vote of somebody who is enrolled: for a new one, or for one in the place of `own`, which
    /// may say more than that by now.
    ///
    /// # Errors
    /// [`Refusal::Full`].
    pub fn has_room(&self, own: Option<&Ballot>, cast: Turnout) -> Result<(), Refusal> {
        let own = own.filter(|own| !own.is_guest).map_or(0, |_| 1);
        let most = self.ballots_max();
        if cast.enrolled.saturating_sub(own) < most { Ok(()) } else { Err(Refusal::Full { most }) }
    }

    /// The same for the vote of a guest.
    ///
    /// # Errors
    /// [`Refusal::FullOfGuests`].
    pub fn has_room_for_guest(&self, own: Option<&Ballot>, cast: Turnout) -> Result<(), Refusal> {
        let own = own.filter(|own| own.is_guest).map_or(0, |_| 1);
        let most = self.guests_max();
        if cast.guests.saturating_sub(own) < most { Ok(()) } else { Err(Refusal::FullOfGuests { most }) }
    }

    /// Checks that everybody who may vote, so many, finds room: where an anonymous poll takes fewer votes than others.
    ///
    /// # Errors
    /// [`Refusal::TooManyVoters`].
    pub fn has_room_for(&self, eligible: u64) -> Result<(), Refusal> {
        let most = self.ballots_max();
        if most == VOTERS_MAX || eligible <= most { Ok(()) } else { Err(Refusal::TooManyVoters { eligible, most }) }
    }

    /// Milliseconds that are left to vote; `None` when no timer runs.
    #[must_use]
    pub fn remaining_ms(&self, now: DateTime<Utc>) -> Option<i64> {
        let end = self.closes_at.filter(|_| self.state == State::Open)?;
        Some((end - now).num_milliseconds().max(0))
    }

    fn opened(&self, open_here: u64, now: DateTime<Utc>) -> Result<Self, Refusal> {
        if open_here >= OPEN_MAX {
            return Err(Refusal::TooManyOpen);
        }
        let limit = self.content.settings.time_limit_s.map(|limit| TimeDelta::seconds(limit.get().into()));
        Ok(Self {
            state: State::Open,
            round: self.round.saturating_add(1),
            opens_at: None,
            opened_at: Some(now),
            closes_at: limit.map(|limit| now + limit),
            closed_at: None,
            published_at: None,
            ..self.next()
        })
    }

    fn closed(&self, at: DateTime<Utc>) -> Self {
        Self { state: State::Closed, sealed_at: None, closed_at: Some(at), ..self.next() }
    }

    fn archived(&self) -> Self {
        Self { state: State::Archived, opens_at: None, ..self.next() }
    }

    /// The same with the next version.
    pub(super) fn next(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}
