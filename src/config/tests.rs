//! Tests of the settings as a whole: layers, values, Reverb's environment, secrecy.
//!
//! Each test loads from a map and a directory of its own; none touches the environment of the process.

mod issuers;
mod layers;
mod reverb;
mod secrecy;
mod values;

use super::*;

/// A directory of its own, with variables and flags to load from.
struct World {
    directory: tempfile::TempDir,
    environment: Environment,
    flags: Flags,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let environment = Environment::empty(directory.path());
        Self { directory, environment, flags: Flags::default() }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    fn variables(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |world, (name, value)| world.variable(name, value))
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.set(key, value);
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn load(&self) -> Result<Config> {
        Config::load(&self.flags, &self.environment)
    }

    fn config(&self) -> Config {
        self.load().unwrap()
    }

    /// The problems, one text each.
    fn problems(&self) -> Vec<String> {
        self.load().unwrap_err().problems().iter().map(ToString::to_string).collect()
    }
}

/// A complete app, so that only what a test adds can be wrong.
const APP: [(&str, &str); 3] =
    [("CAMPANILE_APP_ID", "campus"), ("CAMPANILE_APP_KEY", "campus-key"), ("CAMPANILE_APP_SECRET", "0123456789abcdef")];

#[test]
fn nothing_given_means_the_defaults() {
    let config = World::new().config();
    let log = LogConfig { format: LogFormat::Json, ..LogConfig::default() };
    assert_eq!(config, Config { log, ..Config::default() });
    assert_eq!((config.mode, config.app, config.notices), (Mode::Development, None, Vec::new()));
}

#[test]
fn log_is_for_people_on_a_terminal_unless_said_otherwise() {
    let mut world = World::new();
    world.environment = world.environment.on_terminal();
    assert_eq!(world.config().log.format, LogFormat::Pretty);
    assert_eq!(world.variable("CAMPANILE_LOG_FORMAT", "json").config().log.format, LogFormat::Json);
}

#[test]
fn everything_wrong_is_told_in_one_message() {
    let world = World::new()
        .variable("CAMPANILE_PORT", "http")
        .variable("DATABASE_URL", "mongodb://user:canary@db/campus")
        .variable("CAMPANILE_PROT", "1")
        .variable("CAMPANILE_APP_ID", "campus")
        .flag("server.max_handshakes", "0")
        .file("campanile.toml", "[server]\noutbox_byts = 1\nhost = [['a']]\n[app_defaults]\nping_interval = 0\n");
    insta::assert_snapshot!(world.load().unwrap_err(), @r#"
    9 settings are wrong; nothing was started
      - server.host in campanile.toml = …: must be a text, a number, a switch or a list of those
      - server.outbox_byts in campanile.toml is not a known setting; did you mean server.outbox_bytes?
      - variable CAMPANILE_PROT is not a known setting; did you mean CAMPANILE_PORT?
      - variable CAMPANILE_PORT = "http": must be a whole number from 0 to 65535
      - flag --max-handshakes = "0": must be a whole number from 1 to 65536
      - variable DATABASE_URL = mongodb://***: must be sqlite://FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME, with special characters of the password percent-encoded
      - app_defaults.ping_interval in campanile.toml = "0": must be a whole number from 1 to 86400
      - app.id is set, so app.key is needed too (CAMPANILE_APP_KEY or REVERB_APP_KEY or PUSHER_APP_KEY or PUSHER_KEY)
      - app.id is set, so app.secret is needed too (CAMPANILE_APP_SECRET or REVERB_APP_SECRET or PUSHER_APP_SECRET or PUSHER_SECRET)
    "#);
}
