//! Who is online in an app, and what of it is news to the others.
//!
//! Somebody is here while a socket is known to be theirs, or while they give signs of life without one: a lease. When the last
//! of both is gone they are still here for a while (the grace), so that a page that is loaded again is no news; a stay that is
//! taken up again within it is one stay. Whoever does nothing for long looks away until they do something, unless they say
//! otherwise themselves. What others see is told only when it changes, however many tabs there are. Bounded: nobody is remembered
//! who is not here.

mod person;

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map},
    mem,
};

use chrono::{DateTime, TimeDelta, Utc};

use self::person::{Lease, Person};
use super::status::{Availability, Shown, Status};
use crate::ids::{SocketId, UserId};

/// How long a sign of life counts.
pub const LEASE: TimeDelta = TimeDelta::seconds(75);

/// Most leases of one person: so many devices can be here without a socket. The one that ends first makes room.
pub const MAX_LEASES: usize = 20;

/// Most people who are here at once; beyond, leases are refused and sockets are not counted.
pub const MAX_PEOPLE: usize = 1_000_000;

/// When something happens, and how long the grace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: DateTime<Utc>,
    /// How long somebody is still here after their last connection has gone.
    pub grace: TimeDelta,
    /// How long somebody may do nothing before they look away; `None` = for ever.
    pub away_after: Option<TimeDelta>,
}

impl Moment {
    /// Whoever has done nothing since then looks away.
    fn idle_since(self) -> Option<DateTime<Utc>> {
        self.away_after.map(|away_after| self.now - away_after)
    }
}

/// A sign of life without a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal<'a> {
    /// From which of their devices.
    pub device: &'a str,
    /// What they are at: the key of a topic, such as `course.5`; `None` = nothing in particular.
    pub scope: Option<&'a str>,
    /// How long it counts.
    pub valid_for: TimeDelta,
    /// What they say about themselves by it; `None` = nothing new.
    pub availability: Option<Availability>,
    /// Somebody else gives it, who does not tell when they do something: they are not taken for idle while it counts.
    pub is_reported: bool,
}

/// How somebody goes offline by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offline {
    /// This device goes; whoever has other devices or tabs stays.
    Device,
    /// They look offline until the next tab opens or the next sign of life comes.
    All,
    /// They look offline until the next sign of life comes; tabs that open do not count.
    Invisible,
}

/// Too many people are here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many people are online")]
pub struct TooMany;

/// What has become of somebody in the eyes of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Who.
    pub user: UserId,
    /// What others saw so far; `None` = offline.
    pub before: Option<Shown>,
    /// What they see now.
    pub after: Option<Shown>,
    /// When they were last seen, for those who are offline now.
    pub seen: DateTime<Utc>,
}

/// A time in which somebody was here, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Who.
    pub user: UserId,
    /// At what: the key of a topic; `None` = at all.
    pub scope: Option<String>,
    /// Since when.
    pub joined_at: DateTime<Utc>,
    /// Until when, and why it ended; `None` = it goes on.
    pub left: Option<(DateTime<Utc>, &'static str)>,
}

/// Everybody who is here.
#[derive(Debug, Default)]
pub struct Roll {
    people: HashMap<UserId, Person>,
    /// When to look at whom; everybody stands here once at most.
    due: BTreeSet<(DateTime<Utc>, UserId)>,
    /// Those who are not idle, by when they did something, or earlier; each stands here once at most.
    watched: BTreeSet<(DateTime<Utc>, UserId)>,
    /// Those who may look different now, in the order in which they changed.
    news: VecDeque<UserId>,
    /// Stays that have begun or ended.
    stays: Vec<Stay>,
    /// How many look online.
    shown: usize,
}

impl Roll {
    /// How many look online to the others.
    #[must_use]
    pub fn shown_count(&self) -> usize {
        self.shown
    }

