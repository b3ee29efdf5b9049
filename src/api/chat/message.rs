//! Messages over HTTP: said, listed, edited, deleted, pinned, reacted to.

mod ack;
mod view;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
};

pub(super) use self::view::MessageView;
use self::{
    ack::AcksView,
    view::{EditBody, MessageBody, PinBody, VersionView},
};
use super::{
    super::{
        Group,
        answer::{Answer, Changed, Found, Fresh},
        caller::{
            Visitor,
            describe::{ByKeyOrPerson, ByPerson},
        },
        list::{Cursor, List, MOST, Snapshot, StreamView, USUAL},
        problem::{Fault, Problem, Reading, Writing},
        strict::{Optional, Strict},
        version::expected,
        word::{Limit, Word},
    },
    asking, page as page_of,
};
use crate::{
    domain::{chat::search::Search, roster::Expected},
    ids::ExternalId,
    services::{
        Chats,
        chat::{Asking, Mark, Revision, Shown, Window},
    },
};

/// The routes.
pub(in crate::api) struct Messages;

fn changed(shown: Shown) -> Changed<MessageView> {
    let version = shown.message.version;
    Changed::of(shown.into(), version)
}

/// Marks a message; how it is then.
async fn mark(chats: &Chats, visitor: &Visitor, id: &str, mark: Mark<'_>) -> Result<Changed<MessageView>, Problem> {
    let asking = asking(visitor);
    let message = chats.mark(&asking, id, mark).await?;
    Ok(changed(chats.shown_one(&asking, message).await?))
}

/// Edits, deletes, pins or unpins a message; how it is then.
async fn revise(
    chats: &Chats,
    asking: &Asking<'_>,
    id: &str,
    (revision, expected): (Revision, Expected),
) -> Result<Changed<MessageView>, Problem> {
    let message = chats.revise(asking, id, revision, &expected).await?;
    Ok(changed(chats.shown_one(asking, message).await?))
}

/// Which messages are asked for, and whether what comes next is towards the beginning.
fn window(
    (before, after, around): (Option<i64>, Option<i64>, Option<i64>),
    cursor: Option<Word<Cursor>>,
) -> Result<(Window, bool), Problem> {
    let only_one =
        || Problem::parameter("before_seq", "goes without after_seq, around and cursor, as each of them does");
    if let Some(Word(Cursor(text))) = cursor {
        if (before, after, around) != (None, None, None) {
            return Err(only_one());
        }
        let wrong = || Problem::parameter("cursor", "must be the 'next_cursor' of the page before");
        let (direction, seq) = text.split_at_checked(1).ok_or_else(wrong)?;
        let seq: i64 = seq.parse().map_err(|_none| wrong())?;
        return match direction {
            "a" => Ok((Window::After(seq), false)),
            "b" => Ok((Window::Before(seq), true)),
            _ => Err(wrong()),
        };
    }
    match (before, after, around) {
        (None, None, None) => Ok((Window::Newest, true)),
        (Some(seq), None, None) => Ok((Window::Before(seq), true)),
        (None, Some(seq), None) => Ok((Window::After(seq), false)),
        (None, None, Some(seq)) => Ok((Window::Around(seq), false)),
        _ => Err(only_one()),
    }
}

/// A page of messages, in the order of their numbers.
fn page(mut messages: Vec<Shown>, backwards: bool, limit: u32) -> List<MessageView> {
    if backwards {
        messages.reverse();
    }
    let direction = if backwards { 'b' } else { 'a' };
    let rows = messages.into_iter().map(|shown| (format!("{direction}{}", shown.message.seq), shown.into())).collect();
    let list = List::new(rows, limit);
    if backwards { list.turned() } else { list }
}

/// What is looked for, and before which number.
fn searched(text: &str, window: Window) -> Result<(Search, i64), Problem> {
    let before = match window {
        Window::Newest => i64::MAX,
        Window::Before(seq) => seq,
        Window::After(_) | Window::Around(_) => {
            return Err(Problem::parameter("search", "goes towards the beginning: without after_seq and around"));
        }
    };
    let search = Search::parse(text).map_err(|why| Problem::parameter("search", why.to_string()))?;
    Ok((search, before))
}

