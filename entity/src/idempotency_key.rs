//! Table `idempotency_key`: what was asked for under a key of its caller, and what was answered; old rows go.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    /// Hash of app, caller, method, path and key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The app.
    pub app_id: String,
    /// Who called.
    pub caller: String,
    /// Hash of what was sent.
    pub request: String,
    /// Status of the answer; `None` = it is being executed.
    pub status: Option<i32>,
    /// Header `Location` of the answer.
    #[sea_orm(column_type = "Text")]
    pub location: Option<String>,
    /// Header `ETag` of the answer.
    #[sea_orm(column_type = "Text")]
    pub etag: Option<String>,
    /// Header `Content-Type` of the answer.
    #[sea_orm(column_type = "Text")]
    pub content_type: Option<String>,
    /// Body of the answer; `None` = it was too large to be kept.
    #[sea_orm(column_type = "Text")]
    pub body: Option<String>,
    /// When the row counts no more, in ms since 1970.
    pub until_at: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
