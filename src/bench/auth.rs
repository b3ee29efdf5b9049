//! The workload `auth`: requests to the channel authorization endpoint over kept connections.
//!
//! One answer is one delivery, so the table's "CPU µs / publish" is what the server spends on one request. The socket id is a
//! made-up one: the endpoint signs for any.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{
    Error, Result,
    clock::{self, Epoch, Pace},
    http::Client,
    marker::Marker,
    message, options,
    phase::{self, Figures, Meter},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// The socket that all requests ask for.
const SOCKET: &str = "123456.7890";

/// What the askers share.
struct Desk<'a> {
    target: &'a Target,
    options: &'a options::Auth,
    pace: Pace,
    epoch: Epoch,
    next: AtomicU32,
    /// Held for no longer than a count.
    tally: Mutex<Tally>,
}

/// Runs `auth`.
///
/// # Errors
///
/// When the server cannot be reached, or refuses a request.
pub(super) fn run(options: &options::Auth) -> Result<Report> {
    let load = &options.load;
    let meter = Meter::new(&options.target.output.pid)?;
    let target = Target::resolve(&options.target)?;
    let (epoch, pace) = (Epoch::start(), phase::timetable(load));
    let desk = Desk {
        target: &target,
        options,
        pace,
        epoch,
        next: AtomicU32::new(0),
        tally: Mutex::new(phase::tally(epoch, 0, pace.events, 1)?),
    };
    let stage = Stage::counting("auth", pace.events.into());
    let before = meter.read()?;
    thread::scope(|scope| {
        let askers: Vec<_> = (0..load.publishers).map(|_| scope.spawn(|| desk.ask(&stage))).collect();
        askers
            .into_iter()
            .try_for_each(|asker| asker.join().unwrap_or(Err(Error::Http("a thread of the bench failed"))))
    })?;
    let readings = (before, meter.read()?);
    let tally = desk.tally.into_inner();
    let mut figures = Figures::of("server", load.publishers);
    figures.note(&tally, tally.delivered, pace.start, readings);
    let mut report = Report::new("auth", &options.target.url, load);
    report.add(figures);
    Ok(report)
}

impl Desk<'_> {
    /// Asks until the timetable is over.
    fn ask(&self, stage: &Stage) -> Result<()> {
        let mut client = Client::with_token(self.target, self.options.token.clone());
        let path = format!("{}{}", self.target.prefix, self.options.path);
        let body = message::authorization(SOCKET, &self.options.channel);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = self.pace.due(number) else { return Ok(()) };
            clock::sleep_until(due, || false);
            client.post(&path, body.as_bytes())?.granted()?;
            self.tally.lock().count(Marker { number, micros: self.epoch.micros(due) }, clock::now());
            stage.bar.inc(1);
        }
    }
}
