//! What clients say: one JSON object a text frame.
//!
//! Parsing borrows from the frame. A frame that gives a key twice is refused (no reader then disagrees about which one
//! counts), as is one nested deeper than 32 levels. `data` of `pusher:*` events may be an object or a string that holds
//! one: older native SDKs send strings.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::CLIENT_EVENT_PREFIX;
use crate::{
    domain::{presence::Member, roster::Role},
    ids::{self, UserId},
};

/// Deepest nesting of arrays and objects in a client frame.
const MAX_DEPTH: usize = 32;

/// Most users in a watchlist; more are cut off and error 4302 is sent (Pusher, "Watchlist events").
pub const MAX_WATCHLIST: usize = 100;

/// Why a frame has no meaning. The socket stays open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a JSON object with an `event`, or a part of it has the wrong type.
    #[error("Invalid message format: {0}")]
    Json(#[from] serde_json::Error),
    /// Something else where the protocol has an object.
    #[error("Invalid message format: a JSON object is needed")]
    NotAnObject,
    /// Nested deeper than any client needs.
    #[error("Invalid message format: nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A `pusher:` event that clients do not send.
    #[error("Invalid message format: unknown event")]
    UnknownEvent,
    /// `data` of an event that needs it is missing.
    #[error("Invalid message format: data is missing")]
    DataMissing,
    /// A user id that is empty, too long or not a text.
    #[error("Invalid message format: {0}")]
    UserId(#[from] ids::Error),
}

/// A frame with its meaning.
#[derive(Debug)]
pub enum ClientMessage<'a> {
    /// `pusher:ping`.
    Ping,
    /// `pusher:pong`: a sign of life and nothing else.
    Pong,
    /// An event whose name only the server may use, or that is no client's: to be ignored and counted.
    Ignored,
    /// `pusher:subscribe`.
    Subscribe(Subscribe<'a>),
    /// `pusher:unsubscribe` from the channel named.
    Unsubscribe(Cow<'a, str>),
    /// `pusher:signin`.
    SignIn(SignIn<'a>),
    /// `client-…` to a channel.
    Event(ClientEvent<'a>),
}

/// `data` of `pusher:subscribe`.
#[derive(Debug, Deserialize)]
pub struct Subscribe<'a> {
    /// Name of the channel, unchecked.
    #[serde(borrow)]
    pub channel: Cow<'a, str>,
    /// `KEY:SIGNATURE`; pusher-js sends an empty text for public channels.
    #[serde(borrow, default)]
    pub auth: Option<Cow<'a, str>>,
    /// JSON text of the member, exactly as signed.
    #[serde(borrow, default)]
    pub channel_data: Option<Cow<'a, str>>,
    /// How far the client has heard the channel before. No part of the Pusher protocol: other servers pass over it.
    #[serde(borrow, default)]
    pub last_event_id: Option<Cow<'a, str>>,
}

/// `data` of `pusher:signin`.
#[derive(Debug, Deserialize)]
pub struct SignIn<'a> {
    /// `KEY:SIGNATURE`.
    #[serde(borrow)]
    pub auth: Cow<'a, str>,
    /// JSON text of the user, exactly as signed.
    #[serde(borrow)]
    pub user_data: Cow<'a, str>,
}

/// An event from client to clients.
#[derive(Debug)]
pub struct ClientEvent<'a> {
    /// Name with its `client-` prefix.
    pub name: Cow<'a, str>,
    /// Name of the channel, unchecked.
    pub channel: Cow<'a, str>,
    /// Raw JSON, relayed byte for byte; absent stays absent.
    pub data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// Keeps a `null` that was sent apart from nothing sent: both are relayed as they came.
fn present<'de, D: Deserializer<'de>>(source: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(source).map(Some)
}

#[derive(Deserialize)]
struct Unsubscribe<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
}

/// `data` is an object, or a string that holds one; the string must be unpacked before it can be borrowed from.
enum Data<'a> {
    Object(&'a str),
    Packed(Cow<'a, str>),
}

/// Reads a JSON object. An array would fill the fields in order; the protocol knows objects only.
fn read_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    if text.trim_ascii_start().starts_with('{') { Ok(serde_json::from_str(text)?) } else { Err(Error::NotAnObject) }
}

fn unpack<'a>(data: Option<&'a RawValue>) -> Result<Data<'a>, Error> {
    let text = data.ok_or(Error::DataMissing)?.get();
    if text.starts_with('"') { Ok(Data::Packed(serde_json::from_str(text)?)) } else { Ok(Data::Object(text)) }
}

