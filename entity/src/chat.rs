//! Table `chat`: conversations: of a course or class, of a group, of two people.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Its id; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `course`, `class`, `office_hours`, `group` or `dm`.
    pub kind: String,
    /// The course that it belongs to; the row goes when it goes.
    pub course_id: Option<String>,
    /// The class of it; the row goes when it goes.
    pub class_id: Option<String>,
    /// What people call it; empty between two people.
    pub title: String,
    /// JSON object.
    pub settings: String,
    /// Days for which a message is kept; `None` = for ever.
    pub retention_days: Option<i32>,
    /// Names the two people of a `dm`, so that they have one only.
    pub dm_key: Option<String>,
    /// Who made it, as the audit names callers.
    pub created_by: String,
    /// When, in ms since 1970.
    pub created_at: i64,
    /// Since when only staff writes, in ms since 1970.
    pub frozen_at: Option<i64>,
    /// Since when nobody writes, in ms since 1970.
    pub archived_at: Option<i64>,
    /// Messages up to this number were cleared away, or are kept no longer.
    pub cleared_seq: i64,
    /// 1 when new, one more with each real change.
    pub version: i64,
    /// Count of the counter `stream` when it, its members or measures against them changed last; 0 = not since it was made.
    pub changed_seq: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
