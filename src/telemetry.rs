//! Logs, and the listener for metrics and health.
//!
//! The listener is apart from the public one and on loopback by default, so that metrics are nobody's business by accident.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::StatusCode, web::Data};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    filter::{ParseError, filter_fn},
    fmt::{self, MakeWriter},
    prelude::*,
};

use crate::{
    config::{LogConfig, LogFormat},
    metrics::Metrics,
};

/// Libraries that write whole messages into the log at their finer levels.
const INDISCREET: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// Tells whether what is logged under this target and level holds no message of a client. A directive of the filter would
/// not do: the operator's own, for a module of the library, would win over it.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split(':').next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !INDISCREET.contains(&library)
}

fn subscriber<W>(config: &LogConfig, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.filter)?;
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    Ok(match config.format {
        LogFormat::Json => Box::new(registry.with(fmt::layer().json().with_writer(writer))),
        LogFormat::Pretty => Box::new(registry.with(fmt::layer().with_writer(writer))),
    })
}

/// Starts writing logs to the standard error output. What clients send is in no log, whatever the filter says.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &LogConfig) -> Result<(), ParseError> {
    // A second initialisation in one process is a test's; the first one goes on.
    let _first = subscriber(config, std::io::stderr)?.try_init();
    Ok(())
}

/// What the listener tells.
#[derive(Debug)]
pub struct Health {
    /// Counted things.
    pub metrics: Arc<Metrics>,
    /// The server takes new sockets.
    pub ready: AtomicBool,
}

/// `/metrics`, `/live`, `/ready`.
pub fn routes(health: Arc<Health>) -> impl Endpoint<Output = Response> + 'static {
    Route::new()
        .at("/metrics", get(metrics))
        .at("/live", get(live))
        .at("/ready", get(ready))
        .data(health)
        .catch_all_error(|error: poem::Error| async move {
            Response::builder().status(error.status()).body("Not found: /metrics, /live and /ready are here\n")
        })
        .map_to_response()
}

fn text(status: StatusCode, text: impl Into<poem::Body>) -> Response {
    Response::builder().status(status).content_type("text/plain; charset=utf-8").body(text)
}

#[handler]
fn metrics(health: Data<&Arc<Health>>) -> Response {
    match health.metrics.render() {
        Ok(body) => Response::builder().content_type("text/plain; version=0.0.4; charset=utf-8").body(body),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            text(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
        }
    }
}

#[handler]
fn live() -> Response {
    text(StatusCode::OK, "OK\n")
}

#[handler]
fn ready(health: Data<&Arc<Health>>) -> Response {
    if health.ready.load(Ordering::Relaxed) {
        text(StatusCode::OK, "OK\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "Going down\n")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_filter_lets_messages_of_clients_into_the_log() {
        for filter in ["trace", "tungstenite=trace", "info,tungstenite::protocol=trace,tokio_tungstenite=debug"] {
            let log = Log::default();
            let writer = log.clone();
            let config = LogConfig { filter: filter.to_owned(), format: LogFormat::Pretty };
            let subscriber = subscriber(&config, move || writer.clone()).unwrap();
            // While there is only one subscriber, what another test's thread meets first is off in this thread too.
            let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
            tracing::subscriber::with_default(subscriber, || {
                tracing::trace!(target: "tungstenite::protocol", "canary");
                tracing::debug!(target: "tungstenite", "canary");
                tracing::debug!(target: "tokio_tungstenite::compat", "canary");
                tracing::info!(target: "tungstenite::protocol", "fine");
            });
            let text = String::from_utf8(log.0.lock().clone()).unwrap();
            assert!(!text.contains("canary") && text.contains("fine"), "{filter}: {text}");
        }
    }
}
