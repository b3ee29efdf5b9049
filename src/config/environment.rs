//! The process as the settings see it: variables, working directory, terminal.
//!
//! Made from the real process by [`Environment::of_process`] or from a map, so that tests never touch the process. Values
//! are read by Laravel's conventions, because one `.env` often serves both: empty and `null` mean unset, `(true)` is true.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// Variables, working directory and whether people watch. Has no `Debug`: variables hold secrets.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    directory: PathBuf,
    terminal: bool,
}

impl Environment {
    /// Takes a copy of what the process was started with.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    pub fn of_process() -> Self {
        // Not `vars`, which panics on any variable that is not text. Such values get a U+FFFD and are refused by name.
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        Self {
            variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            directory: std::env::current_dir().unwrap_or_default(),
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// An environment without variables and terminal, in a working directory.
    #[must_use]
    pub fn empty(directory: &Path) -> Self {
        Self { variables: BTreeMap::new(), directory: directory.to_owned(), terminal: false }
    }

    /// Adds a variable, or replaces it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Says that the output goes to a terminal.
    #[must_use]
    pub const fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Tells whether the output goes to a terminal.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A path as seen from the working directory.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// The value of a variable in the form the settings read; `None` when it is unset, empty or `null`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?;
        if is_service_link(name, text) { None } else { meaning(text) }
    }

    /// Names of all variables that begin with `prefix` and do not come from the orchestrator.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from_prefix =
            self.variables.range(prefix.to_owned()..).take_while(move |(name, _)| name.starts_with(prefix));
        from_prefix.filter(|(name, value)| !is_service_link(name, value)).map(|(name, _)| name.as_str())
    }

    /// Replaces the value of a variable, or removes it.
    pub(super) fn put(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.variables.insert(name.to_owned(), value.to_owned()),
            None => self.variables.remove(name),
        };
    }
}

/// What a text in the environment means (Laravel's `env()`): keywords, and one pair of quotes around the whole.
fn meaning(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    match trimmed.to_ascii_lowercase().as_str() {
        "" | "null" | "(null)" | "empty" | "(empty)" => return None,
        "(true)" => return Some("true"),
        "(false)" => return Some("false"),
        _ => {}
    }
    let quoted = |quote: char| trimmed.strip_prefix(quote)?.strip_suffix(quote);
    let inner = quoted('"').or_else(|| quoted('\'')).unwrap_or(text);
    (!inner.is_empty()).then_some(inner)
}

/// Tells whether Kubernetes wrote this variable because some service is called "campanile".
///
/// It gives each pod `CAMPANILE_PORT=tcp://…`, `CAMPANILE_SERVICE_HOST` and their kind; none of them is a setting.
fn is_service_link(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix("CAMPANILE_") else { return false };
    if rest == "PORT" {
        return value.starts_with("tcp://") || value.starts_with("udp://");
    }
    let port_link = |rest: &str| {
        let after_digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after_digits.len() < rest.len() && (after_digits.starts_with("_TCP") || after_digits.starts_with("_UDP"))
    };
    rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || rest.strip_prefix("PORT_").is_some_and(port_link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_conventions_of_laravel() {
        for unset in ["", "  ", "null", "NULL", "(null)", "empty", "(empty)", "\"\"", "''"] {
            assert_eq!(meaning(unset), None, "{unset:?}");
        }
        for (given, meant) in [
            ("(true)", "true"),
            ("(False)", "false"),
            ("\"a b\"", "a b"),
            ("'x'", "x"),
            ("\"x'", "\"x'"),
            ("null1", "null1"),
        ] {
            assert_eq!(meaning(given), Some(meant));
        }
    }

    #[test]
    fn service_links_of_kubernetes_are_no_settings() {
        for (name, value) in [
            ("CAMPANILE_PORT", "tcp://10.0.0.1:8080"),
            ("CAMPANILE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("CAMPANILE_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("CAMPANILE_SERVICE_HOST", "10.0.0.1"),
            ("CAMPANILE_SERVICE_PORT_HTTP", "8080"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [("CAMPANILE_PORT", "8080"), ("CAMPANILE_PORT_X", "1"), ("CAMPANILE_SERVICE", "x")] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
