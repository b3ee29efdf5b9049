//! Table `api_key`: keys of programs of the learning platform.

use sea_orm::entity::prelude::*;

/// Hash of a key, which `Debug` hides: rows end up in assertions and error reports.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct KeyHash(pub Vec<u8>);

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// The public part: `ck_` and 12 hexadecimal digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The app.
    pub app_id: String,
    /// What operators call it; at most 128 characters.
    pub name: String,
    /// SHA-256 of the secret part.
    pub hash: KeyHash,
    /// Names of the scopes, with blanks between.
    pub scopes: String,
    /// Networks (CIDR) that it may be used from, with blanks between; empty = from anywhere.
    #[sea_orm(column_type = "Text")]
    pub ip_allow: String,
    /// First second in which it is good no more.
    pub expires_at: Option<DateTime>,
    /// When it was last used, about.
    pub last_used_at: Option<DateTime>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime>,
    /// When it was made.
    pub created_at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
