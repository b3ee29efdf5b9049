//! How refusals look over HTTP: a status and a short text that says what would be right.
//!
//! Plain text, because the PHP SDK shows the body to the developer as it is. Statuses are decided here and nowhere else.

use poem::{
    Response,
    http::{StatusCode, header::ALLOW},
};
use poem_openapi::{ApiResponse, payload::PlainText};

use crate::{
    services::{channels, publish},
    throttle::Exceeded,
};

/// A refused request.
#[derive(Debug, ApiResponse)]
pub(super) enum Refused {
    /// The request cannot be understood; the text says which part and what would be right.
    #[oai(status = 400)]
    BadRequest(PlainText<String>),
    /// The signature is missing or wrong, or too old.
    #[oai(status = 401)]
    Unauthorized(PlainText<String>),
    /// The app is disabled.
    #[oai(status = 403)]
    Forbidden(PlainText<String>),
    /// There is no app of this id, or no such route.
    #[oai(status = 404)]
    NotFound(PlainText<String>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    Timeout(PlainText<String>),
    /// The body, or the data of an event, is too large.
    #[oai(status = 413)]
    TooLarge(PlainText<String>),
    /// What 400 says about a body, for apps with `reverb_parity`.
    #[oai(status = 422)]
    Unprocessable(PlainText<String>),
    /// Too many requests; come back after the time in `Retry-After`.
    #[oai(status = 429)]
    TooMany(
        PlainText<String>,
        /// Seconds until the next request may pass.
        #[oai(header = "Retry-After")]
        u64,
        /// Requests or events per second.
        #[oai(header = "X-RateLimit-Limit")]
        u32,
        /// What is left of them now: none.
        #[oai(header = "X-RateLimit-Remaining")]
        u32,
    ),
}

impl Refused {
    /// The form in which Reverb refuses a body that cannot be used.
    pub(super) fn in_parity(self) -> Self {
        match self {
            Self::BadRequest(text) => Self::Unprocessable(text),
            other => other,
        }
    }
}

impl From<publish::Error> for Refused {
    fn from(error: publish::Error) -> Self {
        use publish::Error as E;
        match error {
            E::NameEmpty
            | E::NameTooLong { .. }
            | E::NameReserved
            | E::NoChannel
            | E::TooManyChannels { .. }
            | E::ChannelName { .. }
            | E::BatchTooLong { .. } => Self::BadRequest(PlainText(error.to_string())),
            E::DataTooLarge { .. } => Self::TooLarge(PlainText(error.to_string())),
            E::RateLimited(exceeded) => exceeded.into(),
        }
    }
}

impl From<channels::Error> for Refused {
    fn from(error: channels::Error) -> Self {
        use channels::Error as E;
        match error {
            E::UnknownAttribute(_) | E::UserCountNotPresence | E::UsersNotPresence | E::ChannelName(_) => {
                Self::BadRequest(PlainText(error.to_string()))
            }
        }
    }
}

impl From<Exceeded> for Refused {
    fn from(exceeded: Exceeded) -> Self {
        Self::TooMany(PlainText(format!("Too many requests: {exceeded}")), exceeded.retry_seconds(), exceeded.limit, 0)
    }
}

/// Turns what the framework refuses into the same form; the cause of a 5xx goes to the log only.
pub(super) fn plain(path: &str, error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let status = error.status();
    let text = if status.is_server_error() {
        tracing::error!(%error, "request failed");
        "Internal server error".to_owned()
    } else if status == StatusCode::NOT_FOUND {
        "Not found: /docs shows the routes of this server".to_owned()
    } else {
        error.to_string()
    };
    let mut response = Response::builder().status(status).content_type("text/plain; charset=utf-8");
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response = response.header(ALLOW, if publishes(path) { "POST" } else { "GET, HEAD" });
    }
    response.body(text)
}

/// Tells whether a path outside of the REST API takes POST; all others are read.
fn publishes(path: &str) -> bool {
    path.ends_with("/events") || path.ends_with("/batch_events") || path.ends_with("/terminate_connections")
}
