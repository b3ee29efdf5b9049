//! Metric names and the handles that count.
//!
//! Owns what is counted; `telemetry` renders it. Base names are those of soketi, so that its dashboards work after a change
//! of prefix. Labels are the app and, where it decides, a code: never a channel, a user or an address. Handles are resolved
//! once per app, so that counting on the hot path is one atomic addition; an app's series go with the last of its handles.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::ids::AppId;

/// Result of building the metrics.
pub type Result<T, E = prometheus::Error> = std::result::Result<T, E>;

/// Apps with a label of their own; further ones share the label `other`, which bounds the size of a scrape.
const MAX_APP_LABELS: usize = 1_000;

/// Label of the apps beyond [`MAX_APP_LABELS`].
const OTHER: &str = "other";

/// Bounds of the histogram of revocations in milliseconds.
const LATENCY_BUCKETS: [f64; 12] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 5_000.0];

const REVOCATION_LATENCY: &str =
    "Milliseconds from the notice of a roster change to the last frame of who loses by it.";

/// All metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Arc<Families>,
    /// Sockets refused before an app was known, by close code.
    pub refused: IntCounterVec,
    /// `accept` calls that failed, by error kind.
    pub accept_errors: IntCounter,
    /// Connections closed at once because their address had its share of unfinished handshakes.
    pub refused_handshakes: IntCounter,
    /// Connections whose task ended in a panic.
    pub panics: IntCounter,
    /// Panics in the server's own tasks, which begin again.
    pub task_panics: IntCounter,
}

/// What is counted by app.
#[derive(Debug)]
struct Families {
    /// Guards the labels in use, and their series as they go.
    labels: Mutex<HashMap<String, Use>>,
    apps: IntGauge,
    connected: IntGaugeVec,
    new_connections: IntCounterVec,
    new_disconnections: IntCounterVec,
    closed: IntCounterVec,
    socket_received_bytes: IntCounterVec,
    socket_transmitted_bytes: IntCounterVec,
    ws_messages_received: IntCounterVec,
    ws_messages_sent: IntCounterVec,
    http_calls_received: IntCounterVec,
    http_received_bytes: IntCounterVec,
    http_transmitted_bytes: IntCounterVec,
    slow_consumers: IntCounterVec,
    rate_limited: IntCounterVec,
    ignored_events: IntCounterVec,
    broadcast_log_lost: IntCounterVec,
    access_denied: IntCounterVec,
    revocation_latency_ms: HistogramVec,
}

/// How a label is used.
#[derive(Debug, Default)]
struct Use {
    /// Apps behind it. More than one behind [`OTHER`], and while an app comes again before its last sockets have gone.
    apps: usize,
    /// What those have counted that went before the others.
    seconds: BTreeSet<Second>,
}

/// The label that an app is counted under; given back with its last handle.
#[derive(Debug)]
struct Label {
    app: String,
    /// Guards the close codes and the limits that were counted: the series to remove at the end.
    seconds: Mutex<BTreeSet<Second>>,
    families: Arc<Families>,
}

