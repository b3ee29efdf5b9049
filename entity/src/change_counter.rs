//! Table `change_counter`: for each kind of data, how often it was changed.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change_counter")]
pub struct Model {
    /// Kind of data, such as `app`; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Rises with each committed change.
    pub value: i64,
}

/// None: the table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
