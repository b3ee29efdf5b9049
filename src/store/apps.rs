//! Apps that are kept in the database: their row, their secrets and the settings in which they differ from the
//! server's.
//!
//! Owns the order of secrets (the newest signs) and the merge of settings. Knows nothing of apps from the
//! configuration, nor of the sockets of an app: whoever runs a server watches [`Store::app_revision`] and loads again
//! when it moves.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, error::Error as _};

use chrono::{DateTime, Utc};
use entity::{app, app_secret, app_setting};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QueryTrait, UpdateMany,
    sea_query::{Expr, OnConflict},
};

use super::{Error, Result, Store, change_end, chat, idempotency, roster, stamp, streams};
use crate::{
    domain::app::{App, AppSettings, Listed, MAX_ACTIVE_SECRETS, MAX_SECRET_BYTES, Secret},
    ids::{AppId, AppKey},
};

/// Name of the change counter.
const COUNTER: &str = "app";

/// Longest name of an app in characters; the width of the column.
const MAX_NAME: usize = 128;

/// An app that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApp {
    /// Names the app in HTTP paths.
    pub id: AppId,
    /// Names the app towards clients.
    pub key: AppKey,
    /// What operators call it. At most 128 characters.
    pub name: String,
    /// Secrets, newest first: one or two, each of 1 to 255 bytes.
    pub secrets: Vec<Secret>,
    /// Whether it accepts sockets and HTTP requests from the start.
    pub enabled: bool,
    /// Names and values of the settings in which it differs from the server's. The last one of a name counts.
    pub settings: Vec<(String, String)>,
}

impl Store {
    /// Makes an app.
    ///
    /// # Errors
    /// [`Error::AppIdTaken`] and [`Error::AppKeyTaken`]; [`Error::AppNameTooLong`], [`Error::SecretCount`],
    /// [`Error::SecretLength`] and [`Error::Setting`] before anything is written; [`Error::Database`].
    #[tracing::instrument(name = "store.app_create", level = "debug", skip_all, fields(app.id = %new.id))]
    pub async fn app_create(&self, new: NewApp, now: DateTime<Utc>) -> Result<()> {
        check(&new)?;
        let change = self.change_begin(COUNTER).await?;
        // Nobody can take the two between these looks and the insert: other writers wait for this change, which takes
        // itself back when it is dropped.
        if app::Entity::find_by_id(new.id.as_str()).one(&change).await?.is_some() {
            return Err(Error::AppIdTaken { id: new.id });
        }
        if app::Entity::find().filter(app::Column::Key.eq(new.key.as_str())).one(&change).await?.is_some() {
            return Err(Error::AppKeyTaken { key: new.key });
        }
        let row = app::ActiveModel {
            id: Set(new.id.as_str().to_owned()),
            key: Set(new.key.as_str().to_owned()),
            name: Set(new.name),
            enabled: Set(new.enabled),
            created_at: Set(stamp(now)),
            updated_at: Set(stamp(now)),
        };
        app::Entity::insert(row).exec_without_returning(&change).await?;
        for secret in new.secrets.iter().rev() {
            secret_insert(&change, &new.id, secret, now).await?;
        }
        for (name, value) in &new.settings {
            setting_upsert(&change, &new.id, name, value).await?;
        }
        Ok(change.commit().await?)
    }

