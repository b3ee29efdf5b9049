//! What is between people and messages: whom a message is for, who reacted, who acknowledged.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{chat_mark, person};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Query, SelectStatement},
};

use super::{ChatWrite, Facts, finish, messages};
use crate::{
    domain::chat::{
        Message, Reaction, Visibility,
        message::{EMOJI_KINDS_MAX, OwnMarks},
    },
    ids::{AppId, UserId},
    store::{Kept, Page, Result, Store, moment, streams, whole},
};

/// The message is for the person.
pub(super) const TO: &str = "to";

/// The person reacted.
const REACTION: &str = "react";

/// The person reacted while they were muted in the shadow: it counts for them alone.
const SHADOW: &str = "shadow";

/// The person has acknowledged the message.
const ACK: &str = "ack";

/// What became of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marked {
    /// The message is like this now.
    Done(Box<Message>),
    /// It was like this already.
    Unchanged(Box<Message>),
    /// It has as many different emoji as it may have.
    TooManyKinds,
    /// It was deleted.
    Deleted,
    /// It is not there.
    Missing,
}

/// What somebody does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark<'a> {
    /// Puts an emoji on it.
    React(&'a str),
    /// Takes the emoji off.
    Unreact(&'a str),
    /// Acknowledges it.
    Acknowledge,
}

fn row(app: &AppId, message: &str, user: &UserId, (kind, value): (&str, &str), at: i64) -> chat_mark::ActiveModel {
    chat_mark::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        message_id: Set(message.to_owned()),
        user_id: Set(user.as_str().to_owned()),
        kind: Set(kind.to_owned()),
        value: Set(value.to_owned()),
        at: Set(at),
    }
}

