//! What may change something is executed to its end, and under an `Idempotency-Key` only once: a POST that is sent again is
//! answered as before.
//!
//! Stands behind everything that refuses without executing: proof, needs, limits, the body's arrival. What was begun goes on
//! when the client hangs up, so that what was written takes effect at once, and that the client's next attempt finds the
//! answer. Only answers to requests that were executed (2xx) are kept: whatever was refused has changed nothing and may come
//! again under its key.

use std::sync::Arc;

use bytes::Bytes;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ETAG, LOCATION},
    },
};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{
    super::problem::Problem,
    Visitor,
    unbroken::{Unbroken, Work},
};
use crate::services::{
    Once, now,
    once::{Begun, KeptAnswer, Keyed, Running},
};

/// The header with the caller's name for the request.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Tells that an answer was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Most characters of a key.
pub(super) const KEY_MAX: usize = 255;

/// Executes requests, whether or not somebody waits for the answer.
#[derive(Debug, Clone)]
pub(super) struct Executor {
    pub(super) once: Arc<Once>,
    /// What was begun; the server waits for it when it goes down.
    pub(super) tasks: TaskTracker,
}

/// The key of a request, if it has one.
///
/// # Errors
/// When it is none, or stands twice.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_legal =
        |text: &&str| (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match value.to_str().ok().filter(is_legal) {
        Some(key) if values.next().is_none() => Ok(Some(key.to_owned())),
        Some(_) => Err(Problem::parameter("Idempotency-Key", "must stand once")),
        None => {
            let right = format!("must be 1 to {KEY_MAX} visible ASCII characters, such as a new UUID for each request");
            Err(Problem::parameter("Idempotency-Key", right))
        }
    }
}

impl Executor {
    /// Executes a request under a key unless it was executed, and answers it. `request` has its body no more: it is `body`.
    pub(super) async fn execute<E>(
        &self,
        inner: &Arc<E>,
        (request, body): (Request, Bytes),
        (key, path): (String, &'static str),
        visitor: Arc<Visitor>,
    ) -> Result<Response, Problem>
    where
        E: Endpoint + 'static,
    {
        let (inner, once) = (Arc::clone(inner), Arc::clone(&self.once));
        let begun = async move {
            let keyed = Keyed {
                caller: &visitor.caller,
                method: request.method().as_str(),
                path: request.uri().path(),
                key: &key,
                query: request.uri().query().unwrap_or_default(),
                body: &body,
            };
            match once.begin(keyed, visitor.now).await.map_err(|error| unreadable(&error))? {
                Begun::Execute(running) => finish(running, call(&*inner, request, path).await).await,
                Begun::Executed(answer) => again(*answer),
                Begun::Reused => {
                    let detail = "This Idempotency-Key was used for another request; choose a new key for each request";
                    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail))
                }
                Begun::InProgress(seconds) => {
                    let detail = "The request with this Idempotency-Key is being executed; ask again for its answer";
                    Err(Problem::new(StatusCode::CONFLICT, "request_in_progress", detail).with_retry(seconds))
                }
            }
        };
        self.go_through_with(Box::pin(begun.in_current_span())).await
    }

    /// Executes a request that has no key.
    pub(super) async fn call<E>(
        &self,
        inner: &Arc<E>,
        request: Request,
        path: &'static str,
    ) -> Result<Response, Problem>
    where
        E: Endpoint + 'static,
    {
        let inner = Arc::clone(inner);
        let begun = async move { call(&*inner, request, path).await };
        self.go_through_with(Box::pin(begun.in_current_span())).await
    }

    /// Goes on when the client hangs up: nothing may be given up between a commit and what follows from it.
    async fn go_through_with(&self, begun: Work<Result<Response, Problem>>) -> Result<Response, Problem> {
        Unbroken::new(begun, self.tasks.clone()).await
    }
}

/// Calls the route at a path of the description.
pub(super) async fn call<E: Endpoint>(inner: &E, request: Request, path: &str) -> Result<Response, Problem> {
    match inner.call(request).await {
        Ok(output) => Ok(output.into_response()),
        Err(error) => Err(Problem::of_framework(&error, path)),
    }
}

fn unreadable(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, "it cannot be told whether a request was executed");
    Problem::unavailable(
        "source_unavailable",
        "whether this request was executed cannot be told now, try again shortly",
    )
}

/// Keeps the answer of a request that was executed, and lets one that was refused come again.
async fn finish(running: Running, outcome: Result<Response, Problem>) -> Result<Response, Problem> {
    let mut response = match outcome {
        Ok(response) if response.status().is_success() => response,
        refused => {
            if let Err(error) = running.refused().await {
                tracing::warn!(%error, "a request that was refused cannot come again under its key for a minute");
            }
            return refused;
        }
    };
    let body = response.take_body().into_bytes().await.map_err(|error| Problem::internal(&error))?;
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = KeptAnswer {
        status: response.status().as_u16(),
        location: text(LOCATION),
        etag: text(ETAG),
        content_type: text(CONTENT_TYPE),
        body: String::from_utf8(body.to_vec()).ok(),
    };
    match running.executed(answer, now()).await {
        Ok(true) => {}
        Ok(false) => tracing::error!("an answer came too late to be kept: sent again, its request is executed again"),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be kept: sent again after a minute, its request is executed again");
        }
    }
    response.set_body(body);
    Ok(response)
}

/// The answer that was given before.
fn again(answer: KeptAnswer) -> Result<Response, Problem> {
    let KeptAnswer { status, location, etag, content_type, body } = answer;
    let Some(body) = body else {
        let detail = format!("The request was executed, with status {status}; its answer was too large to be kept");
        return Err(Problem::new(StatusCode::CONFLICT, "answer_not_kept", detail));
    };
    let status = StatusCode::from_u16(status).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::builder().status(status).body(body);
    let headers = response.headers_mut();
    for (name, value) in [(LOCATION, location), (ETAG, etag), (CONTENT_TYPE, content_type)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_visible_text_of_bounded_length() {
        let found = |values: &[&str]| {
            let headers = values.iter().map(|value| (KEY, HeaderValue::from_str(value).unwrap()));
            key(&headers.collect()).map_err(|problem| problem.code())
        };
        let (longest, longer) = ("k".repeat(KEY_MAX), "k".repeat(KEY_MAX + 1));
        assert_eq!(found(&[]), Ok(None));
        for legal in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "!~", &longest] {
            assert_eq!(found(&[legal]), Ok(Some(legal.to_owned())));
        }
        for other in [&[""][..], &["a b"], &["\u{e9}"], &[&longer], &["a", "a"]] {
            assert_eq!(found(other), Err("invalid_parameter"), "{other:?}");
        }
    }
}
