//! Table `chat_message`: what was said.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_message")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Unique name: a ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The chat; the row goes when it goes.
    pub chat_id: String,
    /// Number within the chat.
    pub seq: i64,
    /// `user` or `program`.
    pub author_kind: String,
    /// The person; for programs, `program`.
    pub author_id: String,
    /// Their name when they wrote it.
    pub author_name: String,
    /// Their role when they wrote it.
    pub author_role: Option<String>,
    /// The message that it replies to.
    pub parent_id: Option<String>,
    /// The author's own name for it; unique by chat and author.
    pub client_id: Option<String>,
    /// Markdown as it was sent; empty once deleted.
    pub body: String,
    /// JSON list of users and groups.
    pub mentions: String,
    /// `all`, `staff` or `users`; those are in `chat_mark`.
    pub visibility: String,
    /// Of those whom it is for only staff finds it, and its author.
    pub shadowed: bool,
    /// Before that everybody found it whom it is for.
    pub was_open: bool,
    /// JSON list.
    pub attachments: String,
    /// When, in ms since 1970.
    pub created_at: i64,
    /// When it was last edited, in ms since 1970.
    pub edited_at: Option<i64>,
    /// When it was deleted, in ms since 1970. The row stays, for what replies to it.
    pub deleted_at: Option<i64>,
    /// Who deleted it.
    pub deleted_by: Option<String>,
    /// When it was pinned, in ms since 1970.
    pub pinned_at: Option<i64>,
    /// Until when it is pinned, in ms since 1970; `None` = until it is taken off.
    pub pinned_until: Option<i64>,
    /// 1 when new, one more with each edit, pin or deletion.
    pub version: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
