//! Table `stream_event`: what happened, topic by topic, and whether it has been told; old rows go.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_event")]
pub struct Model {
    /// Number in the order of commits, from the counter `stream` of `change_counter`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// Key of the topic.
    pub topic: String,
    /// Number within the topic.
    pub seq: i64,
    /// Its unique name.
    pub event_id: String,
    /// Canonical name of the event.
    pub event: String,
    /// JSON object.
    pub payload: String,
    /// Who did it.
    pub actor_id: Option<String>,
    /// Their name.
    pub actor_name: Option<String>,
    /// Their role.
    pub actor_role: Option<String>,
    /// Socket that does not hear it.
    pub except_socket: Option<String>,
    /// When, in ms since 1970.
    pub at: i64,
    /// When it was told, in ms since 1970.
    pub published_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
