//! Triggers: an event for channels by their names, as an application's server sends it without an SDK.
//!
//! Programs trigger everywhere, people in classes, courses and orgs where they may send broadcasts, and nobody known only
//! where the server lets them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Broadcasts, Error, Result, Sender};
use crate::{
    dialect::route,
    domain::{
        access::capability::Capability,
        broadcast::{self, DATA_MAX, LogEntry},
        roster::PlaceId,
    },
    ids::UserId,
    protocol::ChannelName,
    services::{
        broadcast_log::{LogKind, LogOutcome, Logged},
        channels::Info,
        new_id,
        publish::{self, NewEvent, Published},
    },
};

/// An event for channels.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    /// Names of the channels; one named twice gets it once.
    pub channels: Vec<String>,
    /// Name of the event.
    pub event: String,
    /// Its data: any JSON. A text goes out as it stands, as server SDKs do it.
    pub data: Value,
    /// What the answer shall tell about each channel.
    pub info: Info,
}

/// What was triggered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// Id of the event, the same on every channel.
    pub event_id: String,
    /// The channels, with how many sockets heard it there.
    pub channels: BTreeMap<ChannelName, usize>,
    /// What was asked for about each channel.
    pub info: Published,
}

impl Broadcasts {
    /// Sends an event to channels. Programs, and nobody known where the door lets them in, may send to all of them.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent then.
    pub async fn trigger(&self, sender: Sender<'_>, new: NewTrigger) -> Result<Triggered> {
        broadcast::check_name(&new.event)?;
        let app = sender.live.app();
        let channels = publish::check_channels(&app.settings, &new.channels)?;
        if channels.len() > 1 && channels.iter().any(ChannelName::is_encrypted) {
            return Err(Error::EncryptedAmongOthers);
        }
        if let Some(user) = sender.caller.user() {
            for channel in &channels {
                judge(sender, user, channel).await?;
            }
        }
        let event_id = new_id(sender.now);
        let is_sealed = channels.iter().any(ChannelName::is_encrypted);
        let data = spelled(new.data, (!is_sealed).then_some(event_id.as_str()));
        if data.len() > DATA_MAX {
            return Err(Error::DataTooLarge(data.len()));
        }
        let logged = |channel: String| Logged {
            kind: LogKind::Trigger,
            channel,
            event: &new.event,
            bytes: data.len(),
            outcome: LogOutcome::Sent,
        };
        let all = channels.iter().map(ChannelName::as_str).collect::<Vec<_>>().join(",");
        sender.admit(&self.log, logged(all)).await.map_err(Error::Limited)?;
        let heard: BTreeMap<ChannelName, usize> =
            channels.into_iter().map(|channel| (channel.clone(), sender.live.heard_by(&channel))).collect();
        let names: Vec<String> = heard.keys().map(ToString::to_string).collect();
        let event = NewEvent { name: &new.event, data: &data, channels: &names, except: sender.except, info: new.info };
        let info = sender.live.trigger(event, DATA_MAX)?;
        let row = |(channel, receivers): (&ChannelName, &usize)| LogEntry {
            event_id: Some(event_id.clone()),
            receivers: i64::try_from(*receivers).unwrap_or(i64::MAX),
            ..sender.entry(logged(channel.to_string()))
        };
        let rows: Vec<_> = heard.iter().map(row).collect();
        self.log.note(sender.live, &rows).await;
        Ok(Triggered { event_id, channels: heard, info })
    }
}

/// The data as it goes out. An object gets the id of the event, unless it is sealed.
fn spelled(data: Value, event_id: Option<&str>) -> String {
    match (data, event_id) {
        (Value::String(text), _) => text,
        (Value::Object(mut object), Some(event_id)) => {
            object.insert("event_id".to_owned(), event_id.into());
            Value::Object(object).to_string()
        }
        (other, _) => other.to_string(),
    }
}

/// Checks that a person may send to a channel.
async fn judge(sender: Sender<'_>, user: &UserId, channel: &ChannelName) -> Result<()> {
    let Sender { live, now, .. } = sender;
    let topic = route::topic(channel, &live.app().settings.channel_routes);
    let needs = match topic.place() {
        Some(place @ (PlaceId::Course(_) | PlaceId::Chapter(_))) => (place, Capability::BroadcastCourse),
        Some(place @ PlaceId::Class(_)) => (place, Capability::BroadcastClass),
        Some(place @ PlaceId::Org(_)) => (place, Capability::BroadcastOrg),
        None => return Err(Error::NotYourChannel(channel.to_string())),
    };
    let decision = live.rights(user, &needs.0, now).await?.decide(needs.1);
    if decision.allow { Ok(()) } else { Err(Error::Refused(Box::new(decision))) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_carry_the_id_of_the_event_and_everything_else_goes_as_it_is() {
        let at = |data, id| spelled(data, id);
        assert_eq!(at(json!({ "text": "Hello" }), Some("E1")), r#"{"event_id":"E1","text":"Hello"}"#);
        assert_eq!(at(json!({ "nonce": "n", "ciphertext": "c" }), None), r#"{"ciphertext":"c","nonce":"n"}"#);
        assert_eq!(at(json!("Hello"), Some("E1")), "Hello");
        assert_eq!(at(json!([1, null]), Some("E1")), "[1,null]");
        assert_eq!(at(json!(5), Some("E1")), "5");
    }
}
