//! API keys as rows.

use chrono::{DateTime, Duration, Utc};
use entity::api_key;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};

use super::{Result, Store, stamp};
use crate::{
    domain::{
        api_key::{ApiKey, KeyHash, NewApiKey},
        caller::Scope,
    },
    ids::AppId,
};

/// How long the mark of use of a key is let stand, so that a busy one is not a write a request.
const USE_MARK: Duration = Duration::minutes(1);

impl Store {
    /// Keeps a new key. The id must be drawn at random: one that is there already is a database error.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.api_key_create", level = "debug", skip_all, fields(app.id = %new.app))]
    pub async fn api_key_create(&self, new: &NewApiKey, now: DateTime<Utc>) -> Result<()> {
        let row = api_key::ActiveModel {
            id: Set(new.id.clone()),
            app_id: Set(new.app.as_str().to_owned()),
            name: Set(new.name.clone()),
            hash: Set(api_key::KeyHash(new.hash.0.to_vec())),
            scopes: Set(new.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")),
            ip_allow: Set(new.ip_allow.join(" ")),
            expires_at: Set(new.expires_at.map(stamp)),
            last_used_at: NotSet,
            revoked_at: NotSet,
            created_at: Set(stamp(now)),
        };
        api_key::Entity::insert(row).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Finds a key by its public part (`ck_…`), whether it is still valid or not.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn api_key_find(&self, id: &str) -> Result<Option<ApiKey>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let row = api_key::Entity::find_by_id(id).one(&self.db).await?;
        Ok(row.filter(|row| row.id == id).and_then(readable))
    }

    /// Lists the keys of an app, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn api_key_list(&self, app: &AppId) -> Result<Vec<ApiKey>> {
        let of_app = api_key::Entity::find().filter(api_key::Column::AppId.eq(app.as_str()));
        let rows = of_app.order_by_asc(api_key::Column::CreatedAt).order_by_asc(api_key::Column::Id);
        Ok(rows.all(&self.db).await?.into_iter().filter_map(readable).collect())
    }

    /// Revokes a key. False if the app has no such key, or it is revoked already.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.api_key_revoke", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn api_key_revoke(&self, app: &AppId, id: &str, now: DateTime<Utc>) -> Result<bool> {
        let update = api_key::Entity::update_many().col_expr(api_key::Column::RevokedAt, Expr::value(stamp(now)));
        let which = Condition::all()
            .add(api_key::Column::AppId.eq(app.as_str()))
            .add(api_key::Column::Id.eq(id.replace('\0', "")))
            .add(api_key::Column::RevokedAt.is_null());
        Ok(update.filter(which).exec(&self.db).await?.rows_affected > 0)
    }

    /// Notes that a key was used; writes at most once a minute.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn api_key_used(&self, id: &str, now: DateTime<Utc>) -> Result<()> {
        let is_old = Condition::any()
            .add(api_key::Column::LastUsedAt.is_null())
            .add(api_key::Column::LastUsedAt.lt(stamp(now - USE_MARK)));
        let update = api_key::Entity::update_many().col_expr(api_key::Column::LastUsedAt, Expr::value(stamp(now)));
        update.filter(api_key::Column::Id.eq(id.replace('\0', ""))).filter(is_old).exec(&self.db).await?;
        Ok(())
    }
}

/// A key as it is told. One whose app or hash breaks a rule is as good as absent; a scope of another version is left out.
fn readable(row: api_key::Model) -> Option<ApiKey> {
    let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let scope = |name: &String| name.parse::<Scope>().ok();
    Some(ApiKey {
        app: AppId::parse(&row.app_id).ok()?,
        hash: KeyHash(row.hash.0.try_into().ok()?),
        scopes: words(&row.scopes).iter().filter_map(scope).collect(),
        ip_allow: words(&row.ip_allow),
        expires_at: row.expires_at.map(|end| end.and_utc()),
        last_used_at: row.last_used_at.map(|at| at.and_utc()),
        revoked_at: row.revoked_at.map(|at| at.and_utc()),
        created_at: row.created_at.and_utc(),
        id: row.id,
        name: row.name,
    })
}
