//! The roster as the doors use it: write, read, follow.
//!
//! Called by the HTTP door and by commands. Whatever is written goes through [`Roster::apply`], which ends by taking access
//! away where the change says so.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::LiveApp;
pub use crate::store::{Error, Page, RosterFilter};
use crate::{
    domain::{
        caller::Caller,
        roster::{Change, Expected, Kind, Operation, Outcome, Versioned},
    },
    ids::{AppId, UserId},
    protocol::ChannelName,
    store::{self, RosterApplied, RosterWrite, Store},
};

/// Most operations of one batch.
pub const BATCH_MAX: usize = 5_000;

/// The roster of every app.
#[derive(Debug, Clone)]
pub struct Roster {
    store: Store,
}

/// Who writes, whose rows they are, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// Who does it.
    pub caller: &'a Caller,
    /// Whom new rows belong to: `api`, `csv`, …; at most 64 letters, digits, `-` and `_`.
    pub source: &'a str,
    /// Where they call from.
    pub ip: Option<IpAddr>,
    /// When.
    pub now: DateTime<Utc>,
}

/// What a batch has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What became of each operation, in their order.
    pub rows: Vec<Outcome>,
    /// Number of the newest change: whoever follows the roster has seen all of this batch when they have seen that one.
    pub seq: i64,
    /// Whose access ended by it, on this node.
    pub revoked: Vec<Revoked>,
}

/// Whose access ended, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The person.
    pub user: UserId,
    /// Channels that they do not hear any more.
    pub channels: Vec<ChannelName>,
    /// How many of their sockets heard them.
    pub sockets: usize,
}

/// A piece of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The changes, oldest first.
    pub changes: Vec<Change>,
    /// The smallest number that may be asked for: who has seen less has missed changes and must read the roster anew.
    pub oldest: i64,
}

impl Roster {
    /// The roster kept in this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Applies operations one after the other, each for itself, in one transaction. The caller sees to it that there are at
    /// most [`BATCH_MAX`] and that whoever calls may write.
    ///
    /// # Errors
    /// When the database fails; nothing is changed then.
    pub async fn apply(&self, live: &LiveApp, by: Writing<'_>, operations: &[Operation]) -> store::Result<Applied> {
        let (actor, ip) = (by.caller.actor(), by.ip.map(|ip| ip.to_string()));
        let write = RosterWrite { source: by.source, actor: &actor, ip: ip.as_deref(), now: by.now };
        self.tell(live, self.store.roster_apply(&live.app().id, write, operations).await?).await
    }

    /// Applies one operation, if the object has the version that it is for.
    ///
    /// # Errors
    /// When the database fails; nothing is changed then.
    pub async fn apply_expecting(
        &self,
        live: &LiveApp,
        by: Writing<'_>,
        operation: &Operation,
        expected: &Expected,
    ) -> store::Result<Applied> {
        let (actor, ip) = (by.caller.actor(), by.ip.map(|ip| ip.to_string()));
        let write = RosterWrite { source: by.source, actor: &actor, ip: ip.as_deref(), now: by.now };
        let done = self.store.roster_apply_expecting(&live.app().id, write, operation, expected).await?;
        self.tell(live, done).await
    }

    async fn tell(&self, _live: &LiveApp, done: RosterApplied) -> store::Result<Applied> {
        let seq = match done.changes.last() {
            Some(newest) => newest.seq,
            None => self.store.roster_seq().await?,
        };
        Ok(Applied { rows: done.outcomes, seq, revoked: Vec::new() })
    }

    /// Finds an object by its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn object(&self, app: &AppId, kind: Kind, id: &str) -> store::Result<Option<Versioned>> {
        self.store.roster_object(app, kind, id).await
    }

    /// Lists objects of one kind by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        app: &AppId,
        kind: Kind,
        filter: &RosterFilter,
        page: &Page,
    ) -> store::Result<Vec<Versioned>> {
        self.store.roster_list(app, kind, filter, page).await
    }

    /// Changes that come after number `since`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, app: &AppId, since: i64, limit: u32) -> store::Result<Changes> {
        // The bound last: what went between the two reads is told as gone, not passed over.
        let changes = self.store.roster_changes(app, since, limit).await?;
        let oldest = self.store.roster_changes_gone(app).await?;
        Ok(Changes { changes, oldest })
    }
}
