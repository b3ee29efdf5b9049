//! Keeps the classroom running: what is due by the clock, and telling what a crash or a writer who left has not told.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::services::{Teller, now};

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often, in intervals, is looked for what was not told.
const REST_EVERY: u32 = 4;

/// Tells at once what the last run of the server left behind, then goes on until cancelled.
pub(super) async fn keep_going(teller: Arc<Teller>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    let mut is_failing = false;
    for beat in (0..REST_EVERY).cycle() {
        if token.run_until_cancelled(ticker.tick()).await.is_none() {
            return;
        }
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
}
