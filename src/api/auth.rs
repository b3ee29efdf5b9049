//! In front of every route of the Pusher API: which app, is the request authentic, is it within the app's limits?
//!
//! The head is verified before a byte of the body is read; the body is then read once, bounded in size and time, and compared
//! with the MD5 that was signed. The routes behind get the app and may trust that the request is its own.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{
        HeaderValue, Method,
        header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
    },
};
use poem_openapi::{SecurityScheme, auth::ApiKey, error::ParseRequestPayloadError, payload::PlainText};

use super::{
    Config,
    body::{self, Unread},
    error::Refused,
};
use crate::{
    protocol::signature::{self, AuthError, verify_request},
    services::{Apps, LiveApp},
    throttle::Passed,
};

/// How requests prove that they come from the app: HMAC-SHA256 of method, path and query under the app's secret, in lower-case
/// hexadecimal digits, beside `auth_key`, `auth_timestamp`, `auth_version` and `body_md5`. How to make it stands at the top
/// of this description.
#[derive(Debug, SecurityScheme)]
#[oai(rename = "signature", ty = "api_key", key_in = "query", key_name = "auth_signature")]
#[expect(dead_code, reason = "documents the parameter; Signed has verified it before a route is called")]
pub(super) struct Signature(ApiKey);

/// Tells whether requests to this path carry a signature.
pub(super) fn is_signed(path: &str) -> bool {
    path.starts_with("/apps/") || path.starts_with("/users/")
}

/// Lets only signed requests through to `inner`, as far as paths of the Pusher API are concerned.
pub(super) struct Signed<E> {
    inner: E,
    apps: Arc<Apps>,
    config: Arc<Config>,
}

impl<E> Signed<E> {
    pub(super) const fn new(inner: E, apps: Arc<Apps>, config: Arc<Config>) -> Self {
        Self { inner, apps, config }
    }

    /// The app in the path, or, for the path without one that the Python SDK calls to terminate connections, the app whose
    /// key signed the request; the route's path is put right then.
    fn app(&self, request: &mut Request) -> Result<Arc<LiveApp>, Refused> {
        let path = request.uri().path();
        if path.starts_with("/users/") {
            let query = request.uri().query().unwrap_or_default();
            let key = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "auth_key");
            let live = key.and_then(|(_, key)| self.apps.by_key(&key));
            let live =
                live.ok_or_else(|| Refused::NotFound(PlainText("No application has this auth_key.".to_owned())))?;
            if let Ok(uri) = format!("/apps/{}{path}?{query}", live.app().id).parse() {
                *request.uri_mut() = uri;
            }
            return Ok(live);
        }
        let id = app_id(path);
        self.apps.by_id(&id).ok_or_else(|| {
            let shown: String = id.chars().take(64).collect();
            Refused::NotFound(PlainText(format!("No matching application for ID [{shown}].")))
        })
    }

    /// Finds the app and verifies the request; puts the body back for the route.
    async fn admit(&self, request: &mut Request) -> Result<Arc<LiveApp>, Refused> {
        let live = self.app(request)?;
        live.metrics().http_calls_received.inc();
        let app = live.app();
        let path = request.original_uri().path();
        let prefix = self.config.path_prefix.as_str();
        let claimed = signature::Request {
            method: request.method().as_str(),
            path,
            path_without_prefix: path.strip_prefix(prefix).filter(|_| !prefix.is_empty()),
            query: request.uri().query().unwrap_or_default(),
            has_body: has_body(request),
        };
        let unauthorized = |error: AuthError| Refused::Unauthorized(PlainText(error.to_string()));
        let verified = verify_request(&app, claimed, now_seconds()).map_err(unauthorized)?;
        if !app.enabled {
            return Err(Refused::Forbidden(PlainText("The app is disabled.".to_owned())));
        }
        let read = body::arrive(request, self.config.max_request_bytes, self.config.body_timeout);
        let body = read.await.map_err(unread)?;
        live.metrics().http_received_bytes.inc_by(body.len() as u64);
        verified.check_body(&body).map_err(unauthorized)?;
        set_query(request, &verified.parameters)?;
        request.set_body(body);
        Ok(live)
    }
}

