//! From rows to notifications and back.

use chrono::{DateTime, Utc};
use entity::{notification, notification_broadcast};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

use super::Outgoing;
use crate::{
    domain::{
        fact::Actor,
        notification::{Content, Mark, Notification, NotificationBroadcast, Recipient},
    },
    ids::{AppId, ExternalId, SocketId, UserId},
    store::{audience, moment, whole},
};

fn ms(moment: Option<DateTime<Utc>>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_millis())
}

fn moment_option(ms: Option<i64>) -> Option<DateTime<Utc>> {
    ms.and_then(DateTime::from_timestamp_millis)
}

fn actor(id: Option<String>, name: Option<String>, role: Option<String>) -> Option<Actor> {
    let role = role.and_then(|role| role.parse().ok());
    Some(Actor { id: id?, name: name.unwrap_or_default(), role })
}

/// A notification as it is told; `None` for one that this version cannot read.
pub(super) fn read(row: notification::Model) -> Option<Notification> {
    let content = Content {
        category: row.category.parse().ok()?,
        kind: row.kind,
        title: row.title,
        body: row.body,
        url: row.url,
        data: row.data,
        group_key: row.group_key,
        expires_at: moment_option(row.expires_at),
    };
    Some(Notification {
        id: row.id,
        user: UserId::parse(&row.user_id).ok()?,
        content,
        course: row.course_id.and_then(|course| ExternalId::parse(&course).ok()),
        actor: actor(row.actor_id, row.actor_name, row.actor_role),
        broadcast: row.broadcast_id,
        count: row.times,
        created_at: moment(row.created_at),
        updated_at: moment(row.updated_at),
        seen_at: moment_option(row.seen_at),
        read_at: moment_option(row.read_at),
        archived_at: moment_option(row.archived_at),
    })
}

/// A new notification.
pub(super) fn new(recipient: &Recipient, outgoing: Outgoing<'_>, (id, now): (String, DateTime<Utc>)) -> Notification {
    let now = whole(now);
    Notification {
        id,
        user: recipient.user.clone(),
        content: outgoing.content.clone(),
        course: recipient.course.clone(),
        actor: outgoing.actor.cloned(),
        broadcast: outgoing.broadcast.map(str::to_owned),
        count: 1,
        created_at: now,
        updated_at: now,
        seen_at: None,
        read_at: None,
        archived_at: None,
    }
}

/// The row of a notification that nobody has read yet.
pub(super) fn row(app: &AppId, notification: &Notification) -> notification::ActiveModel {
    let Notification { content, actor, .. } = notification;
    notification::ActiveModel {
        id: Set(notification.id.clone()),
        app_id: Set(app.as_str().to_owned()),
        user_id: Set(notification.user.as_str().to_owned()),
        category: Set(content.category.name().to_owned()),
        kind: Set(content.kind.clone()),
        title: Set(content.title.clone()),
        body: Set(content.body.clone()),
        url: Set(content.url.clone()),
        data: Set(content.data.clone()),
        course_id: Set(notification.course.as_ref().map(|course| course.as_str().to_owned())),
        actor_id: Set(actor.as_ref().map(|actor| actor.id.clone())),
        actor_name: Set(actor.as_ref().map(|actor| actor.name.clone())),
        actor_role: Set(actor.as_ref().and_then(|actor| actor.role).map(|role| role.name().to_owned())),
        broadcast_id: Set(notification.broadcast.clone()),
        group_key: Set(content.group_key.clone()),
        group_slot: Set(content.group_key.clone()),
        times: Set(notification.count),
        created_at: Set(notification.created_at.timestamp_millis()),
        updated_at: Set(notification.updated_at.timestamp_millis()),
        seen_at: Set(ms(notification.seen_at)),
        read_at: Set(ms(notification.read_at)),
        archived_at: Set(ms(notification.archived_at)),
        expires_at: Set(ms(content.expires_at)),
    }
}

/// Rows that come after another one, newest first.
pub(super) fn behind((updated_at, id): (DateTime<Utc>, &str)) -> Condition {
    let updated_at = updated_at.timestamp_millis();
    let earlier_id =
        notification::Column::UpdatedAt.eq(updated_at).and(notification::Column::Id.lt(id.replace('\0', "")));
    Condition::any().add(notification::Column::UpdatedAt.lt(updated_at)).add(earlier_id)
}

