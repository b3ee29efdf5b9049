//! Table `audit_log`: who did what to whom.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Rises with each row.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// Who did it: `user:7`, `key:ck_…`, `cli`; at most 160 characters.
    pub actor: String,
    /// What was done, such as `roster.updated`; at most 64 characters.
    pub action: String,
    /// Kind of what it was done to; at most 32 characters.
    pub target_type: String,
    /// Its id; at most 200 characters.
    pub target_id: String,
    /// Where it counts; at most 255 characters.
    pub scope: Option<String>,
    /// What was there before, as JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub before: Option<String>,
    /// What is there since, as JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub after: Option<String>,
    /// Address of whoever asked.
    pub ip: Option<String>,
    /// When.
    pub created_at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
