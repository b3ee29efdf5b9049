//! What a connection does for its session, and what it has to wait for.
//!
//! A guarded channel may need the roster, and the roster a database. While the answer is awaited nothing more of the client is
//! handled, so that its messages keep their order; writing and keeping time go on.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{Admitted, Connection, Phase};
use crate::{
    domain::app::App,
    hub::Frame,
    protocol::{ChannelName, client_message::UserData, signature::Voucher},
    services::{
        access::{Judged, NotAdmitted, Question, Seat, Wish},
        client_event::{Refused, Sender},
        now,
        replay::Replay,
        typing::{Heard, Said},
    },
    ws::{
        session::{self, Action},
        socket::Chunk,
    },
};

/// What has to be known before a channel may be heard.
#[derive(Debug)]
enum Told {
    /// The answer about a guarded channel.
    Judged(Judged),
    /// Nothing: the channel is open, but the client wants to know what it has missed.
    Open(Wish),
}

/// An answer with what the client has missed, on its way.
type Answer = Pin<Box<dyn Future<Output = (Told, Option<Replay>)> + Send>>;

/// A question that was asked, and what the client said behind it.
pub(super) struct Waiting {
    answer: Answer,
    /// Bytes that were read and not yet handled.
    pub(super) rest: Vec<u8>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

/// The seat of a socket that was opened with a token; the token is of no use after that.
pub(super) fn seat_by_token(admitted: &mut Admitted) -> Option<Arc<Seat>> {
    let subject = admitted.identified.take()?;
    Some(admitted.live.bind_by_token(&admitted.socket, &subject.user, subject.expires_at, now()))
}

impl<Io> Connection<Io> {
    pub(super) fn act(&mut self, app: &App, action: Action, now: Instant) {
        if matches!(action, Action::Relay(..) | Action::Type { .. } | Action::Subscribe(_)) {
            self.stir();
        }
        match action {
            Action::Reply(frame) => self.send(&frame),
            Action::Subscribe(wish) => self.subscribe(&wish),
            Action::Unsubscribe(name, user) => {
                let Admitted { live, socket, .. } = &self.admitted;
                live.unsubscribe(&name, socket, user.as_ref(), self.incoming.seat.as_ref());
            }
            Action::Relay(name, frame) => self.relay(app, &name, &frame),
            Action::Type { channel, is_typing, data, frame } => {
                let said = Said { is_typing, data: data.as_deref() };
                self.take_note_of_typing(app, (&channel, said), &frame);
            }
            Action::SignIn(user, voucher) => self.sign_in(user, voucher.as_ref()),
            Action::CountIgnored => self.admitted.live.metrics().ignored_events.inc(),
            Action::Close(reason) => self.close(reason, now),
        }
    }

    /// Takes note that the client does something.
    fn stir(&self) {
        let Some(seat) = &self.incoming.seat else { return };
        let now = now();
        if seat.stir(now) {
            self.admitted.live.seat_stirred(seat, now);
        }
    }

    fn subscribe(&mut self, wish: &Wish) {
        let Admitted { live, socket, .. } = &self.admitted;
        match live.question(wish, self.incoming.seat.as_deref()) {
            Some(question) if question.needs_judging() || wish.heard().is_some() => self.put(question),
            Some(question) => self.admit(question.unasked(), None),
            None if wish.heard().is_some() => {
                let (live, teller, socket) = (Arc::clone(live), Arc::clone(&self.admitted.teller), Arc::clone(socket));
                let wish = wish.clone();
                self.wait_for(Box::pin(async move {
                    let replay = teller.catch_up(&live, &socket, (&wish, None)).await;
                    (Told::Open(wish), replay)
                }));
            }
            None => self.open(wish, None),
        }
    }

    /// Puts a question about a guarded channel. The answer is taken up by [`Connection::poll_waiting`].
    fn put(&mut self, question: Question) {
        let Admitted { live, socket, teller, .. } = &self.admitted;
        let live = Arc::clone(live);
        if question.wish().heard().is_none() {
            return self.wait_for(Box::pin(async move { (Told::Judged(live.judge(question, now()).await), None) }));
        }
        let (teller, socket) = (Arc::clone(teller), Arc::clone(socket));
        self.wait_for(Box::pin(async move {
            let judged = if question.needs_judging() {
                Arc::clone(&live).judge(question, now()).await
            } else {
                question.unasked()
            };
            // Whoever is refused has missed nothing.
            let replay = if live.refuses(&judged) {
                None
            } else {
                teller.catch_up(&live, &socket, (judged.wish(), judged.subject())).await
            };
            (Told::Judged(judged), replay)
        }));
    }

    fn wait_for(&mut self, answer: Answer) {
        self.incoming.waiting = Some(Box::new(Waiting { answer, rest: Vec::new() }));
    }

