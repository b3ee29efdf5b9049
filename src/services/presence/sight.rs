//! Who sees whom: whom the news are told, and who may look.
//!
//! People see those with whom they share a course, as that course lets them; observers are never seen and see only whom they
//! look after. What is told goes to the org and to the courses of the person in question, and not to onlookers among the
//! listeners. Whoever comes into a course or leaves it while they look online is told of there, once.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::{
    Error, MAX_READ, Result, event,
    told::{Audience, Topics},
};
use crate::{
    dialect,
    domain::{
        access::{Topic, capability::Capability},
        fact::Event,
        presence::{Edge, Member, Shown, Sighting},
        roster::{Course, Place, PlaceId, Role, Standing, Status},
    },
    hub::Occupancy,
    ids::{ExternalId, UserId},
    protocol::{ChannelName, Guard},
    services::{Draft, LiveApp, access::Rights},
};

/// To whom when people were last seen is told to the minute only as far as this: five minutes.
const COARSE_MINUTES: i64 = 5;

/// Who is in a channel, as far as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Distinct users; `None` outside of presence channels.
    pub users: Option<usize>,
    /// Sockets.
    pub connections: usize,
    /// Some of the users, by id; none outside of presence channels.
    pub members: Vec<Member>,
}

/// Who looks, and what is known about their courses already.
struct Looking<'a> {
    asker: &'a UserId,
    standing: Option<Standing>,
    /// As what the asker is listed in a course; `None` = not at all.
    roles: HashMap<ExternalId, Option<Role>>,
}

/// How well somebody sees somebody else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Exact,
    Coarse,
}

impl LiveApp {
    /// Tells what is news about one user to those whom it concerns. Whoever was told that somebody is online is told when they are
    /// not, whatever the roster says by then. Returns how many frames that took.
    ///
    /// # Cancel safety
    /// News are taken only when all that is needed to tell them is there; until then they stay news.
    pub(super) async fn tell_news_of(&self, user: &UserId, now: DateTime<Utc>) -> Result<usize> {
        let is_told = self.app().settings.presence_events;
        let standing = if is_told { self.standing(user, now).await? } else { None };
        let audience = match &standing {
            Some(standing) => self.audience_of(standing, now).await?,
            None => Audience::default(),
        };
        // From here on nothing is awaited.
        let Some(edge) = self.presence.roll.lock().take_news_of(user, now) else { return Ok(0) };
        if edge.after.is_none() {
            self.presence.unkept.lock().saw(edge.user.clone(), edge.seen);
        }
        Ok(if is_told { self.tell_edge(&edge, (standing.as_ref(), audience), now) } else { 0 })
    }

    /// Tells those who are concerned that somebody who looks online has come into their course or org, or has left it, by what the
    /// roster says now. The others are told nothing. Returns how many frames that took.
    ///
    /// # Cancel safety
    /// As [`LiveApp::tell_news_of`].
    pub(super) async fn tell_moves_of(&self, user: &UserId, now: DateTime<Utc>) -> Result<usize> {
        if !self.app().settings.presence_events || self.presence.roll.lock().shown(user).is_none() {
            return Ok(0);
        }
        let standing = self.standing(user, now).await?;
        let audience = match &standing {
            Some(standing) => self.audience_of(standing, now).await?,
            None => Audience::default(),
        };
        // From here on nothing is awaited.
        let Some(shown) = self.presence.roll.lock().shown(user).cloned() else { return Ok(0) };
        let same = Edge { user: user.clone(), before: Some(shown.clone()), after: Some(shown), seen: now };
        Ok(self.tell_edge(&same, (standing.as_ref(), audience), now))
    }

    fn tell_edge(&self, edge: &Edge, (standing, audience): (Option<&Standing>, Audience), now: DateTime<Utc>) -> usize {
        let audience = if edge.after.is_some() { audience } else { Audience::default() };
        let topics = audience.topics.clone();
        let before = self.presence.told.lock().replace(&edge.user, audience);
        let is_in = |topics: &Topics, topic: &Topic| topics.iter().any(|(other, _)| other == topic);
        let sighting = |role| sighting_of((&edge.user, standing), edge.after.clone(), role);
        let mut frames = 0;
        for (topic, role) in &topics {
            let event = match is_in(&before, topic) {
                true if edge.before == edge.after => continue,
                true => event(edge),
                false => Event::UserOnline,
            };
            frames += self.tell_sighting((event, topic.clone()), (&edge.user, sighting(*role)), now);
        }
        for (topic, role) in before.into_iter().filter(|(topic, _)| !is_in(&topics, topic)) {
            let gone = Sighting { shown: None, seen: Some(coarse(edge.seen)), ..sighting(role) };
            frames += self.tell_sighting((Event::UserOffline, topic), (&edge.user, gone), now);
        }
        frames
    }

