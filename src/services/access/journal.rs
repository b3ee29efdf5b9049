//! What is to stand in the audit and does not yet.
//!
//! Whoever takes access away notes it here in the same breath; it is written right after, and if that fails, or whoever
//! waited for it has gone, by the next one who writes: at the latest when deadlines are kept.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::review::Cut;
use crate::{
    domain::audit::AuditEntry,
    services::LiveApp,
    store::{self, Store},
};

/// Most entries that wait, by app; what comes beyond is told in the log alone.
const MAX_WAITING: usize = 100_000;

/// Entries that are written at once.
const CHUNK: usize = 500;

/// Entries that wait to be written.
#[derive(Debug)]
pub(super) struct Journal {
    /// Guards them; oldest first. Never held across an await.
    waiting: Mutex<VecDeque<AuditEntry>>,
    /// Whoever writes has it, so that each entry is written once.
    turn: tokio::sync::Mutex<()>,
    /// The last attempt to write has failed.
    is_failing: AtomicBool,
    max: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self::with_room(MAX_WAITING)
    }
}

impl Journal {
    fn with_room(max: usize) -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default(), is_failing: AtomicBool::new(false), max }
    }

    /// Takes an entry in; gives it back when there is no room.
    fn note(&self, entry: AuditEntry) -> Option<AuditEntry> {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.max {
            return Some(entry);
        }
        waiting.push_back(entry);
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Writes what waits. What was written and what was not is told apart by chunks: given up in the middle of one, it may be
    /// written twice, and never is lost.
    async fn write(&self, store: &Store) -> store::Result<()> {
        let _turn = self.turn.lock().await;
        loop {
            let some: Vec<AuditEntry> = self.waiting.lock().iter().take(CHUNK).cloned().collect();
            if some.is_empty() {
                return Ok(());
            }
            store.audit_insert(&some).await?;
            self.waiting.lock().drain(..some.len());
        }
    }
}

impl LiveApp {
    /// Notes for the audit that access has ended.
    pub(super) fn note_cut(&self, cut: &Cut, actor: &str, now: DateTime<Utc>) {
        self.note(AuditEntry {
            app: self.app().id.clone(),
            actor: actor.to_owned(),
            action: "access.revoked".to_owned(),
            target_type: "user".to_owned(),
            target_id: cut.user.as_ref().map_or_else(String::new, ToString::to_string),
            scope: Some(cut.channel.to_string()),
            before: None,
            after: Some(format!(r#"{{"reason":"{}"}}"#, cut.code)),
            ip: None,
            at: now,
        });
    }

    /// Notes something for the audit.
    pub(super) fn note(&self, entry: AuditEntry) {
        if let Some(entry) = self.access.journal.note(entry) {
            tracing::error!(app.id = %entry.app, ?entry, "the audit takes no more while the database is away");
        }
    }

    /// Writes what waits to stand in the audit.
    ///
    /// # Cancel safety
    /// What was not written yet goes on waiting.
    pub async fn write_journal(&self) {
        let journal = &self.access.journal;
        if journal.is_empty() {
            return;
        }
        let outcome = journal.write(&self.access.store).await;
        let was_failing = journal.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome
            && !was_failing
        {
            tracing::error!(app.id = %self.app().id, %error, "the audit cannot be written, it waits");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AppId;

    fn entry(target: &str) -> AuditEntry {
        AuditEntry {
            app: AppId::parse("campus").unwrap(),
            actor: "clock".to_owned(),
            action: "access.revoked".to_owned(),
            target_type: "user".to_owned(),
            target_id: target.to_owned(),
            scope: None,
            before: None,
            after: None,
            ip: None,
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn beyond_its_room_the_journal_gives_back_what_it_cannot_take() {
        let journal = Journal::with_room(2);
        assert!(journal.is_empty());
        assert_eq!(["1", "2"].map(|target| journal.note(entry(target))), [None, None]);
        assert_eq!(journal.note(entry("3")), Some(entry("3")));
        assert_eq!(*journal.waiting.lock(), [entry("1"), entry("2")]);
    }
}
