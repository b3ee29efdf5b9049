//! Which way a request goes: to the socket door, to the HTTP routes, or nowhere.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    http::uri::Scheme,
    service::Service,
};
use ipnet::IpNet;
use parking_lot::Mutex;
use poem::{
    Endpoint,
    endpoint::BoxEndpoint,
    web::{LocalAddr, RemoteAddr},
};

use super::handshakes::Handshake;
use crate::{
    api::ToldByProxy,
    config::ServerConfig,
    services::now,
    throttle::Network,
    ws::{
        self,
        upgrade::{Gate, Origin, Verdict},
    },
};

type Body = BoxBody<Bytes, std::io::Error>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// What stands behind one listener.
pub(super) struct Door {
    routes: BoxEndpoint<'static, poem::Response>,
    gate: Arc<Gate>,
    /// Sockets are opened here.
    sockets: bool,
    prefix: String,
    trusted_proxies: Vec<IpNet>,
}

/// Who came through a listener.
pub(super) struct Visitor {
    pub(super) peer: IpAddr,
    pub(super) tls: bool,
    /// Its place among the handshakes, until the first request head has been read.
    pub(super) handshake: Handshake,
}

/// One connection to a door; hyper calls it for each request.
pub(super) struct Visit {
    door: Arc<Door>,
    peer: IpAddr,
    tls: bool,
    handshake: Mutex<Option<Handshake>>,
    /// Set by the request that became a socket, for the connection to go on with.
    verdict: Arc<Mutex<Option<Verdict>>>,
}

impl Door {
    /// The public door: socket, API and pages below the configured prefix.
    pub(super) fn public(
        routes: impl Endpoint<Output = poem::Response> + 'static,
        gate: Arc<Gate>,
        config: &ServerConfig,
    ) -> Self {
        Self {
            routes: poem::EndpointExt::boxed(routes),
            gate,
            sockets: config.websocket && config.pusher,
            prefix: config.path.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// A door without sockets.
    pub(super) fn plain(routes: impl Endpoint<Output = poem::Response> + 'static, gate: Arc<Gate>) -> Self {
        let routes = poem::EndpointExt::boxed(routes);
        Self { routes, gate, sockets: false, prefix: String::new(), trusted_proxies: Vec::new() }
    }

    pub(super) fn socket_config(&self) -> Arc<ws::Config> {
        Arc::clone(&self.gate.config)
    }

    pub(super) fn count_accept_error(&self) {
        self.gate.metrics.accept_errors.inc();
    }

    pub(super) fn is_trusted(&self, address: IpAddr) -> bool {
        is_trusted(&self.trusted_proxies, address)
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.told_client(peer, headers).unwrap_or(peer)
    }

    fn told_client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        told_client(&self.trusted_proxies, peer, headers)
    }

    pub(super) fn count_refused_handshake(&self) {
        self.gate.metrics.refused_handshakes.inc();
    }

    fn is_tls(&self, visit: &Visit, headers: &HeaderMap) -> bool {
        let forwarded = || headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
        visit.tls || (self.is_trusted(visit.peer) && forwarded())
    }
}

fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

/// The client behind the peer: the last address in `X-Forwarded-For` that is no trusted proxy, when the peer is one. An entry
/// that is no address ends the walk at the proxy before it. `None` when nobody is told.
fn told_client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if !is_trusted(trusted, peer) {
        return None;
    }
    // Bytes, not text: what a client put to the left must not hide what the proxy put to the right of it.
    let values: Vec<&HeaderValue> = headers.get_all("x-forwarded-for").iter().collect();
    let entries = values.into_iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = None;
    for entry in entries {
        let Some(address) = str::from_utf8(entry).ok().and_then(parse_address) else { return client };
        client = Some(address);
        if !is_trusted(trusted, address) {
            return client;
        }
    }
    client
}

