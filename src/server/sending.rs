//! Sends notifications to many when their time has come, and writes what waits for the broadcast log.
//!
//! A task each: a sending to a whole school takes a while, and nothing else shall wait for it.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::keep::{Duty, ticker};
use crate::services::{broadcast_log::BroadcastLog, notification::Notifications, now};

/// How often is looked for what is due, or waits.
const INTERVAL: Duration = Duration::from_millis(250);

/// Sends until cancelled. What is cut off in the middle goes on at the next start.
pub(super) async fn keep_sending(sent: Arc<Notifications>, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(INTERVAL), Duty::new("notifications to many"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        let Some(due) = token.run_until_cancelled(Box::pin(sent.send_due(now()))).await else { break };
        duty.note(due);
        duty.over();
    }
}

/// Writes the log until cancelled, and then what is left.
pub(super) async fn keep_logging(log: Arc<BroadcastLog>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        log.write(now()).await;
    }
    log.write(now()).await;
}
