//! Answers about polls with what stands beside their bodies: versions, and the form of a file.

use poem_openapi::{
    ApiResponse, ResponseContent,
    payload::{Json, PlainText},
    types::ToJSON,
};

use super::{
    super::{Config, caller::proof::GUEST, file::Form, problem::Problem, version, word::Meaning},
    view::{ExportView, PollSnapshotView, PollView},
};
use crate::services::{guest::Guest, poll::Export};

/// How long a browser keeps the cookie of a guest: 30 days.
const COOKIE_SECONDS: u32 = 2_592_000;

/// A poll that was changed.
#[derive(Debug, ApiResponse)]
pub(super) enum Versioned<T: ToJSON> {
    /// The poll as it is now.
    #[oai(status = 200)]
    Now(
        Json<T>,
        /// Version of the poll, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl Versioned<PollView> {
    pub(super) fn of(view: PollView) -> Self {
        let tag = version::tag(view.version);
        Self::Now(Json(view), tag)
    }
}

/// A poll that was looked at.
#[derive(Debug, ApiResponse)]
pub(super) enum Polled<T: ToJSON> {
    /// The poll.
    #[oai(status = 200)]
    Here(
        Json<T>,
        /// Version of the poll and of what there is to see of it, for `If-Match` and `If-None-Match`.
        #[oai(header = "ETag")]
        String,
        /// The cookie by which a guest without an account is known again; absent for everybody else, and when it was sent along.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
    /// There is nothing new since the answer that `If-None-Match` names.
    #[oai(status = 304)]
    Known(
        /// As before.
        #[oai(header = "ETag")]
        String,
    ),
}

/// The answer, unless the caller has it already.
///
/// # Errors
/// When `If-None-Match` has another form.
pub(super) fn snapshot(
    view: PollSnapshotView,
    if_none_match: Option<&str>,
    cookie: Option<String>,
) -> Result<Polled<PollSnapshotView>, Problem> {
    let tag = version::tag_with(Some(view.poll.version), &view.news());
    let is_known = version::is_current(if_none_match, &tag)?;
    // A guest's new cookie must reach them, whatever else they know.
    Ok(if is_known && cookie.is_none() { Polled::Known(tag) } else { Polled::Here(Json(view), tag, cookie) })
}

/// The cookie that a new guest has to keep. Scripts do not see it, and pages of other sites cannot use it.
pub(super) fn guest_cookie(config: &Config, guest: &Guest) -> Option<String> {
    let value = guest.cookie.as_ref()?;
    let path = if config.path_prefix.is_empty() { "/" } else { &config.path_prefix };
    let secure = if config.socket_url.starts_with("wss:") { "; Secure" } else { "" };
    Some(format!("{GUEST}={value}; Path={path}; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"))
}

/// What is in the file.
#[derive(ResponseContent)]
pub(super) enum File {
    /// Everything.
    Json(Json<Box<ExportView>>),
    /// The votes, line by line.
    #[oai(content_type = "text/csv")]
    Csv(PlainText<String>),
}

/// A file.
#[derive(ApiResponse)]
pub(super) enum Exported {
    /// The file.
    #[oai(status = 200)]
    File(
        File,
        /// That it is one, and its name.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

impl Exported {
    pub(super) fn of(export: Export, form: Form) -> Self {
        let name = format!("attachment; filename=\"poll-{}.{}\"", export.poll.id, form.write());
        match form {
            Form::Csv => Self::File(File::Csv(PlainText(export.csv())), name),
            Form::Json => Self::File(File::Json(Json(Box::new(export.into()))), name),
        }
    }
}
