//! Everything that somebody has said in a chat is deleted in one go.

use serde_json::json;

use super::{Asking, Chats, Entry, Error, Result};
use crate::{
    dialect::{self, spelling::Payload},
    domain::{
        access::{Topic, capability::Capability},
        chat::Purge,
        fact::{Event, Fact},
    },
    ids::{ExternalId, SocketId, UserId},
    services::{Draft, moderation::outranked, new_id},
    store::{self, ChatWrite, Facts},
};

/// Whether somebody may delete all that somebody has said, now.
async fn check(asking: &Asking<'_>, entry: &Entry, author: &UserId) -> Result<()> {
    entry.demand(Capability::ChatModerate)?;
    if entry.user() != Some(author)
        && let Some(why) = outranked(asking, entry, author).await?
    {
        return Err(Error::Rank(why));
    }
    Ok(())
}

impl Chats {
    /// Deletes all that somebody has said in a chat up to now, also what was not for all; each message leaves a trace. It is done
    /// some hundred messages at a time, newest first. Each time those who hear the chat are told of what was for all, and of the
    /// rest those alone who heard it, and staff.
    ///
    /// # Errors
    /// When whoever asks may not, or may not any more: nobody does so to staff of their own rank or above. What was deleted until
    /// then stays deleted.
    pub async fn purge(&self, asking: &Asking<'_>, chat: &ExternalId, author: &UserId) -> Result<Purge> {
        let entry = Entry::find(asking, chat).await?;
        check(asking, &entry, author).await?;
        self.check_person(asking, &entry, author).await?;
        let mut all =
            Purge { chat: chat.clone(), author: author.clone(), from: 0, to: 0, count: 0, is_shadowed: false };
        let mut before = i64::MAX;
        while let Some(some) = self.purge_some(asking, chat, (author, before)).await? {
            all = Purge { from: some.from, to: all.to.max(some.to), count: all.count + some.count, ..all };
            before = some.from;
        }
        Ok(all)
    }

    async fn purge_some(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        (author, before): (&UserId, i64),
    ) -> Result<Option<Purge>> {
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let write = ChatWrite { at: asking.now, audit: &[], epoch: &epoch };
        let save = async {
            let judged = async {
                let entry = Entry::find(asking, chat).await?;
                check(asking, &entry, author).await?;
                Ok::<_, Error>(entry)
            };
            let entry = match judged.await {
                Ok(entry) => entry,
                Err(error) => return Ok((Err(error), Vec::new())),
            };
            let tell = |purge: &Purge, told: Vec<(Topic, Purge)>| {
                let facts: Facts = told.into_iter().map(|theirs| fact(asking, &entry, theirs)).collect();
                let after = json!({ "from_seq": purge.from, "to_seq": purge.to, "messages": purge.count });
                (facts, asking.audit("purged", ("user", author.as_str()), chat, Some(after)))
            };
            let (some, kept) = self.store.chat_purge((&app, chat), (author, before, &by), write, tell).await?;
            Ok::<_, store::Error>((Ok(some), kept))
        };
        self.teller.keep_and_tell(Box::pin(save)).await?
    }
}

/// What is told in one topic, and the socket that does not hear it.
fn fact(asking: &Asking<'_>, entry: &Entry, (topic, purge): (Topic, Purge)) -> (Fact<Payload>, Option<SocketId>) {
    let mut payload = Payload::new();
    payload.insert("purge".to_owned(), dialect::chat::purge(&purge));
    let (event, at, except) = (Event::ChatPurged, asking.now, asking.except);
    Draft { event, topic, actor: entry.actor(), payload, at, except }.into_fact()
}
