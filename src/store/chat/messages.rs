//! Messages: found, edited, deleted with a trace. How they are listed is in `look.rs`.

use chrono::{DateTime, Utc};
use entity::{chat_message, chat_message_version};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::{ChatWrite, Facts, finish, marks, rows, wipe};
use crate::{
    domain::{
        chat::{
            Message,
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
    /// It says something else, and only staff and its author find it any more.
    EditInShadow(Content),
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

pub(super) fn of_chat(app: &AppId, chat: &ExternalId) -> Condition {
    Condition::all()
        .add(chat_message::Column::AppId.eq(app.as_str()))
        .add(chat_message::Column::ChatId.eq(chat.as_str()))
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

/// A message as `viewer` sees it, `None` as somebody who has put nothing on it.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    app: &AppId,
    (which, viewer): (Condition, Option<&UserId>),
) -> Result<Option<Message>> {
    let of_app = chat_message::Entity::find().filter(chat_message::Column::AppId.eq(app.as_str()));
    let Some(row) = of_app.filter(which).one(db).await? else { return Ok(None) };
    let mut found: Vec<Message> = rows::message(row).into_iter().collect();
    marks::fill(db, app, viewer, &mut found).await?;
    Ok(found.pop())
}

/// The message with this id.
pub(super) async fn find_by_id(
    db: &impl ConnectionTrait,
    app: &AppId,
    (id, viewer): (&str, Option<&UserId>),
) -> Result<Option<Message>> {
    // PostgreSQL refuses to compare with a NUL, and MySQL overlooks blanks at the end.
    if id.contains('\0') {
        return Ok(None);
    }
    let found = find(db, app, (Condition::all().add(chat_message::Column::Id.eq(id)), viewer)).await?;
    Ok(found.filter(|message| message.id == id))
}

impl Store {
    /// A message by its id.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_find(&self, app: &AppId, id: &str) -> Result<Option<Message>> {
        find_by_id(&self.db, app, (id, None)).await
    }

    /// The same as somebody sees it: with what they alone see on it.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_find_for(&self, app: &AppId, id: &str, viewer: Option<&UserId>) -> Result<Option<Message>> {
        find_by_id(&self.db, app, (id, viewer)).await
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
        let Some(before) = find_by_id(&change, app, (id, None)).await? else {
            return Ok((Edited::Missing, Vec::new()));
        };
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
        Revision::EditInShadow(content) => {
            let (after, by) = revised(before, Revision::Edit(content), (by, at));
            // What it has said all along is for those who have found it.
            let is_shadowed = before.is_shadowed || after != *before;
            let was_open = before.was_open || (is_shadowed && !before.is_shadowed);
            (Message { is_shadowed, was_open, ..after }, by)
        }
        Revision::Edit(Content { body, mentions, attachments }) => {
            let is_same = (&body, &mentions, &attachments) == (&same.body, &same.mentions, &same.attachments);
            let edited_at = if is_same { same.edited_at } else { Some(at) };
            (Message { body, mentions, attachments, edited_at, ..same }, None)
        }
        Revision::Delete => {
            let (body, mentions, attachments) = Default::default();
            let (deleted_at, pinned_at, pinned_until) = (Some(at), None, None);
            // Whoever has it before them hears that it is gone: that says nothing of the shadow.
            let is_shadowed = same.is_shadowed && !same.was_open;
            let gone =
                Message { body, mentions, attachments, is_shadowed, deleted_at, pinned_at, pinned_until, ..same };
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
