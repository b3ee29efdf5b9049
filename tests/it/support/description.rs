//! The description of the API as a judge: is this exchange one that it promises?
//!
//! Schemas are those of OpenAPI 3.0; [`jsonschema`] judges by them once they are turned into plain JSON Schema. Answers are read
//! more strictly than the description says: properties that it does not name are faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::answer::Answer;

/// The description, parsed once.
pub(crate) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&campanile::api::spec()).unwrap());

/// Its named schemas for what is sent to the server, and for what comes from it.
static FOR_REQUESTS: LazyLock<Value> = LazyLock::new(|| plain(&DESCRIPTION["components"]["schemas"], false));
static FOR_ANSWERS: LazyLock<Value> = LazyLock::new(|| plain(&DESCRIPTION["components"]["schemas"], true));

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

/// The operation that a request is for: of two templates the one with fewer parameters.
fn find(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let method = if method == "HEAD" { "GET" } else { method };
    let found =
        operations().filter(|(template, known, _)| method.eq_ignore_ascii_case(known) && matches(template, path));
    let (template, _, operation) = found.min_by_key(|(template, ..)| template.matches('{').count())?;
    Some((template, operation))
}

/// A request as it was sent.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// Path below the prefix of the server.
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

/// Checks an exchange: status, content type and body of the answer, and the body of a request that was taken. What is no
/// operation may only be refused. Notes that there was such an answer.
pub(crate) fn check(asked: &Asked<'_>, answer: &Answer) {
    let Asked { method, path, body } = asked;
    let Some((template, operation)) = find(method, path) else { return };
    let what = format!("{method} {template} -> {}", answer.status);
    let described = &operation["responses"][answer.status.to_string()];
    assert!(described.is_object(), "{what} is not in the description: {}", answer.text());
    note(operation["operationId"].as_str().unwrap(), answer.status);
    if answer.status < 300
        && operation["operationId"] != "applyRosterBatch" // refuses each faulty row for itself
        && let Some(schema) = operation["requestBody"]["content"].get("application/json")
        && let Ok(body) = serde_json::from_slice(body)
    {
        assert_fits(&body, &schema["schema"], &FOR_REQUESTS, &format!("{what}: the request"));
    }
    let Some(content) = described["content"].as_object().filter(|_| *method != "HEAD") else {
        assert!(answer.body.is_empty(), "{what} has a body that is not in the description");
        return;
    };
    let media = answer.header("content-type").unwrap_or_else(|| panic!("{what} has no content type"));
    let media = media.split(';').next().unwrap().trim();
    let schema = &content.get(media).unwrap_or_else(|| panic!("{what}: {media} is not in the description"))["schema"];
    let value = if media.ends_with("json") { answer.json() } else { answer.text().into() };
    if media == "application/problem+json" {
        assert!(value["instance"].as_str().is_some_and(|instance| instance.ends_with(path)), "{what}: {value}");
    }
    assert_fits(&value, schema, &FOR_ANSWERS, &what);
}

/// Checks that a value, such as an example, is what its schema says.
pub(crate) fn conforms(value: &Value, schema: &Value, what: &str) {
    assert_fits(value, schema, &FOR_ANSWERS, what);
}

fn assert_fits(value: &Value, schema: &Value, named: &'static Value, what: &str) {
    let judge = judge(schema, named);
    let faults: Vec<_> = judge.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{what} is not as the description says:\n{}\n{value:#}", faults.join("\n"));
}

/// The judge of a schema; each is made once in a process.
fn judge(schema: &Value, named: &'static Value) -> Arc<Validator> {
    static JUDGES: Mutex<BTreeMap<(usize, String), Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let strict = std::ptr::eq(named, &*FOR_ANSWERS);
    let key = (usize::from(strict), schema.to_string());
    let mut judges = JUDGES.lock();
    let judge = judges.entry(key).or_insert_with(|| {
        let root = json!({ "allOf": [plain(schema, strict)], "components": { "schemas": named } });
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
        Arc::new(options.build(&root).unwrap())
    });
    Arc::clone(judge)
}

/// A schema of OpenAPI 3.0 as JSON Schema; `closed` = without properties that are not named.
fn plain(schema: &Value, closed: bool) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| plain(item, closed)).collect(),
        Value::Object(object) => {
            let mut object = merged(object);
            let nullable = object.remove("nullable") == Some(Value::Bool(true));
            let is_open = object.get("type").is_some_and(|kind| kind == "object") && object.contains_key("properties");
            if closed && is_open {
                object.entry("additionalProperties").or_insert(false.into());
            }
            let inner = |(key, value): (String, Value)| {
                let as_it_is = matches!(key.as_str(), "example" | "default" | "enum");
                let value = if as_it_is { value } else { plain(&value, closed) };
                (key, value)
            };
            let object: Map<_, _> = object.into_iter().map(inner).collect();
            if nullable { json!({ "anyOf": [{ "type": "null" }, object] }) } else { object.into() }
        }
        other => other.clone(),
    }
}

/// An object that is several in one, as one: only then is known which properties it has.
fn merged(object: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = object.clone();
    let Some(Value::Array(parts)) = merged.remove("allOf") else { return merged };
    for part in parts {
        let part = part["$ref"].as_str().map_or(&part, |reference| DESCRIPTION.pointer(&reference[1..]).unwrap());
        for (key, value) in part.as_object().unwrap() {
            match (merged.get_mut(key), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.clone()),
                (Some(_), _) => {}
                (None, value) => {
                    merged.insert(key.clone(), value.clone());
                }
            }
        }
    }
    merged
}

/// Where the answers that tests have seen are noted; `tests/run` begins it anew.
pub(crate) fn notes() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchanges")
}

/// Notes that there was such an answer, once in a process. Short lines that are appended do not mix.
fn note(operation: &str, status: u16) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let line = format!("{operation} {status}\n");
    if NOTED.lock().insert(line.clone()) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(notes()).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
