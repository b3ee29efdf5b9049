//! An HTTP/1.1 client for one address, small enough to cost nothing beside the server.
//!
//! Keeps its connection when the server does, and opens another without fuss when the server closes after each answer,
//! as Reverb and soketi do. Blocking: each publisher thread owns one. It knows nothing of signatures.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{Error, Result, target::Target};
use crate::domain::app::Secret;

/// How long a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read.
const LONGEST: usize = 1 << 20;
const HEADERS: usize = 64;

/// What the server said.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status code.
    pub(super) status: u16,
    /// Body.
    pub(super) body: Vec<u8>,
}

/// A request to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Method.
    pub(super) method: &'a str,
    /// Path with its query.
    pub(super) path: &'a str,
    /// The user on whose behalf a program sends it.
    pub(super) user: Option<&'a str>,
    /// Body; JSON, or nothing.
    pub(super) body: &'a [u8],
}

/// A client with at most one connection.
#[derive(Debug)]
pub(super) struct Client<'a> {
    target: &'a Target,
    /// Sent as `Authorization: Bearer`.
    token: Option<Secret>,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Connections opened so far.
    pub(super) opened: u64,
}

/// The head of an answer, and how the body ends.
struct Head {
    status: u16,
    length: usize,
    end: End,
    keep: bool,
}

enum End {
    Length(usize),
    Chunked,
    Close,
}

impl Answer {
    /// The answer, if the server did what it was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] for every status but 2xx.
    pub(super) fn granted(self) -> Result<Self> {
        if matches!(self.status, 200..=299) { Ok(self) } else { Err(self.refusal()) }
    }

    /// The error that a refusal is.
    pub(super) fn refusal(&self) -> Error {
        Error::Api { status: self.status, text: excerpt(&self.body) }
    }
}

impl<'a> Client<'a> {
    /// Makes a client that will connect when it is first used.
    pub(super) fn new(target: &'a Target) -> Self {
        Self { target, token: None, stream: None, request: Vec::new(), answer: Vec::new(), opened: 0 }
    }

    /// Makes a client that proves with a token who it is.
    pub(super) fn with_token(target: &'a Target, token: Secret) -> Self {
        Self { token: Some(token), ..Self::new(target) }
    }

