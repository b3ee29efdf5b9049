//! The workload `poll`: votes in one poll, each by another user, while others hear the results.
//!
//! One answered vote is one delivery, so latency and cost are those of a vote. In the end the server is asked how many it has
//! counted: a difference is an error. A result that makes an earlier one void may take its place, so frames with results are
//! counted and none is expected.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use memchr::memmem::Finder;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    Error, Result,
    audience::{Audience, Ears, Plan},
    campus::{Attendance, Campus, Office},
    clock::{self, Epoch, Pace, SECOND},
    crew::Crew,
    http::{Client, Request},
    marker::Marker,
    options,
    phase::{self, Figures, Meter, Results},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// Seconds after which a run ends, though not all have voted.
const LONGEST: u64 = 600;

/// How long the last results are waited for.
const LINGER: u64 = SECOND;

/// Options that the poll has.
const CHOICES: u32 = 4;

/// Those who vote.
struct Voters<'a> {
    campus: &'a Campus,
    office: Office<'a>,
    poll: &'a str,
    pace: Pace,
    epoch: Epoch,
    next: AtomicU32,
    /// Held for no longer than a count.
    tally: Mutex<Tally>,
    crew: Crew,
}

/// Those who hear the results.
struct Listeners {
    name: Finder<'static>,
    frames: u64,
    /// When each seat got results within the last second (ns).
    recent: Vec<VecDeque<u64>>,
    most: usize,
    /// Expects nothing, so that listening ends with the last vote.
    tally: Tally,
}

/// Runs `poll`.
///
/// # Errors
///
/// When the server cannot be reached, refuses, or has counted another number of votes than it has taken.
pub(super) fn run(options: &options::Poll) -> Result<Report> {
    let target = Target::resolve(&options.target)?;
    let office = Office { target: &target, key: &options.api_key };
    let campus = Campus::new(options.voters.max(options.subscribers), 1, Attendance::All)?;
    campus.during(office, || {
        let mut client = office.client();
        let poll = open(&campus, &target, &mut client)?;
        measure(&campus, office, options, &poll)
    })
}

fn measure(campus: &Campus, office: Office<'_>, options: &options::Poll, poll: &str) -> Result<Report> {
    let meter = Meter::new(&options.target.output.pid)?;
    let seats = campus.clone();
    let plan = Plan {
        seats: super::size(options.subscribers),
        ticket: Box::new(move |seat| Some(seats.ticket(seat, 0))),
        stallers: 0,
    };
    let mut audience = Audience::new(office.target.clone(), plan)?;
    let mut figures = Figures::of("server", options.subscribers);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;

    let (rate, events, publishers) = (options.rate, options.voters, options.publishers);
    let load = options::Load { rate, events, duration: LONGEST, payload: 0, publishers };
    let (epoch, pace) = (Epoch::start(), phase::timetable(&load));
    let voters = Voters {
        campus,
        office,
        poll,
        pace,
        epoch,
        next: AtomicU32::new(0),
        tally: Mutex::new(phase::tally(epoch, 0, pace.events, 1)?),
        crew: Crew::of(publishers),
    };
    let mut ears = Listeners::new(options.subscribers, phase::tally(epoch, 0, pace.events, 0)?);
    let stage = Stage::new("poll");
    let before = meter.read()?;
    let voted = thread::scope(|scope| {
        for _ in 0..publishers {
            scope.spawn(|| voters.crew.work(|| voters.vote_by_turns()));
        }
        let voted = phase::listen(&mut audience, &mut ears, &mut &voters.crew, &stage.bar);
        voters.crew.close();
        voted
    })?;
    let end = clock::now().saturating_add(LINGER);
    while clock::now() < end {
        audience.turn(None, &mut ears)?;
    }
    let after = meter.read()?;
    figures.note(&voters.tally.into_inner(), voted, pace.start, (before, after));
    figures.note_sockets(&audience);
    let counted = counted(office, poll)?;
    if counted != voted {
        return Err(Error::Miscounted { voted, counted });
    }
    let most_per_second = ears.most.try_into().unwrap_or_default();
    figures.results = Some(Results { counted, frames: ears.frames, most_per_second });
    let mut report = Report::new("poll", &options.target.url, &load);
    report.add(figures);
    Ok(report)
}

