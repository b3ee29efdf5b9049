//! A Pusher client that says and shows everything: frames as JSON, close codes, errors. Whatever it hears is checked against
//! the description of channels and events too.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use super::{
    app::{Keys, MAIN},
    events, within,
};

/// One open socket.
#[derive(Debug)]
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The app that it signs for.
    pub(crate) keys: Keys,
    /// Its socket id; empty before the greeting.
    pub(crate) id: String,
}

/// `data` of a frame that packs JSON into a string.
pub(crate) fn inner(frame: &Value) -> Value {
    let text = frame["data"].as_str().unwrap_or_else(|| panic!("data is no string: {frame}"));
    serde_json::from_str(text).unwrap()
}

/// `channel_data` of a presence member.
pub(crate) fn member(user: &str) -> String {
    json!({ "user_id": user, "user_info": { "name": format!("Name of {user}") } }).to_string()
}

impl Client {
    /// Opens a socket; an answer other than 101 is the error.
    pub(crate) async fn open(
        server: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{server}{path}").into_client_request()?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let stream = within("connect", TcpStream::connect(server)).await?;
        stream.set_nodelay(true)?;
        let (socket, _response) = within("upgrade", client_async(request, stream)).await?;
        Ok(Self { socket, keys: MAIN, id: String::new() })
    }

    /// Takes the greeting.
    pub(crate) async fn established(&mut self) -> Value {
        let frame = self.expect("pusher:connection_established").await;
        let greeting = inner(&frame);
        greeting["socket_id"].as_str().unwrap().clone_into(&mut self.id);
        greeting
    }

    /// Sends any message.
    pub(crate) async fn send(&mut self, message: Message) {
        within("send", self.socket.send(message)).await.unwrap();
    }

    /// Sends a text frame.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a JSON frame.
    pub(crate) async fn send_json(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends several text frames in one TCP segment, so that the server reads them at one point in time.
    pub(crate) async fn send_at_once(&mut self, frames: impl IntoIterator<Item = Value>) {
        for frame in frames {
            within("send", self.socket.feed(Message::text(frame.to_string()))).await.unwrap();
        }
        within("send", self.socket.flush()).await.unwrap();
    }

    /// Sends a client event.
    pub(crate) async fn send_event(&mut self, event: &str, channel: &str, data: Value) {
        self.send_json(json!({ "event": event, "channel": channel, "data": data })).await;
    }

    /// The next message of any kind; `None` when the stream has ended.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        match within("a message", self.socket.next()).await {
            None | Some(Err(tungstenite::Error::ConnectionClosed)) => None,
            Some(Ok(message)) => {
                if let Message::Text(text) = &message {
                    events::check(text);
                }
                Some(message)
            }
            Some(Err(tungstenite::Error::Protocol(error))) => panic!("server broke the protocol: {error}"),
            Some(Err(_gone)) => None,
        }
    }

    /// The next text frame as it came.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return text.as_str().to_owned(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("expected a text frame, got {other:?}"),
            }
        }
    }

    /// The next frame as JSON.
    pub(crate) async fn frame(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next frame, which must be this event.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["event"], event, "{frame}");
        frame
    }

    /// The next frame, which must be this event on this channel.
    pub(crate) async fn expect_on(&mut self, event: &str, channel: &str) -> Value {
        let frame = self.expect(event).await;
        assert_eq!(frame["channel"], channel, "{frame}");
        frame
    }

    /// The next frame, which must be `pusher:error` with this code. Returns its message.
    pub(crate) async fn expect_error(&mut self, code: u16) -> String {
        let frame = self.expect("pusher:error").await;
        assert_eq!(frame["data"]["code"], code, "{frame}");
        frame["data"]["message"].as_str().unwrap().to_owned()
    }

    /// The next frames, which must refuse this channel for lack of authorisation.
    pub(crate) async fn expect_unauthorized(&mut self, channel: &str) {
        let frame = self.expect_on("pusher:subscription_error", channel).await;
        assert_eq!(frame["data"]["type"], "AuthError", "{frame}");
        assert_eq!(frame["data"]["status"], 401, "{frame}");
        self.expect_error(4009).await;
    }

    /// Waits until the server has handled everything sent so far. Nothing but the pong may arrive.
    pub(crate) async fn expect_silence(&mut self) {
        let before = self.drain().await;
        assert!(before.is_empty(), "expected silence, got {before:?}");
    }

    /// Waits until the server has handled everything sent so far; returns what arrived before the pong.
    pub(crate) async fn drain(&mut self) -> Vec<Value> {
        self.send_text(r#"{"event":"pusher:ping","data":{}}"#).await;
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["event"] == "pusher:pong" {
                return before;
            }
            before.push(frame);
        }
    }

    /// The close frame, which must come next: code and reason, 1005 for a close without. Then the stream must end.
    pub(crate) async fn closed_with(&mut self) -> (u16, String) {
        let (frames, code, reason) = self.until_close().await;
        assert!(frames.is_empty(), "expected the close frame, got {frames:?}");
        (code, reason)
    }

    /// Error frame and close frame with the same code and message, then the end.
    pub(crate) async fn refused_with(&mut self, code: u16) -> String {
        let message = self.expect_error(code).await;
        assert_eq!(self.closed_with().await, (code, message.clone()));
        message
    }

    /// Everything up to the close frame. Then the stream must end.
    pub(crate) async fn until_close(&mut self) -> (Vec<Value>, u16, String) {
        let mut frames = Vec::new();
        loop {
            match self.message().await {
                Some(Message::Text(text)) => frames.push(serde_json::from_str(&text).unwrap()),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                Some(Message::Close(frame)) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    let end = self.message().await;
                    assert!(end.is_none(), "after the close frame: {end:?}");
                    return (frames, code, reason);
                }
                other => panic!("expected a close frame, got {other:?}"),
            }
        }
    }

    /// Closes from the client's side and waits for the server's answer.
    pub(crate) async fn close(mut self) {
        self.send(Message::Close(None)).await;
        while self.message().await.is_some() {}
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }

    /// Gives the bare stream back, for what tungstenite would not send.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.socket.into_inner()
    }
}

