//! Who is meant by a place and some roles, now: members to tell something to, or to count.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{course, enrollment, person};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::Query,
};

use super::{
    super::{Result, Store, chat, stamp},
    CHUNK,
};
use crate::{
    domain::roster::{Place, PlaceId, Role, Status},
    ids::{AppId, ExternalId, UserId},
};

/// Whom is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFilter {
    /// The place; `None` = everybody in the roster of the app.
    ///
    /// Of a class, those are meant who are enrolled in it, and those who are enrolled in its course without a class. Of a
    /// chapter, those of its course. Of an org, those who belong to it.
    pub place: Option<PlaceId>,
    /// Roles, one of which they hold there now; empty = any. In an org, a role in it or in one of its courses counts.
    pub roles: Vec<Role>,
    /// Only this user, if they are meant; `None` = all who are.
    pub only: Option<UserId>,
    /// Only users behind this one, in the order of the database.
    pub after: Option<UserId>,
    /// Most members of the answer.
    pub limit: u32,
}

/// Somebody who takes part in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// Name as others see it.
    pub name: String,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// The greatest of their roles there; where no course is meant, their role in the org.
    pub role: Option<Role>,
}

/// Which people are meant, and by which of their enrollments.
struct Meant {
    people: Condition,
    enrollments: Option<Condition>,
}

impl Store {
    /// People who are enrolled now – the enrollment is active, has begun and not ended, the course too, the account is on –
    /// each once, by user id.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_members(&self, app: &AppId, filter: &MemberFilter, now: DateTime<Utc>) -> Result<Vec<Member>> {
        let Some(meant) = self.meant(app, filter, now).await? else { return Ok(Vec::new()) };
        let people = people(app, (filter, meant.people), now)
            .apply_if(filter.after.as_ref(), |all, after| all.filter(person::Column::Id.gt(after.as_str())))
            .order_by_asc(person::Column::Id)
            .limit(u64::from(filter.limit))
            .all(&self.db)
            .await?;
        let roles = match meant.enrollments {
            Some(which) => self.greatest_roles(app, &people, which).await?,
            None => HashMap::new(),
        };
        let member = |row: person::Model| {
            let in_org = || row.org_role.as_deref().and_then(|role| role.parse().ok());
            let role = roles.get(&row.id).copied().or_else(in_org);
            Some(Member { user: UserId::parse(&row.id).ok()?, name: row.name, avatar: row.avatar, role })
        };
        Ok(people.into_iter().filter_map(member).collect())
    }

    /// How many [`Store::roster_members`] would name in all; `after` and `limit` do not count.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_member_count(&self, app: &AppId, filter: &MemberFilter, now: DateTime<Utc>) -> Result<u64> {
        match self.meant(app, filter, now).await? {
            Some(meant) => Ok(people(app, (filter, meant.people), now).count(&self.db).await?),
            None => Ok(0),
        }
    }

    /// How many of those whom [`Store::roster_members`] would name in all have not acknowledged a message of a chat, but its
    /// author.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn roster_pending_count(
        &self,
        app: &AppId,
        filter: &MemberFilter,
        (message, author): (&str, Option<&UserId>),
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let Some(meant) = self.meant(app, filter, now).await? else { return Ok(0) };
        let pending = people(app, (filter, meant.people), now)
            .filter(person::Column::Id.not_in_subquery(chat::acknowledged_by(app, message)))
            .apply_if(author, |all, author| all.filter(person::Column::Id.ne(author.as_str())));
        Ok(pending.count(&self.db).await?)
    }

    /// `None` = nobody can be meant.
    async fn meant(&self, app: &AppId, filter: &MemberFilter, now: DateTime<Utc>) -> Result<Option<Meant>> {
        let place = match &filter.place {
            None => return Ok(Some(in_org(app, None, &filter.roles, now))),
            Some(PlaceId::Org(org)) => return Ok(Some(in_org(app, Some(org), &filter.roles, now))),
            Some(place) => self.roster_place(app, place).await?,
        };
        let Some(Place { course: Some(course), class, .. }) = place else { return Ok(None) };
        let has_begun = course.starts_at.is_none_or(|start| start <= now);
        if !has_begun || course.ends_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let mut which = counting(app, &filter.roles, now).add(enrollment::Column::CourseId.eq(course.id.as_str()));
        if course.archived_at.is_some_and(|at| at <= now) {
            let staff = Role::ALL.iter().filter(|role| role.is_staff()).map(|role| role.name());
            which = which.add(enrollment::Column::Role.is_in(staff));
        }
        if let Some(class) = class {
            let of_class = enrollment::Column::ClassId.eq(class.id.as_str());
            which = which.add(Condition::any().add(of_class).add(enrollment::Column::ClassId.is_null()));
        }
        let people = Condition::all().add(person::Column::Id.in_subquery(users(which.clone())));
        Ok(Some(Meant { people, enrollments: Some(which) }))
    }

    async fn greatest_roles(
        &self,
        app: &AppId,
        people: &[person::Model],
        which: Condition,
    ) -> Result<HashMap<String, Role>> {
        let mut roles: HashMap<String, Role> = HashMap::with_capacity(people.len());
        for some in people.chunks(CHUNK) {
            let theirs = enrollment::Column::UserId.is_in(some.iter().map(|person| person.id.as_str()));
            let of_app = enrollment::Entity::find().filter(enrollment::Column::AppId.eq(app.as_str()));
            for row in of_app.filter(which.clone()).filter(theirs).all(&self.db).await? {
                let Ok(role) = row.role.parse::<Role>() else { continue };
                let greatest = roles.entry(row.user_id).or_insert(role);
                if role.rank() > greatest.rank() {
                    *greatest = role;
                }
            }
        }
        Ok(roles)
    }
}

