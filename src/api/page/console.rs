//! The console's two requests: publish an event, tell how many are there. Development mode only.
//!
//! An event goes the same way as one that the app's own server sends, with the same checks; only the signature is replaced
//! by the proof that a page of this server asks.

use std::{sync::Arc, time::Duration};

use poem::{
    Body, IntoResponse, Request, Response,
    error::ReadBodyError,
    handler,
    http::{HeaderMap, header::CONTENT_TYPE},
    web::Data,
};
use poem_openapi::payload::PlainText;
use serde::{Deserialize, Serialize};

use super::{Pages, first, visitor};
use crate::{
    api::error::Refused,
    services::{channels::Info, publish::NewEvent},
};

/// Largest body: the data of an event by default several times over, with room for escapes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// How long the body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The event as the form sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    channel: String,
    name: String,
    data: String,
}

/// The event was published.
#[derive(Debug, Serialize)]
struct Sent {
    /// Sockets that are subscribed to the channel.
    subscriptions: usize,
}

/// The shown app in numbers.
#[derive(Debug, Serialize)]
struct Stats {
    /// When the server was started; the page compares it with its own.
    started: String,
    /// Id of the app that is shown now.
    app: Option<String>,
    /// Open sockets.
    connections: usize,
    /// Channels with subscribers.
    channels: usize,
}

fn forbidden(stranger: visitor::Stranger) -> Refused {
    Refused::Forbidden(PlainText(stranger.to_string()))
}

fn json(value: &impl Serialize) -> Response {
    // Numbers and texts always become JSON.
    let text = serde_json::to_string(value).unwrap_or_default();
    Response::builder().content_type("application/json").body(text)
}

/// Publishes an event of the shown app.
#[handler]
pub(super) async fn publish(request: &Request, body: Body, pages: Data<&Arc<Pages>>) -> poem::Result<Response> {
    let development = pages.development()?;
    let outcome = match visitor::own_page(request.headers(), &development.address, &pages.token) {
        Ok(()) => publish_of_own_page(request.headers(), body, &pages).await,
        Err(stranger) => Err(forbidden(stranger)),
    };
    Ok(outcome.map_or_else(IntoResponse::into_response, |sent| json(&sent)))
}

async fn publish_of_own_page(headers: &HeaderMap, body: Body, pages: &Pages) -> Result<Sent, Refused> {
    let draft = draft(headers, body).await?;
    let shown = pages.development.as_ref().and_then(super::Development::shown);
    let Some((live, _)) = shown else {
        return Err(Refused::NotFound(PlainText("There is no app yet: campanile app create --name NAME".to_owned())));
    };
    let app = live.app();
    if !app.enabled {
        return Err(Refused::Forbidden(PlainText(format!("The app is disabled: campanile app enable {}", app.id))));
    }
    let info = Info { subscription_count: true, ..Info::default() };
    let Draft { channel, name, data } = draft;
    let event = NewEvent { name: &name, data: &data, channels: &[channel], except: None, info };
    let (published, _passed) = live.publish(event)?;
    let counts = published.iter().filter_map(|(_, info)| info.subscription_count);
    Ok(Sent { subscriptions: counts.sum() })
}

async fn draft(headers: &HeaderMap, body: Body) -> Result<Draft, Refused> {
    let refuse = |text: String| Refused::BadRequest(PlainText(text));
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes() != b"application/json") {
        return Err(refuse("Send the event as application/json".to_owned()));
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, body.into_bytes_limit(MAX_BODY_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
            let text = format!("The console sends at most {MAX_BODY_BYTES} bytes: use the signed HTTP API for more");
            return Err(Refused::TooLarge(PlainText(text)));
        }
        Ok(Err(error)) => return Err(refuse(format!("The body cannot be read: {error}"))),
        Err(_elapsed) => return Err(Refused::Timeout(PlainText("The body did not arrive in time".to_owned()))),
    };
    serde_json::from_slice(&body).map_err(|error| refuse(format!("Not an event of the console: {error}")))
}

/// Tells how many are there.
#[handler]
pub(super) fn stats(request: &Request, pages: Data<&Arc<Pages>>) -> poem::Result<Response> {
    let development = pages.development()?;
    if let Err(stranger) = visitor::known(request.headers(), &development.address) {
        return Ok(forbidden(stranger).into_response());
    }
    let shown = development.shown().map(|(live, _)| live);
    let (connections, channels) =
        shown.as_ref().map_or((0, 0), |live| (live.hub.connections(), live.hub.channel_count()));
    let app = shown.map(|live| live.app().id.to_string());
    Ok(json(&Stats { started: first::instant(development.started), app, connections, channels }))
}
