//! What a run found, as JSON for machines and as a table for people.
//!
//! Figures stand side by side, one column a phase; where the floor was measured too, a last column gives the server's
//! figure as a multiple of the floor's. The table's text is not a stable interface, the JSON is.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

use super::{Error, Result, options, phase::Figures, probe::float};

/// Width of the label column.
const LABEL: usize = 34;
/// Width of the figure columns.
const COLUMN: usize = 14;
/// From this share of one processor on, in percent, the bench's one receiving thread may be what limits the figures.
const BUSY: f64 = 90.0;

/// Everything a run found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of this tool.
    version: &'static str,
    /// Name of the workload.
    workload: &'static str,
    /// The server, as it was given; empty when there was none.
    url: String,
    /// Events per second asked for; 0 = saturated.
    rate: u32,
    /// Bytes of event data.
    payload: u32,
    /// Publishers at work.
    publishers: u32,
    /// The phases in the order they ran.
    phases: Vec<Figures>,
    /// The server's figures divided by the floor's, as far as both are known.
    floor_ratios: Option<Ratios>,
}

/// Multiples of the physical floor. Memory has none: the floor keeps four bytes a socket.
#[derive(Debug, Clone, Copy, Serialize)]
struct Ratios {
    cpu_us_per_delivery: Option<f64>,
    cpu_us_per_connect: Option<f64>,
    deliveries_per_second: Option<f64>,
    latency_p50: Option<f64>,
    latency_p99: Option<f64>,
}

/// One line of the table.
struct Row {
    label: &'static str,
    decimals: usize,
    value: fn(&Figures) -> Option<f64>,
    floor: Floor,
}

/// Whether a line means anything as a multiple of the floor.
#[derive(Clone, Copy, PartialEq)]
enum Floor {
    Compared,
    Apart,
}

/// A figure that the floor has too.
const fn cost(label: &'static str, decimals: usize, value: fn(&Figures) -> Option<f64>) -> Row {
    Row { label, decimals, value, floor: Floor::Compared }
}

/// A figure that stands alone.
const fn plain(label: &'static str, decimals: usize, value: fn(&Figures) -> Option<f64>) -> Row {
    Row { label, decimals, value, floor: Floor::Apart }
}

const ROWS: [Row; 29] = [
    plain("connections", 0, |f| Some(f.connections.into())),
    cost("connects / s", 0, |f| f.connects_per_second),
    cost("CPU µs / connect", 1, |f| f.cpu_us_per_connect),
    plain("RSS KiB / connection", 2, |f| f.rss_kib_per_connection),
    plain("published events", 0, |f| f.published.map(float)),
    plain("publish errors", 0, |f| f.publish_errors.map(float)),
    plain("API connections opened", 0, |f| f.api_connections.map(float)),
    plain("expected deliveries", 0, |f| f.expected.map(float)),
    plain("lost deliveries", 0, |f| f.lost.map(float)),
    plain("repeated deliveries", 0, |f| f.repeated.map(float)),
    plain("seconds", 2, |f| Some(f.seconds)),
    cost("deliveries / s", 0, |f| f.deliveries_per_second),
    cost("latency p50 ms", 3, |f| f.latency_ms.map(|latency| latency.p50)),
    cost("latency p90 ms", 3, |f| f.latency_ms.map(|latency| latency.p90)),
    cost("latency p99 ms", 3, |f| f.latency_ms.map(|latency| latency.p99)),
    cost("latency p99.9 ms", 3, |f| f.latency_ms.map(|latency| latency.p999)),
    cost("latency max ms", 3, |f| f.latency_ms.map(|latency| latency.max)),
    cost("CPU µs / delivery", 2, |f| f.cpu_us_per_delivery),
    cost("CPU µs / publish", 1, |f| f.cpu_us_per_publish),
    plain("CPU %", 1, |f| f.cpu_percent),
    plain("bench CPU %", 1, |f| f.bench_cpu_percent),
    plain("RSS KiB", 0, |f| f.rss_kib),
    plain("closed sockets", 0, |f| Some(float(f.closed.values().sum()))),
    plain("error frames", 0, |f| Some(float(f.complaints))),
    plain("stalled readers", 0, |f| f.stalled.as_ref().map(|stalled| float(stalled.sockets))),
    plain("stalled readers closed", 0, |f| f.stalled.as_ref().map(|stalled| float(stalled.closed))),
    plain("votes counted", 0, |f| f.results.map(|results| float(results.counted))),
    plain("result frames", 0, |f| f.results.map(|results| float(results.frames))),
    plain("most of them / s and subscriber", 0, |f| f.results.map(|results| float(results.most_per_second))),
];