    /// Tells that people are gone who were here by a server that is lost, `seen` last. Not of those who are here, and not of those
    /// who look offline.
    ///
    /// # Errors
    /// When roster or database cannot be read: those who were not told of then are not.
    pub async fn presence_lost(&self, users: &[UserId], seen: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
        if !self.app().settings.presence_events {
            return Ok(());
        }
        for some in users.chunks(MAX_READ) {
            self.expect_people(some).await?;
            let kept = self.store().presence_statuses(&self.app().id, some).await?;
            for user in some {
                let is_invisible = kept.get(user).is_some_and(|kept| kept.status.invisible);
                let Some(standing) = self.standing(user, now).await?.filter(|_| !is_invisible) else { continue };
                let audience = self.audience_of(&standing, now).await?;
                let _turn = self.presence.telling.lock().await;
                if self.presence.roll.lock().knows(user) {
                    continue;
                }
                self.presence.told.lock().replace(user, audience);
                let gone = Edge { user: user.clone(), before: None, after: None, seen };
                self.tell_edge(&gone, (Some(&standing), Audience::default()), now);
            }
        }
        Ok(())
    }

    fn tell_sighting(
        &self,
        (event, topic): (Event, Topic),
        (user, seen): (&UserId, Sighting),
        now: DateTime<Utc>,
    ) -> usize {
        let payload = [("user".to_owned(), dialect::presence::sighting(&seen).into())].into_iter().collect();
        let draft = Draft { event, topic, actor: None, payload, at: now, except: None };
        let (fact, _everybody) = draft.into_fact();
        let mut frames = 0;
        self.spell(&fact, |channel, frame| {
            frames += self.hub.publish_but(channel, frame, &self.others_than_peers(channel, user));
        });
        frames
    }

    /// Topics that are told of somebody now.
    async fn audience_of(&self, standing: &Standing, now: DateTime<Utc>) -> Result<Audience> {
        let for_students = self.app().settings.presence_visible_to_students;
        let person = &standing.person;
        let org = person.org.clone().filter(|_| for_students && !standing.is_onlooker());
        let mut topics: Topics = org.map(|org| (Topic::Org(org), person.org_role)).into_iter().collect();
        let mut turns: Vec<_> = standing.enrollments.iter().flat_map(|one| [one.begin_at, one.end_at]).collect();
        turns.push(person.deactivated_at);
        for course in courses(standing) {
            let rights = self.rights(&person.id, &PlaceId::Course(course.clone()), now).await?;
            let topic = if for_students { Topic::Course(course.clone()) } else { Topic::CourseStaff(course.clone()) };
            topics.extend(listed_as(&rights).map(|role| (topic, Some(role))));
            turns.extend(rights.place().into_iter().flat_map(turns_of));
        }
        Ok(Audience { topics, until: turns.into_iter().flatten().filter(|turn| *turn > now).min() })
    }

    /// As what somebody is listed in a course now; `None` = not at all.
    async fn listed_in(&self, user: &UserId, course: &ExternalId, now: DateTime<Utc>) -> Result<Option<Role>> {
        Ok(listed_as(&self.rights(user, &PlaceId::Course(course.clone()), now).await?))
    }

    /// What somebody sees of others; `None` = a program, which sees everybody in the roster. Whoever is not seen is left out.
    ///
    /// # Errors
    /// When roster or database cannot be read.
    pub async fn presence_of(
        &self,
        asker: Option<&UserId>,
        users: &[UserId],
        now: DateTime<Utc>,
    ) -> Result<Vec<Sighting>> {
        self.expect_people(users).await?;
        let mut looking = match asker {
            Some(asker) => {
                let standing = self.standing(asker, now).await?;
                Some(Looking { asker, standing, roles: HashMap::new() })
            }
            None => None,
        };
        let mut visible = Vec::new();
        for user in users {
            let Some(standing) = self.standing(user, now).await? else { continue };
            let view = match &mut looking {
                None => Some(View::Exact),
                Some(looking) => self.view(looking, &standing, now).await?,
            };
            visible.extend(view.map(|view| (user, standing, view)));
        }
        let ids: Vec<UserId> = visible.iter().map(|(user, ..)| (*user).clone()).collect();
        let kept = self.store().presence_statuses(&self.app().id, &ids).await?;
        let sighting = |(user, standing, view): (&UserId, Standing, View)| {
            let shown = self.presence.roll.lock().shown(user).cloned();
            let seen = kept.get(user).and_then(|kept| kept.seen).filter(|_| shown.is_none());
            let seen = seen.map(|seen| if view == View::Exact { seen } else { coarse(seen) });
            Sighting { seen, ..sighting_of((user, Some(&standing)), shown, None) }
        };
        Ok(visible.into_iter().map(sighting).collect())
    }

