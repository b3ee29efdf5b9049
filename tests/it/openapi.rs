//! The description of the API: committed, up to date, complete. Whoever adds an operation is told here what it lacks; every
//! fault is listed at once. Answers are checked against the description in `support/description.rs`.

mod coverage;

use std::collections::{BTreeSet, HashSet};

use campanile::api;
use serde_json::{Value, json};

use crate::support::description::{DESCRIPTION, conforms, operations};

/// What an answer tells of the limit that counted the request.
const LIMIT_HEADERS: [&str; 5] =
    ["RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];

/// What is missing, line by line.
#[derive(Default)]
struct Faults(BTreeSet<String>);

impl Faults {
    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.insert(fault());
        }
    }

    fn none(self) {
        let lines: Vec<_> = self.0.into_iter().collect();
        assert!(lines.is_empty(), "{} faults:\n{}", lines.len(), lines.join("\n"));
    }
}

fn is_pusher(path: &str) -> bool {
    path.starts_with("/apps/")
}

/// Operations of the REST API.
fn of_rest() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    operations().filter(|(path, ..)| !is_pusher(path) && *path != "/up")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The schema itself, where it stands under a name elsewhere.
fn resolved(schema: &Value) -> &Value {
    schema["$ref"].as_str().map_or(schema, |reference| DESCRIPTION.pointer(&reference[1..]).unwrap())
}

#[test]
fn committed_description_is_the_one_that_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/campanile.json");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == api::spec(), "openapi/campanile.json is not up to date: run 'cargo run -- openapi'");
}

#[test]
fn committed_description_of_events_is_the_one_that_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/campanile.asyncapi.json");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == api::asyncapi(), "campanile.asyncapi.json is not up to date: run 'cargo run -- asyncapi'");
}

