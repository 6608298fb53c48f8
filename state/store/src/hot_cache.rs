//! Values of the latest state in memory, so that a block's reads, its trie update and its undo
//! record fetch each value from RocksDB at most once.
//!
//! In: values read from or written to RocksDB. Out: the same values, much sooner. Absence is kept
//! as well. It never decides what is current: `latest.rs` does, and says when to write here.

use std::hash::BuildHasher;

use alloy_primitives::{Bytes, map::DefaultHashBuilder};
use parking_lot::{Mutex, MutexGuard};
use quick_cache::{Weighter, unsync::Cache};

use crate::tables::StateKey;

const SHARDS: usize = 32;

/// Memory that an entry takes besides its value: key, links, table slot, allocator.
const ENTRY_BYTES: usize = 224;

/// A bounded cache in independently locked shards. A value that is used again stays, a value that
/// is used once goes (S3-FIFO). A read reorders nothing, as it would with an LRU list.
pub(crate) struct HotCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    shard_bytes_max: usize,
}

pub(crate) struct Shard {
    entries: Cache<StateKey, Option<Bytes>, ByBytes, DefaultHashBuilder>,
}

/// Weighs an entry by the memory that it takes.
#[derive(Clone)]
struct ByBytes;

impl Weighter<StateKey, Option<Bytes>> for ByBytes {
    fn weight(&self, _: &StateKey, value: &Option<Bytes>) -> u64 {
        value.as_ref().map_or(0, |value| value.len()).saturating_add(ENTRY_BYTES) as u64
    }
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
        let hasher = DefaultHashBuilder::default();
        let shard = |_| {
            let items = shard_bytes_max / (2 * ENTRY_BYTES);
            let (most, lifecycle) = (shard_bytes_max as u64, Default::default());
            let entries = Cache::with(items, most, ByBytes, hasher.clone(), lifecycle);
            Mutex::new(Shard { entries })
        };
        let shards = (0..SHARDS).map(shard).collect();
        Self { shards, hasher, shard_bytes_max }
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
        let used: u64 = self.shards.iter().map(|it| it.lock().entries.weight()).sum();
        (usize::try_from(used).unwrap_or(usize::MAX), self.shard_bytes_max.saturating_mul(SHARDS))
    }
}

impl Shard {
    pub(crate) fn get(&mut self, key: &StateKey) -> Option<Option<Bytes>> {
        self.entries.get(key).cloned()
    }

    pub(crate) fn insert(&mut self, key: StateKey, value: Option<Bytes>) {
        self.entries.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn it_keeps_what_is_used_within_its_bound() {
        let cache = HotCache::new(SHARDS * 8_000);
        let key = |it: u64| StateKey::account(Address::left_padding_from(&it.to_be_bytes()));
        cache.insert(key(0), Some(Bytes::from_static(b"hot")));
        for it in 1..10_000 {
            cache.insert(key(it), (it % 3 > 0).then(|| vec![1; 100].into()));
            assert_eq!(cache.get(&key(0)), Some(Some(Bytes::from_static(b"hot"))), "after {it}");
        }
        let (used, most) = cache.usage_bytes();
        assert!(used <= most && used > most / 2, "{used} of {most}");
        let kept = (1..10_000).filter(|it| cache.get(&key(*it)).is_some()).count();
        assert!((100..1_000).contains(&kept), "{kept} entries of about 300 bytes in {most} bytes");
    }

    #[test]
    fn a_new_value_always_takes_the_place_of_the_old() {
        let cache = HotCache::new(SHARDS * 4_000);
        let key = StateKey::account(Address::ZERO);
        // Small, absent, and too large for the cache, in every order.
        let values = [Some(Bytes::from_static(b"a")), None, Some(vec![2; 10_000].into())];
        for old in &values {
            for new in &values {
                cache.insert(key, old.clone());
                cache.insert(key, new.clone());
                assert!(cache.get(&key).is_none_or(|found| found == *new));
            }
        }
    }
}
