//! Table `word_list`: words that messages are searched for, one row for the app and one for each course that has a list.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "word_list")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The course; empty for the list of the app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub course_id: String,
    /// The entries as JSON: `[["text", "action"], …]`.
    #[sea_orm(column_type = "Text")]
    pub entries: String,
    /// 1 when first written, one more with each change.
    pub version: i64,
    /// When it was written, in ms since 1970.
    pub updated_at: i64,
    /// Who has written it.
    pub updated_by: String,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
