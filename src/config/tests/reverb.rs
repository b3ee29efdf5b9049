//! What a team that stops Reverb and starts this server with the same `.env` gets.

use super::*;
use crate::domain::app::ClientEvents;

const REVERB: [(&str, &str); 6] = [
    ("REVERB_APP_ID", "\"256980\""),
    ("REVERB_APP_KEY", "f4l2tmwqf6eg0f6jz0mw"),
    ("REVERB_APP_SECRET", "zioqeto9xrytlnlg7sj6"),
    ("REVERB_HOST", "\"ws.school.example\""),
    ("REVERB_PORT", "443"),
    ("REVERB_SCHEME", "https"),
];

fn reverb() -> World {
    World::new().variables(&REVERB)
}

fn settings(world: &World) -> AppSettings {
    world.config().app.unwrap().settings
}

#[test]
fn an_environment_made_for_reverb_is_enough() {
    let world = reverb().variables(&[
        ("REVERB_SERVER_HOST", "0.0.0.0"),
        ("REVERB_SERVER_PORT", "6001"),
        ("REVERB_SERVER_PATH", ""),
        ("REVERB_APP_MAX_CONNECTIONS", "null"),
        ("REVERB_SCALING_ENABLED", "false"),
        ("REVERB_SCALING_CHANNEL", "reverb"),
        ("REVERB_PULSE_INGEST_INTERVAL", "15"),
        ("REVERB_TELESCOPE_INGEST_INTERVAL", "15"),
        ("REVERB_SERVER", "reverb"),
        ("REDIS_URL", "redis://u:p@h"),
        ("VITE_REVERB_APP_KEY", "f4l2tmwqf6eg0f6jz0mw"),
    ]);
    let config = world.config();
    assert_eq!(config.mode, Mode::Production);
    assert_eq!((config.server.bind_address(), config.server.path.as_str()), ("0.0.0.0:6001".to_owned(), ""));
    assert_eq!(config.public.address(&config.server, 6001).to_string(), "https://ws.school.example");
    let app = config.app.unwrap();
    assert_eq!((app.id.as_str(), app.key.as_str()), ("256980", "f4l2tmwqf6eg0f6jz0mw"));
    assert_eq!(app.secrets[0].expose(), "zioqeto9xrytlnlg7sj6");
    assert_eq!(config.notices, Vec::<String>::new());
    assert_eq!(config.app_defaults, AppSettings::default(), "only the configured app gets the profile");
}

