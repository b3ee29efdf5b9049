//! Notifications as rows: one a person and message, told in the transaction that writes it.
//!
//! A row that has a group key takes later ones of that key up while it is unread: its column `group_slot` holds the key for
//! so long, and a unique index lets no second one in. Sending to many goes in pieces (`sending`), each with the place up to
//! which it has come, so that a crash neither forgets nor doubles anybody.

mod preference;
mod rows;
mod sending;

use chrono::{DateTime, Utc};
use entity::{notification, notification_broadcast, notification_preference};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};

pub use self::sending::{Hourly, Last, Piece};
use super::{
    Result, Store,
    streams::{self, Kept, Payload},
};
use crate::{
    domain::{
        fact::{Actor, Fact},
        notification::{BroadcastState, Category, Content, Mark, Medium, Notification, Recipient, Which, is_wanted},
    },
    ids::{AppId, SocketId, UserId},
};

/// Most rows that one mark changes at once.
const MARKED: u64 = 500;

/// How new rows get their names, and how they are told.
pub struct Telling<'a> {
    /// A new ULID.
    pub new_id: &'a (dyn Fn() -> String + Send + Sync),
    /// What is told of a new or counted-up notification.
    pub fact: &'a (dyn Fn(&Notification) -> Fact<Payload> + Send + Sync),
    /// When.
    pub now: DateTime<Utc>,
}

/// A fact, and the socket that does not hear it.
pub type Told = (Fact<Payload>, Option<SocketId>);

/// What is sent, apart from whom it is for.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// What it says.
    pub content: &'a Content,
    /// Who sends it.
    pub actor: Option<&'a Actor>,
    /// The sending to many that it belongs to.
    pub broadcast: Option<&'a str>,
    /// Socket that does not hear it.
    pub except: Option<SocketId>,
}

/// Which notifications a list shows. What is put away or has come to its end is never shown.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Unread ones only, or read ones only.
    pub unread: Option<bool>,
    /// Of this category.
    pub category: Option<Category>,
}

/// The id as rows have it; `None` for one that the roster takes for nobody: databases see NUL and blanks at the ends in
/// different ways.
fn key(user: &UserId) -> Option<&str> {
    let id = user.as_str();
    (id.trim().len() == id.len() && !id.chars().any(char::is_control)).then_some(id)
}

/// What a person has and can see.
fn visible(app: &AppId, user: &str, now: DateTime<Utc>) -> Condition {
    let lasts = Condition::any()
        .add(notification::Column::ExpiresAt.is_null())
        .add(notification::Column::ExpiresAt.gt(now.timestamp_millis()));
    Condition::all()
        .add(notification::Column::AppId.eq(app.as_str()))
        .add(notification::Column::UserId.eq(user))
        .add(notification::Column::ArchivedAt.is_null())
        .add(lasts)
}

