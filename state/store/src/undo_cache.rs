//! Undo records in memory: the record of the block that is being written, the newest records, and
//! those that reads of old states opened.
//!
//! In: records from commits and from the disk. Out: the same. Indexes and parts are bounded apart,
//! because a deep read needs every index and hardly any part.

use std::{num::NonZeroUsize, sync::Arc};

use lru::LruCache;
use parking_lot::Mutex;

use crate::undo::{BlockUndo, UndoIndex, UndoPart};

/// Pieces kept at most, however small they are.
const CACHED_PIECES_MAX: NonZeroUsize = NonZeroUsize::new(1 << 15).expect("not zero");

/// Memory that a piece takes besides its bytes.
const PIECE_BYTES: usize = 200;

#[derive(Debug)]
pub(crate) struct UndoCache {
    inner: Mutex<Cached>,
}

#[derive(Debug)]
struct Cached {
    /// The record of the block that is being written, until it is.
    announced: Option<Arc<BlockUndo>>,
    indexes: Bounded<u64, UndoIndex>,
    parts: Bounded<(u64, u32), UndoPart>,
}

/// Least recently used first out, bounded by bytes.
#[derive(Debug)]
struct Bounded<K: std::hash::Hash + Eq, V> {
    entries: LruCache<K, Arc<V>>,
    bytes: usize,
    bytes_max: usize,
    weigh: fn(&V) -> usize,
}

impl<K: std::hash::Hash + Eq, V> Bounded<K, V> {
    fn new(bytes_max: usize, weigh: fn(&V) -> usize) -> Self {
        Self { entries: LruCache::new(CACHED_PIECES_MAX), bytes: 0, bytes_max, weigh }
    }

    fn get(&mut self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key).map(Arc::clone)
    }

    fn insert(&mut self, key: K, value: Arc<V>) {
        self.bytes = self.bytes.saturating_add((self.weigh)(&value));
        if let Some((_, old)) = self.entries.push(key, value) {
            self.bytes = self.bytes.saturating_sub((self.weigh)(&old));
        }
        while self.bytes > self.bytes_max
            && let Some((_, old)) = self.entries.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub((self.weigh)(&old));
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some(old) = self.entries.pop(key) {
            self.bytes = self.bytes.saturating_sub((self.weigh)(&old));
        }
    }
}

impl UndoCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let indexes = Bounded::new(bytes_max / 2, |it: &UndoIndex| {
            it.blob().len().saturating_add(PIECE_BYTES)
        });
        let parts = Bounded::new(bytes_max / 2, |it: &UndoPart| {
            it.blob().len().saturating_add(PIECE_BYTES)
        });
        Self { inner: Mutex::new(Cached { announced: None, indexes, parts }) }
    }

    /// The record of block `number`, if that is the one being written.
    pub(crate) fn announced(&self, number: u64) -> Option<Arc<BlockUndo>> {
        let cached = self.inner.lock();
        cached.announced.as_ref().filter(|undo| undo.index.number == number).map(Arc::clone)
    }

    pub(crate) fn index(&self, number: u64) -> Option<Arc<UndoIndex>> {
        self.inner.lock().indexes.get(&number)
    }

    pub(crate) fn part(&self, number: u64, piece: u32) -> Option<Arc<UndoPart>> {
        self.inner.lock().parts.get(&(number, piece))
    }

    /// Holds the record of a block that is about to be written.
    pub(crate) fn announce(&self, undo: Arc<BlockUndo>) {
        self.inner.lock().announced = Some(undo);
    }

    /// Ends the announcement; `is_written` says whether the block is in the database now.
    pub(crate) fn settle(&self, is_written: bool) {
        let mut cached = self.inner.lock();
        if let Some(undo) = cached.announced.take().filter(|_| is_written) {
            cached.indexes.insert(undo.index.number, Arc::clone(&undo.index));
            for part in &undo.parts {
                cached.parts.insert((part.number, part.piece), Arc::clone(part));
            }
        }
    }

    pub(crate) fn insert_index(&self, index: Arc<UndoIndex>) {
        self.inner.lock().indexes.insert(index.number, index);
    }

    pub(crate) fn insert_part(&self, part: Arc<UndoPart>) {
        self.inner.lock().parts.insert((part.number, part.piece), part);
    }

    /// Forgets the record of a block that was rewound.
    pub(crate) fn remove(&self, index: &UndoIndex) {
        let mut cached = self.inner.lock();
        cached.indexes.remove(&index.number);
        for piece in (1..).take(index.parts) {
            cached.parts.remove(&(index.number, piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::StateKey;
    use alloy_primitives::Address;

    #[test]
    fn the_cache_is_bounded_and_counts_right() {
        let cache = UndoCache::new(4000);
        for number in 0..50 {
            let keys = [StateKey::account(Address::ZERO)];
            let value = [1; 100];
            let undo = BlockUndo::encode(number, keys.iter().map(|key| (key, Some(&value[..]))));
            cache.announce(Arc::new(undo));
            assert!(cache.announced(number).is_some());
            assert!(cache.announced(number + 1).is_none());
            cache.settle(true);
            assert!(cache.announced(number).is_none());
            assert!(cache.index(number).is_some() && cache.part(number, 1).is_some());
        }
        assert!(cache.index(0).is_none());
        let last = cache.index(49).unwrap();
        cache.remove(&last);
        assert!(cache.index(49).is_none() && cache.part(49, 1).is_none());
        let inner = cache.inner.lock();
        assert!(inner.parts.bytes <= 2000 && inner.indexes.bytes <= 2000);
        let sum: usize = inner.parts.entries.iter().map(|(_, it)| 200 + it.blob().len()).sum();
        assert_eq!(sum, inner.parts.bytes);
    }
}
