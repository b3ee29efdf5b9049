//! Table `person_identity`: who a person is to the issuers of tokens.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person_identity")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The issuer, as `iss` of its tokens says; at most 255 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer: String,
    /// What the issuer calls the person (`sub`); at most 255 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The person; the row goes when they go.
    pub user_id: String,
    /// When the two were linked.
    pub created_at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