#[test]
fn description_says_whose_it_is_and_where_and_each_tag_what_it_is_for() {
    for pointer in ["/info/title", "/info/description", "/info/license/name", "/info/license/url", "/info/contact/name"]
    {
        assert!(DESCRIPTION.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
    }
    let server = &DESCRIPTION["servers"][0];
    assert_eq!(server["url"], "https://{host}");
    assert!(server["variables"]["host"]["default"].is_string());
    let tags = DESCRIPTION["tags"].as_array().unwrap();
    let named: BTreeSet<_> = tags.iter().map(|tag| text(tag, "name")).collect();
    let used: BTreeSet<_> = operations().map(|(.., operation)| operation["tags"][0].as_str().unwrap()).collect();
    assert_eq!(named, used);
    assert!(tags.iter().all(|tag| text(tag, "description").ends_with(['.', '?'])), "{tags:#?}");
}

#[test]
fn every_operation_has_an_id_of_its_own_a_summary_a_description_and_a_tag() {
    let mut faults = Faults::default();
    let mut ids = HashSet::new();
    for (path, method, operation) in operations() {
        let (id, summary) = (text(operation, "operationId"), text(operation, "summary"));
        let is_camel = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        faults.check(is_camel && id.len() <= 50, || format!("{method} {path}: operationId must be camelCase"));
        faults.check(ids.insert(id), || format!("{method} {path}: operationId {id} stands twice"));
        let is_line = !summary.is_empty() && summary.len() <= 80 && !summary.ends_with('.');
        faults.check(is_line, || format!("{id}: summary must be one line without a full stop"));
        faults.check(!text(operation, "description").is_empty(), || format!("{id}: description is missing"));
        faults.check(operation["tags"].as_array().map(Vec::len) == Some(1), || format!("{id}: needs one tag"));
        faults.check(operation["security"].is_array(), || format!("{id}: security is missing"));
        for (status, response) in entries(&operation["responses"]) {
            faults.check(!text(response, "description").is_empty(), || format!("{id}: {status} says nothing"));
        }
    }
    faults.none();
    assert!(ids.len() >= 57);
}

#[test]
fn every_operation_of_the_pusher_api_tells_its_refusals_and_its_limits() {
    for (path, method, operation) in operations().filter(|(path, ..)| is_pusher(path)) {
        let what = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["400", "401", "403", "404", "413", "429", "500"] {
            let is_of_body = status == "413" && method == "get";
            assert!(is_of_body || responses.contains_key(status), "{what}: {status}");
        }
        for header in ["Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining"] {
            assert!(responses["429"]["headers"][header].is_object(), "{what}: {header}");
        }
        assert_eq!(operation["security"][0]["signature"], json!([]), "{what}: security");
    }
}

#[test]
fn every_operation_of_the_rest_api_tells_its_refusals_as_problems_and_its_limits() {
    let mut faults = Faults::default();
    for (path, _, operation) in of_rest() {
        let id = text(operation, "operationId");
        let responses = operation["responses"].as_object().unwrap();
        let mut must = vec!["400", "401", "403", "429", "500", "503"];
        must.extend((path.contains('{')).then_some("404"));
        if operation["requestBody"].is_object() {
            must.extend(["408", "413", "415"]);
            must.extend((!path.ends_with("auth")).then_some("422"));
        }
        for status in must {
            faults.check(responses.contains_key(status), || format!("{id}: {status} is missing"));
        }
        for (status, response) in responses {
            let header = |name: &str| response["headers"][name].is_object();
            faults.check(header("X-Request-Id"), || format!("{id}: {status} has no X-Request-Id"));
            let limited =
                !matches!(status.as_bytes(), [b'2' | b'4', ..]) || LIMIT_HEADERS.iter().all(|name| header(name));
            faults.check(limited, || format!("{id}: {status} has no RateLimit"));
            let waits = !matches!(status.as_str(), "429" | "503") || header("Retry-After");
            faults.check(waits, || format!("{id}: {status} has no Retry-After"));
            if status.as_str() >= "400" {
                let problem = &response["content"]["application/problem+json"];
                let is_problem = problem["schema"]["$ref"] == "#/components/schemas/Problem";
                faults.check(is_problem, || format!("{id}: {status} is no problem"));
                faults.check(problem["example"].is_object(), || format!("{id}: {status} has no example"));
            }
        }
        let has_way = operation["security"].as_array().is_some_and(|ways| !ways.is_empty());
        faults.check(has_way, || format!("{id}: security is empty"));
    }
    faults.none();
    for name in ["bearer", "apiKey", "session", "signature"] {
        assert!(DESCRIPTION["components"]["securitySchemes"][name].is_object(), "{name}");
    }
}

#[test]
fn every_operation_answers_and_reads_named_types_that_have_an_example() {
    let mut faults = Faults::default();
    for (path, _, operation) in operations() {
        let id = text(operation, "operationId");
        let good: Vec<_> = entries(&operation["responses"]).filter(|(status, _)| status.starts_with('2')).collect();
        faults.check(!good.is_empty(), || format!("{id}: no answer when all is well"));
        let answers = good.into_iter().map(|(status, response)| (status.as_str(), &response["content"]));
        for (what, content) in answers.chain([("the request", &operation["requestBody"]["content"])]) {
            for (_, media) in entries(content).filter(|(media, _)| media.ends_with("json")) {
                let (schema, named) = (resolved(&media["schema"]), media["schema"]["$ref"].is_string());
                faults.check(named, || format!("{id}: the schema of {what} has no name"));
                let is_shown = !schema["example"].is_null() || entries(&schema["properties"]).count() == 0;
                faults.check(is_shown, || format!("{id}: {what} has no example (#[oai(example)])"));
                let is_foreign = path.ends_with("auth") || path.ends_with("/webhook");
                let is_ours = !is_pusher(path) && !is_foreign && what == "the request";
                let is_closed = !is_ours || schema["additionalProperties"] == json!(false);
                faults.check(is_closed, || format!("{id}: {what} takes unknown fields"));
            }
        }
    }
    faults.none();
}

/// What a schema lacks, and the ones within it.
fn unbounded(schema: &Value, at: &str, faults: &mut Faults) {
    let has = |name: &str| !schema[name].is_null();
    match text(schema, "type") {
        "string" if has("enum") => {}
        "string" => {
            faults.check(has("maxLength"), || format!("{at}: no maxLength"));
            let is_restricted = has("pattern") || has("format");
            faults.check(is_restricted, || format!("{at}: neither pattern, format nor enum"));
        }
        "integer" | "number" => {
            faults.check(has("minimum") && has("maximum"), || format!("{at}: no minimum or maximum"))
        }
        "array" => {
            faults.check(has("maxItems"), || format!("{at}: no maxItems"));
            unbounded(&schema["items"], &format!("{at}[]"), faults);
        }
        "object" | "boolean" | "" => {}
        other => faults.check(false, || format!("{at}: what is a {other}?")),
    }
    faults.check(!has("nullable") || has("type"), || format!("{at}: nullable, but of which type?"));
    let more = &schema["additionalProperties"];
    if more.is_object() {
        faults.check(has("maxProperties"), || format!("{at}: no maxProperties"));
        unbounded(more, &format!("{at}.*"), faults);
    }
    for (name, property) in entries(&schema["properties"]) {
        unbounded(property, &format!("{at}.{name}"), faults);
    }
    for part in ["allOf", "anyOf", "oneOf"].iter().flat_map(|parts| schema[parts].as_array()).flatten() {
        unbounded(part, at, faults);
    }
}

#[test]
fn every_text_number_list_and_map_has_its_bounds() {
    let mut faults = Faults::default();
    for (name, schema) in entries(&DESCRIPTION["components"]["schemas"]) {
        unbounded(schema, name, &mut faults);
    }
    for (_, _, operation) in operations() {
        let id = text(operation, "operationId");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            unbounded(&parameter["schema"], &format!("{id}: {}", text(parameter, "name")), &mut faults);
        }
        for (_, media) in entries(&operation["requestBody"]["content"]) {
            unbounded(&media["schema"], &format!("{id}: the request"), &mut faults);
        }
        for (status, response) in entries(&operation["responses"]) {
            for (name, holder) in entries(&response["headers"]).chain(entries(&response["content"])) {
                unbounded(&holder["schema"], &format!("{id}: {status} {name}"), &mut faults);
            }
        }
    }
    faults.none();
}

