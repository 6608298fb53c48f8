//! Logs of blocks that were taken back: who was given them must learn that they are void.
//!
//! In: the blocks that are about to go, while the store still has them. Out: their logs, marked as
//! removed, for subscriptions (at once) and for polled filters (for a while, by block). At most
//! [`LOGS_MAX`] are kept; what is beyond them is said to be missing, not left out silently.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{B256, Bloom};
use alloy_rpc_types_eth::Log;
use gainsay_store::{Store, StoreError};
use parking_lot::Mutex;

/// Logs kept, over all rewinds that are remembered.
const LOGS_MAX: usize = 50_000;
/// Blocks kept, likewise.
const BLOCKS_MAX: usize = 8_192;

/// A block that was taken back.
#[derive(Clone, Debug)]
pub struct RemovedBlock {
    /// Its hash.
    pub hash: B256,
    /// Its bloom.
    pub logs_bloom: Bloom,
    /// Its logs, the last one first, marked as removed.
    pub logs: Vec<Log>,
}

/// What one rewind took back.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// Blocks that had logs, the newest first.
    pub blocks: Vec<Arc<RemovedBlock>>,
    /// Whether further blocks with logs went, which are not listed.
    pub is_cut: bool,
}

/// The logs of blocks that were taken back last.
#[derive(Debug)]
pub struct RemovedLogs {
    /// What goes with the rewind at hand.
    at_hand: Mutex<Arc<Removed>>,
    kept: Mutex<Kept>,
    /// Logs kept, over all rewinds.
    logs_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each block with the number of the rewind that took it back, the newest first.
    blocks: VecDeque<(u64, Arc<RemovedBlock>)>,
    /// Rewinds that began.
    begun: u64,
    /// Rewinds that are done.
    done: u64,
    /// The last rewind of which not all is kept; 0 for none.
    last_cut: u64,
}

impl Default for RemovedLogs {
    fn default() -> Self {
        Self::with_logs_max(LOGS_MAX)
    }
}

impl RemovedLogs {
    /// Keeps so many logs.
    #[must_use]
    pub fn with_logs_max(logs_max: usize) -> Self {
        Self { at_hand: Mutex::default(), kept: Mutex::default(), logs_max }
    }

    /// Reads the logs of all blocks above `to`, which are about to go.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keep_above(&self, store: &Store, to: u64) -> Result<(), StoreError> {
        let mut removed = Removed::default();
        let mut count = 0;
        for number in (to.saturating_add(1)..=store.head().number).rev() {
            let Some(block) = read(store, number)? else { continue };
            count += block.logs.len();
            if count > self.logs_max || removed.blocks.len() >= BLOCKS_MAX {
                removed.is_cut = true;
                break;
            }
            removed.blocks.push(Arc::new(block));
        }
        let mut kept = self.kept.lock();
        kept.begun += 1;
        let rewind = kept.begun;
        if removed.is_cut {
            kept.last_cut = rewind;
        }
        for block in removed.blocks.iter().rev() {
            kept.blocks.push_front((rewind, Arc::clone(block)));
        }
        let mut count = 0;
        let mut within = |block: &RemovedBlock| {
            count += block.logs.len();
            count <= self.logs_max
        };
        let blocks = kept.blocks.iter().take(BLOCKS_MAX);
        let within = blocks.take_while(|(_, block)| within(block)).count();
        if let Some((rewind, _)) = kept.blocks.get(within) {
            kept.last_cut = kept.last_cut.max(*rewind);
        }
        kept.blocks.truncate(within);
        *self.at_hand.lock() = Arc::new(removed);
        Ok(())
    }

    /// What the rewind took back that was prepared last and is done now.
    pub fn take_at_hand(&self) -> Arc<Removed> {
        let mut kept = self.kept.lock();
        kept.done = kept.begun;
        std::mem::take(&mut *self.at_hand.lock())
    }

    /// The block with this hash, if it was taken back lately and had logs.
    pub fn block(&self, hash: B256) -> Option<Arc<RemovedBlock>> {
        let kept = self.kept.lock();
        kept.blocks.iter().find(|(_, block)| block.hash == hash).map(|(_, block)| block.clone())
    }

    /// Rewinds so far.
    pub fn rewinds(&self) -> u64 {
        self.kept.lock().done
    }

    /// Whether all blocks with logs are kept that were taken back after so many rewinds.
    pub fn has_all_since(&self, rewinds: u64) -> bool {
        self.kept.lock().last_cut <= rewinds
    }
}

/// The logs of one block; `None` when it has none.
fn read(store: &Store, number: u64) -> Result<Option<RemovedBlock>, StoreError> {
    let Some(stored) = store.header(number)? else { return Ok(None) };
    let logs_bloom = stored.header.logs_bloom;
    if logs_bloom == Bloom::ZERO {
        return Ok(None);
    }
    let body = store.raw_transactions(number)?.zip(store.receipts(number)?);
    let Some((transactions, receipts)) = body else { return Ok(None) };
    let mut logs = Vec::new();
    for (index, (tx, receipt)) in (0_u64..).zip(transactions.iter().zip(&receipts)) {
        for log in receipt.envelope.logs() {
            logs.push(Log {
                inner: log.clone(),
                block_hash: Some(stored.hash),
                block_number: Some(number),
                block_timestamp: Some(stored.header.timestamp),
                transaction_hash: Some(tx.hash),
                transaction_index: Some(index),
                log_index: Some(logs.len() as u64),
                removed: true,
            });
        }
    }
    logs.reverse();
    Ok(Some(RemovedBlock { hash: stored.hash, logs_bloom, logs }))
}
