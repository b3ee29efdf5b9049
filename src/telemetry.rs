//! Logs, and the listener for metrics and health.
//!
//! The listener is apart from the public one and on loopback by default, so that metrics are nobody's business by accident.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::StatusCode, web::Data};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, prelude::*};

use crate::{
    config::{LogConfig, LogFormat},
    metrics::Metrics,
};

/// Libraries that write whole messages into the log at their finest level, and the level that is fine enough.
const DISCREET: [&str; 1] = ["tungstenite=info"];

/// Starts writing logs to the standard error output. What clients send is in no log, whatever the filter says.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &LogConfig) -> Result<(), ParseError> {
    let mut filter = EnvFilter::try_new(&config.filter)?;
    for directive in DISCREET {
        filter = filter.add_directive(directive.parse()?);
    }
    let registry = tracing_subscriber::registry().with(filter);
    // A second initialisation in one process is a test's; the first one goes on.
    let _first = match config.format {
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
        LogFormat::Pretty => registry.with(fmt::layer().with_writer(std::io::stderr)).try_init(),
    };
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
