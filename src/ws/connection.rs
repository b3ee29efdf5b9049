//! One open socket: one task that reads, writes and keeps time.
//!
//! No helper tasks, no locks across an await, no buffers while idle. Whatever ends the task, dropping the `Connection`
//! ends its subscriptions, its sign-in and its place in the table.

mod acts;
mod goodbye;

use std::{
    future::poll_fn,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep_until},
};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

pub use self::goodbye::refuse;
use self::{acts::Waiting, goodbye::has_closed};
use super::{
    Config,
    session::{self, Session},
    socket::{Chunk, Progress, READ_BYTES, Reader, Writer, Written},
};
use crate::{
    domain::{app::App, caller::Subject},
    hub::{Frame, Socket},
    protocol::{CloseReason, server_message},
    services::{LiveApp, Teller, access::Seat, now, sockets::Place},
    throttle::Network,
};

/// A socket that may be served.
#[derive(Debug)]
pub struct Admitted {
    /// Its app.
    pub live: Arc<LiveApp>,
    /// Tells what was missed.
    pub teller: Arc<Teller>,
    /// Its handle; entered in the app's hub.
    pub socket: Arc<Socket>,
    /// Its place on the node.
    pub place: Place,
    /// The network it comes from.
    pub network: Network,
    /// The client told its name, as Pusher libraries do; those answer `pusher:ping`.
    pub announced: bool,
    /// The person whose token came with the handshake.
    pub identified: Option<Box<Subject>>,
}

/// Gives the place in the app's table back, whatever became of the socket: even when the handshake's answer was never
/// written.
impl Drop for Admitted {
    fn drop(&mut self) {
        self.live.forget_socket(&self.socket);
    }
}

#[derive(Debug)]
enum Phase {
    Open,
    /// The socket ends from our side: what is queued goes out, then goodbye is said, then the client may answer. Nothing
    /// that it says counts any more.
    Closing {
        until: Instant,
        said: bool,
    },
    /// The client has closed: what is queued goes out, then the answer to its close frame, if it sent one.
    Answering {
        until: Instant,
        answer: Option<Frame>,
    },
}

/// What is known about the client being alive.
#[derive(Debug)]
struct KeepAlive {
    last_seen: Instant,
    /// When the server asked, unless something came since.
    pinged: Option<Instant>,
    /// The client has sent a WebSocket ping or pong, so it will answer one.
    uses_control_frames: bool,
    /// Silence after which the server asks; the app's setting when the client was last heard.
    interval: Duration,
}

/// What the client's messages need.
#[derive(Debug)]
struct Incoming {
    reader: Reader,
    session: Session,
    /// What is known about the socket's user and guarded channels; absent as long as it has neither.
    seat: Option<Arc<Seat>>,
    /// How many sockets had been given a seat by others when this one looked last.
    enlisted: u64,
    /// The subscription that waits for the roster. Nothing is read meanwhile.
    waiting: Option<Box<Waiting>>,
}

/// An open socket and all its state.
#[derive(Debug)]
struct Connection<Io> {
    io: Io,
    writer: Writer,
    /// Apart, because only what the client sends needs it: what is written to thousands touches less memory then.
    incoming: Box<Incoming>,
    admitted: Admitted,
    keep_alive: KeepAlive,
    /// Since when a started message has not ended.
    unfinished_since: Option<Instant>,
    /// Since when a write has not moved.
    blocked_since: Option<Instant>,
    phase: Phase,
    /// The client has sent its close frame or ended its stream: there is nothing more to read.
    heard_out: bool,
    config: Arc<Config>,
}

