//! Messages go when the chat has kept them for as long as its settings say.

use chrono::{DateTime, Utc};

use super::{Chats, chat_draft};
use crate::{
    domain::{access::Topic, chat::Chat},
    ids::ExternalId,
    services::{Apps, LiveApp, new_id},
    store::{self, ChatWrite, Page},
};

/// Chats that are looked for at once.
const PAGE: u32 = 500;

impl Chats {
    /// Removes messages that are older than their chats keep them, and tells those who hear the chats: once for each
    /// chat, when nothing is left to remove. About once an hour.
    ///
    /// # Errors
    /// When the database fails; the next call goes on. One chat that fails keeps no other.
    pub async fn expire(&self, apps: &Apps, now: DateTime<Utc>) -> store::Result<()> {
        let mut outcome = Ok(());
        for live in apps.all() {
            let mut page = Page { after: None, limit: PAGE };
            loop {
                let chats = self.store.chat_list_expiring(&live.app().id, &page).await?;
                for chat in &chats {
                    outcome = outcome.and(self.expire_in(&live, chat, now).await);
                }
                let Some(last) = chats.last() else { break };
                page.after = Some(last.to_string());
            }
        }
        outcome
    }

    async fn expire_in(&self, live: &LiveApp, chat: &ExternalId, now: DateTime<Utc>) -> store::Result<()> {
        loop {
            let (app, epoch) = (&live.app().id, new_id(now));
            let write = ChatWrite { at: now, audit: &[], epoch: &epoch };
            let facts = |after: &Chat| {
                let topic = Topic::Chat(after.id.clone());
                vec![chat_draft((now, None), after, "expired", topic).into_fact()]
            };
            let save = async {
                let expired = self.store.chat_expire((app, chat), write, facts).await;
                live.forget_chat(chat);
                expired
            };
            if self.teller.keep_and_tell(Box::pin(save)).await? == 0 {
                return Ok(());
            }
        }
    }
}
