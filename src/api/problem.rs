//! How the REST API refuses: `application/problem+json` (RFC 9457), the same shape for every fault.
//!
//! A [`Problem`] travels as an error up to the door in front of all routes, which knows the id of the request and makes a
//! body of it. Statuses of the REST API are decided here and in the `From` impls of its resources. The Pusher API
//! speaks its own words, see `api/error.rs`.

use std::{borrow::Cow, fmt, marker::PhantomData};

use poem::{
    Response,
    error::ResponseError,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
};
use poem_openapi::{
    ApiResponse, Object,
    error::{ParseParamError, ParsePathError, ParseRequestPayloadError},
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{Example, ToJSON, Type},
};

use super::caller::limit::Told;
use crate::throttle::Exceeded;

/// Media type of every refusal.
const MEDIA: &str = "application/problem+json";

/// Why a request was refused.
#[derive(Debug, Object)]
#[oai(rename = "Problem", example)]
struct ProblemView {
    /// Names the kind of problem, relative to this server: `/problems/` and the code.
    #[oai(rename = "type", validator(max_length = 100))]
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
    /// Stable name of the kind, for programs.
    #[oai(validator(max_length = 64))]
    code: String,
    /// The same as `title`, for clients that look for it here.
    #[oai(validator(max_length = 100))]
    error: String,
    /// What is wrong with single fields or parameters, if that is the problem.
    #[oai(validator(max_items = 100))]
    errors: Vec<FieldView>,
    /// Names this request in the log of the server; also in the header `X-Request-Id`.
    #[oai(validator(max_length = 64))]
    request_id: String,
}

impl Example for ProblemView {
    fn example() -> Self {
        let field = Field::at("/role", "invalid", "'teacher' is no role; there are student, assistant, …".to_owned());
        Problem::fields(vec![field]).view("5f3c1d0a9b7e4c21")
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
        Self { at: Where::Pointer(pointer.to_owned()), code, message }
    }

    /// The same fault in a body in which the value stands at this pointer.
    pub(super) fn below(mut self, pointer: &str) -> Self {
        if let Where::Pointer(inner) = &mut self.at {
            inner.insert_str(0, pointer);
        }
        self
    }

    /// A fault of a parameter.
    fn of(parameter: &str, message: String) -> Self {
        Self { at: Where::Parameter(parameter.to_owned()), code: "invalid", message }
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

/// A refusal on its way to the door.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Field>,
    /// When it is worth another try, in seconds.
    retry_after: Option<u64>,
    /// The limit that was reached.
    limit: Option<Told>,
    /// Header with what would be right: `Allow`, `Accept`, `WWW-Authenticate`.
    header: Option<(&'static str, Cow<'static, str>)>,
}

impl Problem {
    /// A refusal with this status; `detail` says what would be right.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None, limit: None, header: None }
    }

