//! Table `notification_broadcast`: notifications to many, and how far each has come.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_broadcast")]
pub struct Model {
    /// A ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The app.
    pub app_id: String,
    /// Whom it is for, as JSON.
    pub audience: String,
    /// What it is about.
    pub category: String,
    /// The application's own name for its kind.
    pub kind: Option<String>,
    /// First line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// Where it leads.
    pub url: Option<String>,
    /// JSON object.
    pub data: Option<String>,
    /// Notifications of one key become one.
    pub group_key: Option<String>,
    /// Callers who are not known hear it too.
    pub is_public: bool,
    /// Who sends it, as the audit names callers.
    pub created_by: String,
    /// Socket that does not hear of it.
    pub except_socket: Option<String>,
    /// Who sends it.
    pub actor_id: Option<String>,
    /// Their name.
    pub actor_name: Option<String>,
    /// Their role.
    pub actor_role: Option<String>,
    /// How far it has come.
    pub state: String,
    /// People in the audience when it was made.
    pub estimated: i64,
    /// People who got it.
    pub recipients: i64,
    /// People who did not want it.
    pub muted: i64,
    /// The last person who was taken care of.
    pub done_up_to: Option<String>,
    /// When it was made, in ms since 1970.
    pub created_at: i64,
    /// When it goes out, in ms since 1970.
    pub scheduled_at: i64,
    /// When everybody had it, in ms since 1970.
    pub sent_at: Option<i64>,
    /// When nobody needs it any more, in ms since 1970.
    pub expires_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
