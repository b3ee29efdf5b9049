//! The audit as rows. Only ever added to; removed when they are old, and with their app.

use chrono::{DateTime, NaiveDateTime, Utc};
use entity::audit_log;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::{Result, Store, stamp};
use crate::{
    domain::audit::{AuditEntry, AuditFilter},
    ids::AppId,
};

/// Most rows in one statement: SQLite takes 32,766 bound values.
const CHUNK: usize = 500;

/// Most rows that are removed at once.
const PRUNED: u64 = 1_000;

impl Store {
    /// Adds entries.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn audit_insert(&self, entries: &[AuditEntry]) -> Result<()> {
        insert(&self.db, entries).await
    }

    /// Adds an entry, unless there is one of the same actor, action and target since then.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn audit_insert_once(&self, entry: &AuditEntry, since: DateTime<Utc>) -> Result<()> {
        use audit_log::Column as C;
        let same = Condition::all()
            .add(C::AppId.eq(entry.app.as_str()))
            .add(C::TargetType.eq(cut(&entry.target_type, 32)))
            .add(C::TargetId.eq(cut(&entry.target_id, 200)))
            .add(C::Actor.eq(cut(&entry.actor, 160)))
            .add(C::Action.eq(cut(&entry.action, 64)))
            .add(C::CreatedAt.gte(stamp(since)));
        let there = audit_log::Entity::find().select_only().column(C::Id).filter(same).limit(1);
        match there.into_tuple::<i64>().one(&self.db).await? {
            Some(_) => Ok(()),
            None => insert(&self.db, std::slice::from_ref(entry)).await,
        }
    }

    /// Removes the oldest entries of all apps that are older than this, at most a thousand; tells how many.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.audit_prune", level = "debug", skip_all)]
    pub async fn audit_prune(&self, before: DateTime<Utc>) -> Result<u64> {
        // Numbers go up with time, so that the oldest are found without an index of times.
        let oldest: Vec<(i64, NaiveDateTime)> = audit_log::Entity::find()
            .select_only()
            .columns([audit_log::Column::Id, audit_log::Column::CreatedAt])
            .order_by_asc(audit_log::Column::Id)
            .limit(PRUNED)
            .into_tuple()
            .all(&self.db)
            .await?;
        let old: Vec<i64> = oldest.into_iter().filter(|(_, at)| *at < stamp(before)).map(|(id, _)| id).collect();
        if old.is_empty() {
            return Ok(0);
        }
        let which = audit_log::Column::Id.is_in(old);
        Ok(audit_log::Entity::delete_many().filter(which).exec(&self.db).await?.rows_affected)
    }

    /// Entries of an app, newest first, each with its number. `before` is the last number of the page before; `None` = the
    /// newest.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn audit_list(
        &self,
        app: &AppId,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, AuditEntry)>> {
        let is = |column: audit_log::Column, value: &Option<String>| {
            value.as_ref().map(|value| column.eq(value.replace('\0', "")))
        };
        let which = Condition::all()
            .add(audit_log::Column::AppId.eq(app.as_str()))
            .add_option(is(audit_log::Column::Actor, &filter.actor))
            .add_option(is(audit_log::Column::Action, &filter.action))
            .add_option(is(audit_log::Column::TargetType, &filter.target_type))
            .add_option(is(audit_log::Column::TargetId, &filter.target_id))
            .add_option(filter.since.map(|since| audit_log::Column::CreatedAt.gte(stamp(since))))
            .add_option(filter.until.map(|until| audit_log::Column::CreatedAt.lt(stamp(until))));
        let all = audit_log::Entity::find().filter(which);
        let all = all.apply_if(before, |all, before| all.filter(audit_log::Column::Id.lt(before)));
        let rows = all.order_by_desc(audit_log::Column::Id).limit(u64::from(limit)).all(&self.db).await?;
        Ok(rows.into_iter().map(|row| entry(app, row)).collect())
    }
}

/// Adds entries, in a transaction or by themselves.
pub(super) async fn insert(db: &impl ConnectionTrait, entries: &[AuditEntry]) -> Result<()> {
    for some in entries.chunks(CHUNK) {
        audit_log::Entity::insert_many(some.iter().map(row)).exec_without_returning(db).await?;
    }
    Ok(())
}

/// A text that every database keeps: within its column and without NUL.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(max).collect()
}

fn row(entry: &AuditEntry) -> audit_log::ActiveModel {
    audit_log::ActiveModel {
        id: NotSet,
        app_id: Set(entry.app.as_str().to_owned()),
        actor: Set(cut(&entry.actor, 160)),
        action: Set(cut(&entry.action, 64)),
        target_type: Set(cut(&entry.target_type, 32)),
        target_id: Set(cut(&entry.target_id, 200)),
        scope: Set(entry.scope.as_deref().map(|scope| cut(scope, 255))),
        before: Set(entry.before.as_deref().map(|text| cut(text, 16_000))),
        after: Set(entry.after.as_deref().map(|text| cut(text, 16_000))),
        ip: Set(entry.ip.as_deref().map(|ip| cut(ip, 45))),
        created_at: Set(stamp(entry.at)),
    }
}

fn entry(app: &AppId, row: audit_log::Model) -> (i64, AuditEntry) {
    let entry = AuditEntry {
        app: app.clone(),
        actor: row.actor,
        action: row.action,
        target_type: row.target_type,
        target_id: row.target_id,
        scope: row.scope,
        before: row.before,
        after: row.after,
        ip: row.ip,
        at: row.created_at.and_utc(),
    };
    (row.id, entry)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[tokio::test]
    async fn old_entries_go_a_thousand_at_once_and_younger_ones_stay() {
        let config = super::super::Config { url: "sqlite::memory:".to_owned(), ..super::super::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let app = AppId::parse("campus").unwrap();
        let entry = |seconds: i64| AuditEntry {
            app: app.clone(),
            actor: "cli".to_owned(),
            action: "roster.updated".to_owned(),
            target_type: "user".to_owned(),
            target_id: seconds.to_string(),
            scope: None,
            before: None,
            after: None,
            ip: None,
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
        };
        let entries: Vec<_> = (0..1_005).map(entry).collect();
        store.audit_insert(&entries).await.unwrap();
        let before = DateTime::UNIX_EPOCH + TimeDelta::seconds(1_003);
        assert_eq!(store.audit_prune(before).await.unwrap(), 1_000);
        assert_eq!(store.audit_prune(before).await.unwrap(), 3);
        assert_eq!(store.audit_prune(before).await.unwrap(), 0);
        let left = store.audit_list(&app, &AuditFilter::default(), None, 10).await.unwrap();
        assert_eq!(left.iter().map(|(_, entry)| entry.target_id.as_str()).collect::<Vec<_>>(), ["1004", "1003"]);
    }
}
