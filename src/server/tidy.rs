//! Removes what is kept no longer.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::services::{Once, now};

/// How often.
const INTERVAL: Duration = Duration::from_secs(60);

/// Removes what is kept no longer, until cancelled.
pub(super) async fn keep_tidy(once: Arc<Once>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        if let Err(error) = once.sweep(now()).await {
            tracing::warn!(%error, "answers under old idempotency keys cannot be removed, trying again in a minute");
        }
    }
}