impl Report {
    /// Begins the report of a run.
    pub(super) fn new(workload: &'static str, url: &str, load: &options::Load) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            workload,
            url: url.to_owned(),
            rate: load.rate,
            payload: load.payload,
            publishers: load.publishers,
            phases: Vec::new(),
            floor_ratios: None,
        }
    }

    /// Adds a phase.
    pub(super) fn add(&mut self, figures: Figures) {
        self.phases.push(figures);
        self.floor_ratios = self.floor().zip(self.phases.first()).map(|(floor, server)| Ratios::of(server, floor));
    }

    /// Writes the table to standard output, and the JSON where the options say.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write(&self, json: Option<&Path>) -> Result<()> {
        let failed = |source| Error::Io { what: "write the report", source };
        let text = || serde_json::to_string_pretty(self).map_err(|error| failed(error.into()));
        match json {
            Some(path) if path == Path::new("-") => {
                writeln!(io::stdout().lock(), "{}", text()?).map_err(failed)?;
                return self.table(&mut io::stderr().lock()).map_err(failed);
            }
            Some(path) => fs::write(path, text()?).map_err(failed)?,
            None => {}
        }
        self.table(&mut io::stdout().lock()).map_err(failed)
    }

    /// The floor, where the first phase is something to compare with it.
    fn floor(&self) -> Option<&Figures> {
        self.phases.iter().skip(1).find(|figures| figures.phase == "floor")
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} {} payload {} B, {}", self.workload, self.url, self.payload, self.speed())?;
        let heads: String = self.phases.iter().map(|figures| format!("{:>COLUMN$}", figures.phase)).collect();
        let floor = self.floor();
        let last = if floor.is_some() { format!("{:>COLUMN$}", "× floor") } else { String::new() };
        writeln!(out, "{:LABEL$}{heads}{last}", "")?;
        for row in &ROWS {
            self.line(row, floor, out)?;
        }
        for figures in &self.phases {
            notes(figures, out)?;
        }
        Ok(())
    }

    fn line(&self, row: &Row, floor: Option<&Figures>, out: &mut impl Write) -> io::Result<()> {
        let values: Vec<_> = self.phases.iter().map(row.value).collect();
        if values.iter().all(Option::is_none) {
            return Ok(());
        }
        let cells: String = values.iter().map(|value| cell(*value, row.decimals)).collect();
        let ratio = floor.and_then(|floor| divide((row.value)(self.phases.first()?), (row.value)(floor)));
        let last = match row.floor {
            Floor::Compared if floor.is_some() => cell(ratio, 2),
            _ => String::new(),
        };
        writeln!(out, "{:LABEL$}{cells}{last}", row.label)
    }

    fn speed(&self) -> String {
        match self.rate {
            0 => format!("saturated by {}", self.publishers),
            rate => format!("{rate} events/s by {}", self.publishers),
        }
    }
}

impl Ratios {
    fn of(server: &Figures, floor: &Figures) -> Self {
        let latency = |figures: &Figures| figures.latency_ms;
        let by = |value: fn(&Figures) -> Option<f64>| divide(value(server), value(floor));
        Self {
            cpu_us_per_delivery: by(|figures| figures.cpu_us_per_delivery),
            cpu_us_per_connect: by(|figures| figures.cpu_us_per_connect),
            deliveries_per_second: by(|figures| figures.deliveries_per_second),
            latency_p50: divide(latency(server).map(|it| it.p50), latency(floor).map(|it| it.p50)),
            latency_p99: divide(latency(server).map(|it| it.p99), latency(floor).map(|it| it.p99)),
        }
    }
}

