//! The auth endpoint without its HTTP: signs what a user may subscribe to, and who they are.
//!
//! Source: Pusher Channels, "Authenticating users" and "Authorizing users". What is signed for a user or a guest carries a
//! voucher: whichever node the socket shows it to, and whenever, knows who it belongs to.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::profile::Profile;
use crate::{
    domain::{
        access::{Decision, Reason},
        app::{App, MasterKey},
        caller::{Caller, Subject, Who},
        roster::{Person, Role},
        stream::Heard,
    },
    ids::SocketId,
    protocol::{
        ChannelName, Guard,
        signature::{self, Voucher},
    },
    services::LiveApp,
};

/// What a client asks the endpoint to sign.
#[derive(Debug, Clone, Copy)]
pub struct ChannelAuthRequest<'a> {
    /// Id of the socket, unchecked.
    pub socket_id: &'a str,
    /// Name of the channel, unchecked.
    pub channel_name: &'a str,
    /// What the client says about itself, as JSON text; only on presence channels.
    pub channel_data: Option<&'a str>,
    /// How far the client has heard the channel's stream before, unchecked: it gets what came since.
    pub last_event_id: Option<&'a str>,
}

/// What the client shows to the socket door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelAuth {
    /// `KEY:SIGNATURE`, or `KEY:SIGNATURE:VOUCHER` for a user or a guest.
    pub auth: String,
    /// The member, on presence channels: JSON text, byte for byte as signed.
    pub channel_data: Option<String>,
    /// Base64, on encrypted channels; never shown to the server.
    pub shared_secret: Option<String>,
}

