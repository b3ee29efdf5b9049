//! What happened, topic by topic, as rows: written in the transaction that made it happen, told afterwards.
//!
//! A row is numbered twice: within its topic, for those who catch up, and over all topics in the order of commits, for whoever
//! tells. A row that has no time of telling was left behind by a crash. Old rows go; a topic's number goes on.

mod forget;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{change_counter, stream, stream_event};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};

pub(super) use self::forget::forget_where;
use super::{Result, Store};
use crate::{
    domain::fact::{Actor, Event, Fact, ONLY_FOR, Position, topic_key, topic_of},
    ids::{AppId, ExternalId, SocketId},
};

/// Name of the change counter.
pub(super) const COUNTER: &str = "stream";

/// Events that a topic keeps for those who were away.
const KEPT: u64 = 1_000;

/// Old events of a topic are looked for whenever its number passes a multiple of this.
const PRUNE_EVERY: i64 = 100;

/// Most events in one statement: MariaDB takes 16 MiB at once, and a payload may have more than 64 KiB.
const CHUNK: usize = 100;

/// Most topics in one statement.
const TOPICS: usize = 500;

/// Most rows of one answer.
pub const MAX_PAGE: u64 = 300;

/// What there is to say of a fact: rows keep it as a JSON object.
pub type Payload = serde_json::Map<String, serde_json::Value>;

/// A fact that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Number in the order of commits.
    pub id: i64,
    /// The app.
    pub app: AppId,
    /// What happened.
    pub fact: Fact<Payload>,
    /// Socket that does not hear it.
    pub except: Option<SocketId>,
}

/// How long a topic keeps what was told.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// What a topic still has of what happened after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// All of it, oldest first, up to the limit that was asked for.
    Events(Vec<Kept>),
    /// Not all of it is kept any more: load the state again.
    Gap,
}

/// Writes facts within a change that began with the counter of streams, and gives each its place. `epoch` is for topics that
/// begin with it. Facts about topics without a stream are refused by being left out of the answer.
pub(super) async fn append(
    change: &DatabaseTransaction,
    app: &AppId,
    facts: Vec<(Fact<Payload>, Option<SocketId>)>,
    epoch: &str,
) -> Result<Vec<Kept>> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    // The change has counted once already, when it began.
    let counted = change_counter::Entity::find_by_id(COUNTER).one(change).await?;
    Box::pin(append_from(change, (counted.map_or(1, |row| row.value), 1), (app, epoch), facts)).await
}

/// As [`append`], where the number of the change is known, and how many it has counted.
pub(super) async fn append_from(
    change: &DatabaseTransaction,
    (first, counted): (i64, i64),
    (app, epoch): (&AppId, &str),
    facts: Vec<(Fact<Payload>, Option<SocketId>)>,
) -> Result<Vec<Kept>> {
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    if count > counted {
        change_counter::Entity::update_many()
            .col_expr(change_counter::Column::Value, Expr::value(first + count - 1))
            .filter(change_counter::Column::Name.eq(COUNTER))
            .exec(change)
            .await?;
    }
    let keys: Vec<Option<String>> = facts.iter().map(|(fact, _except)| topic_key(&fact.topic)).collect();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    keys.iter().flatten().for_each(|topic| *counts.entry(topic).or_default() += 1);
    let mut next: HashMap<&str, Position> = HashMap::with_capacity(counts.len());
    for (topic, count) in counts {
        next.insert(topic, advance(change, (app, topic), count, epoch).await?);
    }
    let (mut kept, mut rows) = (Vec::with_capacity(facts.len()), Vec::new());
    for (((mut fact, except), id), topic) in facts.into_iter().zip(first..).zip(&keys) {
        let Some(topic) = topic else { continue };
        let Some(position) = next.get_mut(topic.as_str()) else { continue };
        rows.push(row((id, app, topic), (&fact, except), position.seq));
        if rows.len() == CHUNK {
            insert(change, std::mem::take(&mut rows)).await?;
        }
        fact.position = Some(position.clone());
        position.seq += 1;
        kept.push(Kept { id, app: app.clone(), fact, except });
    }
    insert(change, rows).await?;
    Ok(kept)
}

async fn insert(change: &DatabaseTransaction, rows: Vec<stream_event::ActiveModel>) -> Result<()> {
    if !rows.is_empty() {
        stream_event::Entity::insert_many(rows).exec_without_returning(change).await?;
    }
    Ok(())
}