#[OpenApi(tag = "Group::Chat")]
impl Messages {
    /// List messages
    ///
    /// The newest, or those before, after or around a number; always in the order of their numbers, which is that in which
    /// they were said. `stream` is where the stream of the chat stood before: what happens after it is not in the answer.
    ///
    /// With `search` only messages whose text holds all its words, the newest first. Words are found anywhere, also within longer
    /// ones; capitals and small letters of all scripts are the same, so are letters that Unicode writes in several ways, and
    /// accents count: `ete` does not find `été`. Deleted messages are not found. Each answer looks at up to 1,000 messages, fewer
    /// where they are long; a page may have fewer entries than `limit`, even none, and not be the last: as long as there is a
    /// `next_cursor`, it goes on there, with the same `search`.
    ///
    /// Needs a person who belongs to the chat, or an API key with `chat:read`.
    #[oai(path = "/api/chats/:id/messages", method = "get", operation_id = "listMessages")]
    async fn list(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// Only those before this number, the nearest first to be shown.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        before_seq: Query<Option<i64>>,
        /// Only those after this number.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        after_seq: Query<Option<i64>>,
        /// The one with this number, and as many on both sides.
        #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000000")))]
        around: Query<Option<i64>>,
        /// Only those that hold these words, the newest first; with `before_seq` or a cursor of such a page. At most 100 characters.
        #[oai(validator(max_length = 100))]
        search: Query<Option<String>>,
        /// `next_cursor` of the page before, to go on in its direction.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<Snapshot<MessageView>>, Fault<Reading>> {
        let asking = asking(&visitor);
        let (window, backwards) = window((before_seq.0, after_seq.0, around.0), cursor.0)?;
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0);
        let (topic, position) = chats.position(&asking, &id.0.0).await?;
        let list = match &search.0 {
            Some(text) => {
                let (search, before) = searched(text, window)?;
                let hits = chats.search(&asking, &id.0.0, &search, (before, limit as usize)).await?;
                let shown = chats.shown(&asking, hits.messages).await?;
                let shown = shown.into_iter().map(MessageView::from).collect();
                List::up_to(shown, hits.next_before.map(|seq| format!("b{seq}")))
            }
            None => {
                let messages = chats.messages(&asking, &id.0.0, window, limit).await?;
                page(chats.shown(&asking, messages).await?, backwards, limit)
            }
        };
        Ok(Answer::of(Snapshot::new(list, StreamView::of(topic, position))))
    }

    /// List pinned messages
    ///
    /// Those that are pinned now, the newest pin first; at most 100. Needs a person who belongs to the chat, or an API key with
    /// `chat:read`.
    #[oai(path = "/api/chats/:id/pins", method = "get", operation_id = "listPins")]
    async fn pins(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<Snapshot<MessageView>>, Fault<Reading>> {
        let asking = asking(&visitor);
        let (topic, position) = chats.position(&asking, &id.0.0).await?;
        let pinned = chats.pinned(&asking, &id.0.0).await?;
        let shown = chats.shown(&asking, pinned).await?;
        let rows = shown.into_iter().map(|shown| (shown.message.id.clone(), shown.into())).collect();
        Ok(Answer::of(Snapshot::new(List::new(rows, MOST), StreamView::of(topic, position))))
    }

    /// Say something in a chat
    ///
    /// Everybody whom it is for hears of it at once, but the socket in `X-Socket-ID`. Sent again with the same `client_id`, it
    /// is not said twice: the answer is then 200 with the message that is there. At most five messages at once and one each
    /// second in the long run (429 `rate_limited`), slower in a slow chat (429 `slow_mode`). Needs a person with the capability
    /// `chat.post`, or an API key with `chat:write`.
    #[oai(path = "/api/chat/messages", method = "post", operation_id = "postMessage")]
    async fn post(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<MessageBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Fresh<MessageView>, Fault<Writing>> {
        let new = body.0.read().map_err(|field| Problem::fields(vec![field]))?;
        let asking = asking(&visitor);
        let (message, is_new) = chats.post(&asking, new).await?;
        let (location, version) = (format!("/api/messages/{}", message.id), message.version);
        let view = MessageView::from(chats.shown_one(&asking, message).await?);
        Ok(if is_new { Fresh::new(view, version, location) } else { Fresh::again(view, version) })
    }

    /// Show a message
    ///
    /// Needs a person whom it is for, or an API key with `chat:read`.
    #[oai(path = "/api/messages/:id", method = "get", operation_id = "showMessage")]
    async fn show(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// What the caller has, as `ETag` told it; answered with 304 when nothing of it is news.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Found<MessageView>, Fault<Reading>> {
        let asking = asking(&visitor);
        let message = chats.message(&asking, &id).await?;
        let version = message.version;
        let shown = chats.shown_one(&asking, message).await?;
        Ok(Found::seen(shown.into(), Some(version), if_none_match.as_deref())?)
    }

    /// Edit a message
    ///
    /// What is left out stays. Only the author may, for as long as the chat says; what it said before is kept for moderators.
    /// Edits and reactions of a person together: 20 at once, one each second in the long run (429 `rate_limited`). Needs a person with the capability `chat.post`, or for its own messages an API key with `chat:write`.
    #[oai(path = "/api/messages/:id", method = "patch", operation_id = "editMessage")]
    async fn edit(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// Version that the message must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        body: Strict<EditBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        let asking = asking(&visitor);
        let expected = expected(if_match.as_deref(), None)?;
        let before = chats.message(&asking, &id).await?;
        let content = body.0.read(before).map_err(|field| Problem::fields(vec![field]))?;
        Ok(revise(&chats, &asking, &id, (Revision::Edit(content), expected)).await?)
    }

    /// Delete a message
    ///
    /// A trace without text stays, so that replies have something to stand below. The author may, and a person with the
    /// capability `chat.moderate`, or an API key with `chat:write`.
    #[oai(path = "/api/messages/:id", method = "delete", operation_id = "deleteMessage")]
    async fn delete(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// Version that the message must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        let expected = expected(if_match.as_deref(), None)?;
        Ok(revise(&chats, &asking(&visitor), &id, (Revision::Delete, expected)).await?)
    }

    /// List what a message said before
    ///
    /// Newest first; the newest 100 are kept. For the author, for a person with the capability `chat.moderate`, and for an API key with
    /// `chat:read`.
    #[oai(path = "/api/messages/:id/versions", method = "get", operation_id = "listMessageVersions")]
    async fn versions(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<List<VersionView>>, Fault<Reading>> {
        let versions = chats.versions(&asking(&visitor), &id).await?;
        let rows = versions.into_iter().map(|version| (version.0.to_string(), version.into())).collect();
        Ok(Answer::of(List::new(rows, MOST)))
    }

    /// React to a message
    ///
    /// The same once more changes nothing. At most as fast as `editMessage` says. For people.
    #[oai(path = "/api/messages/:id/reactions/:emoji", method = "put", operation_id = "putReaction")]
    async fn react(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// An emoji, URL-encoded, or its name between colons such as `:tada:`.
        #[oai(validator(max_length = 32))]
        emoji: Path<String>,
        _proof: ByPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        Ok(mark(&chats, &visitor, &id, Mark::React(&emoji)).await?)
    }

    /// React to a message, for clients that post
    ///
    /// As `putReaction`. For people.
    #[oai(path = "/api/messages/:id/reactions/:emoji", method = "post", operation_id = "addReaction")]
    async fn react_by_post(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// An emoji, URL-encoded, or its name between colons such as `:tada:`.
        #[oai(validator(max_length = 32))]
        emoji: Path<String>,
        _proof: ByPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        Ok(mark(&chats, &visitor, &id, Mark::React(&emoji)).await?)
    }

    /// Take a reaction back
    ///
    /// What is not there is no fault. For people.
    #[oai(path = "/api/messages/:id/reactions/:emoji", method = "delete", operation_id = "removeReaction")]
    async fn unreact(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// An emoji, URL-encoded, or its name between colons such as `:tada:`.
        #[oai(validator(max_length = 32))]
        emoji: Path<String>,
        _proof: ByPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        Ok(mark(&chats, &visitor, &id, Mark::Unreact(&emoji)).await?)
    }

    /// Acknowledge a message
    ///
    /// Counted once for each person; nobody is told. For people.
    #[oai(path = "/api/messages/:id/ack", method = "post", operation_id = "acknowledgeMessage")]
    async fn acknowledge(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        Ok(mark(&chats, &visitor, &id, Mark::Acknowledge).await?)
    }

    /// List who has acknowledged a message
    ///
    /// By user id, page by page, with how many have not: of a course or class, those who take part there now and may hear the chat.
    /// For the author, for a person with the capability `chat.moderate`, and for an API key with `chat:read`.
    #[oai(path = "/api/messages/:id/acks", method = "get", operation_id = "listMessageAcks")]
    async fn acks(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<AcksView>, Fault<Reading>> {
        let (page, limit) = page_of(cursor.0, limit.0);
        Ok(Answer::of(AcksView::new(chats.acks(&asking(&visitor), &id, &page).await?, limit)))
    }

    /// Pin a message
    ///
    /// Until the time that is named, or until it is taken off, as without a body. Needs a person with the capability
    /// `chat.moderate`, or an API key with `chat:write`.
    #[oai(path = "/api/messages/:id/pin", method = "post", operation_id = "pinMessage")]
    async fn pin(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        body: Optional<PinBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        let until = body.0.read(visitor.now).map_err(|field| Problem::fields(vec![field]))?;
        Ok(revise(&chats, &asking(&visitor), &id, (Revision::Pin(until), expected(None, None)?)).await?)
    }

    /// Take a pin off
    ///
    /// Needs a person with the capability `chat.moderate`, or an API key with `chat:write`.
    #[oai(path = "/api/messages/:id/pin", method = "delete", operation_id = "unpinMessage")]
    async fn unpin(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<MessageView>, Fault<Writing>> {
        Ok(revise(&chats, &asking(&visitor), &id, (Revision::Unpin, expected(None, None)?)).await?)
    }
}
