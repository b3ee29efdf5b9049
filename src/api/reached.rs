//! How a request reached this server: under which name, and whether a proxy passed it on.
//!
//! An address of this machine alone says little. A page elsewhere can give its own name that address (DNS rebinding), so the
//! name in `Host` must be one of this server; and a proxy in front of it brings the whole world. The first page, its console
//! and triggers without proof ask here.

use poem::http::{
    HeaderMap,
    header::{HOST, HeaderName},
};
use url::{Host, Url};

/// Marks a request whose address was told by a proxy that is trusted: it says who asks, not who passed it on.
#[derive(Debug, Clone, Copy)]
pub struct ToldByProxy;

/// Host and port as a browser names them; no port = that of the scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Authority {
    /// The name under which a request came, when it is this machine's or `public`; `None` when it is another, or there are two.
    pub(super) fn own(headers: &HeaderMap, public: &Host) -> Option<Self> {
        let authority = single(headers, HOST).and_then(Self::parse)?;
        (is_loopback(&authority.host) || authority.host == *public).then_some(authority)
    }

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        Some(Self { host: Host::parse(host).ok()?, port })
    }

    /// Tells whether a page of `origin` has this authority.
    pub(super) fn is_of(&self, origin: &Url) -> bool {
        let port = self.port.or_else(|| default_port(origin.scheme()));
        origin.host().is_some_and(|host| host == self.host) && port == origin.port_or_known_default()
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
    }
}

/// The only value of a header; `None` when it is missing, twice, or no text.
pub(super) fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// Tells whether a proxy says that it passed the request on. One in front of a loopback address brings the whole world, with
/// any name in `Host`; which of these headers it sends is its own matter.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    let says_so = |name: &HeaderName| {
        matches!(name.as_str(), "forwarded" | "via" | "x-real-ip") || name.as_str().starts_with("x-forwarded-")
    };
    headers.keys().any(says_so)
}
