//! Table `broadcast_ack`: who has confirmed which broadcast; each person once.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "broadcast_ack")]
pub struct Model {
    /// The broadcast.
    #[sea_orm(primary_key, auto_increment = false)]
    pub broadcast_id: String,
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// The app.
    pub app_id: String,
    /// When, in ms since 1970.
    pub at: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
