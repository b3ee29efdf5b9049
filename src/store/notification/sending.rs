//! Notifications to many as rows: made, sent piece by piece, called off.

use chrono::{DateTime, Utc};
use entity::notification_broadcast as broadcast;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use super::{Outgoing, Telling, Told, rows, write};
use crate::{
    domain::{
        broadcast::LogEntry,
        notification::{BroadcastState, NotificationBroadcast, Recipient},
    },
    ids::AppId,
    store::{
        Result, Store, broadcast as log,
        streams::{self, Kept},
        whole,
    },
};

/// How many one person may send in an hour.
#[derive(Debug, Clone, Copy)]
pub struct Hourly {
    /// So many since.
    pub max: u64,
    /// The beginning of the hour that ends now.
    pub since: DateTime<Utc>,
}

/// The next people of a sending.
#[derive(Debug)]
pub struct Piece<'a> {
    /// They, by id; at most some hundred.
    pub recipients: &'a [Recipient],
    /// Nobody comes after them: what is told besides, and the row of the log, but for the number of those who got it.
    pub last: Option<Last>,
}

/// What ends a sending.
pub type Last = (Vec<Told>, LogEntry);

fn one(app: &AppId, id: &str) -> Condition {
    Condition::all().add(broadcast::Column::AppId.eq(app.as_str())).add(broadcast::Column::Id.eq(id.replace('\0', "")))
}

/// Sendings that are due or under way.
fn due(now: DateTime<Utc>) -> Condition {
    let open = [BroadcastState::Scheduled, BroadcastState::Sending].map(BroadcastState::name);
    Condition::all()
        .add(broadcast::Column::State.is_in(open))
        .add(broadcast::Column::ScheduledAt.lte(now.timestamp_millis()))
}

impl Store {
    /// Keeps a sending to many. False, and nothing is kept, when whoever sends has sent as many as they may.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.notification_broadcast_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn notification_broadcast_insert(
        &self,
        app: &AppId,
        new: &NotificationBroadcast,
        hourly: Option<Hourly>,
    ) -> Result<bool> {
        let change = self.change_begin(streams::COUNTER).await?;
        if let Some(Hourly { max, since }) = hourly {
            let theirs = Condition::all()
                .add(broadcast::Column::AppId.eq(app.as_str()))
                .add(broadcast::Column::CreatedBy.eq(new.created_by.as_str()))
                .add(broadcast::Column::CreatedAt.gt(since.timestamp_millis()));
            if broadcast::Entity::find().filter(theirs).count(&change).await? >= max {
                change.rollback().await?;
                return Ok(false);
            }
        }
        broadcast::Entity::insert(rows::broadcast_row(app, new)).exec_without_returning(&change).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Finds a sending to many.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn notification_broadcast(&self, app: &AppId, id: &str) -> Result<Option<NotificationBroadcast>> {
        let found = broadcast::Entity::find().filter(one(app, id)).one(&self.db).await?;
        Ok(found.filter(|row| row.id == id).and_then(rows::read_broadcast))
    }

    /// Apps that have a sending which is due or under way.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn notification_apps_due(&self, now: DateTime<Utc>) -> Result<Vec<AppId>> {
        let ids = broadcast::Entity::find().select_only().column(broadcast::Column::AppId).distinct().filter(due(now));
        let ids: Vec<String> = ids.into_tuple().all(&self.db).await?;
        Ok(ids.iter().filter_map(|id| AppId::parse(id).ok()).collect())
    }

    /// Sendings of an app that are due or under way, the one that has waited longest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn notification_broadcasts_due(
        &self,
        app: &AppId,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<NotificationBroadcast>> {
        let rows = broadcast::Entity::find()
            .filter(due(now).add(broadcast::Column::AppId.eq(app.as_str())))
            .order_by_asc(broadcast::Column::ScheduledAt)
            .order_by_asc(broadcast::Column::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().filter_map(rows::read_broadcast).collect())
    }

    /// Sends a piece and notes how far the sending has come, in one transaction. People who have it already are passed over;
    /// of a sending that was called off or is done, nothing is sent. Tells how it stands now.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database); nothing is written then.
    #[tracing::instrument(name = "store.notification_broadcast_send", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn notification_broadcast_send(
        &self,
        app: &AppId,
        id: &str,
        piece: Piece<'_>,
        telling: &Telling<'_>,
    ) -> Result<(Option<NotificationBroadcast>, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let found = broadcast::Entity::find().filter(one(app, id)).one(&change).await?;
        let open = |state: BroadcastState| matches!(state, BroadcastState::Scheduled | BroadcastState::Sending);
        let Some(mut now) = found.and_then(rows::read_broadcast).filter(|found| open(found.state)) else {
            change.rollback().await?;
            return Ok((self.notification_broadcast(app, id).await?, Vec::new()));
        };
        let is_new =
            |recipient: &&Recipient| now.done_up_to.as_deref().is_none_or(|done| recipient.user.as_str() > done);
        let rest: Vec<Recipient> = piece.recipients.iter().filter(is_new).cloned().collect();
        let outgoing = Outgoing {
            content: &now.content,
            actor: now.actor.as_ref(),
            broadcast: Some(now.id.as_str()),
            except: now.except,
        };
        let (written, mut facts) = write(&change, app, &rest, (outgoing, telling)).await?;
        now.recipients += written.len() as i64;
        now.muted += rest.len() as i64 - written.len() as i64;
        now.done_up_to = rest.last().map(|last| last.user.as_str().to_owned()).or(now.done_up_to);
        now.state = BroadcastState::Sending;
        if let Some((more, entry)) = piece.last {
            now.state = BroadcastState::Sent;
            now.sent_at = Some(whole(telling.now));
            facts.extend(more);
            log::insert(&change, app, &[LogEntry { receivers: now.recipients, ..entry }]).await?;
        }
        let kept = streams::append(&change, app, facts, &(telling.new_id)()).await?;
        let row = broadcast::ActiveModel {
            id: Set(now.id.clone()),
            state: Set(now.state.name().to_owned()),
            recipients: Set(now.recipients),
            muted: Set(now.muted),
            done_up_to: Set(now.done_up_to.clone()),
            sent_at: Set(now.sent_at.map(|at| at.timestamp_millis())),
            ..Default::default()
        };
        broadcast::Entity::update(row).exec(&change).await?;
        change.commit().await?;
        Ok((Some(now), kept))
    }

    /// Ends a sending that waits for its time, for good, and logs it. False when it does not wait any more, or was never there.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.notification_broadcast_end", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn notification_broadcast_end(
        &self,
        app: &AppId,
        id: &str,
        end: BroadcastState,
        entry: &LogEntry,
    ) -> Result<bool> {
        let change = self.change_begin(streams::COUNTER).await?;
        let waits = one(app, id).add(broadcast::Column::State.eq(BroadcastState::Scheduled.name()));
        let update =
            broadcast::Entity::update_many().col_expr(broadcast::Column::State, Expr::value(end.name())).filter(waits);
        if update.exec(&change).await?.rows_affected == 0 {
            change.rollback().await?;
            return Ok(false);
        }
        log::insert(&change, app, std::slice::from_ref(entry)).await?;
        change.commit().await?;
        Ok(true)
    }
}
