//! The workload `presence-churn`: users who come and go, and members who watch them.
//!
//! Every move is expected exactly once at each observer of its channel. Observers join before the load and stay, so the
//! expectation holds however the server interleaves moves; what movers see of each other is not counted. A mover comes back
//! as another user, named by the marker of its move.

use memchr::memmem::Finder;

use super::{
    Result,
    audience::{Audience, Ears, Plan, Ticket},
    clock::{self, Epoch, Pace},
    marker::Marker,
    message, options,
    phase::{self, Figures, Meter, Source},
    progress::Stage,
    report::Report,
    tally::Tally,
    target::Target,
};

/// Seats: the observers of all channels, then the movers; seat `s` belongs to channel `s % channels`.
#[derive(Debug, Clone)]
struct Seating {
    channels: Vec<String>,
    observers: u32,
    movers: u32,
}

/// Makes the moves: a round of joins by every mover, then a round of leaves, and so on.
#[derive(Debug)]
struct Movers {
    seating: Seating,
    at_once: u32,
    epoch: Epoch,
    pace: Pace,
    sent: u32,
    over: bool,
}

/// Hears `member_added` and `member_removed` at the observers.
struct Observers {
    tally: Tally,
    observers: usize,
    movers: u32,
    /// When each move was due (µs), by number: a leave is reported with the name from the join.
    due: Vec<u32>,
    added: Finder<'static>,
    removed: Finder<'static>,
}

/// Runs `presence-churn`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::PresenceChurn) -> Result<Report> {
    let load = &options.load;
    let meter = Meter::new(&options.target.output.pid)?;
    let name = super::run_name("presence-bench")?;
    let seating = Seating {
        channels: (0..options.channels).map(|room| format!("{name}-{room}")).collect(),
        observers: super::product(options.channels, options.observers)?,
        movers: super::product(options.channels, options.movers)?,
    };
    let connections = super::sum(seating.observers, seating.movers)?;
    let seats = seating.clone();
    let plan =
        Plan { seats: super::size(connections), ticket: Box::new(move |seat| seats.observer(seat)), stallers: 0 };
    let mut audience = Audience::new(Target::resolve(&options.target)?, plan)?;
    let mut figures = Figures::of("server", connections);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;
    let (epoch, pace) = (Epoch::start(), phase::timetable(load));
    let mut ears = Observers::new(&seating, phase::tally(epoch, 0, pace.events, options.observers)?);
    let mut movers = Movers { seating, at_once: load.publishers, epoch, pace, sent: 0, over: false };
    let steps = u64::from(pace.events).saturating_mul(options.observers.into());
    let stage = Stage::counting("churn", steps);
    let before = meter.read()?;
    let sent = phase::listen(&mut audience, &mut ears, &mut movers, &stage.bar)?;
    figures.note(&ears.tally, sent, pace.start, (before, meter.read()?));
    figures.note_sockets(&audience);
    let mut report = Report::new("presence-churn", &options.target.url, load);
    report.add(figures);
    Ok(report)
}

impl Seating {
    fn channel(&self, seat: usize) -> Option<&str> {
        self.channels.get(seat.checked_rem(self.channels.len())?).map(String::as_str)
    }

    fn observer(&self, seat: usize) -> Option<Ticket> {
        if seat >= super::size(self.observers) {
            return None;
        }
        let channel_data = Some(message::member(&format!("observer-{seat}")));
        Some(Ticket { channel: self.channel(seat)?.to_owned(), channel_data })
    }
}

impl Movers {
    fn make_move(&mut self, audience: &mut Audience, due: u64) -> Result<()> {
        let movers = self.seating.movers.max(1);
        let (round, mover) = (self.sent / movers, self.sent.checked_rem(movers).unwrap_or_default());
        let seat = super::size(self.seating.observers.saturating_add(mover));
        let channel = self.seating.channel(seat).unwrap_or_default();
        let marker = Marker { number: self.sent, micros: self.epoch.micros(due) };
        self.sent = self.sent.saturating_add(1);
        if round % 2 == 0 {
            let channel_data = Some(message::member(&marker.text()));
            return audience.subscribe(seat, &Ticket { channel: channel.to_owned(), channel_data });
        }
        audience.say(seat, &message::unsubscribe(channel))
    }
}

