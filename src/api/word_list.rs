//! Word lists over HTTP.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path},
    types::Example,
};
use serde::Deserialize;

use super::{
    Group,
    answer::{Changed, Found},
    caller::{
        Visitor,
        describe::{ByKey, ByKeyOrPerson},
    },
    chat::asking,
    problem::{Fault, Problem, Reading, Writing},
    strict::Strict,
    version::expected,
    word::Word,
};
use crate::{
    domain::word_list::{Entry, WordAction, WordList},
    ids::ExternalId,
    services::Chats,
};

/// The routes.
pub(super) struct WordLists;

/// A word or phrase, and what becomes of messages that hold it.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "WordListEntry", deny_unknown_fields, example)]
struct EntryView {
    /// The word, or several with blanks between them. Found as a whole, in capitals and small letters, whatever is in it that
    /// is not seen.
    #[oai(validator(min_length = 1, max_length = 100))]
    text: String,
    /// `flag`: the message is said, and reported to staff. `mask`: it is said with an asterisk for each letter of the word.
    /// `block`: it is refused with 422 `word_blocked`.
    action: Word<WordAction>,
}

/// A word list as it is to be.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "WordListBody", deny_unknown_fields, example)]
struct WordListBody {
    /// All entries, in the place of those that are there; an empty list refuses nothing.
    #[oai(validator(max_items = 1_000))]
    entries: Vec<EntryView>,
}

/// A word list.
#[derive(Debug, Object)]
#[oai(rename = "WordList", skip_serializing_if_is_none, example)]
struct WordListView {
    /// Its entries.
    #[oai(validator(max_items = 1_000))]
    entries: Vec<EntryView>,
    /// 0 when nobody has written it yet, one more with each change. Also in `ETag`.
    #[oai(validator(minimum(value = "0")))]
    version: i64,
    /// When it was written; absent = never.
    updated_at: Option<Word<DateTime<Utc>>>,
    /// Who has written it, such as `user:9`.
    #[oai(validator(max_length = 300))]
    updated_by: Option<String>,
}

impl From<Entry> for EntryView {
    fn from(Entry { text, action }: Entry) -> Self {
        Self { text, action: Word(action) }
    }
}

impl From<EntryView> for Entry {
    fn from(EntryView { text, action }: EntryView) -> Self {
        Self { text, action: action.0 }
    }
}

impl From<WordList> for WordListView {
    fn from(list: WordList) -> Self {
        Self {
            entries: list.entries.into_iter().map(EntryView::from).collect(),
            version: list.version,
            updated_at: list.updated_at.map(Word),
            updated_by: list.updated_by,
        }
    }
}

impl Example for EntryView {
    fn example() -> Self {
        Self { text: "stupid".to_owned(), action: Word(WordAction::Mask) }
    }
}

impl Example for WordListBody {
    fn example() -> Self {
        Self { entries: vec![EntryView::example()] }
    }
}

impl Example for WordListView {
    fn example() -> Self {
        let updated_at = DateTime::from_timestamp(1_788_249_600, 0).map(Word);
        Self { entries: vec![EntryView::example()], version: 3, updated_at, updated_by: Some("user:9".to_owned()) }
    }
}

async fn show(
    chats: &Chats,
    visitor: &Visitor,
    course: Option<&ExternalId>,
    if_none_match: Option<&str>,
) -> Result<Found<WordListView>, Problem> {
    let list = chats.word_list(&asking(visitor), course).await?;
    let version = list.version;
    Found::of(list.into(), version, if_none_match)
}

async fn put(
    chats: &Chats,
    visitor: &Visitor,
    course: Option<&ExternalId>,
    (if_match, body): (Option<&str>, WordListBody),
) -> Result<Changed<WordListView>, Problem> {
    let expected = expected(if_match, None)?;
    let entries = body.entries.into_iter().map(Entry::from).collect();
    let list = chats.word_list_put(&asking(visitor), course, entries, &expected).await?;
    let version = list.version;
    Ok(Changed::of(list.into(), version))
}

#[OpenApi(tag = "Group::Chat")]
impl WordLists {
    /// Show the word list of the app
    ///
    /// It counts in all chats. Needs an API key with `admin:*`.
    #[oai(path = "/api/moderation/words", method = "get", operation_id = "showWords")]
    async fn show(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Versions that the caller has; one of them is answered with 304.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByKey,
    ) -> Result<Found<WordListView>, Fault<Reading>> {
        Ok(show(&chats, &visitor, None, if_none_match.as_deref()).await?)
    }

    /// Replace the word list of the app
    ///
    /// All that is said or edited in chats from then on is searched for its words, also what staff and programs say: the text and
    /// the names of attachments. Only whole words are found, in any spelling that reads alike: capitals, accents in one character
    /// or two, full-width letters, characters without width between them. On other nodes the list counts within two seconds.
    /// Needs an API key with `admin:*`.
    #[oai(path = "/api/moderation/words", method = "put", operation_id = "putWords")]
    async fn put(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Version that the list must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        body: Strict<WordListBody>,
        _proof: ByKey,
    ) -> Result<Changed<WordListView>, Fault<Writing>> {
        Ok(put(&chats, &visitor, None, (if_match.as_deref(), body.0)).await?)
    }

    /// Show the word list of a course
    ///
    /// It counts in the chats of the course and its classes, beside that of the app. Needs a person with the capability
    /// `chat.moderate` there, or an API key with `chat:read`.
    #[oai(path = "/api/courses/:id/words", method = "get", operation_id = "showCourseWords")]
    async fn show_of_course(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the course.
        id: Path<Word<ExternalId>>,
        /// Versions that the caller has; one of them is answered with 304.
        #[oai(name = "If-None-Match", validator(max_length = 2_000))]
        if_none_match: Header<Option<String>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Found<WordListView>, Fault<Reading>> {
        Ok(show(&chats, &visitor, Some(&id.0.0), if_none_match.as_deref()).await?)
    }

    /// Replace the word list of a course
    ///
    /// As `putWords`, for the chats of the course and its classes. A word that both lists have is blocked if one of them blocks
    /// it. Needs a person with the capability `chat.control` there, or an API key with `chat:write`.
    #[oai(path = "/api/courses/:id/words", method = "put", operation_id = "putCourseWords")]
    async fn put_of_course(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the course.
        id: Path<Word<ExternalId>>,
        /// Version that the list must have, such as `"3"`. Otherwise 412.
        #[oai(name = "If-Match", validator(max_length = 2_000))]
        if_match: Header<Option<String>>,
        body: Strict<WordListBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Changed<WordListView>, Fault<Writing>> {
        Ok(put(&chats, &visitor, Some(&id.0.0), (if_match.as_deref(), body.0)).await?)
    }
}
