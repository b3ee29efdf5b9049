//! Table `poll_choice`: what a ballot says, one row for each thing. Tallies are counted from here.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll_choice")]
pub struct Model {
    /// The app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    /// The ballot; the row goes when it goes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ballot_id: String,
    /// Number within the ballot.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    /// The poll of the ballot.
    pub poll_id: String,
    /// Its round.
    pub round: i32,
    /// The option.
    pub option_id: Option<i32>,
    /// Its place in a ranking, from 1.
    pub place: Option<i32>,
    /// A number, in thousandths.
    pub thousandths: Option<i64>,
    /// A text; at most 500 characters.
    pub words: Option<String>,
}

/// None: rows are gathered by their columns, without joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