#[test]
fn every_path_parameter_is_described_and_nothing_is_described_twice() {
    for (path, method, operation) in operations() {
        let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let named: HashSet<_> = named.collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let described: HashSet<_> = in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(named, described, "{method} {path}");
        assert!(!path.contains(':'), "{path} has a parameter in the framework's form");
        let all: HashSet<_> = parameters.iter().map(|one| (one["in"].as_str(), one["name"].as_str())).collect();
        assert_eq!(all.len(), parameters.len(), "{method} {path}");
        for parameter in &parameters {
            assert!(parameter["description"].is_string(), "{method} {path}: {}", parameter["name"]);
        }
    }
}

#[test]
fn every_property_is_described_and_every_example_fits_its_schema() {
    let mut faults = Faults::default();
    for (name, schema) in entries(&DESCRIPTION["components"]["schemas"]) {
        faults.check(schema["description"].is_string(), || format!("{name}: description is missing"));
        for (property, of_property) in entries(&schema["properties"]) {
            let is_described = of_property["description"].is_string() || of_property["$ref"].is_string();
            faults.check(is_described, || format!("{name}.{property}: description is missing"));
        }
        if !schema["example"].is_null() {
            conforms(&schema["example"], schema, name);
        }
    }
    faults.none();
    for (.., operation) in of_rest() {
        for (status, response) in entries(&operation["responses"]).filter(|(status, _)| status.as_str() >= "400") {
            let problem = &response["content"]["application/problem+json"];
            conforms(&problem["example"], &problem["schema"], &format!("{}: {status}", text(operation, "operationId")));
        }
    }
}

#[test]
fn examples_of_refusals_are_those_of_their_operation() {
    let code = |id: &str, status: &str| {
        let (.., operation) = operations().find(|(.., operation)| text(operation, "operationId") == id).unwrap();
        let response = operation["responses"].get(status)?;
        response["content"]["application/problem+json"]["example"]["code"].as_str()
    };
    for (id, status, expected) in [
        ("postMessage", "409", Some("chat_frozen")),
        ("postMessage", "412", None),
        ("putEnrollment", "409", Some("duplicate_enrollment")),
        ("putUser", "409", None),
        ("changeChat", "412", Some("version_mismatch")),
        ("freezeChat", "409", Some("request_in_progress")),
        ("votePoll", "410", Some("poll_closed")),
        ("openPoll", "410", None),
        ("listStreamEvents", "410", Some("stream_gap")),
        ("listRosterChanges", "410", Some("changes_gone")),
        ("confirmBroadcast", "410", Some("over")),
        ("showTime", "401", Some("token_expired")),
        ("markNotification", "403", Some("no_person")),
    ] {
        assert_eq!(code(id, status), expected, "{id} {status}");
    }
}
