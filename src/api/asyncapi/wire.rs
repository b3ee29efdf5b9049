//! Messages of the Pusher protocol itself, and what belongs to no event of the classroom: what a connection, a subscription and
//! its members are told, and what clients say.

use serde_json::{Value, json};

use crate::{dialect::stream, services::typing};

/// A message, as the description has it.
pub(super) struct Message {
    /// Its name on the wire; with a star for those whose names the application chooses.
    pub(super) name: &'static str,
    /// When it is sent.
    pub(super) summary: &'static str,
    /// Its `data`.
    pub(super) payload: Value,
}

impl Message {
    const fn new(name: &'static str, summary: &'static str, payload: Value) -> Self {
        Self { name, summary, payload }
    }

    /// Its key among the messages, behind the word for who says it.
    pub(super) fn key(&self, said_by: &str) -> String {
        format!("{said_by}.{}", self.name.replace(':', ".").replace('*', "any"))
    }
}

fn text(max: u32, description: &str) -> Value {
    json!({ "type": "string", "maxLength": max, "description": description })
}

fn number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn empty() -> Value {
    json!({ "type": "object", "description": "Nothing." })
}

/// JSON of the application's own.
fn own() -> Value {
    json!({ "description": "The application's own: any JSON." })
}

/// What the server says to a connection, on no channel.
pub(super) fn to_connection() -> Vec<Message> {
    let established = json!({
        "socket_id": text(64, "Id of this connection."),
        "activity_timeout": number("Seconds of silence after which the client should ask with `pusher:ping`."),
    });
    let error = json!({
        "code": number("As in the Pusher protocol: from 4000 on the connection ends, and the code says whether to come back."),
        "message": text(1_000, "What was wrong, and what would be right."),
    });
    let online = json!({
        "name": { "type": "string", "enum": ["online", "offline"], "description": "What they are now." },
        "user_ids": { "type": "array", "items": text(128, "Id of a user."), "description": "Who." },
    });
    let watched = json!({
        "events": { "type": "array", "items": object(&online, &["name", "user_ids"]), "description": "What is news." },
    });
    let signed_in = json!({ "user_data": text(10_000, "JSON text of the user, as it was signed.") });
    vec![
        Message::new(
            "pusher:connection_established",
            "The connection is open.",
            object(&established, &["socket_id", "activity_timeout"]),
        ),
        Message::new(
            "pusher:error",
            "What the client said cannot be done; an object, and no JSON text.",
            object(&error, &["code", "message"]),
        ),
        Message::new("pusher:ping", "Is the client still there? It answers with `pusher:pong`.", empty()),
        Message::new("pusher:pong", "The answer to `pusher:ping`, without data.", empty()),
        Message::new(
            "pusher:signin_success",
            "The client is known as a user now; an object, and no JSON text.",
            object(&signed_in, &["user_data"]),
        ),
        Message::new(
            "pusher_internal:watchlist_events",
            "Users on the client's watchlist have come or gone.",
            object(&watched, &["events"]),
        ),
    ]
}

/// What clients say on no channel.
pub(super) fn of_connection() -> Vec<Message> {
    let channel = text(500, "Name of the channel.");
    let subscribe = json!({
        "channel": channel,
        "auth": text(1_000, "What the auth endpoint has answered; for private and presence channels."),
        "channel_data": text(10_000, "What the auth endpoint has answered; for presence channels."),
        "last_event_id": text(200, "How far the client has heard the channel: what it has missed is sent again."),
    });
    let sign_in = json!({
        "auth": text(1_000, "What the endpoint for users has answered."),
        "user_data": text(10_000, "What the endpoint for users has answered."),
    });
    vec![
        Message::new("pusher:subscribe", "The client wants to hear a channel.", object(&subscribe, &["channel"])),
        Message::new(
            "pusher:unsubscribe",
            "The client wants to hear a channel no more. There is no answer.",
            object(&json!({ "channel": channel }), &["channel"]),
        ),
        Message::new("pusher:signin", "The client says who its user is.", object(&sign_in, &["auth", "user_data"])),
        Message::new("pusher:ping", "Is the server still there? It answers with `pusher:pong`.", empty()),
        Message::new("pusher:pong", "The answer to `pusher:ping`.", empty()),
    ]
}

