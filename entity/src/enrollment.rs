//! Table `enrollment`: who has which part in which course.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The platform's id; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The person; the row goes when they go.
    pub user_id: String,
    /// The course; the row goes when it goes.
    pub course_id: String,
    /// The class, if it is for one alone; the row goes when it goes.
    pub class_id: Option<String>,
    /// The class again, or an empty text: a unique index takes no two NULLs for the same.
    pub class_key: String,
    /// As what.
    pub role: String,
    /// Whether it counts. A dropped row stays.
    pub status: String,
    /// First second in which it counts.
    pub begin_at: Option<DateTime>,
    /// First second in which it counts no more.
    pub end_at: Option<DateTime>,
    /// The student whom an observer looks after; the row goes when they go.
    pub observed_user_id: Option<String>,
    /// Other classes of the course stay closed.
    pub limit_to_class: bool,
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
