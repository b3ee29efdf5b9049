//! Which URL may be fetched at all, before any name is looked up.

use ::url::{Host, Url};

use super::{Allowed, Error, Result};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    /// Name or address; an IPv6 address stands without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// As the `Host` header wants it.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    /// The host itself is allow-listed, so any address of it is good.
    pub(super) is_listed: bool,
}

impl Target {
    pub(super) fn parse(text: &str, allow: &[Allowed]) -> Result<Self> {
        let url = Url::parse(text.trim()).map_err(|_no_url| Error::BadUrl)?;
        let host = url.host().filter(|_| url.username().is_empty() && url.password().is_none()).ok_or(Error::BadUrl)?;
        let is_listed = allow.iter().any(|allowed| allowed.names(&host));
        let tls = match url.scheme() {
            "https" => true,
            "http" if is_listed => false,
            "http" => return Err(Error::NotHttps),
            _ => return Err(Error::BadUrl),
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let port = url.port_or_known_default().ok_or(Error::BadUrl)?;
        let host = match host {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { tls, host, port, authority, path, is_listed })
    }
}
