//! Table `chat_member`: who belongs to a group or a pair, and how far anybody has read.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_member")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The chat; the row goes when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: String,
    /// The person; the row goes when they go.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `owner`, `member`, or `none` where the roster says who belongs to the chat.
    pub role: String,
    /// Since when, in ms since 1970.
    pub joined_at: i64,
    /// Number of the newest message then.
    pub joined_seq: i64,
    /// What they want to be told of: `mentions` or `none`.
    pub notify: String,
    /// Number of the newest message that they have read; never falls.
    pub last_read_seq: i64,
    /// Others do not see how far they have read.
    pub is_read_private: bool,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
