//! What hosted Pusher tells us, for installations where some clients are still connected there.
//!
//! Source: Pusher Channels, "Webhooks". A delivery is believed when its body is signed with a secret of the app that its key
//! names, and when it is fresh. Members that come and go there are online here too; each delivery leaves a line in the audit.

use std::{collections::BTreeMap, net::IpAddr};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{LiveApp, presence};
use crate::{
    domain::audit::AuditEntry,
    ids::UserId,
    protocol::{ChannelName, Guard, signature},
    store,
    throttle::{Exceeded, Network},
};

/// Most events of one delivery.
pub const MAX_EVENTS: usize = 1_000;

/// How far the clock of the sender may be from ours, and how late a repeated delivery may be.
const FRESH: TimeDelta = TimeDelta::seconds(600);

/// How long a member counts whose going is never told.
const MEMBER_FOR: TimeDelta = TimeDelta::hours(12);

/// Events that hosted Pusher sends.
const KNOWN: [&str; 9] = [
    "channel_occupied",
    "channel_vacated",
    "member_added",
    "member_removed",
    "client_event",
    "cache_miss",
    "subscription_count",
    "user_online",
    "user_offline",
];

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The signature is none of this app.
    #[error(
        "X-Pusher-Signature must be the HMAC-SHA256 of the body with a secret of the app, in lower-case hexadecimal digits"
    )]
    BadSignature,
    /// The delivery is old, or from the future.
    #[error("time_ms is more than {} s from the time of this server", FRESH.num_seconds())]
    Stale,
    /// The body is no delivery.
    #[error("{0}")]
    Malformed(String),
    /// Too many deliveries come from one address.
    #[error(transparent)]
    TooMany(#[from] Exceeded),
    /// A member cannot be taken note of.
    #[error(transparent)]
    Presence(#[from] presence::Error),
    /// The audit cannot be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What was delivered, unchecked.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// `X-Pusher-Signature`.
    pub signature: &'a str,
    /// Where it comes from.
    pub address: IpAddr,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Events that are known.
    pub events: usize,
    /// Events of other names, which were left aside.
    pub ignored: usize,
}

/// One event of a delivery.
struct Event<'a> {
    name: &'a str,
    channel: Option<&'a str>,
    user: Option<UserId>,
}

impl LiveApp {
    /// Checks a delivery and takes note of what it tells.
    ///
    /// # Errors
    /// When it is not to be believed, cannot be understood, or the database fails: the sender tries again then.
    pub async fn webhook_receive(&self, delivery: Delivery<'_>, now: DateTime<Utc>) -> Result<Received, Error> {
        let Delivery { body, signature, address } = delivery;
        let limits = self.limits();
        if let Some(limit) = &limits.webhooks {
            limit.take(&Network::from(address))?;
        }
        let app = self.app();
        let text = std::str::from_utf8(body).map_err(|_binary| Error::BadSignature)?;
        if !signature::verify(&app.secrets, &[text], signature) {
            return Err(Error::BadSignature);
        }
        let json: Value = serde_json::from_str(text).map_err(|error| Error::Malformed(error.to_string()))?;
        let sent = json.get("time_ms").and_then(Value::as_i64).and_then(DateTime::from_timestamp_millis);
        let sent = sent.ok_or_else(|| Error::Malformed("time_ms must be a time in ms since 1970".to_owned()))?;
        if (now - sent).abs() > FRESH {
            return Err(Error::Stale);
        }
        let events = read(&json)?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ignored = 0;
        for event in &events {
            if !KNOWN.contains(&event.name) {
                ignored += 1;
                continue;
            }
            *counts.entry(event.name).or_default() += 1;
            self.take_note(event, now)?;
        }
        let entry = AuditEntry {
            app: app.id.clone(),
            actor: "pusher".to_owned(),
            action: "webhook.received".to_owned(),
            target_type: "app".to_owned(),
            target_id: app.id.to_string(),
            scope: None,
            before: None,
            after: Some(serde_json::json!({ "time_ms": sent.timestamp_millis(), "events": counts }).to_string()),
            ip: Some(address.to_string()),
            at: now,
        };
        self.store().audit_insert(&[entry]).await?;
        Ok(Received { events: events.len() - ignored, ignored })
    }

    /// Members that come and go there are online here.
    fn take_note(&self, event: &Event<'_>, now: DateTime<Utc>) -> Result<(), Error> {
        let (Some(channel), Some(user)) = (event.channel, &event.user) else { return Ok(()) };
        let name = ChannelName::parse(channel, (&self.app().settings).into());
        if !name.is_ok_and(|name| name.guard() == Guard::Presence) {
            return Ok(());
        }
        let source = format!("webhook:{channel}");
        match event.name {
            "member_added" => self.presence_reported(user, (&source, MEMBER_FOR), now)?,
            "member_removed" => self.presence_ended(user, &source, now),
            _ => {}
        }
        Ok(())
    }
}

/// Reads the events of a delivery; one that has no name makes it none.
fn read(json: &Value) -> Result<Vec<Event<'_>>, Error> {
    let malformed = |text: &str| Error::Malformed(text.to_owned());
    let events = json.get("events").and_then(Value::as_array).ok_or_else(|| malformed("events must be a list"))?;
    if events.len() > MAX_EVENTS {
        return Err(Error::Malformed(format!(
            "a delivery may have {MAX_EVENTS} events, this one has {}",
            events.len()
        )));
    }
    let event = |event| {
        let text = |key: &str| Value::get(event, key).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| malformed("each event must have a name"))?;
        let user = text("user_id").and_then(|user| UserId::parse(user).ok());
        Ok(Event { name, channel: text("channel"), user })
    };
    events.iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delivery_is_read_up_to_its_limit_and_refused_beyond() {
        let of = |count: usize| json!({ "events": vec![json!({ "name": "cache_miss", "channel": "cache-a" }); count] });
        assert_eq!(read(&of(MAX_EVENTS)).unwrap().len(), MAX_EVENTS);
        for bad in [of(MAX_EVENTS + 1), json!({}), json!([]), json!({ "events": [5] }), json!({ "events": [{}] })] {
            assert!(read(&bad).is_err());
        }
    }
}
