//! Looking for words in what was said: as a reader finds them, whatever database keeps it.

use crate::domain::word_list::Folded;

/// Longest text that is looked for, in characters.
pub const SEARCH_MAX: usize = 100;

/// What is looked for: some words, each of them anywhere in a text, also within longer words.
///
/// Capitals and small letters are the same, so are letters that Unicode writes in several ways, and what is not seen is not there;
/// accents count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// As they are compared; at least one.
    words: Vec<String>,
}

/// Why nothing can be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsearchable {
    /// Nothing of it is seen.
    #[error("must have a character that is seen")]
    Empty,
    /// It is too long.
    #[error("may have at most {SEARCH_MAX} characters, this one has {0}")]
    TooLong(usize),
}

impl Search {
    /// Reads what is looked for.
    ///
    /// # Errors
    /// When it is longer than [`SEARCH_MAX`], or nothing of it is seen.
    pub fn parse(text: &str) -> Result<Self, Unsearchable> {
        let got = text.chars().count();
        if got > SEARCH_MAX {
            return Err(Unsearchable::TooLong(got));
        }
        let words: Vec<String> = text.split_whitespace().map(|word| Folded::of(word).text).collect();
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if words.is_empty() { Err(Unsearchable::Empty) } else { Ok(Self { words }) }
    }

    /// Tells whether a text holds all the words.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        let folded = Folded::of(text);
        self.words.iter().all(|word| folded.holds(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(search: &str, text: &str) -> bool {
        Search::parse(search).unwrap().finds(text)
    }

    #[test]
    fn words_are_found_anywhere_whatever_their_case_and_form() {
        for (search, text) in [
            ("LOOP", "does the Loop end?"),
            ("oo", "loop"),
            ("end loop", "Does the loop end?"),
            ("STRASSE", "Hauptstraße 5"),
            ("straße", "HAUPTSTRASSE"),
            ("ÉTÉ", "l'e\u{301}te\u{301}"),
            ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
            ("прив", "ПРИВЕТ"),
            ("100%", "100% sure"),
            ("a_b\\", "say A_B\\ now"),
            ("pass\u{200b}word", "PASS\u{ad}WORD"),
            ("学", "大学生"),
        ] {
            assert!(finds(search, text), "{search}: {text}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (search, text) in
            [("ete", "été"), ("cafe", "café"), ("%", "loop"), ("a_b", "axb"), ("loop x", "loop"), ("ends", "end s")]
        {
            assert!(!finds(search, text), "{search}: {text}");
        }
    }

    #[test]
    fn a_text_is_looked_for_at_its_limit_and_refused_beyond_and_when_nothing_of_it_is_seen() {
        assert!(Search::parse(&"é".repeat(SEARCH_MAX)).is_ok());
        assert_eq!(Search::parse(&"é".repeat(SEARCH_MAX + 1)), Err(Unsearchable::TooLong(SEARCH_MAX + 1)));
        for nothing in ["", " \t", "\u{200b}"] {
            assert_eq!(Search::parse(nothing), Err(Unsearchable::Empty));
        }
    }
}