/// The first of the next `count` places of a topic. One statement, where the database can answer an insert.
async fn advance(
    change: &DatabaseTransaction,
    (app, topic): (&AppId, &str),
    count: i64,
    epoch: &str,
) -> Result<Position> {
    let new = stream::ActiveModel {
        app_id: Set(app.as_str().to_owned()),
        topic: Set(topic.to_owned()),
        epoch: Set(epoch.to_owned()),
        seq: Set(count),
    };
    let seq = stream::Column::Seq;
    let next = OnConflict::columns([stream::Column::AppId, stream::Column::Topic])
        .value(seq, Expr::col((stream::Entity, seq)).add(count))
        .to_owned();
    let row = stream::Entity::insert(new).on_conflict(next).exec_with_returning(change).await?;
    let before = row.seq - count;
    if before == 0 {
        // Numbers of a position that was lost must not be taken for those that come now.
        stream_event::Entity::delete_many().filter(of_topic(app, topic)).exec(change).await?;
    }
    if before / PRUNE_EVERY != row.seq / PRUNE_EVERY {
        prune(change, app, topic, row.seq).await?;
    }
    Ok(Position { epoch: row.epoch, seq: before + 1 })
}

/// Drops what the topic keeps no longer. What has not been told stays.
async fn prune(change: &DatabaseTransaction, app: &AppId, topic: &str, seq: i64) -> Result<()> {
    let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
    let which = of_topic(app, topic)
        .add(stream_event::Column::Seq.lte(seq.saturating_sub(kept)))
        .add(stream_event::Column::PublishedAt.is_not_null());
    stream_event::Entity::delete_many().filter(which).exec(change).await?;
    Ok(())
}

/// Removes the streams of an app.
pub(super) async fn clear(change: &DatabaseTransaction, app: &AppId) -> Result<()> {
    stream_event::Entity::delete_many().filter(stream_event::Column::AppId.eq(app.as_str())).exec(change).await?;
    stream::Entity::delete_many().filter(stream::Column::AppId.eq(app.as_str())).exec(change).await?;
    Ok(())
}

/// Forgets a topic. Should it come back, it begins anew and under another name.
pub(super) async fn forget(change: &DatabaseTransaction, app: &AppId, topic: &str) -> Result<()> {
    stream_event::Entity::delete_many().filter(of_topic(app, topic)).exec(change).await?;
    stream::Entity::delete_by_id((app.as_str().to_owned(), topic.to_owned())).exec(change).await?;
    Ok(())
}

