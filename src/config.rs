//! Settings of the server: where they come from, what they mean, and which of them are wrong.
//!
//! One table ([`table()`]) names every setting: its key in `campanile.toml`, its flag, its environment variables, its
//! default. Flags win over the environment, the environment over the file, the file over the default. [`Config::load`]
//! checks everything and reports all that is wrong in one [`Error`], before anything is opened or bound.
//! Only [`Environment::of_process`] looks at the process; no other room reads the environment.

pub mod banner;
mod environment;
mod error;
mod file;
mod flags;
mod gather;
mod issuer;
mod log;
mod public;
mod reverb;
mod server;
mod settle;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

pub use environment::Environment;
pub use error::{Error, Problem, Result, Source};
pub use flags::Flags;
pub use log::{LogConfig, LogFormat};
pub use public::{PublicAddress, PublicConfig, Scheme};
pub use server::{ServerConfig, TlsFiles};
pub use store::{Backend, DatabaseUrl, StoreConfig};
pub use table::{CONFIG_VARIABLE, DEFAULT_FILE, Sensitivity, Setting, nearest, table};
pub use value::Expected;

use crate::{
    domain::app::{App, AppSettings, GuardedPublic, MasterKey},
    identity::Issuer,
    outbound,
};

/// How careful the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One's own machine: the secret is shown at start, there is a console, and a weak secret is accepted where nobody else
    /// is let in.
    Development,
    /// Everything else: secrets stay hidden and must be fit.
    Production,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

/// The settings in force, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How careful the server is. Default: development when it listens on a loopback address only, has no other public host
    /// and trusts no proxy; else production.
    pub mode: Mode,
    /// The listening side.
    pub server: ServerConfig,
    /// The database.
    pub store: StoreConfig,
    /// The log.
    pub log: LogConfig,
    /// The address that clients use, for the settings that are printed at start.
    pub public: PublicConfig,
    /// The one app that the configuration may name, with its own settings; `None` = apps come from the database only.
    pub app: Option<App>,
    /// Issuers whose tokens are believed. Default none.
    pub issuers: Vec<Issuer>,
    /// What outgoing requests may do.
    pub outbound: outbound::Config,
    /// Key of encrypted channels; `None` = this server authorises none of them. `CAMPANILE_ENCRYPTION_MASTER_KEY`.
    pub encryption_master_key: Option<MasterKey>,
    /// Settings that an app of the database has where it sets nothing itself. In development mode guarded public channels
    /// only warn, unless something else is said.
    pub app_defaults: AppSettings,
    /// What the operator should know although nothing is wrong. To be logged once at start.
    pub notices: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Development,
            server: ServerConfig::default(),
            store: StoreConfig::default(),
            log: LogConfig::default(),
            public: PublicConfig::default(),
            app: None,
            issuers: Vec::new(),
            outbound: outbound::Config::default(),
            encryption_master_key: None,
            app_defaults: AppSettings { guarded_public: GuardedPublic::Warn, ..AppSettings::default() },
            notices: Vec::new(),
        }
    }
}

impl Config {
    /// Tells whether well-known and short secrets may be used: on one's own machine only.
    #[must_use]
    pub fn accepts_weak_secrets(&self) -> bool {
        self.mode == Mode::Development && self.public.is_own_machine(&self.server)
    }

    /// Reads all layers and checks every setting. Reads files; opens nothing else and binds nothing.
    ///
    /// # Errors
    /// When a setting is unknown or wrong; the error lists all of them and never shows a secret.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self> {
        let mut problems = Vec::new();
        let given = gather::gather(flags, environment, &mut problems);
        let config = settle::settle(&given, environment, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Error::new(problems)) }
    }
}
