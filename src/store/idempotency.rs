//! Answers to requests that came with an idempotency key, as rows: reserved before a request is executed, kept for a while
//! afterwards.
//!
//! The row is the lock between nodes: whoever inserts it executes the request. One that a crash left behind lapses.

use chrono::{DateTime, TimeDelta, Utc};
use entity::idempotency_key;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr,
    sea_query::{Expr, ExprTrait},
};

use super::{Result, Store, moment};
use crate::ids::AppId;

/// How long a reservation counts when nobody comes back to it.
pub const RESERVED_FOR: TimeDelta = TimeDelta::seconds(60);

/// How long an answer is kept.
pub const ANSWER_KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// Rows that are removed by one statement.
const CHUNK: u64 = 500;

/// What a request under a key is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Hash of app, caller, method, path and key; at most 43 characters.
    pub id: String,
    /// The app.
    pub app: AppId,
    /// Who calls; at most 255 characters.
    pub caller: String,
    /// Hash of what was sent; at most 43 characters.
    pub request: String,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// Header `Location`.
    pub location: Option<String>,
    /// Header `ETag`.
    pub etag: Option<String>,
    /// Header `Content-Type`.
    pub content_type: Option<String>,
    /// The body; `None` = it was too large to be kept.
    pub body: Option<String>,
}

/// Whether a request may be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It may: nobody else will until the reservation lapses.
    Yes,
    /// Somebody is executing it. Their reservation lapses then.
    Running(DateTime<Utc>),
    /// It was executed.
    Done {
        /// Hash of what was sent.
        request: String,
        /// What was answered.
        answer: Box<KeptAnswer>,
    },
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

fn reservation(slot: &Slot, now: DateTime<Utc>) -> idempotency_key::ActiveModel {
    idempotency_key::ActiveModel {
        id: Set(slot.id.clone()),
        app_id: Set(slot.app.as_str().to_owned()),
        // PostgreSQL keeps no NUL; the hash tells callers apart.
        caller: Set(slot.caller.replace('\0', " ")),
        request: Set(slot.request.clone()),
        status: NotSet,
        location: NotSet,
        etag: NotSet,
        content_type: NotSet,
        body: NotSet,
        until_at: Set(millis(now + RESERVED_FOR)),
    }
}

/// Removes the answers to callers of an app.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    let of_app = idempotency_key::Column::AppId.eq(app.as_str());
    idempotency_key::Entity::delete_many().filter(of_app).exec(change).await?;
    Ok(())
}

fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// A row as it is told.
fn readable(row: idempotency_key::Model) -> Reserved {
    let idempotency_key::Model { request, status, location, etag, content_type, body, until_at, .. } = row;
    match status.and_then(|status| u16::try_from(status).ok()) {
        None => Reserved::Running(moment(until_at)),
        Some(status) => {
            let answer = Box::new(KeptAnswer { status, location, etag, content_type, body });
            Reserved::Done { request, answer }
        }
    }
}

impl Store {
    /// Reserves the execution of a request, unless it runs or was executed already.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.idempotency_reserve", level = "debug", skip_all, fields(app.id = %slot.app))]
    pub async fn idempotency_reserve(&self, slot: &Slot, now: DateTime<Utc>) -> Result<Reserved> {
        let insert = idempotency_key::Entity::insert(reservation(slot, now)).exec_without_returning(&self.db).await;
        match insert {
            Ok(_) => return Ok(Reserved::Yes),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(row) = idempotency_key::Entity::find_by_id(slot.id.as_str()).one(&self.db).await? else {
            // It was given back in between.
            return Ok(Reserved::Running(now));
        };
        if row.until_at > millis(now) {
            return Ok(readable(row));
        }
        let until = now + RESERVED_FOR;
        let taken_over = idempotency_key::Entity::update_many()
            .set(idempotency_key::ActiveModel {
                status: Set(None),
                location: Set(None),
                etag: Set(None),
                content_type: Set(None),
                body: Set(None),
                ..reservation(slot, now)
            })
            .filter(idempotency_key::Column::Id.eq(slot.id.as_str()))
            .filter(idempotency_key::Column::UntilAt.eq(row.until_at))
            .exec(&self.db)
            .await?;
        Ok(if taken_over.rows_affected == 1 { Reserved::Yes } else { Reserved::Running(until) })
    }

    /// Keeps the answer to a request that was reserved; false when its reservation is there no more.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn idempotency_keep(&self, id: &str, answer: KeptAnswer, now: DateTime<Utc>) -> Result<bool> {
        let KeptAnswer { status, location, etag, content_type, body } = answer;
        let row = idempotency_key::ActiveModel {
            status: Set(Some(status.into())),
            location: Set(location),
            etag: Set(etag),
            content_type: Set(content_type),
            body: Set(body),
            until_at: Set(millis(now + ANSWER_KEPT_FOR)),
            ..Default::default()
        };
        let kept = idempotency_key::Entity::update_many().set(row).filter(running(id)).exec(&self.db).await?;
        Ok(kept.rows_affected == 1)
    }

