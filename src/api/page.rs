//! Pages for people: the first page, the API reference.
//!
//! In production mode `/` says only that the server is up.

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::StatusCode, web::Data};

/// What the pages show.
#[derive(Debug)]
pub struct Pages {
    /// The reference page, whole.
    reference: String,
}

impl Pages {
    /// Renders what does not change.
    #[must_use]
    pub fn new() -> Self {
        Self { reference: super::reference_html() }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn routes(pages: Arc<Pages>) -> impl Endpoint<Output = Response> {
    Route::new().at("/", get(index)).at("/docs", get(reference)).at("/openapi.json", get(description)).data(pages)
}

#[handler]
fn index() -> Response {
    Response::builder().content_type("text/plain; charset=utf-8").body("Campanile is up.\n")
}

#[handler]
fn reference(pages: Data<&Arc<Pages>>) -> Response {
    Response::builder().content_type("text/html; charset=utf-8").body(pages.reference.clone())
}

#[handler]
fn description() -> Response {
    Response::builder().status(StatusCode::OK).content_type("application/json").body(super::spec())
}
