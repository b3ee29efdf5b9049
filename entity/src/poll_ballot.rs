//! Table `poll_ballot`: one row for each person who has voted in a round, by a unique key.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll_ballot")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// 32 hexadecimal digits, drawn by lot.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The poll; the row goes when it goes.
    pub poll_id: String,
    /// Its round.
    pub round: i32,
    /// The user's id, or what the secret of an anonymous poll makes of it, or the ballot's id when that poll is closed.
    pub voter_key: String,
    /// Who voted; NULL in anonymous polls.
    pub user_id: Option<String>,
    /// They were let in without being enrolled.
    pub is_guest: bool,
    /// When, in ms since 1970; NULL in anonymous polls.
    pub cast_at: Option<i64>,
    /// 1 when new, one more with each change.
    pub revision: i32,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
