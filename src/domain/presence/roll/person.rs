//! One person who is here: by what, at what, and what others see of it.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    super::status::{Availability, Shown, Status},
    Moment, Offline,
};
use crate::ids::SocketId;

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) device: String,
    pub(super) scope: Option<String>,
    pub(super) until: DateTime<Utc>,
    /// Somebody else gives it.
    pub(super) is_reported: bool,
}

/// What somebody is at, by their signs of life.
#[derive(Debug)]
pub(super) struct Spot {
    scope: String,
    since: DateTime<Utc>,
    /// When the last lease for it went, and why; the grace runs from then.
    left: Option<(DateTime<Utc>, &'static str)>,
}

/// Scope, beginning, and end with its reason.
pub(super) type SpotStay = (String, DateTime<Utc>, Option<(DateTime<Utc>, &'static str)>);

#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) sockets: Vec<SocketId>,
    pub(super) leases: Vec<Lease>,
    pub(super) spots: Vec<Spot>,
    /// What they have said about themselves; `None` = not read yet, and nothing is shown until it is.
    pub(super) status: Option<Status>,
    /// They look offline for now.
    pub(super) hidden: Option<Offline>,
    /// What others were told last.
    pub(super) shown: Option<Shown>,
    /// By a connection, or still in the grace after it; whether they look so or not.
    pub(super) is_here: bool,
    /// Since when the stay goes on that is kept; `None` = they are not here, or look offline by their own hand.
    pub(super) since: Option<DateTime<Utc>>,
    /// When the last connection went, and why; the grace runs from then.
    pub(super) left: Option<(DateTime<Utc>, &'static str)>,
    /// When they did something last, as far as is known here: their sockets may know better.
    pub(super) active: DateTime<Utc>,
    /// They have done nothing for long.
    pub(super) is_idle: bool,
    /// Since when they are watched for that, as it stands in the index.
    pub(super) watched: Option<DateTime<Utc>>,
    /// It stands in the queue of news.
    pub(super) is_news: bool,
    /// When to look again, as it stands in the index.
    pub(super) due: Option<DateTime<Utc>>,
}

impl Person {
    /// Drops leases that are over; tells when the last of them ended.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let over = self.leases.iter().map(|lease| lease.until).filter(|until| *until <= now).max();
        if over.is_some() {
            self.leases.retain(|lease| lease.until > now);
        }
        over
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.sockets.is_empty() || !self.leases.is_empty()
    }

    /// What others should see.
    pub(super) fn target(&self) -> Option<Shown> {
        self.since?;
        let shown = self.status.as_ref()?.shown()?;
        Some(Shown { availability: self.seen_as(shown.availability), ..shown })
    }

    /// How somebody looks who says this: what they say themselves counts, but for being at work.
    pub(super) fn seen_as(&self, said: Availability) -> Availability {
        if self.is_idle && said == Availability::Online { Availability::Away } else { said }
    }

    /// They do something; tells whether they were idle.
    pub(super) fn stir(&mut self, now: DateTime<Utc>) -> bool {
        self.active = now.max(self.active);
        std::mem::take(&mut self.is_idle)
    }

    pub(super) fn next(&self, grace: TimeDelta) -> Option<DateTime<Utc>> {
        let lease = self.leases.iter().map(|lease| lease.until).max().filter(|_| self.sockets.is_empty());
        let scoped = self.leases.iter().filter(|lease| lease.scope.is_some()).map(|lease| lease.until).min();
        let left = self.spots.iter().filter_map(|spot| spot.left).chain(self.left).map(|(left, _)| left + grace).min();
        let clear = self.status.as_ref().and_then(|status| status.clear_at);
        [lease, scoped, left, clear].into_iter().flatten().min()
    }

    /// Brings what they are at in line with their leases; gives the stays that have begun or ended by that.
    pub(super) fn settle_spots(
        &mut self,
        (gone, reason): (DateTime<Utc>, &'static str),
        moment: Moment,
    ) -> Vec<SpotStay> {
        let mut stays = Vec::new();
        for scope in self.leases.iter().filter_map(|lease| lease.scope.as_ref()) {
            if self.spots.iter().all(|spot| spot.scope != *scope) {
                self.spots.push(Spot { scope: scope.clone(), since: moment.now, left: None });
                stays.push((scope.clone(), moment.now, None));
            }
        }
        let leases = &self.leases;
        self.spots.retain_mut(|spot| {
            if leases.iter().any(|lease| lease.scope.as_ref() == Some(&spot.scope)) {
                spot.left = None;
                return true;
            }
            let left = *spot.left.get_or_insert((gone, reason));
            let is_over = left.0 + moment.grace <= moment.now;
            if is_over {
                stays.push((spot.scope.clone(), spot.since, Some(left)));
            }
            !is_over
        });
        stays
    }
}
