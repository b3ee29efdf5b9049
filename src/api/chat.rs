//! Chats over HTTP: made, found, changed; who belongs to them, how far they have read.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod fault;
pub(super) mod message;
pub(super) mod view;
mod whole;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
};

use self::{
    view::{ChatBody, ChatEditBody, ChatView, MemberView, MembersBody, ReadBody, ReadView},
    whole::{Exported, PurgeBody, PurgeView},
};
use super::{
    Group,
    answer::{Answer, Changed, Done, Found, Fresh},
    caller::{
        Visitor,
        describe::{ByKeyOrPerson, ByPerson},
    },
    file::Form,
    list::{Cursor, List, MOST, Snapshot, StreamView, USUAL},
    problem::{Fault, Problem, Reading, Writing},
    strict::Strict,
    version::expected,
    word::{Limit, Word},
};
use crate::{
    domain::chat::ChatEdit,
    ids::{ExternalId, UserId},
    services::{
        Chats,
        chat::{Asking, Page},
    },
};

/// The routes.
pub(super) struct ChatRoutes;

/// Whoever asks, as the service wants to know them.
pub(super) fn asking(visitor: &Visitor) -> Asking<'_> {
    let Visitor { caller, live, address, now, except, .. } = visitor;
    Asking { live, caller, ip: Some(*address), except: *except, now: *now }
}

/// Which part of a list is wanted: one entry more than it shows.
pub(super) fn page(cursor: Option<Word<Cursor>>, limit: Option<Word<Limit<MOST>>>) -> (Page, u32) {
    let limit = limit.map_or(USUAL, |limit| limit.0.0);
    (Page { after: cursor.map(|cursor| cursor.0.0), limit: limit + 1 }, limit)
}

async fn edit(chats: &Chats, visitor: &Visitor, id: &ExternalId, edit: ChatEdit) -> Result<Changed<ChatView>, Problem> {
    let found = chats.change(&asking(visitor), id, edit, &expected(None, None)?).await?;
    let version = found.chat.version;
    Ok(Changed::of(found.into(), version))
}

