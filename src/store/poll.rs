//! Polls as rows: changed and voted in under the lock of their row, counted from their ballots.
//!
//! Whatever changes a poll or its ballots writes its row first. On every database that makes the others wait who would do the
//! same, so that what the rules (`domain::poll`) see stays true until the commit: no vote slips in behind a close, nobody votes
//! twice. The unique key of the ballots says so once more. What is written of an anonymous poll tells nobody: ballots have
//! neither user nor time, and when the poll is closed they are dealt out anew (`seal`).

mod booth;
mod count;
mod rows;
mod seal;

use chrono::{DateTime, Utc};
use entity::{poll, poll_option};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

pub use self::booth::{Booth, Cast, Voted, Voting};
use super::{Kept, Page, Payload, Result, Store, audit, streams};
use crate::{
    domain::{
        app::Secret,
        audit::AuditEntry,
        fact::Fact,
        poll::{GRACE, POLLS_MAX, Poll, Refusal, SEALED_FOR, SETTLE, State, Venue},
    },
    ids::{AppId, ExternalId, SocketId},
};

/// Most rows in one statement: SQLite takes 32,766 bound values.
const CHUNK: usize = 500;

/// Polls that one look for those whose time has come finds at most.
const DUE: u64 = 100;

/// What becomes of the keys by which an anonymous poll tells its voters apart.
#[derive(Debug)]
pub enum VoterKeys {
    /// They stay.
    Kept,
    /// Its voters get new ones.
    New(Secret),
    /// Nobody shall be able to tell any more. The lot deals the ballots out anew and is used for nothing else.
    Destroyed {
        /// Random.
        lot: Secret,
    },
}

/// What is to become of a poll.
#[derive(Debug)]
pub struct PollChange {
    /// The poll as it shall be.
    pub poll: Poll,
    /// What becomes of its voters' keys.
    pub keys: VoterKeys,
    /// What there is to tell.
    pub facts: Vec<(Fact<Payload>, Option<SocketId>)>,
    /// What the audit shall know.
    pub audit: Vec<AuditEntry>,
}

/// What came of a change: the poll as it is and what there is to tell, or why not; `None` = there is no such poll.
pub type Changed = Option<Result<(Poll, Vec<Kept>), Refusal>>;

/// Which polls a list shows.
#[derive(Debug, Clone)]
pub struct PollFilter {
    /// Where they take place.
    pub venue: Venue,
    /// States, one of which they are in.
    pub states: Vec<State>,
    /// Only those that were opened.
    pub was_opened: bool,
    /// Only those with published results.
    pub is_published: bool,
}

impl Store {
    /// Keeps a new poll.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database). The inner one when there are too many.
    #[tracing::instrument(name = "store.poll_insert", level = "debug", skip_all, fields(app.id = %app))]
    pub async fn poll_insert(&self, app: &AppId, poll: &Poll, entry: AuditEntry) -> Result<Result<(), Refusal>> {
        use sea_orm::TransactionTrait as _;
        let change = self.db.begin().await?;
        poll::Entity::insert(rows::poll_row(app, poll)).exec_without_returning(&change).await?;
        options_insert(&change, app, poll).await?;
        let kept = [State::Draft, State::Open, State::Closed].map(State::name);
        let here = in_venue(app, &poll.venue).add(poll::Column::State.is_in(kept));
        if poll::Entity::find().filter(here).count(&change).await? > POLLS_MAX {
            change.rollback().await?;
            return Ok(Err(Refusal::TooManyPolls));
        }
        audit::insert(&change, &[entry]).await?;
        change.commit().await?;
        Ok(Ok(()))
    }

