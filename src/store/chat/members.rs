//! Who belongs to groups and pairs, and how far anybody has read.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{chat_member, person};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};

use super::{ChatWrite, Facts, finish_changed, messages, rows};
use crate::{
    domain::chat::{Chat, MEMBERS_MAX, Membership, Notify, Part, ReadState},
    ids::{AppId, ExternalId, UserId},
    store::{Kept, Page, Result, Store, streams},
};

/// Part of those of whom the row only says how far they have read.
pub(super) const NO_PART: &str = "none";

/// Most ids in one statement.
const CHUNK: usize = 500;

/// Somebody who belongs to a group or a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    /// The person.
    pub user: UserId,
    /// Their part.
    pub part: Part,
}

/// What became of new members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersAdded {
    /// They belong to it now, or did before.
    Added,
    /// The group would have too many members.
    TooMany(usize),
    /// The roster does not know this person.
    UnknownUser(UserId),
}

fn of_chat(app: &AppId, chat: &ExternalId) -> Condition {
    Condition::all().add(chat_member::Column::AppId.eq(app.as_str())).add(chat_member::Column::ChatId.eq(chat.as_str()))
}

/// The first of some users whom the roster does not know.
pub(super) async fn first_unknown(db: &impl ConnectionTrait, app: &AppId, users: &[&UserId]) -> Result<Option<UserId>> {
    let mut known: HashSet<String> = HashSet::with_capacity(users.len());
    let ids: Vec<&str> = users.iter().map(|user| user.as_str()).filter(|id| !id.contains('\0')).collect();
    for some in ids.chunks(CHUNK) {
        let which = Condition::all()
            .add(person::Column::AppId.eq(app.as_str()))
            .add(person::Column::Id.is_in(some.iter().copied()));
        let found = person::Entity::find().select_only().column(person::Column::Id).filter(which);
        known.extend(found.into_tuple::<String>().all(db).await?);
    }
    Ok(users.iter().find(|user| !known.contains(user.as_str())).map(|user| (*user).clone()))
}

