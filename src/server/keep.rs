//! What is done over and over while the server runs: each in a task of its own, which begins again after a panic.
//!
//! [`Keep`] starts the tasks, [`ticker`] paces them, [`follow`] has what others change looked for and [`Duty`] complains of what
//! fails, once until it works again. [`Hands`] work on apps side by side. The files beside this one say what is done.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::Semaphore,
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Error, Result};
use crate::metrics::Metrics;

/// Apps that are worked on at the same time.
const AT_ONCE: usize = 64;

/// How long after a panic a task begins again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Starts tasks that go on until the server stops.
pub(super) struct Keep {
    pub(super) tasks: TaskTracker,
    pub(super) token: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
}

impl Keep {
    /// Starts a task, which works with `with` until it is cancelled. After a panic it is started again.
    pub(super) fn going<W, F>(
        &self,
        name: &'static str,
        with: W,
        task: impl Fn(W, CancellationToken) -> F + Send + 'static,
    ) where
        W: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (token, panics) = (self.token.clone(), self.metrics.task_panics.clone());
        self.tasks.spawn(async move {
            // What is shared with other tasks is behind locks that no panic poisons.
            while AssertUnwindSafe(task(with.clone(), token.clone())).catch_unwind().await.is_err() {
                panics.inc();
                tracing::error!(task = name, "a task of the server has panicked, it begins again");
                if token.run_until_cancelled(sleep(AGAIN_AFTER)).await.is_none() {
                    break;
                }
            }
        });
    }
}

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

/// Ticks that are never made up for, so that a stalled process does not rush.
pub(super) fn ticker(period: Duration) -> Interval {
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

/// Calls `refresh` at each tick with the revision of `what` that is known, and gives up each call that takes longer than `limit`.
///
/// # Cancel safety
/// A call that is given up has brought either all it read into force or nothing.
pub(super) async fn follow<R>(
    what: &'static str,
    mut ticker: Interval,
    limit: Duration,
    mut refresh: impl FnMut(Option<i64>) -> R,
) where
    R: Future<Output = Result<i64>>,
{
    let mut known = None;
    let mut failing = false;
    loop {
        ticker.tick().await;
        let outcome = timeout(limit, refresh(known)).await;
        match outcome.unwrap_or(Err(Error::Stalled { after: limit })) {
            Ok(revision) => {
                known = Some(revision);
                failing = false;
            }
            // Sockets and publishing go on with what was known.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the {what} cannot be read from the database, going on with what is known");
            }
            Err(_still) => {}
        }
    }
}

/// A call that is done over and over has failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault<E> {
    #[error("{0}")]
    Failed(E),
    #[error("no end within {0:?}")]
    Stalled(Duration),
}

/// Awaits a call for `limit` at most.
pub(super) async fn within<E>(limit: Duration, call: impl Future<Output = Result<(), E>>) -> Result<(), Fault<E>> {
    timeout(limit, call).await.map_or(Err(Fault::Stalled(limit)), |outcome| outcome.map_err(Fault::Failed))
}

/// Something that is done over and over, in several parts, and complained of once when it fails.
pub(super) struct Duty {
    /// What it is about.
    what: &'static str,
    was_failing: bool,
    is_failing: bool,
}

impl Duty {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, was_failing: false, is_failing: false }
    }

    /// Takes note of how a part of it went.
    pub(super) fn note<E: std::fmt::Display>(&mut self, outcome: Result<(), E>) {
        let Err(error) = outcome else { return };
        if !self.was_failing && !self.is_failing {
            tracing::error!(%error, "{} cannot be seen to now, it is tried again", self.what);
        }
        self.is_failing = true;
    }

    /// All parts are done for this time.
    pub(super) fn over(&mut self) {
        self.was_failing = std::mem::take(&mut self.is_failing);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_counted_and_begins_again_and_one_that_ends_does_not() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let keep = Keep { tasks: TaskTracker::new(), token: CancellationToken::new(), metrics: Arc::clone(&metrics) };
        let runs = Arc::new(AtomicU32::new(0));
        keep.going("test", Arc::clone(&runs), async |runs: Arc<AtomicU32>, _token| {
            assert!(runs.fetch_add(1, Ordering::SeqCst) > 1, "the first two runs panic");
        });
        keep.tasks.close();
        keep.tasks.wait().await;
        assert_eq!((runs.load(Ordering::SeqCst), metrics.task_panics.get()), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_given_up() {
        let limit = Duration::from_secs(30);
        let hangs = within(limit, pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(hangs.to_string(), "no end within 30s");
        within(limit, async { Ok::<(), Error>(()) }).await.unwrap();
    }

    /// The second call never comes to an end.
    async fn answer(call: i64) -> Result<i64> {
        if call == 2 { pending().await } else { Ok(call) }
    }

    #[tokio::test]
    async fn refresh_that_hangs_is_given_up_and_tried_again() {
        let (calls, mut called) = tokio::sync::mpsc::channel(10);
        let mut count = 0;
        let refresh = |known| {
            count += 1;
            let _full = calls.try_send(known);
            answer(count)
        };
        let look = follow("test", ticker(Duration::from_millis(1)), Duration::from_millis(20), refresh);
        let watch = async {
            for expected in [None, Some(1), Some(1), Some(3)] {
                assert_eq!(called.recv().await.unwrap(), expected);
            }
        };
        tokio::select! { () = look => {}, () = watch => {} }
    }

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
