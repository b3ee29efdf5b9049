//! The usual answer of the REST API: 200 with what was asked for.

use poem_openapi::{ApiResponse, payload::Json, types::ToJSON};

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
