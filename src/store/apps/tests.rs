//! Apps in a real SQLite file. The same round trips run on the other databases in `tests/it/migrations.rs`.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use sea_orm::{ActiveModelTrait, ConnectionTrait};

use super::{
    super::tests::{config, file_url, migrated},
    *,
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 999_000_000).unwrap()
}

fn id(text: &str) -> AppId {
    AppId::parse(text).unwrap()
}

fn new(name: &str) -> NewApp {
    NewApp {
        id: id(name),
        key: AppKey::parse(&format!("key-{name}")).unwrap(),
        name: format!("The {name}"),
        secrets: vec![Secret::new("first")],
        enabled: true,
        settings: Vec::new(),
    }
}

async fn find(store: &Store, name: &str) -> App {
    store.app_find(&id(name), &AppSettings::default()).await.unwrap().unwrap()
}

async fn override_insert(store: &Store, app: &str, name: &str, value: &str) {
    let row = app_setting::ActiveModel {
        app_id: Set(app.to_owned()),
        name: Set(name.to_owned()),
        value: Set(value.to_owned()),
    };
    row.insert(&store.db).await.unwrap();
}

async fn secrets(store: &Store, name: &str) -> Vec<String> {
    find(store, name).await.secrets.iter().map(|secret| secret.expose().to_owned()).collect()
}