/// An address with or without a port, as proxies write it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl Visit {
    pub(super) fn new(door: Arc<Door>, Visitor { peer, tls, handshake }: Visitor) -> Self {
        Self { door, peer, tls, handshake: Mutex::new(Some(handshake)), verdict: Arc::default() }
    }

    /// The judgement of the request that became a socket, if one did.
    pub(super) fn into_verdict(self) -> Option<Verdict> {
        self.verdict.lock().take()
    }

    fn handshake(&self, request: &Request<Incoming>, key: &str) -> Answer {
        let client = self.door.client(self.peer, request.headers());
        let origin = Origin { network: Network::from(client), tls: self.door.is_tls(self, request.headers()) };
        let (gate, slot) = (Arc::clone(&self.door.gate), Arc::clone(&self.verdict));
        let verdict = match gate.screen(request, key, origin) {
            Err(verdict) => verdict,
            Ok(screened) if screened.brings_token() => {
                return Box::pin(async move {
                    let identified = gate.identify(&screened, now()).await;
                    Ok(answer(gate.admit(screened, identified), &slot))
                });
            }
            Ok(screened) => gate.admit(screened, Ok(None)),
        };
        Box::pin(std::future::ready(Ok(answer(verdict, &slot))))
    }

    fn route(&self, request: Request<Incoming>) -> Answer {
        let told = self.door.told_client(self.peer, request.headers());
        let remote = RemoteAddr(SocketAddr::new(told.unwrap_or(self.peer), 0).into());
        let scheme = if self.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let mut request: poem::Request = (request, LocalAddr::default(), remote, scheme).into();
        if told.is_some() {
            request.set_data(ToldByProxy);
        }
        if !self.door.prefix.is_empty() {
            let Some(inner) = strip_prefix(request.uri(), &self.door.prefix) else {
                return Box::pin(async { Ok(text(StatusCode::NOT_FOUND, "Not found: this server has a path prefix")) });
            };
            *request.uri_mut() = inner;
        }
        let door = Arc::clone(&self.door);
        Box::pin(async move { Ok(door.routes.get_response(request).await.into()) })
    }
}

/// Answers a handshake; what becomes a socket is left in the slot.
fn answer(verdict: Verdict, slot: &Mutex<Option<Verdict>>) -> Response<Body> {
    match verdict {
        Verdict::NotAHandshake(status, header, reason) => {
            let mut response = text(status, reason);
            response.headers_mut().extend(header.map(|(name, value)| (Some(name), value)));
            response
        }
        Verdict::Upgrade(switch, outcome) => {
            let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, switch.accept.clone());
            headers.extend(switch.protocol.clone().map(|name| (SEC_WEBSOCKET_PROTOCOL, name)));
            *slot.lock() = Some(Verdict::Upgrade(switch, outcome));
            response
        }
    }
}

/// The same URI without the server's prefix; `None` when it does not begin with it.
fn strip_prefix(uri: &hyper::Uri, prefix: &str) -> Option<hyper::Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    let rest = if rest.is_empty() { "/" } else { rest };
    if rest.starts_with('/') { rest.parse().ok() } else { None }
}

impl Service<Request<Incoming>> for Visit {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        drop(self.handshake.lock().take());
        let path = request.uri().path();
        let inner = path.strip_prefix(self.door.prefix.as_str());
        let key = inner.and_then(|inner| inner.strip_prefix("/app/")).filter(|key| !key.contains('/'));
        match key {
            Some(key) if self.door.sockets => self.handshake(&request, key),
            _ => self.route(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(values: &[&[u8]]) -> String {
        let trusted = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
        }
        told_client(&trusted, IpAddr::from([127, 0, 0, 1]), &headers)
            .map_or_else(String::new, |client| client.to_string())
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        assert_eq!(client_of(&[]), "");
        assert_eq!(client_of(&[b"192.0.2.1"]), "192.0.2.1");
        assert_eq!(client_of(&[b"198.51.100.1, 192.0.2.1 , 10.0.0.1"]), "192.0.2.1");
        assert_eq!(client_of(&[b"198.51.100.1, 192.0.2.1", b"10.1.1.1:80"]), "192.0.2.1");
        assert_eq!(client_of(&[b"10.0.0.2, 10.0.0.1"]), "10.0.0.2");
    }

    #[test]
    fn an_entry_that_cannot_be_read_hides_nothing_to_its_right() {
        assert_eq!(client_of(&[b"\xff, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client_of(&[b"\xff", b"192.0.2.1, 10.0.0.1"]), "192.0.2.1");
        assert_eq!(client_of(&[b"198.51.100.1, \xff, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(client_of(&[b"198.51.100.1, unknown"]), "");
        assert_eq!(client_of(&[b"198.51.100.1,"]), "");
    }
}
