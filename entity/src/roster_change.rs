//! Table `roster_change`: what was changed in the roster, for those who follow it; old rows go.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "roster_change")]
pub struct Model {
    /// Number of the change, from the counter `roster` of `change_counter`: without gaps, never used twice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The app.
    pub app_id: String,
    /// Kind of the object.
    pub kind: String,
    /// Id of the object.
    pub object_id: String,
    /// What was done.
    pub action: String,
    /// The person it concerns.
    pub user_id: Option<String>,
    /// The course it concerns.
    pub course_id: Option<String>,
    /// When.
    pub at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
