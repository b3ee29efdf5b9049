//! The workload `revocation`: enrollments that end while their users listen.
//!
//! Makes a roster of its own through the REST API, subscribes every user to every course, drops one enrollment an event, and
//! counts the time from the moment at which the request was due to the `pusher:subscription_error` on the user's socket.
//! A subscription is one delivery. The roster is removed again, also when the run fails.

use std::thread;

use memchr::memmem::Finder;
use serde_json::{Value, json};

use super::{
    Error, Result,
    audience::{Audience, Ears, Plan},
    campus::{Attendance, Campus, Office},
    clock::{self, Epoch, Pace, SECOND},
    crew::Crew,
    marker::Marker,
    options,
    phase::{self, Figures, Meter},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// How long subscriptions may take.
const PATIENCE: u64 = 60 * SECOND;

/// Who drops enrollments.
struct Registrar<'a> {
    campus: &'a Campus,
    office: Office<'a>,
    pace: Pace,
    crew: Crew,
}

/// Hears subscriptions begin and end.
struct Listeners<'a> {
    campus: &'a Campus,
    epoch: Epoch,
    pace: Pace,
    tally: Tally,
    subscribed: u64,
    begins: Finder<'static>,
    ends: Finder<'static>,
}

/// Runs `revocation`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::Revocation) -> Result<Report> {
    if options.load.rate == 0 {
        return Err(Error::Saturated);
    }
    let target = Target::resolve(&options.target)?;
    let office = Office { target: &target, key: &options.api_key };
    let campus = Campus::new(options.users, options.courses, Attendance::All)?;
    campus.during(office, || measure(&campus, office, options))
}

fn measure(campus: &Campus, office: Office<'_>, options: &options::Revocation) -> Result<Report> {
    let meter = Meter::new(&options.target.output.pid)?;
    let seats = campus.clone();
    let plan = Plan {
        seats: super::size(campus.users),
        ticket: Box::new(move |seat| Some(seats.ticket(seat, 0))),
        stallers: 0,
    };
    let mut audience = Audience::new(office.target.clone(), plan)?;
    let mut figures = Figures::of("server", campus.users);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;

    let mut load = options.load;
    load.events = load.events.min(super::product(campus.users, campus.courses)?);
    let (epoch, pace) = (Epoch::start(), phase::timetable(&load));
    let mut ears = Listeners::new(campus, epoch, pace)?;
    subscribe_to_the_rest(campus, &mut audience, &mut ears)?;

    let pace = phase::timetable(&load);
    ears.pace = pace;
    let registrar = Registrar { campus, office, pace, crew: Crew::of(1) };
    let stage = Stage::counting("revocation", pace.events.into());
    let before = meter.read()?;
    let dropped = thread::scope(|scope| {
        scope.spawn(|| registrar.crew.work(|| registrar.drop_all()));
        let dropped = phase::listen(&mut audience, &mut ears, &mut &registrar.crew, &stage.bar);
        registrar.crew.close();
        dropped
    })?;
    figures.note(&ears.tally, dropped, pace.start, (before, meter.read()?));
    figures.note_sockets(&audience);
    let mut report = Report::new("revocation", &options.target.url, &load);
    report.add(figures);
    Ok(report)
}

/// Every seat has its first course; subscribes it to the others and waits for all answers.
fn subscribe_to_the_rest(campus: &Campus, audience: &mut Audience, ears: &mut Listeners<'_>) -> Result<()> {
    let wanted = u64::from(campus.users).saturating_mul(u64::from(campus.courses.saturating_sub(1)));
    let stage = Stage::counting("subscribe", wanted);
    for course in 1..campus.courses {
        for seat in 0..super::size(campus.users) {
            audience.subscribe(seat, &campus.ticket(seat, course))?;
        }
        let end = clock::now().saturating_add(PATIENCE);
        while ears.subscribed < u64::from(campus.users).saturating_mul(course.into()) {
            audience.turn(None, ears)?;
            audience.keep_alive()?;
            stage.bar.set_position(ears.subscribed);
            if clock::now() > end {
                let (ready, wanted) = (ears.subscribed.try_into().unwrap_or(usize::MAX), super::size(campus.users));
                return Err(Error::Stuck { ready, wanted, seconds: PATIENCE / SECOND });
            }
        }
    }
    Ok(())
}

impl Registrar<'_> {
    fn drop_all(&self) -> Result<()> {
        let mut client = self.office.client();
        let users = self.campus.users.max(1);
        for number in 0..self.pace.events {
            let Some(due) = self.pace.due(number) else { break };
            if !clock::sleep_until(due, || self.crew.is_over()) {
                break;
            }
            let (seat, course) = (number.checked_rem(users).unwrap_or_default(), number / users);
            let id = self.campus.enrollment(super::size(seat), course);
            self.office.post(&mut client, &[json!({ "op": "delete", "kind": "enrollment", "id": id })])?;
            self.crew.count();
        }
        Ok(())
    }
}

impl<'a> Listeners<'a> {
    fn new(campus: &'a Campus, epoch: Epoch, pace: Pace) -> Result<Self> {
        Ok(Self {
            campus,
            epoch,
            pace,
            tally: phase::tally(epoch, 0, pace.events, 1)?,
            subscribed: 0,
            begins: Finder::new("pusher_internal:subscription_succeeded"),
            ends: Finder::new("AccessRevoked"),
        })
    }

    /// The drop that ended this seat's subscription.
    fn dropped(&self, seat: usize, payload: &[u8]) -> Option<Marker> {
        let frame: Value = serde_json::from_slice(payload).ok()?;
        let course: u32 = frame.get("channel")?.as_str()?.rsplit_once('-')?.1.parse().ok()?;
        let number = course.checked_mul(self.campus.users)?.checked_add(super::count(seat))?;
        Some(Marker { number, micros: self.epoch.micros(self.pace.due(number)?) })
    }
}

impl Ears for Listeners<'_> {
    fn hear(&mut self, seat: usize, payload: &[u8], now: u64) -> bool {
        if self.ends.find(payload).is_some() {
            if let Some(marker) = self.dropped(seat, payload) {
                self.tally.count(marker, now);
            }
            return true;
        }
        let begins = self.begins.find(payload).is_some();
        self.subscribed = self.subscribed.saturating_add(begins.into());
        begins
    }
}

impl AsRef<Tally> for Listeners<'_> {
    fn as_ref(&self) -> &Tally {
        &self.tally
    }
}
