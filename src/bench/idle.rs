//! The workload `idle`: connections that do nothing.
//!
//! What one costs to accept, with a subscription if asked for, and what it costs to keep.

use super::{
    Result,
    audience::{Audience, Plan, Ticket},
    clock::SECOND,
    floor, options,
    phase::{Figures, Meter},
    progress::Stage,
    report::Report,
    target::Target,
};

/// Runs `idle`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::Idle) -> Result<Report> {
    let output = &options.target.output;
    let meter = Meter::new(&output.pid)?;
    let name = super::run_name("bench")?;
    let channels = options.subscribe.then(|| super::size(options.channels));
    let room = name.clone();
    let ticket = move |seat: usize| Some(Ticket::to(&format!("{room}-{}", seat.checked_rem(channels?)?)));
    let plan = Plan { seats: super::size(options.connections), ticket: Box::new(ticket), stallers: 0 };
    let mut audience = Audience::new(Target::resolve(&options.target)?, plan)?;
    let mut figures = Figures::of("server", options.connections);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;
    figures.hold(&mut audience, &meter, options.duration.saturating_mul(SECOND))?;
    drop(audience);
    let load = options::Load { rate: 0, events: 1, duration: options.duration, payload: 128, publishers: 1 };
    let mut report = Report::new("idle", &options.target.url, &load);
    report.add(figures);
    if options.floor {
        let connections = options.connections;
        let shape = floor::Shape { connections, group: connections, batch: 1, channel: name, load };
        report.add(floor::measure_idle(&shape, output.pid.first().copied(), options.duration)?);
    }
    Ok(report)
}
