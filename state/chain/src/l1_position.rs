//! Where on L1 a data folder stands.
//!
//! In: the store's L1 blocks, deposits and batches. Out: the state of a log reader that goes on
//! after the newest of these L1 blocks. An L1 block is written together with the last records that
//! it holds, so that records above the newest one belong to a step that was cut off: they do not
//! count.

use alloy_primitives::B256;
use gainsay_derivation::DepositIndex;
use gainsay_l1::{
    Checkpoint, ContractEvent, ContractEventKind, DepositAccs, L1BlockRef, ReaderState,
};
use gainsay_store::{L1BlockRecord, L1LogRecord, L1Update, Store};

use crate::{ChainError, l1_index};

/// The position on record; none in a folder that has followed no L1 yet.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub(crate) fn load(store: &Store) -> Result<Option<ReaderState>, ChainError> {
    let checkpoints = store
        .l1_blocks(0, u64::MAX)?
        .iter()
        .map(|block| checkpoint(store, block))
        .collect::<Result<std::collections::VecDeque<_>, _>>()?;
    let (Some(oldest), Some(tip)) = (checkpoints.front(), checkpoints.back()) else {
        return Ok(None);
    };
    let (first, last) = (oldest.deposits_read, tip.deposit_count);
    // `depositAcc[0]` is zero, and `depositAcc[i + 1]` is on record with deposit i.
    let mut deposit_accs = DepositAccs { first, accs: Default::default() };
    if first == 0 {
        deposit_accs.accs.push_back(B256::ZERO);
    }
    let records = store.deposits(DepositIndex(first.saturating_sub(1)), DepositIndex(last))?;
    deposit_accs.accs.extend(records.iter().map(|record| record.acc));
    Ok(Some(ReaderState { checkpoints, deposit_accs }))
}

/// Where the hash chains of the Inbox stood after an L1 block.
fn checkpoint(store: &Store, block: &L1BlockRecord) -> Result<Checkpoint, ChainError> {
    let batch_count = l1_index::batches_up_to(store, block.number)?;
    let (deposits_read, batch_acc) = match batch_count.previous() {
        None => (0, B256::ZERO),
        Some(last) => {
            let missing = || ChainError::incomplete(format!("batch {last}"));
            let record = store.batch(last)?.ok_or_else(missing)?;
            (record.header.deposits_read.get(), record.acc)
        }
    };
    Ok(Checkpoint {
        block: L1BlockRef {
            number: block.number,
            hash: block.hash,
            parent_hash: block.parent_hash,
            timestamp: block.timestamp,
        },
        deposit_count: l1_index::deposits_up_to(store, block.number)?.get(),
        deposits_read,
        batch_count: batch_count.get(),
        batch_acc,
    })
}

/// The update that makes `l1_block` the position, with the events up to there.
pub(crate) fn reached(l1_block: &L1BlockRef, events: Vec<ContractEvent>, oldest: u64) -> L1Update {
    let block = L1BlockRecord {
        number: l1_block.number,
        hash: l1_block.hash,
        parent_hash: l1_block.parent_hash,
        timestamp: l1_block.timestamp,
    };
    let log = |event: ContractEvent| L1LogRecord {
        l1_block: event.l1_block,
        log_index: event.log_index,
        l1_time: event.l1_time,
        log: event.log,
    };
    let is_of_bridge = |event: &ContractEvent| event.event == ContractEventKind::Bridge;
    let (bridge, others): (Vec<_>, Vec<_>) = events.into_iter().partition(is_of_bridge);
    L1Update {
        l1_blocks: vec![block],
        l1_logs: others.into_iter().map(log).collect(),
        bridge_logs: bridge.into_iter().map(log).collect(),
        prune_l1_blocks: Some(oldest),
        ..Default::default()
    }
}

#[cfg(test)]
#[path = "l1_position_tests.rs"]
mod tests;
