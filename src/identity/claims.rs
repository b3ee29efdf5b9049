//! The claims of a token, read strictly: a name twice is refused, and a claim of the wrong type is never taken for a missing
//! one.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Error, Result};

/// Longest name, address or claim path in bytes.
const MAX_LABEL_BYTES: usize = 1_024;

/// The last second that counts: the end of the year 9999. What is beyond is no time but a mistake or an attack.
const LAST_SECOND: i64 = 253_402_300_799;

/// Where a claim stands: a JSON pointer (`/user_metadata/full_name`, RFC 6901), or the name of a claim at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Box<str>);

impl ClaimPath {
    /// `sub`.
    #[must_use]
    pub fn sub() -> Self {
        Self("sub".into())
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text names no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a claim, or a JSON pointer such as /user_metadata/full_name")]
pub struct BadPath;

impl FromStr for ClaimPath {
    type Err = BadPath;

    fn from_str(text: &str) -> std::result::Result<Self, BadPath> {
        let legal = !text.is_empty() && text.len() <= MAX_LABEL_BYTES && !text.chars().any(char::is_control);
        if legal { Ok(Self(text.into())) } else { Err(BadPath) }
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    /// Whole seconds.
    Whole,
    /// Seconds with a fraction too, which is cut off.
    Fractional,
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(Once)
    }
}

/// Reads an object in which each name stands once: two readers of a token must not see two different values.
struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Claims, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim stands twice"));
            }
        }
        Ok(Claims(map))
    }
}

impl Claims {
    fn at(&self, path: &ClaimPath) -> Option<&Value> {
        let Some((first, rest)) = path.0.strip_prefix('/').map(|path| path.split_once('/').unwrap_or((path, "")))
        else {
            return self.0.get(&*path.0);
        };
        let top = self.0.get(&first.replace("~1", "/").replace("~0", "~"))?;
        if rest.is_empty() { Some(top) } else { top.pointer(&format!("/{rest}")) }
    }

    /// A time in seconds since 1970; `None` when the claim is not there.
    pub(super) fn seconds(&self, name: &str, dates: Dates) -> Result<Option<i64>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let expected = match dates {
            Dates::Whole => "a whole number of seconds since 1970",
            Dates::Fractional => "a number of seconds since 1970",
        };
        let whole = value.as_i64();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "out of bounds it saturates, and the bounds are checked next"
        )]
        let cut = || value.as_f64().filter(|_| dates == Dates::Fractional).map(|seconds| seconds.floor() as i64);
        let seconds = whole.or_else(cut).filter(|seconds| (0..=LAST_SECOND).contains(seconds));
        seconds.map(Some).ok_or_else(|| Error::WrongType { claim: name.to_owned(), expected })
    }

    /// A text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&str> {
        let value = self.0.get(name).ok_or_else(|| Error::MissingClaim { claim: name.to_owned() })?;
        value.as_str().ok_or_else(|| Error::WrongType { claim: name.to_owned(), expected: "a text" })
    }

    /// A text or a list of texts that must be there.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>> {
        let wrong = || Error::WrongType { claim: name.to_owned(), expected: "a text or a list of texts" };
        match self.0.get(name).ok_or_else(|| Error::MissingClaim { claim: name.to_owned() })? {
            Value::String(one) => Ok(vec![one]),
            Value::Array(many) => many.iter().map(|value| value.as_str().ok_or_else(wrong)).collect(),
            _ => Err(wrong()),
        }
    }

    /// An id: a text that is not empty, or a whole number.
    pub(super) fn id(&self, path: &ClaimPath) -> Result<String> {
        let claim = || path.as_str().to_owned();
        match self.at(path) {
            None => Err(Error::MissingClaim { claim: claim() }),
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::Number(number)) if number.is_u64() => Ok(number.to_string()),
            Some(_) => Err(Error::WrongType { claim: claim(), expected: "a text or a whole number, and not empty" }),
        }
    }

    /// A text for people, where there is one of bearable length. It decides nothing, so a strange one is left out.
    pub(super) fn label(&self, path: &ClaimPath) -> Option<String> {
        let text = self.at(path)?.as_str()?.trim();
        (!text.is_empty() && text.len() <= MAX_LABEL_BYTES).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        serde_json::from_str(text).unwrap()
    }

    fn path(text: &str) -> ClaimPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_claim_that_stands_twice_is_refused() {
        assert!(serde_json::from_str::<Claims>(r#"{"sub":"1","sub":"2"}"#).is_err());
        assert!(serde_json::from_str::<Claims>(r#"["sub"]"#).is_err());
    }

    #[test]
    fn times_of_any_other_type_than_seconds_are_refused() {
        let wrong = ["\"1\"", "1.5", "-1", "9223372036854775808", "253402300800", "true", "null", "[1]", "{}", "1e400"];
        for value in wrong {
            let Ok(claims) = serde_json::from_str::<Claims>(&format!(r#"{{"exp":{value}}}"#)) else { continue };
            assert!(matches!(claims.seconds("exp", Dates::Whole), Err(Error::WrongType { .. })), "{value}");
        }
        assert_eq!(claims(r#"{"exp":253402300799}"#).seconds("exp", Dates::Whole), Ok(Some(LAST_SECOND)));
        assert_eq!(claims("{}").seconds("exp", Dates::Whole), Ok(None));
    }

    #[test]
    fn fractions_are_cut_off_where_an_issuer_writes_them() {
        let claims = |value: &str| claims(&format!(r#"{{"exp":{value}}}"#)).seconds("exp", Dates::Fractional);
        assert_eq!(claims("1667841573.486419"), Ok(Some(1_667_841_573)));
        assert_eq!(claims("7"), Ok(Some(7)));
        for wrong in ["-0.5", "1e300", "\"1610376242.152245\"", "253402300800.0"] {
            assert!(claims(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn claims_are_found_by_name_or_by_pointer() {
        let claims = claims(r#"{"https://a.example/id":"7","meta":{"name":"Student"},"a/b":{"c":3},"n":-1,"e":""}"#);
        assert_eq!(claims.id(&path("https://a.example/id")), Ok("7".to_owned()));
        assert_eq!(claims.label(&path("/meta/name")), Some("Student".to_owned()));
        assert_eq!(claims.id(&path("/a~1b/c")), Ok("3".to_owned()));
        assert_eq!(claims.label(&path("/meta")), None);
        assert!(matches!(claims.id(&path("/meta/id")), Err(Error::MissingClaim { .. })));
        for wrong in ["n", "e", "meta"] {
            assert!(matches!(claims.id(&path(wrong)), Err(Error::WrongType { .. })), "{wrong}");
        }
    }
}
