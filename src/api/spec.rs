//! The last hand at the description of the API: what holds for all operations alike is said here once.
//!
//! The generator knows routes and types. Who may be asked, how headers are spelled, what a refusal looks like, and the bounds
//! that follow from a type are put in afterwards, so that whoever adds an operation need not think of them. What only its
//! author can say, `tests/it/openapi.rs` asks for.

mod schemas;

pub(super) use self::schemas::SOCKET;

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use super::{
    auth,
    caller::need,
    problem::{self, Exemplar},
};

type Object = Map<String, Value>;

/// Longest text in a header or in a refusal of the Pusher API, in characters.
const LINE_MAX: u64 = 1_000;

/// Longest data of an event, in bytes: the most that an app can be given.
const DATA_MAX: u64 = 102_400;

/// Longest file for spreadsheets, in characters: far more than a part of a chat or the votes of a poll have.
const FILE_MAX: u64 = 50_000_000;

/// The description as pretty JSON, with a newline at the end. `server` = where the operations are; `None` = beside the
/// description.
pub(super) fn text<T: OpenApi>(service: &OpenApiService<T, ()>, server: Option<Value>) -> String {
    let generated = service.spec();
    let Ok(mut document) = serde_json::from_str::<Value>(&generated) else { return generated };
    if let Some(parts) = document.as_object_mut() {
        parts.insert("servers".to_owned(), server.into_iter().collect());
    }
    if let Some(info) = document.pointer_mut("/info").and_then(Value::as_object_mut) {
        info.insert("contact".to_owned(), json!({ "name": "The Campanile project" }));
    }
    let paths = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            operation.as_object_mut().into_iter().for_each(|operation| finish((method, path), operation));
        }
    }
    schemas::finish(&mut document);
    format!("{document:#}\n")
}

/// A server of somebody's own, of which nothing is known but that it should speak TLS.
pub(super) fn any_server() -> Value {
    let host =
        json!({ "default": "localhost:8443", "description": "Its host and port, with its path prefix if it has one." });
    json!({
        "url": "https://{host}",
        "description": "Your own server, in production or on your desk.",
        "variables": { "host": host },
        "x-internal": false,
    })
}

fn finish((method, path): (&str, &str), operation: &mut Object) {
    // Says that there is nothing to prove, where there is not.
    operation.entry("security").or_insert_with(|| json!([]));
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter.get("name").and_then(Value::as_str).map(str::to_owned);
        let is_required = parameter.get("required").is_some_and(|required| required == true);
        if let (Some(name), Some(schema)) = (name, parameter.get_mut("schema")) {
            if method == "put" && name == "If-None-Match" {
                // Only to say that nothing must be there.
                *schema = json!({ "type": "string", "enum": ["*"] });
            }
            schemas::bound(&name, schema, is_required);
        }
    }
    rename(operation.get_mut("requestBody").and_then(|body| body.get_mut("content")), media_type, DATA_MAX);
    let (id, method_name) = (text_of(operation, "operationId"), method.to_ascii_uppercase());
    let exemplar = Exemplar {
        id: &id,
        route: (&method_name, path),
        has_body: operation.contains_key("requestBody"),
        has_parameters: has_parameters(operation),
    };
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    if auth::is_signed(path) {
        let text = json!({ "text/plain": { "schema": { "type": "string" } } });
        let fault = json!({ "description": "Something went wrong in the server; its log says what.", "content": text });
        responses.entry("500").or_insert(fault);
        // What is wrong with a body, where none is read.
        let of_body = ["408", "413", "422"];
        responses.retain(|status, _| method != "get" || !of_body.contains(&status.as_str()));
    }
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        rename(response.get_mut("headers"), usual_spelling, LINE_MAX);
        rename(response.get_mut("content"), media_type, LINE_MAX);
        if !need::is_ours(path) {
            continue;
        }
        let example = status.parse().ok().and_then(|status| problem::example(&exemplar, status));
        let content = response.get_mut("content").and_then(|content| content.get_mut(problem::MEDIA));
        if let (Some(example), Some(content)) = (example, content.and_then(Value::as_object_mut)) {
            content.entry("example").or_insert(example);
        }
    }
}

fn text_of(operation: &Object, key: &str) -> String {
    operation.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Tells whether something in the path or the query may be wrong.
fn has_parameters(operation: &Object) -> bool {
    let mut parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.any(|parameter| parameter.get("in").is_some_and(|place| place == "path" || place == "query"))
}

/// Renames the entries of an object of headers or contents, and bounds those that are texts.
fn rename(holders: Option<&mut Value>, name: impl Fn(&str) -> String, max: u64) {
    let Some(holders) = holders.and_then(Value::as_object_mut) else { return };
    *holders = std::mem::take(holders).into_iter().map(|(key, holder)| (name(&key), holder)).collect();
    for (key, holder) in holders {
        bound_text(holder, if key == "text/csv" { FILE_MAX } else { max });
    }
}

/// Without parameters: any are accepted.
fn media_type(media: &str) -> String {
    media.split(';').next().unwrap_or(media).to_owned()
}

/// Headers as people write them; the generator knows capitals only.
fn usual_spelling(header: &str) -> String {
    let part = |part: &str| match part.to_ascii_lowercase().as_str() {
        "etag" => "ETag".to_owned(),
        "ratelimit" => "RateLimit".to_owned(),
        lower => lower.get(..1).unwrap_or_default().to_ascii_uppercase() + lower.get(1..).unwrap_or_default(),
    };
    header.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// Bounds what is a text in a header or a body.
fn bound_text(holder: &mut Value, max: u64) {
    let schema = holder.get_mut("schema").and_then(Value::as_object_mut);
    if let Some(schema) = schema.filter(|schema| schema.get("type").is_some_and(|kind| kind == "string")) {
        schema.entry("maxLength").or_insert(max.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_spelled_as_people_write_them() {
        for header in ["ETag", "Retry-After", "RateLimit-Policy", "X-RateLimit-Limit", "X-Request-Id"] {
            assert_eq!(usual_spelling(&header.to_ascii_uppercase()), header);
        }
    }
}
