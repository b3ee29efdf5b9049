//! The workloads that publish over the HTTP API to public channels: `fanout` and `rooms`.
//!
//! Fan-out is rooms with one channel. With stalled readers the same load runs twice on the same sockets: first all read,
//! then some have stopped, so that the two latencies compare like with like.

use std::thread;

use super::{
    Result,
    audience::{Audience, Ears, Plan, Ticket},
    clock::{Epoch, SECOND},
    floor,
    marker::Marker,
    options,
    phase::{self, Figures, Meter, Stalled},
    progress::Stage,
    publisher::{Desk, Edition, Medium},
    report::Report,
    target::Target,
};

/// How long the stalled readers may take to find out what became of them.
const AFTERMATH: u64 = 2 * SECOND;

/// Channels and who listens to them.
#[derive(Debug)]
struct Hall {
    target: Target,
    channels: Vec<String>,
    /// Subscribers of each channel.
    subscribers: u32,
    /// Subscribers, of all, that stop reading in the second phase.
    stallers: u32,
    load: options::Load,
    floor: bool,
}

/// What changes from phase to phase.
struct Sitting<'a> {
    name: &'static str,
    /// Deliveries an event should have.
    per_event: u32,
    /// Number of the first event.
    first: u32,
    epoch: Epoch,
    meter: &'a Meter,
}

/// Runs `fanout`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn fanout(options: &options::Fanout) -> Result<Report> {
    let hall = Hall {
        target: Target::resolve(&options.target)?,
        channels: vec![super::run_name("bench")?],
        subscribers: options.connections,
        stallers: options.stalled_readers.min(options.connections.saturating_sub(1)),
        load: options.load,
        floor: options.floor,
    };
    hall.run(Report::new("fanout", &options.target.url, &options.load), &options.target.output)
}

/// Runs `rooms`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn rooms(options: &options::Rooms) -> Result<Report> {
    let name = super::run_name("bench")?;
    let hall = Hall {
        target: Target::resolve(&options.target)?,
        channels: (0..options.channels).map(|room| format!("{name}-{room}")).collect(),
        subscribers: options.subscribers,
        stallers: 0,
        load: options.load,
        floor: options.floor,
    };
    hall.run(Report::new("rooms", &options.target.url, &options.load), &options.target.output)
}

impl Hall {
    fn run(&self, mut report: Report, output: &options::Output) -> Result<Report> {
        let meter = Meter::new(&output.pid)?;
        let connections = self.connections()?;
        let channels = self.channels.clone();
        let plan = Plan {
            seats: super::size(connections),
            ticket: Box::new(move |seat| channels.get(seat.checked_rem(channels.len())?).map(|name| Ticket::to(name))),
            stallers: super::size(self.stallers),
        };
        let stage = Stage::new("connect");
        let mut audience = Audience::new(self.target.clone(), plan)?;
        let mut figures = Figures::of("server", connections);
        figures.assemble(&mut audience, &meter, &stage.bar)?;
        let epoch = Epoch::start();
        let sitting = Sitting { name: "server", per_event: self.subscribers, first: 0, epoch, meter: &meter };
        self.measure(&mut audience, &mut figures, &sitting)?;
        report.add(figures);
        if self.stallers > 0 {
            let per_event = self.subscribers.saturating_sub(self.stallers);
            let first = self.load.events;
            let mut figures = Figures::of("stalled", connections);
            audience.stall()?;
            figures.stalled = Some(Stalled {
                sockets: u64::from(self.stallers),
                closed: 0,
                deliveries_kept: 0,
                rss_growth_kib: None,
            });
            let sitting = Sitting { name: "stalled", per_event, first, epoch, meter: &meter };
            self.measure(&mut audience, &mut figures, &sitting)?;
            aftermath(&mut audience, &mut figures)?;
            report.add(figures);
        }
        drop(audience);
        if self.floor {
            report.add(self.floor(output)?);
        }
        Ok(report)
    }

    fn measure(&self, audience: &mut Audience, figures: &mut Figures, sitting: &Sitting<'_>) -> Result<()> {
        let pace = phase::timetable(&self.load);
        let desk = Desk::new(Edition {
            target: &self.target,
            medium: Medium::Events { channels: &self.channels },
            pace,
            epoch: sitting.epoch,
            first: sitting.first,
            payload: super::size(self.load.payload),
            publishers: self.load.publishers,
        });
        let mut ears = phase::tally(sitting.epoch, sitting.first, pace.events, sitting.per_event)?;
        let stage = Stage::counting(sitting.name, u64::from(pace.events).saturating_mul(sitting.per_event.into()));
        let before = sitting.meter.read()?;
        let published = thread::scope(|scope| {
            for _ in 0..self.load.publishers {
                scope.spawn(|| desk.work());
            }
            let published = phase::listen(audience, &mut ears, &mut &desk.crew, &stage.bar);
            desk.crew.close();
            published
        })?;
        figures.note(&ears, published, pace.start, (before, sitting.meter.read()?));
        figures.publish_errors = Some(desk.errors());
        figures.api_connections = Some(desk.connections());
        figures.note_sockets(audience);
        Ok(())
    }

    fn floor(&self, output: &options::Output) -> Result<Figures> {
        let channel = self.channels.first().map(String::as_str).unwrap_or_default();
        let shape = floor::Shape {
            connections: self.connections()?,
            group: self.subscribers,
            batch: 1,
            channel: channel.to_owned(),
            load: self.load,
        };
        floor::measure(&shape, output.pid.first().copied())
    }

    fn connections(&self) -> Result<u32> {
        super::product(super::count(self.channels.len()), self.subscribers)
    }
}

/// Counts what was still waiting for the stalled readers.
#[derive(Debug, Default)]
struct Backlog {
    deliveries: u64,
}

impl Ears for Backlog {
    fn hear(&mut self, _seat: usize, payload: &[u8], _now: u64) -> bool {
        let marked = Marker::find(payload).is_some();
        self.deliveries = self.deliveries.saturating_add(u64::from(marked));
        marked
    }
}

/// Lets the stalled readers read on, and notes what they find.
fn aftermath(audience: &mut Audience, figures: &mut Figures) -> Result<()> {
    let closed = |audience: &Audience| audience.closings().values().sum::<u64>();
    let before = closed(audience);
    let mut backlog = Backlog::default();
    let end = super::clock::now().saturating_add(AFTERMATH);
    audience.resume()?;
    while super::clock::now() < end {
        audience.turn(None, &mut backlog)?;
    }
    if let Some(stalled) = &mut figures.stalled {
        stalled.closed = closed(audience).saturating_sub(before);
        stalled.deliveries_kept = backlog.deliveries;
    }
    figures.note_sockets(audience);
    Ok(())
}
