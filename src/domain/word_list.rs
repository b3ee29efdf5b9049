//! Word lists: what is not said in chats, what is said and not shown, and what staff has a look at.
//!
//! Words are found as a reader finds them, however they are spelled: capitals and small letters are the same, so are letters that
//! Unicode writes in several ways, and what is not seen is not there. Only whole words count, where the script parts words.
//! A list is compiled once ([`Filter`]); searching a text then takes one pass, however long the list is.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use chrono::{DateTime, Utc};
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

use super::{
    chat::{is_invisible, normalised},
    roster::words,
};

/// Most entries of a list.
pub const ENTRIES_MAX: usize = 1_000;

/// Longest word or phrase in characters.
pub const TEXT_MAX: usize = 100;

words! {
    /// What becomes of a message that holds a word.
    WordAction("action") {
        /// It is said, and staff finds it among the reports.
        Flag "flag",
        /// It is said with asterisks in the place of the word.
        Mask "mask",
        /// It is refused.
        Block "block",
    }
}

/// A word or phrase, and what becomes of messages that hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// One word or several; 1 to [`TEXT_MAX`] characters.
    pub text: String,
    /// What becomes of the message.
    pub action: WordAction,
}

/// The list of an app or of a course.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordList {
    /// Its entries, at most [`ENTRIES_MAX`].
    pub entries: Vec<Entry>,
    /// 0 when nobody has written it yet, one more with each change.
    pub version: i64,
    /// When it was written.
    pub updated_at: Option<DateTime<Utc>>,
    /// Who has written it, as the audit names callers.
    pub updated_by: Option<String>,
}

/// What is wrong with a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is too long.
    #[error("may have at most {ENTRIES_MAX} entries, these are {0}")]
    TooMany(usize),
    /// An entry shows nothing.
    #[error("a word has a character that is seen")]
    Empty {
        /// Place of the entry, from 0.
        at: usize,
    },
    /// An entry is too long.
    #[error("a word or phrase may have at most {TEXT_MAX} characters, this one has {got}")]
    TooLong {
        /// Place of the entry, from 0.
        at: usize,
        /// Its characters.
        got: usize,
    },
    /// Two entries find the same.
    #[error("the entry at place {before} finds the same words, counted from 0")]
    Twice {
        /// Place of the later entry, from 0.
        at: usize,
        /// Place of the earlier one.
        before: usize,
    },
}

impl Flaw {
    /// JSON pointer to what is wrong.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::TooMany(_) => "/entries".to_owned(),
            Self::Empty { at } | Self::TooLong { at, .. } | Self::Twice { at, .. } => format!("/entries/{at}/text"),
        }
    }
}

/// Entries as they are kept: without blanks around them and what is not seen.
///
/// # Errors
/// The first rule that is broken.
pub fn checked(mut entries: Vec<Entry>) -> Result<Vec<Entry>, Flaw> {
    if entries.len() > ENTRIES_MAX {
        return Err(Flaw::TooMany(entries.len()));
    }
    let mut places = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter_mut().enumerate() {
        // As it was sent: whoever counts need not know what is left of it.
        let sent = entry.text.chars().count();
        entry.text = normalised(&entry.text);
        let (got, folded) = (sent.max(entry.text.chars().count()), Folded::of(&entry.text).text);
        if got > TEXT_MAX {
            return Err(Flaw::TooLong { at, got });
        }
        if folded.is_empty() {
            return Err(Flaw::Empty { at });
        }
        if let Some(before) = places.insert(folded, at) {
            return Err(Flaw::Twice { at, before });
        }
    }
    Ok(entries)
}

/// A list made ready for searching. Immutable; as large as a few times its words.
#[derive(Debug)]
pub struct Filter {
    automaton: AhoCorasick,
    /// What becomes of messages, by pattern of the automaton.
    actions: Vec<WordAction>,
}

/// A list cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("a word list cannot be compiled")]
pub struct Uncompilable(#[from] BuildError);

/// A text that may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// How it is said.
    pub text: String,
    /// The word for which staff has a look at it, as it stands there.
    pub flagged: Option<String>,
}

/// A text is not said because of a word in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the word '{word}' is not said here: find another one")]
pub struct Blocked {
    /// The word, as it stands in the text.
    pub word: String,
}

impl Filter {
    /// Compiles a list; `None` for one that finds nothing.
    ///
    /// # Errors
    /// When it is too long; not within [`ENTRIES_MAX`] and [`TEXT_MAX`].
    pub fn new(entries: &[Entry]) -> Result<Option<Self>, Uncompilable> {
        if entries.is_empty() {
            return Ok(None);
        }
        let words = entries.iter().map(|entry| Folded::of(&entry.text).text);
        // Small rather than fast: there may be hundreds, and messages are short.
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(words)?;
        Ok(Some(Self { automaton, actions: entries.iter().map(|entry| entry.action).collect() }))
    }

    /// What stands in a text as a whole word: what becomes of it, and its pieces. A word in a phrase is found as well.
    fn found(&self, text: &Folded) -> impl Iterator<Item = (WordAction, std::ops::Range<usize>)> {
        self.automaton.find_overlapping_iter(&text.text).filter_map(|found| {
            let action = self.actions.get(found.pattern().as_usize())?;
            Some((*action, text.whole_words(found.range())?))
        })
    }
}

