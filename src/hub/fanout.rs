//! The sockets that hear the same, of one channel or of one user, and the loop that reaches them all.
//!
//! A compact list of handles: no second look-up, no await, no log line and no allocation per receiver.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::FixedState;

use super::{Frame, Socket, outbox::Pushed};
use crate::{ids::SocketId, metrics::AppMetrics};

/// From this many subscribers on positions are kept in a map; below, the list is searched.
const INDEXED_FROM: usize = 32;

/// Sockets that hear the same, each once, in no particular order.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    list: Vec<Arc<Socket>>,
    /// Position of each socket in the list; absent for small channels, which are most.
    index: Option<HashMap<SocketId, usize, FixedState>>,
}

impl Subscribers {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub(super) fn as_slice(&self) -> &[Arc<Socket>] {
        &self.list
    }

    pub(super) fn contains(&self, socket: SocketId) -> bool {
        self.position(socket).is_some()
    }

    /// The handle of a socket in the list.
    pub(super) fn get(&self, socket: SocketId) -> Option<&Arc<Socket>> {
        self.list.get(self.position(socket)?)
    }

    fn position(&self, socket: SocketId) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&socket).copied(),
            None => self.list.iter().position(|other| other.id() == socket),
        }
    }

    /// Adds a socket that is not in the list.
    pub(super) fn add(&mut self, socket: &Arc<Socket>) {
        if let Some(index) = &mut self.index {
            index.insert(socket.id(), self.list.len());
        }
        self.list.push(Arc::clone(socket));
        if self.index.is_none() && self.list.len() > INDEXED_FROM {
            self.index = Some(self.list.iter().enumerate().map(|(position, socket)| (socket.id(), position)).collect());
        }
    }

    /// Removes a socket; returns whether it was in the list.
    pub(super) fn remove(&mut self, socket: SocketId) -> bool {
        let Some(position) = self.position(socket) else { return false };
        self.list.swap_remove(position);
        if let Some(index) = &mut self.index {
            index.remove(&socket);
            if let Some(moved) = self.list.get(position) {
                index.insert(moved.id(), position);
            }
        }
        if self.list.len() < INDEXED_FROM / 2 {
            self.index = None;
            self.list.shrink_to(INDEXED_FROM);
        }
        true
    }

    /// Pushes one frame to those of some sockets that are subscribers.
    pub(super) fn push_among(&self, frame: &Frame, among: &[SocketId], metrics: &AppMetrics) {
        let here = among.iter().filter_map(|socket| self.list.get(self.position(*socket)?));
        here.for_each(|socket| push(socket, frame, metrics));
    }

    /// Pushes one frame to every subscriber but `except`.
    pub(super) fn push_all(&self, frame: &Frame, except: Option<SocketId>, metrics: &AppMetrics) {
        self.push_but(frame, |socket| Some(socket) == except, metrics);
    }

    /// Pushes one frame to every subscriber that is not to be left out.
    pub(super) fn push_but(&self, frame: &Frame, is_left_out: impl Fn(SocketId) -> bool, metrics: &AppMetrics) {
        for socket in &self.list {
            if !is_left_out(socket.id()) {
                push(socket, frame, metrics);
            }
        }
    }
}

/// Pushes one frame to one socket; a socket that overflows is counted and ends by itself.
pub(super) fn push(socket: &Socket, frame: &Frame, metrics: &AppMetrics) {
    if socket.outbox().push(frame) == Pushed::Overflow {
        metrics.slow_consumers.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_and_removing_keeps_each_socket_once_with_and_without_an_index() {
        let sockets: Vec<_> = (0..100).map(|n| Arc::new(Socket::new(SocketId::from_random(n), 1_000))).collect();
        let mut subscribers = Subscribers::default();
        for socket in &sockets {
            assert!(!subscribers.contains(socket.id()));
            subscribers.add(socket);
        }
        assert!(subscribers.index.is_some());
        for (removed, socket) in sockets.iter().enumerate().step_by(3) {
            assert!(subscribers.remove(socket.id()), "{removed}");
            assert!(!subscribers.remove(socket.id()));
        }
        for (position, socket) in sockets.iter().enumerate() {
            assert_eq!(subscribers.contains(socket.id()), position % 3 != 0, "{position}");
        }
        for socket in &sockets {
            subscribers.remove(socket.id());
        }
        assert!(subscribers.is_empty() && subscribers.index.is_none());
    }
}
