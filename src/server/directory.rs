//! Keeps the apps in memory equal to the configuration and the database.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    Result,
    keep::{follow, ticker},
};
use crate::{
    config::{Config, Mode},
    domain::app::{App, Listed, Secret, secret_weakness},
    ids::{AppId, AppKey},
    services::{Apps, now},
    store::{NewApp, Store},
};

/// How often changes are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for the database to tell what has changed.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// The app that greets whoever starts the server.
#[derive(Debug, Clone)]
pub struct FirstApp {
    /// The app.
    pub app: App,
    /// It was made at this start.
    pub is_new: bool,
    /// It comes from the configuration.
    pub is_configured: bool,
}

/// Credentials of a new app.
pub(crate) struct Credentials {
    /// Six digits: the Python SDK takes numbers only.
    pub(crate) id: AppId,
    /// Twenty hexadecimal digits.
    pub(crate) key: AppKey,
    /// Forty hexadecimal digits.
    pub(crate) secret: Secret,
}

impl Credentials {
    /// Draws new ones.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn draw() -> Result<Self> {
        let id = 100_000 + getrandom::u32()? % 900_000;
        let (mut key, mut secret) = ([0; 10], [0; 20]);
        getrandom::fill(&mut key)?;
        getrandom::fill(&mut secret)?;
        Ok(Self {
            id: AppId::parse(&id.to_string())?,
            key: AppKey::parse(&hex::encode(key))?,
            secret: Secret::new(&hex::encode(secret)),
        })
    }
}

/// Finds the app to greet with; a development server without any app makes one.
pub(super) async fn first_app(config: &Config, store: &Store) -> Result<Option<FirstApp>> {
    if let Some(app) = &config.app {
        return Ok(Some(FirstApp { app: app.clone(), is_new: false, is_configured: true }));
    }
    // The oldest that is enabled, so that it stays the same when others are made.
    let find = async || -> Result<Option<App>> {
        let mut listed = store.app_census(&config.app_defaults).await?;
        listed.sort_by_key(|listed| (!listed.app.enabled, listed.made));
        Ok(listed.into_iter().next().map(|listed| listed.app))
    };
    if let Some(app) = find().await? {
        return Ok(Some(FirstApp { app, is_new: false, is_configured: false }));
    }
    if config.mode == Mode::Production {
        return Ok(None);
    }
    let Credentials { id, key, secret } = Credentials::draw()?;
    let new =
        NewApp { id, key, name: "Development".to_owned(), secrets: vec![secret], enabled: true, settings: Vec::new() };
    store.app_create(new, now()).await?;
    Ok(find().await?.map(|app| FirstApp { app, is_new: true, is_configured: false }))
}

/// Brings configuration and database into force; returns the revision that was read.
pub(super) async fn load(config: &Config, store: &Store, apps: &Apps) -> Result<i64> {
    let revision = store.app_revision().await?;
    let mut stored = store.app_census(&config.app_defaults).await?;
    stored.retain(|listed| is_fit(config, &listed.app));
    apps.replace(config.app.iter().cloned().map(Listed::from).chain(stored).collect());
    Ok(revision)
}

/// Tells whether an app's secrets are fit for this server; says so in the log when they are not.
fn is_fit(config: &Config, app: &App) -> bool {
    let weakness = app.secrets.iter().find_map(secret_weakness).filter(|_| !config.accepts_weak_secrets());
    if let Some(reason) = weakness {
        tracing::error!(app.id = %app.id, "app is not served: a secret cannot be used outside of development, {reason}; \
            'campanile app rotate' and then 'retire' give it a new one");
    }
    weakness.is_none()
}

/// Looks for changed apps, once a second, until cancelled.
pub(super) async fn keep_fresh((config, store, apps): (Config, Store, Arc<Apps>), token: CancellationToken) {
    let (config, store, apps) = (&config, &store, &*apps);
    let look =
        follow("list of apps", ticker(INTERVAL), REFRESH_TIMEOUT, move |known| refresh(config, store, apps, known));
    let _cancelled = token.run_until_cancelled(look).await;
}

async fn refresh(config: &Config, store: &Store, apps: &Apps, known: Option<i64>) -> Result<i64> {
    let revision = store.app_revision().await?;
    if known == Some(revision) {
        return Ok(revision);
    }
    load(config, store, apps).await
}
