//! The settings that stand on the command line.
//!
//! Made by the parser of the command line from the flags of the table; values stay texts until all layers are checked
//! together. `--app-default NAME=VALUE` sets any app setting, which have no flags of their own.

use std::{collections::BTreeMap, fmt, path::PathBuf};

/// Settings from flags, still unchecked. `Debug` shows names only, as values may hold secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Flags {
    config: Option<PathBuf>,
    values: BTreeMap<String, String>,
    app_defaults: Vec<String>,
}

impl Flags {
    /// Names the settings file (`--config`).
    pub fn set_config(&mut self, path: PathBuf) {
        self.config = Some(path);
    }

    /// Sets the setting of this key (`server.port`).
    pub fn set(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
    }

    /// Adds an app setting in the form `NAME=VALUE` (`--app-default`).
    pub fn add_app_default(&mut self, assignment: &str) {
        self.app_defaults.push(assignment.to_owned());
    }

    /// Takes over all of `other`, which wins where both have a value.
    pub fn extend(&mut self, other: Self) {
        self.config = other.config.or_else(|| self.config.take());
        self.values.extend(other.values);
        self.app_defaults.extend(other.app_defaults);
    }

    /// The settings file that was named.
    pub(super) fn config(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// The value of a setting.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// App settings as they were written.
    pub(super) fn app_defaults(&self) -> impl Iterator<Item = &str> {
        self.app_defaults.iter().map(String::as_str)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags")
            .field("config", &self.config)
            .field("keys", &self.values.keys())
            .field("app_defaults", &self.app_defaults)
            .finish()
    }
}
