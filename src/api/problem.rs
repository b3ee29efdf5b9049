//! How the REST API refuses: `application/problem+json` (RFC 9457), the same shape for every fault.
//!
//! A [`Problem`] travels as an error up to the door in front of all routes, which knows the id of the request and makes a
//! body of it. Statuses of the REST API are decided here and in the `From` impls of its resources. The Pusher API
//! speaks its own words, see `api/error.rs`.

mod described;
mod examples;
pub(super) mod kinds;
pub(super) mod plain;

use std::{borrow::Cow, fmt};

use poem::{
    Response,
    error::ResponseError,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
};
use poem_openapi::{
    Object,
    error::{ParseParamError, ParsePathError, ParseRequestPayloadError},
    types::{Example, ToJSON},
};

pub(super) use self::{
    described::{Asking, Fault, Following, Leading, Reading, Voting, Writing, responses},
    examples::{Exemplar, example, is_answered},
};
use super::{caller::limit::Told, list::StreamView};
use crate::throttle::Exceeded;

/// Media type of every refusal.
pub(super) const MEDIA: &str = "application/problem+json";

/// Most characters of a text that says what is wrong. Texts repeat what was sent, which may be as long as a body.
const TEXT_MAX: usize = 2_000;

/// Most characters of a pointer.
const POINTER_MAX: usize = 500;

/// Most characters of the name of a parameter.
const PARAMETER_MAX: usize = 64;

/// Most fields that are named.
const FIELDS_MAX: usize = 100;

/// Cuts a text to a number of characters, the last of which says so.
fn cut(mut text: String, max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max) else { return text };
    let last = text.char_indices().nth(max.saturating_sub(1)).map_or(end, |(last, _)| last);
    text.truncate(last);
    text.push('…');
    text
}

/// Why a request was refused.
#[derive(Debug, Object)]
#[oai(rename = "Problem", example)]
struct ProblemView {
    /// Names the kind of problem: the path of a page that says what it means and what to do.
    #[oai(rename = "type", validator(max_length = 300))]
    kind: String,
    /// The kind of problem in a few words.
    #[oai(validator(max_length = 100))]
    title: String,
    /// Status of the answer.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    status: u16,
    /// What was wrong with this request, and what would be right.
    #[oai(validator(max_length = 2_000))]
    detail: String,
    /// Path of the request; absent where it is longer than 2,000 characters.
    #[oai(skip_serializing_if_is_none, validator(max_length = 2_000))]
    instance: Option<String>,
    /// Stable name of the kind, for programs.
    #[oai(validator(max_length = 64))]
    code: String,
    /// The same as `title`, for clients that look for it here.
    #[oai(validator(max_length = 100))]
    error: String,
    /// What is wrong with single fields or parameters, if that is the problem.
    #[oai(validator(max_items = 100))]
    errors: Vec<FieldView>,
    /// How far the stream has come, when the problem is that not all of it is kept.
    #[oai(skip_serializing_if_is_none)]
    stream: Option<StreamView>,
    /// Names this request in the log of the server; also in the header `X-Request-Id`.
    #[oai(validator(max_length = 64))]
    request_id: String,
}

impl Example for ProblemView {
    fn example() -> Self {
        let field = Field::at("/role", "invalid", "'teacher' is no role; there are student, assistant, …".to_owned());
        Problem::fields(vec![field]).view(("5f3c1d0a9b7e4c21", "/api/enrollments/e7"), "")
    }
}

/// What is wrong with one field or parameter.
#[derive(Debug, Object)]
#[oai(rename = "ProblemField")]
pub(super) struct FieldView {
    /// JSON pointer to the field of the body; empty for the whole body.
    #[oai(skip_serializing_if_is_none, validator(max_length = 500))]
    pointer: Option<String>,
    /// Name of the parameter in path, query or header.
    #[oai(skip_serializing_if_is_none, validator(max_length = 64))]
    parameter: Option<String>,
    /// Stable name of the fault, for programs.
    #[oai(validator(max_length = 64))]
    code: String,
    /// What is wrong, and what would be right.
    #[oai(validator(max_length = 2_000))]
    message: String,
}

