//! The command line: which command, with which arguments, and which settings come from flags.
//!
//! Parses and nothing else; `main` acts. The flags of `serve` are made from the table of settings. They also stand, hidden,
//! beside the commands, so that `campanile --port 9000` serves.

mod api_key;
mod app;
mod flags;
mod roster;
mod span;
#[cfg(test)]
mod tests;
mod token;

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::{FromArgMatches, Subcommand, error::ErrorKind};

pub use api_key::ApiKeyCommand;
pub use app::{AppCommand, Assignment, Error};
pub use roster::{Listed, RosterCommand};
pub use span::span;
pub use token::TokenCommand;

use crate::config::Flags;

/// What to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Command {
    /// Run the server (the default command)
    Serve,
    /// Bring the database to the newest form, or back
    Migrate {
        /// What to do; up when left out.
        #[command(subcommand)]
        action: Option<Migration>,
    },
    /// Write the description of the HTTP API
    Openapi {
        /// File to write
        #[arg(long, value_name = "FILE", default_value = "openapi/campanile.json")]
        output: PathBuf,
        /// Write nothing; fail when the file is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Write the description of channels and events
    Asyncapi {
        /// File to write
        #[arg(long, value_name = "FILE", default_value = "openapi/campanile.asyncapi.json")]
        output: PathBuf,
        /// Write nothing; fail when the file is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Make, show and change apps
    #[command(subcommand, arg_required_else_help = true)]
    App(AppCommand),
    /// Bring in and show who learns and teaches what
    #[command(subcommand, arg_required_else_help = true)]
    Roster(RosterCommand),
    /// Make, list and revoke keys for programs of the learning platform
    #[command(name = "api-key", subcommand, arg_required_else_help = true)]
    ApiKey(ApiKeyCommand),
    /// Make session tokens for trying things out
    #[command(subcommand, arg_required_else_help = true)]
    Token(TokenCommand),
    /// Load-test a Pusher server
    Bench(crate::bench::Args),
}

/// What `migrate` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Migration {
    /// Apply every migration that is missing (the default)
    Up,
    /// Take back the newest migrations; their data is lost
    Down {
        /// How many to take back
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
    },
    /// List the migrations and which of them are applied
    Status,
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// Settings from flags, for [`Config::load`](crate::config::Config::load). Every command may have some.
    pub flags: Flags,
}

const EXAMPLES: &str = "\
Examples:
  campanile                            serve on 127.0.0.1:8080
  campanile --host 0.0.0.0 --port 80   serve to everybody
  campanile app create --name Campus   make an app; prints its key and secret
  campanile serve --help               every setting and its variable";

const SERVE_EXAMPLES: &str = "\
Flags win over variables, variables over campanile.toml, the file over defaults.
Settings of apps: --app-default NAME=VALUE, CAMPANILE_APP_DEFAULT_<NAME>, or
NAME = VALUE under [app_defaults] in campanile.toml.

Examples:
  campanile serve --port 9000 --log info,campanile=debug
  campanile serve --app-default client_events=none
  REVERB_APP_ID=1 REVERB_APP_KEY=key REVERB_APP_SECRET=secret campanile serve";

/// The grammar of the command line.
#[must_use]
pub fn grammar() -> clap::Command {
    let root = clap::Command::new("campanile")
        .version(env!("CARGO_PKG_VERSION"))
        .args(flags::global())
        .args(flags::of_serve().map(|flag| flag.hide(true)));
    Command::augment_subcommands(root)
        .about("Pusher-compatible real-time server for learning platforms")
        .after_help(EXAMPLES)
        .max_term_width(100)
        .subcommand_required(false)
        .arg_required_else_help(false)
        .mut_subcommand("serve", |serve| serve.after_help(SERVE_EXAMPLES).args(flags::of_serve()))
}

/// Parses a command line, program name first.
///
/// # Errors
/// When it is not understood, and also when help or the version is asked for: [`clap::Error::exit`] prints the text to the
/// right stream and ends the process with the right code.
pub fn parse<I, T>(arguments: I) -> Result<Invocation, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let matches = grammar().try_get_matches_from(arguments)?;
    let mut found = flags::read(&matches);
    let command = match matches.subcommand() {
        None => Command::Serve,
        Some((name, of_command)) => {
            if name == "serve" {
                found.extend(flags::read(of_command));
            } else if let Some(flag) = flags::first_of_serve(&matches) {
                let text = format!("--{flag} is a flag of 'campanile serve', not of 'campanile {name}'\n");
                return Err(grammar().error(ErrorKind::ArgumentConflict, text));
            }
            Command::from_arg_matches(&matches)?
        }
    };
    flags::read_global(&matches, &mut found);
    Ok(Invocation { command, flags: found })
}

/// Writes a text to the standard output. The one way for commands to answer.
///
/// Who has closed it, as `head` does, has read enough: that is no error.
///
/// # Errors
/// When the output is full.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Hands out something that was made, in a line of its own, so that scripts can take it. What there is to say about it is told
/// to people only: where the standard output is a terminal.
///
/// # Errors
/// When the output is full.
pub fn hand_out(made: &str, about: &str) -> io::Result<()> {
    if io::stdout().is_terminal() { say(&format!("{made}\n\n{about}")) } else { say(made) }
}
