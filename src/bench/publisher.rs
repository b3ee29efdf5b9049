//! The publishers: threads that post events or messages over HTTP, on schedule or as fast as answers come.
//!
//! Owns the numbering of events and the signing of requests.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    Result,
    clock::{self, Epoch, Pace},
    crew::Crew,
    http::{Answer, Client},
    marker::Marker,
    message,
    target::Target,
};
use crate::domain::app::Secret;

/// By which way something is published.
#[derive(Debug, Clone, Copy)]
pub(super) enum Medium<'a> {
    /// As events of the Pusher API, to channels that take turns.
    Events {
        /// The channels.
        channels: &'a [String],
    },
    /// As messages in a chat.
    Chat {
        /// Id of the chat.
        id: &'a str,
        /// API key that may write there.
        key: &'a Secret,
    },
}

/// What is published.
#[derive(Debug)]
pub(super) struct Edition<'a> {
    /// Where to.
    pub(super) target: &'a Target,
    /// How.
    pub(super) medium: Medium<'a>,
    /// When.
    pub(super) pace: Pace,
    /// The time markers count from.
    pub(super) epoch: Epoch,
    /// Number of the first event.
    pub(super) first: u32,
    /// Bytes of event data.
    pub(super) payload: usize,
    /// Publishers at work.
    pub(super) publishers: u32,
}

/// The publishers' common state.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    edition: Edition<'a>,
    /// The next event to take; each is taken by one publisher.
    next: AtomicU32,
    errors: AtomicU64,
    connections: AtomicU64,
    /// The publishers; what they have done is what the server has accepted.
    pub(super) crew: Crew,
}

impl<'a> Desk<'a> {
    /// Prepares the publishers; each of the edition's threads then calls [`Desk::work`] once.
    pub(super) fn new(edition: Edition<'a>) -> Self {
        Self {
            next: AtomicU32::new(0),
            errors: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            crew: Crew::of(edition.publishers),
            edition,
        }
    }

    /// Publishes until the edition is out, the desk is closed or the server refuses for good.
    pub(super) fn work(&self) {
        self.crew.work(|| self.publish_all());
    }

    /// Events that the server did not accept, without ending the run.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Acquire)
    }

    /// TCP connections opened.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    fn publish_all(&self) -> Result<()> {
        let target = self.edition.target;
        let mut client = match self.edition.medium {
            Medium::Events { .. } => Client::new(target),
            Medium::Chat { key, .. } => Client::with_token(target, key.clone()),
        };
        let mut press = Press { signs_prefix: true };
        let outcome = loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = self.edition.pace.due(index) else {
                break Ok(());
            };
            if !clock::sleep_until(due, || self.crew.is_over()) {
                break Ok(());
            }
            match press.publish(&self.edition, &mut client, index, due) {
                Ok(answer) => match self.judge(&answer) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        self.connections.fetch_add(client.opened, Ordering::AcqRel);
        outcome
    }

    /// Counts an answer. What will not get better by trying again ends the run.
    fn judge(&self, answer: &Answer) -> Result<()> {
        match answer.status {
            200..=299 => self.crew.count(),
            429 | 500..=599 => drop(self.errors.fetch_add(1, Ordering::AcqRel)),
            _ => return Err(answer.refusal()),
        }
        Ok(())
    }
}

/// What one publisher has learnt about the server.
struct Press {
    /// Whether signatures cover the path prefix. Servers differ; the first 401 decides.
    signs_prefix: bool,
}

impl Press {
    fn publish(&mut self, edition: &Edition<'_>, client: &mut Client<'_>, index: u32, due: u64) -> Result<Answer> {
        let marker = Marker { number: edition.first.saturating_add(index), micros: edition.epoch.micros(due) };
        let data = message::data(marker, edition.payload);
        let channels = match edition.medium {
            Medium::Events { channels } => channels,
            Medium::Chat { id, .. } => {
                let path = format!("{}/api/chat/messages", edition.target.prefix);
                return client.post(&path, message::chat_message(id, &data).as_bytes());
            }
        };
        let turn = usize::try_from(index).unwrap_or_default().checked_rem(channels.len());
        let channel = turn.and_then(|turn| channels.get(turn)).map(String::as_str).unwrap_or_default();
        let body = message::publication(channel, &data);
        let answer = self.post(edition.target, client, body.as_bytes())?;
        if answer.status != 401 || edition.target.prefix.is_empty() || !self.signs_prefix {
            return Ok(answer);
        }
        self.signs_prefix = false;
        self.post(edition.target, client, body.as_bytes())
    }

    fn post(&self, target: &Target, client: &mut Client<'_>, body: &[u8]) -> Result<Answer> {
        let path = target.events_path();
        let full = format!("{}{path}", target.prefix);
        let signed = if self.signs_prefix { &full } else { &path };
        let query = target.signer.query(signed, body, unix_seconds());
        client.post(&format!("{full}?{query}"), body)
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::*;
    use crate::bench::{Error, clock::SECOND};

    /// Publishes `events` to an API that gives the answers by turns; returns its requests and the desk's verdict.
    fn publish(prefix: &str, events: u32, answers: &'static [&'static str]) -> (Vec<String>, u64, u64, Option<Error>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let mut target = Target::bare(listener.local_addr().expect("address"));
        prefix.clone_into(&mut target.prefix);
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accept");
            let respond = |answer: &&str| {
                let mut request = [0; 4_096];
                let count = stream.read(&mut request).expect("request");
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 2\r\n\r\nxx").expect("answer");
                String::from_utf8_lossy(&request[..count]).into_owned()
            };
            answers.iter().map(respond).collect::<Vec<_>>()
        });
        let pace = Pace { rate: 0, events, start: 0, end: clock::now() + 60 * SECOND };
        let channels = ["a".to_owned(), "b".to_owned()];
        let epoch = Epoch::start();
        let desk = Desk::new(Edition {
            target: &target,
            medium: Medium::Events { channels: &channels },
            pace,
            epoch,
            first: 7,
            payload: 64,
            publishers: 1,
        });
        desk.work();
        let requests = server.join().expect("server");
        (requests, desk.crew.done(), desk.errors(), desk.crew.fault())
    }

    #[test]
    fn channels_take_turns_and_events_are_numbered() {
        let (requests, published, errors, fault) = publish("", 2, &["200 OK", "200 OK"]);
        assert_eq!((published, errors, fault.is_none()), (2, 0, true));
        assert!(requests[0].contains(r#""channels":["a"]"#) && requests[0].contains("~00000007"), "{}", requests[0]);
        assert!(requests[1].contains(r#""channels":["b"]"#) && requests[1].contains("~00000008"), "{}", requests[1]);
    }

    #[test]
    fn overload_is_counted_and_refusal_ends_the_run() {
        let (_, published, errors, fault) = publish("", 9, &["429 Slow", "503 Busy", "200 OK", "401 No"]);
        assert_eq!((published, errors), (1, 2));
        assert!(matches!(fault, Some(Error::Api { status: 401, .. })), "{fault:?}");
    }

    #[test]
    fn a_server_that_signs_without_its_prefix_is_understood() {
        let (requests, published, _, fault) = publish("/rt", 2, &["401 No", "200 OK", "200 OK"]);
        assert_eq!((published, fault.is_none()), (2, true));
        assert!(requests.iter().all(|request| request.starts_with("POST /rt/apps/")), "{requests:?}");
    }
}
