//! Looking for words in what was said in a chat, newest first.
//!
//! Databases do not agree on which letters are the same, so the texts are compared here. Each call looks at a bounded part of the
//! chat and tells where the next one goes on.

use super::{Asking, Chats, Result};
use crate::{
    domain::chat::{Message, search::Search},
    ids::ExternalId,
};

/// Most messages that one call looks at, found or not.
pub const LOOKED_AT_MAX: usize = 1_000;

/// Bytes of texts after which a call looks at no more.
const BYTES: usize = 256 << 10;

/// Messages that are read at once.
const PAGE: usize = 100;

/// What was found.
#[derive(Debug)]
pub struct Hits {
    /// Messages that hold all the words, newest first.
    pub messages: Vec<Message>,
    /// The number before which the next call begins, for there is more to be looked at; `None` = that was all.
    pub next_before: Option<i64>,
}

/// What has been looked at.
struct Look {
    /// Ids of what was found.
    ids: Vec<String>,
    /// Number of the last message that was looked at.
    before: i64,
    messages: usize,
    bytes: usize,
}

impl Look {
    const fn is_enough(&self) -> bool {
        self.messages >= LOOKED_AT_MAX || self.bytes >= BYTES
    }

    /// Looks at some messages; tells whether there was room for all.
    fn at(&mut self, texts: Vec<(String, i64, String)>, search: &Search, limit: usize) -> bool {
        for (id, seq, body) in texts {
            if self.ids.len() >= limit || self.is_enough() {
                return false;
            }
            self.before = seq;
            self.messages += 1;
            self.bytes += body.len();
            if search.finds(&body) {
                self.ids.push(id);
            }
        }
        true
    }
}

impl Chats {
    /// Finds at most `limit` messages before number `before` that hold some words and that whoever asks may see; deleted ones hold
    /// none. Looks at no more than [`LOOKED_AT_MAX`] messages, at fewer where they are long.
    ///
    /// # Errors
    /// When the chat is not theirs.
    pub async fn search(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        search: &Search,
        (before, limit): (i64, usize),
    ) -> Result<Hits> {
        let entry = self.reader(asking, chat).await?;
        let (app, seen_as) = (asking.app(), (entry.viewer(), entry.hidden()));
        let mut look = Look { ids: Vec::new(), before, messages: 0, bytes: 0 };
        let next_before = loop {
            let texts = self.store.message_texts((&app, chat), seen_as, look.before, PAGE as u64).await?;
            let is_over = texts.len() < PAGE;
            if !look.at(texts, search, limit) {
                break Some(look.before);
            }
            if is_over {
                break None;
            }
        };
        let found = self.store.message_list_of((&app, chat), seen_as.0, look.ids).await?;
        Ok(Hits { messages: found.into_iter().map(|message| entry.shown(message)).collect(), next_before })
    }
}
