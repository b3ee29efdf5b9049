//! What happened in a topic, for those who read it piece by piece: programs, and clients without a socket.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    LiveApp,
    access::{self, is_kept_from_observers},
    audit::note_reading,
    chat::Asking,
    shadow::Reader,
};
use crate::{
    domain::{
        access::{Decision, Topic},
        caller::Caller,
        chat::Circle,
        fact::{Position, topic_key},
    },
    store::{self, MAX_PAGE, Missed, Store},
};

pub use crate::store::Kept;

/// Most events of one answer.
pub const MOST: u32 = MAX_PAGE as u32;

/// Why a stream is not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The person may not know what happens there.
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// It cannot be told whether they may.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Not everything that came since is kept. This is how far the stream has come.
    #[error("not everything that happened since is kept: load the state again")]
    Gap(Option<Position>),
}

/// Reads the streams of every app.
#[derive(Debug, Clone)]
pub struct Streams {
    store: Store,
}

/// Who wants to read what.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The app.
    pub live: &'a LiveApp,
    /// Who asks. A program has been asked for its scope before.
    pub caller: &'a Caller,
    /// The topic.
    pub topic: &'a Topic,
    /// When.
    pub now: DateTime<Utc>,
}

impl Reading<'_> {
    async fn check(&self) -> Result<(), Error> {
        let Some(user) = self.caller.user() else { return Ok(()) };
        let decision = self.live.decide_topic(Some(user), self.topic, self.now).await?;
        if decision.allow { Ok(()) } else { Err(Error::Denied(Box::new(decision))) }
    }

    /// The chat whose stream it is.
    async fn chat(&self) -> access::Result<Option<Arc<Circle>>> {
        match self.topic {
            Topic::Chat(chat) => self.live.chat(chat).await,
            _ => Ok(None),
        }
    }

    /// Tells whether they hear only what observers hear.
    async fn is_for_observer(&self) -> Result<bool, Error> {
        let Some(user) = self.caller.user() else { return Ok(false) };
        Ok(self.live.is_observer(user, self.topic, self.now).await?)
    }

    /// As whom they read it.
    async fn reader(&self) -> access::Result<Reader> {
        match self.caller.user() {
            Some(user) => self.live.reader(Some(user), self.topic, self.now).await,
            None => Ok(Reader::PROGRAM),
        }
    }

    fn key(&self) -> String {
        topic_key(self.topic).unwrap_or_default()
    }
}

impl Streams {
    /// The streams kept in this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// How far a stream has come; `None` before its first event.
    ///
    /// # Errors
    /// When whoever asks may not know, or the database fails.
    pub async fn position(&self, reading: Reading<'_>) -> Result<Option<Position>, Error> {
        reading.check().await?;
        Ok(self.store.stream_position(&reading.live.app().id, &reading.key()).await?)
    }

    /// What happened after a position, at most `limit` events, and how far the stream had come before they were read. No epoch
    /// = the present one. What is kept from observers is left out for them, and what is said in the shadow for all but staff and whoever
    /// said it; what tells of messages that are not for whoever asks is
    /// a gap.
    ///
    /// # Errors
    /// When whoever asks may not know, when some of it is not kept, or when the database fails.
    pub async fn events(
        &self,
        reading: Reading<'_>,
        (epoch, mut after): (Option<&str>, i64),
        limit: u32,
    ) -> Result<(Vec<Kept>, Option<Position>), Error> {
        reading.check().await?;
        self.note_overseer(reading).await?;
        let hidden = match reading.chat().await? {
            None => 0,
            Some(circle) => {
                reading.caller.user().map_or(circle.chat.cleared_seq, |user| circle.hidden_from(Some(user)))
            }
        };
        let (app, key) = (&reading.live.app().id, reading.key());
        let position = self.store.stream_position(app, &key).await?;
        let is_for_observer = reading.is_for_observer().await?;
        let reader = reading.reader().await?;
        let (mut found, most) = (Vec::new(), usize::try_from(limit).unwrap_or(usize::MAX));
        let mut page = u64::from(limit).min(MAX_PAGE);
        loop {
            let missed = self.store.stream_after(app, &key, (epoch, after), page).await?;
            let Missed::Events(kept) = missed else { return Err(Error::Gap(position)) };
            if kept.iter().any(|one| tells_hidden(one, hidden)) {
                return Err(Error::Gap(position));
            }
            let is_end = (kept.len() as u64) < page;
            after = kept.last().and_then(|kept| kept.fact.position.as_ref()).map_or(after, |position| position.seq);
            let theirs = kept.into_iter().filter_map(|kept| reader.reads_row(kept));
            found.extend(theirs.filter(|kept| !is_for_observer || !is_kept_from_observers(&kept.fact)));
            if is_end || found.len() >= most {
                found.truncate(most);
                return Ok((found, position));
            }
            // A page of which something was left out would be taken for the end. Of the next one much may be left out, too.
            page = MAX_PAGE;
        }
    }
}

impl Streams {
    /// Notes for the audit that an admin reads a chat that is not theirs.
    async fn note_overseer(&self, reading: Reading<'_>) -> Result<(), Error> {
        let Reading { live, caller, topic: Topic::Chat(chat), now } = reading else { return Ok(()) };
        let Some(user) = caller.user() else { return Ok(()) };
        let rights = live.chat_rights(user, chat, now).await?;
        if rights.is_some_and(|rights| rights.is_overseer()) {
            let asking = Asking { live, caller, ip: None, except: None, now };
            note_reading(&self.store, &asking.read(chat)).await?;
        }
        Ok(())
    }
}

/// Tells whether an event carries a message of a chat up to this number.
pub(super) fn tells_hidden(kept: &Kept, hidden: i64) -> bool {
    if hidden == 0 || !kept.fact.event.is_of_a_message() {
        return false;
    }
    let message = kept.fact.payload.get("message");
    message.and_then(|message| message["seq"].as_i64()).is_some_and(|seq| seq <= hidden)
}
