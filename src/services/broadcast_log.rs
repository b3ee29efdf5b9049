//! The log of everything that was told to many: who, to whom, how much, how fast; never what.
//!
//! Broadcasts write their row with themselves. Triggers and refusals write theirs here. Events of the Pusher HTTP API come by
//! the thousand: where an app wants them logged, they are put on a bounded list and written together, and what does not fit is
//! counted and left out.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::{Apps, LiveApp};
pub use crate::domain::broadcast::{LogEntry, LogFilter, LogKind, LogOutcome};
use crate::{
    ids::AppId,
    store::{self, Store},
};

/// Published events of one app that wait to be written.
const WAITING_MAX: usize = 10_000;

/// Old rows that go at once.
const SWEEP: u64 = 1_000;

/// How often old rows of an app go at once: 100,000 rows a minute, as many as the widest limits let in.
const SWEEPS: usize = 100;

/// Published events that are still to be written.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Guards the list; held for a push or a move.
    list: Mutex<Vec<LogEntry>>,
}

/// What is said about a refusal or a trigger besides who did it.
#[derive(Debug, Clone)]
pub struct Logged<'a> {
    /// By which way.
    pub kind: LogKind,
    /// The channel, or the audience in one line.
    pub channel: String,
    /// Name of the event.
    pub event: &'a str,
    /// Size of its data.
    pub bytes: usize,
    /// What became of it.
    pub outcome: LogOutcome,
}

impl Logged<'_> {
    /// The row, without receivers.
    pub(super) fn entry(self, (actor, ip): (String, Option<IpAddr>), now: DateTime<Utc>) -> LogEntry {
        let Self { kind, channel, event, bytes, outcome } = self;
        LogEntry {
            kind,
            channel,
            event: event.to_owned(),
            event_id: None,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            actor,
            ip: ip.map(|ip| ip.to_string()),
            receivers: 0,
            latency_us: 0,
            outcome,
            at: now,
        }
    }
}

impl LiveApp {
    /// Has a published event written into the log, soon, and dated then. Never waits.
    pub(super) fn note_published(&self, entry: LogEntry) {
        let mut list = self.published.list.lock();
        if list.len() < WAITING_MAX {
            list.push(entry);
        } else {
            self.metrics().broadcast_log_lost.inc();
        }
    }
}

/// The broadcast log of every app.
#[derive(Debug)]
pub struct BroadcastLog {
    store: Store,
    apps: Arc<Apps>,
}

impl BroadcastLog {
    /// The log kept in this store.
    #[must_use]
    pub const fn new(store: Store, apps: Arc<Apps>) -> Self {
        Self { store, apps }
    }

    /// Adds rows about what was told or refused already: that stands, written or not.
    pub(super) async fn note(&self, live: &LiveApp, entries: &[LogEntry]) {
        let app = live.app();
        if let Err(error) = self.store.broadcast_log_insert(&app.id, entries).await {
            live.metrics().broadcast_log_lost.inc_by(entries.len() as u64);
            tracing::error!(app.id = %app.id, %error, "what was told to many cannot be logged");
        }
    }

    /// Rows, newest first, each with its number; `before` is the last number of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        app: &AppId,
        filter: &LogFilter,
        (before, limit): (Option<i64>, u32),
    ) -> store::Result<Vec<(i64, LogEntry)>> {
        self.store.broadcast_log_list(app, filter, (before, limit)).await
    }

    /// Writes what waits to be written. Several times a second.
    pub async fn write(&self, now: DateTime<Utc>) {
        for live in self.apps.all() {
            let mut entries = std::mem::take(&mut *live.published.list.lock());
            entries.iter_mut().for_each(|entry| entry.at = now);
            if !entries.is_empty() {
                self.note(&live, &entries).await;
            }
        }
    }

    /// Removes rows that are older than their app keeps them. About once a minute.
    ///
    /// # Errors
    /// When the database fails; the next call goes on.
    pub async fn sweep(&self, now: DateTime<Utc>) -> store::Result<()> {
        for live in self.apps.all() {
            let app = live.app();
            let oldest = now - TimeDelta::days(app.settings.broadcast_log_days.into());
            for _ in 0..SWEEPS {
                if self.store.broadcast_log_sweep(&app.id, oldest, SWEEP).await? < SWEEP {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::app::{App, AppSettings, Secret},
        ids::AppKey,
        metrics::Metrics,
    };

    #[test]
    fn published_events_that_come_faster_than_they_are_written_are_counted_and_left_out() {
        let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
        let app = App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("key").unwrap(),
            name: String::new(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        };
        apps.replace(vec![app]);
        let live = apps.by_id("campus").unwrap();
        let logged = Logged {
            kind: LogKind::Publish,
            channel: "test".to_owned(),
            event: "bell",
            bytes: 1,
            outcome: LogOutcome::Sent,
        };
        let note = || live.note_published(logged.clone().entry(("app".to_owned(), None), DateTime::UNIX_EPOCH));
        (0..WAITING_MAX).for_each(|_| note());
        assert_eq!(live.metrics().broadcast_log_lost.get(), 0);
        note();
        assert_eq!((live.metrics().broadcast_log_lost.get(), live.published.list.lock().len()), (1, WAITING_MAX));
    }
}
