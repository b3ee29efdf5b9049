//! Metric names and the handles that count.
//!
//! Owns what is counted; `telemetry` renders it. Base names are those of soketi, so that its dashboards work after a change
//! of prefix. Labels are the app and, where it decides, a code: never a channel, a user or an address. Handles are resolved
//! once per app, so that counting on the hot path is one atomic addition.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::ids::AppId;

/// Result of building the metrics.
pub type Result<T, E = prometheus::Error> = std::result::Result<T, E>;

/// Apps with a label of their own; further ones share the label `other`, which bounds the size of a scrape.
const MAX_APP_LABELS: i64 = 1_000;

/// All metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
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
    apps: IntGauge,
    /// Sockets refused before an app was known, by close code.
    pub refused: IntCounterVec,
    /// `accept` calls that failed, by error kind.
    pub accept_errors: IntCounter,
    /// Connections whose task ended in a panic.
    pub panics: IntCounter,
}

/// Handles of one app.
#[derive(Debug, Clone)]
pub struct AppMetrics {
    app: String,
    closed: IntCounterVec,
    rate_limited: IntCounterVec,
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
    /// Connections whose task ended in a panic, of all apps.
    pub panics: IntCounter,
}

impl AppMetrics {
    /// Counts a socket closed by the server.
    pub fn count_closed(&self, code: u16) {
        self.closed.with_label_values(&[self.app.as_str(), &code.to_string()]).inc();
    }

    /// Counts something refused by a rate limit; `key` names the limit.
    pub fn count_rate_limited(&self, key: &str) {
        self.rate_limited.with_label_values(&[self.app.as_str(), key]).inc();
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
        let count = |name, help| counter(&registry, name, help, &["app"]);
        Ok(Self {
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
            closed: counter(&registry, "disconnects_total", "Sockets closed by the server.", &["app", "code"])?,
            rate_limited: counter(&registry, "rate_limited_total", "Refused by a rate limit.", &["app", "key"])?,
            refused: counter(&registry, "refused_connections_total", "Sockets refused at the door.", &["code"])?,
            accept_errors: plain_counter(&registry, "accept_errors_total", "Failed accept calls.")?,
            panics: plain_counter(&registry, "panics_total", "Connections that ended in a panic.")?,
            registry,
            connected,
            apps,
        })
    }

    /// The handles of one app.
    #[must_use]
    pub fn for_app(&self, app: &AppId) -> AppMetrics {
        self.apps.inc();
        let app = if self.apps.get() > MAX_APP_LABELS { "other" } else { app.as_str() };
        let count = |vec: &IntCounterVec| vec.with_label_values(&[app]);
        AppMetrics {
            app: app.to_owned(),
            closed: self.closed.clone(),
            rate_limited: self.rate_limited.clone(),
            connected: self.connected.with_label_values(&[app]),
            new_connections: count(&self.new_connections),
            new_disconnections: count(&self.new_disconnections),
            socket_received_bytes: count(&self.socket_received_bytes),
            socket_transmitted_bytes: count(&self.socket_transmitted_bytes),
            ws_messages_received: count(&self.ws_messages_received),
            ws_messages_sent: count(&self.ws_messages_sent),
            http_calls_received: count(&self.http_calls_received),
            http_received_bytes: count(&self.http_received_bytes),
            http_transmitted_bytes: count(&self.http_transmitted_bytes),
            slow_consumers: count(&self.slow_consumers),
            ignored_events: count(&self.ignored_events),
            panics: self.panics.clone(),
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