#[tokio::test]
async fn created_app_is_found_with_its_settings_over_the_base() {
    let (_directory, store) = migrated().await;
    let settings = [("max_channels", "7"), ("max_channels", "8"), ("client_events", " ALL ")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let secrets = vec![Secret::new("newer"), Secret::new("older")];
    let app = NewApp { enabled: false, secrets: secrets.clone(), settings, ..new("tower") };
    store.app_create(app, at(0)).await.unwrap();

    let base = AppSettings { max_message_bytes: 99, ..AppSettings::default() };
    let mut merged = base.clone();
    merged.set("max_channels", "8").unwrap();
    merged.set("client_events", "all").unwrap();
    let found = store.app_find(&id("tower"), &base).await.unwrap().unwrap();
    let key = AppKey::parse("key-tower").unwrap();
    let name = "The tower".to_owned();
    assert_eq!(found, App { id: id("tower"), key, name, secrets, enabled: false, settings: merged });
    let overrides = store.app_overrides(&id("tower")).await.unwrap();
    assert_eq!(
        overrides,
        [("client_events".to_owned(), "ALL".to_owned()), ("max_channels".to_owned(), "8".to_owned())]
    );
}

#[tokio::test]
async fn apps_are_listed_by_id_each_with_what_is_its_own() {
    let (_directory, store) = migrated().await;
    for name in ["b", "B", "a", "10", "9"] {
        store.app_create(NewApp { secrets: vec![Secret::new(name)], ..new(name) }, at(0)).await.unwrap();
    }
    store.app_setting_set(&id("b"), "max_channels", "1", at(1)).await.unwrap();
    let apps = store.app_list(&AppSettings::default()).await.unwrap();
    assert_eq!(apps.iter().map(|app| app.id.as_str()).collect::<Vec<_>>(), ["10", "9", "B", "a", "b"]);
    for app in apps {
        assert_eq!(app.secrets, [Secret::new(app.id.as_str())]);
        assert_eq!(app.settings.max_channels == 1, app.id == id("b"));
    }
}

#[tokio::test]
async fn taken_id_and_key_are_told_apart_and_nothing_is_written() {
    let (_directory, store) = migrated().await;
    store.app_create(new("tower"), at(0)).await.unwrap();
    let same_id = NewApp { key: AppKey::parse("other").unwrap(), ..new("tower") };
    let same_key = NewApp { id: id("other"), ..new("tower") };
    let error = store.app_create(same_id, at(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is already an app with the id 'tower'");
    let error = store.app_create(same_key, at(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is already an app with the key 'key-tower'");
    assert_eq!(store.app_list(&AppSettings::default()).await.unwrap().len(), 1);
    assert_eq!(store.app_revision().await.unwrap(), 1);
    let other_case = NewApp { id: id("Tower"), key: AppKey::parse("KEY-tower").unwrap(), ..new("tower") };
    store.app_create(other_case, at(1)).await.unwrap();
}

#[tokio::test]
async fn what_breaks_a_bound_is_refused_and_what_meets_it_is_kept() {
    let (_directory, store) = migrated().await;
    let secret = |length| Secret::new(&"s".repeat(length));
    let setting = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (app, reason) in [
        (
            NewApp { name: "é".repeat(129), ..new("x") },
            "the name of an app may have at most 128 characters, this one has 129",
        ),
        (NewApp { secrets: vec![], ..new("x") }, "a new app has 1 to 2 secrets, not 0"),
        (NewApp { secrets: vec![secret(1); 3], ..new("x") }, "a new app has 1 to 2 secrets, not 3"),
        (NewApp { secrets: vec![secret(0)], ..new("x") }, "a secret has 1 to 255 bytes, not 0"),
        (NewApp { secrets: vec![secret(256)], ..new("x") }, "a secret has 1 to 255 bytes, not 256"),
        (NewApp { settings: setting("bells", "1"), ..new("x") }, "the app setting 'bells' is refused"),
        (NewApp { settings: setting("max_channels", "0"), ..new("x") }, "the app setting 'max_channels' is refused"),
    ] {
        assert_eq!(store.app_create(app, at(0)).await.unwrap_err().to_string(), reason);
    }
    assert_eq!(store.app_revision().await.unwrap(), 0);
    let widest = NewApp { name: "é".repeat(128), secrets: vec![secret(255); 2], ..new(&"x".repeat(64)) };
    store.app_create(widest, at(0)).await.unwrap();
}

#[tokio::test]
async fn third_secret_pushes_the_first_out_and_retiring_leaves_the_newest() {
    let (_directory, store) = migrated().await;
    store.app_create(new("tower"), at(0)).await.unwrap();
    store.app_create(new("other"), at(0)).await.unwrap();
    assert!(store.app_secret_rotate(&id("tower"), Secret::new("second"), at(1)).await.unwrap());
    assert_eq!(secrets(&store, "tower").await, ["second", "first"]);
    assert!(store.app_secret_rotate(&id("tower"), Secret::new("third"), at(1)).await.unwrap());
    assert_eq!(secrets(&store, "tower").await, ["third", "second"]);
    assert_eq!(store.app_secret_retire(&id("tower")).await.unwrap(), 1);
    assert_eq!(secrets(&store, "tower").await, ["third"]);
    assert_eq!(store.app_secret_retire(&id("tower")).await.unwrap(), 0);
    assert_eq!(secrets(&store, "other").await, ["first"]);
    let refused = store.app_secret_rotate(&id("tower"), Secret::new(""), at(2)).await;
    assert!(matches!(refused, Err(Error::SecretLength { max: 255, got: 0 })));
    let refused = store.app_secret_rotate(&id("tower"), Secret::new(&"ü".repeat(128)), at(2)).await;
    assert!(matches!(refused, Err(Error::SecretLength { max: 255, got: 256 })));
    assert!(store.app_secret_rotate(&id("tower"), Secret::new(&"s".repeat(255)), at(2)).await.unwrap());
}

#[tokio::test]
async fn app_is_disabled_and_enabled_again_and_the_row_tells_when() {
    let (_directory, store) = migrated().await;
    store.app_create(new("tower"), at(0)).await.unwrap();
    assert!(store.app_disable(&id("tower"), at(1)).await.unwrap());
    assert!(store.app_disable(&id("tower"), at(1)).await.unwrap(), "it exists, although nothing differs");
    assert!(!find(&store, "tower").await.enabled);
    assert!(store.app_enable(&id("tower"), at(2)).await.unwrap());
    assert!(find(&store, "tower").await.enabled);
    let row = app::Entity::find_by_id("tower").one(&store.db).await.unwrap().unwrap();
    assert_eq!(row.created_at.and_utc(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    assert_eq!(row.updated_at.and_utc(), DateTime::from_timestamp(1_800_000_002, 0).unwrap());
}

#[tokio::test]
async fn setting_is_set_replaced_and_unset() {
    let (_directory, store) = migrated().await;
    store.app_create(new("tower"), at(0)).await.unwrap();
    for value in ["1", "2"] {
        assert!(store.app_setting_set(&id("tower"), "max_channels", value, at(1)).await.unwrap());
    }
    assert_eq!(find(&store, "tower").await.settings.max_channels, 2);
    let refused = store.app_setting_set(&id("tower"), "max_channels", "many", at(2)).await.unwrap_err();
    assert!(matches!(refused, Error::Setting { name, .. } if name == "max_channels"));
    assert!(store.app_setting_unset(&id("tower"), "max_channels", at(3)).await.unwrap());
    assert!(!store.app_setting_unset(&id("tower"), "max_channels", at(3)).await.unwrap());
    assert_eq!(find(&store, "tower").await.settings, AppSettings::default());
}

#[tokio::test]
async fn override_that_this_version_cannot_read_is_skipped_and_can_be_removed() {
    let (_directory, store) = migrated().await;
    store.app_create(new("tower"), at(0)).await.unwrap();
    store.app_setting_set(&id("tower"), "max_channels", "5", at(0)).await.unwrap();
    override_insert(&store, "tower", "bells", "12").await;
    override_insert(&store, "tower", "cache_ttl", "for ever").await;
    let expected = AppSettings { max_channels: 5, ..AppSettings::default() };
    assert_eq!(find(&store, "tower").await.settings, expected);
    assert_eq!(store.app_overrides(&id("tower")).await.unwrap().len(), 3);
    assert!(store.app_setting_unset(&id("tower"), "bells", at(1)).await.unwrap());
    assert_eq!(store.app_overrides(&id("tower")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn deleted_app_takes_its_secrets_and_settings_along() {
    let (_directory, store) = migrated().await;
    for name in ["tower", "other"] {
        let settings = vec![("max_channels".to_owned(), "5".to_owned())];
        store.app_create(NewApp { settings, ..new(name) }, at(0)).await.unwrap();
    }
    assert!(store.app_delete(&id("tower")).await.unwrap());
    assert_eq!(store.app_find(&id("tower"), &AppSettings::default()).await.unwrap(), None);
    let owners = app_secret::Entity::find().all(&store.db).await.unwrap().into_iter().map(|row| row.app_id);
    assert_eq!(owners.collect::<Vec<_>>(), ["other"]);
    let owners = app_setting::Entity::find().all(&store.db).await.unwrap().into_iter().map(|row| row.app_id);
    assert_eq!(owners.collect::<Vec<_>>(), ["other"]);
    store.app_create(new("tower"), at(1)).await.unwrap();
}

#[tokio::test]
async fn revision_moves_with_every_write_and_never_with_a_read_or_a_miss() {
    let (_directory, store) = migrated().await;
    let (tower, base) = (id("tower"), AppSettings::default());
    let mut expected = 0;
    macro_rules! moves {
        ($by:literal, $call:expr) => {
            $call.await.unwrap();
            expected += $by;
            assert_eq!(store.app_revision().await.unwrap(), expected, stringify!($call));
        };
    }
    moves!(0, store.app_disable(&tower, at(0)));
    moves!(0, store.app_secret_rotate(&tower, Secret::new("second"), at(0)));
    moves!(0, store.app_setting_set(&tower, "max_channels", "1", at(0)));
    moves!(0, store.app_delete(&tower));
    moves!(1, store.app_create(new("tower"), at(0)));
    moves!(0, store.app_find(&tower, &base));
    moves!(0, store.app_list(&base));
    moves!(0, store.app_overrides(&tower));
    moves!(1, store.app_secret_rotate(&tower, Secret::new("second"), at(0)));
    moves!(1, store.app_secret_retire(&tower));
    moves!(0, store.app_secret_retire(&tower));
    moves!(1, store.app_disable(&tower, at(0)));
    moves!(1, store.app_enable(&tower, at(0)));
    moves!(1, store.app_setting_set(&tower, "max_channels", "1", at(0)));
    moves!(1, store.app_setting_unset(&tower, "max_channels", at(0)));
    moves!(0, store.app_setting_unset(&tower, "max_channels", at(0)));
    moves!(1, store.app_delete(&tower));
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_others_writes() {
    let (directory, server) = migrated().await;
    let command = Store::open(&config(file_url(&directory))).await.unwrap();
    command.app_create(new("tower"), at(0)).await.unwrap();
    assert_eq!(server.app_revision().await.unwrap(), 1);
    server.app_disable(&id("tower"), at(1)).await.unwrap();
    assert!(!find(&command, "tower").await.enabled);
    assert_eq!(command.app_revision().await.unwrap(), 2);
}

#[tokio::test]
async fn writers_that_meet_wait_for_each_other_and_none_is_lost() {
    let (directory, one) = migrated().await;
    let other = Store::open(&config(file_url(&directory))).await.unwrap();
    let create = async |store: &Store, prefix: &str| {
        for number in 0..20 {
            store.app_create(new(&format!("{prefix}{number}")), at(number)).await.unwrap();
        }
    };
    tokio::join!(create(&one, "a"), create(&other, "b"), create(&one, "c"));
    assert_eq!(one.app_list(&AppSettings::default()).await.unwrap().len(), 60);
    assert_eq!(one.app_revision().await.unwrap(), 60);
}

#[tokio::test]
async fn row_that_was_edited_into_an_illegal_key_is_reported_with_its_id_and_keeps_no_other_from_being_listed() {
    let (_directory, store) = migrated().await;
    for name in ["belfry", "tower", "yard"] {
        store.app_create(new(name), at(7)).await.unwrap();
    }
    store.db.execute_unprepared("UPDATE app SET key = 'a/b' WHERE id = 'tower'").await.unwrap();
    let error = store.app_find(&id("tower"), &AppSettings::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the row of the app 'tower' is not valid");
    let census = store.app_census(&AppSettings::default()).await.unwrap();
    let listed: Vec<_> = census.iter().map(|listed| (listed.app.id.as_str(), listed.made)).collect();
    assert_eq!(listed, [("belfry", Some(at(7).timestamp())), ("yard", Some(at(7).timestamp()))]);
}

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_names_a_skipped_override_but_never_sql_nor_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL);
    // While there is only one subscriber, a span that another test's thread meets first is off in this thread too.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let (_directory, store) = migrated().await;
    store.app_create(NewApp { secrets: vec![Secret::new("hush-1")], ..new("tower") }, at(0)).await.unwrap();
    store.app_secret_rotate(&id("tower"), Secret::new("hush-2"), at(0)).await.unwrap();
    override_insert(&store, "tower", "bells", "12").await;
    assert_eq!(find(&store, "tower").await.secrets.len(), 2);
    store.db.execute_unprepared("UPDATE app SET key = 'a/b'").await.unwrap();
    assert_eq!(store.app_list(&AppSettings::default()).await.unwrap(), []);
    drop(guard);

    let text = String::from_utf8(log.0.lock().clone()).unwrap();
    assert_eq!(text.matches("an app setting in the database is skipped").count(), 1, "{text}");
    let skipped = text.lines().find(|line| line.contains("an app in the database is skipped")).unwrap();
    assert!(skipped.contains("ERROR") && skipped.contains("the row of the app 'tower' is not valid"), "{skipped}");
    assert!(text.contains("store.app_create{app.id=tower}"), "{text}");
    for hidden in ["hush", "INSERT", "SELECT", "app_secret`", "\"app_secret\""] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
