//! A WebSocket spoken byte by byte (RFC 6455), for what no library would send.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{app::TestApp, within};

/// Last frame of a message.
pub(crate) const FIN: u8 = 0x80;
/// Opcodes of RFC 6455 section 5.2.
pub(crate) const CONTINUE: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// Key of the mask; any will do.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A whole handshake for the app under test.
pub(crate) const HANDSHAKE: &str = "GET /app/app-key HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Header of a masked frame that announces `length` bytes, with the mask.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut out = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(MASK);
    out
}

/// A masked frame; `first` is its first byte: FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = header(first, payload.len() as u64);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// A masked text message in one frame.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text.as_bytes())
}

/// A masked close frame.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawFrame {
    /// FIN, reserved bits and opcode.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl RawFrame {
    /// The code of a close frame; 1005 when it has none.
    pub(crate) fn close_code(&self) -> u16 {
        assert_eq!(self.first, FIN | CLOSE, "{self:?}");
        self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
    }
}

/// A TCP connection to a server, before or after the handshake.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Opens a TCP connection and says nothing.
    pub(crate) async fn dial(server: SocketAddr) -> Self {
        let stream = within("connect", TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// [`Raw::dial`] from another address of this machine.
    pub(crate) async fn dial_from(client: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((client, 0).into()).unwrap();
        Self { stream: within("connect", socket.connect(server)).await.unwrap() }
    }

    /// Opens a socket and takes its greeting.
    pub(crate) async fn open(app: &TestApp) -> Self {
        Self::dial(app.address).await.greeted().await
    }

    /// Makes the handshake and takes the greeting.
    pub(crate) async fn greeted(mut self) -> Self {
        self.send(HANDSHAKE.as_bytes()).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(self.json().await["event"], "pusher:connection_established");
        self
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        within("send", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Sends bytes although the server may have gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        within("send", self.stream.write_all(bytes)).await.is_ok()
    }

    /// The head of an HTTP response. What follows stays unread.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match within("a head", self.stream.read_u8()).await {
                Ok(byte) => head.push(byte),
                Err(_end) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// The next frame, which must not be masked; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<RawFrame> {
        within("a frame", self.read_frame()).await
    }

    async fn read_frame(&mut self) -> Option<RawFrame> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short @ 0..=125 => u64::from(short),
            masked => panic!("a server does not mask: {masked:#x}"),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(RawFrame { first, payload })
    }

    /// The next frame, which must be a text with JSON.
    pub(crate) async fn json(&mut self) -> Value {
        let frame = self.frame().await.expect("a frame");
        assert_eq!(frame.first, FIN | TEXT, "{frame:?}");
        serde_json::from_slice(&frame.payload).unwrap()
    }

    /// The code of the close frame that comes next, which is not answered.
    pub(crate) async fn close_code(&mut self) -> u16 {
        self.frame().await.expect("a close frame").close_code()
    }

    /// Sends a Pusher ping; the pong must come next. So the socket is in order.
    pub(crate) async fn is_well(&mut self) {
        self.send(&text(r#"{"event":"pusher:ping"}"#)).await;
        assert_eq!(self.json().await["event"], "pusher:pong");
    }

    /// The code of the close frame, which must come next. Answers it, then the stream must end.
    pub(crate) async fn closed_with(&mut self) -> u16 {
        let code = self.frame().await.expect("a close frame").close_code();
        let _may_be_gone = self.try_send(&close(code, b"")).await;
        assert_eq!(self.frame().await, None);
        code
    }

    /// Waits until the server has ended the stream; what comes before is dropped.
    pub(crate) async fn ended(&mut self) {
        let mut space = [0; 4_096];
        while within("the end", self.stream.read(&mut space)).await.is_ok_and(|count| count > 0) {}
    }
}
