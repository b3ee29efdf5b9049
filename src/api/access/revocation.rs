//! What is taken from whom: revocations as they are asked for, and as they are shown.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::{Object, registry::MetaSchema, types::Example};
use serde::Deserialize;

use super::super::{
    caller::Visitor,
    problem::Field,
    word::{Meaning, Word},
};
use crate::{
    domain::block::{Block, BlockScope, REASON_MAX},
    ids::{ExternalId, UserId},
    protocol::ChannelName,
};

/// Longest time in seconds for which access is taken away: ten years.
const LONGEST: u32 = 315_360_000;

/// What access is taken away to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScopeKind {
    All,
    Course,
    Class,
    Channel,
}

impl Meaning for ScopeKind {
    const NAME: &'static str = "kind";

    fn schema() -> MetaSchema {
        let words = ["all", "course", "class", "channel"];
        MetaSchema { enum_items: words.map(Into::into).to_vec(), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "course" => Ok(Self::Course),
            "class" => Ok(Self::Class),
            "channel" => Ok(Self::Channel),
            other => {
                let shown: String = other.chars().take(80).collect();
                Err(format!("'{shown}' is no kind; there are all, course, class, channel"))
            }
        }
    }

    fn write(&self) -> Cow<'_, str> {
        match self {
            Self::All => "all".into(),
            Self::Course => "course".into(),
            Self::Class => "class".into(),
            Self::Channel => "channel".into(),
        }
    }
}

/// What access is taken away to.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "AccessScope", deny_unknown_fields, skip_serializing_if_is_none)]
struct ScopeBody {
    /// `all` guarded channels, those of a `course` or `class`, or one `channel` in all its spellings.
    kind: Word<ScopeKind>,
    /// Id of the course or class, or name of the channel; absent for `all`.
    #[oai(validator(max_length = 200))]
    id: Option<String>,
}

impl From<BlockScope> for ScopeBody {
    fn from(scope: BlockScope) -> Self {
        let kind = match scope {
            BlockScope::All => ScopeKind::All,
            BlockScope::Course(_) => ScopeKind::Course,
            BlockScope::Class(_) => ScopeKind::Class,
            BlockScope::Channel(_) => ScopeKind::Channel,
        };
        let (_, id) = scope.parts();
        Self { kind: Word(kind), id: (!id.is_empty()).then(|| id.to_owned()) }
    }
}

impl ScopeBody {
    fn read(self, visitor: &Visitor) -> Result<BlockScope, Field> {
        let wrong = |message: String| Field::at("/scope/id", "invalid", message);
        let needed = || Field::at("/scope/id", "missing_field", "missing field `id`".to_owned());
        let external =
            |id: Option<String>| ExternalId::parse(&id.ok_or_else(needed)?).map_err(|error| wrong(error.to_string()));
        match self.kind.0 {
            ScopeKind::All if self.id.is_some() => Err(wrong("goes with course, class and channel only".to_owned())),
            ScopeKind::All => Ok(BlockScope::All),
            ScopeKind::Course => external(self.id).map(BlockScope::Course),
            ScopeKind::Class => external(self.id).map(BlockScope::Class),
            ScopeKind::Channel => {
                let name = self.id.ok_or_else(needed)?;
                let channel = ChannelName::parse(&name, (&visitor.live.app().settings).into());
                channel.map_err(|error| wrong(error.to_string()))?;
                Ok(BlockScope::Channel(name))
            }
        }
    }
}

/// Takes access away from a user.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "RevokeBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(super) struct RevokeBody {
    /// From whom.
    user: Word<UserId>,
    /// To what.
    scope: ScopeBody,
    /// Seconds for which it stays closed, at most ten years; absent = it is cut now and open again to whoever asks.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    for_seconds: Option<u32>,
    /// Why, for the audit.
    #[oai(validator(max_length = 255))]
    reason: Option<String>,
}

impl Example for RevokeBody {
    fn example() -> Self {
        let scope = ScopeBody { kind: Word(ScopeKind::Course), id: Some("101".to_owned()) };
        let reason = Some("disturbs the class".to_owned());
        Self { user: Word(7.into()), scope, for_seconds: Some(3_600), reason }
    }
}

/// Access that is taken away for a time.
#[derive(Debug, Object)]
#[oai(rename = "Revocation", skip_serializing_if_is_none, example)]
pub(super) struct RevocationView {
    /// Id of the revocation.
    #[oai(validator(max_length = 20))]
    id: String,
    /// From whom.
    user: Word<UserId>,
    /// To what.
    scope: ScopeBody,
    /// First second in which it counts no more; absent = until it is lifted.
    until: Option<Word<DateTime<Utc>>>,
    /// Why.
    #[oai(validator(max_length = 255))]
    reason: String,
    /// Who made it: `key:` or `user:` with an id.
    #[oai(validator(max_length = 160))]
    created_by: String,
    /// When it was made.
    created_at: Word<DateTime<Utc>>,
}

impl From<Block> for RevocationView {
    fn from(block: Block) -> Self {
        Self {
            id: block.id.to_string(),
            user: Word(block.user),
            scope: block.scope.into(),
            until: block.until.map(Word),
            reason: block.reason,
            created_by: block.created_by,
            created_at: Word(block.created_at),
        }
    }
}

impl Example for RevocationView {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default();
        Self {
            id: "12".to_owned(),
            user: Word(7.into()),
            scope: BlockScope::Course(101.into()).into(),
            until: Some(Word(created_at + TimeDelta::hours(1))),
            reason: "disturbs the class".to_owned(),
            created_by: "key:ck_0123456789ab".to_owned(),
            created_at: Word(created_at),
        }
    }
}

/// What a revocation means, once it has been checked.
pub(super) struct Meant {
    pub(super) user: UserId,
    pub(super) scope: BlockScope,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) reason: String,
}

impl RevokeBody {
    /// Checks the body.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self, visitor: &Visitor) -> Result<Meant, Field> {
        let scope = self.scope.read(visitor)?;
        let until = self.for_seconds.map(|seconds| until(seconds, visitor.now)).transpose()?;
        let reason = self.reason.unwrap_or_default();
        let got = reason.chars().count();
        if got > REASON_MAX {
            let message = format!("may have at most {REASON_MAX} characters, this one has {got}");
            return Err(Field::at("/reason", "too_long", message));
        }
        for (pointer, text) in [("/reason", reason.as_str()), ("/user", self.user.0.as_str())] {
            if text.chars().any(char::is_control) {
                let message = "may not hold control characters".to_owned();
                return Err(Field::at(pointer, "invalid", message));
            }
        }
        Ok(Meant { user: self.user.0, scope, until, reason })
    }
}

fn until(seconds: u32, now: DateTime<Utc>) -> Result<DateTime<Utc>, Field> {
    if !(1..=LONGEST).contains(&seconds) {
        return Err(Field::at("/for_seconds", "invalid", format!("must be a whole number from 1 to {LONGEST}")));
    }
    Ok(now + TimeDelta::seconds(seconds.into()))
}
