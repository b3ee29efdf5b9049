//! Who may open a socket: the judgement of a handshake.
//!
//! A request that is no WebSocket handshake gets an HTTP error. Everything else is upgraded, because stock clients
//! understand a refusal only over the socket: `pusher:error`, then the close code. A refused socket has allocated nothing.
//! A handshake is screened first, then whoever brings a token is identified, which may take a while, and then it gets a place.

mod origin;
mod token;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::token::Brought;
use super::{Config, connection::Admitted};
use crate::{
    domain::{app::AppSettings, caller::Subject},
    hub::NotOpened,
    metrics::Metrics,
    protocol::CloseReason,
    services::{Apps, Callers, LiveApp, Teller, callers, sockets::Capacity},
    throttle::{Keyed, Network},
};

/// What every handshake is judged with.
#[derive(Debug)]
pub struct Gate {
    /// The apps.
    pub apps: Arc<Apps>,
    /// Who comes with a proof.
    pub callers: Arc<Callers>,
    /// Tells sockets what they have missed.
    pub teller: Arc<Teller>,
    /// Room on this node.
    pub capacity: Capacity,
    /// Handshakes per address; absent = no limit.
    pub connects: Option<Keyed<Network>>,
    /// Set when the node goes down: newcomers are sent away.
    pub draining: AtomicBool,
    /// How sockets are treated.
    pub config: Arc<Config>,
    /// Counts the refused.
    pub metrics: Arc<Metrics>,
}

/// Where a handshake comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The client's network, seen through trusted proxies.
    pub network: Network,
    /// The client speaks TLS, to us or to a trusted proxy.
    pub tls: bool,
}

/// What becomes of a handshake.
#[derive(Debug)]
pub enum Verdict {
    /// Not a handshake: status, a header that tells what would be right, and the reason in words.
    NotAHandshake(StatusCode, Option<(HeaderName, HeaderValue)>, &'static str),
    /// Answer 101 with these headers, then serve or refuse.
    Upgrade(Switch, Result<Box<Admitted>, CloseReason>),
}

/// Headers of the answer that turns a connection into a socket.
#[derive(Debug, Clone)]
pub struct Switch {
    /// `Sec-WebSocket-Accept`.
    pub accept: HeaderValue,
    /// `Sec-WebSocket-Protocol`, when the client offers one that carries a token.
    pub protocol: Option<HeaderValue>,
}

/// A handshake that has passed everything but the look at its token.
pub struct Screened {
    switch: Switch,
    live: Arc<LiveApp>,
    origin: Origin,
    announced: bool,
    brought: Brought,
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Checks the form of a handshake (RFC 6455 section 4.2.1) and gives its accept key.
fn accept_key<B>(request: &Request<B>) -> Result<HeaderValue, Verdict> {
    let headers = request.headers();
    let refuse = |status, header, text| Err(Verdict::NotAHandshake(status, header, text));
    if request.method() != Method::GET {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, None, "Open a WebSocket here with GET");
    }
    if request.version() < Version::HTTP_11
        || !has_token(headers, &UPGRADE, "websocket")
        || !has_token(headers, &CONNECTION, "upgrade")
    {
        let header = Some((UPGRADE, HeaderValue::from_static("websocket")));
        let text = "This is a WebSocket address: send 'Connection: Upgrade' and 'Upgrade: websocket' over HTTP/1.1, \
            and let proxies in between pass them on";
        return refuse(StatusCode::UPGRADE_REQUIRED, header, text);
    }
    let single = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    if single(&SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        let header = Some((SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
        return refuse(StatusCode::UPGRADE_REQUIRED, header, "Sec-WebSocket-Version must be 13");
    }
    let key = single(&SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).filter(|key| is_nonce(key));
    let accept = key.and_then(|key| HeaderValue::from_str(&derive_accept_key(key)).ok());
    accept.ok_or(Verdict::NotAHandshake(
        StatusCode::BAD_REQUEST,
        None,
        "Sec-WebSocket-Key must be one header with 16 bytes in base64",
    ))
}

/// Sixteen bytes in base64: 22 characters and two equals signs.
fn is_nonce(key: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key, [body @ .., b'=', b'='] if body.len() == 22 && body.iter().all(legal))
}

impl Gate {
    /// Looks at the form of a handshake, and whether the app with this key takes it.
    ///
    /// # Errors
    /// The verdict, when there is nothing more to look at.
    pub fn screen<B>(&self, request: &Request<B>, key: &str, origin: Origin) -> Result<Screened, Verdict> {
        let switch = Switch { accept: accept_key(request)?, protocol: token::subprotocol(request.headers()) };
        match self.look(request, key, origin) {
            Ok((live, announced, brought)) => Ok(Screened { switch, live, origin, announced, brought }),
            Err(reason) => Err(self.refuse(switch, reason)),
        }
    }

    fn look<B>(
        &self,
        request: &Request<B>,
        key: &str,
        origin: Origin,
    ) -> Result<(Arc<LiveApp>, bool, Brought), CloseReason> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(CloseReason::Draining);
        }
        if self.connects.as_ref().is_some_and(|limit| limit.take(&origin.network).is_err()) {
            return Err(CloseReason::TooManyConnects);
        }
        let live = self.apps.by_key(key).ok_or(CloseReason::UnknownApp)?;
        let announced = check_app(&live, request, origin)?;
        let brought = token::find(request).map_err(|error| callers::refusal(&error))?;
        Ok((live, announced, brought))
    }

