//! What one socket has done so far, and what its next message means.
//!
//! A state machine that returns [`Action`]s: it verifies, counts and remembers, but touches no socket and no hub, so it can
//! be driven by plain tests. A channel is named in an action only after the socket has proved that it may have it.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use crate::{
    domain::{
        app::{App, AppSettings, ClientEvents},
        presence::Member,
        rate::{Bucket, Rate},
        stream::Heard,
    },
    hub::{Frame, Refused},
    ids::{SocketId, UserId},
    protocol::{
        ChannelName, CloseReason, Guard,
        client_message::{self, ClientEvent, ClientMessage, SignIn, Subscribe, UserData},
        server_message::{self, ErrorStyle, NoAccess, Refusal},
        signature::{self, Voucher},
    },
    services::{
        access::{self, Wish},
        client_event,
        sockets::SignedIn,
        typing,
    },
};

/// Subscriptions per second.
const SUBSCRIBES_PER_SECOND: u32 = 20;

/// Subscriptions that may come at once, unless one socket may have more channels than that.
const SUBSCRIBES_BURST: u32 = 200;

/// Frames of any kind per second, unless the app allows more client events than that. Above: close 1008.
const FRAMES_PER_SECOND: u32 = 100;

/// Frames that may come at once.
const FRAMES_BURST: u32 = 500;

/// Channels that one socket is known to have lost; beyond, it sends only to those that it hears.
const MAX_REVOKED: usize = 1_000;

/// Refusal codes of `pusher:error` frames that do not close.
mod code {
    /// Message without meaning (Reverb: "Invalid message format").
    pub(super) const INVALID_MESSAGE: u16 = 4200;
    /// Not authorised for this channel or user.
    pub(super) const UNAUTHORIZED: u16 = 4009;
    /// Client event refused (Pusher: "Client event rejected").
    pub(super) const CLIENT_EVENT: u16 = 4301;
    /// Watchlist cut at its limit (Pusher: "Watchlist limit exceeded").
    pub(super) const WATCHLIST: u16 = 4302;
}

/// What the connection shall do for a message, in order.
#[derive(Debug)]
pub(super) enum Action {
    /// Send this to the socket.
    Reply(Frame),
    /// Subscribe the socket; then call [`Session::subscribed`], [`Session::refused`] or [`Session::denied`].
    Subscribe(Box<Wish>),
    /// End a subscription, of this user on presence channels.
    Unsubscribe(ChannelName, Option<UserId>),
    /// Relay a client event to the other subscribers.
    Relay(ChannelName, Frame),
    /// Take note that the user types, or has stopped; with what the event says besides. Relay the frame if that is nobody's
    /// affair but the application's.
    Type { channel: ChannelName, is_typing: bool, data: Option<String>, frame: Frame },
    /// Bind the socket to a user, for whom the auth endpoint may vouch; then call [`Session::signed_in`].
    SignIn(UserData, Option<Voucher>),
    /// Count a message that is ignored.
    CountIgnored,
    /// Say why, then close.
    Close(CloseReason),
}

/// The state of one open socket.
#[derive(Debug)]
pub(super) struct Session {
    socket: SocketId,
    /// Channels the socket is subscribed to, with the user it joined as on presence channels.
    subscriptions: HashMap<ChannelName, Option<UserId>>,
    /// Channels that were taken away and not given again.
    revoked: HashSet<ChannelName>,
    /// More were taken away than are remembered.
    has_more_revoked: bool,
    user: Option<Box<SignedIn>>,
    frames: Bucket,
    frame_limit: Bucket,
    subscribes: Bucket,
    client_events: Bucket,
}

/// The burst lets Echo renew all its channels after a reconnect, however many the app allows.
fn subscribe_rate(settings: &AppSettings) -> Rate {
    Rate::per_second(SUBSCRIBES_PER_SECOND, SUBSCRIBES_BURST.max(settings.max_channels_per_connection))
}

/// What counts against a flood. Where client events have no limit they do not count; everything else does.
fn frame_rate(settings: &AppSettings) -> Rate {
    let events = settings.client_events_per_second.saturating_mul(2);
    let subscribes = subscribe_rate(settings).burst.saturating_add(FRAMES_PER_SECOND);
    Rate::per_second(FRAMES_PER_SECOND.max(events), FRAMES_BURST.max(events).max(subscribes))
}