impl Source<Observers> for Movers {
    fn step(&mut self, audience: &mut Audience, ears: &mut Observers) -> Result<Option<u64>> {
        loop {
            let Some(due) = self.pace.due(self.sent) else {
                self.over = true;
                return Ok(None);
            };
            if due > clock::now() {
                return Ok(Some(due));
            }
            if self.pace.rate == 0 && self.sent.saturating_sub(ears.tally.complete) >= self.at_once {
                return Ok(None);
            }
            ears.due.push(self.epoch.micros(due));
            self.make_move(audience, due)?;
        }
    }

    fn finished(&self) -> Option<u64> {
        self.over.then(|| self.sent.into())
    }
}

impl Observers {
    fn new(seating: &Seating, tally: Tally) -> Self {
        Self {
            tally,
            observers: super::size(seating.observers),
            movers: seating.movers,
            due: Vec::new(),
            added: Finder::new("pusher_internal:member_added"),
            removed: Finder::new("pusher_internal:member_removed"),
        }
    }

    /// The leave that ends the stay which `joined` began.
    fn leave(&self, joined: Marker) -> Option<Marker> {
        let number = joined.number.checked_add(self.movers)?;
        let micros = *self.due.get(super::size(number))?;
        Some(Marker { number, micros })
    }
}

impl Ears for Observers {
    fn hear(&mut self, seat: usize, payload: &[u8], now: u64) -> bool {
        let Some(marker) = Marker::find(payload) else {
            return false;
        };
        if seat >= self.observers {
            return true;
        }
        let change = if self.added.find(payload).is_some() {
            Some(marker)
        } else if self.removed.find(payload).is_some() {
            self.leave(marker)
        } else {
            None
        };
        if let Some(change) = change {
            self.tally.count(change, now);
        }
        true
    }
}

impl AsRef<Tally> for Observers {
    fn as_ref(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observers() -> Observers {
        let seating = Seating { channels: vec!["presence-a".into()], observers: 2, movers: 3 };
        let tally = phase::tally(Epoch::at(0), 0, 10, 2).expect("tally");
        Observers::new(&seating, tally)
    }

    fn report(event: &str, user: &str) -> Vec<u8> {
        let data = serde_json::json!({ "user_id": user }).to_string();
        serde_json::json!({ "event": event, "data": data }).to_string().into_bytes()
    }

    #[test]
    fn a_leave_is_counted_as_the_move_that_made_it() {
        let mut ears = observers();
        ears.due = vec![0, 0, 0, 0, 700];
        let user = Marker { number: 1, micros: 0 }.text();
        for seat in [0, 1, 4] {
            assert!(ears.hear(seat, &report("pusher_internal:member_added", &user), 5_000));
            assert!(ears.hear(seat, &report("pusher_internal:member_removed", &user), 1_000_000));
        }
        assert_eq!((ears.tally.delivered, ears.tally.complete, ears.tally.repeated), (4, 2, 0));
        assert!(ears.tally.latency().expect("moves").max < 0.4, "the leave counts from its own time");
    }

    #[test]
    fn member_lists_and_strangers_are_not_moves() {
        let mut ears = observers();
        let user = Marker { number: 1, micros: 0 }.text();
        assert!(ears.hear(0, &report("pusher_internal:subscription_succeeded", &user), 5));
        assert!(!ears.hear(0, &report("pusher_internal:member_added", "42"), 5));
        assert_eq!(ears.tally.delivered, 0);
    }

    #[test]
    fn observers_have_tickets_and_movers_have_none() {
        let channels = vec!["presence-a".to_owned(), "presence-b".to_owned()];
        let seating = Seating { channels, observers: 2, movers: 2 };
        assert_eq!(seating.observer(1).map(|ticket| ticket.channel).as_deref(), Some("presence-b"));
        assert!(seating.observer(2).is_none());
        assert_eq!(seating.channel(3), Some("presence-b"));
    }
}
