//! Messages: found, listed, edited, deleted with a trace.

use chrono::{DateTime, Utc};
use entity::{chat_mark, chat_message, chat_message_version};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, sea_query::Query,
};

use super::{ChatWrite, Facts, finish, marks, rows, wipe};
use crate::{
    domain::{
        chat::{
            Message, UNREAD_MAX, Visibility,
            message::{Content, VERSIONS_MAX},
        },
        roster::Expected,
    },
    ids::{AppId, ExternalId, UserId},
    store::{Kept, Result, Store, moment, streams, whole},
};

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// It says something else.
    Edit(Content),
    /// It says nothing any more.
    Delete,
    /// It is pinned, until then if there is an end.
    Pin(Option<DateTime<Utc>>),
    /// It is pinned no more.
    Unpin,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// It is like this now.
    Done(Box<Message>),
    /// It was like this already.
    Unchanged(Box<Message>),
    /// It was deleted before.
    Deleted,
    /// It has another version than expected.
    Mismatch(i64),
    /// It is not there.
    Missing,
}

/// Who looks.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// Somebody who sees everything.
    All,
    /// A person, who may be staff.
    Person(&'a UserId, bool),
}

/// Which messages of a chat are wanted. Always in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The newest.
    Newest,
    /// Those before a number.
    Before(i64),
    /// Those after a number.
    After(i64),
    /// The one with a number and those on both sides.
    Around(i64),
}

pub(super) fn of_chat(app: &AppId, chat: &ExternalId) -> Condition {
    Condition::all()
        .add(chat_message::Column::AppId.eq(app.as_str()))
        .add(chat_message::Column::ChatId.eq(chat.as_str()))
}

/// What a viewer may see.
fn seen_by(app: &AppId, viewer: Viewer<'_>) -> Condition {
    let Viewer::Person(user, is_staff) = viewer else { return Condition::all() };
    let for_them = Query::select()
        .column(chat_mark::Column::MessageId)
        .from(chat_mark::Entity)
        .cond_where(
            Condition::all()
                .add(chat_mark::Column::AppId.eq(app.as_str()))
                .add(chat_mark::Column::UserId.eq(user.as_str()))
                .add(chat_mark::Column::Kind.eq(marks::TO)),
        )
        .to_owned();
    let own = Condition::all()
        .add(chat_message::Column::AuthorKind.eq("user"))
        .add(chat_message::Column::AuthorId.eq(user.as_str()));
    let some = Condition::all()
        .add(chat_message::Column::Visibility.eq(Visibility::Users.name()))
        .add(chat_message::Column::Id.in_subquery(for_them));
    let is = |visibility: Visibility| chat_message::Column::Visibility.eq(visibility.name());
    Condition::any().add(is(Visibility::All)).add(own).add_option(is_staff.then(|| is(Visibility::Staff))).add(some)
}

/// Number of the newest message of a chat; 0 = there is none.
pub(super) async fn newest_seq(db: &impl ConnectionTrait, app: &AppId, chat: &ExternalId) -> Result<i64> {
    let newest = chat_message::Entity::find()
        .select_only()
        .column(chat_message::Column::Seq)
        .filter(of_chat(app, chat))
        .order_by_desc(chat_message::Column::Seq)
        .limit(1);
    Ok(newest.into_tuple::<i64>().one(db).await?.unwrap_or_default())
}

pub(super) async fn find(db: &impl ConnectionTrait, app: &AppId, which: Condition) -> Result<Option<Message>> {
    let of_app = chat_message::Entity::find().filter(chat_message::Column::AppId.eq(app.as_str()));
    let Some(row) = of_app.filter(which).one(db).await? else { return Ok(None) };
    let mut found: Vec<Message> = rows::message(row).into_iter().collect();
    marks::fill(db, app, &mut found).await?;
    Ok(found.pop())
}

/// The message with this id.
pub(super) async fn find_by_id(db: &impl ConnectionTrait, app: &AppId, id: &str) -> Result<Option<Message>> {
    // PostgreSQL refuses to compare with a NUL, and MySQL overlooks blanks at the end.
    if id.contains('\0') {
        return Ok(None);
    }
    let found = find(db, app, Condition::all().add(chat_message::Column::Id.eq(id))).await?;
    Ok(found.filter(|message| message.id == id))
}

