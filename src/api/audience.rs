//! Who shall be reached, as bodies and answers tell it.

use poem_openapi::Object;
use serde::Deserialize;

use super::{
    problem::{Field, Problem},
    word::Word,
};
use crate::{
    domain::{
        audience::{Audience, AudienceType},
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::audience::Error,
};

/// Who shall be reached: by the roster as it is when something is sent, each person once. The same people whatever is sent: they
/// get the notification, are counted among the receivers of a broadcast, and confirm it.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "AudienceBody", deny_unknown_fields)]
pub(super) struct AudienceBody {
    /// `user`: people by id. `class`, `course`: who is enrolled there now; observers only if `roles` names them, and admins of the
    /// org only with an enrollment there. `role`: who has one of `roles`, in the orgs of `ids` or anywhere. `org`: who belongs to
    /// it. `all`: everybody.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: Word<AudienceType>,
    /// People (at most 1,000; who is not in the roster is passed over), or classes, courses or orgs (at most 100; the roster
    /// must have each, be it without people). Absent for `all`.
    #[serde(default)]
    #[oai(default, validator(max_items = 1_000))]
    ids: Vec<String>,
    /// Only people with one of these roles there.
    #[serde(default)]
    #[oai(default, validator(max_items = 5))]
    roles: Vec<Word<Role>>,
    /// People who are left out.
    #[serde(default)]
    #[oai(default, validator(max_items = 1_000))]
    exclude: Vec<String>,
}

impl AudienceBody {
    /// The audience that it names.
    ///
    /// # Errors
    /// When it names none; pointers begin at `pointer`.
    pub(super) fn read(self, pointer: &str) -> Result<Audience, Problem> {
        let Self { kind, ids, roles, exclude } = self;
        let roles: Vec<Role> = roles.into_iter().map(|role| role.0).collect();
        Audience::parse(kind.0, &ids, &roles, &exclude).map_err(|error| {
            let field = Field::at(&error.pointer(), "invalid", error.to_string());
            Problem::fields(vec![field.below(pointer)])
        })
    }

    /// A course, for examples.
    pub(super) fn course() -> Self {
        Self { kind: Word(AudienceType::Course), ids: vec!["101".to_owned()], roles: Vec::new(), exclude: Vec::new() }
    }
}

/// Who was meant.
#[derive(Debug, Object)]
#[oai(rename = "AudienceMeant")]
pub(super) struct AudienceView {
    /// How it is described.
    #[oai(rename = "type")]
    kind: Word<AudienceType>,
    /// People, classes, courses or orgs.
    #[oai(validator(max_items = 1_000))]
    ids: Vec<String>,
    /// Only people with one of these roles.
    #[oai(validator(max_items = 5))]
    roles: Vec<Word<Role>>,
    /// People who are left out.
    #[oai(validator(max_items = 1_000))]
    exclude: Vec<String>,
}

impl From<Audience> for AudienceView {
    fn from(audience: Audience) -> Self {
        Self {
            kind: Word(audience.kind()),
            ids: audience.ids().into_iter().map(str::to_owned).collect(),
            roles: audience.roles.iter().copied().map(Word).collect(),
            exclude: audience.exclude.iter().map(UserId::to_string).collect(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Access(error) => error.into(),
            Error::Refused(decision) => (*decision).into(),
            Error::ProgramsOnly(_) => Self::forbidden("programs_only", error.to_string()),
            Error::NoSuchPlace { kind, ids } => {
                let missing = |id| format!("there is no {kind} '{id}' in the roster");
                let field = |id: ExternalId| Field::at("/audience/ids", "not_in_roster", missing(id));
                Self::fields(ids.into_iter().map(field).collect())
            }
            Error::TooLarge => Self::fields(vec![Field::at("/audience", "audience_too_large", error.to_string())]),
        }
    }
}
