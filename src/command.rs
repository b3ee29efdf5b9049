//! What each command does: the last step from a parsed command line to the rooms.

mod api_key;
mod app;
mod roster;
mod table;
mod target;
mod token;

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    api,
    cli::{self, Command, Invocation, Migration},
    config::{
        self, Config, Environment,
        banner::{self, AppIs, Banner},
    },
    domain::{app::App, roster::Kind},
    server::{self, FirstApp},
    store, telemetry,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is a file that is not there.
    #[error(
        "there is no database at {}: 'campanile serve' or 'campanile migrate' makes it. Run this command in the folder of \
         the server, or name its database with --database-url or CAMPANILE_DATABASE_URL",
        path.display()
    )]
    NoDatabase {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Settings are wrong.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The server cannot start.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The database cannot be used.
    #[error("database: {0}")]
    Store(#[from] store::Error),
    /// The log filter cannot be read.
    #[error("log filter: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// Something cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The description of the API is not up to date.
    #[error("{0} is not up to date: run 'campanile {1}'")]
    StaleDescription(String, &'static str),
    /// There is no such app.
    #[error("there is no app '{0}' in the database: 'campanile app list' shows all")]
    NoSuchApp(String),
    /// There is no app at all, or none that is enabled.
    #[error("there is no app that is enabled: 'campanile app create --name NAME' makes one, --app names one")]
    NoApp,
    /// There is no such API key.
    #[error("there is no API key '{0}': 'campanile api-key list' shows all")]
    NoSuchKey(String),
    /// There is no such object.
    #[error("there is no {kind} '{id}' in the roster: 'campanile roster show {}' shows all", kind.plural())]
    NotInRoster {
        /// What was meant.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// Files cannot be read as CSV; one line a file.
    #[error("{0}")]
    Sheets(String),
    /// Rows are wrong. The others are not touched by that.
    #[error("wrong rows: {0}; they are left out, the report says what would be right")]
    WrongRows(usize),
    /// Many enrollments would go at once.
    #[error(
        "nothing was changed: so many would be dropped that it has to be confirmed; if they are meant to go, add --confirm {0}"
    )]
    Unconfirmed(String),
    /// Other enrollments would go than those that were looked at.
    #[error(
        "nothing was changed: --confirm names the report {got}, but this is report {wanted}; look at it, then confirm it"
    )]
    OtherReport {
        /// The report of this import.
        wanted: String,
        /// The report that was confirmed.
        got: String,
    },
    /// The roster refuses a change.
    #[error("roster: {0}")]
    Roster(crate::domain::roster::RowError),
    /// The app has two secrets already, so a third would end one that may be in use.
    #[error("app {0} has two valid secrets already: 'campanile app retire {0}' ends the older one first")]
    StillRotating(String),
    /// The secret may not be used on this server.
    #[error("the secret cannot be used outside of development: {0}")]
    WeakSecret(&'static str),
    /// The load test failed.
    #[error(transparent)]
    Bench(#[from] crate::bench::Error),
}

/// Result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be done; the error says what would be right.
pub fn run(Invocation { command, flags }: Invocation) -> Result<()> {
    match command {
        Command::Bench(args) => return Ok(crate::bench::run(&args)?),
        Command::Openapi { output, check } => return describe(&output, check, ("openapi", api::spec())),
        Command::Asyncapi { output, check } => return describe(&output, check, ("asyncapi", api::asyncapi())),
        Command::Serve
        | Command::Migrate { .. }
        | Command::App(_)
        | Command::Roster(_)
        | Command::ApiKey(_)
        | Command::Token(_) => {}
    }
    let config = Config::load(&flags, &Environment::of_process())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve(config).await,
            Command::Migrate { action } => migrate(&config, action.unwrap_or(Migration::Up)).await,
            Command::App(command) => app::run(&config, command).await,
            Command::Roster(command) => roster::run(&config, command).await,
            Command::ApiKey(command) => api_key::run(&config, command).await,
            Command::Token(command) => token::run(&config, command).await,
            Command::Bench(_) | Command::Openapi { .. } | Command::Asyncapi { .. } => Ok(()),
        }
    })
}

