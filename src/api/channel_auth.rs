//! Channel authorization and sign-in for stock clients: pusher-js and Echo ask here before they subscribe.
//!
//! The same handler stands on every path that the clients and frameworks use by default. Parameters come from the query and
//! from the body, as a form or as JSON, whatever the content type says; the body wins. Who may hear what is decided by
//! [`LiveApp::authorize_channel`](crate::services::LiveApp::authorize_channel).

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod parameters;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};

use self::parameters::{ChannelBody, Parameters, UserBody};
use super::{
    Group,
    answer::Answer,
    caller::{Visitor, describe::ByAnybody},
    problem::{Asking, Fault, Problem},
};
use crate::services::access::{AuthRefused, ChannelAuth, ChannelAuthRequest, UserAuth};

/// Proof for a subscription.
#[derive(Debug, Object)]
#[oai(rename = "ChannelAuth", example)]
struct ChannelAuthView {
    /// `KEY:SIGNATURE` and, after another colon, whom it is for; to be sent with the subscription as it is.
    #[oai(validator(max_length = 2_048))]
    auth: String,
    /// Who joins, on presence channels; to be sent as it is.
    #[oai(skip_serializing_if_is_none, validator(max_length = 131_072))]
    channel_data: Option<String>,
    /// Secret of an encrypted channel in base64.
    #[oai(skip_serializing_if_is_none, validator(max_length = 128))]
    shared_secret: Option<String>,
}

impl Example for ChannelAuthView {
    fn example() -> Self {
        let data = r#"{"user_id":"7","user_info":{"id":"7","name":"Ada","avatar":null,"role":"student"}}"#;
        let signature = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
        Self {
            auth: format!("app-key:{signature}:1790000000.37"),
            channel_data: Some(data.to_owned()),
            shared_secret: None,
        }
    }
}

impl From<ChannelAuth> for ChannelAuthView {
    fn from(ChannelAuth { auth, channel_data, shared_secret }: ChannelAuth) -> Self {
        Self { auth, channel_data, shared_secret }
    }
}

/// Proof for a sign-in.
#[derive(Debug, Object)]
#[oai(rename = "UserAuth", example)]
struct UserAuthView {
    /// `KEY:SIGNATURE` and, after another colon, whom it is for; to be sent with the sign-in as it is.
    #[oai(validator(max_length = 2_048))]
    auth: String,
    /// Who signs in; to be sent as it is.
    #[oai(validator(max_length = 131_072))]
    user_data: String,
}

impl Example for UserAuthView {
    fn example() -> Self {
        let signature = "4e9b8ad1f0a6ce7a6bf1a4d2c8f03d7c3c65be9b2a5d7f4a9a7c7b1f34f0f1a2";
        let data = r#"{"id":"7","user_info":{"name":"Ada"}}"#;
        Self { auth: format!("app-key:{signature}:1790000000.37"), user_data: data.to_owned() }
    }
}

impl From<UserAuth> for UserAuthView {
    fn from(UserAuth { auth, user_data }: UserAuth) -> Self {
        Self { auth, user_data }
    }
}

async fn channel(visitor: &Visitor, parameters: &Parameters) -> Result<Answer<ChannelAuthView>, Problem> {
    let (socket_id, channel_name) = (parameters.needed("socket_id")?, parameters.needed("channel_name")?);
    let channel_data = parameters.text("channel_data")?.filter(|text| !str::is_empty(text));
    let last_event_id = parameters.text("last_event_id")?;
    let request = ChannelAuthRequest { socket_id, channel_name, channel_data, last_event_id };
    let auth = visitor.live.authorize_channel(&visitor.caller, request, visitor.now).await;
    Ok(Answer::of(auth.map_err(|refused| refusal(visitor, refused))?.into()))
}

/// A refusal for whoever asks. Who is not known hears the same of channels that are there and of others.
fn refusal(visitor: &Visitor, refused: AuthRefused) -> Problem {
    match refused {
        AuthRefused::Denied(_) | AuthRefused::NotIdentified(_) if visitor.caller.is_guest() => {
            Problem::unknown_caller("not_identified", "This channel needs a person: send their token")
        }
        refused => refused.into(),
    }
}

async fn user(visitor: &Visitor, parameters: &Parameters) -> Result<Answer<UserAuthView>, Problem> {
    let socket_id = parameters.needed("socket_id")?;
    let auth = visitor.live.authorize_user(&visitor.caller, socket_id, visitor.now).await?;
    Ok(Answer::of(auth.into()))
}

