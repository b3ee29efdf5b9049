//! One measured phase of a run: who sends, the loop that listens meanwhile, and what it cost.
//!
//! Owns the figures of a phase ([`Figures`], which go into the report as they are) and the order of measuring: sample
//! the processes, run, sample again. Workloads bring a [`Source`]; the floor is measured by the same loop.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    Error, Result,
    audience::{Audience, Ears},
    clock::{self, Epoch, MILLISECOND, Pace, SECOND},
    options,
    probe::{Probe, Sample, float},
    tally::{Latency, Tally},
};

/// Time between the last preparation and event 0.
const RUN_UP: u64 = 100 * MILLISECOND;
/// How long to wait for a delivery after the last one before the rest counts as lost.
const GRACE: u64 = 5 * SECOND;
/// Between two looks of the progress bar.
const REDRAW: u64 = 100 * MILLISECOND;

/// Those who send during a phase in which `E` listens.
pub(super) trait Source<E> {
    /// Sends what is due; returns when something is due next (ns), None = nothing that this loop must send.
    fn step(&mut self, audience: &mut Audience, ears: &mut E) -> Result<Option<u64>>;

    /// How many events were sent, once no more will follow; None before.
    fn finished(&self) -> Option<u64>;
}

/// What one phase measured. None = not measured in this run. Serialised as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    /// What was measured: `server`, `stalled` or `floor`.
    pub(super) phase: &'static str,
    /// Sockets that listened.
    pub(super) connections: u32,
    /// Handshakes (with subscriptions, if any) per second.
    pub(super) connects_per_second: Option<f64>,
    /// Server CPU of one of them, in microseconds.
    pub(super) cpu_us_per_connect: Option<f64>,
    /// Growth of the server's resident memory by one connection, in KiB.
    pub(super) rss_kib_per_connection: Option<f64>,
    /// Resident memory of the server at the end of the phase, in KiB.
    pub(super) rss_kib: Option<f64>,
    /// Events that the server accepted.
    pub(super) published: Option<u64>,
    /// Events that it refused or did not answer, without ending the run.
    pub(super) publish_errors: Option<u64>,
    /// TCP connections that the publishers needed.
    pub(super) api_connections: Option<u64>,
    /// Deliveries that the accepted events should have made.
    pub(super) expected: Option<u64>,
    /// Deliveries received.
    pub(super) delivered: Option<u64>,
    /// Deliveries that did not come.
    pub(super) lost: Option<u64>,
    /// Deliveries beyond those expected.
    pub(super) repeated: Option<u64>,
    /// Seconds from the first due time to the last delivery, or of holding idle connections.
    pub(super) seconds: f64,
    /// Deliveries received per second.
    pub(super) deliveries_per_second: Option<f64>,
    /// Latency from due time to reception, in milliseconds.
    pub(super) latency_ms: Option<Latency>,
    /// Server CPU per delivery, publishing included, in microseconds.
    pub(super) cpu_us_per_delivery: Option<f64>,
    /// Server CPU per published event, its deliveries included, in microseconds.
    pub(super) cpu_us_per_publish: Option<f64>,
    /// Share of one processor the server used, in percent.
    pub(super) cpu_percent: Option<f64>,
    /// The same of the bench; near 100 when pinned to one processor = the figures are the bench's own limit.
    pub(super) bench_cpu_percent: Option<f64>,
    /// Sockets that the server closed, by close code; 1006 = without one.
    pub(super) closed: BTreeMap<u16, u64>,
    /// Errors that the server reported on sockets.
    pub(super) complaints: u64,
    /// The first of those errors.
    pub(super) first_complaint: Option<String>,
    /// Those who stopped reading.
    pub(super) stalled: Option<Stalled>,
    /// Only of a poll.
    pub(super) results: Option<Results>,
}

/// How the results of a poll came to those who listen.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Results {
    /// Votes that the server has counted in the end.
    pub(super) counted: u64,
    /// Frames with results, over all subscribers.
    pub(super) frames: u64,
    /// The most such frames that one subscriber got within one second.
    pub(super) most_per_second: u64,
}

/// What became of the sockets that stopped reading.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stalled {
    /// How many stopped.
    pub(super) sockets: u64,
    /// How many of them the server closed.
    pub(super) closed: u64,
    /// Deliveries still waiting for them when they read on.
    pub(super) deliveries_kept: u64,
    /// Growth of the server's resident memory in the phase, in KiB.
    pub(super) rss_growth_kib: Option<f64>,
}

/// Watches the processes of a phase.
#[derive(Debug)]
pub(super) struct Meter {
    server: Probe,
    bench: Probe,
}

/// A meter's reading at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    time: u64,
    server: Option<Sample>,
    bench: Option<Sample>,
}