impl Store {
    /// Notes a notification for one person and what is told of it; `None` when they do not want it.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is written then.
    #[tracing::instrument(name = "store.notification_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn notification_insert(
        &self,
        app: &AppId,
        recipient: &Recipient,
        outgoing: Outgoing<'_>,
        telling: &Telling<'_>,
    ) -> Result<(Option<Notification>, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let (mut written, facts) = write(&change, app, std::slice::from_ref(recipient), (outgoing, telling)).await?;
        let kept = streams::append(&change, app, facts, &(telling.new_id)()).await?;
        change.commit().await?;
        Ok((written.pop(), kept))
    }

    /// Notifications of a person, those that came or were counted up last first. `before` is when the last one of the page
    /// before did, and its id.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn notification_list(
        &self,
        (app, user): (&AppId, &UserId),
        filter: &NotificationFilter,
        (before, limit): (Option<(DateTime<Utc>, &str)>, u32),
        now: DateTime<Utc>,
    ) -> Result<Vec<Notification>> {
        let Some(user) = key(user) else { return Ok(Vec::new()) };
        let unread = filter.unread.map(|unread| {
            let read_at = notification::Column::ReadAt;
            if unread { read_at.is_null() } else { read_at.is_not_null() }
        });
        let which = visible(app, user, now)
            .add_option(unread)
            .add_option(filter.category.map(|category| notification::Column::Category.eq(category.name())))
            .add_option(before.map(rows::behind));
        let found = newest_first(which).limit(u64::from(limit)).all(&self.db).await?;
        Ok(found.into_iter().filter_map(rows::read).collect())
    }

    /// Those of some notifications that a person has and can see, in the order of [`Store::notification_list`].
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn notification_some(
        &self,
        (app, user): (&AppId, &UserId),
        ids: &[String],
        now: DateTime<Utc>,
    ) -> Result<Vec<Notification>> {
        let Some(user) = key(user) else { return Ok(Vec::new()) };
        let ids = ids.iter().map(String::as_str).filter(|id| !id.contains('\0'));
        let which = visible(app, user, now).add(notification::Column::Id.is_in(ids));
        Ok(newest_first(which).all(&self.db).await?.into_iter().filter_map(rows::read).collect())
    }

    /// A notification of a person, be it put away.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn notification(&self, app: &AppId, user: &UserId, id: &str) -> Result<Option<Notification>> {
        let Some(user) = key(user).filter(|_| !id.contains('\0')) else { return Ok(None) };
        let found = notification::Entity::find_by_id(id)
            .filter(notification::Column::AppId.eq(app.as_str()))
            .filter(notification::Column::UserId.eq(user))
            .one(&self.db)
            .await?;
        Ok(found.filter(|row| row.id == id).and_then(rows::read))
    }

    /// How many notifications a person has not read.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn notification_unread(&self, app: &AppId, user: &UserId, now: DateTime<Utc>) -> Result<u64> {
        match key(user) {
            Some(user) => unread(&self.db, app, user, now).await,
            None => Ok(0),
        }
    }

    /// Marks notifications of a person: those that are not so yet are changed, at most 500, and given to `facts`, with
    /// the number of unread ones that are left; it says what is told. Nothing is told when nothing changes.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is written then.
    #[tracing::instrument(name = "store.notification_mark", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn notification_mark(
        &self,
        (app, user): (&AppId, &UserId),
        (which, mark): (&Which, Mark),
        facts: impl FnOnce(&[String], u64) -> Vec<Told> + Send,
        (epoch, now): (&str, DateTime<Utc>),
    ) -> Result<(Vec<String>, Vec<Kept>)> {
        let Some(user) = key(user) else { return Ok((Vec::new(), Vec::new())) };
        let all = Condition::all()
            .add(notification::Column::AppId.eq(app.as_str()))
            .add(notification::Column::UserId.eq(user))
            .add(match which {
                Which::Ids(ids) => {
                    notification::Column::Id.is_in(ids.iter().map(String::as_str).filter(|id| !id.contains('\0')))
                }
                Which::Before(moment) => notification::Column::UpdatedAt.lt(moment.timestamp_millis()),
            })
            .add(rows::differs(mark));
        let change = self.change_begin(streams::COUNTER).await?;
        let ids: Vec<String> =
            newest_first(all).limit(MARKED).all(&change).await?.into_iter().map(|row| row.id).collect();
        if ids.is_empty() {
            change.rollback().await?;
            return Ok((ids, Vec::new()));
        }
        let mut update = notification::Entity::update_many().filter(notification::Column::Id.is_in(ids.clone()));
        for (column, value) in rows::marked(mark, now) {
            update = update.col_expr(column, value);
        }
        update.exec(&change).await?;
        let left = unread(&change, app, user, now).await?;
        let kept = streams::append(&change, app, facts(&ids, left), epoch).await?;
        change.commit().await?;
        Ok((ids, kept))
    }

    /// Removes notifications that have come to their end, those that neither came nor were counted up since `oldest`, and
    /// sendings that were to go out before it and are done; at most `limit` of each. Tells how many.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn notification_sweep(&self, now: DateTime<Utc>, oldest: DateTime<Utc>, limit: u64) -> Result<u64> {
        let mut gone = 0;
        for which in [
            notification::Column::ExpiresAt.lte(now.timestamp_millis()),
            notification::Column::UpdatedAt.lt(oldest.timestamp_millis()),
        ] {
            let found =
                notification::Entity::find().select_only().column(notification::Column::Id).filter(which).limit(limit);
            let ids: Vec<String> = found.into_tuple().all(&self.db).await?;
            if ids.is_empty() {
                continue;
            }
            let these = notification::Entity::delete_many().filter(notification::Column::Id.is_in(ids));
            gone += these.exec(&self.db).await?.rows_affected;
        }
        let ended = [BroadcastState::Sent, BroadcastState::Cancelled, BroadcastState::Expired];
        let old = Condition::all()
            .add(notification_broadcast::Column::State.is_in(ended.map(BroadcastState::name)))
            .add(notification_broadcast::Column::ScheduledAt.lt(oldest.timestamp_millis()));
        let id = notification_broadcast::Column::Id;
        let found = notification_broadcast::Entity::find().select_only().column(id).filter(old).limit(limit);
        let ids: Vec<String> = found.into_tuple().all(&self.db).await?;
        if !ids.is_empty() {
            let these = notification_broadcast::Entity::delete_many().filter(id.is_in(ids));
            gone += these.exec(&self.db).await?.rows_affected;
        }
        Ok(gone)
    }
}