/// Makes members, or gives those who are there their part again. `joined` = when, and number of the newest message then.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    (app, chat): (&AppId, &ExternalId),
    members: &[Belonging],
    (at, seq): (DateTime<Utc>, i64),
) -> Result<()> {
    let row = |member: &Belonging| chat_member::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        chat_id: Set(chat.as_str().to_owned()),
        user_id: Set(member.user.as_str().to_owned()),
        role: Set(member.part.name().to_owned()),
        joined_at: Set(at.timestamp_millis()),
        joined_seq: Set(seq),
        notify: Set(Notify::Mentions.name().to_owned()),
        last_read_seq: Set(seq),
        is_read_private: Set(false),
    };
    for some in members.chunks(CHUNK) {
        let key = [chat_member::Column::AppId, chat_member::Column::ChatId, chat_member::Column::UserId];
        let again = OnConflict::columns(key).update_column(chat_member::Column::Role).to_owned();
        chat_member::Entity::insert_many(some.iter().map(row)).on_conflict(again).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Members of a group or a pair.
pub(super) async fn all(db: &impl ConnectionTrait, app: &AppId, chat: &Chat) -> Result<HashMap<UserId, Membership>> {
    if chat.kind.is_of_a_place() {
        return Ok(HashMap::new());
    }
    let which = of_chat(app, &chat.id).add(chat_member::Column::Role.ne(NO_PART));
    let rows = chat_member::Entity::find().filter(which).all(db).await?;
    Ok(rows.iter().filter_map(rows::membership).collect())
}

impl Store {
    /// Adds members to a group. Who is there already gets the part that is named.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_members_add", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_members_add(
        &self,
        (app, chat): (&AppId, &ExternalId),
        new: &[Belonging],
        write: ChatWrite<'_>,
        facts: Facts,
    ) -> Result<(MembersAdded, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let which = of_chat(app, chat).add(chat_member::Column::Role.ne(NO_PART));
        let there = chat_member::Entity::find().select_only().column(chat_member::Column::UserId).filter(which);
        let mut all: HashSet<String> = there.into_tuple::<String>().all(&change).await?.into_iter().collect();
        all.extend(new.iter().map(|member| member.user.to_string()));
        if all.len() > MEMBERS_MAX {
            return Ok((MembersAdded::TooMany(all.len()), Vec::new()));
        }
        let users: Vec<&UserId> = new.iter().map(|member| &member.user).collect();
        if let Some(unknown) = first_unknown(&change, app, &users).await? {
            return Ok((MembersAdded::UnknownUser(unknown), Vec::new()));
        }
        let newest = messages::newest_seq(&change, app, chat).await?;
        insert(&change, (app, chat), new, (write.at, newest)).await?;
        let kept = finish_changed(change, (app, chat), write, facts).await?;
        Ok((MembersAdded::Added, kept))
    }

    /// Takes a member out of a group. False if they do not belong to it.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_member_remove", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_member_remove(
        &self,
        (app, chat): (&AppId, &ExternalId),
        user: &UserId,
        write: ChatWrite<'_>,
        facts: Facts,
    ) -> Result<(bool, Vec<Kept>)> {
        if user.as_str().contains('\0') {
            return Ok((false, Vec::new()));
        }
        let change = self.change_begin(streams::COUNTER).await?;
        let which = of_chat(app, chat).add(chat_member::Column::UserId.eq(user.as_str()));
        let gone = chat_member::Entity::delete_many().filter(which).exec(&change).await?.rows_affected > 0;
        if !gone {
            return Ok((false, Vec::new()));
        }
        Ok((true, finish_changed(change, (app, chat), write, facts).await?))
    }

    /// Members of a group or a pair with their names, by user id, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn chat_member_list(
        &self,
        app: &AppId,
        chat: &ExternalId,
        page: &Page,
    ) -> Result<Vec<(UserId, String, Membership)>> {
        let after = page.after.as_deref().map(|after| after.replace('\0', ""));
        let all = chat_member::Entity::find()
            .filter(of_chat(app, chat).add(chat_member::Column::Role.ne(NO_PART)))
            .apply_if(after, |all, after| all.filter(chat_member::Column::UserId.gt(after)));
        let rows = all.order_by_asc(chat_member::Column::UserId).limit(u64::from(page.limit)).all(&self.db).await?;
        let ids = rows.iter().map(|row| row.user_id.as_str());
        let people = person::Entity::find()
            .select_only()
            .columns([person::Column::Id, person::Column::Name])
            .filter(person::Column::AppId.eq(app.as_str()))
            .filter(person::Column::Id.is_in(ids));
        let names: HashMap<String, String> =
            people.into_tuple::<(String, String)>().all(&self.db).await?.into_iter().collect();
        let member = |row: &chat_member::Model| {
            let (user, membership) = rows::membership(row)?;
            let name = names.get(user.as_str()).cloned().unwrap_or_default();
            Some((user, name, membership))
        };
        Ok(rows.iter().filter_map(member).collect())
    }

    /// Notes how far somebody has read, and what else they wish: the number never falls, however many write it at once, and
    /// is never beyond the newest message. Tells how it is now.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.chat_read", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_read(
        &self,
        (app, chat, user): (&AppId, &ExternalId, &UserId),
        seq: i64,
        (is_private, notify): (Option<bool>, Option<Notify>),
        now: DateTime<Utc>,
    ) -> Result<ReadState> {
        use chat_member::Column as C;
        let newest = messages::newest_seq(&self.db, app, chat).await?;
        let seq = seq.clamp(0, newest);
        let row = chat_member::ActiveModel {
            app_id: Set(app.as_str().to_owned()),
            chat_id: Set(chat.as_str().to_owned()),
            user_id: Set(user.as_str().to_owned()),
            role: Set(NO_PART.to_owned()),
            joined_at: Set(now.timestamp_millis()),
            joined_seq: Set(0),
            notify: Set(notify.unwrap_or(Notify::Mentions).name().to_owned()),
            last_read_seq: Set(seq),
            is_read_private: Set(is_private.unwrap_or(false)),
        };
        let before = || Expr::col((chat_member::Entity, C::LastReadSeq));
        let greatest = CaseStatement::new().case(before().lt(seq), seq).finally(before());
        let mut again = OnConflict::columns([C::AppId, C::ChatId, C::UserId]);
        again.value(C::LastReadSeq, greatest);
        if is_private.is_some() {
            again.update_column(C::IsReadPrivate);
        }
        if notify.is_some() {
            again.update_column(C::Notify);
        }
        chat_member::Entity::insert(row).on_conflict(again).exec_without_returning(&self.db).await?;
        self.chat_read_state(app, chat, user).await
    }

    /// How far somebody has read.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn chat_read_state(&self, app: &AppId, chat: &ExternalId, user: &UserId) -> Result<ReadState> {
        if user.as_str().contains('\0') {
            return Ok(ReadState::default());
        }
        let key = (app.as_str().to_owned(), chat.as_str().to_owned(), user.as_str().to_owned());
        let row = chat_member::Entity::find_by_id(key).one(&self.db).await?;
        let state = row.map(|row| ReadState {
            last_read_seq: row.last_read_seq,
            is_private: row.is_read_private,
            notify: row.notify.parse().unwrap_or(Notify::Mentions),
        });
        Ok(state.unwrap_or_default())
    }
}
