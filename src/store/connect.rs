//! From a URL to a pool of connections, for each of the three databases.
//!
//! The pools are made with the driver itself and not with `sea_orm::Database::connect`, which writes its options,
//! password included, into a trace span. Statement logging is off: no SQL and no bound value reaches a log.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions,
        mysql::MySqlConnectOptions,
        pool::PoolOptions,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{Config, Error, Result};

/// Pages of 4 KiB that SQLite lets its log grow to before a commit itself has to move them into the file, and wait for the disk.
/// Usually [`checkpoint`](super::checkpoint) has moved nearly all of them by then.
const WAL_PAGES: &str = "16000";

/// How long SQLite waits while another process writes.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The file that the URL names, if that is where the database is.
pub(super) fn file(config: &Config) -> Result<Option<PathBuf>> {
    if !config.url.starts_with("sqlite:") || is_in_memory(&config.url) {
        return Ok(None);
    }
    let options: SqliteConnectOptions = config.url.parse().map_err(|error| refused(config, error))?;
    Ok(Some(options.get_filename().to_owned()))
}

/// Opens the database that the URL names; its file must be there.
pub(super) async fn open(config: &Config) -> Result<DatabaseConnection> {
    let scheme = config.url.split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" => sqlite(config).await,
        "postgres" | "postgresql" => postgres(config).await.map_err(|error| refused(config, error)),
        "mysql" | "mariadb" => mysql(config).await.map_err(|error| refused(config, error)),
        _ => Err(Error::UnsupportedUrl { scheme: scheme.to_owned() }),
    }
}

/// A second connection to the file that the URL names, if that is where the database is. It is opened when it is first used.
pub(super) fn beside(config: &Config) -> Result<Option<DatabaseConnection>> {
    if file(config)?.is_none() {
        return Ok(None);
    }
    Ok(Some(sqlite_pool(config).connect_lazy_with(sqlite_options(config)?).into()))
}

async fn sqlite(config: &Config) -> Result<DatabaseConnection> {
    let pool = sqlite_pool(config).connect_with(sqlite_options(config)?).await;
    pool.map(DatabaseConnection::from).map_err(|error| refused(config, error))
}

fn sqlite_options(config: &Config) -> Result<SqliteConnectOptions> {
    let options: SqliteConnectOptions = config.url.parse().map_err(|error| refused(config, error))?;
    Ok(options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .disable_statement_logging())
}

/// One connection that stays open for good: a database in memory goes with its last one.
fn sqlite_pool(config: &Config) -> PoolOptions<sqlx::Sqlite> {
    PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn postgres(config: &Config) -> Result<DatabaseConnection, sqlx::Error> {
    let options = config.url.parse::<PgConnectOptions>()?.disable_statement_logging();
    pool::<sqlx::Postgres>(config).connect_with(options).await.map(DatabaseConnection::from)
}

async fn mysql(config: &Config) -> Result<DatabaseConnection, sqlx::Error> {
    let options = config.url.parse::<MySqlConnectOptions>()?.disable_statement_logging();
    pool::<sqlx::MySql>(config).connect_with(options).await.map(DatabaseConnection::from)
}

fn refused(config: &Config, error: sqlx::Error) -> Error {
    Error::Open { url: masked(&config.url), source: DbErr::Conn(RuntimeErr::SqlxError(error.into())) }
}

fn pool<DB: sqlx::Database>(config: &Config) -> PoolOptions<DB> {
    PoolOptions::new().max_connections(config.max_connections.max(1)).acquire_timeout(config.acquire_timeout)
}

/// Tells whether the URL names a database that has no file, in one of the ways that the driver knows.
fn is_in_memory(url: &str) -> bool {
    let (name, query) = url.split_once('?').unwrap_or((url, ""));
    name.ends_with(":memory:") || query.split('&').any(|pair| pair == "mode=memory")
}

/// Creates an empty file that only its owner may read, unless it is there: SQLite itself would make it readable to all.
/// The files it puts beside it (`-wal`, `-shm`) take over the mode.
pub(super) fn create_private(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_empty) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::CreateFile { path: path.to_owned(), source }),
    }
}

/// The URL without password and parameters (PostgreSQL takes a password there too). Never shows one, even if the URL is
/// malformed: rather hides too much.
pub(super) fn masked(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (login, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let place = place.split_once('?').map_or(place, |(place, _parameters)| place);
    match login.split_once(':') {
        Some((user, _password)) => format!("{scheme}://{user}:…@{place}"),
        None if login.is_empty() => format!("{scheme}://{place}"),
        None => format!("{scheme}://{login}@{place}"),
    }
}