/// Rows that a mark would change.
pub(super) fn differs(mark: Mark) -> Condition {
    let differs = |column: notification::Column, wanted: Option<bool>| {
        wanted.map(|wanted| if wanted { column.is_null() } else { column.is_not_null() })
    };
    Condition::any()
        .add_option(differs(notification::Column::ReadAt, mark.read))
        .add_option(differs(notification::Column::SeenAt, mark.seen))
        .add_option(differs(notification::Column::ArchivedAt, mark.archived))
}

/// What a mark writes. A moment that stands there already stays; whoever was read or put away takes up no others.
pub(super) fn marked(mark: Mark, now: DateTime<Utc>) -> Vec<(notification::Column, SimpleExpr)> {
    let set = |column: notification::Column, wanted: bool| {
        let now = wanted.then(|| now.timestamp_millis());
        let value = if wanted { Expr::col(column).if_null(now) } else { Expr::value(now) };
        (column, value)
    };
    let mut columns = Vec::with_capacity(4);
    columns.extend(mark.read.map(|read| set(notification::Column::ReadAt, read)));
    columns.extend(mark.seen.map(|seen| set(notification::Column::SeenAt, seen)));
    columns.extend(mark.archived.map(|archived| set(notification::Column::ArchivedAt, archived)));
    if mark.read == Some(true) || mark.archived == Some(true) {
        columns.push((notification::Column::GroupSlot, Expr::value(Option::<String>::None)));
    }
    columns
}

/// A sending to many as it is told; `None` for one that this version cannot read.
pub(super) fn read_broadcast(row: notification_broadcast::Model) -> Option<NotificationBroadcast> {
    let content = Content {
        category: row.category.parse().ok()?,
        kind: row.kind,
        title: row.title,
        body: row.body,
        url: row.url,
        data: row.data,
        group_key: row.group_key,
        expires_at: moment_option(row.expires_at),
    };
    Some(NotificationBroadcast {
        id: row.id,
        audience: audience::read(&row.audience)?,
        content,
        is_public: row.is_public,
        created_by: row.created_by,
        except: row.except_socket.as_deref().and_then(SocketId::parse),
        actor: actor(row.actor_id, row.actor_name, row.actor_role),
        state: row.state.parse().ok()?,
        estimated: row.estimated,
        recipients: row.recipients,
        muted: row.muted,
        done_up_to: row.done_up_to,
        created_at: moment(row.created_at),
        scheduled_at: moment(row.scheduled_at),
        sent_at: moment_option(row.sent_at),
    })
}

/// The row of a sending to many.
pub(super) fn broadcast_row(app: &AppId, broadcast: &NotificationBroadcast) -> notification_broadcast::ActiveModel {
    let NotificationBroadcast { content, actor, .. } = broadcast;
    notification_broadcast::ActiveModel {
        id: Set(broadcast.id.clone()),
        app_id: Set(app.as_str().to_owned()),
        audience: Set(audience::text(&broadcast.audience)),
        category: Set(content.category.name().to_owned()),
        kind: Set(content.kind.clone()),
        title: Set(content.title.clone()),
        body: Set(content.body.clone()),
        url: Set(content.url.clone()),
        data: Set(content.data.clone()),
        group_key: Set(content.group_key.clone()),
        is_public: Set(broadcast.is_public),
        created_by: Set(broadcast.created_by.clone()),
        except_socket: Set(broadcast.except.map(|socket| socket.to_string())),
        actor_id: Set(actor.as_ref().map(|actor| actor.id.clone())),
        actor_name: Set(actor.as_ref().map(|actor| actor.name.clone())),
        actor_role: Set(actor.as_ref().and_then(|actor| actor.role).map(|role| role.name().to_owned())),
        state: Set(broadcast.state.name().to_owned()),
        estimated: Set(broadcast.estimated),
        recipients: Set(broadcast.recipients),
        muted: Set(broadcast.muted),
        done_up_to: Set(broadcast.done_up_to.clone()),
        created_at: Set(broadcast.created_at.timestamp_millis()),
        scheduled_at: Set(broadcast.scheduled_at.timestamp_millis()),
        sent_at: Set(ms(broadcast.sent_at)),
        expires_at: Set(ms(content.expires_at)),
    }
}