impl Meter {
    /// Watches the server's processes and the bench.
    ///
    /// # Errors
    ///
    /// When a process is not there.
    pub(super) fn new(pids: &[i32]) -> Result<Self> {
        Ok(Self { server: Probe::of(pids)?, bench: Probe::own()? })
    }

    /// Reads the meter.
    ///
    /// # Errors
    ///
    /// When a process has ended.
    pub(super) fn read(&self) -> Result<Reading> {
        Ok(Reading { time: clock::now(), server: self.server.sample()?, bench: self.bench.sample()? })
    }
}

impl Reading {
    /// Server CPU spent between this reading and a `later` one, in microseconds.
    fn cpu_us(&self, later: &Self) -> Option<f64> {
        Some(self.server?.cpu_until(&later.server?))
    }

    fn bench_cpu_us(&self, later: &Self) -> Option<f64> {
        Some(self.bench?.cpu_until(&later.bench?))
    }

    fn rss_growth_kib(&self, later: &Self) -> Option<f64> {
        Some(later.server?.rss_kib - self.server?.rss_kib)
    }
}

impl Figures {
    /// Begins the figures of a phase.
    pub(super) fn of(phase: &'static str, connections: u32) -> Self {
        Self { phase, connections, ..Self::default() }
    }

    /// Connects the audience and notes what that cost.
    ///
    /// # Errors
    ///
    /// When the server refuses, or a watched process ends.
    pub(super) fn assemble(&mut self, audience: &mut Audience, meter: &Meter, bar: &ProgressBar) -> Result<()> {
        bar.set_length(u64::from(self.connections));
        let before = meter.read()?;
        audience.assemble(bar)?;
        let connected = clock::now();
        // The last greetings may have left the server before it finished its own book-keeping.
        rest(audience, 5 * RUN_UP)?;
        let after = meter.read()?;
        let count = f64::from(self.connections);
        self.connects_per_second = rate(count, seconds(before.time, connected));
        self.cpu_us_per_connect = before.cpu_us(&after).map(|cpu| cpu / count);
        self.rss_kib_per_connection = before.rss_growth_kib(&after).map(|rss| rss / count);
        Ok(())
    }

    /// Notes what a phase of deliveries brought, between two readings.
    pub(super) fn note(&mut self, tally: &Tally, published: u64, start: u64, readings: (Reading, Reading)) {
        let expected = published.saturating_mul(u64::from(tally.per_event()));
        self.expected = Some(expected);
        self.lost = Some(expected.saturating_sub(tally.delivered));
        self.repeated = Some(tally.repeated);
        self.latency_ms = tally.latency();
        self.note_traffic((published, tally.delivered), (start, tally.last), readings);
    }

    /// Notes how much was `(published, delivered)` `(from, to)` (ns), and what it cost between two readings.
    pub(super) fn note_traffic(&mut self, counts: (u64, u64), span: (u64, u64), readings: (Reading, Reading)) {
        let ((published, delivered), (before, after)) = (counts, readings);
        self.published = Some(published);
        self.delivered = Some(delivered);
        self.seconds = seconds(span.0, span.1);
        self.deliveries_per_second = rate(float(delivered), self.seconds);
        let cpu = before.cpu_us(&after);
        self.cpu_us_per_delivery = cpu.and_then(|cpu| rate(cpu, float(delivered)));
        self.cpu_us_per_publish = cpu.and_then(|cpu| rate(cpu, float(published)));
        self.note_shares(before, after);
    }

    /// Notes what share of a processor was used between two readings, counted over the phase's own seconds, and how much
    /// memory at the second.
    fn note_shares(&mut self, before: Reading, after: Reading) {
        let share = |cpu_us: f64| rate(cpu_us / 10_000.0, self.seconds);
        self.cpu_percent = before.cpu_us(&after).and_then(share);
        self.bench_cpu_percent = before.bench_cpu_us(&after).and_then(share);
        self.rss_kib = after.server.map(|sample| sample.rss_kib);
        if let Some(stalled) = &mut self.stalled {
            stalled.rss_growth_kib = before.rss_growth_kib(&after);
        }
    }

    /// Holds idle connections open for `time` ns and notes what that costs.
    ///
    /// # Errors
    ///
    /// When the system fails, or a watched process ends.
    pub(super) fn hold(&mut self, audience: &mut Audience, meter: &Meter, time: u64) -> Result<()> {
        let before = meter.read()?;
        rest(audience, time)?;
        let after = meter.read()?;
        self.seconds = seconds(before.time, after.time);
        self.note_shares(before, after);
        self.note_sockets(audience);
        Ok(())
    }

