//! Table `presence_session`: when people were here; what attendance is made of.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "presence_session")]
pub struct Model {
    /// Rises with each row.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// The person; they need not be in the roster.
    pub user_id: String,
    /// What they were at: key of a topic; empty = at all.
    pub scope: String,
    /// Since when, in ms since 1970.
    pub joined_at: i64,
    /// The server at which they were: of the table `node`, unless that has gone.
    pub node: String,
    /// Until when, in ms since 1970; `None` = they are here still.
    pub left_at: Option<i64>,
    /// Why they went: `closed`, `expired`, `left`, `deactivated` or `lost` with their server.
    pub reason: Option<String>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
