//! When people were here, what they have said about themselves, and when others saw them last, as rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{presence_session, user_status};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
    sea_query::{Expr, OnConflict},
};

use super::{Result, Store, moment, roster};
use crate::{
    domain::presence::{BadStatus, Status, Stay},
    ids::{AppId, UserId},
};

/// Most rows of one statement: SQLite takes 32,766 bound values.
const CHUNK: usize = 500;

/// Most rows that are removed at once.
const PRUNED: u64 = 1_000;

/// What is kept about somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptStatus {
    /// What they have said about themselves.
    pub status: Status,
    /// When others saw them last; `None` = never, or not since they have gone.
    pub seen: Option<DateTime<Utc>>,
}

impl Store {
    /// What is kept about some people; those of whom nothing is kept are left out.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn presence_statuses(&self, app: &AppId, users: &[UserId]) -> Result<HashMap<UserId, KeptStatus>> {
        let mut found = HashMap::with_capacity(users.len());
        for some in users.chunks(CHUNK) {
            let which = Condition::all().add(user_status::Column::AppId.eq(app.as_str())).add(
                user_status::Column::UserId.is_in(some.iter().filter(|user| is_storable(user)).map(UserId::as_str)),
            );
            let rows = user_status::Entity::find().filter(which).all(&self.db).await?;
            let kept = rows.into_iter().filter_map(|row| Some((UserId::parse(&row.user_id).ok()?, readable(row))));
            // MySQL overlooks blanks at the end: what is not asked for is left out.
            found.extend(kept.filter(|(user, _)| some.contains(user)));
        }
        Ok(found)
    }

    /// Changes what somebody says about themselves as `decide` says, which sees it as it is. Returns what they say then. With a
    /// time it stands in the log of changes as one of the person, so that every node follows.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database). The inner one is that of `decide`. Nothing is changed then.
    #[tracing::instrument(name = "store.presence_status_change", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn presence_status_change(
        &self,
        app: &AppId,
        (user, followed): (&UserId, Option<DateTime<Utc>>),
        decide: impl FnOnce(Status) -> Result<Status, BadStatus> + Send,
    ) -> Result<Result<Status, BadStatus>> {
        if !is_storable(user) {
            return Ok(decide(Status::default()));
        }
        let change = match followed {
            Some(_) => self.change_begin(roster::COUNTER).await?,
            None => self.db.begin().await?,
        };
        // Written first, as it is or new, so that whoever changes it at the same time waits.
        let same = user_status::Column::Availability;
        let same = OnConflict::columns([user_status::Column::AppId, user_status::Column::UserId])
            .value(same, Expr::col((user_status::Entity, same)))
            .to_owned();
        let locked = user_status::Entity::insert(row(app, user, &Status::default(), None)).on_conflict(same);
        locked.exec_without_returning(&change).await?;
        let key = (app.as_str().to_owned(), user.as_str().to_owned());
        let before = user_status::Entity::find_by_id(key).one(&change).await?;
        let before = before.map(readable).unwrap_or_default();
        let status = match decide(before.status) {
            Ok(status) => status,
            Err(bad) => {
                change.rollback().await?;
                return Ok(Err(bad));
            }
        };
        user_status::Entity::update(row(app, user, &status, before.seen)).exec(&change).await?;
        if let Some(now) = followed {
            roster::log::append(&change, app, &mut [roster::log::of_person(user, now)]).await?;
        }
        change.commit().await?;
        Ok(Ok(status))
    }

    /// Those who do not want others to see them type.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn presence_typing_hidden(&self, app: &AppId) -> Result<HashSet<UserId>> {
        let hidden = user_status::Entity::find()
            .select_only()
            .column(user_status::Column::UserId)
            .filter(user_status::Column::AppId.eq(app.as_str()))
            .filter(user_status::Column::HidesTyping.eq(true));
        let ids: Vec<String> = hidden.into_tuple().all(&self.db).await?;
        Ok(ids.iter().filter_map(|id| UserId::parse(id).ok()).collect())
    }

    /// Keeps stays at this node that have begun or ended, in this order, and when people were seen last.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database); nothing is kept then.
    pub async fn presence_keep(&self, app: &AppId, stays: &[Stay], seen: &[(UserId, DateTime<Utc>)]) -> Result<()> {
        let there = stays.iter().map(|stay| stay.left.map_or(stay.joined_at, |(left, _why)| left)).max();
        let change = match there {
            Some(there) => self.node_change_begin(there).await?,
            None => self.db.begin().await?,
        };
        keep_stays(&change, (app, self.node()), stays).await?;
        let latest: BTreeMap<&UserId, DateTime<Utc>> =
            seen.iter().filter(|(user, _)| is_storable(user)).map(|(user, at)| (user, *at)).collect();
        let rows: Vec<_> = latest.into_iter().map(|(user, at)| row(app, user, &Status::default(), Some(at))).collect();
        for some in rows.chunks(CHUNK) {
            let replace = OnConflict::columns([user_status::Column::AppId, user_status::Column::UserId])
                .update_column(user_status::Column::LastSeenAt)
                .to_owned();
            let rows = user_status::Entity::insert_many(some.to_vec()).on_conflict(replace);
            rows.exec_without_returning(&change).await?;
        }
        change.commit().await?;
        Ok(())
    }

    /// Removes stays of all apps that ended before this, the oldest first and at most a thousand; tells how many.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.presence_prune", level = "debug", skip_all)]
    pub async fn presence_prune(&self, before: DateTime<Utc>) -> Result<u64> {
        let old: Vec<i64> = presence_session::Entity::find()
            .select_only()
            .column(presence_session::Column::Id)
            .filter(presence_session::Column::LeftAt.lt(before.timestamp_millis()))
            .order_by_asc(presence_session::Column::LeftAt)
            .limit(PRUNED)
            .into_tuple()
            .all(&self.db)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let which = presence_session::Column::Id.is_in(old);
        Ok(presence_session::Entity::delete_many().filter(which).exec(&self.db).await?.rows_affected)
    }

    /// Stays of somebody, or those at something, the latest first: since when, until when, and why they went.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn presence_stays(
        &self,
        app: &AppId,
        (user, scope): (&UserId, Option<&str>),
        limit: u32,
    ) -> Result<Vec<(DateTime<Utc>, Option<DateTime<Utc>>, Option<String>)>> {
        let of_user = presence_session::Entity::find()
            .filter(presence_session::Column::AppId.eq(app.as_str()))
            .filter(presence_session::Column::UserId.eq(user.as_str().replace('\0', "")))
            .filter(presence_session::Column::Scope.eq(scope.unwrap_or_default()))
            .order_by_desc(presence_session::Column::JoinedAt)
            .order_by_desc(presence_session::Column::Id);
        let rows = of_user.limit(u64::from(limit)).all(&self.db).await?;
        let stay = |row: presence_session::Model| (moment(row.joined_at), row.left_at.map(moment), row.reason);
        Ok(rows.into_iter().map(stay).collect())
    }
}

