//! What processes have used: processor time and memory, as the kernel counts them in `/proc`.
//!
//! Reads the process of the server under load, of the floor and of the bench itself the same way. A process's user and
//! system time come in steps of 10 ms but are complete; its threads' run times come in nanoseconds but end with a thread.
//! The first is the figure, the second makes it finer.

use procfs::process::Process;
use rustix::{process::Pid, thread::sched_getaffinity, thread::sched_setaffinity};

use super::{Error, Result};

/// How far the two counts may differ by the steps of the coarse one, in microseconds.
const STEPS_US: f64 = 20_000.0;

/// The processes that are counted together; may be none.
#[derive(Debug)]
pub(super) struct Probe {
    processes: Vec<Process>,
}

/// The state of the processes at one moment, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// User and system time used so far, in microseconds, in steps of 10 ms.
    pub(super) cpu_us: f64,
    /// Run time of the threads that live, in microseconds.
    pub(super) threads_us: f64,
    /// Resident memory in KiB.
    pub(super) rss_kib: f64,
}

impl Sample {
    /// Processor time used between this sample and a `later` one, in microseconds.
    pub(super) fn cpu_until(&self, later: &Self) -> f64 {
        let coarse = later.cpu_us - self.cpu_us;
        let fine = later.threads_us - self.threads_us;
        if (fine - coarse).abs() <= STEPS_US { fine } else { coarse }
    }
}

impl Probe {
    /// Looks the processes up.
    ///
    /// # Errors
    ///
    /// When one of them does not exist or may not be seen.
    pub(super) fn of(pids: &[i32]) -> Result<Self> {
        let open = |pid: &i32| Process::new(*pid).map_err(|source| Error::Process { pid: *pid, source });
        Ok(Self { processes: pids.iter().map(open).collect::<Result<_>>()? })
    }

    /// Looks at the bench itself.
    ///
    /// # Errors
    ///
    /// When `/proc` is not there.
    pub(super) fn own() -> Result<Self> {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        Self::of(&[pid])
    }

    /// Takes a sample; None when no process is watched.
    ///
    /// # Errors
    ///
    /// When a watched process has ended.
    pub(super) fn sample(&self) -> Result<Option<Sample>> {
        if self.processes.is_empty() {
            return Ok(None);
        }
        let mut sum = Sample { cpu_us: 0.0, threads_us: 0.0, rss_kib: 0.0 };
        for process in &self.processes {
            let failed = |source| Error::Process { pid: process.pid, source };
            let stat = process.stat().map_err(failed)?;
            let ticks = stat.utime.saturating_add(stat.stime);
            sum.cpu_us += float(ticks) * 1_000_000.0 / float(procfs::ticks_per_second());
            for thread in process.tasks().map_err(failed)?.flatten() {
                // A thread may end between being listed and being read.
                sum.threads_us += thread.schedstat().map_or(0.0, |stat| float(stat.sum_exec_runtime) / 1_000.0);
            }
            sum.rss_kib += float(process.status().map_err(failed)?.vmrss.unwrap_or_default());
        }
        Ok(Some(sum))
    }
}

/// Moves the calling process to the processors that the process `pid` may use.
///
/// # Errors
///
/// When that process does not exist, or the move is not allowed.
pub(super) fn share_processors(pid: i32) -> Result<()> {
    let failed = |source: rustix::io::Errno| Error::Affinity { pid, source: source.into() };
    let set = sched_getaffinity(Pid::from_raw(pid)).map_err(failed)?;
    sched_setaffinity(None, &set).map_err(failed)
}

/// A count as a number to calculate with; exact below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bench_sees_itself() {
        let sample = Probe::own().expect("probe").sample().expect("sample").expect("a process");
        assert!(sample.rss_kib > 100.0);
    }

    #[test]
    fn threads_refine_the_count_and_never_replace_it() {
        let sample = |cpu_us, threads_us| Sample { cpu_us, threads_us, rss_kib: 0.0 };
        let before = sample(10_000.0, 9_000.0);
        assert_eq!(before.cpu_until(&sample(20_000.0, 13_500.0)), 4_500.0);
        assert_eq!(before.cpu_until(&sample(90_000.0, 4_000.0)), 80_000.0, "a thread has ended");
    }

    #[test]
    fn nothing_watched_is_nothing_measured() {
        assert_eq!(Probe::of(&[]).expect("probe").sample().expect("sample"), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        assert!(matches!(Probe::of(&[i32::MAX]), Err(Error::Process { pid: i32::MAX, .. })));
    }

    #[test]
    fn a_process_may_share_its_own_processors() {
        share_processors(i32::try_from(std::process::id()).expect("pid")).expect("the set it already has");
    }
}
