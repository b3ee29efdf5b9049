//! The description of the API: committed, up to date, complete. Answers are checked against it in `support/description.rs`.

use std::collections::HashSet;

use campanile::api;

use crate::support::description::{DESCRIPTION, conforms, operations};

#[test]
fn committed_description_is_the_one_that_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/campanile.json");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == api::spec(), "openapi/campanile.json is not up to date: run 'cargo run -- openapi'");
}

#[test]
fn every_operation_has_an_id_of_its_own_a_summary_a_tag_and_its_errors() {
    let mut ids = HashSet::new();
    for (path, method, operation) in operations() {
        let what = format!("{method} {path}");
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        assert!(ids.insert(text("operationId")) && !text("operationId").is_empty(), "{what}: operationId");
        assert!(!text("summary").is_empty() && !text("summary").ends_with('.'), "{what}: summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{what}: tags");
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{what}: {status} says nothing");
        }
        if path.starts_with("/apps/") {
            for status in ["400", "401", "403", "404", "413", "429"] {
                assert!(responses.contains_key(status), "{what}: {status}");
            }
            for header in ["Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining"] {
                assert!(responses["429"]["headers"][header].is_object(), "{what}: {header}");
            }
            assert_eq!(operation["security"][0]["signature"], serde_json::json!([]), "{what}: security");
        }
    }
    assert!(ids.len() >= 57);
}

#[test]
fn every_operation_of_the_rest_api_tells_its_refusals_as_problems_and_its_limits() {
    for (path, method, operation) in operations().filter(|(path, ..)| !path.starts_with("/apps/") && *path != "/up") {
        let what = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["200", "400", "401", "403", "404", "429", "500", "503"] {
            assert!(responses.contains_key(status) || (status == "404" && path.ends_with("auth")), "{what}: {status}");
        }
        if matches!(method, "put" | "post") && !path.ends_with("auth") && !path.ends_with("/disconnect") {
            for status in ["408", "413", "415", "422"] {
                assert!(responses.contains_key(status), "{what}: {status}");
            }
            assert_eq!(operation["requestBody"]["required"], true, "{what}");
        }
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{what}: {status}");
        }
        for (status, header) in [
            ("200", "RateLimit"),
            ("429", "RateLimit"),
            ("429", "RateLimit-Policy"),
            ("429", "Retry-After"),
            ("503", "Retry-After"),
        ] {
            assert!(responses[status]["headers"][header].is_object(), "{what}: {status} {header}");
        }
        assert!(operation["security"].as_array().is_some_and(|ways| !ways.is_empty()), "{what}: security");
        assert!(operation["description"].is_string(), "{what}: description");
    }
    for name in ["bearer", "apiKey", "session", "signature"] {
        assert!(DESCRIPTION["components"]["securitySchemes"][name].is_object(), "{name}");
    }
}

#[test]
fn every_text_number_and_list_that_the_rest_api_reads_has_its_bounds() {
    let bounded = |schema: &serde_json::Value, what: &str| match schema["type"].as_str() {
        Some("string") if schema["enum"].is_array() => {}
        Some("string") => assert!(schema["maxLength"].is_u64(), "{what}: no maxLength"),
        Some("array") => assert!(schema["maxItems"].is_u64(), "{what}: no maxItems"),
        _ => {}
    };
    for (path, method, operation) in operations().filter(|(path, ..)| !path.starts_with("/apps/")) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            bounded(&parameter["schema"], &format!("{method} {path}: {}", parameter["name"]));
        }
    }
    let schemas = DESCRIPTION["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(name, _)| name.ends_with("Body") && !name.ends_with("chBody")) {
        for (property, of_property) in schema["properties"].as_object().into_iter().flatten() {
            if name != "EventBody" {
                bounded(of_property, &format!("{name}.{property}"));
            }
        }
    }
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
    // A parsed description shows no key that stands twice; the text does.
    let again = serde_json::to_string(&*DESCRIPTION).unwrap();
    let keys = |text: &str| text.matches("\":").count();
    let compact: String = api::spec().lines().map(|line| line.trim().replacen("\": ", "\":", 1)).collect();
    assert_eq!(keys(&again), keys(&compact), "a key stands twice in one object");
}

#[test]
fn every_property_is_described_and_every_example_fits_its_schema() {
    let schemas = DESCRIPTION["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(schema["description"].is_string(), "{name}");
        for (property, of_property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(of_property["description"].is_string(), "{name}.{property}");
        }
        if !schema["example"].is_null() {
            conforms(&schema["example"], schema, name);
        }
    }
    for name in [
        "EventBody",
        "BatchBody",
        "EventView",
        "BatchView",
        "Problem",
        "Org",
        "User",
        "Course",
        "Class",
        "Chapter",
        "Enrollment",
        "OrgBody",
        "UserBody",
        "CourseBody",
        "ClassBody",
        "ChapterBody",
        "EnrollmentBody",
        "BatchOfOperations",
        "Change",
        "Revoked",
        "Decision",
        "RevokeBody",
        "ChannelAuth",
        "ChannelAuthBody",
        "UserAuth",
        "RealtimeStatus",
        "Time",
    ] {
        assert!(schemas[name]["example"].is_object(), "{name} has no example");
    }
    assert_eq!(schemas["EventBody"]["properties"]["channels"]["maxItems"], 1_000);
    assert_eq!(schemas["BatchBody"]["properties"]["batch"]["maxItems"], 1_000);
    assert_eq!(schemas["ChannelView"]["properties"]["cache"]["nullable"], true);
}
