//! Facts of the roster in memory: bounded, loaded once however many ask at the same time, forgotten when they change.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::store;

/// How long it is remembered that something is not there.
const ABSENT_FOR: Duration = Duration::from_secs(5);

/// Loads that a single question waits for when what it asked for changes again and again meanwhile.
const ATTEMPTS: usize = 3;

/// What may be kept.
pub(super) trait Kept: Clone {
    /// It says that something is not there.
    fn is_absence(&self) -> bool;
}

impl<T> Kept for Option<Arc<T>> {
    fn is_absence(&self) -> bool {
        self.is_none()
    }
}

impl Kept for bool {
    fn is_absence(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Loaded<V> {
    value: V,
    /// When it is not believed any more; `None` = as long as nobody says that it has changed.
    until: Option<Instant>,
}

/// One entry, loaded by whoever comes first; the others wait for it.
type Slot<V> = Arc<OnceCell<Loaded<V>>>;

/// Facts of one kind by key.
#[derive(Debug)]
pub(super) struct Shelf<K: Hash + Eq, V> {
    /// Guards the entries; no load happens under it.
    slots: Mutex<LruCache<K, Slot<V>, RandomState>>,
    max: usize,
    /// Counts what was forgotten. What was loaded before may be old after.
    forgotten: AtomicU64,
}

impl<K: Hash + Eq + Clone, V: Kept> Shelf<K, V> {
    /// Room for `max` entries. Beyond, the one that was not asked for the longest goes.
    pub(super) fn new(max: usize) -> Self {
        Self {
            slots: Mutex::new(LruCache::unbounded_with_hasher(RandomState::default())),
            max,
            forgotten: AtomicU64::new(0),
        }
    }

    /// The fact; loaded unless it is there.
    ///
    /// # Errors
    /// When it cannot be loaded; the next one who asks tries again.
    ///
    /// # Cancel safety
    /// A load that is given up is begun again by the next one who waits for it.
    pub(super) async fn get<F>(&self, key: &K, load: impl Fn() -> F) -> store::Result<V>
    where
        F: Future<Output = store::Result<V>>,
    {
        let mut attempt = 0;
        loop {
            let slot = self.slot(key);
            let init = || async {
                let value = load().await?;
                let until = value.is_absence().then(|| Instant::now() + ABSENT_FOR);
                Ok::<_, store::Error>(Loaded { value, until })
            };
            let value = slot.get_or_try_init(init).await?.value.clone();
            attempt += 1;
            // What was forgotten while it was loaded may be old already.
            if attempt == ATTEMPTS || self.is_current(key, &slot) {
                return Ok(value);
            }
        }
    }

    /// The fact, if it is in memory.
    pub(super) fn peek(&self, key: &K) -> Option<V> {
        self.slots.lock().get(key)?.get().map(|loaded| loaded.value.clone())
    }

    /// Whatever is read next, something has to go.
    pub(super) fn is_full(&self) -> bool {
        self.slots.lock().len() >= self.max
    }

    fn slot(&self, key: &K) -> Slot<V> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(key) {
            let over = slot.get().and_then(|loaded| loaded.until).is_some_and(|until| until <= Instant::now());
            if !over {
                return Arc::clone(slot);
            }
        }
        let slot = Slot::default();
        slots.put(key.clone(), Arc::clone(&slot));
        if slots.len() > self.max {
            slots.pop_lru();
        }
        slot
    }

    fn is_current(&self, key: &K, slot: &Slot<V>) -> bool {
        self.slots.lock().peek(key).is_some_and(|current| Arc::ptr_eq(current, slot))
    }

    /// Of these keys, those whose facts would have to be loaded; with a mark for [`Shelf::fill`].
    pub(super) fn missing(&self, keys: impl Iterator<Item = K>) -> (Vec<K>, u64) {
        let slots = self.slots.lock();
        (keys.filter(|key| !slots.contains(key)).collect(), self.forgotten.load(Ordering::Relaxed))
    }

    /// Puts facts in place that were loaded by the many, unless something was forgotten since the mark or they are there.
    pub(super) fn fill(&self, facts: impl Iterator<Item = (K, V)>, mark: u64) {
        let mut slots = self.slots.lock();
        if self.forgotten.load(Ordering::Relaxed) != mark {
            return;
        }
        for (key, value) in facts {
            let until = value.is_absence().then(|| Instant::now() + ABSENT_FOR);
            if !slots.contains(&key) {
                slots.put(key, Arc::new(OnceCell::new_with(Some(Loaded { value, until }))));
            }
            if slots.len() > self.max {
                slots.pop_lru();
            }
        }
    }

    /// Forgets one entry.
    pub(super) fn forget(&self, key: &K) {
        let mut slots = self.slots.lock();
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        slots.pop(key);
    }

    /// Forgets the entries that fit, and those that are still being loaded; tells which.
    pub(super) fn forget_where(&self, fits: impl Fn(&V) -> bool) -> Vec<K> {
        let mut slots = self.slots.lock();
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        let fits = |slot: &Slot<V>| slot.get().is_none_or(|loaded| fits(&loaded.value));
        let gone: Vec<K> = slots.iter().filter(|(_, slot)| fits(slot)).map(|(key, _)| key.clone()).collect();
        for key in &gone {
            slots.pop(key);
        }
        gone
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut slots = self.slots.lock();
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    type Words = Shelf<u32, Option<Arc<String>>>;

    async fn word(text: &str) -> store::Result<Option<Arc<String>>> {
        Ok(Some(Arc::new(text.to_owned())))
    }

    fn fault() -> store::Error {
        store::Error::UnsupportedUrl { scheme: String::new() }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_load() {
        let (shelf, loads, go) = (Words::new(10), AtomicUsize::new(0), Notify::new());
        let load = || async {
            loads.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            word("loaded").await
        };
        let ask = || async { shelf.get(&1, load).await.unwrap().unwrap() };
        let release = async { go.notify_one() };
        let (one, two, three, ()) = tokio::join!(ask(), ask(), ask(), release);
        assert_eq!((one.as_str(), two.as_str(), three.as_str()), ("loaded", "loaded", "loaded"));
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_was_forgotten_while_it_was_loaded_is_loaded_again() {
        let (shelf, loads) = (Words::new(10), AtomicUsize::new(0));
        let load = || async {
            let load = loads.fetch_add(1, Ordering::Relaxed);
            if load == 0 {
                shelf.forget(&1);
            }
            word(&format!("load {load}")).await
        };
        assert_eq!(*shelf.get(&1, load).await.unwrap().unwrap(), "load 1");
        assert_eq!(*shelf.get(&1, || async { Err(fault()) }).await.unwrap().unwrap(), "load 1", "it is kept");
    }

    #[tokio::test]
    async fn a_failed_load_is_told_and_the_next_one_tries_again() {
        let shelf = Words::new(10);
        assert!(shelf.get(&1, || async { Err(fault()) }).await.is_err());
        assert!(shelf.get(&1, || word("x")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_was_loaded_by_the_many_is_put_in_place_unless_something_was_forgotten_meanwhile() {
        let shelf = Words::new(10);
        let loaded = word("loaded").await.unwrap();
        let fill = |mark| shelf.fill([(1, loaded.clone()), (2, None)].into_iter(), mark);
        let (missing, mark) = shelf.missing([1, 2].into_iter());
        assert_eq!(missing, [1, 2]);
        shelf.forget(&7);
        fill(mark);
        let (missing, mark) = shelf.missing([1, 2].into_iter());
        assert_eq!(missing, [1, 2]);
        fill(mark);
        assert_eq!(shelf.missing([1, 2, 3].into_iter()).0, [3]);
        assert_eq!(shelf.get(&1, || async { Err(fault()) }).await.unwrap(), loaded);
        assert_eq!(shelf.get(&2, || async { Err(fault()) }).await.unwrap(), None);
    }

    #[tokio::test]
    async fn at_the_limit_all_are_kept_and_beyond_the_one_not_asked_for_the_longest_goes() {
        let shelf = Words::new(2);
        for key in [1, 2, 1, 3] {
            shelf.get(&key, || word("x")).await.unwrap();
        }
        let kept = |key: u32| shelf.slots.lock().contains(&key);
        assert_eq!((kept(1), kept(2), kept(3)), (true, false, true));
        shelf.forget_where(|value| value.as_ref().is_some_and(|word| *word.as_str() == *"y"));
        assert!(kept(1));
        shelf.forget_where(|value| value.is_some());
        assert!(!kept(1) && !kept(3));
    }
}
