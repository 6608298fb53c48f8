//! Logs of blocks that were taken back: who was given them must learn that they are void.
//!
//! In: the blocks that are about to go, while the store still has them. Out: their logs, marked as
//! removed, for subscriptions (at once) and for polled filters (for a while, by block). At most
//! `LOGS_MAX` are kept; what is beyond them is said to be missing, not left out silently.

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
#[derive(Debug, Default)]
pub struct RemovedLogs {
    /// What goes with the rewind at hand.
    at_hand: Mutex<Arc<Removed>>,
    /// The newest first.
    kept: Mutex<VecDeque<Arc<RemovedBlock>>>,
}

impl RemovedLogs {
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
            if count > LOGS_MAX || removed.blocks.len() >= BLOCKS_MAX {
                removed.is_cut = true;
                break;
            }
            removed.blocks.push(Arc::new(block));
        }
        let mut kept = self.kept.lock();
        for block in removed.blocks.iter().rev() {
            kept.push_front(Arc::clone(block));
        }
        let mut count = 0;
        let within = |block: &Arc<RemovedBlock>| {
            count += block.logs.len();
            count <= LOGS_MAX
        };
        let within = kept.iter().map(within).take(BLOCKS_MAX).take_while(|within| *within).count();
        kept.truncate(within);
        *self.at_hand.lock() = Arc::new(removed);
        Ok(())
    }

    /// What the rewind took back that was prepared last.
    pub fn take_at_hand(&self) -> Arc<Removed> {
        std::mem::take(&mut *self.at_hand.lock())
    }

    /// The block with this hash, if it was taken back lately and had logs.
    pub fn block(&self, hash: B256) -> Option<Arc<RemovedBlock>> {
        self.kept.lock().iter().find(|block| block.hash == hash).cloned()
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