/// Searches a text for the words of some lists and does what they say: refuse, mask, flag.
///
/// # Errors
/// When a list refuses a word of it.
pub fn judge<'a>(text: &str, filters: impl IntoIterator<Item = &'a Filter>) -> Result<Judged, Blocked> {
    let folded = Folded::of(text);
    let mut masked = vec![false; folded.pieces.len()];
    let mut flagged = None;
    for (action, pieces) in filters.into_iter().flat_map(|filter| filter.found(&folded)) {
        match action {
            WordAction::Block => return Err(Blocked { word: folded.shown(text, pieces) }),
            WordAction::Mask => masked.get_mut(pieces).into_iter().for_each(|pieces| pieces.fill(true)),
            WordAction::Flag => flagged = flagged.or_else(|| Some(folded.shown(text, pieces))),
        }
    }
    Ok(Judged { text: folded.masked(text, &masked), flagged })
}

/// What a reader takes for one: a letter with its accents, a run of blanks.
#[derive(Debug)]
struct Piece {
    /// Where it begins in the text as it was written, in bytes.
    start: usize,
    /// Where it ends.
    end: usize,
    /// It makes a word longer.
    is_letter: bool,
    is_blank: bool,
}

/// A text as it is compared, and where everything in it comes from.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) text: String,
    pieces: Vec<Piece>,
    /// Where each piece begins in `text`, and where the last one ends: rising, one more than there are pieces.
    starts: Vec<usize>,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), pieces: Vec::new(), starts: Vec::new() };
        let mut chars = text.char_indices().filter(|(_, c)| is_seen(*c)).peekable();
        while let Some((start, first)) = chars.next() {
            let (is_blank, mut end, mut piece) = (first.is_whitespace(), start + first.len_utf8(), String::from(first));
            let is_more = |c: char| {
                if is_blank { c.is_whitespace() } else { canonical_combining_class(c) != 0 }
            };
            while let Some((at, next)) = chars.next_if(|(_, c)| is_more(*c)) {
                end = at + next.len_utf8();
                piece.push(next);
            }
            folded.starts.push(folded.text.len());
            let is_letter = if is_blank { folded.push_blank() } else { folded.push_sign(&piece) };
            folded.pieces.push(Piece { start, end, is_letter, is_blank });
        }
        folded.starts.push(folded.text.len());
        folded
    }

    fn push_blank(&mut self) -> bool {
        self.text.push(' ');
        false
    }

    /// By way of upper case, which makes `ss` of `ß` and has one sigma.
    fn push_sign(&mut self, sign: &str) -> bool {
        let (from, small) = (self.text.len(), sign.nfkd().flat_map(char::to_lowercase));
        self.text.extend(small.flat_map(char::to_uppercase).flat_map(char::to_lowercase));
        self.text.get(from..).is_some_and(|added| added.chars().any(|c| c.is_alphanumeric() && !is_alone(c)))
    }

    /// Tells whether it holds a folded text, from the beginning of a piece to the end of one: no letter without its accents.
    pub(super) fn holds(&self, part: &str) -> bool {
        let is_at = |start: &usize| {
            let is_same = self.text.get(*start..).is_some_and(|rest| rest.starts_with(part));
            is_same && self.starts.binary_search(&(start + part.len())).is_ok()
        };
        self.text.contains(part) && self.starts.iter().any(is_at)
    }

    /// The pieces of a range of `text`, if it is not a part of longer words.
    fn whole_words(&self, range: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
        let first = self.starts.binary_search(&range.start).ok()?;
        let end = self.starts.binary_search(&range.end).ok()?;
        let is_letter = |at: Option<usize>| at.and_then(|at| self.pieces.get(at)).is_some_and(|piece| piece.is_letter);
        let goes_on_before = is_letter(Some(first)) && is_letter(first.checked_sub(1));
        let goes_on_behind = is_letter(end.checked_sub(1)) && is_letter(Some(end));
        (!goes_on_before && !goes_on_behind).then_some(first..end)
    }

    /// Some pieces as they were written, on one line and without what is not seen.
    fn shown(&self, text: &str, pieces: std::ops::Range<usize>) -> String {
        let pieces = self.pieces.get(pieces).unwrap_or_default();
        let range = pieces.first().zip(pieces.last()).map(|(first, last)| first.start..last.end);
        let written = normalised(range.and_then(|range| text.get(range)).unwrap_or_default());
        written.chars().take(TEXT_MAX).collect()
    }

    /// The text with an asterisk for each of these pieces; blanks stay.
    fn masked(&self, text: &str, masked: &[bool]) -> String {
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for (piece, _) in self.pieces.iter().zip(masked).filter(|(piece, masked)| **masked && !piece.is_blank) {
            out.push_str(text.get(from..piece.start).unwrap_or_default());
            out.push('*');
            from = piece.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }
}

/// Tells whether a reader sees a character; how a sign is to be drawn is not seen either.
const fn is_seen(c: char) -> bool {
    !is_invisible(c) && !matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Letters of scripts that put no blanks between words: each is taken for a word of its own. Thai, Lao, Burmese, Khmer,
/// Chinese and Japanese.
const fn is_alone(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests;
