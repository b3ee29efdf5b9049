//! The HTTP door: every route is described in `openapi/campanile.json`.
//!
//! Translates between HTTP and the services, and decides nothing. One resource a file; [`auth`] is in front of all routes of
//! the Pusher API, `caller` in front of the REST API. [`spec`] and [`asyncapi()`] are the descriptions as `campanile openapi` and
//! `campanile asyncapi` write them.

mod access;
mod answer;
mod asyncapi;
mod audience;
mod audit;
pub mod auth;
mod body;
mod broadcast;
mod cache_view;
mod caller;
mod caught;
mod channel_auth;
mod chat;
mod error;
mod file;
mod health;
mod list;
mod moderation;
mod notification;
pub mod page;
mod poll;
mod presence;
mod problem;
mod pusher_channels;
mod pusher_events;
mod pusher_users;
mod reached;
mod realtime;
mod roster;
mod sample;
mod spec;
mod streams;
mod strict;
mod typing;
mod version;
mod webhook;
mod word;
mod word_list;

use std::{net::IpAddr, sync::Arc};

use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, http::StatusCode};
use poem_openapi::{OpenApiService, Tags};
use tokio_util::task::TaskTracker;
use url::Host;

pub use self::{asyncapi::asyncapi, reached::ToldByProxy};
use self::{
    caller::{describe::Rest, query::Queries},
    caught::caught,
    reached::{Authority, is_forwarded},
};
use crate::{
    services::{
        Apps, Callers, Chats, Once, Teller, audit::Audit, broadcast::Broadcasts, broadcast_log::BroadcastLog,
        notification::Notifications, poll::Polls, roster::Roster, streams::Streams,
    },
    throttle::{Keyed, Network},
};

/// How HTTP requests are treated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Largest request body in bytes. Above: 413. Default 1 MiB.
    pub max_request_bytes: usize,
    /// How long a request body may take to arrive. Then 408. Default 10 s.
    pub body_timeout: std::time::Duration,
    /// Prefix of all paths; empty, or with a leading slash and none at the end. Some SDKs sign without it.
    pub path_prefix: String,
    /// Serve the Pusher API. When not, its paths are 404. Default true.
    pub pusher: bool,
    /// Largest body of a batch of roster operations in bytes. Above: 413. Default 16 MiB, or `max_request_bytes` if that is
    /// more.
    pub max_batch_bytes: usize,
    /// `development` or `production`.
    pub mode: &'static str,
    /// Host that clients use. Default `localhost`.
    pub public_host: Host,
    /// Where sockets are opened, such as `wss://rt.school.example`, with the path prefix.
    pub socket_url: String,
    /// Cluster name for clients that insist on one. Default `mt1`.
    pub cluster: String,
    /// Callers who are not known may trigger events, from everywhere. Default false: only in development, from this machine,
    /// under a name of it or the public host, and not through a proxy that is not trusted.
    pub trigger_open: bool,
    /// How often a stream of events says that it is still there. Default 15 s.
    pub heartbeat: std::time::Duration,
}

impl Config {
    /// Tells whether whoever sent this request from this address may trigger events without proof.
    fn takes_triggers_of(&self, request: &Request, address: IpAddr) -> bool {
        let is_of_this_machine = || {
            address.to_canonical().is_loopback()
                && Authority::own(request.headers(), &self.public_host).is_some()
                && (request.data::<ToldByProxy>().is_some() || !is_forwarded(request.headers()))
        };
        self.trigger_open || (self.mode == "development" && is_of_this_machine())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_request_bytes: 1 << 20,
            body_timeout: std::time::Duration::from_secs(10),
            path_prefix: String::new(),
            pusher: true,
            max_batch_bytes: 16 << 20,
            mode: "production",
            public_host: Host::Domain("localhost".to_owned()),
            socket_url: String::new(),
            cluster: "mt1".to_owned(),
            trigger_open: false,
            heartbeat: std::time::Duration::from_secs(15),
        }
    }
}

/// Groups of routes in the description.
#[derive(Debug, Tags)]
enum Group {
    /// Publish events to channels.
    Events,
    /// Ask which channels are occupied, by how many and by whom.
    Channels,
    /// Act on signed-in users.
    Users,
    /// Ask whether somebody may subscribe or sign in. Stock clients do so by themselves.
    Authorization,
    /// What the learning platform tells: people, courses and who is enrolled in what.
    Roster,
    /// Explain who may hear what, and take it away.
    Access,
    /// Look up who did what to whom.
    Audit,
    /// Tell one person or many something that they can look up later.
    Notifications,
    /// Tell many an event of the application's own, and look up what was told.
    Broadcasts,
    /// Say something to each other, and keep it civil.
    Chat,
    /// Ask a class, count its votes, show the results.
    Polls,
    /// Follow what happens, also after an absence.
    Streams,
    /// Where to connect, and what time it is there.
    Realtime,
    /// Who is online, and what they say about themselves.
    Presence,
    /// Who is typing.
    Typing,
    /// Is the server alive?
    Health,
}

