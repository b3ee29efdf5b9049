//! Results that have changed, until they are told: at most a few times a second for each poll, always the latest.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::{Polls, Result, news};
use crate::{
    dialect::poll as shapes,
    domain::{
        access::Topic,
        fact::Event,
        poll::{Poll, Viewer, tally},
        roster::Role,
    },
    ids::{AppId, ExternalId, SocketId},
    services::{Draft, LiveApp, access::Listener},
    store::MemberFilter,
};

/// Shortest time between two results of one poll.
const INTERVAL: TimeDelta = TimeDelta::milliseconds(250);

/// Polls that are watched at once. Beyond, results of a poll are told with its next vote.
const MOST: usize = 10_000;

/// Polls whose results are told in one turn; the others come in the next one.
const PER_TURN: usize = 500;

type Key = (AppId, ExternalId);

/// One poll.
#[derive(Debug, Default)]
struct Beat {
    /// Its results have changed since they were told.
    is_due: bool,
    /// When they were told last.
    told_at: Option<DateTime<Utc>>,
}

/// Polls whose results have changed.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Written by votes, read by the tick. Held for no longer than a look.
    beats: Mutex<HashMap<Key, Beat>>,
}

impl Pulse {
    /// The results of a poll have changed.
    pub(super) fn mark(&self, app: &AppId, poll: &ExternalId) {
        let key = (app.clone(), poll.clone());
        let mut beats = self.beats.lock();
        if beats.len() < MOST || beats.contains_key(&key) {
            beats.entry(key).or_default().is_due = true;
        }
    }

    /// Polls whose results are to be told now; they are taken for told.
    pub(super) fn due(&self, now: DateTime<Utc>) -> Vec<Key> {
        let is_rested = |beat: &Beat| beat.told_at.is_none_or(|told| now - told >= INTERVAL);
        let mut beats = self.beats.lock();
        beats.retain(|_, beat| beat.is_due || !is_rested(beat));
        let due = beats.iter_mut().filter(|(_, beat)| beat.is_due && is_rested(beat)).take(PER_TURN);
        due.map(|(key, beat)| {
            *beat = Beat { is_due: false, told_at: Some(now) };
            key.clone()
        })
        .collect()
    }
}

/// Marks a poll when it is dropped.
#[derive(Debug)]
pub(super) struct Mark<'a>(&'a Pulse, &'a AppId, &'a ExternalId);

impl<'a> Mark<'a> {
    pub(super) const fn new(pulse: &'a Pulse, app: &'a AppId, poll: &'a ExternalId) -> Self {
        Self(pulse, app, poll)
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.0.mark(self.1, self.2);
    }
}

impl Polls {
    /// Tells the results of a poll to those who may hear them, and to staff how many have voted.
    pub(super) async fn tell_results(&self, live: &LiveApp, id: &ExternalId, now: DateTime<Utc>) -> Result<()> {
        let app = live.app().id.clone();
        let Some(poll) = self.store.poll_find(&app, id).await? else { return Ok(()) };
        let (all, staff) = (poll.venue.topic(), poll.venue.staff_topic());
        let is_public = poll.shows_results_to_all() && live.is_heard(&all);
        let staff_hears = live.is_heard(&staff);
        if !is_public && !staff_hears {
            return Ok(());
        }
        let (counted, total) = self.store.poll_counted(&app, &poll, poll.round).await?;
        let results = tally(&poll.content, &counted, (poll.round, total));
        let shown = |viewer| {
            let results = results.clone();
            let results = if poll.withholds_from(viewer, total) { results.withheld() } else { results };
            shapes::results(&poll, &results)
        };
        let tell = |event, topic: &Topic, payload| {
            news::tell(live, Draft { event, topic: topic.clone(), actor: None, payload, at: now, except: None });
        };
        if is_public {
            let payload = shown(Viewer::Voter { has_voted: false });
            let draft = Draft { event: Event::PollResults, topic: all, actor: None, payload, at: now, except: None };
            live.tell_but(&draft.into_fleeting().0, &observers(live, &poll, now).await?);
        }
        if staff_hears {
            // Staff hears the place too; its own channel has what is not for all.
            if !poll.shows_results_to_all() || poll.withholds_from(Viewer::Voter { has_voted: false }, total) {
                tell(Event::PollResults, &staff, shown(Viewer::Host));
            }
            let voted = self.store.poll_turnout(&app, &poll, poll.round).await?;
            let eligible = self.eligible(&app, &poll, now).await?;
            tell(Event::PollTurnout, &staff, shapes::turnout(&poll, voted, eligible));
        }
        Ok(())
    }

    /// How many students there are.
    async fn eligible(&self, app: &AppId, poll: &Poll, now: DateTime<Utc>) -> Result<u64> {
        let place = Some(poll.venue.place());
        let students = MemberFilter { place, roles: vec![Role::Student], ..MemberFilter::default() };
        Ok(self.store.roster_member_count(app, &students, now).await?)
    }
}

/// Sockets of those who look over somebody's shoulder, as long as the results are not published: they hear a course, and are
/// shown what is published.
async fn observers(live: &LiveApp, poll: &Poll, now: DateTime<Utc>) -> Result<HashSet<SocketId>> {
    let mut sockets = HashSet::new();
    if poll.shows_results_to(Viewer::Observer) {
        return Ok(sockets);
    }
    for Listener { socket, user, role, .. } in live.listeners(&poll.venue.topic()) {
        // Who is let in by a signature is asked for here; who holds a role by which they were let in is not.
        let Some((user, _)) = user.filter(|_| role.is_none_or(|role| role == Role::Observer)) else { continue };
        if live.rights(&user, &poll.venue.place(), now).await?.role() == Some(Role::Observer) {
            sockets.insert(socket);
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn many_votes_are_told_once_in_each_interval_and_the_last_one_is_never_lost() {
        let (pulse, app, poll) = (Pulse::default(), AppId::parse("a").unwrap(), ExternalId::parse("p").unwrap());
        let mark = || pulse.mark(&app, &poll);
        let told = |ms| pulse.due(at(ms)).len();
        (0..1_000).for_each(|_| mark());
        assert_eq!((told(0), told(0)), (1, 0));
        mark();
        assert_eq!((told(249), told(250), told(500)), (0, 1, 0));
        assert!(pulse.beats.lock().is_empty(), "what is quiet is forgotten");
        drop(Mark::new(&pulse, &app, &poll));
        assert_eq!(told(501), 1);
    }

    #[test]
    fn polls_beyond_the_limit_wait_for_their_next_vote() {
        let (pulse, app) = (Pulse::default(), AppId::parse("a").unwrap());
        (0..=MOST as u32).for_each(|number| pulse.mark(&app, &ExternalId::from(number)));
        assert_eq!(pulse.beats.lock().len(), MOST);
        assert_eq!(pulse.due(at(0)).len(), PER_TURN);
        assert_eq!(pulse.due(at(1)).len(), PER_TURN, "the next ones");
    }
}
