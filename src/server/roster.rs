//! Keeps access equal to the roster: follows what others write – commands, other nodes – and lets access end on time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Result,
    keep::{Hands, follow, ticker},
};
use crate::{
    domain::roster::Change,
    ids::AppId,
    services::{Apps, now},
    store::{CHANGES_KEPT, Store},
};

/// How often is looked for changes and ends.
const INTERVAL: Duration = Duration::from_millis(250);

/// Longest wait for the database to tell what has changed, and for hands to do what that means.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Changes that are read at once.
const PAGE: u32 = 1_000;

/// Longest wait for the audit when the server goes down.
const FAREWELL: Duration = Duration::from_secs(2);

/// Ends access that has come to its end, until cancelled.
pub(super) async fn keep_deadlines((apps, tasks): (Arc<Apps>, TaskTracker), token: CancellationToken) {
    let (mut ticker, hands) = (ticker(INTERVAL), Hands::new(tasks, token.clone()));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        for live in apps.all().into_iter().filter(|live| live.is_due(now())) {
            let work = Box::pin(async move { live.keep_deadlines(now()).await });
            let _cancelled = token.run_until_cancelled(hands.give(work)).await;
        }
    }
    let write = async {
        for live in apps.all() {
            live.write_journal().await;
        }
    };
    let _late = tokio::time::timeout(FAREWELL, write).await;
}

/// Takes note of every change of the roster, until cancelled.
pub(super) async fn keep_following((store, apps, tasks): (Store, Arc<Apps>, TaskTracker), token: CancellationToken) {
    let (store, apps, hands) = (&store, &*apps, &Hands::new(tasks, token.clone()));
    let look = follow("roster", ticker(INTERVAL), TIMEOUT, move |known| catch_up(store, apps, hands, known));
    let _cancelled = token.run_until_cancelled(look).await;
}

/// Has everything acted on after the change that is known; tells the newest.
async fn catch_up(store: &Store, apps: &Apps, hands: &Hands, known: Option<i64>) -> Result<i64> {
    let newest = store.roster_seq().await?;
    let gap = known.map(|known| newest - known);
    let mut seen = match (known, gap) {
        (Some(known), Some(0)) => return Ok(known),
        (Some(known), Some(gap)) if (1..CHANGES_KEPT as i64).contains(&gap) => known,
        // At the start, or when more has happened than the log still tells.
        _ => {
            for live in apps.all() {
                hands.give(Box::pin(async move { drop(live.roster_reset(now()).await) })).await;
            }
            return Ok(newest);
        }
    };
    while seen < newest {
        let changes = store.roster_changes_of_all(seen, PAGE).await?;
        let Some((_, last)) = changes.last() else { break };
        seen = last.seq;
        let mut by_app: HashMap<AppId, Vec<Change>> = HashMap::new();
        for (app, change) in changes {
            by_app.entry(app).or_default().push(change);
        }
        for (app, changes) in by_app {
            if let Some(live) = apps.by_id(app.as_str()) {
                hands.give(Box::pin(async move { live.roster_followed(&changes, now()).await })).await;
            }
        }
    }
    Ok(newest)
}
