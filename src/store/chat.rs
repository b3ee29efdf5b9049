//! Chats as rows: what they are, who belongs to them, how far anybody has read.
//!
//! What a chat tells is written in the transaction that made it happen (`streams`), which also makes writers queue up: numbers
//! of messages have no gaps. New messages are in `chat/post.rs`, those that are there in `chat/messages.rs` and `chat/look.rs`, what
//! people put on them in `chat/marks.rs`.

mod expire;
mod follow;
mod look;
mod marks;
mod members;
mod messages;
mod post;
mod purge;
mod rows;
mod wipe;

use chrono::{DateTime, Utc};
use entity::{chat, chat_member, course};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Query,
};

pub use look::{Viewer, Window};
pub(super) use marks::acknowledged_by;
pub use marks::{Mark, Marked};
pub use members::{Belonging, MembersAdded};
pub use messages::{Edited, Revision};
pub use post::{Along, NewPost, Notices, Posted};

use super::{Kept, Page, Payload, Result, Store, audit, moderation, streams, word_list};
use crate::{
    domain::{
        access::Topic,
        audit::AuditEntry,
        chat::{Chat, ChatEdit, Circle, Kind},
        fact::{Fact, topic_key},
        roster::{Expected, Role, Standing},
    },
    ids::{AppId, ExternalId, SocketId, UserId},
};

/// Facts as they are written, with the socket that does not hear each.
pub type Facts = Vec<(Fact<Payload>, Option<SocketId>)>;

/// What goes with a write: when it happens, what the audit says of it, and the name of streams that begin with it.
#[derive(Debug, Clone, Copy)]
pub struct ChatWrite<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// What the audit says.
    pub audit: &'a [AuditEntry],
    /// For topics that begin.
    pub epoch: &'a str,
}

/// What became of a new chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatMade {
    /// It is there now.
    Created,
    /// The two have a chat already.
    There(Box<Chat>),
    /// There is another one with this id.
    IdTaken,
    /// The roster does not know this person.
    UnknownUser(UserId),
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatChanged {
    /// It is like this now.
    Changed(Box<Chat>),
    /// It was like this already.
    Unchanged(Box<Chat>),
    /// It has another version than expected.
    Mismatch(i64),
    /// It is not there.
    Missing,
}

/// Which chats a list shows. Absent = any.
#[derive(Debug, Clone, Default)]
pub struct ChatFilter {
    /// Those of a person: of the courses in which they have an enrollment, or whose org they administer, and those that they
    /// were added to.
    pub of: Option<Standing>,
    /// Of this course.
    pub course: Option<ExternalId>,
    /// Of this kind.
    pub kind: Option<Kind>,
}

/// Chats that may be a person's: whether they may hear those of their courses, the rules say.
fn of_person(app: &AppId, Standing { person, enrollments, .. }: &Standing) -> Condition {
    let added = Query::select()
        .column(chat_member::Column::ChatId)
        .from(chat_member::Entity)
        .cond_where(
            Condition::all()
                .add(chat_member::Column::AppId.eq(app.as_str()))
                .add(chat_member::Column::UserId.eq(person.id.as_str()))
                .add(chat_member::Column::Role.ne(members::NO_PART)),
        )
        .to_owned();
    let administered = (person.org_role == Some(Role::Admin)).then(|| {
        let org = match &person.org {
            Some(org) => course::Column::OrgId.eq(org.as_str()),
            None => course::Column::OrgId.is_null(),
        };
        let of_org = Condition::all().add(course::Column::AppId.eq(app.as_str())).add(org);
        let ids = Query::select().column(course::Column::Id).from(course::Entity).cond_where(of_org).to_owned();
        chat::Column::CourseId.in_subquery(ids)
    });
    let enrolled = chat::Column::CourseId.is_in(enrollments.iter().map(|enrollment| enrollment.course.as_str()));
    let of_place = Kind::ALL.iter().filter(|kind| kind.is_of_a_place()).map(|kind| kind.name());
    let of_courses = Condition::all()
        .add(chat::Column::Kind.is_in(of_place))
        .add(Condition::any().add(enrolled).add_option(administered));
    Condition::any().add(of_courses).add(chat::Column::Id.in_subquery(added))
}

