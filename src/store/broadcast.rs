//! Broadcasts as rows, who has confirmed them, and the log of everything that was told to many.

mod log;

use chrono::{DateTime, Utc};
use entity::{broadcast, broadcast_ack, broadcast_log};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};

pub(super) use self::log::insert;
use super::{
    Result, Store, audience, moment,
    streams::{self, Kept, Payload},
};
use crate::{
    domain::{
        broadcast::{Ack, Broadcast, LogEntry},
        fact::Fact,
    },
    ids::{AppId, SocketId, UserId},
};

fn one(app: &AppId, id: &str) -> Condition {
    Condition::all().add(broadcast::Column::AppId.eq(app.as_str())).add(broadcast::Column::Id.eq(id.replace('\0', "")))
}

fn read(row: broadcast::Model) -> Option<Broadcast> {
    Some(Broadcast {
        id: row.id,
        audience: audience::read(&row.audience)?,
        event: row.event,
        data: row.payload,
        durable: row.durable,
        require_ack: row.require_ack,
        created_by: row.created_by,
        receivers: row.receivers,
        created_at: moment(row.created_at),
        expires_at: row.expires_at.map(moment),
    })
}

fn row(app: &AppId, new: &Broadcast) -> broadcast::ActiveModel {
    broadcast::ActiveModel {
        id: Set(new.id.clone()),
        app_id: Set(app.as_str().to_owned()),
        audience: Set(audience::text(&new.audience)),
        event: Set(new.event.clone()),
        payload: Set(new.data.clone()),
        durable: Set(new.durable),
        require_ack: Set(new.require_ack),
        created_by: Set(new.created_by.clone()),
        receivers: Set(new.receivers),
        created_at: Set(new.created_at.timestamp_millis()),
        expires_at: Set(new.expires_at.map(|end| end.timestamp_millis())),
    }
}

impl Store {
    /// Keeps a broadcast with its row in the log, and what is told of it.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is written then.
    #[tracing::instrument(name = "store.broadcast_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn broadcast_insert(
        &self,
        app: &AppId,
        (new, entry): (&Broadcast, &LogEntry),
        facts: Vec<(Fact<Payload>, Option<SocketId>)>,
        epoch: &str,
    ) -> Result<Vec<Kept>> {
        let change = self.change_begin(streams::COUNTER).await?;
        broadcast::Entity::insert(row(app, new)).exec_without_returning(&change).await?;
        log::insert(&change, app, std::slice::from_ref(entry)).await?;
        let kept = streams::append(&change, app, facts, epoch).await?;
        change.commit().await?;
        Ok(kept)
    }

    /// Finds a broadcast.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn broadcast(&self, app: &AppId, id: &str) -> Result<Option<Broadcast>> {
        let found = broadcast::Entity::find().filter(one(app, id)).one(&self.db).await?;
        Ok(found.filter(|row| row.id == id).and_then(read))
    }

    /// Notes that a person has confirmed a broadcast, once; tells when they first did.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.broadcast_ack", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn broadcast_ack(
        &self,
        app: &AppId,
        id: &str,
        user: &UserId,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>> {
        let row = broadcast_ack::ActiveModel {
            broadcast_id: Set(id.to_owned()),
            user_id: Set(user.as_str().to_owned()),
            app_id: Set(app.as_str().to_owned()),
            at: Set(now.timestamp_millis()),
        };
        broadcast_ack::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(&self.db).await?;
        let key = (id.to_owned(), user.as_str().to_owned());
        let first = broadcast_ack::Entity::find_by_id(key).one(&self.db).await?;
        Ok(moment(first.map_or(now.timestamp_millis(), |first| first.at)))
    }

    /// Who has confirmed a broadcast, by id; `after` is the last person of the page before.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn broadcast_acks(&self, app: &AppId, id: &str, (after, limit): (Option<&str>, u32)) -> Result<Vec<Ack>> {
        let after = after.map(|after| after.replace('\0', ""));
        let rows = broadcast_ack::Entity::find()
            .filter(broadcast_ack::Column::AppId.eq(app.as_str()))
            .filter(broadcast_ack::Column::BroadcastId.eq(id))
            .apply_if(after, |all, after| all.filter(broadcast_ack::Column::UserId.gt(after)))
            .order_by_asc(broadcast_ack::Column::UserId)
            .limit(u64::from(limit))
            .all(&self.db)
            .await?;
        let ack = |row: broadcast_ack::Model| Some(Ack { user: UserId::parse(&row.user_id).ok()?, at: moment(row.at) });
        Ok(rows.into_iter().filter_map(ack).collect())
    }

    /// How many have confirmed a broadcast.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn broadcast_ack_count(&self, app: &AppId, id: &str) -> Result<u64> {
        let acks = broadcast_ack::Entity::find()
            .filter(broadcast_ack::Column::AppId.eq(app.as_str()))
            .filter(broadcast_ack::Column::BroadcastId.eq(id));
        Ok(acks.count(&self.db).await?)
    }

    /// Removes broadcasts of all apps that were sent before `oldest`, with what confirmed them; at most `limit` at once.
    /// Tells how many.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn broadcast_sweep(&self, oldest: DateTime<Utc>, limit: u64) -> Result<u64> {
        let old = broadcast::Entity::find()
            .select_only()
            .column(broadcast::Column::Id)
            .filter(broadcast::Column::CreatedAt.lt(oldest.timestamp_millis()))
            .limit(limit);
        let ids: Vec<String> = old.into_tuple().all(&self.db).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let theirs = broadcast_ack::Column::BroadcastId.is_in(ids.clone());
        broadcast_ack::Entity::delete_many().filter(theirs).exec(&self.db).await?;
        let these = broadcast::Entity::delete_many().filter(broadcast::Column::Id.is_in(ids));
        Ok(these.exec(&self.db).await?.rows_affected)
    }
}

/// Removes all that is kept for an app.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    let app = app.as_str();
    broadcast::Entity::delete_many().filter(broadcast::Column::AppId.eq(app)).exec(change).await?;
    broadcast_ack::Entity::delete_many().filter(broadcast_ack::Column::AppId.eq(app)).exec(change).await?;
    broadcast_log::Entity::delete_many().filter(broadcast_log::Column::AppId.eq(app)).exec(change).await?;
    Ok(())
}