/// People of an app whose account is on.
fn people(app: &AppId, (filter, which): (&MemberFilter, Condition), now: DateTime<Utc>) -> Select<person::Entity> {
    let off = person::Column::DeactivatedAt;
    person::Entity::find()
        .filter(person::Column::AppId.eq(app.as_str()))
        .filter(Condition::any().add(off.is_null()).add(off.gt(stamp(now))))
        .filter(which)
        .apply_if(filter.only.as_ref(), |all, only| all.filter(person::Column::Id.eq(only.as_str())))
}

/// People of an org, or of all orgs.
fn in_org(app: &AppId, org: Option<&ExternalId>, roles: &[Role], now: DateTime<Utc>) -> Meant {
    let of_org = org.map(|org| person::Column::OrgId.eq(org.as_str()));
    if roles.is_empty() {
        return Meant { people: Condition::all().add_option(of_org), enrollments: None };
    }
    let names = || roles.iter().map(|role| role.name());
    let in_it = Condition::all().add(person::Column::OrgRole.is_in(names())).add_option(of_org);
    let open = course::Entity::find()
        .select_only()
        .column(course::Column::Id)
        .filter(course::Column::AppId.eq(app.as_str()))
        .filter(
            Condition::all()
                .add(passed(course::Column::StartsAt, now))
                .add(ahead(course::Column::EndsAt, now))
                .add(ahead(course::Column::ArchivedAt, now))
                .add_option(org.map(|org| course::Column::OrgId.eq(org.as_str()))),
        );
    let which = counting(app, roles, now).add(enrollment::Column::CourseId.in_subquery(open.into_query()));
    let in_courses = person::Column::Id.in_subquery(users(which.clone()));
    Meant { people: Condition::any().add(in_it).add(in_courses), enrollments: Some(which) }
}

/// Users of the enrollments that meet a condition.
fn users(which: Condition) -> sea_orm::sea_query::SelectStatement {
    Query::select().column(enrollment::Column::UserId).from(enrollment::Entity).cond_where(which).to_owned()
}

/// Enrollments of an app that count now, with one of these roles.
fn counting(app: &AppId, roles: &[Role], now: DateTime<Utc>) -> Condition {
    let with_role = (!roles.is_empty()).then(|| enrollment::Column::Role.is_in(roles.iter().map(|role| role.name())));
    Condition::all()
        .add(enrollment::Column::AppId.eq(app.as_str()))
        .add(enrollment::Column::Status.eq(Status::Active.name()))
        .add(passed(enrollment::Column::BeginAt, now))
        .add(ahead(enrollment::Column::EndAt, now))
        .add_option(with_role)
}

/// The time is not set or has come.
fn passed(column: impl ColumnTrait, now: DateTime<Utc>) -> Condition {
    Condition::any().add(column.is_null()).add(column.lte(stamp(now)))
}

/// The time is not set or has not come yet.
fn ahead(column: impl ColumnTrait, now: DateTime<Utc>) -> Condition {
    Condition::any().add(column.is_null()).add(column.gt(stamp(now)))
}
