//! The usual answers of the REST API: what was asked for, what was made, or nothing more to say.

use poem_openapi::{ApiResponse, payload::Json, types::ToJSON};

use super::{
    problem::Problem,
    version::{is_current, is_known, tag, tag_with},
};

/// What was asked for.
#[derive(Debug, ApiResponse)]
pub(super) enum Answer<T: ToJSON> {
    /// What was asked for.
    #[oai(status = 200)]
    Ok(Json<T>),
}

impl<T: ToJSON> Answer<T> {
    /// The answer that shows this.
    pub(super) const fn of(view: T) -> Self {
        Self::Ok(Json(view))
    }
}

/// An object that has versions.
#[derive(Debug, ApiResponse)]
pub(super) enum Found<T: ToJSON> {
    /// The object.
    #[oai(status = 200)]
    Here(
        Json<T>,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// The caller has this version already, as `If-None-Match` says.
    #[oai(status = 304)]
    Known(
        /// Version of the object.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Found<T> {
    /// The object, unless the caller has this version already.
    ///
    /// # Errors
    /// When `If-None-Match` has another form.
    pub(super) fn of(view: T, version: i64, if_none_match: Option<&str>) -> Result<Self, Problem> {
        let known = is_known(if_none_match, version)?;
        Ok(if known { Self::Known(tag(version)) } else { Self::Here(Json(view), tag(version)) })
    }

    /// The same of what shows more than has versions: the caller has it only if nothing of it is news. `version` is the one
    /// that writes go by, where there are any.
    ///
    /// # Errors
    /// When `If-None-Match` has another form.
    pub(super) fn seen(view: T, version: Option<i64>, if_none_match: Option<&str>) -> Result<Self, Problem> {
        let tag = tag_with(version, &view.to_json_string());
        Ok(if is_current(if_none_match, &tag)? { Self::Known(tag) } else { Self::Here(Json(view), tag) })
    }
}

/// An object that was changed.
#[derive(Debug, ApiResponse)]
pub(super) enum Changed<T: ToJSON> {
    /// How it is now.
    #[oai(status = 200)]
    Now(
        Json<T>,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Changed<T> {
    /// The object with its version.
    pub(super) fn of(view: T, version: i64) -> Self {
        Self::Now(Json(view), tag(version))
    }
}

/// Something without versions that was made.
#[derive(Debug, ApiResponse)]
pub(super) enum Made<T: ToJSON> {
    /// It was there already: the same request came before. Nothing was made.
    #[oai(status = 200)]
    Before(Json<T>),
    /// It was made.
    #[oai(status = 201)]
    Now(
        Json<T>,
        /// Path at which it is found.
        #[oai(header = "Location")]
        String,
    ),
}

/// An object with versions that was made.
#[derive(Debug, ApiResponse)]
pub(super) enum Fresh<T: ToJSON> {
    /// It was there already: the same request came before. Nothing was made.
    #[oai(status = 200)]
    Before(
        Json<T>,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// It was made.
    #[oai(status = 201)]
    Now(
        Json<T>,
        /// Path at which it is found.
        #[oai(header = "Location")]
        String,
        /// Version of the object, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Fresh<T> {
    /// The object that was made, with its version and the path at which it is found.
    pub(super) fn new(view: T, version: i64, location: String) -> Self {
        Self::Now(Json(view), location, tag(version))
    }

    /// The same object as an earlier request has made it, with its version.
    pub(super) fn again(view: T, version: i64) -> Self {
        Self::Before(Json(view), tag(version))
    }
}

/// It was done, and there is nothing more to say.
#[derive(Debug, ApiResponse)]
pub(super) enum Done {
    /// It was done.
    #[oai(status = 204)]
    Done,
}
