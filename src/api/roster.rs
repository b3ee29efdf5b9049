//! The roster over HTTP: one set of routes for each kind of object, batches, and the log of changes.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod batch;
mod changes;
pub(super) mod object;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::Example,
};

pub(super) use self::changes::Follow;
use self::object::{
    ChapterBody, ChapterView, ClassBody, ClassView, CourseBody, CourseView, Described, EnrollmentBody, EnrollmentView,
    OrgBody, OrgView, RevokedView, Shown, UserBody, UserView,
};
use super::{
    Group,
    answer::{Answer, Found},
    caller::{Visitor, describe::ByKey},
    list::{Cursor, List, MOST, USUAL},
    problem::{Fault, Problem, Reading, Writing},
    strict::Strict,
    version::{expected, tag},
    word::{Limit, Word},
};
use crate::{
    domain::roster::{Expected, Kind, Operation, Outcome, Role, RowError, Status},
    ids::{ExternalId, UserId},
    services::roster::{self, Applied, Page, Roster, RosterFilter},
};

/// Answer to a put.
#[derive(Debug, ApiResponse)]
enum Stored<T: Shown> {
    /// The object was there; this is how it is now.
    #[oai(status = 200)]
    Updated(
        Json<T>,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// The object is new.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

/// The object is gone; an enrollment is dropped and stays as such.
#[derive(Debug, Object)]
#[oai(rename = "Deleted", example)]
struct DeletedView {
    /// Kind of the object.
    kind: Word<Kind>,
    /// Id of the object.
    #[oai(validator(max_length = 128))]
    id: String,
    /// `deleted`, or `unchanged` for an enrollment that was dropped already.
    #[oai(validator(max_length = 16))]
    outcome: String,
    /// Whose access it ended.
    #[oai(validator(max_items = 10_000))]
    revoked: Vec<RevokedView>,
}

impl Example for DeletedView {
    fn example() -> Self {
        let (id, outcome) = ("9001".to_owned(), Outcome::Deleted.name().to_owned());
        Self { kind: Word(Kind::Enrollment), id, outcome, revoked: vec![RevokedView::example()] }
    }
}

impl From<roster::Error> for Problem {
    fn from(error: roster::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&roster::Error> for Problem {
    fn from(error: &roster::Error) -> Self {
        if matches!(error, roster::Error::Database(_)) {
            tracing::error!(%error, "the roster cannot be read or written");
            return Self::unavailable("roster_unavailable", "The roster cannot be reached now, try again shortly");
        }
        Self::internal(error)
    }
}

impl From<RowError> for Problem {
    fn from(error: RowError) -> Self {
        use poem::http::StatusCode;
        match error {
            RowError::NotFound { .. } => Self::not_found(error.to_string()),
            RowError::VersionMismatch { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, error.code(), error.to_string())
            }
            RowError::DuplicateEnrollment { .. } | RowError::ClassCannotMove { .. } => {
                Self::new(StatusCode::CONFLICT, error.code(), error.to_string())
            }
            _ => Self::fields(vec![batch::of_row(&error)]),
        }
    }
}

/// Finds an object with its tag.
async fn find<V: Shown>(
    roster: &Roster,
    visitor: &Visitor,
    id: &str,
    revoked: Option<Vec<RevokedView>>,
) -> Result<(V, i64), Problem> {
    let row = roster.object(&visitor.caller.app, V::KIND, id).await?;
    let found = row.and_then(|row| {
        let version = row.version;
        Some((V::show(row, revoked)?, version))
    });
    found.ok_or_else(|| RowError::not_found(V::KIND, id).into())
}

async fn show<V: Shown>(
    roster: &Roster,
    visitor: &Visitor,
    id: &str,
    if_none_match: Option<&str>,
) -> Result<Found<V>, Problem> {
    let (view, version) = find(roster, visitor, id, None).await?;
    Found::of(view, version, if_none_match)
}

/// Does one operation.
async fn apply_one(
    roster: &Roster,
    visitor: &Visitor,
    operation: Operation,
    expected: &Expected,
) -> Result<(Outcome, Vec<RevokedView>), Problem> {
    let applied = roster.apply_expecting(&visitor.live, visitor.writing(), &operation, expected).await?;
    let Applied { rows, revoked, .. } = applied;
    match rows.into_iter().next() {
        Some(Outcome::Refused(error)) => Err(error.into()),
        Some(outcome) => Ok((outcome, revoked.into_iter().map(RevokedView::from).collect())),
        None => Ok((Outcome::Unchanged, Vec::new())),
    }
}

async fn put<B: Described, V: Shown>(
    roster: &Roster,
    visitor: &Visitor,
    (id, body): (&str, B),
    (if_match, if_none_match): (Option<&str>, Option<&str>),
) -> Result<Stored<V>, Problem> {
    let expected = expected(if_match, if_none_match)?;
    let object = body.with_id(id).map_err(|field| Problem::fields(vec![field]))?;
    let (outcome, revoked) = apply_one(roster, visitor, Operation::Put(Box::new(object)), &expected).await?;
    let (view, version) = find(roster, visitor, id, Some(revoked)).await?;
    let is_new = outcome == Outcome::Created;
    Ok(if is_new { Stored::Created(Json(view), tag(version)) } else { Stored::Updated(Json(view), tag(version)) })
}

async fn delete(
    roster: &Roster,
    visitor: &Visitor,
    (kind, id): (Kind, &str),
    if_match: Option<&str>,
) -> Result<Answer<DeletedView>, Problem> {
    let expected = expected(if_match, None)?;
    let (outcome, revoked) = apply_one(roster, visitor, Operation::Delete(kind, id.to_owned()), &expected).await?;
    Ok(Answer::of(DeletedView { kind: Word(kind), id: id.to_owned(), outcome: outcome.name().to_owned(), revoked }))
}

async fn list<V: Shown>(
    roster: &Roster,
    visitor: &Visitor,
    filter: RosterFilter,
    (cursor, limit): (Option<Word<Cursor>>, Option<Word<Limit<MOST>>>),
) -> Result<Answer<List<V>>, Problem> {
    let limit = limit.map_or(USUAL, |limit| limit.0.0);
    let page = Page { after: cursor.map(|cursor| cursor.0.0), limit: limit + 1 };
    let rows = roster.list(&visitor.caller.app, V::KIND, &filter, &page).await?;
    let show = |row: crate::domain::roster::Versioned| Some((row.object.id().to_owned(), V::show(row, None)?));
    Ok(Answer::of(List::new(rows.into_iter().filter_map(show).collect(), limit)))
}

macro_rules! routes {
    ($(
        $(#[doc = $doc:tt])+
        $routes:ident $kind:ident $id:ty { $body:ty, $view:ty }
        list $list_path:tt $list_id:tt $list_doc:tt { $( $(#[doc = $filter_doc:tt])+ $filter:ident: $filter_type:ty, )* }
        one $path:tt
        show $show_id:tt $show_doc:tt
        put $put_id:tt $put_doc:tt
        delete $delete_id:tt $delete_doc:tt
    )+) => {$(
        $(#[doc = $doc])+
        pub(super) struct $routes;

        #[OpenApi(tag = "Group::Roster")]
        impl $routes {
            #[doc = $list_doc]
            ///
            /// By id, page by page. Needs the scope `roster:read`.
            #[oai(path = $list_path, method = "get", operation_id = $list_id)]
            async fn list(
                &self,
                roster: Data<&Arc<Roster>>,
                visitor: Data<&Arc<Visitor>>,
                $( $(#[doc = $filter_doc])+ $filter: Query<Option<Word<$filter_type>>>, )*
                /// `next_cursor` of the page before; absent = the first page.
                cursor: Query<Option<Word<Cursor>>>,
                /// Most entries of the page. 25 if absent.
                limit: Query<Option<Word<Limit<MOST>>>>,
                _proof: ByKey,
            ) -> Result<Answer<List<$view>>, Fault<Reading>> {
                let filter = RosterFilter { $( $filter: $filter.0.map(|word| word.0), )* ..RosterFilter::default() };
                Ok(list(&roster, &visitor, filter, (cursor.0, limit.0)).await?)
            }

            #[doc = $show_doc]
            ///
            /// Needs the scope `roster:read`.
            #[oai(path = $path, method = "get", operation_id = $show_id)]
            async fn show(
                &self,
                roster: Data<&Arc<Roster>>,
                visitor: Data<&Arc<Visitor>>,
                /// The learning platform's id; URL-encoded where needed.
                id: Path<Word<$id>>,
                /// Versions that the caller has; one of them is answered with 304.
                #[oai(name = "If-None-Match", validator(max_length = 2_000))]
                if_none_match: Header<Option<String>>,
                _proof: ByKey,
            ) -> Result<Found<$view>, Fault<Reading>> {
                Ok(show(&roster, &visitor, id.0.0.as_str(), if_none_match.as_deref()).await?)
            }

            #[doc = $put_doc]
            ///
            /// Makes the object or puts this one in its place; the same once more changes nothing. Fields that are left out
            /// are empty then. Needs the scope `roster:write`.
            #[oai(path = $path, method = "put", operation_id = $put_id)]
            async fn put(
                &self,
                roster: Data<&Arc<Roster>>,
                visitor: Data<&Arc<Visitor>>,
                /// The learning platform's id; URL-encoded where needed.
                id: Path<Word<$id>>,
                /// Version that the object must have, such as `"3"`; `*` = any, but it must be there. Otherwise 412.
                #[oai(name = "If-Match", validator(max_length = 2_000))]
                if_match: Header<Option<String>>,
                /// `*` = the object must not be there yet. Otherwise 412.
                #[oai(name = "If-None-Match", validator(max_length = 2_000))]
                if_none_match: Header<Option<String>>,
                body: Strict<$body>,
                _proof: ByKey,
            ) -> Result<Stored<$view>, Fault<Writing>> {
                let conditions = (if_match.as_deref(), if_none_match.as_deref());
                Ok(put(&roster, &visitor, (id.0.0.as_str(), body.0), conditions).await?)
            }

            #[doc = $delete_doc]
            ///
            /// What hangs below it goes with it. An enrollment is dropped and stays, so that a return is seen as one. Needs the
            /// scope `roster:write`.
            #[oai(path = $path, method = "delete", operation_id = $delete_id)]
            async fn delete(
                &self,
                roster: Data<&Arc<Roster>>,
                visitor: Data<&Arc<Visitor>>,
                /// The learning platform's id; URL-encoded where needed.
                id: Path<Word<$id>>,
                /// Version that the object must have, such as `"3"`. Otherwise 412.
                #[oai(name = "If-Match", validator(max_length = 2_000))]
                if_match: Header<Option<String>>,
                _proof: ByKey,
            ) -> Result<Answer<DeletedView>, Fault<Writing>> {
                Ok(delete(&roster, &visitor, (Kind::$kind, id.0.0.as_str()), if_match.as_deref()).await?)
            }
        }
    )+};
}

routes! {
    /// Routes of orgs.
    Orgs Org ExternalId { OrgBody, OrgView }
    list "/api/orgs" "listOrgs" "List orgs" {}
    one "/api/orgs/:id"
    show "showOrg" "Show an org"
    put "putOrg" "Put an org"
    delete "deleteOrg" "Delete an org"

    /// Routes of users.
    People User UserId { UserBody, UserView }
    list "/api/users" "listUsers" "List users" {
        /// Only those of this org.
        org: ExternalId,
    }
    one "/api/users/:id"
    show "showUser" "Show a user"
    put "putUser" "Put a user"
    delete "deleteUser" "Delete a user"

    /// Routes of courses.
    Courses Course ExternalId { CourseBody, CourseView }
    list "/api/courses" "listCourses" "List courses" {
        /// Only those of this org.
        org: ExternalId,
    }
    one "/api/courses/:id"
    show "showCourse" "Show a course"
    put "putCourse" "Put a course"
    delete "deleteCourse" "Delete a course"

    /// Routes of classes.
    Classes Class ExternalId { ClassBody, ClassView }
    list "/api/classes" "listClasses" "List classes" {
        /// Only those of this course.
        course: ExternalId,
    }
    one "/api/classes/:id"
    show "showClass" "Show a class"
    put "putClass" "Put a class"
    delete "deleteClass" "Delete a class"

    /// Routes of chapters.
    Chapters Chapter ExternalId { ChapterBody, ChapterView }
    list "/api/chapters" "listChapters" "List chapters" {
        /// Only those of this course.
        course: ExternalId,
    }
    one "/api/chapters/:id"
    show "showChapter" "Show a chapter"
    put "putChapter" "Put a chapter"
    delete "deleteChapter" "Delete a chapter"

    /// Routes of enrollments.
    Enrollments Enrollment ExternalId { EnrollmentBody, EnrollmentView }
    list "/api/enrollments" "listEnrollments" "List enrollments" {
        /// Only those of this user.
        user: UserId,
        /// Only those in this course.
        course: ExternalId,
        /// Only those of this status.
        status: Status,
        /// Only those of this role.
        role: Role,
    }
    one "/api/enrollments/:id"
    show "showEnrollment" "Show an enrollment"
    put "putEnrollment" "Put an enrollment"
    delete "deleteEnrollment" "Drop an enrollment"
}
