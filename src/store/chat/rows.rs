//! From rows of chats to what they mean, and back. A row that breaks a rule is left out and told in the log.

use entity::{chat, chat_member, chat_message};
use sea_orm::ActiveValue::{NotSet, Set};
use serde_json::{Value, json};

use crate::{
    domain::{
        chat::{Attachment, Author, Chat, Membership, Message, Settings},
        roster::Role,
    },
    ids::{AppId, ExternalId, UserId},
    store::moment,
};

fn settings_text(settings: &Settings) -> String {
    let roles: Vec<&str> = settings.post_roles.iter().map(|role| role.name()).collect();
    json!({
        "slow_mode_s": settings.slow_mode_s,
        "post_roles": roles,
        "dm_policy": settings.dm_policy.name(),
        "history": settings.history.name(),
        "edit_window_s": settings.edit_window_s,
    })
    .to_string()
}

/// What cannot be read is as usual, but for roles: then nobody but staff of the place writes, not everybody.
fn settings(text: &str, retention_days: Option<i32>) -> Settings {
    let usual = Settings::default();
    let read: Value = serde_json::from_str(text).unwrap_or_default();
    let number = |name: &str| read.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok());
    let word = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default();
    let roles = read.get("post_roles").and_then(Value::as_array).into_iter().flatten();
    Settings {
        slow_mode_s: number("slow_mode_s").unwrap_or(usual.slow_mode_s),
        post_roles: roles.map(|role| role.as_str().and_then(|role| role.parse().ok()).unwrap_or(Role::Admin)).collect(),
        dm_policy: word("dm_policy").parse().unwrap_or(usual.dm_policy),
        history: word("history").parse().unwrap_or(usual.history),
        edit_window_s: number("edit_window_s").unwrap_or(usual.edit_window_s),
        retention_days: retention_days.and_then(|days| u32::try_from(days).ok()),
    }
}

fn id(text: Option<String>) -> Option<Option<ExternalId>> {
    text.map(|text| ExternalId::parse(&text)).transpose().ok()
}

/// A chat; `None` for a row that breaks a rule.
pub(super) fn chat(row: chat::Model) -> Option<Chat> {
    let name = row.id.clone();
    let read = || {
        Some(Chat {
            id: ExternalId::parse(&row.id).ok()?,
            kind: row.kind.parse().ok()?,
            course: id(row.course_id)?,
            class: id(row.class_id)?,
            title: row.title,
            settings: settings(&row.settings, row.retention_days),
            created_by: row.created_by,
            created_at: moment(row.created_at),
            frozen_at: row.frozen_at.map(moment),
            archived_at: row.archived_at.map(moment),
            cleared_seq: row.cleared_seq,
            version: row.version,
        })
    };
    let found = read();
    if found.is_none() {
        tracing::error!(chat = name, "a chat in the database is skipped");
    }
    found
}

pub(super) fn chat_row(app: &AppId, chat: &Chat, dm_key: Option<String>) -> chat::ActiveModel {
    chat::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(chat.id.as_str().to_owned()),
        kind: Set(chat.kind.name().to_owned()),
        course_id: Set(chat.course.as_ref().map(|id| id.as_str().to_owned())),
        class_id: Set(chat.class.as_ref().map(|id| id.as_str().to_owned())),
        title: Set(chat.title.clone()),
        settings: Set(settings_text(&chat.settings)),
        retention_days: Set(chat.settings.retention_days.and_then(|days| i32::try_from(days).ok())),
        dm_key: Set(dm_key),
        created_by: Set(chat.created_by.clone()),
        created_at: Set(chat.created_at.timestamp_millis()),
        frozen_at: Set(chat.frozen_at.map(|at| at.timestamp_millis())),
        archived_at: Set(chat.archived_at.map(|at| at.timestamp_millis())),
        cleared_seq: Set(chat.cleared_seq),
        version: Set(chat.version),
        changed_seq: NotSet,
    }
}