fn error_style(settings: &AppSettings) -> ErrorStyle {
    if settings.reverb_parity { ErrorStyle::Text } else { ErrorStyle::Object }
}

/// A `pusher:error` that leaves the socket open.
fn error_frame(settings: &AppSettings, code: u16, message: &str, channel: Option<&str>) -> Action {
    Action::Reply(Frame::text(|out| server_message::error(out, error_style(settings), code, message, channel)))
}

/// The `pusher:error` that goes before a close.
pub(super) fn closing_error(reason: CloseReason, parity: bool) -> Frame {
    let style = if parity { ErrorStyle::Text } else { ErrorStyle::Object };
    Frame::text(|out| server_message::error(out, style, reason.code(), reason.message(), None))
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

impl Session {
    pub(super) fn new(socket: SocketId) -> Self {
        Self {
            socket,
            subscriptions: HashMap::new(),
            revoked: HashSet::new(),
            has_more_revoked: false,
            user: None,
            frames: Bucket::default(),
            frame_limit: Bucket::default(),
            subscribes: Bucket::default(),
            client_events: Bucket::default(),
        }
    }

    /// Subscriptions with their users, for the end of the socket.
    pub(super) fn subscriptions(&self) -> impl Iterator<Item = (&ChannelName, Option<&UserId>)> {
        self.subscriptions.iter().map(|(name, user)| (name, user.as_ref()))
    }

    pub(super) fn signed_in_as(&self) -> Option<&SignedIn> {
        self.user.as_deref()
    }

    /// The user behind the socket: by sign-in, else by the presence membership in this channel.
    pub(super) fn user_in(&self, channel: &ChannelName) -> Option<&UserId> {
        let signed_in = self.user.as_ref().map(|user| &user.member.id);
        signed_in.or_else(|| self.subscriptions.get(channel).and_then(Option::as_ref))
    }

    /// Counts a frame of any kind; tells when it is one too many.
    pub(super) fn on_frame(&mut self, settings: &AppSettings, now: Instant) -> Option<CloseReason> {
        (!self.frames.take(frame_rate(settings), now)).then_some(CloseReason::FrameFlood)
    }

    /// Tells what a text message means.
    pub(super) fn on_text(&mut self, app: &App, text: &str, now: Instant) -> Vec<Action> {
        let settings = &app.settings;
        if settings.frame_limit > 0 {
            let period = std::time::Duration::from_secs(settings.frame_limit_seconds.into());
            let rate = Rate { tokens: settings.frame_limit, period, burst: settings.frame_limit };
            if !self.frame_limit.take(rate, now) {
                return over_frame_limit(settings);
            }
        }
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Ping) => vec![Action::Reply(Frame::text(server_message::pong))],
            Ok(ClientMessage::Pong) => Vec::new(),
            Ok(ClientMessage::Ignored) => vec![Action::CountIgnored],
            Ok(ClientMessage::Subscribe(message)) => self.on_subscribe(app, &message, now),
            Ok(ClientMessage::Unsubscribe(channel)) => self.on_unsubscribe(&channel),
            Ok(ClientMessage::SignIn(message)) => self.on_sign_in(app, &message),
            Ok(ClientMessage::Event(event)) => self.on_client_event(settings, &event, now),
            Err(error) => vec![invalid(settings, &error)],
        }
    }

    fn on_subscribe(&mut self, app: &App, message: &Subscribe<'_>, now: Instant) -> Vec<Action> {
        let settings = &app.settings;
        let name = match ChannelName::parse(&message.channel, settings.into()) {
            Ok(name) => name,
            Err(error) => {
                let refusal = Refusal { kind: "InvalidChannel", error: &error.to_string(), status: 400 };
                return vec![refusal_frame(cut(&message.channel, 255), refusal)];
            }
        };
        let known = self.subscriptions.contains_key(name.as_str());
        if !known && self.subscriptions.len() >= settings.max_channels_per_connection as usize {
            let error = format!("one socket may have {} channels", settings.max_channels_per_connection);
            return vec![refusal_frame(name.as_str(), Refusal { kind: "LimitReached", error: &error, status: 400 })];
        }
        if !self.subscribes.take(subscribe_rate(settings), now) {
            let refusal = Refusal { kind: "LimitReached", error: "too many subscriptions per second", status: 429 };
            return vec![refusal_frame(name.as_str(), refusal)];
        }
        match self.authorize(app, &name, message) {
            Ok(wish) if name.guard() == Guard::User => self.subscribe_to_user(wish.channel),
            Ok(mut wish) => match Heard::parse(message.last_event_id.as_deref().unwrap_or_default()) {
                Ok(heard) => {
                    wish.heard = heard;
                    self.join(wish)
                }
                Err(error) => {
                    let error = format!("last_event_id {error}");
                    let refusal = Refusal { kind: "InvalidLastEventId", error: &error, status: 400 };
                    vec![refusal_frame(name.as_str(), refusal)]
                }
            },
            Err(Denied::Malformed(error)) => vec![invalid(settings, &error)],
            Err(Denied::Refusal(kind, error, status)) => {
                let mut actions = vec![refusal_frame(name.as_str(), Refusal { kind, error, status })];
                if status == 401 && settings.auth_error_frame {
                    let message = "Connection is unauthorized";
                    actions.push(error_frame(settings, code::UNAUTHORIZED, message, Some(name.as_str())));
                }
                actions
            }
        }
    }

    /// Decides whether the socket may have the channel as far as signatures go: as which member, and whose it is by what is
    /// signed.
    fn authorize(&self, app: &App, name: &ChannelName, message: &Subscribe<'_>) -> Result<Wish, Denied> {
        let mut wish = Wish { channel: name.clone(), member: None, claimed: None, voucher: None, heard: None };
        match name.guard() {
            Guard::Public => return Ok(wish),
            Guard::User => {
                let own = self.user.as_ref().is_some_and(|user| Some(user.member.id.as_str()) == name.user());
                return if own { Ok(wish) } else { Err(Denied::auth("sign in as this user first")) };
            }
            Guard::Private | Guard::Presence => {}
        }
        let data = message.channel_data.as_deref();
        let auth = message.auth.as_deref().unwrap_or_default();
        let authentic = signature::verify_channel(app, self.socket, name.as_str(), data, auth)
            .ok_or(Denied::auth("auth must be KEY:SIGNATURE for this socket, channel and channel_data"))?;
        wish.voucher = authentic.voucher;
        if name.guard() == Guard::Presence {
            (wish.member, wish.claimed) = self.authorize_member(app, data)?;
        } else if let Some(data) = data.filter(|_| authentic.covers_data) {
            wish.claimed = client_message::parse_channel_data(data).ok().map(|member| member.id);
        }
        Ok(wish)
    }

    /// The member of a presence channel: from signed data, else by sign-in.
    fn authorize_member(&self, app: &App, data: Option<&str>) -> Result<(Option<Member>, Option<UserId>), Denied> {
        let (member, claimed) = match (data, &self.user) {
            (Some(data), _) => {
                let member = client_message::parse_channel_data(data)?;
                let claimed = member.id.clone();
                (member, Some(claimed))
            }
            (None, Some(user)) => (user.member.clone(), None),
            (None, None) => {
                return Err(Denied::auth("channel_data with a user_id is needed, or sign in first"));
            }
        };
        if member.info.len() > app.settings.max_presence_member_bytes as usize {
            return Err(Denied::Refusal("LimitReached", "user_info is too large", 413));
        }
        Ok((Some(member), claimed))
    }

    /// Signed-in sockets hear their user's channel anyway: the subscription is only answered and remembered.
    fn subscribe_to_user(&mut self, name: ChannelName) -> Vec<Action> {
        let frame = Frame::text(|out| server_message::subscription_succeeded(out, name.as_str()));
        self.subscriptions.insert(name, None);
        vec![Action::Reply(frame)]
    }

    fn join(&self, wish: Wish) -> Vec<Action> {
        let mut actions = Vec::with_capacity(2);
        if let (Some(Some(before)), Some(now)) = (self.subscriptions.get(&wish.channel), &wish.member)
            && *before != now.id
        {
            actions.push(Action::Unsubscribe(wish.channel.clone(), Some(before.clone())));
        }
        actions.push(Action::Subscribe(Box::new(wish)));
        actions
    }

    /// Remembers a subscription that the hub has accepted.
    pub(super) fn subscribed(&mut self, name: ChannelName, user: Option<UserId>) {
        self.revoked.remove(&name);
        self.subscriptions.insert(name, user);
    }

    /// Tells the client that the hub has refused a subscription; forgets an earlier one of the same name, which has ended.
    pub(super) fn refused(&mut self, name: &ChannelName, refused: Refused) -> Frame {
        self.subscriptions.remove(name);
        let error = refused.to_string();
        let refusal = Refusal { kind: "LimitReached", error: &error, status: 403 };
        Frame::text(|out| server_message::subscription_error(out, name.as_str(), refusal))
    }

    /// Tells the client that the rules of access refuse a subscription; forgets an earlier one of the same name, which has
    /// ended.
    pub(super) fn denied(&mut self, name: &ChannelName, denied: &access::Denied) -> Frame {
        self.subscriptions.remove(name);
        let (error, reason) = (denied.detail.as_str(), denied.reason.code());
        let refusal = NoAccess { kind: "AccessDenied", error, reason, status: denied.status };
        Frame::text(|out| server_message::no_access(out, name.as_str(), refusal))
    }

    /// Forgets subscriptions that were taken away, and remembers that they were.
    pub(super) fn forget(&mut self, channels: &[ChannelName]) {
        for channel in channels {
            self.subscriptions.remove(channel);
            if self.revoked.len() < MAX_REVOKED {
                self.revoked.insert(channel.clone());
            } else {
                self.has_more_revoked = true;
            }
        }
    }

    /// Tells whether a channel that is not heard was taken away, or may have been.
    fn is_revoked(&self, channel: &ChannelName) -> bool {
        self.has_more_revoked || self.revoked.contains(channel)
    }

    fn on_unsubscribe(&mut self, channel: &str) -> Vec<Action> {
        match self.subscriptions.remove_entry(channel) {
            Some((name, _)) if name.guard() == Guard::User => Vec::new(),
            Some((name, user)) => vec![Action::Unsubscribe(name, user)],
            None => Vec::new(),
        }
    }

    fn on_sign_in(&self, app: &App, message: &SignIn<'_>) -> Vec<Action> {
        let settings = &app.settings;
        let refuse = |text: &str| vec![error_frame(settings, code::UNAUTHORIZED, text, None)];
        let Some(authentic) = signature::verify_user(app, self.socket, &message.user_data, &message.auth) else {
            return refuse("Sign-in failed: auth must be KEY:SIGNATURE for this socket and user_data");
        };
        let user = match client_message::parse_user_data(&message.user_data) {
            Ok(user) => user,
            Err(_error) => {
                return refuse(
                    "Sign-in failed: user_data must be a JSON object whose id is a text of 1 to 128 characters",
                );
            }
        };
        if self.user.as_ref().is_some_and(|before| before.member.id != user.member.id) {
            return refuse("Sign-in failed: this socket is signed in as another user already");
        }
        if user.member.info.len() > settings.max_presence_member_bytes as usize {
            return refuse("Sign-in failed: user_info is too large");
        }
        let success = Frame::text(|out| server_message::signin_success(out, &message.user_data));
        let mut actions = vec![Action::Reply(success)];
        if user.watchlist_cut {
            let text = "Watchlist has more than 100 users, the first 100 are watched";
            actions.push(error_frame(settings, code::WATCHLIST, text, None));
        }
        actions.push(Action::SignIn(user, authentic.voucher));
        actions
    }

    /// Remembers the user that the socket is bound to now.
    pub(super) fn signed_in(&mut self, user: SignedIn) {
        self.user = Some(Box::new(user));
    }

    fn on_client_event(&mut self, settings: &AppSettings, event: &ClientEvent<'_>, now: Instant) -> Vec<Action> {
        let limit = settings.client_events_per_second;
        if limit == 0 {
            self.frames.give_back(frame_rate(settings));
        }
        let Ok(name) = ChannelName::parse(&event.channel, settings.into()) else {
            return vec![error_frame(settings, code::INVALID_MESSAGE, "Invalid channel name", None)];
        };
        if let Err((code, text)) = self.check_client_event(settings, event, &name) {
            return vec![error_frame(settings, code, &text, Some(name.as_str()))];
        }
        if limit > 0 && !self.client_events.take(Rate::per_second(limit, limit), now) {
            return vec![refused_event(settings, &name, TOO_MANY)];
        }
        let user = self.subscriptions.get(&name).and_then(Option::as_ref);
        let data = event.data.map(serde_json::value::RawValue::get);
        let frame = Frame::text(|out| server_message::client_event(out, &event.name, name.as_str(), data, user));
        let is_typing = match &*event.name {
            typing::STARTED => data.is_none_or(|data| !says_no(data)),
            typing::STOPPED => false,
            _ => return vec![Action::Relay(name, frame)],
        };
        vec![Action::Type { channel: name, is_typing, data: data.map(str::to_owned), frame }]
    }

    fn check_client_event(
        &self,
        settings: &AppSettings,
        event: &ClientEvent<'_>,
        name: &ChannelName,
    ) -> Result<(), (u16, String)> {
        let refuse = |text: &str| Err((code::CLIENT_EVENT, text.to_owned()));
        let subscribed = self.subscriptions.contains_key(name);
        match settings.client_events {
            ClientEvents::None => return refuse("The app does not have client messaging enabled."),
            ClientEvents::Members if !subscribed => return Err(not_a_member()),
            ClientEvents::All
                if !subscribed && (self.is_revoked(name) || client_event::is_for_members(name, settings)) =>
            {
                return Err(not_a_member());
            }
            ClientEvents::Members | ClientEvents::All => {}
        }
        match name.guard() {
            Guard::User => return refuse("Client events cannot be sent to user channels"),
            Guard::Public if !settings.client_events_on_public => {
                return refuse("Client events are only supported on private and presence channels");
            }
            Guard::Private if name.is_encrypted() => {
                return refuse("Client events cannot be sent to encrypted channels");
            }
            Guard::Public | Guard::Private | Guard::Presence => {}
        }
        if event.name == typing::CROWD {
            return refuse("Only the server tells that a crowd is typing.");
        }
        if event.name.chars().count() > settings.max_event_name_length as usize {
            return refuse(&format!("Event name is too long. Maximum: {} characters", settings.max_event_name_length));
        }
        if event.data.is_some_and(|data| data.get().len() > settings.max_event_bytes as usize) {
            return refuse(&format!("The event data should be less than {} bytes.", settings.max_event_bytes));
        }
        Ok(())
    }
}