#[OpenApi(tag = "Group::Chat")]
impl ChatRoutes {
    /// List chats
    ///
    /// Those of the person, by id, page by page, each with what they have not read and its own `stream`; an API key with `chat:read` sees all. A
    /// page may have fewer entries than `limit` and not be the last: chats that are closed to the person are left out.
    #[oai(path = "/api/chats", method = "get", operation_id = "listChats")]
    async fn list(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Only those of this course.
        course: Query<Option<Word<ExternalId>>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<List<ChatView>>, Fault<Reading>> {
        let (page, limit) = page(cursor.0, limit.0);
        let rows = chats.list(&asking(&visitor), course.0.map(|course| course.0), &page).await?;
        let rows = rows.into_iter().map(|(id, found)| (id.to_string(), found.map(ChatView::from))).collect();
        Ok(Answer::of(List::sparse(rows, limit)))
    }

    /// Make a chat
    ///
    /// Chats of a course, a class or office hours need the capability `chat.control` there, groups `chat.moderate`. Whoever
    /// makes a chat of two people (`dm`) names the other one, and gets the chat that they have already if there is one.
    /// Students write to staff of their courses; to each other where the chat of a course says `dm_policy` `everybody`. Needs
    /// a person, or an API key with `chat:write`.
    #[oai(path = "/api/chats", method = "post", operation_id = "createChat")]
    async fn create(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<ChatBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Fresh<ChatView>, Fault<Writing>> {
        let new = body.0.read().map_err(|field| Problem::fields(vec![field]))?;
        let (found, is_new) = chats.create(&asking(&visitor), new).await?;
        let (location, version) = (format!("/api/chats/{}", found.chat.id), found.chat.version);
        let view = ChatView::from(found);
        Ok(if is_new { Fresh::new(view, version, location) } else { Fresh::again(view, version) })
    }

    /// Show a chat
    ///
    /// `stream` is where the stream of the chat stood before: what happens after it is not in the answer. Needs a person who
    /// belongs to it, or an API key with `chat:read`.
    #[oai(path = "/api/chats/:id", method = "get", operation_id = "showChat")]
    async fn show(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// What the caller has already: an `ETag` of this answer. Then 304, without a body.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Found<ChatView>, Fault<Reading>> {
        let found = chats.show(&asking(&visitor), &id.0.0).await?;
        let version = Some(found.chat.version);
        Ok(Found::seen(found.into(), version, if_none_match.as_deref())?)
    }

    /// Change a chat
    ///
    /// Its title, its settings, whether it is archived. What is left out stays. Needs a person with the capability
    /// `chat.control`, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id", method = "patch", operation_id = "changeChat")]
    async fn change(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// Version that the chat must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        body: Strict<ChatEditBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<ChatView>, Fault<Writing>> {
        let asking = asking(&visitor);
        let expected = expected(if_match.as_deref(), None)?;
        let edit = body.0.read().map_err(|field| Problem::fields(vec![field]))?;
        let found = chats.change(&asking, &id.0.0, edit, &expected).await?;
        let version = found.chat.version;
        Ok(Changed::of(found.into(), version))
    }

    /// Freeze a chat
    ///
    /// Only staff can write in it then; others are refused with 409 `chat_frozen`. Needs a person with the capability
    /// `chat.control`, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/freeze", method = "post", operation_id = "freezeChat")]
    async fn freeze(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<ChatView>, Fault<Writing>> {
        let frozen = ChatEdit { is_frozen: Some(true), ..ChatEdit::default() };
        Ok(edit(&chats, &visitor, &id.0.0, frozen).await?)
    }

    /// Open a frozen chat again
    ///
    /// Needs a person with the capability `chat.control`, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/unfreeze", method = "post", operation_id = "unfreezeChat")]
    async fn unfreeze(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<ChatView>, Fault<Writing>> {
        let open = ChatEdit { is_frozen: Some(false), ..ChatEdit::default() };
        Ok(edit(&chats, &visitor, &id.0.0, open).await?)
    }

    /// Clear a chat
    ///
    /// All that was said is gone, for everybody, with what it said before it was edited; numbers of messages go on. Needs a
    /// person with the capability `chat.control`, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/clear", method = "post", operation_id = "clearChat")]
    async fn clear(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<ChatView>, Fault<Writing>> {
        let found = chats.clear(&asking(&visitor), &id.0.0).await?;
        let version = found.chat.version;
        Ok(Changed::of(found.into(), version))
    }

    /// Delete all that somebody has said in a chat
    ///
    /// Each message leaves a trace without text, as when it is deleted alone, also those that were not for all. Those who hear
    /// the chat are told in one event for up to 500 messages (`chat:purged`) of what was for all; staff and those whom the rest
    /// was for hear of that on their own channels; whoever was away finds a gap. Needs a person with the capability
    /// `chat.moderate`, or an API key with `chat:write`; nobody does so to staff of their own rank or above (403 `rank`). Also
    /// for somebody who has left since; for somebody who was never there, 422.
    #[oai(path = "/api/chats/:id/purge", method = "post", operation_id = "purgeChat")]
    async fn purge(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        body: Strict<PurgeBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<PurgeView>, Fault<Writing>> {
        let purge = chats.purge(&asking(&visitor), &id.0.0, &body.0.user.0).await?;
        Ok(Answer::of(purge.into()))
    }

    /// Take what was said in a chat away as a file
    ///
    /// In parts of at most 5,000 messages, fewer where they are long, oldest first; of messages that were deleted, the trace.
    /// What is not for a person is not in their file. The audit tells who has taken what. Needs a person with the capability
    /// `chat.control`, or an API key with `chat:read`.
    #[oai(path = "/api/chats/:id/export", method = "get", operation_id = "exportChat")]
    async fn export(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// `csv` or `json`. JSON if absent.
        format: Query<Option<Word<Form>>>,
        /// Only messages after this number, such as the one that the part before names. From the beginning if absent.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        after_seq: Query<Option<i64>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Exported, Fault<Reading>> {
        let export = chats.export(&asking(&visitor), &id.0.0, after_seq.0.unwrap_or(0)).await?;
        Ok(Exported::of(export, format.0.map_or(Form::Json, |form| form.0)))
    }

    /// List who belongs to a chat
    ///
    /// By user id, page by page. Of a course or class, those who take part there now and may hear the chat, for whoever may see
    /// that there (`roster.read`). Needs a person who belongs to the chat, or an API key with `chat:read`.
    #[oai(path = "/api/chats/:id/members", method = "get", operation_id = "listChatMembers")]
    async fn members(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<Snapshot<MemberView>>, Fault<Reading>> {
        let (page, limit) = page(cursor.0, limit.0);
        let asking = asking(&visitor);
        let (topic, position) = chats.position(&asking, &id.0.0).await?;
        let rows = chats.members(&asking, &id.0.0, &page).await?;
        let rows = rows.into_iter().map(|person| (person.user.to_string(), MemberView::from(person))).collect();
        Ok(Answer::of(Snapshot::new(List::new(rows, limit), StreamView::of(topic, position))))
    }

    /// Add members to a group
    ///
    /// Who belongs to it already gets the part that is named. Into a group of a course or class come only those who may hear
    /// chats there, now or when their part begins. Needs a person who belongs to the group and has the capability
    /// `chat.moderate` in its course, or owns a group without a course; or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/members", method = "post", operation_id = "addChatMembers")]
    async fn add(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        body: Strict<MembersBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<ChatView>, Fault<Writing>> {
        let (users, part) = body.0.read().map_err(|field| Problem::fields(vec![field]))?;
        let asking = asking(&visitor);
        chats.add(&asking, &id.0.0, &users, part).await?;
        let found = chats.show(&asking, &id.0.0).await?;
        let version = found.chat.version;
        Ok(Changed::of(found.into(), version))
    }

    /// Take a member out of a group
    ///
    /// They hear it no more when this is answered. Anybody may leave by themselves; for others it needs what adding needs: a
    /// person who leads the group, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/members/:user", method = "delete", operation_id = "removeChatMember")]
    async fn remove(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// The member; URL-encoded where needed.
        user: Path<Word<UserId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Done, Fault<Writing>> {
        chats.remove(&asking(&visitor), &id.0.0, &user.0.0).await?;
        Ok(Done::Done)
    }

    /// Note how far one has read
    ///
    /// The number never falls and is never beyond the newest message, so that of two tabs the one that is further counts.
    /// One's other tabs are told (`chat.read`); between two people and in groups of up to 50 the others are told too, unless
    /// `is_private` says that they shall not. For people.
    #[oai(path = "/api/chats/:id/read", method = "put", operation_id = "readChat")]
    async fn read(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        body: Strict<ReadBody>,
        _proof: ByPerson,
    ) -> Result<Answer<ReadView>, Fault<Writing>> {
        let (seq, wishes) = body.0.read().map_err(|field| Problem::fields(vec![field]))?;
        let (state, unread) = chats.read(&asking(&visitor), &id.0.0, seq, wishes).await?;
        Ok(Answer::of(ReadView::new(state, unread)))
    }
}
