//! Who may hear what, and why: explained, listed, and taken away by hand.

#![expect(clippy::too_many_arguments, reason = "a route has one argument for each parameter in the description")]

mod revocation;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::Example,
};

use self::revocation::{Meant, RevocationView, RevokeBody};
use super::{
    Group,
    answer::{Answer, Done},
    caller::{
        Visitor,
        describe::{ByKey, ByKeyOrPerson},
    },
    list::{self, Cursor, List},
    problem::{Fault, Problem, Reading, Writing},
    roster::object::RevokedView,
    strict::Strict,
    word::{Limit, Word},
};
use crate::{
    domain::{
        access::{Decision, Reason, Step},
        caller::Who,
        roster::Role,
    },
    ids::{ExternalId, UserId},
    protocol::ChannelName,
    services::access::{self, Bound, By, Listener, Revocation},
};

/// The routes.
pub(super) struct Access;

/// Most listeners of one answer.
const MOST: u32 = 1_000;

/// Listeners of an answer when the request names no `limit`.
const USUAL: u32 = 100;

/// One thing that was looked at.
#[derive(Debug, Object)]
#[oai(rename = "Step")]
struct StepView {
    /// What.
    #[oai(validator(max_length = 64))]
    check: String,
    /// Whether it stood the test.
    passed: bool,
    /// What was found.
    #[oai(validator(max_length = 1_000))]
    detail: String,
}

impl From<Step> for StepView {
    fn from(Step { check, passed, detail }: Step) -> Self {
        Self { check: check.to_owned(), passed, detail }
    }
}

/// A decision, and how it came about.
#[derive(Debug, Object)]
#[oai(rename = "Decision", skip_serializing_if_is_none, example)]
struct DecisionView {
    /// The user that it is about; absent = somebody who is not known.
    user: Option<Word<UserId>>,
    /// The channel, as it was spelled.
    #[oai(validator(max_length = 500))]
    channel: String,
    /// The user may hear it now.
    allow: bool,
    /// Why, for programs.
    #[oai(validator(max_length = 64))]
    reason: String,
    /// Why, in words.
    #[oai(validator(max_length = 1_000))]
    detail: String,
    /// The role that decided.
    role: Option<Word<Role>>,
    /// The enrollment that decided.
    enrollment: Option<Word<ExternalId>>,
    /// When the access ends, as far as is known.
    not_after: Option<Word<DateTime<Utc>>>,
    /// What was looked at, in order; for API keys only.
    #[oai(validator(max_items = 1_000))]
    steps: Option<Vec<StepView>>,
}

impl DecisionView {
    fn new(user: Option<UserId>, channel: &ChannelName, decision: Decision) -> Self {
        Self {
            user: user.map(Word),
            channel: channel.to_string(),
            allow: decision.allow,
            reason: decision.reason.code().to_owned(),
            detail: decision.detail,
            role: decision.role.map(Word),
            enrollment: decision.enrollment.map(Word),
            not_after: decision.not_after.map(Word),
            steps: Some(decision.steps.into_iter().map(StepView::from).collect()),
        }
    }
}

impl Example for DecisionView {
    fn example() -> Self {
        let step =
            |check: &str, passed, detail: &str| StepView { check: check.to_owned(), passed, detail: detail.to_owned() };
        Self {
            user: Some(Word(7.into())),
            channel: "presence-course.101.users".to_owned(),
            allow: false,
            reason: "ended".to_owned(),
            detail: "enrollment '9001' has ended on 2026-12-01T00:00:00Z".to_owned(),
            role: Some(Word(Role::Student)),
            enrollment: Some(Word(9_001.into())),
            not_after: None,
            steps: Some(vec![
                step("person", true, "'7' is in the roster"),
                step("enrollment", false, "'9001' has ended"),
            ]),
        }
    }
}

impl From<Decision> for Problem {
    fn from(decision: Decision) -> Self {
        let Decision { reason, detail, .. } = decision.for_people();
        match reason {
            Reason::NotIdentified => Self::unknown_caller(reason.code(), detail),
            Reason::SourceUnavailable => Self::unavailable(reason.code(), detail),
            _ => Self::forbidden(reason.code(), detail),
        }
    }
}

impl From<access::Error> for Problem {
    fn from(error: access::Error) -> Self {
        tracing::warn!(%error, "a decision cannot be made");
        Self::unavailable("source_unavailable", "the roster cannot be read now, try again shortly")
    }
}

