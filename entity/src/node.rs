//! Table `node`: servers that share the database, as long as they are there.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "node")]
pub struct Model {
    /// A name that a server has for one run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it was there for certain, in ms since 1970; brought up to date every few seconds.
    pub seen_at: i64,
}

/// None: the table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
