//! The audience against a scripted server: refusals, farewells and keep-alive.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::*;
use crate::bench::frame;

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
const GREETING: &str =
    r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}"#;
const ENROLLED: &str = r#"{"event":"pusher_internal:subscription_succeeded","channel":"news","data":"{}"}"#;

fn text(payload: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write_plain(frame::TEXT, payload.as_bytes(), &mut bytes);
    bytes
}

fn close(code: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write_plain(frame::CLOSE, &[&code.to_be_bytes()[..], b"bye"].concat(), &mut bytes);
    bytes
}

/// Seats one subscriber of "news" with a server that answers its request with these bytes and then does `after`.
fn seated<T: Send + 'static>(
    answer: Vec<u8>,
    after: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Result<Audience>, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).expect("request") > 0);
        stream.write_all(&answer).expect("answer");
        after(stream)
    });
    let plan = Plan { seats: 1, ticket: Box::new(|_| Some(Ticket::to("news"))), stallers: 0 };
    let mut audience = Audience::new(Target::bare(address), plan).expect("audience");
    let assembled = audience.assemble(&ProgressBar::hidden());
    (assembled.map(|()| audience), server)
}

/// The error that seating ends with.
fn refusal(answer: Vec<u8>) -> String {
    let (outcome, server) = seated(answer, drop);
    server.join().expect("server");
    outcome.err().expect("a refusal").to_string()
}

fn unmasked(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = bytes.split_at(6);
    body.iter().zip(head[2..].iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

#[test]
fn guarded_channels_are_signed_and_public_ones_are_not() {
    let target = Target::bare(SocketAddr::from(([127, 0, 0, 1], 1)));
    assert!(subscription(&target, "1.1", &Ticket::to("news")).contains(r#""auth":"""#));
    assert!(subscription(&target, "1.1", &Ticket::to("private-news")).contains(r#""auth":"floor:"#));
}

#[test]
fn a_wrong_key_is_told_whether_data_is_text_or_object() {
    for data in [r#"{"code":4001,"message":"no app"}"#, r#""{\"code\":4001,\"message\":\"no app\"}""#] {
        let error = text(&format!(r#"{{"event":"pusher:error","data":{data}}}"#));
        let told = refusal([SWITCHING, &error, &close(4001)].concat());
        assert!(told.ends_with("pusher:connection_established: pusher:error 4001: no app"), "{told}");
    }
}

#[test]
fn a_refused_subscription_is_told() {
    let error = text(r#"{"event":"pusher:subscription_error","channel":"news","data":{"error":"no","status":401}}"#);
    let told = refusal([SWITCHING, &text(GREETING), &error].concat());
    assert!(told.contains("subscription_succeeded: pusher:subscription_error 401: no"), "{told}");
}

#[test]
fn a_refused_upgrade_is_told_with_its_body() {
    let told = refusal(b"HTTP/1.1 404 Not Found\r\n\r\nno such path".to_vec());
    assert!(told.ends_with("HTTP 404: no such path"), "{told}");
}

#[test]
fn a_close_before_the_greeting_is_told_with_code_and_reason() {
    let told = refusal([SWITCHING, &close(4_100)].concat());
    assert!(told.ends_with("close code 4100 bye"), "{told}");
}

#[test]
fn a_greeting_in_single_bytes_is_understood() {
    let (outcome, server) = seated(Vec::new(), |mut stream| {
        stream.set_nodelay(true).expect("nodelay");
        for byte in [SWITCHING, &text(GREETING), &text(ENROLLED)].concat() {
            stream.write_all(&[byte]).expect("byte");
        }
        // Kept open: to close it with the subscription unread would take back what the client has not read yet.
        stream
    });
    let _stream = server.join().expect("server");
    assert!(outcome.is_ok());
}

#[test]
fn pings_of_both_kinds_are_answered_and_the_close_code_is_kept() {
    let mut ping = Vec::new();
    frame::write_plain(frame::PING, b"hello", &mut ping);
    let farewell = [ping, text(r#"{"event":"pusher:ping"}"#), close(4_200), text("late")].concat();
    let hello = [SWITCHING, &text(GREETING), &text(ENROLLED)].concat();
    let (outcome, server) = seated(hello, move |mut stream| {
        let mut heard = [0; 4_096];
        assert!(stream.read(&mut heard).expect("subscription") > 0);
        stream.write_all(&farewell).expect("farewell");
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).expect("answers");
        answers
    });
    let mut audience = outcome.expect("a seat");
    while audience.closings().is_empty() {
        audience.idle().expect("turn");
    }
    assert_eq!(audience.closings().get(&4_200), Some(&1));
    let answers = server.join().expect("server");
    let (pong, event) = answers.split_at(6 + "hello".len());
    assert_eq!((pong[0], unmasked(pong)), (0x80 | frame::PONG, b"hello".to_vec()));
    assert_eq!(unmasked(event), br#"{"event":"pusher:pong","data":{}}"#);
}
