//! Signatures as a Pusher client library makes them: channel authentication and HTTP requests.
//!
//! Owns the app's key and secret. It is the *client's* side and shares no code with the server's verifier on purpose:
//! the bench must work against any Pusher server, and must not agree with ours by having the same mistake.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::domain::app::Secret;

/// Signs in the name of one app.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    key: String,
    secret: Secret,
}

impl Signer {
    /// Takes an app's key and secret.
    pub(super) fn new(key: String, secret: Secret) -> Self {
        Self { key, secret }
    }

    /// The app's public key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Makes the `auth` string of a subscription; `channel_data` only for presence channels.
    pub(super) fn subscription(&self, socket_id: &str, channel: &str, channel_data: Option<&str>) -> String {
        let text = match channel_data {
            Some(data) => format!("{socket_id}:{channel}:{data}"),
            None => format!("{socket_id}:{channel}"),
        };
        format!("{}:{}", self.key, self.digest(&text))
    }

    /// Makes the signed query of `POST path` with a body that is not empty, at `timestamp` (Unix seconds).
    pub(super) fn query(&self, path: &str, body: &[u8], timestamp: u64) -> String {
        let md5 = hex::encode(Md5::digest(body));
        let query = format!("auth_key={}&auth_timestamp={timestamp}&auth_version=1.0&body_md5={md5}", self.key);
        let signature = self.digest(&format!("POST\n{path}\n{query}"));
        format!("{query}&auth_signature={signature}")
    }

    fn digest(&self, text: &str) -> String {
        // HMAC takes keys of any length, so the refusal cannot happen; an empty signature would be refused anyway.
        Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .map(|hmac| hex::encode(hmac.chain_update(text).finalize().into_bytes()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Signer {
        Signer::new("app-key".into(), "app-secret".into())
    }

    fn official() -> Signer {
        Signer::new("278d425bdf160c739803".into(), "7ad3773142a6692b25b8".into())
    }

    #[test]
    fn subscriptions_match_the_published_vectors() {
        let auth = official().subscription("1234.1234", "private-foobar", None);
        let expected = "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
        assert_eq!(auth, expected);
        let data = r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#;
        let auth = official().subscription("1234.1234", "presence-foobar", Some(data));
        assert!(auth.ends_with(":31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"));
    }

    #[test]
    fn presence_subscriptions_sign_the_member() {
        let data = r#"{"user_id":"42","user_info":{"name":"Ada"}}"#;
        let auth = own().subscription("123456.7890123", "presence-room", Some(data));
        assert_eq!(auth, "app-key:b1a49e2a439a2c79c26fb7c52b0637adc4d0a095fdb47763d0e95e038488502c");
    }

    #[test]
    fn requests_match_the_vectors() {
        let body = r#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
        let query = official().query("/apps/3/events", body.as_bytes(), 1_353_088_179);
        assert!(query.contains("&body_md5=ec365a775a4cd0599faeb73354201b6f&"));
        let expected = "&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
        assert!(query.ends_with(expected), "{query}");
        let body = r#"{"name":"App\\Events\\OrderShipped","data":"{\"id\":1}","channels":["private-orders.1"]}"#;
        let query = own().query("/apps/app-id/events", body.as_bytes(), 1_700_000_000);
        let expected = "&auth_signature=e951b347c3784464f79fd7ea7d60c9f19731a7fd4e29d90d888ae50ad7c53900";
        assert!(query.ends_with(expected), "{query}");
    }

    #[test]
    fn the_secret_stays_out_of_debug() {
        assert!(!format!("{:?}", own()).contains("app-secret"));
    }
}
