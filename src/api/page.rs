//! Pages for people: the first page with its console, the API reference, what problems mean, and the files of all of them. And
//! for programs: where they find what (`discovery`).
//!
//! In development mode `/` shows how to connect and lets a developer try it out; in production mode it says only that the
//! server is up, and there is no console. Nothing a page shows may be markup of somebody else, nothing is loaded from
//! elsewhere, and no secret ever stands in a page.

mod assets;
mod console;
mod discovery;
mod first;
mod headers;
mod markup;
mod problems;
mod reference;
mod snippets;
mod visitor;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use poem::{
    Endpoint, EndpointExt, Request, Response, Route, get, handler,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION},
    },
    post,
    web::{Data, Path},
};
use url::Host;

use self::{headers::Guarded, visitor::Token};
use super::Config;
use crate::{
    ids::AppId,
    services::{Apps, LiveApp},
};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The address that clients use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Clients speak TLS.
    pub tls: bool,
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Prefix of all paths; empty, or with a leading slash and none at the end.
    pub path: String,
}

/// Where the developer finds an app's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretIs {
    /// In the configuration.
    Configured,
    /// In the database, from where a command shows it.
    Stored,
}

/// What the first page tells a developer.
#[derive(Debug)]
pub struct Development {
    /// The apps of this server.
    pub apps: Arc<Apps>,
    /// The app that is shown while it exists, else the first by id; `None` = there was none at the start.
    pub first_app: Option<(AppId, SecretIs)>,
    /// The address that clients use.
    pub address: Address,
    /// Cluster name for client libraries that insist on one.
    pub cluster: String,
    /// When the server was started.
    pub started: DateTime<Utc>,
}

impl Development {
    /// The app that is shown, and where its secret is.
    fn shown(&self) -> Option<(Arc<LiveApp>, SecretIs)> {
        let first = self.first_app.as_ref().and_then(|(id, secret)| Some((self.apps.by_id(id.as_str())?, *secret)));
        let any = || self.apps.all().into_iter().min_by_key(|live| live.app().id.clone());
        first.or_else(|| any().map(|live| (live, SecretIs::Stored)))
    }
}

/// The pages of one running server.
#[derive(Debug)]
pub struct Pages {
    /// The description of the API, made once: it takes a while and anybody may ask for it.
    spec: Bytes,
    /// The description of channels and events.
    events: Bytes,
    /// Absent in production mode.
    development: Option<Development>,
    /// Proves that a request of the console comes from a page of this start.
    token: Token,
}

impl Pages {
    /// Pages below a path prefix; without `development` those of production mode.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(prefix: &str, development: Option<Development>) -> Result<Self, getrandom::Error> {
        let spec = Bytes::from(super::spec_below(prefix));
        let events = Bytes::from(super::asyncapi());
        Ok(Self { spec, events, development, token: Token::draw()? })
    }

    /// What the console is about; in production mode nothing is found.
    fn development(&self) -> poem::Result<&Development> {
        self.development.as_ref().ok_or_else(|| StatusCode::NOT_FOUND.into())
    }
}

pub(super) fn routes(pages: Arc<Pages>, config: Arc<Config>) -> impl Endpoint<Output = Response> {
    let mut routes = Route::new()
        .at("/", get(index))
        .at("/assets/:name", get(file))
        .at("/docs", get(reference_page))
        .at("/openapi.json", get(discovery::api_as_json))
        .at("/openapi.yaml", get(discovery::api_as_yaml))
        .at("/asyncapi.json", get(discovery::events_as_json))
        .at("/asyncapi.yaml", get(discovery::events_as_yaml))
        .at("/.well-known/realtime", get(discovery::realtime))
        .at("/problems", get(problems::list))
        .at("/problems/:code", get(problems::one));
    if pages.development.is_some() {
        routes = routes.at("/console/events", post(console::publish)).at("/console/stats", get(console::stats));
    }
    Guarded(routes.data(pages).data(config))
}

#[handler]
fn index(request: &Request, pages: Data<&Arc<Pages>>) -> Response {
    let Some(development) = &pages.development else {
        return Response::builder().content_type(TEXT).body("Campanile is up.\n");
    };
    let Ok(authority) = visitor::known(request.headers(), &development.address) else {
        return Response::builder().content_type(TEXT).body(
            "Campanile is up.\n\nIts first page is shown under localhost, 127.0.0.1 and the configured public host \
             only, and not through a proxy.\nTo open it under this name, set CAMPANILE_PUBLIC_HOST.\n",
        );
    };
    if let Some(location) = missing_slash(request.original_uri().path()) {
        return Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(LOCATION, location).finish();
    }
    let authority = authority.to_string();
    let policy = headers::first_page(&authority).unwrap_or(headers::NOTHING);
    let page = first::page(development, &pages.token);
    Response::builder().content_type(HTML).header(CONTENT_SECURITY_POLICY, policy).body(page)
}

/// Where the page is whose links are relative, seen from the same path without a slash at the end.
fn missing_slash(path: &str) -> Option<String> {
    let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
    Some(format!("{last}/"))
}

#[handler]
fn file(request: &Request, name: Path<String>) -> poem::Result<Response> {
    assets::serve(&name, request.uri().query()).ok_or_else(|| StatusCode::NOT_FOUND.into())
}

#[handler]
fn reference_page() -> Response {
    let response = Response::builder().content_type(HTML).header(CONTENT_SECURITY_POLICY, headers::REFERENCE);
    response.header(CACHE_CONTROL, "no-cache").body(reference::page())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_slash_at_the_end_leads_to_the_one_with_it() {
        for (path, location) in [("/", None), ("", None), ("/ws/", None), ("/ws", Some("ws/")), ("/a/b", Some("b/"))] {
            assert_eq!(missing_slash(path).as_deref(), location, "{path}");
        }
    }
}
