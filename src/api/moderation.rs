//! Mutes, bans and reports over HTTP.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use serde::Deserialize;

use super::{
    Group,
    answer::{Answer, Done, Made},
    caller::{
        Visitor,
        describe::{ByKeyOrPerson, ByPerson},
    },
    chat::{asking, page},
    list::{Cursor, List, MOST},
    problem::{Fault, Reading, Writing},
    strict::Strict,
    word::{Limit, Word},
};
use crate::{
    domain::moderation::{Complaint, Measure, Report, ReportState, Sanction},
    ids::{ExternalId, UserId},
    services::{Chats, moderation::NewSanction},
};

/// The routes.
pub(super) struct Moderation;

/// A mute or a ban.
#[derive(Debug, Object)]
#[oai(rename = "Sanction", skip_serializing_if_is_none, example)]
struct SanctionView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    id: String,
    /// Against whom.
    user: Word<UserId>,
    /// What.
    measure: Word<Measure>,
    /// They do not notice the mute: what they write, only they and staff find.
    shadow: bool,
    /// Why, in words.
    #[oai(validator(max_length = 255))]
    reason: String,
    /// When it ends; absent = when it is lifted.
    until: Option<Word<DateTime<Utc>>>,
    /// Who did it, such as `user:9`.
    #[oai(validator(max_length = 160))]
    created_by: String,
    /// When.
    created_at: Word<DateTime<Utc>>,
}

impl From<Sanction> for SanctionView {
    fn from(sanction: Sanction) -> Self {
        Self {
            id: sanction.id,
            user: Word(sanction.user),
            measure: Word(sanction.measure),
            shadow: sanction.is_shadow,
            reason: sanction.reason,
            until: sanction.until.map(Word),
            created_by: sanction.created_by,
            created_at: Word(sanction.created_at),
        }
    }
}

/// What is to be done against whom.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "SanctionBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
struct SanctionBody {
    /// Against whom.
    user: Word<UserId>,
    /// What.
    measure: Word<Measure>,
    /// Of a mute: the person does not notice, and goes on writing for themselves and staff. False if absent.
    shadow: Option<bool>,
    /// For how many minutes; absent = until it is lifted.
    #[oai(validator(minimum(value = "1"), maximum(value = "525600")))]
    minutes: Option<u32>,
    /// Why, in words.
    #[oai(validator(max_length = 255))]
    reason: Option<String>,
}

/// A message that somebody finds wrong.
#[derive(Debug, Object)]
#[oai(rename = "Report", skip_serializing_if_is_none, example)]
struct ReportView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    id: String,
    /// The chat.
    chat_id: Word<ExternalId>,
    /// The message.
    #[oai(validator(max_length = 26))]
    message_id: String,
    /// Who finds it wrong; absent = nobody, it holds a word of a word list.
    reporter: Option<Word<UserId>>,
    /// Why, in a word.
    reason: Word<Complaint>,
    /// Why, in words.
    #[oai(validator(max_length = 500))]
    note: String,
    /// What became of it.
    state: Word<ReportState>,
    /// When it was made.
    created_at: Word<DateTime<Utc>>,
    /// Who looked into it last, such as `user:9`; of an open report, before it was made once more.
    #[oai(validator(max_length = 160))]
    handled_by: Option<String>,
    /// When.
    handled_at: Option<Word<DateTime<Utc>>>,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        Self {
            id: report.id,
            chat_id: Word(report.chat),
            message_id: report.message,
            reporter: report.reporter.map(Word),
            reason: Word(report.reason),
            note: report.note,
            state: Word(report.state),
            created_at: Word(report.created_at),
            handled_by: report.handled_by,
            handled_at: report.handled_at.map(Word),
        }
    }
}

/// Why somebody finds a message wrong.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ReportBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
struct ReportBody {
    /// Why, in a word.
    reason: Word<Complaint>,
    /// Why, in words.
    #[oai(validator(max_length = 500))]
    note: Option<String>,
}

/// What became of a report.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ReportEditBody", deny_unknown_fields, example)]
struct ReportEditBody {
    /// What became of it.
    state: Word<ReportState>,
}

/// A moment for examples.
fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_249_600, 0).unwrap_or_default()
}

impl Example for SanctionView {
    fn example() -> Self {
        Sanction {
            id: "01K5HZ3Y8Q6V0N1B7T2M9C4XDF".to_owned(),
            user: 7.into(),
            measure: Measure::Mute,
            is_shadow: false,
            reason: "shouts".to_owned(),
            until: Some(moment()),
            created_by: "user:9".to_owned(),
            created_at: moment(),
            lifted_at: None,
        }
        .into()
    }
}

impl Example for SanctionBody {
    fn example() -> Self {
        let reason = Some("shouts".to_owned());
        Self { user: Word(7.into()), measure: Word(Measure::Mute), shadow: None, minutes: Some(30), reason }
    }
}

impl Example for ReportView {
    fn example() -> Self {
        Report {
            id: "01K5HZ3Y8Q6V0N1B7T2M9C4XDG".to_owned(),
            chat: 5.into(),
            message: "01K5HZ3Y8Q6V0N1B7T2M9C4XDF".to_owned(),
            reporter: Some(8.into()),
            reason: Complaint::Harassment,
            note: String::new(),
            state: ReportState::Open,
            created_at: moment(),
            handled_by: None,
            handled_at: None,
        }
        .into()
    }
}

