//! Which version of an object a request is about: `If-Match`, `If-None-Match` and `ETag` (RFC 9110, 13.1).

use super::problem::Problem;
use crate::domain::roster::Expected;

/// Most versions in one header.
const MAX: usize = 100;

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

/// The version that a write is meant for.
///
/// # Errors
/// When a header has another form, or both are there.
pub(super) fn expected(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Expected, Problem> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Expected::Any),
        (Some(text), None) => Ok(match Listed::read("If-Match", text)? {
            Listed::Any => Expected::Present,
            Listed::These(versions) => Expected::OneOf(versions),
        }),
        (None, Some(text)) if text.trim() == "*" => Ok(Expected::Absent),
        (None, Some(_)) => Err(Problem::parameter("If-None-Match", "of a write can be '*' only")),
        (Some(_), Some(_)) => Err(Problem::parameter("If-None-Match", "does not go together with If-Match")),
    }
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
}
