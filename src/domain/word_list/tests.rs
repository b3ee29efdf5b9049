//! What is found in a text, what is not, and what becomes of it.

use proptest::{prelude::any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn entry(text: &str, action: WordAction) -> Entry {
    Entry { text: text.to_owned(), action }
}

fn filter(entries: &[(&str, WordAction)]) -> Filter {
    let entries = entries.iter().map(|(text, action)| entry(text, *action)).collect();
    Filter::new(&checked(entries).unwrap()).unwrap().unwrap()
}

fn masked(words: &[&str], text: &str) -> String {
    let entries: Vec<_> = words.iter().map(|word| (*word, WordAction::Mask)).collect();
    judge(text, [&filter(&entries)]).unwrap().text
}

#[test]
fn whole_words_are_masked_with_as_many_asterisks_and_parts_of_words_are_not() {
    let masked = |text| masked(&["ass", "class war"], text);
    for (text, shown) in [
        ("ass", "***"),
        ("An ass, ASS! (Ass)", "An ***, ***! (***)"),
        ("class assassin bass asses ass1 1ass", "class assassin bass asses ass1 1ass"),
        ("_ass_ **ass** ass-hat", "_***_ ******* ***-hat"),
        ("class \n war, class wars", "***** \n ***, class wars"),
        ("ass ass", "*** ***"),
        ("", ""),
    ] {
        assert_eq!(masked(text), shown, "{text}");
    }
}

#[test]
fn words_are_found_however_they_are_spelled() {
    for (word, texts) in [
        ("straße", &["STRASSE", "Straße", "strasse", "STRAẞE"][..]),
        ("σίσυφος", &["ΣΊΣΥΦΟΣ", "Σίσυφος"]),
        ("été", &["Été", "e\u{301}te\u{301}", "ÉTE\u{301}"]),
        ("e\u{323}\u{302}", &["ệ", "e\u{302}\u{323}", "Ệ"]),
        ("bad", &["b\u{200b}a\u{2060}d", "b\u{ad}ad", "ｂａｄ", "𝐛𝐚𝐝", "b\u{fe0f}ad", "\u{202e}bad"]),
        ("файл", &["ФАЙЛ", "фаи\u{306}л"]),
        ("b@d!", &["B@D!", "b@d!x"]),
        ("🖕", &["🖕", "a🖕b", "🖕\u{fe0f}"]),
        ("坏话", &["说坏话了", "坏话"]),
        ("バカ", &["バカです", "ﾊﾞｶ"]),
    ] {
        let filter = filter(&[(word, WordAction::Block)]);
        for text in texts {
            assert!(judge(text, [&filter]).is_err(), "{word} in {text}");
        }
    }
    for (word, text) in [("ete", "été"), ("été", "ete"), ("f", "oﬃce ﬃ"), ("하", "한"), ("bad", "b ad")] {
        assert_eq!(masked(&[word], text), text, "{word} in {text}");
    }
}

#[test]
fn the_asterisks_are_as_many_as_the_letters_that_are_seen() {
    assert_eq!(masked(&["été"], "un e\u{301}te\u{301}."), "un ***.");
    assert_eq!(masked(&["bad"], "b\u{200b}ad"), "*\u{200b}**");
    assert_eq!(masked(&["strasse"], "Straße"), "******");
}

#[test]
fn what_is_refused_is_named_as_it_was_written_whatever_other_entries_say() {
    let words = filter(&[("bad", WordAction::Mask), ("very bad", WordAction::Block), ("so", WordAction::Flag)]);
    let blocked = judge("so VERY\n\u{200b}Bad", [&words]).unwrap_err();
    assert_eq!(blocked.word, "VERY Bad");
    let judged = judge("So bad", [&words]).unwrap();
    assert_eq!(judged, Judged { text: "So ***".to_owned(), flagged: Some("So".to_owned()) });
    let others = filter(&[("so", WordAction::Block)]);
    assert_eq!(judge("so bad", [&words, &others]).unwrap_err().word, "so", "the stricter of two lists counts");
    assert_eq!(judge("fine", [&words, &others]).unwrap(), Judged { text: "fine".to_owned(), flagged: None });
}

#[test]
fn lists_are_kept_at_their_limits_and_refused_beyond_them() {
    let many = |count: usize| (0..count).map(|at| entry(&format!("w{at}"), WordAction::Flag)).collect::<Vec<_>>();
    assert_eq!(checked(many(ENTRIES_MAX)).unwrap().len(), ENTRIES_MAX);
    assert_eq!(checked(many(ENTRIES_MAX + 1)).unwrap_err(), Flaw::TooMany(ENTRIES_MAX + 1));
    let one = |text: &str| checked(vec![entry("x", WordAction::Flag), entry(text, WordAction::Flag)]);
    assert!(one(&"é".repeat(TEXT_MAX)).is_ok());
    assert_eq!(one(&"é".repeat(TEXT_MAX + 1)).unwrap_err(), Flaw::TooLong { at: 1, got: TEXT_MAX + 1 });
    let unseen = format!("{}\u{89}", "é".repeat(TEXT_MAX));
    assert_eq!(one(&unseen).unwrap_err(), Flaw::TooLong { at: 1, got: TEXT_MAX + 1 });
    for text in ["", " \n", "\u{200b}", "\0", "\u{fe0f}"] {
        assert_eq!(one(text).unwrap_err(), Flaw::Empty { at: 1 }, "{text:?}");
    }
    assert_eq!(one("Ｘ").unwrap_err(), Flaw::Twice { at: 1, before: 0 });
    assert_eq!(one("X").unwrap_err().pointer(), "/entries/1/text");
    assert_eq!(one("  bad \t word\u{200b} ").unwrap()[1].text, "bad word");
    assert!(Filter::new(&[]).unwrap().is_none());
}

#[test]
fn the_longest_list_compiles_and_finds_what_overlaps_most() {
    let nested = (1..=TEXT_MAX).map(|length| entry(&"a".repeat(length), WordAction::Mask));
    let wide = (0..ENTRIES_MAX - TEXT_MAX).map(|at| entry(&format!("{at:>0100}").replace('0', "𐐨"), WordAction::Mask));
    let entries: Vec<_> = nested.chain(wide).collect();
    let filter = Filter::new(&entries).unwrap().unwrap();
    let text = format!("{} {}", "a".repeat(TEXT_MAX), "a".repeat(3_000));
    let shown = judge(&text, [&filter]).unwrap().text;
    assert_eq!(shown, format!("{} {}", "*".repeat(TEXT_MAX), "a".repeat(3_000)));
}

proptest! {
    #[test]
    fn whatever_is_not_masked_stays_as_it_was(text in any::<String>()) {
        let words = filter(&[("a", WordAction::Mask), ("\u{301}", WordAction::Flag), (" x", WordAction::Mask)]);
        let judged = judge(&text, [&words]).unwrap();
        prop_assert!(judged.text.chars().count() <= text.chars().count());
        let none = filter(&[("no such word in it at all, surely", WordAction::Mask)]);
        prop_assert_eq!(judge(&text, [&none]).unwrap().text, text);
    }
}