fn newest_first(which: Condition) -> Select<notification::Entity> {
    let all = notification::Entity::find().filter(which);
    all.order_by_desc(notification::Column::UpdatedAt).order_by_desc(notification::Column::Id)
}

async fn unread(db: &impl ConnectionTrait, app: &AppId, user: &str, now: DateTime<Utc>) -> Result<u64> {
    let which = visible(app, user, now).add(notification::Column::ReadAt.is_null());
    Ok(notification::Entity::find().filter(which).count(db).await?)
}

/// Writes a notification for each of some people, at most some hundred, and says what is to be told of it. Who does not want
/// it is left out.
pub(super) async fn write(
    change: &DatabaseTransaction,
    app: &AppId,
    recipients: &[Recipient],
    (outgoing, telling): (Outgoing<'_>, &Telling<'_>),
) -> Result<(Vec<Notification>, Vec<Told>)> {
    let category = outgoing.content.category;
    let said = preference::of_many(change, app, recipients, category).await?;
    let mut written = Vec::with_capacity(recipients.len());
    let mut facts = Vec::with_capacity(recipients.len());
    for recipient in recipients.iter().filter(|recipient| key(&recipient.user).is_some()) {
        let preferences = said.get(&recipient.user).map_or(&[][..], Vec::as_slice);
        if !is_wanted(preferences, category, Medium::InApp, recipient.course.as_ref()) {
            continue;
        }
        let notification = put(change, app, recipient, (outgoing, telling)).await?;
        facts.push(((telling.fact)(&notification), outgoing.except));
        written.push(notification);
    }
    Ok((written, facts))
}

/// Counts up the open notification of the same group, or writes a new one.
async fn put(
    change: &DatabaseTransaction,
    app: &AppId,
    recipient: &Recipient,
    (outgoing, telling): (Outgoing<'_>, &Telling<'_>),
) -> Result<Notification> {
    let new = rows::new(recipient, outgoing, ((telling.new_id)(), telling.now));
    let open = match &outgoing.content.group_key {
        None => None,
        Some(group) => {
            let of_group = Condition::all()
                .add(notification::Column::AppId.eq(app.as_str()))
                .add(notification::Column::UserId.eq(recipient.user.as_str()))
                .add(notification::Column::GroupSlot.eq(group.as_str()));
            let found = notification::Entity::find().filter(of_group).one(change).await?;
            found.and_then(rows::read)
        }
    };
    // What has come to its end is still there until the next sweep, and must not take others up.
    let over = open.as_ref().and_then(|open| open.content.expires_at).is_some_and(|end| end <= telling.now);
    match open {
        Some(open) if over => {
            close(change, &open.id).await?;
            notification::Entity::insert(rows::row(app, &new)).exec_without_returning(change).await?;
            Ok(new)
        }
        Some(open) => {
            let together = Notification {
                id: open.id,
                count: open.count.saturating_add(1),
                created_at: open.created_at,
                seen_at: None,
                ..new
            };
            notification::Entity::update(rows::row(app, &together)).exec(change).await?;
            Ok(together)
        }
        None => {
            notification::Entity::insert(rows::row(app, &new)).exec_without_returning(change).await?;
            Ok(new)
        }
    }
}

/// Lets a row take up no others.
async fn close(change: &DatabaseTransaction, id: &str) -> Result<()> {
    let none = Expr::value(Option::<String>::None);
    let one = notification::Entity::update_many().col_expr(notification::Column::GroupSlot, none);
    one.filter(notification::Column::Id.eq(id)).exec(change).await?;
    Ok(())
}

/// Removes all that is kept for an app.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    let app = app.as_str();
    notification::Entity::delete_many().filter(notification::Column::AppId.eq(app)).exec(change).await?;
    let of_app = notification_broadcast::Column::AppId.eq(app);
    notification_broadcast::Entity::delete_many().filter(of_app).exec(change).await?;
    let of_app = notification_preference::Column::AppId.eq(app);
    notification_preference::Entity::delete_many().filter(of_app).exec(change).await?;
    Ok(())
}

/// Removes all that is kept about a person.
pub(super) async fn forget(change: &DatabaseTransaction, app: &AppId, user: &str) -> Result<()> {
    let theirs =
        Condition::all().add(notification::Column::AppId.eq(app.as_str())).add(notification::Column::UserId.eq(user));
    notification::Entity::delete_many().filter(theirs).exec(change).await?;
    let theirs = Condition::all()
        .add(notification_preference::Column::AppId.eq(app.as_str()))
        .add(notification_preference::Column::UserId.eq(user));
    notification_preference::Entity::delete_many().filter(theirs).exec(change).await?;
    Ok(())
}
