//! What a command is about: which database, which app.

use super::{Error, Result};
use crate::{
    config::Config,
    domain::app::App,
    ids::AppId,
    server,
    store::{self, Store},
};

/// The database of the server, as it is. A command makes none: in another folder than the server's it would be a second one,
/// of which the server knows nothing.
///
/// # Errors
/// When there is none, or it cannot be opened.
pub(super) async fn database(config: &Config) -> Result<Store> {
    match server::open_existing_store(config).await {
        Err(server::Error::Store(store::Error::MissingFile { path })) => Err(Error::NoDatabase { path }),
        opened => Ok(opened?),
    }
}

/// The same, with its tables up to date.
///
/// # Errors
/// When there is none, or it fails.
pub(super) async fn store(config: &Config) -> Result<Store> {
    let store = database(config).await?;
    store.migrate().await?;
    Ok(store)
}

/// The app with this id, or without one the configured app, else the oldest that is enabled.
///
/// # Errors
/// When there is none, or the database fails.
pub(super) async fn app(config: &Config, store: &Store, id: Option<&AppId>) -> Result<App> {
    let configured = config.app.as_ref().filter(|app| id.is_none_or(|id| app.id == *id));
    if let Some(app) = configured {
        return Ok(app.clone());
    }
    if let Some(id) = id {
        let found = store.app_find(id, &config.app_defaults).await?;
        return found.ok_or_else(|| Error::NoSuchApp(id.to_string()));
    }
    let mut listed = store.app_census(&config.app_defaults).await?;
    listed.retain(|listed| listed.app.enabled);
    listed.sort_by_key(|listed| listed.made);
    listed.into_iter().next().map(|listed| listed.app).ok_or(Error::NoApp)
}
