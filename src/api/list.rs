//! Lists, page by page: how many, from where, and what comes next.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem_openapi::{
    Object,
    registry::MetaSchema,
    types::{Example, ParseFromJSON, ToJSON, Type},
};

use super::word::{Meaning, Word};
use crate::domain::fact::Position;

/// Entries of a page when the request names no `limit`.
pub(super) const USUAL: u32 = 25;

/// Most entries of a page.
pub(super) const MOST: u32 = 100;

/// Where a page begins, for the one who made it: behind the entry with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor(pub(super) String);

/// What stands before the id, so that a cursor of another form is told from it one day.
const FORM: &str = "1:";

impl Meaning for Cursor {
    const NAME: &'static str = "cursor";

    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(1_024), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let id = bytes.as_deref().and_then(|text| text.strip_prefix(FORM)).filter(|id| !str::is_empty(id));
        id.map(|id| Self(id.to_owned()))
            .ok_or_else(|| "must be the 'next_cursor' of the page before, or left out for the first page".to_owned())
    }

    fn write(&self) -> std::borrow::Cow<'_, str> {
        URL_SAFE_NO_PAD.encode(format!("{FORM}{}", self.0)).into()
    }
}

/// Where a page stands in its list.
#[derive(Debug, Object)]
#[oai(rename = "Page")]
pub(super) struct PageView {
    /// `cursor` of the next page; null on the last one.
    #[oai(nullable)]
    next_cursor: Option<Word<Cursor>>,
    /// There is a next page.
    has_more: bool,
}

/// How far the stream of a topic had come when an answer was read: what happens after it is not in the answer.
#[derive(Debug, Clone, Object)]
#[oai(rename = "StreamPosition", example)]
pub(super) struct StreamView {
    /// The topic, such as `chat.5`.
    #[oai(validator(max_length = 200))]
    topic: String,
    /// Changes when the log of the topic was lost; empty before its first event.
    #[oai(validator(max_length = 26))]
    epoch: String,
    /// Number of the newest event; 0 before the first.
    #[oai(validator(minimum(value = "0")))]
    seq: i64,
}

impl Example for StreamView {
    fn example() -> Self {
        Self { topic: "chat.5".to_owned(), epoch: "01KADV5F0Z8T4C6Q2M1N7R9S3W".to_owned(), seq: 42 }
    }
}

impl StreamView {
    /// The position of a topic; `None` before its first event.
    pub(super) fn of(topic: String, position: Option<Position>) -> Self {
        let (epoch, seq) = position.map_or_else(Default::default, |position| (position.epoch, position.seq));
        Self { topic, epoch, seq }
    }
}

/// One page of a list that goes on as a stream.
#[derive(Debug, Object)]
pub(super) struct Snapshot<T: ParseFromJSON + ToJSON + Type> {
    /// The entries.
    #[oai(validator(max_items = 100))]
    data: Vec<T>,
    /// Where the page stands.
    page: PageView,
    /// Where the stream stood before the entries were read.
    stream: StreamView,
}

impl<T: ParseFromJSON + ToJSON + Type> Snapshot<T> {
    /// A page with the position that was read before it.
    pub(super) fn new(list: List<T>, stream: StreamView) -> Self {
        let List { data, page } = list;
        Self { data, page, stream }
    }
}

/// One page of a list.
#[derive(Debug, Object)]
pub(super) struct List<T: ParseFromJSON + ToJSON + Type> {
    /// The entries, by id.
    #[oai(validator(max_items = 100))]
    pub(super) data: Vec<T>,
    /// Where the page stands.
    pub(super) page: PageView,
}

impl<T: ParseFromJSON + ToJSON + Type> List<T> {
    /// The same where some of the entries are not shown.
    pub(super) fn sparse(read: Vec<(String, Option<T>)>, limit: u32) -> Self {
        let limit = limit as usize;
        let has_more = read.len() > limit;
        let shown = read.into_iter().take(limit);
        let (mut data, mut last) = (Vec::with_capacity(limit), None);
        for (id, entry) in shown {
            data.extend(entry);
            last = Some(id);
        }
        let next_cursor = last.filter(|_| has_more).map(|id| Word(Cursor(id)));
        Self { data, page: PageView { next_cursor, has_more } }
    }

    /// A page of a list that was looked through as far as `next`; `None` = to its end.
    pub(super) fn up_to(data: Vec<T>, next: Option<String>) -> Self {
        let next_cursor = next.map(|id| Word(Cursor(id)));
        let has_more = next_cursor.is_some();
        Self { data, page: PageView { next_cursor, has_more } }
    }

    /// The same in the opposite order, where what comes next was read towards the beginning.
    pub(super) fn turned(mut self) -> Self {
        self.data.reverse();
        self
    }

    /// A page of at most `limit` entries, of which one more was read to see whether there is a next page.
    pub(super) fn new(mut read: Vec<(String, T)>, limit: u32) -> Self {
        let limit = limit as usize;
        let has_more = read.len() > limit;
        read.truncate(limit);
        let next_cursor = read.last().filter(|_| has_more).map(|(id, _)| Word(Cursor(id.clone())));
        Self { data: read.into_iter().map(|(_, entry)| entry).collect(), page: PageView { next_cursor, has_more } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given_and_others_are_refused() {
        for id in ["7", "a b", "ü/…"] {
            assert_eq!(Cursor::read(&Cursor(id.to_owned()).write()), Ok(Cursor(id.to_owned())));
        }
        for other in ["", "7", "MTo", "!!", "eyJhIjoxfQ", "MTo3="] {
            assert!(Cursor::read(other).unwrap_err().contains("next_cursor"), "{other}");
        }
    }

    #[test]
    fn a_page_has_more_when_one_more_than_asked_for_was_read() {
        let rows = |count: usize| (0..count).map(|number| (number.to_string(), number as u64)).collect();
        let full = List::new(rows(2), 2);
        assert!(!full.page.has_more && full.page.next_cursor.is_none() && full.data == [0, 1]);
        let more = List::new(rows(3), 2);
        assert!(more.page.has_more && more.data == [0, 1]);
        assert_eq!(more.page.next_cursor, Some(Word(Cursor("1".to_owned()))));
        assert!(List::<u64>::new(Vec::new(), 2).data.is_empty());
    }
}
