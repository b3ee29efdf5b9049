//! Everything that one person has said in a chat, deleted in one go: each message with a trace, as when it is deleted alone.
//!
//! Moderators still find what it said. Streams have a gap where they told it.

use entity::{chat, chat_message, chat_message_version};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::Value;

use super::{ChatWrite, Facts, by_id, finish, messages::of_chat, rows, wipe};
use crate::{
    domain::{
        audit::AuditEntry,
        chat::{Chat, Purge},
    },
    ids::{AppId, ExternalId, UserId},
    store::{Kept, Result, Store, streams},
};

/// Most messages that are deleted at once.
const STEP: u64 = 500;

impl Store {
    /// Deletes the newest messages of somebody in a chat before a number, at most 500; `None` = there are no more. `tell` says
    /// what is told of it, and what the audit says.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_purge", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_purge(
        &self,
        (app, id): (&AppId, &ExternalId),
        (author, before, by): (&UserId, i64, &str),
        write: ChatWrite<'_>,
        tell: impl FnOnce(&Purge) -> (Facts, AuditEntry) + Send,
    ) -> Result<(Option<Purge>, Vec<Kept>)> {
        use chat_message::Column as C;
        if author.as_str().contains('\0') {
            return Ok((None, Vec::new()));
        }
        let change = self.change_begin(streams::COUNTER).await?;
        let found = chat::Entity::find_by_id(by_id(app, id)).one(&change).await?.and_then(rows::chat);
        let Some(chat) = found else { return Ok((None, Vec::new())) };
        let theirs = of_chat(app, id)
            .add(C::AuthorKind.eq("user"))
            .add(C::AuthorId.eq(author.as_str()))
            .add(C::Seq.gt(chat.cleared_seq))
            .add(C::DeletedAt.is_null());
        let newest = chat_message::Entity::find()
            .select_only()
            .column(C::Seq)
            .filter(theirs.clone().add(C::Seq.lt(before)))
            .order_by_desc(C::Seq)
            .limit(STEP);
        let seqs: Vec<i64> = newest.into_tuple().all(&change).await?;
        let (Some(to), Some(from)) = (seqs.first().copied(), seqs.last().copied()) else {
            return Ok((None, Vec::new()));
        };
        let purge = Purge { chat: id.clone(), author: author.clone(), from, to, count: seqs.len() as u64 };
        let which = theirs.add(C::Seq.between(from, to));
        delete(&change, (app, &chat), (&purge, which), (by, write.at.timestamp_millis())).await?;
        let (facts, audit) = tell(&purge);
        let write = ChatWrite { audit: &[audit], ..write };
        let kept = finish(change, app, write, facts).await?;
        Ok((Some(purge), kept))
    }
}

/// Keeps what the messages said, then takes it out of them and of what was told of them.
async fn delete(
    change: &DatabaseTransaction,
    (app, chat): (&AppId, &Chat),
    (purge, which): (&Purge, Condition),
    (by, at): (&str, i64),
) -> Result<()> {
    use chat_message::Column as C;
    use chat_message_version::Column as V;
    let topics = wipe::told_in(change, (app, chat), || which.clone()).await?;
    let is_gone = |message: &Value| {
        let is_theirs = message["user_id"] == purge.author.as_str();
        is_theirs && message["seq"].as_i64().is_some_and(|seq| (purge.from..=purge.to).contains(&seq))
    };
    streams::forget_where(change, (app, &topics), &chat.id, is_gone).await?;
    let said = Query::select()
        .columns([C::AppId, C::Id, C::Version, C::Body, C::Attachments])
        .expr(Expr::value(at))
        .expr(Expr::value(by))
        .from(chat_message::Entity)
        .cond_where(which.clone())
        .to_owned();
    let mut keep = Query::insert();
    keep.into_table(chat_message_version::Entity)
        .columns([V::AppId, V::MessageId, V::Version, V::Body, V::Attachments, V::ReplacedAt, V::ReplacedBy])
        .select_from(said)
        .map_err(|error| DbErr::Query(sea_orm::RuntimeErr::Internal(error.to_string())))?;
    change.execute(&keep).await?;
    chat_message::Entity::update_many()
        .col_expr(C::Body, Expr::value(""))
        .col_expr(C::Mentions, Expr::value("[]"))
        .col_expr(C::Attachments, Expr::value("[]"))
        .col_expr(C::PinnedAt, Expr::value(None::<i64>))
        .col_expr(C::PinnedUntil, Expr::value(None::<i64>))
        .col_expr(C::DeletedAt, Expr::value(at))
        .col_expr(C::DeletedBy, Expr::value(by))
        .col_expr(C::Version, Expr::col(C::Version).add(1))
        .filter(which)
        .exec(change)
        .await?;
    Ok(())
}
