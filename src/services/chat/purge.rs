//! Everything that somebody has said in a chat is deleted in one go.

use serde_json::json;

use super::{Asking, Chats, Entry, Error, Result};
use crate::{
    dialect,
    domain::{
        access::{Topic, capability::Capability},
        chat::Purge,
        fact::Event,
    },
    ids::{ExternalId, UserId},
    services::{Draft, moderation::outranked, new_id},
    store::{self, ChatWrite},
};

impl Chats {
    /// Deletes all that somebody has said in a chat up to now, also what was not for all; each message leaves a trace. It is done
    /// some hundred messages at a time, newest first, and those who hear the chat are told each time.
    ///
    /// # Errors
    /// When whoever asks may not: nobody does so to staff of their own rank or above.
    pub async fn purge(&self, asking: &Asking<'_>, chat: &ExternalId, author: &UserId) -> Result<Purge> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        if entry.user() != Some(author)
            && let Some(why) = outranked(asking, &entry, author).await?
        {
            return Err(Error::Rank(why));
        }
        let mut all = Purge { chat: chat.clone(), author: author.clone(), from: 0, to: 0, count: 0 };
        let mut before = i64::MAX;
        while let Some(some) = self.purge_some(asking, &entry, (author, before)).await? {
            all = Purge { from: some.from, to: all.to.max(some.to), count: all.count + some.count, ..all };
            before = some.from;
        }
        Ok(all)
    }

    async fn purge_some(
        &self,
        asking: &Asking<'_>,
        entry: &Entry,
        (author, before): (&UserId, i64),
    ) -> Result<Option<Purge>> {
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let chat = &entry.circle().chat.id;
        let write = ChatWrite { at: asking.now, audit: &[], epoch: &epoch };
        let tell = |purge: &Purge| {
            let mut payload = dialect::spelling::Payload::new();
            payload.insert("purge".to_owned(), dialect::chat::purge(purge));
            let (event, topic, at, except) = (Event::ChatPurged, Topic::Chat(chat.clone()), asking.now, asking.except);
            let draft = Draft { event, topic, actor: entry.actor(), payload, at, except };
            let after = json!({ "from_seq": purge.from, "to_seq": purge.to, "messages": purge.count });
            let audit = asking.audit("purged", ("user", author.as_str()), chat, Some(after));
            (vec![draft.into_fact()], audit)
        };
        let save = self.store.chat_purge((&app, chat), (author, before, &by), write, tell);
        Ok(self.teller.keep_and_tell::<_, store::Error>(Box::pin(save)).await?)
    }
}