    /// Subscribes to a channel that is open to everybody.
    fn open(&mut self, wish: &Wish, replay: Option<Replay>) {
        let Admitted { live, socket, .. } = &self.admitted;
        match live.subscribe(&wish.channel, socket, wish.member.as_ref()) {
            Ok(name) => {
                self.incoming.session.subscribed(name, None);
                if let Some(replay) = replay {
                    replay.send(live, socket);
                }
            }
            Err(refused) => {
                let frame = self.incoming.session.refused(&wish.channel, refused);
                self.send(&frame);
            }
        }
    }

    /// Acts on an answer about a guarded channel. Whoever is refused gets nothing of what they missed.
    fn admit(&mut self, judged: Judged, replay: Option<Replay>) {
        let Admitted { live, socket, .. } = &self.admitted;
        let wish = judged.wish().clone();
        match live.admit(socket, &mut self.incoming.seat, judged, now()) {
            Ok(name) => {
                self.incoming.session.subscribed(name, wish.member.map(|member| member.id));
                if let Some(replay) = replay {
                    replay.send(live, socket);
                }
            }
            Err(NotAdmitted::Stale(question)) => self.put(*question),
            Err(NotAdmitted::Denied(denied)) => {
                live.metrics().count_denied(denied.reason.code());
                let frame = self.incoming.session.denied(&wish.channel, &denied);
                self.send(&frame);
            }
            Err(NotAdmitted::Refused(refused)) => {
                let frame = self.incoming.session.refused(&wish.channel, refused);
                self.send(&frame);
            }
        }
    }

    /// Waits for the answer, if one is awaited, and goes on with what the client said behind it. `Ready` when nothing is
    /// awaited any more.
    pub(super) fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(waiting) = &mut self.incoming.waiting {
            let (told, replay) = ready!(waiting.answer.as_mut().poll(context));
            let rest = self.incoming.waiting.take().map(|waiting| waiting.rest).unwrap_or_default();
            match told {
                Told::Judged(judged) => self.admit(judged, replay),
                Told::Open(wish) => self.open(&wish, replay),
            }
            match &mut self.incoming.waiting {
                Some(again) => again.rest = rest,
                None => {
                    let app = self.admitted.live.app();
                    self.handle(&app, &mut Chunk::new(&rest), Instant::now());
                }
            }
        }
        Poll::Ready(())
    }

    /// Gives up waiting, because the socket ends. What the client has said since is of no interest but for its close.
    pub(super) fn stop_waiting(&mut self) {
        if let Some(waiting) = self.incoming.waiting.take() {
            self.heard_out |= super::goodbye::has_closed(&mut self.incoming.reader, &mut Chunk::new(&waiting.rest));
        }
    }

    fn sign_in(&mut self, user: UserData, voucher: Option<&Voucher>) {
        let Admitted { live, socket, .. } = &self.admitted;
        let seat = live.bind_signed_in(socket, &user.member.id, voucher, now());
        let user = live.sign_in(socket, user, self.incoming.session.signed_in_as());
        self.incoming.seat = Some(seat);
        self.incoming.session.signed_in(user);
    }

    /// Forgets channels that were taken away, before the client's next message is judged by them.
    pub(super) fn forget_revoked(&mut self) {
        if self.incoming.seat.is_none() {
            let Admitted { live, socket, .. } = &self.admitted;
            self.incoming.seat = live.seat_since(socket.id(), &mut self.incoming.enlisted);
        }
        if let Some(seat) = &self.incoming.seat {
            let revoked = seat.take_revoked();
            self.incoming.session.forget(&revoked);
        }
    }

    fn relay(&self, app: &App, name: &ChannelName, frame: &Frame) {
        let Err(refused) = self.admitted.live.client_event(name, frame, self.sender(name), now()) else { return };
        let text = match refused {
            Refused::TooMany(_) => session::TOO_MANY,
            Refused::Silenced => session::SILENCED,
        };
        if let Action::Reply(answer) = session::refused_event(&app.settings, name, text) {
            self.send(&answer);
        }
    }

    /// The client as the sender of an event in a channel.
    fn sender(&self, channel: &ChannelName) -> Sender<'_> {
        let Admitted { socket, network, .. } = &self.admitted;
        let (user, seat) = (self.incoming.session.user_in(channel), self.incoming.seat.as_deref());
        Sender { socket: socket.id(), user, network: *network, seat }
    }

    fn take_note_of_typing(&self, app: &App, (channel, said): (&ChannelName, Said<'_>), frame: &Frame) {
        match self.admitted.live.typing_said((channel, said), self.sender(channel), now()) {
            Ok(Heard::Noted) => {}
            Ok(Heard::Foreign) => self.relay(app, channel, frame),
            Err(_exceeded) => {
                if let Action::Reply(answer) = session::refused_event(&app.settings, channel, session::TOO_MANY) {
                    self.send(&answer);
                }
            }
        }
    }

    /// Tells whether what the client says is handled now.
    pub(super) fn is_listening(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.incoming.waiting.is_none()
    }
}