/// The other label of the families that have two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Second {
    Code(u16),
    Key(&'static str),
    Reason(&'static str),
}

impl Drop for Label {
    fn drop(&mut self) {
        self.families.give_back(&self.app, std::mem::take(self.seconds.get_mut()));
    }
}

/// Handles of one app. What they have counted is told as long as one of them lives.
#[derive(Debug, Clone)]
pub struct AppMetrics {
    label: Arc<Label>,
    /// Open sockets.
    pub connected: IntGauge,
    /// Sockets opened.
    pub new_connections: IntCounter,
    /// Sockets gone.
    pub new_disconnections: IntCounter,
    /// Bytes read from sockets.
    pub socket_received_bytes: IntCounter,
    /// Bytes written to sockets.
    pub socket_transmitted_bytes: IntCounter,
    /// Messages read from sockets.
    pub ws_messages_received: IntCounter,
    /// Frames written to sockets.
    pub ws_messages_sent: IntCounter,
    /// Requests to the HTTP API.
    pub http_calls_received: IntCounter,
    /// Bytes of request bodies.
    pub http_received_bytes: IntCounter,
    /// Bytes of response bodies.
    pub http_transmitted_bytes: IntCounter,
    /// Sockets closed because they did not read.
    pub slow_consumers: IntCounter,
    /// Client frames with a name that only the server may use; ignored.
    pub ignored_events: IntCounter,
    /// Rows that are missing in the broadcast log: they came faster than they could be written, or could not be.
    pub broadcast_log_lost: IntCounter,
    /// Milliseconds from the notice of a change to the last frame of a socket that loses a channel by it.
    pub revocation_latency_ms: Histogram,
    /// Connections whose task ended in a panic, of all apps.
    pub panics: IntCounter,
}

impl AppMetrics {
    /// Counts a socket closed by the server.
    pub fn count_closed(&self, code: u16) {
        let Label { app, seconds, families } = &*self.label;
        seconds.lock().insert(Second::Code(code));
        families.closed.with_label_values(&[app.as_str(), &code.to_string()]).inc();
    }

    /// Counts something refused by a rate limit; `key` names the limit.
    pub fn count_rate_limited(&self, key: &'static str) {
        let Label { app, seconds, families } = &*self.label;
        seconds.lock().insert(Second::Key(key));
        families.rate_limited.with_label_values(&[app.as_str(), key]).inc();
    }

    /// Counts a guarded channel or user that was refused; `reason` is the code of the decision.
    pub fn count_denied(&self, reason: &'static str) {
        let Label { app, seconds, families } = &*self.label;
        seconds.lock().insert(Second::Reason(reason));
        families.access_denied.with_label_values(&[app.as_str(), reason]).inc();
    }
}

impl Families {
    /// Takes a label for an app: its id, or the one for all others when there are enough.
    fn take(self: &Arc<Self>, app: &AppId) -> Label {
        let mut labels = self.labels.lock();
        let has_room = labels.len() < MAX_APP_LABELS || labels.contains_key(app.as_str());
        let app = if has_room { app.as_str() } else { OTHER };
        labels.entry(app.to_owned()).or_default().apps += 1;
        self.apps.set(labels.len() as i64);
        Label { app: app.to_owned(), seconds: Mutex::default(), families: Arc::clone(self) }
    }

    /// Gives a label back. Its series go with the last app behind it.
    fn give_back(&self, app: &str, seconds: BTreeSet<Second>) {
        let mut labels = self.labels.lock();
        let Some(used) = labels.get_mut(app) else { return };
        used.apps -= 1;
        used.seconds.extend(seconds);
        if used.apps > 0 {
            return;
        }
        let seconds = std::mem::take(&mut used.seconds);
        labels.remove(app);
        self.apps.set(labels.len() as i64);
        // One that was never counted has no series; that is no fault.
        let _gauge = self.connected.remove_label_values(&[app]);
        let _histogram = self.revocation_latency_ms.remove_label_values(&[app]);
        for family in self.counters() {
            let _counter = family.remove_label_values(&[app]);
        }
        for second in seconds {
            let _counter = match second {
                Second::Code(code) => self.closed.remove_label_values(&[app, &code.to_string()]),
                Second::Key(key) => self.rate_limited.remove_label_values(&[app, key]),
                Second::Reason(reason) => self.access_denied.remove_label_values(&[app, reason]),
            };
        }
    }

    /// Those whose only label is the app.
    fn counters(&self) -> [&IntCounterVec; 12] {
        [
            &self.new_connections,
            &self.new_disconnections,
            &self.socket_received_bytes,
            &self.socket_transmitted_bytes,
            &self.ws_messages_received,
            &self.ws_messages_sent,
            &self.http_calls_received,
            &self.http_received_bytes,
            &self.http_transmitted_bytes,
            &self.slow_consumers,
            &self.ignored_events,
            &self.broadcast_log_lost,
        ]
    }
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    let vec = IntCounterVec::new(Opts::new(format!("campanile_{name}"), help), labels)?;
    registry.register(Box::new(vec.clone()))?;
    Ok(vec)
}

fn plain_counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter> {
    let counter = IntCounter::new(format!("campanile_{name}"), help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// Never in practice: only when two metrics had the same name.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let connected = IntGaugeVec::new(Opts::new("campanile_connected", "Open sockets."), &["app"])?;
        registry.register(Box::new(connected.clone()))?;
        let apps = IntGauge::new("campanile_apps", "Apps with a label of their own.")?;
        registry.register(Box::new(apps.clone()))?;
        let build = IntGaugeVec::new(Opts::new("campanile_build_info", "Version of the server."), &["version"])?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let latency = HistogramOpts::new("campanile_revocation_latency_ms", REVOCATION_LATENCY);
        let latency = HistogramVec::new(latency.buckets(LATENCY_BUCKETS.to_vec()), &["app"])?;
        registry.register(Box::new(latency.clone()))?;
        let count = |name, help| counter(&registry, name, help, &["app"]);
        let families = Families {
            labels: Mutex::default(),
            new_connections: count("new_connections_total", "Sockets opened.")?,
            new_disconnections: count("new_disconnections_total", "Sockets gone.")?,
            socket_received_bytes: count("socket_received_bytes", "Bytes read from sockets.")?,
            socket_transmitted_bytes: count("socket_transmitted_bytes", "Bytes written to sockets.")?,
            ws_messages_received: count("ws_messages_received_total", "Messages read from sockets.")?,
            ws_messages_sent: count("ws_messages_sent_total", "Frames written to sockets.")?,
            http_calls_received: count("http_calls_received_total", "Requests to the HTTP API.")?,
            http_received_bytes: count("http_received_bytes", "Bytes of request bodies.")?,
            http_transmitted_bytes: count("http_transmitted_bytes", "Bytes of response bodies.")?,
            slow_consumers: count("slow_consumers_total", "Sockets closed because they did not read.")?,
            ignored_events: count("ignored_events_total", "Client frames with a name that only the server may use.")?,
            broadcast_log_lost: count("broadcast_log_lost_total", "Rows missing in the broadcast log.")?,
            closed: counter(&registry, "disconnects_total", "Sockets closed by the server.", &["app", "code"])?,
            access_denied: counter(&registry, "access_denied_total", "Refused by the roster.", &["app", "reason"])?,
            revocation_latency_ms: latency,
            rate_limited: counter(&registry, "rate_limited_total", "Refused by a rate limit.", &["app", "key"])?,
            connected,
            apps,
        };
        Ok(Self {
            refused: counter(&registry, "refused_connections_total", "Sockets refused at the door.", &["code"])?,
            accept_errors: plain_counter(&registry, "accept_errors_total", "Failed accept calls.")?,
            refused_handshakes: plain_counter(
                &registry,
                "refused_handshakes_total",
                "Connections closed because their address had its share of unfinished handshakes.",
            )?,
            panics: plain_counter(&registry, "panics_total", "Connections that ended in a panic.")?,
            task_panics: plain_counter(&registry, "task_panics_total", "Panics in the server's own tasks.")?,
            registry,
            families: Arc::new(families),
        })
    }

    /// The handles of one app.
    #[must_use]
    pub fn for_app(&self, app: &AppId) -> AppMetrics {
        let families = &self.families;
        let label = families.take(app);
        let app = label.app.as_str();
        let count = |family: &IntCounterVec| family.with_label_values(&[app]);
        AppMetrics {
            connected: families.connected.with_label_values(&[app]),
            new_connections: count(&families.new_connections),
            new_disconnections: count(&families.new_disconnections),
            socket_received_bytes: count(&families.socket_received_bytes),
            socket_transmitted_bytes: count(&families.socket_transmitted_bytes),
            ws_messages_received: count(&families.ws_messages_received),
            ws_messages_sent: count(&families.ws_messages_sent),
            http_calls_received: count(&families.http_calls_received),
            http_received_bytes: count(&families.http_received_bytes),
            http_transmitted_bytes: count(&families.http_transmitted_bytes),
            slow_consumers: count(&families.slow_consumers),
            ignored_events: count(&families.ignored_events),
            broadcast_log_lost: count(&families.broadcast_log_lost),
            revocation_latency_ms: families.revocation_latency_ms.with_label_values(&[app]),
            panics: self.panics.clone(),
            label: Arc::new(label),
        }
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    /// Never in practice: only when a metric had no name.
    pub fn render(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AppId {
        AppId::parse(text).unwrap()
    }

    fn count(app: &AppMetrics) {
        app.connected.inc();
        app.count_closed(4009);
        app.count_closed(4200);
        app.count_rate_limited("app");
        app.count_denied("ended");
        app.revocation_latency_ms.observe(1.0);
    }

    #[test]
    fn series_of_an_app_go_with_its_last_handle_and_those_of_others_stay() {
        let metrics = Metrics::new().unwrap();
        let (gone, stays) = (metrics.for_app(&id("gone")), metrics.for_app(&id("stays")));
        count(&gone);
        count(&stays);
        let handle = gone.clone();
        drop(gone);
        assert!(metrics.render().unwrap().contains("\"gone\""));
        drop(handle);
        let text = metrics.render().unwrap();
        assert!(!text.contains("\"gone\""), "{text}");
        assert!(text.contains(r#"campanile_disconnects_total{app="stays",code="4200"} 1"#), "{text}");
        assert!(text.contains("campanile_apps 1"), "{text}");
    }

    #[test]
    fn an_app_that_comes_again_before_its_last_sockets_are_gone_goes_on_counting() {
        let metrics = Metrics::new().unwrap();
        let before = metrics.for_app(&id("a"));
        let after = metrics.for_app(&id("a"));
        count(&before);
        drop(before);
        after.connected.inc();
        assert!(metrics.render().unwrap().contains(r#"campanile_connected{app="a"} 2"#));
        drop(after);
        assert!(!metrics.render().unwrap().contains(r#"app="a""#));
    }

    #[test]
    fn a_label_that_was_given_back_is_there_for_the_next_app() {
        let metrics = Metrics::new().unwrap();
        let mut apps: Vec<_> = (0..=MAX_APP_LABELS).map(|number| metrics.for_app(&id(&format!("a{number}")))).collect();
        assert_eq!(apps.pop().unwrap().label.app, OTHER);
        apps.pop();
        assert_eq!(metrics.for_app(&id("new")).label.app, "new");
    }
}