/// Subscriptions and users.
impl Client {
    /// Asks for a channel without authorisation; reads nothing.
    pub(crate) async fn ask(&mut self, channel: &str) {
        self.send_json(json!({ "event": "pusher:subscribe", "data": { "channel": channel } })).await;
    }

    /// Asks for a channel with any `auth` and `channel_data`; reads nothing.
    pub(crate) async fn ask_with(&mut self, channel: &str, auth: &str, channel_data: Option<&str>) {
        let mut data = json!({ "channel": channel, "auth": auth });
        if let Some(channel_data) = channel_data {
            data["channel_data"] = json!(channel_data);
        }
        self.send_json(json!({ "event": "pusher:subscribe", "data": data })).await;
    }

    /// Asks for a guarded channel with a valid signature; reads nothing.
    pub(crate) async fn ask_signed(&mut self, channel: &str, channel_data: Option<&str>) {
        let auth = self.keys.channel_auth(&self.id, channel, channel_data);
        self.ask_with(channel, &auth, channel_data).await;
    }

    /// Subscribes to a public channel.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> Value {
        self.ask(channel).await;
        self.expect_on("pusher_internal:subscription_succeeded", channel).await
    }

    /// Subscribes to a private channel.
    pub(crate) async fn subscribe_private(&mut self, channel: &str) -> Value {
        self.ask_signed(channel, None).await;
        self.expect_on("pusher_internal:subscription_succeeded", channel).await
    }

    /// Subscribes to a presence channel as a user; returns the `presence` object of the answer.
    pub(crate) async fn join(&mut self, channel: &str, user: &str) -> Value {
        self.join_as(channel, &member(user)).await
    }

    /// Subscribes to a presence channel with this `channel_data`; returns the `presence` object of the answer.
    pub(crate) async fn join_as(&mut self, channel: &str, channel_data: &str) -> Value {
        self.ask_signed(channel, Some(channel_data)).await;
        let frame = self.expect_on("pusher_internal:subscription_succeeded", channel).await;
        inner(&frame)["presence"].take()
    }

    /// Ends a subscription. There is no answer.
    pub(crate) async fn unsubscribe(&mut self, channel: &str) {
        self.send_json(json!({ "event": "pusher:unsubscribe", "data": { "channel": channel } })).await;
    }

    /// Signs in with this `user_data`; reads nothing.
    pub(crate) async fn ask_sign_in(&mut self, user_data: &str) {
        let auth = self.keys.user_auth(&self.id, user_data);
        let data = json!({ "auth": auth, "user_data": user_data });
        self.send_json(json!({ "event": "pusher:signin", "data": data })).await;
    }

    /// Signs in as a user.
    pub(crate) async fn sign_in(&mut self, user: &str) -> Value {
        self.ask_sign_in(&json!({ "id": user, "user_info": { "name": user } }).to_string()).await;
        self.expect("pusher:signin_success").await
    }
}