fn by_id(app: &AppId, id: &ExternalId) -> (String, String) {
    (app.as_str().to_owned(), id.as_str().to_owned())
}

/// Names two people, whoever of them comes first. MySQL overlooks blanks at the end of a text.
fn dm_key(one: &UserId, other: &UserId) -> String {
    let (first, second) = if one.as_str() <= other.as_str() { (one, other) } else { (other, one) };
    format!("{}:{first}:{second};", first.as_str().len())
}

impl Store {
    /// Makes a chat with its first members. Two people have one chat only.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.chat_create", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_create(
        &self,
        app: &AppId,
        new: &Chat,
        members: &[Belonging],
        (write, facts): (ChatWrite<'_>, Facts),
    ) -> Result<(ChatMade, Vec<Kept>)> {
        let key = match (new.kind, members) {
            (Kind::Dm, [one, other]) => Some(dm_key(&one.user, &other.user)),
            _ => None,
        };
        let change = self.change_begin(streams::COUNTER).await?;
        let users: Vec<&UserId> = members.iter().map(|member| &member.user).collect();
        if let Some(unknown) = members::first_unknown(&change, app, &users).await? {
            return Ok((ChatMade::UnknownUser(unknown), Vec::new()));
        }
        if let Some(key) = &key {
            let of_app = chat::Entity::find().filter(chat::Column::AppId.eq(app.as_str()));
            if let Some(row) = of_app.filter(chat::Column::DmKey.eq(key.as_str())).one(&change).await? {
                let there = rows::chat(row).map(|chat| ChatMade::There(Box::new(chat)));
                return Ok((there.unwrap_or(ChatMade::IdTaken), Vec::new()));
            }
        }
        if chat::Entity::find_by_id(by_id(app, &new.id)).one(&change).await?.is_some() {
            return Ok((ChatMade::IdTaken, Vec::new()));
        }
        // What was told in an earlier chat of this id is not for those who belong to this one.
        if let Some(topic) = topic_key(&Topic::Chat(new.id.clone())) {
            streams::forget(&change, app, &topic).await?;
        }
        chat::Entity::insert(rows::chat_row(app, new, key)).exec_without_returning(&change).await?;
        members::insert(&change, (app, &new.id), members, (write.at, 0)).await?;
        let kept = finish_changed(change, (app, &new.id), write, facts).await?;
        Ok((ChatMade::Created, kept))
    }