/// Writes whom a message is for.
pub(super) async fn insert_audience(db: &impl ConnectionTrait, app: &AppId, message: &Message) -> Result<()> {
    if message.audience.is_empty() {
        return Ok(());
    }
    let at = message.created_at.timestamp_millis();
    let rows = message.audience.iter().map(|user| row(app, &message.id, user, (TO, ""), at));
    chat_mark::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Puts into messages what people have put on them, as `viewer` sees it; `None` = as everybody does.
pub(super) async fn fill(
    db: &impl ConnectionTrait,
    app: &AppId,
    viewer: Option<&UserId>,
    messages: &mut [Message],
) -> Result<()> {
    use chat_mark::Column as C;
    if messages.is_empty() {
        return Ok(());
    }
    let of = |ids: Vec<String>| Condition::all().add(C::AppId.eq(app.as_str())).add(C::MessageId.is_in(ids));
    let all = messages.iter().map(|message| message.id.clone()).collect();
    let own = viewer.map(|user| Condition::all().add(C::Kind.eq(SHADOW)).add(C::UserId.eq(user.as_str())));
    let shown = Condition::any().add(C::Kind.is_in([REACTION, ACK])).add_option(own);
    let counts = chat_mark::Entity::find()
        .select_only()
        .columns([C::MessageId, C::Kind, C::Value])
        .column_as(C::UserId.count(), "number")
        .filter(of(all).add(shown))
        .group_by(C::MessageId)
        .group_by(C::Kind)
        .group_by(C::Value)
        .order_by_asc(C::Value);
    let mut found: HashMap<String, (Vec<Reaction>, u64)> = HashMap::new();
    for (message, kind, value, number) in counts.into_tuple::<(String, String, String, i64)>().all(db).await? {
        let (reactions, acks) = found.entry(message).or_default();
        let count = u64::try_from(number).unwrap_or_default();
        match reactions.iter_mut().find(|one| one.emoji == value) {
            _ if kind == ACK => *acks = count,
            Some(same) => same.count += count,
            None => reactions.push(Reaction { emoji: value, count }),
        }
    }
    let for_some = messages.iter().filter(|message| message.visibility == Visibility::Users);
    let for_some: Vec<String> = for_some.map(|message| message.id.clone()).collect();
    let mut audience: HashMap<String, Vec<UserId>> = HashMap::new();
    if !for_some.is_empty() {
        let rows = chat_mark::Entity::find().filter(of(for_some).add(C::Kind.eq(TO))).order_by_asc(C::UserId);
        for row in rows.all(db).await? {
            audience.entry(row.message_id).or_default().extend(UserId::parse(&row.user_id));
        }
    }
    for message in messages {
        (message.reactions, message.acks) = found.remove(&message.id).unwrap_or_default();
        message.audience = audience.remove(&message.id).unwrap_or_default();
    }
    Ok(())
}

/// Acknowledgements of a message.
fn acks(app: &AppId, id: &str) -> Condition {
    Condition::all()
        .add(chat_mark::Column::AppId.eq(app.as_str()))
        .add(chat_mark::Column::MessageId.eq(id))
        .add(chat_mark::Column::Kind.eq(ACK))
}

/// Who has acknowledged a message, for another query.
pub(in crate::store) fn acknowledged_by(app: &AppId, id: &str) -> SelectStatement {
    Query::select().column(chat_mark::Column::UserId).from(chat_mark::Entity).cond_where(acks(app, id)).to_owned()
}

impl Store {
    /// What somebody has put on messages, by message; those on which there is nothing of theirs are left out.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_own_marks(
        &self,
        app: &AppId,
        user: &UserId,
        messages: &[&str],
    ) -> Result<HashMap<String, OwnMarks>> {
        use chat_mark::Column as C;
        let mut found: HashMap<String, OwnMarks> = HashMap::new();
        if messages.is_empty() || user.as_str().contains('\0') {
            return Ok(found);
        }
        let which = Condition::all()
            .add(C::AppId.eq(app.as_str()))
            .add(C::MessageId.is_in(messages.iter().copied()))
            .add(C::UserId.eq(user.as_str()))
            .add(C::Kind.is_in([REACTION, SHADOW, ACK]));
        for row in chat_mark::Entity::find().filter(which).all(&self.db).await? {
            let own = found.entry(row.message_id).or_default();
            match row.kind.as_str() {
                ACK => own.is_acknowledged = true,
                _ => own.reactions.push(row.value),
            }
        }
        Ok(found)
    }

    /// Who has acknowledged a message, with their names and when, by user id, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_acks(
        &self,
        app: &AppId,
        id: &str,
        page: &Page,
    ) -> Result<Vec<(UserId, String, DateTime<Utc>)>> {
        let after = page.after.as_deref().map(|after| after.replace('\0', ""));
        let rows = chat_mark::Entity::find()
            .filter(acks(app, id))
            .apply_if(after, |all, after| all.filter(chat_mark::Column::UserId.gt(after)))
            .order_by_asc(chat_mark::Column::UserId)
            .limit(u64::from(page.limit))
            .all(&self.db)
            .await?;
        let people = person::Entity::find()
            .select_only()
            .columns([person::Column::Id, person::Column::Name])
            .filter(person::Column::AppId.eq(app.as_str()))
            .filter(person::Column::Id.is_in(rows.iter().map(|row| row.user_id.as_str())));
        let mut names: HashMap<String, String> =
            people.into_tuple::<(String, String)>().all(&self.db).await?.into_iter().collect();
        let ack = |row: chat_mark::Model| {
            let name = names.remove(&row.user_id).unwrap_or_default();
            Some((UserId::parse(&row.user_id).ok()?, name, moment(row.at)))
        };
        Ok(rows.into_iter().filter_map(ack).collect())
    }

    /// How many of some people have acknowledged a message.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_ack_count(&self, app: &AppId, id: &str, among: &[UserId]) -> Result<u64> {
        let theirs = chat_mark::Column::UserId.is_in(among.iter().map(UserId::as_str));
        Ok(chat_mark::Entity::find().filter(acks(app, id).add(theirs)).count(&self.db).await?)
    }

    /// Puts a mark on a message, or takes it off. A reaction of somebody `in_shadow` counts for them alone; `facts` is told
    /// whether this is one.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.message_mark", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn message_mark(
        &self,
        (app, id): (&AppId, &str),
        (user, in_shadow): (&UserId, bool),
        mark: Mark<'_>,
        (write, facts): (ChatWrite<'_>, impl FnOnce(&Message, bool) -> Facts + Send),
    ) -> Result<(Marked, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let Some(before) = messages::find_by_id(&change, app, (id, Some(user))).await? else {
            return Ok((Marked::Missing, Vec::new()));
        };
        if before.deleted_at.is_some() {
            return Ok((Marked::Deleted, Vec::new()));
        }
        let (kinds, value): (&[&str], _) = match mark {
            Mark::React(emoji) | Mark::Unreact(emoji) => (&[REACTION, SHADOW], emoji),
            Mark::Acknowledge => (&[ACK], ""),
        };
        let key = |kind: &str| {
            let (app, user) = (app.as_str().to_owned(), user.as_str().to_owned());
            (app, id.to_owned(), user, kind.to_owned(), value.to_owned())
        };
        let mut there = None;
        for kind in kinds {
            there = there.or(chat_mark::Entity::find_by_id(key(kind)).one(&change).await?.map(|_row| *kind));
        }
        let kind = match (mark, there) {
            (Mark::Unreact(_), Some(there)) => there,
            (Mark::React(_), None) => {
                if in_shadow {
                    SHADOW
                } else {
                    REACTION
                }
            }
            (Mark::Acknowledge, None) => ACK,
            _ => return Ok((Marked::Unchanged(Box::new(before)), Vec::new())),
        };
        if there.is_some() {
            chat_mark::Entity::delete_by_id(key(kind)).exec(&change).await?;
        } else {
            let is_new_kind = kind != ACK && before.reactions.iter().all(|reaction| reaction.emoji != value);
            if is_new_kind && before.reactions.len() >= EMOJI_KINDS_MAX {
                return Ok((Marked::TooManyKinds, Vec::new()));
            }
            let row = row(app, id, user, (kind, value), whole(write.at).timestamp_millis());
            chat_mark::Entity::insert(row).exec_without_returning(&change).await?;
        }
        let mut told = [before.clone()];
        fill(&change, app, (kind == SHADOW).then_some(user), &mut told).await?;
        let [told] = told;
        let facts = facts(&told, kind == SHADOW);
        let mut after = [before];
        fill(&change, app, Some(user), &mut after).await?;
        let [after] = after;
        let kept = finish(change, app, write, facts).await?;
        Ok((Marked::Done(Box::new(after)), kept))
    }
}
