//! The description of the API as a judge: is this answer one that it promises?
//!
//! Knows as much of JSON Schema as the description uses.

use std::sync::LazyLock;

use serde_json::Value;

use super::answer::Answer;

/// The description, parsed once.
pub(crate) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&campanile::api::spec()).unwrap());

/// Every operation: path template, method in lower case, and the operation.
pub(crate) fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(part, given)| (part.starts_with('{') && !given.is_empty()) || *part == given)
}

/// Checks status, content type and body of an answer. What is no operation may only be refused.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let mut found =
        operations().filter(|(template, known, _)| method.eq_ignore_ascii_case(known) && matches(template, path));
    let Some((template, _, operation)) = found.next() else { return };
    let what = format!("{method} {template} -> {}", answer.status);
    let described = &operation["responses"][answer.status.to_string()];
    assert!(described.is_object(), "{what} is not in the description: {}", answer.text());
    let Some(content) = described["content"].as_object() else {
        assert!(answer.body.is_empty(), "{what} has a body that is not in the description");
        return;
    };
    let media = answer.header("content-type").unwrap_or_else(|| panic!("{what} has no content type"));
    let media = media.split(';').next().unwrap().trim();
    let schema = &content.get(media).unwrap_or_else(|| panic!("{what}: {media} is not in the description"))["schema"];
    if media == "application/json" || media == "application/problem+json" {
        conforms(&answer.json(), schema, &what);
    }
}

/// Checks a value against a schema; objects may not have properties that the schema does not name.
pub(crate) fn conforms(value: &Value, schema: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = DESCRIPTION.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}"));
        return conforms(value, found, at);
    }
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conforms(value, part, at);
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("object") => return object_conforms(value, schema, at),
        Some("array") => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                conforms(item, &schema["items"], &format!("{at}[{index}]"));
            }
            value.is_array()
        }
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some(other) => panic!("{at}: this judge does not know the type {other}"),
    };
    assert!(fits, "{at}: {value} is no {}", schema["type"]);
    let length = value.as_str().map(|text| text.chars().count() as u64);
    assert!(length <= schema["maxLength"].as_u64().or(length), "{at}: {value} is too long");
}

fn object_conforms(value: &Value, schema: &Value, at: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value} is no object"));
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing");
    }
    for (name, value) in object {
        let property = &schema["properties"][name];
        let known = if property.is_null() { &schema["additionalProperties"] } else { property };
        assert!(known.is_object(), "{at}.{name} is not in the description");
        conforms(value, known, &format!("{at}.{name}"));
    }
}
