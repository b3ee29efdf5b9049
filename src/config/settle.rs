//! From texts to the finished settings: reads each one into its place, then checks what only shows together.
//!
//! Goes on after a problem, so that all of them are found in one start.

use std::path::PathBuf;

use super::{
    Config, Environment, LogConfig, LogFormat, Mode, Problem, PublicConfig, ServerConfig, Source, StoreConfig,
    TlsFiles, file,
    gather::{Gathered, Given},
    issuer::{self, Surroundings},
    reverb,
    table::{Put, by_key, table},
    value::Expected,
};
use crate::{
    domain::app::{App, AppSettings, GuardedPublic, MasterKey, Secret, secret_weakness},
    ids::{AppId, AppKey},
    outbound,
};

/// Settings while they are read; what depends on others is still open.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) mode: Option<Mode>,
    pub(super) server: ServerConfig,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) store: StoreConfig,
    pub(super) log: LogConfig,
    pub(super) log_format: Option<LogFormat>,
    pub(super) public: PublicConfig,
    pub(super) app_id: Option<AppId>,
    pub(super) app_key: Option<AppKey>,
    pub(super) app_secret: Option<Secret>,
    pub(super) encryption_master_key: Option<MasterKey>,
    pub(super) outbound: outbound::Config,
    pub(super) outbound_ca: Option<PathBuf>,
    pub(super) app_defaults: AppSettings,
}

/// Name of the configured app, as operators see it.
const APP_NAME: &str = "Configured app";

/// Reads all texts and puts the settings together.
pub(super) fn settle(given: &Gathered, environment: &Environment, problems: &mut Vec<Problem>) -> Config {
    let mut draft = Draft::default();
    for setting in table() {
        let Some(Given { text, from }) = given.get(&setting.key) else { continue };
        let read = match setting.put {
            Put::Field(put) => put(&mut draft, text),
            Put::AppDefault(name) => draft.app_defaults.set(name, text).map_err(Expected::from),
            // Read with the other issuers.
            Put::Issuer => continue,
        };
        if let Err(expected) = read {
            problems.push(Problem::Refused { from: from.clone(), shown: setting.mask(text), expected });
        }
    }
    all_or_none(&["app.id", "app.key", "app.secret"], given, problems);
    all_or_none(&["server.tls_cert", "server.tls_key"], given, problems);
    draft.server.tls = tls(&draft, given, environment, problems);

    let own_machine = draft.public.is_own_machine(&draft.server);
    let mode = draft.mode.unwrap_or(if own_machine { Mode::Development } else { Mode::Production });
    if !(own_machine && mode == Mode::Development) {
        weak_secret(&draft, given, problems);
    }
    draft.outbound.ca = outbound_ca(&draft, given, environment, problems);
    let around = Surroundings {
        environment,
        allow: &draft.outbound.allow,
        weak_secrets: own_machine && mode == Mode::Development,
    };
    let issuers = issuer::all(given, &around, problems);
    if mode == Mode::Development && !given.is_given("app_defaults.guarded_public") {
        // The course's rules would only be in the way of whoever is trying things out; the log tells what they would do.
        draft.app_defaults.guarded_public = GuardedPublic::Warn;
    }
    let mut notices = reverb::notices(environment);
    if !given.is_given("store.url") {
        notices.extend(reverb::database_notice(environment));
    }
    if of_reverb(given) && !given.is_given("server.host") {
        notices.push(format!(
            "listening on {} only, where Reverb takes 0.0.0.0; set REVERB_SERVER_HOST",
            draft.server.host
        ));
    }
    let format = if environment.is_terminal() { LogFormat::Pretty } else { LogFormat::Json };
    Config {
        mode,
        app: app(&draft, given),
        log: LogConfig { format: draft.log_format.unwrap_or(format), ..draft.log },
        server: draft.server,
        store: draft.store,
        public: draft.public,
        issuers,
        outbound: draft.outbound,
        encryption_master_key: draft.encryption_master_key,
        app_defaults: draft.app_defaults,
        notices,
    }
}

