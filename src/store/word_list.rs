//! Word lists as rows: one for the app, one for each course that has a list.

use entity::word_list;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::{Result, Store, audit, change_also, moment};
use crate::{
    domain::{
        audit::AuditEntry,
        roster::Expected,
        word_list::{Entry, WordAction, WordList},
    },
    ids::{AppId, ExternalId},
};

/// Name of the change counter.
const COUNTER: &str = "word_list";

/// The app's list has no course: no id is empty.
fn key(app: &AppId, course: Option<&ExternalId>) -> (String, String) {
    (app.as_str().to_owned(), course.map(|course| course.as_str().to_owned()).unwrap_or_default())
}

fn entries_text(entries: &[Entry]) -> String {
    json!(entries.iter().map(|entry| (&entry.text, entry.action.name())).collect::<Vec<_>>()).to_string()
}

/// An action that this version does not know has staff look at it.
fn read(row: word_list::Model) -> WordList {
    let entries: Vec<(String, String)> = serde_json::from_str(&row.entries).unwrap_or_default();
    let entry = |(text, action): (String, String)| Entry { text, action: action.parse().unwrap_or(WordAction::Flag) };
    WordList {
        entries: entries.into_iter().map(entry).collect(),
        version: row.version,
        updated_at: Some(moment(row.updated_at)),
        updated_by: Some(row.updated_by),
    }
}

/// Removes the list of a course, or with `None` all lists of an app, within a change of something else. It is counted before it is
/// removed, as whoever writes one does: in another order the two wait for each other.
pub(super) async fn forget(change: &DatabaseTransaction, app: &AppId, course: Option<&str>) -> Result<()> {
    let which = Condition::all()
        .add(word_list::Column::AppId.eq(app.as_str()))
        .add_option(course.map(|course| word_list::Column::CourseId.eq(course)));
    let any = word_list::Entity::find().select_only().column(word_list::Column::AppId).filter(which.clone());
    if any.into_tuple::<String>().one(change).await?.is_some() {
        change_also(change, COUNTER).await?;
        word_list::Entity::delete_many().filter(which).exec(change).await?;
    }
    Ok(())
}

impl Store {
    /// The list of an app, or of a course; an empty one of version 0 where nobody has written one.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn word_list(&self, app: &AppId, course: Option<&ExternalId>) -> Result<WordList> {
        let row = word_list::Entity::find_by_id(key(app, course)).one(&self.db).await?;
        Ok(row.map(read).unwrap_or_default())
    }

    /// Rises with each committed change to any list; 0 before the first. One row by primary key: cheap enough to poll.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn word_list_revision(&self) -> Result<i64> {
        self.change_count(COUNTER).await
    }

    /// Writes a list, if it has the version that the write is for; else tells the version that it has. The version of `new`
    /// does not count.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.word_list_put", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn word_list_put(
        &self,
        (app, course): (&AppId, Option<&ExternalId>),
        new: WordList,
        expected: &Expected,
        entry: AuditEntry,
    ) -> Result<Result<WordList, i64>> {
        let change = self.change_begin(COUNTER).await?;
        let (app_id, course_id) = key(app, course);
        let before = word_list::Entity::find_by_id((app_id.clone(), course_id.clone())).one(&change).await?;
        let version = before.as_ref().map_or(0, |row| row.version);
        if !expected.holds(Some(version)) {
            return Ok(Err(version));
        }
        let row = word_list::ActiveModel {
            app_id: Set(app_id),
            course_id: Set(course_id),
            entries: Set(entries_text(&new.entries)),
            version: Set(version + 1),
            updated_at: Set(new.updated_at.unwrap_or_default().timestamp_millis()),
            updated_by: Set(new.updated_by.clone().unwrap_or_default()),
        };
        match before {
            Some(_) => word_list::Entity::update(row).exec(&change).await.map(drop)?,
            None => word_list::Entity::insert(row).exec_without_returning(&change).await.map(drop)?,
        }
        audit::insert(&change, &[entry]).await?;
        change.commit().await?;
        Ok(Ok(WordList { version: version + 1, updated_at: new.updated_at.map(super::whole), ..new }))
    }
}
