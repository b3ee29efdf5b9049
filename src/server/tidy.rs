//! Removes what is kept no longer.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::{
    services::{Once, broadcast::Broadcasts, broadcast_log::BroadcastLog, notification::Notifications, now},
    store::{self, Store},
};

/// How often.
const INTERVAL: Duration = Duration::from_secs(60);

/// How often old entries of the audit are looked for.
const AUDIT_INTERVAL: Duration = Duration::from_hours(1);

/// Who keeps what for a while.
pub(super) struct Tidy {
    pub(super) store: Store,
    pub(super) once: Arc<Once>,
    pub(super) notifications: Arc<Notifications>,
    pub(super) broadcasts: Arc<Broadcasts>,
    pub(super) broadcast_log: Arc<BroadcastLog>,
}

impl Tidy {
    /// Removes what is kept no longer, until cancelled.
    pub(super) async fn keep(self, token: CancellationToken) {
        let mut ticker = ticker(INTERVAL);
        while token.run_until_cancelled(ticker.tick()).await.is_some() {
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "what is kept no longer cannot be removed, trying again in a minute");
            }
        }
    }

    async fn sweep(&self) -> store::Result<()> {
        self.once.sweep(now()).await?;
        self.notifications.sweep(now()).await?;
        self.broadcasts.sweep(now()).await?;
        self.broadcast_log.sweep(now()).await?;
        self.store.stream_prune(now()).await
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
