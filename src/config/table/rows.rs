//! The rows of the table of settings, one function a section of the settings file.
//!
//! Variables stand in order of precedence: the native one first, then those of Reverb, then other names in use. A new
//! setting is one row here and one field in its room; the tests of the table check that its default fits the field's.

use std::borrow::Cow;

use super::{Put, Sensitivity, Setting, issuer};
use crate::{
    config::{
        LogFormat, Mode, Scheme,
        value::{
            Expected, Read, address_or_off, choice, exceptions, host, log_filter, master_key, networks, path_prefix,
            seconds, switch, whole,
        },
    },
    domain::app::{AppSettings, MAX_SECRET_BYTES, Secret},
    ids::{AppId, AppKey},
};

/// One MiB in bytes.
const MIB: u64 = 1 << 20;

/// All rows, in the order they are shown.
pub(super) fn all() -> Vec<Setting> {
    let fixed =
        [address(), behind_proxies(), limits(), times(), switches(), store_and_log(), app(), public(), outbound()];
    fixed.into_iter().flatten().chain(issuer::rows()).chain(app_defaults()).collect()
}

fn put<T>(slot: &mut T, value: Read<T>) -> Read<()> {
    *slot = value?;
    Ok(())
}

fn file_path(text: &str) -> Read<Option<std::path::PathBuf>> {
    let text = text.trim();
    if text.is_empty() { Err("the path of a file".into()) } else { Ok(Some(text.into())) }
}

fn address() -> Vec<Setting> {
    vec![
        Setting::new(
            "server.host",
            &["CAMPANILE_HOST", "REVERB_SERVER_HOST"],
            "Address or host name to listen on; 0.0.0.0 or :: = all",
            |draft, text| put(&mut draft.server.host, host(text)),
        )
        .flag("host", "HOST")
        .default("127.0.0.1"),
        Setting::new(
            "server.port",
            &["CAMPANILE_PORT", "REVERB_SERVER_PORT", "PORT"],
            "Port to listen on; 0 = any free one",
            |draft, text| put(&mut draft.server.port, whole(text, 0..=65_535)),
        )
        .flag("port", "PORT")
        .default("8080"),
        Setting::new(
            "server.path",
            &["CAMPANILE_PATH", "REVERB_SERVER_PATH"],
            "Prefix of every path, such as /realtime",
            |draft, text| put(&mut draft.server.path, path_prefix(text)),
        )
        .flag("path", "PATH"),
        Setting::new(
            "server.tls_cert",
            &["CAMPANILE_TLS_CERT"],
            "Certificate chain for TLS, a PEM file; needs the key too",
            |draft, text| put(&mut draft.tls_cert, file_path(text)),
        )
        .flag("tls-cert", "FILE"),
        Setting::new("server.tls_key", &["CAMPANILE_TLS_KEY"], "Private key for TLS, a PEM file", |draft, text| {
            put(&mut draft.tls_key, file_path(text))
        })
        .flag("tls-key", "FILE"),
        Setting::new(
            "server.metrics_address",
            &["CAMPANILE_METRICS_ADDRESS"],
            "Address and port of the metrics, or off",
            |draft, text| put(&mut draft.server.metrics_address, address_or_off(text)),
        )
        .flag("metrics-address", "ADDRESS")
        .default("127.0.0.1:9601"),
        Setting::new(
            "mode",
            &["CAMPANILE_MODE"],
            "development or production; the default is development on a loopback address without a public host and \
             trusted proxies, else production",
            |draft, text| {
                let modes = [("development", Some(Mode::Development)), ("production", Some(Mode::Production))];
                put(&mut draft.mode, choice(text, &modes))
            },
        )
        .flag("mode", "MODE"),
    ]
}

