//! What several test files need: the server under test, clients of each kind, and real databases, started and stopped by
//! the test itself.
//!
//! No test sleeps. Whatever is awaited has [`PATIENCE`] as its bound, and silence is proved by a round trip: what was
//! queued before a pong has arrived before it.
#![allow(dead_code, reason = "each helper is for whichever test needs it")]

pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod binary;
pub(crate) mod chat;
pub(crate) mod client;
pub(crate) mod databases;
pub(crate) mod description;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod rest;
pub(crate) mod roster;
pub(crate) mod stage;
pub(crate) mod wire;

use std::time::Duration;

/// How long anything may take, slow machines under load included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Awaits a future for [`PATIENCE`] at most.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("{what}: nothing after {PATIENCE:?}"),
    }
}

/// Asks again until the answer is yes, for [`PATIENCE`] at most. Only for what tells nobody when it changes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, poll).await;
}
