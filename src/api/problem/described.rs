//! Refusals in the description of the API: which group of routes knows which, and what each means.

use std::marker::PhantomData;

use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{MEDIA, Problem, ProblemView};

/// What the statuses of refusals mean, as the description of the API says it.
const MEANINGS: [(u16, &str); 14] = [
    (400, "The request cannot be understood: a parameter, a header or the syntax of the body is wrong."),
    (401, "There is no proof of who is calling, or it does not hold."),
    (403, "Whoever calls may not do this; `code` says why."),
    (404, "There is no such thing, or it is not the caller's: both look the same."),
    (408, "The body did not arrive in time."),
    (409, "In conflict with what is there already."),
    (410, "What was asked for is over: closed, or forgotten."),
    (412, "The object has another version than `If-Match` says."),
    (413, "The body is too large."),
    (415, "The body has a media type that is not understood; `Accept` names the right one."),
    (422, "Fields of the body are wrong; `errors` says which and what would be right."),
    (429, "Too many requests; come back after the seconds in `Retry-After`."),
    (500, "Something went wrong in the server; its log says what."),
    (503, "What the answer needs is not available right now; try again after `Retry-After`."),
];

/// Which refusals a group of routes knows.
pub(in crate::api) trait Statuses: Send + Sync + 'static {
    /// Statuses of the refusals.
    const STATUSES: &'static [u16];
}

/// Routes that read.
#[derive(Debug)]
pub(in crate::api) struct Reading;

/// Routes that read what is forgotten some day.
#[derive(Debug)]
pub(in crate::api) struct Following;

/// Routes that authorize sockets.
#[derive(Debug)]
pub(in crate::api) struct Asking;

/// Routes that do something without a body.
#[derive(Debug)]
pub(in crate::api) struct Leading;

/// Routes that take a JSON body, and are over some day.
#[derive(Debug)]
pub(in crate::api) struct Voting;

/// Routes that take a JSON body.
#[derive(Debug)]
pub(in crate::api) struct Writing;

impl Statuses for Reading {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 429, 500, 503];
}

impl Statuses for Following {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 410, 429, 500, 503];
}

impl Statuses for Asking {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 413, 415, 429, 500, 503];
}

impl Statuses for Leading {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 500, 503];
}

impl Statuses for Voting {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 422, 429, 500, 503];
}

impl Statuses for Writing {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503];
}

/// Refusals with these statuses.
pub(in crate::api) fn responses(statuses: &[u16]) -> impl Iterator<Item = MetaResponse> {
    let known = MEANINGS.iter().filter(|(status, _)| statuses.contains(status));
    known.map(|(status, description)| MetaResponse {
        description,
        status: Some(*status),
        status_range: None,
        content: vec![MetaMediaType { content_type: MEDIA, schema: ProblemView::schema_ref() }],
        headers: Vec::new(),
    })
}

/// A [`Problem`] as the answer of a route.
#[derive(Debug)]
pub(in crate::api) struct Fault<S>(Problem, PhantomData<S>);

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

impl<S: Statuses> ApiResponse for Fault<S> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: responses(S::STATUSES).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemView::register(registry);
    }
}
