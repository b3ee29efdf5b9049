//! What the messages of a Pusher server mean to a seat.
//!
//! The slow path: only handshakes, keep-alive, errors and other frames that carry no marker come here, so it may parse
//! JSON. Accepts what any server does: `data` as an object or as JSON text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Host,
    seat::{Phase, Seat},
};
use crate::bench::{Error, Result, http};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default)]
    data: Value,
}

impl Seat {
    /// Acts upon one message.
    pub(super) fn event(&mut self, payload: &[u8], host: &mut Host) -> Result<()> {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(payload) else {
            host.complain(format!("a frame that is no event: {}", http::excerpt(payload)));
            return Ok(());
        };
        match envelope.event.as_ref() {
            "pusher:connection_established" if self.phase == Phase::Greeting => {
                let data = opened(envelope.data);
                let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                host.activity_timeout = data.get("activity_timeout").and_then(Value::as_u64).unwrap_or_default();
                self.greeted(&text("socket_id"), host)
            }
            "pusher_internal:subscription_succeeded" if self.phase == Phase::Enrolling => {
                self.ready(host);
                Ok(())
            }
            "pusher:ping" => self.say(r#"{"event":"pusher:pong","data":{}}"#, host),
            "pusher:error" | "pusher:subscription_error" => self.error(&envelope.event, envelope.data, host),
            _ => Ok(()),
        }
    }

    fn error(&self, event: &str, data: Value, host: &mut Host) -> Result<()> {
        let data = opened(data);
        let text = |name: &str| data.get(name).filter(|value| !value.is_null()).map(plain);
        let code = text("code").or_else(|| text("status")).unwrap_or_else(|| "without a code".to_owned());
        let message = text("message").or_else(|| text("error")).unwrap_or_else(|| data.to_string());
        let complaint = format!("{event} {code}: {message}");
        if self.phase != Phase::Ready {
            return Err(Error::Refused { phase: self.phase.name(), complaint });
        }
        host.complain(complaint);
        Ok(())
    }
}

impl Host {
    fn complain(&mut self, complaint: String) {
        self.complaints.count = self.complaints.count.saturating_add(1);
        self.complaints.first.get_or_insert(complaint);
    }
}

/// Undoes the double encoding: a string that holds JSON becomes that JSON.
fn opened(data: Value) -> Value {
    match data {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_opened_once_whether_text_or_object() {
        let object = serde_json::json!({ "code": 4001 });
        assert_eq!(opened(object.clone()), object);
        assert_eq!(opened(Value::String(object.to_string())), object);
        assert_eq!(opened(Value::String("plain".into())), Value::String("plain".into()));
    }
}
