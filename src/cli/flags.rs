//! The flags of `serve`, made from the table of settings, and the way back from the parser to [`Flags`].
//!
//! Every flag takes a text; the settings check all texts together. So the parser never refuses a value, and never shows
//! one.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::config::{CONFIG_VARIABLE, DEFAULT_FILE, Flags, Setting, table};

/// Id of the flag that names the settings file.
const CONFIG: &str = "config";

/// Id of the flag that sets app settings.
const APP_DEFAULT: &str = "app-default";

/// Settings whose flag every command has.
const GLOBAL: [&str; 1] = ["store.url"];

const GLOBAL_HEADING: &str = "For every command";

fn is_global(setting: &Setting) -> bool {
    GLOBAL.contains(&&*setting.key)
}

fn flag(setting: &'static Setting) -> Option<Arg> {
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let variables = setting.variables.join(", ");
    let short = format!("{}{default}", setting.doc);
    let long = format!("{short}\n{} in {DEFAULT_FILE}; {variables}", setting.key);
    let arg = Arg::new(&*setting.key).long(setting.flag?).value_name(setting.placeholder).action(ArgAction::Set);
    Some(arg.help_heading(setting.heading()).help(short).long_help(long).hide_default_value(true))
}

/// Flags that every command has.
pub(super) fn global() -> impl Iterator<Item = Arg> {
    let help = format!("Settings file [default: {DEFAULT_FILE}, if it exists]");
    let long = format!("{help}\n{CONFIG_VARIABLE}");
    let config = Arg::new(CONFIG).long("config").value_name("FILE").value_parser(value_parser!(PathBuf));
    let config = config.help(help).long_help(long).help_heading(GLOBAL_HEADING).global(true);
    let settings = table().iter().filter(|setting| is_global(setting));
    std::iter::once(config).chain(settings.filter_map(flag).map(|arg| arg.global(true).help_heading(GLOBAL_HEADING)))
}

/// Flags of `serve`.
pub(super) fn of_serve() -> impl Iterator<Item = Arg> {
    let app_default = Arg::new(APP_DEFAULT)
        .long("app-default")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .help_heading("App")
        .help("Setting of every app that sets nothing itself; may be repeated");
    table().iter().filter(|setting| !is_global(setting)).filter_map(flag).chain([app_default])
}

/// Reads the flags of `serve` that were given at this level.
pub(super) fn read(matches: &ArgMatches) -> Flags {
    let mut flags = Flags::default();
    for setting in table().iter().filter(|setting| !is_global(setting) && setting.flag.is_some()) {
        if let Some(text) = matches.get_one::<String>(&setting.key) {
            flags.set(&setting.key, text);
        }
    }
    for assignment in matches.get_many::<String>(APP_DEFAULT).into_iter().flatten() {
        flags.add_app_default(assignment);
    }
    flags
}

/// Reads the flags that every command has, wherever on the line they stand.
pub(super) fn read_global(matches: &ArgMatches, flags: &mut Flags) {
    let mut deepest = matches;
    while let Some((_, below)) = deepest.subcommand() {
        deepest = below;
    }
    if let Some(path) = deepest.get_one::<PathBuf>(CONFIG) {
        flags.set_config(path.clone());
    }
    for key in GLOBAL {
        if let Some(text) = deepest.get_one::<String>(key) {
            flags.set(key, text);
        }
    }
}

/// The first flag of `serve` that was given at this level, without its dashes.
pub(super) fn first_of_serve(matches: &ArgMatches) -> Option<&'static str> {
    let given = |setting: &&Setting| setting.flag.is_some() && matches.contains_id(&setting.key);
    let of_table = table().iter().filter(|setting| !is_global(setting)).find(given).and_then(|setting| setting.flag);
    of_table.or_else(|| matches.contains_id(APP_DEFAULT).then_some(APP_DEFAULT))
}
