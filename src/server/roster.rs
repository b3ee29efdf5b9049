//! Keeps access equal to the roster: follows what others write – commands, other nodes – and lets access end on time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    Result,
    directory::{follow, ticker},
};
use crate::{
    domain::roster::Change,
    ids::AppId,
    services::{Apps, now},
    store::{CHANGES_KEPT, Store},
};

/// How often is looked for changes and ends.
const INTERVAL: Duration = Duration::from_millis(250);

/// Longest wait for the database to tell what has changed, and for what that means to be done.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Changes that are read at once.
const PAGE: u32 = 1_000;

/// Ends access that has come to its end, until cancelled.
pub(super) async fn keep_deadlines(apps: Arc<Apps>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        for live in apps.all() {
            live.keep_deadlines(now()).await;
        }
    }
}

/// Takes note of every change of the roster, until cancelled.
pub(super) async fn keep_following(store: Store, apps: Arc<Apps>, token: CancellationToken) {
    let (store, apps) = (&store, &*apps);
    let look = follow("roster", ticker(INTERVAL), TIMEOUT, move |known| catch_up(store, apps, known));
    let _cancelled = token.run_until_cancelled(look).await;
}

/// Acts on everything after the change that is known; tells the newest.
async fn catch_up(store: &Store, apps: &Apps, known: Option<i64>) -> Result<i64> {
    let newest = store.roster_seq().await?;
    let gap = known.map(|known| newest - known);
    let mut seen = match (known, gap) {
        (Some(known), Some(0)) => return Ok(known),
        (Some(known), Some(gap)) if (1..CHANGES_KEPT as i64).contains(&gap) => known,
        // At the start, or when more has happened than the log still tells.
        _ => {
            for live in apps.all() {
                live.roster_reset(now()).await;
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
                live.roster_followed(&changes, now()).await;
            }
        }
    }
    Ok(newest)
}