    /// Finds an app. Its settings are `base` with its own put in place.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] or [`Error::Database`].
    #[tracing::instrument(name = "store.app_find", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_find(&self, id: &AppId, base: &AppSettings) -> Result<Option<App>> {
        let rows = self.app_rows(Some(id)).await?;
        rows.into_iter().next().map(|rows| rows.into_app(base)).transpose()
    }

    /// Lists all apps, ordered by id. Their settings are `base` with their own put in place. An app whose row breaks a rule
    /// is left out and told in the log: it must not stand in the way of the others.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn app_list(&self, base: &AppSettings) -> Result<Vec<App>> {
        Ok(self.app_census(base).await?.into_iter().map(|listed| listed.app).collect())
    }

    /// As [`Store::app_list`], with the moment at which each app was made.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_census", level = "debug", skip_all)]
    pub async fn app_census(&self, base: &AppSettings) -> Result<Vec<Listed>> {
        let listed = |rows: AppRows| {
            let (id, made) = (rows.app.id.clone(), rows.app.created_at.and_utc().timestamp());
            match rows.into_app(base) {
                Ok(app) => Some(Listed { app, made: Some(made) }),
                Err(error) => {
                    let cause = error.source().map(ToString::to_string);
                    tracing::error!(app.id = id, %error, cause, "an app in the database is skipped");
                    None
                }
            }
        };
        Ok(self.app_rows(None).await?.into_iter().filter_map(listed).collect())
    }

    /// Names and values of the settings in which an app differs from the server's, ordered by name; none if there is no
    /// such app. Shows those too that this version cannot read.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_overrides", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_overrides(&self, id: &AppId) -> Result<Vec<(String, String)>> {
        let of_app = app_setting::Entity::find().filter(app_setting::Column::AppId.eq(id.as_str()));
        let rows = of_app.order_by_asc(app_setting::Column::Name).all(&self.db).await?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    /// Adds a secret, which signs from now on. The one before stays valid, older ones go. False if there is no such
    /// app.
    ///
    /// # Errors
    /// [`Error::SecretLength`] or [`Error::Database`].
    #[tracing::instrument(name = "store.app_secret_rotate", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_secret_rotate(&self, id: &AppId, secret: Secret, now: DateTime<Utc>) -> Result<bool> {
        check_secret(&secret)?;
        let change = self.change_begin(COUNTER).await?;
        let found = app_touch(id, now).exec(&change).await?.rows_affected > 0;
        if found {
            secret_insert(&change, id, &secret, now).await?;
            secret_keep_newest(&change, id, MAX_ACTIVE_SECRETS).await?;
        }
        change_end(change, found).await
    }

    /// Drops all secrets but the newest and tells how many went; 0 if there is no such app.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_secret_retire", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_secret_retire(&self, id: &AppId) -> Result<usize> {
        let change = self.change_begin(COUNTER).await?;
        let retired = secret_keep_newest(&change, id, 1).await?;
        change_end(change, retired > 0).await?;
        Ok(retired)
    }

    /// Lets an app accept sockets and HTTP requests. False if there is no such app.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_enable", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_enable(&self, id: &AppId, now: DateTime<Utc>) -> Result<bool> {
        self.app_update(app_touch(id, now).col_expr(app::Column::Enabled, Expr::value(true))).await
    }

    /// Lets an app refuse sockets and HTTP requests. False if there is no such app.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_disable", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_disable(&self, id: &AppId, now: DateTime<Utc>) -> Result<bool> {
        self.app_update(app_touch(id, now).col_expr(app::Column::Enabled, Expr::value(false))).await
    }

    /// Gives an app a setting of its own. False if there is no such app.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Database`].
    #[tracing::instrument(name = "store.app_setting_set", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_setting_set(&self, id: &AppId, name: &str, value: &str, now: DateTime<Utc>) -> Result<bool> {
        check_setting(name, value)?;
        let change = self.change_begin(COUNTER).await?;
        let found = app_touch(id, now).exec(&change).await?.rows_affected > 0;
        if found {
            setting_upsert(&change, id, name, value).await?;
        }
        change_end(change, found).await
    }

    /// Lets an app follow the server's setting again. False if it did already, or there is no such app.
    /// Any name goes, so that what another version wrote can be removed.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_setting_unset", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_setting_unset(&self, id: &AppId, name: &str, now: DateTime<Utc>) -> Result<bool> {
        let change = self.change_begin(COUNTER).await?;
        let row = app_setting::Entity::delete_by_id((id.as_str().to_owned(), name.to_owned()));
        let found = row.exec(&change).await?.rows_affected > 0;
        if found {
            app_touch(id, now).exec(&change).await?;
        }
        change_end(change, found).await
    }

    /// Removes an app with its secrets and settings, its roster, keys, blocks, audit, streams and kept answers. False if there is no such app.
    ///
    /// # Errors
    /// [`Error::Database`].
    #[tracing::instrument(name = "store.app_delete", level = "debug", skip_all, fields(app.id = %id))]
    pub async fn app_delete(&self, id: &AppId) -> Result<bool> {
        let change = self.change_begin(COUNTER).await?;
        let found = app::Entity::delete_by_id(id.as_str()).exec(&change).await?.rows_affected > 0;
        if found {
            chat::clear(&change, id).await?;
            roster::clear(&change, id).await?;
            streams::clear(&change, id).await?;
            idempotency::clear(&change, id).await?;
        }
        change_end(change, found).await
    }

    /// Rises with each committed change to any app; 0 before the first. One row by primary key: cheap enough to poll.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn app_revision(&self) -> Result<i64> {
        self.change_count(COUNTER).await
    }

    /// Runs one update of an app's row.
    async fn app_update(&self, update: UpdateMany<app::Entity>) -> Result<bool> {
        let change = self.change_begin(COUNTER).await?;
        let found = update.exec(&change).await?.rows_affected > 0;
        change_end(change, found).await
    }

    /// Reads one app, or all of them ordered by id, with what belongs to them, all as of one moment.
    async fn app_rows(&self, only: Option<&AppId>) -> Result<Vec<AppRows>> {
        let id = only.map(AppId::as_str);
        let snapshot = self.snapshot_begin().await?;
        let apps = app::Entity::find().apply_if(id, |all, id| all.filter(app::Column::Id.eq(id)));
        let apps = apps.all(&snapshot).await?;
        let secrets = app_secret::Entity::find().apply_if(id, |all, id| all.filter(app_secret::Column::AppId.eq(id)));
        let secrets = secrets.order_by_desc(app_secret::Column::Id).all(&snapshot).await?;
        let settings =
            app_setting::Entity::find().apply_if(id, |all, id| all.filter(app_setting::Column::AppId.eq(id)));
        let settings = settings.order_by_asc(app_setting::Column::Name).all(&snapshot).await?;
        snapshot.commit().await?;

        // Ordered here, because each database collates in its own way.
        let mut rows: BTreeMap<_, _> = apps.into_iter().map(|app| (app.id.clone(), AppRows::from(app))).collect();
        for secret in secrets {
            rows.entry(secret.app_id).and_modify(|rows| rows.secrets.push(Secret::new(&secret.secret.0)));
        }
        for setting in settings {
            rows.entry(setting.app_id).and_modify(|rows| rows.overrides.push((setting.name, setting.value)));
        }
        Ok(rows.into_values().collect())
    }
}

