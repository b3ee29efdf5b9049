//! What values are accepted: bounds, modes, groups of settings that belong together.

use super::*;
use crate::domain::app::GuardedPublic;

/// Keys with whole numbers, their least and their largest value.
const BOUNDS: [(&str, u64, u64); 17] = [
    ("server.port", 0, 65_535),
    ("server.max_connections", 0, 10_000_000),
    ("server.max_handshakes", 1, 65_536),
    ("server.max_handshakes_per_ip", 1, 65_536),
    ("server.max_request_bytes", 1_024, 104_857_600),
    ("server.outbox_bytes", 16_384, 1_073_741_824),
    ("server.header_timeout", 1, 300),
    ("server.pong_timeout", 1, 3_600),
    ("server.stream_heartbeat", 1, 300),
    ("server.drain_seconds", 0, 3_600),
    ("server.drain_delay_seconds", 0, 3_600),
    ("server.connects_per_minute_per_ip", 0, 1_000_000),
    ("server.guest_requests_per_minute_per_ip", 0, 1_000_000),
    ("store.audit_days", 0, 36_500),
    ("store.presence_days", 0, 36_500),
    ("public.port", 1, 65_535),
    ("app_defaults.max_message_bytes", 1, 1_048_576),
];

#[test]
fn numbers_are_accepted_at_their_bounds_and_refused_beyond() {
    for (key, least, most) in BOUNDS {
        let load = |value: u64| World::new().file("campanile.toml", &format!("{key} = {value}")).load();
        for good in [least, most] {
            assert!(load(good).is_ok(), "{key} = {good}");
        }
        for bad in [most + 1].into_iter().chain(least.checked_sub(1)) {
            let text = load(bad).unwrap_err().to_string();
            assert!(text.contains(&format!("{key} in campanile.toml = \"{bad}\": must be")), "{text}");
            assert!(text.contains(&format!("from {least} to {most}")), "{text}");
        }
    }
}

#[test]
fn every_number_of_the_table_has_tested_bounds() {
    let numbers = table().iter().filter(|setting| setting.default.parse::<u64>().is_ok());
    for setting in numbers.filter(|setting| !setting.key.starts_with("app_defaults.")) {
        assert!(BOUNDS.iter().any(|(key, ..)| *key == setting.key), "{}", setting.key);
    }
}

#[test]
fn values_land_in_their_fields() {
    let text = "
        [server]
        host = '::1'
        path = 'realtime/'
        header_timeout = 5
        drain_delay_seconds = 2
        trusted_proxies = ['10.0.0.0/8', '192.0.2.1']
        metrics_address = 'off'
        websocket = false
        pusher = 'no'
        [log]
        filter = 'info,campanile=debug'
        format = 'pretty'
        [public]
        host = 'ws.school.example'
        cluster = 'eu'
    ";
    let config = World::new().file("campanile.toml", text).config();
    let server = &config.server;
    assert_eq!((server.bind_address().as_str(), server.path.as_str()), ("[::1]:8080", "/realtime"));
    assert_eq!((server.header_timeout.as_secs(), server.drain_delay.as_secs()), (5, 2));
    assert_eq!(server.trusted_proxies.len(), 2);
    assert_eq!((server.metrics_address, server.websocket, server.pusher), (None, false, false));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("info,campanile=debug", LogFormat::Pretty));
    assert_eq!(config.public.address(server, 8080).to_string(), "https://ws.school.example/realtime");
    assert_eq!(config.public.cluster.as_deref(), Some("eu"));
}

#[test]
fn aliases_of_other_tools_are_understood() {
    let aliases = [
        ("WS_ENABLED", "false"),
        ("PUSHER_ENABLED", "0"),
        ("WS_MAX_CONNECTIONS", "5"),
        ("REALTIME_TRIGGER_OPEN", "true"),
        ("DATABASE_URL", "sqlite:x.db"),
    ];
    let config = World::new().variables(&aliases).config();
    assert_eq!((config.server.websocket, config.server.pusher, config.server.max_connections), (false, false, 5));
    assert!(config.server.trigger_open);
    assert_eq!(config.store.url.expose(), "sqlite:x.db");
    let pusher = [("PUSHER_APP_ID", "1"), ("PUSHER_KEY", "k"), ("PUSHER_SECRET", "s"), ("PUSHER_CLUSTER", "us2")];
    let config = World::new().variables(&pusher).config();
    assert_eq!(config.app.unwrap().settings, Config::default().app_defaults);
    assert_eq!(config.public.cluster.as_deref(), Some("us2"));
}

