//! The keys of one limit and the state of each, bounded in number.
//!
//! A key that has a bucket keeps it until a sweep finds it full again, so a flood of new keys takes nothing from those who
//! were there before. New keys that find no room share one bucket. Only `throttle.rs` comes here, through governor.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicUsize, Ordering},
};

use foldhash::fast::RandomState;
use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use parking_lot::Mutex;

/// Number of maps the keys are spread over. A power of two.
const SHARDS: usize = 16;

/// When each bucket is full again, in governor's time; see [`StateStore`].
type Shard<K> = Mutex<HashMap<K, Nanos, RandomState>>;

/// At most `max` buckets and one for all other keys.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    /// Each guards its part of the keys, for one look-up and one sum. No two are held at once.
    shards: [Shard<K>; SHARDS],
    hasher: RandomState,
    /// Keys in all shards, those included that are about to enter one.
    count: AtomicUsize,
    /// Guards the bucket of the keys that found no room.
    overflow: Mutex<Option<Nanos>>,
    max: usize,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::default(),
            count: AtomicUsize::new(0),
            overflow: Mutex::default(),
            max,
        }
    }

    fn shard(&self, key: &K) -> &Shard<K> {
        let [first, ..] = &self.shards;
        let position = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards.get(position).unwrap_or(first)
    }

    fn take_place(&self) -> bool {
        let room = |count: usize| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }
}

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.shard(key).lock();
        if let Some(state) = shard.get_mut(key) {
            let (outcome, next) = measure(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        if self.take_place() {
            let measured = measure(None);
            match &measured {
                Ok((_, next)) => {
                    shard.insert(key.clone(), *next);
                }
                Err(_) => {
                    self.count.fetch_sub(1, Ordering::Relaxed);
                }
            }
            return measured.map(|(outcome, _)| outcome);
        }
        drop(shard);
        let mut overflow = self.overflow.lock();
        let (outcome, next) = measure(*overflow)?;
        *overflow = Some(next);
        Ok(outcome)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Buckets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let before = shard.len();
            shard.retain(|_, state| *state > drop_below);
            let room = shard.len() * 2;
            shard.shrink_to(room);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
