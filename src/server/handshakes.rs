//! Connections that have not yet sent a whole request head: how many there may be, of everybody and of one address.
//!
//! They cost memory before anybody has proved anything, so their number is bounded. The share of one address keeps somebody
//! who opens connections and says nothing from taking everybody's places. Called by the accept loop.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::throttle::Network;

/// Places for hand-shakes.
#[derive(Debug, Clone)]
pub(super) struct Handshakes {
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
}

#[derive(Debug)]
struct Shares {
    max: u32,
    /// Hand-shakes by address: never more entries than there are places. Guards no await.
    taken: Mutex<HashMap<Network, u32>>,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// A client's own.
    Client(IpAddr),
    /// A trusted proxy's.
    Proxy,
}

/// A place that was taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    share: Option<(Network, Arc<Shares>)>,
    _place: OwnedSemaphorePermit,
}

impl Handshakes {
    /// `max` places, of which one address may have `max_per_address`.
    pub(super) fn new(max: u32, max_per_address: u32) -> Self {
        let shares = Shares { max: max_per_address, taken: Mutex::default() };
        Self { places: Arc::new(Semaphore::new(max as usize)), shares: Arc::new(shares) }
    }

    /// Waits for a place.
    ///
    /// # Cancel safety
    /// Nothing is taken when the future is dropped.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Gives a place to an address; `None` when it has its share. A proxy in front has no share of its own: it stands for
    /// everybody.
    pub(super) fn give(&self, place: OwnedSemaphorePermit, peer: Peer) -> Option<Handshake> {
        let Peer::Client(address) = peer else { return Some(Handshake { share: None, _place: place }) };
        let network = Network::from(address);
        let mut taken = self.shares.taken.lock();
        let count = taken.entry(network).or_insert(0);
        if *count >= self.shares.max {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Handshake { share: Some((network, Arc::clone(&self.shares))), _place: place })
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let Some((network, shares)) = &self.share else { return };
        let mut taken = shares.taken.lock();
        if let Some(count) = taken.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_share_and_no_more_until_it_gives_back() {
        let handshakes = Handshakes::new(4, 2);
        let address = |last| IpAddr::from([127, 0, 0, last]);
        let take = async |last| handshakes.give(handshakes.place().await.unwrap(), Peer::Client(address(last)));
        let (first, second) = (take(1).await.unwrap(), take(1).await.unwrap());
        assert!(take(1).await.is_none());
        let other = take(2).await.unwrap();
        drop(first);
        assert!(take(1).await.is_some(), "dropped again at once");
        let proxy = handshakes.give(handshakes.place().await.unwrap(), Peer::Proxy);
        assert!(proxy.is_some());
        drop(proxy);
        assert_eq!(handshakes.places.available_permits(), 2);
        drop((other, second));
        assert!(handshakes.shares.taken.lock().is_empty(), "nothing is kept for those who left");
        assert_eq!(handshakes.places.available_permits(), 4);
    }
}
