//! Measures against people in chats, and reports, as rows.

use entity::{moderation_action, report};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};

use super::{
    Kept, Page, Result, Store, audit,
    chat::{self, ChatWrite, Facts},
    moment, streams,
};
use crate::{
    domain::moderation::{Report, ReportState, SANCTIONS_MAX, Sanction},
    ids::{AppId, ExternalId, UserId},
};

fn of_chat(app: &AppId, chat: &ExternalId) -> Condition {
    Condition::all()
        .add(moderation_action::Column::AppId.eq(app.as_str()))
        .add(moderation_action::Column::ChatId.eq(chat.as_str()))
        .add(moderation_action::Column::LiftedAt.is_null())
}

/// Measures in a chat that were not lifted, newest first.
pub(super) async fn sanctions(db: &impl ConnectionTrait, app: &AppId, chat: &ExternalId) -> Result<Vec<Sanction>> {
    let all = moderation_action::Entity::find()
        .filter(of_chat(app, chat))
        .order_by_desc(moderation_action::Column::CreatedAt)
        .order_by_desc(moderation_action::Column::Id);
    Ok(all.all(db).await?.into_iter().filter_map(sanction).collect())
}

/// One that cannot be read closes more, not less: an unknown measure is a ban.
fn sanction(row: moderation_action::Model) -> Option<Sanction> {
    Some(Sanction {
        id: row.id,
        user: UserId::parse(&row.user_id).ok()?,
        measure: row.action.parse().unwrap_or(crate::domain::moderation::Measure::Ban),
        is_shadow: row.shadow,
        reason: row.reason,
        until: row.until_at.map(moment),
        created_by: row.created_by,
        created_at: moment(row.created_at),
        lifted_at: row.lifted_at.map(moment),
    })
}

fn read(row: report::Model) -> Option<Report> {
    Some(Report {
        id: row.id,
        chat: ExternalId::parse(&row.chat_id).ok()?,
        message: row.message_id,
        reporter: if row.reporter_id.is_empty() { None } else { Some(UserId::parse(&row.reporter_id).ok()?) },
        reason: row.reason.parse().ok()?,
        note: row.note,
        state: row.state.parse().ok()?,
        created_at: moment(row.created_at),
        handled_by: row.handled_by,
        handled_at: row.handled_at.map(moment),
    })
}

fn of_report(app: &AppId, chat: &ExternalId) -> Condition {
    Condition::all().add(report::Column::AppId.eq(app.as_str())).add(report::Column::ChatId.eq(chat.as_str()))
}

/// Writes a report, unless whoever reports it has done so before; tells the report and whether it is new.
pub(super) async fn report(change: &DatabaseTransaction, app: &AppId, new: &Report) -> Result<(Report, bool)> {
    let reporter = new.reporter.as_ref().map(UserId::as_str).unwrap_or_default();
    let same = of_report(app, &new.chat)
        .add(report::Column::MessageId.eq(new.message.as_str()))
        .add(report::Column::ReporterId.eq(reporter));
    if let Some(before) = report::Entity::find().filter(same).one(change).await?.and_then(read) {
        if before.state == ReportState::Open {
            return Ok((before, false));
        }
        let again = Report { state: new.state, reason: new.reason, note: new.note.clone(), ..before };
        report::Entity::update_many()
            .col_expr(report::Column::State, Expr::value(again.state.name()))
            .col_expr(report::Column::Reason, Expr::value(again.reason.name()))
            .col_expr(report::Column::Note, Expr::value(again.note.as_str()))
            .filter(of_report(app, &again.chat).add(report::Column::Id.eq(again.id.as_str())))
            .exec(change)
            .await?;
        return Ok((again, false));
    }
    let row = report::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        id: Set(new.id.clone()),
        chat_id: Set(new.chat.as_str().to_owned()),
        message_id: Set(new.message.clone()),
        reporter_id: Set(reporter.to_owned()),
        reason: Set(new.reason.name().to_owned()),
        note: Set(new.note.clone()),
        state: Set(new.state.name().to_owned()),
        created_at: Set(new.created_at.timestamp_millis()),
        handled_by: Set(None),
        handled_at: Set(None),
    };
    report::Entity::insert(row).exec_without_returning(change).await?;
    Ok((new.clone(), true))
}

