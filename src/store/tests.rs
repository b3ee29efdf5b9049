//! Opening, closing and migrating, against real SQLite files.

use std::{error::Error as _, fs, os::unix::fs::PermissionsExt, path::Path};

use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use super::*;

pub(super) fn config(url: impl Into<String>) -> Config {
    Config { url: url.into(), ..Config::default() }
}

pub(super) fn file_url(directory: &TempDir) -> String {
    format!("sqlite://{}", directory.path().join("campanile.db").display())
}

/// A store on a new file with all tables. The file goes with the directory.
pub(super) async fn migrated() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let store = Store::open(&config(file_url(&directory))).await.unwrap();
    store.migrate().await.unwrap();
    (directory, store)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn pragma(store: &Store, name: &str) -> String {
    let query = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
    let row = store.db.query_one_raw(query).await.unwrap().unwrap();
    row.try_get_by_index::<String>(0)
        .or_else(|_not_text| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .unwrap()
}

#[tokio::test]
async fn missing_file_is_created_for_its_owner_only_with_its_companions() {
    let (directory, _store) = migrated().await;
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "database, -wal and -shm: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn checkpoint_moves_what_was_committed_into_the_file_while_the_store_is_open() {
    let (directory, store) = migrated().await;
    store.checkpoint().await.unwrap();
    let (path, copy) = (directory.path().join("campanile.db"), TempDir::new().unwrap());
    fs::copy(path, copy.path().join("campanile.db")).unwrap();
    let copy = Store::open(&config(file_url(&copy))).await.unwrap();
    assert!(copy.migrate().await.unwrap().is_empty(), "all steps are in the copy");

    let store = Store::open(&config("sqlite::memory:")).await.unwrap();
    store.checkpoint().await.unwrap();
}

#[tokio::test]
async fn file_that_is_there_keeps_its_mode_and_data() {
    let (directory, store) = migrated().await;
    store.close().await.unwrap();
    let path = directory.path().join("campanile.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let store = Store::open(&config(file_url(&directory))).await.unwrap();
    assert_eq!(mode(&path), 0o640);
    assert!(store.migrate().await.unwrap().is_empty());
}

#[tokio::test]
async fn missing_directory_is_refused_with_the_path() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("nowhere/campanile.db");
    let error = Store::open(&config(format!("sqlite://{}", path.display()))).await.unwrap_err();
    assert!(matches!(&error, Error::CreateFile { path: named, .. } if *named == path), "{error:?}");
    assert!(error.to_string().ends_with("its directory must exist and be writable"), "{error}");
    assert!(error.source().unwrap().to_string().contains("No such file or directory"));
}

#[tokio::test]
async fn file_name_may_hold_blanks_and_escapes() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}/bell tower%3F.db", directory.path().display());
    Store::open(&config(url)).await.unwrap().ping().await.unwrap();
    assert!(directory.path().join("bell tower?.db").exists());
}

#[tokio::test]
async fn sqlite_is_opened_with_the_promised_pragmas() {
    let (_directory, store) = migrated().await;
    let promised = [
        ("journal_mode", "wal"),
        ("synchronous", "1"),
        ("foreign_keys", "1"),
        ("busy_timeout", "5000"),
        ("wal_autocheckpoint", "16000"),
    ];
    for (name, value) in promised {
        assert_eq!(pragma(&store, name).await, value, "{name}");
    }
}

#[tokio::test]
async fn databases_in_memory_work_and_are_apart() {
    let one = Store::open(&config("sqlite::memory:")).await.unwrap();
    let other = Store::open(&config("sqlite::memory:")).await.unwrap();
    assert!(!one.migrate().await.unwrap().is_empty());
    assert!(one.migration_status().await.unwrap().iter().all(|(_, taken)| *taken));
    assert!(other.migration_status().await.unwrap().iter().all(|(_, taken)| !taken));
    assert!(!Path::new(":memory:").exists());
}

#[tokio::test]
async fn unknown_scheme_is_refused_and_the_right_ones_are_named() {
    for url in ["redis://host", "campanile.db", "", "SQLITE://x", "mssql://u:secret@host/db"] {
        let error = Store::open(&config(url)).await.unwrap_err();
        assert!(matches!(error, Error::UnsupportedUrl { .. }), "{url}");
        let text = error.to_string();
        assert!(["sqlite://", "postgres://", "mysql://"].iter().all(|right| text.contains(right)), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn malformed_url_is_refused_without_its_password() {
    for url in ["postgres://u:secret@host:notaport/db", "mysql://u:secret@host:99999/db"] {
        let error = Store::open(&config(url)).await.unwrap_err();
        assert!(matches!(error, Error::Open { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn debug_of_the_config_hides_the_password() {
    for (url, shown) in [
        ("postgres://bell:tower@db.example/campanile", "postgres://bell:…@db.example/campanile"),
        ("postgres://bell:to@wer/@db.example/campanile", "postgres://bell:…@db.example/campanile"),
        ("postgres://bell:t?o#w:er@db.example/campanile", "postgres://bell:…@db.example/campanile"),
        ("postgres://db.example/campanile?user=bell&password=tower", "postgres://db.example/campanile"),
        ("mysql://bell@db.example/campanile", "mysql://bell@db.example/campanile"),
        ("bell:tower@db.example", "://bell:…@db.example"),
        ("sqlite://campanile.db?mode=rw", "sqlite://campanile.db?mode=rw"),
    ] {
        let debug = format!("{:?}", config(url));
        assert!(debug.contains(&format!("url: {shown:?}")), "{debug}");
    }
}

#[tokio::test]
async fn debug_of_the_store_tells_only_the_kind_of_database() {
    let (_directory, store) = migrated().await;
    assert_eq!(format!("{store:?}"), "Store { backend: Sqlite, .. }");
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(&config(file_url(&directory))).await.unwrap();
    let status = store.migration_status().await.unwrap();
    let names: Vec<String> = status.iter().map(|(name, _)| name.clone()).collect();
    assert!(names.is_sorted() && status.iter().all(|(_, taken)| !taken));

    assert_eq!(store.migrate().await.unwrap(), names);
    assert_eq!(store.migrate().await.unwrap(), [""; 0]);
    assert_eq!(store.migrate_down(1).await.unwrap(), names[names.len() - 1..]);
    assert!(!store.migration_status().await.unwrap().last().unwrap().1);
    assert_eq!(store.migrate_down(u32::MAX).await.unwrap().len(), names.len() - 1);
    assert_eq!(store.migrate_down(1).await.unwrap(), [""; 0]);
    assert_eq!(store.migrate().await.unwrap(), names);
}

#[tokio::test]
async fn database_of_a_newer_version_is_refused() {
    let (_directory, store) = migrated().await;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000001_add_bells', 0)";
    store.db.execute_unprepared(newer).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("m20990101_000001_add_bells"), "{error:?}");
}

#[tokio::test]
async fn closed_store_refuses_and_its_clones_too() {
    let (_directory, store) = migrated().await;
    store.ping().await.unwrap();
    let clone = store.clone();
    store.close().await.unwrap();
    assert!(matches!(clone.ping().await, Err(Error::Database(_))));
}
