//! Messages as somebody looks at them: listed, pinned, not yet read, searched. What is not for them is not there.

use chrono::{DateTime, Utc};
use entity::{chat_mark, chat_message};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Query};

use super::{marks, messages::of_chat, rows};
use crate::{
    domain::chat::{Message, UNREAD_MAX, Visibility},
    ids::{AppId, ExternalId, UserId},
    store::{Result, Store},
};

/// Who looks.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// Somebody who sees everything.
    All,
    /// A person, who may be staff: those find what is for staff, and what others wrote in the shadow.
    Person(&'a UserId, bool),
}

/// Which messages of a chat are wanted. Always in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The newest.
    Newest,
    /// Those before a number.
    Before(i64),
    /// Those after a number.
    After(i64),
    /// The one with a number and those on both sides.
    Around(i64),
}

impl<'a> Viewer<'a> {
    /// The person.
    pub(super) const fn user(self) -> Option<&'a UserId> {
        match self {
            Self::All => None,
            Self::Person(user, _) => Some(user),
        }
    }
}

/// What a viewer may see.
fn seen_by(app: &AppId, viewer: Viewer<'_>) -> Condition {
    let Viewer::Person(user, is_staff) = viewer else { return Condition::all() };
    let for_them = Query::select()
        .column(chat_mark::Column::MessageId)
        .from(chat_mark::Entity)
        .cond_where(
            Condition::all()
                .add(chat_mark::Column::AppId.eq(app.as_str()))
                .add(chat_mark::Column::UserId.eq(user.as_str()))
                .add(chat_mark::Column::Kind.eq(marks::TO)),
        )
        .to_owned();
    let own = Condition::all()
        .add(chat_message::Column::AuthorKind.eq("user"))
        .add(chat_message::Column::AuthorId.eq(user.as_str()));
    let some = Condition::all()
        .add(chat_message::Column::Visibility.eq(Visibility::Users.name()))
        .add(chat_message::Column::Id.in_subquery(for_them));
    let is = |visibility: Visibility| chat_message::Column::Visibility.eq(visibility.name());
    let meant = Condition::any().add(is(Visibility::All)).add_option(is_staff.then(|| is(Visibility::Staff))).add(some);
    let in_the_open = (!is_staff).then(|| chat_message::Column::Shadowed.eq(false));
    Condition::any().add(own).add(Condition::all().add(meant).add_option(in_the_open))
}

impl Store {
    /// Messages of a chat that a viewer may see, after number `hidden`, by number; one more than `limit` where there are more.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_list(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (viewer, hidden): (Viewer<'_>, i64),
        window: Window,
        limit: u64,
    ) -> Result<Vec<Message>> {
        let seq = chat_message::Column::Seq;
        let which = || of_chat(app, chat).add(seq.gt(hidden)).add(seen_by(app, viewer));
        let later = async |after: i64, limit: u64| {
            let all = chat_message::Entity::find().filter(which().add(seq.gt(after))).order_by_asc(seq);
            all.limit(limit).all(&self.db).await
        };
        let earlier = async |before: i64, limit: u64| {
            let all = chat_message::Entity::find().filter(which().add(seq.lt(before))).order_by_desc(seq);
            let mut rows = all.limit(limit).all(&self.db).await?;
            rows.reverse();
            Ok::<_, sea_orm::DbErr>(rows)
        };
        let rows = match window {
            Window::Newest => earlier(i64::MAX, limit + 1).await?,
            Window::Before(before) => earlier(before, limit + 1).await?,
            Window::After(after) => later(after, limit + 1).await?,
            Window::Around(middle) => {
                let mut rows = earlier(middle, limit / 2).await?;
                rows.extend(later(middle.saturating_sub(1), limit - limit / 2).await?);
                rows
            }
        };
        let mut found: Vec<Message> = rows.into_iter().filter_map(rows::message).collect();
        marks::fill(&self.db, app, viewer.user(), &mut found).await?;
        Ok(found)
    }

    /// Messages that are pinned at the time `now` and that a viewer may see, newest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_pinned(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (viewer, hidden): (Viewer<'_>, i64),
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Message>> {
        use chat_message::Column as C;
        let still = Condition::any().add(C::PinnedUntil.is_null()).add(C::PinnedUntil.gt(now.timestamp_millis()));
        let which = of_chat(app, chat).add(C::Seq.gt(hidden)).add(C::PinnedAt.is_not_null()).add(still);
        let all = chat_message::Entity::find().filter(which.add(seen_by(app, viewer))).order_by_desc(C::PinnedAt);
        let rows = all.limit(limit).all(&self.db).await?;
        let mut found: Vec<Message> = rows.into_iter().filter_map(rows::message).collect();
        marks::fill(&self.db, app, viewer.user(), &mut found).await?;
        Ok(found)
    }

    /// How many messages after number `after` somebody has not read, counted up to [`UNREAD_MAX`]: their own and deleted ones
    /// do not count.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_unread(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (user, is_staff): (&UserId, bool),
        after: i64,
    ) -> Result<u64> {
        use chat_message::Column as C;
        let theirs = Condition::any().add(C::AuthorKind.ne("user")).add(C::AuthorId.ne(user.as_str()));
        let which = of_chat(app, chat)
            .add(C::Seq.gt(after))
            .add(C::DeletedAt.is_null())
            .add(theirs)
            .add(seen_by(app, Viewer::Person(user, is_staff)));
        let some = chat_message::Entity::find().select_only().column(C::Seq).filter(which).limit(UNREAD_MAX);
        Ok(some.into_tuple::<i64>().all(&self.db).await?.len() as u64)
    }

    /// Texts of the messages before number `before` that a viewer may see and that were not deleted, newest first, at most
    /// `limit`: id, number, body.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_texts(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (viewer, hidden): (Viewer<'_>, i64),
        before: i64,
        limit: u64,
    ) -> Result<Vec<(String, i64, String)>> {
        use chat_message::Column as C;
        let which = of_chat(app, chat)
            .add(C::Seq.gt(hidden))
            .add(C::Seq.lt(before))
            .add(C::DeletedAt.is_null())
            .add(seen_by(app, viewer));
        let texts = chat_message::Entity::find().select_only().columns([C::Id, C::Seq, C::Body]).filter(which);
        Ok(texts.order_by_desc(C::Seq).limit(limit).into_tuple().all(&self.db).await?)
    }

    /// The messages of a chat with these ids, as far as a viewer may see them and they were not deleted, newest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::store::Error::Database).
    pub async fn message_list_of(
        &self,
        (app, chat): (&AppId, &ExternalId),
        viewer: Viewer<'_>,
        ids: Vec<String>,
    ) -> Result<Vec<Message>> {
        use chat_message::Column as C;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let which = of_chat(app, chat).add(C::Id.is_in(ids)).add(C::DeletedAt.is_null()).add(seen_by(app, viewer));
        let rows = chat_message::Entity::find().filter(which).order_by_desc(C::Seq).all(&self.db).await?;
        let mut found: Vec<Message> = rows.into_iter().filter_map(rows::message).collect();
        marks::fill(&self.db, app, viewer.user(), &mut found).await?;
        Ok(found)
    }
}
