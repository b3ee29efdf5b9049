//! Chats and messages as events tell them. Answers of the REST API have the same shape.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::domain::chat::{Attachment, Author, Chat, Message, Purge, Reaction, Settings, Visibility};

/// Marks what only its author and staff may hear of; the author without the mark.
pub const SHADOWED: &str = "shadowed";

/// A moment as JSON.
fn time(at: DateTime<Utc>) -> Value {
    at.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

/// An object without what is empty.
fn object(entries: Vec<(&str, Value)>) -> Value {
    let filled = entries.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(filled.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn settings(settings: &Settings) -> Value {
    object(vec![
        ("slow_mode_s", settings.slow_mode_s.into()),
        ("post_roles", settings.post_roles.iter().map(|role| role.name()).collect()),
        ("dm_policy", settings.dm_policy.name().into()),
        ("history", settings.history.name().into()),
        ("edit_window_s", settings.edit_window_s.into()),
        ("retention_days", settings.retention_days.into()),
    ])
}

/// A chat.
#[must_use]
pub fn chat(chat: &Chat) -> Value {
    object(vec![
        ("id", chat.id.as_str().into()),
        ("kind", chat.kind.name().into()),
        ("course", chat.course.as_ref().map(|id| id.as_str()).into()),
        ("class", chat.class.as_ref().map(|id| id.as_str()).into()),
        ("title", chat.title.as_str().into()),
        ("settings", settings(&chat.settings)),
        ("created_at", time(chat.created_at)),
        ("frozen_at", chat.frozen_at.map(time).into()),
        ("archived_at", chat.archived_at.map(time).into()),
        ("cleared_seq", chat.cleared_seq.into()),
        ("version", chat.version.into()),
    ])
}

/// Messages of one person that were deleted in one go.
#[must_use]
pub fn purge(purge: &Purge) -> Value {
    object(vec![
        ("chat_id", purge.chat.as_str().into()),
        ("user_id", purge.author.as_str().into()),
        ("from_seq", purge.from.into()),
        ("to_seq", purge.to.into()),
        ("count", purge.count.into()),
        (SHADOWED, purge.is_shadowed.then_some(true).into()),
    ])
}

fn attachment(attachment: &Attachment) -> Value {
    object(vec![
        ("url", attachment.url.as_str().into()),
        ("name", attachment.name.as_str().into()),
        ("content_type", attachment.content_type.as_deref().into()),
        ("size", attachment.size.into()),
    ])
}

/// A message. Its text stands in `body`, and in `content` and `text` for clients that look for it there; its author likewise in
/// `author`, `author_id` and `user_id`.
#[must_use]
pub fn message(message: &Message) -> Value {
    let author = object(vec![
        ("kind", message.author.kind().into()),
        ("id", message.author.id().into()),
        ("name", message.author_name.as_str().into()),
        ("role", message.author_role.map(|role| role.name()).into()),
    ]);
    let user = match &message.author {
        Author::User(user) => user.as_str().into(),
        Author::Program => Value::Null,
    };
    let for_some = message.visibility == Visibility::Users;
    let audience: Vec<&str> = message.audience.iter().map(|user| user.as_str()).collect();
    let reaction = |one: &Reaction| json!({ "emoji": one.emoji, "count": one.count });
    object(vec![
        ("id", message.id.as_str().into()),
        ("chat_id", message.chat.as_str().into()),
        ("seq", message.seq.into()),
        ("version", message.version.into()),
        ("author", author),
        ("author_id", message.author.id().into()),
        ("user_id", user),
        ("parent_id", message.parent.as_deref().into()),
        ("client_id", message.client_id.as_deref().into()),
        ("body", message.body.as_str().into()),
        ("content", message.body.as_str().into()),
        ("text", message.body.as_str().into()),
        ("mentions", message.mentions.clone().into()),
        ("visibility", message.visibility.name().into()),
        (SHADOWED, message.is_shadowed.then_some(true).into()),
        ("visible_to", if for_some { audience.into() } else { Value::Null }),
        ("attachments", message.attachments.iter().map(attachment).collect()),
        ("reactions", message.reactions.iter().map(reaction).collect()),
        ("ack_count", message.acks.into()),
        ("created_at", time(message.created_at)),
        ("edited_at", message.edited_at.map(time).into()),
        ("deleted_at", message.deleted_at.map(time).into()),
        ("pinned_at", message.pinned_at.map(time).into()),
        ("pinned_until", message.pinned_until.map(time).into()),
    ])
}
