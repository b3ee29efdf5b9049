//! JSON bodies of the REST API, read strictly: what is not known is refused, and the refusal names it.

mod bounds;

use poem::{
    Request, RequestBody,
    http::{StatusCode, header::CONTENT_TYPE},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaRequest, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use self::bounds::Bounds;
use super::{
    body::json_body,
    problem::{Field, Problem, plain},
};

const JSON: &str = "application/json";

/// A body that holds a `T` as JSON. The types of the body refuse unknown fields themselves.
#[derive(Debug)]
pub(super) struct Strict<T>(pub(super) T);

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for Strict<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body::<T>(true))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        check_media(request)?;
        Ok(Self(read(&body.take()?.into_bytes().await?)?))
    }
}

/// A body that may as well be absent, which means the usual.
#[derive(Debug)]
pub(super) struct Optional<T>(pub(super) T);

impl<'a, T: DeserializeOwned + Type + Default> ApiExtractor<'a> for Optional<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body::<T>(false))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        check_media(request)?;
        Ok(Self(read(&bytes)?))
    }
}

/// Checks that the body is said to be JSON.
fn check_media(request: &Request) -> Result<(), Problem> {
    let media = request.header(CONTENT_TYPE).unwrap_or("nothing");
    if is_json(media) { Ok(()) } else { Err(Problem::wrong_media(JSON, media)) }
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == JSON || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Serde reads structs from lists too, which nobody means.
fn no_object() -> Field {
    Field::at("", "invalid", "must be a JSON object".to_owned())
}

fn read<T: DeserializeOwned + Type>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::fields(vec![no_object()]));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let cause = error.inner();
        match cause.classify() {
            Category::Data => Problem::fields(vec![fault(error.path(), cause, || bounds::of::<T>(error.path()))]),
            Category::Syntax | Category::Eof | Category::Io => malformed(cause),
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// What is wrong with a value that stands for itself, such as one entry of a list; pointers begin at the value.
pub(super) fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Field> {
    if value.is_array() {
        return Err(no_object());
    }
    serde_path_to_error::deserialize(value).map_err(|error| fault(error.path(), error.inner(), || None))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", format!("The body must be JSON: {error}"))
}

fn fault(path: &Path, error: &serde_json::Error, bounds: impl FnOnce() -> Option<Bounds>) -> Field {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let code = match message.split('`').next() {
        Some("unknown field ") => "unknown_field",
        Some("missing field ") => "missing_field",
        Some("duplicate field ") => "duplicate_field",
        _ => "invalid",
    };
    let mut pointer = pointer(path);
    let named = message.split('`').nth(1).filter(|_| code != "invalid");
    if let Some(name) = named.map(escape).filter(|name| pointer.rsplit('/').next() != Some(name)) {
        pointer = format!("{pointer}/{name}");
    }
    Field::at(&pointer, code, plain::of_json(message, bounds))
}

/// A path as JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{pointer}/{}", escape(key)),
        Segment::Unknown => pointer,
    })
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, Object)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize, Object)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[oai(validator(maximum(value = "9")))]
        size: u8,
    }

    fn field(body: serde_json::Value) -> Field {
        read_value::<Outer>(body).unwrap_err()
    }

    #[test]
    fn every_fault_is_named_with_a_pointer_to_it() {
        for (body, pointer, code) in [
            (json!({ "name": "a", "nick/name": "b" }), "/nick~1name", "unknown_field"),
            (json!({}), "/name", "missing_field"),
            (json!({ "name": 5 }), "/name", "invalid"),
            (json!({ "name": "a", "inner": [{ "size": 1 }, { "size": 300 }] }), "/inner/1/size", "invalid"),
            (json!({ "name": "a", "inner": [{ "size": 1, "colour": 2 }] }), "/inner/0/colour", "unknown_field"),
            (json!({ "name": "a", "inner": [{}] }), "/inner/0/size", "missing_field"),
            (json!([]), "", "invalid"),
            (json!(["a"]), "", "invalid"),
            (json!(5), "", "invalid"),
        ] {
            let message = field(body.clone()).to_string();
            let expected = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
            assert!(message.starts_with(&expected), "{body}: {message}");
            assert_eq!(field(body), Field::at(pointer, code, message[expected.len()..].to_owned()));
        }
    }

    #[test]
    fn a_number_in_a_list_is_refused_with_its_own_bounds() {
        let problem = read::<Outer>(br#"{"name":"a","inner":[{"size":1},{"size":-1}]}"#).unwrap_err();
        assert_eq!(problem.detail(), "/inner/1/size: must be a whole number from 0 to 9, not -1");
    }

    #[test]
    fn a_field_that_stands_twice_and_text_behind_the_value_are_refused() {
        let twice = read::<Outer>(br#"{"name":"a","name":"b"}"#).unwrap_err();
        assert!(twice.detail().contains("/name: duplicate field"), "{twice}");
        for text in [&b"{\"name\":\"a\"} x"[..], b"", b"{", b"\xff", b"{\"name\":\"a\",}"] {
            assert_eq!(read::<Outer>(text).unwrap_err().code(), "malformed_json", "{text:?}");
        }
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "text/json+x"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
