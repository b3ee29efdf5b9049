//! Signatures: channel authorisation, user sign-in and HTTP API requests.
//!
//! HMAC-SHA256 over bytes exactly as received, hex in lower case, compared in constant time. Sources: Pusher Channels
//! "Auth signatures" and "HTTP API: Authentication".

mod http;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use http::{AuthError, Request, Verified, verify_request};

use crate::{
    domain::app::{App, Secret},
    ids::SocketId,
};

type HmacSha256 = Hmac<Sha256>;

/// `None` never happens: HMAC takes keys of any length.
fn mac(secret: &Secret, parts: &[&str]) -> Option<HmacSha256> {
    let mut mac = HmacSha256::new_from_slice(secret.expose().as_bytes()).ok()?;
    for part in parts {
        mac.update(part.as_bytes());
    }
    Some(mac)
}

/// Signs the concatenation of `parts`; 64 hexadecimal digits.
#[must_use]
pub fn sign(secret: &Secret, parts: &[&str]) -> String {
    mac(secret, parts).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Tells whether `signature` (64 lower-case hexadecimal digits) is that of `parts` under one of the secrets.
#[must_use]
pub fn verify(secrets: &[Secret], parts: &[&str], signature: &str) -> bool {
    let strict = signature.len() == 64 && signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut digest = [0_u8; 32];
    if !strict || hex::decode_to_slice(signature, &mut digest).is_err() {
        return false;
    }
    // All secrets are tried, so that the time does not tell which one matched.
    let matches = |secret| mac(secret, parts).is_some_and(|mac| mac.verify_slice(&digest).is_ok());
    secrets.iter().fold(false, |found, secret| matches(secret) | found)
}

/// Splits `KEY:SIGNATURE` and checks that KEY is the app's own. Reverb looks at the signature alone.
fn own_signature<'a>(app: &App, auth: &'a str) -> Option<&'a str> {
    let (key, signature) = auth.split_once(':')?;
    (key == app.key.as_str()).then_some(signature)
}

/// Verifies the `auth` of a `pusher:subscribe`: it signs `socket_id:channel`, with `:channel_data` appended if there is any.
///
/// On a private channel the form without `channel_data` is valid too (Pusher ignores the data there, Reverb signs it). Data
/// counts there only when it is a JSON object: no channel name holds a brace, so the signature of a longer name is never one
/// of a shorter name with data. On presence channels the caller reads the data, and takes nothing but an object.
#[must_use]
pub fn verify_channel(app: &App, socket: SocketId, channel: &str, channel_data: Option<&str>, auth: &str) -> bool {
    let Some(signature) = own_signature(app, auth) else { return false };
    let socket = socket.to_string();
    match channel_data {
        None => verify(&app.secrets, &[&socket, ":", channel], signature),
        Some(data) => {
            let is_private = channel.starts_with("private-");
            let counts = !is_private || data.trim_ascii_start().starts_with('{');
            (counts && verify(&app.secrets, &[&socket, ":", channel, ":", data], signature))
                || (is_private && verify(&app.secrets, &[&socket, ":", channel], signature))
        }
    }
}

/// Tells whether `auth` covers `channel_data` too: only then does the data say who the socket belongs to.
#[must_use]
pub fn covers_data(app: &App, socket: SocketId, channel: &str, channel_data: &str, auth: &str) -> bool {
    let Some(signature) = own_signature(app, auth) else { return false };
    let is_object = channel_data.trim_ascii_start().starts_with('{');
    is_object && verify(&app.secrets, &[&socket.to_string(), ":", channel, ":", channel_data], signature)
}

/// Verifies the `auth` of a `pusher:signin`: it signs `socket_id::user::user_data`.
#[must_use]
pub fn verify_user(app: &App, socket: SocketId, user_data: &str, auth: &str) -> bool {
    let Some(signature) = own_signature(app, auth) else { return false };
    verify(&app.secrets, &[&socket.to_string(), "::user::", user_data], signature)
}

#[cfg(test)]
mod tests;
