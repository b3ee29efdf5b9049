//! Which app a command is about.

use super::{Error, Result};
use crate::{config::Config, domain::app::App, ids::AppId, store::Store};

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
