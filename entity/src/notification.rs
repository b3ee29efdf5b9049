//! Table `notification`: what people were told, and whether they have read it; expired rows go.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    /// A ULID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The app.
    pub app_id: String,
    /// Whose it is.
    pub user_id: String,
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
    /// The course that it comes from.
    pub course_id: Option<String>,
    /// Who sent it.
    pub actor_id: Option<String>,
    /// Their name.
    pub actor_name: Option<String>,
    /// Their role.
    pub actor_role: Option<String>,
    /// The sending to many that it belongs to.
    pub broadcast_id: Option<String>,
    /// Notifications of one key become one.
    pub group_key: Option<String>,
    /// The group key while it takes others up: until it is read or put away. Each once a person.
    pub group_slot: Option<String>,
    /// How many it stands for.
    pub times: i32,
    /// When the first came, in ms since 1970.
    pub created_at: i64,
    /// When the last came, in ms since 1970.
    pub updated_at: i64,
    /// When it was seen, in ms since 1970.
    pub seen_at: Option<i64>,
    /// When it was read, in ms since 1970.
    pub read_at: Option<i64>,
    /// When it was put away, in ms since 1970.
    pub archived_at: Option<i64>,
    /// When it goes, in ms since 1970.
    pub expires_at: Option<i64>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
