//! Tests of the command line: what is understood, what is refused, what the help looks like.

use super::*;
use crate::{
    config::{Config, Environment},
    ids::AppId,
};

fn parsed(line: &str) -> Invocation {
    parse(std::iter::once("campanile").chain(line.split_whitespace())).unwrap()
}

fn refused(line: &str) -> String {
    parse(std::iter::once("campanile").chain(line.split_whitespace())).unwrap_err().to_string()
}

fn loaded(line: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    Config::load(&parsed(line).flags, &Environment::empty(directory.path())).unwrap()
}

fn app(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

#[test]
fn the_grammar_is_sound() {
    grammar().debug_assert();
}

#[test]
fn no_command_means_serve_with_or_without_flags() {
    assert_eq!(parsed(""), Invocation { command: Command::Serve, flags: Flags::default() });
    assert_eq!(parsed("--port 9000"), parsed("serve --port 9000"));
    assert_eq!(parsed("--port 1 serve --port 9000 --host ::1"), parsed("serve --host ::1 --port 9000"));
    assert_eq!(loaded("--port 9000").server.port, 9000);
}

#[test]
fn every_flag_of_the_table_reaches_its_setting() {
    for setting in crate::config::table().iter().filter(|setting| setting.flag.is_some()) {
        let mut flags = Flags::default();
        flags.set(&setting.key, "x");
        let invocation = parsed(&format!("serve --{} x", setting.flag.unwrap()));
        assert_eq!(invocation.flags, flags, "{}", setting.key);
    }
    let defaults = loaded("serve --app-default ping_interval=5 --app-default=max_channels=7").app_defaults;
    assert_eq!((defaults.ping_interval, defaults.max_channels), (5, 7));
}

#[test]
fn global_flags_stand_before_or_after_any_command() {
    let url = "sqlite://other.db";
    for line in
        ["--database-url U app list", "app --database-url U list", "app list --database-url U", "--database-url U"]
    {
        assert_eq!(loaded(&line.replace('U', url)).store.url.expose(), url, "{line}");
    }
    let mut flags = Flags::default();
    flags.set_config("x.toml".into());
    assert_eq!(parsed("migrate status --config x.toml").flags, flags);
}

#[test]
fn flags_of_serve_are_refused_before_other_commands() {
    let text = refused("--port 1 app list");
    assert!(text.contains("--port is a flag of 'campanile serve', not of 'campanile app'"), "{text}");
    assert!(refused("--app-default a=b migrate").contains("--app-default is a flag"));
    assert!(refused("app list --port 1").contains("--port"));
}

#[test]
fn every_command_is_understood() {
    let setting = |name, value: &str| Assignment { name, value: value.to_owned() };
    for (line, command) in [
        ("migrate", Command::Migrate { action: None }),
        ("migrate up", Command::Migrate { action: Some(Migration::Up) }),
        ("migrate down", Command::Migrate { action: Some(Migration::Down { steps: 1 }) }),
        ("migrate down --steps 3", Command::Migrate { action: Some(Migration::Down { steps: 3 }) }),
        ("migrate status", Command::Migrate { action: Some(Migration::Status) }),
        ("openapi", Command::Openapi { output: "openapi/campanile.json".into(), check: false }),
        ("asyncapi", Command::Asyncapi { output: "openapi/campanile.asyncapi.json".into(), check: false }),
        ("openapi --output x.json --check", Command::Openapi { output: "x.json".into(), check: true }),
        ("app list", Command::App(AppCommand::List)),
        ("app show a", Command::App(AppCommand::Show { id: app("a"), secrets: false })),
        ("app show a --secrets", Command::App(AppCommand::Show { id: app("a"), secrets: true })),
        (
            "app set a ping_interval=5 client_events=all",
            Command::App(AppCommand::Set {
                id: app("a"),
                settings: vec![setting("ping_interval", "5"), setting("client_events", "all")],
            }),
        ),
        ("app unset a cache_ttl", Command::App(AppCommand::Unset { id: app("a"), names: vec!["cache_ttl"] })),
        ("app rotate a", Command::App(AppCommand::Rotate { id: app("a") })),
        ("app retire a", Command::App(AppCommand::Retire { id: app("a") })),
        ("app enable a", Command::App(AppCommand::Enable { id: app("a") })),
        ("app disable a", Command::App(AppCommand::Disable { id: app("a") })),
        ("app delete a", Command::App(AppCommand::Delete { id: app("a") })),
    ] {
        assert_eq!(parsed(line).command, command, "{line}");
    }
}

#[test]
fn roster_and_keys_take_what_they_need() {
    let Command::Roster(RosterCommand::Import { files, app, source, apply, confirm }) =
        parsed("roster import a.csv b.csv").command
    else {
        panic!("another command");
    };
    assert_eq!((files.len(), app, source.as_str(), apply, confirm), (2, None, "csv", false, None));
    let line = "roster import a.csv --app 7 --source lms --apply --confirm ab12";
    let Command::Roster(RosterCommand::Import { source, apply, .. }) = parsed(line).command else {
        panic!("another command");
    };
    assert_eq!((source.as_str(), apply), ("lms", true));
    let Command::Roster(RosterCommand::Show { what, user, limit, .. }) = parsed("roster show users").command else {
        panic!("another command");
    };
    assert_eq!((what, user, limit), (Listed::Users, None, 100));
    let line = "api-key create --name LMS --scope roster:write,access:read --scope events:publish --expires 90d \
                --ip 192.0.2.7 --ip 2001:db8::1/32";
    let Command::ApiKey(ApiKeyCommand::Create { scopes, expires, networks, .. }) = parsed(line).command else {
        panic!("another command");
    };
    assert_eq!((scopes.len(), expires), (3, Some(chrono::TimeDelta::days(90))));
    assert_eq!(networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.7/32", "2001:db8::/32"]);
}

#[test]
fn wrong_arguments_of_roster_and_keys_are_named() {
    assert!(refused("roster import").contains("required"));
    assert!(refused("roster import a.csv --source a.b").contains("id may hold only"));
    assert!(refused("roster import a.csv --confirm ab12").contains("--apply"));
    assert!(refused("roster show people").contains("possible values: orgs, courses"));
    assert!(refused("roster show users --user 7").contains("cannot be used with"));
    assert!(refused("roster show --limit 0").contains("0 is not in 1..=100000"));
    assert!(refused("api-key create --name LMS").contains("--scope"));
    assert!(
        refused("api-key create --name LMS --scope roster").contains("'roster' is no scope; there are roster:read")
    );
    assert!(refused("api-key create --name LMS --scope admin:* --ip example").contains("192.0.2.0/24"));
    assert!(refused("api-key create --name LMS --scope admin:* --expires soon").contains("such as 90d"));
    let create = |name: &str| parse(["campanile", "api-key", "create", "--scope", "admin:*", "--name", name]);
    assert!(create(&"é".repeat(128)).is_ok());
    for bad in ["é".repeat(129), " ".to_owned(), "two\nlines".to_owned()] {
        assert!(create(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn app_create_takes_everything_or_nothing() {
    let Command::App(AppCommand::Create { name, id, key, secret, settings }) = parsed("app create").command else {
        panic!("another command");
    };
    assert!(name.is_none() && id.is_none() && key.is_none() && secret.is_none() && settings.is_empty());

    let line = "app create --name Campus --id 7 --key k --secret s --set max_channels=9 --set cache_ttl=60";
    let Command::App(AppCommand::Create { name, id, secret, settings, .. }) = parsed(line).command else {
        panic!("another command");
    };
    assert_eq!((name.as_deref(), id), (Some("Campus"), Some(app("7"))));
    assert_eq!(secret.unwrap().expose(), "s");
    assert_eq!(settings.len(), 2);
}

#[test]
fn wrong_arguments_are_named_with_what_would_be_right() {
    assert!(refused("app set a ping_intervall=5").contains("did you mean ping_interval?"));
    assert!(refused("app set a ping_interval").contains("must be NAME=VALUE"));
    assert!(refused("app set a ping_interval=0").contains("outside 1 to 86400"));
    assert!(refused("app unset a nope_nope").contains("there is no app setting of that name"));
    assert!(refused("app show a/b").contains("app id may hold only"));
    assert!(refused("migrate down --steps 0").contains("0 is not in 1.."));
    assert!(refused("serv").contains("serve"));
    for line in ["app set a", "app unset a", "app show"] {
        assert!(refused(line).contains("required"), "{line}");
    }
}

#[test]
fn name_of_an_app_has_at_most_128_characters() {
    assert!(parse(["campanile", "app", "create", "--name", &"é".repeat(128)]).is_ok());
    for bad in ["é".repeat(129), " ".to_owned(), "two\nlines".to_owned()] {
        assert!(parse(["campanile", "app", "create", "--name", &bad]).is_err(), "{bad:?}");
    }
}

#[test]
fn no_secret_of_the_command_line_is_shown_anywhere() {
    let invocation = parsed("app create --secret canary --database-url postgres://u:canary@h/d");
    assert!(!format!("{invocation:?}").contains("canary"));
    for line in ["serve --secret=canary", "serve --app-secret canary", "app create --secrt=canary", "--secret=canary"] {
        let text = refused(line);
        assert!(!text.contains("canary"), "{line}: {text}");
    }
}

#[test]
fn version_and_help_are_answers() {
    assert_eq!(refused("--version"), format!("campanile {}\n", env!("CARGO_PKG_VERSION")));
    let help = refused("serve --help");
    for text in
        ["--port <PORT>", "REVERB_SERVER_PORT", "server.port", "[default: 8080]", "Public address:", "Examples:"]
    {
        assert!(help.contains(text), "{text} is missing in\n{help}");
    }
    let short = refused("serve -h");
    assert!(!short.contains("REVERB_SERVER_PORT"), "{short}");
}

#[test]
fn token_needs_a_user_and_a_course_needs_a_role() {
    assert!(refused("token issue").contains("--user <ID>"));
    assert!(refused("token issue --user 7 --ttl 25h").contains("must be a time from 1s to 24h"));
    assert!(refused("token issue --user 7 --role student").contains("--course <ID>"));
    assert!(refused("token issue --user 7 --course 1").contains("--role <ROLE>"));
    let unknown = refused("token issue --user 7 --role teacher --course 1");
    assert!(unknown.contains("there are student, assistant, instructor"), "{unknown}");
}

#[test]
fn help_shows_commands_first_and_hides_the_flags_of_serve() {
    let help = grammar().term_width(80).render_help().to_string();
    insta::assert_snapshot!(help, @"
    Pusher-compatible real-time server for learning platforms

    Usage: campanile [OPTIONS] [COMMAND]

    Commands:
      serve     Run the server (the default command)
      migrate   Bring the database to the newest form, or back
      openapi   Write the description of the HTTP API
      asyncapi  Write the description of channels and events
      app       Make, show and change apps
      roster    Bring in and show who learns and teaches what
      api-key   Make, list and revoke keys for programs of the learning platform
      token     Make session tokens for trying things out
      bench     Load-test a Pusher server
      help      Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    For every command:
          --config <FILE>       Settings file [default: campanile.toml, if it
                                exists]
          --database-url <URL>  Database: sqlite://FILE, postgres://… or mysql://…
                                [default: sqlite://campanile.db]

    Examples:
      campanile                            serve on 127.0.0.1:8080
      campanile --host 0.0.0.0 --port 80   serve to everybody
      campanile app create --name Campus   make an app; prints its key and secret
      campanile serve --help               every setting and its variable
    ");
}
