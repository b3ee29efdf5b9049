//! Publishing events that the app's own server sends over HTTP.
//!
//! Everything is checked before anything is sent, so a refused request or batch has told nobody.

use std::time::Instant;

use chrono::DateTime;

use crate::{
    domain::app::{App, AppSettings},
    hub::{Frame, Publication},
    ids::{SocketId, UserId},
    protocol::{ChannelName, channel_name, is_reserved_event, server_message},
    services::{
        LiveApp,
        broadcast_log::{LogEntry, LogKind, LogOutcome, Logged},
        channels::{ChannelInfo, Info},
    },
    throttle::{Exceeded, Passed, Shared},
};

/// Why an event was refused. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event has no name.
    #[error("name must not be empty")]
    NameEmpty,
    /// The name is too long.
    #[error("name may have at most {max} characters, this one has {got}")]
    NameTooLong {
        /// Limit of the app.
        max: u32,
        /// Length of the refused name.
        got: usize,
    },
    /// The name is the server's own.
    #[error("names that start with 'pusher:' or 'pusher_internal:' are reserved for the server")]
    NameReserved,
    /// No channel is named.
    #[error("name at least one channel, in 'channel' or 'channels'")]
    NoChannel,
    /// More channels than one event may go to.
    #[error("Cannot broadcast to more than {max} channels at once, these are {got}")]
    TooManyChannels {
        /// Limit of the app.
        max: u32,
        /// Number of channels in the request.
        got: usize,
    },
    /// A channel name is none.
    #[error("channel '{name}': {source}")]
    ChannelName {
        /// The refused name, cut to 80 characters.
        name: String,
        /// What is wrong with it.
        source: channel_name::Error,
    },
    /// The data is too large.
    #[error(
        "The data content of this event has {got} bytes and exceeds the allowed maximum of {max} bytes (app setting max_event_bytes)"
    )]
    DataTooLarge {
        /// Limit of the app in bytes.
        max: u32,
        /// Size of the refused data.
        got: usize,
    },
    /// More events than one batch may hold, or than may ever pass at once.
    #[error("Cannot batch-send more than {max} messages at once, these are {got} (app setting {setting})")]
    BatchTooLong {
        /// Limit of the app.
        max: u32,
        /// Setting that says so.
        setting: &'static str,
        /// Number of events in the request.
        got: usize,
    },
    /// The app publishes too fast.
    #[error(transparent)]
    RateLimited(#[from] Exceeded),
}

/// An event as a request holds it.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// Name of the event.
    pub name: &'a str,
    /// Data, relayed byte for byte.
    pub data: &'a str,
    /// Channels it goes to; one named twice gets it once.
    pub channels: &'a [String],
    /// Socket that does not get it. Unknown ones change nothing.
    pub except: Option<SocketId>,
    /// What the answer shall tell about each channel.
    pub info: Info,
}

/// An event that may be sent.
#[derive(Debug)]
struct Checked<'a> {
    event: NewEvent<'a>,
    channels: Vec<ChannelName>,
}

/// What the answer tells about each channel, in the order of the request.
pub type Published = Vec<(ChannelName, ChannelInfo)>;

/// Checks an event name against the app's rules.
///
/// # Errors
/// When it is empty, too long or reserved.
pub fn check_name(name: &str, settings: &AppSettings) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::NameEmpty);
    }
    let (max, got) = (settings.max_event_name_length, name.chars().count());
    if got > max as usize {
        return Err(Error::NameTooLong { max, got });
    }
    if is_reserved_event(name) { Err(Error::NameReserved) } else { Ok(()) }
}

fn check<'a>(app: &App, event: NewEvent<'a>) -> Result<Checked<'a>, Error> {
    let settings = &app.settings;
    check_name(event.name, settings)?;
    let (max, got) = (settings.max_event_bytes, event.data.len());
    if got > max as usize {
        return Err(Error::DataTooLarge { max, got });
    }
    Ok(Checked { event, channels: check_channels(settings, event.channels)? })
}

/// Checks the channels of an event; each once, in the order in which they are named.
///
/// # Errors
/// When there is none, when there are too many, or when a name is none.
pub(super) fn check_channels(settings: &AppSettings, names: &[String]) -> Result<Vec<ChannelName>, Error> {
    let (max, got) = (settings.max_event_channels, names.len());
    if got == 0 {
        return Err(Error::NoChannel);
    }
    if got > max as usize {
        return Err(Error::TooManyChannels { max, got });
    }
    let mut channels: Vec<ChannelName> = Vec::with_capacity(names.len());
    for text in names {
        let refuse = |source| Error::ChannelName { name: text.chars().take(80).collect(), source };
        let name = ChannelName::parse(text, settings.into()).map_err(refuse)?;
        if !channels.contains(&name) {
            channels.push(name);
        }
    }
    Ok(channels)
}

