//! Whoever is mentioned is notified.

use super::{Asking, Chats, Entry, Result};
use crate::{
    dialect::notification as shape,
    domain::{
        access::capability::Capability,
        chat::{Author, Message, Notify},
        notification::{Category, Content, Notification, Recipient},
    },
    ids::UserId,
    services::{access::ChatRights, new_id, notification},
    store::Notices,
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
    /// Notifications for those whom a new message mentions by their ids, who may see it and want to know of it.
    pub(super) async fn mentioned(
        &self,
        asking: &Asking<'_>,
        entry: &Entry,
        message: &Message,
    ) -> Result<Option<Notices>> {
        let mut users: Vec<UserId> = message.mentions.iter().filter_map(|one| UserId::parse(one).ok()).collect();
        users.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        users.dedup();
        users.retain(|user| message.author != Author::User(user.clone()));
        let mut recipients = Vec::with_capacity(users.len());
        for user in users {
            if self.is_to_know(asking, message, &user).await? {
                recipients.push(Recipient { user, course: entry.circle().chat.course.clone() });
            }
        }
        let fact = |of: &Notification, now| notification::fact(new_id(now), of, shape::created(of), now);
        let notices = Notices { recipients, actor: entry.actor(), content, fact, new_id };
        Ok(Some(notices).filter(|notices| !notices.recipients.is_empty()))
    }

    /// Tells whether somebody may see a message and wants to know that they are mentioned in it.
    async fn is_to_know(&self, asking: &Asking<'_>, message: &Message, user: &UserId) -> Result<bool> {
        let rights = asking.live.chat_rights(user, &message.chat, asking.now).await?;
        let sees = |rights: &ChatRights| rights.may(Capability::HearChat) && message.is_for(user, rights.is_staff());
        if !rights.as_ref().is_some_and(sees) {
            return Ok(false);
        }
        Ok(self.store.chat_read_state(&asking.app(), &message.chat, user).await?.notify != Notify::None)
    }
}
