//! The layers: flags over environment over file; what no layer gives keeps its default.
//!
//! Finds for each row of the table the one text that counts and where it comes from, and every name that is in no row.
//! Texts are not read here. A value that a higher layer replaces is not looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use super::{
    Environment, Flags, Problem, Setting, Source,
    file::{self, Entries},
    nearest, reverb,
    table::{CONFIG_VARIABLE, DEFAULT_FILE, ISSUER_FIELDS, by_key, table},
};

/// The text that counts for one setting.
pub(super) struct Given {
    /// The text.
    pub(super) text: String,
    /// Where it stands.
    pub(super) from: Source,
}

type Issuers = BTreeMap<usize, BTreeMap<&'static str, Given>>;

/// What the layers hold together.
#[derive(Default)]
pub(super) struct Gathered {
    texts: BTreeMap<&'static str, Given>,
    /// What stands in each `[[issuers]]` of the settings file, by its number from 1 and by field.
    pub(super) issuers: Issuers,
    /// Keys that are given by a variable that cannot be used; reported already.
    broken: BTreeSet<&'static str>,
}

impl Gathered {
    /// The text that counts for a setting.
    pub(super) fn get(&self, key: &str) -> Option<&Given> {
        self.texts.get(key)
    }

    /// Tells whether any layer gives the setting, be it in a way that cannot be used.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.texts.contains_key(key) || self.broken.contains(key)
    }
}

/// Values that TOML has and settings do not.
const NO_SCALAR: &str = "a text, a number, a switch or a list of those";

/// Finds what is given for each setting.
pub(super) fn gather(flags: &Flags, environment: &Environment, problems: &mut Vec<Problem>) -> Gathered {
    let file = settings_file(flags, environment, problems);
    let environment = reverb::translate(environment, problems);
    unknown_variables(&environment, problems);

    let mut gathered = Gathered::default();
    for setting in table() {
        let by_environment = || from_environment(setting, &environment).transpose();
        let by_file = || from_file(setting, file.as_ref()?).map(Ok);
        match from_flag(setting, flags).map(Ok).or_else(by_environment).or_else(by_file) {
            Some(Ok(given)) => _ = gathered.texts.insert(&setting.key, given),
            Some(Err(problem)) => {
                problems.push(problem);
                gathered.broken.insert(&setting.key);
            }
            None => {}
        }
    }
    app_default_flags(flags, &mut gathered, problems);
    gathered.issuers = file.as_ref().map(listed_issuers).unwrap_or_default();
    gathered
}

fn from_flag(setting: &Setting, flags: &Flags) -> Option<Given> {
    let text = flags.get(&setting.key)?.to_owned();
    Some(Given { text, from: Source::Flag(setting.flag.unwrap_or(&setting.key).to_owned()) })
}

fn app_default_flags(flags: &Flags, gathered: &mut Gathered, problems: &mut Vec<Problem>) {
    for assignment in flags.app_defaults() {
        let from = |name: &str| Source::Flag(format!("app-default {name}"));
        let Some((name, value)) = assignment.split_once('=') else {
            let (from, shown) = (Source::Flag("app-default".to_owned()), format!("{assignment:?}"));
            problems.push(Problem::Refused { from, shown, expected: "NAME=VALUE".into() });
            continue;
        };
        let name = name.trim();
        match by_key(&format!("app_defaults.{name}")) {
            Some(setting) => {
                gathered.texts.insert(&setting.key, Given { text: value.to_owned(), from: from(name) });
            }
            None => {
                let names = crate::domain::app::AppSettings::NAMES.iter().copied();
                problems.push(Problem::Unknown { from: from(name), nearest: nearest(name, names).map(str::to_owned) });
            }
        }
    }
}

fn from_environment(setting: &Setting, environment: &Environment) -> Result<Option<Given>, Problem> {
    let source = |name: &str| Source::Variable(name.to_owned());
    let found = |name: &str| environment.get(name).map(|text| (text, source(name)));
    let (native, aliases) = setting.variables.split_at(1);
    let native = native.iter().find_map(|name| found(name));
    let file = setting.file_variable.and_then(found);
    let (text, from) = match (native, file) {
        (Some((_, first)), Some((_, second))) => return Err(Problem::Both { first, second }),
        (None, Some((path, from))) => return from_named_file(environment.resolve(Path::new(path)), from).map(Some),
        (Some(native), None) => native,
        (None, None) => match aliases.iter().find_map(|name| found(name)) {
            Some(alias) => alias,
            None => return Ok(None),
        },
    };
    // What the process had as other bytes than UTF-8 was replaced by this character.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Problem::NotText { from });
    }
    Ok(Some(Given { text: text.to_owned(), from }))
}

