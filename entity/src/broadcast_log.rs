//! Table `broadcast_log`: everything that was told to many, and what was refused; only ever added to, old rows go.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "broadcast_log")]
pub struct Model {
    /// Rises with each row.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// By which way.
    pub kind: String,
    /// The channel, or the audience in one line.
    pub channel: String,
    /// Name of the event.
    pub event: String,
    /// Id of the event.
    pub event_id: Option<String>,
    /// Size of the data.
    pub bytes: i64,
    /// Who, as the audit names callers.
    pub actor: String,
    /// From where.
    pub ip: Option<String>,
    /// People in the audience, or sockets that heard it.
    pub receivers: i64,
    /// Microseconds until it was out.
    pub latency_us: i64,
    /// What became of it.
    pub outcome: String,
    /// When, in ms since 1970.
    pub created_at: i64,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
