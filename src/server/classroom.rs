//! Keeps the classroom running: what is due by the clock, and telling what a crash or a writer who left has not told.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::directory::ticker;
use crate::{
    api::Services,
    services::{Apps, now},
};

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often, in intervals, is looked for what was not told.
const REST_EVERY: u32 = 4;

/// Tells at once what the last run of the server left behind, then goes on until cancelled.
pub(super) async fn keep_going(services: Services, token: CancellationToken) {
    let Services { apps, teller, chats, polls, .. } = services;
    let mut ticker = ticker(INTERVAL);
    let (mut told, mut polled) = (Duty::new("what happened"), Duty::new("polls"));
    let mut seen = Duty::new("who comes and goes");
    for beat in (0..REST_EVERY).cycle() {
        if token.run_until_cancelled(ticker.tick()).await.is_none() {
            break;
        }
        for live in apps.all() {
            seen.note(live.presence_tick(now()).await);
        }
        seen.over();
        if beat == 0 {
            chats.sweep();
            told.note(teller.tell_the_rest(now()).await);
            told.over();
        }
        polled.note(polls.tick(now()).await);
        polled.over();
    }
    for live in apps.all() {
        if let Err(error) = live.presence_alive(now()).await {
            tracing::warn!(%error, "until when people were here is not kept to the second");
        }
    }
}

/// Something that is done over and over, in several parts, and complained of once when it fails.
struct Duty {
    /// What it is about.
    what: &'static str,
    was_failing: bool,
    is_failing: bool,
}

impl Duty {
    const fn new(what: &'static str) -> Self {
        Self { what, was_failing: false, is_failing: false }
    }

    /// Takes note of how a part of it went.
    fn note<E: std::error::Error>(&mut self, outcome: Result<(), E>) {
        let Err(error) = outcome else { return };
        if !self.was_failing && !self.is_failing {
            tracing::error!(%error, "{} cannot be seen to now, it is tried again", self.what);
        }
        self.is_failing = true;
    }

    /// All parts are done for this time.
    fn over(&mut self) {
        self.was_failing = std::mem::take(&mut self.is_failing);
    }
}

/// Stops those who have stopped typing, until cancelled. Waits for nothing else, least of all the database.
pub(super) async fn keep_typing(apps: Arc<Apps>, token: CancellationToken) {
    let mut ticker = ticker(INTERVAL);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        apps.all().iter().for_each(|live| live.typing_tick(now()));
    }
}