/// Opens a poll in the first course; answers its id.
fn open(campus: &Campus, target: &Target, client: &mut Client<'_>) -> Result<String> {
    let choices: Vec<_> = (0..CHOICES).map(|number| json!({ "label": format!("Answer {number}") })).collect();
    let body = json!({
        "course_id": campus.course(0),
        "kind": "single",
        "question": "Which one?",
        "options": choices,
        "settings": { "results_visibility": "live" },
    });
    let path = format!("{}/api/polls", target.prefix);
    let answer = client.post(&path, body.to_string().as_bytes())?.granted()?;
    let poll: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let id = poll.get("id").and_then(Value::as_str).ok_or(Error::Http("the new poll has no id"))?.to_owned();
    client.post(&format!("{path}/{id}/open"), b"")?.granted()?;
    Ok(id)
}

/// How many votes the server has counted.
fn counted(office: Office<'_>, poll: &str) -> Result<u64> {
    let path = format!("{}/api/polls/{poll}/results", office.target.prefix);
    let answer = office.client().send(Request { method: "GET", path: &path, user: None, body: b"" })?.granted()?;
    let results: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    results.get("total").and_then(Value::as_u64).ok_or(Error::Http("the results have no total"))
}

impl Voters<'_> {
    fn vote_by_turns(&self) -> Result<()> {
        let mut client = self.office.client();
        let path = format!("{}/api/polls/{}/vote", self.office.target.prefix, self.poll);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = self.pace.due(number) else { return Ok(()) };
            if !clock::sleep_until(due, || self.crew.is_over()) {
                return Ok(());
            }
            let user = self.campus.user(super::size(number));
            let choice = number.checked_rem(CHOICES).unwrap_or_default().saturating_add(1).to_string();
            let body = json!({ "option_ids": [choice] }).to_string();
            let request = Request { method: "PUT", path: &path, user: Some(&user), body: body.as_bytes() };
            client.send(request)?.granted()?;
            self.tally.lock().count(Marker { number, micros: self.epoch.micros(due) }, clock::now());
            self.crew.count();
        }
    }
}

impl Listeners {
    fn new(seats: u32, tally: Tally) -> Self {
        let recent = vec![VecDeque::new(); super::size(seats)];
        Self { name: Finder::new("\"poll:results\""), frames: 0, recent, most: 0, tally }
    }
}

impl Ears for Listeners {
    fn hear(&mut self, seat: usize, payload: &[u8], now: u64) -> bool {
        if self.name.find(payload).is_none() {
            return false;
        }
        self.frames = self.frames.saturating_add(1);
        if let Some(recent) = self.recent.get_mut(seat) {
            recent.push_back(now);
            while recent.front().is_some_and(|first| now.saturating_sub(*first) >= SECOND) {
                recent.pop_front();
            }
            self.most = self.most.max(recent.len());
        }
        true
    }
}

impl AsRef<Tally> for Listeners {
    fn as_ref(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_of_a_subscriber_is_found() {
        let mut ears = Listeners::new(2, phase::tally(Epoch::at(0), 0, 1, 0).expect("tally"));
        let result = br#"{"event":"poll:results","data":"{}"}"#;
        for (seat, now) in [(0, 0), (1, 10), (0, SECOND / 2), (0, SECOND - 1), (0, SECOND), (0, 3 * SECOND)] {
            assert!(ears.hear(seat, result, now));
        }
        assert!(!ears.hear(0, br#"{"event":"poll:opened"}"#, 0));
        assert_eq!((ears.frames, ears.most), (6, 3));
    }
}
