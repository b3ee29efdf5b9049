//! What is kept of comings and goings: stays, and when people were seen last.
//!
//! Rows wait in memory until the database has them, bounded: while it fails, the oldest are lost. Nothing else waits for it.

use chrono::{DateTime, Utc};

use super::Result;
use crate::{domain::presence::Stay, ids::UserId, services::LiveApp};

/// Most stays, and most times of last sight, that wait for a database that fails; beyond, the oldest are lost.
const MAX_UNKEPT: usize = 100_000;

/// What waits to be kept.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    stays: Vec<Stay>,
    seen: Vec<(UserId, DateTime<Utc>)>,
    /// The last attempt to keep all of it has not come to its end.
    is_behind: bool,
}

impl Unkept {
    /// Others have just seen the last of somebody.
    pub(super) fn saw(&mut self, user: UserId, at: DateTime<Utc>) {
        self.seen.push((user, at));
    }

    /// Takes in stays that have begun or ended. When the database is behind, the oldest of too much is forgotten.
    fn add(&mut self, stays: Vec<Stay>) {
        self.stays.extend(stays);
        if !self.is_behind {
            return;
        }
        let (stays, seen) = (self.stays.len().saturating_sub(MAX_UNKEPT), self.seen.len().saturating_sub(MAX_UNKEPT));
        self.stays.drain(..stays);
        self.seen.drain(..seen);
        if stays + seen > 0 {
            tracing::error!(stays, seen, "the database fails for too long, times of presence are lost");
        }
    }
}

impl LiveApp {
    /// Keeps stays, and when people were seen last.
    ///
    /// # Cancel safety
    /// Rows wait until they are kept. Given up at the wrong moment, some are kept a second time.
    pub(super) async fn keep_presence(&self) -> Result<()> {
        let _turn = self.presence.keeping.lock().await;
        let stays = self.presence.roll.lock().take_stays();
        let (stays, seen) = {
            let mut unkept = self.presence.unkept.lock();
            unkept.add(stays);
            unkept.is_behind = true;
            (unkept.stays.clone(), unkept.seen.clone())
        };
        if !stays.is_empty() || !seen.is_empty() {
            self.store().presence_keep(&self.app().id, &stays, &seen).await?;
        }
        let mut unkept = self.presence.unkept.lock();
        unkept.stays.drain(..stays.len());
        unkept.seen.drain(..seen.len());
        unkept.is_behind = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{domain::presence::Moment, ids::SocketId, services::presence::tests::World};

    #[tokio::test]
    async fn rows_wait_for_a_database_that_fails_and_only_so_many_of_them() {
        let world = World::new().await;
        let (live, now) = (&world.live, world.now);
        world.store.run("ALTER TABLE presence_session RENAME TO away").await;
        let stay = Stay { user: 7.into(), scope: None, joined_at: now, left: None };
        live.presence.unkept.lock().stays = vec![stay; MAX_UNKEPT + 7];
        for _ in 0..2 {
            live.presence.roll.lock().arrive(
                &8.into(),
                SocketId::from_random(1),
                Moment { now, grace: TimeDelta::zero(), away_after: None },
            );
            live.presence_tick(now).await.unwrap_err();
            live.presence.roll.lock().expel(&8.into(), now);
        }
        live.presence_tick(now).await.unwrap_err();
        assert_eq!(live.presence.unkept.lock().stays.len(), MAX_UNKEPT, "only so many wait");
        live.presence.unkept.lock().stays.drain(..MAX_UNKEPT - 4);
        world.store.run("ALTER TABLE away RENAME TO presence_session").await;
        live.presence_tick(now).await.unwrap();
        let stays = world.store.presence_stays(&live.app().id, (&8.into(), None), 10).await.unwrap();
        assert_eq!(stays.len(), 2, "what waited is kept");
        assert!(live.presence.unkept.lock().stays.is_empty());
    }
}
