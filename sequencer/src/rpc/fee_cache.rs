//! Tips of recent blocks, which several requests ask for and receipts must be read for.
//!
//! In: tips, by block hash, so that a block that is taken back never answers for another one. Out:
//! the same tips, as long as they are among the newest asked for. It reads no receipts itself.

use std::{num::NonZeroUsize, sync::Arc};

use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;

/// Tips of one block: price in wei and gas of each transaction that tips, lowest price first.
pub(super) type Tips = Arc<[(u128, u64)]>;

/// Tips of recent blocks, by block hash.
#[derive(Debug)]
pub(super) struct FeeCache(Mutex<LruCache<B256, Tips>>);

impl FeeCache {
    /// Room for twice `blocks_max` blocks: the head moves on while a history is read.
    pub(super) fn new(blocks_max: u64) -> Self {
        let blocks = usize::try_from(blocks_max).unwrap_or(usize::MAX).saturating_mul(2);
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(blocks).unwrap_or(NonZeroUsize::MIN))))
    }

    pub(super) fn get(&self, hash: B256) -> Option<Tips> {
        self.0.lock().get(&hash).cloned()
    }

    pub(super) fn put(&self, hash: B256, tips: Tips) {
        self.0.lock().put(hash, tips);
    }
}