    /// What others see of somebody, as they were told last.
    #[must_use]
    pub fn shown(&self, user: &UserId) -> Option<&Shown> {
        self.people.get(user)?.shown.as_ref()
    }

    /// What somebody sees of themselves: how many sockets they have, and their status, as far as it was read; `None` = they
    /// are not here, or look offline for now.
    #[must_use]
    pub fn own(&self, user: &UserId) -> (usize, Option<Status>) {
        let Some(person) = self.people.get(user) else { return (0, None) };
        let status = || {
            let status = person.status.clone().unwrap_or_default();
            Status { availability: person.seen_as(status.availability), ..status }
        };
        (person.sockets.len(), person.since.map(|_here| status()))
    }

    /// A socket is known to be somebody's.
    pub fn arrive(&mut self, user: &UserId, socket: SocketId, moment: Moment) {
        let Some(person) = self.person(user) else { return };
        if person.sockets.contains(&socket) {
            return;
        }
        person.sockets.push(socket);
        person.stir(moment.now);
        if person.hidden == Some(Offline::All) {
            person.hidden = None;
        }
        self.settle(user, "closed", moment);
    }

    /// A socket is gone, or is known to be somebody else's.
    pub fn depart(&mut self, user: &UserId, socket: SocketId, moment: Moment) {
        let Some(person) = self.people.get_mut(user) else { return };
        person.sockets.retain(|other| *other != socket);
        self.settle(user, "closed", moment);
    }

    /// Somebody gives a sign of life. Tells until when it counts.
    ///
    /// # Errors
    /// When too many people are here already.
    pub fn renew(&mut self, user: &UserId, signal: Signal<'_>, moment: Moment) -> Result<DateTime<Utc>, TooMany> {
        let until = moment.now + signal.valid_for;
        let person = self.person(user).ok_or(TooMany)?;
        person.hidden = None;
        person.stir(moment.now);
        if let (Some(availability), Some(status)) = (signal.availability, &mut person.status) {
            status.availability = availability;
        }
        let (scope, is_reported) = (signal.scope.map(str::to_owned), signal.is_reported);
        match person.leases.iter_mut().find(|lease| lease.device == signal.device) {
            Some(lease) => (lease.until, lease.scope, lease.is_reported) = (until, scope, is_reported),
            None => {
                if person.leases.len() >= MAX_LEASES
                    && let Some(first) =
                        (0..person.leases.len()).min_by_key(|at| person.leases.get(*at).map(|l| l.until))
                {
                    person.leases.swap_remove(first);
                }
                person.leases.push(Lease { device: signal.device.to_owned(), scope, until, is_reported });
            }
        }
        self.settle(user, "expired", moment);
        Ok(until)
    }

    /// Somebody goes offline by themselves.
    pub fn end(&mut self, user: &UserId, device: &str, how: Offline, moment: Moment) {
        let Some(person) = self.people.get_mut(user) else { return };
        match how {
            Offline::Device => person.leases.retain(|lease| lease.device != device),
            Offline::All | Offline::Invisible => {
                person.leases.clear();
                person.hidden = Some(how);
            }
        }
        self.settle(user, "left", moment);
    }

    /// Somebody says something else about themselves.
    pub fn say(&mut self, user: &UserId, status: Status, moment: Moment) {
        if let Some(person) = self.people.get_mut(user) {
            person.status = Some(status);
            self.settle(user, "closed", moment);
        }
    }

    /// Takes note of what was read about somebody, unless they have said something since.
    pub fn learn(&mut self, user: &UserId, status: Status, moment: Moment) {
        if self.people.get(user).is_some_and(|person| person.status.is_none()) {
            self.say(user, status, moment);
        }
    }

    /// Somebody may not be here at all: they are gone at once.
    pub fn expel(&mut self, user: &UserId, now: DateTime<Utc>) {
        let Some(person) = self.people.get_mut(user) else { return };
        person.sockets.clear();
        person.leases.clear();
        self.settle(user, "deactivated", Moment { now, grace: TimeDelta::zero(), away_after: None });
    }