/// Serves one socket until it ends. `early` are bytes that came right behind the handshake.
///
/// # Cancel safety
/// Dropping the future ends the socket's subscriptions like any other end; the client sees no close frame.
pub async fn serve<Io>(io: Io, early: Bytes, mut admitted: Admitted, config: Arc<Config>)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let now = Instant::now();
    let app = admitted.live.app();
    let mut connection = Connection {
        io,
        incoming: Box::new(Incoming {
            reader: Reader::new(app.settings.max_message_bytes as usize),
            session: Session::new(admitted.socket.id()),
            seat: acts::seat_by_token(&mut admitted),
            enlisted: 0,
            waiting: None,
        }),
        writer: Writer::default(),
        keep_alive: KeepAlive {
            last_seen: now,
            pinged: None,
            uses_control_frames: false,
            interval: ping_interval(&app),
        },
        unfinished_since: None,
        blocked_since: None,
        phase: Phase::Open,
        heard_out: false,
        config,
        admitted,
    };
    let timeout = app.settings.activity_timeout;
    connection.send(&Frame::text(|out| {
        server_message::connection_established(out, connection.admitted.socket.id(), timeout);
    }));
    if !early.is_empty() {
        connection.on_bytes(&app, &early, now);
    }
    // They are a slice of the buffer that read the handshake; an idle socket must not hold it.
    drop(early);
    drop(app);
    let mut timer = pin!(sleep_until(connection.deadline()));
    // The timer learns the task's waker once; later it need not be asked, it wakes the task when it has elapsed.
    poll_fn(|context| {
        let _not_yet = poll_timer(timer.as_mut(), context);
        Poll::Ready(())
    })
    .await;
    poll_fn(|context| connection.poll(context, timer.as_mut())).await;
}

/// Asks the timer, which learns the task's waker by it. Outside of the task's budget: a timer that was not asked because the
/// budget was used up would never wake anybody.
fn poll_timer(timer: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(timer)).poll(context)
}

fn ping_interval(app: &App) -> Duration {
    Duration::from_secs(app.settings.ping_interval.into())
}

impl<Io> Connection<Io> {
    fn send(&self, frame: &Frame) {
        self.admitted.live.hub.send(&self.admitted.socket, frame);
    }

    /// Handles bytes of the client; what they ask for is queued.
    fn on_bytes(&mut self, app: &App, bytes: &[u8], now: Instant) {
        self.admitted.live.metrics().socket_received_bytes.inc_by(bytes.len() as u64);
        self.incoming.reader.set_max_bytes(app.settings.max_message_bytes as usize);
        self.keep_alive.interval = ping_interval(app);
        self.incoming.reader.begin(bytes.len());
        self.handle(app, &mut Chunk::new(bytes), now);
    }

    /// Handles messages until there are none, the socket ends, or one of them has to wait.
    fn handle(&mut self, app: &App, chunk: &mut Chunk<'_>, now: Instant) {
        while self.is_listening() {
            match self.incoming.reader.next(chunk) {
                Ok(None) => break,
                Ok(Some(message)) => self.on_message(app, &message, now),
                Err(Some(reason)) => return self.close(reason, now),
                Err(None) => return self.answer_close(None, now),
            }
        }
        if let Some(waiting) = &mut self.incoming.waiting {
            waiting.rest.extend_from_slice(chunk.rest());
            self.unfinished_since = None;
            return;
        }
        if matches!(self.phase, Phase::Closing { .. }) {
            self.heard_out |= has_closed(&mut self.incoming.reader, chunk);
        }
        self.unfinished_since = self.incoming.reader.is_unfinished().then(|| self.unfinished_since.unwrap_or(now));
    }

    fn on_message(&mut self, app: &App, message: &Message, now: Instant) {
        self.forget_revoked();
        self.keep_alive.last_seen = now;
        self.keep_alive.pinged = None;
        self.admitted.live.metrics().ws_messages_received.inc();
        if let Some(reason) = self.incoming.session.on_frame(&app.settings, now.into_std()) {
            self.admitted.live.metrics().count_rate_limited("connection");
            return self.close(reason, now);
        }
        match message {
            Message::Text(text) => {
                for action in self.incoming.session.on_text(app, text.as_str(), now.into_std()) {
                    self.act(app, action, now);
                }
            }
            Message::Ping(data) => {
                self.keep_alive.uses_control_frames = true;
                self.send(&Frame::pong(data));
            }
            Message::Pong(_) => self.keep_alive.uses_control_frames = true,
            Message::Close(frame) => self.answer_close(frame.as_ref(), now),
            Message::Binary(_) | Message::Frame(_) => self.close(CloseReason::BinaryFrame, now),
        }
    }

