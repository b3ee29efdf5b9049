//! Everything that one person has said in a chat, deleted in one go: each message with a trace, as when it is deleted alone.
//!
//! Moderators still find what it said. Streams have a gap where they told it.

use std::collections::{BTreeMap, HashMap};

use entity::{chat, chat_mark, chat_message, chat_message_version};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::Value;

use super::{ChatWrite, Facts, by_id, finish, marks, messages::of_chat, rows, wipe};
use crate::{
    domain::{
        access::Topic,
        audit::AuditEntry,
        chat::{Chat, Purge, Visibility},
    },
    ids::{AppId, ExternalId, UserId},
    store::{Kept, Result, Store, streams},
};

/// Most messages that are deleted at once.
const STEP: u64 = 500;

/// A message that is deleted: its number, its id, for whom it is, whether only staff and its author find it.
type Doomed = (i64, String, String, bool);

impl Store {
    /// Deletes the newest messages of somebody in a chat before a number, at most 500; `None` = there are no more. `tell` is given
    /// all that is deleted and what each topic may know of it; it says what is told, and what the audit says.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_purge", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_purge(
        &self,
        (app, id): (&AppId, &ExternalId),
        (author, before, by): (&UserId, i64, &str),
        write: ChatWrite<'_>,
        tell: impl FnOnce(&Purge, Vec<(Topic, Purge)>) -> (Facts, AuditEntry) + Send,
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
            .columns([C::Seq, C::Id, C::Visibility, C::Shadowed, C::WasOpen])
            .filter(theirs.clone().add(C::Seq.lt(before)))
            .order_by_desc(C::Seq)
            .limit(STEP);
        let doomed: Vec<(i64, String, String, bool, bool)> = newest.into_tuple().all(&change).await?;
        // What others have before them is gone for them too.
        let doomed: Vec<Doomed> = doomed
            .into_iter()
            .map(|(seq, id, visibility, shadowed, was_open)| (seq, id, visibility, shadowed && !was_open))
            .collect();
        let Some(purge) = sum((id, author), doomed.iter().map(|(seq, ..)| *seq)) else {
            return Ok((None, Vec::new()));
        };
        let told = heard_by(&change, (app, &chat), &purge, &doomed).await?;
        let which = theirs.add(C::Seq.between(purge.from, purge.to));
        delete(&change, (app, &chat), (&purge, which), (by, write.at.timestamp_millis())).await?;
        let (facts, audit) = tell(&purge, told);
        let write = ChatWrite { audit: &[audit], ..write };
        let kept = finish(change, app, write, facts).await?;
        Ok((Some(purge), kept))
    }
}

/// Messages of somebody with these numbers; `None` = there are none.
fn sum((chat, author): (&ExternalId, &UserId), seqs: impl Iterator<Item = i64> + Clone) -> Option<Purge> {
    let (from, to) = (seqs.clone().min()?, seqs.clone().max()?);
    Some(Purge { chat: chat.clone(), author: author.clone(), from, to, count: seqs.count() as u64, is_shadowed: false })
}

/// What each topic may know: the chat of what was for all (but of what was said in the shadow only its author and staff there),
/// its staff of everything, and people of what was for them alone.
async fn heard_by(
    change: &DatabaseTransaction,
    (app, chat): (&AppId, &Chat),
    all: &Purge,
    doomed: &[Doomed],
) -> Result<Vec<(Topic, Purge)>> {
    use chat_mark::Column as M;
    let key = (&chat.id, &all.author);
    let (open, hushed): (Vec<&Doomed>, Vec<&Doomed>) =
        doomed.iter().partition(|(_, _, visibility, _)| visibility == Visibility::All.name());
    let mut told = Vec::new();
    for is_shadowed in [false, true] {
        let some = open.iter().filter(|(.., shadowed)| *shadowed == is_shadowed).map(|(seq, ..)| *seq);
        let purge = sum(key, some).map(|purge| Purge { is_shadowed, ..purge });
        told.extend(purge.map(|purge| (Topic::Chat(chat.id.clone()), purge)));
    }
    if hushed.is_empty() {
        return Ok(told);
    }
    told.extend(chat.staff().map(|staff| (staff, all.clone())));
    let seqs: HashMap<&str, i64> = hushed.iter().map(|(seq, id, ..)| (id.as_str(), *seq)).collect();
    // Nobody but staff has seen these.
    let heard = hushed.iter().filter(|(.., shadowed)| !shadowed).map(|(_, id, ..)| id.as_str());
    let audience = chat_mark::Entity::find()
        .select_only()
        .columns([M::UserId, M::MessageId])
        .filter(M::AppId.eq(app.as_str()))
        .filter(M::Kind.eq(marks::TO))
        .filter(M::MessageId.is_in(heard));
    let audience: Vec<(String, String)> = audience.into_tuple().all(change).await?;
    let mut theirs: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (user, message) in audience {
        theirs.entry(user).or_default().extend(seqs.get(message.as_str()));
    }
    theirs.insert(all.author.as_str().to_owned(), seqs.into_values().collect());
    told.extend(theirs.into_iter().filter_map(|(user, seqs)| {
        let purge = sum(key, seqs.into_iter())?;
        Some((Topic::User(UserId::parse(&user).ok()?), purge))
    }));
    Ok(told)
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
    let was_open = which.clone().add(C::WasOpen.eq(true));
    chat_message::Entity::update_many().col_expr(C::Shadowed, Expr::value(false)).filter(was_open).exec(change).await?;
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
