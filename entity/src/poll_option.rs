//! Table `poll_option`: what there is to vote for.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll_option")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The poll; the row goes when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub poll_id: String,
    /// Number within the poll, from 1 in their order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// What people read; at most 255 characters.
    pub label: String,
    /// It is right.
    pub is_correct: bool,
    /// Voter's key of whoever suggested it.
    pub suggested_by: Option<String>,
    /// Since when it cannot be voted for, in ms since 1970.
    pub hidden_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
