//! The workload `whisper`: client events on private channels.
//!
//! The subscribers of a channel take turns to speak; every other one of them must hear it. The receiving loop itself
//! sends, so the senders' cost is the bench's and the order of a socket's frames is certain.

use super::{
    Result,
    audience::{Audience, Plan, Ticket},
    clock::{self, Epoch, Pace},
    floor,
    marker::Marker,
    message, options,
    phase::{self, Figures, Meter, Source},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// Sends the client events; seat `s` sits in channel `s % channels`.
#[derive(Debug)]
struct Speakers {
    channels: Vec<String>,
    members: u32,
    payload: usize,
    /// Events under way at the same time when saturating.
    at_once: u32,
    epoch: Epoch,
    pace: Pace,
    sent: u32,
    over: bool,
}

/// Runs `whisper`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::Whisper) -> Result<Report> {
    let load = &options.load;
    let meter = Meter::new(&options.target.output.pid)?;
    let target = Target::resolve(&options.target)?;
    let name = super::run_name("private-bench")?;
    let channels: Vec<_> = (0..options.channels).map(|room| format!("{name}-{room}")).collect();
    let connections = super::product(options.channels, options.members)?;
    let names = channels.clone();
    let plan = Plan {
        seats: super::size(connections),
        ticket: Box::new(move |seat| names.get(seat.checked_rem(names.len())?).map(|name| Ticket::to(name))),
        stallers: 0,
    };
    let mut report = Report::new("whisper", &options.target.url, load);
    let mut audience = Audience::new(target, plan)?;
    let mut figures = Figures::of("server", connections);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;
    let (epoch, pace) = (Epoch::start(), phase::timetable(load));
    let listeners = options.members.saturating_sub(1);
    let mut ears = phase::tally(epoch, 0, pace.events, listeners)?;
    let mut speakers = Speakers {
        channels,
        members: options.members,
        payload: super::size(load.payload),
        at_once: load.publishers,
        epoch,
        pace,
        sent: 0,
        over: false,
    };
    let stage = Stage::counting("whisper", u64::from(pace.events).saturating_mul(listeners.into()));
    let before = meter.read()?;
    let sent = phase::listen(&mut audience, &mut ears, &mut speakers, &stage.bar)?;
    figures.note(&ears, sent, pace.start, (before, meter.read()?));
    figures.note_sockets(&audience);
    report.add(figures);
    drop(audience);
    if options.floor {
        let connections = super::product(options.channels, listeners)?;
        let channel = format!("{name}-0");
        let shape = floor::Shape { connections, group: listeners, batch: 1, channel, load: *load };
        report.add(floor::measure(&shape, options.target.output.pid.first().copied())?);
    }
    Ok(report)
}

impl Speakers {
    fn speak(&mut self, audience: &mut Audience, due: u64) -> Result<()> {
        let marker = Marker { number: self.sent, micros: self.epoch.micros(due) };
        let rooms = super::count(self.channels.len()).max(1);
        let room = self.sent.checked_rem(rooms).unwrap_or_default();
        let member = (self.sent / rooms).checked_rem(self.members).unwrap_or_default();
        let seat = super::size(room.saturating_add(member.saturating_mul(rooms)));
        let channel = self.channels.get(super::size(room)).map(String::as_str).unwrap_or_default();
        let text = message::client_event(channel, &message::data(marker, self.payload));
        self.sent = self.sent.saturating_add(1);
        audience.say(seat, &text)
    }
}

impl Source<Tally> for Speakers {
    fn step(&mut self, audience: &mut Audience, tally: &mut Tally) -> Result<Option<u64>> {
        loop {
            let Some(due) = self.pace.due(self.sent) else {
                self.over = true;
                return Ok(None);
            };
            if due > clock::now() {
                return Ok(Some(due));
            }
            if self.pace.rate == 0 && self.sent.saturating_sub(tally.complete) >= self.at_once {
                return Ok(None);
            }
            self.speak(audience, due)?;
        }
    }

    fn finished(&self) -> Option<u64> {
        self.over.then(|| self.sent.into())
    }
}
