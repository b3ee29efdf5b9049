//! What is due by the clock and is done in memory: limits that fill up again, typing that ends by itself, uses of API keys.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::keep::ticker;
use crate::{
    services::{Apps, Callers, now},
    throttle::{Keyed, Network},
    ws::upgrade::Gate,
};

/// How often due work is done.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often is looked for those who have stopped typing.
const TYPING_INTERVAL: Duration = Duration::from_millis(250);

/// How often the use of API keys is noted.
const NOTES_INTERVAL: Duration = Duration::from_secs(5);

/// Does what is due in every app, once a second, until cancelled. Waits for nothing else, least of all the database.
pub(super) async fn keep_time((gate, strangers): (Arc<Gate>, Option<Arc<Keyed<Network>>>), token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        gate.apps.tick(Instant::now());
        if let Some(connects) = &gate.connects {
            connects.sweep();
        }
        if let Some(strangers) = &strangers {
            strangers.sweep();
        }
    }
}

/// Stops those who have stopped typing, until cancelled. Waits for nothing else, least of all the database.
pub(super) async fn keep_typing(apps: Arc<Apps>, token: CancellationToken) {
    let mut ticker = ticker(TYPING_INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        apps.all().iter().for_each(|live| live.typing_tick(now()));
    }
}

/// Has the use of API keys written down, every few seconds, until cancelled and once more then.
pub(super) async fn keep_notes(callers: Arc<Callers>, token: CancellationToken) {
    let mut ticker = ticker(NOTES_INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        callers.note_uses().await;
    }
    callers.note_uses().await;
}
