//! The physical floor: what the same deliveries cost a process that does nothing else.
//!
//! Starts a process of its own ([`server`]) that sends ready-made frames in a bare loop, on the processors that the
//! server under load may use, and measures it with the same receivers, schedule and meters. Figures of one machine and run
//! compare by their ratio to it; absolute ones do not travel.

pub(super) mod server;

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read, Write},
    net::SocketAddr,
    os::fd::AsFd,
    process::{Child, Command, Stdio},
};

use super::{
    Error, Result,
    audience::{Audience, Plan},
    clock::{Epoch, SECOND},
    options,
    phase::{self, Figures, Meter, Source},
    progress::Stage,
    report::Report,
    target::Target,
};

/// The load that the floor's process repeats.
#[derive(Debug)]
pub(super) struct Shape {
    /// Sockets.
    pub(super) connections: u32,
    /// Sockets that receive each event; the groups take turns.
    pub(super) group: u32,
    /// Frames in each send.
    pub(super) batch: u32,
    /// Channel that the frames name.
    pub(super) channel: String,
    /// How many events, how fast, how big.
    pub(super) load: options::Load,
}

/// Runs the workload `floor`: no server but the floor itself.
///
/// # Errors
///
/// When the floor's process fails.
pub(super) fn run(options: &options::Floor) -> Result<Report> {
    let shape = Shape {
        connections: options.connections,
        group: options.connections,
        batch: options.batch,
        channel: super::run_name("bench")?,
        load: options.load,
    };
    let mut report = Report::new("floor", "", &options.load);
    report.add(measure(&shape, options.output.pid.first().copied())?);
    Ok(report)
}

/// Measures the floor of a load, on the processors of the process `like`.
///
/// # Errors
///
/// When the floor's process cannot be started or ends early.
pub(super) fn measure(shape: &Shape, like: Option<i32>) -> Result<Figures> {
    let mut worker = Worker::start(shape, like)?;
    let meter = Meter::new(&[i32::try_from(worker.child.id()).unwrap_or_default()])?;
    let mut audience = audience(shape, worker.address)?;
    let mut figures = assemble(shape, &mut audience, &meter)?;
    let (Some(input), Some(output)) = (worker.child.stdin.as_mut(), worker.child.stdout.as_mut()) else {
        return Err(Error::Floor("its pipes are missing"));
    };
    deliver(shape, &mut audience, &meter, &mut figures, (input, output))?;
    Ok(figures)
}

/// Measures only what connections cost that nobody sends anything to, and holds them open for `seconds`.
///
/// # Errors
///
/// As [`measure`].
pub(super) fn measure_idle(shape: &Shape, like: Option<i32>, seconds: u64) -> Result<Figures> {
    let worker = Worker::start(shape, like)?;
    let meter = Meter::new(&[i32::try_from(worker.child.id()).unwrap_or_default()])?;
    let mut audience = audience(shape, worker.address)?;
    let mut figures = assemble(shape, &mut audience, &meter)?;
    figures.hold(&mut audience, &meter, seconds.saturating_mul(SECOND))?;
    Ok(figures)
}

fn audience(shape: &Shape, address: SocketAddr) -> Result<Audience> {
    let plan = Plan { seats: super::size(shape.connections), ticket: Box::new(|_| None), stallers: 0 };
    Audience::new(Target::bare(address), plan)
}

fn assemble(shape: &Shape, audience: &mut Audience, meter: &Meter) -> Result<Figures> {
    let stage = Stage::new("floor");
    let mut figures = Figures::of("floor", shape.connections);
    figures.assemble(audience, meter, &stage.bar)?;
    Ok(figures)
}

/// Has the process on the other end of the pipes send its events, and notes what they cost.
fn deliver<I: Write, O: Read + AsFd>(
    shape: &Shape,
    audience: &mut Audience,
    meter: &Meter,
    figures: &mut Figures,
    pipes: (I, O),
) -> Result<()> {
    let failed = |source| Error::Io { what: "talk to the floor's process", source };
    let (mut input, output) = pipes;
    rustix::io::ioctl_fionbio(&output, true).map_err(|errno| failed(errno.into()))?;
    let epoch = Epoch::start();
    let pace = phase::timetable(&shape.load);
    let mut ears = phase::tally(epoch, 0, pace.events, shape.group)?;
    let stage = Stage::counting("floor", u64::from(pace.events).saturating_mul(shape.group.into()));
    let before = meter.read()?;
    writeln!(input, "{} {}", epoch.nanoseconds(), pace.start).map_err(failed)?;
    input.flush().map_err(failed)?;
    let mut source = Wire { output, said: Vec::new() };
    let sent = phase::listen(audience, &mut ears, &mut source, &stage.bar)?;
    figures.note(&ears, sent, pace.start, (before, meter.read()?));
    figures.note_sockets(audience);
    Ok(())
}

/// The floor's process, ended with this value.
struct Worker {
    child: Child,
    address: SocketAddr,
}

impl Worker {
    fn start(shape: &Shape, like: Option<i32>) -> Result<Self> {
        let failed = |source| Error::Io { what: "start the floor's process", source };
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["bench", "floor-server", "--channel", &shape.channel]);
        let mut number = |name: &str, value: String| {
            command.args([name, &value]);
        };
        number("--connections", shape.connections.to_string());
        number("--group", shape.group.to_string());
        number("--batch", shape.batch.to_string());
        number("--rate", shape.load.rate.to_string());
        number("--events", shape.load.events.to_string());
        number("--duration", shape.load.duration.to_string());
        number("--payload", shape.load.payload.to_string());
        if let Some(pid) = like {
            number("--like", pid.to_string());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let address = child.stdout.as_mut().and_then(|output| {
            let mut line = String::new();
            // The process says nothing more before it is told to begin, so nothing is lost with this buffer.
            BufReader::new(output).read_line(&mut line).ok()?;
            line.trim().parse().ok()
        });
        let mut worker = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        worker.address = address.ok_or(Error::Floor("it did not say where it listens"))?;
        Ok(worker)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The end of the pipe on which the process reports how many events it has sent.
struct Wire<O> {
    output: O,
    said: Vec<u8>,
}

impl<E, O: Read> Source<E> for Wire<O> {
    fn step(&mut self, _audience: &mut Audience, _ears: &mut E) -> Result<Option<u64>> {
        let mut piece = [0; 64];
        match self.output.read(&mut piece) {
            Ok(0) if self.sent().is_none() => Err(Error::Floor("it ended early")),
            Ok(count) => {
                self.said.extend_from_slice(piece.get(..count).unwrap_or_default());
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(source) => Err(Error::Io { what: "listen to the floor's process", source }),
        }
    }

    fn finished(&self) -> Option<u64> {
        self.sent()
    }
}

impl<O> Wire<O> {
    fn sent(&self) -> Option<u64> {
        let text = str::from_utf8(&self.said).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    }
}

#[cfg(test)]
mod tests;