fn behind_proxies() -> Vec<Setting> {
    vec![
        Setting::new(
            "server.trusted_proxies",
            &["CAMPANILE_TRUSTED_PROXIES"],
            "Networks whose X-Forwarded-For is believed, separated by commas",
            |draft, text| put(&mut draft.server.trusted_proxies, networks(text)),
        )
        .flag("trusted-proxies", "NETWORKS"),
        Setting::new(
            "server.connects_per_minute_per_ip",
            &["CAMPANILE_CONNECTS_PER_MINUTE_PER_IP"],
            "New sockets per minute and client address; 0 = no limit",
            |draft, text| put(&mut draft.server.connects_per_minute_per_ip, whole(text, 0..=1_000_000)),
        )
        .flag("connects-per-minute-per-ip", "COUNT")
        .default("0"),
        Setting::new(
            "server.guest_requests_per_minute_per_ip",
            &["CAMPANILE_GUEST_REQUESTS_PER_MINUTE_PER_IP"],
            "Requests to the REST API per minute and client address without a valid token or key; 0 = no limit",
            |draft, text| put(&mut draft.server.guest_requests_per_minute_per_ip, whole(text, 0..=1_000_000)),
        )
        .default("60"),
    ]
}

fn limits() -> Vec<Setting> {
    vec![
        Setting::new(
            "server.max_connections",
            &["CAMPANILE_MAX_CONNECTIONS", "WS_MAX_CONNECTIONS"],
            "Open sockets of this node at once; 0 = what the descriptor limit allows",
            |draft, text| put(&mut draft.server.max_connections, whole(text, 0..=10_000_000)),
        )
        .flag("max-connections", "COUNT")
        .default("0"),
        Setting::new(
            "server.max_handshakes",
            &["CAMPANILE_MAX_HANDSHAKES"],
            "Connections in TLS or HTTP hand-shake at once",
            |draft, text| put(&mut draft.server.max_handshakes, whole(text, 1..=65_536)),
        )
        .flag("max-handshakes", "COUNT")
        .default("8192"),
        Setting::new(
            "server.max_handshakes_per_ip",
            &["CAMPANILE_MAX_HANDSHAKES_PER_IP"],
            "How many of those one client address may have",
            |draft, text| put(&mut draft.server.max_handshakes_per_ip, whole(text, 1..=65_536)),
        )
        .flag("max-handshakes-per-ip", "COUNT")
        .default("4096"),
        Setting::new(
            "server.max_request_bytes",
            &["CAMPANILE_MAX_REQUEST_BYTES", "REVERB_MAX_REQUEST_SIZE"],
            "Largest body of an HTTP request in bytes",
            |draft, text| put(&mut draft.server.max_request_bytes, whole(text, 1_024..=100 * MIB)),
        )
        .flag("max-request-bytes", "BYTES")
        .default("1048576"),
        Setting::new(
            "server.outbox_bytes",
            &["CAMPANILE_OUTBOX_BYTES"],
            "Bytes that may wait for one slow socket before it is closed",
            |draft, text| put(&mut draft.server.outbox_bytes, whole(text, 16_384..=1_024 * MIB)),
        )
        .flag("outbox-bytes", "BYTES")
        .default("1048576"),
    ]
}

fn times() -> Vec<Setting> {
    vec![
        Setting::new(
            "server.header_timeout",
            &["CAMPANILE_HEADER_TIMEOUT"],
            "Seconds until a request head must be complete, and then its body",
            |draft, text| put(&mut draft.server.header_timeout, seconds(text, 1..=300)),
        )
        .flag("header-timeout", "SECONDS")
        .default("10"),
        Setting::new(
            "server.pong_timeout",
            &["CAMPANILE_PONG_TIMEOUT"],
            "Seconds until a ping of the server must be answered",
            |draft, text| put(&mut draft.server.pong_timeout, seconds(text, 1..=3_600)),
        )
        .flag("pong-timeout", "SECONDS")
        .default("30"),
        Setting::new(
            "server.stream_heartbeat",
            &["CAMPANILE_STREAM_HEARTBEAT"],
            "Seconds between signs of life of a stream of events over HTTP",
            |draft, text| put(&mut draft.server.stream_heartbeat, seconds(text, 1..=300)),
        )
        .flag("stream-heartbeat", "SECONDS")
        .default("15"),
        Setting::new(
            "server.drain_seconds",
            &["CAMPANILE_DRAIN_SECONDS"],
            "Seconds that open sockets get at shutdown",
            |draft, text| put(&mut draft.server.drain, seconds(text, 0..=3_600)),
        )
        .flag("drain-seconds", "SECONDS")
        .default("20"),
        Setting::new(
            "server.drain_delay_seconds",
            &["CAMPANILE_DRAIN_DELAY_SECONDS"],
            "Seconds between \"not ready\" and the drain, for load balancers",
            |draft, text| put(&mut draft.server.drain_delay, seconds(text, 0..=3_600)),
        )
        .flag("drain-delay-seconds", "SECONDS")
        .default("0"),
    ]
}