    /// A chat with all that decides who may do what in it.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn chat_circle(&self, app: &AppId, id: &ExternalId) -> Result<Option<Circle>> {
        let Some(row) = chat::Entity::find_by_id(by_id(app, id)).one(&self.db).await? else { return Ok(None) };
        let Some(chat) = rows::chat(row).filter(|chat| chat.id == *id) else { return Ok(None) };
        let members = members::all(&self.db, app, &chat).await?;
        let sanctions = moderation::sanctions(&self.db, app, id).await?;
        Ok(Some(Circle { chat, members, sanctions }))
    }

    /// Chats by id, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn chat_list(&self, app: &AppId, filter: &ChatFilter, page: &Page) -> Result<Vec<Chat>> {
        let which = Condition::all()
            .add(chat::Column::AppId.eq(app.as_str()))
            .add_option(filter.of.as_ref().map(|standing| of_person(app, standing)))
            .add_option(filter.kind.map(|kind| chat::Column::Kind.eq(kind.name())))
            .add_option(filter.course.as_ref().map(|course| chat::Column::CourseId.eq(course.as_str())));
        let after = page.after.as_deref().map(|after| after.replace('\0', ""));
        let rows =
            chat::Entity::find().filter(which).apply_if(after, |all, after| all.filter(chat::Column::Id.gt(after)));
        let rows = rows.order_by_asc(chat::Column::Id).limit(u64::from(page.limit)).all(&self.db).await?;
        Ok(rows.into_iter().filter_map(rows::chat).collect())
    }

    /// Changes a chat, if it has the version that the change is for.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.chat_update", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_update(
        &self,
        (app, id): (&AppId, &ExternalId),
        edit: &ChatEdit,
        expected: &Expected,
        (write, facts): (ChatWrite<'_>, impl FnOnce(&Chat) -> Facts + Send),
    ) -> Result<(ChatChanged, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let found = chat::Entity::find_by_id(by_id(app, id)).one(&change).await?;
        let key = found.as_ref().and_then(|row| row.dm_key.clone());
        let Some(before) = found.and_then(rows::chat) else { return Ok((ChatChanged::Missing, Vec::new())) };
        if !expected.holds(Some(before.version)) {
            return Ok((ChatChanged::Mismatch(before.version), Vec::new()));
        }
        let mut after = edited(&before, edit, write.at);
        if after == before {
            return Ok((ChatChanged::Unchanged(Box::new(before)), Vec::new()));
        }
        after.version += 1;
        chat::Entity::update(rows::chat_row(app, &after, key)).exec(&change).await?;
        let facts = facts(&after);
        let kept = finish_changed(change, (app, id), write, facts).await?;
        Ok((ChatChanged::Changed(Box::new(after)), kept))
    }

    /// Clears a chat: what was said is gone, numbers go on.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.chat_clear", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn chat_clear(
        &self,
        (app, id): (&AppId, &ExternalId),
        by: &str,
        write: ChatWrite<'_>,
        facts: impl FnOnce(&Chat) -> Facts + Send,
    ) -> Result<(ChatChanged, Vec<Kept>)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let found = chat::Entity::find_by_id(by_id(app, id)).one(&change).await?;
        let key = found.as_ref().and_then(|row| row.dm_key.clone());
        let Some(mut chat) = found.and_then(rows::chat) else { return Ok((ChatChanged::Missing, Vec::new())) };
        let newest = messages::newest_seq(&change, app, id).await?;
        if newest <= chat.cleared_seq {
            return Ok((ChatChanged::Unchanged(Box::new(chat)), Vec::new()));
        }
        wipe::clear(&change, (app, &chat), by, write.at).await?;
        (chat.cleared_seq, chat.version) = (newest, chat.version + 1);
        chat::Entity::update(rows::chat_row(app, &chat, key)).exec(&change).await?;
        let facts = facts(&chat);
        let kept = finish_changed(change, (app, id), write, facts).await?;
        Ok((ChatChanged::Changed(Box::new(chat)), kept))
    }
}

fn edited(before: &Chat, edit: &ChatEdit, at: DateTime<Utc>) -> Chat {
    let since = |wanted: Option<bool>, before: Option<DateTime<Utc>>| match wanted {
        None => before,
        Some(true) => before.or(Some(at)),
        Some(false) => None,
    };
    Chat {
        title: edit.title.clone().unwrap_or_else(|| before.title.clone()),
        settings: edit.settings.over(&before.settings),
        frozen_at: since(edit.is_frozen, before.frozen_at),
        archived_at: since(edit.is_archived, before.archived_at),
        ..before.clone()
    }
}

/// Writes what is told and what the audit says, and commits.
pub(super) async fn finish(
    change: DatabaseTransaction,
    app: &AppId,
    write: ChatWrite<'_>,
    facts: Facts,
) -> Result<Vec<Kept>> {
    audit::insert(&change, write.audit).await?;
    let kept = streams::append(&change, app, facts, write.epoch).await?;
    change.commit().await?;
    Ok(kept)
}

/// The same after a change of a chat, of its members or of measures in it: other nodes learn that there is one.
pub(super) async fn finish_changed(
    change: DatabaseTransaction,
    (app, id): (&AppId, &ExternalId),
    write: ChatWrite<'_>,
    facts: Facts,
) -> Result<Vec<Kept>> {
    follow::note(&change, app, id).await?;
    finish(change, app, write, facts).await
}

/// Removes all chats of an app, with what hangs below them, and its word lists.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    chat::Entity::delete_many().filter(chat::Column::AppId.eq(app.as_str())).exec(change).await?;
    word_list::forget(change, app, None).await
}
