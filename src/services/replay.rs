//! Catching up: a socket that comes back to a channel gets what it has missed, or is told that it cannot.
//!
//! Most of it is read while others go on. Then the turn of the [`Teller`] is taken, the rest is read, and a [`Replay`] keeps the
//! turn until the socket has subscribed and been sent everything: so nothing is told in between, and nothing twice. Never a part
//! of what was missed is sent: either all of it or the event `stream:gap`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::OwnedMutexGuard, time::timeout};

use super::{
    LiveApp, Teller,
    access::{self, Wish, is_kept_from_observers},
    now,
    shadow::Reader,
    streams, tell,
};
use crate::{
    dialect::{
        route,
        spelling::{self, Grammar},
        stream,
    },
    domain::{
        access::Topic,
        app::App,
        fact::{Position, topic_key},
        stream::Heard,
    },
    hub::{Frame, Socket},
    ids::UserId,
    protocol::{ChannelName, server_message},
    store::{self, Kept, MAX_PAGE, Missed, Store},
};

/// Most events that are sent again.
pub const MOST: usize = 1_000;

/// Longest time for reading what was missed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a socket has missed of a channel, ready to be sent. As long as it is there nothing else is told.
#[derive(Debug)]
pub struct Replay {
    frames: Vec<Frame>,
    bytes: usize,
    /// What is sent instead, should the frames not fit.
    gap: Frame,
    /// Some of what was missed is not there.
    is_gap: bool,
    /// The lane and the turn.
    _turn: Option<[OwnedMutexGuard<()>; 2]>,
}

impl Replay {
    /// Sends it to the socket, which has just subscribed.
    pub fn send(self, live: &LiveApp, socket: &Socket) {
        if self.is_gap || self.bytes > socket.outbox().room() {
            return live.hub.send(socket, &self.gap);
        }
        for frame in &self.frames {
            live.hub.send(socket, frame);
        }
    }
}

impl Teller {
    /// What the client has missed of the channel that it wants to hear, and may; `None` where it does not say how far it has
    /// heard, and where there is nothing to be missed.
    ///
    /// `user` is whose socket it is, as far as that is known: of a chat they get no messages that are not for them.
    pub async fn catch_up(
        &self,
        live: &LiveApp,
        socket: &Socket,
        (wish, user): (&Wish, Option<&UserId>),
    ) -> Option<Replay> {
        let (app, channel, heard) = (live.app(), &wish.channel, wish.heard()?);
        let topic = route::topic(channel, &app.settings.channel_routes);
        let mut spelled = spelling::channels(&topic).into_iter();
        let (_, grammar) = spelled.find(|(name, _)| name == channel.as_str())?;
        let key = topic_key(&topic)?;
        let judged = async {
            let reader = live.reader(user, &topic, now()).await?;
            Ok::<_, access::Error>((reader, live.is_wish_of_observer((wish, socket.id()), &topic, now()).await?))
        };
        let judged = judged.await;
        let mut reading = Reading {
            store: self.store(),
            app: &app,
            key: &key,
            hidden: hidden(live, &topic, user).await,
            judged: judged.ok(),
            spelled: (channel, grammar),
            socket,
            // The other half is for the answer to the subscription, and for what goes on.
            room: socket.outbox().room() / 2,
            at: None,
            events: 0,
            frames: Vec::new(),
            bytes: 0,
        };
        let turn = match timeout(PATIENCE, self.read(&mut reading, heard)).await {
            // What was their own is in their own stream.
            Ok(Ok(_)) if topic == Topic::Notices && live.is_known(socket.id()) => None,
            Ok(Ok(turn)) => turn,
            Ok(Err(error)) => {
                tracing::warn!(app.id = %app.id, %error, "what a socket has missed cannot be read");
                None
            }
            Err(_elapsed) => None,
        };
        Some(reading.end(turn).await)
    }