const DESCRIPTION: &str = "\
The HTTP API of Campanile, a real-time server for learning platforms.

Routes under `/apps/{app_id}` speak the Pusher HTTP API: every Pusher and Laravel Reverb server SDK works unchanged, and is \
the easiest way to call them. Each request is signed with the app's secret.

To sign a request, put `auth_key` (the app's key), `auth_timestamp` (seconds since 1970, within 600 s of the server's \
clock), `auth_version=1.0` and, with a body, `body_md5` (the body's MD5 in lower-case hexadecimal digits) into the query. \
Join the upper-case method, the path, and all query parameters sorted by key (`k=v` with `&` between, not URL-encoded) with \
newlines. `auth_signature` is the HMAC-SHA256 of that text under the secret, in lower-case hexadecimal digits.

Bounds in this description are the widest an app can be given; most apps have tighter limits, and each refusal names the \
limit and the app setting behind it. Errors of the Pusher HTTP API are short plain texts that say what would be right.

Routes under `/api`, and those under `/broadcasting` and `/pusher` that authorize subscriptions, are the REST API of the \
learning platform. A caller proves who it is with `Authorization: Bearer`: a program with an API key, which \
`campanile api-key create` makes, a person with a token of a configured issuer or of this server. A key belongs to one app and \
sees nothing of others; each operation names the scope that it needs.

Whatever is refused is a problem (RFC 9457, `application/problem+json`): `code` is stable and for programs, `type` leads \
to a page that says what it means and what to do (`/problems` has them all), `detail` says what would be right, `errors` points to single fields, `request_id` finds the request in the log of the server. What is not there \
and what belongs to another app look the same. Fields and query parameters that are not known are refused.

Writes are idempotent: put the same once more and nothing changes. An answer that shows an object has its version as `ETag`; \
`If-Match` writes only over that version. A POST may carry an `Idempotency-Key`, the caller's own name for the request: sent \
again within 24 hours it is not executed again, but answered as the first time, with `Idempotent-Replayed: true`. Another body \
under the same key is refused (422 `idempotency_key_reused`), a second request while the first is executed has to ask again \
(409 `request_in_progress`). Only answers to executed requests (2xx) are kept, up to 256 KiB each and 10,000 of one caller; a \
larger one is not given again (409 `answer_not_kept`). Whatever was refused has changed nothing and may be sent again under its \
key. A request without proof, and one that asks for the authorization of a socket, needs no key; it is ignored there. Lists go by `limit` and `cursor`: as long as `has_more` is true, ask again with \
`next_cursor`. Times are RFC 3339, in UTC to the millisecond; what is empty is left out. Requests are limited by user, by API \
key, by app and, without proof, by address; `RateLimit-Policy` and `RateLimit` tell the limit that is nearest, and so do \
`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`. Pages of other \
origins may call as far as `allowed_origins` of the app lets them, with cookies only from an origin that it names exactly.";

fn service() -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    let pusher = (pusher_events::Events, pusher_channels::Channels, pusher_users::Users);
    let roster =
        (roster::Orgs, roster::People, roster::Courses, roster::Classes, roster::Chapters, roster::Enrollments);
    let channels =
        (channel_auth::Broadcasting, channel_auth::ApiBroadcasting, channel_auth::Pusher, channel_auth::ApiPusher);
    let users = (
        channel_auth::BroadcastingUser,
        channel_auth::ApiBroadcastingUser,
        channel_auth::PusherUser,
        channel_auth::ApiPusherUser,
    );
    let broadcasts = (broadcast::Broadcast, broadcast::Trigger, broadcast::ApiTrigger);
    let chat = (chat::ChatRoutes, chat::message::Messages, moderation::Moderation, word_list::WordLists);
    let rest = Rest((
        channels,
        users,
        roster,
        (roster::Follow, streams::Streams),
        (access::Access, audit::AuditRoutes),
        realtime::Realtime,
        poll::PollRoutes,
        presence::Presence,
        typing::Typing,
        webhook::Webhook,
        chat,
        notification::Notified,
        broadcasts,
    ));
    let routes = (pusher, rest, health::Health);
    OpenApiService::new(routes, "Campanile", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(poem_openapi::LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
}

/// The description of the API as pretty JSON, with a newline at the end.
#[must_use]
pub fn spec() -> String {
    spec::text(&service(), Some(spec::any_server()))
}

/// The description as this server gives it, which may have a path prefix.
fn spec_below(prefix: &str) -> String {
    spec::text(&service(), (!prefix.is_empty()).then(|| serde_json::json!({ "url": prefix })))
}

/// Swagger UI as one page that needs nothing from elsewhere.
fn reference_html() -> String {
    service().swagger_ui_html()
}

/// What the routes work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The apps of this server.
    pub apps: Arc<Apps>,
    /// Who is calling?
    pub callers: Arc<Callers>,
    /// The roster of every app.
    pub roster: Arc<Roster>,
    /// Tells what happens in the classroom.
    pub teller: Arc<Teller>,
    /// The chats of every app.
    pub chats: Arc<Chats>,
    /// The polls of every app.
    pub polls: Arc<Polls>,
    /// Notifications of every app.
    pub notifications: Arc<Notifications>,
    /// Broadcasts of every app.
    pub broadcasts: Arc<Broadcasts>,
    /// What was told to many.
    pub broadcast_log: Arc<BroadcastLog>,
    /// Who did what to whom.
    pub audit: Arc<Audit>,
    /// Requests to the REST API without a proof that holds, by address; `None` = no limit. The caller sweeps it.
    pub strangers: Option<Arc<Keyed<Network>>>,
    /// What happened, topic by topic.
    pub streams: Arc<Streams>,
    /// What was executed under an idempotency key.
    pub once: Arc<Once>,
    /// Where requests that may change something go on when nobody waits for them; the caller waits when the server goes down.
    pub tasks: TaskTracker,
}

/// All routes but the socket's: the Pusher API below `/apps`, the REST API, `/up`, and pages everywhere else.
struct Routes<A, R, P> {
    pusher_api: A,
    /// The Pusher API is served.
    pusher: bool,
    rest: R,
    pages: P,
}

impl<A, R, P> Routes<A, R, P>
where
    A: Endpoint<Output = Response>,
    R: Endpoint<Output = Response>,
    P: Endpoint<Output = Response>,
{
    async fn find(&self, path: &str, request: Request) -> poem::Result<Response> {
        if auth::is_signed(path) && !self.pusher {
            Err(StatusCode::NOT_FOUND.into())
        } else if auth::is_signed(path) || path == "/up" {
            self.pusher_api.call(request).await
        } else if caller::need::is_ours(path) {
            self.rest.call(request).await
        } else {
            self.pages.call(request).await
        }
    }
}

impl<A, R, P> Endpoint for Routes<A, R, P>
where
    A: Endpoint<Output = Response>,
    R: Endpoint<Output = Response>,
    P: Endpoint<Output = Response>,
{
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let uri = request.uri().clone();
        let path = uri.path();
        let outcome = caught(self.find(path, request)).await;
        let outcome =
            outcome.unwrap_or_else(|panicked| Err(poem::Error::new(panicked, StatusCode::INTERNAL_SERVER_ERROR)));
        Ok(outcome.unwrap_or_else(|error| error::plain(path, error)))
    }
}