/// Tells whether the payload of a typing event says that nobody types any more.
fn says_no(data: &str) -> bool {
    let said = serde_json::from_str::<serde_json::Value>(data).unwrap_or_default();
    ["typing", "isTyping", "is_typing"].iter().any(|key| said.get(key).is_some_and(|value| value == false))
}

fn not_a_member() -> (u16, String) {
    (code::UNAUTHORIZED, "The client is not a member of the specified channel.".to_owned())
}

/// Why a subscription is not authorised.
enum Denied {
    /// The message itself has no meaning.
    Malformed(client_message::Error),
    /// Kind, text and status of the refusal.
    Refusal(&'static str, &'static str, u16),
}

impl Denied {
    const fn auth(text: &'static str) -> Self {
        Self::Refusal("AuthError", text, 401)
    }
}

impl From<client_message::Error> for Denied {
    fn from(error: client_message::Error) -> Self {
        Self::Malformed(error)
    }
}

fn refusal_frame(channel: &str, refusal: Refusal<'_>) -> Action {
    Action::Reply(Frame::text(|out| server_message::subscription_error(out, channel, refusal)))
}

fn invalid(settings: &AppSettings, error: &client_message::Error) -> Action {
    error_frame(settings, code::INVALID_MESSAGE, cut(&error.to_string(), 200), None)
}

fn over_frame_limit(settings: &AppSettings) -> Vec<Action> {
    if settings.frame_limit_closes {
        let text = CloseReason::FrameLimit.message();
        return vec![error_frame(settings, code::CLIENT_EVENT, text, None), Action::Close(CloseReason::FrameLimit)];
    }
    vec![error_frame(settings, code::CLIENT_EVENT, CloseReason::FrameLimit.message(), None)]
}

/// What is said of a client event beyond a rate.
pub(super) const TOO_MANY: &str = "The rate limit for sending client events exceeded the quota.";

/// What is said of a client event of somebody who may not write in the chat.
pub(super) const SILENCED: &str = "You may not write in this chat now, neither messages nor client events.";

/// The answer to a client event that reaches nobody.
pub(super) fn refused_event(settings: &AppSettings, channel: &ChannelName, text: &str) -> Action {
    error_frame(settings, code::CLIENT_EVENT, text, Some(channel.as_str()))
}

#[cfg(test)]
mod tests;
