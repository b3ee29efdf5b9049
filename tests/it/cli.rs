//! The program from the command line: first and later starts, settings, migrations, the description of the API.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::support::{app::Keys, binary::Folder, client::inner};

/// Variables of an app that an environment made for Reverb has.
fn reverb<'a>(id: &'a str, key: &'a str, secret: &'a str) -> [(&'a str, &'a str); 3] {
    [("REVERB_APP_ID", id), ("REVERB_APP_KEY", key), ("REVERB_APP_SECRET", secret)]
}

#[tokio::test]
async fn first_run_prints_settings_that_work_and_makes_a_database_for_its_owner_only() {
    let folder = Folder::new();
    let server = folder.serve();
    let keys = server.keys();
    assert!(keys.id.bytes().all(|byte| byte.is_ascii_digit()), "{}", keys.id);
    assert_eq!((keys.key.len(), keys.secret.len()), (20, 40));
    assert_eq!(server.told("REVERB_PORT"), server.address.port().to_string());
    assert_eq!((server.told("PUSHER_APP_ID"), server.told("VITE_PUSHER_KEY")), (keys.id, keys.key));
    for name in ["campanile.db", "campanile.db-wal", "campanile.db-shm"] {
        let mode = fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut client = server.connect(keys).await;
    client.subscribe("room").await;
    client.subscribe_private("private-room").await;
    assert_eq!(server.publish(keys, "1").await.ok(), json!({}));
    client.expect_on("bell", "room").await;
    server.stop();
}

#[tokio::test]
async fn second_run_has_the_same_app() {
    let folder = Folder::new();
    let first = folder.serve();
    let keys = first.keys();
    first.stop();
    let second = folder.serve();
    assert_eq!(second.keys(), keys);
    second.publish(keys, "1").await.ok();
    second.stop();
    assert_eq!(folder.run(&["app", "list"]).ok().lines().count(), 2);
}

#[test]
fn everything_wrong_with_the_settings_is_told_at_once_and_nothing_is_made() {
    let folder = Folder::new();
    folder.write("campanile.toml", "[server]\nprot = 1\n[log]\nfilter = \"=[\"\n");
    let variables = [
        ("CAMPANILE_PORT", "99999"),
        ("CAMPANILE_MODE", "careful"),
        ("CAMPANILE_MAX_CONNECTION", "5"),
        ("CAMPANILE_APP_DEFAULT_CACHE_TTL", "forever"),
        ("REVERB_APP_ID", "1"),
    ];
    let told = folder.run_with(&["--drain-seconds=-1", "--app-default", "nonsense=1"], &variables).failed();
    for part in [
        "CAMPANILE_PORT",
        "99999",
        "CAMPANILE_MODE",
        "careful",
        "did you mean CAMPANILE_MAX_CONNECTIONS?",
        "CACHE_TTL",
        "forever",
        "app.key",
        "app.secret",
        "--drain-seconds",
        "server.prot",
        "did you mean server.port?",
        "log.filter",
        "nonsense",
    ] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    assert!(!folder.path("campanile.db").exists());
}

#[test]
fn well_known_and_short_secrets_are_refused_in_production_and_never_shown() {
    let folder = Folder::new();
    for secret in ["app-secret", "reverb-secret", "Tr0ub4dor&3"] {
        let app = reverb("1", "key", secret);
        for extra in [("CAMPANILE_MODE", "production"), ("CAMPANILE_HOST", "0.0.0.0")] {
            let variables: Vec<_> = app.into_iter().chain([extra]).collect();
            let told = folder.run_with(&[], &variables).failed();
            assert!(told.contains("REVERB_APP_SECRET") && told.contains("secret"), "{told}");
            assert!(!told.contains("= app-secret") && !told.contains("Tr0ub4dor"), "{told}");
        }
    }
    assert!(!folder.path("campanile.db").exists());
}

#[tokio::test]
async fn weak_secret_is_fine_on_ones_own_machine() {
    let folder = Folder::new();
    let server = folder.serve_with(&[], &reverb("app-id", "app-key", "app-secret"));
    let keys = Keys { id: "app-id", key: "app-key", secret: "app-secret" };
    assert_eq!(server.keys(), keys);
    server.publish(keys, "1").await.ok();
    server.stop();
}

#[tokio::test]
async fn production_shows_no_secret_and_makes_no_app_by_itself() {
    let folder = Folder::new();
    let production = [("CAMPANILE_MODE", "production")];
    let server = folder.serve_with(&[], &production);
    assert!(server.banner.contains("There is no app yet"), "{}", server.banner);
    server.stop();
    let created = folder.run(&["app", "create", "--name", "Campus", "--id", "7", "--key", "k"]).ok();
    let secret = created.lines().find_map(|line| line.strip_prefix("secret   ")).unwrap().to_owned();
    let server = folder.serve_with(&[], &production);
    assert!(!server.banner.contains(&secret) && server.told("REVERB_APP_ID") == "7", "{}", server.banner);
    let keys = Keys { id: "7", key: "k", secret: secret.leak() };
    server.publish(keys, "1").await.ok();
    server.stop();
}

#[tokio::test]
async fn environment_made_for_reverb_is_enough_to_start() {
    let folder = Folder::new();
    let keys = Keys { id: "my-app", key: "my-app-key", secret: "a-secret-of-more-than-16-characters" };
    let variables = [
        ("REVERB_SERVER_HOST", "127.0.0.1"),
        ("REVERB_SERVER_PORT", "0"),
        ("REVERB_SERVER_PATH", "/realtime"),
        ("REVERB_HOST", "ws.campus.test"),
        ("REVERB_PORT", "443"),
        ("REVERB_SCHEME", "https"),
        ("REVERB_APP_ID", keys.id),
        ("REVERB_APP_KEY", keys.key),
        ("REVERB_APP_SECRET", keys.secret),
        ("REVERB_MAX_REQUEST_SIZE", "20000"),
        ("REVERB_APP_MAX_MESSAGE_SIZE", "300"),
        ("REVERB_APP_PING_INTERVAL", "60"),
        ("REVERB_APP_ACTIVITY_TIMEOUT", "12"),
        ("REVERB_APP_MAX_CONNECTIONS", "1"),
        ("REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM", "members"),
        ("REVERB_APP_RATE_LIMITING_ENABLED", "false"),
        ("REVERB_SCALING_ENABLED", "false"),
        ("VITE_REVERB_APP_KEY", "my-app-key"),
        ("APP_NAME", "Laravel"),
        ("CAMPANILE_METRICS_ADDRESS", "127.0.0.1:0"),
    ];
    let server = folder.serve_plain(&variables);
    assert_eq!(server.told("REVERB_HOST"), "ws.campus.test");
    assert_eq!((server.told("REVERB_PORT"), server.told("REVERB_SCHEME")), ("443", "https"));

    let mut client = server.open("/realtime/app/my-app-key?protocol=7").await;
    client.keys = keys;
    assert_eq!(client.established().await["activity_timeout"], 12);
    client.subscribe("orders:1").await;
    let mut refused = server.open("/realtime/app/my-app-key").await;
    refused.refused_with(4004).await;
    // The PHP SDK signs the path without the prefix.
    let body = json!({ "name": "bell", "channels": ["orders:1"], "data": "x".repeat(15_000) }).to_string();
    let target = crate::support::binary::signed_target(keys, "POST", "/apps/my-app/events", &body);
    let mut wire = crate::support::wire::Wire::connect(server.address).await;
    wire.ask("POST", &format!("/realtime{target}"), &[], &body).await;
    wire.answer().await.ok();
    client.expect_on("bell", "orders:1").await;
    client.send_event("client-long", "orders:1", json!("x".repeat(300))).await;
    let (_, code, _) = client.until_close().await;
    assert_eq!(code, 1009);
    server.stop();
}

#[test]
fn migrations_go_up_and_down_and_tell_where_they_are() {
    let folder = Folder::new();
    let pending = folder.run(&["migrate", "status", "--database-url", "sqlite::memory:"]).ok();
    let count = pending.lines().count();
    assert!(count >= 4 && pending.lines().all(|line| line.ends_with("pending")), "{pending}");
    let up = folder.run(&["migrate", "up"]).ok();
    assert!(up.lines().count() == count && up.lines().all(|line| line.starts_with("applied  ")), "{up}");
    assert_eq!(folder.run(&["migrate"]).ok(), "Nothing to do");
    folder.run(&["app", "create", "--id", "7"]).ok();
    let down = folder.run(&["migrate", "down"]).ok();
    assert!(down.lines().count() == 1 && down.starts_with("taken back  "), "{down}");
    let status = folder.run(&["migrate", "status"]).ok();
    assert_eq!(status.lines().filter(|line| line.ends_with("pending")).count(), 1, "{status}");
    assert_eq!(folder.run(&["migrate", "down", "--steps", "99"]).ok().lines().count(), count - 1);
    assert_eq!(folder.run(&["migrate", "down"]).ok(), "Nothing to do");
    folder.run(&["migrate"]).ok();
    assert!(folder.run(&["app", "list"]).ok().contains("No apps yet"));
}

#[test]
fn command_in_another_folder_than_the_servers_makes_no_database_and_says_where_it_looked() {
    let folder = Folder::new();
    folder.write("users.csv", "id,name\n1,One\n");
    for arguments in [
        &["api-key", "create", "--name", "LMS", "--scope", "roster:write"][..],
        &["api-key", "list"],
        &["app", "create"],
        &["app", "list"],
        &["migrate", "down"],
        &["migrate", "status"],
        &["roster", "import", "users.csv", "--apply"],
        &["roster", "show"],
        &["token", "issue", "--user", "1"],
    ] {
        let refused = folder.run(arguments).failed();
        let path = fs::canonicalize(folder.path(".")).unwrap().join("campanile.db");
        for part in [path.to_str().unwrap(), "'campanile serve'", "--database-url", "CAMPANILE_DATABASE_URL"] {
            assert!(refused.contains(part), "{arguments:?}: {part} is missing in {refused}");
        }
        assert!(!path.exists(), "{arguments:?}");
    }
    let elsewhere = Folder::with_database();
    let url = format!("sqlite://{}", elsewhere.path("campanile.db").display());
    folder.run(&["app", "create", "--id", "7", "--database-url", &url]).ok();
    assert!(elsewhere.run(&["app", "list"]).ok().contains('7'));
    assert!(!folder.path("campanile.db").exists());
}

#[test]
fn description_is_written_and_checked() {
    let folder = Folder::new();
    let stale = folder.run(&["openapi", "--check"]).failed();
    assert!(stale.contains("openapi/campanile.json"), "{stale}");
    assert_eq!(folder.run(&["openapi"]).ok(), "wrote openapi/campanile.json");
    assert_eq!(fs::read_to_string(folder.path("openapi/campanile.json")).unwrap(), campanile::api::spec());
    folder.run(&["openapi", "--check"]).ok();
    folder.write("openapi/campanile.json", "{}");
    assert!(folder.run(&["openapi", "--check"]).failed().contains("campanile openapi"));
    folder.run(&["openapi", "--output", "other.json"]).ok();
    folder.run(&["openapi", "--output", "other.json", "--check"]).ok();
}

#[test]
fn unknown_words_are_refused_with_exit_code_2_and_help_is_no_error() {
    let folder = Folder::new();
    for arguments in
        [&["nonsense"][..], &["--nonsense"], &["app", "nonsense"], &["app", "create", "--set", "nonsense=1"]]
    {
        assert_eq!(folder.run(arguments).code, Some(2), "{arguments:?}");
    }
    assert!(folder.run(&["--help"]).ok().contains("campanile app create"));
    assert!(folder.run(&["--version"]).ok().starts_with("campanile "));
}

#[tokio::test]
async fn settings_file_counts_unless_a_variable_or_flag_says_otherwise() {
    let folder = Folder::new();
    folder.write("campanile.toml", "[app_defaults]\nactivity_timeout = 11\nping_interval = 77\nmax_event_bytes = 2\n");
    let variables = [("CAMPANILE_APP_DEFAULT_ACTIVITY_TIMEOUT", "22"), ("CAMPANILE_APP_DEFAULT_MAX_EVENT_BYTES", "3")];
    let server = folder.serve_with(&["--app-default", "max_event_bytes=4"], &variables);
    let keys = server.keys();
    let mut client = server.open(&format!("/app/{}", keys.key)).await;
    let greeting = client.expect("pusher:connection_established").await;
    assert_eq!(inner(&greeting)["activity_timeout"], 22);
    server.publish(keys, "1234").await.ok();
    server.publish(keys, "12345").await.refused(413);
    server.stop();
}

#[test]
fn secret_is_refused_above_255_bytes() {
    let folder = Folder::with_database();
    let create = |secret: &str| folder.run(&["app", "create", "--id", "1", "--secret", secret]);
    let refused = create(&"s".repeat(256));
    assert!(refused.err.contains("secret may have at most 255 bytes, this one has 256"), "{refused:?}");
    create(&"s".repeat(255)).ok();
}