/// What the client shows to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAuth {
    /// `KEY:SIGNATURE`, or `KEY:SIGNATURE:VOUCHER` for a user or a guest.
    pub auth: String,
    /// The user: JSON text, byte for byte as signed.
    pub user_data: String,
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefused {
    /// The request is wrong (400).
    #[error("{0}")]
    Malformed(String),
    /// It is not known who is asking (401).
    #[error("{0}")]
    NotIdentified(&'static str),
    /// They may not (403).
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// The roster cannot be read (503).
    #[error("the roster cannot be read now, try again shortly")]
    Unavailable,
}

/// Who asks, as far as it matters here.
enum Asking<'a> {
    Nobody,
    User(&'a Subject),
    App,
}

impl LiveApp {
    /// Signs a subscription for whoever may have it.
    ///
    /// # Errors
    /// See [`AuthRefused`]; nothing is signed then.
    pub async fn authorize_channel(
        &self,
        caller: &Caller,
        request: ChannelAuthRequest<'_>,
        now: DateTime<Utc>,
    ) -> Result<ChannelAuth, AuthRefused> {
        let app = self.app();
        let asking = who_asks(&app, caller)?;
        let socket = parse_socket(request.socket_id)?;
        let channel = ChannelName::parse(request.channel_name, (&app.settings).into())
            .map_err(|error| AuthRefused::Malformed(error.to_string()))?;
        if matches!(channel.guard(), Guard::Public | Guard::User) {
            return Err(AuthRefused::Malformed(format!(
                "'{channel}' needs no authorisation; names of channels that do begin with private- or presence-"
            )));
        }
        let heard = Heard::parse(request.last_event_id.unwrap_or_default())
            .map_err(|error| AuthRefused::Malformed(format!("last_event_id {error}")))?;
        let shared_secret = channel.is_encrypted().then(|| self.shared_secret(&channel)).transpose()?;
        let (member, voucher) = match asking {
            Asking::App => (signed_as_it_is(&channel, request.channel_data)?, None),
            Asking::Nobody => {
                let decision =
                    self.decide_blindly(None, &channel, now).await.map_err(|_unread| AuthRefused::Unavailable)?;
                self.refuse(&app, decision)?;
                if channel.guard() == Guard::Presence {
                    return Err(AuthRefused::NotIdentified("presence channels need a user: send a token"));
                }
                (None, Some(Voucher { heard, ..Voucher::default() }))
            }
            Asking::User(subject) => {
                let user = Some(&subject.user);
                let decision =
                    self.decide_blindly(user, &channel, now).await.map_err(|_unread| AuthRefused::Unavailable)?;
                let role = self.refuse(&app, decision)?.role;
                let member = self.member(&app, (subject, role), (&channel, request.channel_data), now).await?;
                (member, Some(Voucher { heard, ..voucher_of(subject) }))
            }
        };
        let text = socket_text(socket, &channel, member.as_deref());
        let auth = voucher.map_or_else(|| sign(&app, &text), |voucher| signature::vouch(&app, &text, &voucher));
        Ok(ChannelAuth { auth, channel_data: member, shared_secret })
    }

    /// Signs who a user is, for `pusher:signin`.
    ///
    /// # Errors
    /// See [`AuthRefused`]; nothing is signed then.
    pub async fn authorize_user(
        &self,
        caller: &Caller,
        socket_id: &str,
        now: DateTime<Utc>,
    ) -> Result<UserAuth, AuthRefused> {
        let app = self.app();
        let Asking::User(subject) = who_asks(&app, caller)? else {
            return Err(AuthRefused::NotIdentified("sign-in needs a user: send a token"));
        };
        let socket = parse_socket(socket_id)?;
        let channel = ChannelName::parse("presence-global", (&app.settings).into())
            .map_err(|error| AuthRefused::Malformed(error.to_string()))?;
        let decision = self.decide(Some(&subject.user), &channel, now).await;
        let decision = decision.map_err(|_unread| AuthRefused::Unavailable)?;
        if decision.reason.is_about_the_person() {
            self.refuse(&app, decision)?;
        }
        let info = self.user_info(&app, (subject, None), Map::new(), now).await?;
        let user_data = json!({ "id": subject.user.as_str(), "user_info": info }).to_string();
        let auth = signature::vouch(&app, &format!("{socket}::user::{user_data}"), &voucher_of(subject));
        Ok(UserAuth { auth, user_data })
    }

    /// Passes a decision on, or turns it into a refusal.
    fn refuse(&self, app: &App, decision: Decision) -> Result<Decision, AuthRefused> {
        if decision.allow {
            return Ok(decision);
        }
        self.metrics().count_denied(decision.reason.code());
        tracing::debug!(app.id = %app.id, reason = %decision.reason, "nothing is signed");
        Err(match decision.reason {
            Reason::NotIdentified => AuthRefused::NotIdentified("this channel needs a user: send a token"),
            _ => AuthRefused::Denied(Box::new(decision)),
        })
    }

    fn shared_secret(&self, channel: &ChannelName) -> Result<String, AuthRefused> {
        let key = self.access.master_key.as_ref().ok_or_else(|| {
            AuthRefused::Malformed(
                "encrypted channels are authorised by whoever has the encryption master key; this server has none"
                    .to_owned(),
            )
        })?;
        Ok(derive(key, channel))
    }

    /// The member as which a user joins a presence channel; `None` on private channels.
    async fn member(
        &self,
        app: &App,
        (subject, role): (&Subject, Option<Role>),
        (channel, said): (&ChannelName, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<Option<String>, AuthRefused> {
        if channel.guard() != Guard::Presence {
            return Ok(None);
        }
        let said = said.map(|text| read_said(text, subject)).transpose()?.unwrap_or_default();
        let info = self.user_info(app, (subject, role), said, now).await?;
        let (max, got) = (app.settings.max_presence_member_bytes as usize, info.to_string().len());
        if got > max {
            return Err(AuthRefused::Malformed(format!("user_info may have at most {max} bytes, this one has {got}")));
        }
        Ok(Some(json!({ "user_id": subject.user.as_str(), "user_info": info }).to_string()))
    }

    /// What others see of a user: what the client adds about itself, and over it what the roster and the token say.
    async fn user_info(
        &self,
        app: &App,
        (subject, role): (&Subject, Option<Role>),
        said: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Value, AuthRefused> {
        let known =
            self.access.person(&app.id, &subject.user, now).await.map_err(|_unread| AuthRefused::Unavailable)?;
        let person: Option<&Person> = known.as_ref().and_then(|known| Some(&known.standing.as_ref()?.person));
        let name = person.map(|person| person.name.clone()).or_else(|| subject.name.clone());
        let avatar = person.and_then(|person| person.avatar.clone()).or_else(|| subject.avatar.clone());
        let role = role.or_else(|| person.and_then(|person| person.org_role));
        Ok(Profile { id: &subject.user, name, avatar, role }.over(said))
    }
}

fn who_asks<'a>(app: &App, caller: &'a Caller) -> Result<Asking<'a>, AuthRefused> {
    if caller.app != app.id {
        return Err(AuthRefused::NotIdentified("the token is for another app"));
    }
    match &caller.who {
        Who::Guest => Ok(Asking::Nobody),
        Who::User(subject) => Ok(Asking::User(subject)),
        Who::App => Ok(Asking::App),
        Who::Key(_) => Err(AuthRefused::NotIdentified("an API key is nobody's: send the token of a user")),
    }
}

fn voucher_of(subject: &Subject) -> Voucher {
    Voucher { user: Some(subject.user.clone()), token_ends: Some(subject.expires_at), heard: None }
}

fn parse_socket(text: &str) -> Result<SocketId, AuthRefused> {
    SocketId::parse(text).ok_or_else(|| {
        AuthRefused::Malformed("socket_id must be that of an open socket: two numbers with a dot between".to_owned())
    })
}

/// What the application itself wants signed: its word is taken as it is.
fn signed_as_it_is(channel: &ChannelName, data: Option<&str>) -> Result<Option<String>, AuthRefused> {
    let data = data.filter(|_| channel.guard() == Guard::Presence);
    if channel.guard() == Guard::Presence && data.is_none() {
        return Err(AuthRefused::Malformed("presence channels need channel_data with a user_id".to_owned()));
    }
    Ok(data.map(str::to_owned))
}

/// What a client says about itself besides who it is.
fn read_said(text: &str, subject: &Subject) -> Result<Map<String, Value>, AuthRefused> {
    let malformed = || AuthRefused::Malformed("channel_data must be a JSON object".to_owned());
    let Ok(Value::Object(mut data)) = serde_json::from_str(text) else { return Err(malformed()) };
    let claimed = match data.get("user_id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(Value::Null) | None => None,
        Some(_) => return Err(malformed()),
    };
    if claimed.is_some_and(|claimed| claimed != subject.user.as_str()) {
        let detail = "channel_data names another user than the token".to_owned();
        let denied = Decision { reason: Reason::NotYours, detail, ..Decision::unavailable() };
        return Err(AuthRefused::Denied(Box::new(denied)));
    }
    match data.remove("user_info") {
        Some(Value::Object(info)) => Ok(info),
        _ => Ok(Map::new()),
    }
}

fn socket_text(socket: SocketId, channel: &ChannelName, data: Option<&str>) -> String {
    data.map_or_else(|| format!("{socket}:{channel}"), |data| format!("{socket}:{channel}:{data}"))
}

/// Secret of an encrypted channel in base64: `SHA-256(channel ‖ key)`, as the server SDKs of Pusher derive it.
fn derive(key: &MasterKey, channel: &ChannelName) -> String {
    BASE64_STANDARD.encode(Sha256::new().chain_update(channel.as_str()).chain_update(key.expose()).finalize())
}

/// `KEY:SIGNATURE` under the newest secret.
fn sign(app: &App, text: &str) -> String {
    let signature = app.secrets.first().map(|secret| signature::sign(secret, &[text])).unwrap_or_default();
    format!("{}:{signature}", app.key)
}
