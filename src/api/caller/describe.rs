//! What the description says about this door: how requests prove who calls, and what answers tell beside their bodies.

use std::collections::HashMap;

use poem::{Request, RequestBody, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, OpenApi,
    registry::{
        MetaApi, MetaHeader, MetaOperation, MetaOperationParam, MetaParamIn, MetaSchema, MetaSchemaRef,
        MetaSecurityScheme, Registry,
    },
    types::Type,
};

use super::{
    super::{
        problem::{is_answered, responses},
        spec::SOCKET,
        word::Meaning,
    },
    need::{self, Need},
    once,
};
use crate::ids::UserId;

/// Routes behind this door.
pub(in crate::api) struct Rest<T>(pub(in crate::api) T);

impl<T: OpenApi> OpenApi for Rest<T> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = T::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            for operation in &mut path.operations {
                let mut promised = std::mem::take(&mut operation.responses.responses);
                promised.retain(|response| response.status.is_none_or(|status| can_be(operation, status)));
                operation.responses.responses = promised;
                if need::of(operation.method.as_str(), &path.path).is_some_and(Need::takes_people) {
                    add_person(operation);
                }
                if need::takes_key(operation.method.as_str(), &path.path) {
                    add_key(operation);
                }
                for response in &mut operation.responses.responses {
                    response.headers.extend(headers(response.status));
                }
            }
        }
        apis
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(routes);
    }
}

/// Tells whether an operation can answer so. Some refusals of its group are about what it has not: a body, versions, states.
fn can_be(operation: &MetaOperation, status: u16) -> bool {
    match status {
        408 | 413 | 422 => operation.request.is_some() || operation.method != Method::GET,
        415 => operation.request.is_some(),
        409 | 410 => operation.operation_id.is_some_and(|id| is_answered(id, status)),
        412 => operation.params.iter().any(|parameter| parameter.name == "If-Match"),
        _ => true,
    }
}

/// A header that a request may have.
fn header_parameter(name: &str, description: &str, schema: MetaSchema) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema: MetaSchemaRef::Inline(Box::new(schema)),
        in_type: MetaParamIn::Header,
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        explode: false,
        style: None,
    }
}

/// Writes of which no socket hears, or none that the request could know of.
const UNTOLD: &[&str] =
    &["cancelNotificationBroadcast", "confirmBroadcast", "putCourseWords", "putNotificationPreferences"];

/// Describes how a program names the person for whom it acts, and a person the socket that need not hear of it.
fn add_person(operation: &mut MetaOperation) {
    let description = "The user on whose behalf a program calls; needs the scope `users:act`.";
    operation.params.push(header_parameter("X-On-Behalf-Of", description, UserId::schema()));
    let is_told = operation.operation_id.is_none_or(|id| !UNTOLD.contains(&id));
    if operation.method != Method::GET && is_told {
        let socket = MetaSchema { max_length: Some(64), pattern: Some(SOCKET.to_owned()), ..MetaSchema::new("string") };
        let description = "Id of the socket that does not hear of it, usually the caller's own.";
        operation.params.push(header_parameter("X-Socket-ID", description, socket));
    }
}

/// Describes the caller's own name for a request, what it is refused with, and how an answer tells that it was given before.
fn add_key(operation: &mut MetaOperation) {
    let bounds = MetaSchema {
        min_length: Some(1),
        max_length: Some(once::KEY_MAX),
        pattern: Some("^[!-~]+$".to_owned()),
        ..MetaSchema::new("string")
    };
    let description = "The caller's own name for this request, such as a UUID: sent again with it within 24 hours, the \
        request is not executed again, but answered as before.";
    operation.params.push(header_parameter("Idempotency-Key", description, bounds));
    let known: Vec<_> = operation.responses.responses.iter().filter_map(|response| response.status).collect();
    let missing: Vec<_> = [408, 409, 413, 422].into_iter().filter(|status| !known.contains(status)).collect();
    operation.responses.responses.extend(responses(&missing));
    operation.responses.responses.sort_by_key(|response| response.status);
    let answers = operation.responses.responses.iter_mut();
    for response in answers.filter(|response| response.status.is_some_and(|status| status < 300)) {
        let description = "`true` when the request was executed before and this is the answer of then.";
        response.headers.push(MetaHeader {
            name: "Idempotent-Replayed".to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: false,
            schema: bool::schema_ref(),
        });
    }
}