/// Everything that is answered over HTTP.
pub fn routes(
    services: Services,
    pages: Arc<page::Pages>,
    config: Arc<Config>,
) -> impl Endpoint<Output = Response> + 'static {
    let pusher = config.pusher;
    let pusher_api = auth::Signed::new(service().into_endpoint(), Arc::clone(&services.apps), Arc::clone(&config));
    let inner = service()
        .into_endpoint()
        .data(Arc::clone(&services.roster))
        .data(Arc::clone(&services.chats))
        .data(Arc::clone(&services.notifications))
        .data(Arc::clone(&services.broadcasts))
        .data(Arc::clone(&services.broadcast_log))
        .data(Arc::clone(&services.audit))
        .data(Arc::clone(&services.apps))
        .data(Arc::clone(&services.polls))
        .data(Arc::clone(&services.streams))
        .data(Arc::clone(&config));
    let rest = caller::Known::new(inner, Queries::of(&service()), services, Arc::clone(&config));
    Routes { pusher_api, pusher, rest, pages: page::routes(pages, config) }
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make;

    use super::*;

    async fn panics(request: Request) -> Response {
        panic!("no answer to {}", request.uri())
    }

    #[tokio::test]
    async fn a_panic_on_the_way_is_answered_and_its_cause_is_not_told() {
        let routes = Routes { pusher_api: make(panics), pusher: true, rest: make(panics), pages: make(panics) };
        for path in ["/up", "/apps/1/channels", "/api/time", "/docs"] {
            let response = routes.call(Request::builder().uri_str(path).finish()).await.unwrap();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert_eq!(response.into_body().into_string().await.unwrap(), "Internal server error");
        }
    }
}
