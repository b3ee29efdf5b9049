//! Who is online: signs of life without a socket, what people say about themselves, and who sees whom.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::{Any, Example, MaybeUndefined},
};
use serde::Deserialize;

use super::{
    Group,
    answer::{Answer, Done},
    caller::{
        Visitor,
        describe::{ByKeyOrPerson, ByPerson},
    },
    list::{Cursor, MOST, USUAL},
    problem::{Fault, Field, Problem, Reading, Writing},
    strict::{Optional, Strict},
    word::{Limit, Word},
};
use crate::{
    domain::{
        access::Topic,
        presence::{Availability, Offline, Sighting, Status},
        roster::Role,
    },
    ids::{ExternalId, UserId},
    protocol::ChannelName,
    services::presence::{self, Heartbeat, INTERVAL_SECONDS, StatusChange},
};

/// The routes.
pub(super) struct Presence;

/// Most users that are asked for at once.
const MOST_USERS: usize = 200;

/// Longest name of a device in characters.
const DEVICE_MAX: usize = 64;

/// A sign of life.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "OnlineBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
struct OnlineBody {
    /// What the person is now; absent = nothing new. It counts as long as they are here.
    status: Option<Word<Availability>>,
    /// A name for the device, when a person has several without a socket.
    #[oai(validator(max_length = 64))]
    device: Option<String>,
    /// What the person is at: `course.`, `class.` or `chapter.` with its id. Kept for attendance.
    #[oai(validator(max_length = 80))]
    scope: Option<String>,
}

impl Example for OnlineBody {
    fn example() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self { status: Some(Word(Availability::Online)), device: text("phone"), scope: text("course.101") }
    }
}

impl OnlineBody {
    /// What the person is at, checked.
    fn scope(&self) -> Result<Option<Topic>, Problem> {
        let Some(text) = &self.scope else { return Ok(None) };
        let (kind, id) = text.split_once('.').unwrap_or_default();
        let id = ExternalId::parse(id).ok();
        let topic = match kind {
            "course" => id.map(Topic::Course),
            "class" => id.map(Topic::Class),
            "chapter" => id.map(Topic::ChapterPresence),
            _ => None,
        };
        let wrong = || Field::at("/scope", "invalid", "must be such as course.5, class.7 or chapter.9".to_owned());
        topic.map(Some).ok_or_else(|| Problem::fields(vec![wrong()]))
    }
}

/// A person is online.
#[derive(Debug, Object)]
#[oai(rename = "Online", example)]
struct OnlineView {
    /// What the person is now.
    status: Word<Availability>,
    /// Until when this counts.
    expires_at: Word<DateTime<Utc>>,
    /// Seconds after which it should be said again.
    #[oai(validator(minimum(value = "1")))]
    interval: u32,
}

impl Example for OnlineView {
    fn example() -> Self {
        let expires_at = Word(DateTime::from_timestamp(1_788_250_075, 0).unwrap_or_default());
        Self { status: Word(Availability::Online), expires_at, interval: INTERVAL_SECONDS }
    }
}

/// How far a person goes offline.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "OfflineBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
struct OfflineBody {
    /// The device that goes; absent = the one without a name.
    #[oai(validator(max_length = 64))]
    device: Option<String>,
    /// All devices and tabs: the person looks offline until the next tab opens or the next sign of life comes.
    #[oai(default)]
    all: bool,
    /// The same, but tabs that open do not count.
    #[oai(default)]
    invisible: bool,
}

impl Example for OfflineBody {
    fn example() -> Self {
        Self { device: Some("phone".to_owned()), all: false, invisible: false }
    }
}

/// What changes about a status. Absent = it stays, null = it goes.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "StatusBody", deny_unknown_fields, example)]
struct StatusBody {
    /// Whether the person can be talked to.
    #[serde(default)]
    #[oai(default, skip_serializing_if_is_none)]
    status: Option<Word<Availability>>,
    /// A line about it.
    #[serde(default)]
    #[oai(default, skip_serializing_if = "MaybeUndefined::is_undefined", validator(max_length = 140))]
    text: MaybeUndefined<String>,
    /// A picture of it.
    #[serde(default)]
    #[oai(default, skip_serializing_if = "MaybeUndefined::is_undefined", validator(max_length = 32))]
    emoji: MaybeUndefined<String>,
    /// Looks offline to everybody else.
    #[serde(default)]
    #[oai(default, skip_serializing_if_is_none)]
    invisible: Option<bool>,
    /// Lets others see when the person types.
    #[serde(default)]
    #[oai(default, skip_serializing_if_is_none)]
    share_typing: Option<bool>,
    /// When status, text and emoji go by themselves.
    #[serde(default)]
    #[oai(default, skip_serializing_if = "MaybeUndefined::is_undefined")]
    clear_at: MaybeUndefined<Word<DateTime<Utc>>>,
}

