//! Table `poll`: what is asked where, and where it stands. Moments are in ms since 1970.

use sea_orm::entity::prelude::*;

/// What makes voters of an anonymous poll unlike each other and unknown; hidden by `Debug`.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct VoterSecret(pub String);

impl std::fmt::Debug for VoterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VoterSecret(…)")
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// A ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The course; the row goes when it goes.
    pub course_id: String,
    /// The class, if it is for one alone; the row goes when it goes.
    pub class_id: Option<String>,
    /// The question.
    #[sea_orm(column_type = "Text")]
    pub question: String,
    /// What it asks for.
    pub kind: String,
    /// JSON object.
    #[sea_orm(column_type = "Text")]
    pub settings: String,
    /// Where it stands in its life.
    pub state: String,
    /// How often it was opened.
    pub round: i32,
    /// Who made it, as the audit names callers.
    pub created_by: String,
    /// When it was made.
    pub created_at: i64,
    /// When it opens by itself.
    pub opens_at: Option<i64>,
    /// When it was opened last.
    pub opened_at: Option<i64>,
    /// When it ends by itself.
    pub closes_at: Option<i64>,
    /// Since when its ballots are dealt out anew, although it is open still.
    pub sealed_at: Option<i64>,
    /// When it was closed last.
    pub closed_at: Option<i64>,
    /// When its results were published.
    pub published_at: Option<i64>,
    /// 1 when new, one more with each change.
    pub version: i64,
    /// Key of the voters' keys of an anonymous poll while it is open; destroyed when it is closed.
    pub voter_secret: Option<VoterSecret>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
