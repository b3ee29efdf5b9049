//! Table `access_block`: whom access was taken from by hand.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_block")]
pub struct Model {
    /// Rises with each row.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// The person; they need not be in the roster.
    pub user_id: String,
    /// What it closes: `all`, `course`, `class` or `channel`.
    pub scope_kind: String,
    /// Which one; empty for `all`.
    pub scope_id: String,
    /// First second in which it counts no more; `None` = until it is lifted.
    pub until_at: Option<DateTime>,
    /// Why, in words; at most 255 characters.
    pub reason: String,
    /// Who did it; at most 160 characters.
    pub created_by: String,
    /// When.
    pub created_at: DateTime,
    /// When it was lifted.
    pub lifted_at: Option<DateTime>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
