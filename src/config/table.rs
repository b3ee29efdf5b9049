//! The table of settings: one row each, and nothing is read that has no row.
//!
//! A row names the key in the settings file, the flag, the environment variables in order of precedence, meaning, unit and
//! default, and how a text is read into its place. Flags, `--help`, the file, the environment and error texts all come
//! from here. The rows themselves stand in `table/rows.rs`.

mod issuer;
mod rows;

pub(super) use issuer::ISSUER_FIELDS;

use std::{borrow::Cow, sync::LazyLock};

use super::{settle::Draft, value::Read};

/// Names the settings file in the environment; the flag is `--config`.
pub const CONFIG_VARIABLE: &str = "CAMPANILE_CONFIG";

/// The settings file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "campanile.toml";

/// How much of a value may be shown in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// All of it.
    Open,
    /// Nothing.
    Secret,
    /// The scheme of the URL only: a URL that is not well-formed may have its password anywhere.
    Url,
}

/// How a text gets into its place.
pub(super) enum Put {
    /// Through a function of its own.
    Field(fn(&mut Draft, &str) -> Read<()>),
    /// Through the app setting of this name.
    AppDefault(&'static str),
    /// With the other fields of the issuer.
    Issuer,
}

/// One row of the table.
pub struct Setting {
    /// Dotted key in the settings file, such as `server.port`. Names the setting everywhere.
    pub key: Cow<'static, str>,
    /// Flag of `serve` without its dashes; `None` when there is none.
    pub flag: Option<&'static str>,
    /// What stands for the value in the help text.
    pub placeholder: &'static str,
    /// Environment variables, the first one that is set wins.
    pub variables: Vec<Cow<'static, str>>,
    /// Variable that names a file holding the value; ranks with the first variable.
    pub file_variable: Option<&'static str>,
    /// Meaning and unit.
    pub doc: &'static str,
    /// Default as a text; empty when there is none.
    pub default: Cow<'static, str>,
    /// How much of a value may be shown.
    pub sensitivity: Sensitivity,
    pub(super) put: Put,
}

impl Setting {
    fn new(
        key: &'static str,
        variables: &[&'static str],
        doc: &'static str,
        put: fn(&mut Draft, &str) -> Read<()>,
    ) -> Self {
        Self {
            key: Cow::Borrowed(key),
            flag: None,
            placeholder: "VALUE",
            variables: variables.iter().map(|name| Cow::Borrowed(*name)).collect(),
            file_variable: None,
            doc,
            default: Cow::Borrowed(""),
            sensitivity: Sensitivity::Open,
            put: Put::Field(put),
        }
    }

    const fn flag(mut self, flag: &'static str, placeholder: &'static str) -> Self {
        self.flag = Some(flag);
        self.placeholder = placeholder;
        self
    }

    fn default(mut self, text: &'static str) -> Self {
        self.default = Cow::Borrowed(text);
        self
    }

    const fn hidden(mut self, sensitivity: Sensitivity, file_variable: &'static str) -> Self {
        self.sensitivity = sensitivity;
        self.file_variable = Some(file_variable);
        self
    }

    /// Heading under which the help text lists the setting.
    #[must_use]
    pub fn heading(&self) -> &'static str {
        match self.key.split('.').next() {
            Some("store") => "Database",
            Some("log") => "Log",
            Some("app" | "app_defaults") => "App",
            Some("public") => "Public address",
            Some("issuer" | "outbound") => "Who is calling",
            _ => "Server",
        }
    }

    /// The value as it may stand in an error.
    pub(super) fn mask(&self, text: &str) -> String {
        match self.sensitivity {
            Sensitivity::Open => format!("{text:?}"),
            Sensitivity::Secret => "***".to_owned(),
            Sensitivity::Url => match text.split_once("://") {
                Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    format!("{scheme}://***")
                }
                _ => "***".to_owned(),
            },
        }
    }
}

/// All settings, in the order they are shown.
pub fn table() -> &'static [Setting] {
    static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(rows::all);
    &TABLE
}

/// The row of a key.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    table().iter().find(|setting| setting.key == key)
}

/// The name among `known` that is most like `name`, so that an error can propose it; `None` when none is like it.
///
/// A name without its table is like the whole name (`port`, `server.port`), and so is the beginning of one.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_ascii_lowercase();
        let whole = strsim::damerau_levenshtein(&name, &candidate);
        let without_table = match candidate.rsplit_once('.') {
            Some((_, last)) if !name.contains('.') => 1 + strsim::damerau_levenshtein(&name, last),
            _ => whole,
        };
        let beginning = if candidate.starts_with(&name) { 2 } else { whole };
        whole.min(without_table).min(beginning)
    };
    let distances = known.into_iter().map(|candidate| (distance(candidate), candidate));
    let (distance, found) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2.max(name.len() / 3)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_typing_errors_and_forgotten_tables() {
        let keys = || table().iter().map(|setting| &*setting.key);
        assert_eq!(nearest("server.prot", keys()), Some("server.port"));
        assert_eq!(nearest("port", keys()), Some("server.port"));
        assert_eq!(nearest("appdefaults.ping_intervall", keys()), Some("app_defaults.ping_interval"));
        assert_eq!(nearest("app_defaults.ping", keys()), Some("app_defaults.ping_interval"));
        assert_eq!(nearest("zzz", keys()), None);
        assert_eq!(nearest("CAMPANILE_PROT", ["CAMPANILE_HOST", "CAMPANILE_PORT"]), Some("CAMPANILE_PORT"));
    }

    #[test]
    fn no_key_flag_or_variable_stands_in_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for setting in table() {
            let flag = setting.flag.map(|flag| format!("--{flag}"));
            let variables = setting.variables.iter().map(ToString::to_string);
            let file = setting.file_variable.map(ToOwned::to_owned);
            for name in variables.chain(flag).chain(file).chain([setting.key.to_string()]) {
                assert!(seen.insert(name.clone()), "{name}");
            }
            assert!(setting.variables[0].starts_with("CAMPANILE_"), "{}", setting.key);
            assert!(!setting.doc.is_empty(), "{}", setting.key);
        }
    }

    #[test]
    fn a_masked_url_keeps_at_most_its_scheme() {
        let url = by_key("store.url").unwrap();
        assert_eq!(url.mask("mongodb://u:canary@h"), "mongodb://***");
        assert_eq!(url.mask("u:canary@h://x"), "***");
        assert_eq!(url.mask("canary"), "***");
    }
}