    /// Reads everything that was missed, and takes the turn; `None` when there is a gap.
    async fn read(&self, reading: &mut Reading<'_>, heard: &Heard) -> store::Result<Option<[OwnedMutexGuard<()>; 2]>> {
        if reading.judged.is_none() {
            return Ok(None);
        }
        let before = self.rounds.load(Ordering::Acquire);
        reading.begin(heard).await?;
        reading.read_on().await?;
        if reading.at.is_none() {
            return Ok(None);
        }
        let lane = Arc::clone(&self.lane).lock_owned().await;
        let turn = self.hush().await?;
        if self.rounds.load(Ordering::Acquire) != before {
            reading.read_on().await?;
        }
        Ok(reading.at.is_some().then_some([lane, turn]))
    }
}

/// Up to which message of a chat nothing is sent again; all of them, where it cannot be told.
async fn hidden(live: &LiveApp, topic: &Topic, user: Option<&UserId>) -> i64 {
    let Topic::Chat(chat) = topic else { return 0 };
    match live.chat(chat).await {
        Ok(Some(circle)) => circle.hidden_from(user),
        Ok(None) => i64::MAX,
        Err(error) => {
            tracing::warn!(app.id = %live.app().id, %chat, %error, "what is not for a socket cannot be read");
            i64::MAX
        }
    }
}

/// A stream that is being read for a socket.
struct Reading<'a> {
    store: &'a Store,
    app: &'a App,
    key: &'a str,
    /// Messages of a chat up to this number are not for whoever hears it.
    hidden: i64,
    /// As whom it reads, and whether it hears only what observers hear; `None` = that cannot be told now.
    judged: Option<(Reader, bool)>,
    spelled: (&'a ChannelName, Grammar),
    socket: &'a Socket,
    /// Most bytes of frames.
    room: usize,
    /// How far it has been read; `None` = there is a gap.
    at: Option<Position>,
    events: usize,
    frames: Vec<Frame>,
    bytes: usize,
}

impl Reading<'_> {
    /// Finds out where to begin.
    async fn begin(&mut self, heard: &Heard) -> store::Result<()> {
        self.at = match heard {
            Heard::Event(id) => self.store.stream_position_of(&self.app.id, self.key, id).await?,
            Heard::UpTo(position) => Some(position.clone()),
        };
        Ok(())
    }

    /// Reads from there to the end.
    async fn read_on(&mut self) -> store::Result<()> {
        while let Some(Position { epoch, seq }) = &self.at {
            // Only the beginning is the same in all epochs.
            let epoch = (!epoch.is_empty()).then_some(epoch.as_str());
            if epoch.is_none() && *seq > 0 {
                self.at = None;
                break;
            }
            let missed = self.store.stream_after(&self.app.id, self.key, (epoch, *seq), MAX_PAGE).await?;
            let Missed::Events(kept) = missed else {
                self.at = None;
                break;
            };
            if kept.iter().any(|one| streams::tells_hidden(one, self.hidden)) {
                self.at = None;
                break;
            }
            let is_last = (kept.len() as u64) < MAX_PAGE;
            for one in &kept {
                self.take(one);
            }
            if self.events > MOST || self.bytes > self.room {
                self.at = None;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, kept: &Kept) {
        self.at.clone_from(&kept.fact.position);
        self.events += 1;
        if kept.except == Some(self.socket.id()) {
            return;
        }
        let (channel, grammar) = self.spelled;
        let Some((reader, is_for_observer)) = &self.judged else { return };
        let Some(fact) = reader.reads(&kept.fact) else { return };
        if *is_for_observer && is_kept_from_observers(&fact) {
            return;
        }
        let data = spelling::data(&fact, grammar);
        for frame in tell::frames(&fact, (channel, grammar), &data, self.app) {
            self.bytes += frame.len();
            self.frames.push(frame);
        }
    }

    /// What was read, for the socket.
    async fn end(self, turn: Option<[OwnedMutexGuard<()>; 2]>) -> Replay {
        let position = match turn {
            Some(_) => self.at,
            None => timeout(PATIENCE, self.store.stream_position(&self.app.id, self.key))
                .await
                .ok()
                .and_then(Result::ok)
                .flatten(),
        };
        let data = stream::gap(self.key, position.as_ref());
        let gap = Frame::text(|out| server_message::event(out, stream::GAP, self.spelled.0.as_str(), &data));
        let is_gap = turn.is_none();
        Replay { frames: self.frames, bytes: self.bytes, gap, is_gap, _turn: turn }
    }
}