    /// How well somebody sees the person of this standing.
    async fn view(&self, looking: &mut Looking<'_>, seen: &Standing, now: DateTime<Utc>) -> Result<Option<View>> {
        let user = &seen.person.id;
        if user == looking.asker {
            return Ok(Some(View::Exact));
        }
        let for_students = self.app().settings.presence_visible_to_students;
        let mut best = None;
        for course in courses(seen) {
            if self.listed_in(user, course, now).await?.is_none() {
                continue;
            }
            let role = match looking.roles.get(course) {
                Some(role) => *role,
                None => {
                    let role = self.listed_in(looking.asker, course, now).await?;
                    looking.roles.insert(course.clone(), role);
                    role
                }
            };
            match role {
                Some(role) if role.is_staff() => return Ok(Some(View::Exact)),
                Some(_) if for_students => best = Some(View::Coarse),
                _ => {}
            }
        }
        let looks_after = looking.standing.iter().flat_map(|standing| &standing.enrollments).filter(|one| {
            one.role == Role::Observer && one.status == Status::Active && one.observed_user.as_ref() == Some(user)
        });
        for one in looks_after {
            let rights = self.rights(looking.asker, &PlaceId::Course(one.course.clone()), now).await?;
            if rights.may(Capability::HearCourse) {
                best = Some(View::Coarse);
            }
        }
        Ok(best)
    }

    /// Who is in a channel now. `None` asks a program; a person is answered about channels that they may hear or are in.
    ///
    /// # Errors
    /// When the person may not hear it, or the roster cannot be read.
    pub async fn presence_in(
        &self,
        asker: Option<&UserId>,
        channel: &ChannelName,
        (after, limit): (Option<&UserId>, usize),
        now: DateTime<Utc>,
    ) -> Result<Room> {
        if let Some(asker) = asker {
            self.may_look(asker, channel, now).await?.map_err(Error::Denied)?;
        }
        let occupancy = self.hub.occupancy(channel.as_str());
        let Occupancy { subscriptions, users } = occupancy.unwrap_or(Occupancy { subscriptions: 0, users: None });
        let is_presence = channel.guard() == Guard::Presence;
        let members = if is_presence { self.hub.members_after(channel.as_str(), after, limit) } else { Vec::new() };
        let users = is_presence.then(|| users.unwrap_or_default());
        Ok(Room { users, connections: subscriptions, members })
    }
}

/// As what somebody is listed where these are their rights; `None` = not at all.
fn listed_as(rights: &Rights) -> Option<Role> {
    let decision = rights.decide(Capability::BeListed);
    decision.role.filter(|_| decision.allow)
}

/// When a course begins, ends and is archived.
fn turns_of(place: &Place) -> [Option<DateTime<Utc>>; 3] {
    let course = place.course.as_ref();
    let of = |turn: fn(&Course) -> Option<DateTime<Utc>>| course.and_then(turn);
    [of(|course| course.starts_at), of(|course| course.ends_at), of(|course| course.archived_at)]
}

/// Courses of somebody, each once.
fn courses(standing: &Standing) -> Vec<&ExternalId> {
    let mut courses: Vec<&ExternalId> = standing.enrollments.iter().map(|one| &one.course).collect();
    courses.sort_unstable();
    courses.dedup();
    courses
}

/// Whoever the roster does not know any more goes by their id.
fn sighting_of((user, standing): (&UserId, Option<&Standing>), shown: Option<Shown>, role: Option<Role>) -> Sighting {
    let person = standing.map(|standing| &standing.person);
    let name = person.map_or_else(|| user.to_string(), |person| person.name.clone());
    let avatar = person.and_then(|person| person.avatar.clone());
    Sighting { id: user.clone(), name, avatar, role, shown, seen: None }
}

/// The time rounded down to five minutes.
fn coarse(at: DateTime<Utc>) -> DateTime<Utc> {
    let into = TimeDelta::minutes(i64::from(at.minute()) % COARSE_MINUTES) + TimeDelta::seconds(at.second().into());
    let whole = at - into;
    whole.with_nanosecond(0).unwrap_or(whole)
}