    /// Posts `body` to the path and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub(super) fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer> {
        self.send(Request { method: "POST", path, user: None, body })
    }

    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, breaks off, or says something that is not HTTP.
    pub(super) fn send(&mut self, request: Request<'_>) -> Result<Answer> {
        self.compose(request);
        if let Some(stream) = self.stream.take()
            && let Some(answer) = self.exchange(stream)?
        {
            return Ok(answer);
        }
        // Either the first request, or the server closed the connection it had kept.
        let stream = self.connect()?;
        self.exchange(stream)?.ok_or(Error::Http("the server closed the connection without an answer"))
    }

    fn compose(&mut self, Request { method, path, user, body }: Request<'_>) {
        let host = &self.target.authority;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n",
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        let headers = [("Authorization: Bearer ", self.token.as_ref().map(Secret::expose)), ("X-On-Behalf-Of: ", user)];
        for (name, value) in headers {
            if let Some(value) = value {
                self.request.extend_from_slice(name.as_bytes());
                self.request.extend_from_slice(value.as_bytes());
                self.request.extend_from_slice(b"\r\n");
            }
        }
        self.request.extend_from_slice(b"\r\n");
        self.request.extend_from_slice(body);
    }

    fn connect(&mut self) -> Result<TcpStream> {
        let address = self.target.address;
        let failed = |source| Error::Connect { address, source };
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        self.opened = self.opened.saturating_add(1);
        Ok(stream)
    }

    /// One request and answer; None when the connection was closed before the first byte of the answer.
    fn exchange(&mut self, mut stream: TcpStream) -> Result<Option<Answer>> {
        if stream.write_all(&self.request).is_err() {
            return Ok(None);
        }
        self.answer.clear();
        let head = loop {
            if let Some(head) = parse_head(&self.answer)? {
                break head;
            }
            match self.read_more(&mut stream) {
                Ok(0) if self.answer.is_empty() => return Ok(None),
                Err(error) if self.answer.is_empty() && error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Ok(0) => return Err(Error::Http("the server broke off within the head of an answer")),
                Ok(_) => {}
                Err(source) => return Err(Error::Io { what: "read an API answer", source }),
            }
        };
        let body = self.read_body(&mut stream, &head)?;
        if head.keep {
            self.stream = Some(stream);
        }
        Ok(Some(Answer { status: head.status, body }))
    }

    fn read_body(&mut self, stream: &mut TcpStream, head: &Head) -> Result<Vec<u8>> {
        loop {
            let body = self.answer.get(head.length..).unwrap_or_default();
            let complete = match head.end {
                End::Length(length) => body.len() >= length,
                End::Chunked => body.ends_with(b"0\r\n\r\n"),
                End::Close => false,
            };
            if complete || self.answer.len() > LONGEST {
                return Ok(body.to_vec());
            }
            match self.read_more(stream) {
                Ok(0) if matches!(head.end, End::Close) => {
                    return Ok(self.answer.get(head.length..).unwrap_or_default().to_vec());
                }
                Ok(0) => return Err(Error::Http("the server broke off within the body of an answer")),
                Ok(_) => {}
                Err(source) => return Err(Error::Io { what: "read an API answer", source }),
            }
        }
    }

    fn read_more(&mut self, stream: &mut TcpStream) -> std::io::Result<usize> {
        let mut piece = [0; 4_096];
        let count = stream.read(&mut piece)?;
        self.answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Error::Http("the answer is not HTTP/1")),
    };
    let status = response.code.unwrap_or_default();
    let mut keep = response.version == Some(1);
    let mut end = if matches!(status, 204 | 304) { End::Length(0) } else { End::Close };
    for header in response.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_ignored| Error::Http("the answer's Content-Length is no number"))?;
            end = End::Length(length);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            end = End::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            keep = false;
        }
    }
    keep &= !matches!(end, End::Close);
    Ok(Some(Head { status, length, end, keep }))
}

/// The beginning of a text that came from a server, fit for an error message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().chars().filter(|letter| !letter.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Answers each connection's requests with the texts of one list, then closes it.
    fn serve(connections: Vec<Vec<&'static str>>) -> (Target, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let server = thread::spawn(move || {
            for answers in connections {
                let (mut stream, _) = listener.accept().expect("accept");
                for answer in answers {
                    let mut request = [0; 4_096];
                    assert!(stream.read(&mut request).expect("request") > 0);
                    stream.write_all(answer.as_bytes()).expect("answer");
                }
            }
        });
        (Target::bare(address), server)
    }

    #[test]
    fn a_kept_connection_is_used_again() {
        let (target, server) = serve(vec![vec![
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno!",
        ]]);
        let mut client = Client::new(&target);
        assert_eq!(client.post("/a", b"1").expect("first").body, b"{}");
        assert_eq!(client.post("/a", b"2").expect("second").status, 200);
        let third = client.post("/a", b"3").expect("third");
        assert_eq!((third.status, third.body.as_slice(), client.opened), (401, b"no!".as_slice(), 1));
        server.join().expect("server");
    }

    #[test]
    fn a_closing_server_is_connected_to_again() {
        let announced = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let silent = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let unbounded = "HTTP/1.0 200 OK\r\n\r\n{}";
        let (target, server) = serve(vec![vec![announced], vec![silent], vec![unbounded]]);
        let mut client = Client::new(&target);
        for _ in 0..3 {
            assert_eq!(client.post("/a", b"x").expect("answer").body, b"{}");
        }
        assert_eq!(client.opened, 3);
        server.join().expect("server");
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        let (target, server) = serve(vec![vec!["hello\r\n\r\n"]]);
        assert!(matches!(Client::new(&target).post("/a", b"x"), Err(Error::Http(_))));
        server.join().expect("server");
    }
}
