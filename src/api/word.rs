//! Texts of the wire that are checked when they are read: ids, times, words of a fixed set, numbers within bounds.
//!
//! One wrapper, [`Word`], is all of them to the framework: in paths, queries and bodies, with their schema in the
//! description. A refusal says what would be right.

use std::{borrow::Cow, fmt::Display, marker::PhantomData, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::Value;

use crate::{
    domain::{
        audience::AudienceType,
        broadcast::{LogKind, LogOutcome},
        caller::Scope,
        chat::{DmPolicy, History, Kind as ChatKind, Notify, Part, Visibility as Audience},
        moderation::{Complaint, Measure, ReportState},
        moment,
        notification::{BroadcastState, Category, Medium},
        poll::{Anonymity, Kind as PollKind, State as PollState, Visibility as ResultsVisibility},
        presence::Availability,
        roster::{Action, Effect, Kind, Role, Status, Visibility},
        word_list::WordAction,
    },
    ids::{EXTERNAL_ID_MAX, ExternalId, USER_ID_MAX, UserId},
};

/// What a text can mean.
pub(super) trait Meaning: Sized + Send + Sync {
    /// Its name in refusals.
    const NAME: &'static str;

    /// Its form in the description.
    fn schema() -> MetaSchema;

    /// Reads it.
    ///
    /// # Errors
    /// When the text has another form; the error says what would be right.
    fn read(text: &str) -> Result<Self, String>;

    /// Writes it.
    fn write(&self) -> Cow<'_, str>;
}

/// A text with a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Meaning> Type for Word<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(T::schema()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Meaning> ParseFromParameter for Word<T> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        T::read(value).map(Self).map_err(ParseError::custom)
    }
}

impl<T: Meaning> ParseFromJSON for Word<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Self::parse_from_parameter(&text),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl<T: Meaning> ToJSON for Word<T> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.write().into_owned()))
    }
}

impl<'de, T: Meaning> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: Meaning> Visitor<'_> for Text<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a string ({})", T::NAME)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Word<T>, E> {
                T::read(text).map(Word).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

macro_rules! fixed_words {
    ($($type:ident $name:literal),* $(,)?) => {$(
        impl Meaning for $type {
            const NAME: &'static str = $name;

            fn schema() -> MetaSchema {
                MetaSchema { enum_items: Self::ALL.iter().map(|word| word.name().into()).collect(), ..MetaSchema::new("string") }
            }

            fn read(text: &str) -> Result<Self, String> {
                parsed(text)
            }

            fn write(&self) -> Cow<'_, str> {
                self.name().into()
            }
        }
    )*};
}

fixed_words! {
    Anonymity "anonymity", Audience "visibility", AudienceType "audience type", Availability "status",
    BroadcastState "state", Category "category", ChatKind "kind of chat", Complaint "reason", DmPolicy "policy",
    History "history", LogKind "kind", LogOutcome "outcome", Measure "measure", Medium "medium", Notify "choice", Part "part",
    PollKind "kind of poll", PollState "state of a poll", ReportState "state", ResultsVisibility "visibility of results",
    Action "action", Effect "effect", Kind "kind", Role "role", Scope "scope", Status "status", Visibility "visibility",
    WordAction "action",
}

macro_rules! ids {
    ($($type:ident $name:literal $max:ident $pattern:expr),* $(,)?) => {$(
        impl Meaning for $type {
            const NAME: &'static str = $name;

            fn schema() -> MetaSchema {
                let pattern: Option<&str> = $pattern;
                MetaSchema {
                    min_length: Some(1),
                    max_length: Some($max),
                    pattern: pattern.map(str::to_owned),
                    ..MetaSchema::new("string")
                }
            }

            fn read(text: &str) -> Result<Self, String> {
                parsed(text)
            }

            fn write(&self) -> Cow<'_, str> {
                self.as_str().into()
            }
        }
    )*};
}

ids! {
    ExternalId "id" EXTERNAL_ID_MAX Some("^[A-Za-z0-9_-]{1,64}$"),
    UserId "user id" USER_ID_MAX None,
}

/// How times begin that are taken; see [`moment::kept`].
const YEARS: &str = "^[1-9][0-9]{3}-";

impl Meaning for DateTime<Utc> {
    const NAME: &'static str = "time";

    fn schema() -> MetaSchema {
        let schema = MetaSchema::new_with_format("string", "date-time");
        let example = Some("2026-09-01T08:00:00.000Z".into());
        MetaSchema { max_length: Some(64), pattern: Some(YEARS.to_owned()), example, ..schema }
    }

    fn read(text: &str) -> Result<Self, String> {
        let wrong = |_| "a time has a form such as 2026-09-01T08:00:00Z or 2026-09-01T10:00:00+02:00".to_owned();
        let time = DateTime::parse_from_rfc3339(text).map_err(wrong)?.to_utc();
        moment::kept(time).map_err(str::to_owned)
    }

    fn write(&self) -> Cow<'_, str> {
        self.to_rfc3339_opts(SecondsFormat::Millis, true).into()
    }
}

/// How many entries a list shall have, at most `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit<const MAX: u32>(pub(super) u32);

impl<const MAX: u32> Meaning for Limit<MAX> {
    const NAME: &'static str = "limit";

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(1.0),
            maximum: Some(f64::from(MAX)),
            ..MetaSchema::new_with_format("integer", "int32")
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        let limit = text.parse().ok().filter(|limit| (1..=MAX).contains(limit));
        limit.map(Self).ok_or_else(|| format!("must be a whole number from 1 to {MAX}"))
    }

    fn write(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_any_offset_and_written_in_utc_to_the_millisecond() {
        let time: Word<DateTime<Utc>> = serde_json::from_str("\"2026-09-01T10:00:00.1239+02:00\"").unwrap();
        assert_eq!(time.0.write(), "2026-09-01T08:00:00.123Z");
        for wrong in ["2026-09-01", "10:00", "tomorrow", "", "2026-13-01T00:00:00Z"] {
            let error = <DateTime<Utc>>::read(wrong).unwrap_err();
            assert!(error.contains("2026-09-01T08:00:00Z"), "{wrong}: {error}");
        }
    }

    #[test]
    fn words_ids_and_limits_are_refused_with_what_would_be_right() {
        assert!(Role::read("teacher").unwrap_err().contains("instructor"));
        assert!(ExternalId::read("a.b").unwrap_err().contains("'-' and '_'"));
        for (text, limit) in [("1", Some(1)), ("100", Some(100)), ("0", None), ("101", None), ("", None), ("+x", None)]
        {
            assert_eq!(Limit::<100>::read(text).ok().map(|limit| limit.0), limit, "{text}");
        }
        let error = serde_json::from_str::<Word<Role>>("5").unwrap_err().to_string();
        assert!(error.contains("expected a string (role)"), "{error}");
    }
}
