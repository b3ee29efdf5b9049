//! Limits and switches of an app: name, meaning, default and bounds of each, in one table.

mod choice;

use std::{ops::RangeInclusive, str::FromStr};

pub use self::choice::{Authz, ClientEvents, GuardedPublic, LaravelNames, SessionLease};
use super::OriginPattern;
use crate::domain::access::{ChannelRoutes, RouteError};

/// Whole seconds.
pub type Seconds = u32;

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no setting of that name.
    #[error("unknown app setting '{name}'")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The value does not have the right form.
    #[error("'{value}' is not {expected}")]
    Invalid {
        /// The value that was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The value is a number outside the bounds.
    #[error("{value} is outside {min} to {max}")]
    OutOfRange {
        /// The value that was given.
        value: u64,
        /// Smallest legal value.
        min: u32,
        /// Largest legal value.
        max: u32,
    },
    /// A route of `channel_routes` is none.
    #[error(transparent)]
    Route(#[from] RouteError),
}

/// A setting as shown to an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInfo {
    /// Name, as in `--set NAME=VALUE`.
    pub name: &'static str,
    /// Value in force, in the form that [`AppSettings::set`] reads.
    pub value: String,
    /// Meaning, unit and special values.
    pub doc: &'static str,
}

/// How one type of setting is read and shown. `Bounds` is `()` where the type needs none.
trait Value: Sized {
    type Bounds;
    fn read(text: &str, bounds: &Self::Bounds) -> Result<Self, SettingError>;
    fn show(&self) -> String;
}

impl Value for u32 {
    type Bounds = RangeInclusive<u32>;

