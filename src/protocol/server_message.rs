//! What the server says: the JSON of every frame, written into a buffer that the caller owns.
//!
//! `data` of the handshake, of `pusher_internal:*` and of published events is a JSON *string*; of `pusher:error`,
//! `pusher:subscription_error` and `pusher:signin_success` an object (pusher-websocket-swift reads nothing else).

use crate::{
    domain::presence::{Member, Members},
    ids::{SocketId, UserId},
};

/// Appends `text` as a JSON string.
fn string(out: &mut Vec<u8>, text: &str) {
    let written = serde_json::to_writer(&mut *out, text);
    debug_assert!(written.is_ok(), "a text always becomes a JSON string");
}

/// Appends `"key":"value"` with the separator before it.
fn field(out: &mut Vec<u8>, separator: &str, key: &str, value: &str) {
    out.extend_from_slice(separator.as_bytes());
    string(out, key);
    out.push(b':');
    string(out, value);
}

/// Writes `{"event":…,"channel":…,"data":"…"}` with `inner` packed into a string.
fn packed(out: &mut Vec<u8>, event: &str, channel: Option<&str>, inner: &str) {
    field(out, "{", "event", event);
    if let Some(channel) = channel {
        field(out, ",", "channel", channel);
    }
    field(out, ",", "data", inner);
    out.push(b'}');
}

/// How ids of presence members are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdStyle {
    /// Always as strings: what every client can read.
    Text,
    /// As they were signed, number or string, as Reverb does.
    AsSigned,
}

fn id_json(member: &Member, style: IdStyle) -> String {
    if member.numeric_id && style == IdStyle::AsSigned {
        return member.id.to_string();
    }
    let mut out = Vec::with_capacity(member.id.as_str().len() + 2);
    string(&mut out, member.id.as_str());
    String::from_utf8(out).unwrap_or_default()
}

/// `pusher:connection_established`. `activity_timeout` in seconds, not zero: pusher-js throws on zero.
pub fn connection_established(out: &mut Vec<u8>, socket: SocketId, activity_timeout: u32) {
    let inner = format!(r#"{{"socket_id":"{socket}","activity_timeout":{activity_timeout}}}"#);
    packed(out, "pusher:connection_established", None, &inner);
}

/// How `data` of `pusher:error` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStyle {
    /// An object, as documented.
    Object,
    /// A string that holds the object, as Reverb does.
    Text,
}

/// `pusher:error`; names the channel when it concerns one.
pub fn error(out: &mut Vec<u8>, style: ErrorStyle, code: u16, message: &str, channel: Option<&str>) {
    let mut inner = format!(r#"{{"code":{code}"#).into_bytes();
    field(&mut inner, ",", "message", message);
    inner.push(b'}');
    field(out, "{", "event", "pusher:error");
    if let Some(channel) = channel {
        field(out, ",", "channel", channel);
    }
    out.extend_from_slice(br#","data":"#);
    match style {
        ErrorStyle::Object => out.extend_from_slice(&inner),
        ErrorStyle::Text => string(out, &String::from_utf8(inner).unwrap_or_default()),
    }
    out.push(b'}');
}

/// `pusher:ping`.
pub fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"event":"pusher:ping","data":{}}"#);
}

/// `pusher:pong`; without data, as Reverb answers.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"event":"pusher:pong"}"#);
}

/// `pusher_internal:subscription_succeeded` of a channel without members.
pub fn subscription_succeeded(out: &mut Vec<u8>, channel: &str) {
    packed(out, "pusher_internal:subscription_succeeded", Some(channel), "{}");
}

