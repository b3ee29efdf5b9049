//! Table `notification_preference`: what people want to be told.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_preference")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// What it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: String,
    /// How they are reached.
    #[sea_orm(primary_key, auto_increment = false)]
    pub medium: String,
    /// Only those of this course; empty = all.
    #[sea_orm(primary_key, auto_increment = false)]
    pub course_id: String,
    /// They want it.
    pub enabled: bool,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
