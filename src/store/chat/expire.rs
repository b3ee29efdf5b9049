//! Messages that a chat has kept for as long as it keeps them: removed from the oldest on, some at a time.
//!
//! The newest message of a chat stays as a row that says nothing, so that numbers go on. Everything up to the last that is gone
//! counts as cleared away: nobody is shown it, not even from a copy that is on its way.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{chat, chat_mark, chat_message, chat_message_version, report};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};
use serde_json::Value;

use super::{
    ChatWrite, Facts, by_id, finish_changed,
    messages::{newest_seq, of_chat},
    rows, wipe,
};
use crate::{
    domain::chat::Chat,
    ids::{AppId, ExternalId},
    store::{Kept, Page, Result, Store, moment, streams},
};

/// Most messages that are removed at once.
const STEP: usize = 500;

/// Kind of the author of a row that stands for a number alone.
const NOBODY: &str = "none";

/// Numbers of the oldest messages of a chat, as far as they are older than its days; at most one more than [`STEP`]. A younger
/// message ends the list: nothing behind it is taken for old.
async fn oldest(db: &impl ConnectionTrait, app: &AppId, chat: &Chat, now: DateTime<Utc>) -> Result<Vec<i64>> {
    let Some(days) = chat.settings.retention_days else { return Ok(Vec::new()) };
    let before = now - TimeDelta::days(days.into());
    let rows = chat_message::Entity::find()
        .select_only()
        .columns([chat_message::Column::Seq, chat_message::Column::CreatedAt])
        .filter(of_chat(app, &chat.id).add(chat_message::Column::AuthorKind.ne(NOBODY)))
        .order_by_asc(chat_message::Column::Seq)
        .limit(STEP as u64 + 1);
    let rows: Vec<(i64, i64)> = rows.into_tuple().all(db).await?;
    Ok(rows.into_iter().take_while(|(_, at)| moment(*at) < before).map(|(seq, _)| seq).collect())
}

impl Store {
    /// Chats of an app that keep messages for a time only, by id, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn chat_list_expiring(&self, app: &AppId, page: &Page) -> Result<Vec<ExternalId>> {
        let all = chat::Entity::find()
            .select_only()
            .column(chat::Column::Id)
            .filter(chat::Column::AppId.eq(app.as_str()))
            .filter(chat::Column::RetentionDays.is_not_null())
            .apply_if(page.after.clone(), |all, after| all.filter(chat::Column::Id.gt(after)));
        let ids: Vec<String> =
            all.order_by_asc(chat::Column::Id).limit(u64::from(page.limit)).into_tuple().all(&self.db).await?;
        Ok(ids.iter().filter_map(|id| ExternalId::parse(id).ok()).collect())
    }

    /// Removes the oldest messages of a chat that are older than it keeps them, at most 500, with what people have put on them,
    /// what they said before, reports of them, and what streams keep of them. Tells how many. `facts` are told when none is left
    /// that is older: once for all steps.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_expire", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_expire(
        &self,
        (app, id): (&AppId, &ExternalId),
        write: ChatWrite<'_>,
        facts: impl FnOnce(&Chat) -> Facts + Send,
    ) -> Result<(u64, Vec<Kept>)> {
        // Writers need not wait where there is nothing to do.
        let found = chat::Entity::find_by_id(by_id(app, id)).one(&self.db).await?.and_then(rows::chat);
        let Some(chat) = found else { return Ok((0, Vec::new())) };
        if oldest(&self.db, app, &chat, write.at).await?.is_empty() {
            return Ok((0, Vec::new()));
        }
        let change = self.change_begin(streams::COUNTER).await?;
        let found = chat::Entity::find_by_id(by_id(app, id)).one(&change).await?;
        let key = found.as_ref().and_then(|row| row.dm_key.clone());
        let Some(mut chat) = found.and_then(rows::chat) else { return Ok((0, Vec::new())) };
        let mut old = oldest(&change, app, &chat, write.at).await?;
        let is_done = old.len() <= STEP;
        old.truncate(STEP);
        let Some(last) = old.last().copied() else { return Ok((0, Vec::new())) };
        remove(&change, (app, &chat), last).await?;
        chat.cleared_seq = chat.cleared_seq.max(last);
        chat::Entity::update(rows::chat_row(app, &chat, key)).exec(&change).await?;
        let facts = if is_done { facts(&chat) } else { Vec::new() };
        let kept = finish_changed(change, (app, id), write, facts).await?;
        Ok((old.len() as u64, kept))
    }
}

/// Removes the messages of a chat up to a number.
async fn remove(change: &DatabaseTransaction, (app, chat): (&AppId, &Chat), last: i64) -> Result<()> {
    let up_to = || of_chat(app, &chat.id).add(chat_message::Column::Seq.lte(last));
    let topics = wipe::told_in(change, (app, chat), up_to).await?;
    let is_gone = |message: &Value| message["seq"].as_i64().is_some_and(|seq| seq <= last);
    streams::forget_where(change, (app, &topics), &chat.id, is_gone).await?;
    let newest = newest_seq(change, app, &chat.id).await?;
    // What hangs below them goes with them.
    let all_but_newest = up_to().add(chat_message::Column::Seq.lt(newest));
    chat_message::Entity::delete_many().filter(all_but_newest).exec(change).await?;
    if last == newest { empty(change, app, up_to()).await } else { Ok(()) }
}

/// Leaves nothing of the one message that this finds but its number and its time.
async fn empty(change: &DatabaseTransaction, app: &AppId, which: Condition) -> Result<()> {
    use chat_message::Column as C;
    let found = chat_message::Entity::find().select_only().columns([C::Id, C::CreatedAt]).filter(which.clone());
    let Some((id, at)) = found.into_tuple::<(String, i64)>().one(change).await? else { return Ok(()) };
    let of_app = Condition::all().add(chat_mark::Column::AppId.eq(app.as_str()));
    let marks = of_app.add(chat_mark::Column::MessageId.eq(id.as_str()));
    chat_mark::Entity::delete_many().filter(marks).exec(change).await?;
    let of_app = Condition::all().add(chat_message_version::Column::AppId.eq(app.as_str()));
    let versions = of_app.add(chat_message_version::Column::MessageId.eq(id.as_str()));
    chat_message_version::Entity::delete_many().filter(versions).exec(change).await?;
    let of_app = Condition::all().add(report::Column::AppId.eq(app.as_str()));
    report::Entity::delete_many().filter(of_app.add(report::Column::MessageId.eq(id))).exec(change).await?;
    let text = |text: &'static str| Expr::value(text);
    chat_message::Entity::update_many()
        .col_expr(C::AuthorKind, text(NOBODY))
        .col_expr(C::AuthorId, text(""))
        .col_expr(C::AuthorName, text(""))
        .col_expr(C::AuthorRole, Expr::value(None::<String>))
        .col_expr(C::ParentId, Expr::value(None::<String>))
        .col_expr(C::ClientId, Expr::value(None::<String>))
        .col_expr(C::Body, text(""))
        .col_expr(C::Mentions, text("[]"))
        .col_expr(C::Attachments, text("[]"))
        .col_expr(C::PinnedAt, Expr::value(None::<i64>))
        .col_expr(C::DeletedAt, Expr::value(at))
        .filter(which)
        .exec(change)
        .await?;
    Ok(())
}
