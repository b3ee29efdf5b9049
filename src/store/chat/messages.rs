//! Messages: written once, found, edited, deleted with a trace. How they are listed is in `look.rs`.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{chat_message, chat_message_version};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::{ChatWrite, Facts, finish, marks, rows, wipe};
use crate::{
    domain::{
        chat::{
            Author, Message,
            message::{Content, VERSIONS_MAX},
        },
        roster::Expected,
    },
    ids::{AppId, ExternalId, UserId},
    store::{Kept, Result, Store, moment, streams, whole},
};

/// What became of a new message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is there now.
    New(Box<Message>),
    /// The author has sent it before; this is how it is now.
    Again(Box<Message>),
    /// The author has to wait.
    TooSoon(TimeDelta),
}

/// A message that is to be written.
#[derive(Clone)]
pub struct NewPost {
    /// The message, without its number.
    pub message: Message,
    /// The slow mode that is in force for its author.
    pub pause: TimeDelta,
    /// What is told of it when it has its number.
    pub facts: Arc<dyn Fn(&Message) -> Facts + Send + Sync>,
}

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
async fn find(
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

/// The message of an author that they have given this name.
async fn sent(
    db: &impl ConnectionTrait,
    app: &AppId,
    (chat, author, client_id): (&ExternalId, &Author, &str),
) -> Result<Option<Message>> {
    let same = of_chat(app, chat)
        .add(chat_message::Column::AuthorKind.eq(author.kind()))
        .add(chat_message::Column::AuthorId.eq(author.id()))
        .add(chat_message::Column::ClientId.eq(client_id));
    let viewer = match author {
        Author::User(user) => Some(user),
        Author::Program => None,
    };
    find(db, app, (same, viewer)).await
}

/// How long the author has to wait before they may write again.
async fn wait(
    change: &DatabaseTransaction,
    (app, message): (&AppId, &Message),
    pause: TimeDelta,
) -> Result<Option<TimeDelta>> {
    let theirs = of_chat(app, &message.chat)
        .add(chat_message::Column::AuthorKind.eq(message.author.kind()))
        .add(chat_message::Column::AuthorId.eq(message.author.id()));
    let last = chat_message::Entity::find()
        .select_only()
        .column(chat_message::Column::CreatedAt)
        .filter(theirs)
        .order_by_desc(chat_message::Column::Seq)
        .limit(1);
    let last = last.into_tuple::<i64>().one(change).await?.map(moment);
    let left = last.map(|last| last + pause - message.created_at);
    Ok(left.filter(|left| *left > TimeDelta::zero()))
}

/// New messages that become rows of one transaction.
struct Sheet<'a> {
    change: &'a DatabaseTransaction,
    app: &'a AppId,
    /// Number of the newest message of each chat.
    newest: HashMap<ExternalId, i64>,
    /// Those that have their number and are not written yet.
    fresh: Vec<Message>,
}

impl<'a> Sheet<'a> {
    fn new(change: &'a DatabaseTransaction, app: &'a AppId) -> Self {
        Self { change, app, newest: HashMap::new(), fresh: Vec::new() }
    }

    /// Gives a message its number, unless its author has sent it before or has to wait.
    async fn enter(&mut self, mut new: Message, pause: TimeDelta) -> Result<Posted> {
        new.created_at = whole(new.created_at);
        let is_another = |one: &Message| (&one.chat, &one.author) == (&new.chat, &new.author);
        if (new.client_id.is_some() || pause > TimeDelta::zero()) && self.fresh.iter().any(is_another) {
            // What the author has just said counts too.
            self.write().await?;
        }
        if let Some(client_id) = &new.client_id
            && let Some(before) = sent(self.change, self.app, (&new.chat, &new.author, client_id)).await?
        {
            return Ok(Posted::Again(Box::new(before)));
        }
        if pause > TimeDelta::zero()
            && let Some(left) = wait(self.change, (self.app, &new), pause).await?
        {
            return Ok(Posted::TooSoon(left));
        }
        let newest = match self.newest.get(&new.chat) {
            Some(newest) => *newest,
            None => newest_seq(self.change, self.app, &new.chat).await?,
        };
        new.seq = newest + 1;
        self.newest.insert(new.chat.clone(), new.seq);
        self.fresh.push(new.clone());
        Ok(Posted::New(Box::new(new)))
    }

    /// Writes the rows.
    async fn write(&mut self) -> Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh.is_empty() {
            return Ok(());
        }
        let rows = fresh.iter().map(|new| rows::message_row(self.app, new));
        chat_message::Entity::insert_many(rows).exec_without_returning(self.change).await?;
        for new in &fresh {
            marks::insert_audience(self.change, self.app, new).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Writes messages in one transaction and gives each its number, unless its author has sent it before or has to wait. Answers
    /// for each in the order in which they came. `epoch` is for topics that begin with them.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database); then none is written.
    #[tracing::instrument(name = "store.message_insert", level = "debug", skip_all, fields(app.id = %app, posts = posts.len()))]
    pub async fn message_insert(
        &self,
        app: &AppId,
        posts: Vec<NewPost>,
        epoch: &str,
    ) -> Result<(Vec<Posted>, Vec<Kept>)> {
        if posts.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        // Most messages are told in one topic.
        let count = i64::try_from(posts.len()).unwrap_or(1);
        let (change, first) = self.change_begin_many(streams::COUNTER, count).await?;
        let (mut sheet, mut facts) = (Sheet::new(&change, app), Vec::new());
        let mut posted = Vec::with_capacity(posts.len());
        for NewPost { message, pause, facts: tell } in posts {
            let one = sheet.enter(message, pause).await?;
            if let Posted::New(message) = &one {
                facts.extend(tell(message));
            }
            posted.push(one);
        }
        if posted.iter().all(|one| !matches!(one, Posted::New(_))) {
            return Ok((posted, Vec::new()));
        }
        sheet.write().await?;
        let kept = streams::append_from(&change, (first, count), (app, epoch), facts).await?;
        change.commit().await?;
        Ok((posted, kept))
    }

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

    /// The message of an author in a chat that they have given this name before.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_sent(
        &self,
        app: &AppId,
        chat: &ExternalId,
        author: &Author,
        client_id: &str,
    ) -> Result<Option<Message>> {
        sent(&self.db, app, (chat, author, client_id)).await
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
            (Message { is_shadowed, ..after }, by)
        }
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