impl Store {
    /// Takes a measure against somebody in a chat, in the place of one of the same kind. False when the chat has as many as
    /// it may have.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.sanction_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn sanction_insert(
        &self,
        (app, chat): (&AppId, &ExternalId),
        new: &Sanction,
        write: ChatWrite<'_>,
        facts: Facts,
    ) -> Result<(bool, Vec<Kept>)> {
        use moderation_action::Column as C;
        let change = self.change_begin(streams::COUNTER).await?;
        let same = of_chat(app, chat).add(C::UserId.eq(new.user.as_str())).add(C::Action.eq(new.measure.name()));
        let over = of_chat(app, chat).add(C::UntilAt.lte(write.at.timestamp_millis()));
        // Those that are over make room.
        for which in [same, over] {
            moderation_action::Entity::update_many()
                .col_expr(C::LiftedAt, Expr::value(write.at.timestamp_millis()))
                .col_expr(C::LiftedBy, Expr::value(new.created_by.as_str()))
                .filter(which)
                .exec(&change)
                .await?;
        }
        let all = moderation_action::Entity::find().select_only().column(C::Id).filter(of_chat(app, chat));
        if all.limit(SANCTIONS_MAX as u64).into_tuple::<String>().all(&change).await?.len() >= SANCTIONS_MAX {
            return Ok((false, Vec::new()));
        }
        let row = moderation_action::ActiveModel {
            app_id: Set(app.as_str().to_owned()),
            id: Set(new.id.clone()),
            chat_id: Set(chat.as_str().to_owned()),
            user_id: Set(new.user.as_str().to_owned()),
            action: Set(new.measure.name().to_owned()),
            shadow: Set(new.is_shadow),
            reason: Set(new.reason.clone()),
            until_at: Set(new.until.map(|until| until.timestamp_millis())),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.timestamp_millis()),
            lifted_at: Set(None),
            lifted_by: Set(None),
        };
        moderation_action::Entity::insert(row).exec_without_returning(&change).await?;
        Ok((true, chat::finish_changed(change, (app, chat), write, facts).await?))
    }

    /// Lifts a measure. False if there is no such measure, or it is lifted already.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.sanction_lift", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn sanction_lift(
        &self,
        (app, chat): (&AppId, &ExternalId),
        (id, by): (&str, &str),
        write: ChatWrite<'_>,
        facts: Facts,
    ) -> Result<(bool, Vec<Kept>)> {
        use moderation_action::Column as C;
        if id.contains('\0') {
            return Ok((false, Vec::new()));
        }
        let change = self.change_begin(streams::COUNTER).await?;
        let lifted = moderation_action::Entity::update_many()
            .col_expr(C::LiftedAt, Expr::value(write.at.timestamp_millis()))
            .col_expr(C::LiftedBy, Expr::value(by))
            .filter(of_chat(app, chat).add(C::Id.eq(id)))
            .exec(&change)
            .await?;
        if lifted.rows_affected == 0 {
            return Ok((false, Vec::new()));
        }
        Ok((true, chat::finish_changed(change, (app, chat), write, facts).await?))
    }

    /// Keeps a report, unless the person, or a word list, has reported the message before: then that report is opened again if
    /// somebody has looked into it, says what the new one says, and still tells who that was. Tells the one that counts, and
    /// whether it is new.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.report_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn report_insert(&self, app: &AppId, new: &Report) -> Result<(Report, bool)> {
        let change = self.change_begin(streams::COUNTER).await?;
        let reported = report(&change, app, new).await?;
        change.commit().await?;
        Ok(reported)
    }

    /// Reports of a chat, oldest first, page by page.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn report_list(
        &self,
        app: &AppId,
        chat: &ExternalId,
        state: Option<ReportState>,
        page: &Page,
    ) -> Result<Vec<Report>> {
        let after = page.after.as_deref().map(|after| after.replace('\0', ""));
        let in_state = state.map(|state| report::Column::State.eq(state.name()));
        let all = report::Entity::find().filter(of_report(app, chat).add_option(in_state));
        let all = all.apply_if(after, |all, after| all.filter(report::Column::Id.gt(after)));
        let rows = all.order_by_asc(report::Column::Id).limit(u64::from(page.limit)).all(&self.db).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Notes what became of a report; `None` = there is no such report.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.report_handle", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn report_handle(
        &self,
        (app, chat): (&AppId, &ExternalId),
        id: &str,
        (state, by): (ReportState, &str),
        write: ChatWrite<'_>,
    ) -> Result<Option<Report>> {
        use report::Column as C;
        if id.contains('\0') {
            return Ok(None);
        }
        let change = self.change_begin(streams::COUNTER).await?;
        let (handled_by, handled_at) = match state {
            ReportState::Open => (None, None),
            ReportState::Handled | ReportState::Dismissed => (Some(by), Some(write.at.timestamp_millis())),
        };
        let which = || of_report(app, chat).add(C::Id.eq(id));
        report::Entity::update_many()
            .col_expr(C::State, Expr::value(state.name()))
            .col_expr(C::HandledBy, Expr::value(handled_by))
            .col_expr(C::HandledAt, Expr::value(handled_at))
            .filter(which())
            .exec(&change)
            .await?;
        let Some(found) = report::Entity::find().filter(which()).one(&change).await?.and_then(read) else {
            return Ok(None);
        };
        audit::insert(&change, write.audit).await?;
        change.commit().await?;
        Ok(Some(found))
    }
}