    /// Somebody does something.
    pub fn stir(&mut self, user: &UserId, moment: Moment) {
        if let Some(person) = self.people.get_mut(user)
            && person.stir(moment.now)
        {
            self.settle(user, "closed", moment);
        }
    }

    /// Some of those of whom nothing was heard for as long as it takes to be idle, `max` at most, with their sockets: it is to be
    /// found out when those did something last, and told to [`Roll::rest`].
    pub fn drowsy(&mut self, max: usize, moment: Moment) -> Vec<(UserId, Vec<SocketId>)> {
        let Some(limit) = moment.idle_since() else { return Vec::new() };
        let behind = self.watched.iter().take_while(|(since, _)| *since <= limit).take(max);
        let behind: Vec<UserId> = behind.map(|(_, user)| user.clone()).collect();
        let mut found = Vec::new();
        for user in behind {
            let Some(person) = self.people.get_mut(&user) else { continue };
            if person.leases.iter().any(|lease| lease.is_reported) {
                person.active = moment.now;
            }
            if person.active > limit {
                self.watch(&user);
            } else {
                found.push((user, person.sockets.clone()));
            }
        }
        found
    }

    /// Takes note of when somebody did something last, as far as their sockets know; `None` = not since they are idle. They rest
    /// unless they have done something meanwhile.
    pub fn rest(&mut self, user: &UserId, active: Option<DateTime<Utc>>, moment: Moment) {
        let (Some(limit), Some(person)) = (moment.idle_since(), self.people.get_mut(user)) else { return };
        person.active = active.map_or(person.active, |active| active.max(person.active));
        if person.active > limit {
            self.watch(user);
        } else {
            person.is_idle = true;
            self.settle(user, "closed", moment);
        }
    }

    /// Has somebody watched from when they did something last, or not at all.
    fn watch(&mut self, user: &UserId) {
        let Some(person) = self.people.get_mut(user) else { return };
        let since = (person.since.is_some() && !person.is_idle).then_some(person.active);
        if let Some(before) = mem::replace(&mut person.watched, since) {
            self.watched.remove(&(before, user.clone()));
        }
        if let Some(since) = since {
            self.watched.insert((since, user.clone()));
        }
    }

    /// Everybody who is here, seen or not.
    pub fn everybody(&self) -> impl Iterator<Item = &UserId> {
        self.people.keys()
    }

    /// Tells whether somebody is here, seen or not.
    #[must_use]
    pub fn knows(&self, user: &UserId) -> bool {
        self.people.contains_key(user)
    }

    /// Does what is due: leases and graces that are over, texts to be cleared.
    pub fn tick(&mut self, moment: Moment) {
        while let Some((_, user)) = self.due.first().filter(|(due, _)| *due <= moment.now).cloned() {
            if let Some(person) = self.people.get_mut(&user) {
                person.status = person.status.take().map(|status| status.at(moment.now));
            }
            self.settle(&user, "expired", moment);
        }
    }

    /// People among the news whose status was not read yet, `max` at most.
    #[must_use]
    pub fn unread(&self, max: usize) -> Vec<UserId> {
        let is_unread = |user: &&UserId| self.people.get(*user).is_some_and(|person| person.status.is_none());
        self.news.iter().filter(is_unread).take(max).cloned().collect()
    }

    /// Who is the next to be told of; `None` = there is nothing that could be told now. Their news stay until they are taken, and
    /// until then everybody else comes first: whoever cannot be told of keeps nobody waiting.
    pub fn next_news(&mut self, now: DateTime<Utc>) -> Option<UserId> {
        for _ in 0..self.news.len() {
            let user = self.news.pop_front()?;
            let Some(person) = self.people.get(&user).filter(|person| person.is_news) else { continue };
            let is_unread = person.status.is_none() && person.since.is_some();
            if !is_unread && person.target() == person.shown {
                // They came and went, or the other way round.
                drop(self.take_news_of(&user, now));
                continue;
            }
            self.news.push_back(user.clone());
            if !is_unread {
                return Some(user);
            }
        }
        None
    }

