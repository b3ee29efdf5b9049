//! New messages: written together, each with its number and with what goes with it.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::chat_message;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Facts, marks,
    messages::{find, newest_seq, of_chat},
    rows,
};
use crate::{
    domain::{
        chat::{Author, Message},
        fact::{Actor, Fact},
        moderation::Report,
        notification::{self, Notification, Recipient},
    },
    ids::{AppId, ExternalId, UserId},
    store::{
        Kept, Outgoing, Payload, Result, Store, Telling, moderation, moment, notification as notices, streams, whole,
    },
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
pub struct NewPost {
    /// The message, without its number.
    pub message: Message,
    /// The slow mode that is in force for its author.
    pub pause: TimeDelta,
    /// What is told of it when it has its number.
    pub facts: Arc<dyn Fn(&Message) -> Facts + Send + Sync>,
    /// What goes with it.
    pub along: Along,
}

/// What is written along with a new message.
#[derive(Debug, Clone, Default)]
pub struct Along {
    /// Whoever is notified of it.
    pub notices: Option<Notices>,
    /// Why staff is to have a look at it.
    pub report: Option<Report>,
}

/// Notifications of a new message.
#[derive(Debug, Clone)]
pub struct Notices {
    /// For whom.
    pub recipients: Vec<Recipient>,
    /// Who sends them.
    pub actor: Option<Actor>,
    /// What they say, when the message has its number.
    pub content: fn(&Message) -> notification::Content,
    /// What is told of each.
    pub fact: fn(&Notification, DateTime<Utc>) -> Fact<Payload>,
    /// A new ULID.
    pub new_id: fn(DateTime<Utc>) -> String,
}

impl Along {
    /// Writes it within the change that writes the message; what is to be told of it.
    async fn write(&self, change: &DatabaseTransaction, app: &AppId, message: &Message) -> Result<Facts> {
        if let Some(report) = &self.report {
            moderation::report(change, app, report).await?;
        }
        let Some(Notices { recipients, actor, content, fact, new_id }) = &self.notices else { return Ok(Vec::new()) };
        let (now, content) = (message.created_at, content(message));
        let outgoing = Outgoing { content: &content, actor: actor.as_ref(), broadcast: None, except: None };
        let telling = Telling { new_id: &|| new_id(now), fact: &|of| fact(of, now), now };
        let (_written, facts) = notices::write(change, app, recipients, (outgoing, &telling)).await?;
        Ok(facts)
    }
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
    async fn enter(&mut self, new: &Message, pause: TimeDelta) -> Result<Posted> {
        let mut new = Message { created_at: whole(new.created_at), ..new.clone() };
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
        let rows = fresh.iter().map(|new| rows::new_message_row(self.app, new));
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
        posts: &[NewPost],
        epoch: &str,
    ) -> Result<(Vec<Posted>, Vec<Kept>)> {
        if posts.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        // Most messages are told in one topic.
        let count = i64::try_from(posts.len()).unwrap_or(1);
        let (change, first) = self.change_begin_many(streams::COUNTER, count).await?;
        let (mut sheet, mut facts) = (Sheet::new(&change, app), Vec::new());
        let (mut posted, mut company) = (Vec::with_capacity(posts.len()), Vec::new());
        for NewPost { message, pause, facts: tell, along } in posts {
            let one = sheet.enter(message, *pause).await?;
            if let Posted::New(message) = &one {
                facts.extend(tell(message));
                company.push((posted.len(), along));
            }
            posted.push(one);
        }
        if company.is_empty() {
            return Ok((posted, Vec::new()));
        }
        sheet.write().await?;
        for (place, along) in company {
            if let Some(Posted::New(message)) = posted.get(place) {
                facts.extend(along.write(&change, app, message).await?);
            }
        }
        let kept = streams::append_from(&change, (first, count), (app, epoch), facts).await?;
        change.commit().await?;
        Ok((posted, kept))
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

    /// Tells whether somebody has ever said something in a chat that still stands or has left a trace.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_any_of(&self, app: &AppId, chat: &ExternalId, user: &UserId) -> Result<bool> {
        if user.as_str().contains('\0') {
            return Ok(false);
        }
        let author = Author::User(user.clone());
        let theirs = of_chat(app, chat)
            .add(chat_message::Column::AuthorKind.eq(author.kind()))
            .add(chat_message::Column::AuthorId.eq(author.id()));
        let any = chat_message::Entity::find().select_only().column(chat_message::Column::Seq).filter(theirs).limit(1);
        Ok(any.into_tuple::<i64>().one(&self.db).await?.is_some())
    }
}
