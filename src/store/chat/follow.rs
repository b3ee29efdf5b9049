//! Which chats have changed, for nodes that have them in memory: each change of a chat, of its members or of measures in it
//! leaves the count of the counter of streams in its row, so that what comes later in the order of commits has a greater one.

use entity::{change_counter, chat};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use crate::{
    ids::{AppId, ExternalId},
    store::{Result, Store, streams},
};

/// Notes that a chat changes. The transaction began with the counter of streams.
pub(super) async fn note(change: &DatabaseTransaction, app: &AppId, id: &ExternalId) -> Result<()> {
    let counted = change_counter::Entity::find_by_id(streams::COUNTER).one(change).await?;
    chat::Entity::update_many()
        .col_expr(chat::Column::ChangedSeq, Expr::value(counted.map_or(0, |row| row.value)))
        .filter(chat::Column::AppId.eq(app.as_str()))
        .filter(chat::Column::Id.eq(id.as_str()))
        .exec(change)
        .await?;
    Ok(())
}

impl Store {
    /// Number of the newest change of anything that is told; changes of chats are among them.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn chat_seq(&self) -> Result<i64> {
        self.change_count(streams::COUNTER).await
    }

    /// Chats of all apps that have changed last after a number, each with the number of that change, oldest change first, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn chat_changes_of_all(&self, since: i64, limit: u64) -> Result<Vec<(AppId, ExternalId, i64)>> {
        use chat::Column as C;
        let changed = chat::Entity::find()
            .select_only()
            .columns([C::AppId, C::Id, C::ChangedSeq])
            .filter(C::ChangedSeq.gt(since))
            .order_by_asc(C::ChangedSeq)
            .limit(limit);
        let rows: Vec<(String, String, i64)> = changed.into_tuple().all(&self.db).await?;
        let read =
            |(app, id, seq): (String, String, i64)| Some((AppId::parse(&app).ok()?, ExternalId::parse(&id).ok()?, seq));
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
