//! Where programs find what there is here: the descriptions, and what a client needs before it connects.

use std::sync::Arc;

use poem::{
    Response, handler,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL},
    web::Data,
};
use serde_json::json;

use super::{Config, Pages};

const JSON: &str = "application/json";

/// Every JSON text is one of YAML 1.2 too: the same text serves both.
const YAML: &str = "application/yaml";

fn answer(media: &str) -> poem::ResponseBuilder {
    Response::builder().content_type(media).header(CACHE_CONTROL, "no-cache")
}

#[handler]
pub(super) fn api_as_json(pages: Data<&Arc<Pages>>) -> Response {
    answer(JSON).body(pages.spec.clone())
}

#[handler]
pub(super) fn api_as_yaml(pages: Data<&Arc<Pages>>) -> Response {
    answer(YAML).body(pages.spec.clone())
}

#[handler]
pub(super) fn events_as_json(pages: Data<&Arc<Pages>>) -> Response {
    answer(JSON).body(pages.events.clone())
}

#[handler]
pub(super) fn events_as_yaml(pages: Data<&Arc<Pages>>) -> Response {
    answer(YAML).body(pages.events.clone())
}

/// Tells where everything is, also to pages of other origins: nothing of it is secret. The key of an app is told by
/// `/api/realtime/status`, to those who may know it.
#[handler]
pub(super) fn realtime(config: Data<&Arc<Config>>) -> Response {
    let at = |path: &str| format!("{}{path}", config.path_prefix);
    let found = json!({
        "socket": {
            "url": config.socket_url,
            "path": "/app/{key}",
            "protocol": "pusher",
            "version": 7,
            "cluster": config.cluster,
        },
        "api": at("/api"),
        "status": at("/api/realtime/status"),
        "time": at("/api/time"),
        "authorize": { "channels": at("/broadcasting/auth"), "users": at("/broadcasting/user-auth") },
        "docs": at("/docs"),
        "problems": at("/problems"),
        "openapi": { "json": at("/openapi.json"), "yaml": at("/openapi.yaml") },
        "asyncapi": { "json": at("/asyncapi.json"), "yaml": at("/asyncapi.yaml") },
    });
    answer(JSON).header(ACCESS_CONTROL_ALLOW_ORIGIN, "*").body(found.to_string())
}