/// A socket that hears the channel.
#[derive(Debug, Object)]
#[oai(rename = "Listener", skip_serializing_if_is_none)]
struct ListenerView {
    /// Id of the socket.
    #[oai(validator(max_length = 64))]
    socket_id: String,
    /// Its user, if known.
    user: Option<Word<UserId>>,
    /// By what the user is known: `sign_in`, `endpoint`, `channel_data` or `token`.
    #[oai(validator(max_length = 16))]
    known_by: Option<String>,
    /// Why it may hear the channel.
    #[oai(validator(max_length = 64))]
    reason: String,
    /// The role that decided.
    role: Option<Word<Role>>,
    /// The enrollment that decided.
    enrollment: Option<Word<ExternalId>>,
    /// When the access ends, as far as is known.
    not_after: Option<Word<DateTime<Utc>>>,
}

impl From<Listener> for ListenerView {
    fn from(listener: Listener) -> Self {
        let (user, known_by) = listener.user.unzip();
        Self {
            socket_id: listener.socket.to_string(),
            user: user.map(Word),
            known_by: known_by.map(|bound| bound.name().to_owned()),
            reason: listener.reason.code().to_owned(),
            role: listener.role.map(Word),
            enrollment: listener.enrollment.map(Word),
            not_after: listener.not_after.map(Word),
        }
    }
}

/// Who hears a channel.
#[derive(Debug, Object)]
#[oai(rename = "Audience", example)]
struct AudienceView {
    /// The channel.
    #[oai(validator(max_length = 500))]
    channel: String,
    /// Sockets that hear it, by id; at most `limit`.
    #[oai(validator(max_items = 1_000))]
    data: Vec<ListenerView>,
    /// How many there are in all, on this node.
    #[oai(validator(minimum(value = "0")))]
    total: u64,
}

impl Example for AudienceView {
    fn example() -> Self {
        let listener = ListenerView {
            socket_id: "123.456".to_owned(),
            user: Some(Word(7.into())),
            known_by: Some(Bound::SignIn.name().to_owned()),
            reason: "enrolled".to_owned(),
            role: Some(Word(Role::Student)),
            enrollment: Some(Word(9_001.into())),
            not_after: None,
        };
        Self { channel: "presence-course.101.users".to_owned(), data: vec![listener], total: 1 }
    }
}

/// Sockets that were closed.
#[derive(Debug, Object)]
#[oai(rename = "Disconnected", example)]
struct DisconnectedView {
    /// The user.
    user: Word<UserId>,
    /// How many sockets of theirs were closed, on this node.
    #[oai(validator(minimum(value = "0")))]
    sockets: u64,
}

impl Example for DisconnectedView {
    fn example() -> Self {
        Self { user: Word(7.into()), sockets: 2 }
    }
}

fn channel(name: &str, parameter: &str, visitor: &Visitor) -> Result<ChannelName, Problem> {
    let parsed = ChannelName::parse(name, (&visitor.live.app().settings).into());
    parsed.map_err(|error| Problem::parameter(parameter, error.to_string()))
}

/// Whom the visitor may ask about: a person about themselves, a program about everybody.
fn asked_about(visitor: &Visitor, asked: Option<UserId>) -> Result<Option<UserId>, Problem> {
    match visitor.caller.user() {
        None => Ok(asked),
        Some(own) if asked.as_ref().is_none_or(|asked| asked == own) => Ok(Some(own.clone())),
        Some(_) => Err(Problem::forbidden("not_yours", "A person may ask about themselves only; leave 'user' out")),
    }
}

#[OpenApi(tag = "Group::Access")]
impl Access {
    /// Explain whether a user may hear a channel
    ///
    /// The decision as the socket would meet it now, with the row that made it. Needs the scope `access:read`; a person may
    /// ask about themselves with their own token.
    #[oai(path = "/api/access/explain", method = "get", operation_id = "explainAccess")]
    async fn explain(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// The user. Absent = the person who asks, or for an API key somebody who is not known.
        user: Query<Option<Word<UserId>>>,
        /// Name of the channel.
        #[oai(name = "channel", validator(max_length = 500))]
        name: Query<String>,
        _proof: ByKeyOrPerson,
    ) -> Result<Answer<DecisionView>, Fault<Reading>> {
        let user = asked_about(&visitor, user.0.map(|user| user.0))?;
        let channel = channel(&name, "channel", &visitor)?;
        if matches!(visitor.caller.who, Who::User(_)) {
            let decision = visitor.live.decide_blindly(user.as_ref(), &channel, visitor.now).await?;
            return Ok(Answer::of(DecisionView {
                steps: None,
                ..DecisionView::new(user, &channel, decision.for_people())
            }));
        }
        let decision = visitor.live.decide(user.as_ref(), &channel, visitor.now).await?;
        Ok(Answer::of(DecisionView::new(user, &channel, decision)))
    }

