//! Preferences as rows.

use std::collections::HashMap;

use entity::notification_preference as preference;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::key;
use crate::{
    domain::notification::{Category, Preference, Recipient},
    ids::{AppId, ExternalId, UserId},
    store::{Result, Store},
};

/// Name of the change counter.
const COUNTER: &str = "notification_preference";

fn read(row: &preference::Model) -> Option<Preference> {
    let course = if row.course_id.is_empty() { None } else { Some(ExternalId::parse(&row.course_id).ok()?) };
    Some(Preference {
        category: row.category.parse().ok()?,
        medium: row.medium.parse().ok()?,
        course,
        enabled: row.enabled,
    })
}

/// What some people say about a category.
pub(super) async fn of_many(
    db: &impl ConnectionTrait,
    app: &AppId,
    recipients: &[Recipient],
    category: Category,
) -> Result<HashMap<UserId, Vec<Preference>>> {
    let users = recipients.iter().filter_map(|recipient| key(&recipient.user));
    let which = Condition::all()
        .add(preference::Column::AppId.eq(app.as_str()))
        .add(preference::Column::UserId.is_in(users))
        .add(preference::Column::Category.eq(category.name()));
    let mut said: HashMap<UserId, Vec<Preference>> = HashMap::new();
    for row in preference::Entity::find().filter(which).all(db).await? {
        if let (Ok(user), Some(read)) = (UserId::parse(&row.user_id), read(&row)) {
            said.entry(user).or_default().push(read);
        }
    }
    Ok(said)
}

impl Store {
    /// What a person has said about notifications, in a fixed order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn preference_list(&self, app: &AppId, user: &UserId) -> Result<Vec<Preference>> {
        let Some(user) = key(user) else { return Ok(Vec::new()) };
        let theirs =
            Condition::all().add(preference::Column::AppId.eq(app.as_str())).add(preference::Column::UserId.eq(user));
        let rows = preference::Entity::find()
            .filter(theirs)
            .order_by_asc(preference::Column::Category)
            .order_by_asc(preference::Column::Medium)
            .order_by_asc(preference::Column::CourseId)
            .all(&self.db)
            .await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Puts these preferences in the place of all that a person has said. Of two about the same the last counts.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database); nothing is changed then.
    pub async fn preference_replace(&self, app: &AppId, user: &UserId, list: &[Preference]) -> Result<()> {
        let Some(user) = key(user) else { return Ok(()) };
        let course =
            |one: &Preference| one.course.as_ref().map(|course| course.as_str().to_owned()).unwrap_or_default();
        let mut by_key = HashMap::with_capacity(list.len());
        for one in list {
            by_key.insert((one.category, one.medium, course(one)), one.enabled);
        }
        let rows = by_key.into_iter().map(|((category, medium, course), enabled)| preference::ActiveModel {
            app_id: Set(app.as_str().to_owned()),
            user_id: Set(user.to_owned()),
            category: Set(category.name().to_owned()),
            medium: Set(medium.name().to_owned()),
            course_id: Set(course),
            enabled: Set(enabled),
        });
        let rows: Vec<_> = rows.collect();
        let change = self.change_begin(COUNTER).await?;
        let theirs =
            Condition::all().add(preference::Column::AppId.eq(app.as_str())).add(preference::Column::UserId.eq(user));
        preference::Entity::delete_many().filter(theirs).exec(&change).await?;
        if !rows.is_empty() {
            preference::Entity::insert_many(rows).exec_without_returning(&change).await?;
        }
        change.commit().await?;
        Ok(())
    }
}
