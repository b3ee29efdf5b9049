//! What makes the ballots of an anonymous poll unlinkable for good once it is closed.
//!
//! The secret of the voters' keys goes in the transaction that calls this. The rows themselves are written anew, with other ids
//! and in the order of those: where a row lies in the table, and which id it had when it was cast, tells no longer when it came.

use std::collections::HashMap;

use entity::{poll_ballot, poll_choice};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
};

use super::{super::Result, CHUNK, booth::of_round, rows};
use crate::{
    domain::app::Secret,
    ids::{AppId, ExternalId},
    protocol::signature,
};

/// Length of a ballot's id.
const ID_DIGITS: usize = 32;

/// Deals the ballots of a round out anew. The lot is random and forgotten afterwards.
pub(super) async fn deal_anew(
    change: &DatabaseTransaction,
    (app, poll, round): (&AppId, &ExternalId, u32),
    lot: &Secret,
) -> Result<()> {
    let ballots = poll_ballot::Entity::find().filter(of_round(app, poll, round)).all(change).await?;
    let said = Condition::all()
        .add(poll_choice::Column::AppId.eq(app.as_str()))
        .add(poll_choice::Column::PollId.eq(poll.as_str()))
        .add(poll_choice::Column::Round.eq(rows::small(round)));
    let choices = poll_choice::Entity::find().filter(said).all(change).await?;
    poll_ballot::Entity::delete_many().filter(of_round(app, poll, round)).exec(change).await?;
    let mut ballots: Vec<_> = ballots
        .into_iter()
        .map(|row| (signature::sign(lot, &[&row.id]).chars().take(ID_DIGITS).collect::<String>(), row))
        .collect();
    ballots.sort_by(|(one, _), (other, _)| one.cmp(other));
    let anew: HashMap<&str, &str> = ballots.iter().map(|(id, row)| (row.id.as_str(), id.as_str())).collect();
    for some in ballots.chunks(CHUNK) {
        let rows = some.iter().map(|(id, row)| poll_ballot::ActiveModel {
            id: Set(id.clone()),
            voter_key: Set(id.clone()),
            user_id: Set(None),
            cast_at: Set(None),
            // How often somebody changed their mind may be unlike everybody else.
            revision: Set(1),
            ..row.clone().into_active_model()
        });
        poll_ballot::Entity::insert_many(rows.map(sea_orm::ActiveModelTrait::reset_all))
            .exec_without_returning(change)
            .await?;
    }
    let dealt = |row: poll_choice::Model| Some((*anew.get(row.ballot_id.as_str())?, row));
    let mut choices: Vec<_> = choices.into_iter().filter_map(dealt).collect();
    choices.sort_by_key(|(id, row)| (*id, row.slot));
    for some in choices.chunks(CHUNK) {
        let rows = some.iter().map(|(id, row)| poll_choice::ActiveModel {
            ballot_id: Set((*id).to_owned()),
            ..row.clone().into_active_model()
        });
        poll_choice::Entity::insert_many(rows.map(sea_orm::ActiveModelTrait::reset_all))
            .exec_without_returning(change)
            .await?;
    }
    Ok(())
}
