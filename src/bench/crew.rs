//! Threads that send while the receiving loop listens: whether they are still at work, how much they have done, and what
//! stopped them. Threads and not tasks, because one that waits for an answer must not hold up the receiving loop.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Error, Result, audience::Audience, phase::Source};

/// What the threads of a run share.
#[derive(Debug)]
pub(super) struct Crew {
    /// Threads that have not ended yet.
    at_work: AtomicU32,
    done: AtomicU64,
    is_over: AtomicBool,
    /// The error that ended the run, written by the first thread that met one. Held for no longer than a move.
    fault: Mutex<Option<Error>>,
}

impl Crew {
    /// A crew of so many threads; each then calls [`Crew::work`] once.
    pub(super) fn of(threads: u32) -> Self {
        Self {
            at_work: AtomicU32::new(threads),
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            fault: Mutex::new(None),
        }
    }

    /// Does the work of one thread. An error sends all home.
    pub(super) fn work(&self, work: impl FnOnce() -> Result<()>) {
        if let Err(error) = work() {
            self.fault.lock().get_or_insert(error);
            self.close();
        }
        self.at_work.fetch_sub(1, Ordering::AcqRel);
    }

    /// Sends the threads home.
    pub(super) fn close(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Tells whether the threads shall go home.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Counts one thing that was done.
    pub(super) fn count(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// How much was done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    /// Takes the error that ended the run.
    pub(super) fn fault(&self) -> Option<Error> {
        self.fault.lock().take()
    }
}

impl<E> Source<E> for &Crew {
    fn step(&mut self, _audience: &mut Audience, _ears: &mut E) -> Result<Option<u64>> {
        self.fault().map_or(Ok(None), Err)
    }

    fn finished(&self) -> Option<u64> {
        // A fault is not an end: the next step reports it.
        let is_over = self.at_work.load(Ordering::Acquire) == 0 && self.fault.lock().is_none();
        is_over.then(|| self.done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tally::Tally;

    /// What the receiving loop sees of a crew.
    fn finished(crew: &Crew) -> Option<u64> {
        Source::<Tally>::finished(&crew)
    }

    #[test]
    fn a_crew_is_finished_when_its_last_thread_is() {
        let crew = Crew::of(2);
        let one = || {
            crew.count();
            Ok(())
        };
        crew.work(one);
        assert_eq!((finished(&crew), crew.is_over()), (None, false));
        crew.work(one);
        assert_eq!((finished(&crew), crew.is_over()), (Some(2), false));
    }

    #[test]
    fn the_first_error_sends_all_home_and_is_no_end() {
        let crew = Crew::of(2);
        crew.work(|| Err(Error::Http("the first")));
        assert!(crew.is_over());
        crew.work(|| Err(Error::Http("the second")));
        assert_eq!(finished(&crew), None);
        assert!(matches!(crew.fault(), Some(Error::Http("the first"))));
    }
}
