//! Table `chat_mark`: what is between a person and a message: it is for them, they reacted, they acknowledged it.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_mark")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The message; the row goes when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: String,
    /// The person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `to`, `react` or `ack`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The emoji of a reaction; else empty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    /// When, in ms since 1970.
    pub at: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
