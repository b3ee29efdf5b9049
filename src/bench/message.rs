//! The texts of a run: what is published, what a server is expected to make of it, what a client says.
//!
//! Owns event and channel names and the padding of payloads. Events carry JSON text as `data`, as client libraries
//! send it, so the server pays for escaping as it would in production.

use serde::Serialize;

use super::{frame, marker::Marker};

/// Name of published events.
const EVENT: &str = "bench";
/// Name of client events.
const CLIENT_EVENT: &str = "client-bench";

/// The smallest payload in bytes: the JSON around the marker.
pub(super) const LEAST_PAYLOAD: usize = 33;

/// Body of `POST /apps/{app}/events`.
#[derive(Serialize)]
struct Publication<'a> {
    name: &'a str,
    channels: [&'a str; 1],
    data: &'a str,
}

/// Body of `POST /api/chat/messages`.
#[derive(Serialize)]
struct ChatMessage<'a> {
    chat_id: &'a str,
    message: &'a str,
}

/// An event as servers send it on.
#[derive(Serialize)]
struct Delivery<'a> {
    event: &'a str,
    channel: &'a str,
    data: &'a str,
}

/// A subscription's `data`.
#[derive(Serialize)]
pub(super) struct Subscription<'a> {
    /// The auth string; empty for public channels, as pusher-js sends it.
    pub(super) auth: &'a str,
    /// The signed member, presence channels only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_data: Option<&'a str>,
    /// The channel.
    pub(super) channel: &'a str,
}

#[derive(Serialize)]
struct Command<D: Serialize> {
    event: &'static str,
    data: D,
}

#[derive(Serialize)]
struct ChannelOnly<'a> {
    channel: &'a str,
}

#[derive(Serialize)]
struct Member<'a> {
    user_id: &'a str,
    user_info: Info,
}

/// Body of a channel authorization.
#[derive(Serialize)]
struct Authorization<'a> {
    socket_id: &'a str,
    channel_name: &'a str,
}

#[derive(Serialize)]
struct Info {
    name: &'static str,
}

/// Makes the event data: a JSON object of exactly `bytes` bytes (at least [`LEAST_PAYLOAD`]) with the marker in it.
pub(super) fn data(marker: Marker, bytes: usize) -> String {
    let padding = "x".repeat(bytes.saturating_sub(LEAST_PAYLOAD));
    format!(r#"{{"m":"{}","p":"{padding}"}}"#, marker.text())
}

/// Makes the body that publishes `data` to `channel`.
pub(super) fn publication(channel: &str, data: &str) -> String {
    json(&Publication { name: EVENT, channels: [channel], data })
}

/// Makes the body that says `text` in a chat.
pub(super) fn chat_message(chat: &str, text: &str) -> String {
    json(&ChatMessage { chat_id: chat, message: text })
}

/// Makes the frame a server sends each subscriber for that publication.
pub(super) fn delivery_frame(channel: &str, data: &str) -> Vec<u8> {
    let text = json(&Delivery { event: EVENT, channel, data });
    let mut bytes = Vec::with_capacity(text.len().saturating_add(10));
    frame::write_plain(frame::TEXT, text.as_bytes(), &mut bytes);
    bytes
}

/// Makes the client event by which somebody types.
pub(super) fn typing(channel: &str) -> String {
    format!(r#"{{"event":"client-typing","channel":"{channel}","data":{{}}}}"#)
}

/// Makes a client event: its data is an object, not a string.
pub(super) fn client_event(channel: &str, data: &str) -> String {
    format!(r#"{{"event":"{CLIENT_EVENT}","channel":"{channel}","data":{data}}}"#)
}

/// Makes a `pusher:subscribe` message.
pub(super) fn subscribe(subscription: &Subscription<'_>) -> String {
    json(&Command { event: "pusher:subscribe", data: subscription })
}

/// Makes a `pusher:unsubscribe` message.
pub(super) fn unsubscribe(channel: &str) -> String {
    json(&Command { event: "pusher:unsubscribe", data: ChannelOnly { channel } })
}

/// Makes the `channel_data` of a presence subscription.
pub(super) fn member(user_id: &str) -> String {
    json(&Member { user_id, user_info: Info { name: "Bench" } })
}

/// Makes the body that asks for a channel's authorization.
pub(super) fn authorization(socket_id: &str, channel: &str) -> String {
    json(&Authorization { socket_id, channel_name: channel })
}

/// Strings and arrays of strings always serialise, so the empty text never appears.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker { number: 1, micros: 2 };

    #[test]
    fn data_has_the_asked_length_and_is_json() {
        for bytes in [LEAST_PAYLOAD, 128, 10_000] {
            let text = data(MARKER, bytes);
            assert_eq!(text.len(), bytes);
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        }
    }

    #[test]
    fn texts_are_the_wire_format() {
        insta::assert_snapshot!(publication("c", r#"{"a":1}"#), @r#"{"name":"bench","channels":["c"],"data":"{\"a\":1}"}"#);
        insta::assert_snapshot!(client_event("c", "{}"), @r#"{"event":"client-bench","channel":"c","data":{}}"#);
        let public = Subscription { auth: "", channel_data: None, channel: "c" };
        insta::assert_snapshot!(subscribe(&public), @r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"c"}}"#);
        insta::assert_snapshot!(unsubscribe("c"), @r#"{"event":"pusher:unsubscribe","data":{"channel":"c"}}"#);
        insta::assert_snapshot!(member("7"), @r#"{"user_id":"7","user_info":{"name":"Bench"}}"#);
    }

    #[test]
    fn the_delivery_carries_the_marker() {
        let bytes = delivery_frame("c", &data(MARKER, 64));
        let frame::Scan::Frame { payload, rest: [], .. } = frame::scan(&bytes) else { panic!("one frame") };
        assert_eq!(Marker::find(payload), Some(MARKER));
    }
}
