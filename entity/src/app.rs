//! Table `app`: one row for each app that is kept in the database.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app")]
pub struct Model {
    /// Names the app in HTTP paths; at most 64 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Names the app towards clients; at most 128 characters, no two apps share one.
    #[sea_orm(unique)]
    pub key: String,
    /// What operators call it; at most 128 characters.
    pub name: String,
    /// Whether sockets and HTTP requests are accepted.
    pub enabled: bool,
    /// When the app was made.
    pub created_at: DateTime,
    /// When this row or a setting was last written, or a secret added.
    pub updated_at: DateTime,
}

/// None: rows of an app are gathered by `app_id`, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
