//! The one guarded HTTP client: whatever the server fetches from outside goes through here.
//!
//! An address comes from the configuration, yet what it resolves to is somebody else's decision. So: https only, public
//! addresses only, the address that was checked is the one that is connected to (there is no second look-up), no redirect, no
//! proxy, [`TIMEOUT`] for all of it and [`MAX_BYTES`] at most. `outbound_allow` makes exceptions by host or network.
//! One connection per request and nothing kept: it is used a few times an hour.

mod address;
#[cfg(test)]
mod tests;
mod url;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{ACCEPT, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring as provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

pub use self::address::{Allowed, NotAllowable};
use self::url::Target;

/// Longest time for one request, from the look-up of the name to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Largest body that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 10;

/// What the client may do beyond the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Hosts that may be reached at any address and without TLS, and networks whose addresses are good. Default none.
    /// `CAMPANILE_OUTBOUND_ALLOW`.
    pub allow: Vec<Allowed>,
    /// Certificates, in PEM form, that are believed besides the public ones. Default none. `CAMPANILE_OUTBOUND_CA` names the
    /// file.
    pub ca: Option<String>,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no URL that could be fetched.
    #[error("it must be an https address without user and password")]
    BadUrl,
    /// Plain http, and the host is not allow-listed.
    #[error("it must be an https address; outbound_allow makes an exception for a host")]
    NotHttps,
    /// The host has an address that is not public.
    #[error("{address} is no public address; outbound_allow makes an exception")]
    AddressNotAllowed {
        /// The address.
        address: IpAddr,
    },
    /// The name has no address.
    #[error("its host has no address")]
    NoAddress,
    /// It took longer than [`TIMEOUT`].
    #[error("no complete answer within {TIMEOUT:?}")]
    Timeout,
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side does not speak HTTP as it should.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The answer leads elsewhere.
    #[error("it answers {status}, and redirects are not followed")]
    Redirect {
        /// The status.
        status: u16,
    },
    /// Any other answer than 200.
    #[error("it answers {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The body is larger than [`MAX_BYTES`].
    #[error("its answer is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// The body broke off.
    #[error("its answer broke off: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The certificates of the configuration cannot be used.
    #[error("outbound_ca holds no usable certificate in PEM form: {0}")]
    BadCa(String),
}

/// Result of a fetch.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who turns names into addresses.
enum Resolver {
    System,
    /// Answers of a test, one a look-up.
    #[cfg(test)]
    Scripted(tokio::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>),
}

impl Resolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(lookup_host((host, port)).await?.collect()),
            #[cfg(test)]
            Self::Scripted(answers) => {
                let answer = answers.lock().await.pop_front().ok_or(io::ErrorKind::NotFound)?;
                Ok(answer.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
        }
    }
}

/// Checks as much of a URL as shows without asking anybody.
///
/// # Errors
/// [`Error::BadUrl`] or [`Error::NotHttps`].
pub fn check_url(url: &str, allow: &[Allowed]) -> Result<()> {
    Target::parse(url, allow).map(|_target| ())
}

/// The guarded client.
pub struct Client {
    allow: Vec<Allowed>,
    tls: TlsConnector,
    resolver: Resolver,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("allow", &self.allow).finish_non_exhaustive()
    }
}

impl Client {
    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::BadCa`].
    pub fn new(config: &Config) -> Result<Self> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let bad = |cause: &dyn std::fmt::Display| Error::BadCa(cause.to_string());
        if let Some(pem) = &config.ca {
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
                count += 1;
            }
            if count == 0 {
                return Err(bad(&"there is none in it"));
            }
        }
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(tls));
        Ok(Self { allow: config.allow.clone(), tls, resolver: Resolver::System })
    }

    /// Fetches a document with GET.
    ///
    /// # Errors
    /// When the address is not allowed, or the answer is not a complete 200.
    pub async fn get(&self, url: &str) -> Result<Bytes> {
        let target = Target::parse(url, &self.allow)?;
        // Boxed: a request under way is large, and whoever waits for it should not be.
        timeout(TIMEOUT, Box::pin(self.fetch(&target))).await.unwrap_or(Err(Error::Timeout))
    }

    async fn fetch(&self, target: &Target) -> Result<Bytes> {
        let addresses = self.addresses(target).await?;
        // Connects to these very addresses: a name is not looked up again.
        let stream = TcpStream::connect(&*addresses).await?;
        if !target.tls {
            return exchange(stream, target).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_no_name| Error::BadUrl)?;
        exchange(self.tls.connect(name, stream).await?, target).await
    }

    /// The addresses of the host. One that is not good spoils them all: who mixes them means harm, or is misconfigured.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>> {
        let found = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, target.port)],
            Err(_name) => self.resolver.resolve(&target.host, target.port).await?,
        };
        if found.is_empty() {
            return Err(Error::NoAddress);
        }
        let is_bad = |address: &IpAddr| {
            let listed = || self.allow.iter().any(|allowed| allowed.covers(*address));
            !(target.is_listed || address::is_public(*address) || listed())
        };
        match found.iter().map(SocketAddr::ip).find(is_bad) {
            Some(address) => Err(Error::AddressNotAllowed { address }),
            None => Ok(found),
        }
    }
}

async fn exchange<Io>(io: Io, target: &Target) -> Result<Bytes>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    let request = Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("campanile/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|_bad| Error::BadUrl)?;
    let answer = async {
        let response = sender.send_request(request).await?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(Error::Redirect { status: status.as_u16() }),
            status => return Err(Error::Status { status: status.as_u16() }),
        }
        match Limited::new(response.into_body(), MAX_BYTES).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge),
            Err(error) => Err(Error::Body(error)),
        }
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection has ended; what it read before may still be an answer.
        _ended = connection => answer.await,
    }
}
