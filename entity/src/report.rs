//! Table `report`: messages that somebody finds wrong.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "report")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Unique name: a ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The chat of the message.
    pub chat_id: String,
    /// The message; the row goes when it goes.
    pub message_id: String,
    /// Who finds it wrong; empty where a word list does.
    pub reporter_id: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, in words.
    pub note: String,
    /// `open`, `handled` or `dismissed`.
    pub state: String,
    /// When, in ms since 1970.
    pub created_at: i64,
    /// Who has looked into it.
    pub handled_by: Option<String>,
    /// When, in ms since 1970.
    pub handled_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
