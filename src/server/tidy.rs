//! Removes what is kept no longer.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::{
    services::{Once, now},
    store::Store,
};

/// How often.
const INTERVAL: Duration = Duration::from_secs(60);

/// How often old entries of the audit are looked for.
const AUDIT_INTERVAL: Duration = Duration::from_hours(1);

/// Removes what is kept no longer, until cancelled.
pub(super) async fn keep_tidy(once: Arc<Once>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        if let Err(error) = once.sweep(now()).await {
            tracing::warn!(%error, "answers under old idempotency keys cannot be removed, trying again in a minute");
        }
    }
}

/// Removes what the audit has kept for `days`, every hour, until cancelled; 0 = nothing ever.
pub(super) async fn keep_audit(store: Store, days: u32, token: CancellationToken) {
    if days == 0 {
        return;
    }
    let mut ticker = ticker(AUDIT_INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        let before = now() - TimeDelta::days(days.into());
        loop {
            match token.run_until_cancelled(store.audit_prune(before)).await {
                Some(Ok(0)) | None => break,
                Some(Ok(_more)) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "old entries of the audit are not removed, the next hour tries again");
                    break;
                }
            }
        }
    }
}