impl Store {
    /// A message by its id.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_find(&self, app: &AppId, id: &str) -> Result<Option<Message>> {
        find_by_id(&self.db, app, id).await
    }

    /// Messages of a chat that a viewer may see, after number `hidden`, by number; one more than `limit` where there are more.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_list(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (viewer, hidden): (Viewer<'_>, i64),
        window: Window,
        limit: u64,
    ) -> Result<Vec<Message>> {
        let seq = chat_message::Column::Seq;
        let which = || of_chat(app, chat).add(seq.gt(hidden)).add(seen_by(app, viewer));
        let later = async |after: i64, limit: u64| {
            let all = chat_message::Entity::find().filter(which().add(seq.gt(after))).order_by_asc(seq);
            all.limit(limit).all(&self.db).await
        };
        let earlier = async |before: i64, limit: u64| {
            let all = chat_message::Entity::find().filter(which().add(seq.lt(before))).order_by_desc(seq);
            let mut rows = all.limit(limit).all(&self.db).await?;
            rows.reverse();
            Ok::<_, sea_orm::DbErr>(rows)
        };
        let rows = match window {
            Window::Newest => earlier(i64::MAX, limit + 1).await?,
            Window::Before(before) => earlier(before, limit + 1).await?,
            Window::After(after) => later(after, limit + 1).await?,
            Window::Around(middle) => {
                let mut rows = earlier(middle, limit / 2).await?;
                rows.extend(later(middle.saturating_sub(1), limit - limit / 2).await?);
                rows
            }
        };
        let mut found: Vec<Message> = rows.into_iter().filter_map(rows::message).collect();
        marks::fill(&self.db, app, &mut found).await?;
        Ok(found)
    }

    /// Messages that are pinned at the time `now` and that a viewer may see, newest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_pinned(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (viewer, hidden): (Viewer<'_>, i64),
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Message>> {
        use chat_message::Column as C;
        let still = Condition::any().add(C::PinnedUntil.is_null()).add(C::PinnedUntil.gt(now.timestamp_millis()));
        let which = of_chat(app, chat).add(C::Seq.gt(hidden)).add(C::PinnedAt.is_not_null()).add(still);
        let all = chat_message::Entity::find().filter(which.add(seen_by(app, viewer))).order_by_desc(C::PinnedAt);
        let rows = all.limit(limit).all(&self.db).await?;
        let mut found: Vec<Message> = rows.into_iter().filter_map(rows::message).collect();
        marks::fill(&self.db, app, &mut found).await?;
        Ok(found)
    }

    /// How many messages after number `after` somebody has not read, counted up to [`UNREAD_MAX`]: their own and deleted ones
    /// do not count.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_unread(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (user, is_staff): (&UserId, bool),
        after: i64,
    ) -> Result<u64> {
        use chat_message::Column as C;
        let theirs = Condition::any().add(C::AuthorKind.ne("user")).add(C::AuthorId.ne(user.as_str()));
        let which = of_chat(app, chat)
            .add(C::Seq.gt(after))
            .add(C::DeletedAt.is_null())
            .add(theirs)
            .add(seen_by(app, Viewer::Person(user, is_staff)));
        let some = chat_message::Entity::find().select_only().column(C::Seq).filter(which).limit(UNREAD_MAX);
        Ok(some.into_tuple::<i64>().all(&self.db).await?.len() as u64)
    }

    /// Changes a message, if it has the version that the change is for, and keeps what it said before. `tell` says what is told
    /// of it, and the payload that it is told with: of a message that is deleted, the streams keep nothing else.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    #[tracing::instrument(name = "store.message_revise", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn message_revise(
        &self,
        (app, id): (&AppId, &str),
        (revision, by): (Revision, &str),
        expected: &Expected,
        (write, tell): (ChatWrite<'_>, impl FnOnce(&Message) -> (Facts, String) + Send),
    ) -> Result<(Edited, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let Some(before) = find_by_id(&change, app, id).await? else { return Ok((Edited::Missing, Vec::new())) };
        if before.deleted_at.is_some() {
            return Ok((Edited::Deleted, Vec::new()));
        }
        if !expected.holds(Some(before.version)) {
            return Ok((Edited::Mismatch(before.version), Vec::new()));
        }
        let (mut after, deleted_by) = revised(&before, revision, (by, whole(write.at)));
        if after == before {
            return Ok((Edited::Unchanged(Box::new(before)), Vec::new()));
        }
        after.version += 1;
        if (&after.body, &after.attachments) != (&before.body, &before.attachments) {
            keep_version(&change, app, &before, (by, write.at)).await?;
        }
        let mut row = rows::message_row(app, &after);
        row.deleted_by = Set(deleted_by);
        chat_message::Entity::update(row).exec(&change).await?;
        let (facts, payload) = tell(&after);
        if after.deleted_at.is_some() {
            wipe::scrub(&change, app, &after, &payload).await?;
        }
        let kept = finish(change, app, write, facts).await?;
        Ok((Edited::Done(Box::new(after)), kept))
    }

    /// What a message said before, newest first: version, text, when and by whom it was replaced. At most
    /// [`VERSIONS_MAX`] are kept.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_versions(&self, app: &AppId, id: &str) -> Result<Vec<(i64, String, DateTime<Utc>, String)>> {
        if id.contains('\0') {
            return Ok(Vec::new());
        }
        let rows = versions_of(app, id).all(&self.db).await?;
        let version =
            |row: chat_message_version::Model| (row.version, row.body, moment(row.replaced_at), row.replaced_by);
        Ok(rows.into_iter().map(version).collect())
    }
}

