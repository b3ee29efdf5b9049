//! Table `person`: the people of each app.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The platform's id; at most 128 characters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The org that they belong to. A row here keeps its org from being deleted.
    pub org_id: Option<String>,
    /// Name as others see it; at most 255 characters.
    pub name: String,
    /// Email address; at most 1,024 characters.
    pub email: Option<String>,
    /// Address of a picture; at most 1,024 characters.
    pub avatar: Option<String>,
    /// Role in the whole org.
    pub org_role: Option<String>,
    /// Since when the account is switched off.
    pub deactivated_at: Option<DateTime>,
    /// Who made the row: `api`, `csv`, …; at most 64 characters.
    pub source: String,
    /// 1 when new, one more with each real change.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: DateTime,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