/// Tells whether a body follows the head.
fn has_body(request: &Request) -> bool {
    request.headers().contains_key(TRANSFER_ENCODING)
        || request.header(CONTENT_LENGTH).is_some_and(|length| length.trim() != "0")
}

/// The second part of `/apps/{app_id}/…`, decoded.
fn app_id(path: &str) -> String {
    let raw = path.strip_prefix("/apps/").unwrap_or_default().split('/').next().unwrap_or_default();
    url::form_urlencoded::parse(raw.replace('+', "%2B").as_bytes()).next().map_or_else(String::new, |(id, _)| id.into())
}

fn unread(unread: Unread) -> Refused {
    match unread {
        Unread::TooLarge { max } => {
            let text = format!("a request body may have {max} bytes (server setting max_request_bytes)");
            Refused::TooLarge(PlainText(format!("Payload too large: {text}")))
        }
        Unread::Broken(error) => Refused::BadRequest(PlainText(format!("The body cannot be read: {error}"))),
        Unread::Late => Refused::Timeout(PlainText("The body did not arrive in time".to_owned())),
    }
}

fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Publishing counts events, not requests, in the service; everything else counts here.
fn take_read(live: &LiveApp, request: &Request) -> Result<Option<Passed>, Refused> {
    let publishes = request.method() == Method::POST && request.uri().path().ends_with("events");
    let limits = live.limits();
    let Some(limit) = limits.reads.as_ref().filter(|_| !publishes) else { return Ok(None) };
    match limit.take(1) {
        Ok(passed) => Ok(Some(passed)),
        Err(exceeded) => {
            live.metrics().count_rate_limited("reads");
            Err(exceeded.into())
        }
    }
}

/// Tells the state of a limit in the answer's headers.
pub(super) fn tell_limit(response: &mut Response, passed: Passed) {
    let headers = response.headers_mut();
    headers.insert("X-RateLimit-Limit", HeaderValue::from(passed.limit));
    headers.insert("X-RateLimit-Remaining", HeaderValue::from(passed.remaining));
}

/// Gives the routes the query as it was signed: keys in lower case, `info[]=a` and `info[0]=a` joined to one list.
fn set_query(request: &mut Request, parameters: &[(String, String)]) -> Result<(), Refused> {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let uri = format!("{}?{query}", request.uri().path()).parse();
    *request.uri_mut() = uri.map_err(|_too_long| Refused::BadRequest(PlainText("The query is too long".to_owned())))?;
    Ok(())
}

/// SDKs send JSON, some without saying so: the path decides, not the header.
fn set_content_type(request: &mut Request) {
    let is_data = request.uri().path().contains("/channels/");
    let kind = if is_data { "text/plain" } else { "application/json" };
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
}

impl<E: Endpoint> Endpoint for Signed<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if !is_signed(request.uri().path()) {
            return Ok(self.inner.call(request).await?.into_response());
        }
        let live = match self.admit(&mut request).await {
            Ok(live) => live,
            Err(refused) => return Ok(refused.into_response()),
        };
        let passed = match take_read(&live, &request) {
            Ok(passed) => passed,
            Err(refused) => return Ok(refused.into_response()),
        };
        set_content_type(&mut request);
        request.extensions_mut().insert(Arc::clone(&live));
        let mut response = match self.inner.call(request).await {
            Ok(output) => output.into_response(),
            Err(error) => {
                let Some(fault) = error.downcast_ref::<ParseRequestPayloadError>() else { return Err(error) };
                let refused = Refused::BadRequest(PlainText(fault.reason.clone()));
                let parity = live.app().settings.reverb_parity;
                if parity { refused.in_parity() } else { refused }.into_response()
            }
        };
        if let Some(passed) = passed {
            tell_limit(&mut response, passed);
        }
        let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
        live.metrics().http_transmitted_bytes.inc_by(body.size_hint().exact().unwrap_or(0));
        response.set_body(body);
        Ok(response)
    }
}
