//! What one person may do in one chat, now; and what follows when a chat has changed.

use std::{collections::HashSet, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};

use super::{
    Asked, Gathered, Known, Listener, MAX_CHATS, Part, Result, patiently, review::Cause, rights::actor, seats::Key,
};
use crate::{
    domain::{
        access::{self, Decision, Facts, Reason, Topic, capability::Capability},
        chat::{Circle, Part as GroupPart, Silence},
        fact::Actor,
        roster::{PlaceId, Role},
    },
    ids::{ExternalId, SocketId, UserId},
    protocol::{ChannelName, channel_name::NameRules},
    services::{LiveApp, roster::Revoked},
};

/// A person, a chat and a moment, with the facts that decide what they may do there.
#[derive(Debug)]
pub struct ChatRights {
    user: UserId,
    circle: Arc<Circle>,
    gathered: Gathered,
    is_channel_blocked: bool,
    now: DateTime<Utc>,
    /// What the decisions rest on may have changed when it is another one now.
    generation: u64,
}

impl ChatRights {
    /// Judges whether they have a capability, by the same rules as the chat's channels.
    #[must_use]
    pub fn decide(&self, capability: Capability) -> Decision {
        access::may_in_chat(&self.user, (&self.circle.chat.id, capability), self.facts(), self.now)
    }

    /// Tells whether they have a capability.
    #[must_use]
    pub fn may(&self, capability: Capability) -> bool {
        self.decide(capability).allow
    }

    /// Tells whether they hear the chat as an admin alone, who takes no part in its course or class: that they read it stands in
    /// the audit.
    #[must_use]
    pub fn is_overseer(&self) -> bool {
        let id = &self.circle.chat.id;
        let judge = |facts: Facts<'_>| access::may_in_chat(&self.user, (id, Capability::HearChat), facts, self.now);
        self.circle.chat.kind.is_of_a_place() && access::only_as_admin(self.facts(), judge)
    }

    /// Tells whether they hear what is for staff: those of the course or class, where the chat belongs to one, else who leads it.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.may(self.needs_of_staff())
    }

    /// Tells the same of somebody whom a ban or a block keeps out for now: they are staff all the same.
    #[must_use]
    pub fn is_staff_if_let_in(&self) -> bool {
        let circle = Circle { sanctions: Vec::new(), ..Circle::clone(&self.circle) };
        let facts = Facts { blocks: &[], is_channel_blocked: false, chat: Some(&circle), ..self.facts() };
        access::may_in_chat(&self.user, (&circle.chat.id, self.needs_of_staff()), facts, self.now).allow
    }

    fn needs_of_staff(&self) -> Capability {
        if self.circle.chat.course.is_some() { Capability::HearStaff } else { Capability::ChatModerate }
    }

    /// Tells whether they take part in the course or class of the chat, or once did; `None` = the roster does not know them.
    #[must_use]
    pub fn has_had_part(&self) -> Option<bool> {
        let standing = self.gathered.known.as_deref().and_then(|known| known.standing.as_ref())?;
        let Some(course) = self.gathered.place.as_deref().and_then(|place| place.course.as_ref()) else {
            return Some(true);
        };
        let is_admin = standing.person.org_role == Some(Role::Admin) && standing.person.org == course.org;
        let is_member = self.circle.members.contains_key(&self.user);
        Some(is_admin || is_member || standing.enrollments.iter().any(|one| one.course == course.id))
    }

    /// Tells whether only staff finds what they write now, without their knowing. Staff is not muted in the shadow.
    #[must_use]
    pub fn is_shadowed(&self) -> bool {
        self.circle.is_shadowed(&self.user, self.now) && !self.is_staff()
    }

    /// Why they may not write now, although they usually may: asked once it is known that they may.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        let chat = &self.circle.chat;
        // Role and rank are looked for only where they matter: most chats are open to all who belong to them.
        let is_limited = chat.frozen_at.is_some() || !chat.settings.post_roles.is_empty();
        let standing = if is_limited { (self.role(), self.may(Capability::ChatModerate)) } else { (None, true) };
        self.circle.silence(Some(&self.user), standing, self.now)
    }

    /// The chat.
    #[must_use]
    pub fn circle(&self) -> &Arc<Circle> {
        &self.circle
    }

    /// Whom they are.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Their role where the chat belongs to.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        access::role_in_chat(&self.user, self.facts(), self.now)
    }

    /// The person as those see them who hear of what they do.
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.user, self.gathered.known.as_deref().and_then(Known::person), self.role())
    }

    fn facts(&self) -> Facts<'_> {
        let known = self.gathered.known.as_deref();
        Facts {
            standing: known.and_then(|known| known.standing.as_ref()),
            place: self.gathered.place.as_deref(),
            courses: &[],
            blocks: known.map_or(&[], |known| &known.blocks),
            is_channel_blocked: self.is_channel_blocked,
            chat: Some(&self.circle),
        }
    }
}

