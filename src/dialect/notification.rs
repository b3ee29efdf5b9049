//! The shape of a notification, in events and over REST alike.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::spelling::Payload;
use crate::domain::notification::{Mark, Notification, NotificationBroadcast};

fn time(moment: DateTime<Utc>) -> Value {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

/// A notification as JSON, in snake_case; what is empty is left out.
#[must_use]
pub fn notification(notification: &Notification) -> Value {
    let Notification { content, .. } = notification;
    let text = |value: Option<&str>| value.map(Value::from);
    let data = content.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
    let fields = [
        ("id", text(Some(&notification.id))),
        ("user_id", text(Some(notification.user.as_str()))),
        ("category", text(Some(content.category.name()))),
        ("type", text(content.kind.as_deref())),
        ("title", text(Some(&content.title))),
        ("body", text(Some(&content.body))),
        ("url", text(content.url.as_deref())),
        ("data", data),
        ("group_key", text(content.group_key.as_deref())),
        ("count", Some(notification.count.into())),
        ("course_id", text(notification.course.as_ref().map(crate::ids::ExternalId::as_str))),
        ("actor_id", text(notification.actor.as_ref().map(|actor| actor.id.as_str()))),
        ("actor_name", text(notification.actor.as_ref().map(|actor| actor.name.as_str()))),
        ("broadcast_id", text(notification.broadcast.as_deref())),
        ("created_at", Some(time(notification.created_at))),
        ("updated_at", Some(time(notification.updated_at))),
        ("seen_at", notification.seen_at.map(time)),
        ("read_at", notification.read_at.map(time)),
        ("expires_at", content.expires_at.map(time)),
    ];
    Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// The payload of a notification that came or was counted up.
#[must_use]
pub fn created(of: &Notification) -> Payload {
    Map::from_iter([("notification".to_owned(), notification(of))])
}

/// The same for one who gets an announcement that everybody hears.
#[must_use]
pub fn announced_to(of: &Notification) -> Payload {
    let mut value = notification(of);
    if let Some(object) = value.as_object_mut() {
        object.insert("public".to_owned(), true.into());
    }
    Map::from_iter([("notification".to_owned(), value)])
}

/// The payload of an announcement as everybody hears it: of nobody in particular.
#[must_use]
pub fn announced(broadcast: &NotificationBroadcast) -> Payload {
    let NotificationBroadcast { content, .. } = broadcast;
    let text = |value: Option<&str>| value.map(Value::from);
    let data = content.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
    let fields = [
        ("id", text(Some(&broadcast.id))),
        ("broadcast_id", text(Some(&broadcast.id))),
        ("public", Some(true.into())),
        ("category", text(Some(content.category.name()))),
        ("type", text(content.kind.as_deref())),
        ("title", text(Some(&content.title))),
        ("body", text(Some(&content.body))),
        ("url", text(content.url.as_deref())),
        ("data", data),
        ("created_at", Some(time(broadcast.created_at))),
        ("expires_at", content.expires_at.map(time)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Map::from_iter([("notification".to_owned(), Value::Object(fields.collect()))])
}

/// The payload of a mark, for the other tabs of the same person.
#[must_use]
pub fn marked(ids: &[String], mark: Mark, unread: u64) -> Payload {
    let flags = [("read", mark.read), ("seen", mark.seen), ("archived", mark.archived)];
    let flags = flags.into_iter().filter_map(|(name, flag)| Some((name.to_owned(), flag?.into())));
    let mut payload: Payload = flags.collect();
    payload.insert("ids".to_owned(), ids.into());
    payload.insert("unread_count".to_owned(), unread.into());
    payload
}
