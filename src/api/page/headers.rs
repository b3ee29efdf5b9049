//! What every answer of a page tells the browser: load nothing from elsewhere, run nothing that is not a file of ours.

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

/// Nothing at all: for texts, data and refusals.
pub(super) const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

/// For pages that are read only: their style and pictures.
pub(super) const PLAIN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// For the reference: its files and the description. Swagger UI draws its icons from `data:` addresses.
pub(super) const REFERENCE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For the first page under `authority`, a host with a port: its files, the console's requests and its socket, which not
/// every browser counts among `'self'`. No text may become markup or script.
pub(super) fn first_page(authority: &str) -> Option<HeaderValue> {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' ws://{authority} wss://{authority}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}

/// Completes the headers of whatever `inner` answers, refusals of the framework included. What is set already stays.
pub(super) struct Guarded<E>(pub(super) E);

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path().to_owned();
        let mut response = match self.0.call(request).await {
            Ok(output) => output.into_response(),
            Err(error) => crate::api::error::plain(&path, error),
        };
        let headers = response.headers_mut();
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        Ok(response)
    }
}