/// Headers of an answer of this status, apart from those of its own.
fn headers(status: Option<u16>) -> Vec<MetaHeader> {
    let header = |name: &str, description: &str, schema| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema,
    };
    let line = |pattern: &str| {
        let schema =
            MetaSchema { max_length: Some(255), pattern: Some(pattern.to_owned()), ..MetaSchema::new("string") };
        MetaSchemaRef::Inline(Box::new(schema))
    };
    let origin =
        "The origin of the page that asks, or `*`, as far as `allowed_origins` of the app lets it; else absent.";
    let id = "Names this request in the log of the server.";
    let mut headers = vec![
        header("Access-Control-Allow-Origin", origin, line(r"^(\*|null|[a-z][a-z0-9+.-]*://\S+)$")),
        header("X-Request-Id", id, line("^[A-Za-z0-9._-]{1,64}$")),
    ];
    if let Some(200..300 | 400..500) = status {
        let policy = "Whose limit counted the request; it passes `q` requests in `w` seconds. Absent if none did.";
        let state = "What is left of it: `r` requests, and all of them again after `t` seconds.";
        headers.push(header("RateLimit-Policy", policy, line(r#"^"[a-z_]+";q=\d+;w=\d+$"#)));
        headers.push(header("RateLimit", state, line(r#"^"[a-z_]+";r=\d+;t=\d+$"#)));
        for (name, description) in [
            ("X-RateLimit-Limit", "The same for older clients: requests that the limit passes at once."),
            ("X-RateLimit-Remaining", "Requests that are left of them."),
            ("X-RateLimit-Reset", "Seconds after which there are all of them again."),
        ] {
            headers.push(header(name, description, u32::schema_ref()));
        }
    }
    if let Some(429 | 503) = status {
        headers.push(header("Retry-After", "Seconds until the next try is worth it.", u32::schema_ref()));
    }
    headers
}

fn scheme(ty: &'static str, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

fn register(registry: &mut Registry) {
    let bearer = "A token of a configured issuer, a session token of this server, or an API key (`ck_…`).";
    registry.create_security_scheme("bearer", MetaSecurityScheme { scheme: Some("bearer"), ..scheme("http", bearer) });
    let key = "An API key (`ck_…`), as `campanile api-key create` shows it once.";
    let key = MetaSecurityScheme { name: Some("X-API-Key"), key_in: Some("header"), ..scheme("apiKey", key) };
    registry.create_security_scheme("apiKey", key);
    let session = "A token in a cookie, as Clerk sets it; counts only from pages of the server's own host or of an \
        origin that `allowed_origins` of the app names exactly. `Authorization` and `X-API-Key` count before it.";
    let session = MetaSecurityScheme { name: Some("__session"), key_in: Some("cookie"), ..scheme("apiKey", session) };
    registry.create_security_scheme("session", session);
}

macro_rules! ways {
    ($($(#[doc = $doc:tt])+ $name:ident $schemes:expr, open: $open:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(in crate::api) struct $name;

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                $schemes.to_vec()
            }

            fn has_security_fallback() -> bool {
                $open
            }

            async fn from_request(
                _request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self)
            }
        }
    )+};
}

ways! {
    /// A program with an API key.
    ByKey ["bearer", "apiKey"], open: false;
    /// A program with an API key, or a person.
    ByKeyOrPerson ["bearer", "apiKey", "session"], open: false;
    /// A person, or a program with an API key on behalf of one.
    ByPerson ["bearer", "apiKey", "session"], open: false;
    /// Anybody, with or without proof.
    ByAnybody ["bearer", "apiKey", "session"], open: true;
}
