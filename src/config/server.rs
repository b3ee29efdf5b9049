//! Settings of the listening side: address, limits of the node, TLS, what is switched on.
//!
//! Plain data with defaults. How each field is read stands in the table; the accept loop uses the values.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use url::Host;

/// Certificate and key for TLS, both in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain. `server.tls_cert`, `CAMPANILE_TLS_CERT`.
    pub cert: PathBuf,
    /// Private key. `server.tls_key`, `CAMPANILE_TLS_KEY`.
    pub key: PathBuf,
}

/// The listening side of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address or host name to listen on. Default 127.0.0.1. `CAMPANILE_HOST`.
    pub host: Host,
    /// TCP port; 0 = any free one. Default 8080. `CAMPANILE_PORT`.
    pub port: u16,
    /// Prefix of every path: empty, or with a leading slash and none at the end. Default empty. `CAMPANILE_PATH`.
    pub path: String,
    /// Open sockets of this node at once; 0 = as many as the descriptor limit allows. Default 0.
    /// `CAMPANILE_MAX_CONNECTIONS`.
    pub max_connections: u32,
    /// Connections that may be in TLS or HTTP hand-shake at once. Default 8192. `CAMPANILE_MAX_HANDSHAKES`.
    pub max_handshakes: u32,
    /// How many of those one client address may have (IPv6: its /64); above, its new connections are closed at once. Trusted
    /// proxies have no such bound. Default 4096. `CAMPANILE_MAX_HANDSHAKES_PER_IP`.
    pub max_handshakes_per_ip: u32,
    /// Longest wait for a complete request head, and then for its body. Default 10 s. `CAMPANILE_HEADER_TIMEOUT`.
    pub header_timeout: Duration,
    /// Largest body of an HTTP request in bytes. Default 1 MiB. `CAMPANILE_MAX_REQUEST_BYTES`.
    pub max_request_bytes: usize,
    /// Bytes that may wait for one slow socket before it is closed. Default 1 MiB. `CAMPANILE_OUTBOX_BYTES`.
    pub outbox_bytes: usize,
    /// Longest time given to open sockets at shutdown. Default 20 s. `CAMPANILE_DRAIN_SECONDS`.
    pub drain: Duration,
    /// Time between "not ready" and the start of the drain, for load balancers to notice. Default 0.
    /// `CAMPANILE_DRAIN_DELAY_SECONDS`.
    pub drain_delay: Duration,
    /// Networks whose `X-Forwarded-For` is believed. Default none. `CAMPANILE_TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<IpNet>,
    /// New sockets per minute and client address; 0 = no limit. Default 0. `CAMPANILE_CONNECTS_PER_MINUTE_PER_IP`.
    pub connects_per_minute_per_ip: u32,
    /// Requests per minute and client address to the REST API without a proof that holds; 0 = no limit. Default 60.
    /// `CAMPANILE_GUEST_REQUESTS_PER_MINUTE_PER_IP`.
    pub guest_requests_per_minute_per_ip: u32,
    /// Files for TLS; `None` = plain TCP. Default `None`.
    pub tls: Option<TlsFiles>,
    /// Where metrics are served; `None` = nowhere. Default 127.0.0.1:9601. `CAMPANILE_METRICS_ADDRESS`.
    pub metrics_address: Option<SocketAddr>,
    /// Accept WebSockets. Default true. `CAMPANILE_WEBSOCKET`.
    pub websocket: bool,
    /// Serve the Pusher protocol, on sockets and over HTTP. Default true. `CAMPANILE_PUSHER`.
    pub pusher: bool,
    /// Callers who are not known may trigger events over HTTP, from everywhere. Default false: only in development mode, from
    /// this machine. `CAMPANILE_TRIGGER_OPEN`.
    pub trigger_open: bool,
    /// How often a stream of events over HTTP says that it is still there. Default 15 s. `CAMPANILE_STREAM_HEARTBEAT`.
    pub stream_heartbeat: Duration,
    /// Longest wait for the answer to a ping of the server before the close (4201). Default 30 s.
    /// `CAMPANILE_PONG_TIMEOUT`.
    pub pong_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: Host::Ipv4(Ipv4Addr::LOCALHOST),
            port: 8080,
            path: String::new(),
            max_connections: 0,
            max_handshakes: 8_192,
            max_handshakes_per_ip: 4_096,
            header_timeout: Duration::from_secs(10),
            max_request_bytes: 1 << 20,
            outbox_bytes: 1 << 20,
            drain: Duration::from_secs(20),
            drain_delay: Duration::ZERO,
            trusted_proxies: Vec::new(),
            connects_per_minute_per_ip: 0,
            guest_requests_per_minute_per_ip: 60,
            tls: None,
            metrics_address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9601))),
            websocket: true,
            pusher: true,
            trigger_open: false,
            stream_heartbeat: Duration::from_secs(15),
            pong_timeout: Duration::from_secs(30),
        }
    }
}

impl ServerConfig {
    /// Tells whether the server listens on this machine only. A proxy on it may still bring others.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Tells whether the server listens on all addresses of the machine.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        match &self.host {
            Host::Domain(_) => false,
            Host::Ipv4(address) => address.is_unspecified(),
            Host::Ipv6(address) => address.to_canonical().is_unspecified(),
        }
    }

    /// `host:port` as look-ups and binding want it; IPv6 addresses stand in brackets.
    #[must_use]
    pub fn bind_address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Tells whether a host names the machine that asks.
pub(super) fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> ServerConfig {
        ServerConfig { host: Host::parse(host).unwrap(), ..ServerConfig::default() }
    }

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        for host in ["127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST", "a.localhost"] {
            assert!(at(host).is_loopback(), "{host}");
        }
        for host in ["0.0.0.0", "[::]", "10.0.0.1", "localhost.example", "notlocalhost"] {
            assert!(!at(host).is_loopback(), "{host}");
        }
    }

    #[test]
    fn bind_address_of_ipv6_has_brackets() {
        assert_eq!(at("[::]").bind_address(), "[::]:8080");
        assert!(at("[::]").is_unspecified());
    }
}
