//! Why the server closes a socket, and what stock clients do about it.
//!
//! Source: Pusher Channels protocol, "Connection closure". pusher-js gives up for good on 4000–4099 (4000: switches to
//! TLS) and on every code from 4300; it waits a second on 4100–4199 and comes back at once on 4200–4299. So a passing
//! trouble is 4100, never 400x.

/// A reason to close. Codes below 4000 are those of RFC 6455.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// 1002: the client broke the WebSocket protocol.
    ProtocolViolation,
    /// 1003: a binary frame; Pusher speaks text only.
    BinaryFrame,
    /// 1007: text that is not UTF-8.
    InvalidUtf8,
    /// 1008: more frames than any client needs.
    FrameFlood,
    /// 1008: a message that was begun and not finished in time.
    MessageTooSlow,
    /// 1009: a message above the app's limit.
    MessageTooBig,
    /// 1011: a fault of this server.
    ServerFault,
    /// 4000: the app takes TLS connections only.
    TlsRequired,
    /// 4001: no app has this key.
    UnknownApp,
    /// 4003: the app is switched off.
    AppDisabled,
    /// 4004: the app has as many sockets as it may have.
    OverQuota,
    /// 4006: `protocol` is not a number.
    BadProtocolVersion,
    /// 4007: `protocol` is a version that this server does not speak.
    UnsupportedProtocolVersion,
    /// 4009: the page's origin is not allowed.
    OriginNotAllowed,
    /// 4009: the token that came with the handshake proves nothing, for this reason (at most 123 bytes).
    NotIdentified(&'static str),
    /// 4009: the app ended this user's connections.
    Terminated,
    /// 4100: the token that came with the handshake cannot be checked now.
    NotIdentifiedYet,
    /// 4009: the user's account is switched off or gone.
    AccountClosed,
    /// 4009: the user's token has ended and no newer one was shown.
    TokenExpired,
    /// 4100: this node has as many sockets as it can hold.
    OverCapacity,
    /// 4100: the client did not read fast enough.
    SlowConsumer,
    /// 4100: a connection to a node that is going down.
    Draining,
    /// 4100: too many connections from one address.
    TooManyConnects,
    /// 4200: the node goes down; connect again at once.
    ServerStopping,
    /// 4200: the socket has lived long enough on one proof of its user; connect again at once.
    LeaseOver,
    /// 4200: it is not known whose guarded channels these are; connect again at once and prove it.
    UserUnknown,
    /// 4201: nothing heard since the last ping.
    PongTimeout,
    /// 4301 as an error frame came before; the app asked to close those who ignore it. 4100, so that clients come back.
    FrameLimit,
}

impl CloseReason {
    /// The close code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::ProtocolViolation => 1002,
            Self::BinaryFrame => 1003,
            Self::InvalidUtf8 => 1007,
            Self::FrameFlood | Self::MessageTooSlow => 1008,
            Self::MessageTooBig => 1009,
            Self::ServerFault => 1011,
            Self::TlsRequired => 4000,
            Self::UnknownApp => 4001,
            Self::AppDisabled => 4003,
            Self::OverQuota => 4004,
            Self::BadProtocolVersion => 4006,
            Self::UnsupportedProtocolVersion => 4007,
            Self::OriginNotAllowed
            | Self::NotIdentified(_)
            | Self::Terminated
            | Self::AccountClosed
            | Self::TokenExpired => 4009,
            Self::NotIdentifiedYet
            | Self::OverCapacity
            | Self::SlowConsumer
            | Self::Draining
            | Self::TooManyConnects
            | Self::FrameLimit => 4100,
            Self::ServerStopping | Self::LeaseOver | Self::UserUnknown => 4200,
            Self::PongTimeout => 4201,
        }
    }

    /// The message in `pusher:error` and in the close frame (at most 123 bytes, RFC 6455 section 5.5).
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::ProtocolViolation => "WebSocket protocol violation",
            Self::BinaryFrame => "Binary frames are not supported, send JSON text",
            Self::InvalidUtf8 => "Text is not valid UTF-8",
            Self::FrameFlood => "Too many frames",
            Self::MessageTooSlow => "Message was not finished in time",
            Self::MessageTooBig => "Maximum message size exceeded",
            Self::ServerFault => "Internal server error",
            Self::TlsRequired => "This app accepts TLS connections only, use wss://",
            Self::UnknownApp => "Application does not exist",
            Self::AppDisabled => "Application is disabled",
            Self::OverQuota => "Application is over connection quota",
            Self::BadProtocolVersion => "Invalid protocol version, expected a number",
            Self::UnsupportedProtocolVersion => "Unsupported protocol version, this server speaks 4 to 7",
            Self::OriginNotAllowed => "Origin not allowed",
            Self::NotIdentified(reason) => reason,
            Self::NotIdentifiedYet => "The token cannot be checked now, please reconnect shortly",
            Self::Terminated => "You got disconnected by the app.",
            Self::AccountClosed => "Account is switched off",
            Self::TokenExpired => "Token has expired, sign in again with a new one",
            Self::OverCapacity => "Over capacity",
            Self::SlowConsumer => "Messages were not read fast enough",
            Self::Draining => "Server is shutting down, please reconnect shortly",
            Self::TooManyConnects => "Too many connections from this address, please slow down",
            Self::ServerStopping => "Please reconnect immediately",
            Self::LeaseOver => "Session is over, please reconnect",
            Self::UserUnknown => "User is not known, please reconnect and authorise again",
            Self::PongTimeout => "Pong reply not received in time",
            Self::FrameLimit => "Rate limit exceeded",
        }
    }

    /// Tells whether a `pusher:error` frame goes before the close frame: for Pusher's own codes.
    #[must_use]
    pub const fn has_error_frame(self) -> bool {
        self.code() >= 4000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_fits_into_a_close_frame() {
        use CloseReason as R;
        let all = [
            R::ProtocolViolation,
            R::BinaryFrame,
            R::InvalidUtf8,
            R::FrameFlood,
            R::MessageTooBig,
            R::ServerFault,
            R::TlsRequired,
            R::UnknownApp,
            R::AppDisabled,
            R::OverQuota,
            R::BadProtocolVersion,
            R::UnsupportedProtocolVersion,
            R::OriginNotAllowed,
            R::NotIdentified("The token has expired"),
            R::NotIdentifiedYet,
            R::Terminated,
            R::AccountClosed,
            R::TokenExpired,
            R::LeaseOver,
            R::UserUnknown,
            R::OverCapacity,
            R::SlowConsumer,
            R::Draining,
            R::TooManyConnects,
            R::ServerStopping,
            R::PongTimeout,
            R::FrameLimit,
            R::MessageTooSlow,
        ];
        for reason in all {
            assert!(reason.message().len() <= 123, "{reason:?}");
            assert_eq!(reason.has_error_frame(), reason.code() >= 4000);
        }
    }
}
