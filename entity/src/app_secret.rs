//! Table `app_secret`: the active signing secrets of each app.

use sea_orm::entity::prelude::*;

/// Text of a secret, which `Debug` hides: rows end up in assertions and error reports.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_secret")]
pub struct Model {
    /// Rises with each secret: the larger of two is the newer.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The app; its rows here go when it goes.
    pub app_id: String,
    /// The secret; at most 255 characters.
    pub secret: SecretText,
    /// When the secret was added.
    pub created_at: DateTime,
}

/// None: rows of an app are gathered by `app_id`, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
