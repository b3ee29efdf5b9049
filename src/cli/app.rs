//! `campanile app …`: making, showing and changing apps from the command line.
//!
//! Identifiers and settings are checked here, so that a command never starts on a wrong one.

use std::str::FromStr;

use clap::Subcommand;

use crate::{
    config::nearest,
    domain::app::{AppSettings, MAX_SECRET_BYTES, Secret, SettingError},
    ids::{self, AppId, AppKey},
};

/// What to do with apps.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum AppCommand {
    /// Make an app and print its key and secret
    Create {
        /// What people call it [default: its id]
        #[arg(long, value_name = "TEXT", value_parser = app_name)]
        name: Option<String>,
        /// Its id in HTTP paths [default: a random number]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        id: Option<AppId>,
        /// Its public key [default: a random one]
        #[arg(long, value_name = "KEY", value_parser = AppKey::parse)]
        key: Option<AppKey>,
        /// Its secret, to keep that of an app from elsewhere; shows in process lists [default: a random one]
        #[arg(long, value_name = "SECRET", value_parser = secret)]
        secret: Option<Secret>,
        /// A setting; may be repeated
        #[arg(long = "set", value_name = "NAME=VALUE")]
        settings: Vec<Assignment>,
    },
    /// List all apps
    List,
    /// Show one app with its settings
    Show {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
        /// Show its secrets too
        #[arg(long)]
        secrets: bool,
    },
    /// Change settings of an app
    Set {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
        /// Settings and their values
        #[arg(value_name = "NAME=VALUE", required = true)]
        settings: Vec<Assignment>,
    },
    /// Bring settings of an app back to the default
    Unset {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
        /// Settings
        #[arg(value_name = "NAME", required = true, value_parser = setting_name)]
        names: Vec<&'static str>,
    },
    /// Give an app a new secret; the one before stays valid until it is retired
    Rotate {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
    },
    /// Drop the older secret of an app
    Retire {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
    },
    /// Let an app work again
    Enable {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
    },
    /// Refuse the sockets and requests of an app
    Disable {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
    },
    /// Delete an app and what belongs to it
    Delete {
        /// The app
        #[arg(value_parser = AppId::parse)]
        id: AppId,
    },
}

/// A setting of an app with a value that it can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Name of the setting; one of [`AppSettings::NAMES`].
    pub name: &'static str,
    /// Its value, in the form that [`AppSettings::set`] reads.
    pub value: String,
}

/// Why an argument was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no equals sign.
    #[error("must be NAME=VALUE")]
    NoValue,
    /// There is no setting of that name.
    #[error("there is no app setting of that name{}", hint(*.nearest))]
    UnknownSetting {
        /// The known name next to it.
        nearest: Option<&'static str>,
    },
    /// The setting cannot have the value.
    #[error(transparent)]
    Refused(#[from] SettingError),
    /// The name of an app is empty or too long.
    #[error("must have 1 to 128 characters on one line")]
    AppName,
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn setting_name(text: &str) -> Result<&'static str, Error> {
    let names = || AppSettings::NAMES.iter().copied();
    names().find(|name| *name == text).ok_or_else(|| Error::UnknownSetting { nearest: nearest(text, names()) })
}

/// Longest name of an app in characters.
const MAX_NAME_CHARACTERS: usize = 128;

fn app_name(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let legal = !text.is_empty() && text.chars().count() <= MAX_NAME_CHARACTERS && !text.chars().any(char::is_control);
    if legal { Ok(text.to_owned()) } else { Err(Error::AppName) }
}

/// Accepts any text but the empty one: the parser would show what it refuses.
fn secret(text: &str) -> Result<Secret, ids::Error> {
    match text.len() {
        0 => Err(ids::Error::Empty { what: "secret" }),
        1..=MAX_SECRET_BYTES => Ok(Secret::new(text)),
        got => Err(ids::Error::TooLong { what: "secret", max: MAX_SECRET_BYTES, got }),
    }
}

impl FromStr for Assignment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, value) = text.split_once('=').ok_or(Error::NoValue)?;
        let name = setting_name(name.trim())?;
        AppSettings::default().set(name, value)?;
        Ok(Self { name, value: value.to_owned() })
    }
}
