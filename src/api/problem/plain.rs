//! What the readers of JSON and of parameters say, in words for whoever has sent the value: no names of Rust's types.
//!
//! Both tell only in a sentence what they wanted and what they got. A sentence of another form is passed on as it is.

macro_rules! whole_numbers {
    ($($number:ident)+) => {
        &[$((stringify!($number), $number::MIN as i128, $number::MAX as i128)),+]
    };
}

/// Types of whole numbers, each with the least and the greatest.
const WHOLE: &[(&str, i128, i128)] = whole_numbers!(u8 u16 u32 u64 usize i8 i16 i32 i64);

/// Least and greatest value of a whole number, as far as they are narrower than those of its type.
type Bounds = (Option<i128>, Option<i128>);

/// A message of serde, without the place in the text. `bounds` = those of the number that the message is about, if it is one.
pub(in crate::api) fn of_json(message: &str, bounds: impl FnOnce() -> Option<Bounds>) -> String {
    let wrong = ["invalid type: ", "invalid value: ", "invalid length "];
    let rest = wrong.iter().find_map(|beginning| message.strip_prefix(beginning));
    match rest.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((got, wanted)) => format!("must be {}, not {}", wanted_words(wanted, bounds), got_words(got)),
        None => message.to_owned(),
    }
}

/// A reason of the framework, without the names of its types around it: of the value in front, of the list that holds it behind.
pub(in crate::api) fn of_parameter(reason: &str) -> String {
    let reason = reason.rsplit_once(" (occurred while parsing \"").map_or(reason, |(rest, _)| rest);
    if let Some(bound) = reason.strip_prefix("verification failed. ") {
        return bound_words(bound).unwrap_or_else(|| reason.to_owned());
    }
    if reason.ends_with("\" expects an input value.") {
        return "must be given".to_owned();
    }
    match reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": ")) {
        Some((kind, _)) if kind.starts_with("integer") => "must be a whole number".to_owned(),
        Some(("boolean", _)) => "must be true or false".to_owned(),
        Some((_, own_words)) => own_words.to_owned(),
        None => reason.to_owned(),
    }
}

fn wanted_words(wanted: &str, bounds: impl FnOnce() -> Option<Bounds>) -> String {
    if let Some((_, least, greatest)) = WHOLE.iter().find(|(name, ..)| *name == wanted) {
        let (own_least, own_greatest) = bounds().unwrap_or_default();
        let (least, greatest) = (own_least.unwrap_or(*least), own_greatest.unwrap_or(*greatest));
        return format!("a whole number from {least} to {greatest}");
    }
    match wanted {
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        _ if wanted.starts_with("struct ") => "an object".to_owned(),
        _ => wanted.strip_prefix("a string").map_or_else(|| wanted.to_owned(), |kind| format!("text{kind}")),
    }
}

fn got_words(got: &str) -> &str {
    let shown = ["boolean `", "integer `", "floating point `"];
    if let Some(value) = shown.iter().find_map(|kind| got.strip_prefix(kind)?.strip_suffix('`')) {
        return value;
    }
    match got {
        "map" => "an object",
        "sequence" => "a list",
        "null" | "unit value" => "null",
        _ if got.starts_with("string ") => "text",
        // A list where an object is wanted is told by its length.
        _ if got.bytes().all(|byte| byte.is_ascii_digit()) => "a list",
        other => other,
    }
}

/// A bound of the description that a parameter is beyond, such as `maxLength(64)`.
fn bound_words(bound: &str) -> Option<String> {
    let (name, value) = bound.strip_suffix(')')?.split_once('(')?;
    let value = value.strip_suffix(", exclusive: false").unwrap_or(value);
    Some(match name {
        "minimum" => format!("must be at least {value}"),
        "maximum" => format!("must be at most {value}"),
        "minLength" => format!("must have at least {value} characters"),
        "maxLength" => format!("must have at most {value} characters"),
        "minItems" => format!("must have at least {value} entries"),
        "maxItems" => format!("must have at most {value} entries"),
        "pattern" => format!("must fit the pattern {value}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use poem_openapi::types::{ParseFromParameter, ParseResult, Type};
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        size: u8,
    }

    fn refused<T: DeserializeOwned>(value: Value) -> String {
        let error = serde_json::from_value::<T>(value).err().unwrap().to_string();
        of_json(&error, || None)
    }

    #[test]
    fn values_of_the_wrong_type_are_told_in_words() {
        for (told, words) in [
            (refused::<u32>(json!("x")), "must be a whole number from 0 to 4294967295, not text"),
            (refused::<u8>(json!(300)), "must be a whole number from 0 to 255, not 300"),
            (refused::<u16>(json!(1.5)), "must be a whole number from 0 to 65535, not 1.5"),
            (
                refused::<i64>(json!({})),
                "must be a whole number from -9223372036854775808 to 9223372036854775807, not an object",
            ),
            (refused::<f64>(json!("1, expected a map")), "must be a number, not text"),
            (refused::<bool>(json!("true")), "must be true or false, not text"),
            (refused::<String>(json!(true)), "must be text, not true"),
            (refused::<String>(json!(null)), "must be text, not null"),
            (refused::<Vec<String>>(json!("a")), "must be a list, not text"),
            (refused::<BTreeMap<String, u8>>(json!([])), "must be an object, not a list"),
            (refused::<Inner>(json!("a")), "must be an object, not text"),
            (refused::<Inner>(json!([])), "must be an object, not a list"),
            (refused::<Inner>(json!({})), "missing field `size`"),
        ] {
            assert_eq!(told, words);
        }
    }

    #[test]
    fn a_number_is_told_its_own_bounds() {
        let message = "invalid value: integer `-1`, expected u32";
        for (bounds, words) in [
            ((Some(1), Some(525_600)), "must be a whole number from 1 to 525600, not -1"),
            ((None, Some(3_600)), "must be a whole number from 0 to 3600, not -1"),
            ((None, None), "must be a whole number from 0 to 4294967295, not -1"),
        ] {
            assert_eq!(of_json(message, || Some(bounds)), words);
        }
    }

    #[test]
    fn parameters_that_are_none_are_told_in_words() {
        fn refused<T: ParseFromParameter + Type>(text: &str) -> String {
            let parsed: ParseResult<Option<T>> =
                T::parse_from_parameter(text).map(Some).map_err(|error| error.propagate());
            of_parameter(parsed.err().unwrap().message())
        }
        assert_eq!(refused::<i64>("x"), "must be a whole number");
        assert_eq!(refused::<u32>("-1"), "must be a whole number");
        assert_eq!(refused::<bool>("yes"), "must be true or false");
        for (reason, words) in [
            ("verification failed. maxLength(64)", "must have at most 64 characters"),
            ("verification failed. minimum(0, exclusive: false)", "must be at least 0"),
            ("verification failed. maximum(1000000000000000, exclusive: false)", "must be at most 1000000000000000"),
            ("Type \"string\" expects an input value.", "must be given"),
            ("failed to parse \"role\": 'x' is no role (occurred while parsing \"optional<role>\")", "'x' is no role"),
            ("anything else", "anything else"),
        ] {
            assert_eq!(of_parameter(reason), words);
        }
    }
}
