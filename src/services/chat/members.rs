//! Who belongs to a chat.

use super::{Asking, Chats, Entry, Error, NewChat, Page, Result, TOLD_MAX, belonging, chat_facts};
use crate::{
    domain::{
        access::{
            Reason, Topic,
            capability::{Capability, Held},
        },
        chat::{Chat, Circle, DmPolicy, Kind, MEMBERS_MAX, Part, Visibility},
        roster::{PlaceId, Role},
    },
    ids::{ExternalId, UserId},
    services::new_id,
    store::{Belonging, ChatFilter, ChatWrite, MemberFilter, MembersAdded},
};

/// Somebody who belongs to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their role in the course or class that the chat belongs to.
    pub role: Option<Role>,
    /// Their part in the group.
    pub part: Option<Part>,
}

/// Refuses whoever could not open a group of a course or class: members of it are those who may hear chats there, now or when
/// their part begins. `list` = where the users stand in the body.
async fn check_part(asking: &Asking<'_>, place: Option<&PlaceId>, (list, users): (&str, &[UserId])) -> Result<()> {
    let Some(place) = place else { return Ok(()) };
    asking.live.expect_people(users).await?;
    for (position, user) in users.iter().enumerate().filter(|(_, user)| asking.caller.user() != Some(user)) {
        let rights = asking.live.rights(user, place, asking.now).await?;
        let decision = rights.decide(Capability::HearChat);
        let course = rights.place().and_then(|place| place.course.as_ref());
        let overrides = course.map_or(&[][..], |course| &course.overrides);
        let may_later = match decision.reason {
            Reason::NotStarted => {
                decision.role.is_some_and(|role| Capability::HearChat.held_by(role, overrides) == Held::Yes)
            }
            // The store refuses them.
            Reason::UnknownUser => true,
            _ => false,
        };
        if !decision.allow && !may_later {
            let message = format!("user '{user}' takes no part in {}", Topic::of(place));
            return Err(Error::entry(list, position, message));
        }
    }
    Ok(())
}

/// Which of the people who come into a chat are told of it: a few, and those alone who may hear it already.
pub(super) async fn told(asking: &Asking<'_>, place: Option<&PlaceId>, users: &[&UserId]) -> Result<Vec<Topic>> {
    if users.len() > TOLD_MAX {
        return Ok(Vec::new());
    }
    let mut topics = Vec::with_capacity(users.len());
    for user in users {
        let hears = match place {
            Some(place) => asking.live.rights(user, place, asking.now).await?.may(Capability::HearChat),
            None => true,
        };
        topics.extend(hears.then(|| Topic::User((*user).clone())));
    }
    Ok(topics)
}

impl Chats {
    /// Whoever belongs to a new chat from the beginning. Whoever makes a group owns it.
    pub(super) async fn first_members(&self, asking: &Asking<'_>, new: &NewChat) -> Result<Vec<Belonging>> {
        let own = asking.caller.user();
        let mut others = new.members.clone();
        others.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        others.dedup();
        others.retain(|user| own != Some(user));
        let wrong = |message: &str| Err(Error::field("/members", message.to_owned()));
        match (new.kind, own, others.as_slice()) {
            (kind, _, others) if kind.is_of_a_place() => {
                if others.is_empty() {
                    Ok(Vec::new())
                } else {
                    wrong("the roster says who belongs to this kind of chat")
                }
            }
            (Kind::Dm, Some(own), [other]) => {
                if !self.may_pair(asking, (own, other)).await? {
                    // The same for somebody who shares no course, and for somebody who is not there.
                    return wrong(
                        "you may write alone to staff of your courses, and to others where a course lets everybody",
                    );
                }
                Ok(vec![belonging(own.clone(), Part::Member), belonging(other.clone(), Part::Member)])
            }
            (Kind::Dm, None, [one, other]) => {
                Ok(vec![belonging(one.clone(), Part::Member), belonging(other.clone(), Part::Member)])
            }
            (Kind::Dm, Some(_), _) => wrong("name the one person whom the chat is with"),
            (Kind::Dm, None, _) => wrong("name the two people whose chat it is"),
            (_, own, others) => {
                let owner = own.map(|own| belonging(own.clone(), Part::Owner));
                let count = others.len() + usize::from(owner.is_some());
                if count > MEMBERS_MAX {
                    return wrong(&format!("a group may have at most {MEMBERS_MAX} members, these are {count}"));
                }
                check_part(asking, new.place.as_ref(), ("/members", &new.members)).await?;
                let others = others.iter().map(|user| belonging(user.clone(), Part::Member));
                Ok(owner.into_iter().chain(others).collect())
            }
        }
    }

