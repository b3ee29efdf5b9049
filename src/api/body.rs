//! Bodies: how they arrive, bounded in size and time, and JSON read strictly and in one pass.
//!
//! The framework's own payload takes numbers for texts, refuses what is too long before the services can say by how much, and
//! does not tell which part is wrong. Bounds in a body's schema are for readers of the description only; the services
//! know those of the app.

use std::time::Duration;

use bytes::Bytes;
use poem::{Request, RequestBody, error::ReadBodyError, http::header::CONTENT_LENGTH};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ParseRequestPayloadError,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is too large.
    TooLarge {
        /// Limit in bytes.
        max: usize,
    },
    /// The connection or its framing broke.
    Broken(ReadBodyError),
    /// It did not arrive in time.
    Late,
}

/// Takes the body of a request, at most `max` bytes and for `wait` at most.
///
/// # Errors
/// When it is too large, late or broken.
pub(super) async fn arrive(request: &mut Request, max: usize, wait: Duration) -> Result<Bytes, Unread> {
    // Before anything is read: a client that sent "Expect: 100-continue" then keeps its body.
    let declared = request.header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > max) {
        return Err(Unread::TooLarge { max });
    }
    match tokio::time::timeout(wait, request.take_body().into_bytes_limit(max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Unread::TooLarge { max }),
        Ok(Err(error)) => Err(Unread::Broken(error)),
        Err(_elapsed) => Err(Unread::Late),
    }
}

/// A body of JSON as it stands in the description.
pub(super) fn json_body<T: Type>(required: bool) -> MetaRequest {
    let media = MetaMediaType { content_type: "application/json", schema: T::schema_ref() };
    MetaRequest { description: None, content: vec![media], required }
}

/// A body that holds a `T` as JSON, whatever its content type says.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for Body<T> {
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
        _request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let named = serde_json::from_slice(&bytes).ok().and_then(|value| wrong_part(&value));
            let reason = named.unwrap_or_else(|| format!("The body must be JSON of the right form: {error}"));
            ParseRequestPayloadError { reason }.into()
        })
    }
}

/// Texts that an event must have, and those that it may have.
const NEEDED: [&str; 2] = ["name", "data"];
const OPTIONAL: [&str; 3] = ["channel", "socket_id", "info"];

/// Names the part of an event or batch that has the wrong type.
fn wrong_part(body: &Value) -> Option<String> {
    let Some(body) = body.as_object() else { return Some("The body must be a JSON object".to_owned()) };
    let Some(batch) = body.get("batch") else { return wrong_field(body).map(|text| format!("Expected {text}")) };
    let Some(batch) = batch.as_array() else { return Some("Expected 'batch' to be a list of events".to_owned()) };
    batch.iter().enumerate().find_map(|(position, event)| match event.as_object() {
        None => Some(format!("Expected event {position} of the batch to be an object")),
        Some(event) => wrong_field(event).map(|text| format!("In event {position} of the batch: expected {text}")),
    })
}

fn wrong_field(event: &serde_json::Map<String, Value>) -> Option<String> {
    let is_text = |name: &&str| event.get(*name).is_some_and(Value::is_string);
    let is_absent = |name: &&str| event.get(*name).is_none_or(Value::is_null);
    let text = |name: &str| match name {
        "data" => "'data' to be a string; encode other values as JSON text first".to_owned(),
        name => format!("'{name}' to be a string"),
    };
    let needed = NEEDED.iter().find(|name| !is_text(name));
    let wrong = needed.or_else(|| OPTIONAL.iter().find(|name| !is_text(name) && !is_absent(name)));
    wrong.map(|name| text(name)).or_else(|| {
        let channels = event.get("channels").filter(|channels| !channels.is_null())?;
        let fits = channels.as_array().is_some_and(|names| names.iter().all(Value::is_string));
        (!fits).then(|| "'channels' to be a list of strings".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_wrong_part_is_named() {
        let of = |body: Value| wrong_part(&body).unwrap_or_default();
        assert_eq!(of(json!([])), "The body must be a JSON object");
        assert_eq!(of(json!({ "data": "1" })), "Expected 'name' to be a string");
        assert!(of(json!({ "name": "a", "data": {} })).starts_with("Expected 'data' to be a string; encode"));
        assert_eq!(of(json!({ "name": "a", "data": "1", "info": 5 })), "Expected 'info' to be a string");
        assert_eq!(
            of(json!({ "name": "a", "data": "", "channels": [1] })),
            "Expected 'channels' to be a list of strings"
        );
        assert_eq!(of(json!({ "batch": {} })), "Expected 'batch' to be a list of events");
        let second = of(json!({ "batch": [{ "name": "a", "data": "1", "channel": "c" }, { "name": "a" }] }));
        assert!(second.starts_with("In event 1 of the batch: expected 'data'"), "{second}");
        assert_eq!(of(json!({ "name": "a", "data": "1", "channel": null })), "");
    }
}
