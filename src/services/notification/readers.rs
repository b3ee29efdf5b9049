//! Who waits for notifications over HTTP: long polls and event streams, few for each person and bounded in all.
//!
//! A reader is woken when something is told to its person, and then reads the stream of events from the database: what wakes
//! it holds nothing, so nothing is lost when it is slow.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{domain::access::Topic, ids::UserId, services::LiveApp};

/// Most readers of one person at once.
const PER_PERSON: usize = 8;

/// Most readers of one app at once, on this node.
const IN_ALL: usize = 10_000;

/// There are as many readers as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Of this person.
    #[error("{PER_PERSON} requests of yours wait for notifications already; end one first")]
    OfPerson,
    /// In all.
    #[error("too many requests wait for notifications now, try again shortly")]
    InAll,
}

#[derive(Debug, Default)]
struct Table {
    by_user: HashMap<UserId, (watch::Sender<()>, usize), RandomState>,
    count: usize,
}

/// The readers of one app.
#[derive(Debug, Default)]
pub struct Readers {
    /// Guards who waits; held for no longer than a look.
    table: Mutex<Table>,
    /// The server goes down: nobody waits any more.
    is_closed: AtomicBool,
}

/// A place among the readers; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    readers: Arc<Readers>,
    user: UserId,
    news: watch::Receiver<()>,
}

impl Readers {
    /// Takes a place.
    ///
    /// # Errors
    /// When there is none left.
    pub(super) fn enter(self: &Arc<Self>, user: &UserId) -> Result<Reader, TooMany> {
        let mut table = self.table.lock();
        if table.count >= IN_ALL {
            return Err(TooMany::InAll);
        }
        let (sender, count) = table.by_user.entry(user.clone()).or_insert_with(|| (watch::Sender::new(()), 0));
        if *count >= PER_PERSON {
            return Err(TooMany::OfPerson);
        }
        *count += 1;
        let news = sender.subscribe();
        table.count += 1;
        drop(table);
        Ok(Reader { readers: Arc::clone(self), user: user.clone(), news })
    }

    fn wake(&self, user: &UserId) {
        if let Some((sender, _)) = self.table.lock().by_user.get(user) {
            sender.send_replace(());
        }
    }

    /// Lets nobody wait any longer.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        for (sender, _) in self.table.lock().by_user.values() {
            sender.send_replace(());
        }
    }
}

impl Reader {
    /// Waits until something was told to the person since the last call; false when the server goes down.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is given up.
    pub(super) async fn news(&mut self) -> bool {
        if self.readers.is_closed.load(Ordering::Acquire) {
            return false;
        }
        let _sender_lives_as_long_as_the_place = self.news.changed().await;
        !self.readers.is_closed.load(Ordering::Acquire)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut table = self.readers.table.lock();
        table.count = table.count.saturating_sub(1);
        if let Some((_, count)) = table.by_user.get_mut(&self.user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.by_user.remove(&self.user);
            }
        }
    }
}

impl LiveApp {
    /// Wakes those who wait for what is told to a person.
    pub(in crate::services) fn wake_readers(&self, topic: &Topic) {
        if let Topic::User(user) = topic {
            self.readers.wake(user);
        }
    }

    /// Lets nobody wait for notifications any longer: the server goes down.
    pub fn close_readers(&self) {
        self.readers.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_person_has_so_many_places_and_gets_them_back() {
        let readers = Arc::new(Readers::default());
        let user = UserId::from(7);
        let mut held: Vec<_> = (0..PER_PERSON).map(|_| readers.enter(&user).unwrap()).collect();
        assert_eq!(readers.enter(&user).unwrap_err(), TooMany::OfPerson);
        assert!(readers.enter(&UserId::from(8)).is_ok());
        held.pop();
        assert!(readers.enter(&user).is_ok());
        drop(held);
        let table = readers.table.lock();
        assert!(table.by_user.is_empty() && table.count == 0);
    }

    #[test]
    fn all_together_have_so_many_places_and_no_more() {
        let readers = Arc::new(Readers::default());
        let held: Vec<_> = (0..IN_ALL as u32).map(|user| readers.enter(&UserId::from(user)).unwrap()).collect();
        assert_eq!(readers.enter(&UserId::from(IN_ALL as u32)).unwrap_err(), TooMany::InAll);
        drop(held);
        assert!(readers.enter(&UserId::from(1)).is_ok());
    }

    #[tokio::test]
    async fn news_that_came_before_the_wait_are_not_missed_and_the_end_wakes_everybody() {
        let readers = Arc::new(Readers::default());
        let user = UserId::from(7);
        let mut reader = readers.enter(&user).unwrap();
        readers.wake(&user);
        assert!(reader.news().await);
        let (told, ()) = tokio::join!(reader.news(), async { readers.close() });
        assert!(!told);
        assert!(!reader.news().await);
    }
}
