//! Who types, as JSON: in events, and the same in the REST API.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::spelling::Payload;
use crate::domain::{
    access::Topic,
    fact::topic_key,
    typing::{CrowdNews, Typist},
};

/// Where it happens: the id of a chat by itself, anything else as the key of its topic.
fn place(topic: &Topic) -> Option<(&'static str, Value)> {
    match topic {
        Topic::Chat(id) => Some(("chat_id", id.as_str().into())),
        other => topic_key(other).map(|key| ("topic", key.into())),
    }
}

fn user(typist: &Typist) -> Value {
    json!({ "id": typist.user.as_str(), "name": typist.name })
}

/// Somebody types. Clocks of clients may be wrong: `ttl_ms` counts from when it is heard.
#[must_use]
pub fn started(typist: &Typist, topic: &Topic, now: DateTime<Utc>) -> Payload {
    let mut payload = stopped(typist, topic);
    payload.insert("typing".to_owned(), true.into());
    payload.insert("started_at".to_owned(), time(typist.started_at));
    payload.insert("expires_at".to_owned(), time(typist.expires_at));
    payload.insert("ttl_ms".to_owned(), (typist.expires_at - now).num_milliseconds().max(0).into());
    if let Some(context) = &typist.context {
        payload.insert("context".to_owned(), context.as_str().into());
    }
    payload
}

/// Somebody has stopped. `user_id` and `user_name` say the same as `user`, for clients that look for them there.
#[must_use]
pub fn stopped(typist: &Typist, topic: &Topic) -> Payload {
    let mut payload: Map<String, Value> = place(topic).into_iter().map(|(key, id)| (key.to_owned(), id)).collect();
    payload.insert("user".to_owned(), user(typist));
    payload.insert("user_id".to_owned(), typist.user.as_str().into());
    payload.insert("user_name".to_owned(), typist.name.as_str().into());
    payload.insert("typing".to_owned(), false.into());
    payload
}

/// So many type, and these of staff.
#[must_use]
pub fn crowd(news: &CrowdNews) -> Payload {
    let mut payload: Map<String, Value> =
        place(&news.topic).into_iter().map(|(key, id)| (key.to_owned(), id)).collect();
    payload.insert("count".to_owned(), news.count.into());
    payload.insert("users".to_owned(), news.staff.iter().map(user).collect());
    payload
}

fn time(at: DateTime<Utc>) -> Value {
    at.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

/// Keys in which clients say who they are. The server knows better.
const IDENTITY: [&str; 6] = ["user", "userId", "user_id", "userName", "user_name", "actor"];

/// What a client's own payload says besides who it is from. `name`, which Laravel's examples have, becomes the true one.
#[must_use]
pub fn said(text: Option<&str>, typist: &Typist) -> Payload {
    let said = text.and_then(|text| serde_json::from_str::<Payload>(text).ok());
    let mut payload = said.unwrap_or_default();
    payload.retain(|key, _| !IDENTITY.contains(&key.as_str()));
    if let Some(name) = payload.get_mut("name") {
        *name = typist.name.as_str().into();
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::typing::EXPIRY;

    #[test]
    fn a_client_says_what_it_likes_but_not_who_it_is() {
        let now = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
        let typist = Typist {
            user: 7.into(),
            name: "Ada".to_owned(),
            is_staff: false,
            context: None,
            started_at: now,
            expires_at: now + EXPIRY,
        };
        let topic = Topic::Chat(crate::ids::ExternalId::parse("5").unwrap());
        insta::assert_snapshot!(Value::from(started(&typist, &topic, now)), @r#"{"chat_id":"5","expires_at":"2023-11-14T22:13:26.123Z","started_at":"2023-11-14T22:13:20.123Z","ttl_ms":6000,"typing":true,"user":{"id":"7","name":"Ada"},"user_id":"7","user_name":"Ada"}"#);
        let forged = r#"{"user_id":"8","userName":"Eve","draft":"x","user":{"name":"Eve"},"name":"Eve"}"#;
        assert_eq!(Value::from(said(Some(forged), &typist)), json!({ "draft": "x", "name": "Ada" }));
        assert_eq!(said(Some("[1]"), &typist), Payload::new());
    }
}
