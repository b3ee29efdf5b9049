//! How sockets are opened, and how many the system lets us have.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::bench::{Error, Result};

/// Connections from one source address. The kernel has some 28,000 ports for each, but searches long for a free one once
/// half of them are taken, and then its search is what limits connects per second.
const PER_SOURCE: usize = 10_000;
/// Receive buffer of a socket that will stop reading, in bytes: small, so that the server feels it soon.
const SMALL_BUFFER: usize = 4 << 10;
/// Descriptors needed beside the sockets.
const SPARE_DESCRIPTORS: usize = 256;

/// Size of a socket's receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buffer {
    /// What the kernel gives.
    Usual,
    /// As small as it goes.
    Small,
}

/// Begins a connection, the `index`th of `seats`, without waiting for it.
///
/// # Errors
///
/// When the system refuses at once.
pub(super) fn dial(address: SocketAddr, index: usize, seats: usize, buffer: Buffer) -> Result<TcpStream> {
    let failed = |source| Error::Connect { address, source };
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP)).map_err(failed)?;
    socket.set_tcp_nodelay(true).map_err(failed)?;
    if buffer == Buffer::Small {
        socket.set_recv_buffer_size(SMALL_BUFFER).map_err(failed)?;
    }
    if let Some(source) = source_address(address, index, seats) {
        socket.bind(&source.into()).map_err(failed)?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket.into()),
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => Ok(socket.into()),
        Err(source) => Err(failed(source)),
    }
}

/// Spreads many connections to a loopback server over several source addresses, because each has too few ports.
fn source_address(server: SocketAddr, index: usize, seats: usize) -> Option<SocketAddr> {
    if seats <= PER_SOURCE || !matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        return None;
    }
    let host = u8::try_from(index / PER_SOURCE).ok()?.checked_add(1)?;
    Some(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))
}

/// Raises the limit of open files for this many sockets.
///
/// # Errors
///
/// When the system allows fewer.
pub(in crate::bench) fn raise_descriptors(sockets: usize) -> Result<()> {
    let needed = u64::try_from(sockets.saturating_add(SPARE_DESCRIPTORS)).unwrap_or(u64::MAX);
    let failed = |source| Error::Io { what: "read the limit of open files", source };
    let (soft, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).map_err(failed)?;
    if soft >= needed {
        return Ok(());
    }
    // Raising the hard limit too is for root only; everybody else gets the hard limit at most.
    rlimit::setrlimit(rlimit::Resource::NOFILE, needed, hard.max(needed))
        .map_err(|_ignored| Error::Descriptors { needed, available: hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_loopback_connections_come_from_several_addresses() {
        let server = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert_eq!(source_address(server, 9_999, 10_000), None);
        let address = |index| source_address(server, index, 60_000).map(|address| address.ip().to_string());
        assert_eq!(address(0).as_deref(), Some("127.0.0.1"));
        assert_eq!(address(10_000).as_deref(), Some("127.0.0.2"));
        assert_eq!(address(59_999).as_deref(), Some("127.0.0.6"));
        assert_eq!(source_address(SocketAddr::from(([192, 0, 2, 1], 80)), 0, 60_000), None);
    }
}
