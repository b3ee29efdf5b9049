//! Moves what was committed from SQLite's log into its file, beside whoever reads and writes.
//!
//! Otherwise the commit that fills the log would do it, and everybody would wait until the disk has it all. When all of it has
//! been moved, the next commit begins the log anew: a log that is written over again and again costs much less than one that
//! grows.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Result, Store};

/// How often is gone on when others have committed meanwhile. Each time there is less to move.
const ROUNDS: usize = 8;

impl Store {
    /// Moves what was committed from SQLite's log into its file, as far as nobody is in the way. Does nothing for a database in
    /// memory, PostgreSQL and MySQL.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is lost then.
    #[tracing::instrument(name = "store.checkpoint", level = "debug", skip_all)]
    pub async fn checkpoint(&self) -> Result<()> {
        let Some(beside) = &self.beside else { return Ok(()) };
        let mut before = None;
        for _ in 0..ROUNDS {
            let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(PASSIVE)");
            let Some(row) = beside.query_one_raw(statement).await? else { break };
            // Whether somebody else is at it, pages in the log as the round began, and how many of them are in the file now.
            let [is_busy, logged, moved] = [0, 1, 2].map(|column| row.try_get_by_index::<i64>(column));
            let (logged, moved) = (logged?, moved?);
            if is_busy? != 0 || moved != logged || before == Some(logged) {
                break;
            }
            before = Some(logged);
        }
        Ok(())
    }
}
