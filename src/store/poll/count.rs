//! Counting ballots, always from their rows, and reading them.

use std::collections::HashMap;

use entity::{enrollment, poll_ballot, poll_choice};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::SelectStatement,
};

use super::{
    super::{Page, Result, Store},
    booth::of_round,
    rows,
};
use crate::{
    domain::{
        poll::{Ballot, Counted, GUESTS_MAX, Kind, Poll, TEXTS_SHOWN, Thousandths, VOTERS_MAX},
        roster::Status,
    },
    ids::AppId,
};

/// A group as it is counted: option, place, number, text, how often.
type Group = (Option<i32>, Option<i32>, Option<i64>, Option<String>, i64);

impl Store {
    /// Counts what the ballots of a round say, and how many they are. Of texts, the most frequent ones: one more than results
    /// show.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn poll_counted(&self, app: &AppId, poll: &Poll, round: u32) -> Result<(Vec<Counted>, u64)> {
        let counting = counting(app, poll, round);
        let total = poll_ballot::Entity::find().filter(counting.clone()).count(&self.db).await?;
        let mut said = Condition::all()
            .add(poll_choice::Column::AppId.eq(app.as_str()))
            .add(poll_choice::Column::PollId.eq(poll.id.as_str()))
            .add(poll_choice::Column::Round.eq(rows::small(round)));
        if !poll.content.settings.count_dropped {
            let ballots = poll_ballot::Entity::find().select_only().column(poll_ballot::Column::Id).filter(counting);
            said = said.add(poll_choice::Column::BallotId.in_subquery(ballots.into_query()));
        }
        let columns = [
            poll_choice::Column::OptionId,
            poll_choice::Column::Place,
            poll_choice::Column::Thousandths,
            poll_choice::Column::Words,
        ];
        let are_texts = matches!(poll.content.kind, Kind::Open | Kind::WordCloud);
        let most = if are_texts { TEXTS_SHOWN as u64 + 1 } else { VOTERS_MAX + GUESTS_MAX + 1 };
        let count = || poll_choice::Column::Slot.count();
        let mut groups = poll_choice::Entity::find().select_only().columns(columns).column_as(count(), "often");
        for column in columns {
            groups = groups.group_by(column);
        }
        let groups = groups.filter(said).order_by_desc(count()).order_by_asc(poll_choice::Column::Words).limit(most);
        let groups: Vec<Group> = groups.into_tuple().all(&self.db).await?;
        let counted = |(option, place, number, text, count): Group| Counted {
            option: option.and_then(rows::option_id),
            rank: place.and_then(|place| u32::try_from(place).ok()),
            value: number.map(Thousandths),
            text,
            count: u64::try_from(count).unwrap_or_default(),
        };
        Ok((groups.into_iter().map(counted).collect(), total))
    }

    /// How many have voted in a round.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn poll_turnout(&self, app: &AppId, poll: &Poll, round: u32) -> Result<u64> {
        Ok(poll_ballot::Entity::find().filter(of_round(app, &poll.id, round)).count(&self.db).await?)
    }

    /// Ballots of a round that count, by their ids, which are random. [`Page::after`] is the last id of the page before.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn poll_ballots(&self, app: &AppId, (poll, round): (&Poll, u32), page: &Page) -> Result<Vec<Ballot>> {
        let after = page.after.as_ref().filter(|id| !id.contains('\0'));
        let after = after.map(|id| poll_ballot::Column::Id.gt(id.as_str()));
        let which = counting(app, poll, round).add_option(after);
        let found = poll_ballot::Entity::find().filter(which).order_by_asc(poll_ballot::Column::Id);
        let found = found.limit(u64::from(page.limit)).all(&self.db).await?;
        let mut choices: HashMap<String, Vec<poll_choice::Model>> = HashMap::new();
        let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
        for some in ids.chunks(super::CHUNK) {
            let of_them = Condition::all()
                .add(poll_choice::Column::AppId.eq(app.as_str()))
                .add(poll_choice::Column::BallotId.is_in(some.iter().copied()));
            for choice in poll_choice::Entity::find().filter(of_them).all(&self.db).await? {
                choices.entry(choice.ballot_id.clone()).or_default().push(choice);
            }
        }
        let read = |row: poll_ballot::Model| {
            let own = choices.remove(&row.id).unwrap_or_default();
            rows::ballot(row, own)
        };
        Ok(found.into_iter().filter_map(read).collect())
    }
}

/// The ballots of a round that count: all, or those of guests and of people who have not left.
fn counting(app: &AppId, poll: &Poll, round: u32) -> Condition {
    let all = of_round(app, &poll.id, round);
    if poll.content.settings.count_dropped {
        return all;
    }
    let here = poll_ballot::Column::UserId.in_subquery(enrolled(app, poll));
    all.add(Condition::any().add(poll_ballot::Column::IsGuest.eq(true)).add(here))
}

/// Those who are in the course and have not been dropped from it.
fn enrolled(app: &AppId, poll: &Poll) -> SelectStatement {
    enrollment::Entity::find()
        .select_only()
        .column(enrollment::Column::UserId)
        .filter(enrollment::Column::AppId.eq(app.as_str()))
        .filter(enrollment::Column::CourseId.eq(poll.venue.course.as_str()))
        .filter(enrollment::Column::Status.ne(Status::Dropped.name()))
        .into_query()
}
