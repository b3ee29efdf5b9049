//! The tables on each of the three databases: made, taken away and made again, and an app and a roster that go through their
//! lives.

mod chat;
mod notification;
mod poll;
mod presence;
mod roster;
mod streams;
mod word_list;

use campanile::{
    domain::app::{AppSettings, Secret},
    ids::{AppId, AppKey},
    store::{Config, Error, NewApp, Store},
};
use chrono::{DateTime, Utc};
use tempfile::TempDir;

use crate::support::databases::Database;

/// What the second server is called.
const OTHER: &str = "other";

#[tokio::test]
async fn sqlite_tables_go_up_down_up_and_keep_an_app() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}", directory.path().join("campanile.db").display());
    let config = Config { url, ..Config::default() };
    let other = Config { node: OTHER.to_owned(), ..config.clone() };
    check(&Store::open(&config).await.unwrap(), &Store::open(&other).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_tables_go_up_down_up_and_keep_an_app() {
    let database = Database::postgres().await;
    check(&database.store().await, &database.store_of(OTHER).await).await;
}

#[tokio::test]
async fn mariadb_tables_go_up_down_up_and_keep_an_app() {
    let database = Database::mariadb().await;
    check(&database.store().await, &database.store_of(OTHER).await).await;
}

async fn check(store: &Store, other: &Store) {
    let names: Vec<String> = store.migration_status().await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(store.migrate().await.unwrap(), names);
    lead_an_app_through_its_life(store).await;
    roster::lead_through_its_life(store).await;
    streams::lead_through_their_life(store, at(0)).await;
    poll::lead_through_its_life(store).await;
    Box::pin(notification::lead_through_its_life(store)).await;
    assert!(store.migration_status().await.unwrap().iter().all(|(_, taken)| *taken));
    assert_eq!(store.migrate_down(u32::MAX).await.unwrap().len(), names.len());
    assert!(store.migration_status().await.unwrap().iter().all(|(_, taken)| !taken));
    assert_eq!(store.migrate().await.unwrap(), names);
    assert_eq!(store.app_revision().await.unwrap(), 0);
    lead_an_app_through_its_life(store).await;
    let_writers_meet(store, other).await;
    roster::lead_through_its_life(store).await;
    streams::lead_through_their_life(store, at(0)).await;
    poll::lead_through_its_life(store).await;
    poll::let_voters_meet(store, other).await;
    roster::go_with_the_app(store).await;
    streams::went_with_the_app(store, at(0)).await;
    roster::let_writers_meet(store, other).await;
    Box::pin(presence::lose_a_server(store, other)).await;
    chat::lead_through_its_life(store, other).await;
    Box::pin(notification::lead_through_its_life(store)).await;
    Box::pin(notification::let_writers_meet(store, other)).await;
    Box::pin(word_list::lead_through_its_life(store, other)).await;
    store.close().await.unwrap();
    other.close().await.unwrap();
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 999_999_999).unwrap()
}

fn id(text: &str) -> AppId {
    AppId::parse(text).unwrap()
}

fn new(name: &str) -> NewApp {
    NewApp {
        id: id(name),
        key: AppKey::parse(&format!("key-{name}")).unwrap(),
        name: "Glockenturm 🔔".to_owned(),
        secrets: vec![Secret::new("newer"), Secret::new("older")],
        enabled: false,
        settings: vec![("max_channels".to_owned(), "7".to_owned())],
    }
}

async fn lead_an_app_through_its_life(store: &Store) {
    let (tower, base) = (id("tower"), AppSettings::default());
    store.app_create(new("tower"), at(0)).await.unwrap();
    assert!(matches!(store.app_create(new("tower"), at(0)).await, Err(Error::AppIdTaken { .. })));
    let same_key = NewApp { id: id("other"), ..new("tower") };
    assert!(matches!(store.app_create(same_key, at(0)).await, Err(Error::AppKeyTaken { .. })));
    store.app_create(new("Tower"), at(0)).await.unwrap();
    assert_eq!(store.app_find(&id("TOWER"), &base).await.unwrap(), None);

    assert!(store.app_enable(&tower, at(0)).await.unwrap());
    assert!(store.app_enable(&tower, at(0)).await.unwrap(), "found, although the row is the same as before");
    assert!(store.app_secret_rotate(&tower, Secret::new("newest"), at(0)).await.unwrap());
    for value in ["8", "9"] {
        assert!(store.app_setting_set(&tower, "max_channels", value, at(0)).await.unwrap());
    }
    let app = store.app_find(&tower, &base).await.unwrap().unwrap();
    assert_eq!((app.id.as_str(), app.key.as_str(), app.name.as_str()), ("tower", "key-tower", "Glockenturm 🔔"));
    assert_eq!(app.secrets, [Secret::new("newest"), Secret::new("newer")]);
    assert_eq!((app.enabled, app.settings.max_channels), (true, 9));
    let ids: Vec<String> = store.app_list(&base).await.unwrap().iter().map(|app| app.id.to_string()).collect();
    assert_eq!(ids, ["Tower", "tower"]);

    assert_eq!(store.app_secret_retire(&tower).await.unwrap(), 1);
    assert!(store.app_setting_unset(&tower, "max_channels", at(1)).await.unwrap());
    assert!(store.app_disable(&tower, at(1)).await.unwrap());
    let app = store.app_find(&tower, &base).await.unwrap().unwrap();
    assert_eq!((app.secrets.len(), app.enabled, app.settings), (1, false, AppSettings::default()));
    assert_eq!(store.app_overrides(&tower).await.unwrap(), []);

    for name in ["tower", "Tower"] {
        assert!(store.app_delete(&id(name)).await.unwrap());
        assert!(!store.app_delete(&id(name)).await.unwrap());
    }
    assert_eq!(store.app_revision().await.unwrap(), 12);
}

async fn let_writers_meet(store: &Store, other: &Store) {
    let before = store.app_revision().await.unwrap();
    let create = async |store: &Store, prefix: &str| {
        for number in 0..10 {
            Box::pin(store.app_create(new(&format!("{prefix}{number}")), at(number))).await.unwrap();
        }
    };
    tokio::join!(create(store, "a"), create(other, "b"), create(store, "c"), create(other, "d"));
    let same = async |store: &Store| store.app_create(new("same"), at(0)).await.is_ok();
    let (one, two) = tokio::join!(same(store), same(other));
    assert!(one != two, "exactly one of two writers gets the id");
    assert_eq!(store.app_list(&AppSettings::default()).await.unwrap().len(), 41);
    assert_eq!(other.app_revision().await.unwrap(), before + 41);
}