/// `pusher_internal:subscription_succeeded` of a presence channel, with everybody who is there, the joiner included.
pub fn presence_succeeded(out: &mut Vec<u8>, channel: &str, members: &Members, style: IdStyle) {
    let mut inner = format!(r#"{{"presence":{{"count":{},"ids":["#, members.count());
    for (position, member) in members.iter().enumerate() {
        inner.push_str(if position == 0 { "" } else { "," });
        inner.push_str(&id_json(member, style));
    }
    inner.push_str(r#"],"hash":{"#);
    for (position, member) in members.iter().enumerate() {
        inner.push_str(if position == 0 { "" } else { "," });
        inner.push_str(&id_json(member, IdStyle::Text));
        inner.push(':');
        inner.push_str(&member.info);
    }
    inner.push_str("}}}");
    packed(out, "pusher_internal:subscription_succeeded", Some(channel), &inner);
}

/// Members who are listed to everybody in a crowd, as they stand in frames: written once, put into many.
#[derive(Debug, Default)]
pub struct Listed {
    /// `"7","8"`, escaped.
    ids: Vec<u8>,
    /// `"7":{…},"8":{…}`, escaped.
    hash: Vec<u8>,
}

/// Appends a text as it stands within a JSON string.
fn escaped(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    string(out, text);
    // Without the quotes around it.
    out.pop();
    out.remove(start);
}

impl Listed {
    /// Writes the members.
    pub fn of<'a>(members: impl Iterator<Item = &'a Member>, style: IdStyle) -> Self {
        let mut listed = Self::default();
        members.for_each(|member| listed.add(member, style));
        listed
    }

    fn add(&mut self, member: &Member, style: IdStyle) {
        if !self.ids.is_empty() {
            self.ids.push(b',');
            self.hash.push(b',');
        }
        escaped(&mut self.ids, &id_json(member, style));
        escaped(&mut self.hash, &format!("{}:{}", id_json(member, IdStyle::Text), member.info));
    }
}

/// `pusher_internal:subscription_succeeded` of a presence channel with a crowd: their exact number, those who are listed, and
/// the receiver, where they are not.
pub fn crowd_succeeded(
    out: &mut Vec<u8>,
    channel: &str,
    (count, own): (usize, Option<&Member>),
    listed: &Listed,
    style: IdStyle,
) {
    let own = Listed::of(own.into_iter(), style);
    let comma: &[u8] = if own.ids.is_empty() || listed.ids.is_empty() { b"" } else { b"," };
    field(out, "{", "event", "pusher_internal:subscription_succeeded");
    field(out, ",", "channel", channel);
    out.extend_from_slice(format!(r#","data":"{{\"presence\":{{\"count\":{count},\"ids\":["#).as_bytes());
    [own.ids.as_slice(), comma, &listed.ids, br#"],\"hash\":{"#, &own.hash, comma, &listed.hash, br#"}}}"}"#]
        .iter()
        .for_each(|part| out.extend_from_slice(part));
}

/// Why a subscription was refused, as `pusher:subscription_error` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// `AuthError`, `LimitReached`, `InvalidChannel` or `AppError`.
    pub kind: &'a str,
    /// What was wrong and what would be right.
    pub error: &'a str,
    /// HTTP-like status: 401, 400, 413 or 429.
    pub status: u16,
}

/// `pusher:subscription_error`; reaches `channel.bind(…)` of pusher-js and `.error(…)` of Echo.
pub fn subscription_error(out: &mut Vec<u8>, channel: &str, refusal: Refusal<'_>) {
    field(out, "{", "event", "pusher:subscription_error");
    field(out, ",", "channel", channel);
    field(out, r#","data":{"#, "type", refusal.kind);
    field(out, ",", "error", refusal.error);
    out.extend_from_slice(format!(r#","status":{}}}}}"#, refusal.status).as_bytes());
}

/// Why access to a channel is refused or was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAccess<'a> {
    /// `AccessDenied` or `AccessRevoked`.
    pub kind: &'a str,
    /// The reason in words.
    pub error: &'a str,
    /// Its code.
    pub reason: &'a str,
    /// HTTP-like status: 401, 403 or 503.
    pub status: u16,
}

/// `pusher:subscription_error` with a reason code. Also in the midst of a subscription: pusher-js hands it to the handlers of
/// the channel, and Echo's `.error()` listens to it.
pub fn no_access(out: &mut Vec<u8>, channel: &str, refusal: NoAccess<'_>) {
    field(out, "{", "event", "pusher:subscription_error");
    field(out, ",", "channel", channel);
    field(out, r#","data":{"#, "type", refusal.kind);
    field(out, ",", "error", refusal.error);
    field(out, ",", "reason", refusal.reason);
    out.extend_from_slice(format!(r#","status":{}}}}}"#, refusal.status).as_bytes());
}

/// `pusher_internal:member_added`.
pub fn member_added(out: &mut Vec<u8>, channel: &str, member: &Member, style: IdStyle) {
    let inner = format!(r#"{{"user_id":{},"user_info":{}}}"#, id_json(member, style), member.info);
    packed(out, "pusher_internal:member_added", Some(channel), &inner);
}

/// `pusher_internal:member_removed`.
pub fn member_removed(out: &mut Vec<u8>, channel: &str, member: &Member, style: IdStyle) {
    let inner = format!(r#"{{"user_id":{}}}"#, id_json(member, style));
    packed(out, "pusher_internal:member_removed", Some(channel), &inner);
}

/// `pusher_internal:subscription_count`.
pub fn subscription_count(out: &mut Vec<u8>, channel: &str, count: usize) {
    packed(out, "pusher_internal:subscription_count", Some(channel), &format!(r#"{{"subscription_count":{count}}}"#));
}

/// `pusher:cache_miss`: the cache channel has no event to start with.
pub fn cache_miss(out: &mut Vec<u8>, channel: &str) {
    field(out, "{", "event", "pusher:cache_miss");
    field(out, ",", "channel", channel);
    out.push(b'}');
}

/// `pusher:signin_success`, with `user_data` as it was signed.
pub fn signin_success(out: &mut Vec<u8>, user_data: &str) {
    field(out, "{", "event", "pusher:signin_success");
    field(out, r#","data":{"#, "user_data", user_data);
    out.extend_from_slice(b"}}");
}

/// `pusher_internal:watchlist_events`; a part without users is left out.
pub fn watchlist_events(out: &mut Vec<u8>, online: &[UserId], offline: &[UserId]) {
    let mut inner = br#"{"events":["#.to_vec();
    let parts = [("online", online), ("offline", offline)];
    for (position, (name, users)) in parts.iter().filter(|(_, users)| !users.is_empty()).enumerate() {
        field(&mut inner, if position == 0 { "{" } else { ",{" }, "name", name);
        inner.extend_from_slice(br#","user_ids":["#);
        for (index, user) in users.iter().enumerate() {
            inner.extend_from_slice(if index == 0 { b"" } else { b"," });
            string(&mut inner, user.as_str());
        }
        inner.extend_from_slice(b"]}");
    }
    inner.extend_from_slice(b"]}");
    packed(out, "pusher_internal:watchlist_events", None, &String::from_utf8(inner).unwrap_or_default());
}

/// A published event: `data` is relayed as the same string, byte for byte.
pub fn event(out: &mut Vec<u8>, name: &str, channel: &str, data: &str) {
    packed(out, name, Some(channel), data);
}

/// A client event: `data` is raw JSON, relayed as written; `user` is who sent it, on presence channels.
pub fn client_event(out: &mut Vec<u8>, name: &str, channel: &str, data: Option<&str>, user: Option<&UserId>) {
    field(out, "{", "event", name);
    field(out, ",", "channel", channel);
    if let Some(data) = data {
        out.extend_from_slice(br#","data":"#);
        out.extend_from_slice(data.as_bytes());
    }
    if let Some(user) = user {
        field(out, ",", "user_id", user.as_str());
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests;
