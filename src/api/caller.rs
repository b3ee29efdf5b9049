//! In front of every route of the REST API: who calls, may they, is it within the limits, has the whole body arrived?
//!
//! Nothing is read of a body before the caller is known and allowed. The routes behind get a [`Visitor`] and may trust it.
//! Whatever they or the framework refuse leaves here as a problem (`api/problem.rs`), with the id of the request, what the
//! limits say, and what pages of other origins may do (`caller/cors.rs`).

mod cors;
pub(super) mod describe;
pub(super) mod limit;
pub(super) mod need;
mod once;
pub(super) mod proof;
pub(super) mod query;
mod unbroken;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use chrono::{DateTime, Utc};
use poem::{
    Endpoint, Request, Response,
    http::{HeaderValue, Method, StatusCode, header::CACHE_CONTROL},
};
use tracing::Instrument;

use self::{
    cors::Cors,
    limit::Told,
    need::{Need, Operation},
    once::Executor,
    query::Queries,
};
use super::{
    Config, Services,
    body::{self, Unread},
    caught::caught,
    problem::Problem,
};
use crate::{
    domain::caller::{Caller, Who},
    ids::{SocketId, UserId},
    services::{
        Apps, LiveApp,
        broadcast::Sender,
        callers::{self, Callers},
        guest::Guest,
        now, roster,
    },
    throttle::{Keyed, Network},
};

/// What a caller who is not known may do to trigger events.
const HOW_TO_TRIGGER: &str = "Send 'Authorization: Bearer' with an API key that has the scope events:publish, or with the \
    token of somebody who teaches in the course; without either only a server in development mode takes this, from its own \
    machine, under localhost or its public host and not through a proxy, or one with REALTIME_TRIGGER_OPEN=true";

/// What a guest without an account has to do before they vote.
const HOW_TO_BE_A_GUEST: &str = "Guests are known by the cookie that the answer to GET /api/polls/{id} sets: show the poll first, \
    and send the cookie along";

/// Whoever calls, once they are known and allowed.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Who it is.
    pub(super) caller: Caller,
    /// The app that they belong to.
    pub(super) live: Arc<LiveApp>,
    /// Where they come from, as proxies that are trusted tell.
    pub(super) address: IpAddr,
    /// When they came.
    pub(super) now: DateTime<Utc>,
    /// The same by the clock that measures.
    pub(super) since: Instant,
    /// Socket that does not hear of what they do, for it knows already (`X-Socket-ID`).
    pub(super) except: Option<SocketId>,
    /// The guest without an account, where those are let in.
    pub(super) guest: Option<Guest>,
}

impl Visitor {
    /// The person who calls, or on whose behalf a program does.
    ///
    /// # Errors
    /// When it is no person. Operations that are for people have been refused before.
    pub(super) fn person(&self) -> Result<&UserId, Problem> {
        self.caller.user().ok_or_else(|| Problem::forbidden("no_person", "This is for people"))
    }

    /// Takes note that a person does something; a program that acts for them says nothing about that.
    fn stir(&self) {
        if let Who::User(subject) = &self.caller.who
            && subject.through.is_none()
        {
            self.live.presence_stirred(&subject.user, self.now);
        }
    }

    /// Checks that it is a person, or a guest who has brought the cookie by which they are known.
    ///
    /// # Errors
    /// When it is neither.
    pub(super) fn must_be_somebody(&self) -> Result<(), Problem> {
        match &self.guest {
            Some(Guest { cookie: None, .. }) => Ok(()),
            Some(Guest { cookie: Some(_), .. }) => Err(Problem::unknown_caller("no_identity", HOW_TO_BE_A_GUEST)),
            None => self.person().map(drop),
        }
    }

    /// Whoever calls, as one who sends something to many.
    pub(super) fn sender(&self) -> Sender<'_> {
        Sender {
            live: &self.live,
            caller: &self.caller,
            ip: self.address,
            now: self.now,
            since: self.since,
            except: self.except,
        }
    }

    /// Whoever calls, as the roster wants to know them.
    pub(super) fn writing(&self) -> roster::Writing<'_> {
        roster::Writing { caller: &self.caller, source: "api", ip: Some(self.address), now: self.now }
    }
}

