//! `campanile api-key …`: keys of the database. A running server knows a new or revoked one at once.

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use super::{Error, Result, target};
use crate::{
    cli::{self, ApiKeyCommand},
    config::Config,
    domain::{
        api_key::{ApiKey, KeyHash, NewApiKey},
        audit::AuditEntry,
        caller::Scope,
    },
    ids::AppId,
    server,
    services::now,
    store::Store,
};

/// Runs one of the commands.
pub(super) async fn run(config: &Config, command: ApiKeyCommand) -> Result<()> {
    let store = target::store(config).await?;
    let said = act(config, &store, command).await?;
    store.close().await?;
    match said {
        Said::Made { key, about } => cli::hand_out(&key, &about)?,
        Said::Text(text) => cli::say(&text)?,
    }
    Ok(())
}

/// What a command answers.
enum Said {
    /// A new key with its secret, and how to use it.
    Made { key: String, about: String },
    /// Anything else.
    Text(String),
}

async fn act(config: &Config, store: &Store, command: ApiKeyCommand) -> Result<Said> {
    Ok(Said::Text(match command {
        ApiKeyCommand::Create { name, scopes, expires, networks, app } => {
            let app = target::app(config, store, app.as_ref()).await?.id;
            let (id, secret) = draw()?;
            let new = NewApiKey {
                id: id.clone(),
                app: app.clone(),
                name,
                hash: KeyHash(Sha256::digest(secret.as_bytes()).into()),
                scopes,
                ip_allow: networks.iter().map(ToString::to_string).collect(),
                expires_at: expires.map(|span| now() + span),
            };
            store.api_key_create(&new, now()).await?;
            audit(store, &app, "api_key.created", &id).await?;
            let key = format!("{id}_{secret}");
            return Ok(Said::Made { about: about(config, &new, &key), key });
        }
        ApiKeyCommand::List { app } => {
            let app = target::app(config, store, app.as_ref()).await?.id;
            let keys = store.api_key_list(&app).await?;
            if keys.is_empty() {
                return Ok(Said::Text(format!(
                    "App {app} has no API keys yet: campanile api-key create --name NAME --scope roster:write"
                )));
            }
            let head =
                format!("{:<16} {:<9} {:<21} {:<21} {:<24} NAME", "ID", "STATE", "EXPIRES", "LAST USED", "SCOPES");
            std::iter::once(head).chain(keys.iter().map(|key| line(key, now()))).collect::<Vec<_>>().join("\n")
        }
        ApiKeyCommand::Revoke { id } => {
            let key = store.api_key_find(&id).await?.ok_or_else(|| Error::NoSuchKey(id.clone()))?;
            if !store.api_key_revoke(&key.app, &id, now()).await? {
                return Ok(Said::Text(format!("API key {id} was revoked before")));
            }
            audit(store, &key.app, "api_key.revoked", &id).await?;
            format!("API key {id} is revoked")
        }
    }))
}

/// Draws the public part and the secret of a new key.
fn draw() -> Result<(String, String)> {
    let (mut id, mut secret) = ([0; 6], [0; 20]);
    getrandom::fill(&mut id).map_err(server::Error::from)?;
    getrandom::fill(&mut secret).map_err(server::Error::from)?;
    Ok((format!("ck_{}", hex::encode(id)), hex::encode(secret)))
}

async fn audit(store: &Store, app: &AppId, action: &str, id: &str) -> Result<()> {
    let entry = AuditEntry {
        app: app.clone(),
        actor: "cli".to_owned(),
        action: action.to_owned(),
        target_type: "api_key".to_owned(),
        target_id: id.to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: now(),
    };
    Ok(store.audit_insert(&[entry]).await?)
}

/// What there is to say about a new key.
fn about(config: &Config, new: &NewApiKey, key: &str) -> String {
    let address = config.public.address(&config.server, config.server.port);
    let url = format!("{}://{}:{}{}", address.scheme, address.host, address.port, address.path);
    let expires = new.expires_at.map_or_else(|| "never".to_owned(), shown);
    let mut lines = vec![
        format!("app id   {}", new.app),
        format!("scopes   {}", names(&new.scopes)),
        format!("expires  {expires}"),
    ];
    if !new.ip_allow.is_empty() {
        lines.push(format!("from     {}", new.ip_allow.join(" ")));
    }
    lines.push("\nKeep the key: it is not shown again. For example:\n".to_owned());
    lines.push(format!("curl -H 'Authorization: Bearer {key}' {url}/api/courses"));
    lines.join("\n")
}

fn line(key: &ApiKey, now: DateTime<Utc>) -> String {
    let state = match (key.revoked_at, key.is_valid(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "valid",
        (None, false) => "expired",
    };
    let moment = |moment: Option<DateTime<Utc>>| moment.map_or_else(|| "never".to_owned(), shown);
    let (expires, used) = (moment(key.expires_at), moment(key.last_used_at));
    format!("{:<16} {state:<9} {expires:<21} {used:<21} {:<24} {}", key.id, names(&key.scopes), key.name)
}

fn names(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",")
}

fn shown(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