impl From<Field> for FieldView {
    fn from(Field { at, code, message }: Field) -> Self {
        let (pointer, parameter) = match at {
            Where::Pointer(pointer) => (Some(pointer), None),
            Where::Parameter(name) => (None, Some(name)),
        };
        Self { pointer, parameter, code: code.to_owned(), message }
    }
}

/// Where a fault is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    /// JSON pointer into the body.
    Pointer(String),
    /// Name of a parameter.
    Parameter(String),
}

/// What is wrong with one field or parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    at: Where,
    code: &'static str,
    message: String,
}

impl Field {
    /// A fault of the field that a JSON pointer names.
    pub(super) fn at(pointer: &str, code: &'static str, message: String) -> Self {
        Self { at: Where::Pointer(cut(pointer.to_owned(), POINTER_MAX)), code, message: cut(message, TEXT_MAX) }
    }

    /// The same fault in a body in which the value stands at this pointer.
    pub(super) fn below(mut self, pointer: &str) -> Self {
        if let Where::Pointer(inner) = &mut self.at {
            *inner = cut(format!("{pointer}{inner}"), POINTER_MAX);
        }
        self
    }

    /// A fault of a parameter.
    fn of(parameter: &str, message: String) -> Self {
        let at = Where::Parameter(cut(parameter.to_owned(), PARAMETER_MAX));
        Self { at, code: "invalid", message: cut(message, TEXT_MAX) }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Where::Pointer(pointer) if pointer.is_empty() => write!(f, "{}", self.message),
            Where::Pointer(name) | Where::Parameter(name) => write!(f, "{name}: {}", self.message),
        }
    }
}

/// A refusal on its way to the door. Boxed, because it travels where answers do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.detail)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Field>,
    /// When it is worth another try, in seconds.
    retry_after: Option<u64>,
    /// The limit that was reached.
    limit: Option<Told>,
    /// How far the stream in question has come.
    stream: Option<StreamView>,
    /// Header with what would be right: `Allow`, `Accept`, `WWW-Authenticate`.
    header: Option<(&'static str, Cow<'static, str>)>,
}

