//! Table `broadcast`: events of the application's own that were told to many.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "broadcast")]
pub struct Model {
    /// A ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The app.
    pub app_id: String,
    /// Whom it is for, as JSON.
    pub audience: String,
    /// The name under which it goes out.
    pub event: String,
    /// JSON object.
    pub payload: String,
    /// Who was away can catch up with it.
    pub durable: bool,
    /// Receivers shall confirm it.
    pub require_ack: bool,
    /// Who sent it, as the audit names callers.
    pub created_by: String,
    /// People in the audience when it was sent.
    pub receivers: i64,
    /// When, in ms since 1970.
    pub created_at: i64,
    /// Since when it cannot be confirmed, in ms since 1970.
    pub expires_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
