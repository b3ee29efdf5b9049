//! Keeps what is known of chats equal to the database: follows what other nodes change.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Result,
    keep::{Hands, follow, ticker},
};
use crate::{
    services::{Apps, now},
    store::Store,
};

/// How often is looked for changes.
const INTERVAL: Duration = Duration::from_millis(250);

/// Longest wait for the database to tell what has changed, and for hands to do what that means.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Changes that are read at once.
const PAGE: u64 = 1_000;

/// Takes note of every change of a chat, until cancelled.
pub(super) async fn keep_following((store, apps, tasks): (Store, Arc<Apps>, TaskTracker), token: CancellationToken) {
    let (store, apps, hands) = (&store, &*apps, &Hands::new(tasks, token.clone()));
    let look = follow("changes of chats", ticker(INTERVAL), TIMEOUT, move |known| catch_up(store, apps, hands, known));
    let _cancelled = token.run_until_cancelled(look).await;
}

/// Has everything acted on after the change that is known; tells the newest.
async fn catch_up(store: &Store, apps: &Apps, hands: &Hands, known: Option<i64>) -> Result<i64> {
    let newest = store.chat_seq().await?;
    let Some(mut seen) = known.filter(|known| *known <= newest) else {
        // At the start, or when the database is another one.
        for live in apps.all() {
            hands.give(Box::pin(async move { drop(live.chats_reset(now()).await) })).await;
        }
        return Ok(newest);
    };
    while seen < newest {
        let changes = store.chat_changes_of_all(seen, PAGE).await?;
        for (app, chat, seq) in &changes {
            seen = *seq;
            if let Some(live) = apps.by_id(app.as_str()) {
                let chat = chat.clone();
                hands.give(Box::pin(async move { live.chat_followed(&chat, now()).await })).await;
            }
        }
        if (changes.len() as u64) < PAGE {
            break;
        }
    }
    Ok(newest.max(seen))
}