pub(super) fn membership(row: &chat_member::Model) -> Option<(UserId, Membership)> {
    let membership =
        Membership { part: row.role.parse().ok()?, joined_at: moment(row.joined_at), joined_seq: row.joined_seq };
    Some((UserId::parse(&row.user_id).ok()?, membership))
}

pub(super) fn attachments_text(attachments: &[Attachment]) -> String {
    let shown = |one: &Attachment| json!([one.url, one.name, one.content_type, one.size]);
    Value::from(attachments.iter().map(shown).collect::<Vec<_>>()).to_string()
}

fn attachments(text: &str) -> Vec<Attachment> {
    let read: Vec<(String, String, Option<String>, Option<u64>)> = serde_json::from_str(text).unwrap_or_default();
    read.into_iter().map(|(url, name, content_type, size)| Attachment { url, name, content_type, size }).collect()
}

pub(super) fn mentions_text(mentions: &[String]) -> String {
    json!(mentions).to_string()
}

/// A message without what people have put on it.
pub(super) fn message(row: chat_message::Model) -> Option<Message> {
    let author = match row.author_kind.as_str() {
        "user" => Author::User(UserId::parse(&row.author_id).ok()?),
        _ => Author::Program,
    };
    Some(Message {
        id: row.id,
        chat: ExternalId::parse(&row.chat_id).ok()?,
        seq: row.seq,
        author,
        author_name: row.author_name,
        author_role: row.author_role.and_then(|role| role.parse().ok()),
        parent: row.parent_id,
        client_id: row.client_id,
        body: row.body,
        mentions: serde_json::from_str(&row.mentions).unwrap_or_default(),
        visibility: row.visibility.parse().ok()?,
        audience: Vec::new(),
        is_shadowed: row.shadowed,
        was_open: row.was_open,
        attachments: attachments(&row.attachments),
        reactions: Vec::new(),
        acks: 0,
        created_at: moment(row.created_at),
        edited_at: row.edited_at.map(moment),
        deleted_at: row.deleted_at.map(moment),
        pinned_at: row.pinned_at.map(moment),
        pinned_until: row.pinned_until.map(moment),
        version: row.version,
    })
}

/// A new message. What no new message has is left out: each value of each row is paid for.
pub(super) fn new_message_row(app: &AppId, message: &Message) -> chat_message::ActiveModel {
    chat_message::ActiveModel {
        was_open: NotSet,
        edited_at: NotSet,
        deleted_at: NotSet,
        deleted_by: NotSet,
        pinned_at: NotSet,
        pinned_until: NotSet,
        ..message_row(app, message)
    }
}

pub(super) fn message_row(app: &AppId, message: &Message) -> chat_message::ActiveModel {
    chat_message::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(message.id.clone()),
        chat_id: Set(message.chat.as_str().to_owned()),
        seq: Set(message.seq),
        author_kind: Set(message.author.kind().to_owned()),
        author_id: Set(message.author.id().to_owned()),
        author_name: Set(message.author_name.clone()),
        author_role: Set(message.author_role.map(|role| role.name().to_owned())),
        parent_id: Set(message.parent.clone()),
        client_id: Set(message.client_id.clone()),
        body: Set(message.body.clone()),
        mentions: Set(mentions_text(&message.mentions)),
        visibility: Set(message.visibility.name().to_owned()),
        shadowed: Set(message.is_shadowed),
        was_open: Set(message.was_open),
        attachments: Set(attachments_text(&message.attachments)),
        created_at: Set(message.created_at.timestamp_millis()),
        edited_at: Set(message.edited_at.map(|at| at.timestamp_millis())),
        deleted_at: Set(message.deleted_at.map(|at| at.timestamp_millis())),
        deleted_by: Set(None),
        pinned_at: Set(message.pinned_at.map(|at| at.timestamp_millis())),
        pinned_until: Set(message.pinned_until.map(|at| at.timestamp_millis())),
        version: Set(message.version),
    }
}
