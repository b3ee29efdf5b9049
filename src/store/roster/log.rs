//! The change log and the audit of one batch.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{change_counter, roster_change};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use serde_json::{Map, Value};

use super::{CHANGES_KEPT, CHUNK, COUNTER, Result, RosterWrite};
use crate::{
    domain::{
        audit::AuditEntry,
        roster::{Action, Change, Kind, Object},
    },
    ids::{AppId, ExternalId, UserId},
    store::audit,
};

/// Old changes are looked for whenever the numbers pass a multiple of this.
const PRUNE_EVERY: i64 = 1_000;

/// What a batch has to tell.
pub(super) struct Log<'a> {
    app: &'a AppId,
    pub(super) by: RosterWrite<'a>,
    /// Numbered when they are written.
    changes: Vec<Change>,
    audit: Vec<AuditEntry>,
}

impl<'a> Log<'a> {
    pub(super) fn new(app: &'a AppId, by: RosterWrite<'a>) -> Self {
        Self { app, by, changes: Vec::new(), audit: Vec::new() }
    }

    /// The moment of the batch as rows keep it.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.by.now.trunc_subsecs(0)
    }

    /// Records what happened to an object. One that leaves a person or a course for another concerns both.
    pub(super) fn record(&mut self, action: Action, before: Option<&Object>, after: Option<&Object>) {
        let Some(object) = after.or(before) else { return };
        let (kind, id, at) = (object.kind(), object.id(), self.now());
        let now_of = concerned(object);
        let was_of = before.map(concerned).filter(|was_of| *was_of != now_of);
        for (user, course) in was_of.into_iter().chain([now_of]) {
            self.changes.push(Change {
                seq: 0,
                kind,
                id: id.to_owned(),
                action,
                user: user.cloned(),
                course: course.cloned(),
                at,
            });
        }
        self.audit.push(AuditEntry {
            app: self.app.clone(),
            actor: self.by.actor.to_owned(),
            action: format!("roster.{action}"),
            target_type: kind.name().to_owned(),
            target_id: id.to_owned(),
            scope: None,
            before: before.map(described),
            after: after.map(described),
            ip: self.by.ip.map(ToOwned::to_owned),
            at,
        });
    }

    /// Numbers and writes everything.
    pub(super) async fn write(mut self, change: &DatabaseTransaction) -> Result<Vec<Change>> {
        append(change, self.app, &mut self.changes).await?;
        audit::insert(change, &self.audit).await?;
        Ok(self.changes)
    }
}

/// What the log says of a person of whom something else has changed than their row in the roster.
pub(in crate::store) fn of_person(user: &UserId, now: DateTime<Utc>) -> Change {
    Change {
        seq: 0,
        kind: Kind::User,
        id: user.as_str().to_owned(),
        action: Action::Updated,
        user: Some(user.clone()),
        course: None,
        at: now.trunc_subsecs(0),
    }
}

/// Numbers changes of an app and writes them. The transaction began with [`COUNTER`].
pub(in crate::store) async fn append(change: &DatabaseTransaction, app: &AppId, changes: &mut [Change]) -> Result<()> {
    let Some(more) = i64::try_from(changes.len()).ok().filter(|count| *count > 0) else { return Ok(()) };
    // The transaction has counted once already, when it began.
    let counted = change_counter::Entity::find_by_id(COUNTER).one(change).await?;
    let first = counted.map_or(1, |row| row.value);
    let last = first + more - 1;
    for (entry, seq) in changes.iter_mut().zip(first..) {
        entry.seq = seq;
    }
    change_counter::Entity::update_many()
        .col_expr(change_counter::Column::Value, Expr::value(last))
        .filter(change_counter::Column::Name.eq(COUNTER))
        .exec(change)
        .await?;
    for some in changes.chunks(CHUNK) {
        let rows = some.iter().map(|entry| row(app, entry));
        roster_change::Entity::insert_many(rows).exec_without_returning(change).await?;
    }
    if last / PRUNE_EVERY != (first - 1) / PRUNE_EVERY {
        prune(change, app).await?;
    }
    Ok(())
}

/// Drops all changes of an app but the newest.
async fn prune(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    let of_app = || roster_change::Column::AppId.eq(app.as_str());
    let newest_first = roster_change::Entity::find().filter(of_app()).order_by_desc(roster_change::Column::Seq);
    let Some(oldest_to_go) = newest_first.offset(CHANGES_KEPT).limit(1).one(change).await? else { return Ok(()) };
    let old = roster_change::Column::Seq.lte(oldest_to_go.seq);
    roster_change::Entity::delete_many().filter(of_app()).filter(old).exec(change).await?;
    Ok(())
}

fn row(app: &AppId, change: &Change) -> roster_change::ActiveModel {
    roster_change::ActiveModel {
        seq: Set(change.seq),
        app_id: Set(app.as_str().to_owned()),
        kind: Set(change.kind.name().to_owned()),
        object_id: Set(change.id.clone()),
        action: Set(change.action.name().to_owned()),
        user_id: Set(change.user.as_ref().map(|user| user.as_str().to_owned())),
        course_id: Set(change.course.as_ref().map(|course| course.as_str().to_owned())),
        at: Set(change.at.naive_utc()),
    }
}

/// The person and the course that an object concerns.
fn concerned(object: &Object) -> (Option<&UserId>, Option<&ExternalId>) {
    match object {
        Object::Org(_) => (None, None),
        Object::Course(course) => (None, Some(&course.id)),
        Object::Class(class) => (None, Some(&class.course)),
        Object::Chapter(chapter) => (None, Some(&chapter.course)),
        Object::User(person) => (Some(&person.id), None),
        Object::Enrollment(enrollment) => (Some(&enrollment.user), Some(&enrollment.course)),
    }
}

/// An object as the audit keeps it. Without addresses: they would outlive the person's row.
fn described(object: &Object) -> String {
    let fields = object.fields().into_iter().filter(|(name, _)| !["email", "avatar"].contains(name));
    let fields: Map<String, Value> = fields.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    Value::Object(fields).to_string()
}