    /// Ends the socket for a fault of the client: nothing it sent later is handled any more.
    fn close(&mut self, reason: CloseReason, now: Instant) {
        self.admitted.socket.outbox().end(reason);
        self.begin_to_close(now);
    }

    /// Takes note that the outbox has ended, by this task or by anybody else. A client that does not read what is queued has
    /// until the stall timeout, however slowly it reads.
    fn begin_to_close(&mut self, now: Instant) {
        self.stop_waiting();
        if self.admitted.socket.outbox().ending() == Some(CloseReason::SlowConsumer) {
            self.writer.drop_waiting();
        }
        self.phase = Phase::Closing { until: now + self.config.stall_timeout, said: false };
    }

    /// Answers the client's close frame with the same code.
    fn answer_close(&mut self, frame: Option<&CloseFrame>, now: Instant) {
        let answer = frame.map_or_else(Frame::bare_close, |frame| Frame::close(frame.code.into(), ""));
        self.hear_out(Some(answer), now);
    }

    /// The client will say nothing more.
    fn hear_out(&mut self, answer: Option<Frame>, now: Instant) {
        self.heard_out = true;
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Answering { until: now + self.config.close_timeout, answer };
        }
    }

    /// When something must happen at the latest.
    fn deadline(&self) -> Instant {
        let (until, unfinished_since) = match self.phase {
            Phase::Open => (self.ping_deadline(), self.unfinished_since),
            Phase::Closing { until, .. } | Phase::Answering { until, .. } => (until, None),
        };
        let stalled = [unfinished_since, self.blocked_since].into_iter().flatten().min();
        stalled.map_or(until, |since| until.min(since + self.config.stall_timeout))
    }

    fn ping_deadline(&self) -> Instant {
        match self.keep_alive.pinged {
            Some(asked) => asked + self.config.pong_timeout,
            None => self.keep_alive.last_seen + self.keep_alive.interval,
        }
    }

    /// Does what is due; `Ready` when the socket is over.
    fn on_timer(&mut self, now: Instant) -> Poll<()> {
        let stall = self.config.stall_timeout;
        let is_over = |since: Option<Instant>| since.is_some_and(|since| now >= since + stall);
        match self.phase {
            Phase::Closing { until, .. } | Phase::Answering { until, .. } if now >= until => return Poll::Ready(()),
            _ if is_over(self.blocked_since) => return Poll::Ready(()),
            Phase::Open if is_over(self.unfinished_since) => self.close(CloseReason::MessageTooSlow, now),
            Phase::Open if now >= self.ping_deadline() => match self.keep_alive.pinged {
                Some(_) => self.close(CloseReason::PongTimeout, now),
                None => self.ask(now),
            },
            _ => {}
        }
        Poll::Pending
    }

    /// Asks whether the client is there: with what it understands, or with both when nothing is known about it.
    fn ask(&mut self, now: Instant) {
        self.keep_alive.pinged = Some(now);
        if !self.keep_alive.uses_control_frames {
            self.send(&Frame::text(server_message::ping));
        }
        if self.keep_alive.uses_control_frames || !self.admitted.announced {
            self.send(&Frame::ping());
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Connection<Io> {
    fn poll(&mut self, context: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        loop {
            if matches!(self.phase, Phase::Open) && self.admitted.socket.outbox().is_ending() {
                self.begin_to_close(Instant::now());
            }
            if self.poll_incoming(context).is_ready() || self.poll_outgoing(context).is_ready() {
                return Poll::Ready(());
            }
            let deadline = self.deadline();
            if deadline >= timer.deadline() && !timer.is_elapsed() {
                return Poll::Pending;
            }
            if timer.is_elapsed() && self.on_timer(Instant::now()).is_ready() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline());
            // What the timer's work queued has woken this task again.
            ready!(poll_timer(timer.as_mut(), context));
        }
    }

    /// Reads until nothing is there; `Ready` when the stream is broken.
    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_waiting(context));
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        while !self.heard_out {
            let mut buffer = ReadBuf::uninit(&mut space);
            if ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)).is_err() {
                return Poll::Ready(());
            }
            let now = Instant::now();
            match self.phase {
                _ if buffer.filled().is_empty() => self.hear_out(None, now),
                Phase::Open => {
                    let app = self.admitted.live.app();
                    self.on_bytes(&app, buffer.filled(), now);
                    ready!(self.poll_waiting(context));
                }
                // Only the client's own close counts; everything else is dropped.
                Phase::Closing { .. } => {
                    self.heard_out = has_closed(&mut self.incoming.reader, &mut Chunk::new(buffer.filled()));
                }
                Phase::Answering { .. } => {}
            }
        }
        Poll::Pending
    }

    /// Writes what waits; `Ready` when the socket is over.
    fn poll_outgoing(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = Progress::default();
        let outcome = self.poll_drain(context, &mut progress);
        let metrics = self.admitted.live.metrics();
        if progress.bytes > 0 {
            metrics.socket_transmitted_bytes.inc_by(progress.bytes as u64);
            metrics.ws_messages_sent.inc_by(progress.frames as u64);
        }
        self.blocked_since = match (outcome.is_pending() && self.writer.is_blocked(), self.blocked_since) {
            (true, Some(since)) if progress.bytes == 0 => Some(since),
            (true, _) => Some(Instant::now()),
            (false, _) => None,
        };
        outcome
    }

    fn poll_drain(&mut self, context: &mut Context<'_>, progress: &mut Progress) -> Poll<()> {
        let outbox = self.admitted.socket.outbox();
        let Ok(written) = ready!(self.writer.poll_drain(&mut self.io, context, outbox, progress)) else {
            return Poll::Ready(());
        };
        if let Phase::Answering { answer, .. } = &mut self.phase {
            if let Some(answer) = answer.take() {
                self.writer.push_last(answer);
            }
            // Once it is out, the server closes the TCP connection first (RFC 6455 section 7.1.1).
            return self.writer.poll_flush(&mut self.io, context).map(drop);
        }
        match written {
            Written::Everything => Poll::Pending,
            Written::End(reason) => self.say_goodbye(context, reason),
        }
    }

    /// Queues error and close frame once, then waits for the client's close.
    fn say_goodbye(&mut self, context: &mut Context<'_>, reason: CloseReason) -> Poll<()> {
        if !matches!(self.phase, Phase::Closing { said: true, .. }) {
            let app = self.admitted.live.app();
            if reason.has_error_frame() {
                self.writer.push_last(session::closing_error(reason, app.settings.reverb_parity));
            }
            self.writer.push_last(Frame::close(reason.code(), reason.message()));
            self.admitted.live.metrics().count_closed(reason.code());
            self.phase = Phase::Closing { until: Instant::now() + self.config.close_timeout, said: true };
        }
        match ready!(self.writer.poll_flush(&mut self.io, context)) {
            Ok(()) if self.heard_out => Poll::Ready(()),
            // Its close cannot be understood any more, so our half ends and what it still sends is dropped until its half
            // ends too. Ending both halves at once would lose the close frame: unread bytes reset the connection.
            Ok(()) if self.incoming.reader.has_failed() => {
                let _ended_or_gone = ready!(Pin::new(&mut self.io).poll_shutdown(context));
                Poll::Pending
            }
            Ok(()) => Poll::Pending,
            Err(_gone) => Poll::Ready(()),
        }
    }
}

impl<Io> Drop for Connection<Io> {
    fn drop(&mut self) {
        let Admitted { live, socket, .. } = &self.admitted;
        let Incoming { session, seat, .. } = &*self.incoming;
        live.close_socket(socket, session.subscriptions(), session.signed_in_as(), (seat.as_deref(), now()));
    }
}

#[cfg(test)]
mod tests;
