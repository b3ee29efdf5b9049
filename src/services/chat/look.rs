//! Reading as an admin who takes no part in the course: allowed, and noted.

use super::{Asking, Chats, Entry, Result};
use crate::{ids::ExternalId, services::audit::note_reading};

impl Entry {
    /// Tells whether somebody is here as an admin alone.
    fn is_overseer(&self) -> bool {
        match self {
            Self::Person(rights) => rights.is_overseer(),
            Self::Program(_) => false,
        }
    }
}

impl Chats {
    /// Lets in whoever wants to read what was said. That an admin does who takes no part in the course is noted.
    pub(in crate::services) async fn reader(&self, asking: &Asking<'_>, chat: &ExternalId) -> Result<Entry> {
        let entry = Entry::find(asking, chat).await?;
        self.note_reader(asking, &entry).await?;
        Ok(entry)
    }

    /// Notes for the audit that an admin reads a chat that is not theirs.
    pub(super) async fn note_reader(&self, asking: &Asking<'_>, entry: &Entry) -> Result<()> {
        if entry.is_overseer() {
            note_reading(&self.store, &asking.read(&entry.circle().chat.id)).await?;
        }
        Ok(())
    }
}
