//! What can be wrong with the settings, and how it is told.
//!
//! All problems of a start are told together, each with the place it comes from and what would be right. No text here
//! holds a secret: values are masked before they get into a [`Problem`].

use std::{fmt, io, path::PathBuf};

use super::Expected;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, without its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A key in the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The dotted key.
        key: String,
    },
    /// Nothing was said; this is what then holds.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File { path, key } => write!(f, "{key} in {}", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// "; did you mean …?" or nothing.
fn hint(nearest: Option<&String>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The value does not have the right form or lies outside its bounds.
    #[error("{from} = {shown}: must be {expected}")]
    Refused {
        /// Where the value was given.
        from: Source,
        /// The value, masked where it is secret.
        shown: String,
        /// What would be right.
        expected: Expected,
    },
    /// There is no such key, variable or name of a setting.
    #[error("{from} is not a known setting{}", hint(.nearest.as_ref()))]
    Unknown {
        /// Where it was given.
        from: Source,
        /// The known name next to it.
        nearest: Option<String>,
    },
    /// The variable does not hold text.
    #[error("{from}: must be valid UTF-8")]
    NotText {
        /// The variable.
        from: Source,
    },
    /// A file that was asked for cannot be read.
    #[error("{from} names {}, which cannot be read: {cause}", .path.display())]
    Unreadable {
        /// Where the file was named.
        from: Source,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The settings file is not TOML.
    #[error("{}, line {line}: {message}", .path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// What the parser says. Never the line itself, which may hold a secret.
        message: String,
    },
    /// Settings that only make sense together are not all there.
    #[error("{} is set, so {missing} is needed too ({})", .present.join(" and "), .variables.join(" or "))]
    Incomplete {
        /// Keys that are set.
        present: Vec<String>,
        /// Key that is missing.
        missing: String,
        /// Variables that would set it.
        variables: Vec<String>,
    },
    /// Two ways to say the same were used at once.
    #[error("{first} and {second} are both set: use one of them")]
    Both {
        /// The one.
        first: Source,
        /// The other.
        second: Source,
    },
    /// An issuer of tokens is not complete, or contradicts itself.
    #[error("{at}: {what}")]
    Issuer {
        /// Where the issuer stands.
        at: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The secret of the configured app is not fit for other people's networks.
    #[error(
        "{from} = ***: must be a secret fit for production, but {why}; \
         a weak secret is accepted only in development mode on a loopback address, without a public host or trusted proxies"
    )]
    WeakSecret {
        /// Where the secret was given.
        from: Source,
        /// What is weak about it.
        why: &'static str,
    },
}

/// Everything that is wrong with the settings, in one message.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(.problems))]
pub struct Error {
    problems: Vec<Problem>,
}

/// Result of reading the settings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The single problems, in the order they were found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn list(problems: &[Problem]) -> String {
    let head = match problems.len() {
        1 => "1 setting is wrong; nothing was started".to_owned(),
        many => format!("{many} settings are wrong; nothing was started"),
    };
    problems.iter().fold(head, |text, problem| text + "\n  - " + &problem.to_string())
}