    /// Finds a poll.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn poll_find(&self, app: &AppId, id: &ExternalId) -> Result<Option<Poll>> {
        let Some(row) = poll::Entity::find_by_id(key(app, id)).one(&self.db).await? else { return Ok(None) };
        with_options(&self.db, app, row).await
    }

    /// Lists polls of one place, the newest first. [`Page::after`] is the last id of the page before.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn poll_list(&self, app: &AppId, filter: &PollFilter, page: &Page) -> Result<Vec<Poll>> {
        let before = page.after.as_ref().filter(|id| !id.contains('\0')).map(|id| poll::Column::Id.lt(id.as_str()));
        let which = in_venue(app, &filter.venue)
            .add(poll::Column::State.is_in(filter.states.iter().map(|state| state.name())))
            .add_option(filter.was_opened.then(|| poll::Column::Round.gt(0)))
            .add_option(filter.is_published.then(|| poll::Column::PublishedAt.is_not_null()))
            .add_option(before);
        let list = poll::Entity::find().filter(which).order_by_desc(poll::Column::Id).limit(u64::from(page.limit));
        let found = list.all(&self.db).await?;
        let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
        let mut options = Vec::new();
        for some in ids.chunks(CHUNK) {
            let of_them = Condition::all()
                .add(poll_option::Column::AppId.eq(app.as_str()))
                .add(poll_option::Column::PollId.is_in(some.iter().copied()));
            options.extend(poll_option::Entity::find().filter(of_them).all(&self.db).await?);
        }
        let read = |row: poll::Model| {
            let own = options.iter().filter(|option| option.poll_id == row.id).cloned().collect();
            rows::poll(row, own)
        };
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Some of the polls of all apps whose time is over, or whose close was given up between sealing and closing.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn polls_due(&self, now: DateTime<Utc>) -> Result<Vec<(AppId, ExternalId)>> {
        let is_over = poll::Column::ClosesAt.lte((now - GRACE - SETTLE).timestamp_millis());
        let is_left = poll::Column::SealedAt.lte((now - SEALED_FOR).timestamp_millis());
        self.poll_ids(State::Open, Condition::any().add(is_over).add(is_left)).await
    }

    /// Some of the drafts of all apps that open by themselves and whose time has come.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database).
    pub async fn polls_to_open(&self, now: DateTime<Utc>) -> Result<Vec<(AppId, ExternalId)>> {
        let has_come = poll::Column::OpensAt.lte(now.timestamp_millis());
        self.poll_ids(State::Draft, Condition::all().add(has_come)).await
    }

    async fn poll_ids(&self, state: State, which: Condition) -> Result<Vec<(AppId, ExternalId)>> {
        let ids = poll::Entity::find().select_only().columns([poll::Column::AppId, poll::Column::Id]);
        let found = ids.filter(poll::Column::State.eq(state.name())).filter(which).limit(DUE);
        let found: Vec<(String, String)> = found.into_tuple().all(&self.db).await?;
        let read = |(app, id): (String, String)| Some((AppId::parse(&app).ok()?, ExternalId::parse(&id).ok()?));
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Changes a poll as `decide` says, which sees it as it is, with the number of polls that take votes in the same place;
    /// `None` = it is as wanted already. `epoch` is for topics that begin with this. No poll = `None`.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database). The inner one is that of `decide`. Nothing is changed then.
    #[tracing::instrument(name = "store.poll_change", level = "debug", skip_all, fields(app.id = %app, poll.id = id.as_str()))]
    pub async fn poll_change(
        &self,
        app: &AppId,
        id: &ExternalId,
        epoch: &str,
        decide: impl FnOnce(&Poll, u64) -> Result<Option<PollChange>, Refusal> + Send,
    ) -> Result<Changed> {
        let change = self.change_begin(streams::COUNTER).await?;
        let Some((before, secret)) = lock(&change, app, id).await? else {
            change.rollback().await?;
            return Ok(None);
        };
        let open_here = in_venue(app, &before.venue).add(poll::Column::State.eq(State::Open.name()));
        let open_here = poll::Entity::find().filter(open_here).count(&change).await?;
        let decided = match decide(&before, open_here) {
            Ok(Some(decided)) => decided,
            Ok(None) => {
                change.rollback().await?;
                return Ok(Some(Ok((before, Vec::new()))));
            }
            Err(refusal) => {
                change.rollback().await?;
                return Ok(Some(Err(refusal)));
            }
        };
        let PollChange { poll, keys, facts, audit: entries } = decided;
        let poll = save(&change, app, (&before, poll), (secret, keys)).await?;
        audit::insert(&change, &entries).await?;
        let kept = streams::append(&change, app, facts, epoch).await?;
        change.commit().await?;
        Ok(Some(Ok((poll, kept))))
    }

    /// Makes the ballots of an anonymous poll unlinkable if `is_over` says so of the poll as it is; it takes no more votes then,
    /// and is to be closed. Apart from that change, because it takes long where there are many, and no other change waits for it.
    /// Should nobody come to it, [`Store::polls_due`] finds the poll a while after `now`.
    ///
    /// # Errors
    /// [`Error::Database`](super::Error::Database). Nothing is changed then.
    #[tracing::instrument(name = "store.poll_seal", level = "debug", skip_all, fields(app.id = %app, poll.id = id.as_str()))]
    pub async fn poll_seal(
        &self,
        (app, id): (&AppId, &ExternalId),
        (lot, now): (&Secret, DateTime<Utc>),
        is_over: impl FnOnce(&Poll) -> bool + Send,
    ) -> Result<()> {
        use sea_orm::TransactionTrait as _;
        let change = self.db.begin().await?;
        match lock(&change, app, id).await? {
            Some((poll, Some(_secret))) if is_over(&poll) => {
                seal::deal_anew(&change, (app, id, poll.round), lot).await?;
                let forget = poll::Entity::update_many()
                    .col_expr(poll::Column::VoterSecret, Expr::value(None::<String>))
                    .col_expr(poll::Column::SealedAt, Expr::value(now.timestamp_millis()));
                forget.filter(this(app, id)).exec(&change).await?;
                change.commit().await?;
            }
            _ => change.rollback().await?,
        }
        Ok(())
    }
}

