//! The server under load: where it is, how its paths are spelt, and in whose name the bench speaks.
//!
//! Resolves the options once, so that the rest of the bench meets no unchecked text.

use std::net::{SocketAddr, ToSocketAddrs as _};

use url::{Host, Url};

use super::{Error, Result, options, sign::Signer};

/// A server, ready to be connected to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// `Host` header.
    pub(super) authority: String,
    /// Path prefix, empty or `/…` without a trailing slash.
    pub(super) prefix: String,
    /// App id.
    app_id: String,
    /// The app's key and secret.
    pub(super) signer: Signer,
}

impl Target {
    /// Resolves the options of a run.
    ///
    /// # Errors
    ///
    /// When the address cannot be used: not a `ws://` or `http://` URL, or a name that does not resolve.
    pub(super) fn resolve(options: &options::Target) -> Result<Self> {
        let refused = |why: &'static str| Error::Url { url: options.url.clone(), why };
        let url = Url::parse(&options.url).map_err(|_ignored| refused("it is no URL"))?;
        match url.scheme() {
            "ws" | "http" => {}
            "wss" | "https" => return Err(refused("TLS is not spoken here: load the server behind the proxy")),
            _ => return Err(refused("the scheme must be ws or http")),
        }
        let host = url.host().ok_or_else(|| refused("it has no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let address = match host {
            Host::Ipv4(ip) => SocketAddr::from((ip, port)),
            Host::Ipv6(ip) => SocketAddr::from((ip, port)),
            Host::Domain(name) => lookup(name, port)?,
        };
        Ok(Self {
            address,
            authority: format!("{host}:{port}"),
            prefix: url.path().trim_end_matches('/').to_owned(),
            app_id: options.app_id.clone(),
            signer: Signer::new(options.app_key.clone(), options.app_secret.clone()),
        })
    }

    /// Makes a stand-in for a process of the bench's own, which reads no paths and checks no signatures.
    pub(super) fn bare(address: SocketAddr) -> Self {
        let signer = Signer::new("floor".to_owned(), "".into());
        let authority = address.to_string();
        Self { address, authority, prefix: String::new(), app_id: String::new(), signer }
    }

    /// The request that opens a socket, ready to be sent.
    pub(super) fn upgrade(&self) -> String {
        // The key is the example of RFC 6455: nobody here needs proof that the answer was made for this request.
        format!(
            "GET {}/app/{}?protocol=7&client=campanile-bench&version={}&flash=false HTTP/1.1\r\nHost: {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.prefix,
            self.signer.key(),
            env!("CARGO_PKG_VERSION"),
            self.authority
        )
    }

    /// The path that publishes events, without the prefix.
    pub(super) fn events_path(&self) -> String {
        format!("/apps/{}/events", self.app_id)
    }
}

fn lookup(name: &str, port: u16) -> Result<SocketAddr> {
    let failed = |source| Error::Lookup { host: name.to_owned(), source };
    let mut found: Vec<_> = (name, port).to_socket_addrs().map_err(failed)?.collect();
    // Servers bound to 0.0.0.0 are the usual case, and "localhost" often resolves to ::1 first.
    found.sort_by_key(SocketAddr::is_ipv6);
    let nothing = || failed(std::io::Error::new(std::io::ErrorKind::NotFound, "no address"));
    found.into_iter().next().ok_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        target: options::Target,
    }

    fn resolve(url: &str) -> Result<Target> {
        Target::resolve(&Cli::try_parse_from(["bench", "--url", url]).expect("options").target)
    }

    #[test]
    fn a_prefix_stands_before_every_path() {
        let target = resolve("ws://127.0.0.1:9000/realtime/").expect("target");
        assert_eq!(target.prefix, "/realtime");
        assert!(target.upgrade().starts_with("GET /realtime/app/app-key?protocol=7&"));
        assert_eq!(target.authority, "127.0.0.1:9000");
        assert_eq!(target.events_path(), "/apps/app-id/events");
    }

    #[test]
    fn a_bare_address_has_no_prefix_and_port_80() {
        let target = resolve("http://127.0.0.1").expect("target");
        assert_eq!((target.prefix.as_str(), target.address.port()), ("", 80));
    }

    #[test]
    fn what_cannot_be_spoken_is_refused() {
        for url in ["wss://127.0.0.1", "https://127.0.0.1", "ftp://127.0.0.1", "127.0.0.1", ""] {
            assert!(matches!(resolve(url), Err(Error::Url { .. })), "{url}");
        }
    }
}
