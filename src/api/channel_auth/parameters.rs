//! Parameters of an authorization request, wherever they stand: query, form or JSON.
//!
//! pusher-js sends a form, others JSON, some put everything into the query; content types are right, wrong or absent. The
//! first byte of the body tells JSON from a form.

use std::collections::HashMap;

use poem::{Request, RequestBody, http::header::CONTENT_TYPE};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::{Example, Type},
};
use serde_json::Value;
use url::form_urlencoded;

use super::super::problem::Problem;

/// Most parameters of one request.
const MAX: usize = 100;

/// Parameters by name. Those that are not asked for are left aside.
#[derive(Debug, Default)]
pub(super) struct Parameters(HashMap<String, Value>);

impl Parameters {
    /// Parameters that were found one by one.
    pub(super) fn of<const N: usize>(named: [(&str, Option<String>); N]) -> Self {
        let found = named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?))));
        Self(found.collect())
    }

    /// Reads query and body; the body wins.
    fn read(query: &str, body: &[u8]) -> Result<Self, Problem> {
        let mut found = Self::default();
        found.take_form(query.as_bytes())?;
        let body = body.trim_ascii();
        if body.starts_with(b"{") {
            let object: serde_json::Map<String, Value> = serde_json::from_slice(body)
                .map_err(|error| Problem::malformed(format!("The body begins like JSON, but: {error}")))?;
            for (name, value) in object {
                found.insert(name, value)?;
            }
        } else if body.starts_with(b"[") || body.starts_with(b"\"") {
            return Err(Problem::malformed("The body must be a form, or a JSON object such as {\"socket_id\":…}"));
        } else {
            found.take_form(body)?;
        }
        Ok(found)
    }

    fn take_form(&mut self, form: &[u8]) -> Result<(), Problem> {
        for (name, value) in form_urlencoded::parse(form) {
            self.insert(name.into_owned(), Value::String(value.into_owned()))?;
        }
        Ok(())
    }

    fn insert(&mut self, name: String, value: Value) -> Result<(), Problem> {
        self.0.insert(name, value);
        if self.0.len() > MAX {
            return Err(Problem::malformed(format!("At most {MAX} parameters are read")));
        }
        Ok(())
    }

    /// The text of a parameter.
    ///
    /// # Errors
    /// When it is no text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::parameter(name, "must be a string")),
        }
    }

    /// The text of a parameter that must be there.
    ///
    /// # Errors
    /// When it is not there, or no text.
    pub(super) fn needed(&self, name: &'static str) -> Result<&str, Problem> {
        let text = self.text(name)?.filter(|text| !str::is_empty(text));
        text.ok_or_else(|| {
            Problem::parameter(name, "is missing: send it in the body, as a form or as JSON, or in the query")
        })
    }
}

/// Asks for a subscription.
#[derive(Debug, Object)]
#[oai(rename = "ChannelAuthBody", example)]
struct ChannelSchema {
    /// Id of the socket that wants to subscribe.
    #[oai(validator(max_length = 64))]
    socket_id: String,
    /// Name of the channel.
    #[oai(validator(max_length = 500))]
    channel_name: String,
    /// Who joins, on presence channels; usually absent, because the server knows.
    #[oai(skip_serializing_if_is_none, validator(max_length = 65_536))]
    channel_data: Option<String>,
    /// The `event_id` of the last event that the client has heard, or `epoch:seq` of the `stream` of its last answer: what came
    /// since is sent right after the subscription.
    #[oai(skip_serializing_if_is_none, validator(max_length = 64))]
    last_event_id: Option<String>,
}

impl Example for ChannelSchema {
    fn example() -> Self {
        let (socket_id, channel_name) = ("123.456".to_owned(), "presence-course.101.users".to_owned());
        Self { socket_id, channel_name, channel_data: None, last_event_id: None }
    }
}

/// Asks for a sign-in.
#[derive(Debug, Object)]
#[oai(rename = "UserAuthBody", example)]
struct UserSchema {
    /// Id of the socket that wants to sign in.
    #[oai(validator(max_length = 64))]
    socket_id: String,
}

impl Example for UserSchema {
    fn example() -> Self {
        Self { socket_id: "123.456".to_owned() }
    }
}

macro_rules! bodies {
    ($($(#[doc = $doc:tt])+ $name:ident $schema:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $name(pub(super) Parameters);

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                $schema::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                let media = |content_type| MetaMediaType { content_type, schema: $schema::schema_ref() };
                let content = vec![media("application/x-www-form-urlencoded"), media("application/json")];
                Some(MetaRequest { description: None, content, required: false })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let media = request.header(CONTENT_TYPE).unwrap_or_default();
                if media.trim_start().to_ascii_lowercase().starts_with("multipart/") {
                    return Err(Problem::wrong_media("application/x-www-form-urlencoded", media).into());
                }
                let bytes = body.take()?.into_bytes().await?;
                Ok(Self(Parameters::read(request.uri().query().unwrap_or_default(), &bytes)?))
            }
        }
    )+};
}

bodies! {
    /// Parameters of a subscription.
    ChannelBody ChannelSchema;
    /// Parameters of a sign-in.
    UserBody UserSchema;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, body: &str) -> Parameters {
        Parameters::read(query, body.as_bytes()).unwrap()
    }

    #[test]
    fn parameters_are_found_in_query_form_and_json_and_the_body_wins() {
        for (query, body) in [
            ("socket_id=1.2&channel_name=private-a", ""),
            ("", "socket_id=1.2&channel_name=private-a&last_event_id=9"),
            ("", r#"  {"socket_id":"1.2","channel_name":"private-a","more":{"a":[1]}}"#),
            ("socket_id=9.9&channel_name=private-a", "socket_id=1.2"),
            ("socket_id=9.9&channel_name=x", r#"{"channel_name":"private-a","socket_id":"1.2"}"#),
            ("channel_name=private%2Da", "socket_id=1%2E2"),
        ] {
            let found = read(query, body);
            assert_eq!(found.needed("socket_id").unwrap(), "1.2", "{query} {body}");
            assert_eq!(found.needed("channel_name").unwrap(), "private-a", "{query} {body}");
            assert_eq!(found.text("channel_data").unwrap(), None);
        }
    }

    #[test]
    fn what_is_missing_or_no_text_is_named() {
        for (body, says) in [
            ("", "socket_id: is missing"),
            ("socket_id=", "socket_id: is missing"),
            (r#"{"socket_id":null}"#, "socket_id: is missing"),
            (r#"{"socket_id":1.2}"#, "socket_id: must be a string"),
        ] {
            let problem = read("", body).needed("socket_id").map(str::to_owned).unwrap_err();
            assert!(problem.detail().starts_with(says), "{body}: {problem}");
        }
    }

    #[test]
    fn other_bodies_and_too_many_parameters_are_refused() {
        for body in ["[1]", "\"socket_id=1\"", "{\"a\":", "{\"a\":1}{"] {
            assert_eq!(Parameters::read("", body.as_bytes()).unwrap_err().code(), "malformed_request", "{body}");
        }
        let form = |count: usize| (0..count).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
        assert!(Parameters::read("", form(MAX).as_bytes()).is_ok());
        assert!(Parameters::read("", form(MAX + 1).as_bytes()).is_err());
        assert!(Parameters::read(&form(MAX + 1), b"").is_err());
    }
}
