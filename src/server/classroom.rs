//! Keeps the classroom running: who comes and goes, which servers do, what a crash or a writer who left has not told, polls whose
//! time has come.
//!
//! A task each, so that none waits for another; each call has an end, so that a database that gives no answer holds nothing up
//! for longer than that.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::keep::{Duty, ticker, within};
use crate::{
    services::{self, Apps, Chats, Teller, now, poll::Polls},
    store::{Left, Store},
};

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often is looked for what was not told.
const REST_INTERVAL: Duration = Duration::from_secs(1);

/// How often a server says that it is there.
const BEAT: Duration = Duration::from_secs(5);

/// Longest wait for that.
const BEAT_LIMIT: Duration = Duration::from_secs(5);

/// How long after it has said so last a server is taken for lost.
const LOST_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Longest wait for one call.
const LIMIT: Duration = Duration::from_secs(30);

/// Apps that are seen to at the same time.
const AT_ONCE: usize = 64;

/// Tells who comes and goes, in all apps side by side, until cancelled.
pub(super) async fn keep_presence(apps: Arc<Apps>, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(INTERVAL), Duty::new("who comes and goes"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        let ticks =
            apps.all().into_iter().map(|live| async move { within(LIMIT, Box::pin(live.presence_tick(now()))).await });
        let mut ticks = stream::iter(ticks).buffer_unordered(AT_ONCE);
        while let Some(outcome) = ticks.next().await {
            duty.note(outcome);
        }
        duty.over();
    }
}

/// Says that this server is there, and sees to it that those are told of who were here by one that is not any more, until
/// cancelled; then says so once more.
pub(super) async fn keep_node((store, apps): (Store, Arc<Apps>), token: CancellationToken) {
    let (mut ticker, mut duty, mut was_well) = (ticker(BEAT), Duty::new("the list of servers"), false);
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        let beat = within(BEAT_LIMIT, store.node_beat(now())).await;
        // Right after a fault of the database the others may only not have come to say that they are there.
        let is_well = std::mem::replace(&mut was_well, beat.is_ok()) && was_well;
        duty.note(beat);
        if is_well {
            duty.note(within(LIMIT, Box::pin(sweep(&store, &apps))).await);
        }
        duty.over();
    }
    if let Err(error) = within(BEAT_LIMIT, store.node_beat(now())).await {
        tracing::warn!(%error, "until when people were here is not kept to the second");
    }
}

async fn sweep(store: &Store, apps: &Apps) -> services::presence::Result<()> {
    let mut outcome = Ok(());
    for Left { app, users, seen } in store.node_sweep(now() - LOST_AFTER).await? {
        let Some(live) = apps.by_id(app.as_str()) else { continue };
        outcome = outcome.and(live.presence_lost(&users, seen, now()).await);
    }
    outcome
}

/// Tells at once what the last run of the server left behind, then what writers who left have not told, until cancelled.
pub(super) async fn keep_telling((teller, chats): (Arc<Teller>, Arc<Chats>), token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(REST_INTERVAL), Duty::new("what happened"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        chats.sweep();
        duty.note(within(LIMIT, teller.tell_the_rest(now())).await);
        duty.over();
    }
}

/// Opens and closes polls whose time has come and tells results, until cancelled.
pub(super) async fn keep_polls(polls: Arc<Polls>, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(INTERVAL), Duty::new("polls"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        duty.note(within(LIMIT, Box::pin(polls.tick(now()))).await);
        duty.over();
    }
}
