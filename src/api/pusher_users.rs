//! Acting on users: `POST /apps/{app_id}/users/{user_id}/terminate_connections`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    payload::{Json, PlainText},
};

use super::{Group, auth::Signature, error::Refused};
use crate::{ids::UserId, services::LiveApp};

/// The routes.
pub(super) struct Users;

/// Done; an empty object.
#[derive(Debug, Object)]
struct TerminatedView {}

/// Answer to an act on a user.
#[derive(Debug, ApiResponse)]
enum TerminatedAnswer {
    /// The user's sockets are being closed.
    #[oai(
        status = 200,
        header(
            name = "X-RateLimit-Limit",
            ty = "Option<u32>",
            description = "Requests per second that the app may make; absent without a limit."
        ),
        header(name = "X-RateLimit-Remaining", ty = "Option<u32>", description = "What is left of them now.")
    )]
    Terminated(Json<TerminatedView>),
}

#[OpenApi(tag = "Group::Users")]
impl Users {
    /// Close all connections of a user
    ///
    /// Their sockets are closed with 4009, so stock clients do not come back by themselves. An unknown user has no
    /// connections; that is no error.
    #[oai(
        path = "/apps/:app_id/users/:user_id/terminate_connections",
        method = "post",
        operation_id = "terminateUserConnections"
    )]
    async fn terminate(
        &self,
        live: Data<&Arc<LiveApp>>,
        /// Id of the app.
        #[oai(name = "app_id", validator(max_length = 64))]
        _app_id: Path<String>,
        /// Id of the user, as given at sign-in; URL-encoded where needed.
        #[oai(validator(max_length = 128))]
        user_id: Path<String>,
        _signature: Signature,
    ) -> Result<TerminatedAnswer, Refused> {
        let user = UserId::parse(&user_id).map_err(|error| Refused::BadRequest(PlainText(error.to_string())))?;
        live.terminate_user(&user);
        Ok(TerminatedAnswer::Terminated(Json(TerminatedView {})))
    }
}