/// Tells whether every database can keep the id: PostgreSQL refuses texts with NUL.
fn is_storable(user: &UserId) -> bool {
    !user.as_str().contains('\0')
}

async fn keep_stays(change: &DatabaseTransaction, (app, node): (&AppId, &str), stays: &[Stay]) -> Result<()> {
    let mut begun: Vec<presence_session::ActiveModel> = Vec::new();
    for stay in stays.iter().filter(|stay| is_storable(&stay.user)) {
        let Some((left, reason)) = stay.left else {
            begun.push(presence_session::ActiveModel {
                id: NotSet,
                app_id: Set(app.as_str().to_owned()),
                user_id: Set(stay.user.as_str().to_owned()),
                scope: Set(stay.scope.clone().unwrap_or_default()),
                joined_at: Set(stay.joined_at.timestamp_millis()),
                node: Set(node.to_owned()),
                left_at: Set(None),
                reason: Set(None),
            });
            continue;
        };
        begin(change, &mut begun).await?;
        presence_session::Entity::update_many()
            .col_expr(presence_session::Column::LeftAt, Expr::value(left.timestamp_millis()))
            .col_expr(presence_session::Column::Reason, Expr::value(reason))
            .filter(presence_session::Column::AppId.eq(app.as_str()))
            .filter(presence_session::Column::UserId.eq(stay.user.as_str()))
            .filter(presence_session::Column::Scope.eq(stay.scope.as_deref().unwrap_or_default()))
            .filter(presence_session::Column::JoinedAt.eq(stay.joined_at.timestamp_millis()))
            .filter(presence_session::Column::Node.eq(node))
            .exec(change)
            .await?;
    }
    begin(change, &mut begun).await
}

/// Writes the stays that have begun so far.
async fn begin(change: &DatabaseTransaction, begun: &mut Vec<presence_session::ActiveModel>) -> Result<()> {
    while !begun.is_empty() {
        let some = begun.drain(..begun.len().min(CHUNK));
        presence_session::Entity::insert_many(some).exec_without_returning(change).await?;
    }
    Ok(())
}

fn row(app: &AppId, user: &UserId, status: &Status, seen: Option<DateTime<Utc>>) -> user_status::ActiveModel {
    let Status { availability, text, emoji, invisible, hides_typing, clear_at } = status;
    let storable = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
    user_status::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        user_id: Set(user.as_str().to_owned()),
        availability: Set(availability.name().to_owned()),
        note: Set(storable(text)),
        emoji: Set(storable(emoji)),
        invisible: Set(*invisible),
        hides_typing: Set(*hides_typing),
        clear_at: Set(clear_at.map(|at| at.timestamp_millis())),
        last_seen_at: Set(seen.map(|at| at.timestamp_millis())),
    }
}

fn readable(row: user_status::Model) -> KeptStatus {
    let status = Status {
        availability: row.availability.parse().unwrap_or_default(),
        text: row.note,
        emoji: row.emoji,
        invisible: row.invisible,
        hides_typing: row.hides_typing,
        clear_at: row.clear_at.map(moment),
    };
    KeptStatus { status, seen: row.last_seen_at.map(moment) }
}