/// Lets only those through to `inner` who are known and allowed.
pub(super) struct Known<E> {
    inner: Arc<E>,
    apps: Arc<Apps>,
    callers: Arc<Callers>,
    /// Requests of those without a proof that holds, by address; `None` = no limit.
    strangers: Option<Arc<Keyed<Network>>>,
    /// Executes requests that may change something.
    executor: Executor,
    queries: Queries,
    config: Arc<Config>,
}

impl<E> Known<E> {
    /// The door in front of `inner`.
    pub(super) fn new(inner: E, queries: Queries, services: Services, config: Arc<Config>) -> Self {
        let Services { apps, callers, strangers, once, tasks, .. } = services;
        Self { inner: Arc::new(inner), apps, callers, strangers, executor: Executor { once, tasks }, queries, config }
    }
}

/// What an answer tells beside itself; known piece by piece.
struct Margin {
    cors: Cors,
    limit: Option<Told>,
}

impl Margin {
    fn write(&self, response: &mut Response, id: &str) {
        self.cors.write(response);
        if let Some(limit) = &self.limit {
            limit.write(response);
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("X-Content-Type-Options", HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert("X-Request-Id", id);
        }
    }
}

/// The id that the caller gave the request, if it is a decent one, else a new one.
fn request_id(request: &Request) -> String {
    let is_decent = |id: &&str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=64).contains(&id.len()) && id.bytes().all(legal)
    };
    let given = request.header("x-request-id").filter(is_decent).map(str::to_owned);
    given.unwrap_or_else(|| format!("{:016x}", getrandom::u64().unwrap_or_default()))
}

impl<E: Endpoint + 'static> Known<E> {
    /// Answers a request, or says why not; `margin` is filled on the way.
    async fn serve(&self, mut request: Request, margin: &mut Margin) -> Result<Response, Problem> {
        if request.method() == Method::OPTIONS {
            self.set_cors_of_any(margin);
            return match need::methods(request.uri().path()) {
                none if none.is_empty() => Err(Problem::no_route()),
                methods => Ok(margin.cors.preflight(&methods)),
            };
        }
        let operation = need::find(request.method(), request.uri().path())?;
        let visitor = self.admit(&request, operation, margin).await?;
        self.queries.check(operation, request.uri().query())?;
        let visitor = Arc::new(visitor);
        request.extensions_mut().insert(Arc::clone(&visitor));
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Box::pin(once::call(&*self.inner, request, operation.path)).await;
        }
        visitor.stir();
        // Nothing is kept for those who are not known.
        let key =
            if operation.takes_key() && !visitor.caller.is_guest() { once::key(request.headers())? } else { None };
        let max = if operation.is_batch { self.config.max_batch_bytes } else { self.config.max_request_bytes };
        let body = body::arrive(&mut request, max, self.config.body_timeout).await.map_err(unread)?;
        request.set_body(body.clone());
        match key {
            Some(key) => self.executor.execute(&self.inner, (request, body), (key, operation.path), visitor).await,
            None => self.executor.call(&self.inner, request, operation.path).await,
        }
    }

    /// While the caller is not known, what any app allows: a page must be able to read why it was refused.
    fn set_cors_of_any(&self, margin: &mut Margin) {
        if !margin.cors.is_asked() {
            return;
        }
        let apps: Vec<_> = self.apps.all().iter().map(|live| live.app()).filter(|app| app.enabled).collect();
        margin.cors.set_any(apps.iter().map(|app| &app.settings));
    }

    /// Finds out who calls and whether they may. Whoever may be guessing is counted before anything is looked up for them.
    async fn admit(&self, request: &Request, operation: &Operation, margin: &mut Margin) -> Result<Visitor, Problem> {
        let (now, since) = (now(), Instant::now());
        let peer = request.remote_addr().as_socket_addr();
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip);
        let proof = proof::find(request.headers())?;
        let is_guess = self.callers.is_guess(&proof);
        if is_guess {
            self.take_stranger(address, margin)?;
        }
        let caller = match Box::pin(self.callers.identify(proof, address, now)).await {
            Ok(caller) => caller,
            Err(error) => {
                if !is_guess {
                    self.take_stranger(address, margin)?;
                }
                return Err(error.into());
            }
        };
        let live = self.apps.by_id(caller.app.as_str()).ok_or(callers::Error::UnknownApp)?;
        let app = live.app();
        margin.cors.set(&app.settings);
        if !app.enabled {
            return Err(Problem::forbidden("app_disabled", "The app is disabled"));
        }
        match &caller.who {
            // Its limit is counted by the app that the signature is for.
            Who::Guest if operation.need == Need::Signature => {}
            Who::Guest => self.take_stranger(address, margin)?,
            Who::User(_) | Who::Key(_) | Who::App => margin.limit = limit::take(&live, &caller)?,
        }
        let except = proof::socket(request.headers())?;
        let caller = match proof::on_behalf_of(request.headers())? {
            Some(_) if caller.is_guest() => {
                let detail = "X-On-Behalf-Of needs an API key with the scope users:act: 'Authorization: Bearer …'";
                return Err(Problem::unknown_caller("no_identity", detail));
            }
            Some(user) => Box::pin(self.callers.act_for(caller, user, now)).await?,
            None => caller,
        };
        let guest = match operation.need {
            Need::GuestOr(_) if caller.is_guest() => live.guest(proof::guest(request.headers())),
            _ => None,
        };
        if guest.is_none() {
            operation.need.check(&caller)?;
        }
        let is_trigger = matches!(operation.need, need::Need::TriggerOr(_));
        if is_trigger && caller.is_guest() && !self.config.takes_triggers_of(request, address) {
            return Err(Problem::unknown_caller("no_identity", HOW_TO_TRIGGER));
        }
        Ok(Visitor { caller, live, address, now, since, except, guest })
    }

    /// Counts a request without a proof that holds, or that is known to.
    fn take_stranger(&self, address: IpAddr, margin: &mut Margin) -> Result<(), Problem> {
        let Some(limit) = &self.strangers else { return Ok(()) };
        margin.limit = Some(Told::of("address", limit.take(&Network::from(address)))?);
        Ok(())
    }
}

