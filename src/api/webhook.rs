//! The inbound webhook: hosted Pusher tells what happens there.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::sync::Arc;

use poem::{Request, RequestBody, http::StatusCode, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi,
    param::Header,
    registry::{MetaRequest, Registry},
    types::{Example, Type},
};

use super::{
    Group,
    answer::Answer,
    body::json_body,
    caller::{Visitor, describe::ByAnybody},
    problem::{Fault, Problem, Writing},
};
use crate::services::{
    Apps,
    webhook::{self, Delivery, Received},
};

/// The routes.
pub(super) struct Webhook;

/// Largest delivery in bytes.
const MAX_BYTES: usize = 256 * 1_024;

/// One event of a delivery.
#[derive(Debug, Object)]
#[oai(rename = "WebhookEvent", skip_serializing_if_is_none)]
struct EventBody {
    /// `channel_occupied`, `channel_vacated`, `member_added`, `member_removed`, `client_event`, `cache_miss` or others.
    #[oai(validator(max_length = 200))]
    name: String,
    /// The channel in question.
    #[oai(validator(max_length = 500))]
    channel: Option<String>,
    /// The member in question.
    #[oai(validator(max_length = 128))]
    user_id: Option<String>,
    /// Name of a client event.
    #[oai(validator(max_length = 200))]
    event: Option<String>,
    /// What a client event says.
    #[oai(validator(max_length = 102_400))]
    data: Option<String>,
    /// The socket of a client event.
    #[oai(validator(max_length = 64))]
    socket_id: Option<String>,
    /// Sockets of the channel.
    #[oai(validator(minimum(value = "0")))]
    subscription_count: Option<u64>,
}

/// What Pusher Channels sends to a webhook; more fields may stand in it.
#[derive(Debug, Object)]
#[oai(rename = "WebhookBody", example)]
struct DeliveryBody {
    /// When it happened, in milliseconds since 1970.
    #[oai(validator(minimum(value = "0")))]
    time_ms: i64,
    /// What happened, in this order.
    #[oai(validator(max_items = 1_000))]
    events: Vec<EventBody>,
}

impl Example for DeliveryBody {
    fn example() -> Self {
        let event = EventBody {
            name: "member_added".to_owned(),
            channel: Some("presence-course-101".to_owned()),
            user_id: Some("7".to_owned()),
            event: None,
            data: None,
            socket_id: None,
            subscription_count: None,
        };
        Self { time_ms: 1_788_250_000_000, events: vec![event] }
    }
}

/// The body byte for byte, for it is signed.
struct Raw(Vec<u8>);

impl<'a> ApiExtractor<'a> for Raw {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        DeliveryBody::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body::<DeliveryBody>(true))
    }

    async fn from_request(
        _request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body.take()?.into_vec().await?;
        if bytes.len() > MAX_BYTES {
            let detail = format!("A delivery may have {MAX_BYTES} bytes, this one has {}", bytes.len());
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).into());
        }
        Ok(Self(bytes))
    }
}

/// What became of a delivery.
#[derive(Debug, Object)]
#[oai(rename = "WebhookReceived", example)]
struct ReceivedView {
    /// Events that were taken note of.
    #[oai(validator(minimum(value = "0")))]
    events: u64,
    /// Events of names that are not known, which were left aside.
    #[oai(validator(minimum(value = "0")))]
    ignored: u64,
}

impl Example for ReceivedView {
    fn example() -> Self {
        Self { events: 1, ignored: 0 }
    }
}

impl From<webhook::Error> for Problem {
    fn from(error: webhook::Error) -> Self {
        use webhook::Error as E;
        match error {
            E::BadSignature => Self::unknown_caller("invalid_signature", error.to_string()),
            E::Stale => Self::unknown_caller("stale_webhook", error.to_string()),
            E::Malformed(detail) => Self::malformed(detail),
            E::TooMany(exceeded) => exceeded.into(),
            E::Presence(error) => error.into(),
            E::Store(error) => error.into(),
        }
    }
}

#[OpenApi(tag = "Group::Presence")]
impl Webhook {
    /// Take note of what hosted Pusher tells
    ///
    /// For installations where some clients are still connected to hosted Pusher: point a webhook of Pusher Channels here, with
    /// an app of the same key and secret on this server. Members of presence channels there are online here too. The proof is
    /// the signature of the body.
    #[oai(path = "/pusher/webhook", method = "post", operation_id = "receivePusherWebhook")]
    async fn receive(
        &self,
        visitor: Data<&Arc<Visitor>>,
        apps: Data<&Arc<Apps>>,
        /// Key of the app.
        #[oai(name = "X-Pusher-Key", validator(max_length = 128))]
        key: Header<Option<String>>,
        /// HMAC-SHA256 of the body with the app's secret, in lower-case hexadecimal digits.
        #[oai(name = "X-Pusher-Signature", validator(max_length = 128))]
        signature: Header<Option<String>>,
        body: Raw,
        _proof: ByAnybody,
    ) -> Result<Answer<ReceivedView>, Fault<Writing>> {
        let live = key.0.as_deref().and_then(|key| apps.by_key(key)).filter(|live| live.app().enabled);
        let (Some(live), Some(signature)) = (live, signature.0) else {
            let detail = "X-Pusher-Key must be the key of an app of this server, and X-Pusher-Signature must be there";
            return Err(Problem::unknown_caller("invalid_signature", detail).into());
        };
        let delivery = Delivery { body: &body.0, signature: &signature, address: visitor.address };
        let Received { events, ignored } = live.webhook_receive(delivery, visitor.now).await?;
        Ok(Answer::of(ReceivedView { events: events as u64, ignored: ignored as u64 }))
    }
}
