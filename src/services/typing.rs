//! Who is typing: signs from sockets and from the REST API feed one state, and the server says who it is.
//!
//! A sign counts only from a user who is known and may write there; what a client says about who it is counts for nothing. The
//! way of a sign that is told to nobody is a look into memory: no database, no await. What is said in channels that are the
//! application's own is relayed like any client event.

mod rounds;

use std::{collections::HashSet, fmt};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use self::rounds::{Due, Held, Rounds};
use super::{Draft, LiveApp, access, client_event::Sender, tell::frames};
use crate::{
    dialect::{
        self, route,
        spelling::{self, Grammar, Payload},
    },
    domain::{
        access::{Decision, Topic, capability::Capability},
        fact::Event,
        presence::Status,
        roster::Role,
        typing::{Sign, Stopped, Typist, Typists},
    },
    hub::{Frame, Publication},
    ids::{SocketId, UserId},
    protocol::{ChannelName, Guard, channel_name::NameRules, server_message},
    throttle::{Exceeded, Keyed},
};

/// Client event by which a client tells that its user types.
pub const STARTED: &str = "client-typing";

/// Client event by which a client tells that its user has stopped.
pub const STOPPED: &str = "client-typing-stopped";

/// Client event by which the server tells that more type than it names; no client sends it.
pub const CROWD: &str = "client-typing-crowd";

/// Why a sign from the REST API was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The person may not write there.
    #[error("{}", .0.detail)]
    Denied(Box<Decision>),
    /// More than one sign a second.
    #[error(transparent)]
    TooMany(#[from] Exceeded),
    /// The roster cannot be read.
    #[error(transparent)]
    Roster(#[from] access::Error),
}

/// Result of a call about typing.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a client says about its user's typing.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// They type; else they have stopped.
    pub is_typing: bool,
    /// What else there is, as JSON text.
    pub data: Option<&'a str>,
}

/// What became of a sign from a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was taken note of, and told where that was due.
    Noted,
    /// It is the application's own affair: to be relayed as it is.
    Foreign,
}

/// A sign from the REST API.
#[derive(Debug, Clone, Copy)]
pub struct Keystroke<'a> {
    /// Who types.
    pub user: &'a UserId,
    /// Where.
    pub channel: &'a ChannelName,
    /// They type; else they have stopped.
    pub is_typing: bool,
    /// What they are typing at, such as the id of a message that they edit.
    pub context: Option<&'a str>,
    /// Their socket, which does not hear of it; when it closes they have stopped.
    pub socket: Option<SocketId>,
}

/// Who is typing in one app.
pub(super) struct Typing {
    /// Guards who types; no await under it.
    state: Mutex<Typists>,
    /// What is told with others. Held while it is queued at the sockets, never across an await.
    rounds: Mutex<Rounds>,
    /// Signs from the REST API by user: starts.
    starts: Option<Keyed<UserId>>,
    /// The same of stops, so that whoever has just begun may stop.
    stops: Option<Keyed<UserId>>,
    /// Those who do not want others to see them type; `None` = not read yet. Written by `services::presence`; no await under it.
    hidden: Mutex<Option<HashSet<UserId>>>,
}

impl fmt::Debug for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typing").finish_non_exhaustive()
    }
}

impl Default for Typing {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            rounds: Mutex::default(),
            starts: Keyed::new(1, 1),
            stops: Keyed::new(1, 1),
            hidden: Mutex::default(),
        }
    }
}

impl Typing {
    /// Forgets limits that are full again.
    pub(super) fn sweep(&self) {
        self.starts.iter().chain(&self.stops).for_each(Keyed::sweep);
    }

    pub(super) fn knows_who_hides(&self) -> bool {
        self.hidden.lock().is_some()
    }

    pub(super) fn learn_who_hides(&self, hidden: HashSet<UserId>) {
        *self.hidden.lock() = Some(hidden);
    }

