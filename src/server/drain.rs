//! Going down without a herd: sockets are sent away one after the other.
//!
//! pusher-js comes back at once after 4200, with a TLS handshake and one authorisation request per channel at the
//! customer's own server. Closing everybody in one moment would be an attack on it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{hub::Socket, protocol::CloseReason, ws::upgrade::Gate};

/// Slowest pace: even few sockets are not kept waiting.
const SLOWEST: Duration = Duration::from_millis(10);

/// How long the closed sockets may take to go.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Closes all sockets with 4200, spread over `window` at most and in no particular order, and waits until they have gone.
pub(super) async fn drain(gate: &Gate, window: Duration) {
    gate.draining.store(true, Ordering::Relaxed);
    let sockets: Vec<Arc<Socket>> =
        gate.apps.all().iter().flat_map(|live| live.hub.close(CloseReason::Draining)).collect();
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    let pace = SLOWEST.min(window / count.max(1));
    if count > 0 {
        tracing::info!(sockets = count, duration_ms = (pace * count).as_millis(), "closing sockets with 4200");
    }
    gate.apps.all().iter().for_each(|live| live.close_readers());
    let start = Instant::now();
    for (position, socket) in (0_u32..).zip(&sockets) {
        sleep_until(start + pace * position).await;
        socket.outbox().end(CloseReason::ServerStopping);
    }
    let give_up = Instant::now() + LAST_WAIT;
    while gate.capacity.taken() > 0 && Instant::now() < give_up {
        sleep_until(Instant::now() + SLOWEST).await;
    }
}
