//! Signatures: channel authorisation, user sign-in and HTTP API requests.
//!
//! HMAC-SHA256 over bytes exactly as received, hex in lower case, compared in constant time. Sources: Pusher Channels
//! "Auth signatures" and "HTTP API: Authentication".

mod http;
mod voucher;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use http::{AuthError, Request, Verified, verify_request};
pub use voucher::Voucher;

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

/// What a valid `auth` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    /// It signs the data too: only then does the data say who the socket belongs to.
    pub covers_data: bool,
    /// Whom the auth endpoint of this server has made it for; `None` = the application has made it.
    pub voucher: Option<Voucher>,
}

/// An `auth` of the app's own key: `KEY:SIGNATURE`, or `KEY:SIGNATURE:VOUCHER`. Reverb looks at the signature alone.
struct Auth<'a> {
    signature: &'a str,
    voucher: Option<&'a str>,
}

impl<'a> Auth<'a> {
    fn of(app: &App, auth: &'a str) -> Option<Self> {
        let (key, rest) = auth.split_once(':')?;
        let (signature, voucher) =
            rest.split_once(':').map_or((rest, None), |(signature, text)| (signature, Some(text)));
        (key == app.key.as_str()).then_some(Self { signature, voucher })
    }

    /// What it says, if it signs `text`.
    fn check(&self, app: &App, text: &[&str], covers_data: bool) -> Option<Authentic> {
        let seal = self.voucher.map(seal).unwrap_or_default();
        let signs = verify(&app.secrets, &[text, &[&seal]].concat(), self.signature);
        let voucher = match self.voucher {
            Some(text) => Some(Voucher::parse(text)?),
            None => None,
        };
        signs.then_some(Authentic { covers_data, voucher })
    }
}

/// What follows the signed text when there is a voucher. Neither a channel's name nor data that is an object can end like that.
fn seal(voucher: &str) -> String {
    format!("{{{voucher}}}")
}

/// Makes an `auth` that carries what the auth endpoint knows; under the newest secret.
#[must_use]
pub fn vouch(app: &App, text: &str, voucher: &Voucher) -> String {
    let voucher = voucher.to_string();
    let signature = app.secrets.first().map(|secret| sign(secret, &[text, &seal(&voucher)])).unwrap_or_default();
    format!("{}:{signature}:{voucher}", app.key)
}

/// Verifies the `auth` of a `pusher:subscribe`: it signs `socket_id:channel`, with `:channel_data` appended if there is any.
///
/// On a private channel the form without `channel_data` is valid too (Pusher ignores the data there, Reverb signs it). Data
/// counts there only when it is a JSON object: no channel name holds a brace, so the signature of a longer name is never one
/// of a shorter name with data. On presence channels the caller reads the data, and takes nothing but an object.
#[must_use]
pub fn verify_channel(
    app: &App,
    socket: SocketId,
    channel: &str,
    channel_data: Option<&str>,
    auth: &str,
) -> Option<Authentic> {
    let (auth, socket) = (Auth::of(app, auth)?, socket.to_string());
    let is_private = channel.starts_with("private-");
    let counts = |data: &&str| !is_private || data.trim_ascii_start().starts_with('{');
    let with_data =
        channel_data.filter(counts).and_then(|data| auth.check(app, &[&socket, ":", channel, ":", data], true));
    let may_be_bare = is_private || channel_data.is_none();
    with_data.or_else(|| may_be_bare.then(|| auth.check(app, &[&socket, ":", channel], false)).flatten())
}

/// Verifies the `auth` of a `pusher:signin`: it signs `socket_id::user::user_data`.
#[must_use]
pub fn verify_user(app: &App, socket: SocketId, user_data: &str, auth: &str) -> Option<Authentic> {
    Auth::of(app, auth)?.check(app, &[&socket.to_string(), "::user::", user_data], true)
}

#[cfg(test)]
mod tests;