fn switches() -> Vec<Setting> {
    vec![
        Setting::new(
            "server.websocket",
            &["CAMPANILE_WEBSOCKET", "WS_ENABLED"],
            "Accept WebSockets: true or false",
            |draft, text| put(&mut draft.server.websocket, switch(text)),
        )
        .flag("websocket", "SWITCH")
        .default("true"),
        Setting::new(
            "server.pusher",
            &["CAMPANILE_PUSHER", "PUSHER_ENABLED"],
            "Serve the Pusher protocol on sockets and over HTTP: true or false",
            |draft, text| put(&mut draft.server.pusher, switch(text)),
        )
        .flag("pusher", "SWITCH")
        .default("true"),
        Setting::new(
            "server.trigger_open",
            &["CAMPANILE_TRIGGER_OPEN", "REALTIME_TRIGGER_OPEN"],
            "Take POST /realtime/trigger from everywhere without proof: true or false; a server in development mode takes it \
             from this machine anyway",
            |draft, text| put(&mut draft.server.trigger_open, switch(text)),
        )
        .flag("trigger-open", "SWITCH")
        .default("false"),
    ]
}

fn store_and_log() -> Vec<Setting> {
    vec![
        Setting::new(
            "store.url",
            &["CAMPANILE_DATABASE_URL", "DATABASE_URL"],
            "Database: sqlite://FILE, postgres://… or mysql://…",
            |draft, text| put(&mut draft.store.url, text.parse()),
        )
        .flag("database-url", "URL")
        .hidden(Sensitivity::Url, "CAMPANILE_DATABASE_URL_FILE")
        .default("sqlite://campanile.db"),
        Setting::new(
            "store.audit_days",
            &["CAMPANILE_AUDIT_DAYS"],
            "Days for which the audit is kept; 0 = for ever",
            |draft, text| put(&mut draft.store.audit_days, whole(text, 0..=36_500)),
        )
        .default("365"),
        Setting::new(
            "store.presence_days",
            &["CAMPANILE_PRESENCE_DAYS"],
            "Days for which is kept when people were here; 0 = for ever",
            |draft, text| put(&mut draft.store.presence_days, whole(text, 0..=36_500)),
        )
        .default("365"),
        Setting::new(
            "log.filter",
            &["CAMPANILE_LOG"],
            "What is logged: a level, or directives such as info,campanile=debug",
            |draft, text| put(&mut draft.log.filter, log_filter(text)),
        )
        .flag("log", "FILTER")
        .default("info,sea_orm_migration=warn"),
        Setting::new(
            "log.format",
            &["CAMPANILE_LOG_FORMAT"],
            "pretty or json; the default is pretty on a terminal, else json",
            |draft, text| {
                let formats = [("pretty", Some(LogFormat::Pretty)), ("json", Some(LogFormat::Json))];
                put(&mut draft.log_format, choice(text, &formats))
            },
        )
        .flag("log-format", "FORMAT"),
    ]
}

/// Turns the outcome of an identifier's own parser into what would have been right.
fn id<T>(parsed: Result<T, crate::ids::Error>, expected: &'static str) -> Read<Option<T>> {
    parsed.map(Some).map_err(|_| Expected::from(expected))
}

