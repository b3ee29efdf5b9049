//! The address that clients use, as far as it differs from the one the server listens on.
//!
//! Nothing is bound to it: it stands in the settings that are printed for front ends and back ends. Behind a proxy that
//! ends TLS it is the proxy's.

use std::fmt;

use url::Host;

use super::{ServerConfig, server::is_loopback};

/// Scheme of the public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain: `http` and `ws`.
    Http,
    /// With TLS: `https` and `wss`.
    Https,
}

impl Scheme {
    /// The port that goes without saying.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// What was said about the public address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicConfig {
    /// Host that clients use; `None` = the one the server listens on. `CAMPANILE_PUBLIC_HOST`.
    pub host: Option<Host>,
    /// Port that clients use; `None` = that of the scheme if a host is given, else the bound one.
    /// `CAMPANILE_PUBLIC_PORT`.
    pub port: Option<u16>,
    /// Scheme that clients use; `None` = https if a host is given, else what the server speaks.
    /// `CAMPANILE_PUBLIC_SCHEME`.
    pub scheme: Option<Scheme>,
    /// Cluster name for client libraries that insist on one. Means nothing here. `CAMPANILE_PUBLIC_CLUSTER`.
    pub cluster: Option<String>,
}

/// The public address with every gap filled. Displays as a URL with the path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// Scheme.
    pub scheme: Scheme,
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Path prefix; empty or with a leading slash.
    pub path: String,
}

impl PublicConfig {
    /// Tells whether whoever comes sits at this machine: the server listens on it only, and neither a public host nor a
    /// trusted proxy says that others are let in.
    #[must_use]
    pub fn is_own_machine(&self, server: &ServerConfig) -> bool {
        server.is_loopback() && self.host.as_ref().is_none_or(is_loopback) && server.trusted_proxies.is_empty()
    }

    /// Fills the gaps from what the server listens on. `bound_port` is the port in use, also when 0 was asked for.
    ///
    /// As in Laravel's configuration for Reverb, a host without scheme and port means https on port 443.
    #[must_use]
    pub fn address(&self, server: &ServerConfig, bound_port: u16) -> PublicAddress {
        let own_scheme = if server.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let (scheme, port) = match &self.host {
            Some(_) => {
                let scheme = self.scheme.unwrap_or(Scheme::Https);
                (scheme, self.port.unwrap_or(scheme.default_port()))
            }
            None => (self.scheme.unwrap_or(own_scheme), self.port.unwrap_or(bound_port)),
        };
        let own_host =
            || if server.is_unspecified() { Host::Domain("localhost".to_owned()) } else { server.host.clone() };
        PublicAddress { scheme, host: self.host.clone().unwrap_or_else(own_host), port, path: server.path.clone() }
    }
}

impl PublicAddress {
    /// Where sockets are opened: `/app/{key}` stands below it.
    #[must_use]
    pub fn socket_url(&self) -> String {
        let scheme = if self.scheme == Scheme::Https { "wss" } else { "ws" };
        let port = if self.port == self.scheme.default_port() { String::new() } else { format!(":{}", self.port) };
        format!("{scheme}://{}{port}{}", self.host, self.path)
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_from_the_listening_side() {
        let server = ServerConfig::default();
        assert_eq!(PublicConfig::default().address(&server, 4321).to_string(), "http://127.0.0.1:4321");
        let everywhere = ServerConfig { host: Host::parse("0.0.0.0").unwrap(), path: "/rt".to_owned(), ..server };
        assert_eq!(PublicConfig::default().address(&everywhere, 80).to_string(), "http://localhost/rt");
    }

    #[test]
    fn a_public_host_alone_means_https_on_its_own_port() {
        let host = Some(Host::parse("ws.school.example").unwrap());
        let public = PublicConfig { host, ..PublicConfig::default() };
        let address = public.address(&ServerConfig::default(), 8080);
        assert_eq!(address.to_string(), "https://ws.school.example");
        assert_eq!(address.socket_url(), "wss://ws.school.example");
        let plain = PublicConfig { scheme: Some(Scheme::Http), ..public };
        assert_eq!(plain.address(&ServerConfig::default(), 8080).port, 80);
    }
}
