//! What outlives a restart: rows of SQLite, PostgreSQL or MySQL/MariaDB, handed out as domain types.
//!
//! Owns the connection pool, the transactions and every statement; the only room that says `sea_orm`, `entity` or
//! `migration`. A transaction never crosses this door, and neither SQL nor a secret ever reaches a log. Not found is
//! `Ok(None)` or `Ok(false)`. Services call it, and the commands that administer apps.
//!
//! Each kind of data has a change counter, written first in every transaction that changes such data. That makes
//! writers queue up, so that what one of them has read stays true until it commits; and it lets a running server find
//! out with one cheap read whether there is anything to load again.

mod api_keys;
mod apps;
mod audience;
mod audit;
mod blocks;
mod broadcast;
mod chat;
mod checkpoint;
mod connect;
mod idempotency;
mod identities;
mod moderation;
mod node;
mod notification;
mod poll;
mod presence;
mod roster;
mod streams;
mod word_list;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use entity::change_counter;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    AccessMode,
    ActiveValue::Set,
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Insert, IsolationLevel, TransactionTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};

pub use apps::NewApp;
pub use chat::{
    Along, Belonging, ChatChanged, ChatFilter, ChatMade, ChatWrite, Edited, Facts, Mark, Marked, MembersAdded, NewPost,
    Notices, Posted, Revision, Viewer, Window,
};
pub use idempotency::{ANSWER_KEPT_FOR, KeptAnswer, RESERVED_FOR, Reserved, Slot};
pub use node::Left;
pub use notification::{Hourly, Last, NotificationFilter, Outgoing, Piece, Telling, Told};
pub use poll::{Booth, Cast, Changed, PollChange, PollFilter, Voted, VoterKeys, Voting};
pub use presence::KeptStatus;
pub use roster::{CHANGES_KEPT, Member, MemberFilter, Page, RosterApplied, RosterFilter, RosterWrite};
pub use streams::{KEPT_FOR, Kept, MAX_PAGE, Missed, Payload};

use crate::{
    domain::app::SettingError,
    ids::{self, AppId, AppKey},
};

/// Where the database is and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `sqlite://FILE`, `sqlite::memory:`, `postgres://USER:PASSWORD@HOST/NAME` or `mysql://USER:PASSWORD@HOST/NAME`
    /// (MariaDB too); `postgresql:` and `mariadb:` mean the same. Default: `sqlite://campanile.db`, a file in the
    /// working directory.
    pub url: String,
    /// Most connections held at once; 0 counts as 1. SQLite always has exactly one, for it has one writer. Default: 10.
    pub max_connections: u32,
    /// Longest wait for a free connection, and for the first one when opening. Default: 5 s.
    pub acquire_timeout: Duration,
    /// What a server is called, for one run, among those that share the database; at most 32 characters. Default: nothing, for
    /// those who are no server.
    pub node: String,
}

