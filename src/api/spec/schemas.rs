//! Schemas: the bounds that follow from a type, and what strict readers of the description want to have said.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{super::caller::need, Object};

/// Beyond it, numbers are not exact in JavaScript.
const EXACT_MAX: i64 = (1 << 53) - 1;

/// What a view has in common with the body that it was written with.
const BOUNDS: [&str; 7] = ["minLength", "maxLength", "maxItems", "pattern", "format", "minimum", "maximum"];

/// One of these makes an object a schema, unless it is the name of a property.
const SCHEMA: [&str; 4] = ["type", "allOf", "anyOf", "nullable"];

/// Texts that are the same thing wherever they stand, and the most characters that one can have.
const KNOWN: [(&str, u64); 10] = [
    ("channel", 500),
    ("channels", 500),
    ("channel_name", 500),
    ("exclude", 128),
    ("features", 64),
    ("filter_by_prefix", 500),
    ("ids", 128),
    ("info", 255),
    ("name", 1_000),
    ("socket_id", 64),
];

/// Those of them that are names: who needs one must not send an empty text.
const NAMES: [&str; 4] = ["channel", "channel_name", "name", "socket_id"];

/// What a socket id looks like, where one is needed: two numbers of 32 bits.
pub(in crate::api) const SOCKET: &str = r"^(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})$";

/// Conditional headers (RFC 9110, 13.1): anything, or entity tags.
const TAGS: &str = r#"^(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*"){0,99})$"#;

/// Completes every schema of the document.
pub(super) fn finish(document: &mut Value) {
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        share_bounds(schemas);
        show_lists(schemas);
    }
    each(document, &mut |schema| {
        hoist(schema);
        // What is left out is null, or a list with less than it must have, then: there is no default to speak of.
        let has_least = schema.contains_key("minItems");
        let is_nothing = |value: &Value| value.is_null() || (has_least && value.as_array().is_some_and(Vec::is_empty));
        schema.retain(|key, value| key != "default" || !is_nothing(value));
        bound_number(schema);
        bound_known(schema);
        say_format(schema);
    });
    finish_bodies(document);
}

/// Calls `edit` for each schema at or below a value.
fn each(value: &mut Value, edit: &mut impl FnMut(&mut Object)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, edit)),
        Value::Object(object) => {
            if SCHEMA.iter().any(|key| object.get(*key).is_some_and(|value| !value.is_object())) {
                edit(object);
            }
            for (key, inner) in object {
                match (key.as_str(), inner) {
                    ("example" | "examples" | "default" | "enum", _) => {}
                    ("properties", Value::Object(properties)) => {
                        properties.values_mut().for_each(|property| each(property, edit));
                    }
                    (_, inner) => each(inner, edit),
                }
            }
        }
        _ => {}
    }
}

/// What is written as `ThingBody` is read as `Thing`: the same bounds hold for what both have.
fn share_bounds(schemas: &mut Object) {
    let bodies: Vec<_> = schemas.iter().filter_map(|(name, body)| Some((name.strip_suffix("Body")?, body))).collect();
    let bodies: Vec<_> = bodies.into_iter().map(|(name, body)| (name.to_owned(), body.clone())).collect();
    for (name, body) in bodies {
        let properties = schemas.get_mut(&name).and_then(|view| view.get_mut("properties"));
        for (name, property) in properties.and_then(Value::as_object_mut).into_iter().flatten() {
            let written = body.get("properties").and_then(|properties| properties.get(name));
            let (Some(property), Some(written)) = (property.as_object_mut(), written.and_then(Value::as_object)) else {
                continue;
            };
            if property.get("type") != written.get("type") {
                continue;
            }
            for (key, bound) in written.iter().filter(|(key, _)| BOUNDS.contains(&key.as_str())) {
                property.entry(key.as_str()).or_insert_with(|| bound.clone());
            }
        }
    }
}

/// A list of things that have an example has one too; so has one that goes on as a stream.
fn show_lists(schemas: &mut Object) {
    let page = json!({ "next_cursor": null, "has_more": false });
    let example = |name: &str| {
        let (form, item) = name.split_once('_')?;
        let item = schemas.get(item)?.get("example")?;
        match form {
            "List" => Some(json!({ "data": [item], "page": page })),
            "Snapshot" => {
                let stream = json!({ "topic": "course.101", "epoch": "01K5WZ8Q3MD4VX7R2T9YB6NHCE", "seq": 42 });
                Some(json!({ "data": [item], "page": page, "stream": stream }))
            }
            _ => None,
        }
    };
    let examples: Vec<_> = schemas.keys().filter_map(|name| Some((name.clone(), example(name)?))).collect();
    for (name, example) in examples {
        if let Some(list) = schemas.get_mut(&name).and_then(Value::as_object_mut) {
            list.entry("example").or_insert(example);
        }
    }
}