    /// Takes the news about somebody; `None` = there are none.
    pub fn take_news_of(&mut self, user: &UserId, now: DateTime<Utc>) -> Option<Edge> {
        let person = self.people.get_mut(user).filter(|person| person.is_news)?;
        person.is_news = false;
        let (seen, after) = (person.left.map_or(now, |(left, _)| left), person.target());
        let before = mem::replace(&mut person.shown, after.clone());
        self.shown = self.shown + usize::from(after.is_some()) - usize::from(before.is_some());
        self.forget_gone(user.clone());
        (before != after).then(|| Edge { user: user.clone(), before, after, seen })
    }

    /// Takes the stays that have begun or ended since.
    pub fn take_stays(&mut self) -> Vec<Stay> {
        mem::take(&mut self.stays)
    }

    fn person(&mut self, user: &UserId) -> Option<&mut Person> {
        let room = self.people.len() < MAX_PEOPLE;
        match self.people.entry(user.clone()) {
            hash_map::Entry::Occupied(known) => Some(known.into_mut()),
            hash_map::Entry::Vacant(vacant) => room.then(|| vacant.insert(Person::default())),
        }
    }

    /// Draws the consequences of what has changed about somebody; `reason` is why they go, if they do.
    fn settle(&mut self, user: &UserId, reason: &'static str, moment: Moment) {
        let Moment { now, grace, .. } = moment;
        let Some(person) = self.people.get_mut(user) else { return };
        let expired = person.expire(now);
        // A lease that ended long ago says nothing about the tab that has just been closed.
        let gone = (expired.filter(|_| reason == "expired").unwrap_or(now), reason);
        for (scope, joined_at, left) in person.settle_spots(gone, moment) {
            self.stays.push(Stay { user: user.clone(), scope: Some(scope), joined_at, left });
        }
        if person.is_connected() {
            (person.is_here, person.left) = (true, None);
        } else if person.is_here {
            let (left, _why) = *person.left.get_or_insert(gone);
            if left + grace <= now {
                (person.is_here, person.hidden, person.is_idle) = (false, None, false);
            }
        }
        // Whoever hides has gone, in what is kept as well: should this server be lost, nobody is told of them.
        let goes_on = person.is_here && person.hidden.is_none();
        if !goes_on && let Some(joined_at) = person.since.take() {
            let left = Some(person.left.unwrap_or(gone));
            self.stays.push(Stay { user: user.clone(), scope: None, joined_at, left });
        } else if goes_on && person.since.is_none() {
            person.since = Some(now);
            self.stays.push(Stay { user: user.clone(), scope: None, joined_at: now, left: None });
        }
        let due = if person.is_here { person.next(grace) } else { None };
        if due != person.due {
            if let Some(before) = mem::replace(&mut person.due, due) {
                self.due.remove(&(before, user.clone()));
            }
            if let Some(due) = due {
                self.due.insert((due, user.clone()));
            }
        }
        let is_watched = person.since.is_some() && !person.is_idle;
        let may_differ = person.target() != person.shown || (person.status.is_none() && person.since.is_some());
        if may_differ && !person.is_news {
            person.is_news = true;
            self.news.push_back(user.clone());
        }
        // Who does something stays where they stand until it is looked: that is rare, and doing something is not.
        if is_watched != person.watched.is_some() {
            self.watch(user);
        }
        self.forget_gone(user.clone());
    }

    fn forget_gone(&mut self, user: UserId) {
        if let hash_map::Entry::Occupied(entry) = self.people.entry(user)
            && !entry.get().is_here
            && !entry.get().is_news
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests;