/// What the figures of a phase need said.
fn notes(figures: &Figures, out: &mut impl Write) -> io::Result<()> {
    let phase = figures.phase;
    if figures.bench_cpu_percent.is_some_and(|percent| percent > BUSY) {
        writeln!(out, "{phase}: the bench was at its own limit, and the server perhaps was not")?;
    }
    if !figures.closed.is_empty() {
        let codes: Vec<_> = figures.closed.iter().map(|(code, count)| format!("{count} × {code}")).collect();
        writeln!(out, "{phase}: the server closed sockets: {}", codes.join(", "))?;
    }
    if let Some(complaint) = &figures.first_complaint {
        writeln!(out, "{phase}: the server reported {} errors, the first: {complaint}", figures.complaints)?;
    }
    if let Some(stalled) = &figures.stalled {
        let growth = stalled.rss_growth_kib.map_or_else(String::new, |kib| format!("; its RSS grew by {kib:.0} KiB"));
        writeln!(
            out,
            "{phase}: of {} readers that stopped, the server closed {}; {} deliveries still reached them{growth}",
            stalled.sockets, stalled.closed, stalled.deliveries_kept
        )?;
    }
    Ok(())
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| format!("{:>COLUMN$}", "–"), |value| format!("{value:>COLUMN$.decimals$}"))
}

fn divide(amount: Option<f64>, by: Option<f64>) -> Option<f64> {
    let (amount, by) = (amount?, by?);
    (by > 0.0).then(|| amount / by)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::{phase::Stalled, tally::Latency};

    fn figures(phase: &'static str, factor: f64) -> Figures {
        let latency = Latency { p50: factor, p90: factor, p99: factor, p999: factor, max: factor };
        Figures {
            connects_per_second: Some(1_000.0),
            cpu_us_per_delivery: Some(6.0 * factor),
            latency_ms: Some(latency),
            delivered: Some(10),
            ..Figures::of(phase, 10)
        }
    }

    fn report() -> Report {
        let load = options::Load { rate: 20, events: 1, duration: 1, payload: 128, publishers: 4 };
        let mut report = Report::new("fanout", "ws://host", &load);
        report.add(figures("server", 1.5));
        report
    }

    fn table(report: &Report) -> String {
        let mut bytes = Vec::new();
        report.table(&mut bytes).expect("table");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_table_shows_what_was_measured_and_no_more() {
        let text = table(&report());
        let line = |label: &str| text.lines().find(|line| line.starts_with(label)).map(str::len);
        assert!(text.starts_with("fanout ws://host payload 128 B, 20 events/s by 4\n"), "{text}");
        assert_eq!(line("CPU µs / delivery"), Some(LABEL + COLUMN + "µ".len() - 1), "{text}");
        assert_eq!((line("RSS"), line("stalled")), (None, None), "{text}");
    }

    #[test]
    fn the_floor_makes_ratios() {
        let mut report = report();
        report.add(figures("floor", 1.0));
        let text = table(&report);
        assert!(text.lines().any(|line| line.starts_with("CPU µs / delivery") && line.ends_with(" 1.50")), "{text}");
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["floor_ratios"]["cpu_us_per_delivery"], 1.5);
        assert_eq!(json["floor_ratios"]["cpu_us_per_connect"], serde_json::Value::Null);
    }

    #[test]
    fn the_floor_alone_has_nothing_to_compare_with() {
        let load = options::Load { rate: 0, events: 1, duration: 1, payload: 128, publishers: 4 };
        let mut report = Report::new("floor", "", &load);
        report.add(figures("floor", 1.0));
        assert!(report.floor_ratios.is_none());
    }

    #[test]
    fn closed_and_stalled_sockets_are_told() {
        let mut report = report();
        let stalled = Stalled { sockets: 5, closed: 4, deliveries_kept: 30, rss_growth_kib: Some(12.4) };
        let closed = BTreeMap::from([(4_100, 4)]);
        report.add(Figures { stalled: Some(stalled), closed, ..figures("stalled", 2.0) });
        let text = table(&report);
        assert!(text.contains("stalled: the server closed sockets: 4 × 4100\n"), "{text}");
        assert!(text.contains("of 5 readers that stopped, the server closed 4; 30 deliveries still"), "{text}");
        assert!(text.contains("its RSS grew by 12 KiB"), "{text}");
    }
}
