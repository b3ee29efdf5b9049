//! Whoever is mentioned is notified.

use super::{Asking, Chats, Result};
use crate::{
    dialect::notification as shape,
    domain::{
        access::capability::Capability,
        chat::{Author, Message, Notify},
        notification::{Category, Content, Notification, Recipient},
    },
    ids::UserId,
    services::{new_id, notification},
    store::{Outgoing, Telling},
};

/// Longest part of the author's name in a title, in characters.
const NAME_SHOWN: usize = 200;

/// What a mention says: where it is, and nothing of the message, which may be edited or deleted. Those of a chat become one.
fn content(message: &Message) -> Content {
    let name: String = message.author_name.chars().take(NAME_SHOWN).collect();
    let place = serde_json::json!({ "chat_id": message.chat.as_str(), "message_id": message.id, "seq": message.seq });
    Content {
        category: Category::Mention,
        kind: Some("chat.mention".to_owned()),
        title: format!("{name} mentioned you"),
        body: String::new(),
        url: None,
        data: Some(place.to_string()),
        group_key: Some(format!("chat.mention.{}", message.chat)),
        expires_at: None,
    }
}

impl Chats {
    /// Notifies those whom a new message mentions by their ids, who may see it and want to know of it. The message is said
    /// whether or not this succeeds.
    pub(super) async fn notify_mentioned(&self, asking: &Asking<'_>, message: &Message) {
        if message.is_shadowed {
            return;
        }
        let mut users: Vec<UserId> = message.mentions.iter().filter_map(|one| UserId::parse(one).ok()).collect();
        users.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        users.dedup();
        users.retain(|user| message.author != Author::User(user.clone()));
        for user in users {
            if let Err(error) = self.notify(asking, message, &user).await {
                tracing::warn!(app.id = %asking.app(), %error, "somebody who is mentioned is not notified");
            }
        }
    }

    async fn notify(&self, asking: &Asking<'_>, message: &Message, user: &UserId) -> Result<()> {
        let (app, now) = (asking.app(), asking.now);
        let Some(rights) = asking.live.chat_rights(user, &message.chat, now).await? else { return Ok(()) };
        if !rights.may(Capability::HearChat) || !message.is_for(user, rights.is_staff()) {
            return Ok(());
        }
        if self.store.chat_read_state(&app, &message.chat, user).await?.notify == Notify::None {
            return Ok(());
        }
        let recipient = Recipient { user: user.clone(), course: rights.circle().chat.course.clone() };
        let actor = match asking.caller.user() {
            Some(author) => Some(asking.live.actor(author, now).await?),
            None => None,
        };
        let content = content(message);
        let outgoing = Outgoing { content: &content, actor: actor.as_ref(), broadcast: None, except: None };
        let fact = |new: &Notification| notification::fact(new_id(now), new, shape::created(new), now);
        let telling = Telling { new_id: &move || new_id(now), fact: &fact, now };
        self.tell(Box::pin(self.store.notification_insert(&app, &recipient, outgoing, &telling))).await?;
        Ok(())
    }
}
