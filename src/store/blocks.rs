//! Blocks as rows.

use chrono::{DateTime, Utc};
use entity::access_block;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};

use super::{Result, Store, roster, stamp};
use crate::{
    domain::block::{Block, BlockScope, NewBlock},
    ids::{AppId, ExternalId, UserId},
};

impl Store {
    /// Makes a block and tells its number. It stands in the log of changes as one of the person, so that every node follows.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database), also when a text is longer than [`NewBlock`] says.
    #[tracing::instrument(name = "store.block_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn block_insert(&self, app: &AppId, new: &NewBlock, now: DateTime<Utc>) -> Result<i64> {
        let (kind, id) = new.scope.parts();
        let row = access_block::ActiveModel {
            id: NotSet,
            app_id: Set(app.as_str().to_owned()),
            user_id: Set(new.user.as_str().to_owned()),
            scope_kind: Set(kind.to_owned()),
            scope_id: Set(id.to_owned()),
            until_at: Set(new.until.map(stamp)),
            reason: Set(new.reason.clone()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(stamp(now)),
            lifted_at: NotSet,
        };
        let change = self.change_begin(roster::COUNTER).await?;
        let id = access_block::Entity::insert(row).exec(&change).await?.last_insert_id;
        roster::log::append(&change, app, &mut [roster::log::of_person(&new.user, now)]).await?;
        change.commit().await?;
        Ok(id)
    }

    /// Blocks of a person that count now, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn blocks_of(&self, app: &AppId, user: &UserId, now: DateTime<Utc>) -> Result<Vec<Block>> {
        if user.as_str().contains('\0') {
            return Ok(Vec::new());
        }
        let which = Condition::all()
            .add(access_block::Column::AppId.eq(app.as_str()))
            .add(access_block::Column::UserId.eq(user.as_str()))
            .add(access_block::Column::LiftedAt.is_null());
        let rows = access_block::Entity::find().filter(which).order_by_asc(access_block::Column::Id);
        let rows = rows.all(&self.db).await?;
        Ok(rows.into_iter().filter_map(readable).filter(|block| block.user == *user && block.is_active(now)).collect())
    }

    /// Lifts a block, and tells what it was; `None` if there is no such block, or it is lifted already. It stands in the log of
    /// changes as one of the person, so that every node follows.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.block_lift", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn block_lift(&self, app: &AppId, id: i64, now: DateTime<Utc>) -> Result<Option<Block>> {
        let which = Condition::all()
            .add(access_block::Column::AppId.eq(app.as_str()))
            .add(access_block::Column::Id.eq(id))
            .add(access_block::Column::LiftedAt.is_null());
        let change = self.change_begin(roster::COUNTER).await?;
        let row = access_block::Entity::find().filter(which.clone()).one(&change).await?;
        let Some(block) = row.and_then(readable) else {
            change.rollback().await?;
            return Ok(None);
        };
        let lifted = Expr::value(stamp(now));
        let update = access_block::Entity::update_many().col_expr(access_block::Column::LiftedAt, lifted);
        update.filter(which).exec(&change).await?;
        roster::log::append(&change, app, &mut [roster::log::of_person(&block.user, now)]).await?;
        change.commit().await?;
        Ok(Some(block))
    }
}

/// A block as it is told. One that cannot be read closes everything: a block is never lost by a slip in a row.
pub(super) fn readable(row: access_block::Model) -> Option<Block> {
    let scope = match (row.scope_kind.as_str(), ExternalId::parse(&row.scope_id)) {
        ("course", Ok(id)) => BlockScope::Course(id),
        ("class", Ok(id)) => BlockScope::Class(id),
        ("channel", _) => BlockScope::Channel(row.scope_id),
        _ => BlockScope::All,
    };
    Some(Block {
        id: row.id,
        user: UserId::parse(&row.user_id).ok()?,
        scope,
        until: row.until_at.map(|end| end.and_utc()),
        reason: row.reason,
        created_by: row.created_by,
        created_at: row.created_at.and_utc(),
        lifted_at: row.lifted_at.map(|at| at.and_utc()),
    })
}