    /// List who hears a channel now, and why
    ///
    /// Needs the scope `access:read`.
    #[oai(path = "/api/channels/:name/audience", method = "get", operation_id = "listAudience")]
    async fn audience(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// Name of the channel; URL-encoded where needed.
        #[oai(validator(max_length = 500))]
        name: Path<String>,
        /// Most sockets of the answer. 100 if absent.
        limit: Query<Option<Word<Limit<MOST>>>>,
        _proof: ByKey,
    ) -> Result<Answer<AudienceView>, Fault<Reading>> {
        let channel = channel(&name, "name", &visitor)?;
        let mut listeners = visitor.live.audience(&channel);
        let total = listeners.len() as u64;
        listeners.sort_unstable_by_key(|listener| listener.socket);
        listeners.truncate(limit.0.map_or(USUAL, |limit| limit.0.0) as usize);
        let data = listeners.into_iter().map(ListenerView::from).collect();
        Ok(Answer::of(AudienceView { channel: channel.to_string(), data, total }))
    }

    /// Take access away from a user at once
    ///
    /// Their subscriptions of guarded channels end; with `for_seconds` they stay closed for so long, whatever the roster says,
    /// unless the revocation is lifted.
    /// Needs the scope `access:write`.
    #[oai(path = "/api/access/revoke", method = "post", operation_id = "revokeAccess")]
    async fn revoke(
        &self,
        visitor: Data<&Arc<Visitor>>,
        body: Strict<RevokeBody>,
        _proof: ByKey,
    ) -> Result<Answer<RevokedView>, Fault<Writing>> {
        let meant = body.0.read(&visitor).map_err(|field| Problem::fields(vec![field]))?;
        let Meant { user, scope, until, reason } = meant;
        let actor = visitor.caller.actor();
        let revocation = Revocation { user: &user, scope: &scope, until, reason: &reason, actor: &actor };
        Ok(Answer::of(visitor.live.revoke(revocation, visitor.now).await?.into()))
    }

    /// List the revocations of a user that count now
    ///
    /// Oldest first, page by page: those that keep something closed, not what was only cut. Needs the scope `access:read`.
    #[oai(path = "/api/access/revocations", method = "get", operation_id = "listRevocations")]
    async fn revocations(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// The user.
        user: Query<Word<UserId>>,
        /// `next_cursor` of the page before; absent = the first page.
        cursor: Query<Option<Word<Cursor>>>,
        /// Most entries of the page. 25 if absent.
        limit: Query<Option<Word<Limit<{ list::MOST }>>>>,
        _proof: ByKey,
    ) -> Result<Answer<List<RevocationView>>, Fault<Reading>> {
        let limit = limit.0.map_or(list::USUAL, |limit| limit.0.0);
        let after = cursor.0.map_or(Ok(0), |cursor| cursor.0.0.parse::<i64>());
        let after =
            after.map_err(|_no_number| Problem::parameter("cursor", "must be the 'next_cursor' of this list"))?;
        let blocks = visitor.live.blocks(&user.0.0, visitor.now).await.map_err(Problem::from)?;
        let page = blocks.into_iter().filter(|block| block.id > after).take(limit as usize + 1);
        let rows = page.map(|block| (block.id.to_string(), block.into())).collect();
        Ok(Answer::of(List::new(rows, limit)))
    }

    /// Lift a revocation
    ///
    /// The user may come back at once, as far as the roster lets them. Needs the scope `access:write`.
    #[oai(path = "/api/access/revocations/:id", method = "delete", operation_id = "liftRevocation")]
    async fn lift(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// Id of the revocation.
        #[oai(validator(max_length = 64))]
        id: Path<String>,
        _proof: ByKey,
    ) -> Result<Done, Fault<Reading>> {
        let actor = visitor.caller.actor();
        let by = By { actor: &actor, ip: Some(visitor.address), now: visitor.now };
        let is_lifted = match id.parse() {
            Ok(id) => visitor.live.lift_block(id, by).await.map_err(Problem::from)?,
            Err(_no_number) => false,
        };
        if is_lifted {
            Ok(Done::Done)
        } else {
            Err(Problem::not_found("There is no such revocation, or it is lifted"))?
        }
    }

    /// Close all sockets of a user
    ///
    /// They are closed with 4009, so stock clients do not come back by themselves. An unknown user has none; that is no error.
    /// Needs the scope `access:write`.
    #[oai(path = "/api/users/:id/disconnect", method = "post", operation_id = "disconnectUser")]
    async fn disconnect(
        &self,
        visitor: Data<&Arc<Visitor>>,
        /// The learning platform's id; URL-encoded where needed.
        id: Path<Word<UserId>>,
        _proof: ByKey,
    ) -> Result<Answer<DisconnectedView>, Fault<Reading>> {
        let user = id.0.0;
        let actor = visitor.caller.actor();
        let by = By { actor: &actor, ip: Some(visitor.address), now: visitor.now };
        let sockets = visitor.live.disconnect(&user, by).await as u64;
        Ok(Answer::of(DisconnectedView { user: Word(user), sockets }))
    }
}
