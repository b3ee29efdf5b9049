//! One open socket as the rest of the server sees it: a name and a queue.

use super::Outbox;
use crate::ids::SocketId;

/// Handle of an open socket. Whoever holds it may push frames or end the socket, and nothing else.
#[derive(Debug)]
pub struct Socket {
    id: SocketId,
    outbox: Outbox,
}

impl Socket {
    /// Makes a handle whose outbox holds at most `max_bytes`.
    #[must_use]
    pub fn new(id: SocketId, max_bytes: usize) -> Self {
        Self { id, outbox: Outbox::new(max_bytes) }
    }

    /// Name of the socket.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// What waits to be written.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}
