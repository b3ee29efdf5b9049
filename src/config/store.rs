//! Settings of the database: its address, with the password hidden.
//!
//! A [`DatabaseUrl`] says which database it names and never shows its password, neither in `Debug` nor in errors.

use std::{fmt, str::FromStr};

use url::Url;

use super::value::Expected;

/// Kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file, or memory.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

/// Address of the database. `Display` and `Debug` hide the password and all parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: Box<str>,
    backend: Backend,
}

/// What an address of a database looks like.
const EXPECTED: &str = "sqlite://FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME, \
                        with special characters of the password percent-encoded";

impl FromStr for DatabaseUrl {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let text = text.trim();
        let wrong = || Expected::from(EXPECTED);
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        let backend = match scheme {
            "sqlite" => Backend::Sqlite,
            "postgres" | "postgresql" => Backend::Postgres,
            "mysql" | "mariadb" => Backend::MySql,
            _ => return Err(wrong()),
        };
        let complete = match backend {
            Backend::Sqlite => !rest.trim_start_matches('/').is_empty(),
            Backend::Postgres | Backend::MySql => rest.starts_with("//") && Url::parse(text).is_ok(),
        };
        if complete { Ok(Self { text: text.into(), backend }) } else { Err(wrong()) }
    }
}

impl DatabaseUrl {
    /// The address with its password. For opening the database; never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Which kind of database it names.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parameters may hold a password too (`?password=`, `?sslkey=`), so they are left out as a whole.
        let shown = self.text.split_once('?').map_or(&*self.text, |(before, _parameters)| before);
        if self.backend == Backend::Sqlite {
            return f.write_str(shown);
        }
        let Ok(mut url) = Url::parse(shown) else { return f.write_str("***") };
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return f.write_str("***");
        }
        url.set_fragment(None);
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Address of the database. Default `sqlite://campanile.db`. `CAMPANILE_DATABASE_URL`.
    pub url: DatabaseUrl,
    /// Days for which the audit is kept; 0 = for ever. Default 365. `CAMPANILE_AUDIT_DAYS`.
    pub audit_days: u32,
    /// Days for which is kept when people were here; 0 = for ever. Default 365. `CAMPANILE_PRESENCE_DAYS`.
    pub presence_days: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let url = DatabaseUrl { text: "sqlite://campanile.db".into(), backend: Backend::Sqlite };
        Self { url, audit_days: 365, presence_days: 365 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_are_accepted_and_others_refused() {
        let backend = |text: &str| text.parse::<DatabaseUrl>().map(|url| url.backend());
        for text in ["sqlite://campanile.db", "sqlite:campanile.db", "sqlite:///var/c.db?mode=rwc", "sqlite::memory:"] {
            assert_eq!(backend(text), Ok(Backend::Sqlite), "{text}");
        }
        for text in ["postgres://u:p@h/d", "postgresql://h:5432/d", "postgres:///d?host=/run/postgresql"] {
            assert_eq!(backend(text), Ok(Backend::Postgres), "{text}");
        }
        for text in ["mysql://u:p@h/d", "mariadb://u:p@h/d"] {
            assert_eq!(backend(text), Ok(Backend::MySql), "{text}");
        }
        for text in ["", "sqlite:", "sqlite://", "campanile.db", "mongodb://h/d", "postgres:h", "mysql://u:p#q@h/d"] {
            assert!(backend(text).is_err(), "{text}");
        }
    }

    #[test]
    fn password_and_parameters_are_not_shown() {
        let shown = |text: &str| text.parse::<DatabaseUrl>().unwrap().to_string();
        assert_eq!(shown("postgres://u:canary@h:5/d?password=canary"), "postgres://u:***@h:5/d");
        assert_eq!(shown("mysql://u@h/d#canary"), "mysql://u@h/d");
        assert_eq!(shown("sqlite://c.db?key=canary"), "sqlite://c.db");
        assert!(shown("sqlite:campanile.db").contains("campanile.db"));
    }
}
