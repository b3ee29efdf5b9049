//! Table `stream`: how far the log of each topic has come.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Key of the topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    /// Changes when the log was lost.
    pub epoch: String,
    /// Number of the newest event.
    pub seq: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
