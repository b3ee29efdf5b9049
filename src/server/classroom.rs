//! Keeps the classroom running: what is due by the clock, and telling what a crash or a writer who left has not told.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::services::{Apps, Teller, now};

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often, in intervals, is looked for what was not told.
const REST_EVERY: u32 = 4;

/// Tells at once what the last run of the server left behind, then goes on until cancelled.
pub(super) async fn keep_going(teller: Arc<Teller>, apps: Arc<Apps>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    let mut is_failing = false;
    let mut is_blind = false;
    for beat in (0..REST_EVERY).cycle() {
        if token.run_until_cancelled(ticker.tick()).await.is_none() {
            break;
        }
        is_blind = keep_presence(&apps, is_blind).await;
        if beat == 0 {
            let told = teller.tell_the_rest(now()).await;
            if let Err(error) = &told
                && !is_failing
            {
                tracing::error!(%error, "what happened cannot be read from the database, it is told later");
            }
            is_failing = told.is_err();
        }
    }
    for live in apps.all() {
        if let Err(error) = live.presence_alive(now()).await {
            tracing::warn!(%error, "until when people were here is not kept to the second");
        }
    }
}

/// Tells and keeps who comes and goes. Tells whether that failed in any app; `was_failing` keeps the log short.
async fn keep_presence(apps: &Apps, was_failing: bool) -> bool {
    let mut is_failing = false;
    for live in apps.all() {
        if let Err(error) = live.presence_tick(now()).await {
            if !was_failing && !is_failing {
                tracing::error!(%error, "who comes and goes cannot be told or kept now, it is done later");
            }
            is_failing = true;
        }
    }
    is_failing
}

/// Stops those who have stopped typing, until cancelled. Waits for nothing else, least of all the database.
pub(super) async fn keep_typing(apps: Arc<Apps>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        apps.all().iter().for_each(|live| live.typing_tick(now()));
    }
}
