//! Servers that share the database: each says every few seconds that it is there. One that does not is lost; whoever finds that
//! first ends what it has left open, so that it is ended once.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{node, presence_session};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, TransactionTrait,
    sea_query::{Expr, OnConflict},
};

use super::{Result, Store, moment};
use crate::ids::{AppId, UserId};

/// Most ids in one statement.
const CHUNK: usize = 500;

/// Lost servers that one look finds at most.
const LOST: u64 = 10;

/// Why the stays at a lost server have ended.
const REASON: &str = "lost";

/// People who were here by a server that is lost, and are by no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The app.
    pub app: AppId,
    /// Who.
    pub users: Vec<UserId>,
    /// When the server was there for certain.
    pub seen: DateTime<Utc>,
}

impl Store {
    /// The name of this server among those that share the database.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Takes note that this server is there. Should it have been taken for lost, what was ended for that goes on.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn node_beat(&self, now: DateTime<Utc>) -> Result<()> {
        let seen = Expr::value(now.timestamp_millis());
        let beat = node::Entity::update_many().col_expr(node::Column::SeenAt, seen);
        if beat.filter(node::Column::Id.eq(self.node())).exec(&self.db).await?.rows_affected > 0 {
            return Ok(());
        }
        let change = self.db.begin().await?;
        let row = node::ActiveModel { id: Set(self.node().to_owned()), seen_at: Set(now.timestamp_millis()) };
        let again = OnConflict::column(node::Column::Id).update_column(node::Column::SeenAt).to_owned();
        node::Entity::insert(row).on_conflict(again).exec_without_returning(&change).await?;
        presence_session::Entity::update_many()
            .col_expr(presence_session::Column::LeftAt, Expr::value(None::<i64>))
            .col_expr(presence_session::Column::Reason, Expr::value(None::<String>))
            .filter(presence_session::Column::Node.eq(self.node()))
            .filter(presence_session::Column::Reason.eq(REASON))
            .exec(&change)
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// Begins a change of the stays at this server; until it is over nobody takes the server for lost. So whatever stay is open
    /// is that of a server that stands in the list, and is ended with it. Should this one stand there no more, it was there at
    /// `seen`.
    pub(super) async fn node_change_begin(&self, seen: DateTime<Utc>) -> Result<DatabaseTransaction> {
        loop {
            let change = self.db.begin().await?;
            // Written as it is: whoever wants to remove the row waits.
            let same = Expr::col(node::Column::SeenAt);
            let held = node::Entity::update_many().col_expr(node::Column::SeenAt, same);
            if held.filter(node::Column::Id.eq(self.node())).exec(&change).await?.rows_affected > 0 {
                return Ok(change);
            }
            change.rollback().await?;
            self.node_beat(seen).await?;
        }
    }

    /// Ends the stays at servers that were not there since `before`, when those were there last. Tells who is gone by that; of
    /// several servers that look, one.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database). What was ended until then is ended; nobody is told who is gone by that.
    #[tracing::instrument(name = "store.node_sweep", level = "debug", skip_all)]
    pub async fn node_sweep(&self, before: DateTime<Utc>) -> Result<Vec<Left>> {
        let late = node::Column::SeenAt.lt(before.timestamp_millis());
        let lost = node::Entity::find().filter(late.clone()).filter(node::Column::Id.ne(self.node()));
        let mut left = Vec::new();
        for lost in lost.limit(LOST).all(&self.db).await? {
            let change = self.db.begin().await?;
            let gone = node::Entity::delete_many().filter(node::Column::Id.eq(lost.id.as_str())).filter(late.clone());
            if gone.exec(&change).await?.rows_affected == 0 {
                // It is back, or somebody else was faster.
                change.rollback().await?;
                continue;
            }
            let open = Condition::all()
                .add(presence_session::Column::Node.eq(lost.id.as_str()))
                .add(presence_session::Column::LeftAt.is_null());
            let at_all = presence_session::Entity::find().filter(open.clone()).select_only();
            let at_all = at_all.columns([presence_session::Column::AppId, presence_session::Column::UserId]);
            let at_all = at_all.filter(presence_session::Column::Scope.eq("")).into_tuple().all(&change).await?;
            let (joined, seen) = (presence_session::Column::JoinedAt, Expr::value(lost.seen_at));
            for (which, end) in [(joined.gt(lost.seen_at), Expr::col(joined)), (joined.lte(lost.seen_at), seen)] {
                presence_session::Entity::update_many()
                    .col_expr(presence_session::Column::LeftAt, end)
                    .col_expr(presence_session::Column::Reason, Expr::value(REASON))
                    .filter(open.clone())
                    .filter(which)
                    .exec(&change)
                    .await?;
            }
            change.commit().await?;
            for (app, users) in by_app(at_all) {
                left.push(Left { users: self.gone_among(&app, users).await?, app, seen: moment(lost.seen_at) });
            }
        }
        Ok(left)
    }

    /// Those of some people who are here by no server.
    async fn gone_among(&self, app: &AppId, mut users: Vec<UserId>) -> Result<Vec<UserId>> {
        let mut here: HashSet<String> = HashSet::new();
        for some in users.chunks(CHUNK) {
            let open = presence_session::Entity::find()
                .select_only()
                .column(presence_session::Column::UserId)
                .filter(presence_session::Column::AppId.eq(app.as_str()))
                .filter(presence_session::Column::UserId.is_in(some.iter().map(UserId::as_str)))
                .filter(presence_session::Column::Scope.eq(""))
                .filter(presence_session::Column::LeftAt.is_null());
            here.extend(open.into_tuple::<String>().all(&self.db).await?);
        }
        users.retain(|user| !here.contains(user.as_str()));
        Ok(users)
    }
}

/// People by app, each once.
fn by_app(rows: Vec<(String, String)>) -> BTreeMap<AppId, Vec<UserId>> {
    let mut found: BTreeMap<AppId, Vec<UserId>> = BTreeMap::new();
    let known = |(app, user): (String, String)| Some((AppId::parse(&app).ok()?, UserId::parse(&user).ok()?));
    for (app, user) in rows.into_iter().filter_map(known) {
        found.entry(app).or_default().push(user);
    }
    for users in found.values_mut() {
        users.sort_unstable();
        users.dedup();
    }
    found
}
