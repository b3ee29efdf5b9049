//! Which layer wins, and what happens to names that no layer knows.

use super::*;

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let world = World::new();
    assert_eq!(world.config().server.port, 8080);
    let world = world.file("campanile.toml", "[server]\nport = 1001");
    assert_eq!(world.config().server.port, 1001);
    let world = world.variable("PORT", "1002");
    assert_eq!(world.config().server.port, 1002);
    let world = world.variable("REVERB_SERVER_PORT", "1003");
    assert_eq!(world.config().server.port, 1003);
    let world = world.variable("CAMPANILE_PORT", "1004");
    assert_eq!(world.config().server.port, 1004);
    let world = world.flag("server.port", "1005");
    assert_eq!(world.config().server.port, 1005);
}

#[test]
fn app_settings_come_from_all_layers_too() {
    let interval = |world: &World| world.config().app_defaults.ping_interval;
    let world =
        World::new().file("campanile.toml", "[app_defaults]\nping_interval = 11\nallowed_origins = ['a', '*.b']");
    assert_eq!(interval(&world), 11);
    assert_eq!(world.config().app_defaults.allowed_origins.len(), 2);
    let world = world.variable("WS_HEARTBEAT_INTERVAL", "12");
    assert_eq!(interval(&world), 12);
    let world = world.variable("REVERB_APP_PING_INTERVAL", "13");
    assert_eq!(interval(&world), 13);
    let world = world.variable("CAMPANILE_APP_DEFAULT_PING_INTERVAL", "14");
    assert_eq!(interval(&world), 14);
    let mut world = world.variables(&APP);
    world.flags.add_app_default("ping_interval=15");
    assert_eq!(interval(&world), 15);
    assert_eq!(world.config().app.unwrap().settings.ping_interval, 15);
}

#[test]
fn every_variable_of_the_table_reaches_its_setting() {
    for setting in table() {
        for variable in &setting.variables {
            let value = "\u{1}";
            let world = match variable.contains("RATE_LIMIT") {
                true => World::new().variable("REVERB_APP_RATE_LIMITING_ENABLED", "true"),
                false => World::new(),
            };
            if *variable == "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM" {
                continue; // Takes any value; see the tests of Reverb.
            }
            let problems = world.variable(variable, value).problems();
            let named = problems.iter().any(|problem| problem.starts_with(&format!("variable {variable} ")));
            assert!(named || *setting.key == *"log.filter", "{variable}: {problems:?}");
        }
    }
    assert_eq!(World::new().variable("CAMPANILE_LOG", "debug").config().log.filter, "debug");
}

#[test]
fn aliases_count_in_the_order_of_the_table() {
    let readable = |key: &str| table().iter().find(|setting| setting.key == key).unwrap();
    for key in ["app.id", "app.key", "app.secret", "public.cluster"] {
        let names = &readable(key).variables;
        let mut world = World::new().variables(&[("CAMPANILE_MODE", "development")]);
        for (at, name) in names.iter().enumerate().rev() {
            world = world.variable(name, &format!("value-{at}"));
            let loaded = world.variables_of_app_but(key).config();
            let app = loaded.app.as_ref();
            let value = match key {
                "app.id" => app.unwrap().id.to_string(),
                "app.key" => app.unwrap().key.to_string(),
                "app.secret" => app.unwrap().secrets[0].expose().to_owned(),
                _ => loaded.public.cluster.clone().unwrap(),
            };
            assert_eq!(value, format!("value-{at}"), "{name}");
        }
    }
}

impl World {
    /// The same world with the other parts of the app filled in.
    fn variables_of_app_but(&self, key: &str) -> Self {
        let mut other = Self::new();
        other.environment = self.environment.clone();
        let parts = [("app.id", APP[0]), ("app.key", APP[1]), ("app.secret", APP[2])];
        parts
            .into_iter()
            .filter(|(part, _)| *part != key)
            .fold(other, |world, (_, (name, value))| world.variable(name, value))
    }
}

#[test]
fn settings_file_is_read_by_flag_then_variable_then_default_name() {
    let world = World::new().file("campanile.toml", "mode = 'production'").file("other.toml", "server.port = 2");
    assert_eq!(world.config().mode, Mode::Production);
    let world = world.file("third.toml", "server.port = 3").variable("CAMPANILE_CONFIG", "other.toml");
    assert_eq!((world.config().mode, world.config().server.port), (Mode::Development, 2));
    let mut world = world;
    world.flags.set_config("third.toml".into());
    assert_eq!(world.config().server.port, 3);
}