impl Example for ReportBody {
    fn example() -> Self {
        Self { reason: Word(Complaint::Harassment), note: None }
    }
}

impl Example for ReportEditBody {
    fn example() -> Self {
        Self { state: Word(ReportState::Handled) }
    }
}

#[OpenApi(tag = "Group::Chat")]
impl Moderation {
    /// List who is muted or banned
    ///
    /// Those whose measure counts now, newest first, page by page. Needs a person with the capability `chat.moderate`, or an API key with
    /// `chat:read`.
    #[oai(path = "/api/chats/:id/moderation", method = "get", operation_id = "listSanctions")]
    async fn sanctions(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<List<SanctionView>>, Fault<Reading>> {
        let (page, limit) = page(cursor.0, limit.0);
        let sanctions = chats.sanctions(&asking(&visitor), &id.0.0, &page).await?;
        let rows = sanctions.into_iter().map(|one| (one.id.clone(), one.into())).collect();
        Ok(Answer::of(List::new(rows, limit)))
    }

    /// Mute or ban somebody
    ///
    /// Whoever is muted cannot write (403 `muted`); whoever is banned does not hear the chat any more when this is answered. An
    /// earlier measure of the same kind is replaced. With `shadow`, whoever is muted does not notice: they and their other sockets
    /// find all as usual, but what they say, edit, react, type or send as client events reaches nobody else, is in no list, count,
    /// notification or stream of others, and staff finds messages with the mark `shadowed`. They stay so when the mute has ended;
    /// new ones are for all again. An earlier message that is edited meanwhile is hidden with what it says now. Staff is not muted so
    /// (422 `invalid_fields`). Mutes need a person with the capability `chat.moderate`, bans one with
    /// `chat.control`, both an API key with `chat:write`; nobody acts against staff of their own rank or above,
    /// nor against somebody who neither takes nor took part in the chat's course or class.
    #[oai(path = "/api/chats/:id/moderation", method = "post", operation_id = "createSanction")]
    async fn sanction(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        body: Strict<SanctionBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<SanctionView>, Fault<Writing>> {
        let SanctionBody { user, measure, shadow, minutes, reason } = body.0;
        let (is_shadow, reason) = (shadow.unwrap_or_default(), reason.unwrap_or_default());
        let new = NewSanction { user: user.0, measure: measure.0, is_shadow, minutes, reason };
        Ok(Answer::of(chats.sanction(&asking(&visitor), &id.0.0, new).await?.into()))
    }

    /// Lift a mute or a ban
    ///
    /// Needs what making it needs: a person with the capability, or an API key with `chat:write`. Nobody lifts their own, nor
    /// one against staff of their own rank or above (403 `rank`).
    #[oai(path = "/api/chats/:id/moderation/:measure", method = "delete", operation_id = "liftSanction")]
    async fn lift(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// Id of the mute or ban.
        #[oai(validator(max_length = 64))]
        measure: Path<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Done, Fault<Writing>> {
        chats.lift(&asking(&visitor), &id.0.0, &measure).await?;
        Ok(Done::Done)
    }

    /// Report a message
    ///
    /// Only moderators learn of it. Whoever has reported the message before gets that report, open again if it was looked into
    /// meanwhile. For people who are in the chat.
    #[oai(path = "/api/messages/:id/report", method = "post", operation_id = "reportMessage")]
    async fn report(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the message.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        body: Strict<ReportBody>,
        _proof: ByPerson,
    ) -> Result<Made<ReportView>, Fault<Writing>> {
        let ReportBody { reason, note } = body.0;
        let why = (reason.0, note.as_deref().unwrap_or_default());
        let (report, is_new) = chats.report(&asking(&visitor), &id, why).await?;
        let location = format!("/api/chats/{}/reports", report.chat);
        let view = Json(ReportView::from(report));
        Ok(if is_new { Made::Now(view, location) } else { Made::Before(view) })
    }

    /// List reports of a chat
    ///
    /// Oldest first, page by page. Needs a person with the capability `chat.moderate`, or an API key with `chat:read`.
    #[oai(path = "/api/chats/:id/reports", method = "get", operation_id = "listReports")]
    async fn reports(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// Only those in this state.
        state: Query<Option<Word<ReportState>>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<List<ReportView>>, Fault<Reading>> {
        let (page, limit) = page(cursor.0, limit.0);
        let reports = chats.reports(&asking(&visitor), &id.0.0, state.0.map(|state| state.0), &page).await?;
        let rows = reports.into_iter().map(|report| (report.id.clone(), report.into())).collect();
        Ok(Answer::of(List::new(rows, limit)))
    }

    /// Note what became of a report
    ///
    /// Needs a person with the capability `chat.moderate`, or an API key with `chat:write`.
    #[oai(path = "/api/chats/:id/reports/:report", method = "patch", operation_id = "handleReport")]
    async fn handle(
        &self,
        chats: Data<&Arc<Chats>>,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the chat.
        id: Path<Word<ExternalId>>,
        /// Id of the report.
        #[oai(validator(max_length = 64))]
        report: Path<String>,
        body: Strict<ReportEditBody>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<ReportView>, Fault<Writing>> {
        let handled = chats.handle(&asking(&visitor), &id.0.0, &report, body.0.state.0).await?;
        Ok(Answer::of(handled.into()))
    }
}