macro_rules! channel_routes {
    ($($routes:ident $path:tt $post:tt $get:tt;)+) => {$(
        #[doc = concat!("Channel authorization at `", $path, "`.")]
        pub(super) struct $routes;

        #[OpenApi(tag = "Group::Authorization")]
        impl $routes {
            /// Authorize a subscription
            ///
            /// What pusher-js and Echo call before they join a private, presence or encrypted channel. Parameters may also stand
            /// in the query; the body wins, and others than these are left aside. 401: nobody known asks; 403: whoever asks
            /// may not hear the channel, and `code` says why.
            #[oai(path = $path, method = "post", operation_id = $post)]
            async fn post(
                &self,
                visitor: Data<&Arc<Visitor>>,
                body: ChannelBody,
                _proof: ByAnybody,
            ) -> Result<Answer<ChannelAuthView>, Fault<Asking>> {
                Ok(channel(&visitor, &body.0).await?)
            }

            /// Authorize a subscription, with parameters in the query
            ///
            /// The same as POST, as Laravel offers it too.
            #[oai(path = $path, method = "get", operation_id = $get)]
            async fn get(
                &self,
                visitor: Data<&Arc<Visitor>>,
                /// Id of the socket that wants to subscribe, such as `123.456`.
                #[oai(validator(max_length = 64))]
                socket_id: Query<String>,
                /// Name of the channel.
                #[oai(validator(max_length = 500))]
                channel_name: Query<String>,
                /// Who joins, on presence channels; usually absent, because the server knows.
                #[oai(validator(max_length = 1_024))]
                channel_data: Query<Option<String>>,
                /// The `event_id` of the last event that the client has heard, or `epoch:seq` of the `stream` of its last answer:
                /// what came since is sent right after the subscription.
                #[oai(validator(max_length = 64))]
                last_event_id: Query<Option<String>>,
                _proof: ByAnybody,
            ) -> Result<Answer<ChannelAuthView>, Fault<Asking>> {
                let named = [
                    ("socket_id", Some(socket_id.0)),
                    ("channel_name", Some(channel_name.0)),
                    ("channel_data", channel_data.0),
                    ("last_event_id", last_event_id.0),
                ];
                Ok(channel(&visitor, &Parameters::of(named)).await?)
            }
        }
    )+};
}

channel_routes! {
    Broadcasting "/broadcasting/auth" "authorizeChannel" "authorizeChannelByGet";
    ApiBroadcasting "/api/broadcasting/auth" "authorizeChannelApi" "authorizeChannelApiByGet";
    Pusher "/pusher/auth" "authorizeChannelPusher" "authorizeChannelPusherByGet";
    ApiPusher "/api/pusher/auth" "authorizeChannelApiPusher" "authorizeChannelApiPusherByGet";
}

macro_rules! user_routes {
    ($($routes:ident $path:tt $post:tt $get:tt;)+) => {$(
        #[doc = concat!("Sign-in at `", $path, "`.")]
        pub(super) struct $routes;

        #[OpenApi(tag = "Group::Authorization")]
        impl $routes {
            /// Authorize a sign-in
            ///
            /// What pusher-js calls for `pusher.signin()`. Parameters may also stand in the query; the body wins, and others
            /// than these are left aside. 401: nobody known asks.
            #[oai(path = $path, method = "post", operation_id = $post)]
            async fn post(
                &self,
                visitor: Data<&Arc<Visitor>>,
                body: UserBody,
                _proof: ByAnybody,
            ) -> Result<Answer<UserAuthView>, Fault<Asking>> {
                Ok(user(&visitor, &body.0).await?)
            }

            /// Authorize a sign-in, with parameters in the query
            ///
            /// The same as POST.
            #[oai(path = $path, method = "get", operation_id = $get)]
            async fn get(
                &self,
                visitor: Data<&Arc<Visitor>>,
                /// Id of the socket that wants to sign in, such as `123.456`.
                #[oai(validator(max_length = 64))]
                socket_id: Query<String>,
                _proof: ByAnybody,
            ) -> Result<Answer<UserAuthView>, Fault<Asking>> {
                Ok(user(&visitor, &Parameters::of([("socket_id", Some(socket_id.0))])).await?)
            }
        }
    )+};
}

user_routes! {
    BroadcastingUser "/broadcasting/user-auth" "authorizeUser" "authorizeUserByGet";
    ApiBroadcastingUser "/api/broadcasting/user-auth" "authorizeUserApi" "authorizeUserApiByGet";
    PusherUser "/pusher/user-auth" "authorizeUserPusher" "authorizeUserPusherByGet";
    ApiPusherUser "/api/pusher/user-auth" "authorizeUserApiPusher" "authorizeUserApiPusherByGet";
}

impl From<AuthRefused> for Problem {
    fn from(refused: AuthRefused) -> Self {
        match refused {
            AuthRefused::Malformed(detail) => Self::malformed(detail),
            AuthRefused::NotIdentified(detail) => Self::unknown_caller("not_identified", detail),
            AuthRefused::Denied(decision) => (*decision).into(),
            AuthRefused::Unavailable => Self::unavailable("source_unavailable", refused.to_string()),
        }
    }
}