    /// Gives a reservation back: the request was refused and may be sent again.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn idempotency_release(&self, id: &str) -> Result<()> {
        idempotency_key::Entity::delete_many().filter(running(id)).exec(&self.db).await?;
        Ok(())
    }

    /// Removes what counts no more, and of each caller's answers all but the newest `most`. A reservation that counts stays:
    /// its request is being executed, and it lapses soon.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.idempotency_sweep", level = "debug", skip_all)]
    pub async fn idempotency_sweep(&self, now: DateTime<Utc>, most: u64) -> Result<()> {
        use idempotency_key::Column::{AppId, Caller, Id, Status, UntilAt};
        idempotency_key::Entity::delete_many().filter(UntilAt.lte(millis(now))).exec(&self.db).await?;
        let many: Vec<(String, String)> = idempotency_key::Entity::find()
            .select_only()
            .columns([AppId, Caller])
            .filter(Status.is_not_null())
            .group_by(AppId)
            .group_by(Caller)
            .having(Expr::col(Id).count().gt(i64::try_from(most).unwrap_or(i64::MAX)))
            .into_tuple()
            .all(&self.db)
            .await?;
        for (app, caller) in many {
            loop {
                let old: Vec<String> = idempotency_key::Entity::find()
                    .select_only()
                    .column(Id)
                    .filter(Condition::all().add(AppId.eq(app.as_str())).add(Caller.eq(caller.as_str())))
                    .filter(Status.is_not_null())
                    .order_by_desc(UntilAt)
                    .order_by_desc(Id)
                    .offset(most)
                    .limit(CHUNK)
                    .into_tuple()
                    .all(&self.db)
                    .await?;
                if old.is_empty() {
                    break;
                }
                idempotency_key::Entity::delete_many().filter(Id.is_in(old)).exec(&self.db).await?;
            }
        }
        Ok(())
    }
}