/// Reads `T` and makes it own its texts when it came out of an unpacked string.
macro_rules! read_data {
    ($data:expr, $kind:ident { $($field:ident $convert:ident),+ }) => {
        match unpack($data)? {
            Data::Object(text) => read_object::<$kind<'_>>(text)?,
            Data::Packed(text) => {
                let inner: $kind<'_> = read_object(&text)?;
                $kind { $($field: read_data!(@$convert inner.$field)),+ }
            }
        }
    };
    (@text $value:expr) => { Cow::Owned($value.into_owned()) };
    (@option $value:expr) => { $value.map(|text| Cow::Owned(text.into_owned())) };
}

impl<'a> ClientMessage<'a> {
    /// Parses one text frame.
    ///
    /// # Errors
    /// When it is not a JSON object with a text `event`, when a part that the event needs is missing or has the wrong
    /// type, or when the event is an unknown `pusher:` one.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if is_too_deep(text) {
            return Err(Error::TooDeep);
        }
        let Envelope { event, channel, data } = read_object(text)?;
        match event.as_ref() {
            "pusher:ping" => Ok(Self::Ping),
            "pusher:pong" => Ok(Self::Pong),
            "pusher:subscribe" => Ok(Self::Subscribe(read_data!(data, Subscribe {
                channel text,
                auth option,
                channel_data option,
                last_event_id option
            }))),
            "pusher:unsubscribe" => {
                let data = read_data!(data, Unsubscribe { channel text });
                Ok(Self::Unsubscribe(data.channel))
            }
            "pusher:signin" => Ok(Self::SignIn(read_data!(data, SignIn { auth text, user_data text }))),
            name if name.starts_with("pusher:") => Err(Error::UnknownEvent),
            name if name.starts_with(CLIENT_EVENT_PREFIX) => {
                let channel = channel.ok_or(Error::DataMissing)?;
                Ok(Self::Event(ClientEvent { name: event, channel, data }))
            }
            _ => Ok(Self::Ignored),
        }
    }
}

/// Counts brackets outside of strings, so that depth is known before anything is parsed.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyId {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct ChannelData {
    user_id: AnyId,
    #[serde(default)]
    user_info: Option<Box<RawValue>>,
}

/// Reads the member out of `channel_data`. The id may be a text or a whole number; both name the same user.
///
/// # Errors
/// When the text is not a JSON object, or `user_id` is missing, empty, too long or of another type.
pub fn parse_channel_data(text: &str) -> Result<Member, Error> {
    let ChannelData { user_id, user_info } = read_object(text)?;
    let (id, numeric_id) = match user_id {
        AnyId::Number(number) => (UserId::parse(&number.to_string())?, true),
        AnyId::Text(text) => (UserId::parse(&text)?, false),
    };
    Ok(member(id, numeric_id, user_info.as_deref()))
}

/// The part of `user_info` that decides who comes first where not everybody is listed.
#[derive(Deserialize)]
struct RoleOf<'a> {
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
}

fn member(id: UserId, numeric_id: bool, info: Option<&RawValue>) -> Member {
    let text = info.map_or("{}", RawValue::get);
    let role = serde_json::from_str(text).ok().and_then(|RoleOf { role }| role?.parse::<Role>().ok());
    Member { id, numeric_id, info: Arc::from(text), is_staff: role.is_some_and(Role::is_staff) }
}

/// `user_data` of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    /// The user and their `user_info`.
    pub member: Member,
    /// Users whose coming and going interests this one, at most [`MAX_WATCHLIST`], each once.
    pub watchlist: Vec<UserId>,
    /// The list was longer than that and was cut.
    pub watchlist_cut: bool,
}

#[derive(Deserialize)]
struct RawUserData {
    id: String,
    #[serde(default)]
    user_info: Option<Box<RawValue>>,
    #[serde(default)]
    watchlist: Vec<AnyId>,
}

/// Reads the user out of `user_data`. The id must be a text: pusher-js drops a sign-in with another type silently.
///
/// # Errors
/// When the text is not a JSON object, `id` is missing, empty, too long or no text, or the watchlist holds anything but ids.
pub fn parse_user_data(text: &str) -> Result<UserData, Error> {
    let RawUserData { id, user_info, watchlist } = read_object(text)?;
    let member = member(UserId::parse(&id)?, false, user_info.as_deref());
    let watchlist_cut = watchlist.len() > MAX_WATCHLIST;
    let mut users = Vec::with_capacity(watchlist.len().min(MAX_WATCHLIST));
    for watched in watchlist.into_iter().take(MAX_WATCHLIST) {
        let user = match watched {
            AnyId::Number(number) => UserId::parse(&number.to_string())?,
            AnyId::Text(text) => UserId::parse(&text)?,
        };
        if !users.contains(&user) {
            users.push(user);
        }
    }
    Ok(UserData { member, watchlist: users, watchlist_cut })
}

#[cfg(test)]
mod tests;
