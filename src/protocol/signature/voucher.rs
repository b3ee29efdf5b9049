//! What the auth endpoint of this server knows when it signs, carried by the signature itself.
//!
//! `KEY:SIGNATURE:VOUCHER`: the voucher names the user and the end of their token, and is signed along. It stands in `auth` and
//! not in `channel_data`, because every client hands `auth` on as it is, while some of them (Dart, older Java) drop the
//! `channel_data` of private channels. So any node knows whose a subscription is, however late it is shown.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{domain::stream::Heard, ids::UserId};

/// Whom the auth endpoint has signed for. Whoever shows one is let in only if the roster agrees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voucher {
    /// The user of the token; `None` = a guest, who has none.
    pub user: Option<UserId>,
    /// When the token ends, to the second.
    pub token_ends: Option<DateTime<Utc>>,
    /// How far the client has heard the channel's stream before; it gets what came since.
    pub heard: Option<Heard>,
}

impl Voucher {
    /// Reads `SECONDS.USER`, or `SECONDS.USER.HEARD`: seconds since 1970, the user's id and what the client has heard in
    /// hexadecimal digits; each may be empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ends, rest) = text.split_once('.')?;
        let (user, heard) = rest.split_once('.').unwrap_or((rest, ""));
        let ends = (!ends.is_empty()).then(|| DateTime::from_timestamp(ends.parse().ok()?, 0));
        let user = (!user.is_empty()).then(|| UserId::parse(&unhex(user)?).ok());
        let heard = Heard::parse(&unhex(heard)?).ok()?;
        Some(Self { user: transposed(user)?, token_ends: transposed(ends)?, heard })
    }
}

fn unhex(digits: &str) -> Option<String> {
    String::from_utf8(hex::decode(digits).ok()?).ok()
}

/// What is there must be good.
fn transposed<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(good) => good.map(Some),
    }
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = self.token_ends.map_or_else(String::new, |ends| ends.timestamp().to_string());
        let user = self.user.as_ref().map_or_else(String::new, |user| hex::encode(user.as_str()));
        write!(f, "{ends}.{user}")?;
        match &self.heard {
            Some(heard) => write!(f, ".{}", hex::encode(heard.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        let user = |text: &str| UserId::parse(text).ok();
        for (user, seconds, heard, text) in [
            (user("7"), Some(1_790_000_000), "", "1790000000.37"),
            (user("é:{}"), None, "", ".c3a93a7b7d"),
            (None, None, "", "."),
            (None, None, "E1", "..4531"),
            (user("7"), Some(1_790_000_000), "e:42", "1790000000.37.653a3432"),
        ] {
            let token_ends = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            let voucher = Voucher { user, token_ends, heard: Heard::parse(heard).unwrap() };
            assert_eq!(voucher.to_string(), text);
            assert_eq!(Voucher::parse(text), Some(voucher));
        }
        for bad in ["", "1", "x.37", "1.3", "1.zz", "1.ff", "1.37.3", "1.37.37.37", "99999999999999999999.37"] {
            assert_eq!(Voucher::parse(bad), None, "{bad}");
        }
    }
}
