//! Table `chat_message_version`: what a message said before it was edited or deleted.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_message_version")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The message; the row goes when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: String,
    /// Version of the message that said so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// What it said.
    pub body: String,
    /// JSON list.
    pub attachments: String,
    /// When it was replaced, in ms since 1970.
    pub replaced_at: i64,
    /// Who replaced it.
    pub replaced_by: String,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