    /// Who writes to whom alone: staff and students of a course; students among themselves where a chat of a course that they
    /// share lets everybody.
    async fn may_pair(&self, asking: &Asking<'_>, (one, other): (&UserId, &UserId)) -> Result<bool> {
        let shared = asking.live.shared_courses((one, other), asking.now).await?;
        if shared.iter().any(|(_, one, other)| one.is_staff() || other.is_staff()) {
            return Ok(true);
        }
        for (course, ..) in shared {
            let filter = ChatFilter { of: None, course: Some(course), kind: Some(Kind::Course) };
            let page = Page { after: None, limit: 100 };
            let chats = self.store.chat_list(&asking.app(), &filter, &page).await?;
            let is_open = |chat: &Chat| chat.settings.dm_policy == DmPolicy::Everybody && chat.archived_at.is_none();
            if chats.iter().any(is_open) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Demands that two people who have a chat may still have it. One that a program has made stays open.
    pub(super) async fn demand_pair(&self, asking: &Asking<'_>, entry: &Entry) -> Result<()> {
        let Circle { chat, members, .. } = &**entry.circle();
        let Some(own) = entry.user() else { return Ok(()) };
        if chat.kind != Kind::Dm || !chat.created_by.starts_with("user:") {
            return Ok(());
        }
        let Some(other) = members.keys().find(|user| *user != own) else { return Ok(()) };
        if self.may_pair(asking, (own, other)).await? { Ok(()) } else { Err(Error::Apart) }
    }

    /// Members of a chat by user id, one more than a page has where there are more; of a course or class, those who take part
    /// there now and may hear the chat.
    ///
    /// # Errors
    /// When the chat is not theirs, or the course does not let them see who is in it.
    pub async fn members(&self, asking: &Asking<'_>, chat: &ExternalId, page: &Page) -> Result<Vec<Person>> {
        let entry = Entry::find(asking, chat).await?;
        let found = &entry.circle().chat;
        if !found.kind.is_of_a_place() {
            let rows = self.store.chat_member_list(&asking.app(), chat, page).await?;
            let person = |(user, name, membership): (UserId, String, crate::domain::chat::Membership)| Person {
                user,
                name,
                role: None,
                part: Some(membership.part),
            };
            return Ok(rows.into_iter().map(person).collect());
        }
        entry.demand(Capability::RosterRead)?;
        let after = page.after.as_deref().and_then(|after| UserId::parse(after).ok());
        let Some(filter) = self.hearers(asking, found, Visibility::All).await? else { return Ok(Vec::new()) };
        let filter = MemberFilter { after, limit: page.limit, ..filter };
        let rows = self.store.roster_members(&asking.app(), &filter, asking.now).await?;
        Ok(rows.into_iter().map(|row| Person { user: row.user, name: row.name, role: row.role, part: None }).collect())
    }

    /// Adds members to a group.
    ///
    /// # Errors
    /// When whoever asks may not, or the roster does not know them.
    pub async fn add(&self, asking: &Asking<'_>, chat: &ExternalId, users: &[UserId], part: Part) -> Result<()> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        let found = &entry.circle().chat;
        if found.kind != Kind::Group {
            return Err(Error::NoGroup);
        }
        let place = found.place();
        check_part(asking, place.as_ref(), ("/users", users)).await?;
        let mut users = users.to_vec();
        users.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        users.dedup();
        let new: Vec<Belonging> = users.iter().map(|user| belonging(user.clone(), part)).collect();
        let mut topics = told(asking, place.as_ref(), &users.iter().collect::<Vec<_>>()).await?;
        topics.push(Topic::Chat(chat.clone()));
        let facts = chat_facts(asking, Some(&entry), found, ("members", topics));
        let audit: Vec<_> =
            users.iter().map(|user| asking.audit("member_added", ("user", user.as_str()), chat, None)).collect();
        let (app, epoch) = (asking.app(), new_id(asking.now));
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let save = Box::pin(self.store.chat_members_add((&app, chat), &new, write, facts));
        match self.tell_changed((asking, chat), save).await? {
            MembersAdded::Added => {
                asking.live.chat_changed(chat, asking.now).await;
                Ok(())
            }
            MembersAdded::TooMany(got) => {
                let message = format!("a group may have at most {MEMBERS_MAX} members, these would be {got}");
                Err(Error::TooMany(message))
            }
            MembersAdded::UnknownUser(user) => {
                Err(Error::field("/users", format!("the roster does not know user '{user}'")))
            }
        }
    }

    /// Takes a member out of a group; anybody may leave. Their sockets hear it no more when this returns.
    ///
    /// # Errors
    /// When whoever asks may not, or they do not belong to it.
    pub async fn remove(&self, asking: &Asking<'_>, chat: &ExternalId, user: &UserId) -> Result<()> {
        let entry = Entry::find(asking, chat).await?;
        if entry.user() != Some(user) {
            entry.demand(Capability::ChatModerate)?;
        }
        let found = &entry.circle().chat;
        if found.kind != Kind::Group {
            return Err(Error::NoGroup);
        }
        let topics = vec![Topic::User(user.clone()), Topic::Chat(chat.clone())];
        let facts = chat_facts(asking, Some(&entry), found, ("members", topics));
        let audit = [asking.audit("member_removed", ("user", user.as_str()), chat, None)];
        let (app, epoch) = (asking.app(), new_id(asking.now));
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let save = Box::pin(self.store.chat_member_remove((&app, chat), user, write, facts));
        let is_removed = self.tell_changed((asking, chat), save).await?;
        // Also for whoever asks again, because the first time something went wrong in between.
        asking.live.chat_changed(chat, asking.now).await;
        if is_removed { Ok(()) } else { Err(Error::Unknown("member")) }
    }
}
