//! The Pusher wire (protocol 7, as spoken by pusher-js, Laravel Echo and the server SDKs) and nothing else.
//!
//! Owns names, frames' JSON, signatures and close codes. Pure: it never sees a socket, a clock or a lock. Called by every
//! floor above. Sources: the Pusher Channels protocol and HTTP API references; where peers differ, the reason is given
//! beside the rule.

pub mod channel_name;
pub mod client_message;
pub mod close_code;
pub mod server_message;
pub mod signature;

pub use channel_name::{ChannelName, Guard};
pub use close_code::CloseReason;

/// Prefix of events that clients may send to each other.
pub const CLIENT_EVENT_PREFIX: &str = "client-";

/// Prefix of the channel that reaches one signed-in user.
pub const USER_CHANNEL_PREFIX: &str = "#server-to-user-";

/// Tells whether an event name is the server's own and may come neither from a client nor from the HTTP API.
#[must_use]
pub fn is_reserved_event(name: &str) -> bool {
    name.starts_with("pusher:") || name.starts_with("pusher_internal:")
}