/// All that the tables hold of one app.
struct AppRows {
    app: app::Model,
    /// Newest first.
    secrets: Vec<Secret>,
    /// Names and values, ordered by name.
    overrides: Vec<(String, String)>,
}

impl From<app::Model> for AppRows {
    fn from(app: app::Model) -> Self {
        Self { app, secrets: Vec::new(), overrides: Vec::new() }
    }
}

impl AppRows {
    fn into_app(self, base: &AppSettings) -> Result<App> {
        let app::Model { id, key, name, enabled, .. } = self.app;
        let invalid = |source| Error::InvalidRow { id: id.clone(), source };
        let (app_id, key) = (AppId::parse(&id).map_err(invalid)?, AppKey::parse(&key).map_err(invalid)?);
        let mut settings = base.clone();
        for (setting, value) in &self.overrides {
            if let Err(error) = settings.set(setting, value) {
                tracing::warn!(app.id = %app_id, setting, %error, "an app setting in the database is skipped");
            }
        }
        Ok(App { id: app_id, key, name, secrets: self.secrets, enabled, settings })
    }
}

fn check(new: &NewApp) -> Result<()> {
    let length = new.name.chars().count();
    if length > MAX_NAME {
        return Err(Error::AppNameTooLong { max: MAX_NAME, got: length });
    }
    if !(1..=MAX_ACTIVE_SECRETS).contains(&new.secrets.len()) {
        return Err(Error::SecretCount { max: MAX_ACTIVE_SECRETS, got: new.secrets.len() });
    }
    new.secrets.iter().try_for_each(check_secret)?;
    new.settings.iter().try_for_each(|(name, value)| check_setting(name, value))
}

fn check_secret(secret: &Secret) -> Result<()> {
    let got = secret.expose().len();
    if (1..=MAX_SECRET_BYTES).contains(&got) { Ok(()) } else { Err(Error::SecretLength { max: MAX_SECRET_BYTES, got }) }
}

fn check_setting(name: &str, value: &str) -> Result<()> {
    let set = AppSettings::default().set(name, value);
    set.map_err(|source| Error::Setting { name: name.to_owned(), source })
}

/// An update that says when the app was changed; rows affected: 0 if there is no such app.
fn app_touch(id: &AppId, now: DateTime<Utc>) -> UpdateMany<app::Entity> {
    let update = app::Entity::update_many().col_expr(app::Column::UpdatedAt, Expr::value(stamp(now)));
    update.filter(app::Column::Id.eq(id.as_str()))
}

async fn secret_insert(change: &DatabaseTransaction, id: &AppId, secret: &Secret, now: DateTime<Utc>) -> Result<()> {
    let row = app_secret::ActiveModel {
        id: NotSet,
        app_id: Set(id.as_str().to_owned()),
        secret: Set(app_secret::SecretText(secret.expose().to_owned())),
        created_at: Set(stamp(now)),
    };
    app_secret::Entity::insert(row).exec_without_returning(change).await?;
    Ok(())
}

/// Drops all secrets of an app but the `count` newest, and tells how many went.
async fn secret_keep_newest(change: &DatabaseTransaction, id: &AppId, count: usize) -> Result<usize> {
    let of_app = app_secret::Entity::find().filter(app_secret::Column::AppId.eq(id.as_str()));
    let newest_first = of_app.order_by_desc(app_secret::Column::Id).all(change).await?;
    let old: Vec<i64> = newest_first.into_iter().skip(count).map(|row| row.id).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let dropped = old.len();
    app_secret::Entity::delete_many().filter(app_secret::Column::Id.is_in(old)).exec(change).await?;
    Ok(dropped)
}

async fn setting_upsert(change: &DatabaseTransaction, id: &AppId, name: &str, value: &str) -> Result<()> {
    let row = app_setting::ActiveModel {
        app_id: Set(id.as_str().to_owned()),
        name: Set(name.to_owned()),
        value: Set(value.trim().to_owned()),
    };
    let replace = OnConflict::columns([app_setting::Column::AppId, app_setting::Column::Name])
        .update_column(app_setting::Column::Value)
        .to_owned();
    app_setting::Entity::insert(row).on_conflict(replace).exec_without_returning(change).await?;
    Ok(())
}