/// Puts what is left of a message in the place of everything that these topics keep of it.
pub(super) async fn scrub(
    change: &DatabaseTransaction,
    (app, topics): (&AppId, &[String]),
    (message, payload): (&str, &str),
) -> Result<()> {
    let which = || of_messages(app, topics, &format!(r#""id":"{message}""#));
    // What was for one person alone does not become everybody's.
    stream_event::Entity::update_many()
        .col_expr(stream_event::Column::Payload, Expr::value(format!(r#"{{"{ONLY_FOR}":null}}"#)))
        .filter(which().add(stream_event::Column::Payload.contains(format!(r#""{ONLY_FOR}":"#))))
        .exec(change)
        .await?;
    stream_event::Entity::update_many()
        .col_expr(stream_event::Column::Payload, Expr::value(payload))
        .filter(which())
        .exec(change)
        .await?;
    Ok(())
}

/// Takes what these topics keep of the messages of a chat away: whoever has not heard it finds a gap. A chat whose id looks
/// much alike may get gaps too.
pub(super) async fn forget_messages(
    change: &DatabaseTransaction,
    (app, topics): (&AppId, &[String]),
    chat: &ExternalId,
) -> Result<()> {
    for some in topics.chunks(TOPICS) {
        let which = of_messages(app, some, &format!(r#""chat_id":"{chat}""#));
        stream_event::Entity::delete_many().filter(which).exec(change).await?;
    }
    Ok(())
}

fn of_topic(app: &AppId, topic: &str) -> Condition {
    Condition::all().add(stream_event::Column::AppId.eq(app.as_str())).add(stream_event::Column::Topic.eq(topic))
}

/// Events of messages in some topics whose payload holds a piece of JSON. Quotes of what somebody has written are escaped there:
/// no text looks like it.
fn of_messages(app: &AppId, topics: &[String], piece: &str) -> Condition {
    let events = Event::ALL.iter().filter(|event| event.is_of_a_message()).map(|event| event.name());
    Condition::all()
        .add(stream_event::Column::AppId.eq(app.as_str()))
        .add(stream_event::Column::Topic.is_in(topics))
        .add(stream_event::Column::Event.is_in(events))
        .add(stream_event::Column::Payload.contains(piece))
}

fn row(
    (id, app, topic): (i64, &AppId, &str),
    (fact, except): (&Fact<Payload>, Option<SocketId>),
    seq: i64,
) -> stream_event::ActiveModel {
    let actor = fact.actor.as_ref();
    stream_event::ActiveModel {
        id: Set(id),
        app_id: Set(app.as_str().to_owned()),
        topic: Set(topic.to_owned()),
        seq: Set(seq),
        event_id: Set(fact.id.clone()),
        event: Set(fact.event.name().to_owned()),
        payload: Set(serde_json::to_string(&fact.payload).unwrap_or_default()),
        actor_id: Set(actor.map(|actor| actor.id.clone())),
        actor_name: Set(actor.map(|actor| actor.name.clone())),
        actor_role: Set(actor.and_then(|actor| actor.role).map(|role| role.name().to_owned())),
        except_socket: Set(except.map(|socket| socket.to_string())),
        at: Set(fact.at.timestamp_millis()),
        published_at: NotSet,
    }
}

/// A row as it is told; `None` for one that this version cannot read.
fn read(row: stream_event::Model, epoch: &str) -> Option<Kept> {
    let actor = row.actor_id.map(|id| Actor {
        id,
        name: row.actor_name.unwrap_or_default(),
        role: row.actor_role.and_then(|role| role.parse().ok()),
    });
    let fact = Fact {
        id: row.event_id,
        event: Event::named(&row.event)?,
        topic: topic_of(&row.topic)?,
        position: Some(Position { epoch: epoch.to_owned(), seq: row.seq }),
        at: DateTime::from_timestamp_millis(row.at)?,
        actor,
        payload: serde_json::from_str(&row.payload).ok()?,
    };
    let except = row.except_socket.as_deref().and_then(SocketId::parse);
    Some(Kept { id: row.id, app: AppId::parse(&row.app_id).ok()?, fact, except })
}

impl Store {
    /// Writes facts that no other row goes with. `epoch` is for topics that begin with it.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.stream_append", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn stream_append(
        &self,
        app: &AppId,
        facts: Vec<(Fact<Payload>, Option<SocketId>)>,
        epoch: &str,
    ) -> Result<Vec<Kept>> {
        let change = self.change_begin(COUNTER).await?;
        let kept = append(&change, app, facts, epoch).await?;
        change.commit().await?;
        Ok(kept)
    }

    /// How far a topic has come; `None` when nothing has happened there yet.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_position(&self, app: &AppId, topic: &str) -> Result<Option<Position>> {
        let key = (app.as_str().to_owned(), topic.to_owned());
        let row = stream::Entity::find_by_id(key).one(&self.db).await?;
        Ok(row.map(|row| Position { epoch: row.epoch, seq: row.seq }))
    }

    /// How far these topics have come, but for those where nothing has happened yet.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_positions(&self, app: &AppId, topics: &[String]) -> Result<HashMap<String, Position>> {
        let mut positions = HashMap::with_capacity(topics.len());
        for some in topics.chunks(TOPICS) {
            let of_app = stream::Entity::find().filter(stream::Column::AppId.eq(app.as_str()));
            let rows = of_app.filter(stream::Column::Topic.is_in(some)).all(&self.db).await?;
            positions.extend(rows.into_iter().map(|row| (row.topic, Position { epoch: row.epoch, seq: row.seq })));
        }
        Ok(positions)
    }

    /// What happened in a topic after a position, at most `limit` (and [`MAX_PAGE`]) events of it. Whoever was at 0 of a topic
    /// that had no epoch yet names none.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_after(
        &self,
        app: &AppId,
        topic: &str,
        (epoch, after): (Option<&str>, i64),
        limit: u64,
    ) -> Result<Missed> {
        let Some(now) = self.stream_position(app, topic).await? else {
            return Ok(if after == 0 { Missed::Events(Vec::new()) } else { Missed::Gap });
        };
        if epoch.is_some_and(|epoch| epoch != now.epoch) || after > now.seq || after < 0 {
            return Ok(Missed::Gap);
        }
        let rows = stream_event::Entity::find()
            .filter(of_topic(app, topic).add(stream_event::Column::Seq.gt(after)))
            .order_by_asc(stream_event::Column::Seq)
            .limit(Ord::min(limit, MAX_PAGE))
            .all(&self.db)
            .await?;
        // From the first one missed on each must be there, up to the last or to the limit, and be one that this version can read.
        let is_whole = rows.iter().zip(after + 1..).all(|(row, seq)| row.seq == seq);
        let is_at_limit = rows.len() as u64 >= Ord::min(limit, MAX_PAGE);
        let end = rows.last().map_or(after, |row| row.seq);
        if !is_whole || (!is_at_limit && end < now.seq) {
            return Ok(Missed::Gap);
        }
        let kept: Option<Vec<_>> = rows.into_iter().map(|row| read(row, &now.epoch)).collect();
        Ok(kept.map_or(Missed::Gap, Missed::Events))
    }

    /// The position of an event; `None` when the topic does not keep it, or has never had it.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_position_of(&self, app: &AppId, topic: &str, event: &str) -> Result<Option<Position>> {
        if event.contains('\0') {
            return Ok(None);
        }
        // The id is of one event, and its index alone finds it: few rows.
        use stream_event::Column as C;
        let of_event = stream_event::Entity::find().filter(C::EventId.eq(event)).select_only();
        let of_event = of_event.column(C::AppId).column(C::Topic).column(C::EventId).column(C::Seq);
        let rows = of_event.into_tuple::<(String, String, String, i64)>().all(&self.db).await?;
        let key = (app.as_str(), topic, event);
        let Some((.., seq)) = rows.into_iter().find(|(app, topic, event, _)| (&**app, &**topic, &**event) == key)
        else {
            return Ok(None);
        };
        let now = self.stream_position(app, topic).await?;
        Ok(now.map(|now| Position { seq, ..now }))
    }

    /// Drops what was told before [`KEPT_FOR`]. Positions stay.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    #[tracing::instrument(name = "store.stream_prune", level = "debug", skip_all)]
    pub async fn stream_prune(&self, now: DateTime<Utc>) -> Result<()> {
        use stream_event::Column as C;
        let end = (now - KEPT_FOR).timestamp_millis();
        // Rows are told in about the order of their ids: what is old lies before the first one that is not.
        let young = stream_event::Entity::find().select_only().column(C::Id).filter(C::PublishedAt.gt(end));
        let young = young.order_by_asc(C::Id).limit(1).into_tuple::<i64>().one(&self.db).await?;
        let old = Condition::all().add(C::PublishedAt.lte(end)).add_option(young.map(|young| C::Id.lt(young)));
        stream_event::Entity::delete_many().filter(old).exec(&self.db).await?;
        Ok(())
    }

    /// The oldest facts that nobody has told, in the order in which they came.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_untold(&self, limit: u64) -> Result<Vec<Kept>> {
        let rows = stream_event::Entity::find()
            .filter(stream_event::Column::PublishedAt.is_null())
            .order_by_asc(stream_event::Column::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let key = (row.app_id.clone(), row.topic.clone());
            let epoch = stream::Entity::find_by_id(key).one(&self.db).await?.map(|row| row.epoch).unwrap_or_default();
            kept.extend(read(row, &epoch));
        }
        Ok(kept)
    }

    /// Notes that facts were told; their ids rise.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn stream_told(&self, ids: &[i64], now: DateTime<Utc>) -> Result<()> {
        // A few at a time: writers get their turn in between.
        for some in ids.chunks(CHUNK) {
            let runs = some.chunk_by(|one, next| one + 1 == *next).filter_map(|run| run.first().zip(run.last()));
            let which = runs.fold(Condition::any(), |which, (first, last)| {
                which.add(stream_event::Column::Id.between(*first, *last))
            });
            stream_event::Entity::update_many()
                .col_expr(stream_event::Column::PublishedAt, Expr::value(now.timestamp_millis()))
                .filter(which)
                .exec(&self.db)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
