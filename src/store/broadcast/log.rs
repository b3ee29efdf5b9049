//! The log of everything that was told to many. Only ever added to; old rows go, and all of them with their app.

use chrono::{DateTime, Utc};
use entity::broadcast_log;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::{
    domain::broadcast::{LogEntry, LogFilter},
    ids::AppId,
    store::{Result, Store},
};

/// Most rows in one statement: SQLite takes 32,766 bound values.
const CHUNK: usize = 500;

/// Adds rows, in a transaction or by themselves.
pub(in crate::store) async fn insert(db: &impl ConnectionTrait, app: &AppId, entries: &[LogEntry]) -> Result<()> {
    for some in entries.chunks(CHUNK) {
        let rows = some.iter().map(|entry| row(app, entry));
        broadcast_log::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// A text that every database keeps: within its column, without NUL and without blanks at its end.
fn cut(text: &str, max: usize) -> String {
    let kept: String = text.chars().filter(|c| *c != '\0').take(max).collect();
    kept.trim_end().to_owned()
}

fn row(app: &AppId, entry: &LogEntry) -> broadcast_log::ActiveModel {
    broadcast_log::ActiveModel {
        id: NotSet,
        app_id: Set(app.as_str().to_owned()),
        kind: Set(entry.kind.name().to_owned()),
        channel: Set(cut(&entry.channel, 255)),
        event: Set(cut(&entry.event, 200)),
        event_id: Set(entry.event_id.clone()),
        bytes: Set(entry.bytes),
        actor: Set(cut(&entry.actor, 160)),
        ip: Set(entry.ip.as_deref().map(|ip| cut(ip, 45))),
        receivers: Set(entry.receivers),
        latency_us: Set(entry.latency_us),
        outcome: Set(entry.outcome.name().to_owned()),
        created_at: Set(entry.at.timestamp_millis()),
    }
}

fn read(row: broadcast_log::Model) -> Option<(i64, LogEntry)> {
    let entry = LogEntry {
        kind: row.kind.parse().ok()?,
        channel: row.channel,
        event: row.event,
        event_id: row.event_id,
        bytes: row.bytes,
        actor: row.actor,
        ip: row.ip,
        receivers: row.receivers,
        latency_us: row.latency_us,
        outcome: row.outcome.parse().ok()?,
        at: DateTime::from_timestamp_millis(row.created_at)?,
    };
    Some((row.id, entry))
}

impl Store {
    /// Adds rows to the log.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn broadcast_log_insert(&self, app: &AppId, entries: &[LogEntry]) -> Result<()> {
        insert(&self.db, app, entries).await
    }

    /// Rows of the log, newest first, each with its number. `before` is the last number of the page before.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn broadcast_log_list(
        &self,
        app: &AppId,
        filter: &LogFilter,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<(i64, LogEntry)>> {
        let which = Condition::all()
            .add(broadcast_log::Column::AppId.eq(app.as_str()))
            .add_option(filter.channel.as_ref().map(|text| broadcast_log::Column::Channel.eq(cut(text, 255))))
            .add_option(filter.actor.as_ref().map(|text| broadcast_log::Column::Actor.eq(cut(text, 160))));
        let rows = broadcast_log::Entity::find()
            .filter(which)
            .apply_if(before, |all, before| all.filter(broadcast_log::Column::Id.lt(before)))
            .order_by_desc(broadcast_log::Column::Id)
            .limit(u64::from(limit))
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Removes rows of an app that were written before `oldest`, at most `limit` at once. Tells how many.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn broadcast_log_sweep(&self, app: &AppId, oldest: DateTime<Utc>, limit: u64) -> Result<u64> {
        let old = broadcast_log::Entity::find()
            .select_only()
            .column(broadcast_log::Column::Id)
            .filter(broadcast_log::Column::AppId.eq(app.as_str()))
            .filter(broadcast_log::Column::CreatedAt.lt(oldest.timestamp_millis()))
            .limit(limit);
        let ids: Vec<i64> = old.into_tuple().all(&self.db).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let these = broadcast_log::Entity::delete_many().filter(broadcast_log::Column::Id.is_in(ids));
        Ok(these.exec(&self.db).await?.rows_affected)
    }
}