impl Example for StatusBody {
    fn example() -> Self {
        Self {
            status: Some(Word(Availability::Busy)),
            text: MaybeUndefined::Value("in an exam".to_owned()),
            emoji: MaybeUndefined::Value("📝".to_owned()),
            invisible: Some(false),
            share_typing: Some(true),
            clear_at: MaybeUndefined::Value(Word(DateTime::from_timestamp(1_788_253_600, 0).unwrap_or_default())),
        }
    }
}

impl StatusBody {
    fn read(self, now: DateTime<Utc>) -> Result<StatusChange, Field> {
        let Self { status, text, emoji, invisible, share_typing, clear_at } = self;
        let clear_at: Option<Option<DateTime<Utc>>> =
            Option::from(clear_at).map(|at: Option<Word<_>>| at.map(|at| at.0));
        if clear_at.flatten().is_some_and(|at| at <= now) {
            return Err(Field::at("/clear_at", "invalid", "must be a time in the future".to_owned()));
        }
        let (text, emoji) = (Option::from(text), Option::from(emoji));
        let (availability, hides_typing) = (status.map(|word| word.0), share_typing.map(|shares| !shares));
        Ok(StatusChange { availability, text, emoji, invisible, hides_typing, clear_at })
    }
}

/// What a person says about themselves.
#[derive(Debug, Object)]
#[oai(rename = "Status", skip_serializing_if_is_none, example)]
struct StatusView {
    /// Whether the person can be talked to.
    status: Word<Availability>,
    /// A line about it.
    #[oai(validator(max_length = 140))]
    text: Option<String>,
    /// A picture of it.
    #[oai(validator(max_length = 32))]
    emoji: Option<String>,
    /// Looks offline to everybody else.
    invisible: bool,
    /// Lets others see when the person types.
    share_typing: bool,
    /// When status, text and emoji go by themselves.
    clear_at: Option<Word<DateTime<Utc>>>,
}

impl From<Status> for StatusView {
    fn from(Status { availability, text, emoji, invisible, hides_typing, clear_at }: Status) -> Self {
        let (status, clear_at) = (Word(availability), clear_at.map(Word));
        Self { status, text, emoji, invisible, share_typing: !hides_typing, clear_at }
    }
}

impl Example for StatusView {
    fn example() -> Self {
        Status { availability: Availability::Busy, text: Some("in an exam".to_owned()), ..Status::default() }.into()
    }
}

/// A person, as the one who asks sees them.
#[derive(Debug, Object)]
#[oai(rename = "PersonPresence", skip_serializing_if_is_none)]
struct SightingView {
    /// The person's id.
    id: Word<UserId>,
    /// Name as others see it.
    #[oai(validator(max_length = 255))]
    name: String,
    /// Address of a picture.
    #[oai(validator(max_length = 1_024))]
    avatar: Option<String>,
    /// Role in the course in question; only in events.
    role: Option<Word<Role>>,
    /// `online`, `away`, `busy` or `offline`.
    #[oai(validator(max_length = 16))]
    status: String,
    /// A line about it.
    #[oai(validator(max_length = 140))]
    text: Option<String>,
    /// A picture of it.
    #[oai(validator(max_length = 32))]
    emoji: Option<String>,
    /// When they were seen last, for those who are offline; to five minutes, but for staff and programs.
    last_seen_at: Option<Word<DateTime<Utc>>>,
}

impl From<Sighting> for SightingView {
    fn from(Sighting { id, name, avatar, role, shown, seen }: Sighting) -> Self {
        let status = shown.as_ref().map_or("offline", |shown| shown.availability.name()).to_owned();
        let (text, emoji) = shown.map_or((None, None), |shown| (shown.text, shown.emoji));
        let (role, last_seen_at) = (role.map(Word), seen.map(Word));
        Self { id: Word(id), name, avatar, role, status, text, emoji, last_seen_at }
    }
}