    /// Notes what the sockets went through.
    pub(super) fn note_sockets(&mut self, audience: &Audience) {
        self.closed = audience.closings().clone();
        self.complaints = audience.complaints().count;
        self.first_complaint = audience.complaints().first.clone();
    }
}

/// Makes the timetable of a phase that begins presently.
pub(super) fn timetable(load: &options::Load) -> Pace {
    let start = clock::now().saturating_add(RUN_UP);
    let end = start.saturating_add(load.duration.saturating_mul(SECOND));
    let scheduled = u64::from(load.rate).saturating_mul(load.duration);
    let events = match load.rate {
        0 => load.events,
        _ => load.events.min(u32::try_from(scheduled).unwrap_or(u32::MAX)),
    };
    Pace { rate: load.rate, events, start, end }
}

/// Listens until every delivery of the source's events has come, or none has come for 5 s after the last event.
/// Returns the number of events sent.
///
/// # Errors
///
/// When the source fails, or the server refuses a socket.
pub(super) fn listen<E: Ears + AsRef<Tally>>(
    audience: &mut Audience,
    ears: &mut E,
    source: &mut impl Source<E>,
    bar: &ProgressBar,
) -> Result<u64> {
    let (mut ended, mut drawn) = (None, 0);
    loop {
        let due = source.step(audience, ears)?;
        audience.turn(due, ears)?;
        audience.keep_alive()?;
        let (now, tally) = (clock::now(), ears.as_ref());
        if now.saturating_sub(drawn) > REDRAW {
            drawn = now;
            bar.set_position(tally.delivered);
        }
        let Some(published) = source.finished() else {
            continue;
        };
        let expected = published.saturating_mul(u64::from(tally.per_event()));
        let quiet_since = tally.last.max(*ended.get_or_insert(now));
        if tally.delivered >= expected || now.saturating_sub(quiet_since) > GRACE {
            return Ok(published);
        }
    }
}

/// Lets the audience rest for `time` ns: it answers pings and hears nothing else.
///
/// # Errors
///
/// When the system fails.
pub(super) fn rest(audience: &mut Audience, time: u64) -> Result<()> {
    let end = clock::now().saturating_add(time);
    while clock::now() < end {
        audience.idle()?;
        audience.keep_alive()?;
    }
    Ok(())
}

/// Prepares the counts of a phase.
///
/// # Errors
///
/// Never in practice: the histogram's bounds are constants.
pub(super) fn tally(epoch: Epoch, first: u32, events: u32, per_event: u32) -> Result<Tally> {
    Tally::new(epoch, first, events, per_event).map_err(Error::Histogram)
}

fn seconds(from: u64, to: u64) -> f64 {
    float(to.saturating_sub(from)) / float(SECOND)
}

/// `amount / by`, unless that has no meaning.
fn rate(amount: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| amount / by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rate: u32, events: u32, duration: u64) -> options::Load {
        options::Load { rate, events, duration, payload: 128, publishers: 1 }
    }

    #[test]
    fn a_timetable_is_bounded_in_count_and_time() {
        assert_eq!(timetable(&load(20, 1_000, 10)).events, 200);
        assert_eq!(timetable(&load(20, 50, 10)).events, 50);
        let saturated = timetable(&load(0, 500, 3));
        assert_eq!((saturated.events, saturated.end - saturated.start), (500, 3 * SECOND));
    }

    #[test]
    fn figures_are_per_what_was_counted() {
        let epoch = Epoch::at(0);
        let mut tally = tally(epoch, 0, 2, 2).expect("tally");
        for number in [0, 0, 1] {
            tally.count(crate::bench::marker::Marker { number, micros: 0 }, SECOND);
        }
        let reading = |time, cpu_us| {
            let sample = Some(Sample { cpu_us, threads_us: cpu_us, rss_kib: 10.0 });
            Reading { time, server: sample, bench: sample }
        };
        let mut figures = Figures::of("server", 2);
        figures.note(&tally, 2, 0, (reading(0, 100.0), reading(2 * SECOND, 400.0)));
        assert_eq!((figures.expected, figures.delivered, figures.lost), (Some(4), Some(3), Some(1)));
        assert_eq!((figures.cpu_us_per_delivery, figures.cpu_us_per_publish), (Some(100.0), Some(150.0)));
        assert_eq!((figures.deliveries_per_second, figures.cpu_percent), (Some(3.0), Some(0.03)));
    }

    #[test]
    fn nothing_delivered_is_not_divided_by() {
        let reading = Reading { time: 0, server: None, bench: None };
        let mut figures = Figures::of("server", 1);
        figures.note(&tally(Epoch::at(0), 0, 1, 1).expect("tally"), 1, 5, (reading, reading));
        assert_eq!((figures.deliveries_per_second, figures.cpu_us_per_delivery, figures.lost), (None, None, Some(1)));
    }
}