impl LiveApp {
    /// Publishes one event to its channels.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent then.
    pub fn publish(&self, event: NewEvent<'_>) -> Result<(Published, Option<Passed>), Error> {
        let app = self.app();
        let checked = check(&app, event)?;
        let passed = self.take_events(1)?;
        Ok((self.send_and_log(&app, &checked), passed))
    }

    /// Publishes one event whose data may have `max` bytes, or as many as the app allows if that is more.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent then.
    pub(super) fn trigger(&self, event: NewEvent<'_>, max: usize) -> Result<Published, Error> {
        let app = self.app();
        let (max, got) = (app.settings.max_event_bytes.max(u32::try_from(max).unwrap_or(u32::MAX)), event.data.len());
        check_name(event.name, &app.settings)?;
        if got > max as usize {
            return Err(Error::DataTooLarge { max, got });
        }
        let channels = check_channels(&app.settings, event.channels)?;
        self.take_events(1)?;
        Ok(self.send(&app, &Checked { event, channels }))
    }

    /// Publishes a batch in order: all of it or nothing.
    ///
    /// # Errors
    /// When one of the events is refused, or the batch is too long.
    pub fn publish_batch(&self, batch: &[NewEvent<'_>]) -> Result<(Vec<Published>, Option<Passed>), Error> {
        let app = self.app();
        let (mut max, mut setting, got) = (app.settings.max_batch_events, "max_batch_events", batch.len());
        let burst = self.limits().events.as_ref().map(Shared::burst);
        if let Some(burst) = burst.filter(|burst| *burst < max) {
            (max, setting) = (burst, "events_per_second");
        }
        if got > max as usize {
            return Err(Error::BatchTooLong { max, setting, got });
        }
        let checked: Vec<_> = batch.iter().map(|event| check(&app, *event)).collect::<Result<_, _>>()?;
        let passed = self.take_events(u32::try_from(got).unwrap_or(max))?;
        Ok((checked.iter().map(|checked| self.send_and_log(&app, checked)).collect(), passed))
    }

    fn take_events(&self, count: u32) -> Result<Option<Passed>, Error> {
        let limits = self.limits();
        let taken = limits.events.as_ref().map(|limit| limit.take(count)).transpose();
        if taken.is_err() {
            self.metrics().count_rate_limited("app");
        }
        Ok(taken?)
    }

    /// Sends an event of the Pusher HTTP API, and has it logged where the app wants that.
    fn send_and_log(&self, app: &App, checked: &Checked<'_>) -> Published {
        if !app.settings.log_published_events {
            return self.send(app, checked);
        }
        let since = Instant::now();
        let heard: Vec<_> = checked.channels.iter().map(|channel| self.heard_by(channel)).collect();
        let published = self.send(app, checked);
        for (channel, receivers) in checked.channels.iter().zip(heard) {
            let logged = Logged {
                kind: LogKind::Publish,
                channel: channel.to_string(),
                event: checked.event.name,
                bytes: checked.event.data.len(),
                outcome: LogOutcome::Sent,
            };
            let latency_us = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
            let receivers = i64::try_from(receivers).unwrap_or(i64::MAX);
            self.note_published(LogEntry {
                receivers,
                latency_us,
                ..logged.entry(("app".to_owned(), None), DateTime::UNIX_EPOCH)
            });
        }
        published
    }

    /// Sockets that are about to hear an event on a channel.
    pub(super) fn heard_by(&self, channel: &ChannelName) -> usize {
        match channel.user().map(UserId::parse) {
            Some(Ok(user)) => self.hub.sockets_of(&user),
            Some(Err(_)) => 0,
            None => self.hub.occupancy(channel.as_str()).map_or(0, |occupancy| occupancy.subscriptions),
        }
    }

    fn send(&self, app: &App, checked: &Checked<'_>) -> Published {
        let NewEvent { name, data, except, info, .. } = checked.event;
        // Nothing is encoded for a channel that nobody hears.
        let encode =
            |channel: &ChannelName| Frame::text(|out| server_message::event(out, name, channel.as_str(), data));
        for channel in &checked.channels {
            match channel.user().map(UserId::parse) {
                Some(Ok(user)) if self.hub.sockets_of(&user) > 0 => {
                    self.hub.send_to_user(&user, &encode(channel), except);
                }
                None if self.hub.wants(channel) => {
                    let publication = Publication { frame: &encode(channel), except, keep: Some(data) };
                    self.hub.publish(channel, publication, &app.settings);
                }
                Some(_) | None => {}
            }
        }
        let answer = |channel: &ChannelName| (channel.clone(), self.channel_info(channel, info).info);
        if info == Info::default() { Vec::new() } else { checked.channels.iter().map(answer).collect() }
    }
}