fn secret(text: &str) -> Read<Option<Secret>> {
    let legal = !text.is_empty() && text.len() <= MAX_SECRET_BYTES && !text.chars().any(char::is_control);
    if legal { Ok(Some(Secret::new(text))) } else { Err("1 to 255 bytes on one line".into()) }
}

/// Longest cluster name in bytes; it is only printed.
const MAX_CLUSTER_BYTES: usize = 64;

fn cluster(text: &str) -> Read<Option<String>> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match text.trim() {
        "" => Ok(None),
        name if name.len() <= MAX_CLUSTER_BYTES && name.bytes().all(legal) => Ok(Some(name.to_owned())),
        _ => Err("a name of letters, digits, '-', '_' and '.', at most 64 characters".into()),
    }
}

fn app() -> Vec<Setting> {
    vec![
        Setting::new(
            "app.id",
            &["CAMPANILE_APP_ID", "REVERB_APP_ID", "PUSHER_APP_ID"],
            "Id of the configured app; needs key and secret too",
            |draft, text| {
                put(
                    &mut draft.app_id,
                    id(AppId::parse(text.trim()), "1 to 64 characters of letters, digits, '-', '_' and '.'"),
                )
            },
        )
        .flag("app-id", "ID"),
        Setting::new(
            "app.key",
            &["CAMPANILE_APP_KEY", "REVERB_APP_KEY", "PUSHER_APP_KEY", "PUSHER_KEY"],
            "Key of the configured app; the secret comes by CAMPANILE_APP_SECRET, as flags show in process lists",
            |draft, text| {
                put(
                    &mut draft.app_key,
                    id(AppKey::parse(text.trim()), "1 to 128 characters of letters, digits, '-', '_' and '.'"),
                )
            },
        )
        .flag("app-key", "KEY"),
        // No flag: everybody on the machine can read the flags of a running process.
        Setting::new(
            "app.secret",
            &["CAMPANILE_APP_SECRET", "REVERB_APP_SECRET", "PUSHER_APP_SECRET", "PUSHER_SECRET"],
            "Secret of the configured app",
            |draft, text| put(&mut draft.app_secret, secret(text)),
        )
        .hidden(Sensitivity::Secret, "CAMPANILE_APP_SECRET_FILE"),
        Setting::new(
            "app.encryption_master_key",
            &["CAMPANILE_ENCRYPTION_MASTER_KEY", "PUSHER_ENCRYPTION_MASTER_KEY_BASE64"],
            "Key of encrypted channels, 32 bytes in base64; without it this server authorises none",
            |draft, text| put(&mut draft.encryption_master_key, master_key(text)),
        )
        .hidden(Sensitivity::Secret, "CAMPANILE_ENCRYPTION_MASTER_KEY_FILE"),
    ]
}

fn public() -> Vec<Setting> {
    vec![
        Setting::new(
            "public.host",
            &["CAMPANILE_PUBLIC_HOST", "REVERB_HOST"],
            "Host that clients use, if another one; stands in the printed settings",
            |draft, text| put(&mut draft.public.host, host(text).map(Some)),
        )
        .flag("public-host", "HOST"),
        Setting::new(
            "public.port",
            &["CAMPANILE_PUBLIC_PORT", "REVERB_PORT"],
            "Port that clients use, if another one",
            |draft, text| put(&mut draft.public.port, whole(text, 1..=65_535).map(Some)),
        )
        .flag("public-port", "PORT"),
        Setting::new(
            "public.scheme",
            &["CAMPANILE_PUBLIC_SCHEME", "REVERB_SCHEME"],
            "Scheme that clients use, if another one: http or https",
            |draft, text| {
                let schemes = [("http", Some(Scheme::Http)), ("https", Some(Scheme::Https))];
                put(&mut draft.public.scheme, choice(text, &schemes))
            },
        )
        .flag("public-scheme", "SCHEME"),
        Setting::new(
            "public.cluster",
            &["CAMPANILE_PUBLIC_CLUSTER", "PUSHER_CLUSTER", "PUSHER_APP_CLUSTER"],
            "Cluster name in the printed settings; means nothing to this server",
            |draft, text| put(&mut draft.public.cluster, cluster(text)),
        )
        .flag("public-cluster", "NAME"),
    ]
}

