//! Table `moderation_action`: who was muted or banned in a chat.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "moderation_action")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Unique name: a ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The chat; the row goes when it goes.
    pub chat_id: String,
    /// The person.
    pub user_id: String,
    /// `mute` or `ban`.
    pub action: String,
    /// A mute that its person does not notice.
    pub shadow: bool,
    /// Why, in words.
    pub reason: String,
    /// First moment in which it counts no more, in ms since 1970; `None` = until it is lifted.
    pub until_at: Option<i64>,
    /// Who did it.
    pub created_by: String,
    /// When, in ms since 1970.
    pub created_at: i64,
    /// When it was lifted, in ms since 1970.
    pub lifted_at: Option<i64>,
    /// Who lifted it.
    pub lifted_by: Option<String>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
