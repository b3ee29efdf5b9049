//! Many people at once, for when a change concerns a whole course.

use std::collections::HashMap;

use entity::{access_block, enrollment, person};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::{
    super::{Result, Store, blocks},
    CHUNK, table,
};
use crate::{
    domain::{
        block::Block,
        roster::{Enrollment, Object, Person, Standing},
    },
    ids::{AppId, UserId},
};

/// Ids that a database can be asked for: nobody has one with a NUL, and PostgreSQL refuses to compare with it.
fn ids(users: &[UserId]) -> impl Iterator<Item = &str> {
    users.iter().map(UserId::as_str).filter(|id| !id.contains('\0'))
}

impl Store {
    /// Those of some people who are in the roster, with all their enrollments; in no particular order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_standings(&self, app: &AppId, users: &[UserId]) -> Result<Vec<Standing>> {
        let mut standings = Vec::with_capacity(users.len());
        for some in users.chunks(CHUNK) {
            let people = Condition::all().add(person::Column::Id.is_in(ids(some)));
            let people = table::find::<person::Entity>(&self.db, app, people).await?;
            let theirs = Condition::all().add(enrollment::Column::UserId.is_in(ids(some)));
            let mut by_user: HashMap<UserId, Vec<Enrollment>> = HashMap::new();
            for row in table::find::<enrollment::Entity>(&self.db, app, theirs).await? {
                if let Object::Enrollment(enrollment) = row.object {
                    by_user.entry(enrollment.user.clone()).or_default().push(enrollment);
                }
            }
            let person = |object: Object| match object {
                Object::User(person) => Some(person),
                _ => None,
            };
            // MySQL overlooks blanks at the end: what is not asked for is left out.
            let asked = |person: &Person| some.contains(&person.id);
            for person in people.into_iter().filter_map(|row| person(row.object)).filter(asked) {
                let mut enrollments = by_user.remove(&person.id).unwrap_or_default();
                enrollments.sort_by(|one, other| one.id.cmp(&other.id));
                standings.push(Standing { person, enrollments });
            }
        }
        Ok(standings)
    }

    /// Blocks of some people, lifted ones left out; in no particular order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn blocks_of_all(&self, app: &AppId, users: &[UserId]) -> Result<Vec<Block>> {
        let mut found = Vec::new();
        for some in users.chunks(CHUNK) {
            let which = Condition::all()
                .add(access_block::Column::AppId.eq(app.as_str()))
                .add(access_block::Column::UserId.is_in(ids(some)))
                .add(access_block::Column::LiftedAt.is_null());
            let rows = access_block::Entity::find().filter(which).all(&self.db).await?;
            found.extend(rows.into_iter().filter_map(blocks::readable));
        }
        Ok(found)
    }
}
