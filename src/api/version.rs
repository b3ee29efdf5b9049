//! Which version of an object a request is about: `If-Match`, `If-None-Match` and `ETag` (RFC 9110, 13.1).

use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::domain::roster::Expected;

/// Most versions in one header.
const MAX: usize = 100;

/// Digits in a tag that tell what there is to see besides the version.
const NEWS_DIGITS: usize = 16;

/// What a conditional header lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Listed {
    /// `*`: whatever version there is.
    Any,
    /// These versions. Tags that are none of ours match nothing.
    These(Vec<i64>),
}

impl Listed {
    fn read(name: &str, text: &str) -> Result<Self, Problem> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let wrong = || Problem::parameter(name, "must be '*' or versions in quotes, such as \"3\"");
        let tags: Vec<_> = text.split(',').map(str::trim).collect();
        if tags.len() > MAX {
            return Err(Problem::parameter(name, format!("may list at most {MAX} versions")));
        }
        let mut versions = Vec::with_capacity(tags.len());
        for tag in tags {
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let bare = strong.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
            versions.extend(bare.parse::<i64>().ok());
        }
        Ok(Self::These(versions))
    }

    fn has(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::These(versions) => versions.contains(&version),
        }
    }
}

/// Tells whether the object is one of those that the caller has already (`If-None-Match` of a read).
///
/// # Errors
/// When the header has another form.
pub(super) fn is_known(if_none_match: Option<&str>, version: i64) -> Result<bool, Problem> {
    let Some(text) = if_none_match else { return Ok(false) };
    Ok(Listed::read("If-None-Match", text)?.has(version))
}

/// Tells whether what is shown is what the caller has already, by its whole tag.
///
/// # Errors
/// When the header has another form.
pub(super) fn is_current(if_none_match: Option<&str>, tag: &str) -> Result<bool, Problem> {
    let Some(text) = if_none_match else { return Ok(false) };
    let listed = Listed::read("If-None-Match", text)?;
    let mut tags = text.split(',').map(|other| other.trim().trim_start_matches("W/"));
    Ok(listed == Listed::Any || tags.any(|other| other == tag))
}

/// An `ETag` of a version and of what there is to see besides, which may be news while the version stays.
pub(super) fn tag_with(version: Option<i64>, seen: &str) -> String {
    let digest = hex::encode(Sha256::digest(seen));
    let news = digest.get(..NEWS_DIGITS).unwrap_or(&digest);
    version.map_or_else(|| format!("\"{news}\""), |version| format!("\"{version}-{news}\""))
}

/// The version that a write is meant for. What else a tag tells ([`tag_with`]) does not matter to it.
///
/// # Errors
/// When a header has another form, or both are there.
pub(super) fn expected(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Expected, Problem> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Expected::Any),
        (Some(text), None) => Ok(match Listed::read("If-Match", &without_news(text))? {
            Listed::Any => Expected::Present,
            Listed::These(versions) => Expected::OneOf(versions),
        }),
        (None, Some(text)) if text.trim() == "*" => Ok(Expected::Absent),
        (None, Some(_)) => Err(Problem::parameter("If-None-Match", "of a write can be '*' only")),
        (Some(_), Some(_)) => Err(Problem::parameter("If-None-Match", "does not go together with If-Match")),
    }
}

/// Tags of versions without what else they tell.
fn without_news(text: &str) -> String {
    let bare = |tag: &str| match tag.split_once('-') {
        Some((version, _news)) if tag.trim_end().ends_with('"') => format!("{version}\""),
        _ => tag.to_owned(),
    };
    text.split(',').map(bare).collect::<Vec<_>>().join(",")
}

/// The version as an `ETag`.
pub(super) fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_listed_in_quotes_and_foreign_tags_match_nothing() {
        let has = |text: &str, version| Listed::read("If-Match", text).map(|listed| listed.has(version));
        assert!(has("*", 9).unwrap());
        assert!(has("\"3\"", 3).unwrap());
        assert!(has("\"2\", W/\"3\"", 3).unwrap());
        assert!(!has("\"2\",\"abc\"", 3).unwrap());
        for wrong in ["", "3", "\"3", "'3'", "\"3\",", &"\"1\",".repeat(101)] {
            assert_eq!(has(wrong, 3).unwrap_err().code(), "invalid_parameter", "{wrong}");
        }
        assert_eq!(expected(None, None).unwrap(), Expected::Any);
        assert_eq!(expected(Some("*"), None).unwrap(), Expected::Present);
        assert_eq!(expected(Some("\"3\""), None).unwrap(), Expected::OneOf(vec![3]));
        assert_eq!(expected(None, Some("*")).unwrap(), Expected::Absent);
        assert!(expected(None, Some("\"3\"")).is_err() && expected(Some("*"), Some("*")).is_err());
        assert_eq!(tag(17), "\"17\"");
    }

    #[test]
    fn a_tag_with_news_is_known_as_a_whole_and_writes_go_by_its_version() {
        let seen = tag_with(Some(3), "seen");
        assert_eq!(expected(Some(&seen), None).unwrap(), Expected::OneOf(vec![3]));
        for (text, is_known) in [(seen.as_str(), true), ("*", true), ("\"3\"", false), ("\"2\"", false)] {
            assert_eq!(is_current(Some(text), &seen).unwrap(), is_known, "{text}");
        }
        assert!(is_current(Some(&format!("\"1\", W/{seen}")), &seen).unwrap());
        assert!(!is_current(Some(&seen), &tag_with(Some(3), "news")).unwrap());
        assert!(!is_current(None, &seen).unwrap() && is_current(Some("3"), &seen).is_err());
        assert_ne!(tag_with(None, "seen"), tag_with(None, "news"));
        let versions = |text| expected(Some(text), None);
        assert_eq!(versions("\"2-0\", W/\"3-00ff\"").unwrap(), Expected::OneOf(vec![2, 3]));
        for wrong in ["3", "3-00ff", "\"3-00ff", "3-\""] {
            assert!(versions(wrong).is_err(), "{wrong}");
        }
    }
}
