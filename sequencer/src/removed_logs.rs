//! Rewinds, and the logs of the blocks that they took back: clients that got these logs must learn
//! that they are void.
//!
//! In: the blocks that are about to be taken back, while the store has them; then a call when they
//! are. Out: their logs, marked as removed, for subscriptions at once and for polled filters with
//! their next poll. At most `LOGS_MAX` are kept; if there are more, the answer says that logs are
//! missing.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::Bloom;
use alloy_rpc_types_eth::Log;
use gainsay_store::{Store, StoreError};
use parking_lot::Mutex;

/// Logs kept, of one rewind and over all that are remembered.
const LOGS_MAX: usize = 50_000;
/// Rewinds that are remembered.
const REWINDS_MAX: usize = 1_024;

/// A block that was taken back.
#[derive(Clone, Debug)]
pub struct RemovedBlock {
    /// Its number.
    pub number: u64,
    /// Its bloom.
    pub logs_bloom: Bloom,
    /// Its logs, the last one first, marked as removed.
    pub logs: Vec<Log>,
}

/// What one rewind took back.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// The new head's number.
    pub to: u64,
    /// Blocks that had logs, the newest first.
    pub blocks: Vec<RemovedBlock>,
    /// Whether further blocks with logs went, which are not listed.
    pub is_cut: bool,
}

impl Removed {
    fn log_count(&self) -> usize {
        self.blocks.iter().map(|block| block.logs.len()).sum()
    }
}

/// The last rewinds.
#[derive(Debug, Default)]
pub struct RemovedLogs {
    /// What the current rewind takes back.
    at_hand: Mutex<Removed>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Rewinds since the start of the node.
    count: u64,
    /// The last ones, the newest at the end.
    rewinds: VecDeque<Arc<Removed>>,
}

impl RemovedLogs {
    /// Reads the logs of all blocks above `to`, which are about to be taken back.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keep_above(&self, store: &Store, to: u64) -> Result<(), StoreError> {
        let mut removed = Removed { to, ..Removed::default() };
        let mut count = 0;
        for number in (to.saturating_add(1)..=store.head().number).rev() {
            let Some(block) = read(store, number)? else { continue };
            count += block.logs.len();
            if count > LOGS_MAX {
                removed.is_cut = true;
                break;
            }
            removed.blocks.push(block);
        }
        *self.at_hand.lock() = removed;
        Ok(())
    }

    /// Remembers the rewind that was prepared last, when the blocks are gone.
    pub fn gone(&self) -> Arc<Removed> {
        let removed = Arc::new(std::mem::take(&mut *self.at_hand.lock()));
        let mut kept = self.kept.lock();
        kept.count += 1;
        kept.rewinds.push_back(Arc::clone(&removed));
        let mut logs: usize = kept.rewinds.iter().map(|it| it.log_count()).sum();
        while kept.rewinds.len() > REWINDS_MAX || logs > LOGS_MAX {
            let Some(oldest) = kept.rewinds.pop_front() else { break };
            logs -= oldest.log_count();
        }
        removed
    }

    /// Number of rewinds so far: from here on a new listener misses none.
    pub fn count(&self) -> u64 {
        self.kept.lock().count
    }

    /// The rewinds after the first `seen` ones, the oldest first; `None` when some are forgotten.
    pub fn since(&self, seen: u64) -> Option<Vec<Arc<Removed>>> {
        let kept = self.kept.lock();
        let missed = usize::try_from(kept.count.saturating_sub(seen)).ok()?;
        let first = kept.rewinds.len().checked_sub(missed)?;
        Some(kept.rewinds.range(first..).cloned().collect())
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
    Ok(Some(RemovedBlock { number, logs_bloom, logs }))
}
