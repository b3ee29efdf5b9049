//! What is told in the shadow: somebody was muted without their noticing, and only they and staff hear what they do in a chat.
//!
//! It has its place in the stream of the chat, so that they find all of it as usual, also when they catch up. Who else reads the
//! stream does not find it there. It is told apart by the fact itself, for that may be told, or told again, long after it was
//! written: what carries a message of somebody in the shadow is for them and staff ([`SHADOWED`]), what they see alone names them
//! ([`ONLY_FOR`]). Staff hears it with the mark, they without.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{LiveApp, access, streams::Kept};
use crate::{
    dialect::{chat::SHADOWED, spelling::Payload},
    domain::{
        access::Topic,
        fact::{Event, Fact, ONLY_FOR},
    },
    ids::{ExternalId, SocketId, UserId},
};

/// Who alone hears a fact of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reserved {
    /// The person; `None` = it cannot be read who.
    user: Option<UserId>,
    /// Staff hears it as well.
    is_for_staff: bool,
}

/// As whom a stream is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    user: Option<UserId>,
    is_staff: bool,
}

fn can_be_of_the_shadow(event: Event) -> bool {
    event.is_of_a_message() || event == Event::ChatPurged
}

/// What a fact is about: a message, or many of one person.
fn thing(payload: &Payload) -> Option<&Value> {
    payload.get("message").or_else(|| payload.get("purge"))
}

fn is_marked(thing: &Value) -> bool {
    thing[SHADOWED] == true
}

/// Who alone hears a fact; `None` = everybody who hears its topic.
pub(super) fn reserved(fact: &Fact<Payload>) -> Option<Reserved> {
    if !matches!(fact.topic, Topic::Chat(_)) || !can_be_of_the_shadow(fact.event) {
        return None;
    }
    let read = |user: &Value| user.as_str().and_then(|user| UserId::parse(user).ok());
    if let Some(thing) = thing(&fact.payload).filter(|thing| is_marked(thing)) {
        return Some(Reserved { user: read(&thing["user_id"]), is_for_staff: true });
    }
    let user = fact.payload.get(ONLY_FOR)?;
    Some(Reserved { user: read(user), is_for_staff: false })
}

/// Reserves a fact that is told in a chat for one person.
pub(super) fn reserve(fact: &mut Fact<Payload>, user: &UserId) {
    fact.payload.insert(ONLY_FOR.to_owned(), user.as_str().into());
}

/// The fact as somebody hears it who does not know of the shadow.
fn unmarked(mut fact: Fact<Payload>, user: &UserId) -> Fact<Payload> {
    fact.payload.remove(ONLY_FOR);
    for key in ["message", "purge"] {
        let Some(Value::Object(thing)) = fact.payload.get_mut(key) else { continue };
        if thing.get("user_id").is_some_and(|author| author == user.as_str()) {
            thing.remove(SHADOWED);
        }
    }
    fact
}

/// The fact as it is told in its topic: on their own channels nobody hears that they are in the shadow.
pub(super) fn as_told(fact: &Fact<Payload>) -> Cow<'_, Fact<Payload>> {
    match &fact.topic {
        Topic::User(user) if can_be_of_the_shadow(fact.event) => Cow::Owned(unmarked(fact.clone(), user)),
        _ => Cow::Borrowed(fact),
    }
}

impl Reader {
    /// A program, which finds everything that staff finds.
    pub(super) const PROGRAM: Self = Self { user: None, is_staff: true };

    /// The fact as they may read it; `None` = it is not for them.
    pub(super) fn reads<'a>(&self, fact: &'a Fact<Payload>) -> Option<Cow<'a, Fact<Payload>>> {
        match (reserved(fact), &self.user) {
            (None, _) => Some(as_told(fact)),
            (Some(Reserved { user: Some(theirs), .. }), Some(user)) if theirs == *user => {
                Some(Cow::Owned(unmarked(fact.clone(), user)))
            }
            (Some(Reserved { is_for_staff: true, .. }), _) if self.is_staff => Some(Cow::Borrowed(fact)),
            (Some(_), _) => None,
        }
    }

    /// The same of a fact that is kept.
    pub(super) fn reads_row(&self, mut kept: Kept) -> Option<Kept> {
        if let Cow::Owned(fact) = self.reads(&kept.fact)? {
            kept.fact = fact;
        }
        Some(kept)
    }
}

impl LiveApp {
    /// As whom somebody reads the stream of a topic.
    ///
    /// # Errors
    /// When it cannot be told what they may see.
    pub(super) async fn reader(
        &self,
        user: Option<&UserId>,
        topic: &Topic,
        now: DateTime<Utc>,
    ) -> access::Result<Reader> {
        let is_staff = match (user, topic) {
            (Some(user), Topic::Chat(chat)) => {
                let rights = self.chat_rights(user, chat, now).await?;
                rights.is_some_and(|rights| rights.is_staff())
            }
            _ => false,
        };
        Ok(Reader { user: user.cloned(), is_staff })
    }

    /// Tells a fact to those alone whom it is reserved for.
    pub(super) async fn tell_reserved(
        &self,
        fact: &Fact<Payload>,
        to: &Reserved,
        (except, now): (Option<SocketId>, DateTime<Utc>),
    ) {
        let Topic::Chat(chat) = &fact.topic else { return };
        let seq = thing(&fact.payload).and_then(|thing| thing["seq"].as_i64());
        let (mut own, mut staff) = (HashSet::new(), HashSet::new());
        let mut hears: HashMap<UserId, bool> = HashMap::new();
        for listener in self.listeners(&fact.topic).into_iter().filter(|one| Some(one.socket) != except) {
            let Some((user, _)) = &listener.user else { continue };
            let is_own = to.user.as_ref() == Some(user);
            let is_meant = is_own || (to.is_for_staff && self.may_be_staff(&fact.topic, &listener));
            if !is_meant {
                continue;
            }
            let is_heard = match hears.get(user) {
                Some(known) => *known,
                None => {
                    let found = self.hears_reserved(user, chat, (seq, is_own), now).await;
                    hears.insert(user.clone(), found);
                    found
                }
            };
            if is_heard {
                if is_own {
                    own.insert(listener.socket)
                } else {
                    staff.insert(listener.socket)
                };
            }
        }
        if let Some(user) = &to.user {
            self.tell_among(&unmarked(fact.clone(), user), own);
        }
        self.tell_among(fact, staff);
    }

    async fn hears_reserved(
        &self,
        user: &UserId,
        chat: &ExternalId,
        (seq, is_own): (Option<i64>, bool),
        now: DateTime<Utc>,
    ) -> bool {
        let rights = self.chat_rights(user, chat, now).await.unwrap_or_else(|error| {
            tracing::warn!(app.id = %self.app().id, %error, "somebody does not hear of the shadow: it may not be for them");
            None
        });
        rights.is_some_and(|rights| {
            let is_hidden = seq.is_some_and(|seq| seq <= rights.circle().hidden_from(Some(user)));
            !is_hidden && (is_own || rights.is_staff())
        })
    }

    fn tell_among(&self, fact: &Fact<Payload>, sockets: HashSet<SocketId>) {
        if sockets.is_empty() {
            return;
        }
        let sockets: Vec<SocketId> = sockets.into_iter().collect();
        self.spell(fact, |channel, frame| self.hub.publish_among(channel, frame, &sockets));
    }
}