impl Default for Config {
    fn default() -> Self {
        let url = "sqlite://campanile.db".to_owned();
        Self { url, max_connections: 10, acquire_timeout: Duration::from_secs(5), node: String::new() }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &connect::masked(&self.url))
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .finish()
    }
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL names no database that is supported.
    #[error("'{scheme}' is not a supported database: the URL must start with sqlite://, postgres:// or mysql://")]
    UnsupportedUrl {
        /// What stands before the first colon.
        scheme: String,
    },
    /// The SQLite file is missing and cannot be created.
    #[error("cannot create the database file {}: its directory must exist and be writable", path.display())]
    CreateFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The SQLite file is missing, and is not to be created.
    #[error("there is no file {}", path.display())]
    MissingFile {
        /// The file, from the root.
        path: PathBuf,
    },
    /// The URL is malformed, or nobody answers there, or the login was refused.
    #[error("cannot open the database {url}")]
    Open {
        /// The URL without its password.
        url: String,
        /// What the driver said.
        source: DbErr,
    },
    /// Another app has this id.
    #[error("there is already an app with the id '{id}'")]
    AppIdTaken {
        /// The id.
        id: AppId,
    },
    /// Another app has this key.
    #[error("there is already an app with the key '{key}'")]
    AppKeyTaken {
        /// The key.
        key: AppKey,
    },
    /// The name of an app is too long.
    #[error("the name of an app may have at most {max} characters, this one has {got}")]
    AppNameTooLong {
        /// Most characters.
        max: usize,
        /// Characters of the refused name.
        got: usize,
    },
    /// A new app has no secret or too many.
    #[error("a new app has 1 to {max} secrets, not {got}")]
    SecretCount {
        /// Most secrets.
        max: usize,
        /// Secrets that were given.
        got: usize,
    },
    /// A secret is empty or too long.
    #[error("a secret has 1 to {max} bytes, not {got}")]
    SecretLength {
        /// Most bytes.
        max: usize,
        /// Bytes of the refused secret.
        got: usize,
    },
    /// A setting has an unknown name or an illegal value.
    #[error("the app setting '{name}' is refused")]
    Setting {
        /// Name of the setting.
        name: String,
        /// Why.
        source: SettingError,
    },
    /// A row was edited by hand and breaks a rule since.
    #[error("the row of the app '{id}' is not valid")]
    InvalidRow {
        /// The id, as it stands in the row.
        id: String,
        /// The broken rule.
        source: ids::Error,
    },
    /// The database failed or is not reachable any more.
    #[error("the database failed")]
    Database(#[from] DbErr),
}

impl Error {
    /// Tells whether the database works and refuses a row, for its key or for a row that it points at.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Database(error) if error.sql_err().is_some())
    }
}

