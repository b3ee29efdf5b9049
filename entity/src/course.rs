//! Table `course`: the courses of each app.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "course")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The platform's id; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The org that it belongs to. A row here keeps its org from being deleted.
    pub org_id: Option<String>,
    /// Short code; at most 255 characters.
    pub code: Option<String>,
    /// What people call it; at most 255 characters.
    pub title: String,
    /// First second in which enrollments count.
    pub starts_at: Option<DateTime>,
    /// First second in which they count no more.
    pub ends_at: Option<DateTime>,
    /// Who may look in without being enrolled.
    pub visibility: String,
    /// Since when only staff has access.
    pub archived_at: Option<DateTime>,
    /// Exceptions from the default capabilities: a JSON array of `[role, capability, effect]`.
    #[sea_orm(column_type = "Text")]
    pub overrides: String,
    /// Who made the row: `api`, `csv`, …; at most 64 characters.
    pub source: String,
    /// 1 when new, one more with each real change.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
