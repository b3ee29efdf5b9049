//! No secret is ever shown: not in an error, not in `Debug`, wherever it was given and whatever is wrong with it.

use super::*;

const CANARY: &str = "canary";

/// Everything that could show a secret.
fn shown(world: &World) -> String {
    match world.load() {
        Ok(config) => format!("{config:?} {:?}", world.flags),
        Err(error) => format!("{error} {error:?} {:?}", world.flags),
    }
}

fn assert_hidden(world: &World) {
    let shown = shown(world);
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn secrets_of_apps_are_not_shown_when_they_are_right_or_weak_or_wrong() {
    let long = CANARY.repeat(100);
    for secret in ["canary", "canary-canary-canary", "canary\ncanary", &long] {
        for name in ["CAMPANILE_APP_SECRET", "REVERB_APP_SECRET", "PUSHER_APP_SECRET", "PUSHER_SECRET"] {
            let world = World::new().variables(&APP[..2]).variable(name, secret);
            assert_hidden(&world);
            assert_hidden(&world.variable("CAMPANILE_HOST", "0.0.0.0").variable("CAMPANILE_PORT", "x"));
        }
        let world = World::new().variables(&APP[..2]).variable("CAMPANILE_APP_SECRET_FILE", "s").file("s", secret);
        assert_hidden(&world);
        assert_hidden(&world.variable("CAMPANILE_MODE", "production"));
    }
}

#[test]
fn secrets_in_the_settings_file_are_not_shown_whatever_is_wrong_with_it() {
    for line in [
        "secret = 'canary'",
        "secret = 'canary",
        "secret = \"\"\"canary",
        "secret = ['canary', ['canary']]",
        "secret = canary",
        "secret = 'canary' 'canary'",
        "secrte = 'canary'",
        "secret = 'canary'\nsecret = 'canary'",
    ] {
        assert_hidden(&World::new().file("campanile.toml", &format!("[app]\nid = 1\n{line}\n")));
    }
}

#[test]
fn passwords_of_databases_are_not_shown_whatever_is_wrong_with_the_address() {
    for url in [
        "postgres://user:canary@db/campus",
        "mysql://user:canary@db/campus?password=canary#canary",
        "postgres://user:can#canary@db/campus",
        "mongodb://user:canary@db",
        "user:canary@db",
        "canary",
        "sqlite://x.db?key=canary",
    ] {
        assert_hidden(&World::new().variable("CAMPANILE_DATABASE_URL", url));
        assert_hidden(&World::new().variable("DATABASE_URL", url));
        assert_hidden(&World::new().flag("store.url", url));
        assert_hidden(&World::new().file("campanile.toml", &format!("store.url = '{url}'")));
        assert_hidden(&World::new().file("url", url).variable("CAMPANILE_DATABASE_URL_FILE", "url"));
    }
}

#[test]
fn secrets_of_issuers_and_the_master_key_are_not_shown_whatever_is_wrong_with_them() {
    let long = CANARY.repeat(200);
    for secret in ["canary", "canary-canary-canary-canary-canary", &long] {
        for host in ["127.0.0.1", "0.0.0.0"] {
            let world = World::new().flag("server.host", host).variable("CAMPANILE_JWT_SECRET", secret);
            assert_hidden(&world);
            assert_hidden(&world.variable("CAMPANILE_JWT_ISSUER", "i").variable("CAMPANILE_JWT_AUDIENCE", "a"));
            let table = format!("[[issuers]]\nissuer = 'i'\naudience = 'a'\nsecret = '{secret}'\n");
            let world = World::new().flag("server.host", host);
            assert_hidden(&world.file("campanile.toml", &format!("{table}secrett = '{secret}'\npreset = 'x'")));
            assert_hidden(&World::new().file("campanile.toml", &table));
        }
        assert_hidden(&World::new().variable("CAMPANILE_ENCRYPTION_MASTER_KEY", secret));
    }
    let key = "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2E=";
    let config = World::new().variable("PUSHER_ENCRYPTION_MASTER_KEY_BASE64", key).config();
    assert_eq!(config.encryption_master_key.as_ref().unwrap().expose(), b"canarycanarycanarycanarycanaryca");
    assert!(!format!("{config:?}").contains("Y2Fu") && !format!("{config:?}").contains("99, 97"));
}

#[test]
fn values_of_unknown_names_are_not_shown() {
    assert_hidden(&World::new().variable("CAMPANILE_APP_SECRETT", CANARY));
    assert_hidden(&World::new().file("campanile.toml", "[app]\nsecrett = 'canary'\n[canar]\nx = 1"));
}
