//! The workload `typing`: users who type in their rooms, by turns.
//!
//! Each sign is one client event; how many frames it makes is the server's affair, which tells again only from time to time, so
//! nothing is expected and nothing can be lost: the figure is the processor time of a sign. The receiving loop itself sends.

use memchr::memmem::Finder;

use super::{
    Error, Result,
    audience::{Audience, Ears, Plan},
    campus::{Attendance, Campus, Office},
    clock::{self, Epoch, Pace},
    message, options,
    phase::{self, Figures, Meter, Source},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// Sends the signs.
#[derive(Debug)]
struct Typists<'a> {
    campus: &'a Campus,
    pace: Pace,
    sent: u32,
    over: bool,
}

/// Counts what the others are told.
#[derive(Debug)]
struct Onlookers {
    name: Finder<'static>,
    heard: u64,
    /// Expects nothing, so that the run ends with the last sign.
    tally: Tally,
}

/// Runs `typing`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::Typing) -> Result<Report> {
    if options.load.rate == 0 {
        return Err(Error::Saturated);
    }
    let target = Target::resolve(&options.target)?;
    let office = Office { target: &target, key: &options.api_key };
    let campus = Campus::new(options.users, options.rooms, Attendance::One)?;
    campus.during(office, || measure(&campus, &target, options))
}

fn measure(campus: &Campus, target: &Target, options: &options::Typing) -> Result<Report> {
    let meter = Meter::new(&options.target.output.pid)?;
    let seats = campus.clone();
    let plan = Plan {
        seats: super::size(campus.users),
        ticket: Box::new(move |seat| Some(seats.ticket(seat, seats.course_of(seat)))),
        stallers: 0,
    };
    let mut audience = Audience::new(target.clone(), plan)?;
    let mut figures = Figures::of("server", campus.users);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;

    let pace = phase::timetable(&options.load);
    let tally = phase::tally(Epoch::start(), 0, pace.events, 0)?;
    let mut ears = Onlookers { name: Finder::new("client-typing"), heard: 0, tally };
    let mut typists = Typists { campus, pace, sent: 0, over: false };
    let stage = Stage::counting("typing", pace.events.into());
    let before = meter.read()?;
    let sent = phase::listen(&mut audience, &mut ears, &mut typists, &stage.bar)?;
    figures.note_traffic((sent, ears.heard), (pace.start, clock::now()), (before, meter.read()?));
    figures.note_sockets(&audience);
    let mut report = Report::new("typing", &options.target.url, &options.load);
    report.add(figures);
    Ok(report)
}

impl Source<Onlookers> for Typists<'_> {
    fn step(&mut self, audience: &mut Audience, _ears: &mut Onlookers) -> Result<Option<u64>> {
        loop {
            let Some(due) = self.pace.due(self.sent) else {
                self.over = true;
                return Ok(None);
            };
            if due > clock::now() {
                return Ok(Some(due));
            }
            let seat = super::size(self.sent.checked_rem(self.campus.users).unwrap_or_default());
            let channel = self.campus.ticket(seat, self.campus.course_of(seat)).channel;
            self.sent = self.sent.saturating_add(1);
            audience.say(seat, &message::typing(&channel))?;
        }
    }

    fn finished(&self) -> Option<u64> {
        self.over.then(|| self.sent.into())
    }
}

impl Ears for Onlookers {
    fn hear(&mut self, _seat: usize, payload: &[u8], _now: u64) -> bool {
        let is_sign = self.name.find(payload).is_some();
        self.heard = self.heard.saturating_add(is_sign.into());
        is_sign
    }
}

impl AsRef<Tally> for Onlookers {
    fn as_ref(&self) -> &Tally {
        &self.tally
    }
}