#[test]
fn a_settings_file_that_was_named_must_be_there_and_be_toml() {
    let problems = World::new().variable("CAMPANILE_CONFIG", "nowhere.toml").problems();
    assert!(
        problems[0].starts_with("variable CAMPANILE_CONFIG names nowhere.toml, which cannot be read"),
        "{problems:?}"
    );
    let problems = World::new().file("campanile.toml", "[server\nport = 1").problems();
    assert!(problems[0].starts_with("campanile.toml, line 1: "), "{problems:?}");
    let world = World::new();
    std::fs::create_dir(world.directory.path().join("campanile.toml")).unwrap();
    assert!(world.problems()[0].starts_with("the default names campanile.toml"), "{:?}", world.problems());
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let problems = World::new()
        .file("campanile.toml", "port = 1\n[servre]\nhost = 'a'\n[zzzzzz]\nqqqqqq = 1\n[app_defaults]\nping = 1")
        .variables(&[("CAMPANILE_DATABASE_ULR", "x"), ("CAMPANILE_APP_DEFAULT_CLIENT_EVENT", "x")])
        .variables(&[("REVERB_SOMETHING", "x"), ("PUSHER_OTHER", "x"), ("HOME", "/")])
        .problems();
    insta::assert_snapshot!(problems.join("\n"), @"
    app_defaults.ping in campanile.toml is not a known setting; did you mean app_defaults.ping_interval?
    port in campanile.toml is not a known setting; did you mean server.port?
    servre.host in campanile.toml is not a known setting; did you mean server.host?
    zzzzzz.qqqqqq in campanile.toml is not a known setting
    variable CAMPANILE_APP_DEFAULT_CLIENT_EVENT is not a known setting; did you mean CAMPANILE_APP_DEFAULT_CLIENT_EVENTS?
    variable CAMPANILE_DATABASE_ULR is not a known setting; did you mean CAMPANILE_DATABASE_URL?
    ");
}

#[test]
fn a_value_that_a_higher_layer_replaces_is_not_looked_at() {
    let world =
        World::new().variable("PORT", "bad").file("campanile.toml", "server.port = 'bad'").flag("server.port", "7");
    assert_eq!(world.config().server.port, 7);
}

#[test]
fn secrets_may_stand_in_files_of_their_own() {
    let parts = [APP[0], APP[1], ("CAMPANILE_APP_SECRET_FILE", "secret"), ("CAMPANILE_DATABASE_URL_FILE", "url")];
    let world = World::new().variables(&parts).file("secret", "fedcba9876543210\n").file("url", "mysql://u:p@h/d\r\n");
    let config = world.config();
    assert_eq!(config.app.unwrap().secrets[0].expose(), "fedcba9876543210");
    assert_eq!(config.store.url.expose(), "mysql://u:p@h/d");

    let world = world.variables(&[("REVERB_APP_SECRET", "alias"), ("DATABASE_URL", "sqlite://alias.db")]);
    assert_eq!(world.config().store.url.backend(), Backend::MySql, "the file ranks with the native variable");
    let problems = world.variable("CAMPANILE_APP_SECRET", "0123456789abcdef").problems();
    assert_eq!(
        problems,
        ["variable CAMPANILE_APP_SECRET and variable CAMPANILE_APP_SECRET_FILE are both set: use one of them"]
    );
}

#[test]
fn a_missing_or_empty_secret_file_is_one_problem() {
    let world = World::new().variables(&[APP[0], APP[1], ("CAMPANILE_APP_SECRET_FILE", "secret")]);
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("secret, which cannot be read"), "{problems:?}");
    let problems = world.file("secret", "\n").problems();
    assert_eq!(problems, ["variable CAMPANILE_APP_SECRET_FILE = ***: must be 1 to 255 bytes on one line"]);
}

#[test]
fn variables_that_are_no_text_are_refused_by_name() {
    let problems = World::new().variable("CAMPANILE_PATH", "a\u{fffd}").problems();
    assert_eq!(problems, ["variable CAMPANILE_PATH: must be valid UTF-8"]);
}

#[test]
fn variables_of_the_orchestrator_are_no_settings() {
    let links = [("CAMPANILE_PORT", "tcp://10.0.0.1:8080"), ("CAMPANILE_SERVICE_HOST", "10.0.0.1")];
    let config = World::new().variables(&links).variable("PORT", "81").config();
    assert_eq!(config.server.port, 81);
}