#[test]
fn the_app_has_no_limit_that_reverb_has_not() {
    let settings = settings(&reverb());
    let expected = AppSettings {
        client_events_on_public: true,
        lenient_channel_names: true,
        max_batch_events: 1_000,
        max_channel_name_length: 500,
        max_channels_per_connection: 10_000,
        max_event_bytes: 102_400,
        max_event_channels: 1_000,
        max_event_name_length: 1_000,
        max_presence_member_bytes: 65_536,
        max_presence_members: 10_000,
        presence_full_member_limit: 10_000,
        ..AppSettings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn what_is_said_explicitly_wins_over_the_profile() {
    let world = reverb()
        .variable("CAMPANILE_APP_DEFAULT_MAX_PRESENCE_MEMBERS", "100")
        .file("campanile.toml", "[app_defaults]\nlenient_channel_names = false\nmax_event_bytes = 5");
    let settings = settings(&world);
    assert_eq!((settings.max_presence_members, settings.lenient_channel_names), (100, false));
    assert_eq!((settings.max_event_bytes, settings.client_events_on_public), (5, true));
}

#[test]
fn the_profile_needs_the_key_to_come_from_reverb() {
    let world = reverb().variable("CAMPANILE_APP_KEY", "native");
    assert_eq!(settings(&world), AppSettings::default());
}

#[test]
fn largest_event_follows_the_size_of_requests() {
    for (request, event) in [("10000", 10_240), ("50000", 50_000), ("102400", 102_400), ("9000000", 102_400)] {
        let world = reverb().variable("REVERB_MAX_REQUEST_SIZE", request);
        assert_eq!(settings(&world).max_event_bytes, event, "{request}");
        assert_eq!(world.config().server.max_request_bytes.to_string(), request);
    }
}

#[test]
fn app_variables_of_reverb_set_the_app_and_the_base() {
    let world = reverb().variables(&[
        ("REVERB_APP_MAX_MESSAGE_SIZE", "500000"),
        ("REVERB_APP_PING_INTERVAL", "25"),
        ("REVERB_APP_ACTIVITY_TIMEOUT", "40"),
        ("REVERB_APP_MAX_CONNECTIONS", "200"),
    ]);
    for settings in [settings(&world), world.config().app_defaults] {
        assert_eq!((settings.max_message_bytes, settings.ping_interval), (500_000, 25));
        assert_eq!((settings.activity_timeout, settings.max_connections), (40, 200));
    }
}

#[test]
fn client_events_come_from_all_members_or_nobody() {
    for (value, who) in [
        ("all", ClientEvents::All),
        ("members", ClientEvents::Members),
        ("none", ClientEvents::None),
        ("anything", ClientEvents::None),
        ("ALL", ClientEvents::None),
        ("", ClientEvents::Members),
    ] {
        let world = reverb().variable("REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM", value);
        assert_eq!(settings(&world).client_events, who, "{value}");
    }
}

#[test]
fn rate_limit_counts_only_when_it_is_switched_on() {
    let limit = |variables: &[(&str, &str)]| {
        let settings = settings(&reverb().variables(variables));
        (settings.frame_limit, settings.frame_limit_seconds, settings.frame_limit_closes)
    };
    let attempts = ("REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS", "7");
    let rest = [("REVERB_APP_RATE_LIMIT_DECAY_SECONDS", "8"), ("REVERB_APP_RATE_LIMIT_TERMINATE", "(true)")];
    let on = ("REVERB_APP_RATE_LIMITING_ENABLED", "true");
    assert_eq!(limit(&[attempts]), (0, 60, false));
    assert_eq!(limit(&[attempts, ("REVERB_APP_RATE_LIMITING_ENABLED", "false")]), (0, 60, false));
    assert_eq!(limit(&[on]), (60, 60, false));
    assert_eq!(limit(&[on, attempts, rest[0], rest[1]]), (7, 8, true));
    assert_eq!(limit(&[on, attempts, ("CAMPANILE_APP_DEFAULT_FRAME_LIMIT", "9")]), (9, 60, false));
    let problems = reverb().variable("REVERB_APP_RATE_LIMITING_ENABLED", "maybe").problems();
    assert_eq!(problems, ["variable REVERB_APP_RATE_LIMITING_ENABLED = \"maybe\": must be true or false"]);
}

#[test]
fn what_reverb_would_do_and_we_do_not_is_told_not_refused() {
    let elsewhere = ("REVERB_SERVER_HOST", "0.0.0.0");
    let config = reverb().variables(&[elsewhere, ("REVERB_SCALING_ENABLED", "(true)")]).config();
    assert_eq!(config.notices.len(), 1);
    assert!(config.notices[0].contains("runs as one node"), "{:?}", config.notices);

    let config = reverb().config();
    assert_eq!(config.notices.len(), 1);
    assert!(config.notices[0].contains("set REVERB_SERVER_HOST"), "{:?}", config.notices);
}

#[test]
fn the_database_of_the_application_is_left_alone() {
    let database = ("DATABASE_URL", "mysql://laravel:p@h/laravel");
    let listening = ("REVERB_SERVER_HOST", "0.0.0.0");
    let config = World::new().variables(&[listening, database]).config();
    assert_eq!(config.store, StoreConfig::default());
    assert_eq!(config.notices.len(), 1, "{:?}", config.notices);
    assert!(config.notices[0].contains("set CAMPANILE_DATABASE_URL"), "{:?}", config.notices);
    assert!(!config.notices[0].contains("laravel"), "{:?}", config.notices);

    let own = ("CAMPANILE_DATABASE_URL", "sqlite:own.db");
    let config = World::new().variables(&[listening, database, own]).config();
    assert_eq!((config.store.url.expose(), config.notices.len()), ("sqlite:own.db", 0));
    let config = World::new().variables(&[("REVERB_SERVER_HOST", ""), database]).config();
    assert_eq!(config.store.url.expose(), database.1);
}
