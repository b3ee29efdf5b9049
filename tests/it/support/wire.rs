//! HTTP byte by byte, over any stream: for what stock clients would not send, and to keep one connection in hand.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{answer::Answer, within};

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    /// What has been read and not yet used.
    early: Vec<u8>,
}

impl Wire<TcpStream> {
    /// Connects to a server.
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        let stream = within("connect", TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::new(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Talks over a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, early: Vec::new() }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("send", self.stream.write_all(bytes.as_ref())).await.unwrap();
        within("send", self.stream.flush()).await.unwrap();
    }

    /// Sends nothing more.
    pub(crate) async fn finish(&mut self) {
        within("finish", self.stream.shutdown()).await.unwrap();
    }

    /// Sends a request with a body of known length.
    pub(crate) async fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) {
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nHost: campanile.test\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.send(head + "\r\n" + body).await;
    }

    /// Reads more; false at the end of the stream.
    async fn more(&mut self) -> bool {
        within("bytes", self.stream.read_buf(&mut self.early)).await.unwrap_or(0) > 0
    }

    /// Tells whether the server has closed, as it must do next.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.early.is_empty() && !self.more().await
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&self.early).into_owned()
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.early.len() < count {
            assert!(self.more().await, "the stream ended after {:?}", String::from_utf8_lossy(&self.early));
        }
        self.early.drain(..count).collect()
    }

    async fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(position) = self.early.windows(end.len()).position(|window| window == end) {
                return self.take(position + end.len()).await;
            }
            assert!(self.more().await, "the stream ended after {:?}", String::from_utf8_lossy(&self.early));
        }
    }

    /// Reads one answer to its end.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.take_until(b"\r\n\r\n").await;
        let mut slots = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut slots);
        assert!(parsed.parse(&head).unwrap().is_complete());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value)));
        let mut answer = Answer { status: parsed.code.unwrap(), headers: headers.collect(), body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            answer.body = self.take(length).await;
        } else if answer.header("transfer-encoding").is_some() {
            loop {
                let line = self.take_until(b"\r\n").await;
                let size = usize::from_str_radix(text(&line).trim(), 16).unwrap();
                let chunk = self.take(size + 2).await;
                if size == 0 {
                    break;
                }
                answer.body.extend(&chunk[..size]);
            }
        }
        answer
    }
}
