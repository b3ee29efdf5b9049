//! The settings file: TOML, flattened to dotted keys with texts.
//!
//! Knows nothing about the meaning of a key. Faults are told by line number and never by quoting the file, which may hold
//! secrets. Also reads the small files that hold one secret each.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use toml::Value;

use super::Problem;

/// Largest file that is read, in bytes; settings are far smaller.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What stands at a key: a text in the form the settings read, or `None` for a value that no setting can have.
pub(super) type Entries = BTreeMap<String, Option<String>>;

/// Reads a whole small text file.
///
/// # Errors
/// When it cannot be read, is not text, or is larger than 1 MiB.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if size as u64 > MAX_FILE_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Tells whether a file can be read, without keeping its content.
///
/// # Errors
/// When it cannot be opened or is not a file.
pub(super) fn readable(path: &Path) -> io::Result<()> {
    let kind = File::open(path)?.metadata()?;
    if kind.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

/// Reads TOML into dotted keys and texts.
///
/// # Errors
/// When the text is not TOML.
pub(super) fn parse(path: &Path, text: &str) -> Result<Entries, Problem> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // The parser's own `Display` quotes the line.
        Problem::NotToml { path: path.to_owned(), line, message: error.message().to_owned() }
    })?;
    let mut entries = Entries::new();
    for (key, value) in table {
        flatten(key, value, &mut entries);
    }
    Ok(entries)
}

fn flatten(key: String, value: Value, entries: &mut Entries) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(format!("{key}.{name}"), value, entries);
            }
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
            for (index, table) in items.into_iter().enumerate() {
                let key = format!("{key}[{}]", index + 1);
                if table.as_table().is_some_and(toml::Table::is_empty) {
                    entries.insert(key, None);
                } else {
                    flatten(key, table, entries);
                }
            }
        }
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.into_iter().map(scalar).collect();
            entries.insert(key, items.map(|items| items.join(",")));
        }
        single => {
            entries.insert(key, scalar(single));
        }
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_dotted_keys_with_numbers_from_1_and_lists_become_comma_separated() {
        let text = "mode = 'production'\n[server]\nport = 9000\npusher = false\ntrusted_proxies = ['10.0.0.0/8', '::1']\n\
                    day = 2026-01-01\n[[server.list]]\nx = 1";
        let entries = parse(Path::new("c.toml"), text).unwrap();
        let shown: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        assert_eq!(
            shown,
            [
                ("mode", Some("production")),
                ("server.day", None),
                ("server.list[1].x", Some("1")),
                ("server.port", Some("9000")),
                ("server.pusher", Some("false")),
                ("server.trusted_proxies", Some("10.0.0.0/8,::1")),
            ]
        );
    }

    #[test]
    fn faults_are_told_by_line_and_without_the_text() {
        let problem = parse(Path::new("c.toml"), "[app]\nid = 1\nsecret = \"canary\nkey = 2").unwrap_err().to_string();
        assert!(problem.starts_with("c.toml, line 3: "), "{problem}");
        assert!(!problem.contains("canary"), "{problem}");
    }

    #[test]
    fn files_beyond_the_limit_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        std::fs::write(&path, vec![b' '; 1 << 20]).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(readable(directory.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
