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
    ids::{AppId, ExternalId},
    services::{Draft, LiveApp},
    store::MemberFilter,
};

/// Shortest time between two results of one poll.
const INTERVAL: TimeDelta = TimeDelta::milliseconds(250);

/// How long it is believed how many may vote, while votes come in.
const COUNTED_FOR: TimeDelta = TimeDelta::seconds(5);

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
    /// How many may vote, and when they were counted.
    eligible: Option<(u64, DateTime<Utc>)>,
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
            (beat.is_due, beat.told_at) = (false, Some(now));
            key.clone()
        })
        .collect()
    }

    /// How many may vote, if they were counted lately.
    fn eligible(&self, key: &Key, now: DateTime<Utc>) -> Option<u64> {
        let (eligible, counted_at) = self.beats.lock().get(key)?.eligible?;
        (now - counted_at < COUNTED_FOR).then_some(eligible)
    }

    /// So many may vote.
    fn counted(&self, key: &Key, eligible: u64, now: DateTime<Utc>) {
        if let Some(beat) = self.beats.lock().get_mut(key) {
            beat.eligible = Some((eligible, now));
        }
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
            let is_published = poll.shows_results_to(Viewer::Observer);
            let left_out = if is_published { HashSet::new() } else { live.observers(&draft.topic, now).await? };
            live.tell_but(&draft.into_fact().0, &left_out);
        }
        if staff_hears {
            // Staff hears the place too; its own channel has what is not for all.
            if !poll.shows_results_to_all() || poll.withholds_from(Viewer::Voter { has_voted: false }, total) {
                tell(Event::PollResults, &staff, shown(Viewer::Host));
            }
            let are_all_counted = poll.content.settings.count_dropped;
            let voted = if are_all_counted { total } else { self.store.poll_turnout(&app, &poll, poll.round).await? };
            let eligible = self.eligible(&app, &poll, now).await?;
            tell(Event::PollTurnout, &staff, shapes::turnout(&poll, voted, eligible));
        }
        Ok(())
    }

    /// How many students there are, or were a moment ago.
    async fn eligible(&self, app: &AppId, poll: &Poll, now: DateTime<Utc>) -> Result<u64> {
        let key = (app.clone(), poll.id.clone());
        if let Some(eligible) = self.pulse.eligible(&key, now) {
            return Ok(eligible);
        }
        let eligible = self.students(app, poll, now).await?;
        self.pulse.counted(&key, eligible, now);
        Ok(eligible)
    }

    /// How many students there are.
    pub(super) async fn students(&self, app: &AppId, poll: &Poll, now: DateTime<Utc>) -> Result<u64> {
        let place = Some(poll.venue.place());
        let students = MemberFilter { place, roles: vec![Role::Student], ..MemberFilter::default() };
        Ok(self.store.roster_member_count(app, &students, now).await?)
    }
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
    fn how_many_may_vote_is_believed_for_five_seconds_while_votes_come_in() {
        let (pulse, key) = (Pulse::default(), (AppId::parse("a").unwrap(), ExternalId::parse("p").unwrap()));
        pulse.counted(&key, 7, at(0));
        assert_eq!(pulse.eligible(&key, at(0)), None, "nothing is kept of polls that nobody votes in");
        pulse.mark(&key.0, &key.1);
        pulse.counted(&key, 7, at(0));
        assert_eq!(pulse.due(at(1)).len(), 1);
        assert_eq!((pulse.eligible(&key, at(4_999)), pulse.eligible(&key, at(5_000))), (Some(7), None));
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
