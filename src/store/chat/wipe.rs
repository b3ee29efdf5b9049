//! What was said is taken away: out of messages, out of what they said before, and out of what streams keep of them.
//!
//! Of a message that is deleted streams keep the trace; of a chat that is cleared nothing, so that they have a gap there. What
//! goes by its age is in `chat/expire.rs`, what goes by its author in `chat/purge.rs`.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entity::{chat, chat_mark, chat_message, chat_message_version};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{marks, messages::of_chat, rows};
use crate::{
    domain::{
        access::Topic,
        chat::{Chat, Message, Visibility},
        fact::topic_key,
    },
    ids::{AppId, UserId},
    store::{Result, streams},
};

/// Messages of a chat that were not cleared away before.
fn of_uncleared(app: &AppId, chat: &Chat) -> Condition {
    of_chat(app, &chat.id).add(chat_message::Column::Seq.gt(chat.cleared_seq))
}

/// Ids of some messages.
fn ids_of(which: Condition) -> SelectStatement {
    Query::select().column(chat_message::Column::Id).from(chat_message::Entity).cond_where(which).to_owned()
}

/// Keys of the topics in which some messages of a chat were told.
pub(super) async fn told_in(
    change: &DatabaseTransaction,
    (app, chat): (&AppId, &Chat),
    which: impl Fn() -> Condition + Send + Sync,
) -> Result<Vec<String>> {
    let not_for_all = || which().add(chat_message::Column::Visibility.ne(Visibility::All.name()));
    let authors = chat_message::Entity::find()
        .select_only()
        .column(chat_message::Column::AuthorId)
        .filter(not_for_all().add(chat_message::Column::AuthorKind.eq("user")))
        .distinct();
    let audience = chat_mark::Entity::find()
        .select_only()
        .column(chat_mark::Column::UserId)
        .filter(chat_mark::Column::AppId.eq(app.as_str()))
        .filter(chat_mark::Column::Kind.eq(marks::TO))
        .filter(chat_mark::Column::MessageId.in_subquery(ids_of(not_for_all())))
        .distinct();
    let mut users: HashSet<String> = authors.into_tuple().all(change).await?.into_iter().collect();
    users.extend(audience.into_tuple::<String>().all(change).await?);
    let users = users.iter().filter_map(|user| UserId::parse(user).ok()).map(Topic::User);
    let topics = [Topic::Chat(chat.id.clone())].into_iter().chain(chat.staff()).chain(users);
    Ok(topics.filter_map(|topic| topic_key(&topic)).collect())
}

/// Takes all texts out of a chat, those of earlier versions and of what was told too.
pub(super) async fn clear(
    change: &DatabaseTransaction,
    (app, chat): (&AppId, &Chat),
    by: &str,
    at: DateTime<Utc>,
) -> Result<()> {
    let topics = told_in(change, (app, chat), || of_uncleared(app, chat)).await?;
    streams::forget_messages(change, (app, &topics), &chat.id).await?;
    let of_app = chat_message_version::Column::AppId.eq(app.as_str());
    let versions = chat_message_version::Column::MessageId.in_subquery(ids_of(of_uncleared(app, chat)));
    chat_message_version::Entity::delete_many().filter(of_app).filter(versions).exec(change).await?;
    chat_message::Entity::update_many()
        .col_expr(chat_message::Column::Body, Expr::value(""))
        .col_expr(chat_message::Column::Mentions, Expr::value("[]"))
        .col_expr(chat_message::Column::Attachments, Expr::value("[]"))
        .col_expr(chat_message::Column::PinnedAt, Expr::value(None::<i64>))
        .col_expr(chat_message::Column::DeletedAt, Expr::value(at.timestamp_millis()))
        .col_expr(chat_message::Column::DeletedBy, Expr::value(by))
        .filter(of_uncleared(app, chat).add(chat_message::Column::DeletedAt.is_null()))
        .exec(change)
        .await?;
    Ok(())
}

/// Takes the text of a message that is deleted now out of what was told of it; `left` is what is told since.
pub(super) async fn scrub(change: &DatabaseTransaction, app: &AppId, gone: &Message, left: &str) -> Result<()> {
    let key = (app.as_str().to_owned(), gone.chat.as_str().to_owned());
    let chat = chat::Entity::find_by_id(key).one(change).await?.and_then(rows::chat);
    let topics: Vec<String> =
        chat.iter().flat_map(|chat| gone.topics(chat)).filter_map(|topic| topic_key(&topic)).collect();
    streams::scrub(change, (app, &topics), (&gone.id, left)).await
}