fn from_named_file(path: PathBuf, from: Source) -> Result<Given, Problem> {
    match file::read(&path) {
        // Editors and `echo` end the line; the line end is no part of the secret.
        Ok(text) => Ok(Given { text: text.trim_end_matches(['\r', '\n']).to_owned(), from }),
        Err(cause) => Err(Problem::Unreadable { from, path, cause }),
    }
}

fn from_file(setting: &Setting, (path, entries): &(PathBuf, Entries)) -> Option<Given> {
    let text = entries.get(&*setting.key)?.clone()?;
    Some(Given { text, from: Source::File { path: path.clone(), key: setting.key.to_string() } })
}

/// Splits `issuers[2].audience` into 2 and the field, if it is one.
fn listed_issuer(key: &str) -> Option<(usize, &'static str)> {
    let (number, field) = key.strip_prefix("issuers[")?.split_once("].")?;
    let field = ISSUER_FIELDS.iter().find(|known| known.name == field)?;
    Some((number.parse().ok()?, field.name))
}

fn listed_issuers((path, entries): &(PathBuf, Entries)) -> Issuers {
    let mut issuers = Issuers::new();
    for (key, value) in entries {
        if let (Some((number, field)), Some(text)) = (listed_issuer(key), value) {
            let from = Source::File { path: path.clone(), key: key.clone() };
            issuers.entry(number).or_default().insert(field, Given { text: text.clone(), from });
        }
    }
    issuers
}

/// Reads the settings file, if there is one, and reports what it holds beyond the table.
fn settings_file(flags: &Flags, environment: &Environment, problems: &mut Vec<Problem>) -> Option<(PathBuf, Entries)> {
    let by_flag = flags.config().map(|path| (path.clone(), Source::Flag("config".to_owned())));
    let variable = || Source::Variable(CONFIG_VARIABLE.to_owned());
    let by_variable = || environment.get(CONFIG_VARIABLE).map(|path| (path.into(), variable()));
    let (path, from) = by_flag.or_else(by_variable).unwrap_or_else(|| (DEFAULT_FILE.into(), Source::Default));

    let entries = match file::read(&environment.resolve(&path)) {
        Ok(text) => file::parse(&path, &text),
        Err(cause) if from == Source::Default && cause.kind() == io::ErrorKind::NotFound => return None,
        Err(cause) => Err(Problem::Unreadable { from, path: path.clone(), cause }),
    };
    match entries {
        Ok(entries) => {
            unknown_keys(&path, &entries, problems);
            Some((path, entries))
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn unknown_keys(path: &Path, entries: &Entries, problems: &mut Vec<Problem>) {
    for (key, value) in entries {
        let from = Source::File { path: path.to_owned(), key: key.clone() };
        if by_key(key).is_none() && listed_issuer(key).is_none() {
            let (before, name) = key.split_once("].").map_or(("", key.as_str()), |(before, name)| (before, name));
            let nearest = if before.starts_with("issuers[") {
                nearest(name, ISSUER_FIELDS.iter().map(|field| field.name)).map(str::to_owned)
            } else {
                nearest(key, table().iter().map(|setting| &*setting.key)).map(str::to_owned)
            };
            problems.push(Problem::Unknown { from, nearest });
        } else if value.is_none() {
            problems.push(Problem::Refused { from, shown: "…".to_owned(), expected: NO_SCALAR.into() });
        }
    }
}

fn unknown_variables(environment: &Environment, problems: &mut Vec<Problem>) {
    let known = || {
        let files = table().iter().filter_map(|setting| setting.file_variable);
        let natives = table().iter().flat_map(|setting| &setting.variables).map(|name| &**name);
        natives.filter(|name| name.starts_with("CAMPANILE_")).chain(files).chain([CONFIG_VARIABLE])
    };
    for name in environment.names("CAMPANILE_") {
        if !known().any(|known| known == name) {
            let nearest = nearest(name, known()).map(str::to_owned);
            problems.push(Problem::Unknown { from: Source::Variable(name.to_owned()), nearest });
        }
    }
}