/// People, as far as the one who asks may see them.
#[derive(Debug, Object)]
#[oai(rename = "PeoplePresence", example)]
struct PeopleView {
    /// Those who are seen, in the order in which they were asked for.
    #[oai(validator(max_items = 200))]
    data: Vec<SightingView>,
}

impl Example for PeopleView {
    fn example() -> Self {
        let ada = Sighting {
            id: 7.into(),
            name: "Ada".to_owned(),
            avatar: None,
            role: None,
            shown: None,
            seen: DateTime::from_timestamp(1_788_250_000, 0),
        };
        Self { data: vec![ada.into()] }
    }
}

/// A member of a presence channel.
#[derive(Debug, Object)]
#[oai(rename = "ChannelMember")]
struct MemberView {
    /// The user's id.
    id: Word<UserId>,
    /// What the others know about them, as it was signed.
    info: Any<serde_json::Value>,
}

/// Who is in a channel.
#[derive(Debug, Object)]
#[oai(rename = "ChannelPresence", skip_serializing_if_is_none, example)]
struct ChannelView {
    /// The channel.
    #[oai(validator(max_length = 500))]
    channel: String,
    /// Distinct users; presence channels only.
    #[oai(validator(minimum(value = "0")))]
    user_count: Option<u64>,
    /// Subscribed sockets, on this node.
    #[oai(validator(minimum(value = "0")))]
    connection_count: u64,
    /// Users by id; presence channels only.
    #[oai(validator(max_items = 100))]
    users: Vec<MemberView>,
    /// `cursor` for the users behind these; absent when there are none.
    cursor: Option<Word<Cursor>>,
}

impl Example for ChannelView {
    fn example() -> Self {
        let info = serde_json::json!({ "id": "7", "name": "Ada", "avatar": null, "role": "student" });
        Self {
            channel: "presence-course.101.users".to_owned(),
            user_count: Some(1),
            connection_count: 2,
            users: vec![MemberView { id: Word(7.into()), info: Any(info) }],
            cursor: None,
        }
    }
}

impl From<presence::Error> for Problem {
    fn from(error: presence::Error) -> Self {
        use presence::Error as E;
        match error {
            E::Denied(decision) => (*decision).into(),
            E::TooMany(_) => Self::unavailable("too_many_online", error.to_string()),
            E::BadStatus(bad) => Self::fields(vec![Field::at(&format!("/{}", bad.field), "too_long", bad.to_string())]),
            E::Roster(error) => error.into(),
            E::Store(error) => error.into(),
        }
    }
}

/// The name of a device, checked.
fn device(device: Option<&String>) -> Result<&str, Problem> {
    let device = device.map_or("", String::as_str);
    let got = device.chars().count();
    if got > DEVICE_MAX || device.chars().any(char::is_control) {
        let message = format!("must be a name of at most {DEVICE_MAX} characters without control characters");
        return Err(Problem::fields(vec![Field::at("/device", "invalid", message)]));
    }
    Ok(device)
}

#[OpenApi(tag = "Group::Presence")]
impl Presence {
    /// Say that one is online
    ///
    /// For clients without a socket, such as an app in the background: counts for 75 s, and should be said again every 30 s. An
    /// open socket of the person counts by itself. To be told over and over is no harm.
    #[oai(path = "/api/realtime/presence/online", method = "post", operation_id = "goOnline")]
    async fn online(
        &self,
        visitor: Data<&Arc<Visitor>>,
        body: Optional<OnlineBody>,
        _proof: ByPerson,
    ) -> Result<Answer<OnlineView>, Fault<Writing>> {
        let scope = body.0.scope()?;
        let heartbeat = Heartbeat {
            device: device(body.0.device.as_ref())?,
            scope: scope.as_ref(),
            availability: body.0.status.map(|word| word.0),
        };
        let (until, status) = visitor.live.presence_online(visitor.person()?, heartbeat, visitor.now).await?;
        let (status, expires_at) = (Word(status.availability), Word(until));
        Ok(Answer::of(OnlineView { status, expires_at, interval: INTERVAL_SECONDS }))
    }

