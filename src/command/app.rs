//! `campanile app …`: apps of the database. A running server sees every change within a second.

use super::{Error, Result, settings_table, target};
use crate::{
    cli::{self, AppCommand},
    config::Config,
    domain::app::{App, MAX_ACTIVE_SECRETS, Secret, secret_weakness},
    ids::AppId,
    server::Credentials,
    services::now,
    store::{NewApp, Store},
};

/// Runs one of the commands.
pub(super) async fn run(config: &Config, command: AppCommand) -> Result<()> {
    let store = target::store(config).await?;
    let text = act(config, &store, command).await?;
    store.close().await?;
    Ok(cli::say(&text)?)
}

async fn act(config: &Config, store: &Store, command: AppCommand) -> Result<String> {
    match command {
        AppCommand::Create { name, id, key, secret, settings } => {
            let weakness = secret.as_ref().and_then(secret_weakness).filter(|_| !config.accepts_weak_secrets());
            if let Some(reason) = weakness {
                return Err(Error::WeakSecret(reason));
            }
            let drawn = Credentials::draw()?;
            let id = id.unwrap_or(drawn.id);
            let settings = settings.into_iter().map(|one| (one.name.to_owned(), one.value)).collect();
            let new = NewApp {
                key: key.unwrap_or(drawn.key),
                name: name.unwrap_or_else(|| id.to_string()),
                secrets: vec![secret.unwrap_or(drawn.secret)],
                enabled: true,
                settings,
                id: id.clone(),
            };
            store.app_create(new, now()).await?;
            Ok(credentials(&find(config, store, &id).await?))
        }
        AppCommand::List => list(config, store).await,
        AppCommand::Show { id, secrets } => show(config, store, &id, secrets).await,
        AppCommand::Set { id, settings } => {
            for one in settings {
                known(store.app_setting_set(&id, one.name, &one.value, now()).await?, &id)?;
            }
            show(config, store, &id, false).await
        }
        AppCommand::Unset { id, names } => {
            find(config, store, &id).await?;
            for name in names {
                store.app_setting_unset(&id, name, now()).await?;
            }
            show(config, store, &id, false).await
        }
        AppCommand::Rotate { id } => {
            if find(config, store, &id).await?.secrets.len() >= MAX_ACTIVE_SECRETS {
                return Err(Error::StillRotating(id.to_string()));
            }
            known(store.app_secret_rotate(&id, Credentials::draw()?.secret, now()).await?, &id)?;
            let app = find(config, store, &id).await?;
            let text = "\n\nThe secret before stays valid until 'campanile app retire'. Bring the new one to your servers first.";
            Ok(credentials(&app) + text)
        }
        AppCommand::Retire { id } => {
            find(config, store, &id).await?;
            let count = store.app_secret_retire(&id).await?;
            Ok(if count == 0 {
                "There is no older secret".to_owned()
            } else {
                "The older secret is no longer valid".to_owned()
            })
        }
        AppCommand::Enable { id } => {
            known(store.app_enable(&id, now()).await?, &id)?;
            Ok(format!("App {id} is enabled"))
        }
        AppCommand::Disable { id } => {
            known(store.app_disable(&id, now()).await?, &id)?;
            Ok(format!("App {id} is disabled; its sockets are closed with 4003"))
        }
        AppCommand::Delete { id } => {
            known(store.app_delete(&id).await?, &id)?;
            Ok(format!("App {id} is deleted"))
        }
    }
}

fn known(found: bool, id: &AppId) -> Result<()> {
    if found { Ok(()) } else { Err(Error::NoSuchApp(id.to_string())) }
}

async fn find(config: &Config, store: &Store, id: &AppId) -> Result<App> {
    let app = store.app_find(id, &config.app_defaults).await?;
    app.ok_or_else(|| Error::NoSuchApp(id.to_string()))
}

fn credentials(app: &App) -> String {
    let secret = app.secrets.first().map_or("", Secret::expose);
    format!("app id   {}\nkey      {}\nsecret   {secret}", app.id, app.key)
}

async fn list(config: &Config, store: &Store) -> Result<String> {
    let apps = store.app_list(&config.app_defaults).await?;
    if apps.is_empty() {
        return Ok("No apps yet: campanile app create --name NAME".to_owned());
    }
    let line = |app: &App| {
        let state = if app.enabled { "enabled" } else { "disabled" };
        format!("{:<20} {:<24} {:<9} {}", app.id.as_str(), app.key.as_str(), state, app.name)
    };
    let head = format!("{:<20} {:<24} {:<9} {}", "ID", "KEY", "STATE", "NAME");
    Ok(std::iter::once(head).chain(apps.iter().map(line)).collect::<Vec<_>>().join("\n"))
}

async fn show(config: &Config, store: &Store, id: &AppId, with_secrets: bool) -> Result<String> {
    let app = find(config, store, id).await?;
    let overrides = store.app_overrides(id).await?;
    let mut lines = vec![
        format!("app id   {}", app.id),
        format!("key      {}", app.key),
        format!("name     {}", app.name),
        format!("state    {}", if app.enabled { "enabled" } else { "disabled" }),
    ];
    if with_secrets {
        let labels = ["secret   ", "before   "];
        lines.extend(labels.iter().zip(&app.secrets).map(|(label, secret)| format!("{label}{}", secret.expose())));
    } else {
        lines.push(format!("secrets  {} active (--secrets shows them)", app.secrets.len()));
    }
    lines.push("\nSettings (* = this app's own):".to_owned());
    lines.push(settings_table(&app, &overrides));
    Ok(lines.join("\n"))
}