    /// 400: the request cannot be understood.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400: a parameter in path, query or header is none.
    pub(super) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let field = Field::of(name, message.into());
        let problem = Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", field.to_string());
        Self { errors: vec![field], ..problem }
    }

    /// 401: nobody known calls, and the route is not for everybody.
    pub(super) fn unknown_caller(code: &'static str, detail: impl Into<String>) -> Self {
        let header = Some(("WWW-Authenticate", "Bearer realm=\"campanile\"".into()));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, code, detail) }
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
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        Self { header: Some(("Allow", allow.into())), ..problem }
    }

    /// 415, with the media type that would be right.
    pub(super) fn wrong_media(accept: &'static str, got: &str) -> Self {
        let got: String = got.chars().take(100).collect();
        let detail = format!("The body must be sent with 'Content-Type: {accept}', not '{got}'");
        let problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
        Self { header: Some(("Accept", accept.into())), ..problem }
    }

    /// 422: fields of the body are wrong.
    pub(super) fn fields(errors: Vec<Field>) -> Self {
        let detail = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", detail) }
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
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// What a route or the framework refused.
    pub(super) fn of_framework(error: &poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::parameter(name, without_type(reason));
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::parameter(name, without_type(reason));
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

    /// The same with the limit that was reached.
    pub(super) fn with_limit(self, limit: Told) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The limit that was reached.
    pub(super) const fn limit(&self) -> Option<&Told> {
        self.limit.as_ref()
    }

    /// Stable name of the problem.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, in one text.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn view(self, request_id: &str) -> ProblemView {
        let title = title(self.status);
        ProblemView {
            kind: format!("/problems/{}", self.code),
            title: title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.to_owned(),
            error: title.to_owned(),
            errors: self.errors.into_iter().map(FieldView::from).collect(),
            request_id: request_id.to_owned(),
        }
    }

    /// The answer with its body.
    pub(super) fn answer(self, request_id: &str) -> Response {
        let (status, retry_after, limit) = (self.status, self.retry_after, self.limit);
        let header = self.header.clone();
        let body = self.view(request_id).to_json_string();
        let mut response = Response::builder().status(status).body(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if let Some(seconds) = retry_after {
            headers.insert("Retry-After", HeaderValue::from(seconds));
        }
        if let Some((name, value)) = header.and_then(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
        {
            headers.insert(name, value);
        }
        if let Some(limit) = limit {
            limit.write(&mut response);
        }
        response
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let seconds = exceeded.retry_after.as_secs_f64().ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds, never negative")]
        let retry_after = Some(seconds as u64);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", exceeded.to_string()) }
    }
}

/// The reason without the name of the framework's type in front of it.
fn without_type(reason: &str) -> &str {
    let rest = reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": "));
    rest.map_or(reason, |(_, rest)| rest)
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
        410 => "Forgotten",
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

/// What the statuses of refusals mean, as the description of the API says it.
const MEANINGS: [(u16, &str); 14] = [
    (400, "The request cannot be understood: a parameter, a header or the syntax of the body is wrong."),
    (401, "There is no proof of who is calling, or it does not hold."),
    (403, "Whoever calls may not do this; `code` says why."),
    (404, "There is no such thing, or it is not the caller's: both look the same."),
    (408, "The body did not arrive in time."),
    (409, "In conflict with what is there already."),
    (410, "What was asked for was there and is forgotten."),
    (412, "The object has another version than `If-Match` says."),
    (413, "The body is too large."),
    (415, "The body has a media type that is not understood; `Accept` names the right one."),
    (422, "Fields of the body are wrong; `errors` says which and what would be right."),
    (429, "Too many requests; come back after the seconds in `Retry-After`."),
    (500, "Something went wrong in the server; its log says what."),
    (503, "What the answer needs is not available right now; try again after `Retry-After`."),
];

/// Which refusals a group of routes knows.
pub(super) trait Statuses: Send + Sync + 'static {
    /// Statuses of the refusals.
    const STATUSES: &'static [u16];
}

/// Routes that read.
#[derive(Debug)]
pub(super) struct Reading;

/// Routes that read what is forgotten some day.
#[derive(Debug)]
pub(super) struct Following;

/// Routes that authorize sockets.
#[derive(Debug)]
pub(super) struct Asking;

/// Routes that take a JSON body.
#[derive(Debug)]
pub(super) struct Writing;

impl Statuses for Reading {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 429, 500, 503];
}

impl Statuses for Following {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 410, 429, 500, 503];
}

impl Statuses for Asking {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 413, 415, 429, 500, 503];
}

impl Statuses for Writing {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503];
}

/// A [`Problem`] as the answer of a route.
#[derive(Debug)]
pub(super) struct Fault<S>(Problem, PhantomData<S>);

impl<S, P: Into<Problem>> From<P> for Fault<S> {
    fn from(problem: P) -> Self {
        Self(problem.into(), PhantomData)
    }
}

impl<S: Statuses> From<Fault<S>> for poem::Error {
    fn from(fault: Fault<S>) -> Self {
        fault.0.into()
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }
}

/// The body of a refusal, for the description.
struct Body;

impl Payload for Body {
    const CONTENT_TYPE: &'static str = MEDIA;

    fn schema_ref() -> MetaSchemaRef {
        ProblemView::schema_ref()
    }

    fn register(registry: &mut Registry) {
        ProblemView::register(registry);
    }
}

impl<S: Statuses> ApiResponse for Fault<S> {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: MEDIA, schema: Body::schema_ref() }],
            headers: Vec::new(),
        };
        let known = MEANINGS.iter().filter(|(status, _)| S::STATUSES.contains(status));
        MetaResponses { responses: known.map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        Body::register(registry);
    }
}