    /// Go offline
    ///
    /// Ends what `online` began. Other devices and tabs keep the person online, unless `all` or `invisible` says otherwise.
    #[oai(path = "/api/realtime/presence/offline", method = "post", operation_id = "goOffline")]
    async fn offline(
        &self,
        visitor: Data<&Arc<Visitor>>,
        body: Optional<OfflineBody>,
        _proof: ByPerson,
    ) -> Result<Done, Fault<Writing>> {
        let how = match &body.0 {
            OfflineBody { invisible: true, .. } => Offline::Invisible,
            OfflineBody { all: true, .. } => Offline::All,
            OfflineBody { .. } => Offline::Device,
        };
        let device = device(body.0.device.as_ref())?;
        visitor.live.presence_offline(visitor.person()?, (device, how), visitor.now).await?;
        Ok(Done::Done)
    }

    /// Change what one says about oneself
    ///
    /// It is kept until it is changed again, or until `clear_at`.
    #[oai(path = "/api/me/status", method = "patch", operation_id = "changeStatus")]
    async fn status(
        &self,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<StatusBody>,
        _proof: ByPerson,
    ) -> Result<Answer<StatusView>, Fault<Writing>> {
        let change = body.0.read(visitor.now).map_err(|field| Problem::fields(vec![field]))?;
        let status = visitor.live.status_change(visitor.person()?, change, visitor.now).await?;
        Ok(Answer::of(status.into()))
    }

    /// Ask who of some users is online
    ///
    /// A person sees those with whom they share a course; others are left out, as are users that the roster does not know. An
    /// API key needs the scope `presence:read` and sees everybody.
    #[oai(path = "/api/presence/users", method = "get", operation_id = "showUsersPresence")]
    async fn users(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// Ids of the users, separated by commas; at least one, 200 at most.
        // Without a default the framework panics when the parameter is not there.
        #[oai(default, explode = false, validator(min_items = 1, max_items = 200))]
        ids: Query<Vec<Word<UserId>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<PeopleView>, Fault<Reading>> {
        if ids.0.is_empty() {
            return Err(Problem::parameter("ids", "is missing: name the users, separated by commas").into());
        }
        let mut users: Vec<UserId> = Vec::with_capacity(ids.0.len().min(MOST_USERS));
        for Word(user) in ids.0 {
            if !users.contains(&user) {
                users.push(user);
            }
        }
        let seen = visitor.live.presence_of(visitor.caller.user(), &users, visitor.now).await?;
        Ok(Answer::of(PeopleView { data: seen.into_iter().map(SightingView::from).collect() }))
    }

    /// Ask who is in a channel
    ///
    /// A person may ask about channels that they may hear; an API key needs the scope `presence:read`.
    #[oai(path = "/api/presence/channels/:name", method = "get", operation_id = "showChannelPresence")]
    async fn channel(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// Name of the channel; URL-encoded where needed.
        #[oai(validator(max_length = 500))]
        name: Path<String>,
        /// Most users of the answer. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        /// `cursor` of the answer before; absent = from the beginning.
        cursor: Query<Option<Word<Cursor>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<ChannelView>, Fault<Reading>> {
        let channel = ChannelName::parse(&name, (&visitor.live.app().settings).into())
            .map_err(|error| Problem::parameter("name", error.to_string()))?;
        let wrong = |error: crate::ids::Error| Problem::parameter("cursor", error.to_string());
        let after = cursor.0.map(|Word(Cursor(id))| UserId::parse(&id)).transpose().map_err(wrong)?;
        let limit = limit.0.map_or(USUAL, |limit| limit.0.0) as usize;
        let page = (after.as_ref(), limit + 1);
        let mut room = visitor.live.presence_in(visitor.caller.user(), &channel, page, visitor.now).await?;
        let has_more = room.members.len() > limit;
        room.members.truncate(limit);
        let cursor = room.members.last().filter(|_| has_more).map(|last| Word(Cursor(last.id.to_string())));
        let member = |member: crate::domain::presence::Member| {
            let info = serde_json::from_str(&member.info).unwrap_or_default();
            MemberView { id: Word(member.id), info: Any(info) }
        };
        Ok(Answer::of(ChannelView {
            channel: channel.to_string(),
            user_count: room.users.map(|users| users as u64),
            connection_count: room.connections as u64,
            users: room.members.into_iter().map(member).collect(),
            cursor,
        }))
    }
}