async fn serve(config: Config) -> Result<()> {
    telemetry::init(&config.log)?;
    for notice in &config.notices {
        tracing::warn!("{notice}");
    }
    let server = server::build(config).await?;
    // Before anybody is told that the server is there: who reads that may also tell it to stop.
    let (first, second) = (signals(1)?, signals(2)?);
    let address = server.address()?;
    tracing::info!(%address, "listening");
    if let Some(address) = server.metrics_address() {
        tracing::info!(%address, "serving metrics and health");
    }
    greet(&server, address.port())?;
    let stop = async {
        first.await;
        tracing::info!("going down; once more to stop at once");
    };
    tokio::select! {
        () = server.run(stop) => tracing::info!("stopped"),
        () = second => tracing::warn!("stopped at once"),
    }
    Ok(())
}

fn greet(server: &server::Server, port: u16) -> Result<()> {
    let config = server.config();
    let address = config.public.address(&config.server, port);
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let bound = format!("{scheme}://{}:{port}{}", config.server.host, config.server.path);
    let Some(FirstApp { app, is_new, is_configured }) = server.first_app() else {
        let text = format!(
            "Campanile listens on {bound}   ({} mode)\n\nThere is no app yet: campanile app create --name NAME",
            config.mode
        );
        return Ok(cli::say(&text)?);
    };
    let app_is = match (is_new, is_configured) {
        (true, _) => AppIs::New,
        (false, true) => AppIs::Configured,
        (false, false) => AppIs::Stored,
    };
    let cluster = config.public.cluster.as_deref();
    let banner = Banner { bound: &bound, address: &address, mode: config.mode, app, app_is, cluster };
    Ok(cli::say(&banner::render(&banner))?)
}

/// Completes on the `count`-th SIGTERM or SIGINT from now on.
fn signals(count: usize) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for _ in 0..count {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
    })
}

async fn migrate(config: &Config, action: Migration) -> Result<()> {
    let store = match action {
        Migration::Up => server::open_store(config).await?,
        Migration::Down { .. } | Migration::Status => target::database(config).await?,
    };
    let lines = match action {
        Migration::Up => told("applied", store.migrate().await?),
        Migration::Down { steps } => told("taken back", store.migrate_down(steps).await?),
        Migration::Status => {
            let line =
                |(name, applied): (String, bool)| format!("{name}  {}", if applied { "applied" } else { "pending" });
            store.migration_status().await?.into_iter().map(line).collect()
        }
    };
    let text = if lines.is_empty() { "Nothing to do".to_owned() } else { lines.join("\n") };
    Ok(cli::say(&text)?)
}

fn told(what: &str, names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| format!("{what}  {name}")).collect()
}

/// Writes a description to its file, or checks that it is the same; `command` is the one that writes it.
fn describe(output: &Path, check: bool, (command, spec): (&'static str, String)) -> Result<()> {
    let file = |source| Error::File { path: output.display().to_string(), source };
    if check {
        let current = std::fs::read_to_string(output).map_err(file)?;
        return if current == spec {
            Ok(())
        } else {
            Err(Error::StaleDescription(output.display().to_string(), command))
        };
    }
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    std::fs::write(output, spec).map_err(file)?;
    Ok(cli::say(&format!("wrote {}", output.display()))?)
}

/// The settings of an app as lines, those that differ from the default first.
fn settings_table(app: &App, overrides: &[(String, String)]) -> String {
    let is_own = |name: &str| overrides.iter().any(|(known, _)| known == name);
    let mut entries = app.settings.entries();
    entries.sort_by_key(|entry| !is_own(entry.name));
    let line = |entry: &crate::domain::app::SettingInfo| {
        let mark = if is_own(entry.name) { '*' } else { ' ' };
        format!(" {mark} {:<28} {:<12} {}", entry.name, entry.value, entry.doc)
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}