    fn read(text: &str, bounds: &Self::Bounds) -> Result<Self, SettingError> {
        let invalid = || SettingError::Invalid { value: text.to_owned(), expected: "a whole number" };
        let wide: u64 = text.trim().parse().map_err(|_not_a_number| invalid())?;
        let fits = Self::try_from(wide).ok().filter(|value| bounds.contains(value));
        fits.ok_or(SettingError::OutOfRange { value: wide, min: *bounds.start(), max: *bounds.end() })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    type Bounds = ();

    fn read(text: &str, (): &()) -> Result<Self, SettingError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(SettingError::Invalid { value: text.to_owned(), expected: "true or false" }),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Most entries in the list of allowed origins.
const MAX_ORIGINS: usize = 100;

impl Value for Vec<OriginPattern> {
    type Bounds = ();

    fn read(text: &str, (): &()) -> Result<Self, SettingError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let patterns: Self = parts.map(OriginPattern::from_str).collect::<Result<_, _>>()?;
        if patterns.is_empty() || patterns.len() > MAX_ORIGINS {
            return Err(SettingError::Invalid { value: text.to_owned(), expected: "a list of 1 to 100 origins" });
        }
        Ok(patterns)
    }

    fn show(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Value for ChannelRoutes {
    type Bounds = ();

    fn read(text: &str, (): &()) -> Result<Self, SettingError> {
        Ok(Self::parse(text)?)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

fn any_origin() -> Vec<OriginPattern> {
    "*".parse().into_iter().collect()
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:expr, $bounds:expr;)+) => {
        /// Limits and switches of one app, complete and in bounds.
        #[derive(Debug, Clone, PartialEq)]
        pub struct AppSettings { $($(#[doc = $doc])+ pub $name: $kind,)+ }

        impl Default for AppSettings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl AppSettings {
            /// Names of all settings, in the order they are shown.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Reads one setting from text and puts it in place.
            ///
            /// # Errors
            /// When the name is unknown, the value has the wrong form or lies outside its bounds; nothing is changed then.
            pub fn set(&mut self, name: &str, text: &str) -> Result<(), SettingError> {
                match name {
                    $(stringify!($name) => self.$name = <$kind as Value>::read(text, &$bounds)?,)+
                    _ => return Err(SettingError::Unknown { name: name.to_owned() }),
                }
                Ok(())
            }

            /// Every setting with its value and meaning.
            #[must_use]
            pub fn entries(&self) -> Vec<SettingInfo> {
                vec![$(SettingInfo {
                    name: stringify!($name),
                    value: Value::show(&self.$name),
                    doc: concat!($($doc,)+).trim_ascii(),
                }),+]
            }
        }
    };
}

settings! {
    /// Open sockets of this app at once; 0 = no limit. Above: error and close 4004.
    max_connections: u32 = 0, 0..=u32::MAX;
    /// Largest client message in bytes. Above: close 1009.
    max_message_bytes: u32 = 16_384, 1..=1_048_576;
    /// Largest `data` of one event in bytes, from HTTP (413) and from clients (4301).
    max_event_bytes: u32 = 10_240, 1..=102_400;
    /// Longest event name in characters.
    max_event_name_length: u32 = 200, 1..=1_000;
    /// Channels one published event may name.
    max_event_channels: u32 = 100, 1..=1_000;
    /// Events in one batch.
    max_batch_events: u32 = 10, 1..=1_000;
    /// Longest channel name in characters.
    max_channel_name_length: u32 = 200, 1..=500;
    /// Channels with subscribers at once.
    max_channels: u32 = 100_000, 1..=10_000_000;
    /// Channels one socket may be subscribed to.
    max_channels_per_connection: u32 = 200, 1..=10_000;
    /// Distinct users in one presence channel; above, a subscription is refused.
    max_presence_members: u32 = 100_000, 1..=1_000_000;
    /// Members of a presence channel up to which everybody is listed and each coming and going is told. Above: the exact number and some members, again whenever they change, every 2 s at most.
    presence_full_member_limit: u32 = 100, 1..=10_000;
    /// Members that are listed then: oneself always, then staff, then whoever came last.
    presence_listed_members: u32 = 20, 1..=1_000;
    /// Seconds that a user is still online after their last socket has closed, so that a page that is loaded again is no news.
    presence_grace: Seconds = 10, 0..=300;
    /// Seconds after which a user who is online looks away, unless a client event, a subscription or a write over HTTP shows that they are there; 0 = never.
    presence_away_after: Seconds = 300, 0..=86_400;
    /// Tell orgs and courses when their people come online and go (`user:online`, `App\\Events\\UserOnline` and so on).
    presence_events: bool = true, ();
    /// Let students see who of their courses is online. When not, only staff does.
    presence_visible_to_students: bool = true, ();
    /// Largest `user_info` of a presence member in bytes.
    max_presence_member_bytes: u32 = 2_048, 2..=65_536;
    /// Who may send client events: members, all or none.
    client_events: ClientEvents = ClientEvents::Members, ();
    /// Client events on public channels too. Pusher refuses them, Reverb relays them.
    client_events_on_public: bool = false, ();
    /// Client events per second and socket, with a burst of as many; 0 = no limit. Above: error 4301.
    client_events_per_second: u32 = 10, 0..=100_000;
    /// Client frames of any kind that one socket may send in `frame_limit_seconds`; 0 = no limit. Above: error 4301.
    frame_limit: u32 = 0, 0..=1_000_000;
    /// Length of the window of `frame_limit` in seconds.
    frame_limit_seconds: Seconds = 60, 1..=3_600;
    /// Close a socket that goes beyond `frame_limit`.
    frame_limit_closes: bool = false, ();
    /// Published events per second over HTTP, with a burst of as many; 0 = no limit. Above: 429.
    events_per_second: u32 = 10_000, 0..=1_000_000;
    /// Other HTTP API requests per second, with a burst of as many; 0 = no limit. Above: 429.
    reads_per_second: u32 = 1_000, 0..=1_000_000;
    /// Requests per second to the REST API and to channel authorization, with a burst of as many; 0 = no limit. Above: 429.
    requests_per_second: u32 = 10_000, 0..=1_000_000;
    /// Requests per minute that one user may send there, with a burst of as many; 0 = no limit. Above: 429.
    requests_per_minute_per_user: u32 = 600, 0..=1_000_000;
    /// Requests per minute that one API key may send there, with a burst of as many; 0 = no limit. Above: 429.
    requests_per_minute_per_key: u32 = 6_000, 0..=10_000_000;
    /// Broadcasts and triggers per minute that one person may send, with a burst of as many; 0 = no limit. Above: 429.
    broadcasts_per_minute_per_user: u32 = 60, 0..=100_000;
    /// Broadcasts and triggers per minute that one API key may send, with a burst of as many; 0 = no limit. Above: 429.
    broadcasts_per_minute_per_key: u32 = 6_000, 0..=1_000_000;
    /// Votes per minute that guests without an account may cast from one address, with a burst of as many; 0 = they neither see polls nor vote. Above: 429.
    guest_votes_per_minute_per_ip: u32 = 0, 0..=100_000;
    /// Notifications to many that one person may send in an hour; 0 = no limit. Above: 429.
    notification_broadcasts_per_hour: u32 = 10, 0..=10_000;
    /// Days that a row of the broadcast log is kept.
    broadcast_log_days: u32 = 30, 1..=3_650;
    /// Write events of the Pusher HTTP API into the broadcast log too.
    log_published_events: bool = false, ();
    /// Seconds of silence after which clients send a ping; told to them when they connect.
    activity_timeout: Seconds = 30, 1..=86_400;
    /// Seconds of silence after which the server sends a ping; 30 s later it closes with 4201.
    ping_interval: Seconds = 60, 1..=86_400;
    /// Tell subscribers of non-presence channels how many they are.
    subscription_counts: bool = false, ();
    /// Tell signed-in users when people of their watchlist come online and go.
    watchlist_events: bool = true, ();
    /// Seconds that a cache channel keeps its last event.
    cache_ttl: Seconds = 1_800, 1..=604_800;
    /// Cache channels that keep an event at once; above, the oldest is forgotten.
    max_cached_events: u32 = 10_000, 1..=1_000_000;
    /// Origins whose pages may connect: hosts, '*.host', full origins, or '*', separated by commas.
    allowed_origins: Vec<OriginPattern> = any_origin(), ();
    /// Accept sockets without an Origin header (native apps) although `allowed_origins` is restricted.
    allow_no_origin: bool = false, ();
    /// Refuse plain ws:// with 4000, so that clients switch to wss://.
    require_tls: bool = false, ();
    /// Refuse protocol versions other than 4 to 7 (4006, 4007).
    check_protocol: bool = true, ();
    /// Accept any characters in channel names, as Reverb does.
    lenient_channel_names: bool = false, ();
    /// Let terminate_connections reach sockets that joined presence channels as the user without signing in.
    terminate_presence_members: bool = true, ();
    /// After a refused subscription send pusher:error 4009 too, as Reverb does; pusher:subscription_error always comes.
    auth_error_frame: bool = true, ();
    /// What opens a private or presence channel that the roster knows: trust (the application's signature) or enforce (the roster must agree too, where the socket's user is known).
    authz: Authz = Authz::Trust, ();
    /// Public channels that belong to a course (chapter-ID-comments): enforce (only whom the roster lets in), warn or open. An app without courses is open.
    guarded_public: GuardedPublic = GuardedPublic::Enforce, ();
    /// Seconds that a socket whose user is not known keeps channels that the roster knows, under authz=enforce; then 4200, so that it asks again. 0 = no limit.
    max_unbound_lease: Seconds = 600, 0..=86_400;
    /// How long a socket lives on a user's token: roster (while the roster lets the user in, 12 hours at most, then 4200) or token (until 25 s after the token's end, then 4009).
    session_lease: SessionLease = SessionLease::Roster, ();
    /// What the application's own channels are about (private-lab-{id}=course), or whose listeners hear them (presence-thread-{id}=org:5), separated by commas; at most 50.
    channel_routes: ChannelRoutes = ChannelRoutes::default(), ();
    /// Names of classroom events on channels with dots: class (App\\Events\\NotificationSent), alias (notification.sent) or both.
    laravel_event_names: LaravelNames = LaravelNames::Both, ();
    /// Answer as Reverb does where that differs: string `data` in pusher:error, ids in presence keep their JSON type, 422 and 404 over HTTP.
    reverb_parity: bool = false, ();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_back_what_it_shows() {
        let mut settings = AppSettings::default();
        for entry in AppSettings::default().entries() {
            settings.set(entry.name, &entry.value).unwrap();
            assert!(!entry.doc.is_empty() && entry.doc.ends_with('.'), "{}", entry.name);
        }
        assert_eq!(settings, AppSettings::default());
        assert_eq!(AppSettings::NAMES.len(), settings.entries().len());
    }

    #[test]
    fn numbers_are_accepted_at_their_bounds_and_refused_beyond() {
        let mut settings = AppSettings::default();
        for good in ["1", "1048576", " 12 "] {
            settings.set("max_message_bytes", good).unwrap();
        }
        for bad in ["0", "1048577", "-1", "1.5", "", "ten", "99999999999999999999"] {
            assert!(settings.set("max_message_bytes", bad).is_err(), "{bad:?}");
        }
        assert_eq!(settings.max_message_bytes, 12);
    }

    #[test]
    fn switches_and_choices_name_what_would_be_right() {
        let mut settings = AppSettings::default();
        settings.set("client_events", "ALL").unwrap();
        assert_eq!(settings.client_events, ClientEvents::All);
        let error = settings.set("client_events", "some").unwrap_err();
        assert_eq!(error.to_string(), "'some' is not members, all or none");
        assert_eq!(settings.set("nope", "1").unwrap_err().to_string(), "unknown app setting 'nope'");
        settings.set("channel_routes", "private-lab-{id}=course").unwrap();
        assert!(settings.set("channel_routes", "private-lab=course").unwrap_err().to_string().contains("{id} once"));
        for (name, words) in [("authz", "trust or enforce"), ("session_lease", "roster or token")] {
            assert_eq!(settings.set(name, "x").unwrap_err().to_string(), format!("'x' is not {words}"));
        }
        settings.set("guarded_public", "Warn").unwrap();
        assert_eq!(settings.guarded_public, GuardedPublic::Warn);
        settings.set("allowed_origins", "school.example, *.school.example").unwrap();
        assert_eq!(settings.allowed_origins.len(), 2);
        assert!(settings.set("allowed_origins", "").is_err());
    }
}