fn unread(unread: Unread) -> Problem {
    match unread {
        Unread::TooLarge { max } => {
            let detail = format!("A body may have {max} bytes on this path");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        }
        Unread::Broken(error) => Problem::malformed(format!("The body cannot be read: {error}")),
        Unread::Late => Problem::new(StatusCode::REQUEST_TIMEOUT, "body_late", "The body did not arrive in time"),
    }
}

impl From<callers::Error> for Problem {
    fn from(error: callers::Error) -> Self {
        use callers::Error as E;
        match error {
            _ if error.is_unavailable() => Self::unavailable(error.code(), error.to_string()),
            E::NoApp => Self::unavailable(error.code(), error.to_string()),
            E::Ambiguous => Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()),
            E::OriginNotAllowed | E::AddressNotAllowed | E::MayNotActForOthers => {
                Self::forbidden(error.code(), error.to_string())
            }
            _ => Self::unknown_caller(error.code(), error.to_string()),
        }
    }
}

impl<E: Endpoint + 'static> Endpoint for Known<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let path = request.original_uri().path().to_owned();
        let mut margin = Margin { cors: Cors::new(request.headers()), limit: None };
        let span = tracing::error_span!("api.call", request.id = %id);
        let served =
            async { caught(self.serve(request, &mut margin)).await.unwrap_or_else(|panicked| Err(panicked.into())) };
        let outcome = Box::pin(served).instrument(span).await;
        if outcome.is_err() && !margin.cors.is_judged() {
            self.set_cors_of_any(&mut margin);
        }
        let mut response = outcome.unwrap_or_else(|problem| {
            tracing::debug!(request.id = %id, code = problem.code(), detail = problem.detail(), "request refused");
            problem.answer((&id, &path), &self.config.path_prefix)
        });
        margin.write(&mut response, &id);
        Ok(response)
    }
}