impl Problem {
    /// A refusal with this status and a code of [`kinds::KINDS`]; `detail` says what would be right.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(kinds::find(code).is_some(), "'{code}' is missing in problem/kinds.rs");
        let (detail, errors) = (cut(detail.into(), TEXT_MAX), Vec::new());
        Self(Box::new(Parts {
            status,
            code,
            detail,
            errors,
            retry_after: None,
            limit: None,
            stream: None,
            header: None,
        }))
    }

    /// The same with what is wrong with single fields.
    pub(super) fn with_errors(mut self, mut errors: Vec<Field>) -> Self {
        errors.truncate(FIELDS_MAX);
        self.0.errors = errors;
        self
    }

    fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.0.header = Some((name, value.into()));
        self
    }

    /// The same with the seconds after which it is worth another try.
    pub(super) fn with_retry(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The same with the limit that was reached.
    pub(super) fn with_limit(mut self, limit: Told) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// The same with how far the stream in question has come.
    pub(super) fn with_stream(mut self, stream: StreamView) -> Self {
        self.0.stream = Some(stream);
        self
    }

    /// 400: the request cannot be understood.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400: a parameter in path, query or header is none.
    pub(super) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let field = Field::of(name, message.into());
        Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", field.to_string()).with_errors(vec![field])
    }

    /// 401: nobody known calls, and the route is not for everybody.
    pub(super) fn unknown_caller(code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, code, detail);
        problem.with_header("WWW-Authenticate", "Bearer realm=\"campanile\"")
    }

    /// 403: whoever calls may not do this.
    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: what is not there and what is somebody else's look the same.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 405, with the methods that the path has.
    pub(super) fn wrong_method(allow: String) -> Self {
        let detail = format!("This path answers {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).with_header("Allow", allow)
    }

    /// 415, with the media type that would be right.
    pub(super) fn wrong_media(accept: &'static str, got: &str) -> Self {
        let got: String = got.chars().take(100).collect();
        let detail = format!("The body must be sent with 'Content-Type: {accept}', not '{got}'");
        let problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
        problem.with_header("Accept", accept)
    }

    /// 422: fields of the body are wrong.
    pub(super) fn fields(errors: Vec<Field>) -> Self {
        let detail = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", detail).with_errors(errors)
    }

    /// 500; the cause goes to the log and not to the caller.
    pub(super) fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong in the server; its log says what",
        )
    }

    /// 503: what the answer needs is not there right now.
    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry(1)
    }

    /// 429, with the seconds after which it is worth another try.
    pub(super) fn too_many(detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).with_retry(seconds)
    }

    /// What a route or the framework refused; `path` is the path as in the description, which knows the names of its parameters.
    pub(super) fn of_framework(error: &poem::Error, path: &str) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::parameter(name, plain::of_parameter(reason));
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::parameter(path_parameter(path, name), plain::of_parameter(reason));
        }
        if let Some(ParseRequestPayloadError { reason }) = error.downcast_ref() {
            return Self::malformed(reason.as_str());
        }
        match error.status() {
            StatusCode::NOT_FOUND => Self::no_route(),
            status if status.is_client_error() => Self::new(status, "malformed_request", error.to_string()),
            _ => Self::internal(error),
        }
    }

    /// 404 for a path that is no route.
    pub(super) fn no_route() -> Self {
        Self::not_found("There is no such route; /docs shows the routes of this server")
    }

    /// The limit that was reached.
    pub(super) fn limit(&self) -> Option<&Told> {
        self.0.limit.as_ref()
    }

    /// Stable name of the problem.
    pub(super) fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is wrong, in one text.
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    fn view(&self, (request_id, path): (&str, &str), prefix: &str) -> ProblemView {
        let Parts { status, code, detail, errors, stream, .. } = &*self.0;
        let title = title(*status);
        ProblemView {
            kind: format!("{prefix}/problems/{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.clone(),
            instance: (path.chars().count() <= TEXT_MAX).then(|| path.to_owned()),
            code: (*code).to_owned(),
            error: title.to_owned(),
            errors: errors.iter().cloned().map(FieldView::from).collect(),
            stream: stream.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The answer to a request, by its id and path, of a server with this path prefix.
    pub(super) fn answer(&self, request: (&str, &str), prefix: &str) -> Response {
        let Parts { status, retry_after, limit, header, .. } = &*self.0;
        let mut response = Response::builder().status(*status).body(self.view(request, prefix).to_json_string());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if let Some(seconds) = retry_after {
            headers.insert("Retry-After", HeaderValue::from(*seconds));
        }
        if let Some((name, text)) = header
            && let Ok(value) = HeaderValue::from_str(text)
        {
            headers.insert(*name, value);
        }
        if let Some(limit) = limit {
            limit.write(&mut response);
        }
        response
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        Self::too_many(exceeded.to_string(), exceeded.retry_seconds())
    }
}

/// The name of a path parameter, which the framework calls `param` and its place.
fn path_parameter<'a>(path: &'a str, framework: &'a str) -> &'a str {
    let mut names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let place = framework.strip_prefix("param").and_then(|place| place.parse().ok());
    place.and_then(|place| names.nth(place)).unwrap_or(framework)
}

/// The kind of problem in a few words.
fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The request cannot be understood",
        401 => "Who is calling is not known",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Not with this method",
        408 => "The request took too long",
        410 => "Over",
        409 => "In conflict with what is there",
        412 => "Changed in the meantime",
        413 => "The body is too large",
        415 => "Not in this media type",
        422 => "Some fields are wrong",
        429 => "Too many requests",
        503 => "Not available right now",
        _ => "Something went wrong",
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.status
    }
}
