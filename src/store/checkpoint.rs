//! Moves what was committed from SQLite's log into its file, beside whoever reads and writes.
//!
//! Otherwise the commit that fills the log would do it, and everybody would wait until the disk has it all.

use sea_orm::ConnectionTrait;

use super::{Result, Store};

impl Store {
    /// Moves what was committed from SQLite's log into its file, as far as nobody is in the way. Does nothing for a database in
    /// memory, PostgreSQL and MySQL.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is lost then.
    #[tracing::instrument(name = "store.checkpoint", level = "debug", skip_all)]
    pub async fn checkpoint(&self) -> Result<()> {
        if let Some(beside) = &self.beside {
            beside.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }
}
