//! The accept loop, and the life of one connection: handshakes, HTTP, perhaps a socket.
//!
//! poem's own server sets neither TCP_NODELAY nor a header timeout and spins when descriptors run out; this loop does the
//! opposite. A connection is one task: HTTP runs in a boxed future that is gone before the socket begins, so an idle socket
//! holds nothing of it.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Error, Result,
    door::{Door, Visit, Visitor},
    handshakes::{Handshake, Handshakes, Peer},
};
use crate::ws::{connection, upgrade::Verdict};

/// Connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 4_096;

/// How long a write may wait for the peer's kernel before the connection is given up.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause when descriptors have run out.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Most headers of a request, and most bytes of its head.
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1_024;

/// Everything one listener needs.
pub(super) struct Accept {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) door: Arc<Door>,
    /// Connections that have not yet sent a whole request head.
    pub(super) handshakes: Handshakes,
    pub(super) header_timeout: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) token: CancellationToken,
}

/// Binds an address. Accepted sockets inherit TCP_NODELAY and the write timeout from the listener, which saves two system
/// calls for each of them.
pub(super) async fn bind(address: &str) -> Result<TcpListener> {
    let refuse = |source| Error::Bind { address: address.to_owned(), source };
    let resolved = tokio::net::lookup_host(address).await.map_err(refuse)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in resolved {
        match listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(refuse(last))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    SockRef::from(&socket).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Accept {
    /// Accepts until cancelled.
    pub(super) async fn run(self: Arc<Self>) {
        let mut last_complaint: Option<Instant> = None;
        loop {
            let Some(accepted) = self.token.run_until_cancelled(self.next()).await else { return };
            match accepted {
                // Closed at once: this address keeps as many others waiting as it may.
                Ok((_stream, _peer, None)) => self.door.count_refused_handshake(),
                Ok((stream, peer, Some(handshake))) => {
                    let visitor = Visitor { peer: peer.ip(), tls: self.tls.is_some(), handshake };
                    let connection = Connection {
                        tls: self.tls.clone(),
                        door: Arc::clone(&self.door),
                        header_timeout: self.header_timeout,
                        token: self.token.clone(),
                    };
                    self.tasks.spawn(connection.serve(stream, visitor));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.door.count_accept_error();
                    if last_complaint.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
                        last_complaint = Some(Instant::now());
                        tracing::error!(%error, "connections cannot be accepted; is 'ulimit -n' too low?");
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// The next connection with its place; without one when its address has its share. A trusted proxy is nobody's address.
    async fn next(&self) -> io::Result<(TcpStream, SocketAddr, Option<Handshake>)> {
        let place = self.handshakes.place().await;
        let (stream, peer) = self.listener.accept().await?;
        let from = if self.door.is_trusted(peer.ip()) { Peer::Proxy } else { Peer::Client(peer.ip()) };
        let handshake = place.and_then(|place| self.handshakes.give(place, from));
        Ok((stream, peer, handshake))
    }
}

/// Errors that concern the connection that was about to be accepted, not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused | K::Interrupted)
}

/// What one connection needs.
struct Connection {
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    header_timeout: Duration,
    token: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, visitor: Visitor) {
        match &self.tls {
            None => self.talk(stream, visitor).await,
            // Boxed, so that plain connections do not carry the room that TLS needs.
            Some(tls) => Box::pin(self.talk_tls(tls, stream, visitor)).await,
        }
    }

    async fn talk_tls(&self, tls: &TlsAcceptor, stream: TcpStream, visitor: Visitor) {
        if let Ok(Ok(stream)) = tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
            self.talk(stream, visitor).await;
        }
    }

    async fn talk<Io>(&self, io: Io, visitor: Visitor)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some((io, early, verdict)) = Box::pin(self.http(io, visitor)).await else { return };
        let config = self.door.socket_config();
        match verdict {
            Verdict::Upgrade(_, Ok(admitted)) => connection::serve(io, early, *admitted, config).await,
            Verdict::Upgrade(_, Err(reason)) => Box::pin(connection::refuse(io, reason, &config)).await,
            Verdict::NotAHandshake(..) => {}
        }
    }

    /// Speaks HTTP until the connection ends or becomes a socket: then the stream comes back, with what was read too far.
    async fn http<Io>(&self, io: Io, visitor: Visitor) -> Option<(Io, bytes::Bytes, Verdict)>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let visit = Visit::new(Arc::clone(&self.door), visitor);
        let mut http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(io), visit);
        let ended = tokio::select! {
            ended = std::future::poll_fn(|context| http.poll_without_shutdown(context)) => ended,
            () = self.token.cancelled() => {
                std::pin::Pin::new(&mut http).graceful_shutdown();
                std::future::poll_fn(|context| http.poll_without_shutdown(context)).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
            return None;
        }
        let parts = http.into_parts();
        let verdict = parts.service.into_verdict()?;
        Some((parts.io.into_inner(), parts.read_buf, verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_inherit_nodelay_and_the_write_timeout() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }

    #[test]
    fn the_task_of_a_plain_connection_stays_small() {
        fn size_of_future<F: Future>(_: impl Fn(Connection, TcpStream, Visitor) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size_of_future(|connection, stream, visitor| connection.serve(stream, visitor));
        assert!(bytes <= 1_440, "{bytes} bytes a connection: box what only some connections need");
    }
}
