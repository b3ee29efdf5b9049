//! Table `app_setting`: the settings in which an app differs from the server's.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_setting")]
pub struct Model {
    /// The app; its rows here go when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// Name of the setting; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Value as text, in the form in which operators write it.
    #[sea_orm(column_type = "Text")]
    pub value: String,
}

/// None: rows of an app are gathered by `app_id`, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
