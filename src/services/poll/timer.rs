//! What polls do by themselves when their time has come, whether the server was there all the while or not.

use chrono::{DateTime, Utc};

use super::{Polls, Result, entry, news, pulse::Mark, random, to_ms};
use crate::{
    domain::{
        app::Secret,
        audit::AuditEntry,
        poll::{Move, Poll},
    },
    ids::{AppId, ExternalId},
    services::new_id,
    store::{PollChange, VoterKeys},
};

/// Who does it, as the audit names it.
const TIMER: &str = "timer";

/// What the audit says of a draft that could not be opened when its time had come.
const NOT_OPENED: &str = "poll.not_opened";

impl Polls {
    /// Opens and closes polls whose time has come, finishes closes that were given up half-way, and tells results that have
    /// changed. A few times a second; also what was due while the server was away. What fails keeps nothing else waiting.
    ///
    /// # Errors
    /// The first one, when the database fails; the next call tries again.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<()> {
        let mut outcome = Ok(());
        for (app, id) in self.store.polls_to_open(now).await? {
            outcome = outcome.and(self.open_by_timer(&app, &id, now).await);
        }
        for (app, id) in self.store.polls_due(now).await? {
            outcome = outcome.and(self.close_by_timer(&app, &id, now).await);
        }
        for (app, id) in self.pulse.due(now) {
            let Some(live) = self.apps.by_id(app.as_str()) else { continue };
            let told = self.tell_results(&live, &id, now).await;
            if told.is_err() {
                self.pulse.mark(&app, &id);
            }
            outcome = outcome.and(told);
        }
        outcome
    }

    /// A draft that cannot be opened stays one, and waits for nothing any more; the audit says why.
    async fn open_by_timer(&self, app: &AppId, id: &ExternalId, now: DateTime<Utc>) -> Result<()> {
        let Some(found) = self.store.poll_find(app, id).await? else { return Ok(()) };
        // Counted for named ones too: an edit may make it anonymous before it opens.
        let eligible = self.students(app, &found, now).await?;
        let (epoch, secret) = (new_id(now), Secret::new(&random(32)?));
        let decide = |before: &Poll, open_here| {
            let Some((poll, refusal)) = before.begun(before.has_room_for(eligible), open_here, to_ms(now)) else {
                return Ok(None);
            };
            let Some(refusal) = refusal else {
                let keys = if poll.is_anonymous() { VoterKeys::New(secret) } else { VoterKeys::Kept };
                let facts = news::of_step(&poll, Move::Open, (None, None), now);
                let audit = vec![entry(app, &poll, (TIMER, Move::Open.done()), now)];
                return Ok(Some(PollChange { poll, keys, facts, audit }));
            };
            let why = entry(app, &poll, (TIMER, NOT_OPENED), now);
            let audit = vec![AuditEntry { after: Some(refusal.to_string()), ..why }];
            Ok(Some(PollChange { poll, keys: VoterKeys::Kept, facts: Vec::new(), audit }))
        };
        let opened = self.keep_and_tell(self.store.poll_change(app, id, &epoch, decide)).await?;
        opened.transpose().map(|_poll| ())
    }

    async fn close_by_timer(&self, app: &AppId, id: &ExternalId, now: DateTime<Utc>) -> Result<()> {
        let (epoch, lot) = (new_id(now), Secret::new(&random(32)?));
        self.store.poll_seal((app, id), (&lot, now), |poll| poll.ended(now).is_some()).await?;
        let mut mark = None;
        let decide = |before: &Poll, _open_here| {
            let Some(poll) = before.ended(now) else { return Ok(None) };
            mark = Some(Mark::new(&self.pulse, app, id));
            let keys = if poll.is_anonymous() { VoterKeys::Destroyed { lot } } else { VoterKeys::Kept };
            let facts = news::of_step(&poll, Move::Close, (None, None), now);
            let audit = vec![entry(app, &poll, (TIMER, Move::Close.done()), now)];
            Ok(Some(PollChange { poll, keys, facts, audit }))
        };
        let closed = self.keep_and_tell(self.store.poll_change(app, id, &epoch, decide)).await?;
        closed.transpose().map(|_poll| ())
    }
}
