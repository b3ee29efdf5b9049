//! The audit as programs read it, and what reading leaves in it.

use chrono::TimeDelta;

pub use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::{
    ids::AppId,
    store::{self, Store},
};

/// How long somebody who reads the same again leaves no second entry.
const SAME_READING: TimeDelta = TimeDelta::hours(1);

/// The audit of every app.
#[derive(Debug)]
pub struct Audit {
    store: Store,
}

impl Audit {
    /// The audit kept in this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Entries, newest first, each with its number; `before` is the last number of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        app: &AppId,
        filter: &AuditFilter,
        (before, limit): (Option<i64>, u32),
    ) -> store::Result<Vec<(i64, AuditEntry)>> {
        self.store.audit_list(app, filter, before, limit).await
    }
}

/// Notes that somebody has read something, once an hour.
pub(super) async fn note_reading(store: &Store, entry: &AuditEntry) -> store::Result<()> {
    store.audit_insert_once(entry, entry.at - SAME_READING).await
}
