//! Keeps the classroom running: who comes and goes, what a crash or a writer who left has not told, polls whose time is over.
//!
//! Three tasks, so that none waits for another; each call has an end, so that a database that gives no answer holds nothing up
//! for longer than that.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::keep::{Duty, ticker, within};
use crate::services::{Apps, Chats, Teller, now, poll::Polls};

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often is looked for what was not told.
const REST_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for one call.
const LIMIT: Duration = Duration::from_secs(30);

/// Apps that are seen to at the same time.
const AT_ONCE: usize = 64;

/// Tells who comes and goes, in all apps side by side, until cancelled; then keeps until when people were here.
pub(super) async fn keep_presence(apps: Arc<Apps>, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(INTERVAL), Duty::new("who comes and goes"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        let ticks =
            apps.all().into_iter().map(|live| async move { within(LIMIT, Box::pin(live.presence_tick(now()))).await });
        let mut ticks = stream::iter(ticks).buffer_unordered(AT_ONCE);
        while let Some(outcome) = ticks.next().await {
            duty.note(outcome);
        }
        duty.over();
    }
    for live in apps.all() {
        if let Err(error) = live.presence_alive(now()).await {
            tracing::warn!(%error, "until when people were here is not kept to the second");
        }
    }
}

/// Tells at once what the last run of the server left behind, then what writers who left have not told, until cancelled.
pub(super) async fn keep_telling((teller, chats): (Arc<Teller>, Arc<Chats>), token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(REST_INTERVAL), Duty::new("what happened"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        chats.sweep();
        duty.note(within(LIMIT, teller.tell_the_rest(now())).await);
        duty.over();
    }
}

/// Closes polls whose time is over and tells results, until cancelled.
pub(super) async fn keep_polls(polls: Arc<Polls>, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(INTERVAL), Duty::new("polls"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        duty.note(within(LIMIT, Box::pin(polls.tick(now()))).await);
        duty.over();
    }
}