/// A row that is being executed.
fn running(id: &str) -> Condition {
    Condition::all().add(idempotency_key::Column::Id.eq(id)).add(idempotency_key::Column::Status.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::migrated;

    fn slot(id: &str, caller: &str) -> Slot {
        let app = AppId::parse("campus").unwrap();
        Slot { id: id.to_owned(), app, caller: caller.to_owned(), request: "r".to_owned() }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn answer(body: &str) -> KeptAnswer {
        let (location, content_type) = (Some("/api/x/1".to_owned()), Some("application/json".to_owned()));
        KeptAnswer { status: 201, location, etag: None, content_type, body: Some(body.to_owned()) }
    }

    #[tokio::test]
    async fn a_request_is_executed_once_and_its_answer_is_kept_for_a_day() {
        let (_directory, store) = migrated().await;
        let slot = slot("a", "user:7");
        assert_eq!(store.idempotency_reserve(&slot, at(0)).await.unwrap(), Reserved::Yes);
        assert_eq!(store.idempotency_reserve(&slot, at(59)).await.unwrap(), Reserved::Running(at(60)));
        assert!(store.idempotency_keep("a", answer("{}"), at(59)).await.unwrap());
        let done = Reserved::Done { request: "r".to_owned(), answer: Box::new(answer("{}")) };
        let day = 59 + ANSWER_KEPT_FOR.num_seconds();
        for seconds in [60, day - 1] {
            assert_eq!(store.idempotency_reserve(&slot, at(seconds)).await.unwrap(), done);
        }
        // What is done is not given back or written over.
        store.idempotency_release("a").await.unwrap();
        assert!(!store.idempotency_keep("a", answer("[]"), at(61)).await.unwrap());
        assert_eq!(store.idempotency_reserve(&slot, at(62)).await.unwrap(), done);
        assert_eq!(store.idempotency_reserve(&slot, at(day)).await.unwrap(), Reserved::Yes);
        assert_eq!(store.idempotency_reserve(&slot, at(day)).await.unwrap(), Reserved::Running(at(day + 60)));
    }

    #[tokio::test]
    async fn a_reservation_is_given_back_or_lapses_after_a_minute() {
        let (_directory, store) = migrated().await;
        let slot = slot("a", "user:7");
        assert_eq!(store.idempotency_reserve(&slot, at(0)).await.unwrap(), Reserved::Yes);
        store.idempotency_release("a").await.unwrap();
        assert_eq!(store.idempotency_reserve(&slot, at(1)).await.unwrap(), Reserved::Yes);
        assert_eq!(store.idempotency_reserve(&slot, at(60)).await.unwrap(), Reserved::Running(at(61)));
        assert_eq!(store.idempotency_reserve(&slot, at(61)).await.unwrap(), Reserved::Yes);
    }

    #[tokio::test]
    async fn sweeping_leaves_each_caller_the_newest_answers_and_nothing_that_is_over() {
        let (_directory, store) = migrated().await;
        for (id, caller, seconds) in
            [("a", "user:7", 0), ("b", "user:7", 1), ("c", "user:7", 2), ("d", "user:8", 0), ("e", "user:8", -100_000)]
        {
            store.idempotency_reserve(&slot(id, caller), at(seconds)).await.unwrap();
            assert!(store.idempotency_keep(id, answer("{}"), at(seconds)).await.unwrap());
        }
        let left = async |most| left(&store, at(0), most).await;
        assert_eq!(left(3).await, "abcd");
        assert_eq!(left(2).await, "bcd");
        assert_eq!(left(1).await, "cd");
    }

    #[tokio::test]
    async fn what_is_being_executed_is_not_swept_for_answers_and_can_be_kept() {
        let (_directory, store) = migrated().await;
        for (id, seconds) in [("a", 0), ("b", 1)] {
            store.idempotency_reserve(&slot(id, "user:7"), at(seconds)).await.unwrap();
            store.idempotency_keep(id, answer("{}"), at(seconds)).await.unwrap();
        }
        let running = slot("c", "user:7");
        store.idempotency_reserve(&running, at(2)).await.unwrap();
        assert_eq!(left(&store, at(3), 1).await, "bc");
        assert!(store.idempotency_keep("c", answer("[]"), at(4)).await.unwrap());
        let done = Reserved::Done { request: "r".to_owned(), answer: Box::new(answer("[]")) };
        assert_eq!(store.idempotency_reserve(&running, at(5)).await.unwrap(), done);
        assert_eq!(left(&store, at(5), 1).await, "c");
    }

    #[tokio::test]
    async fn a_reservation_that_lapsed_is_swept_and_its_answer_is_said_not_to_be_kept() {
        let (_directory, store) = migrated().await;
        store.idempotency_reserve(&slot("a", "user:7"), at(0)).await.unwrap();
        assert_eq!(left(&store, at(59), 10).await, "a");
        assert_eq!(left(&store, at(60), 10).await, "");
        assert!(!store.idempotency_keep("a", answer("{}"), at(61)).await.unwrap());
    }

    /// Ids of the rows that are there after a sweep.
    async fn left(store: &Store, now: DateTime<Utc>, most: u64) -> String {
        store.idempotency_sweep(now, most).await.unwrap();
        let rows = idempotency_key::Entity::find().order_by_asc(idempotency_key::Column::Id);
        let rows = rows.all(&store.db).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>().concat()
    }
}