impl LiveApp {
    /// Finds out what a person may do in a chat; `None` = there is no such chat. From memory, mostly.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn chat_rights(
        &self,
        user: &UserId,
        chat: &ExternalId,
        now: DateTime<Utc>,
    ) -> Result<Option<ChatRights>> {
        let app = self.app();
        let generation = self.access.generation();
        let topic = Topic::Chat(chat.clone());
        let gathered = self.access.gather(&app.id, (Some(user), &topic), now).await?;
        let Some(circle) = gathered.chat.clone() else { return Ok(None) };
        let blocks = gathered.known.as_ref().map_or(&[][..], |known| &known.blocks);
        let is_channel_blocked =
            ChannelName::parse(&format!("private-chat.{chat}"), NameRules::OWN).is_ok_and(|channel| {
                let asked = Asked { app: &app, channel: Some(&channel), topic: &topic };
                blocks.iter().any(|block| block.is_active(now) && asked.is_closed_by(&block.scope))
            });
        Ok(Some(ChatRights { user: user.clone(), circle, gathered, is_channel_blocked, now, generation }))
    }

    /// Tells whether nothing has changed since that could make the rights others.
    #[must_use]
    pub fn are_current(&self, rights: &ChatRights) -> bool {
        self.access.generation() == rights.generation
    }

    /// A chat with all that decides who may do what in it; `None` = there is no such chat. From memory, mostly.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn chat(&self, chat: &ExternalId) -> Result<Option<Arc<Circle>>> {
        patiently(self.access.chat(&self.app().id, chat)).await
    }

    /// Sockets that hear a chat for those who see nothing of its message with this number: they came later, and the chat shows
    /// nothing from before. `None` = it shows everybody all. As long as the chat cannot be read, all who hear it.
    pub(in crate::services) async fn newcomers(&self, chat: &ExternalId, seq: i64) -> Option<HashSet<SocketId>> {
        let circle = self.chat(chat).await.unwrap_or_else(|error| {
            tracing::warn!(app.id = %self.app().id, %error, "nobody hears of a changed message: it may not be for them");
            None
        });
        let hidden = |user: Option<&UserId>| circle.as_ref().map_or(i64::MAX, |circle| circle.hidden_from(user));
        // What somebody unknown sees, everybody sees: most chats need no look at who hears them.
        if hidden(None) < seq {
            return None;
        }
        let listeners = self.listeners(&Topic::Chat(chat.clone())).into_iter();
        let is_newcomer = |one: &Listener| seq <= hidden(one.user.as_ref().map(|(user, _)| user));
        Some(listeners.filter(is_newcomer).map(|one| one.socket).collect())
    }

    /// Decides whether a person may write in a chat now: neither muted nor banned, and the chat open to them. Whoever may not is
    /// not seen typing either.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub(in crate::services) async fn decide_writing(
        &self,
        user: &UserId,
        chat: &ExternalId,
        now: DateTime<Utc>,
    ) -> Result<Decision> {
        let Some(rights) = self.chat_rights(user, chat, now).await? else { return Ok(Decision::unavailable()) };
        let decision = rights.decide(Capability::ChatPost);
        let Some(silence) = rights.silence().filter(|_| decision.allow) else { return Ok(decision) };
        Ok(Decision { allow: false, reason: Reason::Silenced, detail: silence.to_string(), ..decision })
    }

    /// Tells whether somebody who hears a topic may write there now, as far as is in memory.
    pub(in crate::services) fn may_write(&self, topic: &Topic, part: &Part, now: DateTime<Utc>) -> bool {
        let may_post = match part.reason {
            // Without the roster's word the application's signature decides. Members of a group write whatever they are elsewhere.
            None | Some(Reason::Member) => true,
            Some(Reason::Guest) => false,
            Some(_) => part.role.is_none_or(|role| self.may_in(topic, role, Capability::ChatPost)),
        };
        may_post && !self.is_silenced(topic, part, now)
    }

    fn is_silenced(&self, topic: &Topic, part: &Part, now: DateTime<Utc>) -> bool {
        let Topic::Chat(chat) = topic else { return false };
        let Some(circle) = self.access.chats.peek(chat) else { return part.reason.is_some() && self.has_no_room(chat) };
        let Some(circle) = circle else { return false };
        let is_moderator = self.leads(topic, (&circle, part), Capability::ChatModerate);
        circle.silence(Some(&part.user), (part.role, is_moderator), now).is_some()
    }

    /// Tells whether a chat that is not in memory may have had to make room for another one. It is read again soon then.
    fn has_no_room(&self, chat: &ExternalId) -> bool {
        let is_full = self.access.chats.is_full();
        if is_full {
            let mut wanted = self.access.wanted.lock();
            if wanted.len() < MAX_CHATS {
                wanted.insert(chat.clone());
            }
        }
        is_full
    }

    /// Reads chats again that had to make room.
    pub(super) async fn read_wanted(&self) {
        let wanted = std::mem::take(&mut *self.access.wanted.lock());
        for chat in &wanted {
            let _read = self.chat(chat).await;
        }
    }

    /// Tells whether somebody who hears a chat may be staff there: of most it is in memory that they are not.
    pub(in crate::services) fn may_be_staff(&self, topic: &Topic, listener: &Listener) -> bool {
        let Topic::Chat(chat) = topic else { return false };
        let Some(circle) = self.access.chats.peek(chat).flatten() else { return true };
        match listener.role {
            Some(role) if circle.chat.course.is_some() => self.may_in(topic, role, Capability::HearStaff),
            _ => true,
        }
    }

    /// Tells whether only staff shall find what somebody who hears a topic says there now, as far as is in memory.
    pub(in crate::services) fn is_in_shadow(&self, topic: &Topic, part: &Part, now: DateTime<Utc>) -> bool {
        let Topic::Chat(chat) = topic else { return false };
        let Some(circle) = self.access.chats.peek(chat).flatten() else { return false };
        circle.is_shadowed(&part.user, now) && !self.leads(topic, (&circle, part), Capability::HearStaff)
    }

    /// Tells whether somebody has a capability of staff in a chat, or owns a group without a course, as far as is in memory.
    fn leads(&self, topic: &Topic, (circle, part): (&Circle, &Part), needs: Capability) -> bool {
        match part.role {
            Some(role) if circle.chat.course.is_some() => self.may_in(topic, role, needs),
            _ => circle.members.get(&part.user).is_some_and(|member| member.part == GroupPart::Owner),
        }
    }

    /// Courses in which a person has an enrollment, whether it counts now or not.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn courses_of(&self, user: &UserId, now: DateTime<Utc>) -> Result<Vec<ExternalId>> {
        let known = patiently(self.access.person(&self.app().id, user, now)).await?;
        let standing = known.as_ref().and_then(|known| known.standing.as_ref());
        let courses = standing.into_iter().flat_map(|standing| &standing.enrollments).map(|one| one.course.clone());
        let mut courses: Vec<ExternalId> = courses.collect();
        courses.sort_unstable();
        courses.dedup();
        Ok(courses)
    }

    /// Courses in which two people take part now, each with their roles there.
    ///
    /// # Errors
    /// When the roster cannot be read.
    pub async fn shared_courses(
        &self,
        (one, other): (&UserId, &UserId),
        now: DateTime<Utc>,
    ) -> Result<Vec<(ExternalId, Role, Role)>> {
        let theirs = self.courses_of(other, now).await?;
        let mut shared = Vec::new();
        for course in self.courses_of(one, now).await?.into_iter().filter(|course| theirs.contains(course)) {
            let place = PlaceId::Course(course.clone());
            let (one, other) = (self.rights(one, &place, now).await?, self.rights(other, &place, now).await?);
            if let (Some(one), Some(other)) = (one.role(), other.role()) {
                shared.push((course, one, other));
            }
        }
        Ok(shared)
    }

    /// Forgets what is known of a chat that has changed: whoever asks from now on is judged anew.
    pub(in crate::services) fn forget_chat(&self, chat: &ExternalId) {
        self.access.chats.forget(chat);
        self.access.advance();
    }

    /// `LiveApp::chat_changed` for whoever follows the changes of other nodes. A chat that nobody here hears is only forgotten.
    ///
    /// # Cancel safety
    /// As that one.
    pub async fn chat_followed(&self, chat: &ExternalId, now: DateTime<Utc>) {
        self.forget_chat(chat);
        let is_heard = !self.access.seats.concerned(std::iter::once(&Key::Chat(chat.clone()))).is_empty();
        if is_heard {
            let _told_already = self.chat_changed(chat, now).await;
        }
    }

    /// Takes note that any chat may have changed.
    pub async fn chats_reset(&self, now: DateTime<Utc>) -> Vec<Revoked> {
        let since = Instant::now();
        self.access.chats.clear();
        self.access.advance();
        self.review_all(&self.access.seats.all(), Cause::Chat, (now, since), Vec::new()).await
    }

    /// Takes a chat away from those who may not hear it any more, because it or its members have changed. Tells whose access
    /// ended.
    ///
    /// # Cancel safety
    /// What was known is forgotten at once; access that is not yet taken away then stays until the next change.
    pub(in crate::services) async fn chat_changed(&self, chat: &ExternalId, now: DateTime<Utc>) -> Vec<Revoked> {
        let since = Instant::now();
        self.forget_chat(chat);
        // Client events are judged by what is in memory.
        let _loaded = self.chat(chat).await;
        let seats = self.access.seats.concerned(std::iter::once(&Key::Chat(chat.clone())));
        self.review_all(&seats, Cause::Chat, (now, since), Vec::new()).await
    }
}