fn outbound() -> Vec<Setting> {
    vec![
        Setting::new(
            "outbound.allow",
            &["CAMPANILE_OUTBOUND_ALLOW"],
            "Hosts and networks that may be asked for keys although they are not public or speak no TLS, separated by commas",
            |draft, text| put(&mut draft.outbound.allow, exceptions(text)),
        )
        .flag("outbound-allow", "HOSTS"),
        Setting::new(
            "outbound.ca",
            &["CAMPANILE_OUTBOUND_CA"],
            "Certificates that are believed besides the public ones when keys are fetched, a PEM file",
            |draft, text| put(&mut draft.outbound_ca, file_path(text)),
        )
        .flag("outbound-ca", "FILE"),
    ]
}

/// Names that Reverb and others have for app settings.
const APP_DEFAULT_ALIASES: [(&str, &[&str]); 8] = [
    ("max_message_bytes", &["REVERB_APP_MAX_MESSAGE_SIZE"]),
    ("ping_interval", &["REVERB_APP_PING_INTERVAL", "WS_HEARTBEAT_INTERVAL"]),
    ("activity_timeout", &["REVERB_APP_ACTIVITY_TIMEOUT"]),
    ("max_connections", &["REVERB_APP_MAX_CONNECTIONS"]),
    ("client_events", &["REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM"]),
    ("frame_limit", &["REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS"]),
    ("frame_limit_seconds", &["REVERB_APP_RATE_LIMIT_DECAY_SECONDS"]),
    ("frame_limit_closes", &["REVERB_APP_RATE_LIMIT_TERMINATE"]),
];

fn app_defaults() -> impl Iterator<Item = Setting> {
    AppSettings::default().entries().into_iter().map(|entry| {
        let native = Cow::Owned(format!("CAMPANILE_APP_DEFAULT_{}", entry.name.to_ascii_uppercase()));
        let aliases = APP_DEFAULT_ALIASES.iter().filter(|(name, _)| *name == entry.name);
        let aliases = aliases.flat_map(|(_, variables)| *variables).map(|name| Cow::Borrowed(*name));
        Setting {
            key: Cow::Owned(format!("app_defaults.{}", entry.name)),
            flag: None,
            placeholder: "VALUE",
            variables: std::iter::once(native).chain(aliases).collect(),
            file_variable: None,
            doc: entry.doc,
            default: Cow::Owned(entry.value),
            sensitivity: Sensitivity::Open,
            put: Put::AppDefault(entry.name),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settle::Draft;

    #[test]
    fn default_of_every_row_is_the_default_of_its_field() {
        let mut draft = Draft::default();
        for setting in all().iter().filter(|setting| !setting.default.is_empty()) {
            match setting.put {
                Put::Field(put) => put(&mut draft, &setting.default).unwrap(),
                Put::AppDefault(name) => draft.app_defaults.set(name, &setting.default).unwrap(),
                Put::Issuer => panic!("no field of an issuer has a default"),
            }
        }
        assert_eq!(draft, Draft::default());
    }

    #[test]
    fn every_alias_of_an_app_setting_names_one() {
        for (name, _) in APP_DEFAULT_ALIASES {
            assert!(AppSettings::NAMES.contains(&name), "{name}");
        }
    }

    #[test]
    fn secrets_are_one_line_of_bounded_length() {
        assert!(secret(&"s".repeat(MAX_SECRET_BYTES)).is_ok());
        assert!(secret(&"s".repeat(MAX_SECRET_BYTES + 1)).is_err());
        assert!(secret("two\nlines").is_err());
        assert!(cluster(&"c".repeat(MAX_CLUSTER_BYTES)).is_ok());
        assert!(cluster(&"c".repeat(MAX_CLUSTER_BYTES + 1)).is_err());
    }
}
