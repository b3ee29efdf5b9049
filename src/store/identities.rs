//! Who a person of the roster is to the issuers of tokens.

use chrono::{DateTime, Utc};
use entity::{person, person_identity};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Result, Store, stamp};
use crate::ids::{AppId, UserId};

/// Longest issuer and longest subject in characters: the widths of the columns.
const MAX: usize = 255;

impl Store {
    /// The person whom an issuer calls by this subject.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn identity_user(&self, app: &AppId, issuer: &str, subject: &str) -> Result<Option<UserId>> {
        find(&self.db, app, issuer, subject).await
    }

    /// Links what an issuer calls a person to the roster. False if that person is not in the roster, or somebody else is
    /// linked already (unlink them first), or one of the texts cannot be kept: more than 255 characters, or a NUL.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.identity_link", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn identity_link(
        &self,
        app: &AppId,
        user: &UserId,
        (issuer, subject): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let is_storable = |text: &str| is_legible(text) && text.chars().count() <= MAX;
        if !is_storable(issuer) || !is_storable(subject) || !is_legible(user.as_str()) {
            return Ok(false);
        }
        let key = (app.as_str().to_owned(), user.as_str().to_owned());
        if person::Entity::find_by_id(key).one(&self.db).await?.is_none() {
            return Ok(false);
        }
        let row = person_identity::ActiveModel {
            app_id: Set(app.as_str().to_owned()),
            issuer: Set(issuer.to_owned()),
            subject: Set(subject.to_owned()),
            user_id: Set(user.as_str().to_owned()),
            created_at: Set(stamp(now)),
        };
        // Whoever is there first stays: two calls at once cannot both link.
        person_identity::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(&self.db).await?;
        Ok(find(&self.db, app, issuer, subject).await?.as_ref() == Some(user))
    }

    /// Takes a link back. False if there is none.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.identity_unlink", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn identity_unlink(&self, app: &AppId, issuer: &str, subject: &str) -> Result<bool> {
        if !is_legible(issuer) || !is_legible(subject) {
            return Ok(false);
        }
        let which = which(app, issuer, subject);
        Ok(person_identity::Entity::delete_many().filter(which).exec(&self.db).await?.rows_affected > 0)
    }

    /// All links of a person, as issuer and subject.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn identities_of(&self, app: &AppId, user: &UserId) -> Result<Vec<(String, String)>> {
        if !is_legible(user.as_str()) {
            return Ok(Vec::new());
        }
        let theirs = Condition::all()
            .add(person_identity::Column::AppId.eq(app.as_str()))
            .add(person_identity::Column::UserId.eq(user.as_str()));
        let rows = person_identity::Entity::find().filter(theirs);
        let rows = rows.order_by_asc(person_identity::Column::Issuer).order_by_asc(person_identity::Column::Subject);
        Ok(rows.all(&self.db).await?.into_iter().map(|row| (row.issuer, row.subject)).collect())
    }
}

/// PostgreSQL refuses to compare with a NUL.
fn is_legible(text: &str) -> bool {
    !text.contains('\0')
}

fn which(app: &AppId, issuer: &str, subject: &str) -> Condition {
    Condition::all()
        .add(person_identity::Column::AppId.eq(app.as_str()))
        .add(person_identity::Column::Issuer.eq(issuer))
        .add(person_identity::Column::Subject.eq(subject))
}

async fn find(db: &impl ConnectionTrait, app: &AppId, issuer: &str, subject: &str) -> Result<Option<UserId>> {
    if !is_legible(issuer) || !is_legible(subject) {
        return Ok(None);
    }
    let row = person_identity::Entity::find().filter(which(app, issuer, subject)).one(db).await?;
    // MySQL overlooks blanks at the end.
    let row = row.filter(|row| row.issuer == issuer && row.subject == subject);
    Ok(row.and_then(|row| UserId::parse(&row.user_id).ok()))
}