/// The generator puts what it says of a reference beside it, into a part of its own; `nullable` counts only beside a type.
fn hoist(schema: &mut Object) {
    let Some(Value::Array(parts)) = schema.get_mut("allOf") else { return };
    let said = parts.extract_if(.., |part| part.get("$ref").is_none() && part.get("type").is_none());
    let said: Vec<_> = said.filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None }).collect();
    for (key, value) in said.into_iter().flatten() {
        schema.entry(key).or_insert(value);
    }
    if schema.contains_key("nullable") {
        schema.entry("type").or_insert("object".into());
    }
}

/// What the type of a number can hold, where its author has not said less. Bounds of integers are integers.
fn bound_number(schema: &mut Object) {
    let range = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => (i64::from(i8::MIN), i64::from(i8::MAX)),
        Some("int16") => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (-EXACT_MAX, EXACT_MAX),
        Some("uint8") => (0, i64::from(u8::MAX)),
        Some("uint16") => (0, i64::from(u16::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("uint64") => (0, EXACT_MAX),
        _ => return,
    };
    for (key, bound) in [("minimum", range.0), ("maximum", range.1)] {
        let said = schema.get(key).and_then(Value::as_f64);
        #[expect(clippy::cast_possible_truncation, reason = "bounds of integers are exact")]
        let said = said.map(|said| said as i64);
        // Read by way of a float, the greatest may be off by one.
        let bound = said.map_or(bound, |said| if said == EXACT_MAX - 1 { EXACT_MAX } else { said });
        schema.insert(key.to_owned(), bound.into());
    }
}

/// Bounds the properties and parameters that are known by their names.
fn bound_known(schema: &mut Object) {
    let required: Vec<_> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        bound(name, property, required.iter().any(|required| required == name));
    }
}

/// Bounds a text, or those in a list, by its name.
pub(super) fn bound(name: &str, schema: &mut Value, is_required: bool) {
    let schema = if schema.get("items").is_some() { schema.get_mut("items") } else { Some(schema) };
    let Some(schema) = schema.and_then(Value::as_object_mut) else { return };
    if schema.get("type").is_none_or(|kind| kind != "string") || schema.contains_key("enum") {
        return;
    }
    if let Some((_, max)) = KNOWN.iter().find(|(known, _)| *known == name) {
        schema.entry("maxLength").or_insert((*max).into());
    }
    if is_required && NAMES.contains(&name) {
        schema.entry("minLength").or_insert(1.into());
    }
    if is_required && name == "socket_id" {
        schema.entry("pattern").or_insert(SOCKET.into());
    }
    if matches!(name, "If-Match" | "If-None-Match") {
        schema.entry("pattern").or_insert(TAGS.into());
    }
}

/// Text without a pattern, a format or a list of words is free text, in any language.
fn say_format(schema: &mut Object) {
    let is_text = schema.get("type").is_some_and(|kind| kind == "string");
    if is_text && !["enum", "pattern", "format"].iter().any(|said| schema.contains_key(*said)) {
        schema.insert("format".to_owned(), "text".into());
    }
}

/// Bodies of the REST API take no unknown fields; those of routes for stock clients do. Null is the same as left out.
fn finish_bodies(document: &mut Value) {
    let mut seen = BTreeSet::new();
    for (mut open, is_strict) in [(bodies(document, true), true), (bodies(document, false), false)] {
        while let Some(name) = open.pop() {
            let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) else { continue };
            let Some(schema) = schema.as_object_mut().filter(|schema| schema.contains_key("properties")) else {
                continue;
            };
            open.extend(references(schema.get("properties")).into_iter().filter(|inner| !seen.contains(inner)));
            seen.insert(name);
            allow_null(schema);
            if is_strict {
                schema.entry("additionalProperties").or_insert(false.into());
            }
        }
    }
}

/// Names of the schemas of bodies: of those that are read strictly, or of the others.
fn bodies(document: &Value, strict: bool) -> Vec<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let wanted = paths.filter(|(path, _)| (need::is_ours(path) && !path.ends_with("auth")) == strict);
    let operations = wanted.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
    operations.flat_map(|(_, operation)| references(operation.get("requestBody"))).collect()
}

/// A property that may be left out and has no other value then may be null.
fn allow_null(schema: &mut Object) {
    let required: Vec<_> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(property) = property.as_object_mut() else { continue };
        let may_miss = !required.iter().any(|required| required == name) && !property.contains_key("default");
        if may_miss && property.contains_key("type") {
            property.entry("nullable").or_insert(true.into());
        }
    }
}

/// Names of the schemas that a value refers to.
fn references(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().flat_map(|item| references(Some(item))).collect(),
        Some(Value::Object(object)) => {
            let own = object.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
            own.map(str::to_owned)
                .into_iter()
                .chain(object.values().flat_map(|inner| references(Some(inner))))
                .collect()
        }
        _ => Vec::new(),
    }
}
