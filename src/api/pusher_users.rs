//! Acting on users: `POST /apps/{app_id}/users/{user_id}/terminate_connections`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::Path,
    payload::{Json, PlainText},
};

use super::{Group, auth::Signature, error::Refused};
use crate::{ids::UserId, services::LiveApp};

/// The routes.
pub(super) struct Users;

/// Done.
#[derive(Debug, Object)]
struct TerminatedView {}

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
        #[oai(name = "app_id")] _app_id: Path<String>,
        /// Id of the user.
        user_id: Path<String>,
        _signature: Signature,
    ) -> Result<Json<TerminatedView>, Refused> {
        let user = UserId::parse(&user_id).map_err(|error| Refused::BadRequest(PlainText(error.to_string())))?;
        live.terminate_user(&user);
        Ok(Json(TerminatedView {}))
    }
}