/// Writes what has changed.
async fn save(
    change: &DatabaseTransaction,
    app: &AppId,
    (before, mut poll): (&Poll, Poll),
    (mut secret, keys): (Option<Secret>, VoterKeys),
) -> Result<Poll> {
    match keys {
        VoterKeys::Kept => {}
        VoterKeys::New(new) => secret = Some(new),
        VoterKeys::Destroyed { lot } => {
            // Without a secret it was done before.
            if secret.take().is_some() {
                seal::deal_anew(change, (app, &poll.id, poll.round), &lot).await?;
            }
            for option in &mut poll.content.options {
                option.suggested_by = None;
            }
        }
    }
    let mut row = rows::poll_row(app, &poll);
    row.voter_secret = sea_orm::ActiveValue::Set(secret.map(|secret| poll::VoterSecret(secret.expose().to_owned())));
    row.reset_all().update(change).await?;
    if poll.content.options != before.content.options {
        poll_option::Entity::delete_many().filter(options_of(app, &poll.id)).exec(change).await?;
        options_insert(change, app, &poll).await?;
    }
    Ok(poll)
}

/// Takes the lock of a poll and reads it, with the secret of its voters' keys.
async fn lock(change: &DatabaseTransaction, app: &AppId, id: &ExternalId) -> Result<Option<(Poll, Option<Secret>)>> {
    let same = Expr::col(poll::Column::Version);
    let locked = poll::Entity::update_many().col_expr(poll::Column::Version, same).filter(this(app, id));
    if locked.exec(change).await?.rows_affected == 0 {
        return Ok(None);
    }
    let Some(row) = poll::Entity::find_by_id(key(app, id)).one(change).await? else { return Ok(None) };
    let secret = row.voter_secret.as_ref().map(|secret| Secret::new(&secret.0));
    Ok(with_options(change, app, row).await?.map(|poll| (poll, secret)))
}

async fn with_options(db: &impl ConnectionTrait, app: &AppId, row: poll::Model) -> Result<Option<Poll>> {
    let Ok(id) = ExternalId::parse(&row.id) else { return Ok(None) };
    let options = poll_option::Entity::find().filter(options_of(app, &id)).all(db).await?;
    Ok(rows::poll(row, options))
}

async fn options_insert(change: &DatabaseTransaction, app: &AppId, poll: &Poll) -> Result<()> {
    if poll.content.options.is_empty() {
        return Ok(());
    }
    let options = poll.content.options.iter().map(|option| rows::option_row((app, &poll.id), option));
    poll_option::Entity::insert_many(options).exec_without_returning(change).await?;
    Ok(())
}

fn key(app: &AppId, id: &ExternalId) -> (String, String) {
    (app.as_str().to_owned(), id.as_str().to_owned())
}

fn this(app: &AppId, id: &ExternalId) -> Condition {
    Condition::all().add(poll::Column::AppId.eq(app.as_str())).add(poll::Column::Id.eq(id.as_str()))
}

fn options_of(app: &AppId, poll: &ExternalId) -> Condition {
    Condition::all().add(poll_option::Column::AppId.eq(app.as_str())).add(poll_option::Column::PollId.eq(poll.as_str()))
}

fn in_venue(app: &AppId, venue: &Venue) -> Condition {
    let class = poll::Column::ClassId;
    let class = venue.class.as_ref().map_or_else(|| class.is_null(), |id| class.eq(id.as_str()));
    Condition::all()
        .add(poll::Column::AppId.eq(app.as_str()))
        .add(poll::Column::CourseId.eq(venue.course.as_str()))
        .add(class)
}