/// Reports each key of the group that is missing while others are given.
fn all_or_none(keys: &[&'static str], given: &Gathered, problems: &mut Vec<Problem>) {
    let (present, missing): (Vec<&str>, Vec<&str>) = keys.iter().partition(|key| given.is_given(key));
    if present.is_empty() {
        return;
    }
    for setting in missing.into_iter().filter_map(by_key) {
        problems.push(Problem::Incomplete {
            present: present.iter().map(ToString::to_string).collect(),
            missing: setting.key.to_string(),
            variables: setting.variables.iter().map(ToString::to_string).collect(),
        });
    }
}

fn tls(draft: &Draft, given: &Gathered, environment: &Environment, problems: &mut Vec<Problem>) -> Option<TlsFiles> {
    let mut existing = |key: &str, path: Option<&PathBuf>| {
        let path = environment.resolve(path?);
        if let (Err(cause), Some(Given { from, .. })) = (file::readable(&path), given.get(key)) {
            problems.push(Problem::Unreadable { from: from.clone(), path: path.clone(), cause });
        }
        Some(path)
    };
    let cert = existing("server.tls_cert", draft.tls_cert.as_ref());
    let key = existing("server.tls_key", draft.tls_key.as_ref());
    Some(TlsFiles { cert: cert?, key: key? })
}

/// The certificates that outgoing requests believe besides the public ones.
fn outbound_ca(
    draft: &Draft,
    given: &Gathered,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let path = environment.resolve(draft.outbound_ca.as_ref()?);
    let Given { from, .. } = given.get("outbound.ca")?;
    let ca = match file::read(&path) {
        Ok(text) => text,
        Err(cause) => {
            problems.push(Problem::Unreadable { from: from.clone(), path, cause });
            return None;
        }
    };
    let config = outbound::Config { ca: Some(ca), ..outbound::Config::default() };
    if outbound::Client::new(&config).is_err() {
        let expected = "a file with certificates in PEM form".into();
        problems.push(Problem::Refused { from: from.clone(), shown: format!("{:?}", path.display()), expected });
    }
    config.ca
}

fn weak_secret(draft: &Draft, given: &Gathered, problems: &mut Vec<Problem>) {
    let why = draft.app_secret.as_ref().and_then(secret_weakness);
    if let (Some(why), Some(Given { from, .. })) = (why, given.get("app.secret")) {
        problems.push(Problem::WeakSecret { from: from.clone(), why });
    }
}

/// Tells whether the configured app comes from an environment made for Reverb.
fn of_reverb(given: &Gathered) -> bool {
    let from = given.get("app.key").map(|given| &given.from);
    matches!(from, Some(Source::Variable(name)) if name == reverb::KEY_VARIABLE)
}

/// The configured app; `None` when there is none or a part of it is wrong or missing.
fn app(draft: &Draft, given: &Gathered) -> Option<App> {
    let settings = if of_reverb(given) { reverb_settings(draft, given) } else { draft.app_defaults.clone() };
    Some(App {
        id: draft.app_id.clone()?,
        key: draft.app_key.clone()?,
        name: APP_NAME.to_owned(),
        secrets: vec![draft.app_secret.clone()?],
        enabled: true,
        settings,
    })
}

/// Reverb's profile with everything that was given on top.
fn reverb_settings(draft: &Draft, given: &Gathered) -> AppSettings {
    let mut settings = reverb::profile(draft.server.max_request_bytes);
    settings.guarded_public = draft.app_defaults.guarded_public;
    for setting in table() {
        if let (Put::AppDefault(name), Some(Given { text, .. })) = (&setting.put, given.get(&setting.key)) {
            // The same text was read into the base settings before; what is wrong with it is reported already.
            let _reported = settings.set(name, text);
        }
    }
    settings
}
