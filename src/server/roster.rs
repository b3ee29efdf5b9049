//! Keeps access equal to the roster: follows what others write – commands, other nodes – and lets access end on time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Result,
    keep::{follow, ticker},
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

/// Apps that are worked on at the same time.
const AT_ONCE: usize = 64;

/// Longest wait for the audit when the server goes down.
const FAREWELL: Duration = Duration::from_secs(2);

/// Works on apps side by side, so that one whose roster gives no answer keeps no other waiting.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    tasks: TaskTracker,
    token: CancellationToken,
    free: Arc<Semaphore>,
}

impl Hands {
    pub(super) fn new(tasks: TaskTracker, token: CancellationToken) -> Self {
        Self { tasks, token, free: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Begins a piece of work as soon as a hand is free.
    pub(super) async fn give(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(hand) = Arc::clone(&self.free).acquire_owned().await else { return };
        let token = self.token.clone();
        self.tasks.spawn(async move {
            let _cancelled = token.run_until_cancelled(work).await;
            drop(hand);
        });
    }
}

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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_keeps_no_other_waiting_until_all_hands_are_full() {
        let (tasks, token) = (TaskTracker::new(), CancellationToken::new());
        let hands = Hands::new(tasks.clone(), token.clone());
        for _ in 0..AT_ONCE - 1 {
            hands.give(pending()).await;
        }
        for _ in 0..3 {
            let (done, is_done) = oneshot::channel();
            hands.give(async move { done.send(()).unwrap() }).await;
            is_done.await.unwrap();
        }
        hands.give(pending()).await;
        let full = hands.give(pending());
        assert!(futures_util::FutureExt::now_or_never(full).is_none(), "the next one waits");
        token.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