/// What the server says about every channel to those who hear it.
pub(super) fn to_channel() -> Vec<Message> {
    let presence = json!({
        "count": number("How many members there are."),
        "ids": { "type": "array", "items": text(128, "Id of a user."), "description": "Members; in a crowd, some of them." },
        "hash": { "type": "object", "description": "What each of them has signed as `user_info`, by id." },
    });
    let succeeded = json!({ "presence": object(&presence, &["count", "ids", "hash"]) });
    let refused = json!({
        "type": text(32, "`AuthError`, `AccessDenied`, `AccessRevoked`, `LimitReached`, `InvalidChannel` or `AppError`."),
        "error": text(1_000, "What was wrong, and what would be right."),
        "reason": text(64, "Stable name of the reason, where the roster has refused."),
        "status": number("As an HTTP status."),
    });
    let gap = json!({
        "topic": text(200, "The topic, such as `chat.5`."),
        "epoch": text(26, "The epoch of its stream; empty before the first event."),
        "seq": number("How far it has come."),
    });
    let count = json!({ "subscription_count": number("How many sockets hear the channel.") });
    vec![
        Message::new(
            "pusher_internal:subscription_succeeded",
            "The client hears the channel from now on; client libraries call it `pusher:subscription_succeeded`. On \
             presence channels it comes with the members.",
            object(&succeeded, &[]),
        ),
        Message::new(
            "pusher:subscription_error",
            "The client may not hear the channel, or no more; an object, and no JSON text.",
            object(&refused, &["type", "error", "status"]),
        ),
        Message::new(
            "pusher_internal:subscription_count",
            "How many hear the channel has changed, in apps that tell it.",
            object(&count, &["subscription_count"]),
        ),
        Message::new(
            stream::GAP,
            "Not all of what the client has missed can be sent again: load the state anew. Comes after a subscription that \
             says how far the client has heard.",
            object(&gap, &["topic", "epoch", "seq"]),
        ),
    ]
}

/// What the server says about presence channels besides.
pub(super) fn to_presence() -> Vec<Message> {
    let id = || json!({ "type": ["string", "integer"], "maxLength": 128, "description": "Id of the user." });
    let added = json!({ "user_id": id(), "user_info": { "description": "What they have signed about themselves." } });
    vec![
        Message::new(
            "pusher_internal:member_added",
            "A user has come, with their first socket; client libraries call it `pusher:member_added`.",
            object(&added, &["user_id"]),
        ),
        Message::new(
            "pusher_internal:member_removed",
            "A user has gone, with their last socket; client libraries call it `pusher:member_removed`.",
            object(&json!({ "user_id": id() }), &["user_id"]),
        ),
    ]
}

/// What clients say on private and presence channels, and what the others hear of it.
pub(super) fn of_channel() -> Vec<Message> {
    vec![
        Message::new(
            typing::STARTED,
            "The user types. The server says who it is, whatever stands in the data, and tells it at most every three seconds.",
            own(),
        ),
        Message::new(typing::STOPPED, "The user has stopped typing.", own()),
        relayed(),
    ]
}

/// An event that goes from client to clients as it is.
pub(super) fn relayed() -> Message {
    let summary = "An event of the application's own: the other subscribers hear it as it is, where the app lets clients \
        send.";
    Message::new("client-*", summary, own())
}

/// What the application tells a user who is signed in, on all of their sockets.
pub(super) fn to_user() -> Message {
    Message::new("*", "An event that was sent to the user over the HTTP API, under the name that it was given.", own())
}