    /// Finds out who is at the other end. Nobody is, when the handshake brings no token.
    ///
    /// # Errors
    /// Why the socket must be refused.
    pub async fn identify(&self, screened: &Screened, now: DateTime<Utc>) -> Result<Option<Box<Subject>>, CloseReason> {
        let app = screened.live.app();
        Box::pin(self.callers.identify_socket(screened.brought.proof(), &app.id, now)).await
    }

    /// Gives a handshake its place, unless whoever it is of was refused.
    #[must_use]
    pub fn admit(&self, screened: Screened, identified: Result<Option<Box<Subject>>, CloseReason>) -> Verdict {
        let Screened { switch, live, origin, announced, .. } = screened;
        let admitted = identified.and_then(|identified| {
            // It may have begun to go down meanwhile.
            if self.draining.load(Ordering::Relaxed) {
                return Err(CloseReason::Draining);
            }
            let place = self.capacity.take().ok_or(CloseReason::OverCapacity)?;
            let bits = getrandom::u64().map_err(|_no_entropy| CloseReason::ServerFault)?;
            let opened = live.open_socket(self.config.outbox_bytes, bits);
            let socket = opened.map_err(|refused| match refused {
                NotOpened::OverQuota { .. } => CloseReason::OverQuota,
                NotOpened::Closed(reason) => reason,
            })?;
            let (teller, network) = (Arc::clone(&self.teller), origin.network);
            Ok(Box::new(Admitted { live, teller, socket, place, network, announced, identified }))
        });
        match admitted {
            Ok(admitted) => Verdict::Upgrade(switch, Ok(admitted)),
            Err(reason) => self.refuse(switch, reason),
        }
    }

    fn refuse(&self, switch: Switch, reason: CloseReason) -> Verdict {
        self.metrics.refused.with_label_values(&[reason.code().to_string()]).inc();
        Verdict::Upgrade(switch, Err(reason))
    }
}

impl Screened {
    /// Tells whether there is a token to look at, which takes time.
    #[must_use]
    pub const fn brings_token(&self) -> bool {
        !matches!(self.brought, Brought::Nothing)
    }
}

/// Checks what the app demands; tells whether the client gave its name.
fn check_app<B>(live: &LiveApp, request: &Request<B>, origin: Origin) -> Result<bool, CloseReason> {
    let app = live.app();
    let settings = &app.settings;
    if !app.enabled {
        return Err(CloseReason::AppDisabled);
    }
    if settings.require_tls && !origin.tls {
        return Err(CloseReason::TlsRequired);
    }
    let query = request.uri().query().unwrap_or_default();
    let parameter =
        |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    check_protocol(settings, parameter("protocol").as_deref())?;
    if !origin::is_allowed(settings, request.headers()) {
        return Err(CloseReason::OriginNotAllowed);
    }
    Ok(parameter("client").is_some_and(|client| !client.is_empty()))
}

/// Missing counts as 7: most clients that are not JavaScript leave it out, and no peer demands it.
fn check_protocol(settings: &AppSettings, protocol: Option<&str>) -> Result<(), CloseReason> {
    let Some(protocol) = protocol.filter(|_| settings.check_protocol) else { return Ok(()) };
    match protocol.parse::<i64>() {
        Ok(4..=7) => Ok(()),
        Ok(_) => Err(CloseReason::UnsupportedProtocolVersion),
        Err(_) => Err(CloseReason::BadProtocolVersion),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn handshake() -> hyper::http::request::Builder {
        Request::builder()
            .uri("/app/key")
            .header("Upgrade", "WebSocket")
            .header("Connection", "keep-alive, Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    #[test]
    fn the_handshake_of_the_standard_gets_its_accept_key() {
        let accept = accept_key(&handshake().body(()).unwrap()).unwrap();
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_told_what_would_be_right() {
        let status = |request: Request<()>| match accept_key(&request).unwrap_err() {
            Verdict::NotAHandshake(status, ..) => status.as_u16(),
            Verdict::Upgrade(..) => 101,
        };
        assert_eq!(status(Request::builder().uri("/app/key").body(()).unwrap()), 426);
        assert_eq!(status(handshake().version(Version::HTTP_10).body(()).unwrap()), 426);
        assert_eq!(status(handshake().method("POST").body(()).unwrap()), 405);
        assert_eq!(status(handshake().header("Sec-WebSocket-Version", "13").body(()).unwrap()), 426);
        assert_eq!(status(handshake().header("Sec-WebSocket-Key", "x").body(()).unwrap()), 400);
    }

    #[test]
    fn protocol_4_to_7_or_none_is_spoken_and_the_switch_turns_the_check_off() {
        let mut settings = AppSettings::default();
        for good in [None, Some("4"), Some("7")] {
            assert_eq!(check_protocol(&settings, good), Ok(()));
        }
        for bad in ["3", "8", "-1", "999999999999"] {
            assert_eq!(check_protocol(&settings, Some(bad)), Err(CloseReason::UnsupportedProtocolVersion), "{bad}");
        }
        for bad in ["abc", "", "7.0"] {
            assert_eq!(check_protocol(&settings, Some(bad)), Err(CloseReason::BadProtocolVersion), "{bad}");
        }
        settings.check_protocol = false;
        assert_eq!(check_protocol(&settings, Some("abc")), Ok(()));
    }

    proptest! {
        #[test]
        fn any_headers_are_judged_without_a_panic(
            upgrade in "[ -~]{0,20}", connection in "[ -~]{0,20}", version in "[ -~]{0,4}", key in "[ -~]{0,30}",
        ) {
            let request = Request::builder()
                .header("Upgrade", upgrade)
                .header("Connection", connection)
                .header("Sec-WebSocket-Version", version)
                .header("Sec-WebSocket-Key", key)
                .body(());
            if let Ok(request) = request {
                let _ = accept_key(&request);
            }
        }
    }
}
