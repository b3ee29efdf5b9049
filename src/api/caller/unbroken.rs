//! Work that is brought to its end, whoever waits for it. It runs where it is awaited and costs no task of its own, unless
//! whoever awaits it goes away.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// What is to be done. In a box from its beginning: what is handed on and on by value is moved, and room for it kept, each time.
pub(super) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that goes on as a task when it is dropped between its beginning and its end.
pub(super) struct Unbroken<T: Send + 'static> {
    /// Missing while it is polled, so that work that has panicked is not gone on with, and when it is over.
    work: Option<Work<T>>,
    has_begun: bool,
    tasks: TaskTracker,
    runtime: Handle,
}

impl<T: Send + 'static> Unbroken<T> {
    /// Takes work up; `tasks` has what nobody waits for any more. Called within the runtime.
    pub(super) fn new(work: Work<T>, tasks: TaskTracker) -> Self {
        Self { work: Some(work), has_begun: false, tasks, runtime: Handle::current() }
    }
}

impl<T: Send + 'static> Future for Unbroken<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.has_begun = true;
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let outcome = work.as_mut().poll(context);
        if outcome.is_pending() {
            self.work = Some(work);
        }
        outcome
    }
}

impl<T: Send + 'static> Drop for Unbroken<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take().filter(|_| self.has_begun) {
            self.tasks.spawn_on(work, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{panic::AssertUnwindSafe, sync::Arc};

    use futures_util::{FutureExt, poll};
    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn work_that_is_awaited_is_no_task() {
        let tasks = TaskTracker::new();
        assert_eq!(Unbroken::new(Box::pin(async { 7 }), tasks.clone()).await, 7);
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_comes_to_its_end() {
        let (tasks, gate, (done, is_done)) = (TaskTracker::new(), Arc::new(Notify::new()), oneshot::channel());
        let opened = Arc::clone(&gate);
        let work = async move {
            opened.notified().await;
            done.send(()).unwrap();
        };
        let mut waiting = Box::pin(Unbroken::new(Box::pin(work), tasks.clone()));
        assert!(poll!(&mut waiting).is_pending());
        drop(waiting);
        assert_eq!(tasks.len(), 1);
        gate.notify_one();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_was_not_begun_or_has_panicked_is_left() {
        let tasks = TaskTracker::new();
        drop(Unbroken::new(Box::pin(async {}), tasks.clone()));
        let mut panicking = Box::pin(Unbroken::new(Box::pin(async { panic!("on the way") }), tasks.clone()));
        let outcome: Result<(), _> = AssertUnwindSafe(&mut panicking).catch_unwind().await;
        assert!(outcome.is_err());
        drop(panicking);
        assert!(tasks.is_empty());
    }
}