    /// Takes note of what somebody has said about themselves. Before it is known of all, it is read with all.
    pub(super) fn heed(&self, user: &UserId, status: &Status) {
        let mut hidden = self.hidden.lock();
        let Some(hidden) = hidden.as_mut() else { return };
        if status.hides_typing {
            hidden.insert(user.clone());
        } else {
            hidden.remove(user);
        }
    }

    /// Tells whether others may see somebody type.
    fn shows(&self, user: &UserId) -> bool {
        self.hidden.lock().as_ref().is_some_and(|hidden| !hidden.contains(user))
    }
}

/// A change that goes out: what it is about, who does not hear it, and what the client said besides.
struct Telling<'a> {
    event: Event,
    topic: &'a Topic,
    payload: Payload,
    /// The channel in which it was said, if that is none of the topic's usual ones.
    source: Option<&'a ChannelName>,
    except: Option<SocketId>,
    more: Payload,
}

impl LiveApp {
    /// Takes note of what a client says about its user's typing.
    ///
    /// # Errors
    /// When the limits of client events are exceeded; no note is taken then.
    pub fn typing_said(
        &self,
        (channel, said): (&ChannelName, Said<'_>),
        sender: Sender<'_>,
        now: DateTime<Utc>,
    ) -> Result<Heard, Exceeded> {
        let app = self.app();
        let topic = route::topic(channel, &app.settings.channel_routes);
        let seat = sender.seat.filter(|_| topic.is_of_the_classroom());
        let Some(part) = seat.and_then(|seat| seat.part(channel)) else { return Ok(Heard::Foreign) };
        self.count_client_event(sender)?;
        let is_heard = self.may_write(&topic, &part, now) && !self.is_in_shadow(&topic, &part, now);
        if !is_heard || !self.typing.shows(&part.user) {
            return Ok(Heard::Noted);
        }
        let socket = Some(sender.socket);
        if !said.is_typing {
            let stopped = self.typing.state.lock().stop(&topic, &part.user);
            stopped.iter().for_each(|stopped| self.tell_stopped(stopped, socket, now));
            return Ok(Heard::Noted);
        }
        let sign = self.typing.state.lock().sign(&topic, &part.user, socket, now);
        if sign != Sign::Known {
            let typist = Typist {
                name: self.name_in(channel, &part.user),
                is_staff: part.role.is_some_and(Role::is_staff),
                ..typist(part.user, now)
            };
            self.begin(&topic, (sign, typist), (Some(channel), socket, said.data), now);
        }
        Ok(Heard::Noted)
    }

    /// Takes note of a sign from the REST API.
    ///
    /// # Errors
    /// When the person may not write there, comes too often, or the roster cannot be read.
    pub async fn typing_keystroke(&self, keystroke: Keystroke<'_>, now: DateTime<Utc>) -> Result<()> {
        let Keystroke { user, channel, is_typing, context, socket } = keystroke;
        let limit = if is_typing { &self.typing.starts } else { &self.typing.stops };
        limit.as_ref().map_or(Ok(()), |limit| limit.take(user).map(drop))?;
        let app = self.app();
        let topic = route::topic(channel, &app.settings.channel_routes);
        let role = self.check_writing(user, channel, (&topic, Capability::ChatPost), now).await?;
        if !self.typing.shows(user) || self.is_shadowed_in(&topic, user, now).await? {
            return Ok(());
        }
        let own_socket = socket.filter(|socket| self.is_socket_of(*socket, user));
        if !is_typing {
            let stopped = self.typing.state.lock().stop(&topic, user);
            stopped.iter().for_each(|stopped| self.tell_stopped(stopped, own_socket, now));
            return Ok(());
        }
        let sign = self.typing.state.lock().sign(&topic, user, own_socket, now);
        if sign != Sign::Known {
            let typist = Typist {
                name: self.actor(user, now).await?.name,
                is_staff: role.is_some_and(Role::is_staff),
                context: context.map(str::to_owned),
                ..typist(user.clone(), now)
            };
            self.begin(&topic, (sign, typist), (None, own_socket, None), now);
        }
        Ok(())
    }

    /// Those who type in a channel but the one who asks; `None` asks a program.
    ///
    /// # Errors
    /// When the person may not hear it, or the roster cannot be read.
    pub async fn typing_list(
        &self,
        asker: Option<&UserId>,
        channel: &ChannelName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Typist>> {
        let topic = route::topic(channel, &self.app().settings.channel_routes);
        if let Some(asker) = asker {
            self.may_look(asker, channel, now).await?.map_err(Error::Denied)?;
        }
        let mut typists = self.typing.state.lock().list(&topic);
        typists.retain(|typist| typist.expires_at > now && Some(&typist.user) != asker);
        Ok(typists)
    }

    /// Somebody does not type any more: what they typed was sent, or they may not write now.
    pub fn typing_stopped(&self, topic: &Topic, user: &UserId, now: DateTime<Utc>) {
        let stopped = self.typing.state.lock().stop(topic, user);
        stopped.iter().for_each(|stopped| self.tell_stopped(stopped, None, now));
    }

    /// A socket is gone: whoever typed with this one alone has stopped.
    pub(super) fn typing_gone(&self, socket: SocketId, now: DateTime<Utc>) {
        let stopped = self.typing.state.lock().leave(socket, None);
        stopped.iter().for_each(|stopped| self.tell_stopped(stopped, None, now));
    }

    /// A socket does not hear a channel any more; the others hear in a moment who has stopped by that.
    pub(super) fn typing_left(&self, socket: SocketId, channel: &ChannelName) {
        if self.typing.state.lock().knows(socket) {
            let topic = route::topic(channel, &self.app().settings.channel_routes);
            self.typing.state.lock().leave_later(socket, &topic);
        }
    }

    /// Tells what has waited for its round, stops those of whom no sign has come for long, and tells of crowds. Several times
    /// a second.
    pub fn typing_tick(&self, now: DateTime<Utc>) {
        let mut rounds = self.typing.rounds.lock();
        self.send_typing(&rounds.due(now));
        drop(rounds);
        let (stopped, crowds) = self.typing.state.lock().tick(now);
        stopped.iter().for_each(|stopped| self.tell_stopped(stopped, None, now));
        for news in &crowds {
            let payload = dialect::typing::crowd(news);
            self.tell_typing(
                Telling {
                    event: Event::TypingCrowd,
                    topic: &news.topic,
                    payload,
                    source: None,
                    except: None,
                    more: Payload::new(),
                },
                now,
            );
        }
    }

    /// Refuses whoever may not write in a channel; tells their role there.
    async fn check_writing(
        &self,
        user: &UserId,
        channel: &ChannelName,
        (topic, capability): (&Topic, Capability),
        now: DateTime<Utc>,
    ) -> Result<Option<Role>> {
        let role = self.may_look(user, channel, now).await?.map_err(Error::Denied)?;
        if let Topic::Chat(chat) = topic {
            let decision = self.decide_writing(user, chat, now).await?;
            return if decision.allow { Ok(role) } else { Err(Error::Denied(Box::new(decision))) };
        }
        let Some(place) = topic.place() else { return Ok(role) };
        let rights = self.rights(user, &place, now).await?;
        let decision = rights.decide(capability);
        if decision.allow {
            return Ok(decision.role.or(role));
        }
        Err(Error::Denied(Box::new(decision)))
    }

    /// Tells whether others do not see somebody type, who does not know that they are muted.
    async fn is_shadowed_in(&self, topic: &Topic, user: &UserId, now: DateTime<Utc>) -> Result<bool> {
        let Topic::Chat(chat) = topic else { return Ok(false) };
        Ok(self.chat_rights(user, chat, now).await?.is_some_and(|rights| rights.is_shadowed()))
    }

    /// What others know somebody as: in the channel, in the roster, or by their id.
    fn name_in(&self, channel: &ChannelName, user: &UserId) -> String {
        let member = self.hub.member(channel.as_str(), user);
        let info = member.and_then(|member| serde_json::from_str::<Payload>(&member.info).ok());
        let name = info.and_then(|info| info.get("name")?.as_str().map(str::to_owned));
        name.or_else(|| self.known_name(user)).unwrap_or_else(|| user.to_string())
    }

    /// Enters and tells somebody who types.
    fn begin(
        &self,
        topic: &Topic,
        (sign, typist): (Sign, Typist),
        (source, socket, said): (Option<&ChannelName>, Option<SocketId>, Option<&str>),
        now: DateTime<Utc>,
    ) {
        let is_told = sign == Sign::Again || self.typing.state.lock().begin(topic, typist.clone(), socket);
        if is_told {
            let payload = dialect::typing::started(&typist, topic, now);
            let more = dialect::typing::said(said, &typist);
            let event = Event::TypingStarted;
            self.tell_typing(Telling { event, topic, payload, source, except: socket, more }, now);
        }
    }

    fn tell_stopped(&self, stopped: &Stopped, except: Option<SocketId>, now: DateTime<Utc>) {
        let Stopped { topic, typist } = stopped;
        let (payload, event) = (dialect::typing::stopped(typist, topic), Event::TypingStopped);
        self.tell_typing(Telling { event, topic, payload, source: None, except, more: Payload::new() }, now);
    }

    /// Tells everybody who hears the topic. Channels with dots hear the whisper too, as Echo's `listenForWhisper` wants it.
    fn tell_typing(&self, telling: Telling<'_>, now: DateTime<Utc>) {
        let Telling { event, topic, payload, source, except, more } = telling;
        let app = self.app();
        let draft = Draft { event, topic: topic.clone(), actor: None, payload, at: now, except };
        let (fact, _except) = draft.into_fact();
        let mut channels: Vec<(ChannelName, Grammar)> = spelling::channels(topic)
            .into_iter()
            .filter_map(|(name, grammar)| Some((ChannelName::parse(&name, NameRules::OWN).ok()?, grammar)))
            .collect();
        if let Some(source) = source.filter(|source| channels.iter().all(|(known, _)| known != *source)) {
            channels.push((source.clone(), Grammar::Dashes));
        }
        let (mut held, mut whisper) = (Vec::new(), None);
        for (channel, grammar) in channels.iter().filter(|(channel, _)| self.hub.wants(channel)) {
            let mut hold = |frame| held.push(Held { channel: channel.clone(), frame, except });
            if *grammar != Grammar::Dashes {
                frames(&fact, (channel, *grammar), &spelling::data(&fact, *grammar), &app).for_each(&mut hold);
            }
            let data = whisper.get_or_insert_with(|| spelling::data_with(&fact, Grammar::Dashes, &more));
            let user = fact.payload.get("user_id").and_then(serde_json::Value::as_str);
            let user = user.filter(|_| channel.guard() == Guard::Presence).and_then(|user| UserId::parse(user).ok());
            for name in spelling::names(event, Grammar::Dashes, app.settings.laravel_event_names) {
                hold(Frame::text(|out| {
                    server_message::client_event(out, name, channel.as_str(), Some(data), user.as_ref());
                }));
            }
        }
        if !held.is_empty() {
            let due = if event == Event::TypingStarted { Due::InTurn } else { Due::Now };
            let mut rounds = self.typing.rounds.lock();
            self.send_typing(&rounds.tell(topic, held, due, now));
        }
    }

    /// Sends frames under the lock of the rounds: nobody's stop overtakes their start.
    fn send_typing(&self, held: &[Held]) {
        let app = self.app();
        for Held { channel, frame, except } in held {
            let publication = Publication { frame, except: *except, keep: None };
            self.hub.publish(channel, publication, &app.settings);
        }
    }
}

fn typist(user: UserId, now: DateTime<Utc>) -> Typist {
    let expires_at = now + crate::domain::typing::EXPIRY;
    Typist { user, name: String::new(), is_staff: false, context: None, started_at: now, expires_at }
}
