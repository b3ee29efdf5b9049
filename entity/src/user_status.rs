//! Table `user_status`: what people have said about themselves, and when they were last seen.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_status")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The person; they need not be in the roster.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `online`, `away` or `busy`.
    pub availability: String,
    /// A line about it.
    pub note: Option<String>,
    /// A picture of it.
    pub emoji: Option<String>,
    /// They look offline to everybody else.
    pub invisible: bool,
    /// Nobody is told when they type.
    pub hides_typing: bool,
    /// From then on the first three count no more, in ms since 1970.
    pub clear_at: Option<i64>,
    /// When others saw them online last, in ms since 1970.
    pub last_seen_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