/// The message as it becomes, and who has deleted it.
fn revised(before: &Message, revision: Revision, (by, at): (&str, DateTime<Utc>)) -> (Message, Option<String>) {
    let same = before.clone();
    match revision {
        Revision::Edit(Content { body, mentions, attachments }) => {
            let is_same = (&body, &mentions, &attachments) == (&same.body, &same.mentions, &same.attachments);
            let edited_at = if is_same { same.edited_at } else { Some(at) };
            (Message { body, mentions, attachments, edited_at, ..same }, None)
        }
        Revision::Delete => {
            let (body, mentions, attachments) = Default::default();
            let (deleted_at, pinned_at, pinned_until) = (Some(at), None, None);
            let gone = Message { body, mentions, attachments, deleted_at, pinned_at, pinned_until, ..same };
            (gone, Some(by.to_owned()))
        }
        Revision::Pin(until) => {
            let pinned_until = until.map(whole);
            (Message { pinned_at: Some(same.pinned_at.unwrap_or(at)), pinned_until, ..same }, None)
        }
        Revision::Unpin => (Message { pinned_at: None, pinned_until: None, ..same }, None),
    }
}

async fn keep_version(
    change: &DatabaseTransaction,
    app: &AppId,
    before: &Message,
    (by, at): (&str, DateTime<Utc>),
) -> Result<()> {
    let row = chat_message_version::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        message_id: Set(before.id.clone()),
        version: Set(before.version),
        body: Set(before.body.clone()),
        attachments: Set(rows::attachments_text(&before.attachments)),
        replaced_at: Set(at.timestamp_millis()),
        replaced_by: Set(by.to_owned()),
    };
    chat_message_version::Entity::insert(row).exec_without_returning(change).await?;
    // Whatever stands behind the last one that is kept goes.
    let too_old = versions_of(app, &before.id).offset(VERSIONS_MAX).limit(1).one(change).await?;
    if let Some(too_old) = too_old {
        let which = of_message(app, &before.id).add(chat_message_version::Column::Version.lte(too_old.version));
        chat_message_version::Entity::delete_many().filter(which).exec(change).await?;
    }
    Ok(())
}

fn of_message(app: &AppId, id: &str) -> Condition {
    Condition::all()
        .add(chat_message_version::Column::AppId.eq(app.as_str()))
        .add(chat_message_version::Column::MessageId.eq(id))
}

/// What a message said before, newest first.
fn versions_of(app: &AppId, id: &str) -> Select<chat_message_version::Entity> {
    let all = chat_message_version::Entity::find().filter(of_message(app, id));
    all.order_by_desc(chat_message_version::Column::Version)
}
