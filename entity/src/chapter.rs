//! Table `chapter`: the chapters (lessons) of each course.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chapter")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The platform's id; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The course; the row goes when it goes.
    pub course_id: String,
    /// What people call it; at most 255 characters.
    pub title: String,
    /// Place among the chapters of the course.
    pub position: i32,
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