#[test]
fn guarded_public_channels_only_warn_in_development_unless_said_otherwise() {
    let of = |mode: &str, more: &[(&str, &str)]| {
        let world = World::new().variable("CAMPANILE_MODE", mode).variables(&APP).variables(more).config();
        assert_eq!(world.app.unwrap().settings.guarded_public, world.app_defaults.guarded_public);
        world.app_defaults.guarded_public
    };
    let enforce = [("CAMPANILE_APP_DEFAULT_GUARDED_PUBLIC", "enforce")];
    assert_eq!(of("development", &[]), GuardedPublic::Warn);
    assert_eq!(of("development", &enforce), GuardedPublic::Enforce);
    assert_eq!(of("production", &[]), GuardedPublic::Enforce);
}

#[test]
fn an_app_is_complete_or_there_is_none() {
    assert!(World::new().variables(&APP).config().app.is_some());
    for (at, key) in ["app.id", "app.key", "app.secret"].into_iter().enumerate() {
        let others: Vec<_> = APP.iter().enumerate().filter(|(part, _)| *part != at).map(|(_, pair)| *pair).collect();
        let problems = World::new().variables(&others).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(&format!("so {key} is needed too ({}", APP[at].0)), "{problems:?}");
    }
    let problems = World::new().variable("PUSHER_KEY", "k").problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let problems = World::new().variables(&APP).variable("CAMPANILE_APP_KEY", "a/b").problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn tls_needs_both_files_and_both_readable() {
    let both = "[server]\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'";
    let world = World::new().file("campanile.toml", both).file("cert.pem", "c");
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("server.tls_key in campanile.toml names "), "{problems:?}");
    let world = world.file("key.pem", "k");
    let tls = world.config().server.tls.unwrap();
    assert_eq!(tls.key, world.directory.path().join("key.pem"));

    let problems = World::new().file("cert.pem", "c").variable("CAMPANILE_TLS_CERT", "cert.pem").problems();
    assert_eq!(problems, ["server.tls_cert is set, so server.tls_key is needed too (CAMPANILE_TLS_KEY)"]);
    let problems = World::new().variables(&[("CAMPANILE_TLS_CERT", "."), ("CAMPANILE_TLS_KEY", ".")]).problems();
    assert!(problems.iter().all(|problem| problem.contains("cannot be read: is a directory")), "{problems:?}");
}

#[test]
fn mode_follows_the_address_unless_it_is_said() {
    for (host, mode) in [("127.0.0.1", Mode::Development), ("::1", Mode::Development), ("localhost", Mode::Development)]
    {
        assert_eq!(World::new().variable("CAMPANILE_HOST", host).config().mode, mode, "{host}");
    }
    for host in ["0.0.0.0", "::", "192.0.2.1", "rt.school.example"] {
        let world = World::new().variable("CAMPANILE_HOST", host);
        assert_eq!(world.config().mode, Mode::Production, "{host}");
        assert_eq!(world.variable("CAMPANILE_MODE", "development").config().mode, Mode::Development, "{host}");
    }
    assert_eq!(World::new().variable("CAMPANILE_MODE", "Production").config().mode, Mode::Production);
    let problems = World::new().variable("CAMPANILE_MODE", "test").problems();
    assert_eq!(problems, ["variable CAMPANILE_MODE = \"test\": must be development or production"]);
}

#[test]
fn behind_a_proxy_on_the_same_machine_the_mode_is_production_unless_it_is_said() {
    let outside = [
        ("CAMPANILE_PUBLIC_HOST", "rt.school.example"),
        ("REVERB_HOST", "rt.school.example"),
        ("REVERB_HOST", "192.0.2.1"),
        ("CAMPANILE_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    for (name, value) in outside {
        let world = World::new().variable(name, value);
        assert_eq!(world.config().mode, Mode::Production, "{name}");
        let world = world.variable("CAMPANILE_MODE", "development");
        let config = world.config();
        assert_eq!(config.mode, Mode::Development, "{name}");
        assert!(!config.accepts_weak_secrets(), "{name}");
        let problems = world.variables(&APP).variable("CAMPANILE_APP_SECRET", "app-secret").problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
    for host in ["localhost", "127.0.0.1", "[::1]", "app.localhost"] {
        let config = World::new().variable("REVERB_HOST", host).config();
        assert_eq!(config.mode, Mode::Development, "{host}");
        assert!(config.accepts_weak_secrets(), "{host}");
    }
}

#[test]
fn weak_secrets_are_accepted_only_in_development_on_loopback() {
    for weak in ["app-secret", "012345678901234"] {
        let world = || World::new().variables(&APP).variable("CAMPANILE_APP_SECRET", weak);
        assert!(world().load().is_ok());
        let public = [("CAMPANILE_HOST", "0.0.0.0"), ("CAMPANILE_MODE", "development")];
        for elsewhere in [&public[..1], &public[..], &[("CAMPANILE_MODE", "production")]] {
            let problems = world().variables(elsewhere).problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with("variable CAMPANILE_APP_SECRET = ***: must be a secret fit"),
                "{problems:?}"
            );
        }
    }
    assert!(World::new().variables(&APP).variable("CAMPANILE_HOST", "0.0.0.0").load().is_ok());
}