/// Result of a call to the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A handle to the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    /// The pool. It does its own locking.
    db: DatabaseConnection,
    /// A second connection to a SQLite file, for [`Store::checkpoint`].
    beside: Option<DatabaseConnection>,
    /// What this server is called among those that share the database.
    node: Arc<str>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.db.get_database_backend()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database and waits for the first connection. A missing SQLite file is created, for its owner only
    /// (0600). The tables are left as they are: see [`Store::migrate`].
    ///
    /// # Errors
    /// [`Error::UnsupportedUrl`], [`Error::CreateFile`] or [`Error::Open`].
    pub async fn open(config: &Config) -> Result<Self> {
        if let Some(path) = connect::file(config)? {
            connect::create_private(&path)?;
        }
        Self::connect(config).await
    }

    /// Opens the database as [`Store::open`] does, but a SQLite file must be there.
    ///
    /// # Errors
    /// [`Error::UnsupportedUrl`], [`Error::MissingFile`] or [`Error::Open`].
    pub async fn open_existing(config: &Config) -> Result<Self> {
        match connect::file(config)? {
            Some(path) if !path.exists() => {
                Err(Error::MissingFile { path: std::path::absolute(&path).unwrap_or(path) })
            }
            _ => Self::connect(config).await,
        }
    }

    async fn connect(config: &Config) -> Result<Self> {
        let db = connect::open(config).await?;
        Ok(Self { db, beside: connect::beside(config)?, node: config.node.as_str().into() })
    }

    /// A store without a database, for tests that need none: every call fails.
    #[cfg(test)]
    pub(crate) fn unopened() -> Self {
        Self { db: DatabaseConnection::default(), beside: None, node: "".into() }
    }

    /// Runs a statement, for tests that break things.
    #[cfg(test)]
    pub(crate) async fn run(&self, statement: &str) {
        use sea_orm::ConnectionTrait as _;
        self.db.execute_unprepared(statement).await.unwrap();
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none within the time limit of [`Config::acquire_timeout`].
    pub async fn ping(&self) -> Result<()> {
        Ok(self.db.ping().await?)
    }

    /// Closes all connections, those of clones too, once the statements that run now are through. Later calls fail.
    ///
    /// # Errors
    /// When the database failed meanwhile.
    pub async fn close(&self) -> Result<()> {
        let beside = match &self.beside {
            Some(beside) => beside.close_by_ref().await,
            None => Ok(()),
        };
        self.db.close_by_ref().await?;
        Ok(beside?)
    }

    /// Brings the tables up to date and names the steps taken, oldest first; empty when there was nothing to do.
    ///
    /// # Errors
    /// When a step fails, or the database has steps that this version does not know: it was migrated by a newer one.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let pending = Migrator::get_pending_migrations(&self.db).await?;
        Migrator::up(&self.db, None).await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// Takes back the latest `steps` steps, with all data in the tables that go, and names them, latest first.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub async fn migrate_down(&self, steps: u32) -> Result<Vec<String>> {
        let applied = Migrator::get_applied_migrations(&self.db).await?;
        Migrator::down(&self.db, Some(steps)).await?;
        let count = usize::try_from(steps).unwrap_or(usize::MAX);
        Ok(applied.iter().rev().take(count).map(|step| step.name().to_owned()).collect())
    }

    /// Names all steps, oldest first, and tells of each whether it was taken. Changes nothing, not even an empty
    /// database.
    ///
    /// # Errors
    /// When the database failed, or has steps that this version does not know.
    pub async fn migration_status(&self) -> Result<Vec<(String, bool)>> {
        let steps = Migrator::get_migration_with_status_read_only(&self.db).await?;
        let taken = |status| matches!(status, migration::MigrationStatus::Applied);
        Ok(steps.iter().map(|step| (step.name().to_owned(), taken(step.status()))).collect())
    }

    /// Begins a transaction that sees one state of all tables. PostgreSQL would by default show each statement its own.
    async fn snapshot_begin(&self) -> Result<DatabaseTransaction> {
        Ok(match self.db.get_database_backend() {
            DbBackend::Sqlite => self.db.begin().await?,
            _ => self.db.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await?,
        })
    }

    /// Begins a transaction that changes the kind of data named `counter`, and counts the change.
    ///
    /// The count comes first: its row lock makes the writers of one kind of data queue up, and SQLite, which waits for
    /// another process's write only where a transaction begins with one, waits here.
    async fn change_begin(&self, counter: &str) -> Result<DatabaseTransaction> {
        let change = self.db.begin().await?;
        change_also(&change, counter).await?;
        Ok(change)
    }

    /// As [`Store::change_begin`], for so many changes at once; with the number of the first.
    async fn change_begin_many(&self, counter: &str, count: i64) -> Result<(DatabaseTransaction, i64)> {
        let change = self.db.begin().await?;
        let row = count_up(counter, count).exec_with_returning(&change).await?;
        Ok((change, row.value - count + 1))
    }

    /// How often the kind of data named `counter` was changed; 0 before the first time.
    async fn change_count(&self, counter: &str) -> Result<i64> {
        let row = change_counter::Entity::find_by_id(counter).one(&self.db).await?;
        Ok(row.map_or(0, |row| row.value))
    }
}

/// Counts a change to one more kind of data. Two kinds are always counted in the same order, or writers wait for each other.
async fn change_also(change: &DatabaseTransaction, counter: &str) -> Result<()> {
    count_up(counter, 1).exec_without_returning(change).await?;
    Ok(())
}

fn count_up(counter: &str, count: i64) -> Insert<change_counter::ActiveModel> {
    let value = change_counter::Column::Value;
    let increment = OnConflict::column(change_counter::Column::Name)
        .value(value, Expr::col((change_counter::Entity, value)).add(count))
        .to_owned();
    let first = change_counter::ActiveModel { name: Set(counter.to_owned()), value: Set(count) };
    change_counter::Entity::insert(first).on_conflict(increment)
}

/// Ends a change: keeps it when there was something to change, or else takes back its count too.
async fn change_end(change: DatabaseTransaction, found: bool) -> Result<bool> {
    if found {
        change.commit().await?;
    } else {
        change.rollback().await?;
    }
    Ok(found)
}

/// Milliseconds since 1970 as a moment. What is none, as in a row that was edited by hand, is 1970.
fn moment(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// A moment as columns of milliseconds keep it.
fn whole(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(3)
}

/// Whole seconds are what every column keeps; MySQL would round to them, into the future.
fn stamp(now: DateTime<Utc>) -> NaiveDateTime {
    now.naive_utc().trunc_subsecs(0)
}
