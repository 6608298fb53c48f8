//! Values of the latest state in memory, so that a block's reads, its trie update and its undo
//! record fetch each value from RocksDB at most once.
//!
//! In: values read from or written to RocksDB. Out: the same values, much sooner. Absence is kept
//! as well. It never decides what is current: `latest.rs` does, and says when to write here.

use std::hash::BuildHasher;

use alloy_primitives::{Bytes, map::DefaultHashBuilder};
use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};

use crate::tables::StateKey;

const SHARDS: usize = 32;

/// Memory that an entry takes beside its value: key, links, table slot, allocator.
const ENTRY_BYTES: usize = 224;

/// A bounded cache, least recently used first out, in independently locked shards.
pub(crate) struct HotCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    shard_bytes_max: usize,
}

pub(crate) struct Shard {
    entries: LruCache<StateKey, Option<Bytes>, DefaultHashBuilder>,
    bytes: usize,
    bytes_max: usize,
}

impl std::fmt::Debug for HotCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (used, most) = self.usage_bytes();
        f.debug_struct("HotCache").field("bytes", &used).field("bytes_max", &most).finish()
    }
}

impl HotCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let shard_bytes_max = bytes_max / SHARDS;
        let shard = || Shard {
            entries: LruCache::unbounded_with_hasher(DefaultHashBuilder::default()),
            bytes: 0,
            bytes_max: shard_bytes_max,
        };
        let shards = (0..SHARDS).map(|_| Mutex::new(shard())).collect();
        Self { shards, hasher: DefaultHashBuilder::default(), shard_bytes_max }
    }

    /// The shard of a key, locked.
    pub(crate) fn shard(&self, key: &StateKey) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key) >> 32;
        self.shards[usize::try_from(hash).unwrap_or(0) % SHARDS].lock()
    }

    pub(crate) fn get(&self, key: &StateKey) -> Option<Option<Bytes>> {
        self.shard(key).get(key)
    }

    pub(crate) fn insert(&self, key: StateKey, value: Option<Bytes>) {
        self.shard(&key).insert(key, value);
    }

    /// Bytes held, and the most that may be held.
    pub(crate) fn usage_bytes(&self) -> (usize, usize) {
        (self.shards.iter().map(|it| it.lock().bytes).sum(), self.shard_bytes_max * SHARDS)
    }
}

impl Shard {
    pub(crate) fn get(&mut self, key: &StateKey) -> Option<Option<Bytes>> {
        self.entries.get(key).cloned()
    }

    pub(crate) fn insert(&mut self, key: StateKey, value: Option<Bytes>) {
        self.bytes += weight(value.as_ref());
        if let Some((_, old)) = self.entries.push(key, value) {
            self.bytes -= weight(old.as_ref());
        }
        while self.bytes > self.bytes_max
            && let Some((_, old)) = self.entries.pop_lru()
        {
            self.bytes -= weight(old.as_ref());
        }
    }
}

fn weight(value: Option<&Bytes>) -> usize {
    ENTRY_BYTES + value.map_or(0, |value| value.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn it_keeps_what_was_used_last_within_its_bound() {
        let cache = HotCache::new(SHARDS * 2000);
        let key = |it: u64| StateKey::account(Address::left_padding_from(&it.to_be_bytes()));
        for it in 0..10_000 {
            cache.insert(key(it), (it % 3 > 0).then(|| vec![1; 100].into()));
            assert!(cache.get(&key(it)).is_some());
            cache.insert(key(0), Some(Bytes::from_static(b"hot")));
        }
        let (used, most) = cache.usage_bytes();
        assert!(used <= most && used > most / 2, "{used} of {most}");
        assert_eq!(cache.get(&key(0)), Some(Some(Bytes::from_static(b"hot"))));
        assert_eq!(cache.get(&key(1)), None);
        for shard in &cache.shards {
            let shard = shard.lock();
            let sum: usize = shard.entries.iter().map(|(_, it)| weight(it.as_ref())).sum();
            assert_eq!(sum, shard.bytes);
        }
    }
}
